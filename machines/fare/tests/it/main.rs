//! Fares: published tables, real station pairs, every parse error, and properties.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod charge;
mod cities;
mod explain;
mod gtfs;
mod ladders;
mod model;
mod parser;
mod parser_rules;
mod props;
mod rules;
mod tariff;

use tongtu_fare::{FareBook, Ride};

/// A small network: two lines that cross at B, a long way round, one derived link.
///
/// ```text
/// line 1: A -1000- B -2000?- C      line 2: B -500- D -1500- C
/// ```
const SMALL: &str = "\
fare-book 1
city 1000 | 甲 | Alpha
version 7
effective 2026-01-01
currency CNY
flat 000001 | 一路 | Bus 1 | 2.00
network M | 地铁 | Metro
stay 3600 | max-fare
ladder 1000 | 2.00
step 2000 | 500
step inf | 1000
line 1 | 一号线 | Line 1
station A | 甲站 | A Station
station B | 乙站 | B Station
station C | 丙站 | C Station
link A | B | 1000
link B | C | 2000?
line 2 | 二号线 | Line 2
station D | 丁站 | D Station
link B | D | 500
link D | C | 1500
";

fn book(text: &str) -> FareBook {
    FareBook::parse(text.as_bytes()).unwrap()
}

fn ride(network: &str, entry: &str, exit: &str) -> Ride {
    let (network, entry, exit) = (
        network.parse().unwrap(),
        entry.parse().unwrap(),
        exit.parse().unwrap(),
    );
    Ride::Distance {
        network,
        entry,
        exit,
        stayed_s: 0,
    }
}
