//! Charging rides by a city's book, on one core.

use std::hint::black_box;

use tongtu_fare::{BEIJING, FareBook, History, Journey, Means, Ride, Rider};
use tongtu_types::{LineCode, Timestamp};

use super::{Figure, figure};

/// Rides of one measurement.
const RIDES: usize = 100_000;

/// 2026-03-02 10:00 China time.
const MORNING: Timestamp = Timestamp::new(1_772_416_800);

pub(super) fn measure(runs: u32) -> Vec<Figure> {
    let book = FareBook::parse(BEIJING.as_bytes()).expect("the program's own book");
    let network = LineCode::parse("METRO").expect("a line code");
    let stations = book
        .network(network)
        .expect("the book's network")
        .stations();
    // Pairs far apart in the book, so that no two rides in a row ask for the same.
    let pairs = stations
        .iter()
        .zip(stations.iter().cycle().skip(stations.len() / 3));
    let journeys: Vec<Journey> = pairs
        .map(|(entry, exit)| Ride::Distance {
            network,
            entry: entry.code,
            exit: exit.code,
            stayed_s: 1800,
        })
        .map(|ride| Journey::new(ride, MORNING))
        .collect();
    let rider = Rider::ordinary(Means::Card, book.city().code);
    let charged = figure(
        "rides charged",
        "计费（含月累计）",
        runs,
        RIDES,
        || {
            let mut history = History::default();
            for journey in journeys.iter().cycle().take(RIDES) {
                let charged = book.charge(black_box(journey), &rider, &history);
                history = charged.expect("a ride of the book").history;
            }
            black_box(history);
        },
    );
    let explained = figure(
        "rides charged and explained",
        "计费并逐步说明",
        runs,
        RIDES / 10,
        || {
            let history = History::default();
            for journey in journeys.iter().cycle().take(RIDES / 10) {
                let quote = book.explain(black_box(journey), &rider, &history);
                black_box(quote.expect("a ride of the book"));
            }
        },
    );
    Vec::from([charged, explained])
}
