//! Papers that go from node to node, and notes of keys that go up.

use serde::{Deserialize, Serialize};

use crate::Hex;

/// The papers that a node goes by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PapersView {
    /// One of each kind.
    pub papers: Vec<PaperView>,
}

/// A paper in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaperView {
    /// Which: `register`, `key-book`, `revocations-` and a root's index in hex.
    pub paper: String,
    /// Rises with every newer one.
    pub version: u64,
    /// When it was made.
    pub made_at_s: i64,
    /// How long ago that is, by the node's clock; absent where that says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_s: Option<i64>,
    /// The SM3 digest of its bytes, 32 bytes.
    pub digest: Hex,
    /// Its length in bytes.
    pub length: u64,
}

/// Notes of keys that a node brings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyNotesPut {
    /// Whose node brings them, 8 digits.
    pub institution: String,
    /// Its own and those of nodes below it.
    pub notes: Vec<KeyNote>,
}

/// What was done with a key, or asked of it and refused; once a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyNote {
    /// Whose node noted it, 8 digits.
    pub institution: String,
    /// The key's number in the book; 0 for one that the book does not have.
    pub key: u32,
    /// The city that it was asked for, 4 digits.
    pub city: String,
    /// The purpose, as the book has it.
    pub purpose: u8,
    /// To make or to accept, as the book has it.
    pub usage: u8,
    /// Why it was refused, as the book has it; 0 for a use.
    pub ground: u8,
    /// When first this day.
    pub at_s: i64,
}

/// What became of notes that were brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyNotesTaken {
    /// Taken now.
    pub new: u64,
    /// Taken before.
    pub already: u64,
}

/// The notes of keys that a node has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyNotesView {
    /// In the order in which they came.
    pub notes: Vec<KeyNote>,
    /// SM3 over all of them, 32 bytes: they are carried to the key room by hand, as a file.
    pub digest: Hex,
}
