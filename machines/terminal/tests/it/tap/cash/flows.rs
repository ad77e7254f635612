//! Rides by e-cash in one piece, and what they cost in commands.

use tongtu_crypto::Algorithm;
use tongtu_ecash::{Amount, Dol, Values, tag};
use tongtu_purse::field::Kind;
use tongtu_tap_record::{CashCheck, Mac2State, RecordKind, Recovery, Stage};
use tongtu_terminal::tap::{Medium, Refusal, Say, Selection, TapOutcome, Way};

use super::fixture::{BOTH, CashPost, audit, is_earned, pan, rider, seen};
use crate::tap::card::Rider;
use crate::tap::fixture::{Post, T0, bus, gate, long_line, segmented};

fn accepted(end: &tongtu_terminal::tap::TapEnd) -> &tongtu_tap_record::TapRecord {
    match &end.outcome {
        TapOutcome::Accepted(ride) => &ride.record,
        other => panic!("{other:?}"),
    }
}

/// What the test card asks for.
pub(crate) fn list() -> Dol {
    Dol::new([
        (tag::TTQ, 4),
        (tag::AMOUNT, 6),
        (tag::UNPREDICTABLE, 4),
        (tag::CURRENCY, 2),
        (tag::COMPOSITE, 1),
    ])
}

/// What the card was told by GET PROCESSING OPTIONS in the last tap.
pub(crate) fn told(rider: &Rider) -> Vec<Values> {
    let list = list();
    let log = rider.log.iter();
    let options = log.filter(|(command, _)| command[1] == 0xA8);
    options
        .map(|(command, _)| list.split(&command[7..command.len() - 1]).unwrap())
        .collect()
}

#[test]
fn a_ride_is_paid_and_recorded_with_all_that_the_issuer_verifies() {
    // TC-01. Commands: SELECT of purse and e-cash, GPO, one READ RECORD for each of the list.
    for (algorithm, check, commands) in [
        (Algorithm::Tdes, CashCheck::Rsa, 11),
        (Algorithm::Sm4, CashCheck::Sm2, 15),
    ] {
        let (mut rider, mut post) = (rider(algorithm), CashPost::new(1, bus()));
        let end = post.tap(&mut rider, T0);
        let record = accepted(&end);
        assert_eq!(record.kind, RecordKind::Cash);
        assert_eq!(
            (record.stage, record.recovery),
            (Stage::Single, Recovery::Plain)
        );
        assert_eq!(
            (record.mac2, record.transaction),
            (Mac2State::None, Kind(0))
        );
        assert_eq!((record.serial, record.sequence), (pan(), 1));
        let proof = record.cash().unwrap();
        assert_eq!(proof.check, check);
        assert_eq!(proof.expiry, [0x40, 0x12]);
        assert_eq!(record.module_key(), None);
        assert!(is_earned(&post, algorithm, &end.outcome));
        assert_eq!((end.exchanges.card, end.exchanges.psam), (commands, 0));
        let (balance, _) = seen(&mut rider);
        assert_eq!(end.prompt.balance.unwrap().get(), balance);
        assert_eq!(record.before.fen().get(), 10_000);
        audit("single", algorithm, &mut rider, &mut [&mut post], T0);
    }
}

#[test]
fn a_terminal_that_looks_for_the_e_cash_first_saves_a_command() {
    let mut post = CashPost::new(1, bus());
    let selection = Selection {
        directory: false,
        first: Medium::Cash,
    };
    post.post = post
        .post
        .changed(|profile, _| profile.selection = selection);
    let mut post = CashPost::of(post.post);
    let end = post.tap(&mut rider(Algorithm::Tdes), T0);
    assert_eq!((accepted(&end).amount.get(), end.exchanges.card), (200, 10));
}

#[test]
fn a_terminal_that_takes_no_e_cash_names_it() {
    let end = Post::new(1, bus()).tap(&mut rider(Algorithm::Tdes), T0);
    assert_eq!(
        end.outcome,
        TapOutcome::Refused(Refusal::CashNotServed),
        "{end:?}"
    );
}

#[test]
fn a_metro_ride_is_an_entry_for_nothing_and_an_exit_for_the_fare() {
    // TC-13. Commands: as a single ride, and READ CAPP DATA and UPDATE CAPP DATA CACHE.
    for (algorithm, commands) in [(Algorithm::Tdes, 13), (Algorithm::Sm4, 17)] {
        let mut rider = rider(algorithm);
        let mut entry = CashPost::new(1, gate("0101", Way::Entry));
        let mut exit = CashPost::new(2, gate("0109", Way::Exit));
        let end = exit.tap(&mut rider, T0);
        let outside = TapOutcome::Refused(Refusal::NotInside);
        assert_eq!(end.outcome, outside);

        let end = entry.tap(&mut rider, T0.plus_s(10));
        let record = accepted(&end);
        assert_eq!((record.stage, record.amount.get()), (Stage::Entry, 0));
        assert_eq!(end.exchanges.card, commands);
        let zero = Amount::ZERO.encode().to_vec();
        for values in told(&rider) {
            // A zero amount goes out with the sign of a segmented fare only.
            let is_composite = values[&tag::COMPOSITE] == [1];
            assert_eq!(values[&tag::AMOUNT] == zero, is_composite);
        }
        let end = entry.tap(&mut rider, T0.plus_s(60));
        let inside = TapOutcome::Refused(Refusal::AlreadyInside);
        assert_eq!(end.outcome, inside);

        let end = exit.tap(&mut rider, T0.plus_s(900));
        let record = accepted(&end);
        assert_eq!(record.stage, Stage::Exit);
        assert!(record.amount.get() > 0 && record.base == record.amount);
        assert_eq!(record.origin_station, [0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!(end.prompt.say, Say::Leave);
        assert_eq!(end.exchanges.card, commands);
        let posts = &mut [&mut entry, &mut exit];
        audit("metro", algorithm, &mut rider, posts, T0.plus_s(1_000));
    }
}

#[test]
fn a_bus_of_segmented_fares_is_boarded_for_nothing_and_left_for_the_fare() {
    for algorithm in BOTH {
        let mut rider = rider(algorithm);
        let mut post = Post::new(1, segmented(1, 7));
        post.tariff = long_line();
        let mut post = CashPost::of(post.started());
        let end = post.tap(&mut rider, T0);
        let record = accepted(&end);
        assert_eq!((record.stage, record.amount.get()), (Stage::Boarding, 0));
        post.post.terminal.stand_at(segmented(3, 7));
        let end = post.tap(&mut rider, T0.plus_s(600));
        let record = accepted(&end);
        assert_eq!((record.stage, record.amount.get()), (Stage::Alighting, 200));
        audit(
            "bus",
            algorithm,
            &mut rider,
            &mut [&mut post],
            T0.plus_s(700),
        );
    }
}

#[test]
fn a_card_without_segmented_fares_does_not_enter_and_one_with_them_rides_a_bus() {
    let mut plain = super::fixture::rider_with(Algorithm::Tdes, |profile| {
        profile.composite = None;
    });
    let end = CashPost::new(1, gate("0101", Way::Entry)).tap(&mut plain, T0);
    let refused = TapOutcome::Refused(Refusal::NoComposite);
    assert_eq!(end.outcome, refused);
    let mut post = CashPost::new(1, gate("0101", Way::Entry)).changed(|cash| cash.records = None);
    let end = post.tap(&mut rider(Algorithm::Tdes), T0);
    assert_eq!(end.outcome, refused, "no keys for extension records");
}

#[test]
fn a_card_is_not_charged_twice_within_seconds_and_a_gate_opens_once_more() {
    let mut rider = rider(Algorithm::Tdes);
    let mut post = CashPost::new(1, bus());
    accepted(&post.tap(&mut rider, T0));
    let end = post.tap(&mut rider, T0.plus_s(3));
    assert_eq!(end.outcome, TapOutcome::Refused(Refusal::ReTap));
    accepted(&post.tap(&mut rider, T0.plus_s(8)));
    audit(
        "bus",
        Algorithm::Tdes,
        &mut rider,
        &mut [&mut post],
        T0.plus_s(9),
    );

    let mut rider = super::fixture::rider(Algorithm::Sm4);
    let mut post = CashPost::new(1, gate("0101", Way::Entry));
    accepted(&post.tap(&mut rider, T0));
    let end = post.tap(&mut rider, T0.plus_s(10));
    assert!(matches!(end.outcome, TapOutcome::Reopened(_)), "{end:?}");
    assert_eq!(end.exchanges.card, 3, "two SELECT, one proof");
    let end = post.tap(&mut rider, T0.plus_s(12));
    let inside = TapOutcome::Refused(Refusal::AlreadyInside);
    assert_eq!(end.outcome, inside, "once only");
}

#[test]
fn no_number_that_a_card_gets_comes_twice() {
    // TC-15, as the card sees it; the sequence itself is tested where it is made.
    let mut rider = rider(Algorithm::Sm4);
    let mut post = CashPost::new(1, bus());
    let mut numbers = Vec::new();
    for minute in 0..20 {
        accepted(&post.tap(&mut rider, T0.plus_s(60 * minute)));
        for values in told(&rider) {
            numbers.push(values[&tag::UNPREDICTABLE].clone());
        }
        if minute == 10 {
            post.restart();
        }
    }
    assert_eq!(numbers.len(), 20);
    numbers.sort();
    numbers.dedup();
    assert_eq!(numbers.len(), 20);
}
