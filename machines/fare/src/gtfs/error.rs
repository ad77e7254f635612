//! What can be wrong with a feed.

use alloc::string::String;

use crate::ParseError;

/// Where a feed stops being one, and why. What was found is cut to 40 characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GtfsError {
    /// A file is not there.
    #[error("{file}: not found, expected it in the feed")]
    Missing {
        /// Its name.
        file: &'static str,
    },
    /// The bytes are not text.
    #[error("{file}, line {line}: not UTF-8, expected UTF-8 text")]
    NotUtf8 {
        /// The file.
        file: &'static str,
        /// The 1-based number of the line.
        line: u32,
    },
    /// A quoted field does not end, or ends in the middle.
    #[error("{file}, line {line}: a `\"` that opens or closes no field, expected whole quotes")]
    Quote {
        /// The file.
        file: &'static str,
        /// The 1-based number of the line.
        line: u32,
    },
    /// A row has more fields than the head.
    #[error("{file}, line {line}: found {found} fields, expected at most {expected}")]
    Fields {
        /// The file.
        file: &'static str,
        /// The 1-based number of the line.
        line: u32,
        /// How many fields there are.
        found: usize,
        /// How many columns the head names.
        expected: usize,
    },
    /// The head lacks a column.
    #[error("{file}, line 1: no column {column}, expected it")]
    Column {
        /// The file.
        file: &'static str,
        /// The column.
        column: &'static str,
    },
    /// A field does not hold what it is for.
    #[error("{file}, line {line}, {field}: found {found:?}, expected {expected}")]
    Value {
        /// The file.
        file: &'static str,
        /// The 1-based number of the line.
        line: u32,
        /// The column.
        field: &'static str,
        /// What stands there.
        found: String,
        /// What could stand there.
        expected: &'static str,
    },
    /// A field names something that no file declares.
    #[error("{file}, line {line}, {field}: found {found:?}, expected one that {declared_in} has")]
    Unknown {
        /// The file.
        file: &'static str,
        /// The 1-based number of the line.
        line: u32,
        /// The column.
        field: &'static str,
        /// What it names.
        found: String,
        /// Where it should be declared.
        declared_in: &'static str,
    },
    /// There are too many rows.
    #[error("{file}: more than {max} rows, expected at most that")]
    TooMany {
        /// The file.
        file: &'static str,
        /// How many there may be.
        max: usize,
    },
    /// No rule of a leg is left to make a fare of.
    #[error("fare_leg_rules.txt: no rule that a fare book can express, expected one at least")]
    Nothing,
    /// The feed reads, but what it says does not make a fare book.
    #[error("the feed makes no fare book: {0}")]
    Book(ParseError),
}
