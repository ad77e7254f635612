//! Why a key room did not do something, and why it does not open.

use tongtu_audit::{Fault, LogRefusal, Word};
use tongtu_crypto::SignerFault;
use tongtu_hsm::{CustodyError, Label};
use tongtu_keyring::record::EventError;
use tongtu_keyring::register::RegisterRefusal;
use tongtu_keyring::{ExtractError, KeyNumber, Officer, Refusal, RefusedUse, Slot, ca};
use tongtu_keyroom::{OpenError, RoomFault, StoreError};
use tongtu_types::Timestamp;

use super::act::Book;
use super::approval::ApprovalError;
use super::audited::reason;
use super::cash::CashRefusal;

/// Why an approval does not hold here and now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApprovalRefusal {
    /// It is for another room.
    #[error("the approval is for another key room")]
    Room,
    /// Something happened in the book since, the same act perhaps.
    #[error(
        "the approval is for the {} book after event {found}, which is at event {expected} now",
        book.word()
    )]
    Stale {
        /// Which book.
        book: Book,
        /// For which state.
        found: u64,
        /// The state now.
        expected: u64,
    },
    /// It was carried out before.
    #[error("the approval was carried out before")]
    Used,
    /// Its time is over.
    #[error("the approval was good until before {until}, and it is {now}")]
    Over {
        /// Its end.
        until: Timestamp,
        /// Now.
        now: Timestamp,
    },
    /// It would be good for longer than a week.
    #[error("the approval is good until {until}, expected a week from {now} at most")]
    TooLong {
        /// Its end.
        until: Timestamp,
        /// Now.
        now: Timestamp,
    },
    /// Nobody signed, or too many.
    #[error("the approval has {found} signatures, expected {expected}")]
    Signatures {
        /// How many.
        found: usize,
        /// How many there can be.
        expected: &'static str,
    },
    /// A founding that is signed by others than its founders, or in another order.
    #[error("founder {number} did not sign at that place")]
    Founder {
        /// Which, from 1.
        number: usize,
    },
    /// A signature is not that of the officer's key over this act.
    #[error("the signature of officer {officer} does not verify")]
    Signature {
        /// Whose.
        officer: Officer,
    },
    /// The officer is not one now.
    #[error(transparent)]
    Officer(#[from] RegisterRefusal),
}

impl ApprovalRefusal {
    const fn code(&self) -> &'static str {
        match self {
            Self::Room => "approval.room",
            Self::Stale { .. } => "approval.stale",
            Self::Used => "approval.used",
            Self::Over { .. } => "approval.over",
            Self::TooLong { .. } => "approval.too_long",
            Self::Signatures { .. } => "approval.signatures",
            Self::Founder { .. } => "approval.founder",
            Self::Signature { .. } => "approval.signature",
            Self::Officer(refusal) => refusal.code(),
        }
    }
}

/// Why a key room did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RoomError {
    /// The approval.
    #[error(transparent)]
    Approval(#[from] ApprovalRefusal),
    /// The key book.
    #[error(transparent)]
    Key(#[from] Refusal),
    /// The certificate authority's book.
    #[error(transparent)]
    Authority(#[from] ca::Refusal),
    /// The officers' register.
    #[error(transparent)]
    Register(#[from] RegisterRefusal),
    /// The e-cash authority's book.
    #[error(transparent)]
    Cash(#[from] CashRefusal),
    /// A key may not be used so.
    #[error(transparent)]
    Use(#[from] RefusedUse),
    /// Only two of the nation's custodians hand a key out.
    #[error("a key is handed out by two of the nation's custodians")]
    Custodians,
    /// Only two of the nation's custodians let the register be signed.
    #[error("the institution register is signed by two of the nation's custodians")]
    RegisterCustodians,
    /// The bytes are not those that officers approved.
    #[error("the register is not the one that was approved")]
    OtherRegister,
    /// A key that does not do what it was named for.
    #[error("key {key} is {found}, expected {expected}")]
    WrongKey {
        /// The key.
        key: KeyNumber,
        /// What it is.
        found: String,
        /// What is needed.
        expected: &'static str,
    },
    /// There is no such key, or it is not made.
    #[error("key {key} is not made yet")]
    NotMade {
        /// The key.
        key: KeyNumber,
    },
    /// The book has no such key in use.
    #[error("no key {slot} is in use")]
    NoKeyInUse {
        /// City, purpose, algorithm.
        slot: Slot,
    },
    /// A key is derived from one of the nation's of its purpose and algorithm only.
    #[error("key {key} is not derived from key {upper}: that is not the nation's of its kind")]
    NotBelow {
        /// The key that was to be made.
        key: KeyNumber,
        /// The one that it was to come from.
        upper: KeyNumber,
    },
    /// The custody has another key under that label than the book.
    #[error("what `{label}` is in the custody is not what the book says")]
    OtherKey {
        /// The label.
        label: Label,
    },
    /// A container of another key than was asked for.
    #[error("the container holds `{found}`, expected `{expected}`")]
    Container {
        /// The label in it.
        found: Label,
        /// The label of the key that was to come.
        expected: Label,
    },
    /// The act is done with the custody open.
    #[error("this is done with the custody open")]
    NoCustody,
    /// The components or the container of a key are missing, or there are some for nothing.
    #[error("the key comes {expected}")]
    Material {
        /// How, in words.
        expected: &'static str,
    },
    /// The custody's file is older than the room knows: it was put back.
    #[error(
        "the custody's file is of generation {found}, the last step left generation {expected}: \
         an older file was put in its place"
    )]
    RolledBack {
        /// What it says.
        found: u64,
        /// What it should say.
        expected: u64,
    },
    /// The custody's file is another one.
    #[error("the custody's file of generation {found} is not the one that the last step left")]
    OtherFile {
        /// What it says.
        found: u64,
    },
    /// The custody's file was written by no step.
    #[error(
        "the custody's file is of generation {found}, the last step left generation {expected}: \
         it was written outside the key room"
    )]
    Ahead {
        /// What it says.
        found: u64,
        /// What it should say.
        expected: u64,
    },
    /// The last step was cut off while it was in the custody.
    #[error("`{deed}` was cut off: the key room must be mended first")]
    Unfinished {
        /// What was being done.
        deed: String,
    },
    /// Nothing was cut off.
    #[error("nothing was cut off: there is nothing to mend")]
    NothingToMend,
    /// The custody.
    #[error(transparent)]
    Custody(#[from] CustodyError),
    /// The audit chain.
    #[error(transparent)]
    Audit(#[from] LogRefusal),
    /// A value that cannot be written.
    #[error(transparent)]
    Event(#[from] EventError),
    /// The books cannot be handed out.
    #[error(transparent)]
    Extract(#[from] ExtractError),
    /// The files.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The room does not open.
    #[error(transparent)]
    Open(#[from] OpenError<StepFault>),
}

impl From<RoomFault> for RoomError {
    fn from(fault: RoomFault) -> Self {
        Self::Open(OpenError::Fault(fault))
    }
}

impl RoomError {
    /// The stable code, for audit lines, wires and documents.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Approval(refusal) => refusal.code(),
            Self::Key(refusal) => refusal.code(),
            Self::Authority(refusal) => refusal.code(),
            Self::Register(refusal) => refusal.code(),
            Self::Cash(refusal) => refusal.code(),
            Self::Use(_) => "room.use",
            Self::Custodians | Self::RegisterCustodians => "room.custodians",
            Self::OtherRegister => "room.other_register",
            Self::WrongKey { .. } => "room.wrong_key",
            Self::NotMade { .. } => "room.not_made",
            Self::NoKeyInUse { .. } => "room.no_key_in_use",
            Self::NotBelow { .. } => "room.not_below",
            Self::OtherKey { .. } => "room.other_key",
            Self::Container { .. } => "room.container",
            Self::NoCustody => "room.no_custody",
            Self::Material { .. } => "room.material",
            Self::RolledBack { .. } => "room.rolled_back",
            Self::OtherFile { .. } => "room.other_file",
            Self::Ahead { .. } => "room.ahead",
            Self::Unfinished { .. } => "room.unfinished",
            Self::NothingToMend => "room.nothing_to_mend",
            Self::Custody(_) => "custody",
            Self::Audit(_) => "audit",
            Self::Event(_) => "room.event",
            Self::Extract(_) => "room.extract",
            Self::Store(_) => "room.store",
            Self::Open(_) => "room.open",
        }
    }

    /// Whether a rule says no; otherwise something failed.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Approval(_)
                | Self::Key(_)
                | Self::Authority(_)
                | Self::Register(_)
                | Self::Cash(_)
                | Self::Use(_)
                | Self::Custodians
                | Self::RegisterCustodians
                | Self::OtherRegister
                | Self::WrongKey { .. }
                | Self::NotMade { .. }
                | Self::NoKeyInUse { .. }
                | Self::NotBelow { .. }
                | Self::Material { .. }
                | Self::Container { .. }
                | Self::NothingToMend
        )
    }

    /// What an audit line says of it; nothing for what is no answer to an officer.
    pub(crate) fn word(&self) -> Option<Word<30>> {
        match self {
            Self::Custody(error) => Some(reason(error)),
            Self::OtherKey { .. } => Word::parse(self.code()).ok(),
            _ if self.is_refusal() => Word::parse(self.code()).ok(),
            _ => None,
        }
    }
}

impl From<SignerFault> for RoomError {
    fn from(fault: SignerFault) -> Self {
        Self::Authority(ca::Refusal::from(fault))
    }
}

/// What is wrong with a step of a room that is opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StepFault {
    /// The approval's text.
    #[error(transparent)]
    Text(#[from] ApprovalError),
    /// The approval does not hold.
    #[error(transparent)]
    Approval(#[from] ApprovalRefusal),
    /// The bytes of an event.
    #[error(transparent)]
    Event(#[from] EventError),
    /// An event of the key book that cannot follow.
    #[error("event {number} of the key book: {refusal}")]
    Key {
        /// Its number.
        number: u64,
        /// Why not.
        refusal: Box<Refusal>,
    },
    /// An event of the authority's book that cannot follow.
    #[error("event {number} of the authority's book: {refusal}")]
    Authority {
        /// Its number.
        number: u64,
        /// Why not.
        refusal: Box<ca::Refusal>,
    },
    /// An event of the register that cannot follow.
    #[error("event {number} of the register: {refusal}")]
    Officer {
        /// Its number.
        number: u64,
        /// Why not.
        refusal: RegisterRefusal,
    },
    /// An event of the e-cash authority's book that cannot follow.
    #[error("event {number} of the e-cash authority's book: {refusal}")]
    Cash {
        /// Its number.
        number: u64,
        /// Why not.
        refusal: Box<CashRefusal>,
    },
    /// An event that no approval of this step is for.
    #[error("event {number} of the {} book was approved by nobody", book.word())]
    Unapproved {
        /// Which book.
        book: Book,
        /// Its number.
        number: u64,
    },
    /// A public key of anchors that is none, or not that of a key for anchors.
    #[error("a key of anchors that is none, or not that of a key in the book for them")]
    AnchorKey,
    /// A line or an anchor.
    #[error(transparent)]
    Audit(#[from] Fault),
}
