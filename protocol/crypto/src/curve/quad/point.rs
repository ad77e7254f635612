//! Points: what of a doubling and of an addition does not wait for each other is computed in the lanes
//! of one product.
//!
//! In Jacobian coordinates with w = 2 y, so that nothing is halved. A doubling is three products, one
//! after the other, an addition four. Both give the negative of what they are called for, because -w is
//! a sum of products where w is their difference; who calls keeps count.
//!
//! Moving numbers from lane to lane takes as long as a product's step, so what the next product waits for
//! is computed in each lane that needs it, and what there is time for is moved.
//!
//! Exceptions are not looked for: a sum of equal or opposite points gets z = 0 and keeps it.
//!
//! Bounds, in multiples of p: what was folded is below 1.01, x below 10.6, w below 4.4 and an entry's
//! negated below 8, m below 5, z below 3.3, h below 6, what is multiplied by 4 below 3.3, and all else that
//! a product gives below 2.6. So what is taken off a number is below 4 p where 4 p were added, 8 p where 8.

use super::field::{Loose, Quad, bits, from, lanes};

/// The point that is worked on.
#[derive(Clone, Copy)]
pub(super) struct Sum {
    /// In lanes 0 and 2.
    x: Quad,
    /// w, but in lane 1 what the next doubling begins with, m = 3 (x^2 - z^4).
    w: Quad,
    /// In lane 3.
    z: Quad,
    /// z^2 in lane 1.
    zz: Loose,
}

/// A point that is added.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    /// z^2, x, anything, z.
    first: Quad,
    /// z^3, anything, w, anything.
    second: Quad,
}

impl Entry {
    /// From z, z^2 and z^3, x, w.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vl,avx512ifma")]
    pub(super) fn of_limbs(z: [&[u64; 5]; 3], x: &[u64; 5], w: &[u64; 5]) -> Self {
        Self {
            first: Quad::of([z[1], x, x, z[0]]),
            second: Quad::of([z[2], w, w, w]),
        }
    }

    /// Of a sum.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vl,avx512ifma")]
    pub(super) fn of(sum: &Sum) -> Self {
        let zz = sum.zz.carried().spread::<{ from([1, 1, 1, 1]) }>();
        let zzz = sum.z.mul(&zz).carried();
        let first = zz
            .with::<{ lanes([1]) }>(&sum.x.spread::<{ from([0, 0, 0, 0]) }>())
            .with::<{ lanes([3]) }>(&sum.z);
        let second = zzz
            .spread::<{ from([3, 3, 3, 3]) }>()
            .with::<{ lanes([2]) }>(&sum.w);
        Self { first, second }
    }

    /// Its negative where it is asked for.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vl,avx512ifma")]
    pub(super) fn negated_where(&self, negative: u64) -> Self {
        let second = self.second.loose();
        Self {
            first: self.first,
            second: second.negated_where::<{ bits([2]) }>(negative).carried(),
        }
    }
}

impl Sum {
    /// The point of an entry.
    #[target_feature(enable = "avx512f,avx512vl,avx512ifma")]
    pub(super) fn begin(entry: &Entry) -> Self {
        let x = entry.first.spread::<{ from([1, 1, 1, 1]) }>();
        let zz = entry.first.spread::<{ from([0, 0, 0, 0]) }>().loose();
        let plus = x.loose().plus(&zz).folded();
        let minus = x.loose().minus(&zz).above(4).folded();
        let m = plus.mul(&minus);
        let m = m.twice().plus(&m).carried();
        let w = entry
            .second
            .loose()
            .folded()
            .spread::<{ from([2, 2, 2, 2]) }>();
        Self {
            x,
            w: w.with::<{ lanes([1]) }>(&m),
            z: entry.first,
            zz,
        }
    }

    /// Becomes the negative of twice the point, as often as is asked for.
    #[target_feature(enable = "avx512f,avx512vl,avx512ifma")]
    pub(super) fn double_times(&mut self, times: usize) {
        // A copy, which the loop can keep where it computes.
        let mut sum = *self;
        for _ in 0..times {
            sum.double();
        }
        *self = sum;
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512vl,avx512ifma")]
    fn double(&mut self) {
        // s = w^2, m^2, s, the new z = w·z.
        let first = self.w.mul(&self.w.with::<{ lanes([3]) }>(&self.z));
        let s = first.even().carried();
        let mm = first.spread::<{ from([1, 1, 1, 1]) }>().above(8);
        let m = self.w.spread::<{ from([1, 1, 1, 1]) }>();
        let zz = self.zz.carried();
        // t = x·s, the new z^2 = z^2·s, t, s^2.
        let second = s.mul(
            &self
                .x
                .with::<{ lanes([1]) }>(&zz)
                .with::<{ lanes([3]) }>(&s),
        );
        let t = second.even();
        let tt = t.twice();
        // x - t, but in lane 1 x + z^2.
        let left = mm
            .plus_in::<{ bits([1]) }>(&second)
            .minus(&tt.plus_in::<{ bits([0, 2, 3]) }>(&t))
            .folded();
        // x, x - z^2, x, z.
        let right = mm
            .minus(&tt)
            .minus_in::<{ bits([1]) }>(&second)
            .with::<{ lanes([3]) }>(&first)
            .carried();
        self.x = right;
        self.z = right;
        self.zz = second;
        // m·(x - t), but in lane 1 the new m / 3.
        let third = left.mul(&m.with::<{ lanes([1]) }>(&right));
        let ss = second.spread::<{ from([3, 3, 3, 3]) }>();
        self.w = third
            .twice()
            .plus(&ss.with::<{ lanes([1]) }>(&third))
            .carried();
    }

    /// Becomes the negative of the sum with another point.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vl,avx512ifma")]
    pub(super) fn add(&mut self, other: &Entry) {
        let zz = self.zz.carried();
        // u1 = x1·z2^2, u2 = x2·z1^2, z1^3, z1·z2.
        let first = self
            .x
            .with::<{ lanes([1]) }>(&zz)
            .with::<{ lanes([2]) }>(&zz.spread::<{ from([1, 1, 1, 1]) }>())
            .with::<{ lanes([3]) }>(&self.z)
            .mul(
                &other
                    .first
                    .with::<{ lanes([2]) }>(&self.z.spread::<{ from([3, 3, 3, 3]) }>()),
            );
        // u1, h = u2 - u1, z1^3, z1·z2.
        let h = first
            .above_in::<{ bits([1]) }>(4)
            .minus_in::<{ bits([1]) }>(&first.even())
            .carried();
        // s1 = w1·z2^3, h^2, s2 = w2·z1^3, (z1·z2)^2.
        let second = h
            .with::<{ lanes([0]) }>(&self.w)
            .mul(&h.with::<{ lanes([0, 2]) }>(&other.second));
        // i = (2 h)^2, but in lane 2 r = s2 - s1.
        let ir = second
            .spread::<{ from([1, 1, 2, 1]) }>()
            .shifted([2, 2, 0, 2])
            .above_in::<{ bits([2]) }>(4)
            .minus_in::<{ bits([2]) }>(&second.spread::<{ from([0, 0, 0, 0]) }>())
            .folded();
        let second = second.carried();
        // v = u1·i, j = h·i, r^2, the new z^2.
        let third = ir.mul(
            &h.with::<{ lanes([2]) }>(&ir)
                .with::<{ lanes([3]) }>(&second),
        );
        let v = third.spread::<{ from([0, 0, 0, 0]) }>();
        let j = third.spread::<{ from([1, 1, 1, 1]) }>();
        let rr = third.spread::<{ from([2, 2, 2, 2]) }>();
        let zz = third.spread::<{ from([3, 3, 3, 3]) }>();
        let x = rr.above(8).minus(&j).minus(&v.twice());
        // x - v, x + z^2, j, h.
        let left = x
            .minus_in::<{ bits([0]) }>(&v)
            .plus_in::<{ bits([1]) }>(&zz)
            .with::<{ lanes([2]) }>(&j)
            .folded()
            .with::<{ lanes([3]) }>(&h.spread::<{ from([1, 1, 1, 1]) }>());
        // x, x - z^2, x, x.
        let right = x.minus_in::<{ bits([1]) }>(&zz).carried();
        self.x = right;
        // r, x - z^2, s1, z1·z2.
        let right = right
            .with::<{ lanes([0]) }>(&ir.spread::<{ from([2, 2, 2, 2]) }>())
            .with::<{ lanes([2]) }>(&second.spread::<{ from([0, 0, 0, 0]) }>())
            .with::<{ lanes([3]) }>(&h);
        // r·(x - v), the new m / 3, s1·j, half the new z.
        let fourth = left.mul(&right);
        let sum = fourth
            .spread::<{ from([0, 1, 0, 0]) }>()
            .plus_in::<{ bits([0, 2, 3]) }>(&fourth.spread::<{ from([2, 2, 2, 2]) }>());
        self.w = sum.twice().plus_in::<{ bits([1]) }>(&sum).carried();
        self.z = fourth.twice().carried();
        self.zz = zz;
    }

    /// x, anything, w, z.
    #[target_feature(enable = "avx512f,avx512vl,avx512ifma")]
    pub(super) fn coordinates(&self) -> Quad {
        self.x
            .with::<{ lanes([2]) }>(&self.w)
            .with::<{ lanes([3]) }>(&self.z)
    }
}
