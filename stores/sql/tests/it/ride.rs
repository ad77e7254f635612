//! Batches and rides: what arrives once, and what falls into which day.

use std::collections::BTreeSet;

use tongtu_sql::{BatchRow, RepeatedRow, RideRow, Tx};

use crate::engine::{Home, on_both_engines};

on_both_engines! {
    stores_a_record_once
    seals_what_is_there
    seals_what_is_due
    takes_back_a_claim_that_is_in_no_day
    stores_thousands_at_once
}

pub(crate) fn batch(id: &str) -> BatchRow {
    BatchRow {
        id: id.into(),
        sender: "581000000001".into(),
        received_at: 77,
        records: 1,
        due: 1,
        day: None,
    }
}

pub(crate) fn ride(n: i64, batch: &str) -> RideRow {
    RideRow {
        record: format!("{n:043}"),
        batch: batch.into(),
        number: n,
        acquirer: "11345810".into(),
        issuer: "01341000".into(),
        account: "3104100000000000017".into(),
        generated_at: 1000 + n,
        scanned_at: 1005 + n,
        amount: 200,
        direction: 0,
        category: "4131".into(),
        line: "B1".into(),
        body: Some(vec![1, 2, 3]),
    }
}

fn records(rides: &[RideRow]) -> BTreeSet<String> {
    rides.iter().map(|ride| ride.record.clone()).collect()
}

async fn rides_of(tx: &mut Tx, day: i64) -> Vec<RideRow> {
    tx.rides_of_day(day).await.unwrap()
}

async fn stores_a_record_once(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    assert!(tx.batch_insert(&batch("u1")).await.unwrap());
    assert!(!tx.batch_insert(&batch("u1")).await.unwrap());
    let first = [ride(1, "u1"), ride(2, "u1")];
    let stored = tx.rides_insert(&first).await.unwrap();
    assert_eq!(stored, records(&first));
    let other = RideRow {
        body: None,
        ..ride(2, "u2")
    };
    let again = [
        ride(3, "u2"),
        other,
        ride(4, "u2"),
        RideRow {
            number: 9,
            ..ride(4, "u2")
        },
    ];
    let stored = tx.rides_insert(&again).await.unwrap();
    assert_eq!(stored, records(&[ride(3, "u2"), ride(4, "u2")]));
    let asked = [ride(2, "").record, ride(9, "").record];
    let bodies = tx.ride_bodies(&asked).await.unwrap();
    assert_eq!(bodies, [(asked[0].clone(), Some(vec![1, 2, 3]))]);
}

async fn seals_what_is_there(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    for (id, n) in [("u2", 2), ("u1", 1)] {
        tx.batch_insert(&batch(id)).await.unwrap();
        tx.rides_insert(&[ride(n, id)]).await.unwrap();
    }
    let repeated = RepeatedRow {
        batch: "u1".into(),
        number: 5,
        record: ride(1, "").record,
    };
    tx.repeated_insert(std::slice::from_ref(&repeated))
        .await
        .unwrap();
    assert_eq!(tx.batches_seal(10).await.unwrap(), 2);
    tx.batch_insert(&batch("u3")).await.unwrap();
    tx.rides_insert(&[ride(3, "u3")]).await.unwrap();
    assert_eq!(rides_of(&mut tx, 10).await, [ride(1, "u1"), ride(2, "u2")]);
    assert_eq!(tx.repeated_of_day(10).await.unwrap(), [repeated]);
    assert_eq!(tx.batches_seal(11).await.unwrap(), 1);
    assert_eq!(rides_of(&mut tx, 11).await, [ride(3, "u3")]);
    assert_eq!(rides_of(&mut tx, 12).await, []);
    assert_eq!(tx.repeated_of_day(11).await.unwrap(), []);
    let sealed = tx.batches_of_day(10).await.unwrap();
    let expect = ["u1", "u2"].map(|id| BatchRow {
        day: Some(10),
        ..batch(id)
    });
    assert_eq!(sealed, expect);
}

async fn seals_what_is_due(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    for (id, due) in [("u1", 9), ("u2", 10), ("u3", 11)] {
        let batch = BatchRow { due, ..batch(id) };
        tx.batch_insert(&batch).await.unwrap();
    }
    let mut sealed = Vec::new();
    for day in [8, 10, 11, 12] {
        tx.batches_seal(day).await.unwrap();
        for batch in tx.batches_of_day(day).await.unwrap() {
            sealed.push((day, batch.id, batch.due));
        }
    }
    let expect = [(10, "u1", 9), (10, "u2", 10), (11, "u3", 11)];
    assert_eq!(
        sealed,
        expect.map(|(day, id, due)| (day, id.to_owned(), due))
    );
}

async fn takes_back_a_claim_that_is_in_no_day(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    tx.batch_insert(&batch("u1")).await.unwrap();
    tx.rides_insert(&[ride(1, "u1"), ride(2, "u1")])
        .await
        .unwrap();
    assert!(tx.ride_unclaim(&ride(1, "").record).await.unwrap());
    assert!(!tx.ride_unclaim(&ride(1, "").record).await.unwrap(), "once");
    assert!(!tx.ride_unclaim(&ride(9, "").record).await.unwrap());
    assert_eq!(tx.batches_seal(3).await.unwrap(), 1);
    assert!(
        !tx.ride_unclaim(&ride(2, "").record).await.unwrap(),
        "sealed"
    );
    let unclaimed = RideRow {
        amount: 0,
        ..ride(1, "u1")
    };
    assert_eq!(rides_of(&mut tx, 3).await, [unclaimed, ride(2, "u1")]);
}

async fn stores_thousands_at_once(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    let rides: Vec<RideRow> = (0..2049).map(|n| ride(n, "u1")).collect();
    tx.batch_insert(&batch("u1")).await.unwrap();
    assert_eq!(tx.rides_insert(&rides).await.unwrap().len(), 2049);
    assert_eq!(tx.rides_insert(&rides).await.unwrap().len(), 0);
    tx.batches_seal(1).await.unwrap();
    assert_eq!(rides_of(&mut tx, 1).await, rides);
}

/// An upload in progress while the day is sealed falls into the next one, and nobody waits.
#[tokio::test]
async fn a_racing_upload_belongs_to_the_next_day() {
    let Some(home) = Home::postgres().await else {
        return;
    };
    let store = home.open().await;
    let mut upload = store.write().await.unwrap();
    upload.batch_insert(&batch("late")).await.unwrap();
    upload.rides_insert(&[ride(1, "late")]).await.unwrap();
    let mut seal = store.write().await.unwrap();
    assert_eq!(seal.batches_seal(10).await.unwrap(), 0);
    seal.commit().await.unwrap();
    upload.commit().await.unwrap();
    let mut seal = store.write().await.unwrap();
    assert_eq!(seal.batches_seal(11).await.unwrap(), 1);
    assert_eq!(rides_of(&mut seal, 11).await, [ride(1, "late")]);
}
