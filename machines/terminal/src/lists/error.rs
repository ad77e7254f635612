//! Why lists are not made, not opened, or not taken.

use tongtu_codec::{DecodeError, EncodeError};
use tongtu_fare::{ParseError, TariffError};
use tongtu_ride_code::certificate::CertificateError;
use tongtu_types::InstitutionCode;

use super::BUNDLE_FORMAT;
use crate::StoreError;

/// Why a bundle is not made, not opened, or not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListError {
    /// Longer than any bundle.
    #[error("list bundle of {found} bytes, expected at most {max}")]
    TooLong {
        /// Bytes there.
        found: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// Does not begin like a bundle.
    #[error("not a list bundle: expected \"TTLB\" in front")]
    Magic,
    /// The signature is not the list key's over these bytes.
    #[error("signature of the list bundle does not verify under the acquirer's list key")]
    Signature,
    /// A bundle of another format.
    #[error("list bundle of format {found}, expected 1 to {BUNDLE_FORMAT}")]
    Format {
        /// The format stated.
        found: u8,
    },
    /// The digest inside is another's.
    #[error("digest of the list bundle is not the SM3 of the bytes before it")]
    Digest,
    /// A field is cut off or malformed.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A field cannot be written.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// Another section was due.
    #[error("section at byte {at} is of kind {found}, expected {expected}")]
    Section {
        /// Offset of the section.
        at: usize,
        /// The kind stated.
        found: u64,
        /// The kind due there.
        expected: u64,
    },
    /// A list is longer than a terminal has room for.
    #[error("{list} has {found} entries, expected at most {max}")]
    TooMany {
        /// Which list.
        list: &'static str,
        /// Entries there.
        found: usize,
        /// Entries allowed.
        max: usize,
    },
    /// A list does not consist of whole entries.
    #[error("{list} has {found} bytes, expected a multiple of {entry_len}")]
    Partial {
        /// Which list.
        list: &'static str,
        /// Bytes there.
        found: usize,
        /// Bytes of an entry.
        entry_len: usize,
    },
    /// An entry repeats, is out of order, or is not written the one way it can be.
    #[error("{list} entry {index} is malformed or not above the entry before it")]
    Entry {
        /// Which list.
        list: &'static str,
        /// 0-based position of the entry.
        index: usize,
    },
    /// A root does not verify.
    #[error("root certificate {index} of the bundle")]
    Root {
        /// 0-based position of the root.
        index: usize,
        /// What is wrong with it.
        source: CertificateError,
    },
    /// A fare book is not text.
    #[error("fare book is not UTF-8 from byte {at} on")]
    FareText {
        /// Bytes of the book that are text.
        at: usize,
    },
    /// A card blacklist that is not newer than the one held.
    #[error("card blacklist version {offered}, expected more than {held}")]
    BlacklistNotNewer {
        /// The version held.
        held: u64,
        /// The version offered.
        offered: u64,
    },
    /// A report is not this terminal's, or was bent on its way.
    #[error("signature of the coverage report does not verify under the terminal's key")]
    Report,
    /// The fare book does not parse.
    #[error(transparent)]
    FareBook(#[from] ParseError),
    /// The fare book does not follow the one held.
    #[error(transparent)]
    Tariff(#[from] TariffError),
    /// The store could not remember the version, so the bundle is not taken.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The bundle is for another acquirer's terminals.
    #[error("list bundle of acquirer {found}, expected {expected}")]
    OtherAcquirer {
        /// The bundle's.
        found: InstitutionCode,
        /// The terminal's.
        expected: InstitutionCode,
    },
    /// The bundle is not newer than what the terminal holds or once held.
    #[error("list bundle version {offered}, expected more than {held}")]
    NotNewer {
        /// Highest version taken so far.
        held: u64,
        /// The bundle's.
        offered: u64,
    },
}
