//! What a ride pays with once, as one number beside the account.
//!
//! A code pays once: its account and generation time are unique. A card pays once with each of
//! its sequence numbers, and an account that is recognised by face once in a second. The store
//! keeps one number for all of them, so that one constraint counts every ride once.

use tongtu_clearing::posting::CardMoney;
use tongtu_tap_record::{RecordKind, TapRecord};
use tongtu_types::Timestamp;

/// What a ride pays with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum ProofNumber {
    /// A code's generation time.
    Code(Timestamp),
    /// An e-purse's offline sequence number (脱机交易序号).
    Purse(u16),
    /// An e-cash's sequence number (5F34), by which cards of one number are told apart, and its
    /// transaction counter (ATC).
    Cash {
        /// The sequence number as the card has it, two packed digits.
        sequence: u8,
        /// The counter.
        counter: u16,
    },
    /// When a face was recognised.
    Face(Timestamp),
}

/// Room for a purse's numbers: 16 bits.
const CASH_FROM: i64 = -100_000;
/// Room for an e-cash's: 16 bits of each of 256 cards.
const CASH_TO: i64 = CASH_FROM - 0xFF_FFFF;
/// Far below everything else.
const FACE_FROM: i64 = -10_000_000_000;

impl ProofNumber {
    /// As the store has it: codes from zero on, everything else below.
    pub(crate) const fn number(self) -> i64 {
        match self {
            Self::Code(at) => at.get(),
            Self::Purse(sequence) => -1 - sequence as i64,
            Self::Cash { sequence, counter } => {
                CASH_FROM - ((sequence as i64) << 16) - counter as i64
            }
            Self::Face(at) => FACE_FROM - at.get(),
        }
    }

    /// What a number of the store is.
    pub(crate) fn of(number: i64) -> Self {
        let bits = |from: i64| u16::try_from(from - number).ok();
        if number >= 0 {
            return Self::Code(Timestamp::new(number));
        }
        if let Some(sequence) = bits(-1) {
            return Self::Purse(sequence);
        }
        if (CASH_TO..=CASH_FROM).contains(&number) {
            let [.., sequence, high, low] = (CASH_FROM - number).to_be_bytes();
            let counter = u16::from_be_bytes([high, low]);
            return Self::Cash { sequence, counter };
        }
        Self::Face(Timestamp::new(FACE_FROM - number))
    }

    /// What the ride of a tap record pays with; the record's time where a card paid nothing.
    pub(crate) fn of_tap(record: &TapRecord, at: Timestamp) -> Self {
        match record.kind {
            RecordKind::Cash => Self::Cash {
                sequence: record.cash().map_or(0, |proof| proof.pan_sequence),
                counter: record.sequence,
            },
            RecordKind::Face | RecordKind::Lock => Self::Face(at),
            _ => Self::Purse(record.sequence),
        }
    }

    /// Which money of a card paid; none where an account did.
    pub(crate) const fn money(self) -> Option<CardMoney> {
        match self {
            Self::Purse(_) => Some(CardMoney::Purse),
            Self::Cash { .. } => Some(CardMoney::Cash),
            Self::Code(_) | Self::Face(_) => None,
        }
    }

    /// The lowest and the highest number of rides by that money.
    pub(crate) const fn all_of(money: CardMoney) -> (i64, i64) {
        match money {
            CardMoney::Purse => (Self::Purse(u16::MAX).number(), Self::Purse(0).number()),
            CardMoney::Cash => (CASH_TO, CASH_FROM),
        }
    }

    /// Whether the same card gave both numbers out, this one and then the other, with none between.
    pub(crate) fn comes_before(self, next: Self) -> bool {
        match (self, next) {
            (Self::Purse(one), Self::Purse(other)) => one.checked_add(1) == Some(other),
            (
                Self::Cash { sequence, counter },
                Self::Cash {
                    sequence: card,
                    counter: other,
                },
            ) => sequence == card && counter.checked_add(1) == Some(other),
            _ => false,
        }
    }

    /// Whether the same card gave both numbers out, the other one later.
    pub(crate) const fn is_earlier(self, later: Self) -> bool {
        match (self, later) {
            (Self::Purse(one), Self::Purse(other)) => one < other,
            (
                Self::Cash { sequence, counter },
                Self::Cash {
                    sequence: card,
                    counter: other,
                },
            ) => sequence == card && counter < other,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn cash(sequence: u8, counter: u16) -> ProofNumber {
        ProofNumber::Cash { sequence, counter }
    }

    #[test]
    fn numbers_of_another_card_or_another_money_do_not_follow() {
        assert!(cash(1, 7).comes_before(cash(1, 8)) && cash(1, 7).is_earlier(cash(1, 9)));
        for other in [cash(2, 8), cash(1, 9), cash(1, 7), ProofNumber::Purse(8)] {
            assert!(!cash(1, 7).comes_before(other), "{other:?}");
        }
        for other in [cash(2, 8), cash(1, 7), cash(1, 6), ProofNumber::Purse(8)] {
            assert!(!cash(1, 7).is_earlier(other), "{other:?}");
        }
        assert!(!cash(1, u16::MAX).comes_before(cash(1, 0)));
        assert!(ProofNumber::Purse(7).comes_before(ProofNumber::Purse(8)));
    }

    #[test]
    fn every_number_is_one_proof_only() {
        let at = Timestamp::new(1_767_254_400);
        let all = [
            (ProofNumber::Code(Timestamp::new(0)), 0),
            (ProofNumber::Code(at), 1_767_254_400),
            (ProofNumber::Purse(0), -1),
            (ProofNumber::Purse(u16::MAX), -65_536),
            (cash(0, 0), -100_000),
            (cash(0, u16::MAX), -165_535),
            (cash(1, 0), -165_536),
            (cash(0xFF, u16::MAX), -16_877_215),
            (ProofNumber::Face(at), -11_767_254_400),
        ];
        for (proof, number) in all {
            assert_eq!(proof.number(), number);
            assert_eq!(ProofNumber::of(number), proof);
        }
    }
}
