//! Every flow from tap to record, with what it costs in commands.

use std::collections::BTreeSet;

use tongtu_crypto::Algorithm;
use tongtu_fare::{FareBook, Tariff};
use tongtu_purse::field::{Amount, BusState, Direction, RailState, TripKind};
use tongtu_purse::layout::{BusRecord, RailRecord, Trip};
use tongtu_purse::profile::{KeyIndex, Wallet};
use tongtu_tap_record::{RecordKind, Stage};
use tongtu_terminal::tap::{
    Counter, MakeUp, NoComposite, NoEntry, OpenRide, OverStay, Refusal, Say, TapEnd, TapNotice,
    TapOutcome, TapPost, Task, Ticket, Way,
};
use tongtu_types::Timestamp;

use super::fixture::{
    ISSUER, Liar, Post, Rider, T0, audit, bus, gate, long_line, profile, segmented,
};
use tongtu_purse::command::Sfi;

fn rider() -> Rider {
    Rider::with(&profile(0x17, Algorithm::Tdes), 5_000)
}

fn at(minutes: i64) -> Timestamp {
    T0.plus_s(minutes * 60)
}

fn stage(end: &TapEnd) -> Stage {
    match &end.outcome {
        TapOutcome::Accepted(ride) => ride.record.stage,
        other => panic!("{other:?}"),
    }
}

fn refusal(end: &TapEnd) -> &Refusal {
    match &end.outcome {
        TapOutcome::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

fn rail(rider: &mut Rider) -> RailRecord {
    RailRecord::decode(&rider.composite(1)).unwrap()
}

fn on_bus(rider: &mut Rider) -> BusRecord {
    BusRecord::decode(&rider.composite(2)).unwrap()
}

fn trip(rider: &mut Rider) -> Trip {
    Trip::decode(&rider.record(Sfi::TRIPS, 1)).unwrap()
}

fn counter() -> TapPost {
    TapPost::Counter(Counter {
        network: "METRO".parse().unwrap(),
        station: "0109".parse().unwrap(),
        card_line: 1,
    })
}

fn long_bus(stop: u8, vehicle: u8, number: u8) -> Post {
    let mut post = Post::new(number, segmented(stop, vehicle));
    post.tariff = long_line();
    post.profile.rules.open_ride = OpenRide::Settle;
    post.started()
}

#[test]
fn a_metro_ride_pays_at_the_exit_and_leaves_both_ends_on_the_card() {
    let mut rider = rider();
    let mut entry = Post::new(1, gate("0101", Way::Entry));
    let mut exit = Post::new(2, gate("0116", Way::Exit));
    assert_eq!(stage(&entry.tap(&mut rider, at(0))), Stage::Entry);
    assert_eq!(rail(&mut rider).state, RailState::ENTERED);
    assert_eq!(rail(&mut rider).entry_balance.fen().get(), 5_000);
    let end = exit.tap(&mut rider, at(40));
    assert_eq!(stage(&end), Stage::Exit);
    assert_eq!((end.exchanges.card, end.exchanges.psam), (7, 2));
    let record = end.outcome.ride().unwrap().record.clone();
    assert_eq!(
        (record.base, record.amount),
        (Amount::new(500), Amount::new(500))
    );
    assert_eq!(
        record.origin_terminal.number(),
        entry.psam.identity.terminal
    );
    assert_eq!(record.origin_at.to_string(), "2025-06-01 08:00:00");
    let written = rail(&mut rider);
    assert_eq!(
        (written.state, written.exit_amount),
        (RailState::EXITED, Amount::new(500))
    );
    let trip = trip(&mut rider);
    assert_eq!(
        (trip.kind, trip.balance.fen().get()),
        (TripKind::EXIT, 4_500)
    );
    audit(
        "metro",
        &mut rider,
        5_000,
        &mut [&mut entry, &mut exit],
        at(60),
    );
}

#[test]
fn the_rail_record_lets_in_and_out_by_its_state_alone() {
    let mut rider = rider();
    let mut entry = Post::new(1, gate("0101", Way::Entry));
    let mut exit = Post::new(2, gate("0105", Way::Exit));
    let end = exit.tap(&mut rider, at(0));
    assert_eq!(
        (refusal(&end), end.prompt.say),
        (&Refusal::NotInside, Say::NoEntry)
    );
    entry.tap(&mut rider, at(1));
    let end = entry.tap(&mut rider, at(2));
    assert_eq!(
        (refusal(&end), end.prompt.say),
        (&Refusal::AlreadyInside, Say::NotEnded)
    );
    exit.tap(&mut rider, at(20));
    assert_eq!(refusal(&exit.tap(&mut rider, at(21))), &Refusal::NotInside);
    audit(
        "states",
        &mut rider,
        5_000,
        &mut [&mut entry, &mut exit],
        at(60),
    );
}

#[test]
fn an_exit_without_entry_pays_the_dearest_ride_where_the_rules_say_so() {
    let mut rider = rider();
    let mut exit = Post::new(2, gate("0105", Way::Exit))
        .changed(|profile, _| profile.rules.no_entry = NoEntry::ChargeMax);
    let end = exit.tap(&mut rider, at(0));
    let record = &end.outcome.ride().unwrap().record;
    assert_eq!((record.base, record.penalty), (Amount::ZERO, record.amount));
    assert!(record.amount > Amount::new(600));
}

#[test]
fn an_entry_with_an_open_ride_settles_it_where_the_rules_say_so() {
    let mut rider = rider();
    let mut entry = Post::new(1, gate("0101", Way::Entry))
        .changed(|profile, _| profile.rules.open_ride = OpenRide::Settle);
    entry.tap(&mut rider, at(0));
    let marked = rail(&mut rider).marked;
    let end = entry.tap(&mut rider, at(300));
    let record = &end.outcome.ride().unwrap().record;
    assert_eq!((record.arrears, record.amount), (marked, marked));
    assert_eq!(
        end.prompt.notice,
        Some(TapNotice::Arrears { amount: marked })
    );
    assert_eq!(record.origin_at.to_string(), "2025-06-01 08:00:00");
    audit("settled", &mut rider, 5_000, &mut [&mut entry], at(400));
}

#[test]
fn who_entered_at_this_station_a_moment_ago_has_missed_no_exit() {
    let settles = |number, station| {
        Post::new(number, gate(station, Way::Entry))
            .changed(|profile, _| profile.rules.open_ride = OpenRide::Settle)
    };
    let mut entered = rider();
    settles(1, "0101").tap(&mut entered, at(0));
    // The gate beside, which was not told.
    let end = settles(2, "0101").tap(&mut entered.clone(), at(1));
    assert_eq!(refusal(&end), &Refusal::AlreadyInside);
    for (station, minutes) in [("0101", 3), ("0102", 1)] {
        let end = settles(2, station).tap(&mut entered.clone(), at(minutes));
        assert!(end.outcome.ride().unwrap().record.arrears > Amount::ZERO);
    }
}

#[test]
fn over_stay_is_charged_or_sent_to_the_counter_as_the_rules_say() {
    for (rule, refused) in [(OverStay::Charge, false), (OverStay::Counter, true)] {
        let mut rider = rider();
        Post::new(1, gate("0101", Way::Entry)).tap(&mut rider, at(0));
        let mut exit = Post::new(2, gate("0102", Way::Exit))
            .changed(|profile, _| profile.rules.over_stay = rule);
        let end = exit.tap(&mut rider, at(241));
        if refused {
            assert_eq!(refusal(&end), &Refusal::OverStay);
        } else {
            assert!(end.outcome.ride().unwrap().record.amount > Amount::new(1_000));
        }
    }
}

#[test]
fn a_ride_from_a_city_that_is_not_connected_does_not_end_here() {
    let mut rider = rider();
    let mut entry = Post::new(1, gate("0101", Way::Entry)).changed(|profile, _| {
        profile.city = tongtu_purse::field::City([0x58, 0x80]);
        profile.acceptor.0[3] = 0x80;
        profile.module.receivers = vec![ISSUER];
    });
    entry.tap(&mut rider, at(0));
    let mut exit = Post::new(2, gate("0105", Way::Exit));
    assert_eq!(
        refusal(&exit.tap(&mut rider, at(20))),
        &Refusal::NotConnected
    );
    let mut through = exit.changed(|profile, _| {
        profile.rules.through = vec![tongtu_purse::field::City([0x58, 0x80])];
    });
    assert_eq!(stage(&through.tap(&mut rider, at(21))), Stage::Exit);
}

#[test]
fn a_segmented_bus_marks_at_boarding_and_charges_at_alighting() {
    let mut rider = rider();
    let mut post = long_bus(1, 7, 1);
    let end = post.tap(&mut rider, at(0));
    assert_eq!((stage(&end), end.exchanges.card), (Stage::Boarding, 7));
    let boarded = on_bus(&mut rider);
    assert_eq!(
        (boarded.state, boarded.marked),
        (BusState::ON_BOARD, Amount::new(300))
    );
    assert_eq!(rider.balance(), 5_000);
    post.terminal.stand_at(segmented(3, 7));
    let end = post.tap(&mut rider, at(20));
    assert_eq!(stage(&end), Stage::Alighting);
    assert_eq!(end.outcome.ride().unwrap().record.amount, Amount::new(200));
    assert_eq!(on_bus(&mut rider).state, BusState::ALIGHTED);
    audit("segmented", &mut rider, 5_000, &mut [&mut post], at(60));
}

#[test]
fn a_missing_alighting_is_recovered_with_the_next_boarding() {
    let mut rider = rider();
    let mut first = long_bus(1, 7, 1);
    let mut second = long_bus(2, 8, 2);
    first.tap(&mut rider, at(0));
    let end = second.tap(&mut rider, at(90));
    let record = end.outcome.ride().unwrap().record.clone();
    assert_eq!(
        (record.stage, record.arrears),
        (Stage::Boarding, Amount::new(300))
    );
    assert_eq!(
        record.origin_terminal.number(),
        first.psam.identity.terminal
    );
    assert_eq!(
        end.prompt.notice,
        Some(TapNotice::Arrears {
            amount: Amount::new(300)
        })
    );
    assert_eq!(on_bus(&mut rider).on_vehicle, [8; 8]);
    audit(
        "missed",
        &mut rider,
        5_000,
        &mut [&mut first, &mut second],
        at(100),
    );
}

#[test]
fn the_other_direction_of_the_same_vehicle_ends_the_ride_before() {
    let mut rider = rider();
    let mut post = long_bus(1, 7, 1);
    post.tap(&mut rider, at(0));
    let TapPost::Segmented(mut back) = segmented(4, 7) else {
        unreachable!()
    };
    back.direction = Direction::DOWN;
    post.terminal.stand_at(TapPost::Segmented(back));
    let record = post
        .tap(&mut rider, at(60))
        .outcome
        .ride()
        .unwrap()
        .record
        .clone();
    assert_eq!(
        (record.stage, record.arrears),
        (Stage::Boarding, Amount::new(300))
    );
}

#[test]
fn a_boarding_wants_the_dearest_ride_on_the_card() {
    let mut rider = Rider::with(&profile(0x17, Algorithm::Tdes), 299);
    let mut post = long_bus(1, 7, 1);
    let end = post.tap(&mut rider, at(0));
    assert!(matches!(refusal(&end), Refusal::Insufficient { .. }));
    assert_eq!(on_bus(&mut rider).state, BusState::INITIAL);
    assert!(post.records().is_empty());
}

#[test]
fn a_card_without_composite_records_is_refused_or_pays_the_dearest_ride() {
    let mut without = profile(0x17, Algorithm::Tdes);
    without.files.retain(|file| file.sfi != Sfi::COMPOSITE);
    without.contents.retain(|(sfi, _)| *sfi != Sfi::COMPOSITE);
    let mut rider = Rider::with(&without, 5_000);
    let mut post = long_bus(1, 7, 1);
    assert_eq!(refusal(&post.tap(&mut rider, at(0))), &Refusal::NoComposite);
    let mut gate = Post::new(2, gate("0101", Way::Entry));
    assert_eq!(refusal(&gate.tap(&mut rider, at(1))), &Refusal::NoComposite);
    post.profile.rules.no_composite = NoComposite::ChargeMax;
    let mut post = post.started();
    let record = post
        .tap(&mut rider, at(2))
        .outcome
        .ride()
        .unwrap()
        .record
        .clone();
    assert_eq!(
        (record.kind, record.amount),
        (RecordKind::Purse, Amount::new(300))
    );
}

#[test]
fn a_ride_closed_at_the_counter_is_let_out_once_for_nothing() {
    let mut rider = rider();
    Post::new(1, gate("0101", Way::Entry)).tap(&mut rider, at(0));
    let mut pos = Post::new(3, counter());
    rider.present();
    let claim = MakeUp::CloseRail {
        amount: Some(Amount::new(500)),
    };
    let end = pos.tap_on(&mut rider, at(30), Task::MakeUp(claim));
    let record = end.outcome.ride().unwrap().record.clone();
    assert_eq!(
        (record.kind, record.stage),
        (RecordKind::MakeUp, Stage::Closing)
    );
    assert_eq!(
        (record.penalty, end.prompt.say),
        (Amount::new(500), Say::MadeUp)
    );
    assert_eq!(rail(&mut rider).state, RailState::EXIT_UPDATED);
    assert_eq!(trip(&mut rider).kind, TripKind::MAKE_UP);
    let mut exit = Post::new(2, gate("0109", Way::Exit));
    let end = exit.tap(&mut rider, at(31));
    assert_eq!(end.outcome.ride().unwrap().record.amount, Amount::ZERO);
    assert_eq!(refusal(&exit.tap(&mut rider, at(32))), &Refusal::NotInside);
    assert_eq!(rider.balance(), 4_500);
}

#[test]
fn an_entry_written_at_the_counter_pays_from_there() {
    let mut rider = rider();
    let mut pos = Post::new(3, counter());
    rider.present();
    let task = Task::MakeUp(MakeUp::WriteEntry {
        station: "0101".parse().unwrap(),
        penalty: Amount::ZERO,
    });
    let end = pos.tap_on(&mut rider, at(0), task);
    assert_eq!(end.outcome.ride().unwrap().record.stage, Stage::Renewal);
    assert_eq!(rail(&mut rider).state, RailState::ENTRY_UPDATED);
    let mut exit = Post::new(2, gate("0116", Way::Exit));
    let end = exit.tap(&mut rider, at(10));
    assert_eq!(end.outcome.ride().unwrap().record.amount, Amount::new(500));
}

#[test]
fn an_entry_renewed_at_the_counter_begins_its_time_anew() {
    let mut rider = rider();
    Post::new(1, gate("0101", Way::Entry)).tap(&mut rider, at(0));
    let mut pos = Post::new(3, counter());
    rider.present();
    let task = Task::MakeUp(MakeUp::RenewEntry {
        penalty: Amount::new(300),
    });
    let end = pos.tap_on(&mut rider, at(300), task);
    assert_eq!(end.outcome.ride().unwrap().record.penalty, Amount::new(300));
    let mut exit = Post::new(2, gate("0102", Way::Exit));
    let end = exit.tap(&mut rider, at(310));
    assert_eq!(end.outcome.ride().unwrap().record.amount, Amount::new(200));
}

#[test]
fn the_counter_closes_a_bus_ride_for_what_was_marked() {
    let mut rider = rider();
    long_bus(1, 7, 1).tap(&mut rider, at(0));
    let mut pos = Post::new(3, counter());
    rider.present();
    let end = pos.tap_on(
        &mut rider,
        at(30),
        Task::MakeUp(MakeUp::CloseBus { amount: None }),
    );
    assert_eq!(end.outcome.ride().unwrap().record.amount, Amount::new(300));
    assert_eq!(on_bus(&mut rider).state, BusState::ALIGHTED);
    rider.present();
    let again = Task::MakeUp(MakeUp::CloseBus { amount: None });
    let end = pos.tap_on(&mut rider, at(31), again);
    assert_eq!(refusal(&end), &Refusal::NothingToMakeUp);
}

/// A card whose key index 2 stands for a second ticket of three rides.
fn with_ticket() -> Rider {
    let mut profile = profile(0x17, Algorithm::Tdes);
    profile.ticket = Some((3, 60));
    profile.indexes[1] = KeyIndex {
        wallet: Wallet::Ticket,
        ..KeyIndex::purse(2, Algorithm::Tdes, 1)
    };
    Rider::with(&profile, 5_000)
}

#[test]
fn the_second_ticket_pays_as_long_as_it_lasts_and_then_the_purse() {
    let mut rider = with_ticket();
    let mut post = Post::new(1, bus()).changed(|profile, _| {
        profile.rules.ticket = Some(Ticket {
            key_index: 2,
            units: Amount::new(1),
        });
    });
    let kinds: Vec<_> = (0..5)
        .map(|ride| {
            post.tap(&mut rider, at(ride))
                .outcome
                .ride()
                .unwrap()
                .record
                .kind
        })
        .collect();
    let expected = [RecordKind::Ticket; 3]
        .into_iter()
        .chain([RecordKind::Purse; 2]);
    assert_eq!(kinds, expected.collect::<Vec<_>>());
    assert_eq!(rider.balance(), 4_600);
    let mut without = profile(0x18, Algorithm::Tdes);
    without.indexes.truncate(1);
    let mut plain = Rider::with(&without, 5_000);
    let end = post.tap(&mut plain, at(10));
    assert_eq!(end.outcome.ride().unwrap().record.kind, RecordKind::Purse);
}

#[test]
fn a_card_on_the_blacklist_is_locked_recorded_and_refused_for_ever() {
    let mut rider = rider();
    let serial = rider.profile.public.serial;
    let mut post =
        Post::new(1, bus()).changed(|_, lists| lists.blacklist = BTreeSet::from([serial.0]));
    let end = post.tap(&mut rider, at(0));
    assert_eq!(refusal(&end), &Refusal::Blacklisted { locked: true });
    assert_eq!(end.prompt.say, Say::SeeIssuer);
    assert_eq!(rider.instructions(), [0xA4, 0x50, 0x84, 0x1E]);
    let records = post.records();
    assert_eq!((records.len(), records[0].kind), (1, RecordKind::Lock));
    let end = post.tap(&mut rider, at(1));
    assert_eq!(refusal(&end), &Refusal::Blocked { permanently: true });
}

#[test]
fn one_terminal_locks_cards_of_both_algorithms_whatever_its_rules_name() {
    for named in [0x00, 0x04] {
        let made = [(0x17, Algorithm::Tdes), (0x18, Algorithm::Sm4)];
        let riders = made.map(|(last, algorithm)| Rider::with(&profile(last, algorithm), 5_000));
        let mut post = Post::new(1, bus()).changed(|profile, lists| {
            lists.blacklist = riders.iter().map(|r| r.profile.public.serial.0).collect();
            profile.rules.lock.as_mut().unwrap().algorithm = named;
        });
        for (mut rider, minute) in riders.into_iter().zip(0..) {
            let end = post.tap(&mut rider, at(minute));
            assert_eq!(refusal(&end), &Refusal::Blacklisted { locked: true });
            assert_eq!(rider.instructions(), [0xA4, 0x50, 0x84, 0x1E]);
        }
        let algorithms: Vec<u8> = post.records().iter().map(|r| r.algorithm).collect();
        assert_eq!(algorithms, [0x00, 0x04], "{named:02X}");
    }
}

#[test]
fn a_card_whose_maintenance_is_of_its_other_set_is_locked_at_the_second_try() {
    for (purchases, maintenance) in [(Algorithm::Tdes, 1), (Algorithm::Sm4, 0)] {
        let mut made = profile(0x17, purchases);
        made.settings.algorithm = maintenance;
        let mut rider = Rider::with(&made, 5_000);
        let mut post = Post::new(1, bus()).changed(|_, lists| {
            lists.blacklist = BTreeSet::from([made.public.serial.0]);
        });
        let end = post.tap(&mut rider, at(0));
        assert_eq!(refusal(&end), &Refusal::Blacklisted { locked: true });
        let twice = [0xA4, 0x50, 0x84, 0x1E, 0x84, 0x1E];
        assert_eq!(rider.instructions(), twice, "{purchases:?}");
        assert_eq!(post.records().len(), 1);
    }
}

#[test]
fn a_card_that_does_not_say_its_algorithm_is_locked_by_the_rules() {
    let mut rider = Rider::with(&profile(0x17, Algorithm::Sm4), 5_000);
    let serial = rider.profile.public.serial;
    let mut post = Post::new(1, bus()).changed(|profile, lists| {
        lists.blacklist = BTreeSet::from([serial.0]);
        profile.rules.lock.as_mut().unwrap().algorithm = 4;
    });
    rider.present();
    let lie = Box::new(|apdu: &[u8], answer| match apdu[1] {
        0x50 => vec![0x94, 0x03],
        _ => answer,
    });
    let rider = &mut rider;
    let end = post.tap_on(&mut Liar { rider, lie }, at(0), Task::Ride);
    assert_eq!(refusal(&end), &Refusal::Blacklisted { locked: true });
    assert_eq!(post.records()[0].algorithm, 4);
}

#[test]
fn a_lock_that_fails_is_recorded_with_its_status_and_refused_all_the_same() {
    let mut rider = rider();
    let serial = rider.profile.public.serial;
    let mut post = Post::new(1, bus()).changed(|_, lists| {
        lists.blacklist = BTreeSet::from([serial.0]);
    });
    rider.present();
    // A MAC over another challenge is wrong with either key.
    let lie = Box::new(|apdu: &[u8], mut answer: Vec<u8>| {
        if apdu[1] == 0x84 {
            answer[0] ^= 1;
        }
        answer
    });
    let rider = &mut rider;
    let end = post.tap_on(&mut Liar { rider, lie }, at(0), Task::Ride);
    assert_eq!(refusal(&end), &Refusal::Blacklisted { locked: false });
    assert_eq!(post.records()[0].status.value(), 0x6988);
}

#[test]
fn the_same_card_is_not_taken_twice_at_once_and_a_gate_opens_once_more() {
    let mut rider = rider();
    let mut post = Post::new(1, bus());
    post.tap(&mut rider, at(0));
    let end = post.tap(&mut rider, T0.plus_s(3));
    assert_eq!(
        (refusal(&end), end.prompt.say),
        (&Refusal::ReTap, Say::AlreadyTapped)
    );
    assert_eq!(stage(&post.tap(&mut rider, T0.plus_s(10))), Stage::Single);
    let mut gate = Post::new(2, gate("0101", Way::Entry));
    gate.tap(&mut rider, at(1));
    let end = gate.tap(&mut rider, at(1).plus_s(10));
    assert!(matches!(end.outcome, TapOutcome::Reopened(_)), "{end:?}");
    assert_eq!(rider.instructions(), [0xA4, 0x5A]);
    let end = gate.tap(&mut rider, at(1).plus_s(15));
    assert_eq!(refusal(&end), &Refusal::AlreadyInside);
    audit(
        "reopened",
        &mut rider,
        5_000,
        &mut [&mut post, &mut gate],
        at(60),
    );
}

#[test]
fn a_low_balance_is_said() {
    let mut rider = Rider::with(&profile(0x17, Algorithm::Tdes), 1_100);
    let end = Post::new(1, bus()).tap(&mut rider, at(0));
    assert_eq!(end.prompt.notice, Some(TapNotice::LowBalance));
    assert!(
        end.prompt
            .display(tongtu_terminal::Lang::Zh)
            .contains("余额 9.00 元")
    );
}

#[test]
fn a_bus_that_leaves_trips_is_seen_by_the_next_line_that_counts_transfers() {
    let TapPost::Single(mut single) = bus() else {
        unreachable!()
    };
    single.leaves_trip = true;
    let mut rider = rider();
    let mut first = Post::new(1, TapPost::Single(single));
    let end = first.tap(&mut rider, at(0));
    assert_eq!(end.exchanges.card, 5);
    let left = trip(&mut rider);
    assert_eq!(
        (left.kind, left.amount),
        (TripKind::SINGLE, Amount::new(200))
    );
    assert_eq!(left.balance.fen().get(), 4_800);
    let mut second = Post::new(2, bus()).changed(|profile, _| profile.rules.transfers = true);
    let end = second.tap(&mut rider, at(10));
    assert_eq!((end.exchanges.card, stage(&end)), (5, Stage::Single));
    assert!(
        rider.instructions().contains(&0xB2),
        "the newest trip is read"
    );
}

/// Half fare for students, one yuan off within an hour of another bus.
const BOOK: &str = "fare-book 2\ncity 5810 | 广州 | Guangzhou\nversion 3\neffective 2018-01-01\n\
    currency CNY\n\nclass ordinary | 普通卡 | Ordinary | 1\n\
    class student | 学生卡 | Student | 2\n\n\
    concession student | 学生半价 | Students half fare | class=student | 50%\n\
    transfer bus | 公交换乘 | Bus transfer | means=card after=bus mode=bus within=3600 | -1.00\n\n\
    flat B00001 | 1路 | Bus 1 | 2.00\nflat B00002 | 2路 | Bus 2 | 2.00\n";

fn priced(number: u8, line: &str, card_line: u8) -> Post {
    let TapPost::Single(mut single) = bus() else {
        unreachable!()
    };
    single.line = line.parse().unwrap();
    single.card_line = [0, card_line];
    single.leaves_trip = true;
    let mut post = Post::new(number, TapPost::Single(single));
    let mut tariff = Tariff::default();
    tariff
        .adopt(FareBook::parse(BOOK.as_bytes()).unwrap())
        .unwrap();
    post.tariff = std::sync::Arc::new(tariff);
    post.profile.rules.transfers = true;
    post.started()
}

#[test]
fn te12_a_student_pays_what_the_book_says_and_the_record_shows_the_parts() {
    let mut student = profile(0x17, Algorithm::Tdes);
    student.transit.kind = tongtu_purse::field::CardKind::STUDENT;
    let mut rider = Rider::with(&student, 5_000);
    let mut post = priced(1, "B00001", 1);
    let record = post
        .tap(&mut rider, at(0))
        .outcome
        .ride()
        .unwrap()
        .record
        .clone();
    let parts = (record.base, record.discount, record.amount);
    assert_eq!(
        parts,
        (Amount::new(200), Amount::new(100), Amount::new(100))
    );
    assert_eq!(record.fares, 3);
    audit("student", &mut rider, 5_000, &mut [&mut post], at(60));
}

#[test]
fn np04_the_second_bus_within_the_hour_is_cheaper_and_later_it_is_not() {
    for (minutes, transfer) in [(30, 100), (61, 0)] {
        let mut rider = rider();
        let mut first = priced(1, "B00001", 1);
        let mut second = priced(2, "B00002", 2);
        first.tap(&mut rider, at(0));
        let end = second.tap(&mut rider, at(minutes));
        let record = end.outcome.ride().unwrap().record.clone();
        assert_eq!(record.transfer, Amount::new(transfer), "{minutes}");
        assert_eq!(record.amount, Amount::new(200 - transfer));
        audit(
            "transfer",
            &mut rider,
            5_000,
            &mut [&mut first, &mut second],
            at(90),
        );
    }
}
