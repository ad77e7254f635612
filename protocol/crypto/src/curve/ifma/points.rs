//! Points in lanes: doubling and addition, every lane its own point.
//!
//! No exception is looked for: where an addition meets equal or opposite points z becomes zero, and
//! stays so in every later step, so that one look at the end finds such lanes.
//!
//! Each step gives the negative of what it is for, because then y is a sum of two products, with one
//! reduction, and not a difference. A point remembers whether it is meant or its negative.
//!
//! Bounds that hold between steps: x below 1.01 p, y below 2.5 p, z below 2 p.

use super::field::{Factor, Lanes, Verdicts};
use super::wide::Columns;
use crate::curve::lanes::Packed;

/// Eight points in Jacobian coordinates.
#[derive(Clone, Copy)]
pub(super) struct Points {
    pub(super) x: Lanes,
    pub(super) y: Factor,
    pub(super) z: Factor,
    /// Whether the negatives of these are meant: of all lanes, after an odd number of steps.
    pub(super) turned: bool,
}

/// Which packed point each lane takes, and where its negative is meant.
pub(super) struct Picks<'a> {
    pub(super) points: [&'a Packed; 8],
    pub(super) negative: Verdicts,
}

impl Points {
    /// Affine points with x and y below 2 p, the negatives where the verdict is so.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn affine(x: &Lanes, y: &Lanes, negative: Verdicts) -> Self {
        // Between 0 and 2 p on either side.
        let above = y.loose().negated_where(negative).above(2);
        Self {
            x: x.fold(),
            y: *above.folded(),
            z: *Lanes::one(),
            turned: false,
        }
    }

    /// The points that were picked.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn of(picks: &Picks<'_>) -> Self {
        let (x, y) = Lanes::unpack(&picks.points);
        Self::affine(&x, &y, picks.negative)
    }

    /// Twice each of the points, so many times over.
    ///
    /// Products that wait for each other stand apart, so that others fill the time. On the way y is
    /// kept as w = 2 y, of which no slope has to be halved.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn double_each(points: &mut [Self], times: usize) {
        for point in points {
            let mut y = point.y.exact().loose().twice(); // below 5 p
            for _ in 0..times {
                let w = y.factor();
                let zz = point.z.squared(); // 1.25
                let s = w.square(); // 2.57
                let less = point.x.loose().minus(zz).above(2); // 3.01
                let less = less.twice().plus(less).factor();
                let m = less.mul(&point.x.loose().plus(zz).factor()); // (9.03 · 2.26) / 16 + 1 is 2.28.
                // 1.17, less 2.
                let t = Columns::product_below(&point.x, &s).reduced();
                // Before it is folded, between 1.66 and 1.33 + 4.
                point.x = m.squared().minus(t).minus(t).folded();
                point.z = w.mul(&point.z); // 1.63
                let ahead = point.x.loose().minus(t).twice().factor(); // 6.02
                // (2.57 · 2.57 + 2.28 · 6.02) / 16 + 1 is 2.28.
                y = Columns::square(&s).plus(&m, &ahead).reduced();
                point.turned = !point.turned;
            }
            point.y = y.halved().factor(); // 1.64
        }
    }

    /// Adds to each of the points affine ones with x and y below 1.01 p, the negatives where the
    /// verdict is so; a group's are asked for when it is its turn.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn add_each(
        points: &mut [Self],
        mut others: impl FnMut(usize) -> (Lanes, Lanes, Verdicts),
    ) {
        for (group, sum) in points.iter_mut().enumerate() {
            let (x, y, negative) = others(group);
            let negative = if sum.turned { !negative } else { negative };
            let zz = sum.z.square(); // 1.25
            let zzz = zz.mul(&sum.z); // 1.16
            let u = Columns::product_below(&x, &zz).reduced();
            let h = sum.x.loose().minus(u).factor(); // 3.01
            let hh = h.square(); // 1.57
            // Between 2 - 1.08 and 2 + 3 + 1.08.
            let far = y.times(&zzz).negated_where(!negative);
            let r = far.plus(sum.y.exact().loose()).above(2).factor();
            let hhh = hh.times(&h); // 1.31
            sum.z = sum.z.mul(&h); // 1.38
            // 1.1, less 2.
            let v = Columns::product_below(&sum.x, &hh).reduced();
            // Before it is folded, between 1.8 and 1.31 + 3.32 + 4.
            sum.x = r.squared().plus(hhh).minus(v).minus(v).folded();
            let ahead = sum.x.loose().minus(v).factor(); // 3.01
            // (3 · 1.31 + 6.08 · 3.01) / 16 + 1 is 2.39.
            let y = Columns::product(&sum.y, &hhh.factor()).plus(&r, &ahead);
            sum.y = y.reduced().factor();
            sum.turned = !sum.turned;
        }
    }

    /// Adds to each of the points those that were picked for it.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn add_picked<const G: usize>(points: &mut [Self; G], picks: &[Picks<'_>; G]) {
        Self::add_each(points, |group| {
            let (x, y) = Lanes::unpack(&picks[group].points);
            (x, y, picks[group].negative)
        });
    }
}
