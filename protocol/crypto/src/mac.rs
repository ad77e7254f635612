//! Message authentication as cards and secure messaging use it: four bytes, or eight.
//!
//! Padding is always `80 00…` to the block, even when the message is already aligned.

use zeroize::Zeroizing;

use crate::chain::xor;
use crate::symmetric::{Algorithm, BlockKey, des_block};
use crate::tdes::TdesKey;

/// A session key (过程密钥): 8 bytes for DES, 16 for SM4.
///
/// UNSPECIFIED: the SM4 form follows the shape of the DES one (the 8-byte block completed
/// with `80 00…`); no card was at hand to confirm it.
pub enum SessionKey {
    /// Single DES.
    Des(Zeroizing<[u8; 8]>),
    /// SM4.
    Sm4(BlockKey),
}

impl SessionKey {
    /// Derives a session key from a card key and the 8-byte block of random and counters.
    #[must_use]
    pub fn derive(key: &BlockKey, block: &[u8; 8]) -> Self {
        match key.algorithm() {
            Algorithm::Tdes => {
                let mut out = Zeroizing::new(*block);
                key.encrypt_blocks(&mut out[..]).expect("one whole block");
                Self::Des(out)
            }
            Algorithm::Sm4 => {
                let mut out = [0; 16];
                out[..8].copy_from_slice(block);
                out[8] = 0x80;
                key.encrypt_blocks(&mut out).expect("one whole block");
                Self::Sm4(BlockKey::new(Algorithm::Sm4, out))
            }
        }
    }

    /// The key that makes a TAC: halves of the derived key XORed for DES, the key itself for
    /// SM4.
    #[must_use]
    pub fn for_tac(key: &BlockKey) -> Self {
        match key.algorithm() {
            Algorithm::Tdes => {
                let bytes = key.bytes();
                let mut out = Zeroizing::new([0; 8]);
                for (i, slot) in out.iter_mut().enumerate() {
                    *slot = bytes[i] ^ bytes[i + 8];
                }
                Self::Des(out)
            }
            Algorithm::Sm4 => Self::Sm4(BlockKey::new(Algorithm::Sm4, *key.bytes())),
        }
    }

    /// MAC1, MAC2 or TAC: CBC-MAC, IV zero, leftmost four bytes.
    #[must_use]
    pub fn mac(&self, message: &[u8]) -> [u8; 4] {
        match self {
            Self::Des(key) => {
                let mut state = [0; 8];
                for block in padded::<8>(message) {
                    xor(&mut state, &block);
                    des_block(key, &mut state, true);
                }
                first_four(&state)
            }
            Self::Sm4(key) => first_four(&sm4_cbc_mac(key, &[0; 16], message)),
        }
    }
}

impl core::fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Des(_) => "SessionKey(DES)",
            Self::Sm4(_) => "SessionKey(SM4)",
        })
    }
}

/// Secure-messaging MAC (安全报文): the challenge is the IV, leftmost four bytes of
/// [`eight_bytes`].
#[must_use]
pub fn secure_messaging(key: &BlockKey, challenge: &[u8; 4], message: &[u8]) -> [u8; 4] {
    let mut iv = [0; 8];
    iv[..4].copy_from_slice(challenge);
    first_four(&eight_bytes(key, &iv, message))
}

/// The whole MAC of an application cryptogram or an issuer script: eight bytes.
///
/// 3DES: ISO/IEC 9797-1 MAC algorithm 3 (DES chain with the left half, last block deciphered
/// with the right and enciphered with the left). SM4: CBC-MAC, the IV completed with zeros,
/// leftmost eight bytes.
#[must_use]
pub fn eight_bytes(key: &BlockKey, iv: &[u8; 8], message: &[u8]) -> [u8; 8] {
    match key.algorithm() {
        Algorithm::Sm4 => {
            let mut wide = [0; 16];
            wide[..8].copy_from_slice(iv);
            let state = sm4_cbc_mac(key, &wide, message);
            let mut out = [0; 8];
            out.copy_from_slice(&state[..8]);
            out
        }
        Algorithm::Tdes => TdesKey::new(*key.bytes()).retail_mac(iv, message),
    }
}

fn sm4_cbc_mac(key: &BlockKey, iv: &[u8; 16], message: &[u8]) -> [u8; 16] {
    let mut state = *iv;
    for block in padded::<16>(message) {
        xor(&mut state, &block);
        key.encrypt_blocks(&mut state).expect("one whole block");
    }
    state
}

/// The message in blocks, completed with `80 00…`; always at least one byte of padding.
pub(crate) fn padded<const N: usize>(message: &[u8]) -> impl Iterator<Item = [u8; N]> + '_ {
    (0..=message.len() / N).map(move |i| {
        let rest = &message[i * N..];
        let mut block = [0; N];
        if rest.len() >= N {
            block.copy_from_slice(&rest[..N]);
        } else {
            block[..rest.len()].copy_from_slice(rest);
            block[rest.len()] = 0x80;
        }
        block
    })
}

fn first_four(state: &[u8]) -> [u8; 4] {
    [state[0], state[1], state[2], state[3]]
}
