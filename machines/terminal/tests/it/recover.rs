//! After a restart: what was told stays used, what was not told is completed.

use tongtu_ride_code::Verdict;
use tongtu_terminal::{RecordStore as _, RecoverError, ScanOutcome};

use crate::fixture::{MemoryStore, Street, T0, bus, entry, exit, recover};

#[test]
fn a_told_code_stays_used_across_a_restart() {
    let mut street = Street::new(bus());
    let rider = street.city.rider(1);
    let code = rider.code_at(T0);
    street.ride(&code, T0);
    street.restart();
    let again = street.scan(&code, T0.plus_s(30));
    assert_eq!(again.verdict(), Verdict::Duplicate);
    let next = street.scan(&rider.code_at(T0.plus_s(31)), T0.plus_s(31));
    assert!(matches!(next, ScanOutcome::Accepted(_)));
    assert_eq!(next.ride().unwrap().seq, 2);
}

#[test]
fn an_untold_ride_is_completed_by_the_same_code_once() {
    let mut street = Street::new(bus());
    let code = street.city.rider(1).code_at(T0);
    let first = street.scan(&code, T0).ride().unwrap().clone();
    street.restart();
    let ScanOutcome::Resumed(ride) = street.ride(&code, T0.plus_s(20)) else {
        panic!("not resumed");
    };
    assert_eq!((ride.seq, &ride.raw), (first.seq, &first.raw));
    assert_eq!(ride.prompt, first.prompt);
    assert_eq!(street.store.len(), 1, "no second record");
    let again = street.scan(&code, T0.plus_s(40));
    assert_eq!(again.verdict(), Verdict::Duplicate);
    street.restart();
    let again = street.scan(&code, T0.plus_s(60));
    assert_eq!(again.verdict(), Verdict::Duplicate);
}

#[test]
fn an_untold_ride_is_completed_by_a_fresh_code_and_neither_is_good_again() {
    let mut street = Street::new(bus());
    let rider = street.city.rider(1);
    let code = rider.code_at(T0);
    street.scan(&code, T0);
    street.restart();
    let fresh = rider.code_at(T0.plus_s(45));
    let ScanOutcome::Resumed(ride) = street.ride(&fresh, T0.plus_s(45)) else {
        panic!("not resumed");
    };
    assert_eq!(ride.record.code, code.as_bytes());
    for used in [&code, &fresh] {
        let again = street.scan(used, T0.plus_s(50));
        assert_eq!(again.verdict(), Verdict::Duplicate);
    }
    assert_eq!(street.store.len(), 1);
}

/// The completing code has no record of its own, yet a second restart does not make it good.
#[test]
fn a_completing_code_stays_used_across_restarts() {
    let mut street = Street::new(bus());
    let rider = street.city.rider(1);
    street.scan(&rider.code_at(T0), T0);
    street.restart();
    let late = T0.plus_s(1200);
    let fresh = rider.code_at(late);
    assert!(matches!(street.ride(&fresh, late), ScanOutcome::Resumed(_)));
    // Rides of others, until the record itself is past its own window.
    let later = late.plus_s(500);
    street.ride(&street.city.rider(2).code_at(later), later);
    let terminal = &mut street.terminal;
    terminal.acknowledge(&[1, 2], &mut street.store).unwrap();
    assert_eq!(street.store.released_below, 1, "record 1 holds the code");
    street.restart();
    let again = street.scan(&fresh, later);
    assert_eq!(again.verdict(), Verdict::Duplicate);
    assert_eq!(street.store.len(), 2);
}

#[test]
fn a_stranger_completes_nothing() {
    let mut street = Street::new(bus());
    street.scan(&street.city.rider(1).code_at(T0), T0);
    street.restart();
    let stranger = street.ride(&street.city.rider(2).code_at(T0), T0.plus_s(5));
    assert!(matches!(stranger, ScanOutcome::Accepted(_)));
    assert_eq!(street.store.len(), 2);
}

#[test]
fn after_the_window_it_is_another_ride() {
    let mut street = Street::new(bus());
    let rider = street.city.rider(1);
    street.scan(&rider.code_at(T0), T0);
    street.restart();
    let within = T0.plus_s(1220);
    let after = T0.plus_s(1221);
    let outcome = street.scan(&rider.code_at(after), after);
    assert!(matches!(outcome, ScanOutcome::Accepted(_)));
    let mut street = Street::new(bus());
    street.scan(&rider.code_at(T0), T0);
    street.restart();
    let outcome = street.scan(&rider.code_at(within), within);
    assert!(matches!(outcome, ScanOutcome::Resumed(_)));
}

#[test]
fn a_refused_code_completes_nothing() {
    let mut street = Street::new(bus());
    let code = street.city.rider(1).code_at(T0);
    street.scan(&code, T0);
    street.restart();
    let mut forged = code.as_bytes().to_vec();
    forged[331] ^= 1;
    let outcome = street.scan_bytes(&forged, Some(T0.plus_s(5)), None);
    assert_eq!(outcome.verdict(), Verdict::UserSignature);
    let outcome = street.scan(&code, T0.plus_s(601));
    assert_eq!(outcome.verdict(), Verdict::CodeExpired);
    let outcome = street.scan(&code, T0.plus_s(6));
    assert!(matches!(outcome, ScanOutcome::Resumed(_)));
}

/// Within one run nothing is untold: a program that forgets to say so gives nothing away.
#[test]
fn without_a_restart_an_untold_code_is_used() {
    let mut street = Street::new(bus());
    let code = street.city.rider(1).code_at(T0);
    street.scan(&code, T0);
    let again = street.scan(&code, T0.plus_s(5));
    assert_eq!(again.verdict(), Verdict::Duplicate);
}

#[test]
fn a_gate_turned_round_does_not_complete_what_it_was_before() {
    let mut street = Street::new(entry("0101"));
    let rider = street.city.rider(1);
    street.scan(&rider.code_at(T0), T0);
    let mut turned = recover(&street.city, exit("0101"), &street.store).unwrap();
    let bytes = street.city.bundle(2).sign(&street.city.list_key).unwrap();
    turned.apply_lists(&bytes, T0, &mut street.store).unwrap();
    street.terminal = turned;
    let outcome = street.scan(&rider.code_at(T0.plus_s(9)), T0.plus_s(9));
    assert!(matches!(outcome, ScanOutcome::Accepted(_)));
}

#[test]
fn a_store_of_another_terminal_is_refused() {
    let mut street = Street::new(bus());
    street.scan(&street.city.rider(1).code_at(T0), T0);
    let stored = street.store.replay().next().unwrap().record.to_vec();
    let mut record = tongtu_ride_code::record::RideRecord::decode(&stored).unwrap();
    record.id =
        tongtu_types::RecordId::parse(&record.id.as_str().replace("581000000007", "581000000008"))
            .unwrap();
    let mut store = MemoryStore::default();
    let raw = record.encode(&crate::fixture::key("sam")).unwrap();
    store.append(&raw).unwrap();
    assert!(matches!(
        recover(&street.city, bus(), &store).unwrap_err(),
        RecoverError::OtherTerminal { seq: 1, .. }
    ));
    let mut store = MemoryStore::default();
    store.append(&raw[..raw.len() - 1]).unwrap();
    assert!(matches!(
        recover(&street.city, bus(), &store).unwrap_err(),
        RecoverError::Record { seq: 1, .. }
    ));
}

#[test]
fn what_replay_needs_is_not_released() {
    let mut street = Street::new(bus());
    let window_s = 1200 + 20 + 2;
    for (number, at) in [(1, 0), (2, 10), (3, window_s + 5)] {
        let now = T0.plus_s(at);
        street.ride(&street.city.rider(number).code_at(now), now);
    }
    let terminal = &mut street.terminal;
    terminal.acknowledge(&[1, 2, 3], &mut street.store).unwrap();
    assert_eq!(
        street.store.released_below, 2,
        "record 1 is past the window"
    );
    let late = T0.plus_s(100_000);
    street.ride(&street.city.rider(4).code_at(late), late);
    let terminal = &mut street.terminal;
    terminal.acknowledge(&[4], &mut street.store).unwrap();
    assert_eq!(street.store.released_below, 4, "the newest stays");
}
