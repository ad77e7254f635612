//! Command and answer APDUs, status words and BER-TLV: what every card dialogue is made of.
//!
//! What is here: [`Command`], [`Response`], [`StatusWord`], the shape of a typed command
//! ([`CardCommand`]), BER-TLV for reading tolerantly and writing canonically ([`tlv`]), the
//! commands of ISO/IEC 7816-4 that every application shares ([`select`]), the directory of
//! contactless applications ([`ppse`]), [`Explanation`], a dialogue as a person reads it, and
//! [`trace`], which finds dialogues in logs.
//! What is not here: any application; secure messaging; readers. Short APDUs only: extended
//! length is refused ([`ApduError::Extended`]), as cards of this field do.
//! Start with [`Command`] and [`CardCommand`].
#![cfg_attr(not(test), no_std)]

extern crate alloc;

pub mod check;
mod command;
mod explain;
pub mod ppse;
pub mod select;
mod shape;
mod status;
pub mod tlv;
pub mod trace;

pub use command::{ApduError, Command, Le, MAX_DATA, Response};
pub use explain::{Explanation, Line};
pub use shape::{CardCommand, CommandInfo, Malformed, StatusRow};
pub use status::StatusWord;
