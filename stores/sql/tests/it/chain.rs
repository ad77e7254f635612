//! Chains over terminals' records.

use tongtu_sql::{ChainLinkRow, ChainRow};

use crate::engine::{Home, on_both_engines};

on_both_engines! {
    a_chain_is_begun_once_and_never_goes_back
    links_wait_until_the_tip_reaches_them
    of_two_records_with_one_number_both_are_kept
}

fn row(tip: i64, value: u8) -> ChainRow {
    ChainRow {
        terminal: "581000000001".into(),
        tip,
        value: vec![value; 32],
    }
}

fn link(number: i64, state: i64, record: u8) -> ChainLinkRow {
    ChainLinkRow {
        terminal: "581000000001".into(),
        number,
        value: vec![9; 32],
        record: vec![record; 32],
        prior: vec![8; 32],
        arrived_at: 5,
        state,
        fault: (state == 2).then(|| "other".into()),
    }
}

async fn a_chain_is_begun_once_and_never_goes_back(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    assert_eq!(tx.chain_take("581000000001").await.unwrap(), None);
    assert!(tx.chain_begin(&row(3, 3)).await.unwrap());
    assert!(!tx.chain_begin(&row(0, 0)).await.unwrap());
    for (advance, expected) in [
        (row(5, 5), row(5, 5)),
        (row(4, 4), row(5, 5)),
        (row(5, 6), row(5, 5)),
    ] {
        tx.chain_advance(&advance).await.unwrap();
        let found = tx.chain_take("581000000001").await.unwrap();
        assert_eq!(found, Some(expected.clone()));
        assert_eq!(tx.chains().await.unwrap(), [expected]);
    }
    assert_eq!(tx.chain_take("581000000002").await.unwrap(), None);
}

async fn links_wait_until_the_tip_reaches_them(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    tx.chain_begin(&row(1, 1)).await.unwrap();
    let links = [link(1, 0, 1), link(3, 1, 3), link(4, 1, 4), link(9, 1, 9)];
    tx.chain_links_insert(&links).await.unwrap();
    let numbers = |rows: &[ChainLinkRow]| rows.iter().map(|row| row.number).collect::<Vec<_>>();
    let [follow, wait] = tx.chain_links("581000000001", 1, 4).await.unwrap();
    assert_eq!((numbers(&follow), numbers(&wait)), (vec![1], vec![3, 4, 9]));
    tx.chain_advance(&row(4, 4)).await.unwrap();
    let [follow, wait] = tx.chain_links("581000000001", 2, 4).await.unwrap();
    assert_eq!((numbers(&follow), numbers(&wait)), (vec![3, 4], vec![9]));
    let [follow, wait] = tx.chain_links("581000000002", 0, 99).await.unwrap();
    assert_eq!((follow, wait), (vec![], vec![]));
}

async fn of_two_records_with_one_number_both_are_kept(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    let (first, second) = (link(1, 0, 1), link(1, 2, 2));
    for _ in 0..2 {
        let links = [first.clone(), second.clone()];
        tx.chain_links_insert(&links).await.unwrap();
    }
    let [follow, _] = tx.chain_links("581000000001", 1, 1).await.unwrap();
    assert_eq!(follow, [first]);
    assert_eq!(tx.chain_links_open().await.unwrap(), [second]);
}
