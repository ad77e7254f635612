//! The chain over a terminal's records, as it travels with an upload and as its acquirer sees it.

use serde::{Deserialize, Serialize};

use crate::Hex;

/// The places of an upload's records in their terminal's chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UploadChain {
    /// One place per record, in the order of the records.
    pub links: Vec<ChainLink>,
    /// The terminal's signature over its number and all places, 64 bytes.
    pub seal: Hex,
}

/// The place of one record in its terminal's chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainLink {
    /// The record's number in its terminal, from 1.
    pub number: u64,
    /// The chain's value before it, 32 bytes.
    pub before: Hex,
    /// The chain's value at it, 32 bytes.
    pub value: Hex,
}

/// Begins a terminal's chain anew, because its memory was replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainBeginAnew {
    /// Why, in the operator's words; 1 to 500 bytes.
    pub reason: String,
}

/// Where a record stands in its terminal's chain; `place` in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "place", rename_all = "snake_case")]
pub enum ChainPlace {
    /// It follows on all before it.
    Next,
    /// It was there, the same.
    Again,
    /// It is older than the chain is followed.
    Old,
    /// One before it has not come yet.
    Ahead,
    /// It does not hold; the record is kept all the same.
    Fault {
        /// What does not hold.
        reason: String,
    },
}

/// The chains of all terminals that upload with one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainsView {
    /// One per terminal, in the order of their numbers.
    pub chains: Vec<ChainView>,
}

/// A terminal's chain as far as its acquirer follows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainView {
    /// The terminal number, 12 digits.
    pub terminal: String,
    /// The newest record up to which nothing is missing; 0 is none.
    pub tip: u64,
    /// The chain's value there, 32 bytes.
    pub value: Hex,
    /// Where at least one record is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<ChainGap>,
    /// Records that wait for a missing one.
    pub waiting: u64,
    /// Records that do not hold.
    pub faults: Vec<ChainFaultView>,
    /// The terminal's chains that are followed no further, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended: Vec<ChainEnded>,
}

/// A chain that is followed no further, because its terminal's memory was replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainEnded {
    /// How far it was followed.
    pub tip: u64,
    /// The chain's value there, 32 bytes.
    pub value: Hex,
    /// When another began, Unix seconds.
    pub at_s: i64,
    /// Why.
    pub reason: String,
}

/// Numbers among which at least one record is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainGap {
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
}

/// A record that does not fit into its terminal's chain; it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainFaultView {
    /// Its number in its terminal.
    pub number: u64,
    /// Its SM3.
    pub record: Hex,
    /// When it came, Unix seconds.
    pub arrived_at_s: i64,
    /// What does not hold.
    pub reason: String,
}
