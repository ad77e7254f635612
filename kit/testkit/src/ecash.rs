//! A naive e-cash (电子现金, qPBOC): elements in a map, records in a map, one decision.
//!
//! Here: what the application answers to a whole APDU when it is tapped: options, records, elements,
//! logs. Not here: the certificates inside the records (bytes like any other) and the signature over
//! the dynamic data, which is taken from the card's answer like a random number; other tests verify
//! it. Start at [`Ecash::apdu`].
//!
//! # Where the reference leaves the answer open
//!
//! | question | choice |
//! |---|---|
//! | order of objects in template 77 | 82 94 9F36 57 9F10 9F26 5F34 9F6C 9F5D 9F4B |
//! | AFL and signature when refused or sent online | absent |
//! | balance in 9F5D and in the issuer data | after this payment |
//! | PDOL data of another length | `6700` |
//! | a second GPO without SELECT | `6985` |

use std::collections::BTreeMap;

use crate::cipher::{self, Algorithm};

pub mod profile;
pub mod sequence;

mod pay;

#[cfg(test)]
mod tests;

/// Two bytes of status word.
pub type Sw = u16;

/// Data or a status word that is not `9000`.
pub type Answer = Result<Vec<u8>, Sw>;

/// Values by tag.
pub type Elements = BTreeMap<u16, Vec<u8>>;

/// A data object list: tags and lengths.
pub type Dol = Vec<(u16, usize)>;

/// What does not change in the life of the card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Full instance AID.
    pub aid: Vec<u8>,
    /// Label, `50`.
    pub label: Vec<u8>,
    /// Priority, `87`.
    pub priority: u8,
    /// The PDOL.
    pub pdol: Dol,
    /// What the FCI's BF0C holds.
    pub discretionary: Vec<u8>,
    /// Which set of keys and algorithms answers.
    pub algorithm: Algorithm,
    /// The card's key of application cryptograms.
    pub cryptogram_key: Vec<u8>,
    /// The card's key of message authentication.
    pub mac_key: Vec<u8>,
    /// The card's key of enciphered messages.
    pub cipher_key: Vec<u8>,
    /// Elements at first.
    pub elements: Elements,
    /// Records by SFI and number, with their template 70.
    pub records: BTreeMap<(u8, u8), Vec<u8>>,
    /// The AFL of a tap that pays.
    pub afl: Vec<u8>,
    /// SFI and length of the transaction log.
    pub log: (u8, usize),
    /// What a log record keeps.
    pub log_format: Dol,
    /// Elements that GET DATA tells.
    pub told: Vec<u16>,
}

/// Everything that survives a loss of power.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Balance in fen.
    pub balance: u64,
    /// Application transaction counter.
    pub atc: u16,
    /// Whether the application is blocked.
    pub is_blocked: bool,
    /// The transaction log, newest first.
    pub log: Vec<Vec<u8>>,
    /// Elements as an issuer changed them.
    pub elements: Elements,
}

/// A payment that waits for the last record to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pending {
    balance: u64,
    log: Vec<u8>,
    last: (u8, u8),
}

/// Everything that a loss of power or a selection forgets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Session {
    selected: bool,
    has_options: bool,
    pending: Option<Pending>,
}

/// The model.
#[derive(Clone, Debug)]
pub struct Ecash {
    /// What it was made with.
    pub profile: Profile,
    /// What it remembers.
    pub state: State,
    session: Session,
    seen: Vec<u8>,
}

/// A tag's bytes.
fn tag(tag: u16) -> Vec<u8> {
    match tag.to_be_bytes() {
        [0, low] => vec![low],
        two => two.to_vec(),
    }
}

/// A TLV with a short or one-byte-long length.
#[must_use]
pub fn tlv(number: u16, value: &[u8]) -> Vec<u8> {
    let mut out = tag(number);
    if value.len() > 0x7F {
        out.push(0x81);
    }
    out.push(u8::try_from(value.len()).expect("at most 255 bytes"));
    out.extend_from_slice(value);
    out
}

/// An amount as twelve digits.
#[must_use]
pub fn digits(amount: u64) -> Vec<u8> {
    let text = format!("{amount:012}");
    text.as_bytes()
        .chunks(2)
        .map(|pair| (pair[0] - b'0') << 4 | (pair[1] - b'0'))
        .collect()
}

/// Twelve digits as an amount; none if a nibble is no digit.
#[must_use]
pub fn amount(digits: &[u8]) -> Option<u64> {
    let mut out = 0;
    for byte in digits {
        for nibble in [byte >> 4, byte & 0x0F] {
            if nibble > 9 {
                return None;
            }
            out = out * 10 + u64::from(nibble);
        }
    }
    Some(out)
}

/// Values in the order of a list; what is not there is zeros, what is too long is cut.
#[must_use]
pub fn fill(dol: &Dol, values: &Elements) -> Vec<u8> {
    let mut out = Vec::new();
    for (tag, len) in dol {
        let mut value = values.get(tag).cloned().unwrap_or_default();
        value.resize(*len, 0);
        out.extend(value);
    }
    out
}

impl Ecash {
    /// A fresh e-cash with a balance.
    #[must_use]
    pub fn new(profile: Profile, balance: u64) -> Self {
        let state = State {
            balance,
            atc: 0,
            is_blocked: false,
            log: Vec::new(),
            elements: profile.elements.clone(),
        };
        Self {
            profile,
            state,
            session: Session::default(),
            seen: Vec::new(),
        }
    }

    /// Loss of power.
    pub fn reset(&mut self) {
        self.session = Session::default();
    }

    /// Answers a command; `seen` is what the card answered, for its signature only.
    pub fn apdu(&mut self, command: &[u8], seen: &[u8]) -> Vec<u8> {
        self.seen = seen.to_vec();
        let (mut out, sw) = match self.answer(command) {
            Ok(data) => (data, 0x9000),
            Err(sw) => (Vec::new(), sw),
        };
        out.extend(sw.to_be_bytes());
        out
    }

    fn answer(&mut self, bytes: &[u8]) -> Answer {
        let (header, data, le) = cut(bytes).ok_or(0x6700_u16)?;
        match header {
            [0x00, 0xA4, p1, p2] => self.select(p1, p2, data),
            _ if !self.session.selected => Err(0x6985),
            [0x80, 0xA8, p1, p2] => self.options(p1, p2, data),
            [0x00, 0xB2, p1, p2] => self.read_record(p1, p2, data, le),
            [0x80, 0xCA, p1, p2] => self.get_data(p1, p2, data),
            [0x00 | 0x80 | 0x04 | 0x84, ..] => Err(0x6D00),
            _ => Err(0x6E00),
        }
    }

    fn select(&mut self, p1: u8, p2: u8, data: &[u8]) -> Answer {
        if (p1, p2) != (4, 0) {
            return Err(0x6A86);
        }
        if data.is_empty() || !self.profile.aid.starts_with(data) {
            return Err(0x6A82);
        }
        self.session = Session {
            selected: true,
            ..Session::default()
        };
        if self.state.is_blocked {
            return Err(0x6283);
        }
        Ok(self.fci())
    }

    fn fci(&self) -> Vec<u8> {
        let mut pdol = Vec::new();
        for (number, len) in &self.profile.pdol {
            pdol.extend(tag(*number));
            pdol.push(u8::try_from(*len).expect("a short element"));
        }
        let own = [
            tlv(0x50, &self.profile.label),
            tlv(0x87, &[self.profile.priority]),
            tlv(0x9F38, &pdol),
            tlv(0xBF0C, &self.profile.discretionary),
        ]
        .concat();
        tlv(
            0x6F,
            &[tlv(0x84, &self.profile.aid), tlv(0xA5, &own)].concat(),
        )
    }

    fn get_data(&self, p1: u8, p2: u8, data: &[u8]) -> Answer {
        if !data.is_empty() {
            return Err(0x6700);
        }
        let number = u16::from_be_bytes([p1, p2]);
        let value = self.element(number);
        match value {
            Some(value) if self.profile.told.contains(&number) => Ok(tlv(number, &value)),
            _ => Err(0x6A88),
        }
    }

    /// An element as it is now.
    #[must_use]
    pub fn element(&self, number: u16) -> Option<Vec<u8>> {
        match number {
            0x9F79 => Some(digits(self.state.balance)),
            0x9F36 => Some(self.state.atc.to_be_bytes().to_vec()),
            _ => self.state.elements.get(&number).cloned(),
        }
    }

    /// The session key of a card key and the counter.
    fn session_key(&self, key: &[u8]) -> Vec<u8> {
        let atc = self.state.atc.to_be_bytes();
        let not = (!self.state.atc).to_be_bytes();
        let left = [&[0; 6], &atc[..]].concat();
        let right = [&[0; 6], &not[..]].concat();
        match self.profile.algorithm {
            Algorithm::Tdes => [
                cipher::tdes_encrypt(key, &left),
                cipher::tdes_encrypt(key, &right),
            ]
            .concat(),
            Algorithm::Sm4 => cipher::sm4_encrypt(key, &[left, right].concat()),
        }
    }

    /// Eight bytes of MAC with a 16-byte key.
    fn mac(&self, key: &[u8], data: &[u8]) -> Vec<u8> {
        let mut mac = match self.profile.algorithm {
            Algorithm::Tdes => cipher::retail_mac(key, &[0; 8], data),
            Algorithm::Sm4 => {
                cipher::cbc_mac(|block| cipher::sm4_encrypt(key, block), &[0; 16], data)
            }
        };
        mac.truncate(8);
        mac
    }
}

/// Header, data and Le.
fn cut(bytes: &[u8]) -> Option<([u8; 4], &[u8], Option<u8>)> {
    let (header, rest) = bytes.split_first_chunk::<4>()?;
    match rest {
        [] => Some((*header, &[], None)),
        [le] => Some((*header, &[], Some(*le))),
        [0, ..] => None,
        [lc, rest @ ..] => {
            let (data, tail) = rest.split_at_checked(usize::from(*lc))?;
            match tail {
                [] => Some((*header, data, None)),
                [le] => Some((*header, data, Some(*le))),
                _ => None,
            }
        }
    }
}
