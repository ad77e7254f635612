//! Fares as data: flat fares and distance tables, explained.
//!
//! What is here: a city's rule set ([`FareBook`]) read from a text that a city can write by
//! hand ([`parse`] documents the format), the versions of it over time ([`Tariff`]), the
//! distance [`Ladder`], the metro [`Network`] with the shortest path between any two stations,
//! and the [`Quote`]: an amount with the steps that lead to it, in Chinese and English.
//! Everything that a tap needs is computed when a book is read; a quote is a look-up.
//!
//! What is not here: who may ride free, discounts, transfers, accumulation and caps (they will
//! be further records of the format and further [`Step`]s), the rider, the card, the clock.
//! Start with [`FareBook::parse`] and [`FareBook::quote`].
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

mod book;
mod ladder;
mod name;
mod network;
pub mod parse;
mod quote;
mod tariff;

pub use book::{City, FareBook, FareError, FlatLine, TableRow};
pub use ladder::{FARE_MAX, Ladder, LadderError, LadderStep, Rung};
pub use name::{Lang, Name};
pub use network::{
    Certainty, Distance, LINK_MAX_M, Leg, Line, Link, Network, STATIONS_MAX, Station,
};
pub use parse::{ParseError, ParseErrorKind};
pub use quote::{Quote, Ride, Step};
pub use tariff::{Tariff, TariffError};

/// Beijing's book for the demo country; its head names the sources and what is certain.
pub const BEIJING: &str = include_str!("../data/beijing.fare");

/// Guangzhou's book for the demo country; its head names the sources and what is certain.
pub const GUANGZHOU: &str = include_str!("../data/guangzhou.fare");
