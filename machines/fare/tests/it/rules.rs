//! The published rule sets of seven cities: tables, sequences of a month, transfers, ages.

use tongtu_fare::{
    BEIJING, Charged, Class, FareBook, GUANGZHOU, HANGZHOU, History, Journey, Means, NANJING, Ride,
    Rider, SHANGHAI, SHENZHEN,
};
use tongtu_types::{Fen, Timestamp};

use crate::book;

/// 2026-03-02 10:00 China time, a Monday.
const MONDAY: Timestamp = Timestamp::new(1_772_416_800);

/// A rider with her history, riding one after the other.
struct Traveller<'a> {
    book: &'a FareBook,
    rider: Rider,
    history: History,
    now: Timestamp,
}

impl<'a> Traveller<'a> {
    fn new(book: &'a FareBook, class: Class, means: Means) -> Self {
        let rider = Rider {
            class,
            ..Rider::ordinary(means, book.city().code)
        };
        Self {
            book,
            rider,
            history: History::default(),
            now: MONDAY,
        }
    }

    fn aged(mut self, age: u8) -> Self {
        self.rider.age = Some(age);
        self
    }

    fn at(mut self, now: Timestamp) -> Self {
        self.now = now;
        self
    }

    /// Charges a journey, holds the explanation to the charge, and remembers the ride.
    fn charged(&mut self, journey: &Journey) -> Charged {
        let charged = self
            .book
            .charge(journey, &self.rider, &self.history)
            .unwrap();
        let quote = self
            .book
            .explain(journey, &self.rider, &self.history)
            .unwrap();
        assert_eq!(quote.fare, charged.fare);
        let effects: i64 = quote.steps.iter().map(|step| step.effect().get()).sum();
        assert_eq!(effects, charged.fare.amount.get(), "{:#?}", quote.steps);
        let fare = charged.fare;
        let split =
            fare.base.get() - fare.discount.get() - fare.transfer.get() + fare.penalty.get();
        assert_eq!(split, fare.amount.get());
        self.history = charged.history;
        charged
    }

    fn rides(&mut self, ride: Ride) -> String {
        self.charged(&Journey::new(ride, self.now))
            .fare
            .amount
            .to_string()
    }
}

/// From the first post of a measuring line to the one at that kilometre.
fn post(line: &str, km: &str, stayed_s: u32) -> Ride {
    Ride::Distance {
        network: line.parse().unwrap(),
        entry: "K0".parse().unwrap(),
        exit: format!("K{km}").parse().unwrap(),
        stayed_s,
    }
}

fn flat(line: &str) -> Ride {
    let line = line.parse().unwrap();
    Ride::Flat { line }
}

/// Some ride of the network at that ordinary fare.
fn ride_at(book: &FareBook, fare: i64) -> Ride {
    let network = "METRO".parse().unwrap();
    let rows = book.table(network).unwrap();
    let row = rows.iter().find(|row| row.fare == Fen::new(fare)).unwrap();
    Ride::Distance {
        network,
        entry: row.entry,
        exit: row.exit,
        stayed_s: 1800,
    }
}

/// Rides so many times and compares each fare with that of its place: (first ride, fare).
fn sequence(traveller: &mut Traveller<'_>, ride: Ride, count: u32, fares: &[(u32, &str)]) {
    for number in 1..=count {
        let (_, expected) = fares
            .iter()
            .rev()
            .find(|(from, _)| number >= *from)
            .unwrap();
        assert_eq!(traveller.rides(ride), *expected, "ride {number}");
    }
}

/// Rows are kilometres and yuan.
fn table(text: &str, line: &str, class: Class, means: Means, rows: &[(&str, &str)]) {
    let book = book(text);
    for (km, yuan) in rows {
        let mut traveller = Traveller::new(&book, class, means);
        assert_eq!(traveller.rides(post(line, km, 600)), *yuan, "{km} km");
    }
}

#[test]
fn beijing_metro_month_of_five_yuan_rides() {
    let book = book(BEIJING);
    for means in [Means::Card, Means::Code] {
        let mut traveller = Traveller::new(&book, Class::ORDINARY, means);
        let fares = [(1, "5.00"), (21, "4.00"), (34, "2.50"), (134, "5.00")];
        sequence(&mut traveller, ride_at(&book, 500), 140, &fares);
        assert_eq!(traveller.history.counters[0].sum, 40_200 + 7 * 500);
    }
}

#[test]
fn beijing_metro_month_of_three_yuan_rides() {
    let book = book(BEIJING);
    let mut traveller = Traveller::new(&book, Class::ORDINARY, Means::Card);
    let fares = [(1, "3.00"), (35, "2.40"), (55, "1.50")];
    sequence(&mut traveller, ride_at(&book, 300), 60, &fares);
}

#[test]
fn a_new_month_begins_at_midnight_in_china() {
    let book = book(BEIJING);
    let mut traveller = Traveller::new(&book, Class::ORDINARY, Means::Card);
    let ride = ride_at(&book, 500);
    sequence(&mut traveller, ride, 21, &[(1, "5.00"), (21, "4.00")]);
    // 2026-03-31 23:59:59 and a second later, China time.
    traveller.now = Timestamp::new(1_774_972_799);
    assert_eq!(traveller.rides(ride), "4.00");
    traveller.now = Timestamp::new(1_774_972_800);
    assert_eq!(traveller.rides(ride), "5.00");
    assert_eq!(traveller.history.counters[0].period, 202_604);
}

#[test]
fn beijing_bus_by_distance() {
    #[rustfmt::skip]
    let rows: [(&str, &str, &str, &str); 9] = [
        ("1", "2.00", "1.00", "0.50"), ("10", "2.00", "1.00", "0.50"),
        ("10.1", "3.00", "1.50", "0.75"), ("15", "3.00", "1.50", "0.75"),
        ("15.1", "4.00", "2.00", "1.00"), ("20", "4.00", "2.00", "1.00"),
        ("27", "6.00", "3.00", "1.50"), ("40", "8.00", "4.00", "2.00"),
        ("52.3", "11.00", "5.50", "2.75"),
    ];
    for (km, full, card, student) in rows {
        table(
            BEIJING,
            "BUSKM",
            Class::ORDINARY,
            Means::Bank,
            &[(km, full)],
        );
        table(
            BEIJING,
            "BUSKM",
            Class::ORDINARY,
            Means::Card,
            &[(km, card)],
        );
        table(
            BEIJING,
            "BUSKM",
            Class::STUDENT,
            Means::Card,
            &[(km, student)],
        );
    }
    let outside = [("10", "1.60"), ("20", "3.20"), ("40", "6.40")];
    table(BEIJING, "BUSOUT", Class::ORDINARY, Means::Card, &outside);
}

#[test]
fn beijing_bus_without_alighting() {
    let book = book(BEIJING);
    let line = "BUSKM".parse().unwrap();
    let missing = |entry: &str| Ride::MissingExit {
        line,
        entry: entry.parse().unwrap(),
        stayed_s: 20_000,
    };
    let mut card = Traveller::new(&book, Class::ORDINARY, Means::Card);
    // From km 20 the farther end is at 52.3, from km 40 it is at 0; at the full fare.
    for (entry, yuan) in [("K20", "7.00"), ("K40", "8.00"), ("K0", "11.00")] {
        let charged = card.charged(&Journey::new(missing(entry), MONDAY));
        assert_eq!(charged.fare.amount.to_string(), yuan, "{entry}");
        assert_eq!(charged.fare.penalty, charged.fare.amount);
    }
    let mut code = Traveller::new(&book, Class::ORDINARY, Means::Code);
    let charged = code.charged(&Journey::new(missing("K20"), MONDAY));
    assert!(charged.fare.later);
    assert_eq!(charged.history, History::default());
}

#[test]
fn shanghai_ladder() {
    let rows = [
        ("3", "3.00"),
        ("6.1", "4.00"),
        ("16.1", "5.00"),
        ("46", "7.00"),
        ("66.5", "10.00"),
    ];
    table(SHANGHAI, "METRO", Class::ORDINARY, Means::Code, &rows);
}

#[test]
fn shanghai_transfers_within_120_minutes() {
    let book = book(SHANGHAI);
    let (bus, other, metro) = (flat("B00001"), flat("B00002"), post("METRO", "6.1", 1800));
    // First ride, second ride, seconds between payment and boarding, fare of the second.
    let rows = [
        (bus, other, 7200, "1.00"),
        (bus, other, 7201, "2.00"),
        (bus, bus, 60, "2.00"),
        (bus, metro, 7200, "3.00"),
        (bus, metro, 7201, "4.00"),
        (metro, bus, 7200, "1.00"),
        (metro, metro, 60, "4.00"),
    ];
    for (first, second, between_s, yuan) in rows {
        let mut traveller = Traveller::new(&book, Class::ORDINARY, Means::Card);
        traveller.rides(first);
        traveller.now = MONDAY.plus_s(between_s + i64::from(second.stayed_s()));
        let charged = traveller.charged(&Journey::new(second, traveller.now));
        assert_eq!(
            charged.fare.amount.to_string(),
            yuan,
            "{second:?} {between_s}"
        );
        let off = if yuan == "2.00" || yuan == "4.00" {
            0
        } else {
            100
        };
        assert_eq!(charged.fare.transfer, Fen::new(off));
    }
    let mut code = Traveller::new(&book, Class::ORDINARY, Means::Code);
    code.rides(bus);
    assert_eq!(code.rides(other), "2.00");
}

#[test]
fn shanghai_month_after_seventy_yuan() {
    let book = book(SHANGHAI);
    let mut traveller = Traveller::new(&book, Class::ORDINARY, Means::Card);
    let fares = [(1, "7.00"), (11, "6.30")];
    sequence(&mut traveller, post("METRO", "46", 600), 15, &fares);
}

#[test]
fn guangzhou_month_of_six_yuan_rides() {
    let book = book(GUANGZHOU);
    let mut traveller = Traveller::new(&book, Class::ORDINARY, Means::Code);
    let fares = [(1, "6.00"), (15, "4.80"), (40, "3.00")];
    sequence(&mut traveller, ride_at(&book, 600), 45, &fares);
}

#[test]
fn guangzhou_counts_buses_and_metro_together() {
    let book = book(GUANGZHOU);
    let mut traveller = Traveller::new(&book, Class::ORDINARY, Means::Card);
    sequence(&mut traveller, flat("B00001"), 40, &[(1, "2.00")]);
    assert_eq!(traveller.rides(ride_at(&book, 600)), "4.80");
    assert_eq!(traveller.rides(flat("B00001")), "1.60");
    assert_eq!(traveller.rides(flat("APM")), "1.60");
}

#[test]
fn guangzhou_by_its_earlier_rule_until_its_last_day() {
    let book = book(GUANGZHOU);
    // 2022-04-04 10:00 and 2022-05-01 00:30, China time.
    let earlier = Timestamp::new(1_649_037_600);
    let mut traveller = Traveller::new(&book, Class::ORDINARY, Means::Card).at(earlier);
    let ride = ride_at(&book, 600);
    sequence(&mut traveller, ride, 20, &[(1, "5.70"), (16, "3.60")]);
    traveller.now = Timestamp::new(1_651_340_400);
    assert_eq!(traveller.rides(ride), "6.00");
    let mut code = Traveller::new(&book, Class::ORDINARY, Means::Code).at(earlier);
    sequence(&mut code, ride, 20, &[(1, "6.00")]);
}

#[test]
fn guangzhou_students_and_the_old() {
    let book = book(GUANGZHOU);
    let ride = ride_at(&book, 600);
    let ordinary = || Traveller::new(&book, Class::ORDINARY, Means::Card);
    assert_eq!(
        Traveller::new(&book, Class::STUDENT, Means::Card).rides(ride),
        "3.00"
    );
    assert_eq!(ordinary().aged(64).rides(ride), "6.00");
    assert_eq!(ordinary().aged(65).rides(ride), "0.00");
    assert_eq!(ordinary().rides(flat("APM")), "2.00");
}

#[test]
fn shenzhen_table() {
    #[rustfmt::skip]
    let rows = [
        ("4", "2.00"), ("8", "3.00"), ("12", "4.00"), ("18", "5.00"), ("24", "6.00"), ("32", "7.00"),
        ("40", "8.00"), ("48", "9.00"),
    ];
    table(SHENZHEN, "METRO", Class::ORDINARY, Means::Code, &rows);
    table(
        SHENZHEN,
        "METRO",
        Class::ORDINARY,
        Means::Card,
        &[("18.1", "5.70"), ("8", "2.85")],
    );
    table(
        SHENZHEN,
        "METRO",
        Class(6),
        Means::Card,
        &[("18.1", "3.00")],
    );
}

#[test]
fn shenzhen_after_a_bus() {
    let book = book(SHENZHEN);
    for (means, between_s, yuan) in [
        (Means::Card, 5400, "5.30"),
        (Means::Card, 5401, "5.70"),
        (Means::Code, 60, "6.00"),
    ] {
        let mut traveller = Traveller::new(&book, Class::ORDINARY, means);
        traveller.rides(flat("B00001"));
        traveller.now = MONDAY.plus_s(between_s + 1800);
        assert_eq!(
            traveller.rides(post("METRO", "18.1", 1800)),
            yuan,
            "{means:?} {between_s}"
        );
    }
}

#[test]
fn shenzhen_business_carriage() {
    let book = book(SHENZHEN);
    let mut traveller = Traveller::new(&book, Class::ORDINARY, Means::Code);
    let mut journey = Journey::new(post("METRO", "18", 1800), MONDAY);
    // 18 km cost 5.00; 8 km of them in the carriage cost 3.00, twice that is 6.00 more.
    journey.premium_m = 8000;
    let fare = traveller.charged(&journey).fare;
    assert_eq!((fare.amount, fare.base), (Fen::new(1100), Fen::new(1100)));
}

#[test]
fn shenzhen_over_stay() {
    let book = book(SHENZHEN);
    let mut traveller = Traveller::new(&book, Class::ORDINARY, Means::Card);
    assert_eq!(traveller.rides(post("METRO", "4", 10_800)), "1.90");
    let charged = traveller.charged(&Journey::new(post("METRO", "4", 10_801), MONDAY));
    assert_eq!(
        charged.fare.amount,
        book.max_fare("METRO".parse().unwrap()).unwrap()
    );
    assert_eq!(charged.fare.penalty, Fen::new(700));
}

#[test]
fn hangzhou_cards_and_ages() {
    table(
        HANGZHOU,
        "METRO",
        Class::ORDINARY,
        Means::Code,
        &[("9.65", "4.00"), ("48", "9.00")],
    );
    table(
        HANGZHOU,
        "METRO",
        Class::ORDINARY,
        Means::Card,
        &[("9.65", "3.64")],
    );
    let book = book(HANGZHOU);
    // Age, minutes after 10:00 on Monday at which the rider goes in, fare.
    let rows = [
        (59, 0, "3.64"),
        (60, 0, "2.00"),
        (69, 0, "2.00"),
        (70, 0, "0.00"),
        (70, -180, "2.00"),
        (70, -91, "2.00"),
        (70, -90, "0.00"),
        (70, 7 * 60, "2.00"),
        (70, 8 * 60 + 30, "0.00"),
        // On Saturday there is no peak.
        (70, 5 * 24 * 60 - 180, "0.00"),
    ];
    for (age, minutes, yuan) in rows {
        let begun = MONDAY.plus_s(minutes * 60);
        let mut traveller = Traveller::new(&book, Class::ORDINARY, Means::Card).aged(age);
        traveller.now = begun.plus_s(1800);
        assert_eq!(
            traveller.rides(post("METRO", "9.65", 1800)),
            yuan,
            "{age} {minutes}"
        );
    }
}

#[test]
fn hangzhou_one_transfer() {
    let book = book(HANGZHOU);
    let mut traveller = Traveller::new(&book, Class::ORDINARY, Means::Card);
    traveller.rides(flat("B00001"));
    assert_eq!(traveller.rides(post("METRO", "9.65", 0)), "2.64");
}

#[test]
fn nanjing_table() {
    #[rustfmt::skip]
    let rows = [
        ("4", "2.00"), ("4.1", "3.00"), ("9", "3.00"), ("9.1", "4.00"), ("14", "4.00"),
        ("14.1", "5.00"), ("21", "5.00"), ("28", "6.00"), ("28.1", "7.00"), ("37", "7.00"),
        ("48", "8.00"), ("61", "9.00"), ("61.1", "10.00"), ("76", "10.00"), ("90", "11.00"),
    ];
    table(NANJING, "METRO", Class::ORDINARY, Means::Code, &rows);
    table(
        NANJING,
        "METRO",
        Class::ORDINARY,
        Means::Card,
        &[("9", "2.85"), ("90", "10.45")],
    );
    table(
        NANJING,
        "METRO",
        Class::STUDENT,
        Means::Card,
        &[("9", "1.50")],
    );
    let book = book(NANJING);
    let mut old = Traveller::new(&book, Class::ORDINARY, Means::Card).aged(70);
    assert_eq!(old.rides(post("METRO", "90", 0)), "0.00");
}

#[test]
fn other_cities_cards_ride_as_locals_do() {
    for text in [BEIJING, GUANGZHOU, SHANGHAI, SHENZHEN, HANGZHOU, NANJING] {
        let book = book(text);
        assert!(book.rules().iter().all(|rule| rule.when.home.is_none()));
    }
    let book = book(BEIJING);
    let mut visitor = Traveller::new(&book, Class::STUDENT, Means::Card);
    visitor.rider.home = "5810".parse().unwrap();
    assert_eq!(visitor.rides(post("BUSKM", "1", 0)), "0.50");
    // What class 17 is, another city does not say.
    visitor.rider.class = Class(17);
    assert_eq!(visitor.rides(post("BUSKM", "1", 0)), "1.00");
    visitor.rider.home = book.city().code;
    assert_eq!(visitor.rides(post("BUSKM", "1", 0)), "0.00");
}

/// The page that shows how a book is written shows one that reads, and fares as it says.
#[test]
fn the_book_of_the_page_on_fares() {
    let page = include_str!("../../../../docs/fares.md");
    let (_, rest) = page.split_once("```text\n").unwrap();
    let (text, _) = rest.split_once("```").unwrap();
    let book = book(text);
    let ride = Ride::Distance {
        network: "B2".parse().unwrap(),
        entry: "A".parse().unwrap(),
        exit: "C".parse().unwrap(),
        stayed_s: 0,
    };
    // 21.5 km cost 5.00.
    assert_eq!(
        Traveller::new(&book, Class::ORDINARY, Means::Code).rides(ride),
        "5.00"
    );
    let mut card = Traveller::new(&book, Class::ORDINARY, Means::Card);
    assert_eq!(card.rides(flat("B1")), "1.00");
    assert_eq!(card.rides(ride), "2.00");
    assert_eq!(
        Traveller::new(&book, Class::STUDENT, Means::Card).rides(ride),
        "1.25"
    );
}
