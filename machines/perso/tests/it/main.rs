//! Batches, answers and the account. All keys are test values.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod account;
mod card_book;
mod files;
mod fixture;
mod script;
