//! Points from their x in lanes: the root of x^3 - 3x + b, one chain of squares for all.

use super::LANES;
use super::field::Lanes;
use crate::curve::limbs::Limbs;

/// For each x, which is below p, a y of its point out of the form, below p; none where there is none.
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn roots<const G: usize>(xs: &[[&Limbs; 8]; G]) -> [Option<Limbs>; LANES] {
    let x = Lanes::enter(xs); // below 1.07 p
    // Taken off x³ are three times 1.07.
    let right = x.square().mul(&x).minus_and_twice(&x, &x).add(&Lanes::b());
    let root = right.sqrt();
    let is = root.square().sub4(&right).is_zero();
    let numbers = root.leave();
    core::array::from_fn(|lane| {
        (is[lane / 8] >> (lane % 8) & 1 == 1).then(|| numbers[lane / 8][lane % 8])
    })
}
