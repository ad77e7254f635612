//! Papers that go from node to node, notes of keys that go up, and the chain of what keys did.

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

/// The query of key uses: `?after=N`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyUsesQuery {
    /// The number of the last line that is known; 0 for none.
    pub after: u64,
}

/// A piece of the chain of what the node's keys were used for. `tongtu audit verify` reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyUsesView {
    /// Lines after the one that is known, in order; not all at once, and none where there are no more.
    pub lines: Vec<KeyUseLine>,
    /// Every anchor of the chain, 157 bytes each.
    pub anchors: Vec<Hex>,
    /// The keys that signed them.
    pub anchor_keys: Vec<KeyUseAnchorKey>,
}

/// A line of that chain, and what is said beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyUseLine {
    /// The line, 192 bytes.
    pub line: Hex,
    /// The use that it is about, in full, 112 bytes.
    #[serde(rename = "use")]
    pub said: Hex,
}

/// A key of anchors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyUseAnchorKey {
    /// Its number in the key book.
    pub number: u32,
    /// The public key, 33 bytes.
    pub public_key: Hex,
}
