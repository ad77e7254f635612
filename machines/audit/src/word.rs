//! Words in a line: names of actors, of deeds, of reasons.

use alloc::string::{String, ToString as _};
use core::fmt;

use tongtu_codec::{Encoding, FieldError};
use tongtu_types::ValueError;

/// How this crate's own values lie in its records.
#[derive(Debug)]
pub struct Log;

/// Up to `N` visible ASCII characters without a space.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Word<const N: usize>([u8; N]);

const EXPECTED: &str = "visible ASCII without spaces, as long as its field at most";

impl<const N: usize> Word<N> {
    /// Parses a word.
    ///
    /// # Errors
    /// [`ValueError`] naming the length or the first character that is not visible ASCII.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        if text.is_empty() || text.len() > N {
            return Err(ValueError::Length {
                what: "word",
                found: text.len(),
                expected: EXPECTED,
            });
        }
        if let Some(at) = text.bytes().position(|b| !b.is_ascii_graphic()) {
            return Err(ValueError::Character {
                what: "word",
                at,
                expected: EXPECTED,
            });
        }
        let mut bytes = [b' '; N];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Self(bytes))
    }

    /// The word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0)
            .expect("only ASCII characters are admitted by `parse`")
            .trim_end_matches(' ')
    }
}

impl<const N: usize> fmt::Display for Word<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl<const N: usize> fmt::Debug for Word<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<const N: usize> Encoding<Word<N>> for Log {
    const LETTER: &'static str = "an";

    fn decode(bytes: &[u8]) -> Result<Word<N>, FieldError> {
        if let Some(at) = bytes.iter().position(|b| !b.is_ascii()) {
            return Err(FieldError::Character {
                at,
                byte: bytes[at],
                expected: EXPECTED,
            });
        }
        let text = core::str::from_utf8(bytes).expect("ASCII is UTF-8");
        Ok(Word::parse(text.trim_end_matches(' '))?)
    }

    fn encode(value: &Word<N>, out: &mut [u8]) -> Result<(), FieldError> {
        tongtu_codec::Raw::encode(&value.0, out)
    }

    fn show(value: &Word<N>) -> String {
        value.to_string()
    }
}

impl<const N: usize> Encoding<Option<Word<N>>> for Log {
    const LETTER: &'static str = "an";

    fn decode(bytes: &[u8]) -> Result<Option<Word<N>>, FieldError> {
        if bytes.iter().all(|b| *b == b' ') {
            return Ok(None);
        }
        <Self as Encoding<Word<N>>>::decode(bytes).map(Some)
    }

    fn encode(value: &Option<Word<N>>, out: &mut [u8]) -> Result<(), FieldError> {
        match value {
            Some(word) => <Self as Encoding<Word<N>>>::encode(word, out),
            None => {
                out.fill(b' ');
                Ok(())
            }
        }
    }

    fn show(value: &Option<Word<N>>) -> String {
        value.map_or_else(String::new, |word| word.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_visible_and_fits() {
        assert_eq!(Word::<12>::parse("issue").unwrap().as_str(), "issue");
        for text in ["", "two words", "签发", "1234567890123", "tab\t"] {
            assert!(Word::<12>::parse(text).is_err(), "{text}");
        }
    }
}
