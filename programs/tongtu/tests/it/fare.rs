//! `tongtu fare`.

use std::path::Path;

use crate::run::{folder, tongtu, tongtu_in, transcript};

/// 2026-03-02 10:00 China time.
const AT: &str = "2026-03-02T02:00:00Z";

const RIDE: &[&str] = &[
    "fare",
    "explain",
    "shenzhen",
    "--line",
    "METRO",
    "--from",
    "K0",
    "--to",
    "K18.1",
    "--after",
    "B00001:30",
    "--at",
    AT,
];

#[test]
fn a_fare_is_explained_step_by_step() {
    transcript(
        Path::new("."),
        RIDE,
        "
$ tongtu fare explain shenzhen --line METRO --from K0 --to K18.1 --after B00001:30 --at 2026-03-02T02:00:00Z
km 0 to km 18.1 on Shenzhen Metro, measuring line, 18.1 km: 6.00, Card discount 95%: -0.30, Metro after a bus (30 min after a bus): -0.40; 5.30 in all. Shenzhen fares, version 1, from 2018-01-01.

¥      step
6.00   km 0 to km 18.1 on Shenzhen Metro, measuring line, 18.1 km: 6.00
-0.30  Card discount 95%: -0.30
-0.40  Metro after a bus (30 min after a bus): -0.40

base 6.00 - discount 0.30 - transfer 0.40 + penalty 0.00 = 5.30; fare version 1
",
    );
}

#[test]
fn a_fare_is_explained_in_chinese() {
    let ran = tongtu(&[RIDE, &["--lang", "zh"]].concat());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(
        ran.out
            .contains("公交换乘地铁优惠（距上次乘公交30分钟），减0.40元；共5.30元。")
    );
    assert!(
        ran.out.ends_with("= 5.30；票价规则第 1 版\n"),
        "{}",
        ran.out
    );
}

#[test]
fn the_parts_of_a_fare_are_in_the_json() {
    let json = tongtu(&[RIDE, &["--json"]].concat()).json();
    let ride = &json["rides"][0];
    for (name, fen) in [
        ("amount_fen", 530),
        ("base_fen", 600),
        ("discount_fen", 30),
        ("transfer_fen", 40),
        ("penalty_fen", 0),
        ("version", 1),
    ] {
        assert_eq!(ride[name], fen, "{name}");
    }
    assert_eq!(ride["steps"][2]["effect_fen"], -40);
    assert_eq!(json["city"], "5840");
}

#[test]
fn rides_one_after_the_other_show_the_month() {
    let args = [
        "fare",
        "explain",
        "beijing",
        "--line",
        "METRO",
        "--from",
        "Xidan",
        "--to",
        "苹果园",
        "--times",
        "134",
        "--at",
        AT,
    ];
    let ran = tongtu(&args);
    let line = |number: usize| ran.out.lines().nth(number).unwrap();
    assert_eq!(
        line(20),
        "20    5.00    0.00        0.00        5.00    100.00"
    );
    assert_eq!(
        line(21),
        "21    5.00    1.00        0.00        4.00    104.00"
    );
    assert_eq!(
        line(34),
        "34    5.00    2.50        0.00        2.50    154.50"
    );
    assert_eq!(
        line(134),
        "134   5.00    0.00        0.00        5.00    407.00"
    );
}

#[test]
fn a_missing_tap_is_a_ride_with_one_station() {
    let base = [
        "fare", "explain", "beijing", "--line", "BUSKM", "--at", AT, "--json",
    ];
    let amount = |more: &[&str]| {
        let json = tongtu(&[&base, more].concat()).json();
        let ride = &json["rides"][0];
        (
            ride["amount_fen"].as_i64(),
            ride["penalty_fen"].as_i64(),
            ride["later"].as_bool(),
        )
    };
    assert_eq!(
        amount(&["--from", "K20"]),
        (Some(700), Some(700), Some(false))
    );
    assert_eq!(
        amount(&["--from", "K20", "--direction", "down"]),
        (Some(400), Some(400), Some(false))
    );
    assert_eq!(
        amount(&["--from", "K20", "--means", "code"]),
        (Some(0), Some(0), Some(true))
    );
    assert_eq!(amount(&["--to", "K20"]), (Some(0), Some(0), Some(true)));
}

#[test]
fn what_the_book_lacks_is_named() {
    let explain = |more: &[&str]| {
        let ran = tongtu(&[&["fare", "explain", "beijing", "--at", AT], more].concat());
        (
            ran.code,
            ran.err.lines().next().unwrap_or_default().to_owned(),
        )
    };
    assert_eq!(
        explain(&["--line", "X"]),
        (
            1,
            "error: the book has no fare for the ride: no flat line X in fare book version 1"
                .into()
        )
    );
    assert_eq!(
        explain(&["--line", "METRO", "--from", "Nowhere", "--to", "Xidan"]),
        (2, "error: METRO has no station `Nowhere`".into())
    );
    assert_eq!(
        explain(&["--line", "METRO", "--class", "pilot"]),
        (2, "error: the book has no class `pilot`".into())
    );
    assert_eq!(
        explain(&["--line", "METRO", "--held", "2=1.00"]),
        (2, "error: the book has no counter 2".into())
    );
}

#[test]
fn a_book_is_checked() {
    let folder = folder("fare-check");
    let head =
        "fare-book 2\ncity 1000 | 甲 | Alpha\nversion 4\neffective 2026-01-01\ncurrency CNY\n";
    let book = format!(
        "{head}counter 1 | day | paid | any\nconcession all | 全 | All | any | 50%\n\
         concession home | 本 | Home | home=local | free\nflat L | 线 | L | 2.00\n"
    );
    std::fs::write(folder.join("city.fare"), book).unwrap();
    std::fs::write(
        folder.join("wrong.fare"),
        format!("{head}flat L | 线 | 2.00\n"),
    )
    .unwrap();
    transcript(
        &folder,
        &["fare", "check", "city.fare", "wrong.fare"],
        "
$ tongtu fare check city.fare wrong.fare
Alpha: version 4, from 2026-01-01; 1 lines and networks, 2 rules
concession  all   All
concession  home  Home
  `home` asks for the home city; the draft service rules (§25) ask for the same terms for all
  `home` never applies: `all` before it always does
  counter 1 is counted and never used
`wrong.fare` is no fare book: fare book, line 6: found 3 fields, expected `flat CODE | ZH | EN | YUAN`
exit 1
",
    );
    let cities = [
        "beijing",
        "guangzhou",
        "shanghai",
        "shenzhen",
        "hangzhou",
        "nanjing",
    ];
    let ran = tongtu(&[&["fare", "check", "--json"], &cities[..]].concat());
    assert_eq!(ran.code, 0);
    for book in ran.json().as_array().unwrap() {
        assert_eq!(book["advice"], serde_json::json!([]), "{}", book["book"]);
    }
}

#[test]
fn a_table_has_the_riders_fares() {
    transcript(
        Path::new("."),
        &[
            "fare", "table", "hangzhou", "--line", "METRO", "--from", "K0", "--age", "60", "--at",
            AT,
        ],
        "
$ tongtu fare table hangzhou --line METRO --from K0 --age 60 --at 2026-03-02T02:00:00Z
from     to             ordinary ¥  paid ¥
K0 km 0  K0 km 0        2.00        1.00
K0 km 0  K4 km 4        2.00        1.00
K0 km 0  K8 km 8        3.00        1.50
K0 km 0  K9.65 km 9.65  4.00        2.00
K0 km 0  K12 km 12      4.00        2.00
K0 km 0  K24 km 24      6.00        3.00
K0 km 0  K48 km 48      9.00        4.50
",
    );
    let lines = tongtu(&["fare", "table", "guangzhou", "--json"]).json();
    let apm = lines
        .as_array()
        .unwrap()
        .iter()
        .find(|line| line["line"] == "APM")
        .unwrap();
    assert_eq!(
        (&apm["mode"], &apm["max_fare_fen"]),
        (&"metro".into(), &200.into())
    );
}

#[test]
fn a_feed_becomes_a_book() {
    let folder = folder("fare-gtfs");
    let feed = folder.join("feed");
    std::fs::create_dir(&feed).unwrap();
    let write = |name: &str, text: &str| std::fs::write(feed.join(name), text).unwrap();
    write(
        "fare_products.txt",
        "fare_product_id,amount,currency\nx,2.50,CNY\n",
    );
    write("fare_leg_rules.txt", "fare_product_id\nx\n");
    write("fare_leg_join_rules.txt", "from_network_id\nx\n");
    let args = [
        "fare",
        "import-gtfs",
        "feed",
        "--city",
        "1000",
        "--zh",
        "甲",
        "--en",
        "Alpha",
        "--effective",
        "2026-01-01",
    ];
    let ran = tongtu_in(&folder, &args, b"", &[]);
    assert_eq!(ran.code, 0);
    assert_eq!(
        ran.err,
        "left out: fare_leg_join_rules.txt: rules of joined legs\n"
    );
    let explain = [
        "fare", "explain", "-", "--line", "ALL", "--at", AT, "--json",
    ];
    let explained = tongtu_in(&folder, &explain, ran.out.as_bytes(), &[]).json();
    assert_eq!(explained["rides"][0]["amount_fen"], 250);
    // A stop that the feed does not name is one of the others.
    write("areas.txt", "area_id\na\n");
    write("stop_areas.txt", "area_id,stop_id\na,s1\n");
    write(
        "fare_leg_rules.txt",
        "from_area_id,fare_product_id\na,x\n,x\n",
    );
    let ran = tongtu_in(&folder, &args, b"", &[]);
    let between = [&explain[..], &["--from", "s1", "--to", "s2"]].concat();
    let explained = tongtu_in(&folder, &between, ran.out.as_bytes(), &[]).json();
    assert_eq!(explained["rides"][0]["amount_fen"], 250);
    write(
        "fare_products.txt",
        "fare_product_id,amount,currency\nx,2.50,EUR\n",
    );
    let ran = tongtu_in(&folder, &args, b"", &[]);
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (
            1,
            "error: `feed` makes no fare book: fare_products.txt, line 2, currency: found \"EUR\", \
             expected CNY\n"
        )
    );
}
