//! The wire of the virtual reader, with a driver that the test plays and with the real one.
#![allow(clippy::unwrap_used)]

mod driver;
mod foreign;
#[cfg(feature = "pcsc")]
mod pcsc;
mod vpcd;
