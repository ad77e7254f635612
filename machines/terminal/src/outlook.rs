//! How long a store still has room, and when to say so.
//!
//! UNSPECIFIED: no text that we could read says when a terminal must raise an alarm; a terminal
//! that fills up goes out of service, so it says so days before.

use alloc::collections::VecDeque;

use tongtu_types::{BusinessDay, Timestamp};

use crate::Capacity;

/// Days that a pace is taken from, the running one included.
const DAYS: usize = 8;

/// How many records a terminal makes in a day: the busiest of the last week.
///
/// After a restart it is taken from what the store still holds, so it is too low until a day has
/// gone by; a store that holds little has room.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pace {
    days: VecDeque<(BusinessDay, u64)>,
}

impl Pace {
    /// Notes a record. A clock that was set back counts for the newest day.
    pub fn noted(&mut self, at: Timestamp) {
        let day = at.china().day;
        match self.days.back_mut() {
            Some((last, count)) if *last >= day => *count += 1,
            _ => {
                if self.days.len() == DAYS {
                    self.days.pop_front();
                }
                self.days.push_back((day, 1));
            }
        }
    }

    /// Records in a day, if there was one.
    #[must_use]
    pub fn per_day(&self) -> Option<u64> {
        self.days.iter().map(|(_, count)| *count).max()
    }
}

/// When to raise an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlarmThresholds {
    /// Room for fewer days than this is low.
    pub low_days: u64,
    /// So many hundredths in use is low.
    pub low_percent: u64,
    /// Room for fewer days than this is urgent.
    pub urgent_days: u64,
    /// So many hundredths in use is urgent.
    pub urgent_percent: u64,
}

impl Default for AlarmThresholds {
    fn default() -> Self {
        Self {
            low_days: 3,
            low_percent: 75,
            urgent_days: 1,
            urgent_percent: 90,
        }
    }
}

/// How full a store is, by rising urgency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fill {
    /// There is room.
    Fine,
    /// To be seen to in the coming days: records do not leave.
    Low,
    /// To be seen to today.
    Urgent,
    /// Nothing more is accepted.
    Full,
}

/// What is to be expected of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outlook {
    /// Records there is room for.
    pub records: u64,
    /// Bytes there is room for; `None` where they are not counted.
    pub bytes: Option<u64>,
    /// Whole days that the room lasts if nothing leaves; `None` before the first record.
    pub days: Option<u64>,
    /// How urgent that is.
    pub fill: Fill,
}

impl Outlook {
    /// The outlook of a store at this pace.
    #[must_use]
    pub fn of(capacity: &Capacity, pace: &Pace, thresholds: &AlarmThresholds) -> Self {
        let records = capacity.room();
        let days = pace
            .per_day()
            .and_then(|per_day| records.checked_div(per_day));
        let is_within = |limit: u64| days.is_some_and(|days| days < limit);
        let percent = capacity.used_percent();
        let fill = if capacity.is_full() {
            Fill::Full
        } else if percent >= thresholds.urgent_percent || is_within(thresholds.urgent_days) {
            Fill::Urgent
        } else if percent >= thresholds.low_percent || is_within(thresholds.low_days) {
            Fill::Low
        } else {
            Fill::Fine
        };
        Self {
            records,
            bytes: capacity.room_bytes(),
            days,
            fill,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-01T08:00:00Z.
    const T0: Timestamp = Timestamp::new(1_767_254_400);

    fn capacity(held: u64, bytes: u64) -> Capacity {
        Capacity {
            held,
            waiting: held,
            intents: 0,
            max: 1000,
            bytes,
            bytes_max: Some(100_000),
        }
    }

    fn pace(per_day: u64) -> Pace {
        let mut pace = Pace::default();
        (0..per_day).for_each(|_| pace.noted(T0));
        pace
    }

    #[test]
    fn the_pace_is_that_of_the_busiest_of_the_last_days() {
        let mut pace = Pace::default();
        assert_eq!(pace.per_day(), None);
        for (day, count) in [(0, 9), (1, 3), (2, 5)] {
            (0..count).for_each(|_| pace.noted(T0.plus_s(day * 86_400)));
        }
        assert_eq!(pace.per_day(), Some(9));
        // A clock set back does not begin a day.
        pace.noted(T0);
        assert_eq!(pace.days.back().unwrap().1, 6);
        for day in 3..10 {
            pace.noted(T0.plus_s(day * 86_400));
        }
        assert_eq!(pace.per_day(), Some(6), "the first days are forgotten");
        assert_eq!(pace.days.len(), DAYS);
    }

    #[test]
    fn the_outlook_is_told_in_records_bytes_and_days() {
        // 400 records of 100 bytes: 600 more by count and by bytes.
        let outlook = Outlook::of(
            &capacity(400, 40_000),
            &pace(100),
            &AlarmThresholds::default(),
        );
        let expected = Outlook {
            records: 600,
            bytes: Some(60_000),
            days: Some(6),
            fill: Fill::Fine,
        };
        assert_eq!(outlook, expected);
        // Records of 200 bytes: the bytes end first.
        let outlook = Outlook::of(
            &capacity(400, 80_000),
            &pace(100),
            &AlarmThresholds::default(),
        );
        assert_eq!((outlook.records, outlook.days), (100, Some(1)));
    }

    #[test]
    fn alarms_rise_with_what_is_used_and_with_the_days_left() {
        for (held, bytes, per_day, fill) in [
            (0, 0, 0, Fill::Fine),
            (749, 1000, 10, Fill::Fine),
            (750, 1000, 10, Fill::Low),
            (899, 1000, 10, Fill::Low),
            (900, 1000, 10, Fill::Urgent),
            (999, 1000, 1, Fill::Urgent),
            (1000, 1000, 1, Fill::Full),
            (100, 75_000, 1, Fill::Low),
            (100, 90_000, 1, Fill::Urgent),
            (100, 100_000, 1, Fill::Full),
            (400, 4000, 200, Fill::Fine),
            (400, 4000, 201, Fill::Low),
            (400, 4000, 600, Fill::Low),
            (400, 4000, 601, Fill::Urgent),
        ] {
            let outlook = Outlook::of(
                &capacity(held, bytes),
                &pace(per_day),
                &AlarmThresholds::default(),
            );
            assert_eq!(outlook.fill, fill, "{held} {bytes} {per_day}");
        }
    }
}
