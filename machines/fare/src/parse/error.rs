//! What can be wrong with the text of a fare book.

use alloc::string::String;

use tongtu_types::{LineCode, StationCode};

use crate::LadderError;

/// Where a text stops being a fare book, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("fare book, line {line}: {kind}")]
pub struct ParseError {
    /// The 1-based number of the line; one past the last when something is missing at the end.
    pub line: u32,
    /// What is wrong there.
    pub kind: ParseErrorKind,
}

/// What is wrong with a line of a fare book. What was found is cut to 40 characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// The bytes are not text.
    #[error("byte {at} of the line is not UTF-8, expected UTF-8 text")]
    NotUtf8 {
        /// 0-based position in the line.
        at: usize,
    },
    /// The text ends too early.
    #[error("found the end of the book, expected {expected}")]
    Missing {
        /// What should follow.
        expected: &'static str,
    },
    /// Another record was due.
    #[error("found record {found:?}, expected {expected}")]
    Record {
        /// The keyword found.
        found: String,
        /// What could stand here.
        expected: &'static str,
    },
    /// The record has too few or too many fields.
    #[error("found {found} fields, expected `{keyword} {expected}`")]
    Fields {
        /// The record's keyword.
        keyword: &'static str,
        /// How many fields there are.
        found: usize,
        /// The fields it has.
        expected: &'static str,
    },
    /// A field does not hold what it is for.
    #[error("{field}: found {found:?}, expected {expected}")]
    Value {
        /// Which field, in words.
        field: &'static str,
        /// What stands in it.
        found: String,
        /// What could stand in it.
        expected: &'static str,
    },
    /// A number is outside its range.
    #[error("{field}: found {found:?}, expected a number from {min} to {max}")]
    Number {
        /// Which field, in words.
        field: &'static str,
        /// What stands in it.
        found: String,
        /// The least it may be.
        min: u32,
        /// The most it may be.
        max: u32,
    },
    /// Something was already said above.
    #[error("{what} {found:?} already stands in line {first_line}, expected it once")]
    Duplicate {
        /// What kind of thing.
        what: &'static str,
        /// The thing.
        found: String,
        /// Where it was said first.
        first_line: u32,
    },
    /// A link names a station that no line above declares.
    #[error("found station {station}, expected one declared above in this network")]
    UnknownStation {
        /// The code.
        station: StationCode,
    },
    /// A condition names a line, network or route that the book does not have.
    #[error("found line {line}, expected a flat line, network or route of this book")]
    UnknownLine {
        /// The code.
        line: LineCode,
    },
    /// A rule names a counter that the book does not have, or that does not count money where it
    /// must.
    #[error("found counter {number}, expected one declared above that counts what the rule needs")]
    UnknownCounter {
        /// Its number.
        number: u8,
    },
    /// The links do not join the network's stations into one.
    #[error("station {station} cannot be reached from {from}, expected links that join them")]
    Unreached {
        /// A station out of reach.
        station: StationCode,
        /// The network's first station.
        from: StationCode,
    },
    /// The steps do not make a ladder.
    #[error("{0}")]
    Ladder(LadderError),
    /// There are too many of a kind.
    #[error("found more {what}, expected at most {max}")]
    TooMany {
        /// What kind.
        what: &'static str,
        /// How many there may be.
        max: usize,
    },
    /// There are too few of a kind.
    #[error("found fewer {what}, expected at least {min}")]
    TooFew {
        /// What kind.
        what: &'static str,
        /// How many there must be.
        min: usize,
    },
}
