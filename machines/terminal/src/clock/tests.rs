use alloc::vec::Vec;

use proptest::prelude::*;

use super::ClockSource::{Gps, Host, Ntp, Rtc};
use super::*;

/// 2026-01-01T08:00:00Z.
const T0: i64 = 1_767_254_400;
const HOUR: i64 = 3600;

fn at(offset_s: i64) -> Timestamp {
    Timestamp::new(T0 + offset_s)
}

/// At so many seconds on the counter, a source says `T0` plus that and so much more.
fn reading(second: i64, source: ClockSource, off_s: i64) -> Reading {
    Reading {
        source,
        wall: at(second.saturating_add(off_s)),
        tick_ms: u64::try_from(second).unwrap() * 1000,
    }
}

fn guard() -> ClockGuard {
    ClockGuard::new(ClockRules::default(), None, None)
}

/// Hears readings of (second, source, off) and says what became of the last one.
fn check(readings: &[(i64, ClockSource, i64)], heard: Heard, off_s: Option<i64>) {
    let mut guard = guard();
    let all: Vec<Heard> = readings
        .iter()
        .map(|(second, source, off_s)| guard.read(reading(*second, *source, *off_s)))
        .collect();
    assert_eq!(all.last(), Some(&heard), "{readings:?}");
    let second = readings.last().unwrap().0;
    let now = guard.now(u64::try_from(second).unwrap() * 1000);
    let off = now.ok().map(|trusted| trusted.now.since_s(at(second)));
    assert_eq!(off, off_s, "{readings:?}");
}

#[test]
fn what_sources_say_is_believed_by_the_rules() {
    use Heard::{Claimed, Confirmed, Followed, Set, Stepped};
    let claimed = |off_s| Claimed { off_s: Some(off_s) };
    // The first to speak sets the clock.
    for source in [Rtc, Gps, Host, Ntp] {
        check(&[(0, source, 0)], Set, Some(0));
    }
    // A source that says nearly the same leads the clock, if its rank is no lower.
    check(&[(0, Rtc, 3), (9, Gps, 0)], Followed { off_s: -3 }, Some(0));
    check(&[(0, Gps, 0), (9, Ntp, 5)], Followed { off_s: 5 }, Some(5));
    check(&[(0, Ntp, 0), (9, Gps, 5)], Confirmed { off_s: 5 }, Some(0));
    check(&[(0, Gps, 0), (9, Rtc, 4)], Confirmed { off_s: 4 }, Some(0));
    // After a day without the higher source the lower one leads.
    check(
        &[(0, Ntp, 0), (25 * HOUR, Gps, 5)],
        Followed { off_s: 5 },
        Some(5),
    );
    // A step of one source is not believed, ahead or back, whatever its rank.
    for off_s in [7, -7, 86_400, -86_400, 619_315_200] {
        check(&[(0, Rtc, 0), (9, Gps, off_s)], claimed(off_s), Some(0));
        check(&[(0, Gps, 0), (9, Ntp, off_s)], claimed(off_s), Some(0));
        check(
            &[(0, Gps, 0), (9, Ntp, off_s), (10, Ntp, off_s)],
            claimed(off_s),
            Some(0),
        );
    }
    // Two that agree are.
    check(
        &[(0, Rtc, 0), (9, Gps, 90), (11, Ntp, 92)],
        Stepped {
            off_s: 92,
            with: Gps,
        },
        Some(92),
    );
    check(
        &[(0, Ntp, 0), (9, Gps, -90), (11, Host, -90)],
        Stepped {
            off_s: -90,
            with: Gps,
        },
        Some(-90),
    );
    // Not if they are too far apart, too late, or one of them is the battery clock.
    check(
        &[(0, Rtc, 0), (9, Gps, 90), (11, Ntp, 93)],
        claimed(93),
        Some(0),
    );
    check(
        &[(0, Rtc, 0), (9, Gps, 90), (10 + HOUR, Ntp, 90)],
        claimed(90),
        Some(0),
    );
    check(
        &[(0, Ntp, 0), (9, Gps, 90), (11, Rtc, 90)],
        claimed(90),
        Some(0),
    );
    check(
        &[(0, Ntp, 0), (9, Rtc, 90), (11, Gps, 90)],
        claimed(90),
        Some(0),
    );
}

#[test]
fn a_dead_battery_clock_is_no_clock() {
    let mut guard = guard();
    for wall in [0, 946_684_800, 1_577_836_799] {
        let now = Timestamp::new(wall);
        let not_before = Timestamp::new(1_577_836_800);
        let fault = ClockFault::BeforeBuild { now, not_before };
        let dead = Reading {
            source: Rtc,
            wall: now,
            tick_ms: 0,
        };
        assert_eq!(guard.read(dead), Heard::Refused(fault));
        assert_eq!(guard.judge(Some(now)), Err(fault));
    }
    assert_eq!(guard.now(0), Err(ClockFault::Unset));
    assert_eq!(guard.judge(None), Err(ClockFault::Unset));
    assert_eq!(guard.read(reading(0, Gps, 0)), Heard::Set);
}

#[test]
fn nothing_is_dated_before_the_newest_record() {
    let mut guard = guard();
    guard.recorded(at(0));
    guard.recorded(at(-50));
    assert_eq!(guard.newest(), Some(at(0)));
    for (off_s, now) in [(1, Some(1)), (0, Some(0)), (-20, Some(0)), (-21, None)] {
        let judged = guard.judge(Some(at(off_s)));
        assert_eq!(judged.ok().map(|t| t.now), now.map(at), "{off_s}");
    }
    let fault = ClockFault::BeforeRecord {
        now: at(-21),
        last: at(0),
    };
    assert_eq!(guard.judge(Some(at(-21))), Err(fault));
}

/// The battery clock fell back behind the records: it is no witness against a satellite.
#[test]
fn a_clock_that_the_records_prove_wrong_is_replaced_by_one_source() {
    let mut guard = ClockGuard::new(ClockRules::default(), Some(at(0)), None);
    let back = Heard::Claimed { off_s: None };
    assert_eq!(guard.read(reading(0, Rtc, -HOUR)), back);
    assert_eq!(guard.now(0), Err(ClockFault::Unset));
    assert_eq!(guard.read(reading(1, Gps, 0)), Heard::Set);
    guard.recorded(at(2 * HOUR));
    assert!(matches!(
        guard.now(5000),
        Err(ClockFault::BeforeRecord { .. })
    ));
    assert_eq!(guard.read(reading(9, Gps, 2 * HOUR)), Heard::Set);
}

#[test]
fn a_first_reading_years_ahead_of_the_records_needs_a_second() {
    let mut guard = ClockGuard::new(ClockRules::default(), Some(at(-60)), None);
    let years = 1024 * 7 * DAY_S;
    let claimed = Heard::Claimed { off_s: None };
    assert_eq!(guard.read(reading(0, Gps, years)), claimed);
    assert_eq!(guard.now(0), Err(ClockFault::Unset));
    assert_eq!(guard.read(reading(1, Rtc, 0)), Heard::Set);
    assert_eq!(guard.now(1000).unwrap().now, at(1));
}

#[test]
fn without_a_source_it_is_flagged_and_then_out_of_service() {
    let mut guard = guard();
    guard.set_rules(ClockRules {
        unsynced_max_s: Some(7 * DAY_S),
        ..ClockRules::default()
    });
    guard.read(reading(0, Rtc, 0));
    let never = ClockFault::Unsynced {
        unsynced_s: None,
        max_s: 7 * DAY_S,
    };
    assert_eq!(guard.now(0), Err(never));
    guard.read(reading(0, Gps, 0));
    for (second, unsynced, serves) in [
        (DAY_S, false, true),
        (DAY_S + 1, true, true),
        (7 * DAY_S, true, true),
        (7 * DAY_S + 1, true, false),
    ] {
        let now = guard.now(u64::try_from(second).unwrap() * 1000);
        let expected = serves.then_some((Some(second), unsynced));
        let there = now.ok().map(|t| (t.unsynced_s, t.is_unsynced));
        assert_eq!(there, expected, "{second}");
    }
    // The battery clock does not confirm itself; another source does.
    let late = 8 * DAY_S;
    guard.read(reading(late, Rtc, 0));
    assert!(guard.now(u64::try_from(late).unwrap() * 1000).is_err());
    guard.read(reading(late, Gps, 3));
    assert!(guard.now(u64::try_from(late).unwrap() * 1000).is_ok());
}

#[test]
fn a_clock_that_rested_may_have_drifted_a_second_a_day() {
    for (off_s, follows) in [(25, true), (26, false)] {
        // Confirmed twenty days ago, then switched off: five and twenty seconds.
        let mut guard = ClockGuard::new(ClockRules::default(), None, Some(at(-20 * DAY_S)));
        guard.read(reading(0, Rtc, 0));
        let heard = guard.read(reading(0, Gps, off_s));
        assert_eq!(heard == Heard::Followed { off_s }, follows, "{off_s}");
        let next = guard.read(reading(60, Gps, off_s));
        assert_eq!(next == Heard::Followed { off_s: 0 }, follows);
    }
}

#[test]
fn a_claim_is_told_until_it_is_too_old() {
    let mut guard = guard();
    guard.read(reading(0, Rtc, 0));
    guard.read(reading(1, Gps, 500));
    assert!(guard.now(2000).unwrap().is_disputed);
    let later = u64::try_from(2 + HOUR).unwrap() * 1000;
    assert!(!guard.now(later).unwrap().is_disputed);
}

#[test]
fn a_counter_that_fell_counts_another_run() {
    let mut guard = guard();
    guard.read(reading(100, Ntp, 0));
    let fell = ClockFault::Counter {
        tick_ms: 99_999,
        last_ms: 100_000,
    };
    assert_eq!(guard.now(99_999), Err(fell));
    assert_eq!(guard.read(reading(3, Gps, 7 * HOUR)), Heard::Set);
}

#[derive(Debug, Clone)]
enum Event {
    Read(ClockSource, i64),
    Record,
    Wait(i64),
    Restart,
}

fn source() -> impl Strategy<Value = ClockSource> {
    prop_oneof![Just(Rtc), Just(Gps), Just(Host), Just(Ntp)]
}

fn off() -> impl Strategy<Value = i64> {
    prop_oneof![
        3 => -10..10i64,
        2 => -100_000..100_000i64,
        1 => any::<i64>().prop_map(|off_s| off_s / 2),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (source(), off()).prop_map(|(source, off_s)| Event::Read(source, off_s)),
        3 => Just(Event::Record),
        3 => (0..100_000i64).prop_map(Event::Wait),
        1 => Just(Event::Restart),
    ]
}

proptest! {
    /// Whatever sources say: records are never dated before the one before, nor before the
    /// build, and nothing panics.
    #[test]
    fn records_never_go_back(events in prop::collection::vec(event(), 1..60)) {
        let mut guard = guard();
        let mut second = 0;
        let mut booted = 0;
        let mut newest = None;
        for event in events {
            let tick_ms = u64::try_from(second - booted).unwrap() * 1000;
            match event {
                Event::Wait(seconds) => second += seconds,
                Event::Restart => {
                    guard = ClockGuard::new(*guard.rules(), newest, guard.synced_at());
                    booted = second;
                }
                Event::Read(source, off_s) => {
                    let wall = at(second).plus_s(off_s);
                    guard.read(Reading { source, wall, tick_ms });
                }
                Event::Record => {
                    if let Ok(trusted) = guard.now(tick_ms) {
                        prop_assert!(Some(trusted.now) >= newest);
                        prop_assert!(trusted.now >= guard.rules().not_before);
                        guard.recorded(trusted.now);
                        newest = Some(trusted.now);
                    }
                }
            }
        }
    }

    /// A single source that errs or lies does not lead the clock away by more than what passes
    /// for agreement, a step and the drift within a day, in however many small steps it tries.
    #[test]
    fn one_source_alone_leads_nowhere(
        liar in source(),
        lies in prop::collection::vec((0..1400i64, off()), 1..60),
    ) {
        let mut guard = guard();
        guard.read(reading(0, Host, 0));
        let mut second = 1;
        for (wait_s, off_s) in lies {
            second += wait_s;
            let wall = at(second).plus_s(off_s);
            let tick_ms = u64::try_from(second).unwrap() * 1000;
            guard.read(Reading { source: liar, wall, tick_ms });
            let now = guard.now(tick_ms).unwrap().now;
            prop_assert!(now.since_s(at(second)).abs() <= 2 + 5 + 1, "{now}");
        }
    }

    /// Two honest sources set a clock right that is wrong by anything, whatever a third says.
    #[test]
    fn two_honest_sources_prevail(
        wrong_s in -1_000_000..1_000_000i64,
        lies in prop::collection::vec(off(), 0..5),
    ) {
        let mut guard = guard();
        guard.read(reading(0, Rtc, wrong_s));
        for (second, off_s) in (1..).zip(lies) {
            let wall = at(second).plus_s(off_s);
            let tick_ms = u64::try_from(second).unwrap() * 1000;
            guard.read(Reading { source: Gps, wall, tick_ms });
        }
        guard.read(reading(10, Host, 0));
        guard.read(reading(11, Ntp, 0));
        let now = guard.now(11_000).unwrap().now;
        prop_assert!(now.since_s(at(11)).abs() <= 6);
    }
}
