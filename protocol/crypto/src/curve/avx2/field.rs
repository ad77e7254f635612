//! The field in lanes: nine limbs of 29 bits, a number in each of a vector's four lanes.
//!
//! Kept as x · 2^261 mod p, not reduced below p but below a bound that is a small multiple of it;
//! beside each function stands what it asks for and gives. A product is below (a·b / 32 + 1) p for
//! factors below a·p and b·p, because 2^261 is 32 p and a little.
//!
//! Limbs are positive. Of numbers that leave a function the lower eight are below [`MOST`], a little more
//! than 29 bits: a carry goes one limb up, and no further, so that limbs do not wait for each other. Of a
//! product they are 29 bits, as they are after [`exact`](Numbers::exact).
#![expect(
    clippy::needless_range_loop,
    reason = "limbs are numbered, and several arrays are walked at once"
)]

use core::arch::x86_64::{
    _mm256_add_epi64, _mm256_and_si256, _mm256_blendv_epi8, _mm256_castsi256_pd,
    _mm256_cmpeq_epi64, _mm256_movemask_pd, _mm256_or_si256, _mm256_setzero_si256,
    _mm256_slli_epi64, _mm256_srli_epi64, _mm256_sub_epi64,
};

use super::product;
use super::vector::{Vector, join, load, mask_of, splat, split, store, transpose};
use crate::curve::field::Fe;
use crate::curve::lanes::Packed;
use crate::curve::limbs::Limbs;

/// Numbers are kept as x · 2^261 mod p.
pub(super) const FORM: u32 = 261;
pub(super) const MASK: u64 = (1 << 29) - 1;
/// The lower eight limbs of numbers are below it.
pub(super) const MOST: u64 = (1 << 29) + 16;
/// p in limbs of 29 bits.
pub(super) const P: [u64; 9] = [
    0x1FFF_FFFF,
    0x1FFF_FFFF,
    0x0000_003F,
    0x1FFF_FE00,
    0x1FFF_FFFF,
    0x1FFF_FFFF,
    0x1FFF_FFFF,
    0x1FDF_FFFF,
    0x00FF_FFFF,
];
/// 2^261 mod p, in limbs of 64 bits.
const ONE: Limbs = [0x20, 0x1F_FFFF_FFE0, 0, 0x20_0000_0000];
/// 2^522 mod p.
const INTO_FORM: Limbs = [
    0x0000_0800_0000_0C00,
    0x0000_0BFF_FFFF_FC00,
    0x0000_0400_0000_0400,
    0x0000_1000_0000_0800,
];

/// k·p of limbs that are not below those of `times` numbers, so that these can be taken off limb by
/// limb: each limb has lent the one below it 2^30 or 2^31. The highest limb is enough for numbers that
/// are below k·p by a ten-thousandth of p.
const fn above(k: u64, times: u64) -> [u64; 9] {
    let lent = if times == 1 { 2 } else { 4 };
    let mut out = [0; 9];
    let mut at = 0;
    let mut carry = 0;
    while at < 9 {
        let sum = P[at] * k + carry;
        out[at] = if at < 8 { sum & MASK } else { sum };
        carry = sum >> 29;
        if at < 8 {
            out[at] += lent << 29;
        }
        if at > 0 {
            out[at] -= lent;
        }
        assert!(at == 8 || out[at] >= times * MOST);
        at += 1;
    }
    out
}

/// A verdict for each of four lanes, a bit each.
pub(super) type Verdicts = u8;

/// Four numbers.
#[derive(Clone, Copy)]
pub(super) struct Numbers(pub(super) [Vector; 9]);

impl Numbers {
    #[inline]
    #[target_feature(enable = "avx2")]
    fn everywhere(number: &Limbs) -> Self {
        let limbs = split([
            splat(number[0]),
            splat(number[1]),
            splat(number[2]),
            splat(number[3]),
        ]);
        Self(limbs)
    }

    /// 1.
    #[target_feature(enable = "avx2")]
    pub(super) fn one() -> Self {
        Self::everywhere(&ONE)
    }

    /// The curve's b.
    #[target_feature(enable = "avx2")]
    pub(super) fn b() -> Self {
        Self::everywhere(&Fe::B.to_form(FORM))
    }

    /// Numbers out of the form, below 2^256, brought into it: below 1.04 p.
    #[target_feature(enable = "avx2")]
    pub(super) fn enter([a, b, c, d]: &[&Limbs; 4]) -> Self {
        let limbs = split(transpose([load(a), load(b), load(c), load(d)]));
        Self(limbs).mul(&Self::everywhere(&INTO_FORM))
    }

    /// The numbers out of the form. A product with 1 is at most p, and p only for zero, so all but zero
    /// come out below p.
    #[target_feature(enable = "avx2")]
    pub(super) fn leave(&self) -> [Limbs; 4] {
        let out = self.mul(&Self::everywhere(&[1, 0, 0, 0]));
        let [a, b, c, d] = transpose(join(out.0));
        [store(a), store(b), store(c), store(d)]
    }

    /// Carries limbs below 2^34 one limb up. What is above 29 bits of the highest stays there.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn carried(mut limbs: [Vector; 9]) -> Self {
        let mask = splat(MASK);
        for i in (0..8).rev() {
            let carry = _mm256_srli_epi64::<29>(limbs[i]);
            limbs[i + 1] = _mm256_add_epi64(limbs[i + 1], carry);
            limbs[i] = _mm256_and_si256(limbs[i], mask);
        }
        Self(limbs)
    }

    /// Makes the limbs 29 bits each: a number has these limbs only.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn exact(&self) -> Self {
        let mut limbs = self.0;
        let mask = splat(MASK);
        for i in 0..8 {
            let carry = _mm256_srli_epi64::<29>(limbs[i]);
            limbs[i + 1] = _mm256_add_epi64(limbs[i + 1], carry);
            limbs[i] = _mm256_and_si256(limbs[i], mask);
        }
        Self(limbs)
    }

    /// Brings a number below 8 p, of limbs below 2^32, below 1.01 p: what is above 2^256 comes in again
    /// as so many times 2^256 - p = 2^224 + 2^96 - 2^64 + 1. Of limb 3, 2^96 lends one to limb 2, so that 2^64
    /// can be taken off.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn folded(mut limbs: [Vector; 9]) -> Self {
        let mask = splat((1 << 24) - 1);
        let q = _mm256_srli_epi64::<24>(limbs[8]);
        limbs[8] = _mm256_and_si256(limbs[8], mask);
        limbs[7] = _mm256_add_epi64(limbs[7], _mm256_slli_epi64::<21>(q));
        let third = _mm256_sub_epi64(_mm256_slli_epi64::<9>(q), q);
        limbs[3] = _mm256_add_epi64(limbs[3], third);
        let second = _mm256_sub_epi64(_mm256_slli_epi64::<29>(q), _mm256_slli_epi64::<6>(q));
        limbs[2] = _mm256_add_epi64(limbs[2], second);
        limbs[0] = _mm256_add_epi64(limbs[0], q);
        Self::carried(limbs)
    }

    /// Brings a number below 8 p below 1.01 p.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn fold(&self) -> Self {
        Self::folded(self.0)
    }

    /// a · b. For factors below a·p and b·p, below (a·b / 32 + 1) p.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn mul(&self, other: &Self) -> Self {
        Self(product::mul(&self.0, &other.0))
    }

    /// a · a, bounded like a product.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn square(&self) -> Self {
        Self(product::square(&self.0))
    }

    /// a + b: below the sum of their bounds.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn add(&self, other: &Self) -> Self {
        let mut out = self.0;
        for i in 0..9 {
            out[i] = _mm256_add_epi64(out[i], other.0[i]);
        }
        Self::carried(out)
    }

    /// a - b and a multiple of p, which says how much may be taken off.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn difference(&self, other: &Self, above: &[u64; 9]) -> [Vector; 9] {
        let mut out = self.0;
        for i in 0..9 {
            let sum = _mm256_add_epi64(out[i], splat(above[i]));
            out[i] = _mm256_sub_epi64(sum, other.0[i]);
        }
        out
    }

    /// a - b for b below 1.99 p: below a's bound and 2 p.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn sub2(&self, other: &Self) -> Self {
        Self::carried(self.difference(other, const { &above(2, 1) }))
    }

    /// a - b for b below 3.998 p: below a's bound and 4 p.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn sub4(&self, other: &Self) -> Self {
        Self::carried(self.difference(other, const { &above(4, 1) }))
    }

    /// a - b - 2·c for b + 2·c below 3.99 p and a below 4 p: below 1.01 p.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn minus_and_twice(&self, b: &Self, c: &Self) -> Self {
        let mut out = self.difference(b, const { &above(4, 3) });
        for i in 0..9 {
            let twice = _mm256_add_epi64(c.0[i], c.0[i]);
            out[i] = _mm256_sub_epi64(out[i], twice);
        }
        Self::folded(out)
    }

    /// a - 2·c for c below 1.99 p and a below 4 p: below 1.01 p.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn minus_twice(&self, c: &Self) -> Self {
        let mut out = self.difference(c, const { &above(4, 2) });
        for i in 0..9 {
            out[i] = _mm256_sub_epi64(out[i], c.0[i]);
        }
        Self::folded(out)
    }

    /// 3·a / 2. For a below 1.5 p, below 2.75 p.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn three_halves(&self) -> Self {
        let one = splat(1);
        let zero = _mm256_setzero_si256();
        let mut out = self.0;
        // a and p where it is odd, halved from the highest limb down, and a again.
        let odd = _mm256_sub_epi64(zero, _mm256_and_si256(out[0], one));
        let mut from_above = zero;
        for i in (0..9).rev() {
            let p = _mm256_and_si256(splat(P[i]), odd);
            let even = _mm256_add_epi64(out[i], p);
            let half = _mm256_add_epi64(_mm256_srli_epi64::<1>(even), from_above);
            from_above = _mm256_slli_epi64::<28>(_mm256_and_si256(even, one));
            out[i] = _mm256_add_epi64(out[i], half);
        }
        Self::carried(out)
    }

    /// 2 p - a where the verdict is so, a elsewhere, for a below 1.99 p; zero becomes 2 p.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn negated_where(&self, negative: Verdicts) -> Self {
        let zero = Self([_mm256_setzero_si256(); 9]);
        let negated = zero.sub2(self);
        let mut out = self.0;
        let mask = mask_of(negative);
        for i in 0..9 {
            out[i] = _mm256_blendv_epi8(out[i], negated.0[i], mask);
        }
        Self(out)
    }

    /// Where a number below 8 p is a multiple of p.
    #[target_feature(enable = "avx2")]
    pub(super) fn is_zero(&self) -> Verdicts {
        let limbs = self.fold().exact().0;
        let mut zero = splat(u64::MAX);
        let mut p = zero;
        for i in 0..9 {
            zero = _mm256_and_si256(zero, _mm256_cmpeq_epi64(limbs[i], splat(0)));
            p = _mm256_and_si256(p, _mm256_cmpeq_epi64(limbs[i], splat(P[i])));
        }
        let either = _mm256_castsi256_pd(_mm256_or_si256(zero, p));
        Verdicts::try_from(_mm256_movemask_pd(either)).expect("four bits")
    }

    /// Coordinates of points out of tables: one packed point for each lane.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn unpack(points: &[&Packed; 4]) -> (Self, Self) {
        let [a, b, c, d] = points.map(|point| point.halves());
        let x = transpose([load(a.0), load(b.0), load(c.0), load(d.0)]);
        let y = transpose([load(a.1), load(b.1), load(c.1), load(d.1)]);
        (Self(split(x)), Self(split(y)))
    }

    /// Points into tables: the reverse, of coordinates that are products brought below 1.01 p by
    /// [`fold`](Self::fold).
    #[target_feature(enable = "avx2")]
    pub(super) fn pack(x: &Self, y: &Self) -> [Packed; 4] {
        let xs = transpose(join(x.exact().0));
        let ys = transpose(join(y.exact().0));
        let mut out = [Packed::BLANK; 4];
        for lane in 0..4 {
            out[lane] = Packed::join(&store(xs[lane]), &store(ys[lane]));
        }
        out
    }

    /// a^(2^count).
    #[target_feature(enable = "avx2")]
    fn square_times(&self, count: u32) -> Self {
        let mut out = *self;
        for _ in 0..count {
            out = out.square();
        }
        out
    }

    /// 1 / a; zero for zero. The chain is the one of
    /// [`Arithmetic::invert`](crate::curve::field::Arithmetic::invert).
    #[target_feature(enable = "avx2")]
    pub(super) fn invert(&self) -> Self {
        let x2 = self.square().mul(self);
        let x3 = x2.square().mul(self);
        let x6 = x3.square_times(3).mul(&x3);
        let x12 = x6.square_times(6).mul(&x6);
        let x15 = x12.square_times(3).mul(&x3);
        let x30 = x15.square_times(15).mul(&x15);
        let x31 = x30.square().mul(self);
        let x32 = x31.square().mul(self);
        let mut out = x31.square();
        for _ in 0..4 {
            out = out.square_times(32).mul(&x32);
        }
        out = out.square_times(64).mul(&x32);
        out = out.square_times(30).mul(&x30);
        out.square_times(2).mul(self)
    }

    /// a^((p+1)/4): a root of each square. The chain is the one of
    /// [`Arithmetic::sqrt`](crate::curve::field::Arithmetic::sqrt).
    #[target_feature(enable = "avx2")]
    pub(super) fn sqrt(&self) -> Self {
        let u = self.ones();
        let u32 = u.ones();
        let u64 = u32.square_times(32).mul(&u32);
        let u128 = u64.square_times(64).mul(&u64);
        let u160 = u128.square_times(32).mul(&u32);
        u160.square_times(62)
    }

    /// a^(2^32 - 1).
    #[target_feature(enable = "avx2")]
    fn ones(&self) -> Self {
        let x2 = self.square().mul(self);
        let x4 = x2.square_times(2).mul(&x2);
        let x8 = x4.square_times(4).mul(&x4);
        let x16 = x8.square_times(8).mul(&x8);
        x16.square_times(16).mul(&x16)
    }
}
