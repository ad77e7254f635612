//! GlobalPlatform: card content management, secure channels, tokens and receipts.
//!
//! What is here: one type per command with its status words ([`command`]), both sides of SCP02
//! and SCP03 ([`scp`]), keys as they travel ([`key`]), [`privilege`]s and [`life_cycle`]s,
//! tokens, receipts and DAP blocks ([`token`], [`receipt`], [`load_file`]), card recognition
//! data ([`recognition`]), the diversifications seen in practice ([`diversify`]), and
//! [`explain()`] for people.
//! What is not here: a card (its registry and its rules), a back office, readers. SELECT is
//! [`tongtu_apdu::select`]. SCP80 and SCP81 are not implemented.
//! Start with [`scp::HostChannel`] from outside a card, with [`scp::Offer`] from inside.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

pub mod chain;
pub mod command;
pub mod diversify;
mod explain;
pub mod ins;
pub mod key;
pub mod life_cycle;
pub mod load_file;
mod lv;
pub mod privilege;
pub mod receipt;
pub mod recognition;
pub mod scp;
pub mod signature;
pub mod token;

pub use explain::explain;
