//! The clock: sources in, a time out, or why there is none.

use tongtu_ffi::api::{tt_clock_now, tt_clock_read, tt_clock_rules, tt_clock_set_rules, tt_close};
use tongtu_ffi::code::{TT_ERR_NULL, TT_ERR_SIZE, TT_ERR_VALUE, TT_OK};
use tongtu_ffi::types::{
    TT_ACCEPTED, TT_CLOCK_BEFORE_BUILD, TT_CLOCK_BEFORE_RECORD, TT_CLOCK_COUNTER, TT_CLOCK_FINE,
    TT_CLOCK_GPS, TT_CLOCK_HOST, TT_CLOCK_NTP, TT_CLOCK_RTC, TT_CLOCK_UNSET, TT_CLOCK_UNSYNCED,
    TT_HEARD_CLAIMED, TT_HEARD_CONFIRMED, TT_HEARD_FOLLOWED, TT_HEARD_REFUSED, TT_HEARD_SET,
    TT_HEARD_STEPPED, TT_NO_TIME, TT_OUT_OF_SERVICE, TtClock, TtClockRules, TtHeard,
};

use crate::fixture::{Flash, Rider, T0, open, size, tap, words};

fn read(terminal: u64, source: u32, wall: i64, tick_s: u64) -> TtHeard {
    let mut heard = TtHeard {
        struct_size: size::<TtHeard>(),
        kind: 0,
        with: 9,
        off_s: 9,
    };
    let code = unsafe { tt_clock_read(terminal, source, wall, tick_s * 1_000, &raw mut heard) };
    assert_eq!(code, TT_OK, "{}", words());
    heard
}

fn blank() -> TtClock {
    TtClock {
        struct_size: size::<TtClock>(),
        fault: 9,
        now: 9,
        unsynced_s: 9,
        synced_at: 9,
        is_unsynced: 9,
        is_disputed: 9,
    }
}

fn now(terminal: u64, tick_s: u64) -> TtClock {
    let mut clock = blank();
    let code = unsafe { tt_clock_now(terminal, tick_s * 1_000, &raw mut clock) };
    assert_eq!(code, TT_OK, "{}", words());
    clock
}

fn rules(terminal: u64) -> TtClockRules {
    // SAFETY: numbers only.
    let mut rules: TtClockRules = unsafe { std::mem::zeroed() };
    rules.struct_size = size::<TtClockRules>();
    assert_eq!(unsafe { tt_clock_rules(terminal, &raw mut rules) }, TT_OK);
    rules
}

#[test]
fn sources_set_the_clock_by_rank_and_a_step_needs_two() {
    let mut flash = Flash::with_room(0);
    let terminal = open(&mut flash, |_| {});
    let unset = now(terminal, 1);
    assert_eq!((unset.fault, unset.now), (TT_CLOCK_UNSET, TT_NO_TIME));
    assert_eq!(read(terminal, TT_CLOCK_RTC, 5, 1).kind, TT_HEARD_REFUSED);
    assert_eq!(read(terminal, TT_CLOCK_RTC, T0, 1).kind, TT_HEARD_SET);
    let by_battery = now(terminal, 11);
    assert_eq!((by_battery.fault, by_battery.now), (TT_CLOCK_FINE, T0 + 10));
    assert_eq!((by_battery.unsynced_s, by_battery.is_unsynced), (-1, 1));
    let heard = read(terminal, TT_CLOCK_NTP, T0 + 12, 11);
    assert_eq!((heard.kind, heard.off_s), (TT_HEARD_FOLLOWED, 2));
    let heard = read(terminal, TT_CLOCK_GPS, T0 + 13, 12);
    assert_eq!((heard.kind, heard.off_s), (TT_HEARD_CONFIRMED, 0));
    let synced = now(terminal, 12);
    assert_eq!((synced.now, synced.is_unsynced), (T0 + 13, 0));
    assert_eq!(synced.synced_at, T0 + 13);
    let heard = read(terminal, TT_CLOCK_GPS, T0 + 5_000, 13);
    assert_eq!((heard.kind, heard.off_s), (TT_HEARD_CLAIMED, 4_986));
    assert_eq!(now(terminal, 13).is_disputed, 1);
    let heard = read(terminal, TT_CLOCK_HOST, T0 + 5_000, 13);
    assert_eq!((heard.kind, heard.with), (TT_HEARD_STEPPED, TT_CLOCK_GPS));
    assert_eq!(now(terminal, 13).now, T0 + 5_000);
    assert_eq!(now(terminal, 3).fault, TT_CLOCK_COUNTER);
    tt_close(terminal);
}

#[test]
fn a_card_that_tapped_is_a_witness_after_a_restart_too() {
    let mut flash = Flash::with_room(0);
    let terminal = open(&mut flash, |_| {});
    assert_eq!(
        tap(terminal, &mut Rider::with(1, 5_000), T0).outcome,
        TT_ACCEPTED
    );
    for restart in [false, true] {
        let terminal = if restart {
            tt_close(terminal);
            open(&mut flash, |_| {})
        } else {
            terminal
        };
        // Behind by more than is let pass: no clock for cards either.
        let mut rider = Rider::with(2 + u8::from(restart), 5_000);
        let end = tap(terminal, &mut rider, T0 - 3_600);
        assert_eq!(end.outcome, TT_OUT_OF_SERVICE, "{restart}");
        // A little behind is as late as the newest record.
        rider.present();
        let end = tap(terminal, &mut rider, T0 - 3);
        assert_eq!(end.outcome, TT_ACCEPTED, "{restart}");
        if restart {
            let heard = read(terminal, TT_CLOCK_RTC, T0 - 3_600, 1);
            assert_eq!(heard.kind, TT_HEARD_CLAIMED);
            assert_eq!(now(terminal, 1).fault, TT_CLOCK_UNSET);
            tt_close(terminal);
        } else {
            let _ = read(terminal, TT_CLOCK_RTC, T0 - 10, 1);
            assert_eq!(now(terminal, 1).now, T0, "never before the newest record");
        }
    }
}

#[test]
fn limits_are_read_changed_and_kept_over_a_restart() {
    let mut flash = Flash::with_room(0);
    let terminal = open(&mut flash, |_| {});
    let mut limits = rules(terminal);
    assert_eq!(
        (limits.unsynced_max_s, limits.not_before),
        (-1, 1_577_836_800)
    );
    (limits.not_before, limits.unsynced_max_s) = (T0, 3_600);
    let set = |limits: &TtClockRules, synced_at| unsafe {
        tt_clock_set_rules(terminal, &raw const *limits, synced_at)
    };
    assert_eq!(set(&limits, T0 - 7_200), TT_OK);
    let after = rules(terminal);
    assert_eq!((after.not_before, after.unsynced_max_s), (T0, 3_600));
    assert_eq!(
        read(terminal, TT_CLOCK_RTC, T0 - 1, 1).kind,
        TT_HEARD_REFUSED
    );
    assert_eq!(read(terminal, TT_CLOCK_RTC, T0, 1).kind, TT_HEARD_SET);
    assert_eq!(now(terminal, 1).fault, TT_CLOCK_UNSYNCED);
    assert_eq!(read(terminal, TT_CLOCK_NTP, T0, 1).kind, TT_HEARD_FOLLOWED);
    assert_eq!(now(terminal, 1).fault, TT_CLOCK_FINE);
    // Another build of the software, another earliest day.
    limits.not_before = T0 + 100;
    assert_eq!(set(&limits, TT_NO_TIME), TT_OK);
    assert_eq!(now(terminal, 1).fault, TT_CLOCK_BEFORE_BUILD);
    assert_eq!(now(terminal, 101).fault, TT_CLOCK_FINE);
    limits.unsynced_max_s = -2;
    assert_eq!(set(&limits, TT_NO_TIME), TT_ERR_VALUE);
    limits.struct_size -= 4;
    assert_eq!(set(&limits, TT_NO_TIME), TT_ERR_SIZE);
    tt_close(terminal);
}

#[test]
fn a_clock_that_records_prove_wrong_is_told() {
    let mut flash = Flash::with_room(0);
    let terminal = open(&mut flash, |_| {});
    assert_eq!(read(terminal, TT_CLOCK_NTP, T0, 1).kind, TT_HEARD_SET);
    tap(terminal, &mut Rider::with(1, 5_000), T0 + 600);
    assert_eq!(now(terminal, 10).fault, TT_CLOCK_BEFORE_RECORD);
    tt_close(terminal);
}

#[test]
fn sources_and_times_that_are_none_are_told() {
    let mut flash = Flash::with_room(0);
    let terminal = open(&mut flash, |_| {});
    let mut heard = TtHeard {
        struct_size: size::<TtHeard>(),
        kind: 0,
        with: 0,
        off_s: 0,
    };
    let out = &raw mut heard;
    assert_eq!(
        unsafe { tt_clock_read(terminal, TT_CLOCK_NTP + 1, T0, 1, out) },
        TT_ERR_VALUE
    );
    assert_eq!(
        unsafe { tt_clock_read(terminal, TT_CLOCK_NTP, TT_NO_TIME, 1, out) },
        TT_ERR_VALUE
    );
    let none = std::ptr::null_mut();
    assert_eq!(
        unsafe { tt_clock_read(terminal, TT_CLOCK_NTP, T0, 1, none) },
        TT_ERR_NULL
    );
    assert_eq!(
        unsafe { tt_clock_now(terminal, 1, std::ptr::null_mut()) },
        TT_ERR_NULL
    );
    // Nothing that a caller can write breaks it.
    for wall in [i64::MIN + 1, -1, 0, T0, i64::MAX] {
        for tick in [0, 1, u64::MAX / 1_000] {
            let _ = (
                read(terminal, TT_CLOCK_GPS, wall, tick),
                now(terminal, tick),
            );
        }
    }
    tt_close(terminal);
}
