//! The time limits of the life-cycle.
//!
//! Source: that keys have a term, are renewed before it ends and are cleaned up when they are not
//! used for long is the service rules draft §10; that terminals have 15 days for new lists is its
//! §12. UNSPECIFIED: every other number; ours.

use tongtu_types::Timestamp;

/// Seconds of a day.
pub const DAY_S: i64 = 86_400;
/// Days before the end of a term at which it is announced, first to last.
pub const NOTICE_DAYS: [u16; 3] = [180, 90, 30];
/// Days without a use after which a key is marked as unused: twelve months.
pub const UNUSED_DAYS: u16 = 365;
/// The shortest overlap, unless the older version's own term ends before: as long as terminals may
/// take to have a new list.
pub const OVERLAP_DAYS_MIN: u16 = 15;
/// The longest term, ten years.
pub const TERM_DAYS_MAX: u16 = 3653;

/// So many days in seconds.
#[must_use]
pub const fn days_s(days: u16) -> i64 {
    // A cast that widens; `From` is not const.
    days as i64 * DAY_S
}

/// Which announcement of an end at `until` is due at `now` and was not made, and since when;
/// `noticed` is the last that was made. Of several that were missed the last is made, and stands
/// for all; after the end there is nothing to announce.
pub(crate) fn notice_due(
    until: Timestamp,
    noticed: Option<u16>,
    now: Timestamp,
) -> Option<(u16, Timestamp)> {
    if now >= until {
        return None;
    }
    let since = |days: u16| until.plus_s(-days_s(days));
    let reached = NOTICE_DAYS.into_iter().filter(|days| now >= since(*days));
    let days = reached.min()?;
    let is_new = noticed.is_none_or(|before| days < before);
    is_new.then(|| (days, since(days)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Days left, last notice made (0 none), notice due (0 none).
    #[test]
    fn a_notice_is_due_once_and_the_nearest_stands_for_all() {
        for (left, noticed, due) in [
            (181, 0, 0),
            (180, 0, 180),
            (180, 180, 0),
            (91, 180, 0),
            (90, 180, 90),
            (45, 0, 90),
            (45, 90, 0),
            (30, 90, 30),
            (1, 0, 30),
            (1, 30, 0),
            (0, 0, 0),
        ] {
            let until = Timestamp::new(1_800_000_000);
            let now = until.plus_s(-left * DAY_S);
            let noticed = Some(noticed).filter(|days| *days > 0);
            let found = notice_due(until, noticed, now).map_or(0, |(days, _)| days);
            assert_eq!(found, due, "{left} days left, noticed {noticed:?}");
        }
    }
}
