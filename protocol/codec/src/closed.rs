//! Closed words: one byte each, with a meaning in English and Chinese.

use crate::FieldError;

/// A byte, and what it means in English and Chinese.
pub type CodeRow = (u8, &'static str, &'static str);

/// Defines an enum of closed words, and how it lies in the records of a crate's own encoding.
///
/// A byte without a meaning is an error: whoever goes by a record must know what it says. Give the
/// words, the type that stands for the crate's encoding, and what is expected instead.
#[macro_export]
macro_rules! closed {
    ($(#[$doc:meta])* $name:ident as $encoding:ty, $expected:literal {
        $($(#[$variant_doc:meta])* $variant:ident = $value:literal, $en:literal, $zh:literal;)*
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Every value's byte and words, for the documents.
            pub const ROWS: &'static [$crate::CodeRow] = &[$(($value, $en, $zh)),*];

            /// The byte.
            #[must_use]
            pub const fn byte(self) -> u8 {
                match self {
                    $(Self::$variant => $value,)*
                }
            }

            /// The value of a byte, if it has one.
            #[must_use]
            pub const fn of(byte: u8) -> Option<Self> {
                match byte {
                    $($value => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// In English.
            #[must_use]
            pub const fn en(self) -> &'static str {
                match self {
                    $(Self::$variant => $en,)*
                }
            }

            /// In Chinese.
            #[must_use]
            pub const fn zh(self) -> &'static str {
                match self {
                    $(Self::$variant => $zh,)*
                }
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.pad(self.en())
            }
        }

        impl $crate::Encoding<$name> for $encoding {
            const LETTER: &'static str = "B";

            fn decode(bytes: &[u8]) -> Result<$name, $crate::FieldError> {
                let byte = $crate::sole_byte(bytes)?;
                $name::of(byte).ok_or($crate::FieldError::Character {
                    at: 0,
                    byte,
                    expected: $expected,
                })
            }

            fn encode(value: &$name, out: &mut [u8]) -> Result<(), $crate::FieldError> {
                <$crate::Raw as $crate::Encoding<[u8; 1]>>::encode(&[value.byte()], out)
            }

            fn show(value: &$name) -> $crate::alloc::string::String {
                $crate::alloc::format!("{} {}", value.zh(), value.en())
            }
        }
    };
}

/// The byte of a field of one byte.
///
/// # Errors
/// [`FieldError::Truncated`] for any other length.
pub fn sole_byte(bytes: &[u8]) -> Result<u8, FieldError> {
    let [byte] = *bytes else {
        return Err(FieldError::Truncated {
            needed: 1,
            found: bytes.len(),
        });
    };
    Ok(byte)
}
