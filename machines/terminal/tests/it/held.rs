//! The book of lists: what a tap sees, when new terms begin, and what is reported.

use std::sync::Arc;

use tongtu_blacklist::{Blacklist, Change, Issue, ListedNumber, Span, State, file};
use tongtu_terminal::lists::CITIES_DUE_S;
use tongtu_terminal::{Coverage, CoverageRecord, ListBook, ListError};
use tongtu_types::{CardNumber, Timestamp};

use crate::fixture::{City, MemoryStore, T0, bus, card_lists, institution, key, profile};

fn book(city: &City) -> ListBook {
    ListBook::new(institution("11345810"), city.list_key.public().clone())
}

fn card(n: u32) -> CardNumber {
    CardNumber::parse(&format!("310458109999{n:07}")).unwrap()
}

fn listed(n: u32) -> Span {
    Span::single(ListedNumber::of(&card(n)))
}

fn issue(version: u64) -> Issue {
    Issue {
        acquirer: institution("11345810"),
        version,
        issued_at: T0,
    }
}

fn load(book: &ListBook, bytes: &[u8]) -> Blacklist {
    let mut loader = book.card_blacklist_loader();
    loader.feed(bytes).unwrap();
    loader.finish().unwrap()
}

/// A book with bundle 1 of lists for cards, taken at `now`.
fn filled(city: &City, now: Timestamp, store: &mut MemoryStore) -> ListBook {
    let mut book = book(city);
    let mut bundle = city.bundle(1);
    bundle.cards = card_lists();
    let bytes = bundle.sign(&city.list_key).unwrap();
    book.apply_bundle(&bytes, now, store).unwrap();
    book
}

#[test]
fn what_a_tap_took_stays_as_it_was() {
    let (city, mut store) = (City::new(), MemoryStore::default());
    let mut book = filled(&city, T0, &mut store);
    let begun = Arc::clone(book.held().unwrap());
    let full = file::full(issue(17), [listed(1), listed(2)], &city.list_key).unwrap();
    let list = load(&book, &full);
    book.apply_card_blacklist(list, T0).unwrap();
    let mut bundle = city.bundle(2);
    bundle.issuers.clear();
    let bytes = bundle.sign(&city.list_key).unwrap();
    book.apply_bundle(&bytes, T0, &mut store).unwrap();
    assert_eq!((begun.version(), begun.issuers().len()), (1, 1));
    assert_eq!(begun.cards(), &card_lists());
    assert!(!begun.card_blacklist().has_card(&card(1)));
    let now = book.held().unwrap();
    assert_eq!((now.version(), now.issuers().len()), (2, 0));
    assert!(
        now.card_blacklist().has_card(&card(1)),
        "kept over a bundle"
    );
}

#[test]
fn new_terms_begin_with_a_ride_and_never_within_one() {
    let (city, mut store) = (City::new(), MemoryStore::default());
    let mut book = book(&city);
    let mut bundle = city.bundle(1);
    bundle.cards = card_lists();
    let later = bundle.fare_books[0]
        .replace("version 1\n", "version 2\n")
        .replace("effective 2018-01-01", "effective 2026-02-01");
    assert_ne!(later, bundle.fare_books[0]);
    bundle.fare_books.push(later);
    let bytes = bundle.sign(&city.list_key).unwrap();
    book.apply_bundle(&bytes, T0, &mut store).unwrap();
    let held = book.held().unwrap();
    let seen = |at: Timestamp| {
        let terms = held.terms(at);
        let version = terms.fare_book().unwrap().version();
        (terms.parameters().retap_s, version)
    };
    // 2026-01-31 23:59:59 in China.
    let last = Timestamp::new(1_769_875_199);
    assert_eq!(seen(T0.plus_s(-86_400)), (5, 1), "before the first set");
    assert_eq!(seen(last), (5, 1));
    assert_eq!(seen(last.plus_s(1)), (8, 2));
    let ride = held.terms(last);
    // The ride's own terms are of the day on which it began, however late it is by now.
    assert_eq!(ride.parameters().retap_s, 5);
    assert_eq!(ride.fare_book().unwrap().version(), 1);
    assert_eq!(ride.day().to_string(), "2026-01-31");
}

#[test]
fn a_book_already_held_may_come_again_beside_a_newer_one() {
    let (city, mut store) = (City::new(), MemoryStore::default());
    let mut book = book(&city);
    let mut bundle = city.bundle(1);
    let first = bundle.fare_books[0].clone();
    let second = first.replace("version 1\n", "version 2\n");
    for (version, books) in [
        (1, vec![first.clone()]),
        (2, vec![second.clone()]),
        (3, vec![first.clone(), second]),
        (4, vec![]),
    ] {
        (bundle.version, bundle.fare_books) = (version, books);
        let bytes = bundle.sign(&city.list_key).unwrap();
        book.apply_bundle(&bytes, T0, &mut store).unwrap();
    }
    assert_eq!(book.held().unwrap().tariff().books().len(), 2);
    let other = first.replace("2.00", "1.00");
    (bundle.version, bundle.fare_books) = (5, vec![other]);
    let bytes = bundle.sign(&city.list_key).unwrap();
    let error = book.apply_bundle(&bytes, T0, &mut store).unwrap_err();
    assert!(matches!(error, ListError::Tariff(_)));
    assert_eq!(book.held().unwrap().version(), 4);
}

#[test]
fn a_card_blacklist_is_taken_with_or_without_a_bundle() {
    let (city, mut store) = (City::new(), MemoryStore::default());
    let mut book = book(&city);
    let full = file::full(issue(16), [listed(1)], &city.list_key).unwrap();
    let list = load(&book, &full);
    book.apply_card_blacklist(list.clone(), T0).unwrap();
    assert!(book.held().is_none() && book.card_blacklist().has_card(&card(1)));
    let error = book.apply_card_blacklist(list, T0).unwrap_err();
    let (held, offered) = (16, 16);
    assert_eq!(error, ListError::BlacklistNotNewer { held, offered });
    let mut bundle = city.bundle(1);
    bundle.cards = card_lists();
    let bytes = bundle.sign(&city.list_key).unwrap();
    book.apply_bundle(&bytes, T0, &mut store).unwrap();
    assert!(book.held().unwrap().card_blacklist().has_card(&card(1)));
    let status = book.status(T0);
    assert_eq!(status.card_blacklist, 16);
    assert!(status.card_blacklist_behind, "the bundle knows of 17");

    let state = book.card_blacklist().state();
    let changes = [Change::Removed(listed(1)), Change::Listed(listed(2))];
    let delta = file::delta(issue(17), state, changes, &city.list_key).unwrap();
    let list = load(&book, &delta);
    book.apply_card_blacklist(list, T0).unwrap();
    assert!(!book.status(T0).card_blacklist_behind);
    for expected in [2, 0] {
        let held = book.held().unwrap().card_blacklist();
        assert_eq!(held.waiting(), expected);
        assert!(!held.has_card(&card(1)) && held.has_card(&card(2)));
        assert_eq!(book.compact_card_blacklist(1), 0);
    }
}

#[test]
fn a_refused_card_blacklist_leaves_the_old_one() {
    let city = City::new();
    let mut book = book(&city);
    let full = file::full(issue(1), [listed(1)], &city.list_key).unwrap();
    let list = load(&book, &full);
    book.apply_card_blacklist(list, T0).unwrap();
    let state = State {
        version: 2,
        ..State::default()
    };
    let gap = file::delta(issue(3), state, [], &city.list_key).unwrap();
    let mut loader = book.card_blacklist_loader();
    assert!(loader.feed(&gap).is_err());
    assert!(book.card_blacklist().has_card(&card(1)));
}

#[test]
fn a_city_list_is_late_15_days_after_its_notice() {
    let (city, notice) = (City::new(), card_lists().cities.noticed_at);
    for (after, late) in [(0, false), (CITIES_DUE_S, false), (CITIES_DUE_S + 1, true)] {
        let mut store = MemoryStore::default();
        let applied_at = notice.plus_s(after);
        let mut book = filled(&city, applied_at, &mut store);
        // The same list again, in a later bundle, is not taken a second time.
        let mut bundle = city.bundle(2);
        bundle.cards = card_lists();
        let bytes = bundle.sign(&city.list_key).unwrap();
        let later = applied_at.plus_s(30 * 86_400);
        book.apply_bundle(&bytes, later, &mut store).unwrap();
        let status = book.status(later);
        assert_eq!(status.applied_at, Some(later));
        assert_eq!(status.cities_applied_at, Some(applied_at));
        assert_eq!(status.cities_late, late, "{after} s");
        bundle.version = 3;
        bundle.cards.cities.version = 4;
        let bytes = bundle.sign(&city.list_key).unwrap();
        book.apply_bundle(&bytes, later, &mut store).unwrap();
        assert_eq!(book.status(later).cities_applied_at, Some(later));
    }
    assert!(!book(&city).status(T0).cities_late);
}

#[test]
fn a_home_city_is_the_acquirers() {
    let (city, mut store) = (City::new(), MemoryStore::default());
    let book = filled(&city, T0, &mut store);
    assert_eq!(book.held().unwrap().home().0, [0x58, 0x10]);
}

#[test]
fn a_coverage_report_round_trips_and_is_the_terminals_own() {
    let (city, mut store) = (City::new(), MemoryStore::default());
    let mut book = filled(&city, T0, &mut store);
    let full = file::full(issue(17), [listed(1)], &city.list_key).unwrap();
    let list = load(&book, &full);
    book.apply_card_blacklist(list, T0.plus_s(5)).unwrap();
    let coverage = book.coverage(&profile(bus()), T0.plus_s(60));
    assert_eq!((coverage.version, coverage.cities), (1, 3));
    assert_eq!(coverage.digest, *book.held().unwrap().digest());
    assert_eq!(coverage.card_blacklist, 17);
    assert_eq!(coverage.card_blacklist_applied_at, T0.plus_s(5));
    assert_eq!(coverage.parameters_from, T0.china().day);
    assert_eq!(coverage.fare_version, 1);
    let sam = key("sam");
    let report = coverage.sign(&sam).unwrap();
    assert_eq!(report.len(), CoverageRecord::LEN + 64);
    assert_eq!(Coverage::open(&report, sam.public()), Ok(coverage));
    assert_eq!(
        Coverage::open(&report, key("other").public()),
        Err(ListError::Report)
    );
    for len in 0..report.len() {
        assert!(Coverage::open(&report[..len], sam.public()).is_err());
    }
    for bit in 0..report.len() * 8 {
        let mut bent = report.clone();
        bent[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(Coverage::open(&bent, sam.public()), Err(ListError::Report));
    }
}

#[test]
fn a_terminal_without_lists_reports_zeros() {
    let city = City::new();
    let coverage = book(&city).coverage(&profile(bus()), T0);
    assert_eq!((coverage.version, coverage.cities), (0, 0));
    assert_eq!((coverage.card_blacklist, coverage.fare_version), (0, 0));
    let sam = key("sam");
    let report = coverage.sign(&sam).unwrap();
    assert_eq!(Coverage::open(&report, sam.public()), Ok(coverage));
}
