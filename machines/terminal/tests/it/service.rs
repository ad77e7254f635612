//! In and out of service: clock, lists, fares, store.

use tongtu_ride_code::{Root, RootTable, Verdict};
use tongtu_terminal::{
    ClockRules, ClockSource, ListError, OutOfService, Reading, RecordStore as _, ScanOutcome,
    StoreError,
};
use tongtu_types::Timestamp;

use crate::fixture::{MemoryStore, Street, T0, bus, entry, institution, key, recover};

fn reason(outcome: &ScanOutcome) -> OutOfService {
    let ScanOutcome::Refused(refusal) = outcome else {
        panic!("accepted");
    };
    assert_eq!(refusal.verdict, Verdict::TerminalState);
    refusal.out_of_service.clone().unwrap()
}

#[test]
fn without_a_clock_nothing_is_accepted() {
    let mut street = Street::new(bus());
    let code = street.city.rider(1).code_at(T0);
    for now in [None, Some(Timestamp::new(0))] {
        let outcome = street.scan_bytes(code.as_bytes(), now, None);
        assert_eq!(reason(&outcome), OutOfService::NoClock);
    }
    let foreign = street.scan_bytes(b"TX", None, None);
    assert_eq!(
        foreign.verdict(),
        Verdict::NotRideCode,
        "what is no ride code is said first"
    );
}

#[test]
fn a_clock_behind_the_records_is_not_trusted() {
    let mut street = Street::new(bus());
    street.ride(&street.city.rider(1).code_at(T0), T0);
    let before = T0.plus_s(-21);
    let code = street.city.rider(2).code_at(before);
    let outcome = street.scan(&code, before);
    let expected = OutOfService::ClockBack {
        now: before,
        last: T0,
    };
    assert_eq!(reason(&outcome), expected);
    // A restart does not make the terminal forget the time.
    street.restart();
    assert_eq!(reason(&street.scan(&code, before)), expected);
    let within = street.scan(&code, T0.plus_s(-20));
    assert_eq!(within.verdict(), Verdict::Accepted);
}

#[test]
fn without_lists_nothing_is_accepted() {
    let mut street = Street::new(bus());
    street.terminal = recover(&street.city, bus(), &street.store).unwrap();
    let code = street.city.rider(1).code_at(T0);
    assert_eq!(reason(&street.scan(&code, T0)), OutOfService::NoLists);
    assert_eq!(
        street.terminal.out_of_service(Some(T0), &street.store),
        Some(OutOfService::NoLists)
    );
    let status = street.terminal.lists_status(T0);
    assert!(status.overdue && status.blacklist_stale && status.version.is_none());
}

#[test]
fn without_a_fare_nothing_is_accepted() {
    let mut street = Street::new(entry("9999"));
    let code = street.city.rider(1).code_at(T0);
    assert!(matches!(
        reason(&street.scan(&code, T0)),
        OutOfService::Fare(_)
    ));
    let mut street = Street::new(bus());
    let mut bundle = street.city.bundle(2);
    bundle.fare_books[0] = bundle.fare_books[0]
        .replace("effective 2018-01-01", "effective 2026-02-01")
        .replace("version 1", "version 2");
    street.apply(&bundle).unwrap();
    let now = street.scan(&code, T0);
    assert_eq!(
        now.verdict(),
        Verdict::Accepted,
        "the old book counts until then"
    );
    street.terminal = recover(&street.city, bus(), &MemoryStore::default()).unwrap();
    street.store = MemoryStore::default();
    street.apply(&bundle).unwrap();
    assert!(matches!(
        reason(&street.scan(&code, T0)),
        OutOfService::NoFareBook { .. }
    ));
}

#[test]
fn a_full_store_refuses_and_overwrites_nothing() {
    let mut street = Street::new(bus());
    street.store.max = 2;
    for number in 1..=2 {
        street.ride(&street.city.rider(number).code_at(T0), T0);
    }
    let before = street.store.clone();
    let outcome = street.scan(&street.city.rider(3).code_at(T0), T0);
    assert_eq!(
        reason(&outcome),
        OutOfService::Store(StoreError::Full { held: 2, max: 2 })
    );
    assert!(street.store.replay().eq(before.replay()));
}

#[test]
fn a_failing_store_accepts_nothing_and_the_code_stays_good() {
    let mut street = Street::new(bus());
    let code = street.city.rider(1).code_at(T0);
    street.store.fails = true;
    assert!(matches!(
        reason(&street.scan(&code, T0)),
        OutOfService::Store(StoreError::Device(_))
    ));
    assert_eq!(street.store.len(), 0);
    street.store.fails = false;
    assert_eq!(street.scan(&code, T0).verdict(), Verdict::Accepted);
}

#[test]
fn lists_only_rise() {
    let mut street = Street::new(bus());
    street.apply(&street.city.bundle(5)).unwrap();
    for offered in [1, 4, 5] {
        let error = street.apply(&street.city.bundle(offered)).unwrap_err();
        assert_eq!(error, ListError::NotNewer { held: 5, offered });
    }
    street.apply(&street.city.bundle(6)).unwrap();
    assert_eq!(street.terminal.lists_status(T0).version, Some(6));
}

/// The file that the program keeps may be swapped for an older genuine one; the store knows.
#[test]
fn an_old_bundle_stays_out_after_a_restart() {
    let mut street = Street::new(bus());
    street.apply(&street.city.bundle(5)).unwrap();
    street.terminal = recover(&street.city, bus(), &street.store).unwrap();
    let refused = |offered| ListError::NotNewer { held: 5, offered };
    let error = street.apply(&street.city.bundle(4)).unwrap_err();
    assert_eq!(error, refused(4));
    let mut other = street.city.bundle(5);
    other.issuers.clear();
    assert_eq!(street.apply(&other).unwrap_err(), refused(5));
    street.apply(&street.city.bundle(5)).unwrap();
    let error = street.apply(&street.city.bundle(5)).unwrap_err();
    assert_eq!(error, refused(5), "taken once");
}

#[test]
fn a_bundle_is_taken_whole_or_not_at_all() {
    let mut street = Street::new(bus());
    let good = street.city.bundle(2);
    let mut faults: Vec<(&str, tongtu_terminal::ListBundle)> = Vec::new();
    let mut add = |name, change: &dyn Fn(&mut tongtu_terminal::ListBundle)| {
        let mut bundle = good.clone();
        bundle.issuers.clear();
        change(&mut bundle);
        faults.push((name, bundle));
    };
    add("acquirer", &|b| b.acquirer = institution("11341000"));
    add("text", &|b| b.fare_books = vec!["no fares".to_string()]);
    add("other city", &|b| {
        b.fare_books = vec![tongtu_fare::BEIJING.to_string()];
    });
    add("old fares", &|b| {
        b.fare_books[0] = b.fare_books[0].replace("| 2.00", "| 1.00");
    });
    for (name, bundle) in &faults {
        assert!(street.apply(bundle).is_err(), "{name}");
    }
    let forged = good.sign(&key("thief")).unwrap();
    let error = street
        .terminal
        .apply_lists(&forged, T0, &mut street.store)
        .unwrap_err();
    assert_eq!(error, ListError::Signature);
    street.store.fails = true;
    assert!(matches!(street.apply(&good), Err(ListError::Store(_))));
    street.store.fails = false;
    assert_eq!(street.terminal.lists_status(T0).version, Some(1));
    let code = street.city.rider(1).code_at(T0);
    assert_eq!(street.scan(&code, T0).verdict(), Verdict::Accepted);
}

#[test]
fn new_lists_count_at_once() {
    let mut street = Street::new(bus());
    let rider = street.city.rider(1);
    street.ride(&rider.code_at(T0), T0);
    let later = T0.plus_s(10);
    let mut bundle = street.city.bundle(2);
    bundle.blacklists.accounts.insert(rider.account);
    street.apply(&bundle).unwrap();
    let verdict = street.scan(&rider.code_at(later), later).verdict();
    assert_eq!(verdict, Verdict::Blacklisted);
    bundle.version = 3;
    bundle.issuers.clear();
    street.apply(&bundle).unwrap();
    let verdict = street.scan(&rider.code_at(later), later).verdict();
    assert_eq!(verdict, Verdict::IssuerNotAccepted);
    // The issuer's certificate is cached by now; another root of its index must not inherit it.
    let mut bundle = street.city.bundle(4);
    let other = Root::self_sign(2, "1240".parse().unwrap(), &key("other root")).unwrap();
    bundle.roots = RootTable::new([other]);
    street.apply(&bundle).unwrap();
    let verdict = street.scan(&rider.code_at(later), later).verdict();
    assert_eq!(verdict, Verdict::CertSignature);
}

#[test]
fn old_lists_are_flagged_and_keep_serving() {
    let mut street = Street::new(bus());
    let hours = |h: i64| T0.plus_s(h * 3600);
    for (now, overdue, stale) in [
        (hours(72), false, false),
        (hours(72).plus_s(1), false, true),
        (hours(15 * 24), false, true),
        (hours(15 * 24).plus_s(1), true, true),
    ] {
        let status = street.terminal.lists_status(now);
        assert_eq!((status.overdue, status.blacklist_stale), (overdue, stale));
        assert_eq!(status.applied_at, Some(T0));
    }
    let late = hours(6 * 24);
    let code = street.city.rider(1).code_at(late);
    assert!(street.terminal.lists_status(late).blacklist_stale);
    assert_eq!(street.scan(&code, late).verdict(), Verdict::Accepted);
    street.terminal.confirm_lists(late);
    let status = street.terminal.lists_status(late.plus_s(72 * 3600));
    assert!(!status.overdue && !status.blacklist_stale);
    assert_eq!(status.fresh_at, Some(late));
}

/// A record made while the clock is a little behind bears the newest record's time.
#[test]
fn no_record_is_dated_before_the_one_before() {
    let mut street = Street::new(bus());
    street.ride(&street.city.rider(1).code_at(T0), T0);
    let behind = T0.plus_s(-20);
    let outcome = street.ride(&street.city.rider(2).code_at(behind), behind);
    assert_eq!(outcome.ride().unwrap().record.scanned_at, T0);
}

#[test]
fn a_clock_that_no_source_confirms_is_refused_where_the_profile_says_so() {
    let mut street = Street::new(bus());
    let rules = ClockRules {
        unsynced_max_s: Some(86_400),
        ..*street.terminal.clock().rules()
    };
    street.terminal.clock_mut().set_rules(rules);
    let code = street.city.rider(1).code_at(T0);
    let expected = OutOfService::ClockUnsynced {
        unsynced_s: None,
        max_s: 86_400,
    };
    assert_eq!(reason(&street.scan(&code, T0)), expected);
    street.terminal.clock_mut().read(Reading {
        source: ClockSource::Gps,
        wall: T0,
        tick_ms: 5000,
    });
    let now = street.terminal.clock().now(6000).unwrap().now;
    assert_eq!(now, T0.plus_s(1));
    assert_eq!(street.scan(&code, now).verdict(), Verdict::Accepted);
}
