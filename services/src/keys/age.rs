//! How old the books may be by which a node uses keys.

use tongtu_types::Timestamp;

use super::NodeKeys;
use crate::{KeyFault, Node, ServiceError};

const DAY_S: i64 = 86_400;

/// From what age on an extract of the key book is told of, and from what age on it counts no more.
///
/// What the authority takes away reaches a node with the next extract. A node that is cut off goes
/// on for a while, and then no longer: otherwise cutting it off would keep a revoked key alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BookAge {
    /// Older than this, it is told of.
    pub told_after_s: i64,
    /// Older than this, no key is used by it.
    pub good_s: i64,
}

/// What can be said of an extract's age.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BookStanding {
    /// Young enough.
    Fresh,
    /// A newer one is wanted.
    Old,
    /// No key is used by it.
    Over,
}

impl BookAge {
    /// UNSPECIFIED: no text that we could read says how long what a holder was told of its keys may
    /// be believed. The fifteen days are those that the service rules draft gives acquirers to follow
    /// new lists; a week before, somebody should hear of it.
    pub const USUAL: Self = Self {
        told_after_s: 7 * DAY_S,
        good_s: 15 * DAY_S,
    };

    /// The same in other days; it is told of at half of them.
    #[must_use]
    pub const fn of_days(days: u16) -> Self {
        let good_s = days as i64 * DAY_S;
        Self {
            told_after_s: good_s / 2,
            good_s,
        }
    }

    /// What an extract of this moment is now. One that is dated ahead of this clock is fresh.
    #[must_use]
    pub const fn standing(self, made_at: Timestamp, now: Timestamp) -> BookStanding {
        let age_s = now.get().saturating_sub(made_at.get());
        if age_s > self.good_s {
            BookStanding::Over
        } else if age_s > self.told_after_s {
            BookStanding::Old
        } else {
            BookStanding::Fresh
        }
    }
}

impl NodeKeys {
    /// The same keys, by books that may be so old.
    #[must_use]
    pub fn aging(self, age: BookAge) -> Self {
        Self {
            age: Some(age),
            ..self
        }
    }

    /// When the books in force were made; nothing where there are none.
    #[must_use]
    pub fn book_made_at(&self) -> Option<Timestamp> {
        Some(self.books()?.made_at())
    }

    /// What the age of the books in force is now.
    #[must_use]
    pub fn book_standing(&self, now: Timestamp) -> BookStanding {
        match (self.age, self.book_made_at()) {
            (Some(age), Some(made_at)) => age.standing(made_at, now),
            _ => BookStanding::Fresh,
        }
    }

    /// That the books in force are young enough to use a key by.
    ///
    /// # Errors
    /// [`KeyFault::BookOver`].
    pub(crate) fn fresh(&self, now: Timestamp) -> Result<(), KeyFault> {
        match (self.book_standing(now), self.age, self.book_made_at()) {
            (BookStanding::Over, Some(age), Some(made_at)) => Err(KeyFault::BookOver {
                made_at,
                good_s: age.good_s,
            }),
            _ => Ok(()),
        }
    }
}

impl Node {
    /// Raises an alarm, once for each extract, when the books by which keys are used are old, and
    /// another when they are over.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn book_age_tell(&self, now: Timestamp) -> Result<BookStanding, ServiceError> {
        let standing = self.keys().book_standing(now);
        let (code, what) = match standing {
            BookStanding::Fresh => return Ok(standing),
            BookStanding::Old => ("keys.book_old", "a newer one is wanted"),
            BookStanding::Over => ("keys.book_over", "no key is used by it"),
        };
        let Some(made_at) = self.keys().book_made_at() else {
            return Ok(standing);
        };
        let message = format!("the extract of the key book is of {made_at}: {what}");
        let mut tx = self.store().write().await?;
        crate::node::alarm(&mut tx, code, made_at, message, now).await?;
        tx.commit().await?;
        Ok(standing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_second_of_a_term_is_in_it() {
        let made = Timestamp::new(1_772_380_800);
        let BookAge {
            told_after_s,
            good_s,
        } = BookAge::USUAL;
        for (age_s, expected) in [
            (-3600, BookStanding::Fresh),
            (0, BookStanding::Fresh),
            (told_after_s, BookStanding::Fresh),
            (told_after_s + 1, BookStanding::Old),
            (good_s, BookStanding::Old),
            (good_s + 1, BookStanding::Over),
            (i64::MAX, BookStanding::Over),
        ] {
            let now = Timestamp::new(made.get().saturating_add(age_s));
            assert_eq!(BookAge::USUAL.standing(made, now), expected, "{age_s}");
        }
    }

    #[test]
    fn a_week_and_fifteen_days() {
        assert_eq!(BookAge::USUAL.told_after_s, 604_800);
        assert_eq!(BookAge::USUAL.good_s, 1_296_000);
    }
}
