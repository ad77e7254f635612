//! The field in lanes: five limbs of 52 bits, eight numbers in as many lanes of five vectors.
//!
//! Kept as x · 2^260 mod p, not reduced below p but below a bound that is a small multiple of it;
//! beside each function stands what it asks for and gives. A product is below (a·b / 16 + 1) p for
//! factors below a·p and b·p, because 2^260 is 16 p and a little; so bounds of 16 together give 2 p.
//! Limbs are 52 bits, as the multiplier reads them; where they are not yet, a number is
//! [`Loose`](super::wide::Loose). What lies above them in a register it does not see, so that a
//! [`Factor`] may leave it there.
//!
//! Functions are in line wherever a computation is long: each vector that goes through memory keeps
//! the multiplier from a step, more or less, and calls hand over vectors in memory only. Closures that
//! are handed to the library (`map`, `from_fn`) are never in line: it is not built for this processor.

use core::arch::x86_64::{
    __mmask8, _mm512_and_si512, _mm512_cmpeq_epi64_mask, _mm512_mask_mov_epi64,
    _mm512_test_epi64_mask,
};

use super::vector::{Vector, join, load, splat, split, store, transpose};
use super::wide::{Columns, Loose};
use crate::curve::lanes::Packed;
use crate::curve::limbs::Limbs;

/// Numbers are kept as x · 2^260 mod p.
pub(super) const FORM: u32 = 260;
pub(super) const MASK: u64 = (1 << 52) - 1;
/// p in limbs of 52 bits.
pub(super) const P: [u64; 5] = [
    0xF_FFFF_FFFF_FFFF,
    0xF_F000_0000_0FFF,
    0xF_FFFF_FFFF_FFFF,
    0xF_FFFF_FFFF_FFFF,
    0x0_FFFF_FFFE_FFFF,
];
/// 2^260 mod p, in limbs of 64 bits.
const ONE: Limbs = [0x10, 0xF_FFFF_FFF0, 0, 0x10_0000_0000];
/// 2^520 mod p.
const INTO_FORM: Limbs = [
    0x0000_0200_0000_0300,
    0x0000_02FF_FFFF_FF00,
    0x0000_0100_0000_0100,
    0x0000_0400_0000_0200,
];

/// Eight numbers: the lowest 52 bits of each limb, and all of the highest.
#[derive(Clone, Copy)]
pub(super) struct Factor(pub(super) [Vector; 5]);

/// The same in limbs that have 52 bits only.
#[derive(Clone, Copy)]
pub(super) struct Lanes(Factor);

impl core::ops::Deref for Lanes {
    type Target = Factor;

    #[inline]
    fn deref(&self) -> &Factor {
        &self.0
    }
}

/// A verdict for each of eight lanes.
pub(super) type Verdicts = __mmask8;

impl Factor {
    /// a · b, to be added to. For factors below a·p and b·p, below (a·b / 16 + 1) p.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn times(&self, other: &Self) -> Loose {
        Columns::product(self, other).reduced()
    }

    /// a · a, to be added to, bounded like a product.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn squared(&self) -> Loose {
        Columns::square(self).reduced()
    }

    /// a · b. For factors below a·p and b·p, below (a·b / 16 + 1) p.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn mul(&self, other: &Self) -> Self {
        self.times(other).factor()
    }

    /// a · a, bounded like a product.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn square(&self) -> Self {
        self.squared().factor()
    }

    /// Without what lies above the limbs.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn exact(&self) -> Lanes {
        let mask = splat(MASK);
        let mut limbs = self.0;
        for limb in &mut limbs[..4] {
            *limb = _mm512_and_si512(*limb, mask);
        }
        Lanes(Self(limbs))
    }

    /// Where a number below 8 p is a multiple of p.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn is_zero(&self) -> Verdicts {
        let mut zero = 0xFF;
        let mut p = 0xFF;
        for (limb, of_p) in self.exact().fold().0.0.into_iter().zip(P) {
            zero &= _mm512_test_epi64_mask(limb, splat(u64::MAX)) ^ 0xFF;
            p &= _mm512_cmpeq_epi64_mask(limb, splat(of_p));
        }
        zero | p
    }

    /// Another where the verdict is so, this elsewhere.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn or_where(mut self, verdict: Verdicts, other: &Self) -> Self {
        for (limb, other) in self.0.iter_mut().zip(other.0) {
            *limb = _mm512_mask_mov_epi64(*limb, verdict, other);
        }
        self
    }

    /// The numbers out of the form. A product with 1 is at most p, and p only for zero, so all but
    /// zero come out below p.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn leave(&self) -> [Limbs; 8] {
        let [a, b, c, d] = join(self.mul(&Lanes::everywhere(&[1, 0, 0, 0])).exact().0.0);
        let rows = [store(a), store(b), store(c), store(d)];
        core::array::from_fn(|lane| rows.map(|row| row[lane]))
    }
}

impl Lanes {
    /// Numbers from their limbs.
    #[inline]
    pub(super) const fn of_limbs(limbs: [Vector; 5]) -> Self {
        Self(Factor(limbs))
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn everywhere([a, b, c, d]: &Limbs) -> Self {
        Self::of_limbs(split([splat(*a), splat(*b), splat(*c), splat(*d)]))
    }

    /// 1.
    #[target_feature(enable = "avx512f")]
    pub(super) fn one() -> Self {
        Self::everywhere(&ONE)
    }

    /// The curve's b.
    #[target_feature(enable = "avx512f")]
    pub(super) fn b() -> Self {
        Self::everywhere(&crate::curve::field::Fe::B.to_form(FORM))
    }

    /// Numbers out of the form, below 2^256, brought into it. Below 2 p.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn enter(numbers: &[&Limbs; 8]) -> Factor {
        let mut rows = [[0; 8]; 4];
        for (lane, number) in numbers.iter().enumerate() {
            for (row, limb) in rows.iter_mut().zip(*number) {
                row[lane] = *limb;
            }
        }
        let [a, b, c, d] = &rows;
        Self::of_limbs(split([load(a), load(b), load(c), load(d)]))
            .mul(&Self::everywhere(&INTO_FORM))
    }

    /// The same, to be added to.
    #[inline]
    pub(super) const fn loose(&self) -> Loose {
        Loose(self.0.0)
    }

    /// Brings a number below 1.01 p.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn fold(&self) -> Self {
        self.loose().folded()
    }

    /// Coordinates of points out of tables: one packed point for each lane.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn unpack(points: &[&Packed; 8]) -> (Self, Self) {
        let mut rows = [splat(0); 8];
        for (row, point) in rows.iter_mut().zip(points) {
            *row = load(&point.0);
        }
        let [x0, x1, x2, x3, y0, y1, y2, y3] = transpose(rows);
        (
            Self::of_limbs(split([x0, x1, x2, x3])),
            Self::of_limbs(split([y0, y1, y2, y3])),
        )
    }

    /// Points into tables: the reverse, of coordinates below 2^256.
    #[target_feature(enable = "avx512f")]
    pub(super) fn pack(x: &Self, y: &Self) -> [Packed; 8] {
        let [x0, x1, x2, x3] = join(x.0.0);
        let [y0, y1, y2, y3] = join(y.0.0);
        let mut out = [Packed::BLANK; 8];
        for (to, row) in out
            .iter_mut()
            .zip(transpose([x0, x1, x2, x3, y0, y1, y2, y3]))
        {
            *to = Packed(store(row));
        }
        out
    }
}

/// Chains of squares, of groups that do not wait for each other.
pub(super) mod chains {
    use super::Factor;

    /// Each to the power of 2^count, times the other.
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn raised<const G: usize>(a: &[Factor; G], count: u32, times: &[Factor; G]) -> [Factor; G] {
        let mut out = squared(a, count);
        for (out, times) in out.iter_mut().zip(times) {
            *out = out.mul(times);
        }
        out
    }

    /// Each to the power of 2^count.
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn squared<const G: usize>(a: &[Factor; G], count: u32) -> [Factor; G] {
        let mut out = *a;
        for _ in 0..count {
            for out in &mut out {
                *out = out.square();
            }
        }
        out
    }

    /// 1 / a; zero for zero. The chain is the one of [`Arithmetic::invert`](crate::curve::field::Arithmetic::invert).
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(in super::super) fn inverted<const G: usize>(a: &[Factor; G]) -> [Factor; G] {
        let x2 = raised(a, 1, a);
        let x3 = raised(&x2, 1, a);
        let x6 = raised(&x3, 3, &x3);
        let x12 = raised(&x6, 6, &x6);
        let x15 = raised(&x12, 3, &x3);
        let x30 = raised(&x15, 15, &x15);
        let x31 = raised(&x30, 1, a);
        let x32 = raised(&x31, 1, a);
        let mut out = squared(&x31, 1);
        for _ in 0..4 {
            out = raised(&out, 32, &x32);
        }
        out = raised(&out, 64, &x32);
        out = raised(&out, 30, &x30);
        raised(&out, 2, a)
    }

    /// a^((p+1)/4): a root of each square. The chain is the one of
    /// [`Arithmetic::sqrt`](crate::curve::field::Arithmetic::sqrt).
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(in super::super) fn roots<const G: usize>(a: &[Factor; G]) -> [Factor; G] {
        let u = ones(a);
        let u32 = ones(&u);
        let u64 = raised(&u32, 32, &u32);
        let u128 = raised(&u64, 64, &u64);
        let u160 = raised(&u128, 32, &u32);
        squared(&u160, 62)
    }

    /// a^(2^32 - 1).
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn ones<const G: usize>(a: &[Factor; G]) -> [Factor; G] {
        let x2 = raised(a, 1, a);
        let x4 = raised(&x2, 2, &x2);
        let x8 = raised(&x4, 4, &x4);
        let x16 = raised(&x8, 8, &x8);
        raised(&x16, 16, &x16)
    }
}
