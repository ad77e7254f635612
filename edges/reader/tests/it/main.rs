//! The wire of the virtual reader, with a driver that the test plays.
#![allow(clippy::unwrap_used)]

mod driver;
mod vpcd;
