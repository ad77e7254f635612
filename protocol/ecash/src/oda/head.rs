//! The leftmost digits of card numbers for which an issuer's certificate stands.

use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use tongtu_types::{CardNumber, ValueError};

/// Three to eight leftmost digits of an issuer's card numbers (发卡行标识), `F` behind them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NumberHead([u8; 4]);

const WHAT: &str = "card number head";
const EXPECTED: &str = "3 to 8 digits";

impl NumberHead {
    /// From its bytes in a certificate.
    ///
    /// # Errors
    /// [`ValueError`] naming the length or the first other character.
    pub fn of(bytes: [u8; 4]) -> Result<Self, ValueError> {
        let text = tongtu_codec::hex_encode(&bytes);
        let digits = text.trim_end_matches(['f', 'F']);
        digits.parse()
    }

    /// As a certificate has it.
    #[must_use]
    pub const fn bytes(self) -> [u8; 4] {
        self.0
    }

    /// The digits.
    #[must_use]
    pub fn digits(self) -> String {
        let text = tongtu_codec::hex_encode(&self.0);
        text.trim_end_matches(['f', 'F']).into()
    }

    /// Whether a card number begins so.
    #[must_use]
    pub fn covers(self, number: &CardNumber) -> bool {
        number.reveal().starts_with(&self.digits())
    }

    /// Whether some number could begin with both.
    #[must_use]
    pub fn meets(self, other: Self) -> bool {
        let (one, other) = (self.digits(), other.digits());
        one.starts_with(&other) || other.starts_with(&one)
    }
}

impl FromStr for NumberHead {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if let Some(at) = text.bytes().position(|b| !b.is_ascii_digit()) {
            return Err(ValueError::Character {
                what: WHAT,
                at,
                expected: EXPECTED,
            });
        }
        if !(3..=8).contains(&text.len()) {
            return Err(ValueError::Length {
                what: WHAT,
                found: text.len(),
                expected: EXPECTED,
            });
        }
        let mut bytes = [0xFF; 4];
        for (at, digit) in text.bytes().map(|b| b - b'0').enumerate() {
            let byte = &mut bytes[at / 2];
            *byte = match at % 2 {
                0 => digit << 4 | 0x0F,
                _ => *byte & 0xF0 | digit,
            };
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for NumberHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.digits())
    }
}

impl fmt::Debug for NumberHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
