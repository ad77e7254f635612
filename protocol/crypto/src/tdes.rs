//! Two-key triple DES as smart-card secure channels and issuer scripts use it.
//!
//! What is here: ECB, CBC, the retail MAC and the full 3DES-CBC MAC, all with eight-byte
//! results. [`crate::BlockKey`] holds a key that a profile may also give as SM4; this type is
//! for protocols that know 3DES only, such as SCP02.

use core::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::chain::{Way, cbc, xor};
use crate::mac::padded;
use crate::single_des::{SingleDes, TripleDes, both_halves};
use crate::symmetric::{BlockKeyError, whole_blocks_mut};

/// A 16-byte two-key triple DES key. Zeroized on drop, not `Clone`; `Debug` shows its KCV.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct TdesKey([u8; 16]);

impl TdesKey {
    /// Takes the key's 16 bytes; parity bits are not looked at.
    #[must_use]
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The key's bytes, for wrapping and storing. Handle as the key itself.
    #[must_use]
    pub const fn danger_bytes(&self) -> &[u8; 16] {
        &self.0
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
        blocks.iter_mut().for_each(self.block(way));
        Ok(())
    }

    /// Enciphers whole blocks in place, chained (CBC).
    ///
    /// # Errors
    /// [`BlockKeyError`] when `data` is not whole blocks.
    pub fn encrypt_cbc(&self, iv: &[u8; 8], data: &mut [u8]) -> Result<(), BlockKeyError> {
        cbc(Way::Encrypt, iv, data, self.block(Way::Encrypt))
    }

    /// Deciphers whole blocks in place, chained (CBC).
    ///
    /// # Errors
    /// [`BlockKeyError`] when `data` is not whole blocks.
    pub fn decrypt_cbc(&self, iv: &[u8; 8], data: &mut [u8]) -> Result<(), BlockKeyError> {
        cbc(Way::Decrypt, iv, data, self.block(Way::Decrypt))
    }

    fn block(&self, way: Way) -> impl FnMut(&mut [u8; 8]) + use<> {
        let cipher = TripleDes::new(&self.0);
        move |block| cipher.block(way, block)
    }

    /// Single DES with the left half on one block: the encrypted ICV of SCP02.
    #[must_use]
    pub fn encrypt_icv(&self, icv: &[u8; 8]) -> [u8; 8] {
        let mut out = *icv;
        self.halves().0.block(Way::Encrypt, &mut out);
        out
    }

    /// Retail MAC, all eight bytes (ISO/IEC 9797-1 algorithm 3, padding `80 00…`).
    #[must_use]
    pub fn retail_mac(&self, icv: &[u8; 8], message: &[u8]) -> [u8; 8] {
        let (left, right) = self.halves();
        let mut state = left.chained(icv, message);
        right.block(Way::Decrypt, &mut state);
        left.block(Way::Encrypt, &mut state);
        state
    }

    /// Full 3DES-CBC MAC: the last block of the chain over the padded message.
    #[must_use]
    pub fn cbc_mac(&self, icv: &[u8; 8], message: &[u8]) -> [u8; 8] {
        let mut state = *icv;
        let mut encrypt = self.block(Way::Encrypt);
        for block in padded::<8>(message) {
            xor(&mut state, &block);
            encrypt(&mut state);
        }
        state
    }

    /// Key check value: the first three bytes of a block of zeros enciphered.
    #[must_use]
    pub fn kcv(&self) -> [u8; 3] {
        let mut block = [0; 8];
        self.block(Way::Encrypt)(&mut block);
        [block[0], block[1], block[2]]
    }

    fn halves(&self) -> (SingleDes, SingleDes) {
        let (left, right) = both_halves(&self.0);
        (SingleDes::new(left), SingleDes::new(right))
    }
}

impl fmt::Debug for TdesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c] = self.kcv();
        write!(f, "TdesKey(kcv {a:02X}{b:02X}{c:02X})")
    }
}
