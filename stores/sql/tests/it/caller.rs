//! Callers, their keys, and the envelopes of files.

use tongtu_sql::{
    CallerActRow, CallerAskedRow, CallerKeyRow, CallerRequestRow, CallerRow, FileEnvelopeRow,
};

use crate::engine::{Home, on_both_engines};

on_both_engines! {
    enters_a_caller_once
    an_act_has_the_next_number_and_keeps_its_request
    what_was_asked_for_waits_until_it_is_taken_or_lapses
    a_keys_end_is_moved_and_its_bytes_are_not
    the_first_envelope_of_a_files_content_stays
}

fn row() -> CallerRow {
    CallerRow {
        institution: "01341000".into(),
        number: "OP-1".into(),
        role: "operator".into(),
        accounts: String::new(),
        valid_from: 5,
        valid_until: None,
        disabled_at: None,
    }
}

async fn enters_a_caller_once(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    assert!(tx.caller_insert(&row()).await.unwrap());
    let other = CallerRow {
        role: "officer".into(),
        ..row()
    };
    assert!(!tx.caller_insert(&other).await.unwrap());
    assert_eq!(tx.callers().await.unwrap(), [row()]);
    for since in [Some(9), None] {
        tx.caller_disable("01341000", "OP-1", since).await.unwrap();
        let found = tx.caller("01341000", "OP-1").await.unwrap().unwrap();
        assert_eq!(found.disabled_at, since);
    }
    assert_eq!(tx.caller("01341000", "OP-2").await.unwrap(), None);
}

async fn a_keys_end_is_moved_and_its_bytes_are_not(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    let key = CallerKeyRow {
        institution: "01341000".into(),
        number: "OP-1".into(),
        key_number: 1,
        public_key: vec![2; 33],
        valid_from: 5,
        valid_until: None,
    };
    tx.caller_key_put(&key).await.unwrap();
    let ended = CallerKeyRow {
        public_key: vec![3; 33],
        valid_until: Some(7),
        ..key.clone()
    };
    tx.caller_key_put(&ended).await.unwrap();
    let expected = CallerKeyRow {
        valid_until: Some(7),
        ..key
    };
    let found = tx.caller_keys("01341000", "OP-1").await.unwrap();
    assert_eq!(found, [expected]);
}

async fn the_first_envelope_of_a_files_content_stays(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    let first = FileEnvelopeRow {
        sender: "01341000".into(),
        receiver: "00000000".into(),
        name: "CQ".into(),
        digest: vec![1; 32],
        envelope: vec![2; 158],
        public_key: vec![3; 33],
        kept_at: 5,
    };
    tx.file_envelope_insert(&first).await.unwrap();
    // By a later key it is another one.
    let renewed = FileEnvelopeRow {
        public_key: vec![5; 33],
        ..first.clone()
    };
    tx.file_envelope_insert(&renewed).await.unwrap();
    let second = FileEnvelopeRow {
        envelope: vec![4; 158],
        ..first.clone()
    };
    tx.file_envelope_insert(&second).await.unwrap();
    let by = |digest: u8, key: u8| (vec![digest; 32], vec![key; 33]);
    for ((digest, key), expected) in [
        (by(1, 3), Some(&first)),
        (by(1, 5), Some(&renewed)),
        (by(9, 3), None),
    ] {
        let found = tx
            .file_envelope("01341000", "00000000", "CQ", &digest, &key)
            .await;
        assert_eq!(found.unwrap().as_ref(), expected);
    }
    assert_eq!(tx.file_envelopes().await.unwrap(), [first, renewed]);
}

async fn an_act_has_the_next_number_and_keeps_its_request(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    assert_eq!(tx.caller_act_last().await.unwrap(), None);
    let act = |number, request| CallerActRow {
        number,
        line: vec![7; 192],
        request,
    };
    let request = CallerRequestRow {
        target: "POST /callers".into(),
        content: vec![0, 1],
        envelope: vec![2],
        public_key: vec![3],
    };
    let (first, second) = (act(1, None), act(2, Some(request)));
    tx.caller_act_insert(&first).await.unwrap();
    tx.caller_act_insert(&second).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = store.write().await.unwrap();
    assert!(tx.caller_act_insert(&act(2, None)).await.is_err());
    drop(tx);
    let mut tx = store.read().await.unwrap();
    assert_eq!(tx.caller_act_last().await.unwrap().as_ref(), Some(&second));
    assert_eq!(tx.caller_acts(0, 1).await.unwrap(), [first]);
    assert_eq!(tx.caller_acts(1, 9).await.unwrap(), [second]);
    assert_eq!(tx.caller_acts(2, 9).await.unwrap(), []);
}

async fn what_was_asked_for_waits_until_it_is_taken_or_lapses(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    let asked = |about: u8, number: &str, asked_at| CallerAskedRow {
        about: vec![about; 32],
        act: "allow 01341000.C-1".into(),
        institution: "01341000".into(),
        number: number.into(),
        asked_at,
    };
    let (old, new, other) = (
        asked(1, "KM-1", 5),
        asked(2, "KM-1", 6),
        asked(2, "KM-2", 9),
    );
    for row in [&new, &old, &other] {
        tx.caller_asked_insert(row).await.unwrap();
    }
    assert_eq!(
        tx.caller_asked(&[2; 32]).await.unwrap().as_ref(),
        Some(&new)
    );
    assert_eq!(tx.callers_asked().await.unwrap(), [old, new.clone()]);
    tx.caller_asked_forget(&[], 6).await.unwrap();
    assert_eq!(tx.callers_asked().await.unwrap(), [new]);
    tx.caller_asked_forget(&[2; 32], i64::MIN).await.unwrap();
    assert_eq!(tx.callers_asked().await.unwrap(), []);
}
