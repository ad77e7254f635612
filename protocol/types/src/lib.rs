//! The field's values as types: money, card numbers, institutions, cities, times.
//!
//! What is here: small `Copy` or owned values that cannot hold an illegal content; parsing
//! is the only way in. What is not here: encodings (see `tongtu-codec`), keys
//! (`tongtu-crypto`), clocks and randomness (nobody's: they are arguments).
//! Start with [`Fen`], [`CardNumber`] and [`Timestamp`].
#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod day;
mod digits;
mod institution;
mod medium;
mod money;
mod number;
mod time;

pub use day::{BusinessDay, MonthYear};
pub use institution::{CityCode, InstitutionCode};
pub use medium::{MediumId, MediumKind};
pub use money::{Fen, FenE7, MoneyError};
pub use number::{CardNumber, LineCode, RecordId, StationCode, TerminalNumber, VehicleCode};
pub use time::{CHINA_OFFSET_S, CivilTime, Timestamp};

/// Why a text or a number is not the value it was taken for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// The length is not one this kind of value has.
    #[error("{what}: length {found}, expected {expected}")]
    Length {
        /// Which kind of value.
        what: &'static str,
        /// What was found.
        found: usize,
        /// What was expected, in words.
        expected: &'static str,
    },
    /// A character or nibble that this kind of value does not have.
    #[error("{what}: unexpected character at position {at}, expected {expected}")]
    Character {
        /// Which kind of value.
        what: &'static str,
        /// 0-based position of the offender.
        at: usize,
        /// What was expected, in words.
        expected: &'static str,
    },
    /// A number outside its range.
    #[error("{what}: {found} is outside {expected}")]
    Range {
        /// Which kind of value.
        what: &'static str,
        /// What was found.
        found: i64,
        /// What was expected, in words.
        expected: &'static str,
    },
}
