//! Points in lanes: doubling and addition, every lane its own point.
//!
//! No exception is looked for: where an addition meets equal or opposite points z becomes zero, and
//! stays so in every later step, so that one look at the end finds such lanes.
//!
//! Bounds that hold between steps: x below 1.01 p, y below 4 p, z below 2 p.

use super::field::{Lanes, Verdicts};
use super::vector::Packed;

/// 8·G points in Jacobian coordinates.
#[derive(Clone, Copy)]
pub(super) struct Points<const G: usize> {
    pub(super) x: Lanes<G>,
    pub(super) y: Lanes<G>,
    pub(super) z: Lanes<G>,
}

/// Which packed point each lane takes, and where its negative is meant.
pub(super) struct Picks<'a, const G: usize> {
    pub(super) points: [[&'a Packed; 8]; G],
    pub(super) negative: Verdicts<G>,
}

impl<const G: usize> Points<G> {
    /// The points that were picked.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn of(picks: &Picks<'_, G>) -> Self {
        let (x, y) = Lanes::unpack(&picks.points);
        Self {
            x: x.fold(),
            y: y.negated_where(picks.negative),
            z: Lanes::one(),
        }
    }

    /// Twice the points.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn double(&mut self) {
        let zz = self.z.square(); // below 1.25 p
        let s = self.y.square(); // 2
        // (3.01 · 2.26) / 16 + 1 is 1.43.
        let m = self.x.sub2(&zz).mul(&self.x.add(&zz));
        let l = m.three_halves(); // 2.66
        let t = self.x.mul(&s); // 1.13
        self.z = self.y.mul(&self.z); // 1.5
        self.x = l.square().minus_twice(&t); // before it is folded: 1.45 + 4
        // (2.66 · 3.13) / 16 + 1 + 2 is 3.53.
        self.y = l.mul(&t.sub2(&self.x)).sub2(&s.square());
    }

    /// Adds affine points with x below 1.01 p and y below 2 p.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn add(&mut self, x: &Lanes<G>, y: &Lanes<G>) {
        let zz = self.z.square(); // 1.25
        let zzz = self.z.mul(&zz); // 1.16
        let h = x.mul(&zz).sub2(&self.x); // 3.08
        let r = y.mul(&zzz).sub4(&self.y); // 5.15
        let hh = h.square(); // 1.6
        let hhh = h.mul(&hh); // 1.31
        let v = self.x.mul(&hh); // 1.11
        self.z = self.z.mul(&h); // 1.39
        // Taken off r² are 1.31 + 2.22, less than 4.
        self.x = r.square().minus_and_twice(&hhh, &v);
        // (5.15 · 3.11) / 16 + 1 + 2 is just below 4.
        self.y = r.mul(&v.sub2(&self.x)).sub2(&self.y.mul(&hhh));
    }

    /// Adds the points that were picked.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn add_picked(&mut self, picks: &Picks<'_, G>) {
        let (x, y) = Lanes::unpack(&picks.points);
        self.add(&x, &y.negated_where(picks.negative));
    }
}
