//! What a purse is made with: the model's own plain picture of a personalised card.

use std::collections::BTreeMap;

use crate::cipher::Algorithm;

/// A file, in the simplest form that can answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum File {
    /// Bytes.
    Transparent(Vec<u8>),
    /// Records by number, each of its own length.
    Linear {
        /// The records, number 1 first.
        records: Vec<Vec<u8>>,
        /// The longest that a record may be.
        record_max: usize,
        /// How many there may be.
        count_max: usize,
    },
    /// Records of one length, newest first, the oldest making way.
    Cyclic {
        /// The records, newest first.
        records: Vec<Vec<u8>>,
        /// Length of each.
        record_len: usize,
        /// How many are kept.
        count_max: usize,
    },
}

/// The keys of one card, each 16 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// DPK by key index.
    pub purchase: BTreeMap<u8, Vec<u8>>,
    /// DLK by key index.
    pub load: BTreeMap<u8, Vec<u8>>,
    /// DULK by key index.
    pub unload: BTreeMap<u8, Vec<u8>>,
    /// DTK.
    pub tac: Vec<u8>,
    /// DAMK.
    pub maintenance: Vec<u8>,
    /// The key of terminals that update composite records without a purchase.
    pub quick: Vec<u8>,
    /// DRPK.
    pub pin_reload: Vec<u8>,
    /// DPUK.
    pub pin_unblock: Vec<u8>,
    /// DACK by key index.
    pub external: BTreeMap<u8, Vec<u8>>,
    /// IACK by key index.
    pub internal: BTreeMap<u8, Vec<u8>>,
}

/// What does not change in the life of the card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Full instance AID.
    pub aid: Vec<u8>,
    /// Which set of keys and algorithms answers.
    pub algorithm: Algorithm,
    /// The algorithm byte in the answer to an initialisation.
    pub algorithm_id: u8,
    /// The key version byte there.
    pub key_version: u8,
    /// The set.
    pub keys: Keys,
    /// The PIN at first.
    pub pin: Vec<u8>,
    /// Tries of the PIN.
    pub pin_tries: u8,
    /// Whether a load asks for the PIN.
    pub pin_for_load: bool,
    /// The highest balance in fen.
    pub balance_max: i64,
    /// How far below zero the balance may go, in fen.
    pub overdraft: i64,
    /// The key index that stands for the second ticket instead of the money.
    pub ticket_index: Option<u8>,
    /// The second ticket's first count and its maximum, if the card has one.
    pub ticket: Option<(i64, i64)>,
    /// The files at first, by SFI.
    pub files: BTreeMap<u8, File>,
}

/// A key made of one byte, so that every key of a test card differs.
fn key(first: u8) -> Vec<u8> {
    (first..first.wrapping_add(16)).collect()
}

/// The files of a fresh card: 0x15 to 0x1A and 0x1E.
#[must_use]
pub fn files() -> BTreeMap<u8, File> {
    let mut basic = vec![0x01, 0x01, 0x10, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0x02, 0x01];
    basic.extend([0x03, 0x10, 0x48, 0x99, 0x99, 0x99, 0x00, 0x00, 0x00, 0x17]);
    basic.extend([0x20, 0x20, 0x01, 0x01, 0x20, 0x40, 0x12, 0x31, 0x00, 0x00]);
    let mut management = vec![
        0x00, 0x00, 0x01, 0x56, 0x10, 0x00, 0x10, 0x00, 0x00, 0x01, 0x01,
    ];
    management.resize(60, 0x20);
    let composite = |low: u8| {
        let mut record = vec![0x27, low, 0x7D, 0x01];
        record.resize(128, 0);
        record
    };
    let mut local = vec![0x01, 0x2E];
    local.resize(48, 0);
    BTreeMap::from([
        (0x15, File::Transparent(basic)),
        (
            0x16,
            File::Transparent([vec![0; 2], vec![0x20; 53]].concat()),
        ),
        (0x17, File::Transparent(management)),
        (
            0x18,
            File::Cyclic {
                records: Vec::new(),
                record_len: 23,
                count_max: 10,
            },
        ),
        (
            0x19,
            File::Linear {
                records: vec![local],
                record_max: 48,
                count_max: 4,
            },
        ),
        (
            0x1A,
            File::Linear {
                records: vec![composite(1), composite(2), composite(3)],
                record_max: 128,
                count_max: 4,
            },
        ),
        (
            0x1E,
            File::Cyclic {
                records: Vec::new(),
                record_len: 48,
                count_max: 30,
            },
        ),
    ])
}

impl Profile {
    /// A test card of one algorithm set, with the keys of test card profile P1.
    #[must_use]
    pub fn test(algorithm: Algorithm) -> Self {
        Self {
            aid: vec![0xA0, 0, 0, 0x06, 0x32, 0x01, 0x01, 0x05],
            algorithm,
            algorithm_id: match algorithm {
                Algorithm::Tdes => 0,
                Algorithm::Sm4 => 4,
            },
            key_version: 1,
            keys: Keys {
                purchase: BTreeMap::from([(1, key(0x10)), (2, key(0x18))]),
                load: BTreeMap::from([(1, key(0x20))]),
                unload: BTreeMap::from([(1, key(0x40))]),
                tac: key(0x30),
                maintenance: key(0xD0),
                quick: key(0xB0),
                pin_reload: key(0x50),
                pin_unblock: key(0x60),
                external: BTreeMap::from([(1, key(0x70))]),
                internal: BTreeMap::from([(1, key(0x80))]),
            },
            pin: vec![0x12, 0x34, 0x56],
            pin_tries: 3,
            pin_for_load: false,
            balance_max: 100_000,
            overdraft: 0,
            ticket_index: None,
            ticket: None,
            files: files(),
        }
    }

    /// The same with a second ticket under another key index, whose keys are those of index 1.
    #[must_use]
    pub fn with_ticket(mut self, index: u8, ticket: Option<(i64, i64)>) -> Self {
        let keys = &mut self.keys;
        for keys in [&mut keys.purchase, &mut keys.load, &mut keys.unload] {
            let first = keys[&1].clone();
            keys.insert(index, first);
        }
        self.ticket_index = Some(index);
        self.ticket = ticket;
        self
    }
}
