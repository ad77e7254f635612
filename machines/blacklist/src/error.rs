//! Why a file is not made or not taken.

use tongtu_codec::{DecodeError, EncodeError};
use tongtu_types::InstitutionCode;

use crate::number::ListedNumber;

/// Why a blacklist file is not made or not taken; the list held stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlacklistError {
    /// Does not begin like a blacklist file.
    #[error("not a blacklist file: expected \"TTBL\" in front")]
    Magic,
    /// A file of another format.
    #[error("blacklist file of format {found}, expected {expected}")]
    Format {
        /// The format stated.
        found: u8,
        /// The one there is.
        expected: u8,
    },
    /// Neither full nor delta.
    #[error("blacklist file of kind {found}, expected 0 (full) or 1 (delta)")]
    Kind {
        /// The kind stated.
        found: u8,
    },
    /// A field of the head is malformed.
    #[error("blacklist: {0}")]
    Decode(#[from] DecodeError),
    /// A field of the head cannot be written.
    #[error("blacklist: {0}")]
    Encode(#[from] EncodeError),
    /// The signature is not the list key's over this head.
    #[error("signature of the blacklist's head does not verify under the acquirer's list key")]
    Signature,
    /// The file is for another acquirer's terminals.
    #[error("blacklist of acquirer {found}, expected {expected}")]
    OtherAcquirer {
        /// The file's.
        found: InstitutionCode,
        /// The terminal's.
        expected: InstitutionCode,
    },
    /// The file is not newer than the list held.
    #[error("blacklist version {offered}, expected more than {held}")]
    NotNewer {
        /// The version held.
        held: u64,
        /// The file's.
        offered: u64,
    },
    /// The delta is for another version than the one held: one between is missing.
    #[error("blacklist delta from version {base} to {offered}, but version {held} is held")]
    OutOfOrder {
        /// The version held.
        held: u64,
        /// The version that the delta goes on from.
        base: u64,
        /// The version that it leads to.
        offered: u64,
    },
    /// The delta is for a list of that version with other numbers: ask for the full file.
    #[error("the blacklist held as version {version} is not the one that the delta goes on from")]
    Diverged {
        /// The version of both.
        version: u64,
    },
    /// The content has another length than the head says.
    #[error("blacklist content of {found} bytes, expected {expected}")]
    Length {
        /// Bytes there.
        found: u64,
        /// Bytes announced.
        expected: u64,
    },
    /// The content has another digest than the head says.
    #[error("blacklist content is not what the head's SM3 was made of")]
    Digest,
    /// An entry that is malformed, backwards, of a kind that has no place here, or not above
    /// the entry before it.
    #[error(
        "entry {index} at byte {at} of the blacklist content is malformed or not above the one before"
    )]
    Entry {
        /// 0-based position of the entry.
        index: usize,
        /// Offset in the content.
        at: u64,
    },
    /// The delta lists a number that is listed.
    #[error("blacklist delta lists {number:?}, which is listed already")]
    AlreadyListed {
        /// The first number of the entry.
        number: ListedNumber,
    },
    /// The delta takes a number off that is not listed.
    #[error("blacklist delta takes {number:?} off, which is not listed")]
    NotListed {
        /// The first number of the entry.
        number: ListedNumber,
    },
    /// A number twice where each may be once.
    #[error("{number:?} is in two spans")]
    Overlap {
        /// Where the second begins.
        number: ListedNumber,
    },
    /// The numbers do not add up to what the head says.
    #[error("the blacklist's numbers do not add up to the tally in the head")]
    Tally,
    /// More than there is room for.
    #[error("{what}: {found}, expected at most {max}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// So many there are.
        found: usize,
        /// So many may be.
        max: usize,
    },
}
