//! What can be wrong with the bytes of this crate.

use tongtu_apdu::tlv::{Tag, TlvError};
use tongtu_codec::{DecodeError, FieldError};

/// Why bytes are not what they were taken for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EcashError {
    /// The BER-TLV structure does not hold.
    #[error("{what}: {source}")]
    Tlv {
        /// What was read.
        what: &'static str,
        /// What is wrong.
        source: TlvError,
    },
    /// A record does not hold.
    #[error(transparent)]
    Record(#[from] DecodeError),
    /// A data element does not hold its form.
    #[error("data element {tag}: {source}")]
    Element {
        /// The element.
        tag: Tag,
        /// What is wrong.
        source: FieldError,
    },
    /// A length that the form does not have.
    #[error("{what} has {found} bytes, expected {expected}")]
    Length {
        /// What was read.
        what: &'static str,
        /// Bytes there.
        found: usize,
        /// Bytes expected, in words.
        expected: &'static str,
    },
    /// A value that the form does not have.
    #[error("{what} is {found:#04x}, expected {expected}")]
    Value {
        /// What was read.
        what: &'static str,
        /// What was found.
        found: u8,
        /// What was expected, in words.
        expected: &'static str,
    },
    /// An amount that does not fit twelve digits.
    #[error("{found} fen is not an amount of 0 to 999999999999 fen")]
    Amount {
        /// What was found.
        found: i64,
    },
}

impl EcashError {
    /// A structure error of `what`.
    pub(crate) const fn tlv(what: &'static str) -> impl Fn(TlvError) -> Self {
        move |source| Self::Tlv { what, source }
    }
}
