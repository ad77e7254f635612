//! The other side of the naive purse: commands a terminal or a host would send, with right MACs.
//!
//! [`Terminal`] remembers the last initialisation and the last challenge that it saw answered, and
//! so turns a [`Step`] into the bytes of a command. A step may ask for a wrong MAC.

use std::collections::BTreeMap;

use super::care::messaging_mac;
use super::profile::Profile;
use super::{Purse, Started, money};
use crate::cipher;

/// When a transaction says it happens: date and time.
pub const WHEN: [u8; 7] = [0x20, 0x26, 0x11, 0x22, 0x09, 0x30, 0x00];

/// One thing to do to a card with a purse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Bytes as they are.
    Raw(Vec<u8>),
    /// `80 50`: P1, key index, amount, terminal number.
    Initialize(u8, u8, u32, [u8; 6]),
    /// The end of what was initialised last, whatever it was; `false` spoils the MAC.
    Finish(bool),
    /// `80 52` although something else was initialised.
    Credit(bool),
    /// `80 54 01` although something else was initialised.
    Debit(bool),
    /// `80 DC`: P1, P2 and data.
    Cache(u8, u8, Vec<u8>),
    /// `80 5A` for a type; the distance from the last sequence that was initialised.
    Prove(u8, i32),
    /// `00 84` with Le.
    Challenge(u8),
    /// A command under secure messaging: CLA INS P1 P2, data, and whether the MAC is right.
    Secured([u8; 4], Vec<u8>, bool),
    /// `84 24` with a new PIN.
    UnblockPin(Vec<u8>, bool),
    /// `80 5E 00` with a new PIN.
    ReloadPin(Vec<u8>, bool),
    /// `00 82` for a key index.
    External(u8, bool),
    /// Another step with something about its bytes wrong.
    Spoiled(Box<Self>, Spoil),
    /// Another step on a logical channel, 1 to 3.
    On(u8, Box<Self>),
    /// Loss of power.
    Reset,
}

/// What may be wrong about the bytes of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spoil {
    /// Bits of the byte at a place are turned over.
    Flip(usize, u8),
    /// Only so many bytes from the front are left.
    Cut(usize),
    /// One byte more at the end.
    Append(u8),
}

impl Spoil {
    /// Applies it.
    #[must_use]
    pub fn apply(&self, mut command: Vec<u8>) -> Vec<u8> {
        match self {
            Self::Flip(at, mask) => {
                if let Some(byte) = command.get_mut(*at) {
                    *byte ^= mask;
                }
            }
            Self::Cut(len) => command.truncate(*len),
            Self::Append(byte) => command.push(*byte),
        }
        command
    }
}

/// What a terminal remembers.
#[derive(Clone, Debug)]
pub struct Terminal {
    profile: Profile,
    started: Option<Started>,
    challenge: Vec<u8>,
    sequence: u16,
    terminal_sequence: u32,
    /// What it remembers of other channels.
    others: BTreeMap<u8, Self>,
}

/// Spoils the last byte.
fn spoil(mut mac: Vec<u8>, is_right: bool) -> Vec<u8> {
    if let (false, Some(last)) = (is_right, mac.last_mut()) {
        *last ^= 1;
    }
    mac
}

/// A command with data.
#[must_use]
pub fn command(header: [u8; 4], data: &[u8]) -> Vec<u8> {
    let mut out = header.to_vec();
    if !data.is_empty() {
        out.push(u8::try_from(data.len()).expect("a short command"));
        out.extend_from_slice(data);
    }
    out
}

impl Terminal {
    /// A terminal (and a host) that knows the keys of a card.
    #[must_use]
    pub fn new(profile: Profile) -> Self {
        Self {
            profile,
            started: None,
            challenge: vec![0; 8],
            sequence: 0,
            terminal_sequence: 0,
            others: BTreeMap::new(),
        }
    }

    /// The bytes of a step; none for [`Step::Reset`].
    #[must_use]
    pub fn command(&mut self, step: &Step) -> Option<Vec<u8>> {
        Some(match step {
            Step::Raw(bytes) => bytes.clone(),
            Step::Initialize(what, index, amount, terminal) => {
                let mut data = vec![*index];
                data.extend(amount.to_be_bytes());
                data.extend(terminal);
                let mut out = command([0x80, 0x50, *what, 0x02], &data);
                out.push(if matches!(what, 1 | 3) { 0x0F } else { 0x10 });
                out
            }
            Step::Finish(is_right) => match self.started.as_ref().map(|started| started.what) {
                Some(0) => self.credit(*is_right),
                Some(5) => self.unload(*is_right),
                _ => self.debit(*is_right),
            },
            Step::Credit(is_right) => self.credit(*is_right),
            Step::Debit(is_right) => self.debit(*is_right),
            Step::Cache(p1, p2, data) => command([0x80, 0xDC, *p1, *p2], data),
            Step::Prove(kind, distance) => {
                let wanted = i32::from(self.sequence).wrapping_add(1 + distance);
                let bytes = wanted.to_be_bytes();
                let mut out = command([0x80, 0x5A, 0x00, *kind], &bytes[2..]);
                out.push(0x08);
                out
            }
            Step::Challenge(le) => vec![0x00, 0x84, 0x00, 0x00, *le],
            Step::Secured(header, data, is_right) => {
                let key = self.profile.keys.maintenance.clone();
                self.secured(*header, data, &key, *is_right)
            }
            Step::UnblockPin(pin, is_right) => {
                let key = self.profile.keys.pin_unblock.clone();
                let algorithm = self.profile.algorithm;
                let mut plain = vec![u8::try_from(pin.len()).expect("a short PIN")];
                plain.extend(pin);
                if !plain.len().is_multiple_of(algorithm.block_len()) {
                    plain = cipher::pad(&plain, algorithm.block_len());
                }
                let sealed: Vec<u8> = plain
                    .chunks(algorithm.block_len())
                    .flat_map(|block| algorithm.encrypt(&key, block))
                    .collect();
                self.secured([0x84, 0x24, 0x00, 0x01], &sealed, &key, *is_right)
            }
            Step::ReloadPin(pin, is_right) => {
                let purse = Purse::new(self.profile.clone());
                let key = purse.folded(&self.profile.keys.pin_reload);
                let mac = spoil(purse.session_mac(&key, pin), *is_right);
                command([0x80, 0x5E, 0x00, 0x00], &[pin.clone(), mac].concat())
            }
            Step::External(index, is_right) => {
                let purse = Purse::new(self.profile.clone());
                let key = self.profile.keys.external.get(index).cloned();
                let key = key.unwrap_or_else(|| vec![0; 16]);
                let mut challenge = self.challenge.clone();
                challenge.resize(8, 0);
                let sealed = spoil(purse.sealed(&key, &challenge), *is_right);
                command([0x00, 0x82, 0x00, *index], &sealed)
            }
            Step::Spoiled(step, spoil) => spoil.apply(self.command(step)?),
            Step::On(channel, step) => {
                let profile = self.profile.clone();
                let other = self
                    .others
                    .entry(*channel)
                    .or_insert_with(|| Self::new(profile));
                let mut command = other.command(step)?;
                if let Some(class) = command.first_mut() {
                    *class |= channel;
                }
                command
            }
            Step::Reset => return None,
        })
    }

    /// Takes in what the card answered.
    pub fn saw(&mut self, command: &[u8], answer: &[u8]) {
        if let Some(class) = command.first()
            && let Some(other) = self.others.get_mut(&(class & 0x03))
        {
            let mut command = command.to_vec();
            command[0] &= !0x03;
            other.saw(&command, answer);
            return;
        }
        let Some((data, [0x90, 0x00])) = answer.split_last_chunk::<2>() else {
            return;
        };
        match *command {
            [0x00, 0x84, ..] => self.challenge = data.to_vec(),
            [0x80, 0x50, what, 0x02, 0x0B, ref rest @ ..] if data.len() >= 15 => {
                let keys = match what {
                    0 => &self.profile.keys.load,
                    5 => &self.profile.keys.unload,
                    _ => &self.profile.keys.purchase,
                };
                let at = if matches!(what, 1 | 3) { 11 } else { 8 };
                self.sequence = u16::from_be_bytes([data[4], data[5]]);
                self.terminal_sequence += 1;
                self.started = Some(Started {
                    what,
                    is_ticket: self.profile.ticket_index == Some(rest[0]),
                    key: keys.get(&rest[0]).cloned().unwrap_or_else(|| vec![0; 16]),
                    amount: money::number(&rest[1..5]),
                    terminal: rest[5..11].to_vec(),
                    random: data[at..at + 4].to_vec(),
                    sequence: self.sequence,
                    cache: Vec::new(),
                });
            }
            _ => {}
        }
    }

    fn remembered(&self) -> Started {
        self.started.clone().unwrap_or_else(|| Started {
            what: 1,
            is_ticket: false,
            key: vec![0; 16],
            amount: 0,
            terminal: vec![0; 6],
            random: vec![0; 4],
            sequence: 0,
            cache: Vec::new(),
        })
    }

    fn statement(&self, kind: u8) -> Vec<u8> {
        let started = self.remembered();
        let mut out = money::four(started.amount);
        out.push(kind);
        out.extend(started.terminal);
        out.extend(WHEN);
        out
    }

    fn credit(&self, is_right: bool) -> Vec<u8> {
        let purse = Purse::new(self.profile.clone());
        let session = purse.online_key(&self.remembered());
        let mac = spoil(purse.session_mac(&session, &self.statement(0x02)), is_right);
        command([0x80, 0x52, 0, 0], &[WHEN.to_vec(), mac].concat())
    }

    fn unload(&self, is_right: bool) -> Vec<u8> {
        let purse = Purse::new(self.profile.clone());
        let session = purse.online_key(&self.remembered());
        let mac = spoil(purse.session_mac(&session, &self.statement(0x03)), is_right);
        command([0x80, 0x54, 3, 0], &[WHEN.to_vec(), mac].concat())
    }

    fn debit(&self, is_right: bool) -> Vec<u8> {
        let purse = Purse::new(self.profile.clone());
        let started = self.remembered();
        let number = self.terminal_sequence.to_be_bytes();
        let session = purse.purchase_key(&started, &number);
        let kind = if started.what == 3 { 0x09 } else { 0x06 };
        let mac = spoil(purse.session_mac(&session, &self.statement(kind)), is_right);
        command(
            [0x80, 0x54, 1, 0],
            &[number.to_vec(), WHEN.to_vec(), mac].concat(),
        )
    }

    fn secured(&self, header: [u8; 4], data: &[u8], key: &[u8], is_right: bool) -> Vec<u8> {
        let mut input = header.to_vec();
        input.push(u8::try_from(data.len() + 4).expect("a short command"));
        input.extend_from_slice(data);
        let mac = messaging_mac(self.profile.algorithm, key, &self.challenge, &input);
        command(header, &[data.to_vec(), spoil(mac, is_right)].concat())
    }
}
