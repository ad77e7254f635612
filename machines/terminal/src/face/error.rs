//! Why galleries are not made, not opened, or not taken. No message holds a template.

use tongtu_codec::{DecodeError, EncodeError};
use tongtu_types::{InstitutionCode, TerminalNumber};

use super::{EngineId, GALLERY_AGE_MAX_S, RIDERS_MAX, SCOPES_MAX, TEMPLATE_MAX, TEMPLATES_MAX};

/// Why a gallery is not made or not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GalleryError {
    /// Does not begin like a gallery.
    #[error("not a gallery: expected its magic and format in front")]
    Magic,
    /// The signature is not the acquirer's over these bytes.
    #[error("signature of the gallery does not verify under the acquirer's list key")]
    Signature,
    /// A report is not this terminal's, or was bent on its way.
    #[error("signature of the gallery report does not verify under the terminal's key")]
    Report,
    /// The terminal's own code is not over these bytes.
    #[error("gallery at rest was changed, or is another terminal's")]
    Mac,
    /// A field is cut off or malformed.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A field cannot be written.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// More riders than a gallery holds.
    #[error("{found} riders, expected at most {RIDERS_MAX}")]
    TooMany {
        /// Riders there.
        found: usize,
    },
    /// Two riders of one handle, or not in order.
    #[error("rider {index} of the gallery is out of order")]
    Order {
        /// Which, from 0.
        index: usize,
    },
    /// A rider's part does not open: another key, or changed.
    #[error("template of rider {index} does not open with the seal key")]
    Seal {
        /// Which, from 0.
        index: usize,
    },
    /// The second factor is no four digits.
    #[error("second factor, expected 4 digits")]
    Digits,
    /// A template of no use.
    #[error("template of {found} bytes, expected 1 to {TEMPLATE_MAX}")]
    Template {
        /// Bytes there.
        found: usize,
    },
    /// No template, or more than a rider may have.
    #[error("{found} templates of one rider, expected 1 to {TEMPLATES_MAX}")]
    Templates {
        /// How many there are.
        found: usize,
    },
    /// A consent that names nobody, or too many.
    #[error("consent names {found} operators and lines, expected 1 to {SCOPES_MAX}")]
    Scopes {
        /// How many it names.
        found: usize,
    },
    /// A consent for a request whose id is too long.
    #[error("request id of {length} bytes, expected at most 255")]
    Request {
        /// Its length.
        length: usize,
    },
    /// Bytes behind the last entry.
    #[error("{found} bytes behind the last entry, expected the end")]
    Behind {
        /// Bytes there.
        found: usize,
    },
    /// Made for another acquirer's terminals.
    #[error("gallery of acquirer {found}, expected {expected}")]
    OtherAcquirer {
        /// The acquirer it names.
        found: InstitutionCode,
        /// The terminal's.
        expected: InstitutionCode,
    },
    /// Made for another terminal.
    #[error("gallery of another terminal, expected {expected}")]
    OtherTerminal {
        /// The terminal that was offered it.
        expected: TerminalNumber,
    },
    /// Good for longer than any list may be.
    #[error("gallery good for {found_s} seconds, expected at most {GALLERY_AGE_MAX_S}")]
    Age {
        /// For how long it says to be good.
        found_s: i64,
    },
    /// An update that does not lead forward, or says something and leads nowhere.
    #[error("gallery update from version {base} to {version}, expected a way forward")]
    Versions {
        /// The version it goes on from.
        base: u64,
        /// The version it leads to.
        version: u64,
    },
    /// An update that goes on from a version which is not held. Whoever it forgets is forgotten
    /// all the same.
    #[error("gallery update goes on from version {base}, held is {held}")]
    Gap {
        /// The version it goes on from.
        base: u64,
        /// The version held; 0 when there is none to go on from.
        held: u64,
    },
    /// Made by another engine.
    #[error("gallery of engine {found}, expected {expected}")]
    OtherEngine {
        /// The engine it names.
        found: EngineId,
        /// The terminal's.
        expected: EngineId,
    },
    /// Not newer than the one held.
    #[error("gallery version {found}, expected more than {held}")]
    NotNewer {
        /// The version offered.
        found: u64,
        /// The version held.
        held: u64,
    },
}
