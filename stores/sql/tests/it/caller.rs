//! Callers, their keys, and the envelopes of files.

use tongtu_sql::{CallerKeyRow, CallerRow, FileEnvelopeRow};

use crate::engine::{Home, on_both_engines};

on_both_engines! {
    enters_a_caller_once
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
