//! Block keys of the card world: 16 bytes, for 3DES (two-key) or SM4.

use core::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::chain::Way;
use crate::lanes::Sm4;
use crate::single_des::TripleDes;

/// Which of the two algorithm sets a key belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// Two-key triple DES, the older set.
    Tdes,
    /// SM4 (GB/T 32907), the domestic set.
    Sm4,
}

impl Algorithm {
    /// Block length in bytes: 8 or 16.
    #[must_use]
    pub const fn block_len(self) -> usize {
        match self {
            Self::Tdes => 8,
            Self::Sm4 => 16,
        }
    }
}

/// The bytes handed in are not whole blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{len} bytes are not whole blocks of {block} bytes")]
pub struct BlockKeyError {
    /// Bytes handed in.
    pub len: usize,
    /// Block length.
    pub block: usize,
}

/// A 16-byte symmetric key with its algorithm. Zeroized on drop, not `Clone`.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct BlockKey {
    #[zeroize(skip)]
    algorithm: Algorithm,
    bytes: [u8; 16],
}

impl BlockKey {
    /// Takes the key's 16 bytes.
    #[must_use]
    pub const fn new(algorithm: Algorithm, bytes: [u8; 16]) -> Self {
        Self { algorithm, bytes }
    }

    /// The algorithm that the key is for.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(crate) const fn bytes(&self) -> &[u8; 16] {
        &self.bytes
    }

    /// Enciphers whole blocks in place, each for itself (ECB).
    ///
    /// # Errors
    /// [`BlockKeyError`] when `data` is not whole blocks.
    pub fn encrypt_blocks(&self, data: &mut [u8]) -> Result<(), BlockKeyError> {
        self.each_block(Way::Encrypt, data)
    }

    /// Deciphers whole blocks in place, each for itself (ECB).
    ///
    /// # Errors
    /// [`BlockKeyError`] when `data` is not whole blocks.
    pub fn decrypt_blocks(&self, data: &mut [u8]) -> Result<(), BlockKeyError> {
        self.each_block(Way::Decrypt, data)
    }

    /// Key check value (密钥校验值): the first three bytes of a block of zeros enciphered.
    #[must_use]
    pub fn kcv(&self) -> [u8; 3] {
        let [a, b, c, _] = self.long_kcv();
        [a, b, c]
    }

    /// The check value of four bytes by which POS terminals tell their keys.
    #[must_use]
    pub fn long_kcv(&self) -> [u8; 4] {
        let mut block = [0; 16];
        let block = &mut block[..self.algorithm.block_len()];
        self.encrypt_blocks(block).expect("one whole block");
        [block[0], block[1], block[2], block[3]]
    }

    fn each_block(&self, way: Way, data: &mut [u8]) -> Result<(), BlockKeyError> {
        match self.algorithm {
            Algorithm::Tdes => {
                let cipher = TripleDes::new(&self.bytes);
                for block in whole_blocks_mut(data)? {
                    cipher.block(way, block);
                }
            }
            Algorithm::Sm4 => Sm4::new(&self.bytes).run(way, whole_blocks_mut(data)?),
        }
        Ok(())
    }
}

/// The blocks that bytes are.
pub(crate) const fn whole_blocks<const N: usize>(data: &[u8]) -> Result<&[[u8; N]], BlockKeyError> {
    match data.as_chunks() {
        (blocks, []) => Ok(blocks),
        _ => Err(not_whole::<N>(data.len())),
    }
}

/// The blocks that bytes are, in place.
pub(crate) const fn whole_blocks_mut<const N: usize>(
    data: &mut [u8],
) -> Result<&mut [[u8; N]], BlockKeyError> {
    let len = data.len();
    match data.as_chunks_mut() {
        (blocks, []) => Ok(blocks),
        _ => Err(not_whole::<N>(len)),
    }
}

const fn not_whole<const N: usize>(len: usize) -> BlockKeyError {
    BlockKeyError { len, block: N }
}

impl fmt::Debug for BlockKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c] = self.kcv();
        write!(
            f,
            "BlockKey({:?}, kcv {a:02X}{b:02X}{c:02X})",
            self.algorithm
        )
    }
}
