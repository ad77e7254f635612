//! What the key book does not permit is not done, is told, and is not paid.

use tongtu_clearing::Outcome;
use tongtu_crypto::{Algorithm, BlockKey};
use tongtu_keyring::code::{Ground, Purpose, Usage};
use tongtu_keyring::{Deed, Signers, Use, What};
use tongtu_purse::field::Serial;
use tongtu_services::keys::KeyNoteKind;
use tongtu_services::{Node, RideState, ServiceError};
use tongtu_tap_record::TapRecord;
use tongtu_types::{CardNumber, Timestamp};

use crate::card::{Card, ends, signed};
use crate::country::{BEIJING_CODE, Country, GUANGZHOU_CODE, Tap, Terminal, code, day, morning};

const HOUR: i64 = 3600;

const SETTLED: (RideState, u32) = (RideState::Settled, 0);

fn refused(outcome: Outcome) -> (RideState, u32) {
    (RideState::Refused, outcome.code())
}

/// Codes and subjects of a node's alarms about keys.
async fn key_alarms(node: &Node) -> Vec<String> {
    let alarms = node.alarms().await.unwrap();
    let of_keys = alarms.into_iter().filter(|a| a.code.starts_with("keys."));
    of_keys.map(|alarm| alarm.message).collect()
}

fn account(number: u32) -> CardNumber {
    CardNumber::parse(&format!("3101000{number:012}")).unwrap()
}

async fn open_account(node: &Node, number: u32) -> CardNumber {
    let account = account(number);
    let phone = crate::country::key(&format!("phone {number}"));
    node.account_open(account, phone.public(), morning())
        .await
        .unwrap();
    account
}

#[tokio::test]
async fn a_revoked_key_issues_nothing_and_the_authority_can_take_the_report_in() {
    let mut country = Country::found().await;
    let key = country.keys.number(BEIJING_CODE, Purpose::RideCode);
    let t = morning();
    let account = open_account(country.node(BEIJING_CODE), 1).await;
    let node = country.node(BEIJING_CODE);
    assert!(node.user_certificate_issue(account, t).await.is_ok());
    let extract = country
        .keys
        .after(t.plus_s(HOUR), |centre| centre.revoke(key).unwrap());
    country.renew(&extract);
    let node = country.node(BEIJING_CODE);
    for minute in [1, 2] {
        let now = t.plus_s(HOUR + 60 * minute);
        let error = node.user_certificate_issue(account, now).await.unwrap_err();
        assert_eq!(error.code(), "keys.refused");
        assert!(!error.retryable());
    }
    // Asked for twice and noted once a day.
    let notes = node.key_notes().await.unwrap();
    let refusals: Vec<_> = notes
        .iter()
        .filter(|note| note.kind != KeyNoteKind::Used)
        .collect();
    assert_eq!(refusals.len(), 1);
    let note = refusals[0];
    assert_eq!(
        (note.key, note.kind, note.at),
        (
            Some(key),
            KeyNoteKind::Refused(Ground::Revoked),
            t.plus_s(HOUR + 60)
        )
    );
    let asked = Use {
        city: code(BEIJING_CODE).city(),
        purpose: Purpose::RideCode,
        usage: Usage::Make,
    };
    assert_eq!(note.asked, asked);
    let alarms = key_alarms(node).await;
    assert_eq!(alarms.len(), 1);
    assert!(alarms[0].contains("revoked"), "{alarms:?}");
    // What the node reports is a step of the book.
    let report = note.report().unwrap();
    assert!(matches!(report, What::Misused { .. }));
    let deed = Deed {
        at: note.at,
        key: note.key,
        signers: Signers::System,
        what: report,
    };
    assert!(extract.book().decide(deed).is_ok());
}

#[tokio::test]
async fn the_first_use_of_a_day_is_noted_once() {
    let country = Country::found().await;
    let key = country.keys.number(BEIJING_CODE, Purpose::RideCode);
    let node = country.node(BEIJING_CODE);
    let t = morning();
    let account = open_account(node, 1).await;
    for seconds in [0, 60, 120, 86_400, 86_460] {
        let now = t.plus_s(seconds);
        node.user_certificate_issue(account, now).await.unwrap();
    }
    let notes = node.key_notes().await.unwrap();
    let found: Vec<_> = notes
        .iter()
        .map(|note| (note.key, note.kind, note.at))
        .collect();
    let used = |at: Timestamp| (Some(key), KeyNoteKind::Used, at);
    assert_eq!(found, [used(t), used(t.plus_s(86_400))]);
    assert!(notes.iter().all(|note| note.report() == Some(What::Used)));
    assert_eq!(key_alarms(node).await, [""; 0]);
}

#[tokio::test]
async fn lists_are_not_signed_by_a_key_that_is_suspended() {
    let mut country = Country::found().await;
    let key = country.keys.number(GUANGZHOU_CODE, Purpose::ListSignature);
    let t = morning();
    let extract = country.keys.after(t, |centre| centre.suspend(key).unwrap());
    country.renew(&extract);
    let node = country.node(GUANGZHOU_CODE);
    let error = node.lists_current(0, t.plus_s(1)).await.unwrap_err();
    assert!(matches!(error, ServiceError::Key(_)), "{error}");
    assert_eq!(key_alarms(node).await.len(), 1);
    assert!(country.node(BEIJING_CODE).lists_current(0, t).await.is_ok());
}

/// A record that says another version or index of its key.
fn naming(record: TapRecord, version: u8, index: u8) -> TapRecord {
    TapRecord {
        key_version: version,
        key_index: index,
        ..record
    }
}

/// The same card under the city's newer keys.
fn under(record: TapRecord, master: u8) -> TapRecord {
    let master = BlockKey::new(Algorithm::Sm4, [master ^ Purpose::Tac.byte(); 16]);
    let serial: Serial = record.serial;
    let key = tongtu_crypto::diversify::one_level(&master, &serial.factor());
    let mut record = naming(record, 2, 1);
    record.tac = record
        .deal()
        .purchase_tac(&key, record.terminal_sequence, record.at);
    record
}

#[tokio::test]
async fn rides_before_a_key_was_revoked_are_paid_and_rides_after_it_are_not() {
    let mut country = Country::found().await;
    let mut card = Card::issued(&country, GUANGZHOU_CODE, 1).await;
    let north = country.terminal(BEIJING_CODE, 1).await;
    let t = morning();
    let records = [
        signed(&card.pay(&north, t, 200), &north),
        signed(&card.pay(&north, t.plus_s(2 * HOUR), 300), &north),
    ];
    let purchases = country.keys.given.clone();
    let extract = country.keys.after(t.plus_s(HOUR), |centre| {
        let of = |purpose| {
            let slots = purchases.iter();
            let city = code(GUANGZHOU_CODE).city();
            slots.filter(move |(slot, _)| slot.city == city && slot.purpose == purpose)
        };
        for (_, key) in of(Purpose::Purchase) {
            centre.revoke(*key).unwrap();
        }
    });
    country.renew(&extract);
    country.upload(&north, &records, t.plus_s(3 * HOUR)).await;
    country.close(day()).await;
    country.settle(day()).await;
    country.audit().await;
    assert_eq!(
        ends(&country, BEIJING_CODE).await,
        [SETTLED, refused(Outcome::Key)]
    );
    let alarms = key_alarms(country.node(BEIJING_CODE)).await;
    assert_eq!(alarms.len(), 1);
    assert!(alarms[0].contains("revoked"), "{alarms:?}");
}

#[tokio::test]
async fn a_version_or_an_index_that_the_city_does_not_have_is_refused() {
    let country = Country::found().await;
    let mut card = Card::issued(&country, BEIJING_CODE, 1).await;
    let north = country.terminal(BEIJING_CODE, 1).await;
    let t = morning();
    let records = [
        signed(&naming(card.pay(&north, t, 200), 1, 1), &north),
        signed(&naming(card.pay(&north, t.plus_s(60), 200), 9, 1), &north),
        signed(&naming(card.pay(&north, t.plus_s(120), 200), 1, 7), &north),
    ];
    country.upload(&north, &records, t.plus_s(600)).await;
    country.close(day()).await;
    assert_eq!(
        ends(&country, BEIJING_CODE).await[1..],
        [refused(Outcome::Key), refused(Outcome::Key)]
    );
    let alarms = key_alarms(country.node(BEIJING_CODE)).await;
    assert_eq!(alarms.len(), 1);
    assert!(alarms[0].contains("no such key"), "{alarms:?}");
}

#[tokio::test]
async fn in_an_overlap_cards_of_both_versions_pay() {
    let mut country = Country::found().await;
    let mut old = Card::issued(&country, BEIJING_CODE, 1).await;
    let mut new = Card::issued(&country, BEIJING_CODE, 2).await;
    let north = country.terminal(BEIJING_CODE, 1).await;
    let t = morning();
    country.stop(BEIJING_CODE);
    country
        .keys
        .renew_purses(BEIJING_CODE, t.plus_s(-20 * 86_400), 0x33);
    country.start(BEIJING_CODE, |_| {}).await;
    let extract = country.keys.extract();
    for other in [crate::country::NATION, crate::country::PROVINCE] {
        country.node(other).keys().renew(extract.clone()).unwrap();
    }
    // The overlap is of thirty days, from the day on which the newer one was activated.
    let records = [
        signed(&old.pay(&north, t, 200), &north),
        signed(&under(new.pay(&north, t.plus_s(60), 300), 0x33), &north),
        // The newer key's TAC under the older key's name is tried as well.
        signed(
            &naming(under(new.pay(&north, t.plus_s(120), 300), 0x33), 1, 1),
            &north,
        ),
        // A TAC under neither.
        signed(&under(new.pay(&north, t.plus_s(180), 300), 0x44), &north),
    ];
    country.upload(&north, &records, t.plus_s(600)).await;
    country.close(day()).await;
    assert_eq!(ends(&country, BEIJING_CODE).await[3], refused(Outcome::Tac));
    country.settle(day()).await;
    country.audit().await;
    let found = ends(&country, BEIJING_CODE).await;
    assert_eq!(found[..3], [SETTLED, SETTLED, SETTLED]);
}

#[tokio::test]
async fn after_an_overlap_only_cards_of_the_newer_version_pay() {
    let mut country = Country::found().await;
    let mut old = Card::issued(&country, BEIJING_CODE, 1).await;
    let mut new = Card::issued(&country, BEIJING_CODE, 2).await;
    let north = country.terminal(BEIJING_CODE, 1).await;
    let t = morning();
    country.stop(BEIJING_CODE);
    country
        .keys
        .renew_purses(BEIJING_CODE, t.plus_s(-40 * 86_400), 0x33);
    country.start(BEIJING_CODE, |_| {}).await;
    let records = [
        signed(&old.pay(&north, t, 200), &north),
        signed(&under(new.pay(&north, t.plus_s(60), 300), 0x33), &north),
    ];
    country.upload(&north, &records, t.plus_s(600)).await;
    country.close(day()).await;
    country.settle(day()).await;
    assert_eq!(
        ends(&country, BEIJING_CODE).await,
        [refused(Outcome::Key), SETTLED]
    );
    let alarms = key_alarms(country.node(BEIJING_CODE)).await;
    assert!(alarms[0].contains("overlap over"), "{alarms:?}");
}

#[tokio::test]
async fn codes_of_an_issuer_whose_key_was_suspended_before_are_refused() {
    let mut country = Country::found().await;
    let bei = country.rider(BEIJING_CODE, 1).await;
    let south: Terminal = country.terminal(GUANGZHOU_CODE, 1).await;
    let t = morning();
    let before = Tap::ride(&bei, t, 1, 200);
    let after = Tap::ride(&bei, t.plus_s(2 * HOUR), 2, 200);
    let key = country.keys.number(BEIJING_CODE, Purpose::RideCode);
    let extract = country
        .keys
        .after(t.plus_s(HOUR), |centre| centre.suspend(key).unwrap());
    country.renew(&extract);
    let records = [south.record(before), south.record(after)];
    country.upload(&south, &records, t.plus_s(3 * HOUR)).await;
    country.close(day()).await;
    country.settle(day()).await;
    country.audit().await;
    assert_eq!(
        ends(&country, GUANGZHOU_CODE).await,
        [SETTLED, refused(Outcome::Key)]
    );
}

#[tokio::test]
async fn codes_under_a_revoked_certificate_count_until_terminals_know() {
    let mut country = Country::found().await;
    let bei = country.rider(BEIJING_CODE, 1).await;
    let south: Terminal = country.terminal(GUANGZHOU_CODE, 1).await;
    let t = morning();
    country.stop(BEIJING_CODE);
    let serial = country
        .keys
        .revoke_certificate(BEIJING_CODE, t.plus_s(HOUR - 15 * 86_400));
    assert_eq!(serial, [0, 0, 1]);
    country.start(BEIJING_CODE, |_| {}).await;
    country.renew(&country.keys.extract());
    let rides = [
        Tap::ride(&bei, t, 1, 200),
        Tap::ride(&bei, t.plus_s(2 * HOUR), 2, 200),
    ];
    let records = rides.map(|ride| south.record(ride));
    country.upload(&south, &records, t.plus_s(3 * HOUR)).await;
    country.close(day()).await;
    country.settle(day()).await;
    country.audit().await;
    assert_eq!(
        ends(&country, GUANGZHOU_CODE).await,
        [SETTLED, refused(Outcome::Blacklisted)]
    );
}

#[tokio::test]
async fn codes_under_a_revoked_key_count_until_terminals_know() {
    let mut country = Country::found().await;
    let bei = country.rider(BEIJING_CODE, 1).await;
    let south: Terminal = country.terminal(GUANGZHOU_CODE, 1).await;
    let t = morning();
    let key = country.keys.number(BEIJING_CODE, Purpose::RideCode);
    let extract = country.keys.after(t.plus_s(HOUR - 15 * 86_400), |centre| {
        centre.revoke(key).unwrap();
    });
    country.renew(&extract);
    let rides = [
        Tap::ride(&bei, t, 1, 200),
        Tap::ride(&bei, t.plus_s(2 * HOUR), 2, 200),
    ];
    let records = rides.map(|ride| south.record(ride));
    country.upload(&south, &records, t.plus_s(3 * HOUR)).await;
    country.close(day()).await;
    country.settle(day()).await;
    country.audit().await;
    assert_eq!(
        ends(&country, GUANGZHOU_CODE).await,
        [SETTLED, refused(Outcome::Blacklisted)]
    );
}

#[tokio::test]
async fn a_node_does_not_go_back_to_older_books_nor_start_with_another_key_than_the_book_has() {
    let mut country = Country::found().await;
    let older = country.keys.extract();
    let key = country.keys.number(BEIJING_CODE, Purpose::RideCode);
    let newer = country
        .keys
        .after(morning(), |centre| centre.suspend(key).unwrap());
    let node = country.node(BEIJING_CODE);
    node.keys().renew(newer).unwrap();
    let error = node.keys().renew(older).unwrap_err();
    assert_eq!(error.code(), "keys.extract");
    // Another centre gave its cities other keys.
    let folder = std::env::temp_dir().join(format!("tongtu-other-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut other = crate::keys::Keys::new(&folder);
    other.renew_purses(BEIJING_CODE, morning(), 0x55);
    let theirs = other.extract();
    country.stop(BEIJING_CODE);
    country.keys.renew_purses(BEIJING_CODE, morning(), 0x66);
    let ours = country.keys.of(BEIJING_CODE);
    let error = ours.renew(theirs).unwrap_err();
    assert_eq!(error.code(), "keys.differs");
    assert!(!format!("{ours:?}").contains("66"), "{ours:?}");
    let _ = std::fs::remove_dir_all(&folder);
}
