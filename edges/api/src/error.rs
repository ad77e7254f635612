//! The body of every answer that is not a success.

use serde::{Deserialize, Serialize};

/// Why a request was not served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiError {
    /// Stable word for programs, `area.reason`: `http.bad_body`, `clearing.duplicate_record`.
    pub code: String,
    /// What, where and what was expected, in English, for people.
    pub message: String,
}
