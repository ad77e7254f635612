//! One seed, and everything that is drawn from it.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};
use tongtu_crypto::{SecretKey, sm3};

/// The country's only source of chance: the same seed gives the same country.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub u64);

impl Seed {
    /// A stream of its own for each use, so that drawing more here moves nothing there.
    #[must_use]
    pub fn dice(self, use_: &str) -> Dice {
        Dice(ChaCha8Rng::from_seed(self.digest(use_)))
    }

    /// The key that a device makes for itself: a phone, a terminal, a caller. The device's chance is
    /// a stream of its own, so the device makes the same key again.
    ///
    /// Anyone who knows the seed knows the key: keys of the world are test keys. Keys of the book
    /// are not made so; see [`crate::keys`].
    #[must_use]
    pub fn key(self, device: &str) -> SecretKey {
        let mut chance = self.dice(device);
        SecretKey::generate(&mut |out: &mut [u8]| chance.fill(out))
    }

    fn digest(self, use_: &str) -> sm3::Digest {
        sm3::digest_parts(&[b"tongtu world", &self.0.to_be_bytes(), use_.as_bytes()])
    }
}

/// Chance, drawn in the words of the plan.
#[derive(Debug, Clone)]
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// Fills all of `out`.
    pub fn fill(&mut self, out: &mut [u8]) {
        self.0.fill_bytes(out);
    }

    /// A number in `0..n`; zero for an empty range.
    pub fn below(&mut self, n: u64) -> u64 {
        // The bias of a remainder is far below anything that a demo could show.
        self.0.next_u64().checked_rem(n).unwrap_or(0)
    }

    /// A number in `low..=high`.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = u64::try_from(high.saturating_sub(low).max(0)).unwrap_or(0) + 1;
        low.saturating_add(i64::try_from(self.below(span)).unwrap_or(0))
    }

    /// True once in `n` draws.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// An index into something of this length.
    pub fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(u64::try_from(len).unwrap_or(1))).unwrap_or(0)
    }

    /// One of these.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.index(items.len())]
    }
}
