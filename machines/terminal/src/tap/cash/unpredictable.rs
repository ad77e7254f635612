//! Unpredictable numbers (不可预知数, 9F37): nobody foresees one, and none comes twice.

use core::fmt;

use tongtu_crypto::sm3;
use zeroize::Zeroizing;

/// Rounds; four would do for a block of this form, twice as many cost nothing here.
const ROUNDS: u8 = 8;

/// A sequence of all 2³² numbers in an order that only its seed knows.
///
/// UNSPECIFIED: how a terminal makes them. A counter goes through a Feistel network over SM3,
/// so within one seed none repeats; random ones would by the birthday bound after some ten
/// thousand taps. Every start needs a fresh seed from a good source.
#[derive(Clone)]
pub struct Unpredictable {
    seed: Zeroizing<[u8; 32]>,
    drawn: u32,
}

impl fmt::Debug for Unpredictable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unpredictable({} drawn)", self.drawn)
    }
}

impl Unpredictable {
    /// Begins a sequence.
    #[must_use]
    pub fn new(seed: [u8; 32]) -> Self {
        Self {
            seed: Zeroizing::new(seed),
            drawn: 0,
        }
    }

    /// The next number.
    #[must_use]
    pub fn draw(&mut self) -> [u8; 4] {
        let [a, b, c, d] = self.drawn.to_be_bytes();
        self.drawn = self.drawn.wrapping_add(1);
        let (mut left, mut right) = ([a, b], [c, d]);
        for round in 0..ROUNDS {
            let mix = sm3::digest_parts(&[&self.seed[..], &[round], &right]);
            let next = [left[0] ^ mix[0], left[1] ^ mix[1]];
            (left, right) = (right, next);
        }
        [left[0], left[1], right[0], right[1]]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ten_thousand_draws_do_not_repeat_and_use_every_bit_evenly() {
        let mut numbers = Unpredictable::new([7; 32]);
        let drawn: Vec<_> = (0..10_000).map(|_| numbers.draw()).collect();
        assert_eq!(drawn.iter().collect::<BTreeSet<_>>().len(), 10_000);
        for bit in 0..32 {
            let ones = drawn.iter().filter(|number| {
                let number = u32::from_be_bytes(**number);
                number >> bit & 1 == 1
            });
            let ones = ones.count();
            assert!((4_800..5_200).contains(&ones), "bit {bit}: {ones}");
        }
    }

    #[test]
    fn another_seed_gives_other_numbers_and_the_seed_is_not_printed() {
        let (mut one, mut other) = (Unpredictable::new([7; 32]), Unpredictable::new([8; 32]));
        assert_ne!(one.draw(), other.draw());
        assert_eq!(format!("{one:?}"), "Unpredictable(1 drawn)");
    }
}
