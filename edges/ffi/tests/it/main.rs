//! The C functions as C calls them.
#![expect(
    unsafe_code,
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block,
    clippy::unwrap_used,
    reason = "these tests are the caller in C: every pointer is that of a value in scope"
)]

mod contract;
mod fixture;
mod psam;
mod rides;
mod validator;
