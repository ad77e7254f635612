//! Laboratory reading: codes whose bytes were turned into text on the way.
//!
//! Off in service: a terminal that guesses is a terminal that can be led. Tools use it and
//! say which transform was needed.

use alloc::vec::Vec;

use tongtu_codec::{base64_decode, hex_decode};

use crate::layout::{CODE_LEN_MAX, CODE_LEN_MIN};

/// What had been done to the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transform {
    /// Nothing: raw bytes.
    None,
    /// Hexadecimal text of 664 to 728 characters.
    Hex,
    /// Base64 text of 444 to 488 characters.
    Base64,
    /// Each byte taken for a Latin-1 character and written in UTF-8: `C2 81 …`.
    Utf8,
}

impl Transform {
    /// The name, in English and Chinese.
    #[must_use]
    pub const fn name(self) -> (&'static str, &'static str) {
        match self {
            Self::None => ("raw bytes", "原始字节"),
            Self::Hex => ("hexadecimal text", "十六进制文本"),
            Self::Base64 => ("Base64 text", "Base64 文本"),
            Self::Utf8 => ("bytes widened by UTF-8", "被按 UTF-8 展开的字节"),
        }
    }
}

/// Undoes whichever transform the bytes show; raw bytes come back as they are.
#[must_use]
pub fn unwrap(bytes: &[u8]) -> (Vec<u8>, Transform) {
    let text = core::str::from_utf8(bytes).ok();
    let fits = |len: usize| (CODE_LEN_MIN..=CODE_LEN_MAX).contains(&len);
    if let Some(text) = text {
        let trimmed = text.trim();
        if trimmed.starts_with("8101")
            && let Ok(raw) = hex_decode(trimmed)
            && fits(raw.len())
        {
            return (raw, Transform::Hex);
        }
        if trimmed.starts_with("gQF")
            && let Ok(raw) = base64_decode(trimmed)
            && fits(raw.len())
        {
            return (raw, Transform::Base64);
        }
        if bytes.starts_with(&[0xC2, 0x81]) {
            let narrow: Option<Vec<u8>> = text
                .chars()
                .map(|c| u8::try_from(u32::from(c)).ok())
                .collect();
            if let Some(raw) = narrow.filter(|raw| fits(raw.len())) {
                return (raw, Transform::Utf8);
            }
        }
    }
    (bytes.to_vec(), Transform::None)
}
