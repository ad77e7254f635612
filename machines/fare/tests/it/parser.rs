//! Every way in which a text is not a fare book, with the line it names.

use tongtu_fare::parse::BOOK_MAX_BYTES;
use tongtu_fare::{FareBook, ParseError, STATIONS_MAX};

use crate::{SMALL, book};

fn refuse(bytes: &[u8]) -> ParseError {
    FareBook::parse(bytes).unwrap_err()
}

/// Replaces one line of the small book (1-based) and expects this complaint.
fn check(line_number: usize, replacement: &str, complaint: &str) {
    let mut lines: Vec<&str> = SMALL.lines().collect();
    lines[line_number - 1] = replacement;
    let error = refuse(lines.join("\n").as_bytes()).to_string();
    assert_eq!(
        error,
        format!("fare book, line {complaint}"),
        "line {line_number}: {replacement}"
    );
}

#[test]
fn header() {
    check(
        1,
        "fare-book 3",
        "1: format version: found \"3\", expected 1 or 2",
    );
    check(1, "", "2: found record \"city\", expected fare-book");
    check(
        1,
        "\u{feff}fare-book 1",
        "1: found record \"\\u{feff}fare-book\", expected fare-book",
    );
    check(
        2,
        "city 1000 | 甲",
        "2: found 2 fields, expected `city CODE | ZH | EN`",
    );
    check(
        2,
        "city 100 | 甲 | A",
        "2: city code: found \"100\", expected 4 digits",
    );
    let name = "expected 1 to 96 bytes without control characters";
    check(
        2,
        "city 1000 | | A",
        &format!("2: Chinese name: found \"\", {name}"),
    );
    check(
        2,
        "city 1000 | 甲 | A\tB",
        &format!("2: English name: found \"A\\tB\", {name}"),
    );
    check(
        3,
        "version 0",
        "3: version: found \"0\", expected a number from 1 to 4294967295",
    );
    check(
        3,
        "version +1",
        "3: version: found \"+1\", expected a number from 1 to 4294967295",
    );
    check(3, "version", "3: found 0 fields, expected `version N`");
    check(
        3,
        "currency CNY",
        "3: found record \"currency\", expected version",
    );
    let day = "expected a day that exists, YYYY-MM-DD";
    check(
        4,
        "effective 2026-02-30",
        &format!("4: first day: found \"2026-02-30\", {day}"),
    );
    check(
        4,
        "effective 20260130",
        &format!("4: first day: found \"20260130\", {day}"),
    );
    check(
        5,
        "currency HKD",
        "5: currency: found \"HKD\", expected CNY",
    );
}

#[test]
fn flat_and_network_heads() {
    let book = "`flat`, `network` or the end of the book";
    check(
        6,
        "zone 1",
        &format!("6: found record \"zone\", expected {book}"),
    );
    check(
        6,
        "flat 0000001 | 一 | B | 2.00",
        "6: code: found \"0000001\", expected 1 to 6 letters, digits or marks",
    );
    for fare in ["-0.01", "10000.01", "2.001", "2,00", ""] {
        let line = format!("flat 1 | 一路 | Bus 1 | {fare}");
        check(
            6,
            &line,
            &format!("6: fare: found {fare:?}, expected yuan from 0.00 to 10000.00"),
        );
    }
    check(
        7,
        "network 000001 | 地铁 | Metro",
        "7: code of a flat line or network \"000001\" already stands in line 6, expected it once",
    );
    check(
        8,
        "ladder 1000 | 2.00",
        "8: found record \"ladder\", expected stay",
    );
    check(
        8,
        "stay 0 | max-fare",
        "8: stay limit in seconds: found \"0\", expected a number from 1 to 172800",
    );
    check(
        8,
        "stay 60 | free",
        "8: charge for an over-stay: found \"free\", expected max-fare",
    );
}

#[test]
fn ladder() {
    check(
        9,
        "ladder 1km | 2.00",
        "9: metres of the base fare: found \"1km\", expected a number from 0 to 4294967295",
    );
    check(
        10,
        "line 1 | 一 | L",
        "10: found record \"line\", expected `step`",
    );
    check(
        10,
        "step 1000 | 500",
        "10: step reaches 1000 m, expected more than 1000 m",
    );
    check(
        10,
        "step inf | 500",
        "11: step after the one that reaches `inf`, expected none",
    );
    check(
        11,
        "step 9000 | 500",
        "11: the ladder ends at 9000 m, expected a last step that reaches `inf`",
    );
    check(11, "step inf | 0", "11: 0 m per yuan, expected at least 1");
    check(
        11,
        "step INF | 1",
        "11: end of the step in metres, or `inf`: found \"INF\", expected a number from 0 to 4294967295",
    );
}

#[test]
fn lines_stations_links() {
    let network = "`line`, `station`, `link`, `flat`, `network` or the end of the book";
    check(
        13,
        "step inf | 1",
        &format!("13: found record \"step\", expected {network}"),
    );
    check(
        12,
        "",
        "16: found record \"link\", expected `line` before the first `link`",
    );
    check(
        18,
        "line 1 | 二 | L",
        "18: line of this network \"1\" already stands in line 12, expected it once",
    );
    check(
        15,
        "station A | 丙 | C",
        "15: station of this network \"A\" already stands in line 13, expected it once",
    );
    check(
        15,
        "station ABCDEFGHI | 丙 | C",
        "15: station code: found \"ABCDEFGHI\", expected 1 to 8 letters, digits or marks",
    );
    check(
        16,
        "link A | D | 1000",
        "16: found station D, expected one declared above in this network",
    );
    check(
        16,
        "link A | A | 1000",
        "16: other end of the link: found \"A\", expected another station",
    );
    check(
        17,
        "link B | A | 900",
        "17: link of this line \"B | A\" already stands in line 16, expected it once",
    );
    for metres in ["0", "100001", "?", "1 000", "-5", "5??"] {
        let line = format!("link A | B | {metres}");
        check(
            16,
            &line,
            &format!("16: length in metres: found {metres:?}, expected a number from 1 to 100000"),
        );
    }
    check(
        16,
        "",
        "14: station B cannot be reached from A, expected links that join them",
    );
}

#[test]
fn whole_text() {
    let lines: Vec<&str> = SMALL.lines().collect();
    let upto = |count: usize| refuse(lines[..count].join("\n").as_bytes()).to_string();
    assert_eq!(
        refuse(b"").to_string(),
        "fare book, line 2: found the end of the book, expected fare-book"
    );
    assert_eq!(
        upto(4),
        "fare book, line 5: found the end of the book, expected currency"
    );
    assert_eq!(
        upto(5),
        "fare book, line 6: found the end of the book, expected `flat` or `network`"
    );
    assert_eq!(
        upto(9),
        "fare book, line 9: the ladder ends at 1000 m, expected a last step that reaches `inf`"
    );
    assert_eq!(
        upto(13),
        "fare book, line 7: found fewer stations, expected at least 2"
    );
    let error = refuse(b"fare-book 1\ncity 1000 | \xff");
    assert_eq!(
        error.to_string(),
        "fare book, line 2: byte 12 of the line is not UTF-8, expected UTF-8 text"
    );
    let long = vec![b'#'; BOOK_MAX_BYTES + 1];
    assert_eq!(
        refuse(&long).to_string(),
        "fare book, line 1: found more bytes, expected at most 4194304"
    );
    let error = refuse("错".repeat(100).as_bytes()).to_string();
    assert!(
        error.contains(&"错".repeat(40)) && !error.contains(&"错".repeat(41)),
        "{error}"
    );
}

#[test]
fn refuses_more_stations_than_the_table_has_room_for() {
    let head = SMALL.lines().take(12).collect::<Vec<_>>().join("\n");
    let stations = (0..=STATIONS_MAX).map(|i| format!("\nstation {i} | 站 | S"));
    let error = refuse((head + &stations.collect::<String>()).as_bytes());
    assert_eq!(
        error.to_string(),
        "fare book, line 1037: found more stations, expected at most 1024"
    );
}

#[test]
fn what_does_not_count() {
    let table = |text: &str| book(text).table("M".parse().unwrap()).unwrap();
    let plain = table(SMALL);
    assert_eq!(table(&SMALL.replace('\n', "\r\n")), plain);
    assert_eq!(
        table(&SMALL.replace('\n', "\n\n  # note | with | bars\n")),
        plain
    );
    assert_eq!(
        table(&SMALL.replace(" | ", "|").replace("link ", "\t link   ")),
        plain
    );
}

#[test]
fn two_lines_may_share_a_stretch() {
    let text = SMALL.to_owned() + "link C | B | 1999\nlink B | A | 1001\n";
    let book = book(&text);
    let network = book.network("M".parse().unwrap()).unwrap();
    let metres = |a: &str, b: &str| {
        network
            .distance(a.parse().unwrap(), b.parse().unwrap())
            .unwrap()
            .metres
    };
    assert_eq!((metres("B", "C"), metres("A", "B")), (1999, 1000));
}
