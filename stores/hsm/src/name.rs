//! What a key is called, and what is known of it without knowing it.

use std::fmt;

use tongtu_codec::{Encoding, FieldError, Raw};
use tongtu_keyring::code::{KeyAlgorithm, Purpose};
use tongtu_keyring::{Check, Slot};
use tongtu_types::{CityCode, ValueError};

/// How labels, marks and rules of export lie in records.
#[derive(Debug)]
pub struct Kept;

/// How a key is asked for: 1 to 24 capital letters, digits or hyphens; one key in a custody has it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label([u8; Self::LEN_MAX]);

impl Label {
    /// The longest.
    pub const LEN_MAX: usize = 24;
    const EXPECTED: &'static str = "1 to 24 capital letters, digits or hyphens";

    /// Parses a label.
    ///
    /// # Errors
    /// [`ValueError`] naming the length or the first other character.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        if !(1..=Self::LEN_MAX).contains(&text.len()) {
            return Err(ValueError::Length {
                what: "key label",
                found: text.len(),
                expected: Self::EXPECTED,
            });
        }
        let is_other = |b: u8| !(b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-');
        if let Some(at) = text.bytes().position(is_other) {
            return Err(ValueError::Character {
                what: "key label",
                at,
                expected: Self::EXPECTED,
            });
        }
        let mut bytes = [b' '; Self::LEN_MAX];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Self(bytes))
    }

    /// The label.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0)
            .expect("only ASCII characters are admitted by `parse`")
            .trim_end_matches(' ')
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Encoding<Label> for Kept {
    const LETTER: &'static str = "an";

    fn decode(bytes: &[u8]) -> Result<Label, FieldError> {
        if let Some(at) = bytes.iter().position(|b| !b.is_ascii()) {
            return Err(FieldError::Character {
                at,
                byte: bytes[at],
                expected: Label::EXPECTED,
            });
        }
        let text = std::str::from_utf8(bytes).expect("ASCII is UTF-8");
        Ok(Label::parse(text.trim_end_matches(' '))?)
    }

    fn encode(value: &Label, out: &mut [u8]) -> Result<(), FieldError> {
        Raw::encode(&value.0, out)
    }

    fn show(value: &Label) -> String {
        value.to_string()
    }
}

macro_rules! one_byte {
    ($(#[$doc:meta])* $name:ident, $expected:literal {
        $($(#[$variant_doc:meta])* $variant:ident = $byte:literal, $en:literal;)*
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self { $(Self::$variant => $en,)* })
            }
        }

        impl Encoding<$name> for Kept {
            const LETTER: &'static str = "B";

            fn decode(bytes: &[u8]) -> Result<$name, FieldError> {
                match *bytes {
                    $([$byte] => Ok($name::$variant),)*
                    [byte] => Err(FieldError::Character { at: 0, byte, expected: $expected }),
                    _ => Err(FieldError::Truncated { needed: 1, found: bytes.len() }),
                }
            }

            fn encode(value: &$name, out: &mut [u8]) -> Result<(), FieldError> {
                let byte: u8 = match value { $($name::$variant => $byte,)* };
                <Raw as Encoding<[u8; 1]>>::encode(&[byte], out)
            }

            fn show(value: &$name) -> String {
                value.to_string()
            }
        }
    };
}

one_byte! {
    /// Whether a key, and the store that has it, is for tests or for real cards and money.
    Mark, "01, test, or 02, production" {
        /// For tests; its value may be known to anybody.
        Test = 0x01, "test";
        /// For real use; its value is known to nobody.
        Production = 0x02, "production";
    }
}

one_byte! {
    /// How a key may leave its custody, always enciphered.
    Export, "00, 01 or 02" {
        /// Not at all.
        Never = 0x00, "stays";
        /// Itself not; the keys below it, which belong on cards, may be wrapped for them.
        Below = 0x01, "only what is derived from it";
        /// It and what is below it: into a container, or wrapped.
        Whole = 0x02, "may leave";
    }
}

/// Label and attributes of a key: what it is called, whose and what for. Sealed keys are bound to
/// all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyName {
    /// How it is asked for.
    pub label: Label,
    /// City, purpose and algorithm.
    pub slot: Slot,
    /// Length in bits: 128 for SM4 and 3DES, 256 for SM2.
    pub bits: u16,
    /// Key index (密钥索引).
    pub index: u8,
    /// Version in its slot, from 1.
    pub version: u8,
    /// Test or production.
    pub mark: Mark,
    /// How it may leave.
    pub export: Export,
}

impl KeyName {
    /// A test key that may leave, version 1 and index 1, with the usual length of its algorithm.
    #[must_use]
    pub const fn test(
        label: Label,
        city: CityCode,
        purpose: Purpose,
        algorithm: KeyAlgorithm,
    ) -> Self {
        Self {
            label,
            slot: Slot {
                city,
                purpose,
                algorithm,
            },
            bits: match algorithm {
                KeyAlgorithm::Tdes | KeyAlgorithm::Sm4 | KeyAlgorithm::Aes => 128,
                KeyAlgorithm::Sm2 => 256,
                KeyAlgorithm::Rsa => 2048,
            },
            index: 1,
            version: 1,
            mark: Mark::Test,
            export: Export::Whole,
        }
    }
}

/// A key as it is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyInfo {
    /// Label and attributes.
    pub name: KeyName,
    /// Check value, or digest of the public key.
    pub check: Check,
}
