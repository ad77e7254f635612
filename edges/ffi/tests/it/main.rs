//! The C functions as C calls them.
#![expect(
    unsafe_code,
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block,
    clippy::unwrap_used,
    reason = "these tests are the caller in C: every pointer is that of a value in scope"
)]

mod cash;
mod clock;
mod contract;
mod counter;
mod disorder;
mod face;
mod fixture;
mod gate;
mod lists;
mod modules;
mod program;
mod psam;
mod rides;
mod upload;
mod validator;
