//! Keys of ciphers with 16-byte blocks, AES and SM4: ECB, CBC, CMAC and the counter KDF.
//!
//! SCP03 and its domestic sister are written over [`WideKey`] alone, so that the two differ
//! in nothing but the cipher.

use alloc::vec::Vec;
use core::fmt;

use aes::cipher::{Block, BlockCipherDecrypt, BlockCipherEncrypt, BlockSizeUser, KeyInit as _};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::chain::{Way, cbc, xor};
use crate::lanes::{self, UnderOne, Wiped};
use crate::symmetric::{BlockKeyError, whole_blocks_mut};

/// How many blocks of streams are made at once: all lanes of any kernel, some times over.
const LANES_RUN: usize = 512;

/// How many where they do not pay: as many as single calls make side by side.
const FEW: usize = 16;

/// Which cipher a [`WideKey`] is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WideCipher {
    /// AES with a key of 16 bytes.
    Aes128,
    /// AES with a key of 24 bytes.
    Aes192,
    /// AES with a key of 32 bytes.
    Aes256,
    /// SM4 (GB/T 32907), key of 16 bytes.
    Sm4,
}

impl WideCipher {
    /// Bytes of a key.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::Aes128 | Self::Sm4 => 16,
            Self::Aes192 => 24,
            Self::Aes256 => 32,
        }
    }

    /// AES by the length of its key.
    #[must_use]
    pub const fn aes(key_len: usize) -> Option<Self> {
        match key_len {
            16 => Some(Self::Aes128),
            24 => Some(Self::Aes192),
            32 => Some(Self::Aes256),
            _ => None,
        }
    }
}

/// The bytes handed in are not a key of that cipher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key of {cipher:?} has {expected} bytes, found {found}")]
pub struct KeyLengthError {
    /// The cipher.
    pub cipher: WideCipher,
    /// Its key length.
    pub expected: usize,
    /// Bytes handed in.
    pub found: usize,
}

/// A key of AES or SM4. Zeroized on drop, not `Clone`; `Debug` shows its KCV only.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct WideKey {
    #[zeroize(skip)]
    cipher: WideCipher,
    bytes: [u8; 32],
}

impl WideKey {
    /// Takes the key's bytes.
    ///
    /// # Errors
    /// [`KeyLengthError`] when there are more or fewer than the cipher's.
    pub fn new(cipher: WideCipher, bytes: &[u8]) -> Result<Self, KeyLengthError> {
        if bytes.len() != cipher.key_len() {
            return Err(KeyLengthError {
                cipher,
                expected: cipher.key_len(),
                found: bytes.len(),
            });
        }
        let mut key = Self {
            cipher,
            bytes: [0; 32],
        };
        key.bytes[..bytes.len()].copy_from_slice(bytes);
        Ok(key)
    }

    /// The cipher that the key is for.
    #[must_use]
    pub const fn cipher(&self) -> WideCipher {
        self.cipher
    }

    /// The key's bytes, for wrapping and storing. Handle as the key itself.
    #[must_use]
    pub fn danger_bytes(&self) -> &[u8] {
        &self.bytes[..self.cipher.key_len()]
    }

    /// Enciphers whole blocks in place, each for itself (ECB).
    ///
    /// # Errors
    /// [`BlockKeyError`] when `data` is not whole blocks.
    pub fn encrypt_blocks(&self, data: &mut [u8]) -> Result<(), BlockKeyError> {
        self.each(Way::Encrypt, data)
    }

    /// Deciphers whole blocks in place, each for itself (ECB).
    ///
    /// # Errors
    /// [`BlockKeyError`] when `data` is not whole blocks.
    pub fn decrypt_blocks(&self, data: &mut [u8]) -> Result<(), BlockKeyError> {
        self.each(Way::Decrypt, data)
    }

    fn each(&self, way: Way, data: &mut [u8]) -> Result<(), BlockKeyError> {
        let blocks = whole_blocks_mut(data)?;
        self.schedule().run_each(way, blocks);
        Ok(())
    }

    /// Enciphers whole blocks in place, chained (CBC).
    ///
    /// # Errors
    /// [`BlockKeyError`] when `data` is not whole blocks.
    pub fn encrypt_cbc(&self, iv: &[u8; 16], data: &mut [u8]) -> Result<(), BlockKeyError> {
        let schedule = self.schedule();
        cbc(Way::Encrypt, iv, data, |block| {
            schedule.run(Way::Encrypt, block);
        })
    }

    /// Deciphers whole blocks in place, chained (CBC).
    ///
    /// # Errors
    /// [`BlockKeyError`] when `data` is not whole blocks.
    pub fn decrypt_cbc(&self, iv: &[u8; 16], data: &mut [u8]) -> Result<(), BlockKeyError> {
        let schedule = self.schedule();
        cbc(Way::Decrypt, iv, data, |block| {
            schedule.run(Way::Decrypt, block);
        })
    }

    /// Enciphers or deciphers bytes in place with the cipher's stream (CTR): `first` is the first
    /// block of the counter, which rises by one with carry through all 16 bytes.
    ///
    /// One `first` serves one text only: two under the same give away what they differ in.
    pub fn apply_ctr(&self, first: &[u8; 16], data: &mut [u8]) {
        self.apply_ctr_each(&mut [(*first, data)]);
    }

    /// The same for many texts, each with the first block of its own counter; with SM4 their streams are
    /// made side by side.
    pub fn apply_ctr_each(&self, texts: &mut [([u8; 16], &mut [u8])]) {
        let blocks: usize = texts.iter().map(|(_, data)| data.len().div_ceil(16)).sum();
        if let WideCipher::Sm4 = self.cipher
            && let Some(under) = lanes::sm4_under(blocks)
        {
            self.apply_ctr_in_lanes(under, blocks, texts);
            return;
        }
        let schedule = self.schedule();
        for (first, data) in texts {
            let mut counter = u128::from_be_bytes(*first);
            for run in data.chunks_mut(16 * FEW) {
                let mut stream = Wiped::<[u8; 16], FEW>::blank();
                let blocks = &mut stream[..run.len().div_ceil(16)];
                for block in &mut *blocks {
                    *block = counter.to_be_bytes();
                    counter = counter.wrapping_add(1);
                }
                schedule.run_each(Way::Encrypt, blocks);
                add(run, blocks.as_flattened());
            }
        }
    }

    /// With SM4, a run of blocks after the other, whichever texts they are for.
    fn apply_ctr_in_lanes(
        &self,
        under: UnderOne,
        blocks: usize,
        texts: &mut [([u8; 16], &mut [u8])],
    ) {
        let mut run = Zeroizing::new(Vec::with_capacity(blocks.min(LANES_RUN)));
        let mut pieces = Vec::new();
        for (first, data) in texts {
            let mut counter = u128::from_be_bytes(*first);
            let mut rest = &mut **data;
            while !rest.is_empty() {
                let room = 16 * (LANES_RUN - run.len());
                let (piece, after) = rest.split_at_mut(rest.len().min(room));
                for _ in 0..piece.len().div_ceil(16) {
                    run.push(counter.to_be_bytes());
                    counter = counter.wrapping_add(1);
                }
                pieces.push(piece);
                rest = after;
                if run.len() == LANES_RUN {
                    self.add_streams(under, &mut run, &mut pieces);
                }
            }
        }
        self.add_streams(under, &mut run, &mut pieces);
        lanes::wipe_stack();
    }

    /// Makes the streams of counters and adds them to the pieces of texts that they are for; then there
    /// are none of either.
    fn add_streams(&self, under: UnderOne, run: &mut Vec<[u8; 16]>, pieces: &mut Vec<&mut [u8]>) {
        let key = self.bytes.first_chunk().expect("of 32 bytes");
        under(key, run);
        let mut streams = &run[..];
        for piece in pieces.drain(..) {
            let (stream, others) = streams.split_at(piece.len().div_ceil(16));
            add(piece, stream.as_flattened());
            streams = others;
        }
        run.clear();
    }

    /// CMAC (NIST SP 800-38B) of several parts one after the other.
    #[must_use]
    pub fn cmac(&self, parts: &[&[u8]]) -> [u8; 16] {
        cmac(&self.schedule(), parts)
    }

    /// The counter KDF of NIST SP 800-108 as SCP03 uses it: PRF is CMAC with this key, the
    /// block is eleven zeros, the constant, a zero, the length in bits, the counter, the
    /// context. Gives `len` bytes.
    ///
    /// # Panics
    /// Never for a `len` below 4080 bytes; longer is no use of this KDF.
    #[must_use]
    pub fn derive(&self, constant: u8, len: u8, context: &[&[u8]]) -> Zeroizing<Vec<u8>> {
        let schedule = self.schedule();
        let bits = (u16::from(len) * 8).to_be_bytes();
        let mut out = Zeroizing::new(Vec::with_capacity(usize::from(len) + 16));
        let mut counter = 0u8;
        while out.len() < usize::from(len) {
            counter = counter.checked_add(1).expect("at most sixteen rounds");
            let mut label = [0; 16];
            label[11] = constant;
            label[13..15].copy_from_slice(&bits);
            label[15] = counter;
            let mut parts = Vec::with_capacity(context.len() + 1);
            parts.push(&label[..]);
            parts.extend_from_slice(context);
            out.extend_from_slice(&Zeroizing::new(cmac(&schedule, &parts))[..]);
        }
        out.truncate(usize::from(len));
        out
    }

    /// Key check value: three bytes of a block of `01` enciphered for AES (GP 2.3.1 §B.5), of
    /// zeros for SM4.
    ///
    /// UNSPECIFIED: the SM4 value follows the practice of domestic security modules.
    #[must_use]
    pub fn kcv(&self) -> [u8; 3] {
        let mut block = match self.cipher {
            WideCipher::Sm4 => [0; 16],
            _ => [1; 16],
        };
        self.schedule().run(Way::Encrypt, &mut block);
        [block[0], block[1], block[2]]
    }

    fn schedule(&self) -> Schedule {
        let bytes = self.danger_bytes();
        const LENGTH: &str = "the length was checked when the key was made";
        match self.cipher {
            WideCipher::Aes128 => {
                Schedule::Aes128(aes::Aes128::new_from_slice(bytes).expect(LENGTH))
            }
            WideCipher::Aes192 => {
                Schedule::Aes192(aes::Aes192::new_from_slice(bytes).expect(LENGTH))
            }
            WideCipher::Aes256 => {
                Schedule::Aes256(aes::Aes256::new_from_slice(bytes).expect(LENGTH))
            }
            WideCipher::Sm4 => Schedule::Sm4(lanes::Sm4::new(bytes.first_chunk().expect(LENGTH))),
        }
    }
}

impl fmt::Debug for WideKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c] = self.kcv();
        write!(f, "WideKey({:?}, kcv {a:02X}{b:02X}{c:02X})", self.cipher)
    }
}

/// The expanded key.
enum Schedule {
    Aes128(aes::Aes128),
    Aes192(aes::Aes192),
    Aes256(aes::Aes256),
    Sm4(lanes::Sm4),
}

impl Schedule {
    fn run_each(&self, way: Way, blocks: &mut [[u8; 16]]) {
        match self {
            Self::Sm4(cipher) => cipher.run(way, blocks),
            _ => blocks.iter_mut().for_each(|block| self.run(way, block)),
        }
    }

    fn run(&self, way: Way, data: &mut [u8; 16]) {
        fn one<C>(cipher: &C, way: Way, data: &mut [u8; 16])
        where
            C: BlockCipherEncrypt + BlockCipherDecrypt + BlockSizeUser,
            for<'a> &'a mut Block<C>: From<&'a mut [u8; 16]>,
        {
            let block: &mut Block<C> = data.into();
            match way {
                Way::Encrypt => cipher.encrypt_block(block),
                Way::Decrypt => cipher.decrypt_block(block),
            }
        }
        match self {
            Self::Aes128(cipher) => one(cipher, way, data),
            Self::Aes192(cipher) => one(cipher, way, data),
            Self::Aes256(cipher) => one(cipher, way, data),
            Self::Sm4(cipher) => cipher.block(way, data),
        }
    }
}

/// CMAC: the last block is XORed with K1 when whole, padded and XORed with K2 when not.
fn cmac(schedule: &Schedule, parts: &[&[u8]]) -> [u8; 16] {
    let mut subkey = Zeroizing::new([0; 16]);
    schedule.run(Way::Encrypt, &mut subkey);
    double(&mut subkey);
    let mut state = [0; 16];
    let mut block = [0; 16];
    let mut filled = 0;
    for byte in parts.iter().copied().flatten() {
        // Only a byte that follows proves that the block before it was not the last.
        if filled == 16 {
            xor(&mut state, &block);
            schedule.run(Way::Encrypt, &mut state);
            block = [0; 16];
            filled = 0;
        }
        block[filled] = *byte;
        filled += 1;
    }
    if filled < 16 {
        block[filled] = 0x80;
        double(&mut subkey);
    }
    xor(&mut state, &block);
    xor(&mut state, &subkey);
    schedule.run(Way::Encrypt, &mut state);
    state
}

/// Adds a stream to a text that is no longer.
fn add(text: &mut [u8], stream: &[u8]) {
    for (byte, key) in text.iter_mut().zip(stream) {
        *byte ^= key;
    }
}

/// Doubling in GF(2^128), without a branch on the secret.
fn double(block: &mut [u8; 16]) {
    let carry = block[0] >> 7;
    let mut next = 0;
    for byte in block.iter_mut().rev() {
        let out = *byte >> 7;
        *byte = (*byte << 1) | next;
        next = out;
    }
    block[15] ^= carry * 0x87;
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::trial::at_each_level;

    const KEY: [u8; 16] = *b"a key of SM4, of";

    /// Block by block, as no lanes do it.
    fn alone(first: [u8; 16], data: &mut [u8]) {
        let key = WideKey::new(WideCipher::Sm4, &KEY).expect("its length");
        let mut counter = u128::from_be_bytes(first);
        for chunk in data.chunks_mut(16) {
            let mut block = counter.to_be_bytes();
            key.encrypt_blocks(&mut block).expect("one block");
            add(chunk, &block);
            counter = counter.wrapping_add(1);
        }
    }

    /// Texts of these lengths, and counters of which some carry through all their bytes.
    fn agree(lens: impl Iterator<Item = usize>) {
        let key = WideKey::new(WideCipher::Sm4, &KEY).expect("its length");
        let first = |at: usize| match at % 3 {
            0 => [0xFF; 16],
            1 => (u128::from(u64::MAX) - at as u128).to_be_bytes(),
            _ => (at as u128).to_be_bytes(),
        };
        let plain: Vec<_> = lens
            .enumerate()
            .map(|(at, len)| (first(at), vec![at.to_le_bytes()[0]; len]))
            .collect();
        let mut expected = plain.clone();
        for (first, data) in &mut expected {
            alone(*first, data);
        }
        at_each_level(|level| {
            let mut found = plain.clone();
            let mut texts: Vec<_> = found
                .iter_mut()
                .map(|(first, data)| (*first, &mut data[..]))
                .collect();
            key.apply_ctr_each(&mut texts);
            assert_eq!(found, expected, "{level}");
        });
    }

    #[test]
    fn streams_of_many_texts_are_those_of_each_alone() {
        let edges = [0, 1, 15, 16, 17, 31, 32, 33, 360];
        for len in edges {
            for count in [0, 1, 2, 3, 8, 9, 64, 65, 600] {
                agree(core::iter::repeat_n(len, count));
            }
        }
        agree(edges.into_iter().cycle().take(700));
        // Texts that go on where a run of blocks ends, and others that begin there.
        let run = 16 * LANES_RUN;
        for len in [run - 17, run - 16, run - 1, run, run + 1, 3 * run + 5] {
            agree([len].into_iter());
            agree([7, len, 16, len, len, 0, 1].into_iter());
        }
    }

    #[test]
    fn a_stream_is_as_long_as_its_text_whatever_the_length() {
        for len in 0..=330 {
            agree([len].into_iter());
        }
        agree(0..330);
    }

    #[test]
    fn many_texts_under_a_key_of_aes_are_those_of_each_alone() {
        let key = WideKey::new(WideCipher::Aes256, &[7; 32]).expect("its length");
        let mut expected: Vec<_> = (0..90).map(|len| vec![0x5A; len]).collect();
        let mut found = expected.clone();
        for data in &mut expected {
            key.apply_ctr(&[0xFF; 16], data);
        }
        let mut texts: Vec<_> = found
            .iter_mut()
            .map(|data| ([0xFF; 16], &mut data[..]))
            .collect();
        key.apply_ctr_each(&mut texts);
        assert_eq!(found, expected);
    }
}
