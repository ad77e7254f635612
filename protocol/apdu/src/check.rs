//! The checks that every typed command begins with, in their order: class and instruction, P1 P2,
//! length; and the reading of answers of a fixed length.
//!
//! Each takes the command's type, whose name goes into the error.

use tongtu_codec::{DecodeError, Reader};

use crate::{CardCommand, Command, Malformed};

/// Refuses a class that is not one of `classes`, then another instruction.
///
/// # Errors
/// [`Malformed::Class`] or [`Malformed::Instruction`].
pub fn head<C: CardCommand>(command: &Command, classes: &[u8]) -> Result<(), Malformed> {
    if !classes.contains(&command.cla) {
        return Err(Malformed::Class {
            command: C::NAME,
            found: command.cla,
        });
    }
    if command.ins != C::INS {
        return Err(Malformed::Instruction {
            command: C::NAME,
            found: command.ins,
        });
    }
    Ok(())
}

/// Refuses P1 P2 unless they are these.
///
/// # Errors
/// [`Malformed::Parameters`].
pub fn fixed<C: CardCommand>(
    command: &Command,
    p1p2: [u8; 2],
    expected: &'static str,
) -> Result<(), Malformed> {
    if [command.p1, command.p2] == p1p2 {
        Ok(())
    } else {
        Err(parameters::<C>(command, expected))
    }
}

/// The error for P1 P2.
#[must_use]
pub const fn parameters<C: CardCommand>(command: &Command, expected: &'static str) -> Malformed {
    Malformed::Parameters {
        command: C::NAME,
        p1: command.p1,
        p2: command.p2,
        expected,
    }
}

/// The error for a length.
#[must_use]
pub const fn length<C: CardCommand>(command: &Command, expected: &'static str) -> Malformed {
    Malformed::Length {
        command: C::NAME,
        found: command.data.len(),
        expected,
    }
}

/// Refuses a data field.
///
/// # Errors
/// [`Malformed::Length`].
pub fn empty<C: CardCommand>(command: &Command) -> Result<(), Malformed> {
    if command.data.is_empty() {
        Ok(())
    } else {
        Err(length::<C>(command, "none"))
    }
}

/// The data field as exactly `N` bytes.
///
/// # Errors
/// [`Malformed::Length`].
pub fn exactly<C: CardCommand, const N: usize>(
    command: &Command,
    expected: &'static str,
) -> Result<[u8; N], Malformed> {
    <[u8; N]>::try_from(&command.data[..]).map_err(|_| length::<C>(command, expected))
}

/// Reads an answer that must be empty.
///
/// # Errors
/// [`DecodeError`] when bytes are there.
pub fn nothing<C: CardCommand>(data: &[u8]) -> Result<(), DecodeError> {
    Reader::new(C::NAME, data).finish()
}

/// Reads an answer of exactly `N` bytes.
///
/// # Errors
/// [`DecodeError`] for any other length.
pub fn whole<C: CardCommand, const N: usize>(
    field: &'static str,
    data: &[u8],
) -> Result<[u8; N], DecodeError> {
    let mut reader = Reader::new(C::NAME, data);
    let bytes = reader.take(field, N)?;
    reader.finish()?;
    Ok(bytes.try_into().expect("taken with this length"))
}
