//! The two books that come with the crate: real lines, published ladders.

use tongtu_fare::{BEIJING, Certainty, FareBook, FareError, GUANGZHOU, Lang, Ride};

use crate::{book, ride};

/// Finds a station by its Chinese name.
fn code(book: &FareBook, name: &str) -> String {
    let network = book.networks().next().unwrap();
    let station = network
        .stations()
        .iter()
        .find(|station| station.name.in_lang(Lang::Zh) == name);
    station
        .unwrap_or_else(|| panic!("no station {name}"))
        .code
        .to_string()
}

/// Rows are two stations, metres, yuan and the lines of the path.
fn check(book: &FareBook, rows: &[(&str, &str, u32, &str, &[&str])]) {
    for (from, to, metres, yuan, lines) in rows {
        let (entry, exit) = (code(book, from), code(book, to));
        let network = book.network("METRO".parse().unwrap()).unwrap();
        let (a, b) = (entry.parse().unwrap(), exit.parse().unwrap());
        assert_eq!(
            network.distance(a, b).unwrap().metres,
            *metres,
            "{from} {to}"
        );
        let legs = network.legs(a, b).unwrap();
        let named: Vec<&str> = legs.iter().map(|leg| leg.line.in_lang(Lang::Zh)).collect();
        assert_eq!(named, *lines, "{from} {to}");
        let there = book.quote(&ride("METRO", &entry, &exit)).unwrap();
        let back = book.quote(&ride("METRO", &exit, &entry)).unwrap();
        assert_eq!(there.amount.to_string(), *yuan, "{from} {to}");
        assert_eq!(back.amount, there.amount, "{to} {from}");
    }
}

#[test]
fn beijing_station_pairs() {
    let book = book(BEIJING);
    #[rustfmt::skip]
    check(&book, &[
        ("苹果园", "四惠东", 30_440, "6.00", &["1号线"]),
        ("西单", "天安门西", 1217, "3.00", &["1号线"]),
        ("南礼士路", "复兴门", 424, "3.00", &["1号线"]),
        // Round the loop the short way, through its seam at 西直门.
        ("积水潭", "车公庄", 1899 + 909, "3.00", &["2号线"]),
        // Line 2 is 11,488 m one way round and 11,538 m the other; through the middle is shorter.
        ("西直门", "建国门", 10_103, "4.00", &["4号线", "1号线"]),
        ("天安门东", "天安门东", 0, "3.00", &[]),
        // The two lines' figures for 四惠 to 四惠东 differ by a metre: the shorter one counts.
        ("四惠", "四惠东", 1714, "3.00", &["1号线"]),
        ("高碑店", "四惠", 1375 + 1714, "3.00", &["八通线", "1号线"]),
    ]);
    assert_eq!(
        book.max_fare("METRO".parse().unwrap()).unwrap().to_string(),
        "8.00"
    );
}

#[test]
fn guangzhou_station_pairs() {
    let book = book(GUANGZHOU);
    #[rustfmt::skip]
    check(&book, &[
        ("西塱", "体育中心", 17_950 - 1920, "5.00", &["1号线"]),
        ("西塱", "广州东站", 17_950 - 1050 - 1920 + 1220 + 840, "5.00", &["1号线", "3号线北延段"]),
        ("西门口", "公园前", 860, "2.00", &["1号线"]),
        ("广州南站", "嘉禾望岗", 31_390, "7.00", &["2号线"]),
        ("滘口", "文冲", 31_120, "7.00", &["5号线"]),
        ("公园前", "公园前", 0, "2.00", &[]),
    ]);
}

#[test]
fn books_are_complete() {
    for (text, stations, lines, city) in [(BEIJING, 141, 7, "1000"), (GUANGZHOU, 85, 5, "5810")] {
        let book = book(text);
        let network = book.networks().next().unwrap();
        assert_eq!(
            (network.stations().len(), network.lines().len()),
            (stations, lines)
        );
        assert_eq!(book.city().code.to_string(), city);
        assert!(book.flat_lines().count() >= 2);
        let table = book.table(network.code()).unwrap();
        assert_eq!(table.len(), stations * stations);
        let max = table.iter().map(|row| row.fare).max().unwrap();
        assert_eq!(book.max_fare(network.code()), Ok(max));
        for row in table {
            let (network, entry, exit) = (network.code(), row.entry, row.exit);
            let ride = Ride::Distance {
                network,
                entry,
                exit,
                stayed_s: 0,
            };
            assert_eq!(book.fare(&ride), Ok(row.fare));
        }
    }
}

/// The heads of the files say how many lengths are derived; this holds them to it.
#[test]
fn certainty_is_as_the_heads_say() {
    let derived = |text: &str| {
        let book = book(text);
        let links = book.networks().next().unwrap().links().to_vec();
        let count = links
            .iter()
            .filter(|link| link.certainty == Certainty::Derived)
            .count();
        (count, links.len())
    };
    assert_eq!(derived(BEIJING), (12, 153));
    assert_eq!(derived(GUANGZHOU), (88, 88));
}

#[test]
fn flat_lines() {
    for text in [BEIJING, GUANGZHOU] {
        let book = book(text);
        let quote = book
            .quote(&Ride::Flat {
                line: "B00001".parse().unwrap(),
            })
            .unwrap();
        assert_eq!(quote.amount.to_string(), "2.00");
        assert_eq!(
            (quote.version, quote.certainty()),
            (1, Certainty::Published)
        );
    }
}

#[test]
fn over_stay_costs_the_highest_fare() {
    let book = book(BEIJING);
    let (network, station) = ("METRO".parse().unwrap(), "0113".parse().unwrap());
    let stayed = |stayed_s| Ride::Distance {
        network,
        entry: station,
        exit: station,
        stayed_s,
    };
    assert_eq!(
        book.quote(&stayed(14_400)).unwrap().amount.to_string(),
        "3.00"
    );
    let over = book.quote(&stayed(14_401)).unwrap();
    assert_eq!(Ok(over.amount), book.max_fare(network));
    assert_eq!(Ok(over.amount), book.fare(&stayed(14_401)));
}

#[test]
fn names_what_the_book_lacks() {
    let book = book(BEIJING);
    let flat = |line: &str| {
        book.quote(&Ride::Flat {
            line: line.parse().unwrap(),
        })
        .unwrap_err()
    };
    let (x, metro) = ("X".parse().unwrap(), "METRO".parse().unwrap());
    assert_eq!(
        flat("X"),
        FareError::UnknownLine {
            line: x,
            version: 1
        }
    );
    assert_eq!(
        flat("METRO"),
        FareError::UnknownLine {
            line: metro,
            version: 1
        }
    );
    let error = book.quote(&ride("X", "0101", "0102")).unwrap_err();
    assert_eq!(
        error,
        FareError::UnknownNetwork {
            network: x,
            version: 1
        }
    );
    assert_eq!(book.max_fare(x), Err(error));
    assert_eq!(book.table(x), Err(error));
    for (entry, exit) in [("9999", "0101"), ("0101", "9999")] {
        let error = book.quote(&ride("METRO", entry, exit)).unwrap_err();
        let station = "9999".parse().unwrap();
        assert_eq!(
            error,
            FareError::UnknownStation {
                network: metro,
                station,
                version: 1
            }
        );
        assert_eq!(
            error.to_string(),
            "no station 9999 in network METRO of fare book version 1"
        );
    }
}
