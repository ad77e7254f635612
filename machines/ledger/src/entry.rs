//! Entries: balanced, immutable, named by an idempotency key.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use tongtu_types::{BusinessDay, FenE7, InstitutionCode};

use crate::{AccountName, Refusal, SumE7};

/// An entry's name, chosen by whoever posts it, so that a repeated request posts once.
///
/// Form: 1 to 96 printable ASCII characters without spaces.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(String);

/// Why a text is not an entry's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("entry id of {length} characters, expected 1 to 96 printable ASCII without spaces")]
pub struct EntryIdError {
    /// The length found, in bytes.
    pub length: usize,
}

impl EntryId {
    /// The most characters a name has.
    pub const LENGTH_MAX: usize = 96;

    /// Takes a name.
    ///
    /// # Errors
    /// [`EntryIdError`] when it is empty, too long or not printable ASCII.
    pub fn parse(text: &str) -> Result<Self, EntryIdError> {
        let length = text.len();
        if length == 0 || length > Self::LENGTH_MAX || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(EntryIdError { length });
        }
        Ok(Self(text.to_owned()))
    }

    /// The characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why an entry was made. The text form is stable and stored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Memo {
    /// A rider paid money in (充值).
    Recharge,
    /// A ride was debited from a rider, or earned by an operator.
    Ride,
    /// A settlement day's result between two members.
    Clearing,
    /// An upper hub's result handed on to the members.
    Relay,
    /// What rounding to whole fen moved.
    Rounding,
    /// Money that a bank moved on a net position.
    BankTransfer,
    /// A correction that is not a plain reversal (差错调整).
    Adjustment,
    /// The exact opposite of an earlier entry.
    Reversal,
}

/// A text that is no [`Memo`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("memo {found:?} is unknown, expected one of the words of Memo")]
pub struct MemoError {
    /// The text found.
    pub found: String,
}

impl Memo {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Recharge,
        Self::Ride,
        Self::Clearing,
        Self::Relay,
        Self::Rounding,
        Self::BankTransfer,
        Self::Adjustment,
        Self::Reversal,
    ];

    /// The stable word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Recharge => "recharge",
            Self::Ride => "ride",
            Self::Clearing => "clearing",
            Self::Relay => "relay",
            Self::Rounding => "rounding",
            Self::BankTransfer => "bank-transfer",
            Self::Adjustment => "adjustment",
            Self::Reversal => "reversal",
        }
    }

    /// Reads the stable word.
    ///
    /// # Errors
    /// [`MemoError`] for any other text.
    pub fn parse(text: &str) -> Result<Self, MemoError> {
        Self::ALL
            .into_iter()
            .find(|memo| memo.as_str() == text)
            .ok_or_else(|| MemoError {
                found: text.to_owned(),
            })
    }
}

/// One line of an entry. Positive is a credit, negative a debit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Posting {
    /// The account moved.
    pub account: AccountName,
    /// By how much, in 10^-7 fen.
    pub amount: FenE7,
}

/// What an entry is to say, before it is known to balance.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Draft {
    /// The idempotency key.
    pub id: EntryId,
    /// The settlement day it belongs to.
    pub day: BusinessDay,
    /// Why.
    pub memo: Memo,
    /// The entry that this one corrects; that one stays as it is.
    pub corrects: Option<EntryId>,
    /// What moves; the order does not matter.
    pub postings: Vec<Posting>,
}

/// A balanced entry: at least two postings, none zero, one book, sum zero. Immutable.
///
/// Postings are kept sorted, so two entries that move the same are equal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry(Draft);

impl Entry {
    /// Makes an entry of a draft that balances.
    ///
    /// # Errors
    /// The first [`Refusal`] that applies, in the order of its variants.
    pub fn balanced(mut draft: Draft) -> Result<Self, Refusal> {
        let id = || draft.id.clone();
        let postings = &draft.postings;
        let Some(first) = postings.first().filter(|_| postings.len() >= 2) else {
            return Err(Refusal::TooFewPostings {
                id: id(),
                found: postings.len(),
            });
        };
        if let Some(zero) = postings.iter().find(|p| p.amount.is_zero()) {
            return Err(Refusal::ZeroPosting {
                id: id(),
                account: zero.account,
            });
        }
        if let Some(wide) = postings.iter().find(|p| p.amount.checked_neg().is_err()) {
            return Err(Refusal::AmountOutOfRange {
                id: id(),
                account: wide.account,
            });
        }
        let book = first.account.book;
        if let Some(other) = postings.iter().find(|p| p.account.book != book) {
            return Err(Refusal::MixedBooks {
                id: id(),
                first: book,
                other: other.account.book,
            });
        }
        let by = sum(postings);
        if !by.is_zero() {
            return Err(Refusal::Unbalanced { id: id(), by });
        }
        if draft.memo == Memo::Reversal && draft.corrects.is_none() {
            return Err(Refusal::ReversalWithoutOriginal { id: id() });
        }
        draft.postings.sort_unstable();
        Ok(Self(draft))
    }

    /// The exact opposite of an entry, pointing to it.
    #[must_use]
    pub fn reversal_of(original: &Self, id: EntryId, day: BusinessDay) -> Self {
        let draft = Draft {
            id,
            day,
            memo: Memo::Reversal,
            corrects: Some(original.id().clone()),
            postings: original.opposite(),
        };
        Self::balanced(draft).expect("the opposite of a balanced entry balances")
    }

    /// The idempotency key.
    #[must_use]
    pub fn id(&self) -> &EntryId {
        &self.0.id
    }

    /// The settlement day.
    #[must_use]
    pub fn day(&self) -> BusinessDay {
        self.0.day
    }

    /// Why it was made.
    #[must_use]
    pub fn memo(&self) -> Memo {
        self.0.memo
    }

    /// The entry that this one corrects.
    #[must_use]
    pub fn corrects(&self) -> Option<&EntryId> {
        self.0.corrects.as_ref()
    }

    /// The institution in whose book all postings stand.
    #[must_use]
    pub fn book(&self) -> InstitutionCode {
        self.0.postings[0].account.book
    }

    /// The postings, sorted by account and amount; at least two.
    #[must_use]
    pub fn postings(&self) -> &[Posting] {
        &self.0.postings
    }

    /// The postings with every sign turned, sorted.
    pub(crate) fn opposite(&self) -> Vec<Posting> {
        let mut turned: Vec<Posting> = self.postings().iter().map(turn).collect();
        turned.sort_unstable();
        turned
    }
}

fn turn(posting: &Posting) -> Posting {
    Posting {
        account: posting.account,
        amount: posting
            .amount
            .checked_neg()
            .expect("`balanced` admits only amounts that have an opposite"),
    }
}

/// Adds up postings; a vector cannot hold enough of them to leave 128 bits.
fn sum(postings: &[Posting]) -> SumE7 {
    postings.iter().fold(SumE7::ZERO, |sum, posting| {
        sum.checked_add(posting.amount)
            .expect("fewer than 2^64 amounts of 64 bits fit 128 bits")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(memo: Memo, postings: &[(&str, i64)]) -> Draft {
        Draft {
            id: EntryId::parse("e1").unwrap(),
            day: BusinessDay::from_days(20_000),
            memo,
            corrects: None,
            postings: postings
                .iter()
                .map(|&(key, amount)| Posting {
                    account: AccountName::parse(key).unwrap(),
                    amount: FenE7::new(amount),
                })
                .collect(),
        }
    }

    const A: &str = "00000000/settlement/30005800";
    const B: &str = "00000000/settlement/01341000";
    const FEE: &str = "00000000/fee-income";
    const ELSEWHERE: &str = "30005800/fee-income";

    /// One row per draft, worst fault first: each also has the faults of the rows below it.
    #[test]
    fn refuses_in_order_of_precedence() {
        let check = |postings: &[(&str, i64)], expect: &str| {
            let code = match Entry::balanced(draft(Memo::Reversal, postings)) {
                Ok(_) => "made",
                Err(refusal) => refusal.code(),
            };
            assert_eq!(code, expect, "{postings:?}");
        };
        check(&[], "ledger.too_few_postings");
        check(&[(A, 0)], "ledger.too_few_postings");
        check(&[(A, 0), (ELSEWHERE, i64::MIN)], "ledger.zero_posting");
        check(
            &[(A, 1), (ELSEWHERE, i64::MIN)],
            "ledger.amount_out_of_range",
        );
        check(&[(A, 1), (ELSEWHERE, 1)], "ledger.mixed_books");
        check(&[(A, 1), (B, 1)], "ledger.unbalanced");
        check(&[(A, 1), (B, -1)], "ledger.reversal_without_original");
        let fine = draft(Memo::Clearing, &[(A, 1), (B, -1)]);
        assert!(Entry::balanced(fine).is_ok());
    }

    #[test]
    fn balances_beyond_64_bits() {
        let max = i64::MAX;
        let fine = draft(Memo::Clearing, &[(A, max), (A, max), (B, -max), (B, -max)]);
        assert!(Entry::balanced(fine).is_ok());
        // Wrapped to 64 bits this sum would be zero.
        let wrapped = draft(Memo::Clearing, &[(A, max), (B, max), (FEE, 2)]);
        let refused = Entry::balanced(wrapped).unwrap_err();
        assert_eq!(refused.code(), "ledger.unbalanced");
    }

    #[test]
    fn order_of_postings_does_not_matter() {
        let one = Entry::balanced(draft(Memo::Clearing, &[(A, 3), (B, -2), (FEE, -1)])).unwrap();
        let two = Entry::balanced(draft(Memo::Clearing, &[(FEE, -1), (A, 3), (B, -2)])).unwrap();
        assert_eq!(one, two);
    }

    #[test]
    fn reverses_exactly_and_points_back() {
        let one = Entry::balanced(draft(Memo::Clearing, &[(A, 3), (B, -2), (FEE, -1)])).unwrap();
        let back = Entry::reversal_of(&one, EntryId::parse("e2").unwrap(), one.day().next());
        assert_eq!(back.corrects(), Some(one.id()));
        assert_eq!(back.opposite(), one.postings());
    }

    #[test]
    fn names_are_short_printable_and_stable() {
        for text in ["", "a b", "é", &"x".repeat(97)] {
            assert!(EntryId::parse(text).is_err(), "{text:?}");
        }
        assert!(EntryId::parse(&"x".repeat(96)).is_ok());
        for memo in Memo::ALL {
            assert_eq!(Memo::parse(memo.as_str()), Ok(memo));
        }
        assert!(Memo::parse("gift").is_err());
    }
}
