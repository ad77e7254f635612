//! The identity application (交通一卡通身份认证应用): a card proves which secure element it is.
//!
//! What is here: its commands as types ([`GenerateKeyPair`], [`GetData`], [`Verify`],
//! [`InternalAuthenticate`]) for both sides, what the card signs and how a host checks it
//! ([`proof`]), its personalisation groups ([`group`]), and a dialogue in words ([`explain`]).
//! What is not here: the card's side of state, certificates' content, who trusts whom.
//! Start with [`InternalAuthenticate`].
//!
//! UNSPECIFIED: the chapter on this application in the current edition of the mobile payment
//! rules could not be read. AID, instructions and lengths are ours, after the shape that such
//! applications have; all of them stand in this crate and nowhere else.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod command;
mod explain;
pub mod proof;

use tongtu_apdu::select::Aid;

pub use command::{
    CHALLENGE_LEN_MAX, CHALLENGE_LEN_MIN, Challenge, DataObject, GenerateKeyPair, GetData,
    InternalAuthenticate, Pin, Verify, public_key_point,
};
pub use explain::explain;

/// AID of the application and of its module.
pub const IDENTITY: Aid = Aid::new(&[0xA0, 0x00, 0x00, 0x06, 0x32, 0x01, 0x01, 0xF1]);

/// Version of the commands, as the FCI gives it in `9F08`.
pub const VERSION: u16 = 0x0001;

/// Personalisation data groups (DGI).
pub mod group {
    /// The certificate over the card's key, opaque to the card; replaces an earlier one.
    pub const CERTIFICATE: u16 = 0x7F21;
    /// The PIN, 2 to 6 bytes packed as the e-purse has it; empty removes it.
    pub const PIN: u16 = 0x8010;
    /// No bytes: the key pair goes, and its certificate with it; a new one can be made then.
    pub const KEY_PAIR: u16 = 0x8011;
    /// How many wrong PINs in a row block it, one byte, 1 to 15.
    pub const PIN_LIMIT: u16 = 0x9010;
}

/// Every command, for documents and tests.
pub const COMMANDS: &[tongtu_apdu::CommandInfo] = &[
    tongtu_apdu::CommandInfo::of::<GenerateKeyPair>(),
    tongtu_apdu::CommandInfo::of::<GetData>(),
    tongtu_apdu::CommandInfo::of::<Verify>(),
    tongtu_apdu::CommandInfo::of::<InternalAuthenticate>(),
];
