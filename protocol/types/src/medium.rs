//! The number of the thing that carries the applications.

use core::fmt;
use core::str::FromStr;

use crate::digits::Chars;
use crate::institution::plain_text;
use crate::{InstitutionCode, ValueError};

const WHAT: &str = "payment account medium id";

/// A payment account medium identifier (支付账户介质识别码, PAMID): names one secure element.
///
/// Form: 20 digits, ten bytes packed: kind of medium 2, issuer of the secure element 8, year
/// of the batch 2, serial number 7, check digit 1 (Luhn over the 19 before it).
///
/// UNSPECIFIED: no text of its coding could be read. The parts are those of its sister
/// documents for bank media; kind and year may be any digits, the check digit must hold.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MediumId(Chars<20>);

/// What the secure element is built into: two digits, those without a name here included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MediumKind(u8);

impl MediumKind {
    /// The embedded element of a phone or watch (全终端).
    pub const EMBEDDED: Self = Self(1);
    /// A SIM card.
    pub const SIM: Self = Self(2);
    /// An SD card.
    pub const SD: Self = Self(3);
    /// A wearable or sticker.
    pub const WEARABLE: Self = Self(4);
    /// A transit card of its own.
    pub const CARD: Self = Self(5);

    /// The kind with this number, 0 to 99.
    ///
    /// # Errors
    /// [`ValueError::Range`] above that.
    pub fn new(number: u8) -> Result<Self, ValueError> {
        if number > 99 {
            return Err(ValueError::Range {
                what: WHAT,
                found: i64::from(number),
                expected: "a kind of 0 to 99",
            });
        }
        Ok(Self(number))
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl MediumId {
    /// Composes an identifier and its check digit.
    ///
    /// # Errors
    /// [`ValueError::Range`] when the year has more than two digits or the serial number more
    /// than seven.
    pub fn compose(
        kind: MediumKind,
        issuer: InstitutionCode,
        year: u8,
        serial: u32,
    ) -> Result<Self, ValueError> {
        let out_of_range = |found, expected| ValueError::Range {
            what: WHAT,
            found,
            expected,
        };
        if year > 99 {
            return Err(out_of_range(i64::from(year), "a year of 0 to 99"));
        }
        if serial > 9_999_999 {
            return Err(out_of_range(i64::from(serial), "a serial of 0 to 9999999"));
        }
        let head = alloc::format!("{:02}{issuer}{year:02}{serial:07}", kind.number());
        let check = luhn_check_digit(head.as_bytes());
        Self::parse(&alloc::format!("{head}{check}"))
    }

    /// Parses 20 digits whose check digit holds.
    ///
    /// # Errors
    /// [`ValueError`] naming the length, the first character that is not a digit, or the
    /// check digit.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let bytes = text.as_bytes();
        let digits = Chars::parse(WHAT, bytes, 20..=20, "20 digits", |b| b.is_ascii_digit())?;
        let (head, last) = bytes.split_at(19);
        if last != [b'0' + luhn_check_digit(head)] {
            return Err(ValueError::Character {
                what: WHAT,
                at: 19,
                expected: "the Luhn check digit of the 19 digits before it",
            });
        }
        Ok(Self(digits))
    }

    /// Reads the ten packed bytes.
    ///
    /// # Errors
    /// [`ValueError`] when they are not ten, not decimal, or the check digit does not hold.
    pub fn from_packed(bytes: &[u8]) -> Result<Self, ValueError> {
        if bytes.len() != 10 {
            return Err(ValueError::Length {
                what: WHAT,
                found: bytes.len(),
                expected: "10 bytes",
            });
        }
        let mut text = [0; 20];
        for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
            // A nibble above 9 becomes one of `:;<=>?`, which is no digit.
            pair[0] = b'0' + (byte >> 4);
            pair[1] = b'0' + (byte & 0x0F);
        }
        Self::parse(core::str::from_utf8(&text).expect("ASCII only"))
    }

    /// The ten packed bytes, as a card holds them.
    #[must_use]
    pub fn to_packed(&self) -> [u8; 10] {
        let mut out = [0; 10];
        for (slot, pair) in out.iter_mut().zip(self.as_str().as_bytes().chunks_exact(2)) {
            *slot = (pair[0] - b'0') << 4 | (pair[1] - b'0');
        }
        out
    }

    /// The 20 digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// What the secure element is built into.
    #[must_use]
    pub fn kind(&self) -> MediumKind {
        MediumKind(self.number(0..2).try_into().expect("two digits"))
    }

    /// Who issued the secure element.
    #[must_use]
    pub fn issuer(&self) -> InstitutionCode {
        InstitutionCode::parse(&self.as_str()[2..10]).expect("eight digits")
    }

    /// The year of its batch, 0 to 99.
    #[must_use]
    pub fn year(&self) -> u8 {
        self.number(10..12).try_into().expect("two digits")
    }

    /// Its serial number.
    #[must_use]
    pub fn serial(&self) -> u32 {
        self.number(12..19)
    }

    fn number(&self, range: core::ops::Range<usize>) -> u32 {
        self.as_str()[range]
            .parse()
            .expect("at most seven decimal digits")
    }
}

plain_text!(MediumId);

/// The digit that completes `digits` (ASCII) by the Luhn rule (ISO/IEC 7812-1).
fn luhn_check_digit(digits: &[u8]) -> u8 {
    let doubled = |digit: u8| match digit * 2 {
        small @ 0..=9 => small,
        large => large - 9,
    };
    let sum = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, byte)| (at, byte - b'0'))
        .map(|(at, digit)| if at % 2 == 0 { doubled(digit) } else { digit })
        .fold(0u8, |sum, digit| (sum + digit) % 10);
    (10 - sum) % 10
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> MediumId {
        let issuer = InstitutionCode::parse("01341000").unwrap();
        MediumId::compose(MediumKind::EMBEDDED, issuer, 26, 17).unwrap()
    }

    #[test]
    fn the_luhn_digit_is_the_published_one() {
        // The example that every description of the rule gives.
        assert_eq!(luhn_check_digit(b"7992739871"), 3);
        assert_eq!(luhn_check_digit(b""), 0);
    }

    #[test]
    fn parts_go_in_and_come_out() {
        let id = sample();
        assert_eq!(id.as_str(), "01013410002600000170");
        assert_eq!(
            (id.kind(), id.issuer().as_str(), id.year(), id.serial()),
            (MediumKind::EMBEDDED, "01341000", 26, 17)
        );
        assert_eq!(MediumId::from_packed(&id.to_packed()), Ok(id));
        assert_eq!(alloc::format!("{id}"), id.as_str());
    }

    #[test]
    fn any_one_wrong_digit_is_noticed() {
        let id = sample();
        for at in 0..20 {
            for digit in b'0'..=b'9' {
                let mut text = id.as_str().as_bytes().to_vec();
                let right = text[at] == digit;
                text[at] = digit;
                let text = core::str::from_utf8(&text).unwrap();
                assert_eq!(MediumId::parse(text).is_ok(), right, "{text}");
            }
        }
    }

    #[test]
    fn what_is_no_identifier_is_refused() {
        assert!(MediumId::parse("0101341000260000017").is_err());
        assert!(MediumId::parse("0101341000260000017A").is_err());
        assert!(MediumId::from_packed(&[0x11; 9]).is_err());
        assert!(MediumId::from_packed(&[0xAA; 10]).is_err());
        assert!(MediumKind::new(100).is_err());
        let issuer = InstitutionCode::national();
        assert!(MediumId::compose(MediumKind::CARD, issuer, 100, 0).is_err());
        assert!(MediumId::compose(MediumKind::CARD, issuer, 0, 10_000_000).is_err());
    }
}
