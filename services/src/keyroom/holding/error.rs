//! Why a holder's custody did not do something, and why it does not open.

use tongtu_audit::{Fault, LogRefusal, Word};
use tongtu_crypto::SignerFault;
use tongtu_hsm::CustodyError;
use tongtu_keyring::code::Stage;
use tongtu_keyring::register::FAILURES_MAX;
use tongtu_keyring::{Check, ExtractError, KeyNumber, Officer, OfficerNumber, RefusedUse};
use tongtu_keyroom::{OpenError, RoomFault, StoreError};
use tongtu_types::{InstitutionCode, Timestamp};

use super::super::approval::ApprovalError;
use super::super::audited::reason;
use super::super::error::RoomError;

/// The rule that says no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HoldingRefusal {
    /// It is for another custody.
    #[error("the approval is for another custody")]
    Custody,
    /// Something was carried out since, the same act perhaps.
    #[error("the approval is for the custody after {found} acts, which is after {expected} now")]
    Stale {
        /// For which state.
        found: u64,
        /// The state now.
        expected: u64,
    },
    /// Its time is over, or it would be good for longer than a week.
    #[error("the approval is good until before {until}, expected later than {now}, a week at most")]
    Term {
        /// Its end.
        until: Timestamp,
        /// Now.
        now: Timestamp,
    },
    /// Not two.
    #[error("the approval has {found} signatures, expected those of two custodians of the holder")]
    Two {
        /// How many.
        found: usize,
    },
    /// Somebody else.
    #[error("officer {officer} is no custodian of this custody")]
    Custodian {
        /// Who.
        officer: Officer,
    },
    /// One person twice.
    #[error("custodian {officer} signed twice, expected two persons")]
    Twice {
        /// Who.
        officer: Officer,
    },
    /// A signature is not that of the custodian's key over this act.
    #[error("the signature of custodian {officer} does not verify")]
    Signature {
        /// Whose.
        officer: Officer,
    },
    /// A custody is founded once, and before anything else.
    #[error("a custody is founded once, by its first act")]
    Founding,
    /// There is one of this number or with this key, or there was.
    #[error("custodian {number} is entered already, or the key is or was somebody's")]
    Entered {
        /// Who.
        number: OfficerNumber,
    },
    /// There is none of this number.
    #[error("there is no custodian {number}")]
    NoCustodian {
        /// Who.
        number: OfficerNumber,
    },
    /// Too many wrong passphrases: none is looked at for a while.
    #[error(
        "no passphrase of custodian {officer} is looked at before {until}, after {FAILURES_MAX} \
         wrong ones or more; two other custodians can end the wait"
    )]
    Waits {
        /// Who.
        officer: Officer,
        /// Until when.
        until: Timestamp,
    },
    /// Not so many were wrong that there is a wait.
    #[error("custodian {number} has no wait after wrong passphrases")]
    NoWait {
        /// Who.
        number: OfficerNumber,
    },
    /// Whoever waits does not end it.
    #[error("the wait of custodian {number} is ended by two others")]
    OwnWait {
        /// Who.
        number: OfficerNumber,
    },
    /// Nothing could be done any more.
    #[error("two custodians remain at least")]
    LastTwo,
    /// It is there already.
    #[error("key {key} is in the custody already")]
    Held {
        /// Which.
        key: KeyNumber,
    },
    /// It is not there.
    #[error("key {key} is not in the custody")]
    NotHeld {
        /// Which.
        key: KeyNumber,
    },
    /// An act that goes by the book was brought without it, or with another one than was signed for.
    #[error("the act goes by the extract that was made at {expected}, which is not the one here")]
    OtherBook {
        /// Which was signed for.
        expected: Timestamp,
    },
    /// An older book than one that was gone by.
    #[error("the extract was made at {offered}, expected {held} or later")]
    BookOlder {
        /// When this one was made.
        offered: Timestamp,
        /// When the last one was made.
        held: Timestamp,
    },
    /// A book that is too old.
    #[error("the extract was made at {made_at}, which is more than 15 days before {now}")]
    BookOver {
        /// When it was made.
        made_at: Timestamp,
        /// Now.
        now: Timestamp,
    },
    /// The book has no such key.
    #[error("the key book has no key {key}")]
    NotInBook {
        /// Which.
        key: KeyNumber,
    },
    /// A key of somebody else.
    #[error("key {key} is held by {found}, expected {expected}")]
    Holder {
        /// Which.
        key: KeyNumber,
        /// The holder by the book.
        found: InstitutionCode,
        /// Whose custody this is.
        expected: InstitutionCode,
    },
    /// A key that was not made, or whose life is over.
    #[error("key {key} is {found} by the key book, expected {expected}")]
    Stage {
        /// Which.
        key: KeyNumber,
        /// The stage by the book.
        found: Stage,
        /// What can be.
        expected: &'static str,
    },
    /// Another key than the book has.
    #[error("key {key} has check value {found}, expected {expected} by the key book")]
    Check {
        /// Which.
        key: KeyNumber,
        /// What came.
        found: Check,
        /// What the book says.
        expected: Check,
    },
    /// A key that does not come in components.
    #[error("key {key} comes in a container: components are for 3DES, SM4 and AES")]
    Algorithm {
        /// Which.
        key: KeyNumber,
    },
}

impl HoldingRefusal {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Custody => "holding.custody",
            Self::Stale { .. } => "holding.stale",
            Self::Term { .. } => "holding.term",
            Self::Two { .. } => "holding.two",
            Self::Custodian { .. } => "holding.custodian",
            Self::Twice { .. } => "holding.twice",
            Self::Signature { .. } => "holding.signature",
            Self::Founding => "holding.founding",
            Self::Entered { .. } => "holding.entered",
            Self::NoCustodian { .. } => "holding.no_custodian",
            Self::Waits { .. } => "holding.waits",
            Self::NoWait { .. } => "holding.no_wait",
            Self::OwnWait { .. } => "holding.own_wait",
            Self::LastTwo => "holding.last_two",
            Self::Held { .. } => "holding.held",
            Self::NotHeld { .. } => "holding.not_held",
            Self::OtherBook { .. } => "holding.other_book",
            Self::BookOlder { .. } => "holding.book_older",
            Self::BookOver { .. } => "holding.book_over",
            Self::NotInBook { .. } => "holding.not_in_book",
            Self::Holder { .. } => "holding.holder",
            Self::Stage { .. } => "holding.stage",
            Self::Check { .. } => "holding.check",
            Self::Algorithm { .. } => "holding.algorithm",
        }
    }
}

/// Why a holder's custody did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HoldingError {
    /// A rule says no.
    #[error(transparent)]
    Refused(#[from] HoldingRefusal),
    /// The key in the custody, its file or its use: what a key room says of its own.
    #[error(transparent)]
    Room(#[from] RoomError),
    /// It does not open.
    #[error(transparent)]
    Open(#[from] OpenError<HoldingFault>),
}

impl HoldingError {
    /// Whether a rule says no; otherwise something failed.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        match self {
            Self::Refused(_) => true,
            Self::Room(error) => error.is_refusal(),
            Self::Open(_) => false,
        }
    }

    /// What an audit line says of it; nothing for what is no answer to a custodian.
    pub(super) fn word(&self) -> Option<Word<30>> {
        match self {
            Self::Refused(refusal) => Word::parse(refusal.code()).ok(),
            Self::Room(RoomError::Custody(error)) => Some(reason(error)),
            Self::Room(error) => error.word(),
            Self::Open(_) => None,
        }
    }
}

macro_rules! of_room {
    ($($error:ty),*) => {
        $(impl From<$error> for HoldingError {
            fn from(error: $error) -> Self {
                Self::Room(error.into())
            }
        })*
    };
}
of_room!(
    CustodyError,
    StoreError,
    RoomFault,
    LogRefusal,
    ExtractError,
    RefusedUse,
    SignerFault
);

/// What is wrong with a step of a holder's custody that is opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HoldingFault {
    /// The approval's text.
    #[error(transparent)]
    Text(#[from] ApprovalError),
    /// The approval does not hold, or the act cannot follow.
    #[error(transparent)]
    Refused(#[from] HoldingRefusal),
    /// Something that a holder's custody does not keep.
    #[error("an entry that a holder's custody does not have: is this a key room?")]
    Part,
    /// A public key of anchors that is none, or a second one.
    #[error("a key of anchors that is none, or a second one")]
    AnchorKey,
    /// A line or an anchor.
    #[error(transparent)]
    Audit(#[from] Fault),
}
