//! Points of the curve y^2 = x^3 - 3x + b, affine and in Jacobian coordinates.
//!
//! Here: doubling, and addition in three forms: for public points, where exceptions are found by
//! looking; for secret ones where none can occur; and where one may, by a mask. What computes in the
//! field is handed in. Not here: how a multiple is put together.

use alloc::vec::Vec;

use super::field::{Arithmetic, Fe};

/// A point that is not the one at infinity.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Affine {
    pub(crate) x: Fe,
    pub(crate) y: Fe,
}

/// (x / z^2, y / z^3); the point at infinity has z = 0.
#[derive(Clone, Copy, Default)]
pub(crate) struct Jacobian {
    pub(crate) x: Fe,
    pub(crate) y: Fe,
    pub(crate) z: Fe,
}

impl zeroize::DefaultIsZeroes for Affine {}
impl zeroize::DefaultIsZeroes for Jacobian {}

impl Affine {
    pub(crate) const GENERATOR: Self = Self {
        x: Fe::GX,
        y: Fe::GY,
    };

    /// The point with these coordinates, if it is on the curve.
    pub(crate) fn new(x: Fe, y: Fe) -> Option<Self> {
        (y.square() == right_side(&x)).then_some(Self { x, y })
    }

    /// The point with this x and a y that is odd or not, if there is one.
    ///
    /// No point has y = 0: it would be of order two, and the order of the group is an odd prime.
    pub(crate) fn decompress(k: impl Arithmetic, x: Fe, odd: bool) -> Option<Self> {
        let y = k.sqrt(&right_side(&x))?;
        let y = if y.is_odd() == odd { y } else { y.neg() };
        Some(Self { x, y })
    }

    #[cfg(feature = "std")]
    pub(crate) fn neg(&self) -> Self {
        Self {
            x: self.x,
            y: self.y.neg(),
        }
    }

    /// `a` where the mask is ones, `b` where it is zero.
    #[inline]
    pub(crate) fn select(mask: u64, a: &Self, b: &Self) -> Self {
        Self {
            x: Fe::select(mask, &a.x, &b.x),
            y: Fe::select(mask, &a.y, &b.y),
        }
    }

    /// Its negative where the mask is ones.
    #[inline]
    pub(crate) fn negated_where(&self, mask: u64) -> Self {
        Self {
            x: self.x,
            y: Fe::select(mask, &self.y.neg(), &self.y),
        }
    }
}

/// x^3 - 3x + b.
fn right_side(x: &Fe) -> Fe {
    let three = x.double().add(x);
    x.square().mul(x).sub(&three).add(&Fe::B)
}

impl From<Affine> for Jacobian {
    fn from(point: Affine) -> Self {
        Self {
            x: point.x,
            y: point.y,
            z: Fe::ONE,
        }
    }
}

impl Jacobian {
    pub(crate) const INFINITY: Self = Self {
        x: Fe::ONE,
        y: Fe::ONE,
        z: Fe::ZERO,
    };

    pub(crate) fn is_infinity(&self) -> bool {
        self.z.is_zero()
    }

    /// Twice the point; infinity stays.
    #[inline]
    pub(crate) fn double(&self, k: impl Arithmetic) -> Self {
        let zz = k.square(&self.z);
        let s = k.square(&self.y);
        let m = k.mul(&k.sub(&self.x, &zz), &k.add(&self.x, &zz));
        // Half the slope's numerator: with it nothing has to be multiplied by four and eight.
        let l = k.add(&m, &m.half());
        let t = k.mul(&self.x, &s);
        let x = k.sub(&k.sub(&k.square(&l), &t), &t);
        Self {
            x,
            y: k.sub(&k.mul(&l, &k.sub(&t, &x)), &k.square(&s)),
            z: k.mul(&self.y, &self.z),
        }
    }

    /// The sum, where neither is infinity nor are the two equal or opposite (what comes out then
    /// has z = 0).
    #[inline]
    pub(crate) fn add_distinct(&self, k: impl Arithmetic, other: &Affine) -> Self {
        let (h, r) = self.differences(k, other);
        sum_of(k, (&self.x, &self.y), (&h, &r), &self.z)
    }

    /// How far the other's coordinates are from this one's, over this one's denominators.
    #[inline]
    fn differences(&self, k: impl Arithmetic, other: &Affine) -> (Fe, Fe) {
        let zz = k.square(&self.z);
        let zzz = k.mul(&self.z, &zz);
        let h = k.sub(&k.mul(&other.x, &zz), &self.x);
        let r = k.sub(&k.mul(&other.y, &zzz), &self.y);
        (h, r)
    }

    /// The sum, where neither is infinity and the two may be equal, in a time that tells nothing.
    pub(crate) fn add_or_double(&self, k: impl Arithmetic, other: &Affine) -> Self {
        let (h, r) = self.differences(k, other);
        let equal = h.zero_mask() & r.zero_mask();
        let sum = sum_of(k, (&self.x, &self.y), (&h, &r), &self.z);
        Self::select(equal, &self.double(k), &sum)
    }

    /// The sum of public points, whatever they are.
    #[cfg(feature = "std")]
    #[inline]
    pub(crate) fn add_affine_vartime(&self, k: impl Arithmetic, other: &Affine) -> Self {
        if self.is_infinity() {
            return (*other).into();
        }
        let (h, r) = self.differences(k, other);
        match (h.is_zero(), r.is_zero()) {
            (true, true) => self.double(k),
            (true, false) => Self::INFINITY,
            (false, _) => sum_of(k, (&self.x, &self.y), (&h, &r), &self.z),
        }
    }

    /// The sum of public points, whatever they are, but that the other is not infinity.
    #[inline]
    pub(crate) fn add_entry_vartime(&self, k: impl Arithmetic, other: &Entry) -> Self {
        if self.is_infinity() {
            return other.point;
        }
        let (point, zz1) = (&other.point, k.square(&self.z));
        let u1 = k.mul(&self.x, &other.zz);
        let s1 = k.mul(&self.y, &other.zzz);
        let h = k.sub(&k.mul(&point.x, &zz1), &u1);
        let r = k.sub(&k.mul(&point.y, &k.mul(&self.z, &zz1)), &s1);
        match (h.is_zero(), r.is_zero()) {
            (true, true) => self.double(k),
            (true, false) => Self::INFINITY,
            (false, _) => sum_of(k, (&u1, &s1), (&h, &r), &k.mul(&self.z, &point.z)),
        }
    }

    /// `a` where the mask is ones, `b` where it is zero.
    fn select(mask: u64, a: &Self, b: &Self) -> Self {
        Self {
            x: Fe::select(mask, &a.x, &b.x),
            y: Fe::select(mask, &a.y, &b.y),
            z: Fe::select(mask, &a.z, &b.z),
        }
    }

    /// The affine point, of one that is not infinity.
    pub(crate) fn to_affine(self, k: impl Arithmetic) -> Affine {
        self.over(k, &k.invert(&self.z))
    }

    fn over(&self, k: impl Arithmetic, inverse: &Fe) -> Affine {
        let square = k.square(inverse);
        Affine {
            x: k.mul(&self.x, &square),
            y: k.mul(&self.y, &k.mul(&square, inverse)),
        }
    }
}

/// What all additions end with: u1 and s1 are the first point's coordinates over the common
/// denominator, h and r the differences to the second's.
#[inline]
fn sum_of(k: impl Arithmetic, (u1, s1): (&Fe, &Fe), (h, r): (&Fe, &Fe), z: &Fe) -> Jacobian {
    let hh = k.square(h);
    let hhh = k.mul(h, &hh);
    let v = k.mul(u1, &hh);
    let x = k.sub(&k.sub(&k.sub(&k.square(r), &hhh), &v), &v);
    Jacobian {
        x,
        y: k.sub(&k.mul(r, &k.sub(&v, &x)), &k.mul(s1, &hhh)),
        z: k.mul(z, h),
    }
}

/// A point that is added many times, with the powers of its z that an addition needs; not infinity.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    point: Jacobian,
    zz: Fe,
    zzz: Fe,
}

impl Entry {
    fn of(k: impl Arithmetic, point: Jacobian) -> Self {
        let zz = k.square(&point.z);
        let zzz = k.mul(&point.z, &zz);
        Self { point, zz, zzz }
    }

    pub(crate) fn neg(&self) -> Self {
        let y = self.point.y.neg();
        Self {
            point: Jacobian { y, ..self.point },
            ..*self
        }
    }
}

/// 1, 3, 5, … times a point that is not infinity; as many as are asked for.
///
/// 2P is taken as affine, on the curve that is stretched by its z: additions do not ask which curve
/// they are on. So every multiple is one mixed addition, and its true z the product with that z. None
/// of them is 2P or its opposite: the order is a prime, and large.
pub(crate) fn odd_multiples(k: impl Arithmetic, point: Jacobian) -> impl Iterator<Item = Jacobian> {
    let twice = point.double(k);
    let stretched = Affine {
        x: twice.x,
        y: twice.y,
    };
    // The z of 2P is y·z, so that P is stretched by y.
    let yy = k.square(&point.y);
    let first = Jacobian {
        x: k.mul(&point.x, &yy),
        y: k.square(&yy),
        z: Fe::ONE,
    };
    let mut last: Option<Jacobian> = None;
    core::iter::from_fn(move || {
        let multiple = last.map_or(first, |last| last.add_distinct(k, &stretched));
        last = Some(multiple);
        Some(Jacobian {
            z: k.mul(&multiple.z, &twice.z),
            ..multiple
        })
    })
}

/// The first of them, ready to be added.
pub(crate) fn odd_entries<const N: usize>(k: impl Arithmetic, point: &Affine) -> [Entry; N] {
    let mut multiples = odd_multiples(k, (*point).into());
    core::array::from_fn(|_| Entry::of(k, multiples.next().expect("they do not end")))
}

/// The affine points of many, none of which is infinity, by one inversion.
pub(crate) fn to_affine(k: impl Arithmetic, points: &[Jacobian]) -> Vec<Affine> {
    let mut product = Fe::ONE;
    let mut before = Vec::with_capacity(points.len());
    for point in points {
        before.push(product);
        product = k.mul(&product, &point.z);
    }
    let mut inverse = k.invert(&product);
    let mut out: Vec<Affine> = points
        .iter()
        .zip(&before)
        .rev()
        .map(|(point, before)| {
            let affine = point.over(k, &k.mul(&inverse, before));
            inverse = k.mul(&inverse, &point.z);
            affine
        })
        .collect();
    out.reverse();
    out
}
