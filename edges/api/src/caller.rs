//! Whoever may call a node, and the envelopes of files.

use serde::{Deserialize, Serialize};

use crate::Hex;

/// Admits a caller; the same again changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallerAdmit {
    /// Institution code, dot, caller number: `01341000.OP-1`.
    pub caller: String,
    /// The role's word.
    pub role: String,
    /// Its first key: a compressed SM2 point, 33 bytes.
    pub public_key: Hex,
    /// Of a partner: first digits of the accounts it is admitted for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<String>,
    /// From when on it may call, Unix seconds; absent for now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_s: Option<i64>,
    /// Until when, Unix seconds; absent for no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_s: Option<i64>,
}

/// Announces a caller's new key; those before hold for the overlap and no longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallerRotate {
    /// The new key: a compressed SM2 point, 33 bytes.
    pub public_key: Hex,
    /// The new key's signature for itself, 64 bytes.
    pub proof: Hex,
    /// For how long the keys before still hold, seconds.
    pub overlap_s: i64,
}

/// What came of an act on a caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallerActed {
    /// Whether it waits for the same request by a second officer, and nothing was done yet.
    pub awaits: bool,
    /// Of an announced key that was taken: the number that its envelopes name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<u32>,
}

/// Disables a caller, or allows it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallerState {
    /// Whether it is to be disabled.
    pub disabled: bool,
}

/// Whoever may call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallersView {
    /// By name; terminals that only registered are not among them.
    pub callers: Vec<CallerView>,
    /// What one officer asked for and a second has not confirmed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub awaiting: Vec<CallerAwaitingView>,
}

/// What awaits a second officer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallerAwaitingView {
    /// The act in words: what, whose, as what, by which key.
    pub act: String,
    /// Who asked for it.
    pub asked_by: String,
    /// When, Unix seconds.
    pub asked_at_s: i64,
}

/// The query of acts: `?after=N`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallerActsQuery {
    /// The number of the last line that is known; 0 for none.
    pub after: u64,
}

/// What was done with callers, in the order of the node's chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallerActsView {
    /// Up to [`CALLER_ACTS_MAX`] of them; a full page goes on after its last.
    pub acts: Vec<CallerActView>,
}

/// Acts in one answer.
pub const CALLER_ACTS_MAX: usize = 500;

/// One act: a line of the chain, and the request that asked for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallerActView {
    /// The line, 192 bytes.
    pub line: Hex,
    /// The request; absent for a caller that stood in the settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<CallerActRequest>,
}

/// The request that asked for an act, with what it takes to check who did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallerActRequest {
    /// Method, space, target.
    pub target: String,
    /// The body as it came.
    pub content: Hex,
    /// The envelope, 158 bytes.
    pub envelope: Hex,
    /// The key under which it verified: a compressed SM2 point, 33 bytes.
    pub public_key: Hex,
}

/// A caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallerView {
    /// Its name.
    pub caller: String,
    /// Its role.
    pub role: String,
    /// First digits of a partner's accounts.
    pub accounts: Vec<String>,
    /// From when on it may call, Unix seconds.
    pub from_s: i64,
    /// Until when; absent for no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_s: Option<i64>,
    /// Whether it is disabled.
    pub disabled: bool,
    /// Its keys, past ones included.
    pub keys: Vec<CallerKeyView>,
}

/// A caller's key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallerKeyView {
    /// Its number.
    pub key: u32,
    /// A compressed SM2 point, 33 bytes.
    pub public_key: Hex,
    /// From when on it holds, Unix seconds.
    pub from_s: i64,
    /// Until when; absent for no end yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_s: Option<i64>,
}

/// The envelopes of the files that a node received and made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEnvelopesView {
    /// By sender, receiver and name.
    pub envelopes: Vec<FileEnvelopeView>,
}

/// The envelope of one file, and what it takes to check it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEnvelopeView {
    /// The file's name.
    pub name: String,
    /// SM3 of its content, 32 bytes.
    pub content: Hex,
    /// The envelope, 158 bytes.
    pub envelope: Hex,
    /// The key under which it verified: a compressed SM2 point, 33 bytes.
    pub public_key: Hex,
    /// When it was kept, Unix seconds.
    pub kept_at_s: i64,
}
