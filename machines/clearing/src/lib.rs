//! Clearing (清分): checks, fees, netting and the settlement day as pure functions.
//!
//! What is here, in the order a ride meets it: which hub clears it ([`Topology`]), whether it
//! is sound ([`judge`]), what it costs ([`FeeRules`]), how the day is closed
//! ([`SettlementDay`]), who owes whom ([`clear`], and [`relay`] for a province between its
//! cities and the nation), and what each body posts ([`posting`]).
//! What is not here: files and records on the wire (`tongtu-exchange-file`), signatures
//! (`tongtu-ride-code`; their verdict comes in as a fact), duplicates (a storage constraint;
//! a fact too), storage and clocks. A run is a function of frozen inputs and a rule version.
//!
//! Start with [`clear`].
#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod clear;
mod day;
pub mod demo;
mod fee;
mod judge;
mod outcome;
mod parse;
pub mod posting;
mod result;
mod rules;
mod service;
mod tally;
mod topology;

pub use clear::{
    ClearError, ClearedInput, ClearingSerial, Run, Side, UpperLine, UpperResult, clear, relay,
};
pub use day::{Command, CutOff, DayEvent, DayRefusal, Frozen, Phase, SetDigest, SettlementDay};
pub use fee::{FeeError, Fees};
pub use judge::{
    CHECKS, Check, Consequence, Entitlements, Evidence, JudgeContext, Limits, Repeat, RideFacts,
    judge,
};
pub use outcome::{Outcome, Verdict};
pub use parse::ParseError;
pub use result::{ClearedLine, DayResult, PairKey, PairTotal, Position, RelayKey, UpperNet};
pub use rules::{FeeKey, FeeRule, FeeRules, FeeRulesError, RuleVersion, Scope};
pub use service::{Business, Mcc, Service};
pub use tally::Tally;
pub use topology::{
    Body, Member, Party, Route, RouteError, Tier, Topology, TopologyError, Traffic,
};
