//! Uploads: what is stored, what is a repetition, what is refused and kept.

use std::sync::Arc;

use tongtu_services::{Meter, UploadKind, UploadOutcome};
use tongtu_types::{TerminalNumber, Timestamp};

use crate::card::{Card, signed};
use crate::country::{
    BEIJING_CODE, Country, GUANGZHOU_CODE, NATION, Tap, Terminal, day, key, morning, refused,
};

async fn upload(
    country: &Country,
    terminal: &Terminal,
    records: &[Vec<u8>],
    now: Timestamp,
) -> Vec<UploadOutcome> {
    let node = country.node(&terminal.city);
    node.records_upload(terminal.number, records, now)
        .await
        .unwrap()
}

fn word(outcome: &UploadOutcome) -> &'static str {
    match outcome.kind {
        UploadKind::Stored => "stored",
        UploadKind::Duplicate => "duplicate",
        UploadKind::Conflict { .. } => "conflict",
        UploadKind::Refused { .. } => "refused",
    }
}

fn words(outcomes: &[UploadOutcome]) -> Vec<&'static str> {
    outcomes.iter().map(word).collect()
}

#[tokio::test]
async fn a_record_is_stored_once() {
    let country = Country::found().await;
    let bei = country.rider(BEIJING_CODE, 1).await;
    let south = country.terminal(GUANGZHOU_CODE, 1).await;
    let t = morning();
    let record = |n, fen| south.record(Tap::ride(&bei, t, n, fen));
    let (one, two, other) = (record(1, 200), record(2, 200), record(1, 300));
    let first = [one.clone(), two.clone(), one.clone(), other.clone()];
    let outcomes = upload(&country, &south, &first, t).await;
    assert_eq!(
        words(&outcomes),
        ["stored", "stored", "duplicate", "conflict"]
    );
    let ids: Vec<_> = outcomes.iter().map(|o| o.record.unwrap()).collect();
    assert!(ids[0] == ids[2] && ids[0] == ids[3] && ids[0] != ids[1]);
    for now in [t, t.plus_s(100)] {
        let again = [other.clone(), two.clone(), one.clone()];
        let outcomes = upload(&country, &south, &again, now).await;
        assert_eq!(words(&outcomes), ["conflict", "duplicate", "duplicate"]);
    }
    assert_eq!(country.acquired(GUANGZHOU_CODE).await.len(), 2);
    let kept = country
        .node(GUANGZHOU_CODE)
        .rejected_uploads()
        .await
        .unwrap();
    assert_eq!(kept.len(), 1, "sent three times, kept once");
    assert_eq!((&kept[0].record, kept[0].terminal), (&other, south.number));
}

#[tokio::test]
async fn a_code_that_does_not_verify_is_stored_and_somebody_is_told() {
    let country = Country::found().await;
    let bei = country.rider(BEIJING_CODE, 1).await;
    let south = country.terminal(GUANGZHOU_CODE, 1).await;
    let t = morning();
    let mut records = Vec::new();
    for (sequence, spoilt) in [(1, None), (2, Some(60)), (3, Some(210)), (4, Some(330))] {
        let mut tap = Tap::ride(&bei, t, sequence, 200);
        if let Some(at) = spoilt {
            tap.code[at] ^= 1;
        }
        records.push(south.record(tap));
    }
    for _ in 0..2 {
        upload(&country, &south, &records, t.plus_s(60)).await;
    }
    let node = country.node(GUANGZHOU_CODE);
    assert_eq!(country.acquired(GUANGZHOU_CODE).await.len(), 4);
    let alarms = node.alarms().await.unwrap();
    let told: Vec<(&str, &str)> = alarms
        .iter()
        .map(|alarm| (&alarm.code[..], alarm.message.rsplit(": ").next().unwrap()))
        .collect();
    let code = "acquiring.code_refused";
    let expected = [
        (code, "R08 CERT_SIGNATURE"),
        (code, "R15 ISSUER_SIGNATURE"),
        (code, "R16 USER_SIGNATURE"),
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_bad_signature_among_many_refuses_its_own_record_only() {
    let country = Country::found().await;
    let bei = country.rider(BEIJING_CODE, 1).await;
    let south = country.terminal(GUANGZHOU_CODE, 1).await;
    let mut card = Card::issued(&country, GUANGZHOU_CODE, 1).await;
    let t = morning();
    let mut records: Vec<Vec<u8>> = (0..24)
        .map(|n| {
            let at = t.plus_s(i64::try_from(n).unwrap() * 60);
            match n % 2 {
                0 => south.record(Tap::ride(&bei, at, n, 200)),
                _ => signed(&card.pay(&south, at, 100), &south),
            }
        })
        .collect();
    for at in [6, 13] {
        *records[at].last_mut().unwrap() ^= 1;
    }
    let outcomes = upload(&country, &south, &records, t.plus_s(3600)).await;
    for (at, outcome) in outcomes.iter().enumerate() {
        let UploadKind::Refused { reason } = &outcome.kind else {
            assert_eq!((word(outcome), at == 6 || at == 13), ("stored", false));
            continue;
        };
        let expected = match at {
            6 => "ride record: terminal signature in item 0018 does not verify",
            13 => "terminal signature of the tap record does not verify",
            _ => panic!("record {at}: {reason}"),
        };
        assert_eq!(reason, expected);
    }
}

#[tokio::test]
async fn every_signature_code_and_proof_is_verified_and_counted() {
    let country = Country::found().await;
    let riders = [
        country.rider(BEIJING_CODE, 1).await,
        country.rider(GUANGZHOU_CODE, 1).await,
    ];
    let mut card = Card::issued(&country, GUANGZHOU_CODE, 1).await;
    let south = country.terminal(GUANGZHOU_CODE, 1).await;
    let node = country.node(GUANGZHOU_CODE);
    let meter = Arc::new(Meter::new(|| 0));
    node.measure_by(Arc::clone(&meter));
    let counts = || {
        let all = [meter.signatures(), meter.codes(), meter.tacs()];
        assert_eq!(meter.cryptograms().count, 0, "no e-cash rides");
        all.map(|one| one.count)
    };
    let t = morning();
    let records: Vec<Vec<u8>> = (0..30)
        .map(|n| {
            let at = t.plus_s(i64::try_from(n).unwrap() * 60);
            match n % 3 {
                2 => signed(&card.pay(&south, at, 100), &south),
                city => {
                    let rider = &riders[usize::try_from(city).unwrap()];
                    south.record(Tap::ride(rider, at, n, 200))
                }
            }
        })
        .collect();
    upload(&country, &south, &records, t.plus_s(3600)).await;
    assert_eq!(counts(), [30, 20, 0]);
    country.close(day()).await;
    assert_eq!(counts(), [30, 40, 10]);
}

#[tokio::test]
async fn what_does_not_hold_is_kept_as_evidence() {
    let country = Country::found().await;
    let bei = country.rider(BEIJING_CODE, 1).await;
    let south = country.terminal(GUANGZHOU_CODE, 1).await;
    let neighbour = Terminal::new(GUANGZHOU_CODE, 2);
    let north = Terminal::new(BEIJING_CODE, 1);
    let t = morning();
    let tap = |n| Tap::ride(&bei, t, n, 200);
    let good = south.record(tap(1));
    let mut digest_wrong = south.record(tap(2));
    digest_wrong[20] ^= 1;
    let foreign_key = south.content(tap(3)).encode(&key("thief")).unwrap();
    let mut other_serial = south.content(tap(4));
    other_serial.terminal_serial = [9; 4];
    let other_city = {
        let mut content = south.content(tap(5));
        content.id = north.content(tap(5)).id;
        content.encode(&south.key).unwrap()
    };
    let no_code = Tap {
        code: vec![0x81; 332],
        ..tap(6)
    };
    let long = south.record(Tap {
        code: vec![0x81; 700],
        ..tap(7)
    });
    let records = [
        good,
        digest_wrong,
        foreign_key,
        other_serial.encode(&south.key).unwrap(),
        other_city,
        south.record(no_code),
        neighbour.record(tap(8)),
        long,
        b"not a record".to_vec(),
        Vec::new(),
    ];
    let outcomes = upload(&country, &south, &records, t).await;
    let mut expect = vec!["refused"; 10];
    expect[0] = "stored";
    assert_eq!(words(&outcomes), expect);
    let known: Vec<bool> = outcomes.iter().map(|o| o.record.is_some()).collect();
    let expect = [
        true, false, true, true, true, true, true, false, false, false,
    ];
    assert_eq!(known, expect);
    let node = country.node(GUANGZHOU_CODE);
    assert_eq!(node.rejected_uploads().await.unwrap().len(), 9);
    upload(&country, &south, &records, t.plus_s(5)).await;
    let kept = node.rejected_uploads().await.unwrap();
    assert_eq!(kept.len(), 9, "sent twice, kept once");
    assert!(
        kept.iter()
            .all(|r| r.arrived_at == t && !r.reason.is_empty())
    );
    assert_eq!(country.acquired(GUANGZHOU_CODE).await.len(), 1);
}

#[tokio::test]
async fn five_hundred_records_go_in_one_transaction() {
    let country = Country::found().await;
    let bei = country.rider(BEIJING_CODE, 1).await;
    let south = country.terminal(GUANGZHOU_CODE, 1).await;
    let code = bei.code_at(morning());
    let records: Vec<Vec<u8>> = (0..500)
        .map(|n| {
            south.record(Tap {
                code: code.clone(),
                ..Tap::ride(&bei, morning(), n, 200)
            })
        })
        .collect();
    let outcomes = upload(&country, &south, &records, morning()).await;
    assert_eq!(words(&outcomes), vec!["stored"; 500]);
    let outcomes = upload(&country, &south, &records, morning()).await;
    assert_eq!(words(&outcomes), vec!["duplicate"; 500]);
    assert_eq!(country.acquired(GUANGZHOU_CODE).await.len(), 500);
    assert_eq!(upload(&country, &south, &[], morning()).await, []);
}

#[tokio::test]
async fn terminals_are_registered_once() {
    let country = Country::found().await;
    let south = country.terminal(GUANGZHOU_CODE, 1).await;
    let node = country.node(GUANGZHOU_CODE);
    let again = node
        .terminal_register(south.registration(), morning().plus_s(9))
        .await;
    again.unwrap();
    let mut other = south.registration();
    other.public_key = key("other").public().clone();
    let answer = node.terminal_register(other, morning()).await;
    assert_eq!(refused(answer), "acquiring.terminal_key_differs");
    let mut other = south.registration();
    other.serial = [8; 4];
    let answer = node.terminal_register(other, morning()).await;
    assert_eq!(refused(answer), "acquiring.terminal_key_differs");
    let stranger = TerminalNumber::parse("999999999999").unwrap();
    let answer = node.records_upload(stranger, &[], morning()).await;
    assert_eq!(refused(answer), "acquiring.terminal_unknown");
    let nation = country.node(NATION);
    let answer = nation
        .terminal_register(south.registration(), morning())
        .await;
    assert_eq!(refused(answer), "node.role_missing");
}
