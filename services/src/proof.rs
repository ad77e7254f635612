//! What a ride pays with once, as one number beside the account.
//!
//! A code pays once: its account and generation time are unique. A card pays once with each of
//! its sequence numbers, and an account that is recognised by face once in a second. The store
//! keeps one number for all of them, so that one constraint counts every ride once.

use tongtu_tap_record::{RecordKind, TapRecord};
use tongtu_types::Timestamp;

/// What a ride pays with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum ProofNumber {
    /// A code's generation time.
    Code(Timestamp),
    /// An e-purse's offline sequence number (脱机交易序号).
    Purse(u16),
    /// An e-cash's transaction counter (ATC).
    Cash(u16),
    /// When a face was recognised.
    Face(Timestamp),
}

/// Room for a card's numbers: 16 bits each.
const CASH_FROM: i64 = -100_000;
/// Far below everything else.
const FACE_FROM: i64 = -10_000_000_000;

impl ProofNumber {
    /// As the store has it: codes from zero on, everything else below.
    pub(crate) const fn number(self) -> i64 {
        match self {
            Self::Code(at) => at.get(),
            Self::Purse(sequence) => -1 - sequence as i64,
            Self::Cash(counter) => CASH_FROM - counter as i64,
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
        if let Some(counter) = bits(CASH_FROM) {
            return Self::Cash(counter);
        }
        Self::Face(Timestamp::new(FACE_FROM - number))
    }

    /// What the ride of a tap record pays with; the record's time where a card paid nothing.
    pub(crate) fn of_tap(record: &TapRecord, at: Timestamp) -> Self {
        match record.kind {
            RecordKind::Cash => Self::Cash(record.sequence),
            RecordKind::Face | RecordKind::Lock => Self::Face(at),
            _ => Self::Purse(record.sequence),
        }
    }

    /// Whether money left a card.
    pub(crate) const fn is_card(self) -> bool {
        matches!(self, Self::Purse(_) | Self::Cash(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_one_proof_only() {
        let at = Timestamp::new(1_767_254_400);
        let all = [
            (ProofNumber::Code(Timestamp::new(0)), 0),
            (ProofNumber::Code(at), 1_767_254_400),
            (ProofNumber::Purse(0), -1),
            (ProofNumber::Purse(u16::MAX), -65_536),
            (ProofNumber::Cash(0), -100_000),
            (ProofNumber::Cash(u16::MAX), -165_535),
            (ProofNumber::Face(at), -11_767_254_400),
        ];
        for (proof, number) in all {
            assert_eq!(proof.number(), number);
            assert_eq!(ProofNumber::of(number), proof);
        }
    }
}
