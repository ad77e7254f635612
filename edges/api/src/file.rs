//! Exchange files between institutions.

use serde::{Deserialize, Serialize};

use crate::Hex;

/// The query of files that wait: `?receiver=CODE`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiverQuery {
    /// The receiving institution's code, 8 digits.
    pub receiver: String,
}

/// What waits for a receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesView {
    /// The files not yet confirmed, in the order of their making.
    pub files: Vec<FileInfo>,
}

/// A file that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileInfo {
    /// The file's name, 33 characters.
    pub name: String,
    /// The SM3 digest of its bytes, 32 bytes.
    pub digest: Hex,
    /// Its length in bytes.
    pub length: u64,
}

/// Every exchange file that a node has made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeFilesView {
    /// The files, by day, receiver and place.
    pub files: Vec<MadeFile>,
}

/// An exchange file that a node has made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeFile {
    /// Who was or is to have it, 8 digits.
    pub receiver: String,
    /// The file's name, 33 characters.
    pub name: String,
    /// The SM3 digest of its bytes, 32 bytes.
    pub digest: Hex,
    /// Its length in bytes.
    pub length: u64,
}

/// The answer to a delivered file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileReceipt {
    /// Whether it was new.
    pub receipt: ReceiptKind,
}

/// Whether a delivered file was new; both mean that it is safe here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptKind {
    /// It is stored now.
    Stored,
    /// The very same file was there already.
    Already,
}

/// The receiver has the file; it waits no longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileConfirm {
    /// The receiving institution's code, 8 digits.
    pub receiver: String,
    /// The SM3 digest of the bytes received, 32 bytes.
    pub digest: Hex,
}
