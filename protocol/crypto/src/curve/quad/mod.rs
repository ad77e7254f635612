//! The sum that one verification asks for, by AVX-512's multipliers of 52 bits (IFMA): the products of one
//! doubling or addition that do not wait for each other stand in the four lanes of one vector.
//!
//! For public values only. Not here: many signatures at once (`ifma`), and equal and opposite points, which
//! are not looked for while the sum is made: there is none then, and `multiple` makes it the other way.
//!
//! `unsafe` are the assembly of [`product`] and of one shift, and calling code for a processor that has the
//! instructions, once [`Kernel::here`] has found them.

mod field;
mod point;
mod product;

use std::sync::OnceLock;
use std::vec::Vec;

use field::{Quad, split};
use point::{Entry, Sum};

use super::field::Fe;
use super::limbs::Limbs;
use super::order::Scalar;
use super::point::{self as points, Affine, Jacobian};
use super::recode::{Digit, Sparse};
use crate::trial;

/// Numbers are kept as x · 2^260 mod p.
const FORM: u32 = 260;
/// The window of a key's digits.
const KEY_WIDTH: u32 = 5;
/// The window of the generator's: a table of 256 KiB.
const GENERATOR_WIDTH: u32 = 14;

/// A processor that has the instructions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kernel(());

impl Kernel {
    /// The kernel, where the processor has what it needs.
    pub(crate) fn here() -> Option<Self> {
        let found = trial::allowed(trial::Kernel::Ifma)
            && std::arch::is_x86_feature_detected!("avx512f")
            && std::arch::is_x86_feature_detected!("avx512vl")
            && std::arch::is_x86_feature_detected!("avx512ifma");
        found.then_some(Self(()))
    }

    /// s·G + t·P for public values; none where an exception was met, or the sum is infinity.
    #[expect(unsafe_code, reason = "it is code for this processor only")]
    pub(crate) fn sum_vartime(self, s: &Scalar, t: &Scalar, point: &Affine) -> Option<Jacobian> {
        // SAFETY: a `Kernel` comes from `here` only, which found avx512f, avx512vl and avx512ifma.
        unsafe { sum_vartime(s, t, point) }
    }
}

/// A point's x and 2 y in the form, in one line of the cache.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Packed([Limbs; 2]);

impl Packed {
    fn of(point: &Affine) -> Self {
        Self([point.x.to_form(FORM), point.y.double().to_form(FORM)])
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512vl,avx512ifma")]
    fn entry(&self) -> Entry {
        // 2^260 mod p.
        const ONE: [u64; 5] = split(&[0x10, 0xF_FFFF_FFF0, 0, 0x10_0000_0000]);
        let [x, w] = &self.0;
        Entry::of_limbs([&ONE; 3], &split(x), &split(w))
    }
}

/// The odd multiples of the generator that digits call for.
fn generator() -> &'static [Packed] {
    static TABLE: OnceLock<Vec<Packed>> = OnceLock::new();
    TABLE.get_or_init(|| {
        by_best!(k => {
            let multiples: Vec<Jacobian> = points::odd_multiples(k, Affine::GENERATOR.into())
                .take(Sparse::<GENERATOR_WIDTH>::ENTRIES)
                .collect();
            points::to_affine(k, &multiples).iter().map(Packed::of).collect()
        })
    })
}

/// 1, 3, 5, … times the point; 3, 7, 11, … times are negated.
#[target_feature(enable = "avx512f,avx512vl,avx512ifma")]
fn odd_entries(point: &Affine) -> [Entry; Sparse::<KEY_WIDTH>::ENTRIES] {
    let single = Packed::of(point).entry();
    let mut sum = Sum::begin(&single);
    let mut twice = sum;
    twice.double_times(1);
    // That gave the negative, and each addition negates the sum, so the sign of what is added is turned each time.
    let mut twice = Entry::of(&twice).negated_where(u64::MAX);
    let mut out = [single; Sparse::<KEY_WIDTH>::ENTRIES];
    for entry in &mut out[1..] {
        sum.add(&twice);
        *entry = Entry::of(&sum);
        twice = twice.negated_where(u64::MAX);
    }
    out
}

#[target_feature(enable = "avx512f,avx512vl,avx512ifma")]
fn sum_vartime(s: &Scalar, t: &Scalar, point: &Affine) -> Option<Jacobian> {
    let generator = generator();
    let s = Sparse::<GENERATOR_WIDTH>::of_vartime(s);
    let t = Sparse::<KEY_WIDTH>::of_vartime(t);
    let entries = odd_entries(point);
    let of_key = |digit: Digit, negative: u64| {
        let odd = 0u64.wrapping_sub(digit.entry as u64 & 1);
        entries[digit.entry].negated_where(digit.negative ^ odd ^ negative)
    };
    let of_generator = |digit: Digit, negative: u64| {
        let entry = generator[digit.entry].entry();
        entry.negated_where(digit.negative ^ negative)
    };
    let top = s.len().max(t.len()).checked_sub(1)?;
    // Whether the sum is the negative of what it stands for.
    let mut negative = 0;
    let mut sum = match (t.at(top), s.at(top)) {
        (Some(digit), None) => Sum::begin(&of_key(digit, 0)),
        (None, Some(digit)) => Sum::begin(&of_generator(digit, 0)),
        (Some(digit), Some(more)) => {
            let mut sum = Sum::begin(&of_key(digit, 0));
            sum.add(&of_generator(more, 0));
            negative = !negative;
            sum
        }
        (None, None) => return None,
    };
    let mut doublings = 0;
    for at in (0..top).rev() {
        doublings += 1;
        negative = !negative;
        let digits = (t.at(at), s.at(at));
        if at != 0 && digits == (None, None) {
            continue;
        }
        sum.double_times(doublings);
        doublings = 0;
        if let Some(digit) = digits.0 {
            sum.add(&of_key(digit, negative));
            negative = !negative;
        }
        if let Some(digit) = digits.1 {
            sum.add(&of_generator(digit, negative));
            negative = !negative;
        }
    }
    leave(&sum, negative)
}

/// The sum's coordinates in the form that single numbers have.
#[target_feature(enable = "avx512f,avx512vl,avx512ifma")]
fn leave(sum: &Sum, negative: u64) -> Option<Jacobian> {
    // 2^256 mod p, and half of it, because w = 2 y.
    let one = split(&Fe::ONE.0);
    let half = split(&Fe::ONE.half().0);
    let [x, _, y, z] = sum
        .coordinates()
        .mul(&Quad::of([&one, &one, &half, &one]))
        .carried()
        .below_p();
    let y = Fe::select(negative, &y.neg(), &y);
    (!z.is_zero()).then_some(Jacobian { x, y, z })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::field::Portable;
    use super::super::limbs::any_limbs;
    use super::super::multiple;
    use super::*;

    fn any_scalar() -> impl Strategy<Value = Scalar> {
        any_limbs()
            .prop_map(|limbs| Scalar::reduce(&limbs))
            .prop_filter("a scalar is not zero", |scalar| !scalar.is_zero())
    }

    fn small(number: u64) -> Scalar {
        Scalar::reduce(&[number, 0, 0, 0])
    }

    fn negative(scalar: &Scalar) -> Scalar {
        Scalar::default().sub(scalar)
    }

    /// Whether there was a sum, which then is the portable one.
    fn has_its_sum(s: &Scalar, t: &Scalar, point: &Affine) -> bool {
        let Some(kernel) = Kernel::here() else {
            return true;
        };
        let Some(sum) = kernel.sum_vartime(s, t, point) else {
            return false;
        };
        let model = multiple::sum_vartime_by(Portable, s, t, point);
        assert!(!model.is_infinity(), "{s:?} {t:?}");
        assert!(
            sum.to_affine(Portable) == model.to_affine(Portable),
            "{s:?} {t:?}"
        );
        true
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1024))]

        /// A key by chance, because multiples of keys with small numbers meet those of the generator.
        #[test]
        fn sums_are_the_portable_ones(
            s in any_scalar(),
            t in any_scalar(),
            d in any::<[u64; 4]>(),
        ) {
            let d = Scalar::reduce(&d);
            prop_assume!(!d.is_zero());
            prop_assert!(has_its_sum(&s, &t, &multiple::of_generator(&d)));
        }

        #[test]
        fn sums_are_the_portable_ones_whether_points_meet_or_not(
            s in any_scalar(),
            t in any_scalar(),
            d in 1u64..4,
        ) {
            let point = multiple::of_generator(&small(d));
            let sum = multiple::sum_vartime(&s, &t, &point);
            let model = multiple::sum_vartime_by(Portable, &s, &t, &point);
            prop_assert_eq!(sum.is_infinity(), model.is_infinity());
            prop_assert!(sum.is_infinity() || sum.to_affine(Portable) == model.to_affine(Portable));
        }
    }

    #[test]
    fn sums_of_few_digits_are_the_portable_ones() {
        let point = multiple::of_generator(&small(0x1234_5678_9ABC));
        let mut power = Scalar::ONE;
        for at in 0..256u64 {
            let others = [small(at + 1), negative(&small(2 * at + 1)), power];
            for other in &others {
                assert!(has_its_sum(&power, other, &point), "2^{at}");
                assert!(has_its_sum(other, &negative(&power), &point), "2^{at}");
            }
            power = power.add(&power);
        }
    }

    #[test]
    fn there_is_no_sum_where_points_meet_and_the_other_way_makes_it() {
        if Kernel::here().is_none() {
            return;
        }
        let three = multiple::of_generator(&small(3));
        let minus_three = multiple::of_generator(&negative(&small(3)));
        let number = small(0x0FED_CBA9_8765_4321);
        let cases = [
            // The same point twice.
            (small(3), Scalar::ONE, three),
            // Opposite ones, and nothing is left.
            (small(3), Scalar::ONE, minus_three),
            (number.add(&number).add(&number), number, minus_three),
            // Opposite ones on the way.
            (small((3 << 40) + 5), small(1 << 40), minus_three),
        ];
        for (s, t, point) in &cases {
            assert!(!has_its_sum(s, t, point), "{s:?} {t:?}");
            let sum = multiple::sum_vartime(s, t, point);
            let model = multiple::sum_vartime_by(Portable, s, t, point);
            assert_eq!(sum.is_infinity(), model.is_infinity());
            if !model.is_infinity() {
                assert!(sum.to_affine(Portable) == model.to_affine(Portable));
            }
        }
    }
}
