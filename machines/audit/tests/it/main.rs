//! The audit chain from outside: what tampering is named as, and what goes through.
#![expect(
    clippy::unwrap_used,
    reason = "a test that unwraps names its own fault"
)]

mod bytes;
mod chain;
mod follow;
mod log;
mod props;
mod tamper;
mod uses;
