//! Points from their x in lanes: the root of x^3 - 3x + b, one chain of squares for all.

use super::LANES;
use super::field::Numbers;
use crate::curve::limbs::Limbs;

/// For each x, which is below p, a y of its point out of the form, below p; none where there is none.
#[target_feature(enable = "avx2")]
pub(super) fn roots(xs: &[&Limbs; LANES]) -> [Option<Limbs>; LANES] {
    let x = Numbers::enter(xs); // below 1.04 p
    // Taken off x³ are three times 1.04.
    let cube = x.square().mul(&x);
    let right = cube.minus_and_twice(&x, &x).add(&Numbers::b()); // 2.01
    let root = right.sqrt();
    let is = root.square().sub4(&right).is_zero();
    let numbers = root.leave();
    core::array::from_fn(|lane| (is >> lane & 1 == 1).then_some(numbers[lane]))
}
