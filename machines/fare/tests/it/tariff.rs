//! Which book counts on which day.

use tongtu_fare::{FareBook, Tariff, TariffError};
use tongtu_types::BusinessDay;

use crate::{SMALL, book};

fn version(version: u32, effective: &str) -> FareBook {
    let text = SMALL.replace("version 7", &format!("version {version}"));
    book(&text.replace("2026-01-01", effective))
}

#[test]
fn the_newest_book_that_has_begun_counts() {
    let mut tariff = Tariff::default();
    let day = |text: &str| text.parse::<BusinessDay>().unwrap();
    assert!(tariff.on(day("2026-01-01")).is_none());
    // The third corrects the second before it has begun.
    for (number, effective) in [(1, "2026-01-01"), (2, "2026-07-01"), (5, "2026-06-01")] {
        tariff.adopt(version(number, effective)).unwrap();
    }
    let on = |text: &str| tariff.on(day(text)).map(FareBook::version);
    assert_eq!(on("2025-12-31"), None);
    assert_eq!(on("2026-01-01"), Some(1));
    assert_eq!(on("2026-05-31"), Some(1));
    assert_eq!(on("2026-06-01"), Some(5));
    assert_eq!(on("2026-07-01"), Some(5));
    assert_eq!(tariff.books().len(), 3);
}

#[test]
fn versions_only_rise_and_cities_do_not_mix() {
    let mut tariff = Tariff::default();
    tariff.adopt(version(3, "2026-01-01")).unwrap();
    for found in [1, 2, 3] {
        let error = tariff.adopt(version(found, "2027-01-01")).unwrap_err();
        assert_eq!(error, TariffError::NotNewer { found, held: 3 });
    }
    let other = book(&SMALL.replace("city 1000", "city 5810"));
    let error = tariff.adopt(other).unwrap_err();
    assert_eq!(
        error.to_string(),
        "fare book of city 5810, expected city 1000"
    );
    assert_eq!(tariff.books().len(), 1);
}
