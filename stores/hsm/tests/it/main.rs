//! Custodies from outside: one suite for all of them, their files, and a foreign token.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod card;
mod damage;
mod fixture;
mod marks;
mod props;
mod sealed;
mod suite;
#[cfg(feature = "pkcs11")]
mod token;
mod watched;
