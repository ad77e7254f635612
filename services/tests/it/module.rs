//! PSAMs: who admitted them where, and what becomes of records of other ones.

use tongtu_codec::hex_decode;
use tongtu_psam::PsamSerial;
use tongtu_purse::field::Terminal as Number;
use tongtu_services::UploadKind;
use tongtu_tap_record::TapRecord;
use tongtu_types::Timestamp;

use crate::card::{Card, signed};
use crate::country::{BEIJING_CODE, Country, Terminal, day, morning, refused};

const OWN: PsamSerial = PsamSerial([1; 10]);
const OTHER: PsamSerial = PsamSerial([2; 10]);

/// What became of one record, and the alarms of the node.
async fn sent(
    country: &Country,
    terminal: &Terminal,
    record: &TapRecord,
    now: Timestamp,
) -> UploadKind {
    let bytes = signed(record, terminal);
    let node = country.node(BEIJING_CODE);
    let outcomes = node.records_upload(terminal.number, &[bytes], now).await;
    outcomes.unwrap().remove(0).kind
}

async fn alarms(country: &Country) -> Vec<String> {
    let alarms = country.node(BEIJING_CODE).alarms().await.unwrap();
    alarms.into_iter().map(|alarm| alarm.code).collect()
}

#[tokio::test]
async fn a_record_of_a_module_that_nobody_admitted_is_refused_and_told_of_once() {
    let country = Country::found().await;
    let north = country.terminal(BEIJING_CODE, 1).await;
    let node = country.node(BEIJING_CODE);
    let mut card = Card::issued(&country, BEIJING_CODE, 1).await;
    let t = morning();
    // Without a register every module's records are taken.
    let before = card.pay(&north, t, 100);
    assert_eq!(sent(&country, &north, &before, t).await, UploadKind::Stored);

    node.psam_admit(OTHER, north.number, t.plus_s(10))
        .await
        .unwrap();
    for at in [t.plus_s(20), t.plus_s(30)] {
        let record = card.pay(&north, at, 100);
        let kind = sent(&country, &north, &record, at).await;
        assert!(matches!(&kind, UploadKind::Refused { reason } if reason.contains("not admitted")));
    }
    let good = TapRecord {
        psam: OTHER,
        ..card.pay(&north, t.plus_s(40), 100)
    };
    let kind = sent(&country, &north, &good, t.plus_s(40)).await;
    assert_eq!(kind, UploadKind::Stored);
    assert_eq!(alarms(&country).await, ["psam.not_admitted"]);
    let rejected = node.rejected_uploads().await.unwrap();
    assert_eq!(rejected.len(), 2);
    assert!(rejected[0].reason.contains("PSAM 01010101010101010101"));
    country.close(day()).await;
    country.settle(day()).await;
    country.audit().await;
    assert_eq!(country.acquired(BEIJING_CODE).await.len(), 2);
}

#[tokio::test]
async fn a_module_that_was_moved_is_refused_until_the_register_says_so() {
    let country = Country::found().await;
    let (north, south) = (
        country.terminal(BEIJING_CODE, 1).await,
        country.terminal(BEIJING_CODE, 2).await,
    );
    let node = country.node(BEIJING_CODE);
    let mut card = Card::issued(&country, BEIJING_CODE, 1).await;
    let t = morning();
    node.psam_admit(OWN, north.number, t).await.unwrap();
    node.psam_admit(OWN, north.number, t.plus_s(1))
        .await
        .unwrap();
    let elsewhere = node.psam_admit(OWN, south.number, t.plus_s(2)).await;
    assert_eq!(refused(elsewhere), "acquiring.psam_elsewhere");

    let moved = card.pay(&south, t.plus_s(60), 100);
    let kind = sent(&country, &south, &moved, t.plus_s(70)).await;
    assert!(matches!(&kind, UploadKind::Refused { reason } if reason.contains("is admitted to")));
    assert_eq!(alarms(&country).await, ["psam.moved"]);

    node.psam_withdraw(OWN, t.plus_s(100)).await.unwrap();
    node.psam_admit(OWN, south.number, t.plus_s(100))
        .await
        .unwrap();
    let late = card.pay(&north, t.plus_s(99), 100);
    let now = card.pay(&south, t.plus_s(100), 100);
    // What the module did where it was before may still come.
    assert_eq!(
        sent(&country, &north, &late, t.plus_s(200)).await,
        UploadKind::Stored
    );
    assert_eq!(
        sent(&country, &south, &now, t.plus_s(200)).await,
        UploadKind::Stored
    );
    let where_it_was = node.psam_admissions(OWN).await.unwrap();
    let places: Vec<_> = where_it_was
        .iter()
        .map(|place| (place.terminal, place.began, place.ended))
        .collect();
    assert_eq!(
        places,
        [
            (north.number, t, Some(t.plus_s(100))),
            (south.number, t.plus_s(100), None)
        ]
    );
    node.psam_withdraw(OWN, t.plus_s(300)).await.unwrap();
    let again = node.psam_withdraw(OWN, t.plus_s(301)).await;
    assert_eq!(refused(again), "acquiring.psam_unknown");
    let over = card.pay(&south, t.plus_s(300), 100);
    let kind = sent(&country, &south, &over, t.plus_s(400)).await;
    assert!(matches!(kind, UploadKind::Refused { .. }));
}

#[tokio::test]
async fn what_a_terminal_recovered_for_another_one_names_the_others_module() {
    let country = Country::found().await;
    let (front, rear) = (
        country.terminal(BEIJING_CODE, 1).await,
        country.terminal(BEIJING_CODE, 2).await,
    );
    let node = country.node(BEIJING_CODE);
    let t = morning();
    node.psam_admit(OWN, front.number, t).await.unwrap();
    node.psam_admit(OTHER, rear.number, t).await.unwrap();
    let mut card = Card::issued(&country, BEIJING_CODE, 1).await;
    let number = |of: &Terminal| {
        let bytes = hex_decode(of.number.as_str()).unwrap();
        Number(bytes.try_into().unwrap())
    };
    let recovered = TapRecord {
        recovery: tongtu_tap_record::Recovery::Elsewhere,
        mac2: tongtu_tap_record::Mac2State::Unverified,
        recorder: number(&rear),
        ..card.pay(&front, t.plus_s(20), 200)
    };
    let kind = sent(&country, &rear, &recovered, t.plus_s(60)).await;
    assert_eq!(kind, UploadKind::Stored);
    let strange = TapRecord {
        psam: OTHER,
        ..recovered
    };
    let kind = sent(&country, &rear, &strange, t.plus_s(60)).await;
    assert!(matches!(kind, UploadKind::Refused { .. }));
}
