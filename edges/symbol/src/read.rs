//! From a picture back to payload bytes.
//!
//! What comes out is the decoder's bytes, never its text: a ride code is binary, and any guess at a
//! character set breaks it. Undoing the transforms of other people's readers (hex, base64,
//! UTF-8-expanded) is not done here.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rqrr::{DeQRError, PreparedImage};

use crate::bitmap::Bitmap;
use crate::encode::EccLevel;
use crate::error::SymbolError;
use crate::luma::Luma;

/// Most pixels searched; larger pictures are halved first, which also averages sensor noise away.
const SEARCH_PIXELS_MAX: usize = 16 << 20;
/// Longest side searched: the finder squares distances in 32 bits.
const SEARCH_SIDE_MAX: usize = 16_384;
/// Pictures up to this many pixels are also tried at twice their size.
const DOUBLE_PIXELS_MAX: usize = 1 << 20;
/// One symbol read from a picture.
#[derive(Clone, PartialEq, Eq)]
pub struct Found {
    /// The payload, byte for byte.
    pub bytes: Vec<u8>,
    /// QR version 1..=40.
    pub version: u8,
    /// Error correction level the symbol was made with.
    pub level: EccLevel,
}

impl std::fmt::Debug for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A ride code names an account: its bytes stay out of logs.
        f.debug_struct("Found")
            .field("bytes_len", &self.bytes.len())
            .field("version", &self.version)
            .field("level", &self.level)
            .finish()
    }
}

/// Reads every QR symbol in a PNG or JPEG file: up to sixteen, in a large photo four.
///
/// The picture is tried with a threshold that follows its shadows, then with one threshold for all
/// of it; if neither shows a symbol that can be read, again at half and at twice its size. At least
/// one symbol is in the answer, and symbols that cannot be read beside one that can are left out.
///
/// Errors: [`SymbolError::UnknownImageFormat`], [`SymbolError::ImageTooLarge`],
/// [`SymbolError::Image`] for the file; [`SymbolError::NoSymbol`], [`SymbolError::Damaged`],
/// [`SymbolError::Crowded`] for what it shows; [`SymbolError::DecoderFault`] for a picture that
/// breaks a decoder.
pub fn read_image(bytes: &[u8]) -> Result<Vec<Found>, SymbolError> {
    let mut picture = Luma::decode(bytes)?;
    while picture.pixels.len() > SEARCH_PIXELS_MAX
        || picture.width.max(picture.height) > SEARCH_SIDE_MAX
    {
        picture = picture.halved();
    }
    let resize: [fn(&Luma) -> Option<Luma>; 3] = [
        |picture| Some(picture.clone()),
        |picture| Some(picture.halved()),
        |picture| (picture.pixels.len() <= DOUBLE_PIXELS_MAX).then(|| doubled(picture)),
    ];
    // What the first attempts saw says more than what a later, coarser one did not.
    let mut verdict = SymbolError::NoSymbol;
    for variant in resize.iter().filter_map(|resize| resize(&picture)) {
        for threshold in [Bitmap::local, Bitmap::global] {
            match search(&threshold(&variant)) {
                Ok(found) => return Ok(found),
                Err(error) if verdict == SymbolError::NoSymbol => verdict = error,
                Err(_) => {}
            }
        }
    }
    Err(verdict)
}

/// Runs a decoder over bytes from outside and turns its panics into an error.
///
/// The decoders are other people's and meant for honest pictures; some of their index arithmetic
/// panics on hostile ones. Nothing they touch outlives the call, so unwinding is safe.
pub(crate) fn guard<T>(
    stage: &'static str,
    decode: impl FnOnce() -> Result<T, SymbolError>,
) -> Result<T, SymbolError> {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or(Err(SymbolError::DecoderFault { stage }))
}

/// Looks for symbols in one black and white picture.
fn search(bitmap: &Bitmap) -> Result<Vec<Found>, SymbolError> {
    bitmap.check_crowd()?;
    guard("QR", || {
        let mut prepared =
            PreparedImage::prepare_from_bitmap(bitmap.width, bitmap.height, |x, y| {
                bitmap.dark(x, y)
            });
        let mut found = Vec::new();
        let mut failure = SymbolError::NoSymbol;
        for grid in prepared.detect_grids() {
            let mut bytes = Vec::new();
            match grid.decode_to(&mut bytes) {
                Ok(meta) => found.push(Found {
                    bytes,
                    version: u8::try_from(meta.version.0).expect("a QR version is 1..=40"),
                    level: level(meta.ecc_level),
                }),
                Err(error) => {
                    failure = SymbolError::Damaged {
                        reason: reason(error),
                    }
                }
            }
        }
        if found.is_empty() {
            Err(failure)
        } else {
            Ok(found)
        }
    })
}

/// The level behind the two format bits (ISO/IEC 18004 §7.9.1).
fn level(format_bits: u16) -> EccLevel {
    match format_bits & 3 {
        0 => EccLevel::M,
        1 => EccLevel::L,
        2 => EccLevel::H,
        _ => EccLevel::Q,
    }
}

fn reason(error: DeQRError) -> &'static str {
    match error {
        DeQRError::DataEcc => "more codewords are wrong than error correction can restore",
        DeQRError::FormatEcc => "its format information is unreadable",
        DeQRError::InvalidVersion | DeQRError::InvalidGridSize => "its version cannot be told",
        DeQRError::UnknownDataType => "it uses a data mode we do not know",
        DeQRError::DataUnderflow => "its data ends too early",
        DeQRError::DataOverflow => "its data runs past the symbol",
        DeQRError::IoError | DeQRError::EncodingError => "its data cannot be taken over",
    }
}

/// Twice the size, each pixel a two by two square.
fn doubled(picture: &Luma) -> Luma {
    let pixels = picture
        .pixels
        .chunks_exact(picture.width)
        .flat_map(|line| [line, line])
        .flat_map(|line| line.iter().flat_map(|pixel| [*pixel, *pixel]))
        .collect();
    Luma {
        width: 2 * picture.width,
        height: 2 * picture.height,
        pixels,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubling_repeats_every_pixel() {
        let picture = Luma {
            width: 2,
            height: 1,
            pixels: vec![1, 2],
        };
        let expected = Luma {
            width: 4,
            height: 2,
            pixels: vec![1, 1, 2, 2, 1, 1, 2, 2],
        };
        assert_eq!(doubled(&picture), expected);
    }

    #[test]
    fn a_panicking_decoder_is_the_pictures_fault() {
        let outcome: Result<(), _> = guard("QR", || panic!("a decoder's own bug"));
        assert_eq!(outcome, Err(SymbolError::DecoderFault { stage: "QR" }));
    }

    #[test]
    fn level_bits_follow_the_standard() {
        let levels = [0, 1, 2, 3].map(level);
        assert_eq!(levels, [EccLevel::M, EccLevel::L, EccLevel::H, EccLevel::Q]);
    }
}
