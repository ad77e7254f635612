//! The NFC ride code (NFC 二维码): a card or phone hands its ride code over by contactless
//! commands, takes a newer one from its owner, and remembers what terminals made of it.
//!
//! What is here: the commands as types for both sides ([`GetCode`], [`GetChallenge`],
//! [`UpdateCode`], [`PutResult`], [`ReadResult`]), the table that says under which class and
//! instruction they travel ([`Profile`]), MACs ([`seal`]), personalisation groups
//! ([`group`]), the FCI ([`fci`]) and a dialogue in words ([`explain`]).
//! What is not here: what a code says. It is bytes here, and `tongtu-ride-code` there; whether
//! it is still valid is the terminal's business, which has a clock.
//! Start with [`Profile`], then [`GetCode`].
//!
//! UNSPECIFIED: that such an application exists and is tested is public, its bytes are not.
//! Everything here is ours; AID, classes, instructions and lengths are data in a [`Profile`],
//! so that the standard's own values can take their place without new code.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod command;
mod explain;
mod fci;
pub mod group;
mod profile;
pub mod seal;
mod update;

pub use command::{GetChallenge, GetCode, PutResult, ReadResult, RideResult};
pub use explain::explain;
pub use fci::{fci, version_in};
pub use profile::{CODE_LEN_LIMIT, Operation, Profile, ProfileError, Row};
pub use seal::{Challenge, Mac, code_reference};
pub use update::{UpdateCode, UpdateError};

use tongtu_apdu::select::Aid;

/// Every command, for documents and tests.
pub const COMMANDS: &[tongtu_apdu::CommandInfo] = &[
    tongtu_apdu::CommandInfo::of::<GetCode>(),
    tongtu_apdu::CommandInfo::of::<GetChallenge>(),
    tongtu_apdu::CommandInfo::of::<UpdateCode>(),
    tongtu_apdu::CommandInfo::of::<PutResult>(),
    tongtu_apdu::CommandInfo::of::<ReadResult>(),
];

/// The record tables of this crate, for the documents.
pub const SPECS: &[tongtu_codec::RecordSpec] = &[RideResult::SPEC];

/// The AID of our own instances and of their module, in the range that needs no registration.
///
/// UNSPECIFIED: the scheme's AID is not public; an instance may have any.
pub const NFC_CODE: Aid = Aid::new(&[0xF0, 0x54, 0x54, 0x4E, 0x46, 0x43, 0x51, 0x52]);
