//! What can be wrong with a register.

use alloc::string::String;
use core::fmt;

use tongtu_codec::{DecodeError, EncodeError};
use tongtu_crypto::SignerFault;
use tongtu_types::InstitutionCode;

use crate::Fingerprint;

/// Which row no longer is what its maker wrote, when a signature does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// The head.
    Head,
    /// The institution in this row, counted from 1.
    Institution(usize),
    /// The link certificate in this row, counted from 1.
    Link(usize),
    /// No row: the signature itself, or it is by another key.
    Signature,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head => write!(f, "its head was changed"),
            Self::Institution(row) => write!(f, "row {row} of its institutions was changed"),
            Self::Link(row) => write!(f, "row {row} of its link certificates was changed"),
            Self::Signature => write!(
                f,
                "its rows are whole, the key is another or the signature was changed"
            ),
        }
    }
}

/// Why bytes are no register, or values make none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// Another kind of file.
    #[error("not an institution register, expected a file that begins with TTIR")]
    Magic,
    /// A format of a later time.
    #[error("register of format {found}, expected {expected}")]
    Format {
        /// What the file says.
        found: u8,
        /// What can be read.
        expected: u8,
    },
    /// The file is longer or shorter than its head says.
    #[error("register of {found} bytes, expected {expected}")]
    Length {
        /// How long it is.
        found: usize,
        /// How long it must be.
        expected: usize,
    },
    /// None of the trusted keys signed it.
    #[error("the register's signature does not hold: {damage}")]
    Signature {
        /// What of it was changed, as far as the rows tell.
        damage: Damage,
    },
    /// A row does not hold.
    #[error(transparent)]
    Row(#[from] DecodeError),
    /// A row cannot be written.
    #[error(transparent)]
    Unwritable(#[from] EncodeError),
    /// Rows that do not rise, or one thing twice.
    #[error("{what} {key}: twice, or not in rising order")]
    Order {
        /// Which kind of row.
        what: &'static str,
        /// Its key.
        key: String,
    },
    /// More rows than a file has room for.
    #[error("{found} {what}, expected at most 65535")]
    TooMany {
        /// Which kind of row.
        what: &'static str,
        /// How many.
        found: usize,
    },
    /// An acquirer's code, whose institution has another.
    #[error("institution {0}: expected its code with role digit 0 instead of 1")]
    RoleDigit(InstitutionCode),
    /// A link certificate of nobody.
    #[error("link certificate {fingerprint}: institution {institution} is not in the register")]
    Nobodys {
        /// Whose it is said to be.
        institution: InstitutionCode,
        /// Which one.
        fingerprint: Fingerprint,
    },
    /// A term that ends before it begins.
    #[error("link certificate {fingerprint}: its term ends before it begins")]
    Term {
        /// Which one.
        fingerprint: Fingerprint,
    },
    /// A successor that is not in the register, or the institution itself.
    #[error("institution {0}: its successor is not another institution of the register")]
    Successor(InstitutionCode),
    /// Versions are counted from 1.
    #[error("version 0, expected 1 or more")]
    Version,
    /// An older register than the one held, or another of the same version.
    #[error("register version {offered}, expected later than {held}")]
    NotNewer {
        /// The version held.
        held: u64,
        /// The version offered.
        offered: u64,
    },
    /// Published before the one held.
    #[error("register version {offered} is dated before version {held}")]
    BackInTime {
        /// The version held.
        held: u64,
        /// The version offered.
        offered: u64,
    },
    /// An institution of the version before is missing.
    #[error(
        "institution {0} is missing, expected it as removed: nobody vanishes from the register"
    )]
    Vanished(InstitutionCode),
    /// An institution that was removed is back.
    #[error(
        "institution {0} was removed, expected that it stays so: who comes back has a new code"
    )]
    Returned(InstitutionCode),
    /// A certificate of the version before belongs to another institution now.
    #[error("link certificate {fingerprint} was another institution's, expected {was}")]
    Moved {
        /// Which one.
        fingerprint: Fingerprint,
        /// Whose it was.
        was: InstitutionCode,
    },
    /// Nobody signed.
    #[error(transparent)]
    Signer(#[from] SignerFault),
}
