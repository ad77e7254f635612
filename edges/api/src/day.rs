//! Settlement days (清算日).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::AmountE7;

/// How far a day is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DayPhase {
    /// Records are coming in.
    Open,
    /// No more records come in.
    Sealed,
    /// Who owes whom is known here.
    Cleared,
    /// Who owes whom is known to all.
    Published,
}

/// A settlement day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayView {
    /// The day, `yyyy-mm-dd`.
    pub day: String,
    /// How far it is.
    pub phase: DayPhase,
    /// How many records were sealed into it.
    pub records: u64,
    /// How many of them are entries of two-scan rides, kept and never cleared.
    pub evidence: u64,
    /// How many of them another hub clears.
    pub forwarded: u64,
    /// How many were settled.
    pub settled: u64,
    /// How many were refused, by result code.
    pub refused: BTreeMap<u32, u64>,
    /// Who owes whom.
    pub positions: Vec<PositionView>,
    /// What the hub earned, in 10^-7 fen.
    pub hub_fee_e7: AmountE7,
    /// What rounding to whole fen left over, in 10^-7 fen.
    pub rounding_e7: AmountE7,
    /// The sum of everything, in 10^-7 fen; anything but zero is a fault.
    pub control_sum_e7: AmountE7,
}

/// A member's position of a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PositionView {
    /// The member's code, 8 digits.
    pub member: String,
    /// What it is to have, in 10^-7 fen.
    pub income_e7: AmountE7,
    /// What it is to pay, in 10^-7 fen.
    pub outgo_e7: AmountE7,
    /// The difference, rounded to fen; positive is to have.
    pub net_fen: i64,
}
