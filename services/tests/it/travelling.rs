//! How old the key book may be, and how notes of keys come to the key centre.

use std::sync::Arc;

use tongtu_keyring::code::{Ground, Purpose, Usage};
use tongtu_keyring::{Extract, KeyNumber, Use};
use tongtu_services::keys::KeyNoteKind;
use tongtu_services::{
    BookAge, BookStanding, DayPhase, KeyNote, KeyReport, Node, NodeConfig, NodeKeys, ReportsTaken,
};
use tongtu_types::{CardNumber, Timestamp};

use crate::country::{
    BEIJING_CODE, Country, GUANGZHOU_CODE, NATION, PROVINCE, code, day, key, morning, night,
    refused,
};

const DAY: i64 = 86_400;

/// The node again, with books that may be so old.
async fn aging(country: &mut Country, text: &str, age: BookAge) {
    country.stop(text);
    let change = |config: &mut NodeConfig| {
        let none = Arc::new(NodeKeys::none(config.code.city()));
        let keys = std::mem::replace(&mut config.keys, none);
        config.keys = Arc::new(Arc::into_inner(keys).unwrap().aging(age));
    };
    country.start(text, change).await;
}

fn made_at(country: &Country) -> Timestamp {
    country.keys.extract().made_at()
}

/// An age that ends at this moment.
fn until(country: &Country, at: Timestamp) -> BookAge {
    let good_s = at.get() - made_at(country).get();
    BookAge {
        told_after_s: good_s - 7 * DAY,
        good_s,
    }
}

/// The books signed again later, with nothing new in them.
fn again(country: &mut Country, at: Timestamp) -> Extract {
    country.keys.after(at, |_| {})
}

async fn account(node: &Node) -> CardNumber {
    let account = CardNumber::parse("3101000000000000001").unwrap();
    let phone = key("phone 1");
    node.account_open(account, phone.public(), morning())
        .await
        .unwrap();
    account
}

#[tokio::test]
async fn keys_are_used_to_the_last_second_that_the_book_is_good() {
    let mut country = Country::found().await;
    let t = morning();
    let age = until(&country, t);
    aging(&mut country, BEIJING_CODE, age).await;
    let node = country.node(BEIJING_CODE);
    let account = account(node).await;
    assert!(node.user_certificate_issue(account, t).await.is_ok());
    let over = node.user_certificate_issue(account, t.plus_s(1)).await;
    let error = over.unwrap_err();
    assert_eq!(error.code(), "keys.book_over");
    assert!(error.retryable());
    // No key was misused: the node was cut off.
    let kinds: Vec<_> = node.key_notes().await.unwrap();
    assert!(kinds.iter().all(|note| note.kind == KeyNoteKind::Used));
    // The same events signed again are enough.
    let extract = again(&mut country, t);
    country.renew(&extract);
    let node = country.node(BEIJING_CODE);
    let issued = node.user_certificate_issue(account, t.plus_s(1)).await;
    assert!(issued.is_ok());
}

#[tokio::test]
async fn a_day_is_judged_by_no_book_that_is_over_and_waits_for_a_newer_one() {
    let mut country = Country::found().await;
    let closing = night(day());
    let age = until(&country, closing.plus_s(-1));
    aging(&mut country, BEIJING_CODE, age).await;
    let node = country.node(BEIJING_CODE);
    let error = node.day_close(day(), closing).await.unwrap_err();
    assert_eq!(error.code(), "keys.book_over");
    assert!(error.retryable());
    let extract = again(&mut country, closing);
    country.renew(&extract);
    let node = country.node(BEIJING_CODE);
    let closed = node.day_close(day(), closing).await.unwrap();
    assert_ne!(closed.phase, DayPhase::Open);
}

#[tokio::test]
async fn an_old_book_is_told_of_once_and_one_that_is_over_once_more() {
    let mut country = Country::found().await;
    let t = morning();
    let age = until(&country, t);
    aging(&mut country, BEIJING_CODE, age).await;
    let node = country.node(BEIJING_CODE);
    let old = t.plus_s(-7 * DAY);
    for (at, expected, alarms) in [
        (old, BookStanding::Fresh, 0),
        (old.plus_s(1), BookStanding::Old, 1),
        (t, BookStanding::Old, 1),
        (t.plus_s(1), BookStanding::Over, 2),
        (t.plus_s(DAY), BookStanding::Over, 2),
    ] {
        assert_eq!(node.book_age_tell(at).await.unwrap(), expected);
        let told = node.alarms().await.unwrap();
        let told = told
            .iter()
            .filter(|alarm| alarm.code.starts_with("keys.book_"));
        assert_eq!(told.count(), alarms, "{at}");
    }
}

#[tokio::test]
async fn an_extract_of_an_earlier_day_replaces_none() {
    let mut country = Country::found().await;
    let before = country.keys.extract();
    let later = again(&mut country, morning());
    let node = country.node(BEIJING_CODE);
    node.keys().renew(later.clone()).unwrap();
    let fault = node.keys().renew(before).unwrap_err();
    assert_eq!(fault.code(), "keys.extract");
    // Nor does one with more in it that says it is of an earlier second.
    let earlier = country.keys.said_to_be_of(later.made_at().plus_s(-1));
    let fault = country.node(BEIJING_CODE).keys().renew(earlier);
    assert_eq!(fault.unwrap_err().code(), "keys.book_earlier");
    let node = country.node(BEIJING_CODE);
    assert_eq!(node.keys().book_made_at(), Some(later.made_at()));
}

fn note(number: u32, kind: KeyNoteKind, at: Timestamp) -> KeyNote {
    KeyNote {
        key: KeyNumber::new(number),
        asked: Use {
            city: code(GUANGZHOU_CODE).city(),
            purpose: Purpose::RideCode,
            usage: Usage::Make,
        },
        at,
        kind,
    }
}

#[tokio::test]
async fn a_note_is_taken_once_however_often_it_is_brought() {
    let country = Country::found().await;
    let (nation, t) = (country.node(NATION), morning());
    let refused = KeyNoteKind::Refused(Ground::Revoked);
    let of = |note| KeyReport::of(code(GUANGZHOU_CODE), note);
    let reports = [
        of(note(3, KeyNoteKind::Used, t)),
        of(note(3, refused, t)),
        of(note(0, KeyNoteKind::Refused(Ground::Unknown), t)),
    ];
    // The same day again, an hour later, is the same note.
    let again = of(note(3, refused, t.plus_s(3600)));
    assert_eq!(again.id(), reports[1].id());
    assert_ne!(reports[0].id(), reports[1].id());
    let taken = |new, already| ReportsTaken { new, already };
    let bring = |reports: Vec<KeyReport>| async move {
        let now = t.plus_s(60);
        let brought = nation.key_reports_take(code(PROVINCE), &reports, now);
        brought.await.unwrap()
    };
    assert_eq!(bring(reports.to_vec()).await, taken(3, 0));
    assert_eq!(bring(reports.to_vec()).await, taken(0, 3));
    assert_eq!(bring(vec![again]).await, taken(0, 1));
    assert_eq!(nation.key_reports().await.unwrap().len(), 3);
    let alarms = nation.alarms().await.unwrap();
    let told = alarms.iter().filter(|alarm| alarm.code == "keys.reported");
    assert_eq!(told.count(), 2);
}

#[tokio::test]
async fn nobody_brings_notes_of_a_node_that_is_not_below_it() {
    let country = Country::found().await;
    let (nation, t) = (country.node(NATION), morning());
    let own = KeyReport::of(code(BEIJING_CODE), note(1, KeyNoteKind::Used, t));
    let other = KeyReport::of(code(GUANGZHOU_CODE), note(1, KeyNoteKind::Used, t));
    let sender = code(BEIJING_CODE);
    let brought = nation.key_reports_take(sender, &[own, other], t).await;
    assert_eq!(refused(brought), "node.key_report_other");
    // All or none.
    assert_eq!(nation.key_reports().await.unwrap(), []);
    let brought = nation.key_reports_take(sender, &[own], t).await;
    assert_eq!(brought.unwrap().new, 1);
}

#[tokio::test]
async fn a_nodes_own_notes_wait_until_the_node_above_has_them() {
    let country = Country::found().await;
    let (node, t) = (country.node(BEIJING_CODE), morning());
    let account = account(node).await;
    node.user_certificate_issue(account, t).await.unwrap();
    let waiting = node.key_reports_waiting().await.unwrap();
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].institution, code(BEIJING_CODE));
    // Until then they are brought again.
    assert_eq!(node.key_reports_waiting().await.unwrap(), waiting);
    node.key_reports_sent(&waiting, t).await.unwrap();
    node.key_reports_gather().await.unwrap();
    assert_eq!(node.key_reports_waiting().await.unwrap(), []);
    assert_eq!(node.key_reports().await.unwrap(), waiting);
}
