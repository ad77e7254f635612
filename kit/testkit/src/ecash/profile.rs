//! What an e-cash is made with: the model's own plain picture of a personalised card.

use std::collections::BTreeMap;

use super::{digits, tlv};
use crate::cipher::Algorithm;

/// Values by tag.
pub type Elements = BTreeMap<u16, Vec<u8>>;

/// A data object list: tags and lengths.
pub type Dol = Vec<(u16, usize)>;

/// What does not change in the life of the card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Full instance AID.
    pub aid: Vec<u8>,
    /// What A5 of the FCI holds.
    pub proprietary: Vec<u8>,
    /// What GET PROCESSING OPTIONS is told.
    pub pdol: Dol,
    /// What the first GENERATE AC is told.
    pub cdol1: Dol,
    /// What the second GENERATE AC is told.
    pub cdol2: Dol,
    /// Bytes that INTERNAL AUTHENTICATE is told.
    pub ddol_len: usize,
    /// Which set of keys and algorithms answers.
    pub algorithm: Algorithm,
    /// The card's key of application cryptograms.
    pub cryptogram_key: Vec<u8>,
    /// The card's key of message authentication.
    pub mac_key: Vec<u8>,
    /// The card's key of enciphered script data.
    pub encipher_key: Vec<u8>,
    /// The derivation key index that 9F10 says.
    pub key_index: u8,
    /// Elements at first: those of a tap's answer and those that GET DATA tells.
    pub elements: Elements,
    /// Records by SFI and number, with their template 70.
    pub records: BTreeMap<(u8, u8), Vec<u8>>,
    /// Extension files by SFI.
    pub files: BTreeMap<u8, ExtensionFile>,
    /// What the card says of composite payments, DF61.
    pub support: u8,
    /// The PIN at first, if there is one.
    pub pin: Option<Pin>,
    /// The AFL of a tap that pays.
    pub afl: Vec<u8>,
    /// The AFL of the long dialogue.
    pub long_afl: Vec<u8>,
    /// Whether the card signs its taps.
    pub signs: bool,
    /// What a log record keeps.
    pub log_format: Dol,
    /// What a load log record keeps behind tag and balances.
    pub load_log_format: Dol,
    /// Elements that GET DATA tells.
    pub told: Vec<u16>,
}

/// How an extension file keeps its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// With an id and a length in front; so many bytes in all, 0 without limit.
    Variable {
        /// Bytes of all records.
        size: usize,
        /// Bytes of the longest.
        record_max: usize,
    },
    /// The newest first.
    Cyclic {
        /// How many.
        records: usize,
        /// Bytes of each.
        len: usize,
    },
}

/// An extension file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtensionFile {
    /// How it keeps its records.
    pub kept: Kept,
    /// The key that opens applications in it.
    pub key: Vec<u8>,
    /// Its first records.
    pub first: Vec<Vec<u8>>,
}

/// A PIN and its tries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// `2L`, digits, `F`s.
    pub block: Vec<u8>,
    /// Tries left.
    pub left: u8,
    /// Tries at most.
    pub limit: u8,
}

/// SFI of the transaction log.
pub const LOG: u8 = 0x0B;
/// SFI of the load log.
pub const LOAD_LOG: u8 = 0x0C;
/// Records that a log keeps.
pub const LOG_LEN: usize = 10;

/// The elements that GET DATA tells.
#[must_use]
pub fn told() -> Vec<u16> {
    vec![
        0x9F13, 0x9F17, 0x9F36, 0x9F44, 0x9F4F, 0x9F51, 0x9F52, 0x9F5D, 0x9F63, 0x9F68, 0x9F6B,
        0x9F6D, 0x9F74, 0x9F77, 0x9F78, 0x9F79, 0xDF4F, 0xDF62, 0xDF63,
    ]
}

/// The usual format of a log record, 9F4F.
#[must_use]
pub fn log_format() -> Dol {
    vec![
        (0x9A, 3),
        (0x9F21, 3),
        (0x9F02, 6),
        (0x9F03, 6),
        (0x9F1A, 2),
        (0x5F2A, 2),
        (0x9F4E, 20),
        (0x9C, 1),
        (0x9F36, 2),
    ]
}

impl Profile {
    /// A bare test card of one algorithm set, which signs nothing.
    #[must_use]
    pub fn test(algorithm: Algorithm) -> Self {
        let key = |first: u8| (first..first + 16).collect::<Vec<u8>>();
        let pdol = vec![(0x9F66, 4), (0x9F02, 6), (0x9F37, 4), (0x5F2A, 2)];
        let list: Vec<u8> = pdol
            .iter()
            .flat_map(|(tag, len)| [super::tag(*tag), vec![u8::try_from(*len).expect("short")]])
            .flatten()
            .collect();
        let record = |body: Vec<u8>| tlv(0x70, &body);
        Self {
            aid: vec![0xA0, 0, 0, 0x06, 0x32, 0x01, 0x01, 0x06],
            proprietary: [tlv(0x50, b"MOT_T_CASH"), tlv(0x9F38, &list)].concat(),
            pdol,
            cdol1: vec![(0x9F02, 6), (0x9F37, 4)],
            cdol2: vec![(0x8A, 2), (0x9F02, 6), (0x9F37, 4)],
            ddol_len: 4,
            algorithm,
            cryptogram_key: key(0x90),
            mac_key: key(0xA0),
            encipher_key: key(0xB0),
            key_index: 1,
            elements: Elements::from([
                (0x82, vec![0x7C, 0x00]),
                (0x57, vec![0x62, 0x17, 0x1D, 0x40]),
                (0x5F34, vec![0x00]),
                (0x9F51, vec![0x01, 0x56]),
                (0x9F6B, digits(100_000)),
                (0x9F6C, vec![0x00, 0x00]),
                (0x9F77, digits(100_000)),
                (0x9F78, digits(2_000)),
            ]),
            records: BTreeMap::from([
                ((2, 1), record(tlv(0x57, &[0x62, 0x17]))),
                ((7, 1), record(tlv(0x5F24, &[0x40, 0x12, 0x31]))),
                ((7, 2), record(tlv(0x9F4A, &[0x82]))),
            ]),
            files: BTreeMap::new(),
            support: 0,
            pin: None,
            afl: vec![0x10, 0x01, 0x01, 0x00, 0x38, 0x01, 0x02, 0x01],
            long_afl: vec![0x10, 0x01, 0x01, 0x00],
            signs: false,
            log_format: log_format(),
            load_log_format: vec![(0x9F36, 2)],
            told: told(),
        }
    }
}
