//! Money: integer fen (分), and fees exact to 10^-7 fen.

use core::fmt;
use core::str::FromStr;

use crate::ValueError;

/// How many units of [`FenE7`] make one fen.
const E7: i64 = 10_000_000;

/// An amount left its range; the numbers are named, nothing was rounded or wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("amount out of range: {operation} of {left} and {right}")]
pub struct MoneyError {
    /// The operation that failed.
    pub operation: &'static str,
    /// Its left operand, in the unit of the type it was tried on.
    pub left: i64,
    /// Its right operand.
    pub right: i64,
}

macro_rules! checked_arithmetic {
    ($t:ident) => {
        impl $t {
            /// Nothing.
            pub const ZERO: Self = Self(0);

            /// Takes an integer amount in this type's unit.
            #[must_use]
            pub const fn new(amount: i64) -> Self {
                Self(amount)
            }

            /// The integer amount in this type's unit.
            #[must_use]
            pub const fn get(self) -> i64 {
                self.0
            }

            /// Adds, or says that the sum does not fit.
            ///
            /// # Errors
            /// [`MoneyError`] when the sum leaves 64 bits.
            pub const fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
                match self.0.checked_add(other.0) {
                    Some(v) => Ok(Self(v)),
                    None => Err(MoneyError {
                        operation: "sum",
                        left: self.0,
                        right: other.0,
                    }),
                }
            }

            /// Subtracts, or says that the difference does not fit.
            ///
            /// # Errors
            /// [`MoneyError`] when the difference leaves 64 bits.
            pub const fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
                match self.0.checked_sub(other.0) {
                    Some(v) => Ok(Self(v)),
                    None => Err(MoneyError {
                        operation: "difference",
                        left: self.0,
                        right: other.0,
                    }),
                }
            }

            /// The same amount owed the other way.
            ///
            /// # Errors
            /// [`MoneyError`] for the one value whose negative does not fit.
            pub const fn checked_neg(self) -> Result<Self, MoneyError> {
                Self::ZERO.checked_sub(self)
            }

            /// Whether this is exactly zero.
            #[must_use]
            pub const fn is_zero(self) -> bool {
                self.0 == 0
            }
        }
    };
}

/// An amount of money in fen (分, 1/100 yuan).
///
/// Form: a signed 64-bit integer; prints as yuan with two decimals, `3.00`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Fen(i64);

/// An amount in 10^-7 fen: fees stay exact until a net position is rounded.
///
/// Form: a signed 64-bit integer; prints as decimal fen, `0.2800000`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct FenE7(i64);

checked_arithmetic!(Fen);
checked_arithmetic!(FenE7);

impl Fen {
    /// The same amount in 10^-7 fen.
    ///
    /// # Errors
    /// [`MoneyError`] above about 9.2e11 fen.
    pub const fn to_e7(self) -> Result<FenE7, MoneyError> {
        match self.0.checked_mul(E7) {
            Some(v) => Ok(FenE7(v)),
            None => Err(MoneyError {
                operation: "scaling",
                left: self.0,
                right: E7,
            }),
        }
    }
}

impl FenE7 {
    /// Rounds half to even to whole fen.
    ///
    /// Source: clearing rounds once, at the net position; the rest goes to the rounding account.
    #[must_use]
    pub const fn round_half_even(self) -> Fen {
        let whole = self.0.div_euclid(E7);
        let rest = self.0.rem_euclid(E7);
        let up = rest > E7 / 2 || (rest == E7 / 2 && whole.rem_euclid(2) == 1);
        // `whole` is at most i64::MAX / 10^7, so one more always fits.
        Fen(if up { whole + 1 } else { whole })
    }
}

impl fmt::Display for Fen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let abs = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:02}", abs / 100, abs % 100)
    }
}

impl fmt::Display for FenE7 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let abs = self.0.unsigned_abs();
        let e7 = E7.unsigned_abs();
        write!(f, "{sign}{}.{:07}", abs / e7, abs % e7)
    }
}

/// Reads yuan with at most two decimals: `3`, `3.5`, `3.05`, `-0.01`.
impl FromStr for Fen {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let expected = "digits, a sign perhaps, and at most two decimals";
        decimal(text, 2, "amount in yuan", expected).map(Self)
    }
}

/// Reads decimal fen with at most seven decimals: `0.28`, `0.2800000`.
impl FromStr for FenE7 {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let expected = "digits, a sign perhaps, and at most seven decimals";
        decimal(text, 7, "amount in fen", expected).map(Self)
    }
}

fn decimal(
    text: &str,
    places: usize,
    what: &'static str,
    expected: &'static str,
) -> Result<i64, ValueError> {
    let (negative, body) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = body.split_once('.').unwrap_or((body, ""));
    if whole.is_empty() || fraction.len() > places || (body.contains('.') && fraction.is_empty()) {
        return Err(ValueError::Length {
            what,
            found: text.len(),
            expected,
        });
    }
    let digits = whole.bytes().chain(fraction.bytes());
    let padding = core::iter::repeat_n(b'0', places - fraction.len());
    let mut value: i64 = 0;
    for (at, byte) in digits.chain(padding).enumerate() {
        if !byte.is_ascii_digit() {
            return Err(ValueError::Character {
                what,
                // Neither the sign nor the point is among the digits.
                at: at + usize::from(negative) + usize::from(at >= whole.len()),
                expected,
            });
        }
        let digit = i64::from(byte - b'0');
        let next = value.checked_mul(10).and_then(|v| {
            if negative {
                v.checked_sub(digit)
            } else {
                v.checked_add(digit)
            }
        });
        value = next.ok_or(ValueError::Range {
            what,
            found: value,
            expected: "64 bits",
        })?;
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_yuan() {
        for (fen, text) in [
            (0, "0.00"),
            (5, "0.05"),
            (-5, "-0.05"),
            (300, "3.00"),
            (-12345, "-123.45"),
        ] {
            assert_eq!(Fen::new(fen).to_string(), text);
            assert_eq!(text.parse::<Fen>(), Ok(Fen::new(fen)));
        }
    }

    #[test]
    fn refuses_what_is_not_an_amount() {
        for text in [
            "",
            "-",
            ".",
            "3.",
            ".5",
            "1.234",
            "1,00",
            "1e3",
            "99999999999999999999",
        ] {
            assert!(text.parse::<Fen>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_error_says_what_is_wrong_where_it_stands() {
        for (text, said) in [
            ("50.001", "at most two decimals"),
            ("-1x", "at position 2"),
            ("1.x5", "at position 2"),
            ("-12.3y", "at position 5"),
        ] {
            let error = text.parse::<Fen>().expect_err(text).to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
        let error = "1.12345678".parse::<FenE7>().expect_err("eight decimals");
        assert!(error.to_string().contains("at most seven decimals"));
    }

    #[test]
    fn rounds_half_to_even() {
        let check = |e7: i64, fen: i64| assert_eq!(FenE7::new(e7).round_half_even().get(), fen);
        check(5_000_000, 0);
        check(15_000_000, 2);
        check(25_000_000, 2);
        check(25_000_001, 3);
        check(-5_000_000, 0);
        check(-15_000_000, -2);
        check(-4_999_999, 0);
    }

    #[test]
    fn sums_do_not_wrap() {
        assert!(Fen::new(i64::MAX).checked_add(Fen::new(1)).is_err());
        assert!(Fen::new(i64::MIN).checked_neg().is_err());
        assert!(Fen::new(i64::MAX).to_e7().is_err());
    }
}
