//! Cards, and grey records that wait.

use std::collections::BTreeSet;

use tongtu_sql::{CardTable, GreyRow, RideRow};

use crate::engine::{Home, on_both_engines};
use crate::ride::{batch, ride};

on_both_engines! {
    notes_a_card_once
    keeps_a_grey_record_until_its_fate_is_known
    finds_the_rides_of_a_card
}

fn grey(record: &str) -> GreyRow {
    GreyRow {
        record: record.into(),
        account: "3104100000000000017".into(),
        sequence: 7,
        arrived_at: 99,
        body: vec![1, 2],
        ended: None,
    }
}

async fn notes_a_card_once(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    assert!(tx.card_insert(CardTable::Purse, "31", 5).await.unwrap());
    assert!(!tx.card_insert(CardTable::Purse, "31", 6).await.unwrap());
    let asked = ["31".to_owned(), "32".to_owned()];
    let known = tx.cards_known(CardTable::Purse, &asked).await.unwrap();
    assert_eq!(known, BTreeSet::from(["31".to_owned()]));
    // The same number as an e-cash is another card.
    let cash = tx.cards_known(CardTable::Cash, &asked).await.unwrap();
    assert!(cash.is_empty());
    assert!(tx.card_insert(CardTable::Cash, "31", 7).await.unwrap());
    assert!(!tx.card_insert(CardTable::Cash, "31", 8).await.unwrap());
    let cash = tx.cards_known(CardTable::Cash, &asked).await.unwrap();
    assert_eq!(cash, BTreeSet::from(["31".to_owned()]));
}

async fn keeps_a_grey_record_until_its_fate_is_known(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    let rows = [grey("a"), grey("b")];
    let stored = tx.greys_insert(&rows).await.unwrap();
    assert_eq!(stored.len(), 2);
    let again = GreyRow {
        body: vec![9],
        ..grey("a")
    };
    assert!(tx.greys_insert(&[again]).await.unwrap().is_empty());
    let bodies = tx.grey_bodies(&["a".to_owned(), "c".to_owned()]).await;
    assert_eq!(bodies.unwrap(), [("a".to_owned(), vec![1, 2])]);
    assert_eq!(tx.greys(true).await.unwrap(), rows);
    assert!(tx.grey_end("a", 20_000, 2).await.unwrap());
    assert!(!tx.grey_end("a", 20_001, 1).await.unwrap(), "once");
    assert_eq!(tx.greys(true).await.unwrap(), rows[1..]);
    let all = tx.greys(false).await.unwrap();
    assert_eq!(all[0].ended, Some((20_000, 2)));
    assert!(tx.grey_end("b", 20_000, 4).await.is_err(), "no such fate");
}

async fn finds_the_rides_of_a_card(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    tx.batch_insert(&batch("u1")).await.unwrap();
    let mut rows = [1, 0, 2, 3, 4].map(|n| RideRow {
        generated_at: -1 - n,
        ..ride(n, "u1")
    });
    rows[2].account = "3104100000000000018".into();
    rows[3].body = None;
    rows[4].generated_at = 1000;
    tx.rides_insert(&rows).await.unwrap();
    let found = tx.rides_of_account("3104100000000000017").await.unwrap();
    assert_eq!(found, [rows[1].clone(), rows[0].clone()]);
}
