//! Instants and China time (UTC+8, no daylight saving since 1991).

use core::fmt;

use alloc::string::String;

use crate::BusinessDay;

/// China time's distance from UTC, in seconds.
pub const CHINA_OFFSET_S: i64 = 8 * 3600;

/// An instant: Unix seconds, UTC.
///
/// Form: signed 64-bit inside, so that no subtraction wraps; the ride code carries it as an
/// unsigned 32-bit number, good until 2106.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Takes Unix seconds.
    #[must_use]
    pub const fn new(unix_s: i64) -> Self {
        Self(unix_s)
    }

    /// Unix seconds.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The instant `seconds` later (or earlier); saturates at the ends of time.
    #[must_use]
    pub const fn plus_s(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Seconds since `earlier`; negative when it is later.
    #[must_use]
    pub const fn since_s(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// As the unsigned 32-bit number of the ride code, if it fits.
    #[must_use]
    pub fn as_u32(self) -> Option<u32> {
        u32::try_from(self.0).ok()
    }

    /// The civil date and time in China.
    #[must_use]
    pub const fn china(self) -> CivilTime {
        let local = self.0.saturating_add(CHINA_OFFSET_S);
        let day = BusinessDay::from_days(local.div_euclid(86_400));
        CivilTime {
            day,
            second_of_day: local.rem_euclid(86_400),
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = BusinessDay::from_days(self.0.div_euclid(86_400));
        let civil = CivilTime {
            day,
            second_of_day: self.0.rem_euclid(86_400),
        };
        write!(f, "{day}T{}Z", civil.clock())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A date and time of day, zone already applied.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CivilTime {
    /// The date.
    pub day: BusinessDay,
    second_of_day: i64,
}

impl CivilTime {
    /// Hour 0..24, minute and second 0..60.
    #[must_use]
    pub const fn hms(&self) -> (i64, i64, i64) {
        (
            self.second_of_day / 3600,
            self.second_of_day / 60 % 60,
            self.second_of_day % 60,
        )
    }

    /// `hh:mm:ss`.
    #[must_use]
    pub fn clock(&self) -> String {
        let (h, m, s) = self.hms();
        alloc::format!("{h:02}:{m:02}:{s:02}")
    }

    /// `hhmmss`, as fixed-width files carry it.
    #[must_use]
    pub fn hhmmss(&self) -> String {
        let (h, m, s) = self.hms();
        alloc::format!("{h:02}{m:02}{s:02}")
    }

    /// `yyyymmddhhmmss`.
    #[must_use]
    pub fn compact(&self) -> String {
        alloc::format!("{}{}", self.day.compact(), self.hhmmss())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_china_time() {
        let t = Timestamp::new(1_767_254_400);
        assert_eq!(t.to_string(), "2026-01-01T08:00:00Z");
        assert_eq!(t.china().compact(), "20260101160000");
    }

    #[test]
    fn does_not_wrap_in_2038_or_2106() {
        assert_eq!(
            Timestamp::new(i64::from(u32::MAX)).to_string(),
            "2106-02-07T06:28:15Z"
        );
        assert_eq!(Timestamp::new(i64::MAX).plus_s(1), Timestamp::new(i64::MAX));
        assert_eq!(Timestamp::new(1 << 32).as_u32(), None);
    }
}
