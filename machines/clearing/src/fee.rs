//! Fees of one ride, exact to 10^-7 fen.

use tongtu_ledger::SumE7;
use tongtu_types::{Fen, FenE7, MoneyError};

/// The fee of one ride and who gets it.
///
/// Exact: fee = acquirer share + issuer share + hub share, all of them 0 or more, in 10^-7 fen.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Fees {
    fee: FenE7,
    acquirer_share: FenE7,
    issuer_share: FenE7,
    hub_share: FenE7,
}

/// Why there are no fees.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FeeError {
    /// An amount below zero: corrections are reversals, not negative rides.
    #[error("amount {amount_fen} fen is negative, expected 0 or more")]
    NegativeAmount {
        /// The amount.
        amount_fen: i64,
    },
    /// No rule covers the ride: the fee rules are incomplete.
    #[error("no fee rule covers this ride")]
    NoRule,
    /// Shares that are negative or more than the fee.
    #[error("shares {acquirer_share} and {issuer_share} do not fit into the fee {fee} fen")]
    Shares {
        /// The fee.
        fee: FenE7,
        /// The acquirer's share.
        acquirer_share: FenE7,
        /// The issuer's share.
        issuer_share: FenE7,
    },
    /// A number left 64 bits.
    #[error("fee out of range")]
    Money(#[from] MoneyError),
}

impl Fees {
    /// No fee at all.
    pub const NONE: Self = Self {
        fee: FenE7::ZERO,
        acquirer_share: FenE7::ZERO,
        issuer_share: FenE7::ZERO,
        hub_share: FenE7::ZERO,
    };

    /// Takes the three amounts that files carry; the rest of the fee is the hub's.
    ///
    /// # Errors
    /// [`FeeError::Shares`] when a share is negative or they are together more than the fee.
    pub fn new(fee: FenE7, acquirer_share: FenE7, issuer_share: FenE7) -> Result<Self, FeeError> {
        let hub_share = fee.checked_sub(acquirer_share)?.checked_sub(issuer_share)?;
        if acquirer_share < FenE7::ZERO || issuer_share < FenE7::ZERO || hub_share < FenE7::ZERO {
            return Err(FeeError::Shares {
                fee,
                acquirer_share,
                issuer_share,
            });
        }
        Ok(Self {
            fee,
            acquirer_share,
            issuer_share,
            hub_share,
        })
    }

    /// The whole fee (手续费).
    #[must_use]
    pub const fn fee(&self) -> FenE7 {
        self.fee
    }

    /// The acquirer's share (收单方分润).
    #[must_use]
    pub const fn acquirer_share(&self) -> FenE7 {
        self.acquirer_share
    }

    /// The issuer's share (发卡方分润).
    #[must_use]
    pub const fn issuer_share(&self) -> FenE7 {
        self.issuer_share
    }

    /// The clearing hub's share: the rest.
    #[must_use]
    pub const fn hub_share(&self) -> FenE7 {
        self.hub_share
    }

    /// What the acquirer gets for a ride: amount − fee + acquirer share.
    #[must_use]
    pub fn acquirer_income(&self, amount: Fen) -> SumE7 {
        let amount = SumE7::from_fen(amount).get();
        let (fee, share) = (self.fee.get(), self.acquirer_share.get());
        // 88 bits and two of 64: far from 128.
        SumE7::new(amount - i128::from(fee) + i128::from(share))
    }

    /// What the issuer pays for a ride: amount − issuer share.
    #[must_use]
    pub fn issuer_outgo(&self, amount: Fen) -> SumE7 {
        let amount = SumE7::from_fen(amount).get();
        SumE7::new(amount - i128::from(self.issuer_share.get()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_fit_into_the_fee() {
        let make = |fee, acquirer, issuer| {
            Fees::new(FenE7::new(fee), FenE7::new(acquirer), FenE7::new(issuer))
        };
        assert_eq!(make(10, 5, 3).unwrap().hub_share().get(), 2);
        assert_eq!(make(10, 5, 5).unwrap().hub_share().get(), 0);
        assert_eq!(make(0, 0, 0), Ok(Fees::NONE));
        assert!(make(10, 6, 5).is_err());
        assert!(make(10, -1, 5).is_err());
        assert!(make(10, 5, -1).is_err());
        assert!(make(-1, 0, 0).is_err());
        assert!(make(i64::MIN, 1, 0).is_err());
    }
}
