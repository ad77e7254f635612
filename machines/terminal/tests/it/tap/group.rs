//! Two terminals of one vehicle or station: a card torn at one comes back to the other.

use proptest::prelude::*;
use tongtu_crypto::Algorithm;
use tongtu_purse::field::{Serial, Terminal};
use tongtu_tap_record::{Mac2State, Recovery, RideKey};
use tongtu_terminal::tap::{GroupNotice, Settlement, TapOutcome, Task};
use tongtu_testkit::tear::Line;

use super::fixture::{Post, Rider, T0, audit, bus, profile};
use super::recovery::{tear_paid, tear_unpaid};

fn setting() -> (Rider, Post, Post) {
    let rider = Rider::with(&profile(0x17, Algorithm::Tdes), 5_000);
    (rider, Post::new(1, bus()), Post::new(2, bus()))
}

#[test]
fn a_paid_ride_is_recovered_by_the_other_and_named_as_the_firsts() {
    let (mut rider, mut first, mut second) = setting();
    let torn = tear_paid(&mut first, &mut rider, T0);
    second.note(&torn.notices, T0);
    let end = second.tap(&mut rider, T0.plus_s(5));
    assert!(matches!(end.outcome, TapOutcome::Recovered(_)), "{end:?}");
    let record = second.records()[0].clone();
    assert_eq!(
        (record.recovery, record.mac2),
        (Recovery::Elsewhere, Mac2State::Unverified)
    );
    assert_eq!(record.terminal, first.psam.identity.terminal);
    assert_eq!(record.psam, first.psam.identity.serial);
    assert_eq!(record.recorder, second.psam.identity.terminal);
    first.note(&end.notices, T0);
    assert_eq!(first.terminal.open_intents(), 0);
    assert!(first.records().is_empty());
    assert_eq!(rider.balance(), 4_800);
    audit(
        "group",
        &mut rider,
        5_000,
        &mut [&mut first, &mut second],
        T0,
    );
    // The rider has gone on; the next tap is a new ride, at either.
    let end = first.tap(&mut rider, T0.plus_s(60));
    assert!(matches!(end.outcome, TapOutcome::Accepted(_)), "{end:?}");
}

#[test]
fn an_unpaid_ride_is_charged_by_the_other_and_closes_the_firsts_intent() {
    let (mut rider, mut first, mut second) = setting();
    let torn = tear_unpaid(&mut first, &mut rider, T0);
    second.note(&torn.notices, T0);
    let end = second.tap(&mut rider, T0.plus_s(5));
    assert!(matches!(end.outcome, TapOutcome::Accepted(_)), "{end:?}");
    first.note(&end.notices, T0);
    assert_eq!(
        (first.terminal.open_intents(), first.records().len()),
        (0, 0)
    );
    audit(
        "unpaid",
        &mut rider,
        5_000,
        &mut [&mut first, &mut second],
        T0,
    );
}

#[test]
fn without_the_network_the_second_charges_and_the_first_is_grey_and_refundable() {
    let (mut rider, mut first, mut second) = setting();
    tear_paid(&mut first, &mut rider, T0);
    let end = second.tap(&mut rider, T0.plus_s(5));
    assert!(matches!(end.outcome, TapOutcome::Accepted(_)), "{end:?}");
    assert_eq!(rider.balance(), 4_600);
    audit(
        "no network",
        &mut rider,
        5_000,
        &mut [&mut first, &mut second],
        T0,
    );
    assert_eq!(
        first.records()[0].recovery,
        Recovery::Grey,
        "one of the two is refunded"
    );
}

#[test]
fn a_ride_recorded_by_both_is_one_by_its_key() {
    let (mut rider, mut first, mut second) = setting();
    let torn = tear_paid(&mut first, &mut rider, T0);
    second.note(&torn.notices, T0);
    // The second recovers, and its notice is lost: the first makes it grey.
    second.tap(&mut rider, T0.plus_s(5));
    first.close(T0.plus_s(200)).unwrap();
    let of = |post: &Post| post.records()[0].ride_key();
    assert_eq!(of(&first), of(&second));
    audit(
        "both",
        &mut rider,
        5_000,
        &mut [&mut first, &mut second],
        T0,
    );
}

#[test]
fn a_card_torn_at_the_second_while_vouching_vouches_at_the_first() {
    let (mut rider, mut first, mut second) = setting();
    let torn = tear_paid(&mut first, &mut rider, T0);
    second.note(&torn.notices, T0);
    let torn = tear_unpaid(&mut second, &mut rider, T0.plus_s(5));
    first.note(&torn.notices, T0.plus_s(5));
    assert_eq!(first.terminal.open_intents(), 0);
    let end = first.tap(&mut rider, T0.plus_s(10));
    assert!(matches!(end.outcome, TapOutcome::Recovered(_)), "{end:?}");
    let ride = end.outcome.ride().unwrap();
    first.terminal.told(ride.seq, &mut first.store).unwrap();
    assert_eq!(rider.balance(), 4_800);
    second.note(&end.notices, T0.plus_s(10));
    audit(
        "at the first",
        &mut rider,
        5_000,
        &mut [&mut first, &mut second],
        T0,
    );
}

#[test]
fn a_ride_torn_at_the_other_is_recovered_although_an_old_unpaid_one_is_open_here() {
    let (mut rider, mut first, mut second) = setting();
    let torn = tear_unpaid(&mut first, &mut rider, T0);
    second.note(&torn.notices, T0);
    let torn = tear_paid(&mut second, &mut rider, T0.plus_s(121));
    first.note(&torn.notices, T0.plus_s(121));
    let end = first.tap(&mut rider, T0.plus_s(123));
    assert!(matches!(end.outcome, TapOutcome::Recovered(_)), "{end:?}");
    second.note(&end.notices, T0.plus_s(123));
    assert_eq!(rider.balance(), 4_800);
    audit(
        "both open",
        &mut rider,
        5_000,
        &mut [&mut first, &mut second],
        T0,
    );
}

#[test]
fn a_notice_that_no_card_proves_gives_nobody_a_ride() {
    let (mut rider, mut first, mut second) = setting();
    let torn = tear_paid(&mut first, &mut rider, T0);
    let mut forged = torn.notices.clone();
    let GroupNotice::Torn { record, .. } = &mut forged[0] else {
        unreachable!()
    };
    record.amount = tongtu_purse::field::Amount::new(1);
    second.note(&forged, T0);
    let end = second.tap(&mut rider, T0.plus_s(5));
    assert!(
        matches!(end.outcome, TapOutcome::Accepted(_)),
        "charged: {end:?}"
    );
    // A card that never paid: the same.
    let mut other = Rider::with(&profile(0x18, Algorithm::Tdes), 5_000);
    let GroupNotice::Torn { record, .. } = &mut forged[0] else {
        unreachable!()
    };
    record.serial = other.profile.public.serial;
    second.note(&forged, T0);
    let end = second.tap(&mut other, T0.plus_s(6));
    assert!(
        matches!(end.outcome, TapOutcome::Accepted(_)),
        "charged: {end:?}"
    );
}

#[test]
fn a_board_remembers_only_so_many_and_only_for_so_long() {
    let (mut rider, mut first, mut second) = setting();
    let torn = tear_paid(&mut first, &mut rider, T0);
    second.note(&torn.notices, T0);
    let end = second.tap(&mut rider, T0.plus_s(300));
    assert!(matches!(end.outcome, TapOutcome::Accepted(_)), "{end:?}");
    second.note(&torn.notices, T0.plus_s(301));
    let GroupNotice::Torn { record, .. } = &torn.notices[0] else {
        unreachable!()
    };
    for n in 0..=255u8 {
        let mut record = record.clone();
        record.serial.0[8] = n;
        second.note(
            &[GroupNotice::Torn {
                record,
                number: None,
            }],
            T0.plus_s(302),
        );
    }
    rider.present();
    rider.line = Line::breaking_after(usize::MAX);
    let end = second.tap_on(&mut rider, T0.plus_s(330), Task::Ride);
    assert!(
        matches!(end.outcome, TapOutcome::Accepted(_)),
        "crowded out: {end:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_settlement_travels_and_a_cut_one_is_refused(
        serial: [u8; 10], sequence: u16, is_cash: bool, by: [u8; 6], how in 0..3usize, at in 0..20usize,
    ) {
        let how = [Settlement::Recovered, Settlement::NotCommitted, Settlement::LetOn][how];
        let notice = GroupNotice::Settled {
            ride: RideKey { serial: Serial(serial), sequence, is_cash },
            by: Terminal(by),
            how,
        };
        let mut bytes = notice.encode();
        prop_assert_eq!(GroupNotice::decode(&bytes).unwrap(), notice);
        prop_assert!(GroupNotice::decode(&bytes[..at.min(bytes.len() - 1)]).is_err());
        bytes.push(0);
        prop_assert!(GroupNotice::decode(&bytes).is_err());
    }

    #[test]
    fn a_torn_card_travels_with_its_number_and_a_cut_one_is_refused(
        number: Option<[u8; 10]>, sequence: u16, at in 0..319usize,
    ) {
        let (mut rider, mut first, _) = setting();
        let torn = tear_paid(&mut first, &mut rider, T0);
        let [GroupNotice::Torn { record, .. }] = &torn.notices[..] else {
            unreachable!("a torn card is told");
        };
        let mut record = record.clone();
        record.sequence = sequence;
        let notice = GroupNotice::Torn { record, number: number.map(Serial) };
        let mut bytes = notice.encode();
        prop_assert_eq!(GroupNotice::decode(&bytes).unwrap(), notice);
        prop_assert!(GroupNotice::decode(&bytes[..at.min(bytes.len() - 1)]).is_err());
        bytes.push(0);
        prop_assert!(GroupNotice::decode(&bytes).is_err());
    }

    #[test]
    fn no_notice_panics(bytes in proptest::collection::vec(any::<u8>(), 0..330)) {
        let _ = GroupNotice::decode(&bytes);
    }
}
