//! What a scan leaves: a record, or nothing.

use tongtu_ride_code::record::{CATEGORY_BUS, Direction, RideRecord, check_signature};
use tongtu_ride_code::{Verdict, foreign};
use tongtu_terminal::{Lang, Light, RecordStore as _, ScanOutcome};
use tongtu_types::Fen;

use crate::fixture::{Street, T0, bus, key};

#[test]
fn a_bus_ride_is_recorded_signed_and_told() {
    let mut street = Street::new(bus());
    let rider = street.city.rider(1);
    let code = rider.code_at(T0);
    let ScanOutcome::Accepted(ride) = street.scan(&code, T0.plus_s(3)) else {
        panic!("refused");
    };
    assert_eq!(ride.seq, 1);
    assert_eq!(ride.account, rider.account);
    assert_eq!(ride.record.amount, Fen::new(200));
    assert_eq!(ride.record.code, code.as_bytes());
    assert_eq!(ride.record.direction, Direction::Single);
    assert_eq!(ride.record.category, CATEGORY_BUS);
    assert_eq!(ride.record.scanned_at, T0.plus_s(3));
    assert_eq!(ride.record.fare_version, 1);
    assert_eq!(ride.record.result, Verdict::Accepted);
    assert_eq!(
        ride.record.id.as_str(),
        "1134581000015810000000072026010116000300001"
    );
    assert_eq!(RideRecord::decode(&ride.raw).unwrap(), ride.record);
    check_signature(&ride.raw, key("sam").public()).unwrap();
    let stored: Vec<_> = street.store.replay().map(|s| s.record.to_vec()).collect();
    assert_eq!(stored, [ride.raw]);
    assert_eq!(ride.prompt.light(), Light::Green);
    assert_eq!(ride.prompt.display(Lang::Zh), "乘车成功\n车费 2.00 元");
    assert_eq!(ride.prompt.display(Lang::En), "Welcome\nFare 2.00 yuan");
}

/// The amount is the engine's for a code of that issuer, not the line's ordinary fare.
#[test]
fn a_scan_costs_what_the_rules_for_codes_say() {
    let book = |rule: &str| {
        format!(
            "fare-book 2\ncity 5810 | 广州 | Guangzhou\nversion 7\neffective 2018-01-01\n\
             currency CNY\n{rule}flat B00001 | 1路 | Bus 1 | 2.00\n"
        )
    };
    for (rule, fen) in [
        ("means code | 码 | Code | means=code | 90%\n", 180),
        ("means card | 卡 | Card | means=card | 90%\n", 200),
        ("means home | 本地 | Local | home=local | 50%\n", 100),
        ("means away | 异地 | Visitor | home=visitor | 50%\n", 200),
    ] {
        let mut street = Street::new(bus());
        let mut bundle = street.city.bundle(2);
        bundle.fare_books = vec![book(rule)];
        street.apply(&bundle).unwrap();
        let code = street.city.rider(1).code_at(T0);
        let outcome = street.scan(&code, T0.plus_s(3));
        let record = &outcome.ride().unwrap().record;
        assert_eq!(
            (record.amount, record.fare_version),
            (Fen::new(fen), 7),
            "{rule}"
        );
    }
}

#[test]
fn the_same_code_is_silent_at_first_and_spoken_to_later() {
    let mut street = Street::new(bus());
    let rider = street.city.rider(1);
    let code = rider.code_at(T0);
    assert_eq!(street.ride(&code, T0).verdict(), Verdict::Accepted);
    let at = |s| T0.plus_s(s);
    for (now, verdict, spoken) in [
        (at(0), Verdict::Duplicate, false),
        (at(1), Verdict::Duplicate, false),
        (at(2), Verdict::Duplicate, true),
        (at(500), Verdict::Duplicate, true),
        (at(601), Verdict::CodeExpired, true),
    ] {
        let outcome = street.scan(&code, now);
        assert_eq!(outcome.verdict(), verdict, "{now}");
        assert_eq!(outcome.prompt().is_some(), spoken, "{now}");
    }
    assert_eq!(street.store.len(), 1);
}

#[test]
fn a_fresh_code_within_two_seconds_is_silent_and_after_them_a_companion() {
    let mut street = Street::new(bus());
    let rider = street.city.rider(1);
    street.ride(&rider.code_at(T0), T0);
    let echo = street.scan(&rider.code_at(T0.plus_s(1)), T0.plus_s(1));
    assert_eq!(echo.verdict(), Verdict::TooFrequent);
    assert_eq!(echo.prompt(), None);
    let companion = street.scan(&rider.code_at(T0.plus_s(2)), T0.plus_s(2));
    assert_eq!(companion.verdict(), Verdict::Accepted);
    assert_eq!(street.store.len(), 2);
}

/// Another account is not an echo of the one before.
/// Types that mean nothing here ride as ordinary ones.
#[test]
fn a_scan_costs_what_the_class_of_the_account_pays() {
    let book = "fare-book 2\ncity 5810 | 广州 | Guangzhou\nversion 7\neffective 2018-01-01\n\
         currency CNY\nclass ordinary | 普通 | Ordinary | 1\nclass student | 学生 | Student | 2\n\
         class elder | 老年 | Elder | 3\nclass test | 测试 | Test | 4\n\
         class military | 军人 | Military | 5\nclass own | 本地 | Own | 17\n\
         concession a | 甲 | A | class=student | 50%\nconcession b | 乙 | B | class=elder | 25%\n\
         concession c | 丙 | C | class=military | free\n\
         concession d | 丁 | D | class=test,own | 10%\nflat B00001 | 1路 | Bus 1 | 2.00\n";
    let kinds = [
        (0, 200),
        (1, 200),
        (2, 100),
        (3, 50),
        (4, 200),
        (5, 0),
        (17, 200),
        (255, 200),
    ];
    for (number, (kind, fen)) in (1..).zip(kinds) {
        let mut street = Street::new(bus());
        let mut bundle = street.city.bundle(2);
        bundle.fare_books = vec![book.to_string()];
        street.apply(&bundle).unwrap();
        let rider = street.city.rider_of(number, Fen::new(2000), kind);
        let outcome = street.scan(&rider.code_at(T0), T0.plus_s(3));
        let record = &outcome.ride().unwrap().record;
        assert_eq!(record.amount, Fen::new(fen), "account type {kind}");
    }
}

#[test]
fn the_next_rider_need_not_wait() {
    let mut street = Street::new(bus());
    for number in 1..=3 {
        let code = street.city.rider(number).code_at(T0);
        assert_eq!(street.ride(&code, T0).verdict(), Verdict::Accepted);
    }
    assert_eq!(street.store.len(), 3);
}

#[test]
fn a_refused_code_changes_nothing() {
    let mut street = Street::new(bus());
    let mut bundle = street.city.bundle(2);
    let listed = street.city.rider(9);
    bundle.blacklists.accounts.insert(listed.account);
    street.apply(&bundle).unwrap();
    let rider = street.city.rider(1);
    let good = rider.code_at(T0);
    let mut forged = good.as_bytes().to_vec();
    forged[300] ^= 1;
    let poor = street.city.rider_with_limit(2, Fen::new(199));
    let at = |s| T0.plus_s(s);
    for (bytes, now, verdict) in [
        (&forged[..], at(0), Verdict::UserSignature),
        (good.as_bytes(), at(601), Verdict::CodeExpired),
        (good.as_bytes(), at(-21), Verdict::NotYetValid),
        (&good.as_bytes()[..331], at(0), Verdict::Length),
        (listed.code_at(T0).as_bytes(), at(0), Verdict::Blacklisted),
        (poor.code_at(T0).as_bytes(), at(0), Verdict::OverLimit),
    ] {
        let ScanOutcome::Refused(refusal) = street.scan_bytes(bytes, Some(now), None) else {
            panic!("accepted");
        };
        assert_eq!(refusal.verdict, verdict);
        assert_eq!(refusal.prompt.unwrap().light(), Light::Red);
        assert_eq!(refusal.foreign, None);
    }
    assert_eq!(street.store.len(), 0);
    assert_eq!(street.ride(&good, T0).verdict(), Verdict::Accepted);
}

#[test]
fn names_what_is_before_the_scanner_instead() {
    let mut street = Street::new(bus());
    for (bytes, kind) in [
        (&b"\x02\x01\x00"[..], foreign::Kind::AlipayBus),
        (b"TXA1", foreign::Kind::TencentRide),
        (b"6212345678901234567", foreign::Kind::UnionPay),
        (b"", foreign::Kind::Unknown),
    ] {
        let ScanOutcome::Refused(refusal) = street.scan_bytes(bytes, Some(T0), None) else {
            panic!("accepted");
        };
        assert_eq!(refusal.verdict, Verdict::NotRideCode);
        assert_eq!(refusal.foreign, Some(kind));
    }
}

#[test]
fn record_ids_differ_within_one_second() {
    let mut street = Street::new(bus());
    let mut ids = std::collections::BTreeSet::new();
    for number in 1..=20 {
        let code = street.city.rider(number).code_at(T0);
        let outcome = street.ride(&code, T0);
        ids.insert(outcome.ride().unwrap().record.id);
    }
    assert_eq!(ids.len(), 20);
}
