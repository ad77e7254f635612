//! Chains over terminals' records.

use tongtu_sql::{ChainEndedRow, ChainLinkRow, ChainRow};

use crate::engine::{Home, on_both_engines};

on_both_engines! {
    a_chain_is_begun_once_and_never_goes_back
    links_wait_until_the_tip_reaches_them
    of_two_records_with_one_number_both_are_kept
    a_chain_begun_anew_has_places_of_its_own
}

fn row(tip: i64, value: u8) -> ChainRow {
    ChainRow {
        terminal: "581000000001".into(),
        tip,
        value: vec![value; 32],
        era: 0,
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
        era: 0,
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
    let [follow, wait] = tx.chain_links(&row(0, 0), 1, 4).await.unwrap();
    assert_eq!((numbers(&follow), numbers(&wait)), (vec![1], vec![3, 4, 9]));
    tx.chain_advance(&row(4, 4)).await.unwrap();
    let [follow, wait] = tx.chain_links(&row(0, 0), 2, 4).await.unwrap();
    assert_eq!((numbers(&follow), numbers(&wait)), (vec![3, 4], vec![9]));
    let other = ChainRow {
        terminal: "581000000002".into(),
        ..row(0, 0)
    };
    let [follow, wait] = tx.chain_links(&other, 0, 99).await.unwrap();
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
    let [follow, _] = tx.chain_links(&row(0, 0), 1, 1).await.unwrap();
    assert_eq!(follow, [first]);
    assert_eq!(tx.chain_links_open().await.unwrap(), [second]);
}

async fn a_chain_begun_anew_has_places_of_its_own(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    tx.chain_begin(&row(1, 1)).await.unwrap();
    let links = [link(1, 0, 1), link(3, 1, 3), link(2, 2, 4)];
    tx.chain_links_insert(&links).await.unwrap();
    let ended = ChainEndedRow {
        chain: row(1, 1),
        ended_at: 7,
        reason: "board replaced".into(),
    };
    tx.chain_anew(&ended, &[0; 32]).await.unwrap();
    let anew = ChainRow {
        era: 1,
        ..row(0, 0)
    };
    assert_eq!(tx.chains().await.unwrap(), std::slice::from_ref(&anew));
    assert_eq!(tx.chains_ended().await.unwrap(), [ended]);
    assert!(tx.chain_is_empty(&anew).await.unwrap());
    assert!(!tx.chain_is_empty(&row(0, 0)).await.unwrap());
    assert_eq!(tx.chain_links_open().await.unwrap(), []);
    assert_eq!(tx.chain_links(&anew, 0, 9).await.unwrap(), [vec![], vec![]]);
    let first = ChainLinkRow {
        era: 1,
        ..link(1, 0, 5)
    };
    let one = std::slice::from_ref(&first);
    tx.chain_links_insert(one).await.unwrap();
    tx.chain_advance(&ChainRow {
        era: 1,
        ..row(3, 5)
    })
    .await
    .unwrap();
    let [follow, wait] = tx.chain_links(&anew, 0, 9).await.unwrap();
    assert_eq!((follow, wait), (vec![first], vec![]));
    // What waited in the chain before waits there still.
    let [_, wait] = tx.chain_links(&row(1, 1), 0, 9).await.unwrap();
    assert_eq!(wait.len(), 1);
}
