//! Why a call was not done, for any transport.

use tongtu_sql::StoreError;

/// The kind of an error, from which a transport makes its status.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StatusKind {
    /// What was named is not here.
    NotFound,
    /// Understood, and not done for a reason of the domain.
    Refused,
    /// It contradicts what is here.
    Conflict,
    /// The request itself is not one.
    Invalid,
    /// Not now; the same may work later.
    Unavailable,
    /// A fault of ours.
    Fault,
}

/// Why a call was not done. `Display` is for the caller; what only we should know is the source.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The call has no body yet.
    #[error("not finished yet")]
    Unfinished,
    /// The store failed.
    #[error("the node's store failed")]
    Store(#[from] StoreError),
}

impl ServiceError {
    /// The stable code of the variant.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unfinished => "node.unfinished",
            Self::Store(_) => "node.store",
        }
    }

    /// Whether the very same call may succeed later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        matches!(self.status_kind(), StatusKind::Unavailable)
    }

    /// The kind, from which a transport makes its status.
    #[must_use]
    pub fn status_kind(&self) -> StatusKind {
        match self {
            Self::Unfinished => StatusKind::Unavailable,
            Self::Store(_) => StatusKind::Fault,
        }
    }
}
