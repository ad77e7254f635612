//! Gates: an entry costs nothing, an exit the distance, and nobody is trapped.

use tongtu_ride_code::Verdict;
use tongtu_ride_code::record::{CATEGORY_METRO, Direction, RideRecord};
use tongtu_terminal::{Lang, Light, Notice, OpenEntries, OpenEntry, ScanOutcome};
use tongtu_types::{Fen, RecordId};

use crate::fixture::{Street, T0, entry, exit};

fn enters(street: &mut Street, entries: &mut OpenEntries, number: u8) -> OpenEntry {
    let code = street.city.rider(number).code_at(T0);
    let outcome = street.ride(&code, T0);
    entries.note(outcome.ride().unwrap());
    entries.of_code(code.as_bytes()).unwrap()
}

#[test]
fn a_ride_through_the_metro() {
    let mut entry_gate = Street::new(entry("0101"));
    let mut exit_gate = Street::new(exit("0109"));
    let mut entries = OpenEntries::default();
    let rider = entry_gate.city.rider(1);
    let code = rider.code_at(T0);
    let ScanOutcome::Accepted(went_in) = entry_gate.ride(&code, T0) else {
        panic!("refused");
    };
    assert_eq!(went_in.record.amount, Fen::ZERO);
    assert_eq!(went_in.record.direction, Direction::Entry);
    assert_eq!(went_in.record.category, CATEGORY_METRO);
    assert_eq!(went_in.record.station.unwrap().as_str(), "0101");
    assert_eq!(went_in.notice, None);
    assert_eq!(went_in.prompt.display(Lang::Zh), "请进站");
    entries.note(&went_in);
    assert_eq!(entries.len(), 1);

    let later = T0.plus_s(1500);
    let fresh = rider.code_at(later);
    let open = entries.of_code(fresh.as_bytes());
    assert_eq!(open.unwrap().record, went_in.record.id);
    let ScanOutcome::Accepted(went_out) = exit_gate.scan_bytes(fresh.as_bytes(), Some(later), open)
    else {
        panic!("refused");
    };
    // 9.01 km: 2.00 for 4 km, 1.00 for each 4 km begun after.
    assert_eq!(went_out.record.amount, Fen::new(400));
    assert_eq!(went_out.record.direction, Direction::Exit);
    assert_eq!(went_out.closes, Some(went_in.record.id));
    assert!(!went_out.is_incomplete());
    assert_eq!(
        went_out.prompt.display(Lang::En),
        "Please exit\nFare 4.00 yuan"
    );
    entries.note(&went_out);
    assert!(entries.is_empty());
}

#[test]
fn without_an_entry_the_rider_is_let_out_and_the_ride_marked() {
    let mut gate = Street::new(exit("0109"));
    let code = gate.city.rider(1).code_at(T0);
    let ScanOutcome::Accepted(ride) = gate.ride(&code, T0) else {
        panic!("trapped");
    };
    assert!(ride.is_incomplete());
    assert_eq!(ride.record.amount, Fen::ZERO);
    assert_eq!(ride.record.direction, Direction::Exit);
    assert_eq!(ride.record.result, Verdict::Accepted);
    assert_eq!((ride.closes, ride.prompt.fare), (None, None));
    assert_eq!(ride.prompt.light(), Light::Amber);
    assert_eq!(
        RideRecord::decode(&ride.raw).unwrap().amount,
        Fen::ZERO,
        "the evidence says so too"
    );
}

#[test]
fn an_entry_at_a_station_without_a_fare_counts_as_none() {
    let mut gate = Street::new(exit("0109"));
    let code = gate.city.rider(1).code_at(T0);
    let open = OpenEntry {
        station: "9999".parse().unwrap(),
        at: T0.plus_s(-60),
        record: RecordId::parse(&"1".repeat(43)).unwrap(),
    };
    let outcome = gate.scan_bytes(code.as_bytes(), Some(T0), Some(open));
    assert!(outcome.ride().unwrap().is_incomplete());
    assert_eq!(outcome.ride().unwrap().closes, None);
}

#[test]
fn over_the_limit_at_an_exit_is_let_out_and_marked_r14() {
    let mut entry_gate = Street::new(entry("0101"));
    let mut gate = Street::new(exit("0109"));
    let open = enters(&mut entry_gate, &mut OpenEntries::default(), 1);
    let rider = gate.city.rider_with_limit(1, Fen::new(399));
    let later = T0.plus_s(900);
    let code = rider.code_at(later);
    let ScanOutcome::Accepted(ride) = gate.scan_bytes(code.as_bytes(), Some(later), Some(open))
    else {
        panic!("trapped");
    };
    assert_eq!(ride.notice, Some(Notice::OverLimit));
    assert_eq!(ride.record.result, Verdict::OverLimit);
    assert_eq!(ride.record.amount, Fen::new(400));
    assert_eq!(ride.prompt.light(), Light::Amber);
    assert!(ride.prompt.display(Lang::En).starts_with("Please exit"));
    assert!(ride.prompt.display(Lang::Zh).contains("票价超出单次限额"));
}

#[test]
fn a_limit_below_the_dearest_fare_is_said_at_the_entry() {
    let mut gate = Street::new(entry("0101"));
    let rider = gate.city.rider_with_limit(1, Fen::new(300));
    let outcome = gate.ride(&rider.code_at(T0), T0);
    let ride = outcome.ride().unwrap();
    assert_eq!(ride.notice, Some(Notice::LimitMayNotSuffice));
    assert_eq!(ride.record.result, Verdict::Accepted);
    assert_eq!(ride.prompt.light(), Light::Green);
}

#[test]
fn staying_too_long_costs_the_dearest_fare() {
    let mut entry_gate = Street::new(entry("0101"));
    let mut gate = Street::new(exit("0102"));
    let open = enters(&mut entry_gate, &mut OpenEntries::default(), 1);
    let later = T0.plus_s(14_401);
    let code = gate.city.rider(1).code_at(later);
    let outcome = gate.scan_bytes(code.as_bytes(), Some(later), Some(open));
    let book = tongtu_fare::FareBook::parse(tongtu_fare::GUANGZHOU.as_bytes()).unwrap();
    let dearest = book.max_fare("METRO".parse().unwrap()).unwrap();
    assert!(dearest > Fen::new(200));
    assert_eq!(outcome.ride().unwrap().record.amount, dearest);
}

/// A clock a little behind the entry gate's is not a ride of minus ten seconds.
#[test]
fn an_exit_before_its_entry_costs_the_distance() {
    let mut entry_gate = Street::new(entry("0101"));
    let mut gate = Street::new(exit("0102"));
    let mut open = enters(&mut entry_gate, &mut OpenEntries::default(), 1);
    open.at = T0.plus_s(10);
    let code = gate.city.rider(1).code_at(T0);
    let outcome = gate.scan_bytes(code.as_bytes(), Some(T0), Some(open));
    assert_eq!(outcome.ride().unwrap().record.amount, Fen::new(200));
}

#[test]
fn an_exit_closes_only_the_entry_it_was_priced_from() {
    let mut entry_gate = Street::new(entry("0101"));
    let mut gate = Street::new(exit("0109"));
    let mut entries = OpenEntries::default();
    enters(&mut entry_gate, &mut entries, 1);
    let code = gate.city.rider(1).code_at(T0.plus_s(60));
    // The gate had not heard of the entry yet.
    let outcome = gate.scan_bytes(code.as_bytes(), Some(T0.plus_s(60)), None);
    entries.note(outcome.ride().unwrap());
    assert_eq!(entries.len(), 1);
}
