//! Points from their x in lanes: the root of x^3 - 3x + b, one chain of squares for all.

use super::LANES;
use super::field::{Lanes, chains};
use crate::curve::limbs::Limbs;

/// For each x, which is below p, a y of its point out of the form, below p; none where there is none.
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn roots<const G: usize>(xs: &[[&Limbs; 8]; G]) -> [Option<Limbs>; LANES] {
    let right = xs.each_ref().map(|xs| {
        let x = Lanes::enter(xs); // below 1.07 p
        let once = x.exact().loose();
        let thrice = once.twice().plus(once);
        // Between 4 - 3.21 and 4 + 1.07, and then b, which is below p.
        let cube = x.square().times(&x).minus(thrice).above(4).folded();
        cube.loose().plus(Lanes::b().loose()).carried()
    });
    let roots = chains::roots(&right.map(|right| *right));
    let mut out = [None; LANES];
    for (out, (root, right)) in out.chunks_exact_mut(8).zip(roots.iter().zip(&right)) {
        let gap = root.squared().minus(right.loose()).above(4).factor();
        let is = gap.is_zero();
        for (lane, (out, number)) in out.iter_mut().zip(root.leave()).enumerate() {
            *out = (is >> lane & 1 == 1).then_some(number);
        }
    }
    out
}
