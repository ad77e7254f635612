//! Points in lanes: doubling and addition, every lane its own point.
//!
//! No exception is looked for: where an addition meets equal or opposite points z becomes zero, and
//! stays so in every later step, so that one look at the end finds such lanes.
//!
//! Bounds that hold between steps: x below 1.01 p, y below 4 p, z below 2 p.

use super::LANES;
use super::field::{Numbers, Verdicts};
use crate::curve::lanes::Packed;

/// Points in Jacobian coordinates, one in each lane.
#[derive(Clone, Copy)]
pub(super) struct Points {
    pub(super) x: Numbers,
    pub(super) y: Numbers,
    pub(super) z: Numbers,
}

/// Which packed point each lane takes, and where its negative is meant.
pub(super) struct Picks<'a> {
    pub(super) points: [&'a Packed; LANES],
    pub(super) negative: Verdicts,
}

impl Points {
    /// The points that were picked.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn of(picks: &Picks<'_>) -> Self {
        let (x, y) = Numbers::unpack(&picks.points);
        Self {
            x: x.fold(),
            y: y.negated_where(picks.negative),
            z: Numbers::one(),
        }
    }

    /// Twice the points.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn double(&mut self) {
        let zz = self.z.square(); // below 1.13 p
        let s = self.y.square(); // 1.5
        // (3.01 · 2.14) / 32 + 1 is 1.21.
        let m = self.x.sub2(&zz).mul(&self.x.add(&zz));
        let l = m.three_halves(); // 2.32
        let t = self.x.mul(&s); // 1.05
        self.z = self.y.mul(&self.z); // 1.25
        self.x = l.square().minus_twice(&t); // before it is folded: 1.17 + 4
        // (2.32 · 3.05) / 32 + 1 + 2 is 3.23.
        self.y = l.mul(&t.sub2(&self.x)).sub2(&s.square());
    }

    /// Adds affine points with x below 1.01 p and y below 2.01 p.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn add(&mut self, x: &Numbers, y: &Numbers) {
        let zz = self.z.square(); // 1.13
        let zzz = self.z.mul(&zz); // 1.08
        let h = x.mul(&zz).sub2(&self.x); // 3.04
        let r = y.mul(&zzz).sub4(&self.y); // 5.07
        let hh = h.square(); // 1.29
        let hhh = h.mul(&hh); // 1.13
        let v = self.x.mul(&hh); // 1.05
        self.z = self.z.mul(&h); // 1.19
        // Taken off r², which is below 1.81, are 1.13 + 2.1, less than 3.99.
        self.x = r.square().minus_and_twice(&hhh, &v);
        // (5.07 · 3.05) / 32 + 1 + 2 is 3.49.
        let s = self.y.mul(&hhh); // 1.15
        self.y = r.mul(&v.sub2(&self.x)).sub2(&s);
    }

    /// Adds the points that were picked.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn add_picked(&mut self, picks: &Picks<'_>) {
        let (x, y) = Numbers::unpack(&picks.points);
        self.add(&x, &y.negated_where(picks.negative));
    }
}
