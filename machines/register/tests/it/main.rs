//! The institution register.

#![expect(
    clippy::unwrap_used,
    reason = "a test's own functions fail by panicking, like the test"
)]

mod bytes;
mod fixture;
mod judging;
mod versions;
