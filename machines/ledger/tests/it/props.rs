//! Any sequence of entries: the book sums to zero and a naive model agrees.

use std::collections::HashMap;

use proptest::prelude::*;
use tongtu_ledger::row::{entry_of, rows_of};
use tongtu_ledger::{
    AccountKind, AccountName, Book, Draft, Entry, EntryId, Memo, Posting, Refusal,
};
use tongtu_types::{BusinessDay, CardNumber, FenE7, InstitutionCode, LineCode};

fn institution(last: u8) -> InstitutionCode {
    InstitutionCode::parse(&format!("0134{:04}", 1000 + u32::from(last))).unwrap()
}

fn account(book: u8, kind: u8, detail: u8) -> AccountName {
    let kind = match kind % 10 {
        0 => AccountKind::Settlement(institution(detail)),
        1 => AccountKind::FeeIncome,
        2 => AccountKind::FeeExpense,
        3 => AccountKind::Rounding,
        4 => AccountKind::Transit(institution(detail)),
        5 => AccountKind::Rider(CardNumber::parse(&format!("310{detail:016}")).unwrap()),
        6 => AccountKind::Arrears(CardNumber::parse(&format!("310{detail:016}")).unwrap()),
        7 => AccountKind::RechargeClearing,
        8 => AccountKind::OperatorPayable(LineCode::parse(&format!("B{detail}")).unwrap()),
        _ => AccountKind::Bank,
    };
    AccountName::new(institution(book), kind)
}

/// What a test submits: postings without the one that balances them, or with it spoilt.
#[derive(Clone, Debug)]
struct Submission {
    id: u8,
    book: u8,
    postings: Vec<(u8, u8, i64)>,
    closing: (u8, u8),
    spoil: i64,
    reverses: Option<u8>,
}

fn submission() -> impl Strategy<Value = Submission> {
    let amount = prop_oneof![-5_i64..5, -1_000_000_000_000_i64..1_000_000_000_000];
    (
        0..20_u8,
        0..2_u8,
        prop::collection::vec((0..10_u8, 0..3_u8, amount), 1..5),
        (0..10_u8, 0..3_u8),
        prop_oneof![8 => Just(0_i64), 1 => -3_i64..3],
        prop::option::weighted(0.2, 0..20_u8),
    )
        .prop_map(
            |(id, book, postings, closing, spoil, reverses)| Submission {
                id,
                book,
                postings,
                closing,
                spoil,
                reverses,
            },
        )
}

impl Submission {
    fn draft(&self) -> Draft {
        let mut postings: Vec<Posting> = self
            .postings
            .iter()
            .map(|&(kind, detail, amount)| Posting {
                account: account(self.book, kind, detail),
                amount: FenE7::new(amount),
            })
            .collect();
        let sum: i64 = self.postings.iter().map(|p| p.2).sum();
        postings.push(Posting {
            account: account(self.book, self.closing.0, self.closing.1),
            amount: FenE7::new(self.spoil - sum),
        });
        Draft {
            id: name(self.id),
            day: BusinessDay::from_days(20_000),
            memo: Memo::Clearing,
            corrects: None,
            postings,
        }
    }
}

fn name(id: u8) -> EntryId {
    EntryId::parse(&format!("e{id}")).unwrap()
}

proptest! {
    #[test]
    fn any_sequence_keeps_the_sum_zero(submissions in prop::collection::vec(submission(), 0..60)) {
        let mut book = Book::new();
        // The model: text keys, plain sums, nothing shared with the book.
        let mut posted: HashMap<String, Vec<(String, i128)>> = HashMap::new();
        let mut reversed: Vec<String> = Vec::new();
        for submitted in &submissions {
            let entry = match submitted.reverses.and_then(|id| book.entry(&name(id))) {
                Some(original) => {
                    Ok(Entry::reversal_of(original, name(submitted.id), BusinessDay::from_days(1)))
                }
                None => Entry::balanced(submitted.draft()),
            };
            let id = format!("e{}", submitted.id);
            let taken = posted.contains_key(&id);
            match entry {
                Err(refusal) => {
                    let zero = submitted.draft().postings.iter().any(|p| p.amount.get() == 0);
                    prop_assert!(submitted.spoil != 0 || zero, "{refusal}");
                }
                Ok(entry) => {
                    let original = entry.corrects().map(ToString::to_string);
                    let twice = original.as_ref().is_some_and(|o| reversed.contains(o));
                    let lines: Vec<(String, i128)> = entry
                        .postings()
                        .iter()
                        .map(|p| (p.account.key(), i128::from(p.amount.get())))
                        .collect();
                    let answer = book.decide(entry);
                    prop_assert_eq!(answer.is_ok(), !taken && !twice);
                    match answer {
                        Ok(event) => {
                            book.apply(&event);
                            posted.insert(id, lines);
                            reversed.extend(original);
                        }
                        Err(Refusal::AlreadyPosted { .. }) => {
                            prop_assert_eq!(&posted[&id], &lines);
                        }
                        Err(Refusal::IdReused { .. } | Refusal::OriginalReversed { .. }) => {}
                        Err(other) => prop_assert!(false, "{}", other),
                    }
                }
            }
            prop_assert!(book.trial_balance().is_zero());
        }
        let mut model: HashMap<String, i128> = HashMap::new();
        for (account, amount) in posted.values().flatten() {
            *model.entry(account.clone()).or_default() += amount;
        }
        for (account, balance) in book.balances() {
            prop_assert_eq!(model.remove(&account.key()), Some(balance.get()));
        }
        prop_assert!(model.is_empty());
        for owner in 0..2 {
            prop_assert!(book.trial_balance_of(institution(owner)).is_zero());
        }
    }

    #[test]
    fn rows_round_trip(submitted in submission()) {
        if let Ok(entry) = Entry::balanced(submitted.draft()) {
            let (head, mut postings) = rows_of(&entry);
            postings.reverse();
            prop_assert_eq!(entry_of(&head, &postings), Ok(entry));
            postings[0].amount_e7 ^= 1;
            prop_assert!(entry_of(&head, &postings).is_err());
        }
    }

    #[test]
    fn account_keys_are_one_to_one(a in any::<(u8, u8, u8)>(), b in any::<(u8, u8, u8)>()) {
        let (left, right) = (account(a.0, a.1, a.2), account(b.0, b.1, b.2));
        prop_assert_eq!(AccountName::parse(&left.key()), Ok(left));
        prop_assert_eq!(left == right, left.key() == right.key());
    }

    #[test]
    fn no_text_panics(text in "\\PC*") {
        if let Ok(name) = AccountName::parse(&text) {
            prop_assert_eq!(name.key(), text);
        }
    }
}
