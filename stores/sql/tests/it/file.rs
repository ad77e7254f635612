//! Files in and out.

use tongtu_crypto::sm3::{self, Digested};
use tongtu_sql::{OutgoingRow, ReceivedRow, WaitingRow};

use crate::engine::{Home, on_both_engines};

on_both_engines! {
    receives_a_name_once
    hands_out_until_confirmed
}

async fn receives_a_name_once(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    let file = |name: &str, byte: u8| ReceivedRow {
        sender: "00000000".into(),
        name: name.into(),
        kind: "FB".into(),
        day: 20_454,
        content: Digested::of(vec![byte; 3]),
        result: 0,
        received_at: 9,
    };
    assert!(tx.received_insert(&file("b", 1)).await.unwrap());
    assert!(!tx.received_insert(&file("b", 2)).await.unwrap());
    assert!(tx.received_insert(&file("a", 3)).await.unwrap());
    let elsewhere = ReceivedRow {
        sender: "30005800".into(),
        ..file("b", 4)
    };
    assert!(tx.received_insert(&elsewhere).await.unwrap());
    let digest = tx.received_digest("00000000", "b").await.unwrap();
    assert_eq!(digest, Some(sm3::digest(&[1; 3]).to_vec()));
    assert_eq!(tx.received_digest("00000000", "c").await.unwrap(), None);
    let of_day = tx.received_of_day("00000000", 20_454, "FB").await.unwrap();
    assert_eq!(of_day, [file("a", 3), file("b", 1)]);
    let none = tx.received_of_day("00000000", 20_455, "FB").await.unwrap();
    assert_eq!(none, []);
    let one = tx.received("30005800", "b").await.unwrap();
    assert_eq!(one, Some(elsewhere));
}

async fn hands_out_until_confirmed(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    let file = |name: &str, day, place, length| OutgoingRow {
        receiver: "01341000".into(),
        name: name.into(),
        day,
        place,
        content: Digested::of(vec![0xE5; length]),
    };
    assert!(tx.outgoing_insert(&file("BP", 1, 9, 2)).await.unwrap());
    assert!(tx.outgoing_insert(&file("FB", 1, 1, 300)).await.unwrap());
    assert!(tx.outgoing_insert(&file("LD", 2, 0, 0)).await.unwrap());
    assert!(!tx.outgoing_insert(&file("FB", 5, 5, 5)).await.unwrap());
    let digest = |length| sm3::digest(&vec![0xE5; length]).to_vec();
    let waiting = |name: &str, length| WaitingRow {
        name: name.into(),
        digest: digest(length),
        length: i64::try_from(length).unwrap(),
    };
    let all = [waiting("FB", 300), waiting("BP", 2), waiting("LD", 0)];
    assert_eq!(tx.outgoing_waiting("01341000").await.unwrap(), all);
    assert_eq!(tx.outgoing_waiting("30005800").await.unwrap(), []);
    for at in [50, 60] {
        tx.outgoing_confirm("01341000", "FB", at).await.unwrap();
    }
    assert_eq!(tx.outgoing_waiting("01341000").await.unwrap(), all[1..]);
    let content = tx.outgoing_content("01341000", "FB").await.unwrap();
    let whole = Some(Digested::of(vec![0xE5; 300]));
    assert_eq!(content, whole, "confirmed, still there");
    assert_eq!(tx.outgoing_content("01341000", "XX").await.unwrap(), None);
    let stored = tx.outgoing_digest("01341000", "BP").await.unwrap();
    assert_eq!(stored, Some(digest(2)));
}
