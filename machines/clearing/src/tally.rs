//! Counting outcomes, so that no record is lost between arrival and settlement.

use tongtu_types::Timestamp;

use crate::{Outcome, Verdict};

/// How many records of a file or a day met which end.
///
/// Conserved always: total = settled + rejected + suspicious + duplicate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    total: u64,
    settled: u64,
    marked: u64,
    rejected: u64,
    suspicious: u64,
    duplicate: u64,
    earliest: Option<Timestamp>,
    latest: Option<Timestamp>,
}

impl Tally {
    /// Counts one record.
    ///
    /// # Panics
    /// When the counts are not conserved: a fault of this type.
    pub fn add(&mut self, verdict: Verdict, rode_at: Timestamp) {
        self.total += 1;
        match verdict {
            Verdict::Settle(outcome) => {
                self.settled += 1;
                self.marked += u64::from(outcome != Outcome::Correct);
            }
            Verdict::Reject(Outcome::Duplicate) => self.duplicate += 1,
            Verdict::Reject(_) => self.rejected += 1,
            Verdict::Suspicious(_) => self.suspicious += 1,
        }
        self.earliest = Some(self.earliest.map_or(rode_at, |t| t.min(rode_at)));
        self.latest = Some(self.latest.map_or(rode_at, |t| t.max(rode_at)));
        self.assert_conserved();
    }

    /// Adds another count, such as one more file's to the day's.
    pub fn merge(&mut self, other: &Self) {
        self.total += other.total;
        self.settled += other.settled;
        self.marked += other.marked;
        self.rejected += other.rejected;
        self.suspicious += other.suspicious;
        self.duplicate += other.duplicate;
        let times = [self.earliest, other.earliest];
        self.earliest = times.into_iter().flatten().min();
        self.latest = self.latest.max(other.latest);
        self.assert_conserved();
    }

    fn assert_conserved(&self) {
        let ends = self.settled + self.rejected + self.suspicious + self.duplicate;
        assert!(
            self.total == ends,
            "{} records, {ends} outcomes",
            self.total
        );
    }

    /// All records.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// Records settled, with or without a mark.
    #[must_use]
    pub const fn settled(&self) -> u64 {
        self.settled
    }

    /// Records settled with a mark; they are among the settled.
    #[must_use]
    pub const fn marked(&self) -> u64 {
        self.marked
    }

    /// Records rejected for another reason than being a duplicate.
    #[must_use]
    pub const fn rejected(&self) -> u64 {
        self.rejected
    }

    /// Records held.
    #[must_use]
    pub const fn suspicious(&self) -> u64 {
        self.suspicious
    }

    /// Records settled before.
    #[must_use]
    pub const fn duplicate(&self) -> u64 {
        self.duplicate
    }

    /// The earliest ride.
    #[must_use]
    pub const fn earliest(&self) -> Option<Timestamp> {
        self.earliest
    }

    /// The latest ride.
    #[must_use]
    pub const fn latest(&self) -> Option<Timestamp> {
        self.latest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_has_one_end() {
        let verdicts = [
            Verdict::Settle(Outcome::Correct),
            Verdict::Settle(Outcome::Late),
            Verdict::Reject(Outcome::Duplicate),
            Verdict::Reject(Outcome::Issuer),
            Verdict::Reject(Outcome::RideCode),
            Verdict::Suspicious(Outcome::Amount),
        ];
        let (mut morning, mut evening) = (Tally::default(), Tally::default());
        for (verdict, second) in verdicts.into_iter().zip([50, 10, 30, 20, 40, 60]) {
            morning.add(verdict, Timestamp::new(second));
        }
        evening.add(verdicts[0], Timestamp::new(5));
        let mut day = Tally::default();
        day.merge(&morning);
        day.merge(&evening);
        let counts = (
            day.settled(),
            day.marked(),
            day.rejected(),
            day.suspicious(),
        );
        assert_eq!((day.total(), counts, day.duplicate()), (7, (3, 1, 2, 1), 1));
        let times = (day.earliest(), day.latest());
        assert_eq!(times, (Some(Timestamp::new(5)), Some(Timestamp::new(60))));
        day.merge(&Tally::default());
        assert_eq!(times, (day.earliest(), day.latest()));
    }
}
