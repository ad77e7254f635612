//! Personalisation (个人化): a profile of an e-cash becomes data groups (DGI) for the card.
//!
//! Groups, as this crate writes them and the card reads them:
//!
//! | DGI | content | certainty |
//! |---|---|---|
//! | `SFI << 8 \| record` | a record, template 70 | std (EMV CPS) |
//! | `9103` | content of A5 of the FCI | impl |
//! | `9104` | long dialogue: 82 and 94 | std (EMV CPS) |
//! | `9203` | tap: 82, 94, 57, 5F34, 9F6C, 9F10 without balance | ours |
//! | `0D01` | elements for GET DATA, as objects | impl |
//! | `8000`, `9000` | AC, MAC, ENC keys (3DES), their check values | std (EMV CPS) |
//! | `8001`, `9001` | the same (SM4) | ours |
//! | `8010`, `9010` | PIN block, tries | std (EMV CPS) |
//! | `8204`, `8205` | RSA primes q and p | std (EMV CPS) |
//! | `8040` | SM2 private key | ours |
//! | `A001` | extension files, seven bytes each | impl |
//! | `8020`, `9020` | their opening keys, their check values | impl |
//! | `00SS` | first records of extension file SS, each with a length byte | inferred |
//!
//! Not here: how groups travel (STORE DATA belongs to the card manager).
//! Start with [`Profile`] and [`groups`].

use alloc::vec::Vec;

use tongtu_codec::{Be, EncodeError, record};
use tongtu_crypto::Algorithm;
use tongtu_types::CardNumber;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::oda::{OdaError, SigningKey};
use crate::{Amount, CompositeSupport, Dol, EcashError, TransportData, Values};

mod build;

pub use build::{cdol1, cdol2, groups, groups_by, groups_without_keys, number_bytes};

/// One data group: its identifier and value in clear.
#[derive(Clone, PartialEq, Eq)]
pub struct Group {
    /// The DGI.
    pub id: u16,
    /// The value; groups `8xxx` hold keys.
    pub value: Zeroizing<Vec<u8>>,
}

impl core::fmt::Debug for Group {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Group({:04X}, {} bytes)", self.id, self.value.len())
    }
}

/// The identifiers of the table above.
pub mod dgi {
    /// Content of A5.
    pub const FCI: u16 = 0x9103;
    /// Long dialogue.
    pub const LONG: u16 = 0x9104;
    /// Tap.
    pub const TAP: u16 = 0x9203;
    /// Elements for GET DATA.
    pub const ELEMENTS: u16 = 0x0D01;
    /// 3DES keys AC, MAC, ENC.
    pub const KEYS_TDES: u16 = 0x8000;
    /// SM4 keys AC, MAC, ENC.
    pub const KEYS_SM4: u16 = 0x8001;
    /// Check values of [`KEYS_TDES`].
    pub const CHECKS_TDES: u16 = 0x9000;
    /// Check values of [`KEYS_SM4`].
    pub const CHECKS_SM4: u16 = 0x9001;
    /// PIN block.
    pub const PIN: u16 = 0x8010;
    /// PIN tries: left, limit.
    pub const PIN_TRIES: u16 = 0x9010;
    /// RSA prime q.
    pub const RSA_Q: u16 = 0x8204;
    /// RSA prime p.
    pub const RSA_P: u16 = 0x8205;
    /// SM2 private key.
    pub const SM2_KEY: u16 = 0x8040;
    /// Extension files.
    pub const FILES: u16 = 0xA001;
    /// Opening keys of the extension files.
    pub const FILE_KEYS: u16 = 0x8020;
    /// Check values of [`FILE_KEYS`].
    pub const FILE_CHECKS: u16 = 0x9020;
}

record! {
    /// One extension file (扩展应用文件) of group A001.
    pub struct FileEntry: 7 {
        [0..1] sfi: u8 as Be, Impl, "short file identifier", "短文件标识符";
        [1..2] kind: u8 as Be, Impl, "01 variable records, 02 cyclic", "文件类型";
        [2..3] read: u8 as Be, Impl, "right to read, 00 READ CAPP DATA", "读权限";
        [3..4] write: u8 as Be, Impl, "right to write, 00 UPDATE CAPP DATA CACHE", "写权限";
        [4..5] record_max: u8 as Be, Impl, "longest record", "单条记录最大长度";
        [5..7] size: u16 as Be, Impl, "size of the file (00 00 no limit), or records and their length", "文件大小";
    }
}

/// How an extension file keeps its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// Records with an id and a length in front; `size` bytes in all, 0 without limit.
    Variable {
        /// Bytes of all records together.
        size: u16,
    },
    /// Records of one length, the newest first.
    Cyclic {
        /// Records kept.
        records: u8,
        /// Length of each.
        len: u8,
    },
}

impl FileEntry {
    /// An entry of a kind.
    #[must_use]
    pub const fn new(sfi: u8, kind: FileKind) -> Self {
        let (kind, record_max, size) = match kind {
            FileKind::Variable { size } => (1, 0xFF, size),
            FileKind::Cyclic { records, len } => (2, len, u16::from_be_bytes([records, len])),
        };
        Self {
            sfi,
            kind,
            read: 0,
            write: 0,
            record_max,
            size,
        }
    }

    /// How the file keeps its records; `None` for a kind that is not known.
    #[must_use]
    pub const fn file_kind(&self) -> Option<FileKind> {
        match self.kind {
            1 => Some(FileKind::Variable { size: self.size }),
            2 => {
                let [records, len] = self.size.to_be_bytes();
                Some(FileKind::Cyclic { records, len })
            }
            _ => None,
        }
    }

    /// Reads the entries of group A001.
    ///
    /// # Errors
    /// [`EcashError`] when the bytes are not whole entries or an entry does not hold.
    pub fn parse_all(bytes: &[u8]) -> Result<Vec<Self>, EcashError> {
        let (entries, rest) = bytes.as_chunks::<7>();
        if !rest.is_empty() {
            return Err(EcashError::Length {
                what: "group A001",
                found: bytes.len(),
                expected: "a multiple of 7",
            });
        }
        let mut out: Vec<Self> = Vec::with_capacity(entries.len());
        for entry in entries {
            let entry = Self::decode(entry)?;
            let taken = out.iter().any(|other| other.sfi == entry.sfi);
            if !(0x0D..=30).contains(&entry.sfi) || taken {
                return Err(EcashError::Value {
                    what: "SFI of an extension file",
                    found: entry.sfi,
                    expected: "13 to 30, each once",
                });
            }
            if entry.file_kind().is_none() {
                return Err(EcashError::Value {
                    what: "kind of an extension file",
                    found: entry.kind,
                    expected: "01 or 02",
                });
            }
            out.push(entry);
        }
        Ok(out)
    }
}

/// An extension file with its opening key and its first records.
#[derive(Clone, PartialEq, Eq)]
pub struct ExtensionFile {
    /// Its line in A001.
    pub entry: FileEntry,
    /// Its opening key (扩展应用开通密钥); first records are updated by it too.
    pub key: [u8; 16],
    /// First records.
    pub records: Vec<Vec<u8>>,
}

impl core::fmt::Debug for ExtensionFile {
    /// Without the key.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ExtensionFile")
            .field("entry", &self.entry)
            .field("records", &self.records.len())
            .finish_non_exhaustive()
    }
}

/// The card's symmetric keys. Zeroized on drop.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct CardKeys {
    /// For application cryptograms and the issuer's answer.
    pub cryptogram: [u8; 16],
    /// For script MACs.
    pub mac: [u8; 16],
    /// For enciphered script data.
    pub encipher: [u8; 16],
}

impl core::fmt::Debug for CardKeys {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("CardKeys(…)")
    }
}

/// What one e-cash is to be.
pub struct Profile {
    /// The algorithm set: 3DES with RSA, or SM4 with SM2.
    pub algorithm: Algorithm,
    /// The card number.
    pub number: CardNumber,
    /// Its sequence number.
    pub sequence: u8,
    /// First day, YYMMDD.
    pub effective: [u8; 3],
    /// Last day, YYMMDD.
    pub expiry: [u8; 3],
    /// Instance AID, as the FCI names it.
    pub name: Vec<u8>,
    /// Label in the FCI.
    pub label: Vec<u8>,
    /// Priority in the FCI.
    pub priority: u8,
    /// What a tap is to tell the card.
    pub pdol: Dol,
    /// Currency of the balance.
    pub currency: [u8; 2],
    /// First balance.
    pub balance: Amount,
    /// Balance cap (9F77).
    pub cap: Amount,
    /// Limit of one payment (9F78).
    pub single_limit: Amount,
    /// Reset threshold (9F6D).
    pub reset_threshold: Amount,
    /// CVM limit (9F6B).
    pub cvm_limit: Amount,
    /// Segmented fares (DF61); none when the card has none.
    pub composite: Option<CompositeSupport>,
    /// How much a segmented fare may be above the balance (DF62).
    pub offset_limit: Amount,
    /// Transport data (DF11).
    pub transport: Option<TransportData>,
    /// PIN digits, when the card has a PIN.
    pub pin: Option<Vec<u8>>,
    /// PIN tries.
    pub pin_tries: u8,
    /// Derivation key index in the issuer application data.
    pub key_index: u8,
    /// The card's symmetric keys.
    pub keys: CardKeys,
    /// The card's signing key.
    pub signing_key: SigningKey,
    /// Extension files.
    pub files: Vec<ExtensionFile>,
}

impl core::fmt::Debug for Profile {
    /// Without the PIN and the keys.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Profile")
            .field("algorithm", &self.algorithm)
            .field("number", &self.number)
            .field("sequence", &self.sequence)
            .field("balance", &self.balance)
            .finish_non_exhaustive()
    }
}

/// The institution that personalises: its authority's index, its certificate and its key.
#[derive(Debug)]
pub struct Issuer {
    /// Elements 8F, 90 and for RSA 92, 9F32.
    pub certificate: Values,
    /// The issuer's key.
    pub key: SigningKey,
}

/// Why a profile cannot be personalised.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PersoError {
    /// A number does not fit its field.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A key cannot be certified.
    #[error(transparent)]
    Certificate(#[from] OdaError),
    /// Issuer and card have keys of different algorithms.
    #[error("issuer and card have keys of different algorithms")]
    Algorithm,
    /// The card number has more than 19 digits.
    #[error("a card number of {found} digits, expected at most 19")]
    Number {
        /// Digits there.
        found: usize,
    },
    /// A PIN that is not 4 to 12 digits.
    #[error("a PIN has 4 to 12 digits")]
    Pin,
    /// A record longer than the card's answers.
    #[error("record {id:04X} has {found} bytes, expected at most 253")]
    Record {
        /// Its group.
        id: u16,
        /// Bytes there.
        found: usize,
    },
}

#[cfg(test)]
mod tests;
