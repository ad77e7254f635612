//! Every kind of rule by itself, on books of a few lines.

use tongtu_fare::{
    Charged, Class, Direction, FareBook, FareError, History, Journey, Means, RepairKind, Ride,
    Rider, VIA_MAX,
};
use tongtu_types::{Fen, LineCode, StationCode, Timestamp};

use crate::book;

/// 2026-03-02 10:00 China time, a Monday.
const MONDAY: Timestamp = Timestamp::new(1_772_416_800);

const HOUR_S: i64 = 3600;
const DAY_S: i64 = 24 * HOUR_S;

/// A book with three flat lines, of 2, 3 and 5 yuan, and these records.
fn rules(records: &str) -> FareBook {
    book(&format!(
        "fare-book 2\ncity 1000 | 甲 | Alpha\nversion 9\neffective 2026-01-01\ncurrency CNY\n\
         class ordinary | 普通 | Ordinary | 1\nclass student | 学生 | Student | 2\n\
         {records}\n\
         flat B2 | 二 | Two | 2.00\nflat B3 | 三 | Three | 3.00\n\
         flat M5 | 五 | Five | 5.00\nmode metro\n"
    ))
}

fn flat(line: &str) -> Ride {
    let line = line.parse().unwrap();
    Ride::Flat { line }
}

fn between(line: &str, entry: &str, exit: &str, stayed_s: u32) -> Ride {
    Ride::Distance {
        network: line.parse().unwrap(),
        entry: entry.parse().unwrap(),
        exit: exit.parse().unwrap(),
        stayed_s,
    }
}

fn rider(means: Means) -> Rider {
    Rider::ordinary(means, "1000".parse().unwrap())
}

fn charge(book: &FareBook, ride: Ride, at: Timestamp, history: &History) -> Charged {
    let journey = Journey::new(ride, at);
    book.charge(&journey, &rider(Means::Card), history).unwrap()
}

/// Charges rides one after the other, each so many seconds after Monday 10:00.
fn day_of(book: &FareBook, rides: &[(i64, &str, &str)]) -> History {
    let mut history = History::default();
    for (after_s, line, yuan) in rides {
        let charged = charge(book, flat(line), MONDAY.plus_s(*after_s), &history);
        assert_eq!(
            charged.fare.amount.to_string(),
            *yuan,
            "{line} at {after_s}"
        );
        history = charged.history;
    }
    history
}

/// One ride on the line, after nothing.
fn check(records: &str, line: &str, at: Timestamp, yuan: &str) {
    let charged = charge(&rules(records), flat(line), at, &History::default());
    assert_eq!(charged.fare.amount.to_string(), yuan, "{records} {line}");
}

#[test]
fn without_rules_a_charge_is_the_ordinary_fare() {
    check("", "B2", MONDAY, "2.00");
    check("", "M5", MONDAY, "5.00");
}

#[test]
fn surcharges_add_up() {
    let records = "surcharge a | 甲 | A | line=M5 | +20.00\nsurcharge b | 乙 | B | any | +0.50";
    check(records, "M5", MONDAY, "25.50");
    check(records, "B2", MONDAY, "2.50");
}

#[test]
fn the_first_concession_counts() {
    let records = "concession a | 甲 | A | line=M5 | 80%\nconcession b | 乙 | B | any | 50%";
    check(records, "M5", MONDAY, "4.00");
    check(records, "B3", MONDAY, "1.50");
}

#[test]
fn rules_have_first_and_last_days() {
    let records = "concession a | 甲 | A | since=2026-03-03 until=2026-03-03 | free";
    check(records, "B2", MONDAY.plus_s(14 * HOUR_S - 1), "2.00");
    check(records, "B2", MONDAY.plus_s(14 * HOUR_S), "0.00");
    check(records, "B2", MONDAY.plus_s(38 * HOUR_S - 1), "0.00");
    check(records, "B2", MONDAY.plus_s(38 * HOUR_S), "2.00");
}

#[test]
fn weekends_and_the_calendar() {
    let records = "concession a | 甲 | A | days=restday | 50%";
    check(records, "B2", MONDAY, "2.00");
    check(records, "B2", MONDAY.plus_s(5 * DAY_S), "1.00");
    let exceptions = format!("restday 2026-03-02\nworkday 2026-03-07\n{records}");
    check(&exceptions, "B2", MONDAY, "1.00");
    check(&exceptions, "B2", MONDAY.plus_s(5 * DAY_S), "2.00");
    let by_name = "concession a | 甲 | A | days=1,6-7 | 50%";
    check(by_name, "B2", MONDAY, "1.00");
    check(by_name, "B2", MONDAY.plus_s(DAY_S), "2.00");
    check(by_name, "B2", MONDAY.plus_s(6 * DAY_S), "1.00");
}

#[test]
fn hours_are_those_of_the_beginning_or_of_the_payment() {
    let book = |by: &str| {
        book(&format!(
            "fare-book 2\ncity 1000 | 甲 | A\nversion 1\neffective 2026-01-01\ncurrency CNY\n\
             concession off-peak | 平峰 | Off-peak | hours=10:00-11:00{by} | 50%\n\
             route R | 线 | R\ntime any\ntier inf | 4.00\nstop A | 甲 | A | -\nstop B | 乙 | B | -\n"
        ))
    };
    let ride = between("R", "A", "B", 1800);
    let amount = |book: &FareBook, at| charge(book, ride, at, &History::default()).fare.amount;
    let (begun, paid) = (book(""), book(" by=payment"));
    // In at 10:00:00, out at 10:30:00; in at 10:59:59, out at 11:29:59; in at 11:00:00.
    for (at, by_begin, by_payment) in [(1800, 200, 200), (5399, 200, 400), (5400, 400, 400)] {
        assert_eq!(
            amount(&begun, MONDAY.plus_s(at)),
            Fen::new(by_begin),
            "{at}"
        );
        assert_eq!(
            amount(&paid, MONDAY.plus_s(at)),
            Fen::new(by_payment),
            "{at}"
        );
    }
    assert_eq!(amount(&paid, MONDAY), Fen::new(200));
    assert_eq!(amount(&begun, MONDAY), Fen::new(400));
}

#[test]
fn visitors_are_told_apart_only_where_a_rule_says_so() {
    let book = rules("concession a | 甲 | A | home=local | 50%");
    let journey = Journey::new(flat("B2"), MONDAY);
    let mut rider = rider(Means::Card);
    let amount = |rider: &Rider| {
        let charged = book.charge(&journey, rider, &History::default()).unwrap();
        charged.fare.amount
    };
    assert_eq!(amount(&rider), Fen::new(100));
    rider.home = "5810".parse().unwrap();
    assert_eq!(amount(&rider), Fen::new(200));
}

#[test]
fn a_class_that_the_book_lacks_rides_as_ordinary() {
    let book = rules("concession a | 甲 | A | class=ordinary | 50%");
    let journey = Journey::new(flat("B2"), MONDAY);
    for (class, fen) in [(1, 100), (2, 200), (4, 100), (200, 100)] {
        let mut rider = rider(Means::Card);
        rider.class = Class(class);
        let charged = book.charge(&journey, &rider, &History::default()).unwrap();
        assert_eq!(charged.fare.amount, Fen::new(fen), "{class}");
    }
}

#[test]
fn amounts_are_rounded_once_half_up() {
    let two = |a: u32, b: u32| {
        format!("concession a | 甲 | A | any | {a}%\nmeans b | 乙 | B | any | {b}%")
    };
    // 1.615 and 0.0135.
    check(&two(95, 85), "B2", MONDAY, "1.62");
    check(&two(15, 3), "B3", MONDAY, "0.01");
    // 0.66, 0.0066, 0.00462: rounded at each step it would be 0.01.
    let three = two(33, 1)
        + "\ncounter 1 | month | rides | any\naccumulation c | 丙 | C | any | 1\nfrom 0 | 70%";
    check(&three, "B2", MONDAY, "0.00");
}

#[test]
fn a_book_may_round_to_other_units() {
    let records = |round: &str| format!("concession a | 甲 | A | any | 85%\n{round}");
    // 1.70, 2.55, 4.25 before.
    for (round, two, three, five) in [
        ("round 0.10 | half-up | any", "1.70", "2.60", "4.30"),
        ("round 0.10 | down | any", "1.70", "2.50", "4.20"),
        ("round 0.50 | up | any", "2.00", "3.00", "4.50"),
        ("round 1.00 | half-up | mode=metro", "1.70", "2.55", "4.00"),
    ] {
        let records = records(round);
        check(&records, "B2", MONDAY, two);
        check(&records, "B3", MONDAY, three);
        check(&records, "M5", MONDAY, five);
    }
}

#[test]
fn caps_and_minima_hold_against_the_rounding() {
    let records = "cap a | 甲 | A | any | max 2.30\ncap b | 乙 | B | any | min 2.10\n\
         round 1.00 | half-up | line=B2\nround 1.00 | up | any";
    check(records, "B2", MONDAY, "2.10");
    check(records, "M5", MONDAY, "2.30");
}

#[test]
fn a_free_ride_stays_free_under_a_minimum() {
    let records = "concession a | 甲 | A | any | free\ncap b | 乙 | B | any | min 1.00";
    check(records, "M5", MONDAY, "0.00");
}

#[test]
fn a_day_costs_no_more_than_its_cap() {
    let book =
        rules("counter 2 | day | paid | any\ncap day | 日封顶 | Day cap | any | total 2 8.00");
    let rides = [
        (0, "M5", "5.00"),
        (60, "B2", "2.00"),
        (120, "M5", "1.00"),
        (180, "M5", "0.00"),
        (14 * HOUR_S, "M5", "5.00"),
    ];
    day_of(&book, &rides);
}

#[test]
fn transfers_know_their_window_their_chain_and_their_line() {
    let book = rules("transfer a | 甲 | A | within=3600 chain=1 | -1.00");
    day_of(
        &book,
        &[
            (0, "B2", "2.00"),
            (3600, "B3", "2.00"),
            (3700, "B2", "2.00"),
        ],
    );
    day_of(
        &book,
        &[
            (0, "B2", "2.00"),
            (3601, "B3", "3.00"),
            (3700, "B2", "1.00"),
        ],
    );
    day_of(&book, &[(0, "B2", "2.00"), (60, "B2", "2.00")]);
    // The clock of the second terminal is slow: no transfer, and no error.
    day_of(&book, &[(0, "B2", "2.00"), (-1, "B3", "3.00")]);
    let same = rules("transfer a | 甲 | A | within=3600 same-line=yes | -1.00");
    let history = day_of(
        &same,
        &[(0, "B2", "2.00"), (60, "B2", "1.00"), (120, "B2", "1.00")],
    );
    assert_eq!(history.last.unwrap().chain, 2);
    assert_eq!(history.last.unwrap().chain_begun_at, MONDAY);
}

#[test]
fn the_way_back_is_a_transfer_where_the_book_says_so() {
    let book = rules("transfer a | 甲 | A | same-line=reverse | free");
    let ride = |direction, history: &History| {
        let mut journey = Journey::new(flat("B2"), MONDAY);
        journey.direction = direction;
        book.charge(&journey, &rider(Means::Card), history).unwrap()
    };
    let up = ride(Some(Direction::Up), &History::default()).history;
    assert_eq!(ride(Some(Direction::Up), &up).fare.amount, Fen::new(200));
    assert_eq!(ride(None, &up).fare.amount, Fen::new(200));
    let back = ride(Some(Direction::Down), &up).fare;
    assert_eq!((back.amount, back.transfer), (Fen::ZERO, Fen::new(200)));
}

#[test]
fn two_rides_together() {
    let book = rules("transfer a | 甲 | A | within=3600 | together 4.00");
    day_of(&book, &[(0, "B2", "2.00"), (60, "M5", "2.00")]);
    day_of(&book, &[(0, "M5", "5.00"), (60, "B2", "0.00")]);
    // Never dearer than without.
    let dear = rules("transfer a | 甲 | A | within=3600 | together 9.00");
    day_of(&dear, &[(0, "B2", "2.00"), (60, "B3", "3.00")]);
}

#[test]
fn transfer_clocks() {
    let text = |clock: &str| {
        format!(
            "fare-book 2\ncity 1000 | 甲 | A\nversion 1\neffective 2026-01-01\ncurrency CNY\n\
             transfer t | 换 | T | within=1000 clock={clock} | free\n\
             route R | 线 | R\ntime any\ntier inf | 4.00\nstop A | 甲 | A | -\nstop B | 乙 | B | -\n\
             route S | 线 | S\ntime any\ntier inf | 4.00\nstop A | 甲 | A | -\nstop B | 乙 | B | -\n"
        )
    };
    // The first ride is from 0 to 600; the second from 1200 to 1500.
    for (clock, free) in [
        ("paid-begun", true),
        ("paid-paid", true),
        ("begun-begun", false),
        ("begun-paid", false),
        ("chain-begun", false),
    ] {
        let book = book(&text(clock));
        let first = between("R", "A", "B", 600);
        let history = charge(&book, first, MONDAY.plus_s(600), &History::default()).history;
        let second = between("S", "A", "B", 300);
        let fare = charge(&book, second, MONDAY.plus_s(1500), &history).fare;
        assert_eq!(fare.amount.is_zero(), free, "{clock}");
    }
}

#[test]
fn a_year_of_free_rides_ends() {
    let book = rules(
        "counter 1 | year | rides | age=65-\n\
         accumulation years | 年免费次数 | Free rides of the year | age=65- | 1\n\
         from 0 | free\nfrom 730 | 100%",
    );
    let mut rider = rider(Means::Card);
    rider.age = Some(70);
    let (mut history, mut paid) = (History::default(), 0);
    for _ in 0..735 {
        let journey = Journey::new(flat("B2"), MONDAY);
        let charged = book.charge(&journey, &rider, &history).unwrap();
        history = charged.history;
        paid += charged.fare.amount.get();
    }
    assert_eq!(paid, 5 * 200);
}

#[test]
fn below_its_first_threshold_an_accumulation_leaves_the_ride_to_the_next() {
    let book = rules(
        "counter 1 | month | rides | any\ncounter 2 | day | rides | any\n\
         accumulation month | 月 | Month | any | 1\nfrom 3 | free\n\
         accumulation day | 日 | Day | any | 2\nfrom 1 | 50%",
    );
    let rides = [
        (0, "B2", "2.00"),
        (1, "B2", "1.00"),
        (2, "B2", "1.00"),
        (3, "B2", "0.00"),
    ];
    day_of(&book, &rides);
}

#[test]
fn tickets() {
    let book = rules(
        "product 1 | 一日票 | Day ticket | mode=metro | 20.00 | hours=24\n\
         product 2 | 月票 | Month pass | class=ordinary mode=bus | 40.00 | rides=2 month\n\
         product 3 | 周票 | Week ticket | any | 30.00 | days=7",
    );
    let with = |product: u8, sold_at| History {
        tickets: [Some(book.product(product).unwrap().ticket(sold_at)), None],
        ..History::default()
    };
    let ride = |line: &str, after_s: i64, history: &mut History| {
        let charged = charge(&book, flat(line), MONDAY.plus_s(after_s), history);
        *history = charged.history;
        charged.fare.amount.get()
    };
    // 24 hours from the first tap, not from the sale.
    let mut day = with(1, MONDAY.plus_s(-DAY_S));
    assert_eq!(ride("B2", 0, &mut day), 200);
    assert_eq!(ride("M5", 60, &mut day), 0);
    assert_eq!(ride("M5", 60 + DAY_S - 1, &mut day), 0);
    assert_eq!(ride("M5", 60 + DAY_S, &mut day), 500);
    // Two rides, to the end of March.
    let mut month = with(2, MONDAY);
    assert_eq!(ride("B2", -1, &mut month), 200);
    assert_eq!(ride("B2", 0, &mut month), 0);
    assert_eq!(month.tickets[0].unwrap().rides_left, Some(1));
    let mut later = month;
    assert_eq!(ride("B3", 0, &mut month), 0);
    assert_eq!(ride("B3", 0, &mut month), 300);
    assert_eq!(ride("B3", 30 * DAY_S - 10 * HOUR_S - 1, &mut later), 0);
    let mut april = with(2, MONDAY);
    assert_eq!(ride("B3", 30 * DAY_S - 10 * HOUR_S, &mut april), 300);
    // Seven days, that of the sale included.
    let mut week = with(3, MONDAY);
    assert_eq!(ride("M5", 7 * DAY_S - 10 * HOUR_S - 1, &mut week), 0);
    assert_eq!(ride("M5", 7 * DAY_S - 10 * HOUR_S, &mut week), 500);
}

#[test]
fn a_ticket_leaves_surcharges() {
    let book = rules(
        "product 1 | 一日票 | Day ticket | any | 20.00 | hours=24\n\
         surcharge a | 甲 | A | line=M5 | +20.00\nmeans b | 乙 | B | any | 50%",
    );
    let history = History {
        tickets: [None, Some(book.product(1).unwrap().ticket(MONDAY))],
        ..History::default()
    };
    let fare = charge(&book, flat("M5"), MONDAY, &history).fare;
    assert_eq!(
        (fare.amount, fare.discount),
        (Fen::new(2000), Fen::new(500))
    );
}

/// A line of five stops, by the table given.
fn route(records: &str, table: &str, places: [&str; 5]) -> FareBook {
    let mut text = format!(
        "fare-book 2\ncity 1000 | 甲 | A\nversion 1\neffective 2026-01-01\ncurrency CNY\n\
         class student | 学生 | Student | 2\n{records}\n\
         route R | 线 | R\n{table}\n"
    );
    for (code, place) in ["A", "B", "C", "D", "E"].iter().zip(places) {
        text += &format!("stop {code} | {code} | {code} | {place}\n");
    }
    book(&text)
}

fn fares(book: &FareBook, rows: &[(&str, &str, i64)]) {
    for (entry, exit, fen) in rows {
        let fare = charge(
            book,
            between("R", entry, exit, 60),
            MONDAY,
            &History::default(),
        )
        .fare;
        assert_eq!(fare.amount, Fen::new(*fen), "{entry} {exit}");
    }
}

#[test]
fn segments() {
    let table = "segments any\ntier 1 | 1.00\ntier 2 | 2.00\ntier inf | 2.50";
    let book = route("", table, ["1", "1", "2", "3", "4"]);
    fares(
        &book,
        &[
            ("A", "B", 100),
            ("B", "A", 100),
            ("B", "C", 200),
            ("A", "D", 250),
            ("E", "A", 250),
        ],
    );
}

#[test]
fn zones_by_number() {
    let table = "zones any\ntier 1 | 2.00\ntier 3 | 4.00\ntier inf | 9.00";
    let book = route("", table, ["1", "1", "2", "3", "7"]);
    fares(
        &book,
        &[
            ("A", "B", 200),
            ("A", "C", 400),
            ("A", "D", 400),
            ("A", "E", 900),
            ("E", "E", 200),
        ],
    );
}

#[test]
fn zones_by_pairs() {
    let table = "pairs class=student\npair N | N | 0.50\npair N | S | 1.00\npair S | S | 0.50\n\
         pairs any\npair N | N | 1.00\noneway N | S | 3.00\noneway S | N | 2.00\npair S | S | 1.50";
    let book = route("", table, ["N", "N", "N,S", "S", "X"]);
    fares(
        &book,
        &[
            ("A", "B", 100),
            ("A", "D", 300),
            ("D", "A", 200),
            ("A", "C", 100),
            ("C", "D", 150),
        ],
    );
    let journey = Journey::new(between("R", "A", "E", 0), MONDAY);
    assert!(matches!(
        book.charge(&journey, &rider(Means::Card), &History::default()),
        Err(FareError::NoFare { .. })
    ));
    let mut student = rider(Means::Card);
    student.class = Class::STUDENT;
    let journey = Journey::new(between("R", "A", "D", 0), MONDAY);
    let fare = book
        .charge(&journey, &student, &History::default())
        .unwrap()
        .fare;
    assert_eq!(fare.amount, Fen::new(100));
}

#[test]
fn by_time() {
    let book = route("", "time any\ntier 1800 | 1.00\ntier inf | 2.00", ["-"; 5]);
    for (stayed_s, fen) in [(0, 100), (1800, 100), (1801, 200), (u32::MAX, 200)] {
        let ride = between("R", "A", "B", stayed_s);
        assert_eq!(
            charge(&book, ride, MONDAY, &History::default()).fare.amount,
            Fen::new(fen)
        );
    }
}

#[test]
fn stops_that_are_not_named() {
    let table = "pairs any\npair A | B | 3.00\npair B | B | 1.00";
    let book = route("", &format!("{table}\nstop * | 他 | Others | B"), ["A"; 5]);
    fares(&book, &[("A", "Z9", 300), ("Z8", "Z9", 100)]);
    let most = book.max_fare_from(
        "R".parse().unwrap(),
        "Z8".parse().unwrap(),
        Some(Direction::Up),
    );
    assert_eq!(most, Ok(Fen::new(300)));
}

const LADDER: &str = "ladder 1000 | 1.00\nstep inf | 1000";
const MARKS: [&str; 5] = ["0", "1000", "2500", "3000", "6000"];

#[test]
fn the_most_that_the_rest_of_the_line_can_cost() {
    let book = route("", LADDER, MARKS);
    let line: LineCode = "R".parse().unwrap();
    let from = |stop: &str, direction| {
        let stop = stop.parse().unwrap();
        book.max_fare_from(line, stop, direction).map(Fen::get)
    };
    assert_eq!(from("C", Some(Direction::Up)), Ok(400));
    assert_eq!(from("C", Some(Direction::Down)), Ok(300));
    assert_eq!(from("C", None), Ok(400));
    assert_eq!(from("E", Some(Direction::Up)), Ok(100));
    assert_eq!(book.max_fare(line), Ok(Fen::new(600)));
    assert!(matches!(
        from("X", None),
        Err(FareError::UnknownStation { .. })
    ));
}

#[test]
fn no_ride_on_a_line_costs_more_than_what_boarding_marked() {
    let book = route("", LADDER, MARKS);
    let line: LineCode = "R".parse().unwrap();
    let codes: Vec<StationCode> = "ABCDE"
        .chars()
        .map(|c| c.to_string().parse().unwrap())
        .collect();
    for (i, entry) in codes.iter().enumerate() {
        let most = |direction| book.max_fare_from(line, *entry, Some(direction)).unwrap();
        for (j, exit) in codes.iter().enumerate() {
            let ride = between("R", entry.as_str(), exit.as_str(), 0);
            let way = if j >= i {
                Direction::Up
            } else {
                Direction::Down
            };
            assert!(book.fare(&ride).unwrap() <= most(way), "{entry} {exit}");
        }
    }
}

#[test]
fn a_ride_without_an_end() {
    let repair = "repair missing-exit | any | farthest | rider | 14400\n\
         repair missing-entry | any | =1.50 | acquirer | 600";
    let book = route(
        &format!("{repair}\nmeans h | 半 | H | any | 50%"),
        LADDER,
        MARKS,
    );
    let missing_exit = Ride::MissingExit {
        line: "R".parse().unwrap(),
        entry: "B".parse().unwrap(),
        stayed_s: 9999,
    };
    let mut journey = Journey::new(missing_exit, MONDAY);
    let amount = |journey: &Journey| {
        let charged = book
            .charge(journey, &rider(Means::Card), &History::default())
            .unwrap();
        assert_eq!(charged.fare.penalty, charged.fare.amount);
        charged.fare.amount.get()
    };
    // At the full fare, whatever the means.
    assert_eq!(amount(&journey), 500);
    journey.direction = Some(Direction::Down);
    assert_eq!(amount(&journey), 100);
    let missing_entry = Ride::MissingEntry {
        line: "R".parse().unwrap(),
        exit: "B".parse().unwrap(),
    };
    assert_eq!(amount(&Journey::new(missing_entry, MONDAY)), 150);
    let row = book
        .repair(RepairKind::MissingExit, &journey, &rider(Means::Card))
        .unwrap();
    assert_eq!(row.limit_s, 14_400);
}

#[test]
fn nobody_changes_from_half_a_ride() {
    let records = "repair missing-exit | any | farthest | rider | 0\n\
         repair same-station | any | free | acquirer | 600\n\
         transfer t | 换 | T | same-line=yes | free";
    let book = route(records, LADDER, MARKS);
    let whole = between("R", "A", "B", 0);
    let after = |first: Ride, then: Ride| {
        let first = charge(&book, first, MONDAY, &History::default()).history;
        let second = charge(&book, then, MONDAY, &first).history;
        charge(&book, whole, MONDAY, &second).fare.amount.get()
    };
    let missing_exit = Ride::MissingExit {
        line: "R".parse().unwrap(),
        entry: "A".parse().unwrap(),
        stayed_s: 0,
    };
    assert_eq!(after(whole, whole), 0);
    assert_eq!(after(whole, missing_exit), 100);
    // In and out at the same gate is no ride in between.
    assert_eq!(after(whole, between("R", "C", "C", 60)), 0);
    assert_eq!(after(missing_exit, between("R", "C", "C", 60)), 100);
}

#[test]
fn a_book_without_the_row_says_so() {
    let book = route("", LADDER, MARKS);
    let missing = Ride::MissingExit {
        line: "R".parse().unwrap(),
        entry: "B".parse().unwrap(),
        stayed_s: 0,
    };
    let journey = Journey::new(missing, MONDAY);
    let error = book
        .charge(&journey, &rider(Means::Card), &History::default())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "no rule for missing exit on R in fare book version 1"
    );
}

#[test]
fn out_where_one_went_in() {
    let book = route(
        "repair same-station | any | free | acquirer | 600",
        LADDER,
        MARKS,
    );
    let fare = |stayed_s| {
        let ride = between("R", "A", "A", stayed_s);
        charge(&book, ride, MONDAY, &History::default())
            .fare
            .amount
            .get()
    };
    assert_eq!((fare(600), fare(601)), (0, 100));
}

#[test]
fn rows_for_what_the_engine_does_not_charge_are_there_to_be_read() {
    let records = "repair duplicate | any | free | acquirer | 0\n\
         repair clock-drift | any | ride | acquirer | 300\n\
         repair late-record | any | later | issuer | 604800\n\
         repair gap | any | highest | acquirer | 604800";
    let book = route(records, LADDER, MARKS);
    let journey = Journey::new(between("R", "A", "B", 0), MONDAY);
    let limit = |kind| {
        book.repair(kind, &journey, &rider(Means::Card))
            .map(|row| row.limit_s)
    };
    assert_eq!(limit(RepairKind::Duplicate), Some(0));
    assert_eq!(limit(RepairKind::ClockDrift), Some(300));
    assert_eq!(limit(RepairKind::LateRecord), Some(604_800));
    assert_eq!(limit(RepairKind::Gap), Some(604_800));
    assert_eq!(limit(RepairKind::SameStation), None);
}

#[test]
fn an_over_stay_of_a_fixed_amount_leaves_the_discount() {
    let table = format!("stay 3600 | +5.00\n{LADDER}");
    let book = route(
        "means h | 半 | H | any | 50%\ncounter 1 | month | paid | any",
        &table,
        MARKS,
    );
    let charged = charge(
        &book,
        between("R", "A", "C", 3601),
        MONDAY,
        &History::default(),
    );
    let fare = charged.fare;
    // 3.00, half of it, and 5.00 that are neither halved nor counted.
    assert_eq!((fare.amount, fare.penalty), (Fen::new(650), Fen::new(500)));
    assert_eq!((fare.base, fare.discount), (Fen::new(300), Fen::new(150)));
    assert_eq!(charged.history.counters[0].sum, 150);
}

#[test]
fn the_path_ridden() {
    // A -1- B -1- C -1- D -1- A, a ring of four.
    let text = |path: &str| {
        format!(
            "fare-book 2\ncity 1000 | 甲 | A\nversion 1\neffective 2026-01-01\ncurrency CNY\n\
             network M | 网 | M\npath {path}\nstay 3600 | max-fare\nladder 1000 | 1.00\nstep inf | 1000\n\
             line 1 | 一 | One\nstation A | 甲 | A\nstation B | 乙 | B\nstation C | 丙 | C\n\
             station D | 丁 | D\nlink A | B | 1000\nlink B | C | 900\nlink C | D | 1000\nlink D | A | 1000\n"
        )
    };
    let mut journey = Journey::new(between("M", "A", "C", 0), MONDAY);
    let mut via = [None; VIA_MAX];
    via[0] = Some("D".parse().unwrap());
    journey.via = via;
    for (path, metres) in [("shortest", 1900), ("ridden", 2000)] {
        let book = book(&text(path));
        let quote = book
            .explain(&journey, &rider(Means::Card), &History::default())
            .unwrap();
        let english = quote.explain(tongtu_fare::Lang::En);
        assert!(english.contains(&format!(
            "A to C, {}",
            if metres == 1900 { "1.9 km" } else { "2 km" }
        )));
        assert_eq!(quote.amount, Fen::new(200));
        let mut far = journey;
        far.ride = between("M", "A", "B", 0);
        // By D and C it is 2.9 km, but nothing in the network costs more than 2.00.
        let fare = book
            .charge(&far, &rider(Means::Card), &History::default())
            .unwrap()
            .fare;
        let most = book.max_fare("M".parse().unwrap()).unwrap();
        assert_eq!(
            fare.amount,
            if path == "ridden" {
                most
            } else {
                Fen::new(100)
            }
        );
    }
}
