//! Rides that nobody was told of: what their terminal notes of them, and which of two is owed.

use tongtu_purse::field::DateTime;
use tongtu_services::{RideRole, UploadKind};
use tongtu_tap_record::{Recovery, Stage, TapRecord};
use tongtu_types::{BusinessDay, Fen, Timestamp};

use crate::card::{Card, signed};
use crate::country::{BEIJING_CODE, Country, GUANGZHOU_CODE, day, morning};

fn tomorrow() -> BusinessDay {
    BusinessDay::from_days(day().days() + 1)
}

/// What the front terminal noted of a ride that nobody was told of.
fn noted(ride: &TapRecord, at: Timestamp) -> TapRecord {
    ride.untold(ride.recorder, DateTime::of(at))
}

/// Who was not told and paid again at the reader beside is owed one of the two, whichever terminal
/// uploads first and whether the rides are of one day.
#[tokio::test]
async fn a_rider_who_was_never_told_and_paid_again_is_owed_one() {
    for city in [BEIJING_CODE, GUANGZHOU_CODE] {
        for late in [None, Some(0), Some(1)] {
            let country = Country::found().await;
            let front = country.terminal(BEIJING_CODE, 1).await;
            let rear = country.terminal(BEIJING_CODE, 2).await;
            let t = morning();
            let mut card = Card::issued(&country, city, 1).await;
            let first = card.pay(&front, t, 200);
            let again = card.pay(&rear, t.plus_s(30), 200);
            let untold = noted(&first, t.plus_s(130));
            let mut uploads = [
                (
                    &front,
                    vec![signed(&first, &front), signed(&untold, &front)],
                ),
                (&rear, vec![signed(&again, &rear)]),
            ];
            let next = tomorrow();
            if late == Some(1) {
                uploads.reverse();
            }
            for ((terminal, records), n) in uploads.iter().zip(0..) {
                let is_late = n == 1 && late.is_some();
                let at = if is_late {
                    t.plus_s(86_400)
                } else {
                    t.plus_s(600)
                };
                if is_late {
                    country.close(day()).await;
                    country.settle(day()).await;
                }
                country.upload(terminal, records, at).await;
                let again = country.node(BEIJING_CODE);
                let again = again.records_upload(terminal.number, records, at);
                let again = again.await.unwrap();
                assert!(again.iter().all(|o| o.kind == UploadKind::Duplicate));
            }
            let last = if late.is_some() { next } else { day() };
            country.close(last).await;
            country.settle(last).await;
            country.audit().await;
            let view = card.view(&country).await;
            assert_eq!(view.mirror, Fen::new(4600), "{city} {late:?}");
            assert_eq!(view.refund_due, Fen::new(200), "{city} {late:?}");
            let rides = country.node(city).rides_view(RideRole::Issuer).await;
            let mut amounts: Vec<i64> = rides.unwrap().iter().map(|r| r.amount.get()).collect();
            amounts.sort_unstable();
            assert_eq!(amounts, [0, 200], "{city} {late:?}");
            for node in [BEIJING_CODE, GUANGZHOU_CODE] {
                let alarms = country.node(node).alarms().await.unwrap();
                assert!(alarms.is_empty(), "{alarms:?}");
            }
        }
    }
}

/// What a terminal noted is no refund by itself: the card's very next dialogue must be the ride
/// paid again.
#[tokio::test]
async fn a_rider_who_was_never_told_and_did_not_pay_again_at_once_is_owed_nothing() {
    let country = Country::found().await;
    let front = country.terminal(BEIJING_CODE, 1).await;
    let rear = country.terminal(BEIJING_CODE, 2).await;
    let t = morning();
    let (mut records, mut beside) = (Vec::new(), Vec::new());
    let mut cards = Vec::new();
    for n in 0..6u32 {
        let t = t.plus_s(i64::from(n) * 1_000);
        let mut card = Card::issued(&country, BEIJING_CODE, n + 1).await;
        let first = card.pay(&front, t, 200);
        records.push(signed(&first, &front));
        let mut after = |card: &mut Card, seconds: i64, change: &dyn Fn(&mut TapRecord)| {
            let mut record = card.pay(&rear, t.plus_s(seconds), 200);
            change(&mut record);
            beside.push(signed(&record, &rear));
        };
        match n {
            // Gone, and never back.
            0 => {}
            1 => after(&mut card, 121, &|_| ()),
            2 => after(&mut card, 30, &|r| r.vehicle[4] = b'2'),
            // It vouched beside, and was let on there for nothing; then it paid for a friend.
            3 => {
                let mut vouched = card.pay(&rear, t.plus_s(20), 0);
                (vouched.recovery, vouched.stage) = (Recovery::Vouch, Stage::None);
                beside.push(signed(&vouched, &rear));
                let mut friend = card.pay(&rear, t.plus_s(40), 200);
                friend.station = [0; 8];
                beside.push(signed(&friend, &rear));
            }
            // A dialogue that nobody here has seen lies between.
            4 => {
                card.sequence += 1;
                let record = card.pay(&rear, t.plus_s(30), 200);
                beside.push(signed(&record, &rear));
            }
            // Told, as far as its terminal knows.
            _ => after(&mut card, 30, &|_| ()),
        }
        if n < 5 {
            records.push(signed(&noted(&first, t.plus_s(130)), &front));
        }
        cards.push(card);
    }
    country.upload(&front, &records, t.plus_s(9_000)).await;
    country.upload(&rear, &beside, t.plus_s(9_000)).await;
    country.close(day()).await;
    country.settle(day()).await;
    country.audit().await;
    for (card, n) in cards.iter().zip(0..) {
        let view = card.view(&country).await;
        assert_eq!(view.refund_due, Fen::ZERO, "{n}");
        assert_eq!(view.mirror, Fen::new(i64::from(card.fen)), "{n}");
    }
}

/// Only the terminal that has the ride says of it that nobody was told.
#[tokio::test]
async fn another_terminals_word_on_a_ride_is_worth_nothing() {
    let country = Country::found().await;
    let front = country.terminal(BEIJING_CODE, 1).await;
    let rear = country.terminal(BEIJING_CODE, 2).await;
    let t = morning();
    let mut card = Card::issued(&country, BEIJING_CODE, 1).await;
    let first = card.pay(&front, t, 200);
    let again = card.pay(&rear, t.plus_s(30), 200);
    let untold = first.untold(again.recorder, DateTime::of(t.plus_s(130)));
    let beside = [signed(&again, &rear), signed(&untold, &rear)];
    country
        .upload(&front, &[signed(&first, &front)], t.plus_s(600))
        .await;
    country.upload(&rear, &beside, t.plus_s(600)).await;
    country.close(day()).await;
    country.settle(day()).await;
    assert_eq!(card.view(&country).await.refund_due, Fen::ZERO);
}

#[tokio::test]
async fn what_was_noted_when_both_rides_are_settled_is_told_to_a_person() {
    let country = Country::found().await;
    let front = country.terminal(BEIJING_CODE, 1).await;
    let rear = country.terminal(BEIJING_CODE, 2).await;
    let t = morning();
    let mut card = Card::issued(&country, BEIJING_CODE, 1).await;
    let first = card.pay(&front, t, 200);
    let again = card.pay(&rear, t.plus_s(30), 200);
    country
        .upload(&front, &[signed(&first, &front)], t.plus_s(600))
        .await;
    country
        .upload(&rear, &[signed(&again, &rear)], t.plus_s(600))
        .await;
    country.close(day()).await;
    country.settle(day()).await;
    let later = t.plus_s(86_400);
    let untold = signed(&noted(&first, later), &front);
    country.upload(&front, &[untold], later).await;
    let next = tomorrow();
    country.close(next).await;
    country.settle(next).await;
    let alarms = country.node(BEIJING_CODE).alarms().await.unwrap();
    let codes: Vec<&str> = alarms.iter().map(|alarm| alarm.code.as_str()).collect();
    assert_eq!(codes, ["acquiring.untold_settled"]);
    assert_eq!(card.view(&country).await.refund_due, Fen::ZERO);
}
