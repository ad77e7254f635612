//! Message authentication as cards and secure messaging use it: four bytes, or eight.
//!
//! Padding is always `80 00…` to the block, even when the message is already aligned.

use zeroize::Zeroizing;

use crate::chain::xor;
use crate::symmetric::{Algorithm, BlockKey, BlockKeyError, des_block};
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

/// A MAC over blocks that come in several pieces, padded by whoever has the message: how a module
/// makes one for a terminal. The pieces are whole blocks; there is no padding here.
///
/// The last step is that of [`eight_bytes`], or of [`SessionKey::mac`].
pub struct BlockMac<'a> {
    key: ChainKey<'a>,
    state: Zeroizing<[u8; 16]>,
}

enum ChainKey<'a> {
    Block(&'a BlockKey),
    Session(&'a SessionKey),
}

impl<'a> BlockMac<'a> {
    /// Begins with a 16-byte key and an IV of one block (8 bytes for 3DES, 16 for SM4).
    ///
    /// # Errors
    /// [`BlockKeyError`] when the IV is not one block.
    pub fn new(key: &'a BlockKey, iv: &[u8]) -> Result<Self, BlockKeyError> {
        Self::begin(ChainKey::Block(key), iv)
    }

    /// Begins with a session key and an IV of one block.
    ///
    /// # Errors
    /// [`BlockKeyError`] when the IV is not one block.
    pub fn with_session(key: &'a SessionKey, iv: &[u8]) -> Result<Self, BlockKeyError> {
        Self::begin(ChainKey::Session(key), iv)
    }

    fn begin(key: ChainKey<'a>, iv: &[u8]) -> Result<Self, BlockKeyError> {
        let mut mac = Self {
            key,
            state: Zeroizing::new([0; 16]),
        };
        let block = mac.block_len();
        if iv.len() != block {
            let len = iv.len();
            return Err(BlockKeyError { len, block });
        }
        mac.state[..block].copy_from_slice(iv);
        Ok(mac)
    }

    /// Takes whole blocks in.
    ///
    /// # Errors
    /// [`BlockKeyError`] when they are not whole; nothing was taken in.
    pub fn update(&mut self, blocks: &[u8]) -> Result<(), BlockKeyError> {
        let block = self.block_len();
        let len = blocks.len();
        if !len.is_multiple_of(block) {
            return Err(BlockKeyError { len, block });
        }
        for chunk in blocks.chunks_exact(block) {
            for (slot, byte) in self.state.iter_mut().zip(chunk) {
                *slot ^= byte;
            }
            self.step();
        }
        Ok(())
    }

    /// The chain as it stands, one block: the IV with which the next piece goes on.
    #[must_use]
    pub fn chain(&self) -> Zeroizing<[u8; 16]> {
        self.state.clone()
    }

    /// The leftmost four bytes of the MAC.
    #[must_use]
    pub fn finish(mut self) -> [u8; 4] {
        if let ChainKey::Block(key) = self.key
            && key.algorithm() == Algorithm::Tdes
        {
            let (left, right) = halves(key);
            let mut state = self.des_state();
            des_block(&right, &mut state, false);
            des_block(&left, &mut state, true);
            self.state[..8].copy_from_slice(&state);
        }
        first_four(&self.state[..])
    }

    fn block_len(&self) -> usize {
        match self.key {
            ChainKey::Block(key) => key.algorithm().block_len(),
            ChainKey::Session(SessionKey::Des(_)) => 8,
            ChainKey::Session(SessionKey::Sm4(_)) => 16,
        }
    }

    fn des_state(&self) -> [u8; 8] {
        let mut state = [0; 8];
        state.copy_from_slice(&self.state[..8]);
        state
    }

    fn step(&mut self) {
        let sm4 = match self.key {
            ChainKey::Block(key) if key.algorithm() == Algorithm::Tdes => {
                let mut state = self.des_state();
                des_block(&halves(key).0, &mut state, true);
                self.state[..8].copy_from_slice(&state);
                return;
            }
            ChainKey::Session(SessionKey::Des(key)) => {
                let mut state = self.des_state();
                des_block(key, &mut state, true);
                self.state[..8].copy_from_slice(&state);
                return;
            }
            ChainKey::Block(key) | ChainKey::Session(SessionKey::Sm4(key)) => key,
        };
        sm4.encrypt_blocks(&mut self.state[..])
            .expect("the state is one whole block");
    }
}

impl core::fmt::Debug for BlockMac<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("BlockMac")
    }
}

fn halves(key: &BlockKey) -> (Zeroizing<[u8; 8]>, Zeroizing<[u8; 8]>) {
    let (mut left, mut right) = (Zeroizing::new([0; 8]), Zeroizing::new([0; 8]));
    left.copy_from_slice(&key.bytes()[..8]);
    right.copy_from_slice(&key.bytes()[8..]);
    (left, right)
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

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::padding::pad;

    fn in_pieces(mut mac: BlockMac<'_>, message: &[u8], cut: usize) -> [u8; 4] {
        let block = mac.block_len();
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
                    in_pieces(mac, &message, cut),
                    secure_messaging(&key, &challenge, &message)
                );
                let session = SessionKey::for_tac(&key);
                let zero = [0; 16];
                let mac = BlockMac::with_session(&session, &zero[..algorithm.block_len()]);
                prop_assert_eq!(
                    in_pieces(mac.expect("one block"), &message, cut),
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
