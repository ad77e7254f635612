//! Published vectors of the standards, and OpenSSL's opinion.
#![allow(missing_docs, clippy::unwrap_used)]

mod batch;
mod channel;
mod curve;
mod hostile;
mod openssl;
mod rsa;
mod tac;
mod targets;
mod vectors;
