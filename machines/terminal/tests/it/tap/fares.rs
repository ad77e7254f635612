//! What a tap costs is what the fare engine says of the ride, the rider and the card's history.

use std::sync::Arc;

use proptest::prelude::*;
use tongtu_crypto::Algorithm;
use tongtu_fare::{
    BEIJING, Class, Fare, FareBook, GUANGZHOU, HANGZHOU, History, Journey, Means, NANJING, Ride,
    SHANGHAI, SHENZHEN, Tariff,
};
use tongtu_purse::command::Sfi;
use tongtu_purse::field::{CardKind, City, Industry};
use tongtu_purse::layout::LocalHistory;
use tongtu_tap_record::TapRecord;
use tongtu_terminal::tap::{
    NoEntry, OpenRide, Refusal, Rules, Single, TapOutcome, TapPost, Task, Way,
};
use tongtu_testkit::tear::Line;
use tongtu_types::{CityCode, StationCode, Timestamp};

use super::fixture::{Post, Rider, T0, bus, gate, lists, profile, tap_profile};
use super::module::TestPsam;
use crate::fixture::MemoryStore;

/// Every kind of rule that a card's history decides: sums of the month, rides of the day,
/// transfers with a chain, and rides that are not whole.
const BOOK: &str = "fare-book 2\ncity 5810 | 广州 | Guangzhou\nversion 3\neffective 2018-01-01\n\
    currency CNY\n\nclass ordinary | 普通卡 | Ordinary | 1\nclass student | 学生卡 | Student | 2\n\
    counter 1 | month | paid | mode=metro,bus\ncounter 3 | day | rides | mode=bus\n\
    concession student | 学生半价 | Students half fare | class=student | 50%\n\
    means card | 刷卡九五折 | Card discount | concession=no means=card mode=metro | 95%\n\
    transfer bus | 公交换乘 | After a bus | means=card after=bus mode=bus,metro within=3600 chain=2 | -0.55\n\
    transfer metro | 地铁换乘 | After the metro | means=card after=metro mode=bus within=3600 | -1.00\n\
    accumulation month | 月累计 | By the month | concession=no mode=metro | 1\n\
    from 10.00 | 80%\nfrom 20.00 | 50%\n\
    accumulation day | 日累计 | By the day | concession=no mode=bus | 3\nfrom 3 | 60%\n\
    repair missing-exit | mode=metro | farthest | rider | 14400\n\
    repair missing-entry | mode=metro | highest | rider | 14400\n\n\
    flat B00001 | 1路 | Bus 1 | 2.00\nflat B00002 | 2路 | Bus 2 | 3.00\n\n\
    route METRO | 地铁 | Metro\nmode metro\nstay 14400 | max-fare\nladder 4000 | 2.00\n\
    step inf | 4000\nstop 01 | 甲 | A | 0\nstop 02 | 乙 | B | 3000\nstop 03 | 丙 | C | 9000\n\
    stop 04 | 丁 | D | 15000\n";

fn parsed(text: &str) -> FareBook {
    FareBook::parse(text.as_bytes()).unwrap()
}

/// A terminal of the city of a book.
fn post(number: u8, at: TapPost, text: &str, rules: Rules) -> Post {
    let mut tariff = Tariff::default();
    tariff.adopt(parsed(text)).unwrap();
    let city = tariff.books()[0].city().code;
    let mut profile = tap_profile(at, rules);
    profile.city = bcd(city);
    [profile.acceptor.0[2], profile.acceptor.0[3]] = profile.city.0;
    let mut psam = TestPsam::new(number);
    psam.identity.receiver = profile.acceptor;
    Post::start(
        profile,
        lists(),
        Arc::new(tariff),
        psam,
        MemoryStore::default(),
    )
}

fn bcd(city: CityCode) -> City {
    let digits = tongtu_codec::hex_decode(city.as_str()).unwrap();
    City(digits.try_into().unwrap())
}

fn keeping() -> Rules {
    Rules {
        history: true,
        open_ride: OpenRide::ByBook,
        no_entry: NoEntry::ByBook,
        ..Rules::default()
    }
}

fn line(number: u8) -> TapPost {
    let TapPost::Single(single) = bus() else {
        unreachable!()
    };
    TapPost::Single(Single {
        line: format!("B0000{number}").parse().unwrap(),
        card_line: [0, number],
        leaves_trip: true,
        ..single
    })
}

fn card(kind: CardKind, city: CityCode, fen: u32) -> Rider {
    let mut made = profile(0x17, Algorithm::Tdes);
    made.transit.kind = kind;
    made.transit.city = bcd(city);
    Rider::with(&made, fen)
}

fn at(minutes: i64) -> Timestamp {
    T0.plus_s(minutes * 60)
}

fn record(outcome: &TapOutcome) -> &TapRecord {
    match outcome {
        TapOutcome::Accepted(ride) => &ride.record,
        other => panic!("{other:?}"),
    }
}

fn local(rider: &mut Rider, city: City) -> Option<LocalHistory> {
    LocalHistory::of_city(city, &rider.record(Sfi::LOCAL, 1))
}

/// A ride of one tap by bus, or of two by metro, and how long after the one before.
#[derive(Debug, Clone, Copy)]
enum Trip {
    Bus(u8),
    Metro(&'static str, &'static str, i64),
    /// Out without having gone in.
    Out(&'static str),
}

/// A city's terminals and one card.
struct Town {
    book: FareBook,
    text: &'static str,
    rules: Rules,
    rider: Rider,
    kind: CardKind,
    now: Timestamp,
}

impl Town {
    fn new(text: &'static str, kind: CardKind, rules: Rules) -> Self {
        let book = parsed(text);
        let rider = card(kind, book.city().code, 90_000);
        Self {
            book,
            text,
            rules,
            rider,
            kind,
            now: T0,
        }
    }

    fn tap(&mut self, number: u8, place: TapPost) -> TapRecord {
        let mut post = post(number, place, self.text, self.rules.clone());
        let end = post.tap(&mut self.rider, self.now);
        let record = record(&end.outcome).clone();
        let parts = i64::from(record.base.get())
            - i64::from(record.discount.get())
            - i64::from(record.transfer.get())
            + i64::from(record.penalty.get())
            + i64::from(record.arrears.get());
        assert_eq!(parts, i64::from(record.amount.get()), "{record:?}");
        record
    }

    /// Rides, and gives the record of the charge with the ride as the engine takes it.
    fn rides(&mut self, trip: Trip, wait_s: i64) -> (TapRecord, Journey) {
        self.now = self.now.plus_s(wait_s);
        let code = |text: &str| text.parse::<StationCode>().unwrap();
        let network = "METRO".parse().unwrap();
        let (record, ride) = match trip {
            Trip::Bus(number) => {
                let line_code = format!("B0000{number}").parse().unwrap();
                (
                    self.tap(number, line(number)),
                    Ride::Flat { line: line_code },
                )
            }
            Trip::Metro(from, to, stayed_s) => {
                let inside = self.tap(3, gate(from, Way::Entry));
                assert_eq!(inside.amount.get(), 0);
                self.now = self.now.plus_s(stayed_s);
                let (entry, exit) = (code(from), code(to));
                let ride = Ride::Distance {
                    network,
                    entry,
                    exit,
                    stayed_s: u32::try_from(stayed_s).unwrap(),
                };
                (self.tap(4, gate(to, Way::Exit)), ride)
            }
            Trip::Out(to) => {
                let exit = code(to);
                let line = network;
                (
                    self.tap(4, gate(to, Way::Exit)),
                    Ride::MissingEntry { line, exit },
                )
            }
        };
        (record, Journey::new(ride, self.now))
    }

    fn payer(&self) -> tongtu_fare::Rider {
        tongtu_fare::Rider {
            class: Class(self.kind.0),
            means: Means::Card,
            home: self.book.city().code,
            age: None,
        }
    }
}

fn parts(record: &TapRecord) -> [i64; 5] {
    [
        record.amount,
        record.base,
        record.discount,
        record.transfer,
        record.penalty,
    ]
    .map(|amount| i64::from(amount.get()))
}

fn explained(fare: &Fare) -> [i64; 5] {
    [
        fare.amount,
        fare.base,
        fare.discount,
        fare.transfer,
        fare.penalty,
    ]
    .map(|fen| fen.get())
}

fn any_trip() -> impl Strategy<Value = (Trip, i64)> {
    let stop = || prop::sample::select(&["01", "02", "03", "04"][..]);
    let trip = prop_oneof![
        3 => (1..=2u8).prop_map(Trip::Bus),
        4 => (stop(), stop(), prop_oneof![6 => 60..7_000i64, 1 => 14_000..20_000i64])
            .prop_map(|(from, to, stayed_s)| Trip::Metro(from, to, stayed_s)),
        1 => stop().prop_map(Trip::Out),
    ];
    let wait =
        prop_oneof![6 => 130..4_000i64, 1 => 40_000..100_000i64, 1 => 2_000_000..3_000_000i64];
    (trip, wait)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The engine is asked with a history that it made itself, never with the card's.
    #[test]
    fn the_card_pays_what_the_engine_charges_and_the_record_has_the_parts_of_its_explanation(
        trips in prop::collection::vec(any_trip(), 1..12),
        is_student: bool,
        reads_trips: bool,
    ) {
        let kind = if is_student { CardKind::STUDENT } else { CardKind::ORDINARY };
        let rules = Rules { transfers: reads_trips, ..keeping() };
        let mut town = Town::new(BOOK, kind, rules);
        let mut history = History::default();
        for (trip, wait_s) in trips {
            let (record, journey) = town.rides(trip, wait_s);
            let quote = town.book.explain(&journey, &town.payer(), &history).unwrap();
            prop_assert_eq!(parts(&record), explained(&quote.fare), "{:?}", trip);
            prop_assert_eq!(quote.amount, quote.fare.amount);
            let charged = town.book.charge(&journey, &town.payer(), &history).unwrap();
            history = charged.history;
        }
    }
}

/// One row: yuan to be paid for each ride in turn, ten minutes apart.
fn golden(text: &'static str, kind: CardKind, rides: &[(Trip, u32)]) {
    let mut town = Town::new(text, kind, keeping());
    for (nth, (trip, fen)) in rides.iter().enumerate() {
        let (record, _) = town.rides(*trip, 600);
        let city = town.book.city().code;
        assert_eq!(record.amount.get(), *fen, "{city} ride {nth}: {trip:?}");
    }
}

/// Worked out by hand from the rules in the books' heads.
#[test]
fn rides_of_six_cities_by_card() {
    use Trip::{Bus, Metro};
    let (ordinary, student) = (CardKind::ORDINARY, CardKind::STUDENT);
    let (elder, military) = (CardKind::ELDER, CardKind::MILITARY);
    // 30.44 km for 6.00; buses at half, a quarter for students, nothing for elders.
    let beijing = Metro("0101", "0123", 3_600);
    golden(BEIJING, ordinary, &[(beijing, 600), (Bus(1), 100)]);
    golden(BEIJING, student, &[(beijing, 600), (Bus(1), 50)]);
    golden(BEIJING, elder, &[(beijing, 600), (Bus(1), 0)]);
    golden(BEIJING, military, &[(beijing, 0), (Bus(1), 0)]);
    // After 100.00 in a month 80%, after 150.00 half: 17 rides make 102.00, and then 4.80 each.
    let mut month = vec![(beijing, 600); 17];
    month.extend([(beijing, 480); 10]);
    month.push((beijing, 300));
    golden(BEIJING, ordinary, &month);
    let guangzhou = Metro("0101", "0116", 2_400);
    golden(GUANGZHOU, student, &[(guangzhou, 250), (Bus(1), 100)]);
    golden(GUANGZHOU, elder, &[(guangzhou, 0), (Bus(1), 0)]);
    // After 80.00 by bus and metro 80%.
    let mut month = vec![(guangzhou, 500); 15];
    month.extend([
        (Bus(1), 200),
        (Bus(2), 200),
        (Bus(1), 200),
        (guangzhou, 400),
        (Bus(2), 160),
    ]);
    golden(GUANGZHOU, ordinary, &month);
    // Bus, metro, bus: 1.00 less each time; after 70.00 on the metro 90%.
    let shanghai = Metro("K0", "K6.1", 1_200);
    golden(
        SHANGHAI,
        ordinary,
        &[(Bus(1), 200), (shanghai, 300), (Bus(2), 100), (Bus(1), 100)],
    );
    let mut month = vec![(Metro("K0", "K16.1", 1_200), 500); 14];
    month.push((shanghai, 360));
    golden(SHANGHAI, ordinary, &month);
    // 95%, and 0.40 less again after a bus.
    let shenzhen = Metro("K0", "K8", 1_200);
    golden(
        SHENZHEN,
        ordinary,
        &[(shenzhen, 285), (Bus(1), 200), (shenzhen, 245)],
    );
    // 91%, and 1.00 less after a bus.
    let hangzhou = Metro("K0", "K8", 1_200);
    golden(
        HANGZHOU,
        ordinary,
        &[
            (hangzhou, 273),
            (Bus(1), 200),
            (hangzhou, 173),
            (hangzhou, 273),
        ],
    );
    let nanjing = Metro("K0", "K4.1", 1_200);
    golden(NANJING, ordinary, &[(nanjing, 285)]);
    golden(NANJING, student, &[(nanjing, 150)]);
}

#[test]
fn sums_and_ride_are_committed_together_wherever_the_card_is_torn_away() {
    let whole = {
        let mut rider = card(CardKind::ORDINARY, parsed(BOOK).city().code, 5_000);
        let end = post(1, line(1), BOOK, keeping()).tap(&mut rider, at(0));
        assert_eq!((end.exchanges.card, end.exchanges.psam), (7, 2));
        let log = rider.log.iter();
        log.map(|(command, answer)| command.len() + answer.len())
            .sum::<usize>()
    };
    for bytes in (0..whole).step_by(3) {
        let mut rider = card(CardKind::ORDINARY, parsed(BOOK).city().code, 5_000);
        let mut post = post(1, line(1), BOOK, keeping());
        rider.present();
        rider.line = Line::breaking_after(bytes);
        let _ = post.tap_on(&mut rider, at(0), Task::Ride);
        for again_s in [4, 400] {
            post.close(at(0).plus_s(again_s)).unwrap();
            let _ = post.tap(&mut rider, at(0).plus_s(again_s));
        }
        let debits = rider.debits();
        let paid: i64 = debits.iter().map(|debit| debit.amount.fen().get()).sum();
        let kept = local(&mut rider, City([0x58, 0x10])).unwrap();
        assert_eq!(kept.sum_1.fen().get(), paid, "torn after {bytes} bytes");
        let rides = debits.iter().filter(|debit| debit.amount.get() > 0).count();
        assert_eq!(kept.sum_3.fen().get(), i64::try_from(rides).unwrap());
    }
}

#[test]
fn a_card_of_another_city_or_with_another_form_is_charged_without_history_and_left_alone() {
    let stranger = card(CardKind::ORDINARY, "1000".parse().unwrap(), 5_000);
    let mut foreign = profile(0x18, Algorithm::Tdes);
    for (sfi, records) in &mut foreign.contents {
        if *sfi == Sfi::LOCAL {
            records[0][3..5].copy_from_slice(&[0x25, 0x06]);
        }
    }
    for mut rider in [stranger, Rider::with(&foreign, 5_000)] {
        let before = rider.record(Sfi::LOCAL, 1);
        for ride in 0..5 {
            let mut post = post(1, line(1), BOOK, keeping());
            let end = post.tap(&mut rider, at(20 * ride));
            // No transfer, and no fourth bus of the day.
            assert_eq!(record(&end.outcome).amount.get(), 200);
        }
        assert_eq!(rider.record(Sfi::LOCAL, 1), before);
    }
}

#[test]
fn a_purchase_that_cannot_write_is_priced_by_the_history_and_leaves_it_as_it_was() {
    let home = parsed(BOOK).city().code;
    let mut rider = card(CardKind::ORDINARY, home, 5_000);
    post(1, line(1), BOOK, keeping()).tap(&mut rider, at(0));
    let kept = local(&mut rider, bcd(home));
    let TapPost::Single(single) = line(2) else {
        unreachable!()
    };
    let plain = TapPost::Single(Single {
        leaves_trip: false,
        ..single
    });
    let end = post(2, plain, BOOK, keeping()).tap(&mut rider, at(10));
    assert_eq!(record(&end.outcome).amount.get(), 245);
    assert_eq!(local(&mut rider, bcd(home)), kept);
}

#[test]
fn the_metro_after_a_bus_is_a_transfer_by_the_trips_alone_though_its_entry_lies_between() {
    let rules = Rules {
        transfers: true,
        ..Rules::default()
    };
    for (place, transfer) in [(line(1), 100), (gate("K6", Way::Exit), 0)] {
        let mut rider = card(CardKind::ORDINARY, "2900".parse().unwrap(), 5_000);
        let tap = |rider: &mut Rider, number, place, minutes| {
            let mut post = post(number, place, SHANGHAI, rules.clone());
            record(&post.tap(rider, at(minutes)).outcome).clone()
        };
        if transfer == 0 {
            tap(&mut rider, 3, gate("K0", Way::Entry), 0);
        }
        tap(&mut rider, 1, place, 5);
        tap(&mut rider, 3, gate("K0", Way::Entry), 15);
        let out = tap(&mut rider, 4, gate("K6.1", Way::Exit), 40);
        assert_eq!(
            (out.transfer.get(), out.amount.get()),
            (transfer, 400 - transfer)
        );
        assert_eq!(out.industry, Industry::RAIL);
        // A trip of another city is none to change from.
        let elsewhere = record(
            &post(5, line(1), SHENZHEN, rules.clone())
                .tap(&mut rider, at(50))
                .outcome,
        )
        .clone();
        assert_eq!(elsewhere.transfer.get(), 0);
    }
}

#[test]
fn rides_that_are_not_whole_cost_what_the_book_says_or_go_to_the_counter() {
    let home = parsed(BOOK).city().code;
    let mut rider = card(CardKind::ORDINARY, home, 5_000);
    // Out without an entry: the highest fare, 6.00 for 15 km; nothing is taken off it.
    let end = post(4, gate("02", Way::Exit), BOOK, keeping()).tap(&mut rider, at(0));
    assert_eq!(parts(record(&end.outcome)), [500, 0, 0, 0, 500]);
    // In at 03 and never out: the farthest stop from there is 9 km away.
    post(3, gate("03", Way::Entry), BOOK, keeping()).tap(&mut rider, at(10));
    let end = post(3, gate("01", Way::Entry), BOOK, keeping()).tap(&mut rider, at(300));
    let settled = record(&end.outcome);
    assert_eq!((settled.arrears.get(), settled.amount.get()), (400, 400));
    // Guangzhou's back office settles both, so that the gates take nothing.
    let mut rider = card(CardKind::ORDINARY, home, 5_000);
    let end = post(4, gate("0105", Way::Exit), GUANGZHOU, keeping()).tap(&mut rider, at(0));
    assert_eq!(record(&end.outcome).amount.get(), 0);
    let enter = |rider: &mut Rider, text, minutes| {
        let place = gate(if text == BOOK { "01" } else { "0101" }, Way::Entry);
        post(3, place, text, keeping())
            .tap(rider, at(minutes))
            .outcome
    };
    enter(&mut rider, GUANGZHOU, 10);
    let again = enter(&mut rider, GUANGZHOU, 20);
    assert_eq!(
        (record(&again).arrears.get(), record(&again).amount.get()),
        (0, 0)
    );
    // A book that says nothing of it.
    let silent: &'static str = BOOK.replace("repair ", "# repair ").leak();
    let mut rider = card(CardKind::ORDINARY, home, 5_000);
    let out = post(4, gate("02", Way::Exit), silent, keeping()).tap(&mut rider, at(0));
    assert_eq!(out.outcome, TapOutcome::Refused(Refusal::NotInside));
    post(3, gate("01", Way::Entry), silent, keeping()).tap(&mut rider, at(10));
    let again = post(3, gate("01", Way::Entry), silent, keeping()).tap(&mut rider, at(20));
    assert_eq!(again.outcome, TapOutcome::Refused(Refusal::AlreadyInside));
}
