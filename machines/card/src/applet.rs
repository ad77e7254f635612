//! What an applet is to the card: code without memory of its own.
//!
//! Here: the list of built-in applets ([`AppletKind`]), what one may touch ([`Context`]), how
//! its work ends early ([`Halt`]), and the volatile state of a selected one ([`Session`]).
//! An applet is a module with five items of these shapes:
//!
//! ```text
//! install(ctx, parameters)   -> Result<(), Halt>                 stages its first objects
//! personalise(ctx, groups)   -> Result<(), Halt>                 stages what the groups say
//! select(ctx)                -> Result<(Session, Response), Halt>
//! Session::process(ctx, cmd) -> Result<Response, Halt>
//! Session                                                        gone at reset and re-selection
//! ```
//!
//! `install` and `personalise` stage and do not commit: the caller commits them with the
//! registry's change as one batch. In `process` the applet commits itself, once per command.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use tongtu_apdu::{Command, Malformed, Response, StatusWord};
use tongtu_crypto::Entropy;
use zeroize::Zeroizing;

use crate::journal::{Batch, CommitError, ObjectId};
use crate::memory::Torn;
use crate::registry::Registry;
use crate::{Interface, domain, ecash, foreign, identity, ppse, purse, ride_code};

/// The built-in applets. Load files bind their module AIDs to one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum AppletKind {
    /// A security domain (安全域).
    Domain,
    /// The e-purse (电子钱包).
    Purse,
    /// The e-cash (电子现金).
    Ecash,
    /// The NFC ride code (NFC 二维码).
    RideCode,
    /// The identity application (身份认证应用).
    Identity,
    /// The directory PPSE (近距离支付系统环境).
    Ppse,
    /// An applet of a load file whose code we cannot run.
    Foreign,
}

/// Why an applet stops before its ordinary answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Halt {
    /// The command is answered with this status word alone.
    Status(StatusWord),
    /// Power was lost; nobody hears an answer.
    Torn,
}

impl From<StatusWord> for Halt {
    fn from(sw: StatusWord) -> Self {
        Self::Status(sw)
    }
}

impl From<Malformed> for Halt {
    fn from(malformed: Malformed) -> Self {
        Self::Status(malformed.status())
    }
}

impl From<Torn> for Halt {
    fn from(Torn: Torn) -> Self {
        Self::Torn
    }
}

impl From<CommitError> for Halt {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::NoRoom { .. } => Self::Status(StatusWord::NO_ROOM),
            CommitError::Torn(Torn) => Self::Torn,
        }
    }
}

/// One personalisation data group (个人化数据分组): its identifier and value, already deciphered.
///
/// BER-TLV personalisation comes in the same form, the tag as identifier.
pub(crate) struct DataGroup {
    /// The DGI, or the tag.
    pub(crate) id: u16,
    /// The value in clear.
    pub(crate) value: Zeroizing<Vec<u8>>,
}

/// The journal as an applet's context sees it.
pub(crate) trait Objects {
    /// The object, as last committed.
    fn get(&self, id: ObjectId) -> Option<&[u8]>;
    /// The objects of an owner.
    fn ids(&self, owner: u16) -> Vec<ObjectId>;
    /// Makes a batch durable, whole.
    fn commit(&mut self, batch: Batch) -> Result<(), CommitError>;
    /// Bytes that new objects may take.
    fn free(&self) -> usize;
}

/// What an applet may touch while it handles one command.
pub(crate) struct Context<'a> {
    /// The applet's number in the registry: the owner of its objects.
    pub(crate) owner: u16,
    /// Randomness.
    pub(crate) entropy: &'a mut dyn Entropy,
    /// The registry as it is; an applet other than a domain only reads it.
    pub(crate) registry: &'a mut Registry,
    /// How the reader reaches the card.
    pub(crate) interface: Interface,
    objects: &'a mut dyn Objects,
    staged: Batch,
}

impl<'a> Context<'a> {
    pub(crate) fn new(
        owner: u16,
        objects: &'a mut dyn Objects,
        registry: &'a mut Registry,
        entropy: &'a mut dyn Entropy,
        interface: Interface,
    ) -> Self {
        Self {
            owner,
            entropy,
            registry,
            interface,
            objects,
            staged: Batch::default(),
        }
    }

    /// One of the applet's objects: as staged, else as committed.
    pub(crate) fn get(&self, number: u16) -> Option<&[u8]> {
        self.get_of(ObjectId::new(self.owner, number))
    }

    /// Any object of the card, for the card manager.
    pub(crate) fn get_of(&self, id: ObjectId) -> Option<&[u8]> {
        match self.staged.get(id) {
            Some(staged) => staged,
            None => self.objects.get(id),
        }
    }

    /// Stages a value of one of the applet's objects.
    pub(crate) fn put(&mut self, number: u16, value: impl Into<Vec<u8>>) {
        self.put_of(ObjectId::new(self.owner, number), value);
    }

    /// Stages a value of any object, for the card manager.
    pub(crate) fn put_of(&mut self, id: ObjectId, value: impl Into<Vec<u8>>) {
        self.staged.put(id, value);
    }

    /// Stages the removal of one of the applet's objects.
    pub(crate) fn remove(&mut self, number: u16) {
        self.remove_of(ObjectId::new(self.owner, number));
    }

    /// Stages the removal of any object, for the card manager.
    pub(crate) fn remove_of(&mut self, id: ObjectId) {
        self.staged.remove(id);
    }

    /// The objects of an owner: as staged, else as committed.
    pub(crate) fn ids_of(&self, owner: u16) -> Vec<ObjectId> {
        let staged = self.staged.ids().filter(|id| id.owner == owner);
        let all: BTreeSet<_> = self.objects.ids(owner).into_iter().chain(staged).collect();
        all.into_iter()
            .filter(|id| self.get_of(*id).is_some())
            .collect()
    }

    /// Bytes that new objects may take, before what is staged.
    pub(crate) fn free(&self) -> usize {
        self.objects.free()
    }

    /// Makes everything staged durable, as one frame. The one place where state changes.
    ///
    /// # Errors
    /// [`Halt::Status`] with `6A84` when the memory is full (nothing changed), [`Halt::Torn`]
    /// when power is lost.
    pub(crate) fn commit(&mut self) -> Result<(), Halt> {
        let batch = core::mem::take(&mut self.staged);
        self.objects.commit(batch)?;
        Ok(())
    }

    /// Forgets what is staged.
    pub(crate) fn discard(&mut self) {
        self.staged = Batch::default();
    }

    /// Whether something is staged and not committed.
    pub(crate) fn is_dirty(&self) -> bool {
        !self.staged.is_empty()
    }

    /// Runs `work` as the applet `owner`, with the same staged batch: how a domain installs or
    /// personalises an application.
    pub(crate) fn acting_as<T>(&mut self, owner: u16, work: impl FnOnce(&mut Self) -> T) -> T {
        let own = core::mem::replace(&mut self.owner, owner);
        let result = work(self);
        self.owner = own;
        result
    }

    /// Unpredictable bytes.
    pub(crate) fn random<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        self.entropy.fill(&mut out);
        out
    }
}

/// The volatile state of a selected applet: gone at reset and at the next selection.
pub(crate) enum Session {
    Domain(Box<domain::Session>),
    Purse(purse::Session),
    Ecash(ecash::Session),
    RideCode(ride_code::Session),
    Identity(identity::Session),
    Ppse(ppse::Session),
    Foreign(foreign::Session),
}

impl AppletKind {
    /// Stages the first objects of a new instance.
    pub(crate) fn install(self, ctx: &mut Context<'_>, parameters: &[u8]) -> Result<(), Halt> {
        match self {
            Self::Domain => domain::install(ctx, parameters),
            Self::Purse => purse::install(ctx, parameters),
            Self::Ecash => ecash::install(ctx, parameters),
            Self::RideCode => ride_code::install(ctx, parameters),
            Self::Identity => identity::install(ctx, parameters),
            Self::Ppse => ppse::install(ctx, parameters),
            Self::Foreign => foreign::install(ctx, parameters),
        }
    }

    /// Stages what personalisation data say.
    pub(crate) fn personalise(
        self,
        ctx: &mut Context<'_>,
        groups: &[DataGroup],
    ) -> Result<(), Halt> {
        match self {
            Self::Domain => domain::personalise(ctx, groups),
            Self::Purse => purse::personalise(ctx, groups),
            Self::Ecash => ecash::personalise(ctx, groups),
            Self::RideCode => ride_code::personalise(ctx, groups),
            Self::Identity => identity::personalise(ctx, groups),
            Self::Ppse => ppse::personalise(ctx, groups),
            Self::Foreign => foreign::personalise(ctx, groups),
        }
    }

    /// Begins a session; the response carries FCI and the status word of the selection.
    pub(crate) fn select(self, ctx: &mut Context<'_>) -> Result<(Session, Response), Halt> {
        Ok(match self {
            Self::Domain => {
                let (session, response) = domain::select(ctx)?;
                (Session::Domain(Box::new(session)), response)
            }
            Self::Purse => {
                let (session, response) = purse::select(ctx)?;
                (Session::Purse(session), response)
            }
            Self::Ecash => {
                let (session, response) = ecash::select(ctx)?;
                (Session::Ecash(session), response)
            }
            Self::RideCode => {
                let (session, response) = ride_code::select(ctx)?;
                (Session::RideCode(session), response)
            }
            Self::Identity => {
                let (session, response) = identity::select(ctx)?;
                (Session::Identity(session), response)
            }
            Self::Ppse => {
                let (session, response) = ppse::select(ctx)?;
                (Session::Ppse(session), response)
            }
            Self::Foreign => {
                let (session, response) = foreign::select(ctx)?;
                (Session::Foreign(session), response)
            }
        })
    }
}

impl Session {
    /// A command on this channel went past the applet: what only the next command could have
    /// gone on with is over.
    pub(crate) fn interrupt(&mut self) {
        match self {
            Self::Purse(session) => session.interrupt(),
            Self::RideCode(session) => session.interrupt(),
            _ => {}
        }
    }

    /// Handles one command on the session's applet.
    ///
    /// The class byte has its channel bits cleared: `00`, `80`, `04` or `84`.
    pub(crate) fn process(
        &mut self,
        ctx: &mut Context<'_>,
        command: &Command,
    ) -> Result<Response, Halt> {
        match self {
            Self::Domain(session) => session.process(ctx, command),
            Self::Purse(session) => session.process(ctx, command),
            Self::Ecash(session) => session.process(ctx, command),
            Self::RideCode(session) => session.process(ctx, command),
            Self::Identity(session) => session.process(ctx, command),
            Self::Ppse(session) => session.process(ctx, command),
            Self::Foreign(session) => session.process(ctx, command),
        }
    }
}
