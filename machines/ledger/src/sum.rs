//! Sums of exact amounts, wide enough never to wrap.

use core::fmt;

use tongtu_types::{Fen, FenE7, MoneyError};

/// One fen in the unit of [`SumE7`].
const E7: i128 = 10_000_000;

/// A sum of [`FenE7`] amounts, in 10^-7 fen.
///
/// Form: a signed 128-bit integer; prints as decimal fen, `79.8600000`. No count of postings
/// that a book can hold brings 64-bit amounts near its ends: that takes 2^64 of the largest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct SumE7(i128);

impl SumE7 {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Takes a number of 10^-7 fen.
    #[must_use]
    pub const fn new(sum_e7: i128) -> Self {
        Self(sum_e7)
    }

    /// Whole fen as an exact sum.
    #[must_use]
    pub fn from_fen(amount: Fen) -> Self {
        // An i64 times 10^7 needs 88 bits.
        Self(i128::from(amount.get()) * E7)
    }

    /// The number of 10^-7 fen.
    #[must_use]
    pub const fn get(self) -> i128 {
        self.0
    }

    /// Whether this is exactly zero.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Adds; `None` when the sum leaves 128 bits.
    #[must_use]
    pub fn checked_add(self, other: impl Into<Self>) -> Option<Self> {
        self.0.checked_add(other.into().0).map(Self)
    }

    /// Subtracts; `None` when the difference leaves 128 bits.
    #[must_use]
    pub fn checked_sub(self, other: impl Into<Self>) -> Option<Self> {
        self.0.checked_sub(other.into().0).map(Self)
    }

    /// The same sum owed the other way; `None` for the one value that has no negative.
    #[must_use]
    pub fn checked_neg(self) -> Option<Self> {
        self.0.checked_neg().map(Self)
    }

    /// As the amount of one posting.
    ///
    /// # Errors
    /// [`MoneyError`] when the sum does not fit 64 bits.
    pub fn to_amount(self) -> Result<FenE7, MoneyError> {
        i64::try_from(self.0)
            .map(FenE7::new)
            .map_err(|_| too_wide("amount of one posting", self.0))
    }

    /// Rounds half to even to whole fen.
    ///
    /// # Errors
    /// [`MoneyError`] when the result does not fit 64 bits.
    pub fn round_half_even(self) -> Result<Fen, MoneyError> {
        let whole = self.0.div_euclid(E7);
        let rest = self.0.rem_euclid(E7);
        let up = rest > E7 / 2 || (rest == E7 / 2 && whole.rem_euclid(2) == 1);
        // `whole` is at most i128::MAX / 10^7, so one more always fits.
        let rounded = if up { whole + 1 } else { whole };
        i64::try_from(rounded)
            .map(Fen::new)
            .map_err(|_| too_wide("rounding to fen", self.0))
    }
}

/// Reports a sum that is too wide, clamped into the 64 bits that the error can carry.
fn too_wide(operation: &'static str, sum: i128) -> MoneyError {
    let left = i64::try_from(sum).unwrap_or(if sum < 0 { i64::MIN } else { i64::MAX });
    MoneyError {
        operation,
        left,
        right: 0,
    }
}

impl From<FenE7> for SumE7 {
    fn from(amount: FenE7) -> Self {
        Self(i128::from(amount.get()))
    }
}

impl fmt::Display for SumE7 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (abs, unit) = (self.0.unsigned_abs(), E7.unsigned_abs());
        write!(f, "{sign}{}.{:07}", abs / unit, abs % unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_as_the_narrow_type_does() {
        for e7 in [
            0,
            5_000_000,
            15_000_000,
            25_000_000,
            25_000_001,
            -5_000_000,
            -15_000_000,
            -4_999_999,
        ] {
            let narrow = FenE7::new(e7);
            assert_eq!(
                SumE7::from(narrow).round_half_even(),
                Ok(narrow.round_half_even())
            );
        }
    }

    #[test]
    fn refuses_to_narrow_what_is_too_wide() {
        let wide = SumE7::new(i128::from(i64::MAX) + 1);
        assert!(wide.to_amount().is_err());
        assert!(wide.round_half_even().is_ok());
        assert!(SumE7::new(i128::MAX).round_half_even().is_err());
        assert_eq!(
            SumE7::new(i128::from(i64::MIN)).to_amount(),
            Ok(FenE7::new(i64::MIN))
        );
    }

    #[test]
    fn prints_decimal_fen() {
        assert_eq!(SumE7::new(798_600_000).to_string(), "79.8600000");
        assert_eq!(SumE7::new(-1).to_string(), "-0.0000001");
        assert_eq!(SumE7::from_fen(Fen::new(-3)).to_string(), "-3.0000000");
    }
}
