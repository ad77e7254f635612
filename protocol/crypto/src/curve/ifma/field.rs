//! The field in lanes: five limbs of 52 bits, eight numbers in a vector, G vectors side by side.
//!
//! Kept as x · 2^260 mod p, not reduced below p but below a bound that is a small multiple of it;
//! beside each function stands what it asks for and gives. A product is below (a·b / 16 + 1) p for
//! factors below a·p and b·p, because 2^260 is 16 p and a little; so bounds of 16 together give 2 p.
//! Limbs that leave a function are 52 bits, as the multiplier reads them; inside, they are signed.
//!
//! With G = 2 two computations that do not wait for each other fill the multiplier, which one would
//! leave idle half of the time.
#![expect(
    clippy::needless_range_loop,
    reason = "limbs and groups are numbered, and several arrays are walked at once"
)]

use core::arch::x86_64::{
    __mmask8, _mm512_add_epi64, _mm512_and_si512, _mm512_cmpeq_epi64_mask, _mm512_madd52hi_epu64,
    _mm512_madd52lo_epu64, _mm512_mask_add_epi64, _mm512_mask_mov_epi64, _mm512_setzero_si512,
    _mm512_slli_epi64, _mm512_srai_epi64, _mm512_srli_epi64, _mm512_sub_epi64,
    _mm512_test_epi64_mask,
};

use super::vector::{Packed, Vector, join, load, splat, split, store, transpose};
use crate::curve::limbs::Limbs;

const MASK: u64 = (1 << 52) - 1;
/// p in limbs of 52 bits.
const P: [u64; 5] = [
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

/// 8·G numbers.
#[derive(Clone, Copy)]
pub(super) struct Lanes<const G: usize>([[Vector; G]; 5]);

/// A verdict for each of 8·G lanes.
pub(super) type Verdicts<const G: usize> = [__mmask8; G];

impl<const G: usize> Lanes<G> {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn everywhere(number: &Limbs) -> Self {
        let limbs = split([
            splat(number[0]),
            splat(number[1]),
            splat(number[2]),
            splat(number[3]),
        ]);
        Self(limbs.map(|limb| [limb; G]))
    }

    /// A number from its limbs.
    #[inline]
    pub(super) const fn of_limbs(limbs: [[Vector; G]; 5]) -> Self {
        Self(limbs)
    }

    /// 1.
    #[target_feature(enable = "avx512f")]
    pub(super) fn one() -> Self {
        Self::everywhere(&ONE)
    }

    /// Numbers out of the form, below 2^256, brought into it. Below 2 p.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn enter(numbers: &[[&Limbs; 8]; G]) -> Self {
        let mut out = [[_mm512_setzero_si512(); G]; 5];
        for g in 0..G {
            let limbs = core::array::from_fn(|limb| numbers[g].map(|number| number[limb]));
            let limbs: [[u64; 8]; 4] = limbs;
            let [a, b, c, d] = &limbs;
            let five = split([load(a), load(b), load(c), load(d)]);
            for (to, from) in out.iter_mut().zip(five) {
                to[g] = from;
            }
        }
        Self(out).mul(&Self::everywhere(&INTO_FORM))
    }

    /// The curve's b.
    #[target_feature(enable = "avx512f")]
    pub(super) fn b() -> Self {
        Self::everywhere(&crate::curve::field::Fe::B.to_lane_form())
    }

    /// The numbers out of the form. A product with 1 is at most p, and p only for zero, so all but
    /// zero come out below p.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn leave(&self) -> [[Limbs; 8]; G] {
        let out = self.mul(&Self::everywhere(&[1, 0, 0, 0]));
        core::array::from_fn(|g| {
            let [a, b, c, d] = join(out.0.map(|limb| limb[g]));
            let rows = [store(a), store(b), store(c), store(d)];
            core::array::from_fn(|lane| rows.map(|row| row[lane]))
        })
    }

    /// Makes the limbs 52 bits each, of a number that is not negative and below 2^260.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn carried(mut limbs: [[Vector; G]; 5]) -> Self {
        let mask = splat(MASK);
        for i in 0..4 {
            for g in 0..G {
                let carry = _mm512_srai_epi64::<52>(limbs[i][g]);
                limbs[i][g] = _mm512_and_si512(limbs[i][g], mask);
                limbs[i + 1][g] = _mm512_add_epi64(limbs[i + 1][g], carry);
            }
        }
        Self(limbs)
    }

    /// The same, brought below 1.01 p: what is above 2^256 comes in again as so many times
    /// 2^256 - p = 2^224 + 2^96 - 2^64 + 1.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn folded(mut limbs: [[Vector; G]; 5]) -> Self {
        let mask = splat((1 << 48) - 1);
        for g in 0..G {
            let q = _mm512_srai_epi64::<48>(limbs[4][g]);
            limbs[4][g] = _mm512_add_epi64(
                _mm512_and_si512(limbs[4][g], mask),
                _mm512_slli_epi64::<16>(q),
            );
            let middle = _mm512_sub_epi64(_mm512_slli_epi64::<44>(q), _mm512_slli_epi64::<12>(q));
            limbs[1][g] = _mm512_add_epi64(limbs[1][g], middle);
            limbs[0][g] = _mm512_add_epi64(limbs[0][g], q);
        }
        Self::carried(limbs)
    }

    /// Brings a number below 1.01 p.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn fold(&self) -> Self {
        Self::folded(self.0)
    }

    /// a · b. For factors below a·p and b·p, below (a·b / 16 + 1) p.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn mul(&self, other: &Self) -> Self {
        let mut t = [[_mm512_setzero_si512(); G]; 10];
        for i in 0..5 {
            for j in 0..5 {
                for g in 0..G {
                    let (a, b) = (self.0[i][g], other.0[j][g]);
                    t[i + j][g] = _mm512_madd52lo_epu64(t[i + j][g], a, b);
                    t[i + j + 1][g] = _mm512_madd52hi_epu64(t[i + j + 1][g], a, b);
                }
            }
        }
        Self::reduced(t)
    }

    /// a · a, bounded like a product; cross products are computed once and doubled.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn square(&self) -> Self {
        let mut t = [[_mm512_setzero_si512(); G]; 10];
        for i in 0..5 {
            for j in i + 1..5 {
                for g in 0..G {
                    let (a, b) = (self.0[i][g], self.0[j][g]);
                    t[i + j][g] = _mm512_madd52lo_epu64(t[i + j][g], a, b);
                    t[i + j + 1][g] = _mm512_madd52hi_epu64(t[i + j + 1][g], a, b);
                }
            }
        }
        for limb in &mut t {
            for limb in limb {
                *limb = _mm512_add_epi64(*limb, *limb);
            }
        }
        for i in 0..5 {
            for g in 0..G {
                let a = self.0[i][g];
                t[2 * i][g] = _mm512_madd52lo_epu64(t[2 * i][g], a, a);
                t[2 * i + 1][g] = _mm512_madd52hi_epu64(t[2 * i + 1][g], a, a);
            }
        }
        Self::reduced(t)
    }

    /// Five steps, each adding m·p, where m is the lowest limb, and dropping that limb.
    ///
    /// (p + 1) / 2^52 = 2^204 - 2^172 - 2^44 + 2^12, so that two constants do: one for its lowest
    /// limb, a 2^52 too much, which is taken off the next limb as m itself; one for its highest.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn reduced(mut t: [[Vector; G]; 10]) -> Self {
        let mask = splat(MASK);
        let low = splat((1 << 52) - (1 << 44) + (1 << 12));
        let high = splat((1 << 48) - (1 << 16));
        for i in 0..5 {
            for g in 0..G {
                let m = _mm512_and_si512(t[i][g], mask);
                let carry = _mm512_srai_epi64::<52>(t[i][g]);
                let next = _mm512_add_epi64(t[i + 1][g], carry);
                t[i + 1][g] = _mm512_madd52lo_epu64(next, m, low);
                let after = _mm512_sub_epi64(t[i + 2][g], m);
                t[i + 2][g] = _mm512_madd52hi_epu64(after, m, low);
                t[i + 4][g] = _mm512_madd52lo_epu64(t[i + 4][g], m, high);
                t[i + 5][g] = _mm512_madd52hi_epu64(t[i + 5][g], m, high);
            }
        }
        Self::carried([t[5], t[6], t[7], t[8], t[9]])
    }

    /// a + b: below the sum of their bounds.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn add(&self, other: &Self) -> Self {
        let mut out = self.0;
        for i in 0..5 {
            for g in 0..G {
                out[i][g] = _mm512_add_epi64(out[i][g], other.0[i][g]);
            }
        }
        Self::carried(out)
    }

    /// a - b + k·p, with limbs that may be anything.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn difference(&self, other: &Self, k: u64) -> [[Vector; G]; 5] {
        let mut out = self.0;
        for i in 0..5 {
            let above = splat(P[i] * k);
            for g in 0..G {
                out[i][g] = _mm512_add_epi64(_mm512_sub_epi64(out[i][g], other.0[i][g]), above);
            }
        }
        out
    }

    /// a - b for b below 2 p: below a's bound and 2 p.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn sub2(&self, other: &Self) -> Self {
        Self::carried(self.difference(other, 2))
    }

    /// a - b for b below 4 p: below a's bound and 4 p.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn sub4(&self, other: &Self) -> Self {
        Self::carried(self.difference(other, 4))
    }

    /// a - b - 2·c for b + 2·c below 4 p and a below 8 p: below 1.01 p.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn minus_and_twice(&self, b: &Self, c: &Self) -> Self {
        let mut out = self.difference(b, 4);
        for i in 0..5 {
            for g in 0..G {
                let twice = _mm512_add_epi64(c.0[i][g], c.0[i][g]);
                out[i][g] = _mm512_sub_epi64(out[i][g], twice);
            }
        }
        Self::folded(out)
    }

    /// a - 2·c for c below 2 p and a below 8 p: below 1.01 p.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn minus_twice(&self, c: &Self) -> Self {
        let mut out = self.difference(c, 4);
        for i in 0..5 {
            for g in 0..G {
                out[i][g] = _mm512_sub_epi64(out[i][g], c.0[i][g]);
            }
        }
        Self::folded(out)
    }

    /// 3·a / 2. For a below 1.5 p, below 2.75 p.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn three_halves(&self) -> Self {
        let one = splat(1);
        let mut t = self.0;
        let mut out = self.0;
        for g in 0..G {
            for limb in &mut t {
                limb[g] = _mm512_add_epi64(_mm512_add_epi64(limb[g], limb[g]), limb[g]);
            }
            let odd = _mm512_test_epi64_mask(t[0][g], one);
            for i in 0..5 {
                t[i][g] = _mm512_mask_add_epi64(t[i][g], odd, t[i][g], splat(P[i]));
            }
            for i in 0..4 {
                let from_above = _mm512_slli_epi64::<51>(_mm512_and_si512(t[i + 1][g], one));
                out[i][g] = _mm512_add_epi64(_mm512_srli_epi64::<1>(t[i][g]), from_above);
            }
            out[4][g] = _mm512_srli_epi64::<1>(t[4][g]);
        }
        Self::carried(out)
    }

    /// 2 p - a where the verdict is so, a elsewhere, for a below 2 p; zero in all limbs becomes 2 p.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn negated_where(&self, negative: Verdicts<G>) -> Self {
        let zero = Self([[_mm512_setzero_si512(); G]; 5]);
        let negated = zero.sub2(self);
        let mut out = self.0;
        for i in 0..5 {
            for g in 0..G {
                out[i][g] = _mm512_mask_mov_epi64(out[i][g], negative[g], negated.0[i][g]);
            }
        }
        Self(out)
    }

    /// 1 where the verdict is so, a elsewhere.
    #[target_feature(enable = "avx512f")]
    pub(super) fn one_where(&self, verdict: Verdicts<G>) -> Self {
        let one = Self::one();
        let mut out = self.0;
        for i in 0..5 {
            for g in 0..G {
                out[i][g] = _mm512_mask_mov_epi64(out[i][g], verdict[g], one.0[i][g]);
            }
        }
        Self(out)
    }

    /// Where a number below 8 p is a multiple of p.
    #[target_feature(enable = "avx512f")]
    pub(super) fn is_zero(&self) -> Verdicts<G> {
        let limbs = self.fold().0;
        core::array::from_fn(|g| {
            let mut zero = 0xFF;
            let mut p = 0xFF;
            for i in 0..5 {
                zero &= _mm512_test_epi64_mask(limbs[i][g], splat(u64::MAX)) ^ 0xFF;
                p &= _mm512_cmpeq_epi64_mask(limbs[i][g], splat(P[i]));
            }
            zero | p
        })
    }

    #[target_feature(enable = "avx512f,avx512ifma")]
    fn square_times(&self, count: u32) -> Self {
        let mut out = *self;
        for _ in 0..count {
            out = out.square();
        }
        out
    }

    /// 1 / a; zero for zero. The chain is the one of [`Fe::invert`](crate::curve::field::Fe::invert).
    #[target_feature(enable = "avx512f,avx512ifma")]
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
    /// [`Fe::sqrt`](crate::curve::field::Fe::sqrt).
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn sqrt(&self) -> Self {
        let u = self.ones();
        let u32 = u.ones();
        let u64 = u32.square_times(32).mul(&u32);
        let u128 = u64.square_times(64).mul(&u64);
        let u160 = u128.square_times(32).mul(&u32);
        u160.square_times(62)
    }

    /// a^(2^32 - 1).
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn ones(&self) -> Self {
        let x2 = self.square().mul(self);
        let x4 = x2.square_times(2).mul(&x2);
        let x8 = x4.square_times(4).mul(&x4);
        let x16 = x8.square_times(8).mul(&x8);
        x16.square_times(16).mul(&x16)
    }

    /// Coordinates of points out of tables: one packed point for each lane.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn unpack(points: &[[&Packed; 8]; G]) -> (Self, Self) {
        let mut columns = [[_mm512_setzero_si512(); 8]; G];
        for g in 0..G {
            let rows = points[g];
            columns[g] = transpose([
                load(&rows[0].0),
                load(&rows[1].0),
                load(&rows[2].0),
                load(&rows[3].0),
                load(&rows[4].0),
                load(&rows[5].0),
                load(&rows[6].0),
                load(&rows[7].0),
            ]);
        }
        Self::of_columns(&columns)
    }

    /// Coordinates from x's four limbs of 64 bits and y's.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn of_columns(columns: &[[Vector; 8]; G]) -> (Self, Self) {
        let mut x = [[_mm512_setzero_si512(); G]; 5];
        let mut y = x;
        for g in 0..G {
            let [x0, x1, x2, x3, y0, y1, y2, y3] = columns[g];
            let (five_x, five_y) = (split([x0, x1, x2, x3]), split([y0, y1, y2, y3]));
            for i in 0..5 {
                x[i][g] = five_x[i];
                y[i][g] = five_y[i];
            }
        }
        (Self(x), Self(y))
    }

    /// Points into tables: the reverse, of coordinates below 2^256.
    #[target_feature(enable = "avx512f")]
    pub(super) fn pack(x: &Self, y: &Self) -> [[Packed; 8]; G] {
        core::array::from_fn(|g| {
            let [x0, x1, x2, x3] = join(x.0.map(|limb| limb[g]));
            let [y0, y1, y2, y3] = join(y.0.map(|limb| limb[g]));
            transpose([x0, x1, x2, x3, y0, y1, y2, y3]).map(|row| Packed(store(row)))
        })
    }
}
