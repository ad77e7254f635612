//! Why a key was not used.

use tongtu_hsm::{CustodyError, Label};
use tongtu_keyring::{Check, ExtractError, KeyNumber, RefusedUse, Slot};

use tongtu_types::Timestamp;

use crate::StatusKind;

/// Why a key was not used. No message shows anything of a key but its check value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFault {
    /// The book does not permit it. Noted, and raised as an alarm.
    #[error(transparent)]
    Refused(RefusedUse),
    /// The book has no key for this, or none that makes anything now.
    #[error("the key book has no key for {slot} that may be used now")]
    Missing {
        /// City, purpose and algorithm.
        slot: Slot,
    },
    /// The book permits a key that this node's custody does not have.
    #[error("key {key} is not in this node's custody")]
    NotHeld {
        /// Its number in the book.
        key: KeyNumber,
    },
    /// A key in custody is not the one that the book has under its name.
    #[error("`{label}` in custody has {found}, the key book says {expected}")]
    Differs {
        /// Its label.
        label: Label,
        /// What is in custody.
        found: Check,
        /// What the book says.
        expected: Check,
    },
    /// The node was given no book.
    #[error("this node has no key book")]
    NoBook,
    /// The books in force are too old to use a key by.
    #[error("the extract of the key book is of {made_at}, expected one of the last {good_s} s")]
    BookOver {
        /// When it was made.
        made_at: Timestamp,
        /// How old it may be, seconds.
        good_s: i64,
    },
    /// An extract of an earlier day than the one in force.
    #[error("the extract of the key book is of {offered}, expected {held} or later")]
    BookEarlier {
        /// When it was made.
        offered: Timestamp,
        /// When the one in force was.
        held: Timestamp,
    },
    /// The node has no custody.
    #[error("this node has no custody of keys")]
    NoCustody,
    /// The custody did not do it.
    #[error("the custody of keys did not do what it was asked")]
    Custody(#[from] CustodyError),
    /// The chain of key uses in the node's store does not go on from its end: it was changed.
    #[error("the chain of key uses in the node's store does not go on")]
    Chain(#[source] tongtu_audit::Fault),
    /// No line, without which no key is used.
    #[error("the chain of key uses takes no line")]
    Line(#[source] tongtu_audit::LogRefusal),
    /// An extract of the book does not hold.
    #[error("the extract of the key book does not hold")]
    Extract(#[from] ExtractError),
}

impl KeyFault {
    /// The stable code of the variant.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused(_) => "keys.refused",
            Self::Missing { .. } => "keys.missing",
            Self::NotHeld { .. } => "keys.not_held",
            Self::Differs { .. } => "keys.differs",
            Self::NoBook => "keys.no_book",
            Self::BookOver { .. } => "keys.book_over",
            Self::BookEarlier { .. } => "keys.book_earlier",
            Self::NoCustody => "keys.no_custody",
            Self::Custody(_) => "keys.custody",
            Self::Chain(_) => "keys.chain",
            Self::Line(_) => "keys.line",
            Self::Extract(_) => "keys.extract",
        }
    }

    /// The kind, from which a transport makes its status.
    #[must_use]
    pub const fn status_kind(&self) -> StatusKind {
        match self {
            Self::Refused(_) | Self::Missing { .. } => StatusKind::Refused,
            // The same works once a newer extract is here.
            Self::BookOver { .. } => StatusKind::Unavailable,
            _ => StatusKind::Fault,
        }
    }
}
