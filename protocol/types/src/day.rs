//! Days and months: the settlement day and a certificate's month of expiry.

use core::fmt;
use core::str::FromStr;

use alloc::string::String;

use crate::time::CHINA_OFFSET_S;
use crate::{Timestamp, ValueError};

/// A civil date; in clearing, the settlement day (清算日).
///
/// Form: days since 1970-01-01 inside; prints `2026-01-31`, files carry `20260131`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BusinessDay(i64);

impl BusinessDay {
    /// The last day that has a four-digit year.
    const MAX_DAYS: i64 = 2_932_896;

    /// The day so many days after 1970-01-01, kept within years 0000 to 9999.
    #[must_use]
    pub const fn from_days(days: i64) -> Self {
        const MIN_DAYS: i64 = -719_528;
        Self(if days > Self::MAX_DAYS {
            Self::MAX_DAYS
        } else if days < MIN_DAYS {
            MIN_DAYS
        } else {
            days
        })
    }

    /// Days since 1970-01-01.
    #[must_use]
    pub const fn days(self) -> i64 {
        self.0
    }

    /// The civil date, if there is such a day.
    #[must_use]
    pub fn from_ymd(year: i64, month: i64, day: i64) -> Option<Self> {
        if !(0..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        // Days from civil, counted in 400-year eras that begin on 1 March.
        let y = if month <= 2 { year - 1 } else { year };
        let era = y.div_euclid(400);
        let year_of_era = y.rem_euclid(400);
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let made = Self(era * 146_097 + day_of_era - 719_468);
        (made.ymd() == (year, month, day)).then_some(made)
    }

    /// Year, month, day.
    #[must_use]
    pub const fn ymd(self) -> (i64, i64, i64) {
        let z = self.0 + 719_468;
        let era = z.div_euclid(146_097);
        let doe = z.rem_euclid(146_097);
        let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let day = doy - (153 * mp + 2) / 5 + 1;
        let month = if mp < 10 { mp + 3 } else { mp - 9 };
        let year = yoe + era * 400 + if month <= 2 { 1 } else { 0 };
        (year, month, day)
    }

    /// `yyyymmdd`, as files carry it.
    #[must_use]
    pub fn compact(self) -> String {
        let (y, m, d) = self.ymd();
        alloc::format!("{y:04}{m:02}{d:02}")
    }

    /// Parses `yyyymmdd`.
    ///
    /// # Errors
    /// [`ValueError`] when it is not eight digits or there is no such day.
    pub fn parse_compact(text: &str) -> Result<Self, ValueError> {
        const WHAT: &str = "date";
        const EXPECTED: &str = "yyyymmdd";
        if text.len() != 8 {
            return Err(ValueError::Length {
                what: WHAT,
                found: text.len(),
                expected: EXPECTED,
            });
        }
        if let Some(at) = text.bytes().position(|b| !b.is_ascii_digit()) {
            return Err(ValueError::Character {
                what: WHAT,
                at,
                expected: EXPECTED,
            });
        }
        let number: i64 = text.parse().expect("eight digits fit");
        Self::from_ymd(number / 10_000, number / 100 % 100, number % 100).ok_or(ValueError::Range {
            what: WHAT,
            found: number,
            expected: "a day that exists",
        })
    }

    /// The day after.
    #[must_use]
    pub const fn next(self) -> Self {
        Self::from_days(self.0 + 1)
    }

    /// Midnight at its beginning, China time.
    #[must_use]
    pub const fn start_in_china(self) -> Timestamp {
        Timestamp::new(self.0 * 86_400 - CHINA_OFFSET_S)
    }
}

impl fmt::Display for BusinessDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (y, m, d) = self.ymd();
        write!(f, "{y:04}-{m:02}-{d:02}")
    }
}

impl fmt::Debug for BusinessDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Parses `yyyy-mm-dd` or `yyyymmdd`.
impl FromStr for BusinessDay {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let bytes = text.as_bytes();
        if bytes.len() == 10 && bytes[4] == b'-' && bytes[7] == b'-' {
            let compact: String = text.split('-').collect();
            return Self::parse_compact(&compact);
        }
        Self::parse_compact(text)
    }
}

/// A certificate's month of expiry (失效日期): good to the end of that month, China time.
///
/// Form: `n4` MMYY, years 2000 to 2099. Ordered by year, then month: comparing MMYY as a
/// number passes expired certificates, a defect seen in the field.
/// Source: QR annex §3.5 field table ("在此日期后，这张证书无效").
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonthYear {
    year: u8,
    month: u8,
}

impl MonthYear {
    /// Takes a month 1 to 12 and the two last digits of a year.
    ///
    /// # Errors
    /// [`ValueError::Range`] otherwise.
    pub fn new(month: u8, year_of_century: u8) -> Result<Self, ValueError> {
        if !(1..=12).contains(&month) {
            let found = i64::from(month);
            return Err(ValueError::Range {
                what: "month",
                found,
                expected: "01 to 12",
            });
        }
        if year_of_century > 99 {
            let found = i64::from(year_of_century);
            return Err(ValueError::Range {
                what: "year",
                found,
                expected: "00 to 99",
            });
        }
        Ok(Self {
            year: year_of_century,
            month,
        })
    }

    /// The month, 1 to 12.
    #[must_use]
    pub const fn month(self) -> u8 {
        self.month
    }

    /// The two last digits of the year.
    #[must_use]
    pub const fn year_of_century(self) -> u8 {
        self.year
    }

    /// The first instant at which the certificate no longer holds.
    #[must_use]
    pub fn ends_before(self) -> Timestamp {
        let (mut year, mut month) = (2000 + i64::from(self.year), i64::from(self.month) + 1);
        if month == 13 {
            (year, month) = (year + 1, 1);
        }
        BusinessDay::from_ymd(year, month, 1)
            .expect("the first of a month exists")
            .start_in_china()
    }

    /// Whether the month is over at `now`.
    #[must_use]
    pub fn is_past(self, now: Timestamp) -> bool {
        now >= self.ends_before()
    }

    /// `MMYY`.
    #[must_use]
    pub fn mmyy(self) -> String {
        alloc::format!("{:02}{:02}", self.month, self.year)
    }
}

impl fmt::Display for MonthYear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "20{:02}-{:02}", self.year, self.month)
    }
}

impl fmt::Debug for MonthYear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Parses `MMYY`.
impl FromStr for MonthYear {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        const EXPECTED: &str = "MMYY";
        if text.len() != 4 {
            return Err(ValueError::Length {
                what: "expiry",
                found: text.len(),
                expected: EXPECTED,
            });
        }
        if let Some(at) = text.bytes().position(|b| !b.is_ascii_digit()) {
            return Err(ValueError::Character {
                what: "expiry",
                at,
                expected: EXPECTED,
            });
        }
        let digit = |i: usize| text.as_bytes()[i] - b'0';
        Self::new(digit(0) * 10 + digit(1), digit(2) * 10 + digit(3))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_four_centuries_round_trips() {
        for days in -200_000..200_000 {
            let day = BusinessDay::from_days(days);
            let (y, m, d) = day.ymd();
            assert_eq!(BusinessDay::from_ymd(y, m, d), Some(day));
        }
    }

    #[test]
    fn knows_real_days_only() {
        assert_eq!(
            "20240229".parse::<BusinessDay>().unwrap().to_string(),
            "2024-02-29"
        );
        for text in [
            "20230229",
            "20231301",
            "20230001",
            "2023010",
            "2023-1-01",
            "2023010a",
        ] {
            assert!(text.parse::<BusinessDay>().is_err(), "{text}");
        }
    }

    #[test]
    fn certificate_is_good_to_the_last_second_of_its_month_in_china() {
        let expiry: MonthYear = "0926".parse().unwrap();
        // 2026-09-30 23:59:59 +08:00
        let last = Timestamp::new(1_790_783_999);
        assert_eq!(last.china().compact(), "20260930235959");
        assert!(!expiry.is_past(last));
        assert!(expiry.is_past(last.plus_s(1)));
    }

    #[test]
    fn orders_by_year_before_month() {
        let a: MonthYear = "1225".parse().unwrap();
        let b: MonthYear = "0126".parse().unwrap();
        assert!(a < b);
        assert!("1326".parse::<MonthYear>().is_err());
        assert!("0026".parse::<MonthYear>().is_err());
    }
}
