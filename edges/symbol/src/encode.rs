//! From payload bytes to a square of dark and light modules.
//!
//! [`SymbolEncoder`] is the seam where a second symbology enters: the QR annex asks for Han Xin
//! (汉信码, GB/T 21049) "when conditions allow". An encoder only fills [`Modules`]; size, quiet zone,
//! mark and files are drawn by `render.rs` for all symbologies alike.

use std::fmt;

use qrcodegen::{DataTooLong, QrCode, QrCodeEcc, QrSegment, Version};

use crate::error::SymbolError;

/// Draws payload bytes as a square matrix symbol.
///
/// A Han Xin encoder follows by implementing this trait: its symbols are square too (`2v + 21`
/// modules, 63 x 63 for 332 bytes at level 1), carry the same payload bytes and obey the same
/// display rules. Nothing else in this crate, nor in its callers, changes.
pub trait SymbolEncoder {
    /// Name of the symbology, for titles and logs.
    fn name(&self) -> &'static str;

    /// Encodes `payload` byte for byte, in the smallest version that holds it.
    ///
    /// Errors: [`SymbolError::PayloadTooLong`].
    fn encode(&self, payload: &[u8]) -> Result<Modules, SymbolError>;
}

/// Error correction level of a QR symbol (纠错等级), ISO/IEC 18004 §7.5.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EccLevel {
    /// About 7% of codewords restored: what the QR annex asks for ("not below 7%").
    L,
    /// About 15%.
    M,
    /// About 25%.
    Q,
    /// About 30%.
    H,
}

impl fmt::Display for EccLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::L => "L",
            Self::M => "M",
            Self::Q => "Q",
            Self::H => "H",
        })
    }
}

/// A square symbol as modules, without quiet zone.
///
/// Form: `size` x `size` modules, row by row from the top left.
#[derive(Clone, PartialEq, Eq)]
pub struct Modules {
    version: u8,
    size: usize,
    dark: Vec<bool>,
}

impl Modules {
    /// Builds a symbol from a predicate over `(x, y)`; for encoders.
    ///
    /// `version` is the symbology's own number of this size.
    pub fn from_fn(version: u8, size: usize, dark: impl Fn(usize, usize) -> bool) -> Self {
        let dark = (0..size)
            .flat_map(|y| (0..size).map(move |x| (x, y)))
            .map(|(x, y)| dark(x, y));
        Self {
            version,
            size,
            dark: dark.collect(),
        }
    }

    /// Version number in the symbology: QR 1..=40, 12 for a ride code at level L.
    pub fn version(&self) -> u8 {
        self.version
    }

    /// Modules per side, quiet zone excluded: 65 for QR version 12.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Tells whether the module in column `x`, row `y` is dark; everything outside is light.
    pub fn dark(&self, x: usize, y: usize) -> bool {
        x < self.size && y < self.size && self.dark[y * self.size + x]
    }
}

impl fmt::Debug for Modules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The payload is personal data: the matrix itself stays out of logs.
        f.debug_struct("Modules")
            .field("version", &self.version)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

/// QR encoder (GB/T 18284, ISO/IEC 18004): one byte-mode segment, no ECI.
///
/// Mixed segments are legal but some readers lose the numeric part of a binary payload, and an ECI
/// invites them to guess a character set; one byte segment also keeps the version predictable. The
/// level is the one asked for, never raised to fill spare room, so that the same payload gives the
/// same symbol everywhere.
///
/// CONFLICT: the QR annex says "less than 25 x 25, version 2 or below", which holds 32 bytes, and
/// its own field table needs 332..364; we follow the table and take the smallest version that fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QrEncoder {
    level: EccLevel,
}

impl QrEncoder {
    /// Level L, the default: version 12 (65 x 65 modules) for every ride code.
    pub const L: Self = Self { level: EccLevel::L };
    /// Level M for scratched screens and paper: version 14 (73 x 73) or 15 (77 x 77).
    pub const M: Self = Self { level: EccLevel::M };

    /// Error correction level this encoder uses.
    pub fn level(&self) -> EccLevel {
        self.level
    }

    /// Most bytes one symbol holds: version 40 in byte mode (ISO/IEC 18004 table 7).
    fn bytes_max(&self) -> usize {
        match self.level {
            EccLevel::L => 2953,
            EccLevel::M => 2331,
            EccLevel::Q => 1663,
            EccLevel::H => 1273,
        }
    }
}

impl Default for QrEncoder {
    fn default() -> Self {
        Self::L
    }
}

impl SymbolEncoder for QrEncoder {
    fn name(&self) -> &'static str {
        "QR"
    }

    fn encode(&self, payload: &[u8]) -> Result<Modules, SymbolError> {
        let too_long = SymbolError::PayloadTooLong {
            length_bytes: payload.len(),
            max_bytes: self.bytes_max(),
            level: self.level,
        };
        // Checked here as well, so that a huge slice is not first spread into one bool per bit.
        if payload.len() > self.bytes_max() {
            return Err(too_long);
        }
        let level = match self.level {
            EccLevel::L => QrCodeEcc::Low,
            EccLevel::M => QrCodeEcc::Medium,
            EccLevel::Q => QrCodeEcc::Quartile,
            EccLevel::H => QrCodeEcc::High,
        };
        let segment = [QrSegment::make_bytes(payload)];
        let (from, to, best_mask, boost) = (Version::MIN, Version::MAX, None, false);
        let code =
            match QrCode::encode_segments_advanced(&segment, level, from, to, best_mask, boost) {
                Ok(code) => code,
                Err(DataTooLong::SegmentTooLong | DataTooLong::DataOverCapacity(..)) => {
                    return Err(too_long);
                }
            };
        let size = usize::try_from(code.size()).expect("a QR symbol has 21..=177 modules a side");
        let at = |v: usize| i32::try_from(v).expect("a coordinate is below 177");
        Ok(Modules::from_fn(code.version().value(), size, |x, y| {
            code.get_module(at(x), at(y))
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(encoder: QrEncoder, length_bytes: usize) -> u8 {
        let payload: Vec<u8> = (0..=u8::MAX)
            .cycle()
            .step_by(37)
            .take(length_bytes)
            .collect();
        encoder.encode(&payload).unwrap().version()
    }

    #[test]
    fn every_legal_ride_code_is_version_12_at_level_l() {
        for length_bytes in 332..=364 {
            assert_eq!(
                version(QrEncoder::L, length_bytes),
                12,
                "{length_bytes} bytes"
            );
        }
    }

    #[test]
    fn versions_at_the_edges_match_the_capacity_table() {
        // ISO/IEC 18004 table 7, byte mode: 11-L 321, 12-L 367, 13-M 331, 14-M 362, 15-M 412.
        for (encoder, length_bytes, expected) in [
            (QrEncoder::L, 321, 11),
            (QrEncoder::L, 322, 12),
            (QrEncoder::L, 367, 12),
            (QrEncoder::L, 368, 13),
            (QrEncoder::M, 331, 13),
            (QrEncoder::M, 332, 14),
            (QrEncoder::M, 362, 14),
            (QrEncoder::M, 364, 15),
            (QrEncoder::L, 2953, 40),
            (QrEncoder::M, 2331, 40),
        ] {
            assert_eq!(
                version(encoder, length_bytes),
                expected,
                "{encoder:?} {length_bytes}"
            );
        }
    }

    #[test]
    fn digits_stay_in_byte_mode() {
        // In numeric mode 364 digits would fit version 7; a forced byte segment needs 12.
        assert_eq!(QrEncoder::L.encode(&[b'7'; 364]).unwrap().version(), 12);
    }

    #[test]
    fn rejects_more_than_version_40_holds() {
        for (encoder, max_bytes) in [(QrEncoder::L, 2953), (QrEncoder::M, 2331)] {
            let error = encoder.encode(&vec![0; max_bytes + 1]).unwrap_err();
            let length_bytes = max_bytes + 1;
            let level = encoder.level();
            assert_eq!(
                error,
                SymbolError::PayloadTooLong {
                    length_bytes,
                    max_bytes,
                    level
                }
            );
        }
    }

    #[test]
    fn finder_pattern_is_dark_on_light() {
        let modules = QrEncoder::L.encode(&[0x81; 332]).unwrap();
        assert_eq!(modules.size(), 65);
        let row = |y| -> String {
            (0..8)
                .map(|x| if modules.dark(x, y) { '#' } else { '.' })
                .collect::<String>()
        };
        let finder: Vec<String> = (0..8).map(row).collect();
        assert_eq!(
            finder,
            [
                "#######.", "#.....#.", "#.###.#.", "#.###.#.", "#.###.#.", "#.....#.", "#######.",
                "........"
            ]
        );
        assert!(
            !modules.dark(65, 0) && !modules.dark(0, 65),
            "outside is light"
        );
    }
}
