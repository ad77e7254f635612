//! Hex and Base64, the two forms in which people hand codes around.

use alloc::string::String;
use alloc::vec::Vec;

/// Why a text is not the bytes it was taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// A character of another alphabet.
    #[error("character {found:?} at position {at} is not {alphabet}")]
    Character {
        /// 0-based position in the text.
        at: usize,
        /// The offender.
        found: char,
        /// The alphabet, in words.
        alphabet: &'static str,
    },
    /// A text of this length does not hold whole bytes.
    #[error("{len} {alphabet} characters do not make whole bytes")]
    Length {
        /// Characters without spaces.
        len: usize,
        /// The alphabet, in words.
        alphabet: &'static str,
    },
}

const HEX: &str = "hexadecimal";
const BASE64: &str = "Base64";

/// Lower-case hex.
#[must_use]
pub fn hex_encode(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| DIGITS[usize::from(nibble)];
    // Bytes first, which is several times faster than characters one by one.
    let pairs = bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 0x0F)]);
    String::from_utf8(pairs.collect()).expect("hex digits are characters")
}

/// Reads hex in either case; white space between digits is passed over.
///
/// # Errors
/// [`TextError`] naming the first offender, or an odd number of digits.
pub fn hex_decode(text: &str) -> Result<Vec<u8>, TextError> {
    if let Some(bytes) = plain_hex(text.as_bytes()) {
        return Ok(bytes);
    }
    let mut out = Vec::with_capacity(text.len() / 2);
    let mut high = None;
    for (at, found) in text.chars().enumerate() {
        if found.is_ascii_whitespace() {
            continue;
        }
        let digit = found
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
            .ok_or(TextError::Character {
                at,
                found,
                alphabet: HEX,
            })?;
        match high.take() {
            None => high = Some(digit),
            Some(h) => out.push((h << 4) | digit),
        }
    }
    if high.is_some() {
        return Err(TextError::Length {
            len: out.len() * 2 + 1,
            alphabet: HEX,
        });
    }
    Ok(out)
}

/// The bytes of whole pairs of digits and nothing between; what is anything else is looked at
/// character by character.
fn plain_hex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |found: u8| match found {
        b'0'..=b'9' => Some(found - b'0'),
        b'a'..=b'f' => Some(found - b'a' + 10),
        b'A'..=b'F' => Some(found - b'A' + 10),
        _ => None,
    };
    let (pairs, odd) = text.as_chunks::<2>();
    if !odd.is_empty() {
        return None;
    }
    let mut out = Vec::with_capacity(pairs.len());
    for [high, low] in pairs {
        out.push(digit(*high)? << 4 | digit(*low)?);
    }
    Some(out)
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Standard Base64 with padding.
#[must_use]
pub fn base64_encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk
            .iter()
            .chain([&0, &0])
            .take(3)
            .fold(0, |g, b| (g << 8) | u32::from(*b));
        for i in 0..4 {
            let index = usize::try_from((group >> (18 - 6 * i)) & 63).expect("below 64");
            out.push(if i <= chunk.len() {
                char::from(ALPHABET[index])
            } else {
                '='
            });
        }
    }
    out
}

/// Reads standard or URL-safe Base64, padding optional; white space is passed over.
///
/// # Errors
/// [`TextError`] naming the first offender, or a length that holds no whole bytes.
pub fn base64_decode(text: &str) -> Result<Vec<u8>, TextError> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut group, mut bits, mut len) = (0u32, 0u32, 0usize);
    let mut padded = false;
    for (at, found) in text.chars().enumerate() {
        if found.is_ascii_whitespace() {
            continue;
        }
        if found == '=' {
            padded = true;
            continue;
        }
        let value = match found {
            'A'..='Z' => u32::from(found) - u32::from('A'),
            'a'..='z' => u32::from(found) - u32::from('a') + 26,
            '0'..='9' => u32::from(found) - u32::from('0') + 52,
            '+' | '-' => 62,
            '/' | '_' => 63,
            _ => {
                return Err(TextError::Character {
                    at,
                    found,
                    alphabet: BASE64,
                });
            }
        };
        if padded {
            return Err(TextError::Character {
                at,
                found,
                alphabet: "padding",
            });
        }
        group = (group << 6) | value;
        bits += 6;
        len += 1;
        if bits >= 8 {
            bits -= 8;
            out.push(u8::try_from((group >> bits) & 0xFF).expect("masked to a byte"));
            group &= (1 << bits) - 1;
        }
    }
    if len % 4 == 1 || group != 0 {
        return Err(TextError::Length {
            len,
            alphabet: BASE64,
        });
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn both_round_trip(bytes: Vec<u8>) {
            prop_assert_eq!(hex_decode(&hex_encode(&bytes)), Ok(bytes.clone()));
            prop_assert_eq!(base64_decode(&base64_encode(&bytes)), Ok(bytes));
        }

        #[test]
        fn no_text_panics(text: String) {
            let _ = hex_decode(&text);
            let _ = base64_decode(&text);
        }
    }

    #[test]
    fn knows_the_published_base64_vectors() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
        ] {
            assert_eq!(base64_encode(plain.as_bytes()), coded);
        }
        assert!(base64_decode("Zg=a").is_err());
        assert!(base64_decode("Z").is_err());
        assert!(
            base64_decode("Zh==").is_err(),
            "left-over bits must be zero"
        );
    }

    #[test]
    fn says_where_the_text_is_wrong() {
        assert_eq!(
            hex_decode("81 0x"),
            Err(TextError::Character {
                at: 4,
                found: 'x',
                alphabet: HEX
            })
        );
        assert_eq!(
            hex_decode("810"),
            Err(TextError::Length {
                len: 3,
                alphabet: HEX
            })
        );
    }
}
