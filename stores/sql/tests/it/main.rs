//! The behaviour suite: the same tests on SQLite always, and on PostgreSQL where there is one.

mod account;
mod engine;
mod file;
mod ledger;
mod opening;
mod ride;
mod settlement;
mod terminal;
