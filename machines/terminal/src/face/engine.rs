//! Matching behind a trait, and a plain matcher over supplied templates.

use core::fmt;

use super::Enrolled;

/// How alike two faces are, in ten-thousandths: 0 to 10 000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Score(u16);

impl Score {
    /// Nothing in common.
    pub const ZERO: Self = Self(0);
    /// The same.
    pub const FULL: Self = Self(10_000);

    /// Takes ten-thousandths; none above 10 000.
    #[must_use]
    pub const fn new(ten_thousandths: u16) -> Option<Self> {
        if ten_thousandths <= 10_000 {
            Some(Self(ten_thousandths))
        } else {
            None
        }
    }

    /// The ten-thousandths.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// How far this is above another; nothing when it is below.
    #[must_use]
    pub const fn above(self, other: Self) -> u16 {
        self.0.saturating_sub(other.0)
    }
}

/// An engine and its version, 8 characters: templates of one say nothing to another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EngineId(pub [u8; 8]);

impl fmt::Display for EngineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.iter().filter(|b| b.is_ascii_graphic()) {
            write!(f, "{}", char::from(*byte))?;
        }
        Ok(())
    }
}

impl fmt::Debug for EngineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why an engine gives no score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EngineFault {
    /// The two are not of one length, or of none.
    #[error("template of {found} bytes, expected {expected}, at least 1")]
    Length {
        /// Bytes of the template.
        found: usize,
        /// Bytes of the probe.
        expected: usize,
    },
    /// A template that says nothing, all zeros.
    #[error("template is empty of any feature")]
    Blank,
    /// The engine itself failed.
    #[error("face engine failed: code {0}")]
    Engine(u32),
}

/// A rider of the gallery, and how alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Place in the gallery.
    pub index: usize,
    /// How alike.
    pub score: Score,
}

/// The two riders most alike to a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ranking {
    /// The most alike; of two alike the earlier in the gallery.
    pub best: Option<Candidate>,
    /// The next.
    pub second: Option<Candidate>,
}

impl Ranking {
    /// Takes a candidate in.
    pub fn offer(&mut self, candidate: Candidate) {
        let above = |held: Option<Candidate>| held.is_none_or(|held| candidate.score > held.score);
        if above(self.best) {
            self.second = self.best;
            self.best = Some(candidate);
        } else if above(self.second) {
            self.second = Some(candidate);
        }
    }
}

/// What recognises faces: a vendor's engine in the field.
pub trait Engine: Send + Sync {
    /// Which engine, which version.
    fn id(&self) -> EngineId;

    /// How alike a probe and a template are.
    ///
    /// # Errors
    /// [`EngineFault`] when one of the two is not this engine's.
    fn compare(&self, probe: &[u8], template: &[u8]) -> Result<Score, EngineFault>;

    /// The two riders most alike of a gallery, each by the best template; an engine with an index of its own does it faster.
    ///
    /// # Errors
    /// [`EngineFault`]; nobody is recognised then, not the next best.
    fn rank(&self, probe: &[u8], riders: &[Enrolled]) -> Result<Ranking, EngineFault> {
        let mut ranking = Ranking::default();
        for (index, rider) in riders.iter().enumerate() {
            let mut score = Score::ZERO;
            for template in rider.templates() {
                score = score.max(self.compare(probe, template)?);
            }
            ranking.offer(Candidate { index, score });
        }
        Ok(ranking)
    }
}

/// The plain matcher: templates are vectors of signed bytes, and likeness is the cosine of the
/// angle between them.
///
/// For tests, demonstrations and engines that only extract. Whole numbers throughout, so that
/// every machine recognises the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cosine;

impl Engine for Cosine {
    fn id(&self) -> EngineId {
        EngineId(*b"COSINE01")
    }

    fn compare(&self, probe: &[u8], template: &[u8]) -> Result<Score, EngineFault> {
        if probe.len() != template.len() || probe.is_empty() {
            return Err(EngineFault::Length {
                found: template.len(),
                expected: probe.len(),
            });
        }
        // A product of two bytes is at most 2¹⁴, so that 2⁴⁹ of them fit.
        let (mut dot, mut left, mut right) = (0i64, 0i64, 0i64);
        for (a, b) in probe.iter().zip(template) {
            let (a, b) = (i64::from(a.cast_signed()), i64::from(b.cast_signed()));
            dot += a * b;
            left += a * a;
            right += b * b;
        }
        if left == 0 || right == 0 {
            return Err(EngineFault::Blank);
        }
        let (left, right) = (left.unsigned_abs(), right.unsigned_abs());
        let length = (u128::from(left) * u128::from(right)).isqrt();
        let dot = u128::from(dot.max(0).unsigned_abs());
        // The root is rounded down, so that equal vectors may come out above one.
        let score = (dot * 10_000 / length).min(10_000);
        Ok(Score(u16::try_from(score).expect("at most ten thousand")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(a: &[i8], b: &[i8]) -> Result<u16, EngineFault> {
        let bytes = |v: &[i8]| v.iter().map(|x| x.cast_unsigned()).collect::<Vec<u8>>();
        Cosine.compare(&bytes(a), &bytes(b)).map(Score::get)
    }

    #[test]
    fn the_cosine_is_that_of_geometry() {
        assert_eq!(score(&[3, 4], &[3, 4]), Ok(10_000));
        assert_eq!(score(&[3, 4], &[6, 8]), Ok(10_000));
        assert_eq!(score(&[1, 0], &[0, 1]), Ok(0));
        // 45 degrees.
        assert_eq!(score(&[100, 0], &[100, 100]), Ok(7071));
        // Opposite is not alike at all.
        assert_eq!(score(&[5, -5], &[-5, 5]), Ok(0));
        assert_eq!(score(&[-128; 512], &[-128; 512]), Ok(10_000));
    }

    #[test]
    fn vectors_that_cannot_be_compared_are_named() {
        let length = EngineFault::Length {
            found: 1,
            expected: 2,
        };
        assert_eq!(score(&[1, 2], &[1]), Err(length));
        assert_eq!(score(&[0, 0], &[1, 1]), Err(EngineFault::Blank));
        assert!(score(&[], &[]).is_err());
    }

    #[test]
    fn the_ranking_keeps_the_two_best_and_the_earlier_of_two_alike() {
        let mut ranking = Ranking::default();
        for (index, score) in [(0, 50), (1, 80), (2, 80), (3, 70)] {
            ranking.offer(Candidate {
                index,
                score: Score(score),
            });
        }
        assert_eq!(ranking.best.map(|c| c.index), Some(1));
        assert_eq!(ranking.second.map(|c| c.index), Some(2));
    }
}
