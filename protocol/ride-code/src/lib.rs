//! The ride code (乘车二维码): parse, build, describe, verify.
//!
//! A ride code is 332 to 364 bytes with three SM2 signatures: the centre's over the issuer,
//! the issuer's over the rider, the rider's phone over the moment. A terminal checks it
//! offline; clearing checks it again.
//!
//! ```text
//! 0      3             120                    263+N        332+N
//! | guide | certificate | user ........... sig | time . sig |
//!         |   9..56 CA signature               |
//!         | 3..198+N issuer signature          |
//! | 0..267+N user signature                            |
//! ```
//!
//! What is here: the bytes ([`RideCode`], [`layout`]), certificates ([`certificate`]), making
//! codes ([`produce`], [`phone`]), the 22 checks in their normative order ([`Verifier`]), for one
//! code and for many at once ([`Verifier::verify_ride_codes`]), the ride record that a terminal
//! leaves ([`record`]), and telling other codes apart ([`foreign`]).
//! What is not here: cameras and symbols, lists' transport, clocks, storage.
//! Source: QR annex of the service rules draft (交通一卡通二维码技术规则); where it is silent,
//! `docs/sources.md` says what was chosen.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod cache;
pub mod certificate;
mod check;
mod code;
mod describe;
pub mod foreign;
pub mod layout;
mod lists;
pub mod phone;
pub mod produce;
mod recent;
pub mod record;
pub mod revocation;
pub mod root_file;
mod rules;
mod together;
pub mod tolerant;
mod verdict;
mod verify;

pub use certificate::{Root, RootTable};
pub use check::{Check, Step};
pub use code::{FrameError, RideCode};
pub use describe::{Section, describe};
pub use lists::BlackLists;
pub use produce::{UserCertificate, UserTerms};
pub use recent::RecentCodes;
pub use revocation::{RevocationError, RevocationList};
pub use verdict::Verdict;
pub use verify::{Accepted, Policy, Scan, Verifier};
