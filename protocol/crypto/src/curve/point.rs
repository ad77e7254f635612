//! Points of the curve y^2 = x^3 - 3x + b, affine and in Jacobian coordinates.
//!
//! Here: doubling, and addition in three forms: for public points, where exceptions are found by
//! looking; for secret ones where none can occur; and where one may, by a mask. Not here: how a
//! multiple is put together.

use alloc::vec::Vec;

use super::field::Fe;

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
    pub(crate) fn decompress(x: Fe, odd: bool) -> Option<Self> {
        let y = right_side(&x).sqrt()?;
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
    pub(crate) fn double(&self) -> Self {
        let zz = self.z.square();
        let s = self.y.square();
        let m = self.x.sub(&zz).mul(&self.x.add(&zz));
        // Half the slope's numerator: with it nothing has to be multiplied by four and eight.
        let l = m.double().add(&m).half();
        let t = self.x.mul(&s);
        let x = l.square().sub(&t.double());
        Self {
            x,
            y: l.mul(&t.sub(&x)).sub(&s.square()),
            z: self.y.mul(&self.z),
        }
    }

    /// The sum, where neither is infinity nor are the two equal or opposite (what comes out then
    /// has z = 0).
    pub(crate) fn add_distinct(&self, other: &Affine) -> Self {
        let zz = self.z.square();
        let zzz = self.z.mul(&zz);
        let h = other.x.mul(&zz).sub(&self.x);
        let r = other.y.mul(&zzz).sub(&self.y);
        self.sum_of(&self.x, &self.y, &h, &r, &self.z)
    }

    /// What all additions end with: u1 and s1 are the first point's coordinates over the common
    /// denominator, h and r the differences to the second's.
    #[inline]
    fn sum_of(&self, u1: &Fe, s1: &Fe, h: &Fe, r: &Fe, z: &Fe) -> Self {
        let hh = h.square();
        let hhh = h.mul(&hh);
        let v = u1.mul(&hh);
        let x = r.square().sub(&hhh).sub(&v.double());
        Self {
            x,
            y: r.mul(&v.sub(&x)).sub(&s1.mul(&hhh)),
            z: z.mul(h),
        }
    }

    /// The sum, where neither is infinity and the two may be equal, in a time that tells nothing.
    pub(crate) fn add_or_double(&self, other: &Affine) -> Self {
        let zz = self.z.square();
        let zzz = self.z.mul(&zz);
        let h = other.x.mul(&zz).sub(&self.x);
        let r = other.y.mul(&zzz).sub(&self.y);
        let equal = h.zero_mask() & r.zero_mask();
        let sum = self.sum_of(&self.x, &self.y, &h, &r, &self.z);
        Self::select(equal, &self.double(), &sum)
    }

    /// The sum of public points, whatever they are.
    #[cfg(feature = "std")]
    pub(crate) fn add_affine_vartime(&self, other: &Affine) -> Self {
        if self.is_infinity() {
            return (*other).into();
        }
        let zz = self.z.square();
        let zzz = self.z.mul(&zz);
        let h = other.x.mul(&zz).sub(&self.x);
        let r = other.y.mul(&zzz).sub(&self.y);
        match (h.is_zero(), r.is_zero()) {
            (true, true) => self.double(),
            (true, false) => Self::INFINITY,
            (false, _) => self.sum_of(&self.x, &self.y, &h, &r, &self.z),
        }
    }

    /// The sum of public points, whatever they are.
    pub(crate) fn add_vartime(&self, other: &Self) -> Self {
        if self.is_infinity() {
            return *other;
        }
        if other.is_infinity() {
            return *self;
        }
        let zz1 = self.z.square();
        let zz2 = other.z.square();
        let u1 = self.x.mul(&zz2);
        let s1 = self.y.mul(&other.z.mul(&zz2));
        let h = other.x.mul(&zz1).sub(&u1);
        let r = other.y.mul(&self.z.mul(&zz1)).sub(&s1);
        match (h.is_zero(), r.is_zero()) {
            (true, true) => self.double(),
            (true, false) => Self::INFINITY,
            (false, _) => self.sum_of(&u1, &s1, &h, &r, &self.z.mul(&other.z)),
        }
    }

    pub(crate) fn neg(&self) -> Self {
        Self {
            y: self.y.neg(),
            ..*self
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
    pub(crate) fn to_affine(self) -> Affine {
        self.over(&self.z.invert())
    }

    fn over(&self, inverse: &Fe) -> Affine {
        let square = inverse.square();
        Affine {
            x: self.x.mul(&square),
            y: self.y.mul(&square.mul(inverse)),
        }
    }
}

/// The affine points of many, none of which is infinity, by one inversion.
pub(crate) fn to_affine(points: &[Jacobian]) -> Vec<Affine> {
    let mut product = Fe::ONE;
    let mut before = Vec::with_capacity(points.len());
    for point in points {
        before.push(product);
        product = product.mul(&point.z);
    }
    let mut inverse = product.invert();
    let mut out: Vec<Affine> = points
        .iter()
        .zip(&before)
        .rev()
        .map(|(point, before)| {
            let affine = point.over(&inverse.mul(before));
            inverse = inverse.mul(&point.z);
            affine
        })
        .collect();
    out.reverse();
    out
}
