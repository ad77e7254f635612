//! A key-injection file: the TMK of a terminal, enciphered for the device that injects it.
//!
//! UNSPECIFIED: makers of terminals have such files of their own; this form is ours. A file is one
//! record for each terminal, one behind the other.

use alloc::string::String;
use alloc::vec::Vec;

use tongtu_codec::{Ascii, Be, EncodeError, Raw, record};
use tongtu_crypto::{Algorithm, BlockKey, sm3};
use zeroize::Zeroizing;

use crate::error::KeyError;
use crate::field::KeyPart;

const MAGIC: [u8; 4] = *b"TTPK";
const VERSION: u8 = 1;
/// What the digest is over.
const BEFORE: usize = 39;

record! {
    /// The TMK of one terminal on its way there.
    pub struct Injection: 47 {
        [0..4] magic: [u8; 4] as Raw, Ours, "magic, TTPK", "记录标志";
        [4..5] version: u8 as Be, Ours, "version of the table, 01", "版本";
        [5..6] mark: u8 as Be, Ours, "01 for tests, 02 for real use", "测试或生产";
        [6..14] terminal: String as Ascii, Ours,
            "terminal, field 41 of its messages", "终端标识码";
        [14..15] algorithm: u8 as Be, Ours, "00 3DES, 04 SM4, both keys", "算法标识";
        [15..16] index: u8 as Be, Ours, "place of the TMK in the terminal", "密钥索引";
        [16..19] transport: [u8; 3] as Raw, Ours,
            "check value of the transport key", "传输密钥校验值";
        [19..23] kcv: [u8; 4] as Raw, Ours, "check value of the TMK", "终端主密钥校验值";
        [23..39] key: [u8; 16] as Raw, Ours,
            "the TMK, enciphered block for block under the transport key", "终端主密钥密文";
        [39..47] check: [u8; 8] as Raw, Ours, "first bytes of SM3 over all before", "校验";
    }
}

impl Injection {
    /// A record for a terminal's key that was enciphered elsewhere.
    ///
    /// # Errors
    /// [`EncodeError`] for a terminal's name that is not eight characters.
    pub fn new(
        is_test: bool,
        terminal: &str,
        algorithm: Algorithm,
        transport: [u8; 3],
        kcv: [u8; 4],
        key: [u8; 16],
    ) -> Result<Self, EncodeError> {
        let mut record = Self {
            magic: MAGIC,
            version: VERSION,
            mark: if is_test { 1 } else { 2 },
            terminal: terminal.into(),
            algorithm: match algorithm {
                Algorithm::Tdes => 0,
                Algorithm::Sm4 => 4,
            },
            index: 1,
            transport,
            kcv,
            key,
            check: [0; 8],
        };
        record.check = record.right()?;
        Ok(record)
    }

    /// The records of a file, each as it was written.
    ///
    /// # Errors
    /// [`KeyError`] naming the record.
    pub fn read_all(bytes: &[u8]) -> Result<Vec<Self>, KeyError> {
        if bytes.is_empty() || !bytes.len().is_multiple_of(Self::LEN) {
            return Err(KeyError::File {
                found: bytes.len(),
                expected: Self::LEN,
            });
        }
        let mut out = Vec::new();
        for (number, bytes) in (1..).zip(bytes.chunks(Self::LEN)) {
            let damaged = KeyError::Damaged { number };
            let record =
                Self::decode(bytes).map_err(|source| KeyError::Record { number, source })?;
            let is_known = (record.magic, record.version) == (MAGIC, VERSION)
                && matches!(record.mark, 1 | 2)
                && matches!(record.algorithm, 0 | 4);
            if !is_known || record.right().ok() != Some(record.check) {
                return Err(damaged);
            }
            out.push(record);
        }
        Ok(out)
    }

    /// The algorithm of both keys.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match self.algorithm {
            4 => Algorithm::Sm4,
            _ => Algorithm::Tdes,
        }
    }

    /// The TMK, opened with the transport key and verified: what the injecting device does.
    ///
    /// # Errors
    /// [`KeyError`] for another transport key, or another TMK than announced.
    pub fn open(&self, transport: &BlockKey) -> Result<BlockKey, KeyError> {
        let algorithm = self.algorithm();
        if transport.algorithm() != algorithm
            || !tongtu_crypto::equal(&transport.kcv(), &self.transport)
        {
            return Err(KeyError::Transport);
        }
        let mut key = Zeroizing::new(self.key);
        transport
            .decrypt_blocks(&mut key[..])
            .expect("sixteen bytes are blocks of either kind");
        let key = BlockKey::new(algorithm, *key);
        if tongtu_crypto::equal(&key.long_kcv(), &self.kcv) {
            Ok(key)
        } else {
            Err(KeyError::CheckValue {
                part: KeyPart::Master,
            })
        }
    }

    fn right(&self) -> Result<[u8; 8], EncodeError> {
        let bytes = self.encode()?;
        let digest = sm3::digest(&bytes[..BEFORE]);
        Ok(*digest.first_chunk().expect("a digest is longer"))
    }
}
