//! Four numbers of the field side by side, each in five limbs of 52 bits.
//!
//! Kept as x · 2^260 mod p and not below p but below a small multiple of it. A product is below
//! (a·b / 16 + 1) p for factors below a·p and b·p, because 2^260 is 16 p and a little. The multiplier
//! reads 52 bits of a limb, so factors have their carries done ([`Quad`]); what it gives, and sums of
//! that, have not ([`Loose`]), and between two products carries are done once.
//!
//! Lanes are numbered from 0. Which of them mean something is said where they are used; others hold
//! whatever was computed, which no lane next to them can see.

use core::arch::asm;
use core::arch::x86_64::{
    __m256i, _mm256_add_epi64, _mm256_and_si256, _mm256_blend_epi32, _mm256_extract_epi64,
    _mm256_mask_add_epi64, _mm256_mask_sub_epi64, _mm256_permute4x64_epi64, _mm256_set_epi64x,
    _mm256_set1_epi64x, _mm256_slli_epi64, _mm256_sllv_epi64, _mm256_srai_epi64, _mm256_sub_epi64,
    _mm256_unpacklo_epi64,
};

use super::product::product;
use crate::curve::field::{Fe, P};
use crate::curve::limbs::{self, Limbs};

/// Four lanes.
type Vector = __m256i;

const MASK: u64 = (1 << 52) - 1;
/// p in limbs of 52 bits.
const P52: [u64; 5] = split(&P);

/// Four limbs of 64 bits as five of 52.
pub(super) const fn split([a, b, c, d]: &Limbs) -> [u64; 5] {
    [
        *a & MASK,
        (*a >> 52 | *b << 12) & MASK,
        (*b >> 40 | *c << 24) & MASK,
        (*c >> 28 | *d << 36) & MASK,
        *d >> 16,
    ]
}

#[inline]
#[target_feature(enable = "avx512f,avx512vl")]
fn splat(number: u64) -> Vector {
    _mm256_set1_epi64x(number.cast_signed())
}

/// A choice of lanes, for `plus_in` and `minus_in`.
pub(super) const fn bits<const N: usize>(numbers: [u32; N]) -> u8 {
    let mut out = 0;
    let mut at = 0;
    while at < N {
        out |= 1 << numbers[at];
        at += 1;
    }
    out
}

/// The same, for `with`.
pub(super) const fn lanes<const N: usize>(numbers: [u32; N]) -> i32 {
    let mut out = 0;
    let mut at = 0;
    while at < N {
        // Two halves of a lane.
        out |= 0b11 << (2 * numbers[at]);
        at += 1;
    }
    out
}

/// Where each lane comes from, for `spread`.
pub(super) const fn from(lanes: [i32; 4]) -> i32 {
    lanes[0] | lanes[1] << 2 | lanes[2] << 4 | lanes[3] << 6
}

/// Numbers as the multiplier reads them: limbs of 52 bits, below 2^260.
#[derive(Clone, Copy)]
pub(super) struct Quad([Vector; 5]);

/// Numbers whose limbs are signed, some bits longer, and carry into each other yet.
#[derive(Clone, Copy)]
pub(super) struct Loose([Vector; 5]);

impl Quad {
    /// Four numbers from their limbs.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vl")]
    pub(super) fn of(numbers: [&[u64; 5]; 4]) -> Self {
        let [a, b, c, d] = numbers;
        let lane = |limb: u64| limb.cast_signed();
        Self(core::array::from_fn(|i| {
            _mm256_set_epi64x(lane(d[i]), lane(c[i]), lane(b[i]), lane(a[i]))
        }))
    }

    /// The other's lanes where they are chosen, these elsewhere.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vl")]
    pub(super) fn with<const LANES: i32>(&self, other: &Self) -> Self {
        Self(Loose(self.0).with::<LANES>(&Loose(other.0)).0)
    }

    /// Lanes from where `FROM` says.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vl")]
    pub(super) fn spread<const FROM: i32>(&self) -> Self {
        Self(Loose(self.0).spread::<FROM>().0)
    }

    #[inline]
    pub(super) const fn loose(&self) -> Loose {
        Loose(self.0)
    }

    /// a · b / 2^260.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vl,avx512ifma")]
    pub(super) fn mul(&self, other: &Self) -> Loose {
        let low = splat((1 << 52) - (1 << 44) + (1 << 12));
        let high = splat((1 << 48) - (1 << 16));
        Loose(product(&self.0, &other.0, splat(MASK), low, high))
    }

    /// The numbers of all lanes, which are below 2 p, brought below p.
    #[target_feature(enable = "avx512f,avx512vl")]
    pub(super) fn below_p(&self) -> [Fe; 4] {
        let rows = self.0.map(|limb| {
            [
                _mm256_extract_epi64::<0>(limb).cast_unsigned(),
                _mm256_extract_epi64::<1>(limb).cast_unsigned(),
                _mm256_extract_epi64::<2>(limb).cast_unsigned(),
                _mm256_extract_epi64::<3>(limb).cast_unsigned(),
            ]
        });
        core::array::from_fn(|lane| {
            let [a, b, c, d, e] = rows.map(|row| row[lane]);
            let number = [
                a | b << 52,
                b >> 12 | c << 40,
                c >> 24 | d << 28,
                d >> 36 | e << 16,
            ];
            Fe(limbs::below(&number, e >> 48 != 0, &P))
        })
    }
}

/// 2^12 a. As assembly, because compilers make one multiplication of two shifts whose results are added,
/// which is cheap for numbers but not for vectors.
#[inline]
#[target_feature(enable = "avx512f,avx512vl")]
#[expect(unsafe_code, reason = "it is assembly")]
fn twelve_up(a: Vector) -> Vector {
    let out;
    // SAFETY: the function asks for the instruction. Nothing is read or written but the registers that
    // are named.
    unsafe {
        asm!(
            "vpsllq {out:y}, {a:y}, 12",
            a = in(zmm_reg) a,
            out = lateout(zmm_reg) out,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    out
}

impl Loose {
    #[inline]
    #[target_feature(enable = "avx512f,avx512vl")]
    fn each(&self, other: &Self, f: impl Fn(Vector, Vector) -> Vector) -> Self {
        Self(core::array::from_fn(|i| f(self.0[i], other.0[i])))
    }

    /// a + b.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vl")]
    pub(super) fn plus(&self, other: &Self) -> Self {
        self.each(other, |a, b| _mm256_add_epi64(a, b))
    }

    /// a - b.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vl")]
    pub(super) fn minus(&self, other: &Self) -> Self {
        self.each(other, |a, b| _mm256_sub_epi64(a, b))
    }

    /// a + b in the chosen lanes, a elsewhere.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vl")]
    pub(super) fn plus_in<const LANES: u8>(&self, other: &Self) -> Self {
        self.each(other, |a, b| _mm256_mask_add_epi64(a, LANES, a, b))
    }

    /// a - b in the chosen lanes, a elsewhere.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vl")]
    pub(super) fn minus_in<const LANES: u8>(&self, other: &Self) -> Self {
        self.each(other, |a, b| _mm256_mask_sub_epi64(a, LANES, a, b))
    }

    /// 2·a.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vl")]
    pub(super) fn twice(&self) -> Self {
        self.plus(self)
    }

    /// a times a power of two for each lane.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vl")]
    pub(super) fn shifted(&self, by: [i64; 4]) -> Self {
        let by = _mm256_set_epi64x(by[3], by[2], by[1], by[0]);
        self.each(self, |a, _| _mm256_sllv_epi64(a, by))
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512vl")]
    fn multiple_of_p(times: u64) -> Self {
        Self(core::array::from_fn(|i| splat(P52[i] * times)))
    }

    /// a + times·p.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vl")]
    pub(super) fn above(&self, times: u64) -> Self {
        self.plus(&Self::multiple_of_p(times))
    }

    /// 8 p - a in the chosen lanes where it is asked for, for a below 8 p.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vl")]
    pub(super) fn negated_where<const LANES: u8>(&self, negative: u64) -> Self {
        let [ones, ..] = negative.to_le_bytes();
        let chosen = ones & LANES;
        self.each(&Self::multiple_of_p(8), |a, above| {
            _mm256_mask_sub_epi64(a, chosen, above, a)
        })
    }

    /// a + times·p in the chosen lanes, a elsewhere.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vl")]
    pub(super) fn above_in<const LANES: u8>(&self, times: u64) -> Self {
        self.plus_in::<LANES>(&Self::multiple_of_p(times))
    }

    /// The other's lanes where they are chosen, these elsewhere.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vl")]
    pub(super) fn with<const LANES: i32>(&self, other: &Self) -> Self {
        self.each(other, |a, b| _mm256_blend_epi32::<LANES>(a, b))
    }

    /// Lanes from where `FROM` says.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vl")]
    pub(super) fn spread<const FROM: i32>(&self) -> Self {
        self.each(self, |a, _| _mm256_permute4x64_epi64::<FROM>(a))
    }

    /// Lanes 0 and 2 in their neighbours too; cheaper than `spread`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vl")]
    pub(super) fn even(&self) -> Self {
        self.each(self, |a, b| _mm256_unpacklo_epi64(a, b))
    }

    /// Does the carries, of numbers that are not negative and below 2^260.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vl")]
    pub(super) fn carried(&self) -> Quad {
        let mask = splat(MASK);
        let mut out = self.0;
        for i in 0..4 {
            let carry = _mm256_srai_epi64::<52>(out[i]);
            out[i] = _mm256_and_si256(out[i], mask);
            out[i + 1] = _mm256_add_epi64(out[i + 1], carry);
        }
        Quad(out)
    }

    /// The same, of numbers below 64 p, which are brought below 1.01 p: what is above 2^256 comes in
    /// again as so many times 2^256 - p = 2^224 + 2^96 - 2^64 + 1.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vl")]
    pub(super) fn folded(&self) -> Quad {
        let mask = splat((1 << 48) - 1);
        let [a, b, c, d, e] = self.0;
        let q = _mm256_srai_epi64::<48>(e);
        let e = _mm256_add_epi64(_mm256_and_si256(e, mask), _mm256_slli_epi64::<16>(q));
        let b = _mm256_sub_epi64(b, twelve_up(q));
        let middle = _mm256_slli_epi64::<44>(q);
        Self([_mm256_add_epi64(a, q), _mm256_add_epi64(b, middle), c, d, e]).carried()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Kernel;
    use super::*;
    use crate::curve::limbs::{any_limbs, below};

    /// Any limbs of 52 bits, edges far more often than chance gives them.
    fn any_five() -> impl Strategy<Value = [u64; 5]> {
        let limb = prop_oneof![
            0..=MASK,
            Just(0),
            Just(1),
            Just(MASK),
            Just(MASK - 1),
            Just(1 << 51),
            Just(P52[1]),
            Just(P52[4]),
        ];
        [limb.clone(), limb.clone(), limb.clone(), limb.clone(), limb]
    }

    fn any_below_p() -> impl Strategy<Value = [u64; 5]> {
        any_limbs().prop_map(|limbs| split(&below(&limbs, false, &P)))
    }

    fn four<T: core::fmt::Debug>(each: impl Strategy<Value = T>) -> impl Strategy<Value = [T; 4]> {
        proptest::collection::vec(each, 4).prop_map(|each| each.try_into().expect("four"))
    }

    /// The number modulo p.
    fn number(limbs: &[u64; 5]) -> Fe {
        let up = Fe::from_limbs(&[1 << 52, 0, 0, 0]).expect("below p");
        limbs.iter().rev().fold(Fe::ZERO, |sum, limb| {
            let limb = Fe::from_limbs(&[*limb, 0, 0, 0]).expect("below p");
            sum.mul(&up).add(&limb)
        })
    }

    /// What lies in a lane, as the number that it is.
    fn lying(lane: &Fe) -> Fe {
        Fe::from_limbs(&lane.0).expect("below p")
    }

    /// 2^260, by which products are divided.
    fn form() -> Fe {
        number(&[0, 0, 0, 0, 1 << 51]).double()
    }

    #[target_feature(enable = "avx512f,avx512vl,avx512ifma")]
    fn products(a: &[[u64; 5]; 4], b: &[[u64; 5]; 4]) -> [Fe; 4] {
        let product = Quad::of(a.each_ref()).mul(&Quad::of(b.each_ref()));
        product.carried().below_p()
    }

    /// 4 times the first lanes' differences but for lane 1, and the negative of lane 0.
    #[target_feature(enable = "avx512f,avx512vl,avx512ifma")]
    fn sums(a: &[[u64; 5]; 4], b: &[[u64; 5]; 4], negative: u64) -> [Fe; 4] {
        let (a, b) = (Quad::of(a.each_ref()), Quad::of(b.each_ref()));
        let one = Quad::of([&[1, 0, 0, 0, 0]; 4]);
        let sum = a
            .loose()
            .above(8)
            .minus_in::<{ bits([0, 2, 3]) }>(&b.loose());
        let sum = sum
            .plus_in::<{ bits([1]) }>(&b.loose())
            .shifted([1, 2, 0, 1]);
        let turned = sum
            .folded()
            .loose()
            .negated_where::<{ bits([0]) }>(negative);
        turned.carried().mul(&one).carried().below_p()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        /// One factor is any that the multiplier reads, the other below p, so that the product is below 2 p.
        #[test]
        #[expect(unsafe_code, reason = "it is code for this processor only")]
        fn products_are_the_portable_ones(a in four(any_five()), b in four(any_below_p())) {
            if Kernel::here().is_none() {
                return Ok(());
            }
            // SAFETY: `Kernel::here` found avx512f, avx512vl and avx512ifma.
            let products = unsafe { products(&a, &b) };
            for (lane, product) in products.iter().enumerate() {
                let model = number(&a[lane]).mul(&number(&b[lane]));
                prop_assert_eq!(lying(product).mul(&form()), model);
            }
        }

        #[test]
        #[expect(unsafe_code, reason = "it is code for this processor only")]
        fn sums_and_differences_are_the_portable_ones(
            a in four(any_below_p()),
            b in four(any_below_p()),
            negative in any::<bool>(),
        ) {
            if Kernel::here().is_none() {
                return Ok(());
            }
            let mask = 0u64.wrapping_sub(u64::from(negative));
            // SAFETY: `Kernel::here` found avx512f, avx512vl and avx512ifma.
            let lanes = unsafe { sums(&a, &b, mask) };
            for (lane, sum) in lanes.iter().enumerate() {
                let (a, b) = (number(&a[lane]), number(&b[lane]));
                let model = match lane {
                    0 if negative => b.sub(&a).double(),
                    1 => a.add(&b).double().double(),
                    2 => a.sub(&b),
                    _ => a.sub(&b).double(),
                };
                prop_assert_eq!(lying(sum).mul(&form()), model);
            }
        }

        #[test]
        #[expect(unsafe_code, reason = "it is code for this processor only")]
        fn lanes_go_where_they_are_sent(a in four(any_below_p())) {
            #[target_feature(enable = "avx512f,avx512vl,avx512ifma")]
            fn moved(a: &[[u64; 5]; 4]) -> [[Fe; 4]; 3] {
                let a = Quad::of(a.each_ref());
                [
                    a.spread::<{ from([3, 1, 0, 2]) }>().below_p(),
                    a.loose().even().carried().below_p(),
                    a.with::<{ lanes([1, 2]) }>(&Quad::of([&P52; 4])).below_p(),
                ]
            }
            if Kernel::here().is_none() {
                return Ok(());
            }
            // SAFETY: `Kernel::here` found avx512f, avx512vl and avx512ifma.
            let moved = unsafe { moved(&a) };
            let a = a.map(|limbs| number(&limbs));
            prop_assert_eq!(moved[0].map(|lane| lying(&lane)), [a[3], a[1], a[0], a[2]]);
            prop_assert_eq!(moved[1].map(|lane| lying(&lane)), [a[0], a[0], a[2], a[2]]);
            prop_assert_eq!(moved[2].map(|lane| lying(&lane)), [a[0], Fe::ZERO, Fe::ZERO, a[3]]);
        }
    }
}
