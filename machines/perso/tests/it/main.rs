//! Batches, answers and the account. All keys are test values.

mod account;
mod files;
mod fixture;
mod script;
