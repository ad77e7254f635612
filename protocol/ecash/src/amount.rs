//! Amounts of the e-cash: twelve decimal digits, never negative.

use core::fmt;

use tongtu_codec::{Cn, Encoding, FieldError};
use tongtu_types::Fen;

use crate::EcashError;

/// The largest amount that twelve digits hold.
pub const MAX_AMOUNT: Fen = Fen::new(999_999_999_999);

/// An amount or a balance of the e-cash (n12): 0 to [`MAX_AMOUNT`].
///
/// Form: six bytes, two decimal digits each, in fen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(Fen);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(Fen::new(0));

    /// Takes an amount of money.
    ///
    /// # Errors
    /// [`EcashError::Amount`] when it is negative or has more than twelve digits.
    pub fn new(fen: Fen) -> Result<Self, EcashError> {
        if (0..=MAX_AMOUNT.get()).contains(&fen.get()) {
            Ok(Self(fen))
        } else {
            Err(EcashError::Amount { found: fen.get() })
        }
    }

    /// Reads six bytes of packed digits.
    ///
    /// # Errors
    /// [`FieldError`] for another length or a nibble that is no digit.
    pub fn decode(bytes: &[u8]) -> Result<Self, FieldError> {
        match bytes.len() {
            6 => <Cn as Encoding<Fen>>::decode(bytes).map(Self),
            found @ 0..6 => Err(FieldError::Truncated { needed: 6, found }),
            found => Err(FieldError::Trailing { extra: found - 6 }),
        }
    }

    /// The six bytes.
    #[must_use]
    pub fn encode(self) -> [u8; 6] {
        let mut out = [0; 6];
        <Cn as Encoding<Fen>>::encode(&self.0, &mut out)
            .expect("an amount has at most twelve digits");
        out
    }

    /// The money.
    #[must_use]
    pub const fn fen(self) -> Fen {
        self.0
    }

    /// Whether it is nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    /// The sum, if it is an amount.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        Self::new(self.0.checked_add(other.0).ok()?).ok()
    }

    /// The difference, if it is not below zero.
    #[must_use]
    pub fn minus(self, other: Self) -> Option<Self> {
        Self::new(self.0.checked_sub(other.0).ok()?).ok()
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Amount({} fen)", self.0.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twelve_digits_and_nothing_else() {
        let bytes = [0, 0, 0, 3, 0x87, 0x87];
        let amount = Amount::decode(&bytes).expect("the balance of a published trace");
        assert_eq!(amount.fen(), Fen::new(38787));
        assert_eq!(amount.encode(), bytes);
        assert!(Amount::decode(&bytes[1..]).is_err());
        assert!(Amount::decode(&[0, 0, 0, 0, 0, 0x0A]).is_err());
        assert!(Amount::new(Fen::new(-1)).is_err());
        assert!(Amount::new(Fen::new(1_000_000_000_000)).is_err());
        assert_eq!(Amount::ZERO.minus(amount), None);
        assert_eq!(amount.minus(amount), Some(Amount::ZERO));
    }
}
