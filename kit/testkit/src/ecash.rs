//! A naive e-cash (电子现金, qPBOC): elements in a map, records in a map, one decision.
//!
//! Here: what the application answers to a whole APDU when it is tapped, asked online and loaded:
//! options, records, elements, cryptograms, the issuer's answer and its scripts, logs, proof,
//! composite payments with their extension files, the PIN. Not here: certificates (bytes like any
//! other), the signature over the dynamic data and the random number in it, which are taken from
//! the card's answer and verified by other tests. Start at [`Ecash::apdu`].
//!
//! # Where the reference leaves the answer open
//!
//! | question | choice |
//! |---|---|
//! | order of objects in template 77 | 82 94 9F36 57 9F10 9F26 5F34 9F6C 9F5D 9F4B |
//! | AFL and signature when refused or sent online | absent |
//! | balance in 9F5D and in the issuer data | after this payment |
//! | MAC behind the balance | by the session key of the MAC key over counter, balance, 00 |
//! | amount zero | asks the issuer, like a terminal that wants to go online |
//! | order of refusals | length, phase, blocked, counter, way to pay, amount, then the decision |
//! | PDOL data of another length | `6700` |
//! | a second GPO without SELECT | `6985` |
//! | an Le that is neither 00 nor a record's length | `6CXX`, said before the debit |
//! | a GET DATA for what is no tag | `6A88` |
//! | a transaction that another channel overtook with a newer one | `6985`, and a payment is over |
//! | GENERATE AC asked for a TC | answers an ARQC: this profile pays by tap only |
//! | a script before the issuer's answer, after a wrong one | `6985`, `6982` |
//! | a right MAC on a script that does not hold | the script fails and is not counted |
//! | a composite payment whose record was not read before | `6985`, before the counter is raised |
//! | a second pre-authorisation of a record | `6972` |
//! | the last record before a record to write | `6974`, and the payment goes on |
//! | a completion, a load | what comes back to the balance first pays back the offset |
//! | a wrong MAC on a new record | `6988`, and the payment is over |
//! | APPEND RECORD with a wrong MAC | `6988`, costs a counter value |
//! | the same right APPEND RECORD again, no payment between | taken again by a cyclic file |
//! | the key of a cyclic file | its opening key until a record is appended |
//! | a pre-authorisation | a cryptogram of zeros, no line in the log |
//! | the PIN masks | four bytes of the card's key, and the old PIN with zeros behind |
//! | APPLICATION UNBLOCK | MAC over the present counter and a request of zeros; costs a counter value |

use std::collections::BTreeMap;

use crate::Answer;
use crate::apdu::{Apdu, Channels, Chosen, choose, joined};
use crate::cipher::{self, Algorithm};

pub mod composite;
mod issuer;
mod pay;
pub mod profile;
mod secret;
pub mod sequence;

#[cfg(test)]
mod tests;

use composite::{Held, Place};
use issuer::Dialogue;
use pay::Tap;
use profile::{Dol, Elements, Pin, Profile};

/// What an online transaction left, and what the next cryptogram says of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Remembered {
    /// An ARQC was not followed up.
    pub unfinished: bool,
    /// The issuer's answer was wrong.
    pub failed: bool,
    /// The issuer's answer was left out.
    pub missing: bool,
    /// A script command was wrong.
    pub script_failed: bool,
    /// Scripts carried out since the issuer was last heard.
    pub scripts: u8,
    /// The counter when the issuer was last heard.
    pub last_online: u16,
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
    /// The load log, newest first.
    pub load_log: Vec<Vec<u8>>,
    /// Elements as an issuer changed them.
    pub elements: Elements,
    /// What composite payments took above the balance.
    pub offset_used: u64,
    /// Records by SFI and number, as an issuer changed them.
    pub records: BTreeMap<(u8, u8), Vec<u8>>,
    /// Extension files by SFI.
    pub files: BTreeMap<u8, Held>,
    /// The PIN, if there is one.
    pub pin: Option<Pin>,
    /// What is remembered of online transactions.
    pub remembered: Remembered,
    /// Counter and cryptogram of the last payment that was completed.
    pub proof: Option<(u16, Vec<u8>)>,
}

/// Where a selected application stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Idle,
    Tap(Tap),
    Long(Dialogue),
    /// Broken off; only a new selection helps.
    Over,
}

/// Everything that a loss of power or a selection forgets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Session {
    selected: bool,
    phase: Phase,
    /// The record, or the cyclic file, that was read last.
    current: Option<Place>,
}

/// The model.
#[derive(Clone, Debug)]
pub struct Ecash {
    /// What it was made with.
    pub profile: Profile,
    /// What it remembers.
    pub state: State,
    /// The session of the channel that a command came on, while it is served.
    session: Session,
    channels: Channels<Session>,
    seen: Vec<u8>,
}

/// A tag's bytes.
fn tag(tag: u16) -> Vec<u8> {
    match tag.to_be_bytes() {
        [0, low] => vec![low],
        two => two.to_vec(),
    }
}

/// A TLV with a length of one or two bytes.
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

/// Digits as an amount; none if a nibble is no digit.
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

/// Values in the order of a list; what is not there is zeros.
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

/// Values taken out in the order of a list; none if there are more or fewer bytes.
fn split(dol: &Dol, mut data: &[u8]) -> Option<Elements> {
    let mut out = Elements::new();
    for (tag, len) in dol {
        let (value, rest) = data.split_at_checked(*len)?;
        out.insert(*tag, value.to_vec());
        data = rest;
    }
    data.is_empty().then_some(out)
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
            load_log: Vec::new(),
            elements: profile.elements.clone(),
            offset_used: 0,
            records: profile.records.clone(),
            files: profile
                .files
                .iter()
                .map(|(sfi, file)| (*sfi, Held::made(file)))
                .collect(),
            pin: profile.pin.clone(),
            remembered: Remembered::default(),
            proof: None,
        };
        Self {
            profile,
            state,
            session: Session::default(),
            channels: Channels::new(),
            seen: Vec::new(),
        }
    }

    /// Loss of power.
    pub fn reset(&mut self) {
        self.session = Session::default();
        self.channels = Channels::new();
    }

    /// Answers a command; `seen` is what the card answered, for signature and random numbers.
    ///
    /// None when the command is none of the model's.
    pub fn apdu(&mut self, command: &[u8], seen: &[u8]) -> Option<Vec<u8>> {
        self.seen = seen.to_vec();
        let is_select = command.get(1) == Some(&0xA4);
        let answer = self.answer(command)?;
        let is_warned = is_select && self.state.is_blocked;
        Some(joined(answer, if is_warned { 0x6283 } else { 0x9000 }))
    }

    fn answer(&mut self, bytes: &[u8]) -> Option<Answer> {
        let (apdu, channel, session) = match self.channels.receive(bytes) {
            Ok(received) => received,
            Err(sw) => return Some(Err(sw)),
        };
        self.session = session;
        let answer = match (apdu.cla, apdu.ins) {
            (0x00, 0xC0) => Some(Err(0x6985)),
            (0x00, 0xA4) => self.select(&apdu),
            (0x00, 0x70) => return Some(self.channels.manage(&apdu)),
            _ if !self.session.selected => None,
            _ => Some(self.serve(&apdu)),
        };
        self.channels.keep(channel, self.session.clone());
        answer
    }

    fn serve(&mut self, apdu: &Apdu) -> Answer {
        let classes: &[u8] = match apdu.ins {
            0xA8 | 0xAE | 0x5A | 0xB4 => &[0x80],
            0xB2 | 0x84 | 0x82 | 0x88 | 0x20 => &[0x00],
            0xCA => &[0x00, 0x80],
            0xDA | 0xDC | 0xE2 => &[0x04],
            0x1E | 0x18 | 0x24 | 0xDE => &[0x84],
            _ => return Err(0x6D00),
        };
        if !classes.contains(&apdu.cla) {
            return Err(0x6E00);
        }
        let no_parameters = (apdu.p1, apdu.p2) == (0, 0);
        match apdu.ins {
            0xB2 => self.read_record(apdu),
            0xCA => self.get_data(apdu),
            0xAE => self.generate_ac(apdu),
            0xDA => self.put_data(apdu),
            0xDC => self.update_record(apdu),
            0x24 => self.change_pin(apdu),
            0x20 => self.verify(apdu),
            0xB4 => self.read_capp(apdu),
            0xDE => self.update_capp(apdu),
            0xE2 => self.append(apdu),
            _ if !no_parameters => Err(0x6A86),
            0xA8 => self.options(apdu),
            0x5A => self.prove(apdu),
            0x88 => self.internal_authenticate(apdu),
            0x84 => self.challenge(apdu),
            0x82 => self.external_authenticate(apdu),
            0x1E => self.block(apdu),
            _ => self.unblock(apdu),
        }
    }

    fn select(&mut self, apdu: &Apdu) -> Option<Answer> {
        match choose(apdu, &self.profile.aid, self.session.selected) {
            Chosen::Other => {
                self.session = Session::default();
                None
            }
            Chosen::None(sw) => Some(Err(sw)),
            Chosen::Own => {
                self.session = Session {
                    selected: true,
                    ..Session::default()
                };
                let inner = [
                    tlv(0x84, &self.profile.aid),
                    tlv(0xA5, &self.profile.proprietary),
                ];
                Some(Ok(tlv(0x6F, &inner.concat())))
            }
        }
    }

    fn get_data(&self, apdu: &Apdu) -> Answer {
        if !apdu.data.is_empty() {
            return Err(0x6700);
        }
        let number = whole_tag(apdu).ok_or(0x6A88_u16)?;
        let value = match number {
            0x9F5D => Some(digits(self.state.balance)),
            0x9F13 => Some(self.state.remembered.last_online.to_be_bytes().to_vec()),
            0x9F17 => self.state.pin.as_ref().map(|pin| vec![pin.left]),
            0xDF63 => self.element(0xDF62).map(|_| digits(self.state.offset_used)),
            _ => self.element(number),
        };
        match value {
            Some(value) if self.profile.told.contains(&number) => Ok(tlv(number, &value)),
            _ => Err(0x6A88),
        }
    }

    fn prove(&self, apdu: &Apdu) -> Answer {
        if apdu.data.len() != 2 {
            return Err(0x6700);
        }
        match &self.state.proof {
            Some((atc, cryptogram)) if atc.to_be_bytes()[..] == apdu.data[..] => {
                Ok(cryptogram.clone())
            }
            _ => Err(0x9406),
        }
    }

    fn challenge(&self, apdu: &Apdu) -> Answer {
        match (apdu.data.len(), apdu.le) {
            (0, Some(4)) => Ok(self.seen_bytes(0, 4)),
            (0, Some(0 | 8)) => Ok(self.seen_bytes(0, 8)),
            _ => Err(0x6700),
        }
    }

    /// So many bytes of the card's answer at a place.
    fn seen_bytes(&self, offset: usize, len: usize) -> Vec<u8> {
        (offset..offset + len)
            .map(|index| self.seen.get(index).copied().unwrap_or(0))
            .collect()
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

    /// An element that is an amount; nothing is allowed where there is none.
    fn limit(&self, number: u16) -> u64 {
        let value = self.element(number);
        value.and_then(|value| amount(&value)).unwrap_or(0)
    }

    /// The session key of a card key and a counter.
    fn session_key(&self, key: &[u8], atc: u16) -> Vec<u8> {
        let left = [&[0; 6], &atc.to_be_bytes()[..]].concat();
        let right = [&[0; 6], &(!atc).to_be_bytes()[..]].concat();
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

    /// The application cryptogram: what the terminal said, AIP, counter, results.
    fn cryptogram(&self, said: &Elements, atc: u16, results: [u8; 4]) -> Vec<u8> {
        let terminal: Dol = vec![
            (0x9F02, 6),
            (0x9F03, 6),
            (0x9F1A, 2),
            (0x95, 5),
            (0x5F2A, 2),
            (0x9A, 3),
            (0x9C, 1),
            (0x9F37, 4),
        ];
        let input = [
            fill(&terminal, said),
            self.element(0x82).unwrap_or_default(),
            atc.to_be_bytes().to_vec(),
            results.to_vec(),
        ]
        .concat();
        let key = self.session_key(&self.profile.cryptogram_key, atc);
        self.mac(&key, &input)
    }

    /// 9F10: `07`, key index, version, results, algorithm, and the balance with a MAC.
    fn issuer_data(&self, atc: u16, results: [u8; 4], balance: u64) -> Vec<u8> {
        let algorithm = match self.profile.algorithm {
            Algorithm::Tdes => 1,
            Algorithm::Sm4 => 4,
        };
        let balance = &digits(balance)[1..];
        let input = [&atc.to_be_bytes(), balance, &[0]].concat();
        let mac = self.mac(&self.session_key(&self.profile.mac_key, atc), &input);
        [
            &[0x07, self.profile.key_index, 0x01],
            &results[..],
            &[algorithm, 0x0A, 0x01],
            balance,
            &mac[..4],
        ]
        .concat()
    }

    /// Card verification results: what is said now, and what is remembered.
    fn results(&self, first: u8, mut second: u8, mut third: u8) -> [u8; 4] {
        let remembered = self.state.remembered;
        for (flag, mask) in [
            (remembered.unfinished, 0x80),
            (
                self.state.pin.as_ref().is_some_and(|pin| pin.left == 0),
                0x40,
            ),
            (remembered.last_online == 0, 0x10),
            (remembered.failed, 0x08),
            (remembered.missing, 0x04),
        ] {
            if flag {
                second |= mask;
            }
        }
        if remembered.script_failed {
            third |= 0x08;
        }
        [0x03, first, second, third | remembered.scripts << 4]
    }
}

/// The tag in P1 P2, if it is a whole one.
fn whole_tag(apdu: &Apdu) -> Option<u16> {
    match (apdu.p1, apdu.p2) {
        (0, p2) if p2 & 0x1F != 0x1F => Some(u16::from(p2)),
        (p1, p2) if p1 & 0x1F == 0x1F && p2 & 0x80 == 0 => Some(u16::from_be_bytes([p1, p2])),
        _ => None,
    }
}
