//! Keys of ciphers with 16-byte blocks, AES and SM4: ECB, CBC, CMAC and the counter KDF.
//!
//! SCP03 and its domestic sister are written over [`WideKey`] alone, so that the two differ
//! in nothing but the cipher.

use alloc::vec::Vec;
use core::fmt;

use aes::cipher::{Block, BlockCipherDecrypt, BlockCipherEncrypt, BlockSizeUser, KeyInit as _};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::chain::{Way, cbc, xor};
use crate::lanes;
use crate::symmetric::{Algorithm, BlockKeyError};

/// From so many blocks on lanes pay: a kernel makes a schedule for every lane.
const LANES_MIN: usize = 64;
/// How many blocks of a stream are made at once: all lanes of any kernel.
const LANES_RUN: usize = 256;

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
        let len = data.len();
        let (chunks, rest) = data.as_chunks_mut::<16>();
        if !rest.is_empty() {
            return Err(BlockKeyError { len, block: 16 });
        }
        let schedule = self.schedule();
        for chunk in chunks {
            schedule.run(way, chunk);
        }
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
        let mut counter = u128::from_be_bytes(*first);
        if let WideCipher::Sm4 = self.cipher
            && data.len() >= 16 * LANES_MIN
        {
            self.apply_ctr_in_lanes(counter, data);
            return;
        }
        let schedule = self.schedule();
        for chunk in data.chunks_mut(16) {
            let mut block = counter.to_be_bytes();
            schedule.run(Way::Encrypt, &mut block);
            for (byte, key) in chunk.iter_mut().zip(block) {
                *byte ^= key;
            }
            counter = counter.wrapping_add(1);
        }
    }

    /// The same for SM4, many blocks of the stream at once.
    fn apply_ctr_in_lanes(&self, mut counter: u128, data: &mut [u8]) {
        let key: [u8; 16] = *self.bytes.first_chunk().expect("of 32 bytes");
        let room = (data.len().div_ceil(16)).min(LANES_RUN);
        let keys = Zeroizing::new(alloc::vec![key; room]);
        let mut blocks = Zeroizing::new(alloc::vec![[0; 16]; room]);
        for run in data.chunks_mut(16 * LANES_RUN) {
            let count = run.len().div_ceil(16);
            let (keys, blocks) = (&keys[..count], &mut blocks[..count]);
            for block in blocks.iter_mut() {
                *block = counter.to_be_bytes();
                counter = counter.wrapping_add(1);
            }
            lanes::encipher_each(Algorithm::Sm4, keys, blocks);
            for (byte, key) in run.iter_mut().zip(blocks.as_flattened()) {
                *byte ^= key;
            }
        }
        lanes::wipe_stack();
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
            WideCipher::Sm4 => Schedule::Sm4(::sm4::Sm4::new_from_slice(bytes).expect(LENGTH)),
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
    Sm4(::sm4::Sm4),
}

impl Schedule {
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
            Self::Sm4(cipher) => one(cipher, way, data),
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
