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

    /// Takes in another's bits where the mask is ones; it has none of its own then.
    #[inline]
    pub(crate) fn or_where(&mut self, mask: u64, other: &Self) {
        for (mine, others) in [(&mut self.x, &other.x), (&mut self.y, &other.y)] {
            for (mine, others) in mine.0.iter_mut().zip(&others.0) {
                *mine |= others & mask;
            }
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

    /// Becomes twice the point; infinity stays.
    pub(crate) fn double(&mut self, k: impl Arithmetic) {
        let mut zz = k.square(&self.z);
        self.double_ahead(k, &mut zz);
    }

    /// The same, where z^2 is known, and is known again afterwards.
    ///
    /// What does not wait for each other stands side by side, because a processor looks ahead over
    /// two multiplications or three; so the next z^2 is computed here.
    #[inline]
    pub(crate) fn double_ahead(&mut self, k: impl Arithmetic, zz: &mut Fe) {
        let m = k.mul(&k.sub(&self.x, zz), &k.add(zz, &self.x));
        let s = k.square(&self.y);
        self.z = k.mul(&self.y, &self.z);
        // Half the slope's numerator: with it nothing has to be multiplied by four and eight.
        let l = k.add(&k.half(&m), &m);
        let t = k.mul(&self.x, &s);
        let ll = k.square(&l);
        *zz = k.square(&self.z);
        self.x = k.sub(&k.sub(&ll, &t), &t);
        let ss = k.square(&s);
        self.y = k.sub(&k.mul(&l, &k.sub(&t, &self.x)), &ss);
    }

    /// Adds a point, where neither is infinity nor are the two equal or opposite (what comes out
    /// then has z = 0).
    #[inline]
    pub(crate) fn add_distinct(&mut self, k: impl Arithmetic, other: &Affine) {
        let (h, r) = self.differences(k, &k.square(&self.z), &other.x, &other.y);
        self.z = k.mul(&self.z, &h);
        self.finish(k, &h, &r);
    }

    /// How far the other's coordinates are from this one's, over this one's denominators.
    #[inline]
    fn differences(&self, k: impl Arithmetic, zz: &Fe, x: &Fe, y: &Fe) -> (Fe, Fe) {
        let zzz = k.mul(&self.z, zz);
        let h = k.sub(&k.mul(x, zz), &self.x);
        let r = k.sub(&k.mul(y, &zzz), &self.y);
        (h, r)
    }

    /// What all additions end with, but for z: the point's x and y are over the denominators that it
    /// has in common with the other, h and r how far the other's are from them.
    #[inline]
    fn finish(&mut self, k: impl Arithmetic, h: &Fe, r: &Fe) {
        let hh = k.square(h);
        let rr = k.square(r);
        let hhh = k.mul(h, &hh);
        let v = k.mul(&self.x, &hh);
        let s = k.mul(&self.y, &hhh);
        self.x = k.sub(&k.sub(&k.sub(&rr, &hhh), &v), &v);
        self.y = k.sub(&k.mul(r, &k.sub(&v, &self.x)), &s);
    }

    /// Adds a point, where neither is infinity and the two may be equal, in a time that tells
    /// nothing.
    pub(crate) fn add_or_double(&mut self, k: impl Arithmetic, other: &Affine) {
        let (h, r) = self.differences(k, &k.square(&self.z), &other.x, &other.y);
        let equal = h.zero_mask() & r.zero_mask();
        let mut twice = *self;
        twice.double(k);
        self.z = k.mul(&self.z, &h);
        self.finish(k, &h, &r);
        *self = Self::select(equal, &twice, self);
    }

    /// Adds a public point, or its negative where the mask is ones, whatever they are; z^2 is known,
    /// and is known again afterwards.
    #[cfg(feature = "std")]
    #[inline]
    pub(crate) fn add_affine_vartime(
        &mut self,
        k: impl Arithmetic,
        zz: &mut Fe,
        other: &Affine,
        negative: u64,
    ) {
        let y = Fe::select(negative, &k.sub(&Fe::ZERO, &other.y), &other.y);
        if self.is_infinity() {
            *self = Affine { x: other.x, y }.into();
        } else {
            let (h, r) = self.differences(k, zz, &other.x, &y);
            match (h.is_zero(), r.is_zero()) {
                (true, true) => self.double(k),
                (true, false) => *self = Self::INFINITY,
                (false, _) => {
                    self.z = k.mul(&self.z, &h);
                    self.finish(k, &h, &r);
                }
            }
        }
        *zz = k.square(&self.z);
    }

    /// Adds a public point that is not infinity, or its negative where the mask is ones; z^2 is
    /// known, and is known again afterwards.
    #[inline]
    pub(crate) fn add_entry_vartime(
        &mut self,
        k: impl Arithmetic,
        zz: &mut Fe,
        other: &Entry,
        negative: u64,
    ) {
        let point = &other.point;
        let y = Fe::select(negative, &k.sub(&Fe::ZERO, &point.y), &point.y);
        if self.is_infinity() {
            *self = Self { y, ..*point };
            *zz = k.square(&self.z);
            return;
        }
        // Side by side again, as in `double_ahead`.
        let zzz = k.mul(&self.z, zz);
        let u1 = k.mul(&self.x, &other.zz);
        let u2 = k.mul(&point.x, zz);
        let s1 = k.mul(&self.y, &other.zzz);
        let h = k.sub(&u2, &u1);
        let s2 = k.mul(&y, &zzz);
        let hh = k.square(&h);
        let r = k.sub(&s2, &s1);
        if h.is_zero() {
            match r.is_zero() {
                true => self.double(k),
                false => *self = Self::INFINITY,
            }
            *zz = k.square(&self.z);
            return;
        }
        let z = k.mul(&self.z, &point.z);
        let hhh = k.mul(&h, &hh);
        let v = k.mul(&u1, &hh);
        let rr = k.square(&r);
        self.z = k.mul(&z, &h);
        let s = k.mul(&s1, &hhh);
        self.x = k.sub(&k.sub(&k.sub(&rr, &hhh), &v), &v);
        *zz = k.square(&self.z);
        self.y = k.sub(&k.mul(&r, &k.sub(&v, &self.x)), &s);
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
}

/// 1, 3, 5, … times a point that is not infinity; as many as are asked for.
///
/// 2P is taken as affine, on the curve that is stretched by its z: additions do not ask which curve
/// they are on. So every multiple is one mixed addition, and its true z the product with that z. None
/// of them is 2P or its opposite: the order is a prime, and large.
pub(crate) fn odd_multiples(k: impl Arithmetic, point: Jacobian) -> impl Iterator<Item = Jacobian> {
    let mut twice = point;
    twice.double(k);
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
    let mut multiple = None;
    core::iter::from_fn(move || {
        let multiple = match &mut multiple {
            Some(multiple) => {
                Jacobian::add_distinct(multiple, k, &stretched);
                multiple
            }
            none => none.insert(first),
        };
        Some(Jacobian {
            z: k.mul(&multiple.z, &twice.z),
            ..*multiple
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

#[cfg(test)]
mod tests {
    use super::super::field::Portable;
    use super::*;

    /// Both additions of public points, of the generator or its negative.
    fn sums(k: impl Arithmetic, to: Jacobian, negative: u64) -> [Jacobian; 2] {
        let [entry] = odd_entries(k, &Affine::GENERATOR);
        let (mut by_affine, mut by_entry) = (to, to);
        for (sum, entry) in [(&mut by_affine, None), (&mut by_entry, Some(entry))] {
            let mut zz = k.square(&sum.z);
            match entry {
                None => sum.add_affine_vartime(k, &mut zz, &Affine::GENERATOR, negative),
                Some(entry) => sum.add_entry_vartime(k, &mut zz, &entry, negative),
            }
            assert!(zz == k.square(&sum.z));
        }
        [by_affine, by_entry]
    }

    fn exceptions(k: impl Arithmetic) {
        let generator: Affine = Affine::GENERATOR;
        let mut twice = Jacobian::from(generator);
        twice.double(k);
        let twice = twice.to_affine(k);
        // The generator, but over another z.
        let once = odd_multiples(k, generator.into()).next().expect("one");
        assert!(once.z != Fe::ONE);
        for sum in sums(k, once, 0) {
            assert!(sum.to_affine(k) == twice);
        }
        for sum in sums(k, once, u64::MAX) {
            assert!(sum.is_infinity());
        }
        for sum in sums(k, Jacobian::INFINITY, 0) {
            assert!(sum.to_affine(k) == generator);
        }
        for sum in sums(k, Jacobian::INFINITY, u64::MAX) {
            assert!(sum.to_affine(k) == generator.negated_where(u64::MAX));
        }
        for sum in sums(k, twice.into(), u64::MAX) {
            assert!(sum.to_affine(k) == generator);
        }
        let mut doubled = once;
        doubled.add_or_double(k, &generator);
        assert!(doubled.to_affine(k) == twice);
    }

    #[test]
    fn additions_of_equal_opposite_and_no_points_are_right_by_every_arithmetic() {
        exceptions(Portable);
        #[cfg(target_arch = "x86_64")]
        if let Some(k) = super::super::adx::Kernel::here() {
            exceptions(k);
        }
    }
}
