//! The odd multiples of keys that are met once, made affine by one inversion for many keys.
//!
//! Multiples are found by adding points of one z to each other (Meloni, co-Z), which costs six
//! products: 2P has its z, P is brought to it for nothing, and each addition of 2P hands 2P out again
//! with the z of the sum. That z is the old one times a difference h of two x. So 1 / z of the last
//! multiple leads back to that of each before it by one product with its h.
//!
//! They are made affine, and not left with one z for all of them, because a doubling asks which curve
//! a point is on: that trick is for curves whose a is zero.
//!
//! Every z has an inverse: a key is on the curve, whose order is a prime, so that no multiple up to the
//! last is at infinity, nor two of them equal or opposite.

use super::field::{Factor, Lanes};
use super::wide::Columns;
use crate::curve::lanes::Packed;

/// Eight points without their z.
#[derive(Clone, Copy)]
struct Flat {
    x: Lanes,
    y: Lanes,
}

/// The multiples 1, 3, 5, … of eight keys, before they are affine.
pub(super) struct Multiples<const N: usize> {
    flat: [Flat; N],
    /// What each z is of the one before.
    steps: [Factor; N],
    /// The z of the last, below 2 p.
    pub(super) z: Factor,
}

impl<const N: usize> Multiples<N> {
    /// Of affine points below p.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn of(points: &[&Packed; 8]) -> Self {
        let (x, y) = Lanes::unpack(points);
        let (first, mut twice) = Flat { x, y }.first_and_twice();
        let mut flat = [first; N];
        let mut z = y.loose().minus_from(2).factor();
        let mut steps = [z; N];
        for at in 1..N {
            (flat[at], steps[at]) = twice.add_to(&flat[at - 1]);
            z = z.mul(&steps[at]); // (2 · 3.3) / 16 + 1 is 1.42.
        }
        Self { flat, steps, z }
    }

    /// All of them affine, below 1.01 p, by 1 / z, which is below 2 p.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn affine(&self, inverse: &Factor) -> [[Packed; 8]; N] {
        let mut out = [[Packed::BLANK; 8]; N];
        let mut own = *inverse;
        for at in (0..N).rev() {
            let square = own.square(); // 1.25
            let x = self.flat[at].x.times(&square).folded();
            let y = self.flat[at].y.times(&square.mul(&own)).folded();
            out[at] = Lanes::pack(&x, &y);
            own = own.mul(&self.steps[at]); // 1.42
        }
        out
    }
}

impl Flat {
    /// P and 2P with the z -y, all below 1.01 p, of affine points below p.
    ///
    /// As a point is doubled, but for z = 1, and with t = x·y² and s² = y⁴ as x and y of P.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn first_and_twice(&self) -> (Self, Self) {
        let s = self.y.square(); // 1.07
        // 1.07, less 2.
        let t = Columns::product_below(&self.x, &s).reduced();
        // 3 · 3.07 / 2 + 0.5 is 5.11.
        let less = self.x.squared().minus(Lanes::one().loose()).above(2);
        let l = less.twice().plus(less).halved().factor();
        // Between 1.86 and 2.64 + 4.
        let x = l.squared().minus(t).minus(t).folded();
        let ahead = x.loose().minus(t).factor();
        let ss = Columns::square(&s);
        let first = Self {
            x: t.above(2).folded(),
            y: ss.reduced().minus_from(2).folded(),
        };
        let y = ss.plus(&l, &ahead).reduced().folded(); // 2.04
        (first, Self { x, y })
    }

    /// The sum of this and another of the same z, and h; this with the z of the sum, which is theirs
    /// times h. The other's x and y are below 1.01 p, as the sum's are, and this one's below 1.3 p.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn add_to(&mut self, other: &Self) -> (Self, Factor) {
        let h = self.x.loose().minus(other.x.loose()).above(2).factor(); // 3.3
        let hh = h.square(); // 1.69
        let e = self.y.loose().minus(other.y.loose()).above(2).factor(); // 3.3
        let own = self.x.mul(&hh).exact(); // 1.14
        // 1.11, less 2.
        let theirs = Columns::product_below(&other.x, &hh).reduced();
        // Between 2 + 2 - 1.14 - 1.11 and 1.69 + 4.
        let x = e.squared().minus(own.loose()).minus(theirs).above(2);
        let x = x.folded();
        let between = own.loose().minus(theirs).factor(); // 3.14
        let y = self.y.mul(&between).exact(); // 1.26
        let back = own.loose().minus(x.loose()).above(2).factor(); // 3.14
        // Between 2 - 1.26 and 2 + 1.65.
        let sum = e.times(&back).minus(y.loose()).above(2).folded();
        *self = Self { x: own, y };
        (Self { x, y: sum }, h)
    }
}
