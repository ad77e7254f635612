//! Integration tests of the optical edge.

#![expect(
    clippy::unwrap_used,
    reason = "a test's own functions fail by panicking, like the test"
)]

mod hostile;
mod interop;
mod payload;
mod picture;
mod placement;
mod round_trip;
