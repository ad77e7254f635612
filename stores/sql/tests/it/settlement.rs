//! Judgements, claims, settlements, days.

use std::collections::BTreeMap;

use tongtu_sql::{
    ChargedRow, ClaimRow, DayRow, DayTally, JudgedRow, JudgementRow, PositionRow, PublishedDay,
    RepeatedRow, RideEndRow, SerialRow, SettlementRow, Store,
};

use crate::engine::{Home, on_both_engines};
use crate::ride::{batch, ride};

on_both_engines! {
    judges_a_record_once
    gives_a_code_to_one_record
    ends_a_record_once
    shows_how_rides_end
    publishes_a_day_once
}

const DAY: i64 = 20_454;
const OWN: &str = "01345810";

fn judgement(n: i64, verdict: i64, hub: &str, result: i64) -> JudgementRow {
    JudgementRow {
        record: ride(n, "").record,
        day: DAY,
        verdict,
        hub: hub.into(),
        result,
        acquirer: "11345810".into(),
        serial: 500 + n,
    }
}

/// Six rides in one sealed batch.
async fn six_rides(home: &Home) -> Store {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    tx.batch_insert(&batch("u1")).await.unwrap();
    let rides: Vec<_> = (0..6).map(|n| ride(n, "u1")).collect();
    tx.rides_insert(&rides).await.unwrap();
    tx.batches_seal(DAY).await.unwrap();
    tx.commit().await.unwrap();
    store
}

async fn judges_a_record_once(home: &Home) {
    let store = six_rides(home).await;
    let mut tx = store.write().await.unwrap();
    let rows = [
        judgement(3, 1, OWN, 0),
        judgement(1, 1, "00000000", 0),
        judgement(2, 0, OWN, 20_012),
        judgement(4, 0, OWN, 20_012),
        judgement(5, 2, OWN, 0),
    ];
    tx.judgements_insert(&rows).await.unwrap();
    let repeated = RepeatedRow {
        batch: "u1".into(),
        number: 50,
        record: ride(1, "").record,
    };
    tx.repeated_insert(&[repeated]).await.unwrap();
    let judged = tx.judged_of_day(DAY).await.unwrap();
    assert_eq!(judged.len(), 5);
    let one = ride(1, "u1");
    let expect = JudgedRow {
        judgement: judgement(1, 1, "00000000", 0),
        batch: one.batch,
        number: one.number,
        issuer: one.issuer,
        account: one.account,
        generated_at: one.generated_at,
        amount: one.amount,
        direction: one.direction,
        category: one.category,
        line: one.line,
    };
    assert_eq!(judged[0], expect);
    let tally = DayTally {
        evidence: 1,
        own: 1,
        forwarded: 1,
        refused: BTreeMap::from([(20_012, 2)]),
        repeated: 1,
    };
    assert_eq!(tx.day_tally(DAY, OWN).await.unwrap(), tally);
    let none = tx.day_tally(DAY + 1, OWN).await.unwrap();
    assert_eq!(none, DayTally::default());
    let ask = |(day, serial)| ("11345810".to_owned(), day, serial);
    let asked = [(DAY, 501), (DAY, 502), (DAY, 599)].map(ask);
    let found = tx.rides_by_serial(&asked).await.unwrap();
    let expect = SerialRow {
        day: DAY,
        serial: 501,
        record: ride(1, "").record,
        line: "B1".into(),
        amount: 200,
        account: ride(1, "").account,
    };
    assert_eq!(found, [expect], "a refused ride was not passed on");
    let other_day = tx.rides_by_serial(&[ask((DAY + 1000, 501))]).await.unwrap();
    assert_eq!(other_day, [], "a serial may be given again");
    tx.commit().await.unwrap();
    let mut tx = store.write().await.unwrap();
    let again = [judgement(0, 1, OWN, 0), judgement(1, 1, OWN, 0)];
    assert!(tx.judgements_insert(&again).await.unwrap_err().is_taken());
}

async fn gives_a_code_to_one_record(home: &Home) {
    let store = six_rides(home).await;
    let claim = |n: i64, record: i64| ClaimRow {
        account: ride(n, "").account,
        generated_at: ride(n, "").generated_at,
        record: ride(record, "").record,
    };
    let mut tx = store.write().await.unwrap();
    assert_eq!(tx.claims_on_day(DAY).await.unwrap(), []);
    tx.claims_insert(&[claim(1, 1), claim(2, 2)]).await.unwrap();
    let mut claims = tx.claims_on_day(DAY).await.unwrap();
    claims.sort_by(|a, b| a.record.cmp(&b.record));
    assert_eq!(claims, [claim(1, 1), claim(2, 2)]);
    assert_eq!(tx.claims_on_day(DAY + 1).await.unwrap(), []);
    tx.commit().await.unwrap();
    for clash in [claim(1, 3), claim(3, 1)] {
        let mut tx = store.write().await.unwrap();
        assert!(tx.claims_insert(&[clash]).await.unwrap_err().is_taken());
    }
}

fn settled(n: i64, day: i64, settled: bool) -> SettlementRow {
    SettlementRow {
        record: ride(n, "").record,
        day,
        settled,
        result: if settled { 0 } else { 20_003 },
        serial: if settled { 9000 + n } else { 0 },
    }
}

async fn ends_a_record_once(home: &Home) {
    let store = six_rides(home).await;
    let mut tx = store.write().await.unwrap();
    let rows = [settled(1, DAY, true), settled(2, DAY, false)];
    tx.settlements_insert(&rows).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = store.write().await.unwrap();
    let again = [settled(3, DAY + 1, true), settled(1, DAY + 1, true)];
    assert!(tx.settlements_insert(&again).await.unwrap_err().is_taken());
    drop(tx);
    let mut tx = store.write().await.unwrap();
    let repeated = [settled(1, DAY + 1, false), settled(2, DAY + 1, false)];
    tx.settlements_insert(&repeated).await.unwrap();
    tx.commit().await.unwrap();
    let ends = store.read().await.unwrap().ride_ends().await.unwrap();
    let ended: Vec<_> = ends.iter().map(|end| end.ended).collect();
    let (one, two) = (Some((DAY, true, 0)), Some((DAY, false, 20_003)));
    assert_eq!(ended, [None, one, two, None, None, None]);
}

async fn shows_how_rides_end(home: &Home) {
    let store = six_rides(home).await;
    let mut tx = store.write().await.unwrap();
    tx.batch_insert(&batch("u2")).await.unwrap();
    tx.rides_insert(&[ride(6, "u2")]).await.unwrap();
    tx.judgements_insert(&[judgement(1, 1, OWN, 0)])
        .await
        .unwrap();
    tx.settlements_insert(&[settled(1, DAY, true)])
        .await
        .unwrap();
    let charged = ChargedRow {
        record: ride(1, "").record,
        account: ride(1, "").account,
        generated_at: 1001,
        amount: 200,
        direction: 0,
        hub: OWN.into(),
        result: 0,
        day: DAY,
    };
    tx.charged_insert(&[charged]).await.unwrap();
    let ends = tx.ride_ends().await.unwrap();
    let plain = |n: i64, sealed| RideEndRow {
        record: ride(n, "").record,
        account: ride(n, "").account,
        generated_at: 1000 + n,
        amount: 200,
        direction: 0,
        sealed,
        judged: None,
        ended: None,
        charged: false,
    };
    assert_eq!(ends.len(), 7);
    assert_eq!(ends[6], plain(6, None));
    assert_eq!(ends[0], plain(0, Some(DAY)));
    let one = RideEndRow {
        judged: Some((1, OWN.into(), 0)),
        ended: Some((DAY, true, 0)),
        charged: true,
        ..plain(1, Some(DAY))
    };
    assert_eq!(ends[1], one);
}

async fn publishes_a_day_once(home: &Home) {
    let store = home.open().await;
    let mut tx = store.write().await.unwrap();
    assert_eq!(tx.day_last().await.unwrap(), None);
    assert!(tx.day_insert(DAY).await.unwrap());
    assert!(!tx.day_insert(DAY).await.unwrap());
    assert!(tx.day_insert(DAY - 1).await.unwrap());
    assert_eq!(tx.day_last().await.unwrap(), Some(DAY));
    tx.day_freeze(DAY, 12, &[4; 32]).await.unwrap();
    tx.day_judged(DAY).await.unwrap();
    let sealed = DayRow {
        day: DAY,
        records: 12,
        frozen: vec![4; 32],
        judged: true,
        published: None,
    };
    assert_eq!(tx.day(DAY).await.unwrap(), Some(sealed.clone()));
    assert_eq!(tx.day(DAY + 1).await.unwrap(), None);
    let published = PublishedDay {
        rules: 1,
        result: vec![5; 32],
        hub_fee: "-170141183460469231731687303715884105728".into(),
        rounding: "0".into(),
        control_sum: "0".into(),
    };
    assert!(tx.day_publish(DAY, &published).await.unwrap());
    let other = PublishedDay {
        result: vec![6; 32],
        ..published.clone()
    };
    assert!(!tx.day_publish(DAY, &other).await.unwrap());
    let expect = DayRow {
        published: Some(published),
        ..sealed
    };
    assert_eq!(tx.day(DAY).await.unwrap(), Some(expect));
    let position = |member: &str, net| PositionRow {
        member: member.into(),
        income: "1".into(),
        outgo: "-1".into(),
        net,
    };
    let rows = [position("30005800", 5), position("01341000", -5)];
    tx.positions_insert(DAY, &rows).await.unwrap();
    let found = tx.positions(DAY).await.unwrap();
    assert_eq!(found, [position("01341000", -5), position("30005800", 5)]);
    assert_eq!(tx.positions(DAY - 1).await.unwrap(), []);
}
