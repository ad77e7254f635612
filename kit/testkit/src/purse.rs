//! A naive e-purse (电子钱包): vectors, maps and a long `match`, for comparison with the card.
//!
//! Here: everything a purse answers to a whole APDU, as the clauses of JT/T 978.2 were handed down.
//! Not here: tears (a model cannot be torn), other applications, security domains. Start at
//! [`Purse::apdu`].
//!
//! Random numbers are the card's: the caller sends a command to the card first and hands the card's
//! answer over as `seen`; where the model would throw dice it takes the bytes that stand at that
//! place of the answer.
//!
//! # Where the reference leaves the answer open
//!
//! | question | choice |
//! |---|---|
//! | order of checks | card blocked, CLA, INS, application locked or blocked, P1 P2, Lc, then the command's own |
//! | balance in an initialisation's answer and in MAC1 of a load | own balance plus overdraft limit, as `805C 00` |
//! | what ends an initialisation | every command on its channel but a `80DC` that succeeds; bytes that are no command too, on the basic channel if their class names none |
//! | what uses a challenge up | the next command on its channel, whatever it is |
//! | Le that is neither 00 nor the answer's length | `6CXX` with the right one; MACs are judged before it, nothing is changed after it; the end of a transaction may be said again |
//! | no challenge asked for before secure messaging | `6988`, and it counts |
//! | a challenge of eight bytes before secure messaging | its first half |
//! | which failures count together | MAC2 of loads and MAC1 of purchases; secure messaging and RELOAD PIN; three each |
//! | what the last failure answers | `9303`, the lock is in force at once |
//! | what sets the count back | a right MAC of the same kind; of secure messaging even if the command is refused for something else |
//! | EXTERNAL AUTHENTICATE without a challenge of eight bytes | `6985`, and no try is spent |
//! | SM4 and the eight bytes of an authentication | completed with `80 00…`; the whole block is the cryptogram |
//! | a key reference that is not there | `9403` |
//! | the identifier of a record | byte 1, the low byte of a record id |
//! | a record of another length than its file takes | `6700`; of a composite record `6A80` |
//! | a locked composite record (byte 5 is 01) in `80DC` | `6985` |
//! | what `805A` says of an unload | the host's MAC2 and the card's MAC3 |
//! | a transaction initialised on one channel after another channel moved the money | `6985` |
//! | what a key index of the second ticket moves | that count alone; no overdraft, a maximum of its own; `805C` does not tell it |
//! | an overdraft limit in the answer to a purchase with the second ticket | the purse's, though it does not count |
//! | such an index on a card without a second ticket | `9403` |
//! | which sequences the second ticket has | those of the purse, each card has two |
//! | order in an initialisation | PIN, sequence, key index, amount |
//! | a sequence at its maximum | `9402` for what would raise it, whatever it is; all else goes on |
//! | MANAGE CHANNEL, GET RESPONSE and a SELECT that finds nothing | end an initialisation too |

use std::collections::BTreeMap;

use crate::apdu::{Apdu, Channels, Chosen, addressed, choose, joined};
use crate::cipher::{self, Algorithm};
use crate::{Answer, Sw};

pub mod profile;
pub mod terminal;

mod care;
mod file;
mod form;
mod money;

#[cfg(test)]
pub(crate) mod tests;

use profile::{File, Profile};

/// Whether the application still serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It does.
    Open,
    /// Blocked until an unblock.
    Blocked,
    /// Locked for ever.
    Locked,
    /// The whole card is blocked.
    CardBlocked,
}

/// The proof of the last transaction (交易认证).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Transaction type.
    pub kind: u8,
    /// Sequence after the transaction.
    pub sequence: u16,
    /// MAC2.
    pub mac2: Vec<u8>,
    /// TAC, or MAC3 of an unload.
    pub tac: Vec<u8>,
}

/// Everything that survives a loss of power.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Life.
    pub life: Life,
    /// Own money in fen; negative inside the overdraft.
    pub value: i64,
    /// What is left of the second ticket.
    pub ticket: i64,
    /// Online sequence.
    pub online: u16,
    /// Offline sequence.
    pub offline: u16,
    /// Files by SFI.
    pub files: BTreeMap<u8, File>,
    /// Proof of the last transaction.
    pub proof: Option<Proof>,
    /// PIN.
    pub pin: Vec<u8>,
    /// Tries left of it.
    pub pin_left: u8,
    /// Failures of secure messaging since the last success.
    pub messaging_failures: u8,
    /// Failures of MAC1 and MAC2 since the last success.
    pub money_failures: u8,
    /// Tries left of external authentication.
    pub external_left: u8,
}

/// An initialised transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Started {
    /// P1 of the initialisation.
    what: u8,
    /// Whether it moves the second ticket.
    is_ticket: bool,
    key: Vec<u8>,
    amount: i64,
    terminal: Vec<u8>,
    random: Vec<u8>,
    sequence: u16,
    cache: Vec<Cached>,
}

/// One `80DC` waiting for its debit.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cached {
    sfi: u8,
    /// 0-based place in a linear file; none for an append to a cyclic one.
    index: Option<usize>,
    data: Vec<u8>,
}

/// Everything that a loss of power or a selection forgets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Session {
    selected: bool,
    challenge: Option<Vec<u8>>,
    started: Option<Started>,
    pin_verified: bool,
}

/// The model.
#[derive(Clone, Debug)]
pub struct Purse {
    /// What it was made with.
    pub profile: Profile,
    /// What it remembers.
    pub state: State,
    /// The session of the channel that a command came on, while it is served.
    session: Session,
    channels: Channels<Session>,
    seen: Vec<u8>,
}

impl Purse {
    /// A fresh purse.
    #[must_use]
    pub fn new(profile: Profile) -> Self {
        let state = State {
            life: Life::Open,
            value: 0,
            ticket: profile.ticket.map_or(0, |(count, _)| count),
            online: 0,
            offline: 0,
            files: profile.files.clone(),
            proof: None,
            pin: profile.pin.clone(),
            pin_left: profile.pin_tries,
            messaging_failures: 0,
            money_failures: 0,
            external_left: 3,
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

    /// Answers a command; `seen` is what the card answered to it, for its random numbers only.
    ///
    /// None when the command goes to another application, of which this model knows nothing.
    pub fn apdu(&mut self, command: &[u8], seen: &[u8]) -> Option<Vec<u8>> {
        self.seen = seen.to_vec();
        let is_select = command.get(1) == Some(&0xA4);
        let answer = self.answer(command)?;
        let is_warned = is_select && self.state.life == Life::Blocked;
        Some(joined(answer, if is_warned { 0x6283 } else { 0x9000 }))
    }

    /// `len` random bytes that the card's answer shows at `offset`.
    fn random(&self, offset: usize, len: usize) -> Vec<u8> {
        (offset..offset + len)
            .map(|index| self.seen.get(index).copied().unwrap_or(0))
            .collect()
    }

    fn answer(&mut self, bytes: &[u8]) -> Option<Answer> {
        let (apdu, channel, session) = match self.channels.receive(bytes) {
            Ok(received) => received,
            Err(sw) => {
                // Whatever it was, it came between.
                let channel = addressed(bytes);
                if let Some(mut session) = self.channels.session(channel) {
                    session.challenge = None;
                    session.started = None;
                    self.channels.keep(channel, session);
                }
                return Some(Err(sw));
            }
        };
        self.session = session;
        let challenge = self.session.challenge.take();
        let started = self.session.started.take();
        let answer = match (apdu.cla, apdu.ins) {
            (0x00, 0xC0) => Some(Err(0x6985)),
            (0x00, 0xA4) => self.select(&apdu),
            (0x00, 0x70) => {
                self.channels.keep(channel, self.session.clone());
                return Some(self.channels.manage(&apdu));
            }
            _ if !self.session.selected => None,
            _ => Some(self.serve(&apdu, challenge, started)),
        };
        self.channels.keep(channel, self.session.clone());
        answer
    }

    /// What the selected purse answers.
    fn serve(
        &mut self,
        apdu: &Apdu,
        challenge: Option<Vec<u8>>,
        started: Option<Started>,
    ) -> Answer {
        if self.state.life == Life::CardBlocked {
            return Err(0x6A81);
        }
        form::is_known(apdu)?;
        self.may_serve(apdu)?;
        form::holds(apdu, self.algorithm().block_len())?;
        let before = self.clone();
        let waiting = started.clone();
        let answer = self.act(apdu, challenge, started);
        if matches!(answer, Err(sw) if sw >> 8 == 0x6C) {
            // A wrong Le is found before anything is done.
            (self.state, self.session) = (before.state, before.session);
            if matches!(apdu.ins, 0x52 | 0x54) {
                // It asks for the same command again.
                self.session.started = waiting;
            }
        }
        answer
    }

    fn act(&mut self, apdu: &Apdu, challenge: Option<Vec<u8>>, started: Option<Started>) -> Answer {
        match (apdu.cla, apdu.ins) {
            (0x00, 0xB0) => self.read_binary(apdu),
            (0x00, 0xB2) => self.read_record(apdu),
            (0x00 | 0x04, 0xD6) => self.update_binary(apdu, challenge),
            (0x00 | 0x04, 0xDC) => self.update_record(apdu, challenge),
            (0x00 | 0x04, 0xE2) => self.append_record(apdu, challenge),
            (0x00, 0x84) => self.get_challenge(apdu),
            (0x00, 0x88) => self.internal_authenticate(apdu),
            (0x00, 0x82) => self.external_authenticate(apdu, challenge),
            (0x00, 0x20) => self.verify(apdu),
            (0x80, 0x5E) => self.change_pin(apdu),
            (0x84, 0x24) => self.unblock_pin(apdu, challenge),
            (0x84, 0x1E) => self.block(apdu, challenge),
            (0x84, 0x18) => self.unblock(apdu, challenge),
            (0x84, 0x16) => self.block_card(apdu, challenge),
            (0x80, 0x5C) => self.balance(apdu),
            (0x80, 0x50) => self.initialize(apdu),
            (0x80, 0x52) => self.credit(apdu, started),
            (0x80, 0x54) => self.debit(apdu, started),
            (0x80, 0xDC) => self.cache(apdu, started),
            (0x80, 0x5A) => self.prove(apdu),
            _ => Err(0x6A81),
        }
    }

    /// Life decides before anything else that a command says.
    fn may_serve(&self, apdu: &Apdu) -> Result<(), Sw> {
        match self.state.life {
            Life::Open | Life::CardBlocked => Ok(()),
            Life::Locked => Err(0x9303),
            Life::Blocked if matches!(apdu.ins, 0x84 | 0x18 | 0x1E | 0x16) => Ok(()),
            Life::Blocked => Err(0x6985),
        }
    }

    fn select(&mut self, apdu: &Apdu) -> Option<Answer> {
        match choose(apdu, &self.profile.aid, self.session.selected) {
            Chosen::Other => {
                self.session = Session::default();
                return None;
            }
            Chosen::None(0x6A82) if self.state.life == Life::CardBlocked => {
                return Some(Err(0x6A81));
            }
            Chosen::None(sw) => return Some(Err(sw)),
            Chosen::Own => {}
        }
        match self.state.life {
            Life::CardBlocked => return Some(Err(0x6A81)),
            Life::Locked => return Some(Err(0x9303)),
            Life::Open | Life::Blocked => {}
        }
        self.session = Session {
            selected: true,
            ..Session::default()
        };
        Some(Ok(self.fci()))
    }

    fn fci(&self) -> Vec<u8> {
        let Some(File::Transparent(basic)) = self.state.files.get(&0x15) else {
            return Vec::new();
        };
        let mut own = tlv(&[0x9F, 0x08], &[0x02]);
        own.extend(tlv(&[0x9F, 0x0C], basic));
        let mut inner = tlv(&[0x84], &self.profile.aid);
        inner.extend(tlv(&[0xA5], &own));
        tlv(&[0x6F], &inner)
    }

    fn algorithm(&self) -> Algorithm {
        self.profile.algorithm
    }

    /// CBC-MAC with a session key, four bytes.
    fn session_mac(&self, key: &[u8], data: &[u8]) -> Vec<u8> {
        let mut mac = match self.algorithm() {
            Algorithm::Tdes => {
                cipher::cbc_mac(|block| cipher::des_encrypt(key, block), &[0; 8], data)
            }
            Algorithm::Sm4 => {
                cipher::cbc_mac(|block| cipher::sm4_encrypt(key, block), &[0; 16], data)
            }
        };
        mac.truncate(4);
        mac
    }

    /// The session key of a card key and its eight bytes.
    fn session_key(&self, key: &[u8], block: &[u8]) -> Vec<u8> {
        let mut block = block.to_vec();
        if self.algorithm() == Algorithm::Sm4 {
            block.extend([0x80, 0, 0, 0, 0, 0, 0, 0]);
        }
        self.algorithm().encrypt(key, &block)
    }

    /// A key whose halves are laid over each other for single DES; SM4 takes it whole.
    fn folded(&self, key: &[u8]) -> Vec<u8> {
        match self.algorithm() {
            Algorithm::Tdes => cipher::xor(&key[..8], &key[8..]),
            Algorithm::Sm4 => key.to_vec(),
        }
    }
}

pub(crate) fn tlv(tag: &[u8], value: &[u8]) -> Vec<u8> {
    let len = u8::try_from(value.len()).expect("a template of at most 255 bytes");
    let mut out = tag.to_vec();
    if len > 0x7F {
        out.push(0x81);
    }
    out.push(len);
    out.extend_from_slice(value);
    out
}
