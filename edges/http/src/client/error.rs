//! Why a request brought no good answer.

use std::error::Error;

/// Why a request brought no good answer.
///
/// `request` names method and path pattern, never the values in it: fit for logs.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody answered, or not to the end: the request may or may not have been served.
    #[error("{request}: no whole answer from the node")]
    Unreachable {
        /// Method and path pattern.
        request: String,
        /// What happened on the way.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The node answered that it does not serve this request.
    #[error("{request}: refused with {status} {code}: {message}")]
    Refused {
        /// Method and path pattern.
        request: String,
        /// The HTTP status.
        status: u16,
        /// Stable word for programs, `area.reason`.
        code: String,
        /// Why, for people.
        message: String,
        /// Whether the node says that the same request may succeed later.
        retryable: bool,
    },
    /// The answer is not what this endpoint answers, or no request could be made.
    #[error("{request}: {what}")]
    Malformed {
        /// Method and path pattern.
        request: String,
        /// What was found, and what was expected.
        what: String,
        /// What is behind it.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
}

impl ClientError {
    /// Whether the same request may succeed later: every request is safe to repeat.
    #[must_use]
    pub const fn retryable(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused { retryable, .. } => *retryable,
            Self::Malformed { .. } => false,
        }
    }

    /// A stable word for programs: the node's own when it refused.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Unreachable { .. } => "client.unreachable",
            Self::Refused { code, .. } => code,
            Self::Malformed { .. } => "client.malformed_answer",
        }
    }
}

/// Makes [`ClientError::Malformed`] for one request.
#[derive(Debug)]
pub(super) struct Malformed {
    pub(super) request: String,
}

impl Malformed {
    pub(super) fn what(&self, what: String) -> ClientError {
        ClientError::Malformed {
            request: self.request.clone(),
            what,
            source: None,
        }
    }

    pub(super) fn because(
        &self,
        place: &'static str,
        source: impl Error + Send + Sync + 'static,
    ) -> ClientError {
        ClientError::Malformed {
            request: self.request.clone(),
            what: format!("{place} in the answer does not hold"),
            source: Some(Box::new(source)),
        }
    }
}
