//! The blacklist from outside: against a naive set, and its files bent in every way.
#![expect(
    clippy::unwrap_used,
    reason = "a test that unwraps names its own fault"
)]

mod file;
mod fixture;
mod model;
mod size;
