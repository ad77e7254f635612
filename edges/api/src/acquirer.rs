//! Terminals, their records and their lists, at the acquirer (受理机构).

use serde::{Deserialize, Serialize};

use crate::Hex;

/// Registers a terminal; the same again changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TerminalRegister {
    /// The terminal number (终端机编号), 12 digits.
    pub terminal: String,
    /// The terminal certificate's serial number, 4 bytes.
    pub serial: Hex,
    /// The key that signs its records: a compressed SM2 point, 33 bytes.
    pub public_key: Hex,
}

/// Uploads ride records of one terminal, at most 8 MiB of JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordsUpload {
    /// The records, each as the terminal signed it.
    pub records: Vec<Hex>,
}

/// What became of every record of an upload; all are acknowledged, none is to be sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordsUploaded {
    /// One outcome per record, in the order of the upload.
    pub outcomes: Vec<UploadOutcome>,
}

/// What became of one record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadOutcome {
    /// The record's id, 43 digits; absent when it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// What became of it.
    #[serde(flatten)]
    pub kind: UploadKind,
}

/// What became of one record; `kind` in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum UploadKind {
    /// It is stored and will be cleared.
    Stored,
    /// The very same record was there already.
    Duplicate,
    /// Another record has its place; this one is kept as evidence.
    Conflict {
        /// Which place.
        reason: String,
    },
    /// It does not hold; kept as evidence.
    Refused {
        /// What does not hold.
        reason: String,
    },
}

/// The query of the lists: `?after=N`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListsQuery {
    /// The version the terminal has; 0 for none.
    pub after: u64,
}

/// The lists for terminals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListsView {
    /// The bundle as the acquirer signed it.
    pub bundle: Hex,
}

/// Adds accounts to the blacklist (黑名单).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlacklistAdd {
    /// User account numbers, 1 to 20 digits each.
    pub accounts: Vec<String>,
}

/// The lists after a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlacklistView {
    /// The lists' new version.
    pub version: u64,
}
