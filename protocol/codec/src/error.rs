//! What is wrong with a field, where, and what was expected.

use tongtu_types::{MoneyError, ValueError};

/// What is wrong with one field's bytes or value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FieldError {
    /// Fewer bytes than the field needs.
    #[error("needs {needed} bytes, {found} are there")]
    Truncated {
        /// Bytes needed.
        needed: usize,
        /// Bytes there.
        found: usize,
    },
    /// More bytes than the record has.
    #[error("{extra} bytes follow the end")]
    Trailing {
        /// How many.
        extra: usize,
    },
    /// A nibble that is not a decimal digit.
    #[error("byte {byte:#04x} at position {at} is not packed decimal digits")]
    NotBcd {
        /// Position inside the field.
        at: usize,
        /// The offender.
        byte: u8,
    },
    /// A character that the encoding does not have.
    #[error("byte {byte:#04x} at position {at}, expected {expected}")]
    Character {
        /// Position inside the field.
        at: usize,
        /// The offender.
        byte: u8,
        /// What was expected, in words.
        expected: &'static str,
    },
    /// The value needs more room than the field has.
    #[error("needs {needed} characters, the field has {width}")]
    TooLong {
        /// Characters needed.
        needed: usize,
        /// Width of the field.
        width: usize,
    },
    /// The bytes are well formed but are not such a value.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// An amount outside its range.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// A field that could not be read: record, field, offset and reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{record}.{field} at byte {offset}: {kind}")]
pub struct DecodeError {
    /// The record's name.
    pub record: &'static str,
    /// The field's name.
    pub field: &'static str,
    /// Offset of the field's first byte in the record.
    pub offset: usize,
    /// What is wrong.
    pub kind: FieldError,
}

/// A field that could not be written: record, field and reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{record}.{field}: {kind}")]
pub struct EncodeError {
    /// The record's name.
    pub record: &'static str,
    /// The field's name.
    pub field: &'static str,
    /// What is wrong.
    pub kind: FieldError,
}
