//! The replay window: within 300 seconds of its making, in the life it was made for, once.
//!
//! A message id is remembered until its message is too old to be taken. Ids are in memory only. What
//! a restart forgets is not needed any more: a receiver draws its [`Life`] anew at each start and
//! takes no request that names another, so whatever was taken before a crash, whenever it was made
//! and however the sender's clock was wrong, is not taken again. A sender that hears of a new life
//! signs its request once more.
//!
//! A clock that is set back takes nothing twice either: what was forgotten moves a floor, and nothing
//! made at the floor or before is taken.

use alloc::collections::BTreeSet;

use tongtu_types::{InstitutionCode, Timestamp};

use crate::name::CallerNumber;
use crate::table::{Envelope, Life, MessageId};

/// How far from now a request may have been made, seconds, before and after.
pub const REACH_S: i64 = 300;

/// How much a window remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// So many ids are kept although their messages are too old: they cost nothing, and a clock
    /// that is set back a little still finds them.
    pub kept: usize,
    /// With so many ids that are still needed, no more messages are taken for a while.
    pub held_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            kept: 1 << 14,
            held_max: 1 << 20,
        }
    }
}

/// Why a request is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WindowRefusal {
    /// Made for an earlier life of the receiver, or for nobody's.
    #[error("made for another life of this node, expected its present one")]
    Life,
    /// Made too long ago, or too far ahead.
    #[error("made {} seconds from now, expected at most {REACH_S}", .away_s)]
    Stale {
        /// How far from now.
        away_s: i64,
    },
    /// Taken before.
    #[error("was taken before")]
    Replayed,
    /// Nothing more can be remembered for the moment.
    #[error("too many requests to remember; the same may be taken later")]
    Full,
}

type Held = (Timestamp, InstitutionCode, CallerNumber, MessageId);

/// What a receiver remembers of the requests it took.
#[derive(Debug, Clone)]
pub struct Window {
    life: Life,
    limits: Limits,
    /// By the time at which they were made.
    held: BTreeSet<Held>,
    newest: Timestamp,
    /// The newest message that was forgotten.
    floor: Option<Timestamp>,
}

impl Window {
    /// An empty window of a life; `life` is random, another one at each start.
    #[must_use]
    pub const fn new(life: Life, limits: Limits) -> Self {
        Self {
            life,
            limits,
            held: BTreeSet::new(),
            newest: Timestamp::new(i64::MIN),
            floor: None,
        }
    }

    /// The present life.
    #[must_use]
    pub const fn life(&self) -> Life {
        self.life
    }

    /// How many ids are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Whether a request may be taken now; nothing is remembered yet. Cheap: to be asked before its
    /// signature is checked.
    ///
    /// # Errors
    /// [`WindowRefusal`].
    pub fn check(&self, envelope: &Envelope, now: Timestamp) -> Result<(), WindowRefusal> {
        if envelope.life != self.life {
            return Err(WindowRefusal::Life);
        }
        let away_s = now.since_s(envelope.made_at);
        let is_below = self.floor.is_some_and(|floor| envelope.made_at <= floor);
        if away_s.unsigned_abs() > REACH_S.unsigned_abs() || is_below {
            return Err(WindowRefusal::Stale { away_s });
        }
        if self.held.contains(&key(envelope)) {
            return Err(WindowRefusal::Replayed);
        }
        Ok(())
    }

    /// Takes a request whose signature and digest hold; it is not taken again.
    ///
    /// # Errors
    /// [`WindowRefusal`]; nothing is remembered then.
    pub fn admit(&mut self, envelope: &Envelope, now: Timestamp) -> Result<(), WindowRefusal> {
        self.check(envelope, now)?;
        self.newest = self.newest.max(now);
        self.forget();
        if self.held.len() >= self.limits.held_max {
            return Err(WindowRefusal::Full);
        }
        self.held.insert(key(envelope));
        Ok(())
    }

    fn forget(&mut self) {
        let needed_from = self.newest.plus_s(-REACH_S);
        while self.held.len() > self.limits.kept
            && let Some(oldest) = self.held.first()
            && oldest.0 < needed_from
        {
            self.floor = self.floor.max(Some(oldest.0));
            self.held.pop_first();
        }
    }
}

const fn key(envelope: &Envelope) -> Held {
    (
        envelope.made_at,
        envelope.sender,
        envelope.caller,
        envelope.message,
    )
}
