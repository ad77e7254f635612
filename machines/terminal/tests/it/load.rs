//! Taps and scans on several threads while lists come in: each sees the lists of one version.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use tongtu_blacklist::{Change, Issue, ListedNumber, Loader, Span, changes, file};
use tongtu_crypto::Algorithm;
use tongtu_fare::Ride;
use tongtu_purse::field::{CardKind, Institution};
use tongtu_ride_code::Verdict;
use tongtu_terminal::lists::{
    AcceptedIssuer, CardKinds, CardOrigin, InteropRule, IssuerPattern, Parameters,
};
use tongtu_terminal::tap::Snapshot;
use tongtu_terminal::{CardLists, Held, ListBook, ListBundle, ScanOutcome};
use tongtu_types::CardNumber;

use crate::fixture::{City, MemoryStore, Street, T0, institution};
use crate::tap::fixture::{Post, Rider, bus, profile};

const VERSIONS: u64 = 40;
const TAPPERS: usize = 4;

fn card(n: u64) -> CardNumber {
    CardNumber::parse(&format!("310458109999{n:07}")).unwrap()
}

fn issuer(version: u64) -> Institution {
    let [a, b] = u16::try_from(version).unwrap().to_be_bytes();
    Institution([a, b, 0x10, 0x00, 0xFF, 0xFF, 0xFF, 0xFF])
}

/// Bundle `version` accepts issuer `version` alone, its bus costs so many yuan, its interval is
/// so many seconds.
fn bundle(city: &City, version: u64) -> Vec<u8> {
    let mut cards = CardLists::default();
    cards.cities.version = u32::try_from(version).unwrap();
    let rule = AcceptedIssuer {
        kinds: CardKinds::ALL,
        interop: InteropRule::Any,
    };
    cards
        .cities
        .accept(IssuerPattern::of(issuer(version)), rule);
    cards.parameters = vec![Parameters {
        retap_s: u16::try_from(version).unwrap(),
        ..Parameters::DEFAULT
    }];
    let book = format!(
        "fare-book 1\ncity 5810 | 广州 | Guangzhou\nversion {version}\n\
         effective 2018-01-01\ncurrency CNY\nflat B00001 | 1路 | Bus 1 | {version}.00\n"
    );
    let bundle = ListBundle {
        fare_books: vec![book],
        cards,
        ..city.bundle(version)
    };
    bundle.sign(&city.list_key).unwrap()
}

/// Version `v` of the card blacklist has the cards `v` to `v + 2999`, and no others.
fn blacklist(version: u64) -> Vec<Span> {
    let number = |n| Span::single(ListedNumber::of(&card(n)));
    (version..version + 3000).map(number).collect()
}

/// What a tap makes of the lists that it took; panics when they are of two versions.
fn tap(held: &Arc<Held>) {
    let version = held.version();
    let home = held.home();
    let origin = |of| CardOrigin {
        issuer: issuer(of),
        kind: CardKind::ORDINARY,
        interop: 1,
    };
    let terms = held.terms(T0);
    let cities = &terms.lists().cards().cities;
    assert_eq!(u64::from(cities.version), version);
    assert!(cities.judge(home, &origin(version)).is_ok());
    assert!(cities.judge(home, &origin(version - 1)).is_err());
    assert!(cities.judge(home, &origin(version + 1)).is_err());
    assert_eq!(u64::from(terms.parameters().retap_s), version);
    let book = terms.fare_book().unwrap();
    assert_eq!(u64::from(book.version()), version);
    let line = "B00001".parse().unwrap();
    let fare = book.fare(&Ride::Flat { line }).unwrap();
    assert_eq!(fare.get(), i64::try_from(version).unwrap() * 100);
    let list = held.card_blacklist();
    let first = list.version();
    if first > 0 {
        assert_eq!(list.numbers(), 3000);
        for (n, is_listed) in [
            (first - 1, false),
            (first, true),
            (first + 1500, true),
            (first + 2999, true),
            (first + 3000, false),
        ] {
            assert_eq!(list.has_card(&card(n)), is_listed, "card {n} in {first}");
        }
    }
}

/// A card of the city rides by bus: everything in its record is of the version that was taken.
fn ride(held: &Arc<Held>) {
    let mut post = Post::new(1, bus());
    post.terminal.take(Snapshot::of(held));
    let mut rider = Rider::with(&profile(0x17, Algorithm::Tdes), 10_000);
    let end = post.tap(&mut rider, T0);
    let record = &end.outcome.ride().unwrap().record;
    let version = u32::try_from(held.version()).unwrap();
    let lists = (record.parameters, record.white_list, record.fares);
    assert_eq!(lists, (version, version, version));
    assert_eq!(record.amount.get(), version * 100);
    assert_eq!(u64::from(record.blacklist), held.card_blacklist().version());
    // The interval of that version, too: it is so many seconds.
    let again = post.tap(&mut rider, T0.plus_s(i64::from(version)));
    assert!(again.outcome.ride().is_none(), "{again:?}");
    let later = post.tap(&mut rider, T0.plus_s(i64::from(version) + 1));
    assert!(later.outcome.ride().is_some(), "{later:?}");
}

#[test]
fn every_tap_sees_lists_of_one_version() {
    let city = City::new();
    let list_key = city.list_key.public().clone();
    let mut book = ListBook::new(institution("11345810"), list_key.clone());
    let mut store = MemoryStore::default();
    book.apply_bundle(&bundle(&city, 1), T0, &mut store)
        .unwrap();
    let book = Mutex::new(book);
    let (over, taps, seen) = (
        AtomicBool::new(false),
        AtomicU64::new(0),
        Mutex::new(vec![]),
    );
    thread::scope(|scope| {
        let mut tappers = Vec::new();
        for _ in 0..TAPPERS {
            tappers.push(scope.spawn(|| {
                let mut versions = Vec::new();
                while !over.load(Ordering::Acquire) {
                    let held = Arc::clone(book.lock().unwrap().held().unwrap());
                    tap(&held);
                    let is_new = versions
                        .last()
                        .is_none_or(|(last, _)| *last != held.version());
                    if is_new {
                        ride(&held);
                    }
                    taps.fetch_add(1, Ordering::Release);
                    versions.push((held.version(), held.card_blacklist().version()));
                }
                assert!(versions.is_sorted(), "versions only rise");
                versions.dedup();
                seen.lock().unwrap().extend(versions);
            }));
        }
        for version in 1..=VERSIONS {
            // Files are opened beside the taps; only the exchange of one Arc is under the lock.
            let issue = Issue {
                acquirer: institution("11345810"),
                version,
                issued_at: T0,
            };
            let held = book.lock().unwrap().card_blacklist().clone();
            let bytes = if version == 1 {
                file::full(issue, blacklist(1), &city.list_key).unwrap()
            } else {
                let changes = changes(blacklist(version - 1), blacklist(version)).unwrap();
                assert!(matches!(
                    changes[..],
                    [Change::Removed(_), Change::Listed(_)]
                ));
                file::delta(issue, held.state(), changes, &city.list_key).unwrap()
            };
            let mut loader = Loader::new(list_key.clone(), institution("11345810"), &held);
            loader.feed(&bytes).unwrap();
            let list = loader.finish().unwrap();
            book.lock().unwrap().apply_card_blacklist(list, T0).unwrap();
            if version % 3 == 0 {
                book.lock().unwrap().compact_card_blacklist(1);
            }
            let next = bundle(&city, version + 1);
            let mut book = book.lock().unwrap();
            book.apply_bundle(&next, T0, &mut store).unwrap();
            drop(book);
            // So that there are taps between any two updates, however the threads are run.
            let until = taps.load(Ordering::Acquire) + 10;
            // A tapper that ended has failed, and the test with it.
            while taps.load(Ordering::Acquire) < until
                && !tappers.iter().any(|tapper| tapper.is_finished())
            {
                thread::yield_now();
            }
        }
        over.store(true, Ordering::Release);
    });
    let seen = seen.into_inner().unwrap();
    let versions: std::collections::BTreeSet<_> = seen.into_iter().collect();
    assert!(versions.len() > usize::try_from(VERSIONS).unwrap() / 2);
    for (bundle, list) in versions {
        assert!(
            bundle == list || bundle == list + 1,
            "{bundle} beside {list}"
        );
    }
}

/// Even bundles accept the riders' issuer, odd ones nobody; the fare is the version in yuan.
fn bundle_for_codes(city: &City, version: u64) -> ListBundle {
    let mut bundle = city.bundle(version);
    if version % 2 == 1 {
        bundle.issuers.clear();
    }
    bundle.fare_books = vec![format!(
        "fare-book 1\ncity 5810 | 广州 | Guangzhou\nversion {version}\n\
         effective 2018-01-01\ncurrency CNY\nflat B00001 | 1路 | Bus 1 | {version}.00\n"
    )];
    bundle
}

#[test]
fn every_scan_of_a_code_sees_lists_of_one_version() {
    const LAST: u64 = 20;
    let street = Street::new(crate::fixture::bus());
    let riders: Vec<_> = (0..TAPPERS)
        .map(|n| street.city.rider(u8::try_from(n).unwrap() + 1))
        .collect();
    let (street, over) = (Mutex::new(street), AtomicBool::new(false));
    let count = AtomicU64::new(0);
    thread::scope(|scope| {
        let scanners: Vec<_> = riders
            .iter()
            .map(|rider| {
                scope.spawn(|| {
                    let mut seen = Vec::new();
                    while !over.load(Ordering::Acquire) {
                        let mut street = street.lock().unwrap();
                        // The terminal's clock: no scan is before another one.
                        let scans = i64::try_from(count.load(Ordering::Acquire)).unwrap();
                        let now = T0.plus_s(10 * scans);
                        let code = rider.code_at(now);
                        let outcome = street.ride(&code, now.plus_s(1));
                        let version = street.terminal.lists_status(now).version.unwrap();
                        count.fetch_add(1, Ordering::Release);
                        drop(street);
                        match (&outcome, version) {
                            // The first bundle of every street.
                            (_, 1) => {}
                            (ScanOutcome::Accepted(ride), _) if version % 2 == 0 => {
                                assert_eq!(u64::from(ride.record.fare_version), version);
                                let yuan = i64::try_from(version).unwrap();
                                assert_eq!(ride.record.amount.get(), yuan * 100);
                            }
                            (ScanOutcome::Refused(refusal), _) if version % 2 == 1 => {
                                assert_eq!(refusal.verdict, Verdict::IssuerNotAccepted);
                            }
                            _ => panic!("{outcome:?} by lists {version}"),
                        }
                        seen.push(version);
                    }
                    assert!(seen.is_sorted(), "versions only rise: {seen:?}");
                })
            })
            .collect();
        for version in 2..=LAST {
            let mut street = street.lock().unwrap();
            let bundle = bundle_for_codes(&street.city, version);
            street.apply(&bundle).unwrap();
            drop(street);
            // Scans by these lists, of riders whose certificates the terminal knows.
            let until = count.load(Ordering::Acquire) + 8;
            while count.load(Ordering::Acquire) < until
                && !scanners.iter().any(|scanner| scanner.is_finished())
            {
                thread::yield_now();
            }
        }
        over.store(true, Ordering::Release);
    });
}
