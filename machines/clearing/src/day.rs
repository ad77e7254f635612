//! The settlement day (清算日): open, sealed, cleared, published; never back.
//!
//! A run is a pure function of the frozen inputs and the rule version. The book below holds
//! that to be so: a rerun that gives another result is refused, and a published day stays.

use core::fmt;

use tongtu_types::{BusinessDay, Timestamp};

use crate::RuleVersion;

/// The time of day at which one settlement day ends and the next begins (日切), China time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CutOff {
    second_of_day: u32,
}

/// 03:00, so that a night ride belongs to the day on which the line began to run.
impl Default for CutOff {
    fn default() -> Self {
        Self {
            second_of_day: 3 * 3600,
        }
    }
}

impl CutOff {
    /// Takes seconds after midnight, below 86 400.
    #[must_use]
    pub const fn new(second_of_day: u32) -> Option<Self> {
        if second_of_day < 86_400 {
            Some(Self { second_of_day })
        } else {
            None
        }
    }

    /// The settlement day of a record that reaches the hub at `arrived_at`, whatever the day
    /// of the ride.
    #[must_use]
    pub fn day_of(self, arrived_at: Timestamp) -> BusinessDay {
        let shifted = arrived_at.plus_s(-i64::from(self.second_of_day));
        shifted.china().day
    }

    /// The instant at which a settlement day ends: the cut-off of the civil day after it.
    #[must_use]
    pub fn end_of(self, day: BusinessDay) -> Timestamp {
        day.next()
            .start_in_china()
            .plus_s(i64::from(self.second_of_day))
    }
}

/// A digest (SM3) over a set of inputs or results in their canonical order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SetDigest(pub [u8; 32]);

impl fmt::Display for SetDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for SetDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The inputs of a day, frozen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frozen {
    /// The digest of the frozen set.
    pub digest: SetDigest,
    /// How many records are in it.
    pub records: u64,
}

/// How far a day is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Records are coming in.
    Open,
    /// No more records; those that come now belong to a later day.
    Sealed {
        /// The inputs.
        frozen: Frozen,
    },
    /// Who owes whom is known here.
    Cleared {
        /// The inputs.
        frozen: Frozen,
        /// The rules applied.
        rules: RuleVersion,
        /// The digest of the result.
        result: SetDigest,
    },
    /// Who owes whom is known to all; corrections are the next day's.
    Published {
        /// The inputs.
        frozen: Frozen,
        /// The rules applied.
        rules: RuleVersion,
        /// The digest of the result.
        result: SetDigest,
    },
}

/// What is asked of a day.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Command {
    /// Freeze the inputs.
    Seal {
        /// The inputs.
        frozen: Frozen,
        /// When.
        now: Timestamp,
    },
    /// Record the result of a run over the frozen inputs.
    Clear {
        /// The inputs the run read.
        frozen: Frozen,
        /// The rules it applied.
        rules: RuleVersion,
        /// The digest of what came out.
        result: SetDigest,
    },
    /// Hand the result out.
    Publish {
        /// The digest of what is handed out.
        result: SetDigest,
    },
}

/// What happened to a day; what a store keeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DayEvent {
    /// The inputs were frozen.
    Sealed {
        /// The inputs.
        frozen: Frozen,
    },
    /// A run was recorded.
    Cleared {
        /// The rules applied.
        rules: RuleVersion,
        /// The digest of the result.
        result: SetDigest,
    },
    /// The result was handed out.
    Published,
}

/// Why a command is refused; the variants are in order of precedence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DayRefusal {
    /// The very same was done before: nothing to do, and nothing wrong.
    #[error("day {day}: already done")]
    AlreadyDone {
        /// The day.
        day: BusinessDay,
    },
    /// Sealing before the cut-off.
    #[error("day {day} ends at {ends_at}, it cannot be sealed before")]
    NotOver {
        /// The day.
        day: BusinessDay,
        /// When it ends.
        ends_at: Timestamp,
    },
    /// The step before this one was not made.
    #[error("day {day} is not {expected} yet")]
    TooEarly {
        /// The day.
        day: BusinessDay,
        /// The phase that must come first.
        expected: &'static str,
    },
    /// Other inputs than the frozen ones.
    #[error("day {day}: inputs are not the frozen ones")]
    InputsDiffer {
        /// The day.
        day: BusinessDay,
    },
    /// A published day is not cleared again: correct it in a later day.
    #[error("day {day} is published; corrections belong to a later day")]
    Published {
        /// The day.
        day: BusinessDay,
    },
    /// The same inputs and rules gave another result: a fault of the run.
    #[error("day {day}: the same inputs and rules gave another result")]
    ResultDiffers {
        /// The day.
        day: BusinessDay,
    },
}

impl DayRefusal {
    /// The stable code of the variant, for wires and documents.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AlreadyDone { .. } => "clearing.day_already_done",
            Self::NotOver { .. } => "clearing.day_not_over",
            Self::TooEarly { .. } => "clearing.day_too_early",
            Self::InputsDiffer { .. } => "clearing.day_inputs_differ",
            Self::Published { .. } => "clearing.day_published",
            Self::ResultDiffers { .. } => "clearing.day_result_differs",
        }
    }
}

/// One settlement day of one hub.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SettlementDay {
    day: BusinessDay,
    cut_off: CutOff,
    phase: Phase,
}

impl SettlementDay {
    /// A day on which records may come in.
    #[must_use]
    pub const fn open(day: BusinessDay, cut_off: CutOff) -> Self {
        Self {
            day,
            cut_off,
            phase: Phase::Open,
        }
    }

    /// The day.
    #[must_use]
    pub const fn day(&self) -> BusinessDay {
        self.day
    }

    /// How far it is.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether records still come into this day.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open)
    }

    /// Decides on a command; changes nothing.
    ///
    /// Before publication a day may be cleared again under other rules; under the same rules
    /// the result must be the same.
    ///
    /// # Errors
    /// The first [`DayRefusal`] that applies, in the order of its variants.
    pub fn decide(&self, command: Command) -> Result<DayEvent, DayRefusal> {
        match command {
            Command::Seal { frozen, now } => self.decide_seal(frozen, now),
            Command::Clear {
                frozen,
                rules,
                result,
            } => self.decide_clear(frozen, rules, result),
            Command::Publish { result } => self.decide_publish(result),
        }
    }

    fn decide_seal(&self, frozen: Frozen, now: Timestamp) -> Result<DayEvent, DayRefusal> {
        let day = self.day;
        let before = match self.phase {
            Phase::Open => None,
            Phase::Sealed { frozen }
            | Phase::Cleared { frozen, .. }
            | Phase::Published { frozen, .. } => Some(frozen),
        };
        let ends_at = self.cut_off.end_of(day);
        match before {
            Some(same) if same == frozen => Err(DayRefusal::AlreadyDone { day }),
            Some(_) => Err(DayRefusal::InputsDiffer { day }),
            None if now < ends_at => Err(DayRefusal::NotOver { day, ends_at }),
            None => Ok(DayEvent::Sealed { frozen }),
        }
    }

    fn decide_clear(
        &self,
        inputs: Frozen,
        rules: RuleVersion,
        result: SetDigest,
    ) -> Result<DayEvent, DayRefusal> {
        let day = self.day;
        let cleared = DayEvent::Cleared { rules, result };
        let (frozen, before) = match self.phase {
            Phase::Open => {
                let expected = "sealed";
                return Err(DayRefusal::TooEarly { day, expected });
            }
            Phase::Sealed { frozen } => (frozen, None),
            Phase::Cleared {
                frozen,
                rules,
                result,
            }
            | Phase::Published {
                frozen,
                rules,
                result,
            } => (frozen, Some((rules, result))),
        };
        if inputs != frozen {
            return Err(DayRefusal::InputsDiffer { day });
        }
        let published = matches!(self.phase, Phase::Published { .. });
        match before {
            Some(same) if same == (rules, result) => Err(DayRefusal::AlreadyDone { day }),
            Some(_) if published => Err(DayRefusal::Published { day }),
            Some((same, _)) if same == rules => Err(DayRefusal::ResultDiffers { day }),
            Some(_) | None => Ok(cleared),
        }
    }

    fn decide_publish(&self, handed_out: SetDigest) -> Result<DayEvent, DayRefusal> {
        let day = self.day;
        match self.phase {
            Phase::Open | Phase::Sealed { .. } => {
                let expected = "cleared";
                Err(DayRefusal::TooEarly { day, expected })
            }
            Phase::Cleared { result, .. } if result == handed_out => Ok(DayEvent::Published),
            Phase::Cleared { .. } => Err(DayRefusal::ResultDiffers { day }),
            Phase::Published { result, .. } if result == handed_out => {
                Err(DayRefusal::AlreadyDone { day })
            }
            Phase::Published { .. } => Err(DayRefusal::Published { day }),
        }
    }

    /// Makes an event part of the day.
    ///
    /// # Panics
    /// When the event was not decided on the present phase: a fault of the program.
    pub fn apply(&mut self, event: &DayEvent) {
        self.phase = match (self.phase, *event) {
            (Phase::Open, DayEvent::Sealed { frozen }) => Phase::Sealed { frozen },
            (
                Phase::Sealed { frozen } | Phase::Cleared { frozen, .. },
                DayEvent::Cleared { rules, result },
            ) => Phase::Cleared {
                frozen,
                rules,
                result,
            },
            (
                Phase::Cleared {
                    frozen,
                    rules,
                    result,
                },
                DayEvent::Published,
            ) => Phase::Published {
                frozen,
                rules,
                result,
            },
            (phase, event) => unreachable!("{event:?} was not decided on {phase:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day() -> BusinessDay {
        "2026-01-01".parse().unwrap()
    }

    /// One row per command, the expected answer and phase at its end.
    #[test]
    fn goes_forward_only() {
        let mut book = SettlementDay::open(day(), CutOff::default());
        let over = CutOff::default().end_of(day());
        let frozen = |n: u8| Frozen {
            digest: SetDigest([n; 32]),
            records: 5,
        };
        let seal = |n, now| Command::Seal {
            frozen: frozen(n),
            now,
        };
        let clear = |n, rules, result| Command::Clear {
            frozen: frozen(n),
            rules: RuleVersion::new(rules),
            result: SetDigest([result; 32]),
        };
        let publish = |result| Command::Publish {
            result: SetDigest([result; 32]),
        };
        let rows = [
            (clear(1, 1, 1), "clearing.day_too_early", "Open"),
            (publish(1), "clearing.day_too_early", "Open"),
            (seal(1, over.plus_s(-1)), "clearing.day_not_over", "Open"),
            (seal(1, over), "done", "Sealed"),
            (seal(1, over), "clearing.day_already_done", "Sealed"),
            (
                seal(1, over.plus_s(-1)),
                "clearing.day_already_done",
                "Sealed",
            ),
            (seal(2, over), "clearing.day_inputs_differ", "Sealed"),
            (publish(1), "clearing.day_too_early", "Sealed"),
            (clear(2, 1, 1), "clearing.day_inputs_differ", "Sealed"),
            (clear(1, 1, 1), "done", "Cleared"),
            (clear(1, 1, 1), "clearing.day_already_done", "Cleared"),
            (clear(1, 1, 2), "clearing.day_result_differs", "Cleared"),
            (seal(1, over), "clearing.day_already_done", "Cleared"),
            (clear(1, 2, 2), "done", "Cleared"),
            (publish(1), "clearing.day_result_differs", "Cleared"),
            (publish(2), "done", "Published"),
            (publish(2), "clearing.day_already_done", "Published"),
            (publish(1), "clearing.day_published", "Published"),
            (clear(1, 2, 2), "clearing.day_already_done", "Published"),
            (clear(1, 2, 3), "clearing.day_published", "Published"),
            (clear(1, 3, 2), "clearing.day_published", "Published"),
            (clear(2, 3, 3), "clearing.day_inputs_differ", "Published"),
            (seal(2, over), "clearing.day_inputs_differ", "Published"),
        ];
        for (number, (command, answer, phase)) in rows.into_iter().enumerate() {
            let found = match book.decide(command) {
                Ok(event) => {
                    book.apply(&event);
                    "done"
                }
                Err(refusal) => refusal.code(),
            };
            assert_eq!(found, answer, "row {number}: {command:?}");
            let text = format!("{:?}", book.phase());
            assert!(text.starts_with(phase), "row {number}: {text}");
            assert_eq!(book.is_open(), phase == "Open");
        }
    }

    #[test]
    fn the_day_turns_at_the_cut_off_in_china() {
        let cut_off = CutOff::default();
        let end = cut_off.end_of(day());
        assert_eq!(end.china().compact(), "20260102030000");
        assert_eq!(cut_off.day_of(end), day().next());
        assert_eq!(cut_off.day_of(end.plus_s(-1)), day());
        assert_eq!(cut_off.day_of(end.plus_s(-86_400)), day());
        assert!(cut_off.day_of(end.plus_s(-86_401)) < day());
        assert!(CutOff::new(86_400).is_none());
        let midnight = CutOff::new(0).unwrap();
        assert_eq!(midnight.end_of(day()), day().next().start_in_china());
    }
}
