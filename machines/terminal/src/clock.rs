//! The terminal's clock, as far as it can be believed.
//!
//! ```text
//! sources ── reading: wall time, tick ──► read ──► agrees: the clock follows
//!                                            └──► a step: believed when two sources say so
//! tick ──► now ──┐
//! wall ─► judge ─┴─► Trusted (with flags) or ClockFault (R20)      recorded ◄── every record
//! ```
//!
//! What is here: [`ClockGuard`], which holds what the sources said and what was recorded, and
//! [`ClockRules`], a profile's limits. What is not here: a clock. A tick is a counter that only
//! rises while the machine is on; a wall reading is what a source says the time is. A host
//! without a counter hands in wall readings to [`ClockGuard::judge`] alone; it then has the rules
//! about records and the build date, and nothing sees a jump ahead.
//!
//! UNSPECIFIED: no text that we could read gives limits; drift, daily synchronisation and the
//! refusal of a time before the build are common practice, the figures are a profile's.

use alloc::collections::BTreeMap;

use tongtu_types::Timestamp;

/// Where a reading comes from, by rising rank: while a source of a higher rank has set the clock
/// within the last day, one of a lower rank confirms it and does not move it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClockSource {
    /// The terminal's own battery clock. It begins a day and confirms nothing: systems write
    /// into it what another source said.
    Rtc,
    /// A satellite receiver: exact, and now and then years off.
    Gps,
    /// The vehicle's or the station's computer.
    Host,
    /// The acquirer's node, by the time in its answers.
    Acquirer,
    /// Time servers.
    Ntp,
}

/// One look at one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Who says so.
    pub source: ClockSource,
    /// What time it is.
    pub wall: Timestamp,
    /// The machine's counter at that moment.
    pub tick_ms: u64,
}

/// A profile's limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockRules {
    /// Earlier is no time: the day on which the software was built.
    pub not_before: Timestamp,
    /// How far the clock may be behind the newest record and still serve; records made
    /// meanwhile bear the newest record's time.
    pub back_max_s: i64,
    /// How far ahead of the newest record a first reading after a start is believed alone.
    pub ahead_max_s: i64,
    /// What the counter may be off in a day.
    pub drift_max_s: i64,
    /// How far a source alone may move the clock, beside the drift; within any day.
    pub step_max_s: i64,
    /// How far apart two sources may be and still say the same.
    pub agree_max_s: i64,
    /// How long a source's step waits for another source to say the same.
    pub claim_max_s: i64,
    /// Without a source for longer than this, what is recorded is flagged.
    pub unsynced_flag_s: i64,
    /// Without a source for longer than this the terminal is out of service; `None` serves on.
    pub unsynced_max_s: Option<i64>,
}

const DAY_S: i64 = 86_400;

impl Default for ClockRules {
    /// Serves without synchronisation, flagged after a day.
    fn default() -> Self {
        Self {
            // 2020-01-01T00:00:00Z
            not_before: Timestamp::new(1_577_836_800),
            back_max_s: 20,
            ahead_max_s: 400 * DAY_S,
            drift_max_s: 1,
            step_max_s: 5,
            agree_max_s: 2,
            claim_max_s: 3600,
            unsynced_flag_s: DAY_S,
            unsynced_max_s: None,
        }
    }
}

impl ClockRules {
    /// What a clock may be off after so many seconds without a source.
    #[must_use]
    pub const fn drift_s(&self, elapsed_s: i64) -> i64 {
        let elapsed_s = if elapsed_s < 0 { 0 } else { elapsed_s };
        let days = elapsed_s / DAY_S + (elapsed_s % DAY_S != 0) as i64;
        days.saturating_mul(self.drift_max_s)
    }
}

/// The time, and what is to be known about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trusted {
    /// The time; never before the newest record.
    pub now: Timestamp,
    /// Seconds since a source last confirmed the clock; `None` when none did.
    pub unsynced_s: Option<i64>,
    /// Whether that is too long: to be flagged in what is recorded.
    pub is_unsynced: bool,
    /// Whether a source says something quite different and waits for another to agree.
    pub is_disputed: bool,
}

/// Why there is no time that could be trusted (R20).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClockFault {
    /// No source gave a time that could be taken.
    #[error("no clock")]
    Unset,
    /// A clock that has lost its battery, or was never set.
    #[error("clock says {now}, expected nothing before {not_before}")]
    BeforeBuild {
        /// The clock.
        now: Timestamp,
        /// The earliest time there is.
        not_before: Timestamp,
    },
    /// The clock is behind what this terminal itself has recorded.
    #[error("clock says {now}, but a record was made at {last}")]
    BeforeRecord {
        /// The clock.
        now: Timestamp,
        /// The newest record's time.
        last: Timestamp,
    },
    /// No source confirmed the clock for longer than the profile allows.
    #[error("clock not confirmed for {unsynced_s:?} s, expected at most {max_s} s")]
    Unsynced {
        /// Seconds since a source did; `None` when none ever did.
        unsynced_s: Option<i64>,
        /// What the profile allows.
        max_s: i64,
    },
    /// The counter fell: the machine started anew, and the sources must be read again.
    #[error("counter says {tick_ms} ms, but said {last_ms} ms before")]
    Counter {
        /// The counter.
        tick_ms: u64,
        /// What it said before.
        last_ms: u64,
    },
}

/// What became of a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// There was no clock; this is it now.
    Set,
    /// It says what the clock says, and the clock follows it.
    Followed {
        /// How far the clock was moved.
        off_s: i64,
    },
    /// It says what the clock says; a source of a higher rank has set the clock.
    Confirmed {
        /// How far it is off.
        off_s: i64,
    },
    /// It says something quite different, and so does another source: the clock was set anew.
    Stepped {
        /// How far the clock was moved.
        off_s: i64,
        /// Who said the same.
        with: ClockSource,
    },
    /// It says something quite different and is not believed until another source agrees.
    Claimed {
        /// How far it is off; `None` when there is no clock to compare with.
        off_s: Option<i64>,
    },
    /// It says nothing that could be a time.
    Refused(ClockFault),
}

/// A time at a tick, from which later ticks are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    source: ClockSource,
    wall: Timestamp,
    tick_ms: u64,
}

impl Mark {
    /// The time at a later tick.
    fn at(&self, tick_ms: u64) -> Timestamp {
        self.wall.plus_s(self.age_s(tick_ms))
    }

    fn age_s(&self, tick_ms: u64) -> i64 {
        i64::try_from(tick_ms.saturating_sub(self.tick_ms) / 1000).unwrap_or(i64::MAX)
    }
}

/// What a terminal believes of its clock: see the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockGuard {
    rules: ClockRules,
    /// From where the time is counted.
    mark: Option<Mark>,
    /// From where a source alone may not lead away: the mark of a day's beginning, or one that
    /// two sources agreed on. Without it a source could walk away in small steps.
    base: Option<Mark>,
    claims: BTreeMap<ClockSource, Mark>,
    synced_at: Option<Timestamp>,
    newest: Option<Timestamp>,
}

impl ClockGuard {
    /// A guard that knows the newest record's time, and when the clock was last confirmed, if
    /// the host kept that over a restart.
    #[must_use]
    pub const fn new(
        rules: ClockRules,
        newest: Option<Timestamp>,
        synced_at: Option<Timestamp>,
    ) -> Self {
        Self {
            rules,
            mark: None,
            base: None,
            claims: BTreeMap::new(),
            synced_at,
            newest,
        }
    }

    /// The limits.
    #[must_use]
    pub const fn rules(&self) -> &ClockRules {
        &self.rules
    }

    /// Takes a profile's limits, from now on.
    pub const fn set_rules(&mut self, rules: ClockRules) {
        self.rules = rules;
    }

    /// The newest record's time.
    #[must_use]
    pub const fn newest(&self) -> Option<Timestamp> {
        self.newest
    }

    /// When a source last confirmed the clock; a host that keeps it hands it in after a restart.
    #[must_use]
    pub const fn synced_at(&self) -> Option<Timestamp> {
        self.synced_at
    }

    /// Notes that something was recorded at that time.
    pub fn recorded(&mut self, at: Timestamp) {
        self.newest = self.newest.max(Some(at));
    }

    /// Hears what a source says.
    pub fn read(&mut self, reading: Reading) -> Heard {
        let Reading {
            source,
            wall,
            tick_ms,
        } = reading;
        if wall < self.rules.not_before {
            self.claims.remove(&source);
            return Heard::Refused(self.before_build(wall));
        }
        self.forget_another_run(tick_ms);
        let said = Mark {
            source,
            wall,
            tick_ms,
        };
        let Some((mark, base)) = self.believed(tick_ms) else {
            return self.begin(said);
        };
        let off_s = wall.since_s(mark.at(tick_ms));
        let allowed_s = self.allowed_s(&mark, &base, tick_ms);
        if wall.since_s(base.at(tick_ms)).saturating_abs() > allowed_s {
            return self.claim(said, Some(off_s));
        }
        self.claims.remove(&source);
        if source == ClockSource::Rtc {
            return Heard::Confirmed { off_s };
        }
        let do_agree = off_s.saturating_abs() <= self.rules.agree_max_s;
        if source < mark.source && mark.age_s(tick_ms) <= DAY_S {
            if do_agree {
                self.synced_at = Some(mark.at(tick_ms));
            }
            return Heard::Confirmed { off_s };
        }
        self.synced_at = Some(wall);
        self.mark = Some(said);
        // The battery clock led nowhere yet; two sources agree; or it is another day.
        let is_firm = mark.source == ClockSource::Rtc || mark.source != source && do_agree;
        if is_firm || base.age_s(tick_ms) > DAY_S {
            self.base = Some(said);
        }
        Heard::Followed { off_s }
    }

    /// The time at a tick.
    ///
    /// # Errors
    /// [`ClockFault`]: nothing may be recorded now.
    pub fn now(&self, tick_ms: u64) -> Result<Trusted, ClockFault> {
        let mark = self.mark.ok_or(ClockFault::Unset)?;
        if tick_ms < mark.tick_ms {
            return Err(ClockFault::Counter {
                tick_ms,
                last_ms: mark.tick_ms,
            });
        }
        let claims = self.claims.values();
        let is_live = |claim: &Mark| claim.age_s(tick_ms) <= self.rules.claim_max_s;
        let is_disputed = claims.filter(|claim| is_live(claim)).count() > 0;
        let trusted = self.judge(Some(mark.at(tick_ms)))?;
        Ok(Trusted {
            is_disputed,
            ..trusted
        })
    }

    /// Judges a time that a host's own clock gave; `None` when it was never set.
    ///
    /// # Errors
    /// [`ClockFault`]: nothing may be recorded now.
    pub fn judge(&self, wall: Option<Timestamp>) -> Result<Trusted, ClockFault> {
        let wall = wall.ok_or(ClockFault::Unset)?;
        if wall < self.rules.not_before {
            return Err(self.before_build(wall));
        }
        if let Some(last) = self.newest
            && wall.plus_s(self.rules.back_max_s) < last
        {
            return Err(ClockFault::BeforeRecord { now: wall, last });
        }
        let unsynced_s = self.synced_at.map(|at| wall.since_s(at).max(0));
        let is_longer_than = |max_s| unsynced_s.is_none_or(|s| s > max_s);
        if let Some(max_s) = self.rules.unsynced_max_s
            && is_longer_than(max_s)
        {
            return Err(ClockFault::Unsynced { unsynced_s, max_s });
        }
        Ok(Trusted {
            now: self.newest.map_or(wall, |last| last.max(wall)),
            unsynced_s,
            is_unsynced: is_longer_than(self.rules.unsynced_flag_s),
            is_disputed: false,
        })
    }

    const fn before_build(&self, now: Timestamp) -> ClockFault {
        ClockFault::BeforeBuild {
            now,
            not_before: self.rules.not_before,
        }
    }

    /// A counter that fell counts another run of the machine: nothing is known of the time
    /// between.
    fn forget_another_run(&mut self, tick_ms: u64) {
        let is_later = |mark: &Mark| mark.tick_ms > tick_ms;
        if self.mark.as_ref().is_some_and(is_later) {
            (self.mark, self.base) = (None, None);
        }
        let claim_max_s = self.rules.claim_max_s;
        self.claims
            .retain(|_, claim| !is_later(claim) && claim.age_s(tick_ms) <= claim_max_s);
    }

    /// What the clock counts from, unless the records prove it wrong: then it is no witness.
    fn believed(&self, tick_ms: u64) -> Option<(Mark, Mark)> {
        let (mark, base) = (self.mark?, self.base?);
        let back_max_s = self.rules.back_max_s;
        let is_behind = |last: Timestamp| mark.at(tick_ms).plus_s(back_max_s) < last;
        (!self.newest.is_some_and(is_behind)).then_some((mark, base))
    }

    /// How far a source alone may lead away from the base: a step, and what the clock may have
    /// drifted since the base or since a source confirmed it, whichever was earlier.
    fn allowed_s(&self, mark: &Mark, base: &Mark, tick_ms: u64) -> i64 {
        let synced_s = self.synced_at.map_or(0, |at| mark.at(tick_ms).since_s(at));
        let drift_s = self.rules.drift_s(synced_s.max(base.age_s(tick_ms)));
        self.rules.step_max_s.saturating_add(drift_s)
    }

    /// The first reading, or the first after the clock was proved wrong.
    fn begin(&mut self, said: Mark) -> Heard {
        let is_credible = self.newest.is_none_or(|last| {
            let ahead_s = said.wall.since_s(last);
            let behind_s = ahead_s.saturating_add(self.rules.back_max_s);
            ahead_s <= self.rules.ahead_max_s && behind_s >= 0
        });
        if !is_credible {
            return self.claim(said, None);
        }
        self.set(said);
        Heard::Set
    }

    fn set(&mut self, said: Mark) {
        (self.mark, self.base) = (Some(said), Some(said));
        self.claims.clear();
        if said.source != ClockSource::Rtc {
            self.synced_at = Some(said.wall);
        }
    }

    /// Two sources that agree are believed against the clock; the battery clock is not one of
    /// them, because systems write into it what another said.
    fn claim(&mut self, said: Mark, off_s: Option<i64>) -> Heard {
        let agree_max_s = self.rules.agree_max_s;
        let agrees = |other: &&Mark| {
            let off_s = said.wall.since_s(other.at(said.tick_ms));
            other.source != said.source && off_s.saturating_abs() <= agree_max_s
        };
        if said.source == ClockSource::Rtc {
            return Heard::Claimed { off_s };
        }
        if let Some(other) = self.claims.values().find(agrees).copied() {
            self.set(said);
            return Heard::Stepped {
                off_s: off_s.unwrap_or(0),
                with: other.source,
            };
        }
        self.claims.insert(said.source, said);
        Heard::Claimed { off_s }
    }
}

#[cfg(test)]
mod tests;
