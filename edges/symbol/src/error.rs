//! What can go wrong between bytes and a picture.

use crate::display::{DPI_MAX, DPI_MIN, SIDE_MM_MAX, SIDE_MM_MIN};
use crate::encode::EccLevel;

/// Why a symbol could not be drawn or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SymbolError {
    /// No symbology version holds this many bytes at this level.
    #[error(
        "payload of {length_bytes} bytes does not fit: level {level} holds {max_bytes} at most"
    )]
    PayloadTooLong {
        /// Bytes offered.
        length_bytes: usize,
        /// Bytes the largest symbol holds at this level.
        max_bytes: usize,
        /// Error correction level asked for.
        level: EccLevel,
    },
    /// The printed side is outside what the display rules allow (QR annex, display rules).
    #[error(
        "symbol side of {side_mm} mm is not allowed, expected {SIDE_MM_MIN}..={SIDE_MM_MAX} mm"
    )]
    SideOutOfRange {
        /// Side asked for, in millimetres.
        side_mm: u32,
    },
    /// The resolution is one that no screen or printer has.
    #[error("resolution of {dpi} dpi is not supported, expected {DPI_MIN}..={DPI_MAX} dpi")]
    DpiOutOfRange {
        /// Resolution asked for, in dots per inch.
        dpi: u32,
    },
    /// The bytes begin neither like a PNG nor like a JPEG.
    #[error("not a picture we can read: expected a PNG or JPEG file")]
    UnknownImageFormat,
    /// The picture claims more pixels than we are willing to hold in memory.
    #[error(
        "image of {width} x {height} pixels is too large, at most {pixels_max} pixels are read"
    )]
    ImageTooLarge {
        /// Width in pixels, as the file claims.
        width: u32,
        /// Height in pixels, as the file claims.
        height: u32,
        /// Most pixels accepted.
        pixels_max: u64,
    },
    /// The picture is broken or of an unsupported kind.
    #[error("{format} image cannot be decoded: {reason}")]
    Image {
        /// `PNG` or `JPEG`.
        format: &'static str,
        /// The picture decoder's own words.
        reason: String,
    },
    /// The picture shows no symbol.
    #[error("no QR symbol found in the image")]
    NoSymbol,
    /// A symbol is there, but too damaged, blurred or small to be read.
    #[error("a QR symbol was found but cannot be read: {reason}")]
    Damaged {
        /// What gave way.
        reason: &'static str,
    },
    /// The picture shows more finder patterns than an honest picture does.
    #[error("more than {finders_max} finder patterns in the image, too many to search")]
    Crowded {
        /// Most finder patterns accepted; a symbol has three.
        finders_max: usize,
    },
    /// A decoder gave up on a picture made to confuse it; the picture is at fault.
    #[error("the image confuses the {stage} decoder")]
    DecoderFault {
        /// `PNG`, `JPEG` or `QR`.
        stage: &'static str,
    },
}
