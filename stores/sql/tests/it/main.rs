//! The behaviour suite: the same tests on SQLite always, and on PostgreSQL where there is one.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod account;
mod caller;
mod card;
mod chain;
mod engine;
mod face;
mod file;
mod ledger;
mod opening;
mod ride;
mod sealed;
mod settlement;
mod terminal;
