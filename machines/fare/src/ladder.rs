//! The distance ladder (里程计价阶梯): a base fare, then one yuan for each further stretch.

use alloc::vec::Vec;

use tongtu_types::Fen;

/// The highest fare a book may name: 10,000 yuan. More is a slip of the pen.
pub const FARE_MAX: Fen = Fen::new(1_000_000);

/// One step of a ladder: up to where it reaches and how far one yuan carries in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LadderStep {
    /// Metres from the start of the ride up to which the step holds, inclusive (含); `None`
    /// for the last step, which has no end.
    pub upto_m: Option<u32>,
    /// Metres that one yuan buys inside the step; a stretch begun is paid in full.
    pub m_per_yuan: u32,
}

/// A distance ladder that cannot be ill-formed.
///
/// A ride of `d` metres costs the base fare up to `base_m`, and in each step that it enters
/// `ceil((min(d, upto) - start) / m_per_yuan)` yuan more. A boundary belongs to the cheaper
/// side. All arithmetic is on integers, so 6.000 km and 6.001 km are never confused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ladder {
    base_m: u32,
    base_fare: Fen,
    steps: Vec<LadderStep>,
}

/// Why steps do not make a ladder; `index` is the 0-based index of the offending step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LadderError {
    /// The base fare is negative or above [`FARE_MAX`].
    #[error("base fare {found}, expected 0.00 to {FARE_MAX}")]
    BaseFare {
        /// The fare found.
        found: Fen,
    },
    /// The last step ends, so that a longer ride would have no fare.
    #[error("the ladder ends at {found_m} m, expected a last step that reaches `inf`")]
    Ends {
        /// Where it ends.
        found_m: u32,
    },
    /// A step does not reach further than what comes before it.
    #[error("step reaches {found_m} m, expected more than {after_m} m")]
    NotRising {
        /// Which step.
        index: usize,
        /// How far it reaches.
        found_m: u32,
        /// How far the one before reaches.
        after_m: u32,
    },
    /// A step follows one that has no end.
    #[error("step after the one that reaches `inf`, expected none")]
    AfterLast {
        /// Which step.
        index: usize,
    },
    /// One yuan buys nothing.
    #[error("0 m per yuan, expected at least 1")]
    ZeroRate {
        /// Which step.
        index: usize,
    },
}

/// What one step of the ladder adds to one ride.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rung {
    /// Where the step begins, in metres.
    pub from_m: u32,
    /// The step.
    pub step: LadderStep,
    /// What the ride pays for it.
    pub fare: Fen,
}

impl Ladder {
    /// Checks the steps and keeps them.
    ///
    /// # Errors
    /// [`LadderError`] naming the first step that does not fit.
    pub fn new(base_m: u32, base_fare: Fen, steps: Vec<LadderStep>) -> Result<Self, LadderError> {
        if base_fare < Fen::ZERO || base_fare > FARE_MAX {
            return Err(LadderError::BaseFare { found: base_fare });
        }
        let mut end_m = Some(base_m);
        for (index, step) in steps.iter().enumerate() {
            let Some(after_m) = end_m else {
                return Err(LadderError::AfterLast { index });
            };
            if step.m_per_yuan == 0 {
                return Err(LadderError::ZeroRate { index });
            }
            if let Some(found_m) = step.upto_m.filter(|upto_m| *upto_m <= after_m) {
                return Err(LadderError::NotRising {
                    index,
                    found_m,
                    after_m,
                });
            }
            end_m = step.upto_m;
        }
        match end_m {
            Some(found_m) => Err(LadderError::Ends { found_m }),
            None => Ok(Self {
                base_m,
                base_fare,
                steps,
            }),
        }
    }

    /// How far the base fare carries, in metres, inclusive.
    #[must_use]
    pub const fn base_m(&self) -> u32 {
        self.base_m
    }

    /// The base fare (起步价).
    #[must_use]
    pub const fn base_fare(&self) -> Fen {
        self.base_fare
    }

    /// The steps after the base, in order.
    #[must_use]
    pub fn steps(&self) -> &[LadderStep] {
        &self.steps
    }

    /// What a ride of so many metres costs.
    #[must_use]
    pub fn fare(&self, distance_m: u32) -> Fen {
        let above = self
            .rungs(distance_m)
            .map(|rung| rung.fare.get())
            .sum::<i64>();
        // At most 10^6 + 2^32 * 100 fen; 64 bits hold a million times that.
        Fen::new(self.base_fare.get() + above)
    }

    /// What each step that the ride enters adds to the base fare.
    pub fn rungs(&self, distance_m: u32) -> impl Iterator<Item = Rung> + '_ {
        let starts = core::iter::once(self.base_m).chain(
            self.steps
                .iter()
                .map(|step| step.upto_m.unwrap_or(u32::MAX)),
        );
        starts
            .zip(&self.steps)
            .take_while(move |(from_m, _)| distance_m > *from_m)
            .map(move |(from_m, step)| {
                let end_m = step.upto_m.unwrap_or(u32::MAX).min(distance_m);
                let yuan = (end_m - from_m).div_ceil(step.m_per_yuan);
                Rung {
                    from_m,
                    step: *step,
                    fare: Fen::new(i64::from(yuan) * 100),
                }
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: LadderStep = LadderStep {
        upto_m: None,
        m_per_yuan: 1000,
    };

    fn step(upto_m: u32, m_per_yuan: u32) -> LadderStep {
        LadderStep {
            upto_m: Some(upto_m),
            m_per_yuan,
        }
    }

    #[test]
    fn refuses_what_is_no_ladder() {
        let check = |base: i64, steps: &[LadderStep], expected: LadderError| {
            assert_eq!(
                Ladder::new(4000, Fen::new(base), steps.to_vec()),
                Err(expected)
            );
        };
        check(
            -1,
            &[OPEN],
            LadderError::BaseFare {
                found: Fen::new(-1),
            },
        );
        check(
            1_000_001,
            &[OPEN],
            LadderError::BaseFare {
                found: Fen::new(1_000_001),
            },
        );
        check(200, &[], LadderError::Ends { found_m: 4000 });
        check(200, &[step(8000, 1)], LadderError::Ends { found_m: 8000 });
        check(200, &[OPEN, OPEN], LadderError::AfterLast { index: 1 });
        let not_rising = |index, found_m, after_m| LadderError::NotRising {
            index,
            found_m,
            after_m,
        };
        check(200, &[step(4000, 1), OPEN], not_rising(0, 4000, 4000));
        check(
            200,
            &[step(5000, 1), step(4999, 1), OPEN],
            not_rising(1, 4999, 5000),
        );
        check(
            200,
            &[step(5000, 0), OPEN],
            LadderError::ZeroRate { index: 0 },
        );
        let zero = LadderStep {
            upto_m: None,
            m_per_yuan: 0,
        };
        check(
            200,
            &[step(5000, 1), zero],
            LadderError::ZeroRate { index: 1 },
        );
    }

    #[test]
    fn holds_the_longest_distance() {
        let one = LadderStep {
            upto_m: None,
            m_per_yuan: 1,
        };
        let ladder = Ladder::new(0, FARE_MAX, [one].to_vec()).unwrap();
        assert_eq!(ladder.fare(u32::MAX).get(), 1_000_000 + 4_294_967_295 * 100);
        assert_eq!(ladder.fare(0), FARE_MAX);
    }

    #[test]
    fn shows_the_steps_that_a_ride_enters() {
        let ladder = Ladder::new(6000, Fen::new(300), [step(12_000, 6000), OPEN].to_vec()).unwrap();
        let fares = |m| {
            ladder
                .rungs(m)
                .map(|r| (r.from_m, r.fare.get()))
                .collect::<Vec<_>>()
        };
        assert_eq!(fares(6000), []);
        assert_eq!(fares(12_000), [(6000, 100)]);
        assert_eq!(fares(13_001), [(6000, 100), (12_000, 200)]);
    }
}
