//! Fares as data: every kind of fare and discount of a city in a text, charged and explained.
//!
//! What is here: a city's rule set ([`FareBook`]) read from a text that a city can write by
//! hand ([`parse`] documents the format), the versions of it over time ([`Tariff`]), the
//! distance [`Ladder`], the metro [`Network`] with the shortest path between any two stations,
//! the [`Route`] priced by distance, segments, zones or time, the [`Rule`]s for classes, means,
//! transfers, sums of a month and caps, and the engine: a [`Journey`], a [`Rider`] and a
//! [`History`] in, a [`Fare`] and the next history out. A [`Quote`] is the same amount with the
//! steps that lead to it, in Chinese and English.
//! Everything that a tap needs is computed when a book is read; a charge allocates nothing.
//!
//! What is not here: any city; the card or account that a history comes from; the clock.
//! Start with [`FareBook::parse`], [`FareBook::charge`] and [`FareBook::explain`].
//! [`FareBook::fare`] and [`FareBook::quote`] are the ordinary fare alone, before any rule.
//!
//! ```
//! use tongtu_fare::{BEIJING, FareBook, Lang, Ride};
//!
//! let book = FareBook::parse(BEIJING.as_bytes())?;
//! let ride = Ride::Distance {
//!     network: "METRO".parse()?,
//!     entry: "0101".parse()?,
//!     exit: "0123".parse()?,
//!     stayed_s: 3600,
//! };
//! let quote = book.quote(&ride)?;
//! assert_eq!(quote.amount.to_string(), "6.00");
//! assert!(quote.explain(Lang::En).starts_with("Pingguoyuan to Sihui East, 30.44 km"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod base;
mod book;
mod charge;
pub mod gtfs;
mod history;
mod ladder;
mod name;
mod network;
mod ordinary;
pub mod parse;
mod quote;
mod repair;
mod rider;
mod route;
mod rule;
mod tariff;
mod words;

pub use book::{City, ClassRow, FareBook, FareError, FlatLine, TableRow};
pub use charge::Charged;
pub use history::{COUNTERS_MAX, History, LastRide, TICKETS_MAX, Tally, Ticket};
pub use ladder::{FARE_MAX, Ladder, LadderError, LadderStep, Rung};
pub use name::{Lang, Name};
pub use network::{
    Certainty, Distance, LINK_MAX_M, Leg, Line, Link, Network, Path, STATIONS_MAX, Station,
};
pub use parse::{ParseError, ParseErrorKind};
pub use quote::{Given, Quote, Ride, Step};
pub use repair::{Corrector, OverStay, Repair, RepairCharge, RepairKind};
pub use rider::{Class, Direction, Fare, Journey, Means, Mode, Rider, VIA_MAX};
pub use route::{Extent, Pairs, Route, STOPS_MAX, Scale, Stop, Table, Tiers};
pub use rule::{
    Action, After, Clock, Counter, Days, Effect, Home, Measure, Product, RoundMode, Rounding, Rule,
    RuleKind, SameLine, When, Window,
};
pub use tariff::{Tariff, TariffError};

/// Beijing's book; its head names the sources and what is certain.
pub const BEIJING: &str = include_str!("../data/beijing.fare");

/// Guangzhou's book; its head names the sources and what is certain.
pub const GUANGZHOU: &str = include_str!("../data/guangzhou.fare");

/// Shanghai's rules, on a measuring line.
pub const SHANGHAI: &str = include_str!("../data/shanghai.fare");

/// Shenzhen's rules, on a measuring line.
pub const SHENZHEN: &str = include_str!("../data/shenzhen.fare");

/// Hangzhou's rules, on a measuring line.
pub const HANGZHOU: &str = include_str!("../data/hangzhou.fare");

/// Nanjing's rules, on a measuring line.
pub const NANJING: &str = include_str!("../data/nanjing.fare");
