//! Terminals, their records and their lists, at the acquirer (受理机构).

use serde::{Deserialize, Serialize};

use crate::{ChainPlace, Hex, UploadChain};

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
    /// Their places in the terminal's chain, where it keeps one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<UploadChain>,
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
    /// Where it stands in the terminal's chain; absent when it came without its place there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<ChainPlace>,
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

/// The query of the card blacklist: `?after=N`, or `?after=N&to=M` for the rest of a file that
/// was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardBlacklistQuery {
    /// The version the terminal has; 0 for none.
    pub after: u64,
    /// The version that the file is to lead to; absent for the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<u64>,
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

/// Changes the card blacklist (黑名单); what is so already is no change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardBlacklistChange {
    /// What is listed from now on.
    #[serde(default)]
    pub listed: Vec<CardSpan>,
    /// What no longer is; each as it was listed.
    #[serde(default)]
    pub removed: Vec<CardSpan>,
}

/// Cards from one number to another, both of them included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardSpan {
    /// The first card number, 1 to 20 digits.
    pub low: String,
    /// The last; absent for one card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<String>,
}

/// A terminal's report of its lists, as it signed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoverageReport {
    /// The report's bytes.
    pub report: Hex,
}

/// The revocation list of a root, as the root's key signed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevocationsPut {
    /// The list's bytes.
    pub list: Hex,
}

/// The revocation list that is held now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevocationsView {
    /// Its version.
    pub version: u64,
}

/// Admits a PSAM (消费安全存取模块) to a terminal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PsamAdmit {
    /// Its serial number, 10 bytes.
    pub psam: Hex,
    /// The terminal number, 12 digits.
    pub terminal: String,
}

/// Withdraws a PSAM from the terminal where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PsamWithdraw {
    /// Its serial number, 10 bytes.
    pub psam: Hex,
}

/// The query of the coverage: all terminals, or with `?lagging=true` those only that lack
/// something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoverageQuery {
    /// Only terminals that have not the newest version of every list.
    #[serde(default)]
    pub lagging: bool,
}

/// Which lists the terminals have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoverageView {
    /// What they should have.
    pub in_force: ListsInForce,
    /// Registered terminals, in the order of their numbers.
    pub terminals: Vec<TerminalCoverage>,
}

/// The newest version of each list; 0 is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListsInForce {
    /// Version of the list bundle.
    pub version: u64,
    /// Version of the city list (城市名单).
    pub cities: u64,
    /// When every terminal must have that, Unix seconds: 15 days after the notice of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cities_due_s: Option<i64>,
    /// Version of the card blacklist (黑名单).
    pub card_blacklist: u64,
}

/// A list of which a terminal has an older version than the newest, or none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalLag {
    /// Which.
    pub list: ListKind,
    /// Since when something newer was there for it, Unix seconds; of the bundle, since when the
    /// newest was.
    pub since_s: i64,
}

/// A list that terminals are handed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListKind {
    /// The list bundle.
    Bundle,
    /// The city list (城市名单) in it.
    Cities,
    /// The card blacklist (黑名单).
    CardBlacklist,
}

/// Which lists a terminal has, by its last report; 0 is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalCoverage {
    /// The terminal number, 12 digits.
    pub terminal: String,
    /// When it made the report, Unix seconds; absent when it never reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported_at_s: Option<i64>,
    /// Version of its list bundle.
    pub version: u64,
    /// Version of its city list (城市名单).
    pub cities: u64,
    /// Since when it has that, Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cities_since_s: Option<i64>,
    /// Version of its card blacklist.
    pub card_blacklist: u64,
    /// It lacks the city list, 15 days after the notice of it.
    pub overdue: bool,
    /// What it has not the newest version of.
    pub lags: Vec<TerminalLag>,
}
