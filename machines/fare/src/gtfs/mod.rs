//! Fares from a public timetable feed: GTFS-Fares v2 in, the text of a fare book out.
//!
//! What is read: `fare_products`, `fare_leg_rules`, `fare_transfer_rules`, `areas`, `stop_areas`,
//! `timeframes`, `rider_categories`, `fare_media`, `networks`, `route_networks`, `routes`,
//! `stops` and `calendar`. What cannot be said in a fare book is left out and told, one
//! [`Omission`] each; it stands in the head of the text as well.
//! What is not here: files and archives; the caller hands in bytes.
//!
//! How a feed becomes a book: a network becomes a flat line where no rule speaks of areas, else
//! a route whose stops are in zones: the areas that its rules name, and `*` for all other stops.
//! Its amounts for the default rider without a medium are the fares; those of other categories,
//! media and timeframes are tables or rules before them. A pair of areas with several products has
//! the cheapest. Transfers become `transfer` rules between lines. Ids that are too long for a code
//! get one; the text names both.

mod csv;
mod emit;
mod error;
mod feed;
mod text;
mod transfer;
mod zone;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

pub use error::GtfsError;
use tongtu_types::{BusinessDay, CityCode};

use crate::FareBook;

/// The files of a feed that are read, by name; others need not be handed in.
pub const FILES: &[&str] = &[
    "areas.txt",
    "calendar.txt",
    "fare_leg_join_rules.txt",
    "fare_leg_rules.txt",
    "fare_media.txt",
    "fare_products.txt",
    "fare_transfer_rules.txt",
    "networks.txt",
    "rider_categories.txt",
    "route_networks.txt",
    "routes.txt",
    "stop_areas.txt",
    "stops.txt",
    "timeframes.txt",
    "calendar_dates.txt",
];

/// Those of them that no fare book can express.
const NOT_EXPRESSIBLE: &[&str] = &["fare_leg_join_rules.txt"];

/// The bytes of a feed's files, by name.
pub type Files<'a> = BTreeMap<&'a str, Vec<u8>>;

/// What a feed does not say of a book.
#[derive(Clone, Debug)]
pub struct Head {
    /// The city's code.
    pub city: CityCode,
    /// Its Chinese name.
    pub zh: String,
    /// Its English name.
    pub en: String,
    /// The book's version.
    pub version: u32,
    /// The book's first day.
    pub effective: BusinessDay,
    /// The numbers that cards carry for rider categories; others get numbers from 32 on.
    pub classes: BTreeMap<String, u8>,
}

/// Something that a feed says and a fare book cannot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Omission {
    /// The file.
    pub file: &'static str,
    /// The line, where one line says it.
    pub line: Option<u32>,
    /// What is left out, English first.
    pub what: (&'static str, &'static str),
}

/// A book made of a feed.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The text of the book.
    pub text: String,
    /// The same, parsed.
    pub book: FareBook,
    /// What was left out.
    pub omissions: Vec<Omission>,
}

/// Makes a fare book of a feed.
///
/// # Errors
/// [`GtfsError`] with file, line and field when the feed is not one, or leaves no fare.
pub fn import(files: &Files<'_>, head: &Head) -> Result<Imported, GtfsError> {
    let feed = feed::Feed::read(files)?;
    let (text, omissions) = emit::book(&feed, head)?;
    let book = FareBook::parse(text.as_bytes()).map_err(GtfsError::Book)?;
    Ok(Imported {
        text,
        book,
        omissions,
    })
}
