//! Bytes as lower-case hex.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes; in JSON a string of lower-case hex digits, two a byte. Upper case is read too.
///
/// `Debug` shows the length only: certificates and records name a rider's account.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Hex(pub Vec<u8>);

impl fmt::Debug for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hex({} bytes)", self.0.len())
    }
}

impl From<&[u8]> for Hex {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |nibble: u8| DIGITS[usize::from(nibble)];
        // Whole records are written so: bytes first, which is several times faster than characters.
        let pairs = self
            .0
            .iter()
            .flat_map(|byte| [digit(byte >> 4), digit(byte & 0x0f)]);
        let text = String::from_utf8(pairs.collect()).expect("hex digits are characters");
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(HexVisitor)
    }
}

struct HexVisitor;

impl Visitor<'_> for HexVisitor {
    type Value = Hex;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string of hex digits, two a byte")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Hex, E> {
        if let Some(at) = text.bytes().position(|b| !b.is_ascii_hexdigit()) {
            return Err(E::custom(format_args!(
                "unexpected character at position {at}, expected hex digits"
            )));
        }
        if !text.len().is_multiple_of(2) {
            return Err(E::invalid_length(text.len(), &self));
        }
        let nibble = |digit: u8| match digit {
            b'0'..=b'9' => digit - b'0',
            _ => (digit | 0x20) - b'a' + 10,
        };
        let bytes = text.as_bytes().chunks_exact(2);
        Ok(Hex(bytes
            .map(|pair| nibble(pair[0]) << 4 | nibble(pair[1]))
            .collect()))
    }
}
