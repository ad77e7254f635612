//! Names in the book: keys, officers, devices, check values.

use alloc::string::{String, ToString as _};
use core::fmt;

use tongtu_codec::{Encoding, FieldError};
use tongtu_types::{CityCode, InstitutionCode, ValueError};

use crate::code::{KeyAlgorithm, Purpose, Ring, Role};

/// A key's number in its book, from 1, in the order of the applications; never given again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyNumber(u32);

impl KeyNumber {
    /// Takes a number; 0 is no key's.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        if number == 0 {
            None
        } else {
            Some(Self(number))
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for KeyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for KeyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What is given to one city once: versions follow each other in a slot, and no two are in use
/// to make anything at one moment (一城一密).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    /// The city; region 0000 is the nation's own.
    pub city: CityCode,
    /// What for.
    pub purpose: Purpose,
    /// With which algorithm.
    pub algorithm: KeyAlgorithm,
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} of {}", self.algorithm, self.purpose, self.city)
    }
}

/// How one tells a key without knowing it: by its check value, or its public key's digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Check {
    /// Key check value (密钥校验值) of a symmetric key.
    Kcv([u8; 3]),
    /// SM3 of the public key as it travels.
    Fingerprint([u8; 32]),
}

impl Check {
    /// Whether a key of this algorithm is told so.
    #[must_use]
    pub const fn is_of(&self, algorithm: KeyAlgorithm) -> bool {
        matches!(self, Self::Kcv(_)) == algorithm.has_kcv()
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, bytes): (_, &[u8]) = match self {
            Self::Kcv(bytes) => ("KCV", bytes),
            Self::Fingerprint(bytes) => ("SM3", bytes),
        };
        write!(f, "{name} {}", tongtu_codec::hex_encode(bytes))
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A check value as it lies in a record: a kind, then up to 32 bytes, zero-filled.
impl Encoding<Check> for Ring {
    const LETTER: &'static str = "B";

    fn decode(bytes: &[u8]) -> Result<Check, FieldError> {
        let (kind, value) = bytes.split_first().ok_or(FieldError::Truncated {
            needed: 33,
            found: 0,
        })?;
        let value: [u8; 32] = value.try_into().map_err(|_| FieldError::Truncated {
            needed: 33,
            found: bytes.len(),
        })?;
        match (kind, value) {
            (1, [a, b, c, rest @ ..]) => match rest.iter().position(|byte| *byte != 0) {
                None => Ok(Check::Kcv([a, b, c])),
                Some(at) => Err(FieldError::Character {
                    at: 4 + at,
                    byte: rest[at],
                    expected: "00 after a check value of three bytes",
                }),
            },
            (2, digest) => Ok(Check::Fingerprint(digest)),
            (byte, _) => Err(FieldError::Character {
                at: 0,
                byte: *byte,
                expected: "01, a check value, or 02, a public key's digest",
            }),
        }
    }

    fn encode(value: &Check, out: &mut [u8]) -> Result<(), FieldError> {
        if out.len() != 33 {
            return Err(FieldError::TooLong {
                needed: 33,
                width: out.len(),
            });
        }
        out.fill(0);
        match value {
            Check::Kcv(kcv) => {
                out[0] = 1;
                out[1..4].copy_from_slice(kcv);
            }
            Check::Fingerprint(digest) => {
                out[0] = 2;
                out[1..].copy_from_slice(digest);
            }
        }
        Ok(())
    }

    fn show(value: &Check) -> String {
        value.to_string()
    }
}

macro_rules! short_name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:literal, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $max]);

        impl $name {
            /// Parses the name.
            ///
            /// # Errors
            /// [`ValueError`] naming the length or the first other character.
            pub fn parse(text: &str) -> Result<Self, ValueError> {
                if !(1..=$max).contains(&text.len()) {
                    return Err(ValueError::Length {
                        what: $what,
                        found: text.len(),
                        expected: $expected,
                    });
                }
                let is_other = |b: u8| !(b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-');
                if let Some(at) = text.bytes().position(is_other) {
                    return Err(ValueError::Character {
                        what: $what,
                        at,
                        expected: $expected,
                    });
                }
                let mut bytes = [b' '; $max];
                bytes[..text.len()].copy_from_slice(text.as_bytes());
                Ok(Self(bytes))
            }

            /// The name.
            #[must_use]
            pub fn as_str(&self) -> &str {
                core::str::from_utf8(&self.0)
                    .expect("only ASCII characters are admitted by `parse`")
                    .trim_end_matches(' ')
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Encoding<$name> for Ring {
            const LETTER: &'static str = "an";

            fn decode(bytes: &[u8]) -> Result<$name, FieldError> {
                if let Some(at) = bytes.iter().position(|b| !b.is_ascii()) {
                    return Err(FieldError::Character { at, byte: bytes[at], expected: $expected });
                }
                let text = core::str::from_utf8(bytes).expect("ASCII is UTF-8");
                Ok($name::parse(text.trim_end_matches(' '))?)
            }

            fn encode(value: &$name, out: &mut [u8]) -> Result<(), FieldError> {
                tongtu_codec::Raw::encode(&value.0, out)
            }

            fn show(value: &$name) -> String {
                value.to_string()
            }
        }

        impl Encoding<Option<$name>> for Ring {
            const LETTER: &'static str = "an";

            fn decode(bytes: &[u8]) -> Result<Option<$name>, FieldError> {
                if bytes.iter().all(|b| *b == b' ') {
                    return Ok(None);
                }
                <Self as Encoding<$name>>::decode(bytes).map(Some)
            }

            fn encode(value: &Option<$name>, out: &mut [u8]) -> Result<(), FieldError> {
                match value {
                    Some(name) => <Self as Encoding<$name>>::encode(name, out),
                    None => {
                        out.fill(b' ');
                        Ok(())
                    }
                }
            }

            fn show(value: &Option<$name>) -> String {
                value.map_or_else(String::new, |name| name.to_string())
            }
        }
    };
}

short_name! {
    /// An officer's number at an institution: no person's name stands in a book.
    OfficerNumber, "officer number", 8, "1 to 8 capital letters, digits or hyphens"
}

short_name! {
    /// A device's name at an institution.
    DeviceName, "device name", 12, "1 to 12 capital letters, digits or hyphens"
}

/// Who takes a step, and in which capacity. That a person is this officer is for whoever lets
/// persons in to know; the book sees numbers only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Officer {
    /// The officer's number there.
    pub number: OfficerNumber,
    /// The capacity.
    pub role: Role,
    /// Where.
    pub institution: InstitutionCode,
}

impl Officer {
    /// Whether both are one person, whatever the capacity.
    #[must_use]
    pub fn is_same_person(&self, other: &Self) -> bool {
        (self.number, self.institution) == (other.number, other.institution)
    }
}

impl fmt::Display for Officer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}, {}", self.number, self.institution, self.role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_plain() {
        assert_eq!(OfficerNumber::parse("A-07").unwrap().as_str(), "A-07");
        for text in ["", "123456789", "a07", "A 7", "张"] {
            assert!(OfficerNumber::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_check_value_has_zeros_behind_it() {
        let mut bytes = [0; 33];
        Ring::encode(&Check::Kcv([1, 2, 3]), &mut bytes).unwrap();
        assert_eq!(bytes[..5], [1, 1, 2, 3, 0]);
        assert_eq!(Ring::decode(&bytes), Ok(Check::Kcv([1, 2, 3])));
        bytes[32] = 1;
        assert!(<Ring as Encoding<Check>>::decode(&bytes).is_err());
        bytes[0] = 2;
        assert!(<Ring as Encoding<Check>>::decode(&bytes).is_ok());
        bytes[0] = 3;
        assert!(<Ring as Encoding<Check>>::decode(&bytes).is_err());
    }
}
