//! Personalisation (个人化): a profile as data groups (DGI) for STORE DATA, and back.
//!
//! Seen in public personalisation data: `B001`, `B002`, `B003` (files 0x15 to 0x17), `B0A0` and
//! `B1A0` (15 keys of either set), `B0A5` and `B1A5` (one further key each), `A001` (file
//! table). UNSPECIFIED: the rest of what a card must be told; its groups are ours, `BE` and the
//! SFI for first records, `BF01` to `BF05` for rules, and [`single`] for keys that come one by one.
//! Not here: the secure channel that carries the groups, and how they are cut into blocks.

use alloc::vec::Vec;

use tongtu_crypto::Algorithm;
use zeroize::Zeroizing;

use crate::command::{Pin, Sfi};
use crate::fci::{DISPLAY_NAME, FciForm, LABEL, Node, PRIORITY, VERSION};
use crate::keys::{KeyGroupError, KeySet};
use crate::profile::{FileKind, FileSpec, KeyIndex, Profile, Settings};

pub mod single;

/// File 0x15.
pub const PUBLIC: u16 = 0xB001;
/// File 0x16.
pub const HOLDER: u16 = 0xB002;
/// File 0x17.
pub const TRANSIT: u16 = 0xB003;
/// The 15 keys of the 3DES set.
pub const KEYS_TDES: u16 = 0xB0A0;
/// The 15 keys of the SM4 set.
pub const KEYS_SM4: u16 = 0xB1A0;
/// One further key of the 3DES set.
pub const QUICK_TDES: u16 = 0xB0A5;
/// One further key of the SM4 set.
pub const QUICK_SM4: u16 = 0xB1A5;
/// The file table.
pub const FILE_TABLE: u16 = 0xA001;
/// First records of a file: this and its SFI. Each record is its length and its bytes.
pub const RECORDS: u16 = 0xBE00;
/// The rules ([`Settings`]).
pub const SETTINGS: u16 = 0xBF01;
/// The PIN.
pub const PIN: u16 = 0xBF02;
/// What the key indexes stand for.
pub const INDEXES: u16 = 0xBF03;
/// The second ticket: count and maximum, 4 bytes each.
pub const TICKET: u16 = 0xBF04;
/// What stands in the FCI: a byte of padding, then the objects before `9F0C`.
pub const FCI_FORM: u16 = 0xBF05;

/// A data group.
#[derive(Clone, PartialEq, Eq)]
pub struct Group {
    /// Its identifier (DGI).
    pub id: u16,
    /// Its value; may hold keys.
    pub value: Zeroizing<Vec<u8>>,
}

impl core::fmt::Debug for Group {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Group({:04X}, {} bytes)", self.id, self.value.len())
    }
}

impl Group {
    /// Whether the value is secret, so that it travels enciphered.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        matches!(self.id, KEYS_TDES | KEYS_SM4 | QUICK_TDES | QUICK_SM4 | PIN)
            || single::is_bare(self.id)
    }
}

/// Why a group is not what a purse can be personalised with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GroupError {
    /// A group that the purse does not have.
    #[error("data group {id:04X} is none of the e-purse's")]
    Unknown {
        /// Its identifier.
        id: u16,
    },
    /// A value of another length or form.
    #[error("data group {id:04X}: {found} bytes, expected {expected}")]
    Form {
        /// Its identifier.
        id: u16,
        /// Bytes there.
        found: usize,
        /// What was expected, in words.
        expected: &'static str,
    },
    /// Keys that do not hold.
    #[error("data group {id:04X}: {cause}")]
    Keys {
        /// Its identifier.
        id: u16,
        /// What does not.
        cause: KeyGroupError,
    },
}

/// What one data group says, read and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Contents of a transparent file.
    File(Sfi, Vec<u8>),
    /// The 15 keys of a set.
    Keys(KeySet),
    /// The further key of a set, alone in it.
    Quick(KeySet),
    /// The file table.
    Files(Vec<FileSpec>),
    /// First records of a file.
    Records(Sfi, Vec<Vec<u8>>),
    /// The rules.
    Settings(Settings),
    /// The PIN.
    Pin(Pin),
    /// The key indexes.
    Indexes(Vec<KeyIndex>),
    /// The second ticket: count and maximum.
    Ticket(u32, u32),
    /// What stands in the FCI.
    Fci(FciForm),
}

/// The records of a list in which each stands behind its length; none when one is cut or empty.
#[must_use]
pub fn split_records(mut bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut records = Vec::new();
    while let [len, rest @ ..] = bytes {
        let (record, after) = rest.split_at_checked(usize::from(*len))?;
        if record.is_empty() {
            return None;
        }
        records.push(record.to_vec());
        bytes = after;
    }
    Some(records)
}

impl FciForm {
    /// The form as a data group carries it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = [self.padding].to_vec();
        let mut put = |tag, value: &[u8]| Node::Object(tag, value.to_vec()).write(&mut out);
        if let Some((label, priority)) = &self.label {
            put(LABEL, label);
            put(PRIORITY, &[*priority]);
        }
        put(VERSION, &self.version);
        if let Some(name) = &self.display_name {
            put(DISPLAY_NAME, name);
        }
        out
    }

    /// Reads what [`FciForm::encode`] wrote.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (padding, objects) = bytes.split_first()?;
        let mut form = Self {
            label: None,
            version: Vec::new(),
            display_name: None,
            padding: *padding,
        };
        let mut label = Vec::new();
        for node in Node::read_all(objects).ok()? {
            match node {
                Node::Object(LABEL, value) => label = value,
                Node::Object(PRIORITY, value) => {
                    form.label = Some((core::mem::take(&mut label), *value.first()?));
                }
                Node::Object(VERSION, value) => form.version = value,
                Node::Object(DISPLAY_NAME, value) => form.display_name = Some(value),
                _ => return None,
            }
        }
        Some(form)
    }
}

impl Content {
    /// Reads one group.
    ///
    /// # Errors
    /// [`GroupError`] naming the group and what does not hold.
    pub fn read(id: u16, value: &[u8]) -> Result<Self, GroupError> {
        let form = |expected| GroupError::Form {
            id,
            found: value.len(),
            expected,
        };
        let keys = |cause| GroupError::Keys { id, cause };
        let [high, low] = id.to_be_bytes();
        match id {
            PUBLIC | HOLDER | TRANSIT => {
                let (sfi, len, expected) = match id {
                    PUBLIC => (Sfi::PUBLIC, 30, "30"),
                    HOLDER => (Sfi::HOLDER, 55, "55"),
                    _ => (Sfi::TRANSIT, 60, "60"),
                };
                if value.len() == len {
                    Ok(Self::File(sfi, value.to_vec()))
                } else {
                    Err(form(expected))
                }
            }
            KEYS_TDES => KeySet::decode(Algorithm::Tdes, value)
                .map(Self::Keys)
                .map_err(keys),
            KEYS_SM4 => KeySet::decode(Algorithm::Sm4, value)
                .map(Self::Keys)
                .map_err(keys),
            QUICK_TDES | QUICK_SM4 => {
                let mut set = KeySet::new(match id {
                    QUICK_TDES => Algorithm::Tdes,
                    _ => Algorithm::Sm4,
                });
                set.decode_quick(value).map_err(keys)?;
                Ok(Self::Quick(set))
            }
            FILE_TABLE => {
                let expected = "entries of 7 bytes, of known kinds, no SFI twice";
                let (entries, rest) = value.as_chunks();
                let files: Option<Vec<_>> = entries.iter().map(FileSpec::decode).collect();
                let files = files
                    .filter(|_| rest.is_empty())
                    .ok_or_else(|| form(expected))?;
                let mut sfis: Vec<_> = files.iter().map(|file| file.sfi).collect();
                sfis.sort_unstable();
                if sfis.windows(2).any(|pair| pair.first() == pair.last()) {
                    return Err(form(expected));
                }
                Ok(Self::Files(files))
            }
            SETTINGS => Settings::decode(value)
                .map(Self::Settings)
                .map_err(|_| form("17")),
            PIN => Pin::new(value).map(Self::Pin).map_err(|_| form("2 to 6")),
            INDEXES => {
                let (rows, rest) = value.as_chunks();
                let rows: Option<Vec<_>> = rows.iter().map(KeyIndex::decode).collect();
                rows.filter(|_| rest.is_empty())
                    .map(Self::Indexes)
                    .ok_or_else(|| form("rows of 5 bytes"))
            }
            TICKET => match *value {
                [a, b, c, d, e, f, g, h] => Ok(Self::Ticket(
                    u32::from_be_bytes([a, b, c, d]),
                    u32::from_be_bytes([e, f, g, h]),
                )),
                _ => Err(form("8")),
            },
            FCI_FORM => FciForm::decode(value)
                .map(Self::Fci)
                .ok_or_else(|| form("padding and objects")),
            _ if high == 0xBE && (1..=30).contains(&low) => split_records(value)
                .map(|records| Self::Records(Sfi::new(low), records))
                .ok_or_else(|| form("records, each behind its length")),
            _ => Err(GroupError::Unknown { id }),
        }
    }
}

impl Profile {
    /// The groups that make a card of this profile, in an order that a card accepts.
    ///
    /// # Panics
    /// When a record of the contents is longer than 255 bytes.
    #[must_use]
    pub fn groups(&self) -> Vec<Group> {
        let mut groups = Vec::new();
        let mut put = |id, value: &[u8]| {
            groups.push(Group {
                id,
                value: Zeroizing::new(value.to_vec()),
            });
        };
        let wide = "every field is as wide as its value";
        let table: Vec<u8> = self.files.iter().flat_map(FileSpec::encode).collect();
        put(FILE_TABLE, &table);
        put(PUBLIC, &self.public.encode().expect(wide));
        put(HOLDER, &self.holder.encode().expect(wide));
        put(TRANSIT, &self.transit.encode().expect(wide));
        for set in &self.key_sets {
            let (keys, quick) = match set.algorithm() {
                Algorithm::Tdes => (KEYS_TDES, QUICK_TDES),
                Algorithm::Sm4 => (KEYS_SM4, QUICK_SM4),
            };
            put(keys, &set.encode());
            if let Some(key) = set.encode_quick() {
                put(quick, &key);
            }
        }
        for (sfi, records) in &self.contents {
            let mut list = Vec::new();
            for record in records {
                list.push(u8::try_from(record.len()).expect("a record of at most 255 bytes"));
                list.extend(record);
            }
            put(RECORDS | u16::from(sfi.get()), &list);
        }
        put(SETTINGS, &self.settings.encode().expect(wide));
        if let Some(pin) = &self.pin {
            put(PIN, pin.bytes());
        }
        let indexes: Vec<u8> = self.indexes.iter().flat_map(KeyIndex::encode).collect();
        put(INDEXES, &indexes);
        if let Some((count, max)) = self.ticket {
            put(TICKET, &[count.to_be_bytes(), max.to_be_bytes()].concat());
        }
        put(FCI_FORM, &self.fci.encode());
        groups
    }
}

/// Whether records fit a file: each at most the longest, all of a cyclic file's the same, no
/// more than there is room for.
#[must_use]
pub fn fits(file: &FileSpec, records: &[Vec<u8>]) -> bool {
    let max = usize::from(file.record_max);
    records.len() <= usize::from(file.record_count())
        && records.iter().all(|record| match file.kind {
            FileKind::Transparent => false,
            FileKind::Linear => record.len() <= max,
            FileKind::Cyclic => record.len() == max,
        })
}
