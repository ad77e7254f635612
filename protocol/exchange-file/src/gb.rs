//! Text with Chinese characters in fields of fixed width.

use alloc::string::String;
use core::fmt;

use encoding_rs::GB18030;
use tongtu_codec::{Encoding, FieldError};

/// Text of at most `N` bytes in GB18030 (a superset of GB2312), left-aligned, space-filled.
///
/// Form: exactly `N` bytes. Fields are cut by byte; writing never cuts through a character.
/// Reading keeps the bytes as they came, because files are seen in which others did, so that
/// such a file is written again byte by byte; only what is shown replaces the broken half.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GbText<const N: usize>([u8; N]);

impl<const N: usize> GbText<N> {
    /// All spaces.
    pub const EMPTY: Self = Self([b' '; N]);

    /// Takes a text that fits whole.
    ///
    /// # Errors
    /// [`FieldError::TooLong`] when it needs more than `N` bytes, [`FieldError::Character`]
    /// for a control character or one that GB18030 does not have.
    pub fn new(text: &str) -> Result<Self, FieldError> {
        let mut out = Self::EMPTY;
        let mut len = 0;
        for (at, c) in text.char_indices() {
            let bytes = GbChar::of(c).ok_or(FieldError::Character {
                at,
                byte: text.as_bytes()[at],
                expected: EXPECTED,
            })?;
            if len + bytes.as_bytes().len() > N {
                let needed = GB18030.encode(text).0.len();
                return Err(FieldError::TooLong { needed, width: N });
            }
            len += out.put(len, &bytes);
        }
        Ok(out)
    }

    /// Takes as many whole characters of a text as fit; what cannot be written becomes `?`.
    #[must_use]
    pub fn fit(text: &str) -> Self {
        let mut out = Self::EMPTY;
        let mut len = 0;
        for c in text.chars() {
            let bytes = GbChar::of(c).unwrap_or(GbChar::UNKNOWN);
            if len + bytes.as_bytes().len() > N {
                break;
            }
            len += out.put(len, &bytes);
        }
        out
    }

    /// The field's bytes, fill included.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; N] {
        &self.0
    }

    /// Whether there is nothing but fill.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|b| *b == b' ')
    }

    fn put(&mut self, at: usize, c: &GbChar) -> usize {
        let bytes = c.as_bytes();
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        bytes.len()
    }
}

const EXPECTED: &str = "GB18030 text without control characters";

/// One character in GB18030: one, two or four bytes.
struct GbChar {
    len: usize,
    bytes: [u8; 4],
}

impl GbChar {
    const UNKNOWN: Self = Self {
        len: 1,
        bytes: [b'?', 0, 0, 0],
    };

    fn of(c: char) -> Option<Self> {
        if c.is_control() {
            return None;
        }
        let mut utf8 = [0; 4];
        let (coded, _, unmappable) = GB18030.encode(c.encode_utf8(&mut utf8));
        if unmappable {
            return None;
        }
        let mut bytes = [0; 4];
        bytes.get_mut(..coded.len())?.copy_from_slice(&coded);
        Some(Self {
            len: coded.len(),
            bytes,
        })
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// The text without its fill; a broken character shows as U+FFFD.
impl<const N: usize> fmt::Display for GbText<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A space is never part of a longer character, so the fill may go before decoding.
        let end = self
            .0
            .iter()
            .rposition(|b| *b != b' ')
            .map_or(0, |last| last + 1);
        let (text, _) = GB18030.decode_without_bom_handling(&self.0[..end]);
        f.write_str(&text)
    }
}

impl<const N: usize> fmt::Debug for GbText<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// `an` in GB18030 bytes.
#[derive(Debug)]
pub(crate) struct Gb;

impl<const N: usize> Encoding<GbText<N>> for Gb {
    const LETTER: &'static str = "an";

    fn decode(bytes: &[u8]) -> Result<GbText<N>, FieldError> {
        if let Some(at) = bytes.iter().position(u8::is_ascii_control) {
            return Err(FieldError::Character {
                at,
                byte: bytes[at],
                expected: EXPECTED,
            });
        }
        let bytes = bytes.try_into().map_err(|_| FieldError::Truncated {
            needed: N,
            found: bytes.len(),
        })?;
        Ok(GbText(bytes))
    }

    fn encode(value: &GbText<N>, out: &mut [u8]) -> Result<(), FieldError> {
        if out.len() != N {
            return Err(FieldError::TooLong {
                needed: N,
                width: out.len(),
            });
        }
        out.copy_from_slice(&value.0);
        Ok(())
    }

    fn show(value: &GbText<N>) -> String {
        alloc::format!("{value}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn writes_published_bytes() {
        // 交易重复, code points of GB2312.
        let text = GbText::<10>::new("交易重复").unwrap();
        assert_eq!(*text.as_bytes(), *b"\xBD\xBB\xD2\xD7\xD6\xD8\xB8\xB4  ");
        assert_eq!(text.to_string(), "交易重复");
    }

    #[test]
    fn never_cuts_through_a_character() {
        assert_eq!(
            *GbText::<5>::fit("交易重").as_bytes(),
            *b"\xBD\xBB\xD2\xD7 "
        );
        assert_eq!(*GbText::<4>::fit("a交易").as_bytes(), *b"a\xBD\xBB ");
        // U+20000 needs four bytes.
        assert_eq!(*GbText::<5>::fit("交\u{20000}").as_bytes(), *b"\xBD\xBB   ");
        let error = GbText::<5>::new("交易重").unwrap_err();
        assert_eq!(
            error,
            FieldError::TooLong {
                needed: 6,
                width: 5
            }
        );
    }

    #[test]
    fn keeps_the_half_character_that_another_left() {
        let text: GbText<3> = Gb::decode(b"\xBD\xBB\xD2").unwrap();
        assert_eq!(text.as_bytes(), b"\xBD\xBB\xD2");
        assert_eq!(text.to_string(), "交\u{FFFD}");
    }

    #[test]
    fn control_characters_stay_out() {
        assert!(GbText::<4>::new("a\nb").is_err());
        assert_eq!(GbText::<4>::fit("a\nb").as_bytes(), b"a?b ");
        assert!(<Gb as Encoding<GbText<2>>>::decode(b"a\n").is_err());
        assert!(<Gb as Encoding<GbText<2>>>::decode(b"a\0").is_err());
    }

    proptest! {
        #[test]
        fn what_fits_is_a_prefix(text in "\\PC*") {
            let fitted = GbText::<40>::fit(&text).to_string();
            if let Ok(whole) = GbText::<40>::new(&text) {
                prop_assert_eq!(whole.to_string(), fitted.clone());
                prop_assert_eq!(text.trim_end_matches(' '), fitted);
            } else if !fitted.contains('?') {
                prop_assert!(text.starts_with(&fitted));
            }
        }

        #[test]
        fn what_was_fitted_reads_back(text: String) {
            let fitted = GbText::<12>::fit(&text);
            prop_assert_eq!(Gb::decode(fitted.as_bytes()), Ok(fitted));
        }
    }
}
