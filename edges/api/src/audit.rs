//! What an auditor reads: balances, rides, refusals.

use serde::{Deserialize, Serialize};

use crate::{AmountE7, Hex};

/// All balances of a node's books.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerView {
    /// Every account with its balance.
    pub balances: Vec<BalanceView>,
    /// The sum of all balances, in 10^-7 fen; anything but zero is a fault.
    pub sum_e7: AmountE7,
}

/// The balance of one ledger account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BalanceView {
    /// `BOOK/KIND` or `BOOK/KIND/DETAIL`, e.g. `00000000/settlement/30005800`.
    pub account: String,
    /// In 10^-7 fen; negative is owed.
    pub balance_e7: AmountE7,
}

/// The query of rides: `?role=issuer`, `?role=acquirer` or `?role=hub`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RidesQuery {
    /// In which role the node is asked.
    pub role: RideRole,
}

/// A node's role in a ride.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RideRole {
    /// The rider's account is here (发行机构).
    Issuer,
    /// The ride was scanned here (受理机构).
    Acquirer,
    /// The ride is cleared here (清分结算机构).
    Hub,
}

/// Rides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RidesView {
    /// The rides.
    pub rides: Vec<RideView>,
}

/// One ride record and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RideView {
    /// The record's id, 43 digits.
    pub record: String,
    /// The user account number, in full.
    pub account: String,
    /// When the ride code was made, Unix seconds.
    pub generated_at_s: i64,
    /// The amount, in fen; zero at entry.
    pub amount_fen: i64,
    /// Which scan of the ride; an issuer sees `exit` for any ride of two scans.
    pub direction: RideDirection,
    /// How far it is.
    pub state: RideState,
    /// The result code; 0 is none or good.
    pub result: u32,
    /// The settlement day, `yyyy-mm-dd`; absent before it is sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day: Option<String>,
    /// Whether the rider's account was debited.
    pub debited: bool,
}

/// Which scan of a ride.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RideDirection {
    /// One scan pays the ride.
    Single,
    /// First scan of two.
    Entry,
    /// Second scan of two.
    Exit,
}

/// How far a ride record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RideState {
    /// It is durable here.
    Stored,
    /// It is kept and never cleared, as entries are.
    Evidence,
    /// Another hub clears it.
    Forwarded,
    /// It is settled.
    Settled,
    /// It was refused.
    Refused,
}

/// What was refused, and what somebody should look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedView {
    /// Records that were refused at upload.
    pub uploads: Vec<RejectedUpload>,
    /// What somebody should look at.
    pub alarms: Vec<AlarmView>,
}

/// A record refused at upload, kept as evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectedUpload {
    /// The uploading terminal's number, 12 digits.
    pub terminal: String,
    /// When it arrived, Unix seconds.
    pub arrived_at_s: i64,
    /// What did not hold.
    pub reason: String,
    /// The record as it came.
    pub record: Hex,
}

/// Something that somebody should look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmView {
    /// When, Unix seconds.
    pub raised_at_s: i64,
    /// Stable word for programs.
    pub code: String,
    /// What happened, for people.
    pub message: String,
}
