//! Nodes talk HTTP over the loopback interface.

#![expect(
    clippy::unwrap_used,
    reason = "a test's own functions fail by panicking, like the test"
)]

mod acquiring;
mod country;
mod cutter;
mod days;
mod entering;
mod exchange;
mod faces;
mod issuing;
mod links;
mod logging;
mod papers;
mod pumping;
mod raw;
mod routes;
mod serving;
mod wire;
