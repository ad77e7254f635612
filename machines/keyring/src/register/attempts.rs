//! Wrong passphrases in a row, and the wait that comes of them: of an officer of a key room and of a
//! custodian of a holder alike.

use tongtu_types::Timestamp;

/// How many wrong passphrases in a row make whoever looks at them wait before another.
pub const FAILURES_MAX: u8 = 5;
/// The first wait, in seconds; each further wrong one doubles it.
pub const WAIT_FIRST_S: i64 = 60;
/// No wait is longer: whoever types wrong ones keeps an officer away from a console for so long,
/// and never for good.
pub const WAIT_MAX_S: i64 = 3_600;

/// The wrong passphrases of one person in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempts {
    failures: u8,
    failed_at: Timestamp,
}

impl Default for Attempts {
    fn default() -> Self {
        Self {
            failures: 0,
            failed_at: Timestamp::new(0),
        }
    }
}

impl Attempts {
    /// One more was wrong.
    pub fn fail(&mut self, at: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        self.failed_at = at;
    }

    /// Something held: none is counted any more.
    pub fn clear(&mut self) {
        self.failures = 0;
    }

    /// How many in a row.
    #[must_use]
    pub const fn failures(&self) -> u8 {
        self.failures
    }

    /// Whether so many were wrong that there is a wait, or was one.
    #[must_use]
    pub const fn have_wait(&self) -> bool {
        self.failures >= FAILURES_MAX
    }

    /// Until when no passphrase is looked at, if so many were wrong that there is a wait; that
    /// moment may be over.
    ///
    /// A signature that holds is not held up by it: it cannot be guessed, and proves who it is.
    #[must_use]
    pub fn waits_until(&self) -> Option<Timestamp> {
        let beyond = self.failures.checked_sub(FAILURES_MAX)?;
        let mut wait_s = WAIT_FIRST_S;
        for _ in 0..beyond {
            wait_s = wait_s.saturating_mul(2).min(WAIT_MAX_S);
        }
        Some(self.failed_at.plus_s(wait_s))
    }

    /// Until when, if a wait is not over at `at`: no passphrase is looked at then.
    #[must_use]
    pub fn wait(&self, at: Timestamp) -> Option<Timestamp> {
        self.waits_until().filter(|until| at < *until)
    }
}
