//! Keys of POS terminals (JR/T 0001): a terminal has a master key (终端主密钥, TMK), and under it
//! each sign-in answer brings new work keys in field 62: for PINs (PIK), MACs (MAK), tracks (TDK).
//!
//! ```text
//!  custodians' components ─┐
//!                          ├─▶ TMK ──(field 62 of each sign-in)──▶ PIK, MAK, TDK
//!  key-injection file ─────┘
//! ```
//!
//! What is here: field 62 as bytes ([`WorkKeys`]), the check values, what opens and verifies the
//! work keys ([`TerminalKeys`]), the components of a master key ([`Component`]) and the file in
//! which one comes to a terminal ([`layout::Injection`]). What is not here: messages, PIN blocks,
//! MACs of messages; and the host's keys, which are in a custody and come out enciphered.
//!
//! Start with [`WorkKeys`].
#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod error;
mod field;
pub mod layout;
mod terminal;

pub use error::KeyError;
pub use field::{Block, KeyPart, MacForm, WorkKeys, Wrapped};
pub use terminal::{Component, MacKey, Opened, TerminalKeys, combine};

/// Every table of this crate, for the documents.
pub const SPECS: &[tongtu_codec::RecordSpec] = &[layout::Injection::SPEC];
