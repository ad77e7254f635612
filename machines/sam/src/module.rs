//! The soft module: a state machine over a journal.
//!
//! Here: directories, the two commands of a purchase, answers and what is left of them. The keys
//! that DELIVERY KEY derives are in `crypt.rs`, what is kept in `store.rs`.

use alloc::vec::Vec;
use core::fmt;

use tongtu_apdu::select::fci;
use tongtu_apdu::{CardCommand, Command, Le, Response, StatusWord};
use tongtu_card::journal::{self, CommitError, Nvm};
use tongtu_card::{Memory, Torn};
use tongtu_crypto::Entropy;
use tongtu_crypto::mac::SessionKey;
use tongtu_psam::command::{
    APPLICATION, CreditPurchase, DeliverKey, DesCrypt, FileNo, InitPurchase, MacDialogue, MacKeys,
    ReadBinary, Request, SelectFile,
};
use tongtu_psam::layout::Permit;
use tongtu_psam::{
    CreditRequest, Psam, PsamAnswer, PsamFault, PsamIdentity, PsamRequest, algorithm_of,
};
use tongtu_purse::field::{Amount, Kind};
use tongtu_purse::proof::{self, Deal};

use crate::crypt::Delivered;
use crate::profile::{KeyRole, ModuleKey, PsamProfile};
use crate::store;

/// Why there is no module in a memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The memory holds no journal.
    #[error("the module's memory cannot be opened")]
    Memory(#[from] journal::OpenError),
    /// The journal holds something else, such as a card.
    #[error("the memory holds no PSAM")]
    NotAModule,
    /// The journal holds something else than a blank module, such as one that is personalised.
    #[error("the memory holds no blank PSAM")]
    NotBlank,
    /// The memory is too small for this profile.
    #[error("the module does not fit: {0}")]
    Room(CommitError),
}

impl OpenError {
    /// Why a new module could not be written.
    pub(crate) const fn of(error: CommitError) -> Self {
        match store::is_torn(&error) {
            Some(torn) => Self::Memory(journal::OpenError::Torn(torn)),
            None => Self::Room(error),
        }
    }
}

/// Why a command has no answer of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Halt {
    /// A status word is the answer.
    Status(StatusWord),
    /// Power was lost.
    Torn,
}

impl From<StatusWord> for Halt {
    fn from(sw: StatusWord) -> Self {
        Self::Status(sw)
    }
}

impl From<CommitError> for Halt {
    fn from(error: CommitError) -> Self {
        match store::is_torn(&error) {
            Some(Torn) => Self::Torn,
            None => Self::Status(StatusWord::MEMORY_FAILURE),
        }
    }
}

/// Which directory is selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Directory {
    Root,
    Purchases,
}

/// What only the next command can go on with.
enum Phase {
    Idle,
    /// A purchase whose MAC2 is awaited.
    Purchase(Awaited),
    /// A key for DES CRYPT.
    Key(Delivered),
}

struct Awaited {
    terminal_sequence: u32,
    mac2: SessionKey,
    amount: Amount,
}

/// A soft PSAM under power.
///
/// One command at a time goes in through [`SoftPsam::transmit`]; as a [`Psam`] it is asked without
/// APDUs and does the same. Whatever a command changes is durable before its answer exists.
///
/// UNSPECIFIED: what ends a purchase before its MAC2 is verified. As in the card, any command but
/// GET RESPONSE does, so that a terminal that works here works with the strictest module.
pub struct SoftPsam<M> {
    nvm: Nvm<M>,
    identity: PsamIdentity,
    keys: Vec<ModuleKey>,
    directory: Directory,
    phase: Phase,
    waiting: Vec<u8>,
    mac_keys: MacKeys,
    is_dead: bool,
}

impl<M: Memory> SoftPsam<M> {
    /// Makes a module in blank memory and powers it up.
    ///
    /// # Errors
    /// [`OpenError`] when the memory is too small, or loses its power.
    pub fn manufacture(memory: M, profile: &PsamProfile) -> Result<Self, OpenError> {
        let mut nvm = Nvm::format(memory)?;
        store::personalise(&mut nvm, profile).map_err(OpenError::of)?;
        Self::around(nvm)
    }

    /// Powers up the module in this memory.
    ///
    /// # Errors
    /// [`OpenError`] when there is none.
    pub fn power_up(memory: M) -> Result<Self, OpenError> {
        Self::around(Nvm::open(memory)?)
    }

    fn around(nvm: Nvm<M>) -> Result<Self, OpenError> {
        let (identity, keys) = store::read(&nvm).ok_or(OpenError::NotAModule)?;
        Ok(Self {
            nvm,
            identity,
            keys,
            directory: Directory::Root,
            phase: Phase::Idle,
            waiting: Vec::new(),
            mac_keys: MacKeys::USUAL,
            is_dead: false,
        })
    }

    /// Takes the power away and leaves the memory.
    pub fn power_down(self) -> M {
        self.nvm.into_memory()
    }

    /// A warm reset: the root is selected, nothing is awaited, memory stays.
    pub fn reset(&mut self) {
        self.directory = Directory::Root;
        self.phase = Phase::Idle;
        self.waiting = Vec::new();
    }

    /// The terminal sequence that the next purchase gets.
    #[must_use]
    pub fn next_sequence(&self) -> u32 {
        store::sequence(&self.nvm).expect("read when the module was opened")
    }

    /// Wrong MAC2 in a row that are left before the module locks.
    #[must_use]
    pub fn tries_left(&self) -> u8 {
        let [count, max] = self.failures();
        max.saturating_sub(count)
    }

    /// The module's keys, as `Debug` shows them: check values.
    pub fn keys(&self) -> impl Iterator<Item = &ModuleKey> {
        self.keys.iter()
    }

    fn failures(&self) -> [u8; 2] {
        store::failures(&self.nvm).expect("read when the module was opened")
    }

    /// Answers one command APDU. Every byte string gets an answer.
    ///
    /// # Errors
    /// [`Torn`] when power was lost on the way: there is no answer, and the module is dead until
    /// [`SoftPsam::power_down`] and [`SoftPsam::power_up`].
    pub fn transmit(&mut self, entropy: &mut dyn Entropy, apdu: &[u8]) -> Result<Vec<u8>, Torn> {
        if self.is_dead {
            return Err(Torn);
        }
        let response = match self.answer(entropy, apdu) {
            Ok(response) => response,
            Err(Halt::Status(sw)) => Response::status(sw),
            Err(Halt::Torn) => {
                self.is_dead = true;
                return Err(Torn);
            }
        };
        Ok(response.encode())
    }

    fn answer(&mut self, entropy: &mut dyn Entropy, apdu: &[u8]) -> Result<Response, Halt> {
        let Ok(command) = Command::parse(apdu) else {
            self.interrupt();
            return Err(StatusWord::WRONG_LENGTH.into());
        };
        let request = match Request::parse(&command) {
            Ok(request) => request,
            Err(error) => {
                self.interrupt();
                return Err(error.status().into());
            }
        };
        if let Request::GetResponse(get) = &request {
            return self.get_response(get.le);
        }
        let phase = self.interrupt();
        // What does not fit Le is refused before anything is done or counted.
        if let Some(len) = answer_len(&request) {
            fits(len, command.le)?;
        }
        let data = self.execute(entropy, &request, phase)?;
        if data.is_empty() {
            return Ok(Response::ok(data));
        }
        match command.le {
            Some(_) => Ok(Response::ok(data)),
            None => {
                let sw = StatusWord::more(data.len());
                self.waiting = data;
                Ok(Response::status(sw))
            }
        }
    }

    /// Ends what only the next command could have gone on with, and gives it.
    fn interrupt(&mut self) -> Phase {
        self.waiting = Vec::new();
        core::mem::replace(&mut self.phase, Phase::Idle)
    }

    fn get_response(&mut self, le: Le) -> Result<Response, Halt> {
        let len = self.waiting.len();
        if len == 0 {
            return Err(StatusWord::CONDITIONS.into());
        }
        fits(len, Some(le))?;
        Ok(Response::ok(core::mem::take(&mut self.waiting)))
    }

    fn execute(
        &mut self,
        entropy: &mut dyn Entropy,
        request: &Request,
        phase: Phase,
    ) -> Result<Vec<u8>, Halt> {
        match request {
            Request::SelectFile(select) => self.select(select),
            Request::ReadBinary(read) => self.read(read),
            Request::GetChallenge(get) => {
                let mut random = [0; 8];
                let random = &mut random[..get.le.max().min(8)];
                entropy.fill(random);
                Ok(random.to_vec())
            }
            // Answered before it came here.
            Request::GetResponse(_) => Err(StatusWord::CONDITIONS.into()),
            Request::InitPurchase(init) => {
                let permit = self.init_purchase(init)?;
                Ok(permit
                    .encode()
                    .expect("every field is as wide as its value")
                    .to_vec())
            }
            Request::CreditPurchase(credit) => {
                self.credit_purchase(credit, phase)?;
                Ok(Vec::new())
            }
            Request::DeliverKey(deliver) => {
                self.deliver(deliver)?;
                Ok(Vec::new())
            }
            Request::DesCrypt(crypt) => self.crypt(crypt, phase),
        }
    }

    fn select(&mut self, select: &SelectFile) -> Result<Vec<u8>, Halt> {
        let directory = Directory::named(select)?;
        self.directory = directory;
        Ok(match directory {
            Directory::Root => Vec::new(),
            Directory::Purchases => fci(&APPLICATION, &[]),
        })
    }

    fn read(&self, read: &ReadBinary) -> Result<Vec<u8>, Halt> {
        let identity = &self.identity;
        let info = identity.info().encode();
        let info = info.expect("every field is as wide as its value");
        let file = match (self.directory, read.file) {
            (Directory::Root, FileNo::SERIAL) => &identity.serial.0[..],
            (Directory::Root, FileNo::TERMINAL) => &identity.terminal.0,
            (Directory::Purchases, FileNo::INFO) => &info,
            _ => return Err(StatusWord::NOT_FOUND.into()),
        };
        let rest = file
            .get(usize::from(read.offset)..)
            .filter(|rest| !rest.is_empty())
            .ok_or(StatusWord::WRONG_OFFSET)?;
        if read.le == Le::ALL {
            return Ok(rest.to_vec());
        }
        match rest.get(..read.le.max()) {
            Some(part) => Ok(part.to_vec()),
            None => Err(StatusWord::wrong_le(rest.len()).into()),
        }
    }

    /// Refuses everything with a key of a locked module, or outside the directory of purchases.
    fn may_use_keys(&self) -> Result<(), Halt> {
        if self.tries_left() == 0 {
            return Err(StatusWord::PERMANENTLY_LOCKED.into());
        }
        match self.directory {
            Directory::Purchases => Ok(()),
            Directory::Root => Err(StatusWord::CONDITIONS.into()),
        }
    }

    fn init_purchase(&mut self, init: &InitPurchase) -> Result<Permit, Halt> {
        self.may_use_keys()?;
        let head = &init.head;
        if !matches!(head.kind, Kind::PURCHASE | Kind::COMPOSITE) {
            return Err(StatusWord::WRONG_DATA.into());
        }
        // UNSPECIFIED: whether a module looks at its own dates; a terminal must in any case.
        if self.identity.trades_on(head.at.date()).is_err() {
            return Err(StatusWord::CONDITIONS.into());
        }
        let algorithm = algorithm_of(head.algorithm);
        let key = self
            .keys
            .iter()
            .filter(|key| key.role == KeyRole::Purchase && key.name == head.key_version)
            .find(|key| Some(key.algorithm) == algorithm)
            .and_then(|key| key.derive(&init.factors))
            .ok_or(StatusWord::KEY_INDEX)?;
        let terminal_sequence = self.next_sequence();
        let next = terminal_sequence
            .checked_add(1)
            .ok_or(StatusWord::COUNTER_AT_MAX)?;
        let session = proof::purchase_session(&key, head.random, head.sequence, terminal_sequence);
        let deal = Deal {
            amount: head.amount,
            kind: head.kind,
            terminal: self.identity.terminal,
        };
        let mac1 = deal.purchase_mac1(&session, head.at);
        // Before anybody sees it: a sequence that was answered is in memory as spent.
        store::keep_sequence(&mut self.nvm, next)?;
        self.phase = Phase::Purchase(Awaited {
            terminal_sequence,
            mac2: session,
            amount: head.amount,
        });
        Ok(Permit {
            terminal_sequence,
            mac1,
        })
    }

    fn credit_purchase(&mut self, credit: &CreditPurchase, phase: Phase) -> Result<(), Halt> {
        self.may_use_keys()?;
        let Phase::Purchase(awaited) = phase else {
            return Err(StatusWord::CONDITIONS.into());
        };
        let right = awaited.mac2.mac(&awaited.amount.bytes());
        let [count, max] = self.failures();
        if proof::same(&right, &credit.mac2) {
            // Most of the time there is nothing to forget, and nothing is written.
            if count != 0 {
                store::keep_failures(&mut self.nvm, [0, max])?;
            }
            return Ok(());
        }
        store::keep_failures(&mut self.nvm, [count.saturating_add(1), max])?;
        Err(StatusWord::MAC_INVALID.into())
    }

    fn deliver(&mut self, deliver: &DeliverKey) -> Result<(), Halt> {
        self.may_use_keys()?;
        let key = self
            .keys
            .iter()
            .find(|key| key.role == KeyRole::Crypt(deliver.purpose) && key.name == deliver.key)
            .and_then(|key| key.derive(&deliver.factors))
            .ok_or(StatusWord::KEY_INDEX)?;
        self.phase = Phase::Key(Delivered::new(deliver.purpose, key));
        Ok(())
    }

    fn crypt(&mut self, crypt: &DesCrypt, phase: Phase) -> Result<Vec<u8>, Halt> {
        self.may_use_keys()?;
        let Phase::Key(mut delivered) = phase else {
            return Err(StatusWord::CONDITIONS.into());
        };
        let answer = delivered.crypt(crypt.mode, &crypt.data)?;
        self.phase = Phase::Key(delivered);
        Ok(answer)
    }

    /// Does what a request asks, without APDUs.
    fn serve(&mut self, request: &PsamRequest) -> Result<PsamAnswer, PsamFault> {
        if self.is_dead {
            return Err(PsamFault::Absent);
        }
        // What no module should be asked disturbs none.
        if let PsamRequest::Purchase(purchase) = request {
            purchase.check(&self.identity)?;
        }
        let dialogue = MacDialogue::of(request, self.mac_keys)?;
        let phase = self.interrupt();
        self.directory = Directory::Purchases;
        let of = |halt, command| match halt {
            Halt::Status(sw) => PsamFault::of_status(request, command, sw),
            Halt::Torn => PsamFault::Absent,
        };
        let answer = match request {
            PsamRequest::Purchase(purchase) => {
                let permit = self.init_purchase(&InitPurchase::from(purchase));
                permit
                    .map(|permit| PsamAnswer::Permit {
                        terminal_sequence: permit.terminal_sequence,
                        mac1: permit.mac1,
                    })
                    .map_err(|halt| (halt, InitPurchase::NAME))
            }
            PsamRequest::Credit(CreditRequest {
                terminal_sequence,
                mac2,
            }) => {
                let awaited = match &phase {
                    Phase::Purchase(awaited) => Some(awaited.terminal_sequence),
                    _ => None,
                };
                if awaited != Some(*terminal_sequence) {
                    // Another purchase is still awaited: it did nothing wrong.
                    self.phase = phase;
                    return Err(PsamFault::Superseded {
                        asked: *terminal_sequence,
                        awaited,
                    });
                }
                self.credit_purchase(&CreditPurchase { mac2: *mac2 }, phase)
                    .map(|()| PsamAnswer::Credited)
                    .map_err(|halt| (halt, CreditPurchase::NAME))
            }
            PsamRequest::Lock(_) | PsamRequest::UpdateMac(_) => {
                let dialogue = dialogue.expect("both of them have one");
                self.mac(&dialogue)
            }
        };
        answer.map_err(|(halt, command)| {
            self.is_dead |= halt == Halt::Torn;
            of(halt, command)
        })
    }

    fn mac(&mut self, dialogue: &MacDialogue) -> Result<PsamAnswer, (Halt, &'static str)> {
        self.deliver(&dialogue.deliver)
            .map_err(|halt| (halt, DeliverKey::NAME))?;
        let phase = self.interrupt();
        let answer = self
            .crypt(&dialogue.crypt, phase)
            .map_err(|halt| (halt, DesCrypt::NAME));
        self.interrupt();
        let code = answer?.first_chunk().copied();
        Ok(PsamAnswer::Mac(code.expect("a MAC has four bytes")))
    }
}

impl<M: Memory> Psam for SoftPsam<M> {
    fn identity(&self) -> &PsamIdentity {
        &self.identity
    }

    fn ask(&mut self, request: &PsamRequest) -> Result<PsamAnswer, PsamFault> {
        self.serve(request)
    }
}

impl<M> fmt::Debug for SoftPsam<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SoftPsam")
            .field("serial", &self.identity.serial)
            .field("terminal", &self.identity.terminal)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

/// How long the answer is, where that is known before the command is carried out.
const fn answer_len(request: &Request) -> Option<usize> {
    match request {
        Request::InitPurchase(_) => Some(Permit::LEN),
        Request::DesCrypt(crypt) if crypt.mode.is_mac() && !crypt.mode.goes_on() => Some(4),
        Request::DesCrypt(crypt) if !crypt.mode.is_mac() => Some(crypt.data.len()),
        _ => None,
    }
}

/// Refuses an Le that is neither the length nor "all".
fn fits(len: usize, le: Option<Le>) -> Result<(), Halt> {
    match le {
        None | Some(Le::ALL) => Ok(()),
        Some(le) if le.max() == len => Ok(()),
        Some(_) => Err(StatusWord::wrong_le(len).into()),
    }
}
