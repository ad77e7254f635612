//! Terminals, refused uploads, lists.

use tongtu_sql::{ListVersionRow, RejectedRow, TerminalRow};

use crate::engine::{Home, on_both_engines};

on_both_engines! {
    registers_a_terminal_once
    keeps_a_refused_record_once
    lists_never_go_back
}

async fn registers_a_terminal_once(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    let terminal = TerminalRow {
        number: "581000000001".into(),
        serial: vec![0, 0, 0, 1],
        public_key: vec![2; 33],
        registered_at: 5,
    };
    assert_eq!(tx.terminal(&terminal.number).await.unwrap(), None);
    assert!(tx.terminal_insert(&terminal).await.unwrap());
    let other = TerminalRow {
        public_key: vec![3; 33],
        ..terminal.clone()
    };
    assert!(!tx.terminal_insert(&other).await.unwrap());
    let found = tx.terminal(&terminal.number).await.unwrap();
    assert_eq!(found, Some(terminal));
}

async fn keeps_a_refused_record_once(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    let refused = |n: u8, arrived_at| RejectedRow {
        digest: vec![n; 32],
        terminal: "581000000001".into(),
        arrived_at,
        reason: "not a ride record".into(),
        body: vec![n],
    };
    let first = [refused(1, 20), refused(2, 10)];
    tx.rejected_insert(&first).await.unwrap();
    tx.rejected_insert(&[refused(1, 99), refused(3, 5)])
        .await
        .unwrap();
    let found = tx.rejected_uploads().await.unwrap();
    assert_eq!(found, [refused(3, 5), refused(2, 10), refused(1, 20)]);
}

async fn lists_never_go_back(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    let accounts = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(tx.list_version().await.unwrap(), None);
    let version = |version, digest: u8| ListVersionRow {
        version,
        digest: vec![digest; 32],
        changed_at: version * 10,
    };
    for (offered, expect) in [(3, 3), (2, 3), (3, 3), (4, 4)] {
        let digest = u8::try_from(offered).unwrap();
        tx.list_version_set(&version(offered, digest))
            .await
            .unwrap();
        let digest = u8::try_from(expect).unwrap();
        let held = tx.list_version().await.unwrap();
        assert_eq!(held, Some(version(expect, digest)));
    }
    let new = tx
        .blacklist_insert(&accounts(&["2", "1"]), 50)
        .await
        .unwrap();
    assert_eq!(new, 2);
    let new = tx
        .blacklist_insert(&accounts(&["2", "3"]), 60)
        .await
        .unwrap();
    assert_eq!(new, 1);
    let listed = tx.blacklist().await.unwrap();
    let expect = [("1", 50), ("2", 50), ("3", 60)].map(|(a, at)| (a.to_owned(), at));
    assert_eq!(listed, expect);
}
