//! BP: what a member is owed or owes for one settlement day.

use tongtu_codec::{Digits, FieldError, record};
use tongtu_types::{Fen, ValueError};

use super::fixed_record;
use crate::PaySide;
use crate::encoding::Kept;

record! {
    /// BP, net position (收支轧差): one line per body and day, of zeros when nothing happened.
    pub struct BpRecord: 180 {
        [0..18] income: Fen as Digits, Impl, "income as acquirer", "应收金额";
        [18..36] outgo: Fen as Digits, Impl, "outgo as issuer", "应付金额";
        [36..54] test_income: Fen as Digits, Impl, "test income", "测试应收金额";
        [54..72] test_outgo: Fen as Digits, Impl, "test outgo", "测试应付金额";
        [72..90] change: Fen as Digits, Impl, "change of the reserve account", "备付金变动额";
        [90..94] zeros: [u8; 4] as Kept, Impl, "zeros", "固定值";
        [94..95] side: PaySide as Digits, Impl, "side: 0 receives, 1 pays", "收付标志";
        [95..100] reserved: [u8; 5] as Kept, Impl, "reserved", "保留";
        [100..180] reserved_rest: [u8; 80] as Kept, Impl, "reserved", "保留";
    }
}

/// The largest amount that 18 digits hold.
const AMOUNT_MAX: i64 = 999_999_999_999_999_999;

impl BpRecord {
    /// A body's day: change and side follow from income and outgo; test money moves nothing.
    ///
    /// # Errors
    /// [`FieldError`] for an amount below zero or one beyond 18 digits.
    pub fn new(
        income: Fen,
        outgo: Fen,
        test_income: Fen,
        test_outgo: Fen,
    ) -> Result<Self, FieldError> {
        for amount in [income, outgo, test_income, test_outgo] {
            if !(0..=AMOUNT_MAX).contains(&amount.get()) {
                return Err(FieldError::Value(ValueError::Range {
                    what: "amount",
                    found: amount.get(),
                    expected: "0 to 999999999999999999 fen",
                }));
            }
        }
        let net = income.checked_sub(outgo)?;
        let (side, change) = if net < Fen::ZERO {
            (PaySide::PAY, net.checked_neg()?)
        } else {
            (PaySide::RECEIVE, net)
        };
        Ok(Self {
            income,
            outgo,
            test_income,
            test_outgo,
            change,
            zeros: [b'0'; 4],
            side,
            reserved: [b'F'; 5],
            reserved_rest: [b'F'; 80],
        })
    }

    /// The net position (轧差净额): positive is received, negative is paid.
    ///
    /// # Errors
    /// [`FieldError::Money`] when it leaves 64 bits, which 18 digits cannot.
    pub fn net(&self) -> Result<Fen, FieldError> {
        Ok(self.income.checked_sub(self.outgo)?)
    }
}

fixed_record!(BpRecord, BP);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn change_and_side_follow_from_the_amounts() {
        let check = |income: i64, outgo: i64, side: PaySide, change: i64| {
            let made =
                BpRecord::new(Fen::new(income), Fen::new(outgo), Fen::new(9), Fen::ZERO).unwrap();
            assert_eq!((made.side, made.change), (side, Fen::new(change)));
            assert_eq!(made.net().unwrap(), Fen::new(income - outgo));
        };
        check(500, 300, PaySide::RECEIVE, 200);
        check(300, 500, PaySide::PAY, 200);
        check(0, 0, PaySide::RECEIVE, 0);
    }

    #[test]
    fn refuses_amounts_without_room() {
        let zero = Fen::ZERO;
        assert!(BpRecord::new(Fen::new(-1), zero, zero, zero).is_err());
        assert!(BpRecord::new(zero, zero, zero, Fen::new(1_000_000_000_000_000_000)).is_err());
    }
}
