//! What a caller is called at its institution.

use alloc::string::{String, ToString as _};
use core::fmt;
use core::str::FromStr;

use tongtu_codec::{Encoding, FieldError, Raw};
use tongtu_types::ValueError;

/// How this crate's own values lie in its records.
#[derive(Debug)]
pub struct Seal;

/// A caller's number at its institution: a terminal's is its terminal number, a person's says no
/// name. Form: 1 to 12 digits, letters or hyphens.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallerNumber([u8; 12]);

const EXPECTED: &str = "1 to 12 digits, letters or hyphens";

impl CallerNumber {
    /// Parses a number.
    ///
    /// # Errors
    /// [`ValueError`] naming the length or the first other character.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        if text.is_empty() || text.len() > 12 {
            return Err(ValueError::Length {
                what: "caller number",
                found: text.len(),
                expected: EXPECTED,
            });
        }
        let may_stand = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        if let Some(at) = text.bytes().position(|b| !may_stand(b)) {
            return Err(ValueError::Character {
                what: "caller number",
                at,
                expected: EXPECTED,
            });
        }
        let mut bytes = [b' '; 12];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Self(bytes))
    }

    /// The number of every institution's node: its key is the institution's link key, by which
    /// other nodes know it and its files.
    #[must_use]
    pub fn node() -> Self {
        Self::parse("node").expect("four letters")
    }

    /// The number.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0)
            .expect("only ASCII characters are admitted by `parse`")
            .trim_end_matches(' ')
    }
}

impl FromStr for CallerNumber {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        Self::parse(text)
    }
}

impl fmt::Display for CallerNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for CallerNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Encoding<CallerNumber> for Seal {
    const LETTER: &'static str = "an";

    fn decode(bytes: &[u8]) -> Result<CallerNumber, FieldError> {
        if let Some(at) = bytes.iter().position(|b| !b.is_ascii()) {
            return Err(FieldError::Character {
                at,
                byte: bytes[at],
                expected: EXPECTED,
            });
        }
        let text = core::str::from_utf8(bytes).expect("ASCII is UTF-8");
        Ok(CallerNumber::parse(text.trim_end_matches(' '))?)
    }

    fn encode(value: &CallerNumber, out: &mut [u8]) -> Result<(), FieldError> {
        Raw::encode(&value.0, out)
    }

    fn show(value: &CallerNumber) -> String {
        value.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_short_and_plain() {
        for text in ["1", "node", "100000000001", "OP-7"] {
            assert_eq!(CallerNumber::parse(text).unwrap().as_str(), text);
        }
        for text in ["", "1234567890123", "a b", "员", "a/b"] {
            assert!(CallerNumber::parse(text).is_err(), "{text}");
        }
    }
}
