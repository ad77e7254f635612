//! Points in lanes: doubling and addition, every lane its own point.
//!
//! No exception is looked for: where an addition meets equal or opposite points z becomes zero, and
//! stays so in every later step, so that one look at the end finds such lanes.
//!
//! Each step gives the negative of what it is for, because then y is a sum of two products, with one
//! reduction, and not a difference. A point remembers whether it is meant or its negative.
//!
//! Bounds that hold between steps: x below 1.01 p, y below 2.5 p, z below 2 p.

use super::field::{Lanes, Verdicts};
use super::vector::Packed;
use super::wide::Columns;

/// Eight points in Jacobian coordinates.
#[derive(Clone, Copy)]
pub(super) struct Points {
    pub(super) x: Lanes,
    pub(super) y: Lanes,
    pub(super) z: Lanes,
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
            y: above.folded(),
            z: Lanes::one(),
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
    /// Products that wait for each other stand apart, so that others fill the time.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn double_each(points: &mut [Self], times: usize) {
        for point in points {
            for _ in 0..times {
                let zz = point.z.squared(); // below 1.25 p
                let s = point.y.square(); // 1.4
                // (3 · 3.01 + 1) / 2 is 5.02, and (5.02 · 2.26) / 16 + 1 is 1.71.
                let less = point.x.loose().minus(zz).above(2).three_halves();
                let more = point.x.loose().plus(zz);
                let l = less.carried().mul(&more.carried());
                let t = point.x.times(&s); // 1.09
                // Before it is folded, between 4 - 2.18 and 4 + 1.19.
                point.x = l.squared().minus(t).minus(t).above(4).folded();
                point.z = point.y.mul(&point.z); // 1.32
                let ahead = point.x.loose().minus(t).above(2).carried();
                // (1.4 · 1.4 + 1.71 · 3.01) / 16 + 1 is 1.45.
                let y = Columns::square(&s).plus(&l, &ahead);
                point.y = y.reduced().carried();
                point.turned = !point.turned;
            }
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
            let h = sum.x.loose().minus(x.times(&zz)).above(2).carried(); // 3.01
            let hh = h.square(); // 1.57
            // Between 4 - 1.08 - 2.5 and 4 + 1.08.
            let r = y.times(&zzz).negated_where(negative);
            let r = r.minus(sum.y.loose()).above(4).carried();
            let hhh = hh.mul(&h); // 1.3
            sum.z = sum.z.mul(&h); // 1.38
            let v = sum.x.times(&hh); // 1.1
            // Before it is folded, between 4 - 2.2 and 4 + 1.3 + 2.62.
            let rr = r.squared().plus(hhh.loose());
            sum.x = rr.minus(v).minus(v).above(4).folded();
            let back = v.minus(sum.x.loose()).above(2).carried(); // 3.1
            // (2.5 · 1.3 + 5.08 · 3.1) / 16 + 1 is 2.19.
            let y = Columns::product(&sum.y, &hhh).plus(&r, &back);
            sum.y = y.reduced().carried();
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
