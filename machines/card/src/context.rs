//! What an applet may touch while it handles one command, and how its work ends early.
//!
//! Here: its objects and everything else through [`Context`], [`Halt`], personalisation data
//! ([`DataGroup`]). Not here: any applet.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use tongtu_apdu::{Command, Malformed, StatusWord};
use tongtu_crypto::Entropy;
use tongtu_types::MediumId;
use zeroize::Zeroizing;

use crate::Interface;
use crate::journal::{Batch, CommitError, ObjectId};
use crate::memory::Torn;
use crate::registry::{CARD, CARD_BLOCKED, ENTRIES, ISSUER, MEDIUM_ID, Registry};

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

/// Refuses an Le that asks for another length than the answer has.
pub(crate) fn fit(command: &Command, len: usize) -> Result<(), Halt> {
    match command.le {
        Some(le) if le.byte() != 0 && le.max() != len => Err(StatusWord::wrong_le(len).into()),
        _ => Ok(()),
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

    /// Stages the registry as it is now.
    pub(crate) fn put_registry(&mut self) {
        let bytes = self.registry.encode();
        self.put_of(ObjectId::new(CARD, ENTRIES), bytes);
    }

    /// The secure element's medium id (支付账户介质识别码), once the issuer domain has it.
    pub(crate) fn medium_id(&self) -> Option<MediumId> {
        MediumId::from_packed(self.get_of(ObjectId::new(ISSUER, MEDIUM_ID))?).ok()
    }

    /// Whether the e-purse's CARD BLOCK was carried out: no application answers any more.
    pub(crate) fn is_card_blocked(&self) -> bool {
        self.get_of(CARD_BLOCKED).is_some()
    }

    /// Unpredictable bytes.
    pub(crate) fn random<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        self.entropy.fill(&mut out);
        out
    }
}
