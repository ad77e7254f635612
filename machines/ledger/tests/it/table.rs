//! Small tables: one row per submitted entry, the expected answer at its end.

use tongtu_ledger::{AccountName, Book, Draft, Entry, EntryId, Memo, Posting};
use tongtu_types::{BusinessDay, FenE7};

/// Runs rows `id memo corrects postings => answer`; `-` stands for no original; a posting is
/// `account=amount`, in a book with short account names; an entry may be made `back(id)`.
fn check(rows: &str) -> Book {
    let mut book = Book::new();
    for row in rows.trim().lines() {
        let (left, expect) = row.split_once("=>").expect("a row says what it expects");
        let mut words = left.split_whitespace();
        let mut word = || words.next().expect("id, memo and original");
        let (id, memo, original) = (word(), word(), word());
        let draft = Draft {
            id: EntryId::parse(id).unwrap(),
            day: BusinessDay::from_days(20_454),
            memo: Memo::parse(memo).unwrap(),
            corrects: (original != "-").then(|| EntryId::parse(original).unwrap()),
            postings: words.map(posting).collect(),
        };
        let answer = match Entry::balanced(draft).and_then(|entry| book.post(entry)) {
            Ok(_) => "posted",
            Err(refusal) => refusal.code().strip_prefix("ledger.").unwrap(),
        };
        assert_eq!(answer, expect.trim(), "{row}");
        assert!(book.trial_balance().is_zero(), "{row}");
    }
    book
}

fn posting(text: &str) -> Posting {
    let (name, amount) = text.split_once('=').unwrap();
    Posting {
        account: account(name),
        amount: FenE7::new(amount.parse().unwrap()),
    }
}

fn account(name: &str) -> AccountName {
    let key = match name {
        "gz" => "00000000/settlement/30005800",
        "bj" => "00000000/settlement/01341000",
        "fee" => "00000000/fee-income",
        "round" => "00000000/rounding",
        "rider" => "01345810/rider/3104581000000000017",
        "paid-in" => "01345810/recharge-clearing",
        other => panic!("no such account: {other}"),
    };
    AccountName::parse(key).unwrap()
}

#[test]
fn posts_once_and_only_once() {
    let book = check(
        "
        e1 clearing   -  gz=798600000 bj=-799160000 fee=560000 => posted
        e1 clearing   -  gz=798600000 bj=-799160000 fee=560000 => already_posted
        e1 clearing   -  fee=560000 bj=-799160000 gz=798600000 => already_posted
        e1 adjustment -  gz=798600000 bj=-799160000 fee=560000 => id_reused
        e1 clearing   -  gz=1 bj=-1                            => id_reused
        e1 clearing   -  gz=1                                  => too_few_postings
        e2 clearing   -  gz=1 bj=-2                            => unbalanced
        e2 recharge   -  rider=5 gz=-5                         => mixed_books
        e2 recharge   -  rider=5 paid-in=-5                    => posted
        ",
    );
    assert_eq!(book.balance(&account("gz")).get(), 798_600_000);
    assert_eq!(book.balance(&account("bj")).get(), -799_160_000);
    assert_eq!(book.balance(&account("fee")).get(), 560_000);
    assert_eq!(book.balance(&account("round")).get(), 0);
    assert_eq!(book.balance(&account("rider")).get(), 5);
}

#[test]
fn corrects_by_new_entries_only() {
    let book = check(
        "
        e1 clearing   -  gz=10 bj=-10 => posted
        r1 reversal   -  gz=-10 bj=10 => reversal_without_original
        r1 reversal   e0 gz=-10 bj=10 => original_unknown
        r1 adjustment e0 gz=-1 bj=1   => original_unknown
        r1 reversal   e1 gz=-9 bj=9   => reversal_differs
        r1 reversal   e1 gz=10 bj=-10 => reversal_differs
        r1 reversal   e1 gz=-10 bj=10 => posted
        r1 reversal   e1 gz=-10 bj=10 => already_posted
        r2 reversal   e1 gz=-10 bj=10 => original_reversed
        r2 reversal   e1 gz=-9 bj=9   => original_reversed
        a1 adjustment e1 gz=3 bj=-3   => posted
        r3 reversal   r1 gz=10 bj=-10 => posted
        ",
    );
    assert_eq!(book.balance(&account("gz")).get(), 13);
    assert_eq!(book.entries().count(), 4);
    let original = book.entry(&EntryId::parse("e1").unwrap()).unwrap();
    assert_eq!(original.postings().len(), 2);
    assert_eq!(original.postings()[1].amount.get(), 10, "unchanged");
}

#[test]
fn refuses_wrongly_decided_events_even_in_release() {
    let mut book = Book::new();
    let draft = Draft {
        id: EntryId::parse("e1").unwrap(),
        day: BusinessDay::from_days(0),
        memo: Memo::Clearing,
        corrects: None,
        postings: vec![posting("gz=1"), posting("bj=-1")],
    };
    let event = book.decide(Entry::balanced(draft).unwrap()).unwrap();
    book.apply(&event);
    let again = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| book.apply(&event)));
    assert!(again.is_err());
}
