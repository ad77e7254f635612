//! Nodes from outside: a small country of them, files carried by function calls only.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod abort;
mod account;
mod card;
mod cards;
mod cash;
mod chain;
mod country;
mod file;
mod foreign;
mod judged;
mod keyroom;
mod keys;
mod list;
mod module;
mod permits;
mod personalising;
mod rerun;
mod revoked;
mod settled;
mod street;
mod tamper;
mod torn;
mod travelling;
mod untold;
mod upload;
mod uses;
mod year;
