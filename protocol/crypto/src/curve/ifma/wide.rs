//! What stands between products and factors: sums of products whose reduction is still to come, and
//! limbs whose carries are.
//!
//! A product costs fifty steps of the multiplier and its reduction twenty more, then a chain of
//! carries. So sums of products are reduced once, and what is added to a product or taken off it is so
//! before its carries go up: only factors have to have limbs of 52 bits.

use core::arch::x86_64::{
    _mm512_add_epi64, _mm512_and_si512, _mm512_madd52hi_epu64, _mm512_madd52lo_epu64,
    _mm512_mask_add_epi64, _mm512_mask_sub_epi64, _mm512_setzero_si512, _mm512_slli_epi64,
    _mm512_srai_epi64, _mm512_sub_epi64, _mm512_test_epi64_mask, _mm512_xor_si512,
};

use super::field::{Factor, Lanes, P};
use super::vector::{Vector, splat};

/// Columns of a sum of products of eight numbers: two products and a square at most, which leaves
/// each below 2^57.
#[derive(Clone, Copy)]
pub(super) struct Columns([Vector; 10]);

/// Eight numbers in limbs that are signed and of any size below 2^60. What a number's own bounds
/// are is said where it is used.
#[derive(Clone, Copy)]
pub(super) struct Loose(pub(super) [Vector; 5]);

/// What a reduction step takes off with p's middle, over 2^52: 2^44 - 2^12.
const MIDDLE: u64 = (1 << 44) - (1 << 12);

/// What a sum begins with, so that its reduction may add the complement of m where it has to take m
/// off: of all five steps MIDDLE at the first limb, and at the sixth as much to be taken off, because
/// what stands between cancels out.
const BEFORE: [u64; 10] = [0, MIDDLE, 0, 0, 0, 0, MIDDLE.wrapping_neg(), 0, 0, 0];

impl Columns {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn starting(limbs: [u64; 10]) -> Self {
        let mut t = [_mm512_setzero_si512(); 10];
        for (column, limb) in t.iter_mut().zip(limbs) {
            *column = splat(limb);
        }
        Self(t)
    }

    /// a · b.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn product(a: &Factor, b: &Factor) -> Self {
        Self::starting(BEFORE).plus(a, b)
    }

    /// a · b, which comes out of its reduction less 2 p.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn product_below(a: &Factor, b: &Factor) -> Self {
        const START: [u64; 10] = {
            let mut out = BEFORE;
            let mut at = 0;
            while at < 5 {
                out[5 + at] = out[5 + at].wrapping_sub(2 * P[at]);
                at += 1;
            }
            out
        };
        Self::starting(START).plus(a, b)
    }

    /// This and a · b.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn plus(mut self, a: &Factor, b: &Factor) -> Self {
        let t = &mut self.0;
        for i in 0..5 {
            for j in 0..5 {
                t[i + j] = _mm512_madd52lo_epu64(t[i + j], a.0[i], b.0[j]);
                t[i + j + 1] = _mm512_madd52hi_epu64(t[i + j + 1], a.0[i], b.0[j]);
            }
        }
        self
    }

    /// a · a; cross products are computed once and doubled.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn square(a: &Factor) -> Self {
        const START: [u64; 10] = {
            let mut out = [0; 10];
            out[1] = MIDDLE / 2;
            out[6] = (MIDDLE / 2).wrapping_neg();
            out
        };
        let mut t = Self::starting(START).0;
        for i in 0..5 {
            for j in i + 1..5 {
                t[i + j] = _mm512_madd52lo_epu64(t[i + j], a.0[i], a.0[j]);
                t[i + j + 1] = _mm512_madd52hi_epu64(t[i + j + 1], a.0[i], a.0[j]);
            }
        }
        // The first and the last have none.
        for column in &mut t[1..9] {
            *column = _mm512_add_epi64(*column, *column);
        }
        for i in 0..5 {
            t[2 * i] = _mm512_madd52lo_epu64(t[2 * i], a.0[i], a.0[i]);
            t[2 * i + 1] = _mm512_madd52hi_epu64(t[2 * i + 1], a.0[i], a.0[i]);
        }
        Self(t)
    }

    /// Five steps, each adding m·p, where m is the lowest limb, and dropping that limb: the sum
    /// divided by 2^260. For factors below a·p and b·p of one product, c·p and d·p of the next, below
    /// ((a·b + c·d) / 16 + 1) p. The highest limb is not negative.
    ///
    /// (p + 1) / 2^52 = 2^204 - 2^172 - MIDDLE. The multiplier reads the lowest 52 bits of what it is
    /// given, so m is the limb as it stands, and 2^52 - 1 - m all of its bits turned. With it the
    /// middle is added, a MIDDLE · (2^52 - 1) too much, which [`BEFORE`] is there for.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn reduced(self) -> Loose {
        let mut t = self.0;
        let middle = splat(MIDDLE);
        let high = splat((1 << 48) - (1 << 16));
        for i in 0..5 {
            let m = t[i];
            let turned = _mm512_xor_si512(m, splat(u64::MAX));
            let next = _mm512_add_epi64(t[i + 1], _mm512_srai_epi64::<52>(m));
            t[i + 1] = _mm512_madd52lo_epu64(next, turned, middle);
            t[i + 2] = _mm512_madd52hi_epu64(t[i + 2], turned, middle);
            t[i + 4] = _mm512_madd52lo_epu64(t[i + 4], m, high);
            t[i + 5] = _mm512_madd52hi_epu64(t[i + 5], m, high);
        }
        Loose([t[5], t[6], t[7], t[8], t[9]])
    }
}

impl Loose {
    /// a + b.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn plus(mut self, other: Self) -> Self {
        for (limb, other) in self.0.iter_mut().zip(other.0) {
            *limb = _mm512_add_epi64(*limb, other);
        }
        self
    }

    /// a - b.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn minus(mut self, other: Self) -> Self {
        for (limb, other) in self.0.iter_mut().zip(other.0) {
            *limb = _mm512_sub_epi64(*limb, other);
        }
        self
    }

    /// k·p - a.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn minus_from(self, k: u64) -> Self {
        Self([_mm512_setzero_si512(); 5]).minus(self).above(k)
    }

    /// a + k·p, for a number that may be negative down to -k·p.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn above(mut self, k: u64) -> Self {
        for (limb, p) in self.0.iter_mut().zip(P) {
            *limb = _mm512_add_epi64(*limb, splat(p * k));
        }
        self
    }

    /// -a where the verdict is so, a elsewhere.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn negated_where(mut self, negative: u8) -> Self {
        for limb in &mut self.0 {
            *limb = _mm512_mask_sub_epi64(*limb, negative, _mm512_setzero_si512(), *limb);
        }
        self
    }

    /// a + a.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn twice(self) -> Self {
        self.plus(self)
    }

    /// a / 2: below (a / 2 + 0.5) p for a below a·p.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn halved(self) -> Self {
        let one = splat(1);
        let mut t = self.0;
        // Whether a number is odd, its lowest limb alone says.
        let odd = _mm512_test_epi64_mask(t[0], one);
        for (limb, p) in t.iter_mut().zip(P) {
            *limb = _mm512_mask_add_epi64(*limb, odd, *limb, splat(p));
        }
        let mut out = t;
        for i in 0..4 {
            let from_above = _mm512_slli_epi64::<51>(_mm512_and_si512(t[i + 1], one));
            out[i] = _mm512_add_epi64(_mm512_srai_epi64::<1>(t[i]), from_above);
        }
        out[4] = _mm512_srai_epi64::<1>(t[4]);
        Self(out)
    }

    /// Carries gone up, for a number that is not negative and below 2^260.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn factor(self) -> Factor {
        let mut limbs = self.0;
        for i in 0..4 {
            limbs[i + 1] = _mm512_add_epi64(limbs[i + 1], _mm512_srai_epi64::<52>(limbs[i]));
        }
        Factor(limbs)
    }

    /// The same, and nothing left of the carries where they came from.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn carried(self) -> Lanes {
        self.factor().exact()
    }

    /// The same, of a number brought below 1.01 p: what is above 2^256 comes in again as so many
    /// times 2^256 - p = 2^224 + 2^96 - 2^64 + 1. Before its carries go up, too, the highest limb is
    /// not negative: the number is in limbs of 52 bits, or not below 0.5 p.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn folded(self) -> Lanes {
        let mut limbs = self.0;
        let mask = splat((1 << 48) - 1);
        let q = _mm512_srai_epi64::<48>(limbs[4]);
        limbs[4] = _mm512_add_epi64(_mm512_and_si512(limbs[4], mask), _mm512_slli_epi64::<16>(q));
        // Multiplied where shifts would do: a compiler makes of them a multiplication of three steps.
        limbs[1] = _mm512_madd52lo_epu64(limbs[1], q, splat(MIDDLE));
        limbs[0] = _mm512_add_epi64(limbs[0], q);
        Self(limbs).carried()
    }
}
