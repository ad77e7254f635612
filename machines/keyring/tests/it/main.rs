//! The key book and the authority from outside: tables, a naive model, a year, terminals.
#![expect(
    clippy::unwrap_used,
    reason = "a test that unwraps names its own fault"
)]

mod authority;
mod authority_model;
mod bytes;
mod docs;
mod extract;
mod fixture;
mod model;
mod office;
mod permits;
mod register;
mod steps;
mod year;
