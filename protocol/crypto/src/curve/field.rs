//! The field of the curve: numbers modulo p = 2^256 - 2^224 - 2^96 + 2^64 - 1.
//!
//! Kept as x · 2^256 mod p (Montgomery's form), always below p, so that equal numbers have equal
//! limbs. p = -1 mod 2^64: the digit that a reduction step adds p by is the lowest limb itself, and
//! p's powers of two make its multiple out of shifts, so a reduction has no multiplication.
//! Everything takes the same time for all values, but what is called `vartime`.

use super::limbs::{self, Limbs};

/// p.
pub(crate) const P: Limbs = [
    0xFFFF_FFFF_FFFF_FFFF,
    0xFFFF_FFFF_0000_0000,
    0xFFFF_FFFF_FFFF_FFFF,
    0xFFFF_FFFE_FFFF_FFFF,
];

/// 2^512 mod p: a product with it brings a number into the form.
const INTO_FORM: Fe = Fe([
    0x0000_0002_0000_0003,
    0x0000_0002_FFFF_FFFF,
    0x0000_0001_0000_0001,
    0x0000_0004_0000_0002,
]);

/// A number of the field.
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Fe(pub(super) Limbs);

impl Fe {
    pub(crate) const ZERO: Self = Self([0; 4]);
    /// 2^256 mod p.
    pub(crate) const ONE: Self = Self([1, 0x0000_0000_FFFF_FFFF, 0, 0x0000_0001_0000_0000]);
    /// The curve's b.
    pub(crate) const B: Self = Self([
        0x90D2_3063_2BC0_DD42,
        0x71CF_379A_E9B5_37AB,
        0x5279_8150_5EA5_1C3C,
        0x240F_E188_BA20_E2C8,
    ]);
    /// The generator's x.
    pub(crate) const GX: Self = Self([
        0x6132_8990_F418_029E,
        0x3E79_81ED_DCA6_C050,
        0xD6A1_ED99_AC24_C3C3,
        0x9116_7A5E_E1C1_3B05,
    ]);
    /// The generator's y.
    pub(crate) const GY: Self = Self([
        0xC135_4E59_3C2D_0DDD,
        0xC1F5_E578_8D32_95FA,
        0x8D4C_FB06_6E2A_48F8,
        0x63CD_65D4_81D7_35BD,
    ]);

    /// Takes a number below p; none is one of the field above.
    pub(crate) fn from_limbs(a: &Limbs) -> Option<Self> {
        let (_, below) = limbs::sub(a, &P);
        below.then(|| Self(*a).mul(&INTO_FORM))
    }

    /// Takes 32 bytes, the highest first, that are below p.
    pub(crate) fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        Self::from_limbs(&limbs::from_bytes(bytes))
    }

    /// The number itself, out of the form.
    pub(crate) fn to_limbs(self) -> Limbs {
        let [a, b, c, d] = self.0;
        reduce(&[a, b, c, d, 0, 0, 0, 0])
    }

    /// 32 bytes, the highest first.
    pub(crate) fn to_bytes(self) -> [u8; 32] {
        limbs::to_bytes(&self.to_limbs())
    }

    /// x · 2^exponent mod p, for exponents from 256 on: a form in which lanes keep numbers.
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    pub(crate) fn to_form(self, exponent: u32) -> Limbs {
        (256..exponent).fold(self, |number, _| number.double()).0
    }

    #[inline]
    pub(crate) fn add(&self, other: &Self) -> Self {
        let (sum, carry) = limbs::add(&self.0, &other.0);
        Self(limbs::below(&sum, carry, &P))
    }

    #[inline]
    pub(crate) fn double(&self) -> Self {
        self.add(self)
    }

    #[inline]
    pub(crate) fn sub(&self, other: &Self) -> Self {
        let (difference, borrow) = limbs::sub(&self.0, &other.0);
        let mask = 0u64.wrapping_sub(u64::from(borrow));
        let (sum, _) = limbs::add(&difference, &P.map(|limb| limb & mask));
        Self(sum)
    }

    #[inline]
    pub(crate) fn neg(&self) -> Self {
        Self::ZERO.sub(self)
    }

    /// x / 2.
    #[inline]
    pub(crate) fn half(&self) -> Self {
        let odd = 0u64.wrapping_sub(self.0[0] & 1);
        let ([a, b, c, d], carry) = limbs::add(&self.0, &P.map(|limb| limb & odd));
        Self([
            (a >> 1) | (b << 63),
            (b >> 1) | (c << 63),
            (c >> 1) | (d << 63),
            (d >> 1) | (u64::from(carry) << 63),
        ])
    }

    #[inline]
    pub(crate) fn mul(&self, other: &Self) -> Self {
        Self(reduce(&limbs::product(&self.0, &other.0)))
    }

    #[inline]
    pub(crate) fn square(&self) -> Self {
        Self(reduce(&limbs::square(&self.0)))
    }

    #[inline]
    pub(crate) fn is_zero(&self) -> bool {
        self.0 == [0; 4]
    }

    /// Whether the number itself, out of the form, is odd.
    pub(crate) fn is_odd(&self) -> bool {
        self.to_limbs()[0] & 1 == 1
    }

    /// `a` where the mask is ones, `b` where it is zero.
    #[inline]
    pub(crate) fn select(mask: u64, a: &Self, b: &Self) -> Self {
        Self(limbs::select(mask, &a.0, &b.0))
    }

    /// All ones where this is zero, in a time that tells nothing.
    #[inline]
    pub(crate) fn zero_mask(&self) -> u64 {
        !limbs::mask_nonzero(&self.0)
    }
}

impl zeroize::DefaultIsZeroes for Fe {}

impl Default for Fe {
    fn default() -> Self {
        Self::ZERO
    }
}

/// Who multiplies: the portable way, or a kernel for what this processor has. Chosen once for an
/// operation, and handed down to whatever computes in it.
pub(crate) trait Arithmetic: Copy {
    fn mul(self, a: &Fe, b: &Fe) -> Fe;
    fn square(self, a: &Fe) -> Fe;
    fn add(self, a: &Fe, b: &Fe) -> Fe;
    fn sub(self, a: &Fe, b: &Fe) -> Fe;

    /// x / 2.
    fn half(self, a: &Fe) -> Fe;

    /// x^(2^count).
    #[inline]
    fn square_times(self, x: &Fe, count: u32) -> Fe {
        let mut out = *x;
        for _ in 0..count {
            out = self.square(&out);
        }
        out
    }

    /// 1 / x; zero for zero. x^(p-2), the powers p - 2 = FFFFFFFE FFFFFFFF FFFFFFFF FFFFFFFF
    /// FFFFFFFF 00000000 FFFFFFFF FFFFFFFD is made of.
    fn invert(self, x: &Fe) -> Fe {
        let x2 = self.mul(&self.square(x), x);
        let x3 = self.mul(&self.square(&x2), x);
        let x6 = self.mul(&self.square_times(&x3, 3), &x3);
        let x12 = self.mul(&self.square_times(&x6, 6), &x6);
        let x15 = self.mul(&self.square_times(&x12, 3), &x3);
        let x30 = self.mul(&self.square_times(&x15, 15), &x15);
        let x31 = self.mul(&self.square(&x30), x);
        let x32 = self.mul(&self.square(&x31), x);
        let mut out = self.square(&x31);
        for _ in 0..4 {
            out = self.mul(&self.square_times(&out, 32), &x32);
        }
        out = self.mul(&self.square_times(&out, 64), &x32);
        out = self.mul(&self.square_times(&out, 30), &x30);
        self.mul(&self.square_times(&out, 2), x)
    }

    /// A number whose square this is, if there is one. p = 3 mod 4, so it is x^((p+1)/4), and
    /// (p+1)/4 = 2^62 (2^32 - 1) (2^160 - 1).
    fn sqrt(self, x: &Fe) -> Option<Fe> {
        let ones = |x: &Fe| {
            let x2 = self.mul(&self.square(x), x);
            let x4 = self.mul(&self.square_times(&x2, 2), &x2);
            let x8 = self.mul(&self.square_times(&x4, 4), &x4);
            let x16 = self.mul(&self.square_times(&x8, 8), &x8);
            self.mul(&self.square_times(&x16, 16), &x16)
        };
        let u = ones(x);
        let u32 = ones(&u);
        let u64 = self.mul(&self.square_times(&u32, 32), &u32);
        let u128 = self.mul(&self.square_times(&u64, 64), &u64);
        let u160 = self.mul(&self.square_times(&u128, 32), &u32);
        let root = self.square_times(&u160, 62);
        (self.square(&root) == *x).then_some(root)
    }
}

/// What every processor can.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

impl Arithmetic for Portable {
    #[inline]
    fn mul(self, a: &Fe, b: &Fe) -> Fe {
        a.mul(b)
    }

    #[inline]
    fn square(self, a: &Fe) -> Fe {
        a.square()
    }

    #[inline]
    fn add(self, a: &Fe, b: &Fe) -> Fe {
        a.add(b)
    }

    #[inline]
    fn sub(self, a: &Fe, b: &Fe) -> Fe {
        a.sub(b)
    }

    #[inline]
    fn half(self, a: &Fe) -> Fe {
        a.half()
    }
}

/// t / 2^256 mod p, for t < p · 2^256.
#[inline]
fn reduce(t: &[u64; 8]) -> Limbs {
    let [t0, t1, t2, t3, t4, t5, t6, t7] = *t;
    let (t1, t2, t3, t4, c4) = step(t0, t1, t2, t3, t4);
    let (t2, t3, t4, t5, c5) = step(t1, t2, t3, t4, t5);
    let (t5, d5) = t5.carrying_add(0, c4);
    let (t3, t4, t5, t6, c6) = step(t2, t3, t4, t5, t6);
    let (t6, d6) = t6.carrying_add(0, c5 | d5);
    let (t4, t5, t6, t7, c7) = step(t3, t4, t5, t6, t7);
    let (t7, d7) = t7.carrying_add(0, c6 | d6);
    limbs::below(&[t4, t5, t6, t7], c7 | d7, &P)
}

/// Adds m · p, where m is the lowest limb, and drops that limb, which is then zero.
///
/// m · p / 2^64, rounded up because m itself cancels, is m · (2^192 - 2^160 - 2^32 + 1).
#[inline]
fn step(m: u64, t1: u64, t2: u64, t3: u64, t4: u64) -> (u64, u64, u64, u64, bool) {
    let (low, high) = (m << 32, m >> 32);
    let (d0, b) = m.borrowing_sub(low, false);
    let (d1, b) = 0u64.borrowing_sub(high, b);
    let (d2, b) = 0u64.borrowing_sub(low, b);
    let (d3, _) = m.borrowing_sub(high, b);
    let (t1, c) = t1.carrying_add(d0, false);
    let (t2, c) = t2.carrying_add(d1, c);
    let (t3, c) = t3.carrying_add(d2, c);
    let (t4, c) = t4.carrying_add(d3, c);
    (t1, t2, t3, t4, c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::limbs::any_limbs;
    use super::*;

    /// a · b mod p by doubling and adding: another way to the same numbers.
    fn slow_product(a: &Limbs, b: &Limbs) -> Limbs {
        let mut out = [0; 4];
        for at in (0..256).rev() {
            let (sum, carry) = limbs::add(&out, &out);
            out = limbs::below(&sum, carry, &P);
            if limbs::bits(b, at, 1) == 1 {
                let (sum, carry) = limbs::add(&out, a);
                out = limbs::below(&sum, carry, &P);
            }
        }
        out
    }

    /// Any element, in the form, with limbs at their edges.
    fn any_element() -> impl Strategy<Value = Fe> {
        any_limbs().prop_map(|limbs| Fe(limbs::below(&limbs, false, &P)))
    }

    proptest! {
        #[test]
        fn products_are_those_of_the_slow_way(a in any_element(), b in any_element()) {
            let (x, y) = (a.to_limbs(), b.to_limbs());
            prop_assert_eq!(a.mul(&b).to_limbs(), slow_product(&x, &y));
            prop_assert_eq!(a.square().to_limbs(), slow_product(&x, &x));
        }

        #[test]
        fn the_form_is_left_as_it_was_entered(a in any_element()) {
            prop_assert!(Fe::from_limbs(&a.to_limbs()) == Some(a));
        }

        #[test]
        fn sums_differences_and_halves_fit_each_other(a in any_element(), b in any_element()) {
            prop_assert!(a.add(&b).sub(&b) == a);
            prop_assert!(a.half().double() == a);
            prop_assert!(a.neg().add(&a).is_zero());
        }

        #[test]
        fn an_inverse_undoes_and_a_root_is_found(a in any_element()) {
            prop_assume!(!a.is_zero());
            prop_assert!(Portable.invert(&a).mul(&a) == Fe::ONE);
            let root = Portable.sqrt(&a.square()).expect("a square has a root");
            prop_assert!(root == a || root == a.neg());
            // -1 is no square, so of a number and its negative one has a root.
            prop_assert!(Portable.sqrt(&a).is_some() != Portable.sqrt(&a.neg()).is_some());
        }
    }

    #[test]
    fn what_is_not_below_p_is_no_element() {
        assert!(Fe::from_limbs(&P).is_none());
        let (last, _) = limbs::sub(&P, &[1, 0, 0, 0]);
        assert!(
            Fe::from_limbs(&last)
                .expect("p - 1")
                .add(&Fe::ONE)
                .is_zero()
        );
        assert!(Fe::from_limbs(&[u64::MAX; 4]).is_none());
    }
}
