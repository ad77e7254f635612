//! File kinds: what a file's two first letters say.

use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;

use tongtu_codec::{Ascii, Encoding, FieldError};

use crate::Suffix;

/// A file kind: two upper-case letters or digits. Unknown kinds survive a round trip.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileKind([u8; 2]);

/// Which way files of a kind go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Member to hub.
    Up,
    /// Hub to member.
    Down,
    /// Raised by one member, forwarded to the other.
    Both,
}

macro_rules! file_kinds {
    ($($value:ident = $text:literal, $direction:ident, $suffix:ident, $en:literal, $zh:literal;)*) => {
        impl FileKind {
            $(
                #[doc = concat!($en, " (", $zh, ").")]
                pub const $value: Self = Self(*$text);
            )*

            /// Every kind that has a name here.
            pub const ALL: &'static [Self] = &[$(Self::$value),*];

            const fn row(self) -> Option<(Direction, Suffix, &'static str, &'static str)> {
                match &self.0 {
                    $($text => Some((Direction::$direction, Suffix::$suffix, $en, $zh)),)*
                    _ => None,
                }
            }
        }
    };
}

file_kinds! {
    CD = b"CD", Up, A, "consumption detail", "脱机消费明细";
    CQ = b"CQ", Up, A, "ride-code consumption detail", "乘车码消费明细";
    LD = b"LD", Down, A, "processed-file list", "消费已处理文件清单";
    FB = b"FB", Down, A, "clearing feedback", "清算反馈";
    CL = b"CL", Down, A, "offline consumption clearing detail", "脱机消费清算明细";
    CR = b"CR", Down, A, "clearing summary", "清算汇总";
    BP = b"BP", Down, A, "net position", "收支轧差";
    AD = b"AD", Down, A, "adjustment detail", "差错调整明细";
    ED = b"ED", Both, H, "error request", "差错处理";
    CM = b"CM", Up, H, "confirmation of an error request", "差错确认";
    BN = b"BN", Down, A, "accepted issuers and card segments", "白名单";
    DC = b"DC", Down, A, "blacklist download", "黑名单下发";
    UC = b"UC", Up, A, "blacklist upload", "黑名单上发";
    ER = b"ER", Down, A, "error-code table", "错误代码下发";
}

impl FileKind {
    /// Takes two upper-case letters or digits.
    ///
    /// # Errors
    /// [`FieldError`] naming the length or the first character that does not belong.
    pub fn parse(text: &[u8]) -> Result<Self, FieldError> {
        const EXPECTED: &str = "an upper-case letter or a digit";
        if let Some(at) = text.iter().position(|b| !is_name_character(*b)) {
            return Err(FieldError::Character {
                at,
                byte: text[at],
                expected: EXPECTED,
            });
        }
        let kind = text.try_into().map_err(|_| FieldError::Truncated {
            needed: 2,
            found: text.len(),
        })?;
        Ok(Self(kind))
    }

    /// The two characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).expect("ASCII letters and digits")
    }

    /// Which way it goes; `None` for an unknown kind.
    #[must_use]
    pub const fn direction(self) -> Option<Direction> {
        match self.row() {
            Some((direction, ..)) => Some(direction),
            None => None,
        }
    }

    /// What it is, in English; `None` for an unknown kind.
    #[must_use]
    pub const fn en(self) -> Option<&'static str> {
        match self.row() {
            Some((_, _, en, _)) => Some(en),
            None => None,
        }
    }

    /// What it is, in Chinese; `None` for an unknown kind.
    #[must_use]
    pub const fn zh(self) -> Option<&'static str> {
        match self.row() {
            Some((.., zh)) => Some(zh),
            None => None,
        }
    }

    /// The suffix that files of this kind are seen with; `A` for an unknown kind.
    // UNSPECIFIED: what the suffixes mean is nowhere said; they are data, copied from samples.
    #[must_use]
    pub const fn default_suffix(self) -> Suffix {
        match self.row() {
            Some((_, suffix, ..)) => suffix,
            None => Suffix::A,
        }
    }
}

/// Letters and digits only: a name is also a path, and must stay in its folder.
pub(crate) const fn is_name_character(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for FileKind {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        Self::parse(text.as_bytes())
    }
}

impl Encoding<FileKind> for Ascii {
    const LETTER: &'static str = "an";

    fn decode(bytes: &[u8]) -> Result<FileKind, FieldError> {
        FileKind::parse(bytes)
    }

    fn encode(value: &FileKind, out: &mut [u8]) -> Result<(), FieldError> {
        if out.len() != 2 {
            return Err(FieldError::TooLong {
                needed: 2,
                width: out.len(),
            });
        }
        out.copy_from_slice(&value.0);
        Ok(())
    }

    fn show(value: &FileKind) -> String {
        match value.en() {
            Some(en) => alloc::format!("{value} {en}"),
            None => value.as_str().to_string(),
        }
    }
}
