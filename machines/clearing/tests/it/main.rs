//! Clearing from outside: runs of one hub against a naive model, and a country of hubs.
#![expect(
    clippy::unwrap_used,
    reason = "a test that unwraps names its own fault"
)]

mod country;
mod model;
mod run;
mod world;
