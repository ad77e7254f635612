//! Diversification (分散): one master key, one key for each city, issuer and card.
//!
//! 3DES: DK = 3DES(MK, f) || 3DES(MK, ~f). SM4: DK = SM4(MK, f || ~f). f is 8 bytes.

use zeroize::Zeroizing;

use crate::symmetric::{Algorithm, BlockKey};

/// Derives the key one level down for an 8-byte factor (分散因子).
#[must_use]
pub fn one_level(master: &BlockKey, factor: &[u8; 8]) -> BlockKey {
    let mut out = [0; 16];
    out[..8].copy_from_slice(factor);
    for (slot, byte) in out[8..].iter_mut().zip(factor) {
        *slot = !byte;
    }
    // Two 8-byte blocks for 3DES, one 16-byte block for SM4: the same call serves both.
    master
        .encrypt_blocks(&mut out)
        .expect("sixteen bytes are whole blocks of either kind");
    BlockKey::new(master.algorithm(), out)
}

/// Derives through several levels, the outermost first: issuer, then card.
#[must_use]
pub fn levels(master: &BlockKey, factors: &[[u8; 8]]) -> BlockKey {
    let start = BlockKey::new(master.algorithm(), *master.bytes());
    factors
        .iter()
        .fold(start, |key, factor| one_level(&key, factor))
}

/// The bytes of the key several levels down, for whoever puts it on a card.
#[must_use]
pub fn bytes(master: &BlockKey, factors: &[[u8; 8]]) -> Zeroizing<[u8; KEY_LEN]> {
    Zeroizing::new(*levels(master, factors).bytes())
}

/// Both algorithm sets have 16-byte keys, so that a profile can name either.
pub const KEY_LEN: usize = 16;

const _: () = assert!(KEY_LEN == 2 * Algorithm::Tdes.block_len());
const _: () = assert!(KEY_LEN == Algorithm::Sm4.block_len());
