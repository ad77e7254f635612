//! A pool of soft modules over loopback HTTP, its server killed, and a soft module behind pcscd.
#![allow(clippy::unwrap_used)]

mod admission;
mod bench;
mod http;
mod pool;
#[cfg(feature = "pcsc")]
mod slot;
