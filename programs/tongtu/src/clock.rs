//! The clock, and moments as people write them.

use std::time::{SystemTime, UNIX_EPOCH};

use tongtu_types::{BusinessDay, Timestamp};

/// The moment given, or the system clock's.
pub(crate) fn now_or(given: Option<Timestamp>) -> Timestamp {
    given.unwrap_or_else(system)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a program is where the clock is read; everything below takes `now`"
)]
fn system() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.map_or(0, |since| since.as_secs());
    Timestamp::new(i64::try_from(seconds).unwrap_or(i64::MAX))
}

const EXPECTED: &str = "expected Unix seconds, or a time with its zone such as \
                        2026-01-01T08:00:00Z or 2026-01-01T16:00:00+08:00";

const OUT_OF_RANGE: &str = "out of range, expected a moment of the years 1900 to 9998";

/// 1900-01-01T00:00:00Z.
const FIRST: i64 = -2_208_988_800;
/// 9998-12-31T23:59:59Z.
const LAST: i64 = 253_370_764_799;

/// Reads Unix seconds, or date, time and zone as the internet writes them.
pub(crate) fn moment(text: &str) -> Result<Timestamp, String> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let moment = match text.parse() {
        Ok(seconds) => Timestamp::new(seconds),
        Err(_) if number => return Err(String::from(OUT_OF_RANGE)),
        Err(_) => zoned(text).ok_or(EXPECTED)?,
    };
    // Beyond these a moment could not be shown as what it is, neither in UTC nor in China.
    let within = (FIRST..=LAST).contains(&moment.get());
    if within {
        Ok(moment)
    } else {
        Err(String::from(OUT_OF_RANGE))
    }
}

/// `yyyy-mm-ddThh:mm:ss`, an optional fraction that is dropped, then `Z` or `±hh:mm`.
fn zoned(text: &str) -> Option<Timestamp> {
    let (date, rest) = text.split_at_checked(10)?;
    let day = date.bytes().enumerate().all(|(at, byte)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    if !day {
        return None;
    }
    let number = |from: usize, to: usize| date.get(from..to)?.parse::<i64>().ok();
    let day = BusinessDay::from_ymd(number(0, 4)?, number(5, 7)?, number(8, 10)?)?;
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (clock, mut zone) = rest.split_at_checked(8)?;
    if let Some(fraction) = zone.strip_prefix('.') {
        let end = fraction.find(|c: char| !c.is_ascii_digit())?;
        zone = fraction.get(end..).filter(|_| end > 0)?;
    }
    let seconds = match clock.split(':').collect::<Vec<_>>()[..] {
        [h, m, s] => two(h, 23)? * 3600 + two(m, 59)? * 60 + two(s, 59)?,
        _ => return None,
    };
    let offset = match zone.as_bytes().first()? {
        b'Z' | b'z' if zone.len() == 1 => 0,
        sign @ (b'+' | b'-') => {
            let (h, m) = zone.get(1..)?.split_once(':')?;
            let offset = two(h, 23)? * 3600 + two(m, 59)? * 60;
            if *sign == b'-' { -offset } else { offset }
        }
        _ => return None,
    };
    Some(Timestamp::new(day.days() * 86_400 + seconds - offset))
}

/// Two digits, at most `max`.
fn two(text: &str, max: i64) -> Option<i64> {
    if text.len() != 2 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|value| *value <= max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_moments() {
        for (text, seconds) in [
            ("1767254400", 1_767_254_400),
            ("-1", -1),
            ("2026-01-01T08:00:00Z", 1_767_254_400),
            ("2026-01-01T16:00:00+08:00", 1_767_254_400),
            ("2026-01-01 08:00:00.25z", 1_767_254_400),
            ("1970-01-01T00:00:00-00:30", 1800),
        ] {
            assert_eq!(moment(text), Ok(Timestamp::new(seconds)), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_moment_or_has_no_zone() {
        for text in [
            "",
            "now",
            "2026-01-01",
            "2026-01-01T08:00:00",
            "2026-13-01T08:00:00Z",
            "2026-02-30T08:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T08:00:00.Z",
            "2026-01-01T08:00:00+8",
            "2026-01-01T08:00:00Zulu",
            "二零二六年一月一日零点",
            "+026-01-01T08:00:00Z",
        ] {
            assert_eq!(moment(text), Err(String::from(EXPECTED)), "{text}");
        }
    }

    #[test]
    fn refuses_what_cannot_be_shown() {
        for (text, within) in [
            ("253370764799", true),
            ("253370764800", false),
            ("9998-12-31T23:59:59Z", true),
            ("9998-12-31T23:59:59-00:01", false),
            ("-2208988800", true),
            ("1900-01-01T00:00:00Z", true),
            ("-2208988801", false),
            ("99999999999999", false),
            ("99999999999999999999", false),
            ("-99999999999999999999", false),
        ] {
            match moment(text) {
                Ok(_) => assert!(within, "{text}"),
                Err(error) => assert_eq!((error.as_str(), within), (OUT_OF_RANGE, false), "{text}"),
            }
        }
    }
}
