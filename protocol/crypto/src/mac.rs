//! Message authentication as cards and secure messaging use it: four bytes, or eight.
//!
//! Padding is always `80 00…` to the block, even when the message is already aligned.

use zeroize::Zeroizing;

use crate::chain::{Way, xor};
use crate::lanes::Sm4;
use crate::single_des::{SingleDes, both_halves, folded};
use crate::symmetric::{Algorithm, BlockKey, BlockKeyError, whole_blocks};
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
            Algorithm::Tdes => Self::Des(folded(key.bytes())),
            Algorithm::Sm4 => Self::Sm4(BlockKey::new(Algorithm::Sm4, *key.bytes())),
        }
    }

    /// MAC1, MAC2 or TAC: CBC-MAC, IV zero, leftmost four bytes.
    #[must_use]
    pub fn mac(&self, message: &[u8]) -> [u8; 4] {
        match self {
            Self::Des(key) => first_four(&SingleDes::new(key).chained(&[0; 8], message)),
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

/// A MAC over blocks that come in several pieces, padded by whoever has the message: how a module
/// makes one for a terminal. The pieces are whole blocks; there is no padding here.
///
/// The last step is that of [`eight_bytes`], or of [`SessionKey::mac`].
pub struct BlockMac(Chain);

/// A chain as far as it has come, with the keys of rounds.
enum Chain {
    Des {
        state: Zeroizing<[u8; 8]>,
        cipher: SingleDes,
        /// The right half of a key, for the last step.
        last: Option<SingleDes>,
    },
    Sm4 {
        state: Zeroizing<[u8; 16]>,
        cipher: Sm4,
    },
}

impl BlockMac {
    /// Begins with a 16-byte key and an IV of one block (8 bytes for 3DES, 16 for SM4).
    ///
    /// # Errors
    /// [`BlockKeyError`] when the IV is not one block.
    pub fn new(key: &BlockKey, iv: &[u8]) -> Result<Self, BlockKeyError> {
        let (left, right) = both_halves(key.bytes());
        match key.algorithm() {
            Algorithm::Tdes => Self::of_des(left, Some(right), iv),
            Algorithm::Sm4 => Self::of_sm4(key, iv),
        }
    }

    /// Begins with a session key and an IV of one block.
    ///
    /// # Errors
    /// [`BlockKeyError`] when the IV is not one block.
    pub fn with_session(key: &SessionKey, iv: &[u8]) -> Result<Self, BlockKeyError> {
        match key {
            SessionKey::Des(key) => Self::of_des(key, None, iv),
            SessionKey::Sm4(key) => Self::of_sm4(key, iv),
        }
    }

    fn of_des(key: &[u8; 8], last: Option<&[u8; 8]>, iv: &[u8]) -> Result<Self, BlockKeyError> {
        Ok(Self(Chain::Des {
            state: one_block(iv)?,
            cipher: SingleDes::new(key),
            last: last.map(SingleDes::new),
        }))
    }

    fn of_sm4(key: &BlockKey, iv: &[u8]) -> Result<Self, BlockKeyError> {
        Ok(Self(Chain::Sm4 {
            state: one_block(iv)?,
            cipher: Sm4::new(key.bytes()),
        }))
    }

    /// Takes whole blocks in.
    ///
    /// # Errors
    /// [`BlockKeyError`] when they are not whole; nothing was taken in.
    pub fn update(&mut self, blocks: &[u8]) -> Result<(), BlockKeyError> {
        match &mut self.0 {
            Chain::Des { state, cipher, .. } => {
                for block in whole_blocks(blocks)? {
                    xor(state, block);
                    cipher.block(Way::Encrypt, state);
                }
            }
            Chain::Sm4 { state, cipher } => {
                for block in whole_blocks(blocks)? {
                    xor(state, block);
                    cipher.block(Way::Encrypt, state);
                }
            }
        }
        Ok(())
    }

    /// The chain as it stands, one block: the IV with which the next piece goes on. A block of 3DES is
    /// eight bytes, and zeros follow.
    #[must_use]
    pub fn chain(&self) -> Zeroizing<[u8; 16]> {
        match &self.0 {
            Chain::Des { state, .. } => {
                let mut out = Zeroizing::new([0; 16]);
                out[..8].copy_from_slice(&state[..]);
                out
            }
            Chain::Sm4 { state, .. } => state.clone(),
        }
    }

    /// The leftmost four bytes of the MAC.
    #[must_use]
    pub fn finish(self) -> [u8; 4] {
        match self.0 {
            Chain::Des {
                mut state,
                cipher,
                last,
            } => {
                if let Some(last) = last {
                    last.block(Way::Decrypt, &mut state);
                    cipher.block(Way::Encrypt, &mut state);
                }
                first_four(&state[..])
            }
            Chain::Sm4 { state, .. } => first_four(&state[..]),
        }
    }
}

impl core::fmt::Debug for BlockMac {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("BlockMac")
    }
}

fn one_block<const N: usize>(iv: &[u8]) -> Result<Zeroizing<[u8; N]>, BlockKeyError> {
    let len = iv.len();
    let iv = iv.try_into().map_err(|_| BlockKeyError { len, block: N })?;
    Ok(Zeroizing::new(iv))
}

fn sm4_cbc_mac(key: &BlockKey, iv: &[u8; 16], message: &[u8]) -> [u8; 16] {
    let (cipher, mut state) = (Sm4::new(key.bytes()), *iv);
    for block in padded::<16>(message) {
        xor(&mut state, &block);
        cipher.block(Way::Encrypt, &mut state);
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

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::padding::pad;

    fn in_pieces(mut mac: BlockMac, block: usize, message: &[u8], cut: usize) -> [u8; 4] {
        let mut padded: Vec<u8> = message.to_vec();
        pad(&mut padded, block);
        let cut = cut % (padded.len() / block + 1) * block;
        mac.update(&padded[..cut]).expect("whole blocks");
        mac.update(&padded[cut..]).expect("whole blocks");
        mac.finish()
    }

    proptest! {
        #[test]
        fn pieces_have_the_mac_of_the_whole(
            key: [u8; 16],
            challenge: [u8; 4],
            message in proptest::collection::vec(any::<u8>(), 0..100),
            cut: usize,
        ) {
            for algorithm in [Algorithm::Tdes, Algorithm::Sm4] {
                let key = BlockKey::new(algorithm, key);
                let mut iv = [0; 16];
                iv[..4].copy_from_slice(&challenge);
                let mac = BlockMac::new(&key, &iv[..algorithm.block_len()]).expect("one block");
                prop_assert_eq!(
                    in_pieces(mac, algorithm.block_len(), &message, cut),
                    secure_messaging(&key, &challenge, &message)
                );
                let session = SessionKey::for_tac(&key);
                let zero = [0; 16];
                let mac = BlockMac::with_session(&session, &zero[..algorithm.block_len()]);
                prop_assert_eq!(
                    in_pieces(mac.expect("one block"), algorithm.block_len(), &message, cut),
                    session.mac(&message)
                );
            }
        }
    }

    #[test]
    fn part_of_a_block_is_refused() {
        let key = BlockKey::new(Algorithm::Sm4, [7; 16]);
        assert!(BlockMac::new(&key, &[0; 8]).is_err());
        let mut mac = BlockMac::new(&key, &[0; 16]).expect("one block");
        assert_eq!(
            mac.update(&[0; 8]),
            Err(BlockKeyError { len: 8, block: 16 })
        );
    }
}
