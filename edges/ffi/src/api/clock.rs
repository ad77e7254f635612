//! The clock.

use tongtu_terminal::{ClockFault, ClockRules, ClockSource, Heard, Reading};
use tongtu_types::Timestamp;

use super::{count, known_time, time_of};
use crate::code::TT_ERR_VALUE;
use crate::fault::{Fault, guarded};
use crate::raw::{self, Out, Sized32};
use crate::table;
use crate::types::{
    TT_CLOCK_ACQUIRER, TT_CLOCK_BEFORE_BUILD, TT_CLOCK_BEFORE_RECORD, TT_CLOCK_COUNTER,
    TT_CLOCK_FINE, TT_CLOCK_GPS, TT_CLOCK_HOST, TT_CLOCK_NTP, TT_CLOCK_RTC, TT_CLOCK_UNSET,
    TT_CLOCK_UNSYNCED, TT_HEARD_CLAIMED, TT_HEARD_CONFIRMED, TT_HEARD_FOLLOWED, TT_HEARD_REFUSED,
    TT_HEARD_SET, TT_HEARD_STEPPED, TT_NO_TIME, TtClock, TtClockRules, TtHeard,
};

// SAFETY: `repr(C)`, `struct_size` first; numbers only.
unsafe impl Sized32 for TtClockRules {}
// SAFETY: the same.
unsafe impl Sized32 for TtHeard {}
// SAFETY: the same.
unsafe impl Sized32 for TtClock {}

/// Writes the limits in force. Errors: HANDLE, BUSY, NULL, SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_clock_rules(terminal: u64, rules: *mut TtClockRules) -> i32 {
    guarded(|| {
        // SAFETY: as the header demands.
        let out = unsafe { Out::sized(rules, "rules") }?;
        table::with(terminal, |terminal| {
            let rules = terminal.clock().rules();
            let seconds = |value: i64| u32::try_from(value).unwrap_or(u32::MAX);
            out.put(TtClockRules {
                struct_size: count(size_of::<TtClockRules>()),
                back_max_s: seconds(rules.back_max_s),
                ahead_max_s: seconds(rules.ahead_max_s),
                drift_max_s: seconds(rules.drift_max_s),
                step_max_s: seconds(rules.step_max_s),
                agree_max_s: seconds(rules.agree_max_s),
                claim_max_s: seconds(rules.claim_max_s),
                unsynced_flag_s: seconds(rules.unsynced_flag_s),
                not_before: rules.not_before.get(),
                unsynced_max_s: rules.unsynced_max_s.unwrap_or(-1),
            });
            Ok(())
        })
    })
}

/// Takes other limits. `synced_at` is when a source last confirmed the clock, if you kept that over a
/// restart: then the clock begins anew, and its sources are to be read; else TT_NO_TIME. Errors:
/// HANDLE, BUSY, NULL, SIZE, VALUE (unsynced_max_s below -1).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_clock_set_rules(
    terminal: u64,
    rules: *const TtClockRules,
    synced_at: i64,
) -> i32 {
    guarded(|| {
        // SAFETY: as the header demands.
        let plain = unsafe { raw::take(rules, "rules") }?;
        if plain.unsynced_max_s < -1 {
            let detail = format!("rules.unsynced_max_s: {}", plain.unsynced_max_s);
            return Err(Fault::new(TT_ERR_VALUE, detail));
        }
        let rules = ClockRules {
            not_before: Timestamp::new(plain.not_before),
            back_max_s: plain.back_max_s.into(),
            ahead_max_s: plain.ahead_max_s.into(),
            drift_max_s: plain.drift_max_s.into(),
            step_max_s: plain.step_max_s.into(),
            agree_max_s: plain.agree_max_s.into(),
            claim_max_s: plain.claim_max_s.into(),
            unsynced_flag_s: plain.unsynced_flag_s.into(),
            unsynced_max_s: (plain.unsynced_max_s >= 0).then_some(plain.unsynced_max_s),
        };
        table::with(terminal, |terminal| {
            terminal.set_clock(rules, time_of(synced_at));
            Ok(())
        })
    })
}

/// Hands in what a source says the time is, and your machine's counter at that moment: milliseconds
/// that only rise while it is on. Writes what became of it. Errors: HANDLE, BUSY, NULL, SIZE, VALUE
/// (no such source, no time).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_clock_read(
    terminal: u64,
    source: u32,
    wall: i64,
    tick_ms: u64,
    heard: *mut TtHeard,
) -> i32 {
    guarded(|| {
        let wall = known_time(wall)?;
        // SAFETY: as the header demands.
        let out = unsafe { Out::sized(heard, "heard") }?;
        let source = match source {
            TT_CLOCK_RTC => ClockSource::Rtc,
            TT_CLOCK_GPS => ClockSource::Gps,
            TT_CLOCK_HOST => ClockSource::Host,
            TT_CLOCK_ACQUIRER => ClockSource::Acquirer,
            TT_CLOCK_NTP => ClockSource::Ntp,
            _ => {
                let detail = format!("source: {source}, expected 0 to 4");
                return Err(Fault::new(TT_ERR_VALUE, detail));
            }
        };
        let reading = Reading {
            source,
            wall,
            tick_ms,
        };
        table::with(terminal, |terminal| {
            out.put(heard_of(terminal.read_clock(reading)));
            Ok(())
        })
    })
}

const fn source_of(source: ClockSource) -> u32 {
    match source {
        ClockSource::Rtc => TT_CLOCK_RTC,
        ClockSource::Gps => TT_CLOCK_GPS,
        ClockSource::Host => TT_CLOCK_HOST,
        ClockSource::Acquirer => TT_CLOCK_ACQUIRER,
        ClockSource::Ntp => TT_CLOCK_NTP,
    }
}

fn heard_of(heard: Heard) -> TtHeard {
    let (kind, with, off_s) = match heard {
        Heard::Set => (TT_HEARD_SET, 0, 0),
        Heard::Followed { off_s } => (TT_HEARD_FOLLOWED, 0, off_s),
        Heard::Confirmed { off_s } => (TT_HEARD_CONFIRMED, 0, off_s),
        Heard::Stepped { off_s, with } => (TT_HEARD_STEPPED, source_of(with), off_s),
        Heard::Claimed { off_s } => (TT_HEARD_CLAIMED, 0, off_s.unwrap_or(0)),
        Heard::Refused(_) => (TT_HEARD_REFUSED, 0, 0),
    };
    TtHeard {
        struct_size: count(size_of::<TtHeard>()),
        kind,
        with,
        off_s,
    }
}

/// Writes the time at this count of your machine. That there is none is no error: `fault` says why.
/// Errors: HANDLE, BUSY, NULL, SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tt_clock_now(terminal: u64, tick_ms: u64, clock: *mut TtClock) -> i32 {
    guarded(|| {
        // SAFETY: as the header demands.
        let out = unsafe { Out::sized(clock, "clock") }?;
        table::with(terminal, |terminal| {
            let synced_at = terminal.clock().synced_at();
            let mut clock = TtClock {
                struct_size: count(size_of::<TtClock>()),
                fault: TT_CLOCK_FINE,
                now: TT_NO_TIME,
                unsynced_s: -1,
                synced_at: synced_at.map_or(TT_NO_TIME, Timestamp::get),
                is_unsynced: 1,
                is_disputed: 0,
            };
            match terminal.clock_now(tick_ms) {
                Ok(trusted) => {
                    clock.now = trusted.now.get();
                    clock.unsynced_s = trusted.unsynced_s.unwrap_or(-1);
                    clock.is_unsynced = trusted.is_unsynced.into();
                    clock.is_disputed = trusted.is_disputed.into();
                }
                Err(fault) => clock.fault = fault_of(&fault),
            }
            out.put(clock);
            Ok(())
        })
    })
}

const fn fault_of(fault: &ClockFault) -> u32 {
    match fault {
        ClockFault::BeforeBuild { .. } => TT_CLOCK_BEFORE_BUILD,
        ClockFault::BeforeRecord { .. } => TT_CLOCK_BEFORE_RECORD,
        ClockFault::Unsynced { .. } => TT_CLOCK_UNSYNCED,
        ClockFault::Counter { .. } => TT_CLOCK_COUNTER,
        // A fault of a later version: whatever it is, there is no time.
        _ => TT_CLOCK_UNSET,
    }
}
