//! Who takes part: institutions (机构) and cities.

use core::fmt;
use core::str::FromStr;

use crate::ValueError;
use crate::digits::Chars;

/// An institution code (机构代码): one role digit and seven digits.
///
/// Form: eight decimal digits. Role digit 0 = as issuer (发行机构), 1 = as acquirer
/// (受理机构); the last four digits are the regional code. The national centre is
/// `00000000`. The same eight digits are the issuer identifier (发行机构标识, cn8) of the ride
/// code. Compared exactly; nothing but the role digit and the region is ever read out of it.
/// Source: QR annex field table; JT/T 978.4-2015 as implemented.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstitutionCode(Chars<8>);

impl InstitutionCode {
    /// Parses eight decimal digits.
    ///
    /// # Errors
    /// [`ValueError`] naming the length or the first character that is not a digit.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        Chars::parse(
            "institution code",
            text.as_bytes(),
            8..=8,
            "8 digits",
            |b| b.is_ascii_digit(),
        )
        .map(Self)
    }

    /// The national centre, `00000000`.
    #[must_use]
    pub fn national() -> Self {
        Self::parse("00000000").expect("eight digits")
    }

    /// The eight digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The same institution in its role as issuer (role digit 0).
    #[must_use]
    pub fn as_issuer(&self) -> Self {
        self.with_role(b'0')
    }

    /// The same institution in its role as acquirer (role digit 1).
    #[must_use]
    pub fn as_acquirer(&self) -> Self {
        self.with_role(b'1')
    }

    /// The code under which an institution is known, whatever its role at the moment.
    ///
    /// Role digit 1 (acquirer) becomes 0; hubs and other codes stay as they are. Compared this way
    /// an institution that both issues and acquires has one net position, one book, and one entry
    /// in the register.
    #[must_use]
    pub fn home(&self) -> Self {
        if self.as_str().starts_with('1') {
            self.as_issuer()
        } else {
            *self
        }
    }

    /// The regional code, the last four digits.
    #[must_use]
    pub fn city(&self) -> CityCode {
        CityCode::parse(&self.as_str()[4..]).expect("four digits of eight digits")
    }

    fn with_role(&self, role: u8) -> Self {
        let mut digits = [0; 8];
        digits.copy_from_slice(self.as_str().as_bytes());
        digits[0] = role;
        let text = core::str::from_utf8(&digits).expect("ASCII digits");
        Self::parse(text).expect("eight digits")
    }
}

/// A city code (城市代码): four digits of the bank-card area numbering, `1000` Beijing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CityCode(Chars<4>);

impl CityCode {
    /// Parses four decimal digits.
    ///
    /// # Errors
    /// [`ValueError`] naming the length or the first character that is not a digit.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        Chars::parse("city code", text.as_bytes(), 4..=4, "4 digits", |b| {
            b.is_ascii_digit()
        })
        .map(Self)
    }

    /// The four digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

macro_rules! plain_text {
    ($t:ident) => {
        impl fmt::Display for $t {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl fmt::Debug for $t {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $t {
            type Err = ValueError;

            fn from_str(text: &str) -> Result<Self, ValueError> {
                Self::parse(text)
            }
        }
    };
}
pub(crate) use plain_text;

plain_text!(InstitutionCode);
plain_text!(CityCode);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_role_and_keeps_the_rest() {
        let issuer = InstitutionCode::parse("01345810").unwrap();
        assert_eq!(issuer.as_acquirer().as_str(), "11345810");
        assert_eq!(issuer.as_acquirer().as_issuer(), issuer);
        assert_eq!(issuer.city().as_str(), "5810");
    }

    #[test]
    fn refuses_other_lengths_and_letters() {
        assert!(InstitutionCode::parse("1345810").is_err());
        assert!(InstitutionCode::parse("0134581A").is_err());
        assert!(CityCode::parse("").is_err());
    }
}
