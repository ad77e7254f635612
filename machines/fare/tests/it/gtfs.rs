//! Books made of GTFS-Fares v2 feeds: the same fares come out as the feed says.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tongtu_fare::gtfs::{FILES, Files, GtfsError, Head, Imported, import};
use tongtu_fare::{Class, History, Journey, Means, Ride, Rider};
use tongtu_types::{Fen, Timestamp};

/// 2026-03-02 10:00 China time, a Monday.
const MONDAY: Timestamp = Timestamp::new(1_772_416_800);

/// A bus network at 2 yuan, a metro of three areas, students, a peak and transfers.
const FEED: &[(&str, &str)] = &[
    (
        "networks.txt",
        "network_id,network_name\nbus,City buses\nmetro-network,\"Metro, lines 1|2\"\n",
    ),
    ("routes.txt", "route_id,route_type\nr1,3\nr2,1\n"),
    (
        "route_networks.txt",
        "network_id,route_id\nbus,r1\nmetro-network,r2\n",
    ),
    (
        "areas.txt",
        "area_id,area_name\ncore,Core\nring,Ring\nairport-area,Airport\n",
    ),
    (
        "stops.txt",
        "stop_id,stop_name,location_type,parent_station\n\
      s1,First,1,\ns1a,First platform,0,s1\ns2,Second,0,\ns3,Third,0,\nplatform-of-airport,T3,0,\n",
    ),
    (
        "stop_areas.txt",
        "area_id,stop_id\ncore,s1\nring,s2\ncore,s3\nring,s3\nairport-area,platform-of-airport\n",
    ),
    (
        "rider_categories.txt",
        "rider_category_id,rider_category_name,is_default_fare_category\n\
      adult,Adult,1\nstudent,Student,0\nchild,Child,0\n",
    ),
    (
        "fare_media.txt",
        "fare_media_id,fare_media_name,fare_media_type\ncard,Card,2\n",
    ),
    (
        "fare_products.txt",
        "fare_product_id,rider_category_id,fare_media_id,amount,currency\n\
      bus,adult,,2.00,CNY\nbus,adult,card,1.80,CNY\nbus,student,,1.00,CNY\n\
      m1,,,3.00,CNY\nm1,student,,1.50,CNY\nm2,,,5.00,CNY\nm2peak,,,6.00,CNY\nm3,,,25.00,CNY\nab,,,-0.50,CNY\n\
      both,,,4.00,CNY\n",
    ),
    (
        "timeframes.txt",
        "timeframe_group_id,start_time,end_time,service_id\npeak,07:00:00,09:00:00,work\n",
    ),
    (
        "calendar.txt",
        "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday\nwork,1,1,1,1,1,0,0\n",
    ),
    (
        "fare_leg_rules.txt",
        "leg_group_id,network_id,from_area_id,to_area_id,from_timeframe_group_id,fare_product_id\n\
      gb,bus,,,,bus\ngm,metro-network,core,core,,m1\ngm,metro-network,ring,ring,,m1\n\
      gm,metro-network,core,ring,,m2\ngm,metro-network,core,ring,peak,m2peak\ngm,metro-network,ring,core,,m2\n\
      gm,metro-network,airport-area,core,,m3\n",
    ),
    (
        "fare_transfer_rules.txt",
        "from_leg_group_id,to_leg_group_id,transfer_count,duration_limit,duration_limit_type,fare_transfer_type,fare_product_id\n\
      gb,gm,,5400,2,1,ab\ngb,gb,1,3600,1,2,both\n",
    ),
];

fn head() -> Head {
    Head {
        city: "1000".parse().unwrap(),
        zh: "甲".to_owned(),
        en: "Alpha".to_owned(),
        version: 3,
        effective: "2026-01-01".parse().unwrap(),
        classes: BTreeMap::from([("student".to_owned(), 2)]),
    }
}

fn files(changes: &[(&'static str, &str)]) -> Files<'static> {
    let mut files: Files<'static> = FEED
        .iter()
        .map(|(name, text)| (*name, text.as_bytes().to_vec()))
        .collect();
    for (name, text) in changes {
        files.insert(name, text.as_bytes().to_vec());
    }
    files
}

fn imported(changes: &[(&'static str, &str)]) -> Imported {
    import(&files(changes), &head()).unwrap()
}

fn price(made: &Imported, ride: Ride, at: Timestamp, class: Class, means: Means) -> Option<i64> {
    let rider = Rider {
        class,
        ..Rider::ordinary(means, "1000".parse().unwrap())
    };
    let charged = made
        .book
        .charge(&Journey::new(ride, at), &rider, &History::default());
    charged.ok().map(|charged| charged.fare.amount.get())
}

fn flat(line: &str) -> Ride {
    let line = line.parse().unwrap();
    Ride::Flat { line }
}

fn metro(entry: &str, exit: &str) -> Ride {
    Ride::Distance {
        network: "N1".parse().unwrap(),
        entry: entry.parse().unwrap(),
        exit: exit.parse().unwrap(),
        stayed_s: 0,
    }
}

#[test]
fn a_network_without_areas_is_a_flat_line() {
    let made = imported(&[]);
    assert_eq!(made.omissions, []);
    let price = |class, means| price(&made, flat("bus"), MONDAY, class, means);
    assert_eq!(price(Class::ORDINARY, Means::Code), Some(200));
    assert_eq!(price(Class::ORDINARY, Means::Card), Some(180));
    assert_eq!(price(Class::STUDENT, Means::Code), Some(100));
    // Of a child nothing is said: as everybody.
    assert_eq!(price(Class(32), Means::Code), Some(200));
}

#[test]
fn a_network_with_areas_is_a_route_of_zones() {
    let made = imported(&[]);
    let price = |entry, exit, class| price(&made, metro(entry, exit), MONDAY, class, Means::Code);
    let adult = Class::ORDINARY;
    assert_eq!(price("s1", "s1a", adult), Some(300));
    assert_eq!(price("s1a", "s2", adult), Some(500));
    assert_eq!(price("s2", "s1", adult), Some(500));
    // A stop in two areas has the cheaper of the two fares.
    assert_eq!(price("s3", "s2", adult), Some(300));
    assert_eq!(price("S1", "s1", adult), Some(2500));
    assert_eq!(price("s1", "S1", adult), None);
    assert_eq!(price("s1", "s1", Class::STUDENT), Some(150));
    // No student's fare for that pair: the ordinary one.
    assert_eq!(price("s1", "s2", Class::STUDENT), Some(500));
}

#[test]
fn a_timeframe_is_hours_and_days() {
    let made = imported(&[]);
    let at = |hours: i64| MONDAY.plus_s((hours - 10) * 3600);
    let price = |at| price(&made, metro("s1", "s2"), at, Class::ORDINARY, Means::Code);
    assert_eq!(price(at(7)), Some(600));
    assert_eq!(price(at(9)), Some(500));
    assert_eq!(price(at(7).plus_s(5 * 86_400)), Some(500));
}

#[test]
fn a_timeframe_of_every_day_and_hour_is_no_condition() {
    let always = [
        (
            "timeframes.txt",
            "timeframe_group_id,start_time,end_time,service_id\npeak,,,all\n",
        ),
        (
            "calendar.txt",
            "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday\nall,1,1,1,1,1,1,1\n",
        ),
    ];
    let made = imported(&always);
    let price = price(
        &made,
        metro("s1", "s2"),
        MONDAY,
        Class::ORDINARY,
        Means::Code,
    );
    assert_eq!(price, Some(600));
    assert_eq!(made.text.matches("pairs any").count(), 1);
}

#[test]
fn stops_that_differ_in_nothing_are_not_named() {
    let legs = "network_id,from_area_id,to_area_id,fare_product_id\nbus,,,bus\n\
         metro-network,core,,m1\nmetro-network,,,m2\n";
    let made = imported(&[
        ("fare_leg_rules.txt", legs),
        ("fare_transfer_rules.txt", ""),
    ]);
    let route = made.book.route("N1".parse().unwrap()).unwrap();
    let codes: Vec<&str> = route
        .stops()
        .iter()
        .map(|stop| stop.code.as_str())
        .collect();
    assert_eq!(codes, ["s1", "s1a", "s3", "*"]);
    let price = |entry, exit| {
        price(
            &made,
            metro(entry, exit),
            MONDAY,
            Class::ORDINARY,
            Means::Code,
        )
    };
    assert_eq!(price("s1", "s2"), Some(300));
    assert_eq!(price("s2", "anywhere"), Some(500));
}

#[test]
fn transfers_between_groups() {
    let made = imported(&[]);
    let rider = Rider::ordinary(Means::Code, "1000".parse().unwrap());
    let mut history = History::default();
    // Bus, metro 60 min later; then two buses within the hour: 4.00 for the second pair.
    for (ride, after_s, fen) in [
        (flat("bus"), 0, 200),
        (metro("s1", "s2"), 3600, 450),
        (flat("bus"), 3700, 200),
        (flat("bus"), 3800, 200),
        (flat("bus"), 3900, 200),
    ] {
        let journey = Journey::new(ride, MONDAY.plus_s(after_s));
        let charged = made.book.charge(&journey, &rider, &history).unwrap();
        assert_eq!(charged.fare.amount, Fen::new(fen), "{after_s}");
        history = charged.history;
    }
    assert_eq!(
        made.book
            .rules()
            .iter()
            .filter(|rule| rule.when.after.is_some())
            .count(),
        2
    );
}

#[test]
fn an_open_end_takes_in_what_no_rule_names() {
    let legs = "network_id,from_area_id,to_area_id,fare_product_id\nbus,,,bus\n\
         metro-network,core,,m1\nmetro-network,,core,m2\n";
    let made = imported(&[
        ("fare_leg_rules.txt", legs),
        ("fare_transfer_rules.txt", ""),
    ]);
    let price = |entry, exit| {
        price(
            &made,
            metro(entry, exit),
            MONDAY,
            Class::ORDINARY,
            Means::Code,
        )
    };
    assert_eq!(price("s1", "s2"), Some(300));
    assert_eq!(price("s2", "s1"), Some(500));
    assert_eq!(price("s2", "s2"), None);
}

#[test]
fn the_highest_priority_counts() {
    let legs = "network_id,from_area_id,to_area_id,fare_product_id,rule_priority\n\
         bus,,,bus,\nmetro-network,,,m1,\nmetro-network,core,ring,m2,5\n";
    let made = imported(&[
        ("fare_leg_rules.txt", legs),
        ("fare_transfer_rules.txt", ""),
    ]);
    let price = |entry, exit| {
        price(
            &made,
            metro(entry, exit),
            MONDAY,
            Class::ORDINARY,
            Means::Code,
        )
    };
    assert_eq!(price("s1", "s2"), Some(500));
    assert_eq!(price("s2", "s1"), Some(300));
    assert_eq!(price("s2", "S1"), Some(300));
}

/// One change to the feed, and what is left out.
#[track_caller]
fn leaves_out(file: &'static str, text: &str, expected: &[(&str, Option<u32>, &str)]) {
    let made = imported(&[(file, text)]);
    let omissions: Vec<_> = made
        .omissions
        .iter()
        .map(|o| (o.file, o.line, o.what.0))
        .collect();
    assert_eq!(omissions, expected);
    for (file, ..) in expected {
        assert!(
            made.text.contains(&format!("# Left out: {file}")),
            "{}",
            made.text
        );
    }
}

#[test]
fn what_a_book_cannot_say_is_told() {
    leaves_out(
        "timeframes.txt",
        "timeframe_group_id,start_time,end_time,service_id\npeak,07:00:30,09:00:00,work\n",
        &[("timeframes.txt", Some(2), "a time with seconds")],
    );
    leaves_out(
        "timeframes.txt",
        "timeframe_group_id,start_time,end_time,service_id\npeak,07:00:00,09:00:00,holidays\n",
        &[(
            "timeframes.txt",
            Some(2),
            "days that calendar.txt does not have",
        )],
    );
    leaves_out(
        "fare_transfer_rules.txt",
        "from_leg_group_id,to_leg_group_id,fare_transfer_type,fare_product_id\ngb,gm,2,ab\n",
        &[(
            "fare_transfer_rules.txt",
            Some(2),
            "a total below nothing, or of nothing",
        )],
    );
    leaves_out(
        "fare_leg_join_rules.txt",
        "from_network_id,to_network_id\nbus,bus\n",
        &[("fare_leg_join_rules.txt", None, "rules of joined legs")],
    );
    let extended = "leg_group_id,network_id,fare_product_id,transfer_only\n\
         gb,bus,bus,\ngm,metro-network,m1,1\n";
    let made = imported(&[("fare_leg_rules.txt", extended)]);
    let omission = &made.omissions[0];
    assert_eq!(
        (omission.file, omission.line),
        ("fare_leg_rules.txt", Some(3))
    );
    assert_eq!(
        omission.what.0,
        "a rule with columns beyond the specification"
    );
    assert_eq!(made.book.flat_lines().count(), 1);
    let legs = "leg_group_id,network_id,from_area_id,to_area_id,fare_product_id\n\
         gb,bus,,,bus\ngm,metro-network,core,core,m1\ngx,metro-network,core,ring,m2\n";
    leaves_out(
        "fare_leg_rules.txt",
        legs,
        &[(
            "fare_transfer_rules.txt",
            Some(2),
            "a transfer of a part of a network's legs",
        )],
    );
}

/// One change to the feed, and the complaint.
#[track_caller]
fn refuses(file: &'static str, text: &str, complaint: &str) {
    let error = import(&files(&[(file, text)]), &head()).unwrap_err();
    assert_eq!(error.to_string(), complaint);
}

#[test]
fn errors_name_file_line_and_field() {
    refuses(
        "fare_products.txt",
        "fare_product_id,amount,currency\nbus,2.00,EUR\n",
        "fare_products.txt, line 2, currency: found \"EUR\", expected CNY",
    );
    refuses(
        "fare_products.txt",
        "fare_product_id,amount,currency\nbus,2.001,CNY\n",
        "fare_products.txt, line 2, amount: found \"2.001\", expected yuan from -10000.00 to 10000.00 \
         with at most two decimals",
    );
    refuses(
        "fare_products.txt",
        "fare_product_id,amount\n",
        "fare_products.txt, line 1: no column currency, expected it",
    );
    refuses(
        "stop_areas.txt",
        "area_id,stop_id\ncore,s9\n",
        "stop_areas.txt, line 2, stop_id: found \"s9\", expected one that stops.txt has",
    );
    refuses(
        "fare_leg_rules.txt",
        "network_id,fare_product_id\nbus,bus\n\nferry,bus\n",
        "fare_leg_rules.txt, line 4, network_id: found \"ferry\", expected one that networks.txt has",
    );
    refuses(
        "fare_transfer_rules.txt",
        "from_leg_group_id,fare_transfer_type\ngz,0\n",
        "fare_transfer_rules.txt, line 2, from_leg_group_id: found \"gz\", expected one that \
         fare_leg_rules.txt has",
    );
    refuses(
        "timeframes.txt",
        "timeframe_group_id,start_time,end_time,service_id\npeak,09:00:00,08:00:00,work\n",
        "timeframes.txt, line 2, end_time: found \"08:00:00\", expected a time after start_time",
    );
    refuses(
        "areas.txt",
        "area_id\ncore,more\n",
        "areas.txt, line 2: found 2 fields, expected at most 1",
    );
    let mut files = files(&[]);
    files.remove("fare_leg_rules.txt");
    let missing = import(&files, &head()).unwrap_err();
    assert_eq!(
        missing,
        GtfsError::Missing {
            file: "fare_leg_rules.txt"
        }
    );
}

#[test]
fn a_feed_without_networks_is_one_line() {
    let files: Files<'_> = Files::from([
        (
            "fare_products.txt",
            b"fare_product_id,amount,currency\nx,2,CNY\n".to_vec(),
        ),
        ("fare_leg_rules.txt", b"fare_product_id\nx\n".to_vec()),
    ]);
    let made = import(&files, &head()).unwrap();
    assert_eq!(
        price(&made, flat("ALL"), MONDAY, Class::ORDINARY, Means::Code),
        Some(200)
    );
}

proptest! {
    #[test]
    fn a_damaged_feed_is_read_or_refused(
        file in 0..FEED.len(),
        at: prop::sample::Index,
        bit in 0..8_u8,
        cut: bool,
    ) {
        let mut files = files(&[]);
        let bytes = files.get_mut(FEED[file].0).unwrap();
        let at = at.index(bytes.len());
        if cut {
            bytes.truncate(at);
        } else {
            bytes[at] ^= 1 << bit;
        }
        // What is read must be a book; `import` parses it.
        if let Err(GtfsError::Book(error)) = import(&files, &head()) {
            prop_assert!(false, "{error}");
        }
    }

    #[test]
    fn any_rows_are_read_or_refused(rows in prop::collection::vec((0..FILES.len(), "[a-z0-9,\"\n:._-]{0,60}"), 0..6)) {
        let mut files = files(&[]);
        for (file, text) in rows {
            let bytes = files.entry(FILES[file]).or_default();
            bytes.extend(text.bytes());
        }
        let _ = import(&files, &head());
    }
}
