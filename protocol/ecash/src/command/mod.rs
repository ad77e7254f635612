//! The commands of the e-cash, one type each, with their status words.
//!
//! Payment: [`GetProcessingOptions`], [`ReadRecord`], [`GetData`]. Online and load:
//! [`GenerateAc`], [`ExternalAuthenticate`], then issuer scripts ([`PutData`],
//! [`UpdateRecord`], [`ApplicationBlock`], [`ApplicationUnblock`], [`PinChange`]). Composite
//! payment (分段扣费): [`ReadCappData`], [`UpdateCappCache`], [`AppendRecord`],
//! [`GetTransProve`].
//!
//! A command with secure messaging carries its MAC as a field; [`sign`] writes it and
//! [`protected`] takes it apart for whoever has the key.

mod authenticate;
mod composite;
mod payment;
mod script;

use tongtu_apdu::{CardCommand, Command, CommandInfo, Malformed};

pub use authenticate::{
    ExternalAuthenticate, GenerateAc, GenerateAcAnswer, GetChallenge, InternalAuthenticate, Verify,
};
pub use composite::{AppendRecord, GetTransProve, ReadCappData, UpdateCappCache};
pub use payment::{DataObject, GetData, GetProcessingOptions, ReadRecord};
pub use script::{
    ApplicationBlock, ApplicationUnblock, PinChange, PinChangeKind, PutData, UpdateRecord,
};

/// Every command, for documents and tests.
pub const COMMANDS: &[CommandInfo] = &[
    CommandInfo::of::<GetProcessingOptions>(),
    CommandInfo::of::<ReadRecord>(),
    CommandInfo::of::<GetData>(),
    CommandInfo::of::<GetChallenge>(),
    CommandInfo::of::<InternalAuthenticate>(),
    CommandInfo::of::<Verify>(),
    CommandInfo::of::<GenerateAc>(),
    CommandInfo::of::<ExternalAuthenticate>(),
    CommandInfo::of::<PutData>(),
    CommandInfo::of::<UpdateRecord>(),
    CommandInfo::of::<ApplicationBlock>(),
    CommandInfo::of::<ApplicationUnblock>(),
    CommandInfo::of::<PinChange>(),
    CommandInfo::of::<ReadCappData>(),
    CommandInfo::of::<UpdateCappCache>(),
    CommandInfo::of::<AppendRecord>(),
    CommandInfo::of::<GetTransProve>(),
];

/// A command with secure messaging, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protected<'a> {
    /// CLA INS P1 P2 Lc, Lc counting the MAC.
    pub header: [u8; 5],
    /// The data field without the MAC.
    pub data: &'a [u8],
    /// The MAC.
    pub mac: [u8; 4],
}

/// Takes a command with secure messaging apart; `None` when there is no room for a MAC.
#[must_use]
pub fn protected(command: &Command) -> Option<Protected<'_>> {
    let (data, mac) = command.data.split_last_chunk::<4>()?;
    let [cla, ins, p1, p2] = command.header();
    let lc = u8::try_from(command.data.len()).ok()?;
    Some(Protected {
        header: [cla, ins, p1, p2, lc],
        data,
        mac: *mac,
    })
}

/// Writes the MAC over the last four bytes of a command's data field; `mac` gets the header
/// with Lc and the data without MAC.
///
/// A command that has no room for a MAC comes back unchanged.
#[must_use]
pub fn sign(mut command: Command, mac: impl FnOnce([u8; 5], &[u8]) -> [u8; 4]) -> Command {
    let Some(Protected { header, data, .. }) = protected(&command) else {
        return command;
    };
    let mac = mac(header, data);
    let at = command.data.len() - mac.len();
    command.data[at..].copy_from_slice(&mac);
    command
}

/// Splits the four bytes of a MAC off the end; the rest has at least `least` bytes.
fn with_mac<'a, C: CardCommand>(
    command: &'a Command,
    least: usize,
    expected: &'static str,
) -> Result<(&'a [u8], [u8; 4]), Malformed> {
    match command.data.split_last_chunk::<4>() {
        Some((data, mac)) if data.len() >= least => Ok((data, *mac)),
        _ => Err(tongtu_apdu::check::length::<C>(command, expected)),
    }
}

/// The SFI in the high five bits of a byte whose low three are `low`; 1 to 30.
fn sfi_of(byte: u8, low: u8) -> Option<u8> {
    let sfi = byte >> 3;
    (byte & 7 == low && (1..=30).contains(&sfi)).then_some(sfi)
}

#[cfg(test)]
mod tests;
