//! The cities' fare books: the shipped ones, and what the demo adds to each.
//!
//! Everything added is ours and says so in its name: a line above the riders' limit, a bus of
//! segmented fares, and for Guangzhou discounts for transfers and a cap of the day, because its
//! published rules have neither.

use std::fmt::Write as _;

use tongtu_types::Fen;

/// Line code of the line above the limit.
pub const AIRPORT_LINE: &str = "B00009";
/// Fare of the line that is above it.
pub const AIRPORT_FARE: Fen = Fen::new(2500);
/// Line code of the bus of segmented fares, whose stops are a network of the fare book.
pub const SUBURB: &str = "SUBURB";
/// Its stops, counted from 1.
pub const SUBURB_STOPS: u8 = 4;
/// Metres from each of its stops to the next; a ride of so many costs one yuan.
pub const SUBURB_STOP_M: u32 = 4000;

/// Guangzhou's transfers and cap, for cards. A transfer counts from the payment of one ride to
/// the beginning of the next within an hour, twice in a row, and not on the same line.
const GUANGZHOU_RULES: &str = "\
counter 3 | day | paid | mode=bus,metro means=card
transfer demo-bus | 示范公交换乘优惠 | Demo transfer from a bus | means=card after=bus mode=bus,metro within=3600 chain=2 | -0.50
transfer demo-metro | 示范地铁换乘公交优惠 | Demo transfer from the metro | means=card after=metro mode=bus within=3600 chain=2 | -0.50
cap demo-day | 示范单日封顶 | Demo cap of a day | means=card mode=bus,metro | total 3 10.00
";

/// Beijing's book of the demo.
#[must_use]
pub fn beijing() -> String {
    with_suburb_line(&before_the_lines(tongtu_fare::BEIJING, &airport_line()))
}

/// Guangzhou's book of the demo.
#[must_use]
pub fn guangzhou() -> String {
    let added = format!("{GUANGZHOU_RULES}\n{}", airport_line());
    with_suburb_line(&before_the_lines(tongtu_fare::GUANGZHOU, &added))
}

fn airport_line() -> String {
    format!("flat {AIRPORT_LINE} | 示范机场巴士 | Demo airport bus | {AIRPORT_FARE}\n")
}

fn before_the_lines(book: &str, added: &str) -> String {
    match book.find("\nflat ").map(|at| at + 1) {
        Some(at) => format!("{}{added}{}", &book[..at], &book[at..]),
        None => format!("{book}\n{added}"),
    }
}

/// Adds the bus of segmented fares: a yuan for each stop.
fn with_suburb_line(book: &str) -> String {
    let mut text = format!(
        "{book}\nnetwork {SUBURB} | 示范郊区巴士 | Demo suburb bus\nmode bus\n\
         stay 14400 | max-fare\nladder {SUBURB_STOP_M} | 1.00\nstep inf | {SUBURB_STOP_M}\n\n\
         line 9 | 9路 | Bus 9\n"
    );
    let mut links = String::new();
    for stop in 1..=SUBURB_STOPS {
        writeln!(text, "station {stop:02} | 第{stop}站 | Stop {stop}").expect("a String");
        if stop > 1 {
            let before = stop - 1;
            writeln!(links, "link {before:02} | {stop:02} | {SUBURB_STOP_M}").expect("a String");
        }
    }
    text + &links
}
