//! The book's rules, kept by the tables.

use tongtu_ledger::{AccountName, Draft, Entry, EntryId, Memo, Posting};
use tongtu_sql::{Posted, Store, StoreError};
use tongtu_types::{BusinessDay, FenE7};

use crate::engine::{Home, on_both_engines};

on_both_engines! {
    posts_once_and_only_once
    corrects_by_new_entries_only
    sums_beyond_64_bits
    posts_many_at_once
    corrects_what_came_long_before_in_one_posting
}

fn draft(id: &str, memo: Memo, corrects: Option<&str>, postings: &[(&str, i64)]) -> Entry {
    let posting = |&(key, amount): &(&str, i64)| Posting {
        account: AccountName::parse(key).unwrap(),
        amount: FenE7::new(amount),
    };
    Entry::balanced(Draft {
        id: EntryId::parse(id).unwrap(),
        day: BusinessDay::from_days(20_454),
        memo,
        corrects: corrects.map(|id| EntryId::parse(id).unwrap()),
        postings: postings.iter().map(posting).collect(),
    })
    .unwrap()
}

const GZ: &str = "00000000/settlement/30005800";
const BJ: &str = "00000000/settlement/01341000";
const FEE: &str = "00000000/fee-income";

/// Posts in a transaction of its own; the answer as a word.
async fn post(store: &Store, entries: &[Entry]) -> String {
    let mut tx = store.write().await.unwrap();
    match tx.entries_post(entries).await {
        Ok(Posted { new, already }) => {
            tx.commit().await.unwrap();
            format!("{new} new, {already} already")
        }
        Err(StoreError::Refused(refusal)) => refusal.code().to_owned(),
        Err(other) => panic!("{other:?}"),
    }
}

async fn balance(store: &Store, key: &str) -> i128 {
    let name = AccountName::parse(key).unwrap();
    let mut tx = store.read().await.unwrap();
    let all = tx.balances().await.unwrap();
    let one = tx.balances_of(&[name]).await.unwrap();
    let found = all.iter().find(|(n, _)| *n == name).map(|(_, sum)| *sum);
    assert_eq!(one.get(&name).copied(), found, "both ways to ask agree");
    found.unwrap_or_default().get()
}

async fn posts_once_and_only_once(home: &Home) {
    let store = home.open().await;
    let e1 = draft("e1", Memo::Clearing, None, &[(GZ, 7), (BJ, -9), (FEE, 2)]);
    let reused = draft("e1", Memo::Clearing, None, &[(GZ, 1), (BJ, -1)]);
    let e2 = draft("e2", Memo::Clearing, None, &[(GZ, 1), (BJ, -1)]);
    assert_eq!(
        post(&store, std::slice::from_ref(&e1)).await,
        "1 new, 0 already"
    );
    assert_eq!(
        post(&store, std::slice::from_ref(&e1)).await,
        "0 new, 1 already"
    );
    let both = [e2.clone(), reused.clone()];
    assert_eq!(post(&store, &both).await, "ledger.id_reused");
    assert_eq!(balance(&store, GZ).await, 7, "e2 was not posted either");
    let twice = [e2.clone(), e2.clone(), e1.clone()];
    assert_eq!(post(&store, &twice).await, "1 new, 2 already");
    assert_eq!(balance(&store, GZ).await, 8);
    assert_eq!(balance(&store, "00000000/rounding").await, 0);
    let mut tx = store.read().await.unwrap();
    assert_eq!(tx.entry(e1.id()).await.unwrap(), Some(e1));
    let nobody = EntryId::parse("nobody").unwrap();
    assert_eq!(tx.entry(&nobody).await.unwrap(), None);
}

async fn corrects_by_new_entries_only(home: &Home) {
    let store = home.open().await;
    let e1 = draft("e1", Memo::Clearing, None, &[(GZ, 10), (BJ, -10)]);
    let back = |id: &str| draft(id, Memo::Reversal, Some("e1"), &[(GZ, -10), (BJ, 10)]);
    let wrong = draft("r0", Memo::Reversal, Some("e1"), &[(GZ, -9), (BJ, 9)]);
    let adjust = draft("a1", Memo::Adjustment, Some("e1"), &[(GZ, 3), (BJ, -3)]);
    assert_eq!(post(&store, &[back("r1")]).await, "ledger.original_unknown");
    assert_eq!(post(&store, &[e1]).await, "1 new, 0 already");
    assert_eq!(post(&store, &[wrong]).await, "ledger.reversal_differs");
    let two = [back("r1"), back("r2")];
    assert_eq!(post(&store, &two).await, "ledger.original_reversed");
    assert_eq!(post(&store, &[back("r1")]).await, "1 new, 0 already");
    assert_eq!(post(&store, &[back("r1")]).await, "0 new, 1 already");
    assert_eq!(
        post(&store, &[back("r2")]).await,
        "ledger.original_reversed"
    );
    assert_eq!(post(&store, &[adjust]).await, "1 new, 0 already");
    assert_eq!(balance(&store, GZ).await, 3);
}

async fn sums_beyond_64_bits(home: &Home) {
    let store = home.open().await;
    let max = i64::MAX;
    let entries: Vec<Entry> = (0..3)
        .map(|n| {
            draft(
                &format!("e{n}"),
                Memo::Clearing,
                None,
                &[(GZ, max), (BJ, -max)],
            )
        })
        .collect();
    assert_eq!(post(&store, &entries).await, "3 new, 0 already");
    assert_eq!(balance(&store, GZ).await, 3 * i128::from(max));
    assert_eq!(balance(&store, BJ).await, -3 * i128::from(max));
}

async fn posts_many_at_once(home: &Home) {
    let store = home.open().await;
    let entries: Vec<Entry> = (1..=1001)
        .map(|n| draft(&format!("e{n}"), Memo::Clearing, None, &[(GZ, n), (BJ, -n)]))
        .collect();
    assert_eq!(post(&store, &entries[..501]).await, "501 new, 0 already");
    assert_eq!(post(&store, &entries).await, "500 new, 501 already");
    assert_eq!(balance(&store, GZ).await, 1001 * 501);
}

/// Many entries are posted by portions: what another corrects may be in an earlier one.
async fn corrects_what_came_long_before_in_one_posting(home: &Home) {
    let store = home.open().await;
    let back = |id: &str| draft(id, Memo::Reversal, Some("e1"), &[(GZ, -1), (BJ, 1)]);
    let mut entries: Vec<Entry> = (1..=1001)
        .map(|n| draft(&format!("e{n}"), Memo::Clearing, None, &[(GZ, n), (BJ, -n)]))
        .collect();
    entries.insert(600, back("r1"));
    let e1 = entries[0].clone();
    let twice: Vec<Entry> = entries.iter().cloned().chain([back("r2")]).collect();
    assert_eq!(post(&store, &twice).await, "ledger.original_reversed");
    assert_eq!(balance(&store, GZ).await, 0, "nothing of it was posted");
    entries.push(e1);
    assert_eq!(post(&store, &entries).await, "1002 new, 1 already");
    assert_eq!(balance(&store, GZ).await, 1001 * 501 - 1);
}
