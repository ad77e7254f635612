//! What does not hold about keys and their bytes.

use tongtu_codec::DecodeError;

use crate::field::KeyPart;

/// Why bytes are no keys of a terminal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Field 62 of another length.
    #[error("field 62 has {found} bytes, expected 24, 40 or 60")]
    Length {
        /// Bytes there.
        found: usize,
    },
    /// Another key came out than was announced.
    #[error("the {part} has another check value than announced")]
    CheckValue {
        /// Which key.
        part: KeyPart,
    },
    /// A key of eight bytes under an algorithm that has none.
    #[error("the {part} has a single length, which SM4 keys do not have")]
    Single {
        /// Which key.
        part: KeyPart,
    },
    /// A layout in which these keys have no place.
    #[error("the {part} has no place in a field of {len} bytes")]
    NoPlace {
        /// Which key.
        part: KeyPart,
        /// Of which length.
        len: usize,
    },
    /// A component that is not the one on its letter, counted from 1.
    #[error("component {number} has another check value than announced")]
    Component {
        /// Which.
        number: usize,
    },
    /// Too few or too many components, or they cancel out.
    #[error("{found} components, expected 2 to 9 that do not cancel out")]
    Components {
        /// How many.
        found: usize,
    },
    /// A field of a record of a key-injection file that does not hold.
    #[error("record {number} of the key-injection file: {source}")]
    Record {
        /// Which record, counted from 1.
        number: usize,
        /// Its field.
        source: DecodeError,
    },
    /// A record that is not as it was written, counted from 1.
    #[error("record {number} of the key-injection file is not as it was written")]
    Damaged {
        /// Which.
        number: usize,
    },
    /// A key-injection file without a record, or that ends in the middle of one.
    #[error("the key-injection file has {found} bytes, expected records of {expected}")]
    File {
        /// Bytes there.
        found: usize,
        /// Bytes of a record.
        expected: usize,
    },
    /// The transport key is another one.
    #[error("the key-injection file is for another transport key")]
    Transport,
}
