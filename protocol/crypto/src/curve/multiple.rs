//! Multiples of points: the sum that a verification asks for, and a secret multiple of the
//! generator.
//!
//! With `std` the generator has tables, made at their first use; without, there is no place to keep
//! them, and its few multiples are made each time.

use alloc::vec::Vec;
#[cfg(feature = "std")]
use std::sync::OnceLock;

#[cfg(feature = "std")]
use super::comb::Comb;
use super::field::{Arithmetic, Fe};
use super::limbs::Limbs;
use super::order::Scalar;
use super::point::{self, Affine, Entry, Jacobian};
#[cfg(not(feature = "std"))]
use super::recode::pick;
use super::recode::{Digit, OddDigits, Sparse};

/// The window of a key's digits: wider ones save less than their table costs.
const KEY_WIDTH: u32 = 5;
/// The window of the generator's, for which there is a table: 64 KiB.
#[cfg(feature = "std")]
const GENERATOR_WIDTH: u32 = 12;
#[cfg(not(feature = "std"))]
const GENERATOR_WIDTH: u32 = KEY_WIDTH;

/// The generator's table for public scalars.
#[cfg(feature = "std")]
pub(crate) fn generator() -> &'static Comb<8> {
    static TABLE: OnceLock<Comb<8>> = OnceLock::new();
    TABLE.get_or_init(|| Comb::of(&Affine::GENERATOR))
}

/// s·G + t·P for public values.
pub(crate) fn sum_vartime(s: &Scalar, t: &Scalar, point: &Affine) -> Jacobian {
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    if let Some(sum) =
        super::quad::Kernel::here().and_then(|kernel| kernel.sum_vartime(s, t, point))
    {
        return sum;
    }
    by_best!(by => sum_vartime_by(by, s, t, point))
}

/// The same, by this arithmetic: one chain of doublings for both.
pub(crate) fn sum_vartime_by(
    k: impl Arithmetic,
    s: &Scalar,
    t: &Scalar,
    point: &Affine,
) -> Jacobian {
    let generator = Odd::of_generator(k);
    let entries: [Entry; Sparse::<KEY_WIDTH>::ENTRIES] = point::odd_entries(k, point);
    let s = Sparse::<GENERATOR_WIDTH>::of_vartime(s);
    let t = Sparse::<KEY_WIDTH>::of_vartime(t);
    let mut sum = Jacobian::INFINITY;
    let mut zz = sum.z;
    for at in (0..s.len().max(t.len())).rev() {
        sum.double_ahead(k, &mut zz);
        if let Some(digit) = t.at(at) {
            sum.add_entry_vartime(k, &mut zz, &entries[digit.entry], digit.negative);
        }
        if let Some(digit) = s.at(at) {
            generator.add_vartime(k, &mut sum, &mut zz, digit);
        }
    }
    sum
}

/// The x of k·G, out of the form, for each secret k, none of which is zero, in a time that tells
/// nothing.
pub(crate) fn of_generator_each(scalars: &[Scalar]) -> Vec<Limbs> {
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    if let Some(kernel) = super::ifma::Kernel::here() {
        return kernel.of_generator(scalars);
    }
    let x = |k| of_generator(k).x.to_limbs();
    scalars.iter().map(x).collect()
}

/// The odd multiples of the generator that a public scalar's digits call for.
#[cfg(feature = "std")]
struct Odd(&'static [Affine]);

#[cfg(feature = "std")]
impl Odd {
    fn of_generator(k: impl Arithmetic) -> Self {
        static TABLE: OnceLock<Vec<Affine>> = OnceLock::new();
        Self(TABLE.get_or_init(|| {
            let multiples: Vec<Jacobian> = point::odd_multiples(k, Affine::GENERATOR.into())
                .take(Sparse::<GENERATOR_WIDTH>::ENTRIES)
                .collect();
            point::to_affine(k, &multiples)
        }))
    }

    #[inline]
    fn add_vartime(&self, k: impl Arithmetic, sum: &mut Jacobian, zz: &mut Fe, digit: Digit) {
        sum.add_affine_vartime(k, zz, &self.0[digit.entry], digit.negative);
    }
}

/// The odd multiples of the generator that a public scalar's digits call for.
#[cfg(not(feature = "std"))]
struct Odd([Entry; Sparse::<GENERATOR_WIDTH>::ENTRIES]);

#[cfg(not(feature = "std"))]
impl Odd {
    fn of_generator(k: impl Arithmetic) -> Self {
        Self(point::odd_entries(k, &Affine::GENERATOR))
    }

    fn add_vartime(&self, k: impl Arithmetic, sum: &mut Jacobian, zz: &mut Fe, digit: Digit) {
        sum.add_entry_vartime(k, zz, &self.0[digit.entry], digit.negative);
    }
}

/// k·G for a secret k that is not zero, in a time that tells nothing.
pub(crate) fn of_generator(k: &Scalar) -> Affine {
    by_best!(by => of_generator_by(by, k))
}

/// The same, by this arithmetic.
#[cfg(feature = "std")]
pub(crate) fn of_generator_by(by: impl Arithmetic, k: &Scalar) -> Affine {
    static TABLE: OnceLock<Comb<6>> = OnceLock::new();
    let table = TABLE.get_or_init(|| Comb::of(&Affine::GENERATOR));
    let digits = zeroize::Zeroizing::new(OddDigits::of(k));
    table.multiply(by, &digits).to_affine(by)
}

/// The same, by this arithmetic.
///
/// From the highest digit down: what is there times 2^W is larger than the digit to be added, so
/// that the two are neither equal nor opposite; at the lowest digit that may not hold modulo n.
#[cfg(not(feature = "std"))]
pub(crate) fn of_generator_by(by: impl Arithmetic, k: &Scalar) -> Affine {
    const W: usize = 5;
    let multiples: Vec<Jacobian> = point::odd_multiples(by, Affine::GENERATOR.into())
        .take(OddDigits::<W>::ENTRIES)
        .collect();
    let row = point::to_affine(by, &multiples);
    let digits = zeroize::Zeroizing::new(OddDigits::<W>::of(k));
    let last = OddDigits::<W>::COUNT - 1;
    let mut sum = Jacobian::from(pick(&row, digits.at(last)));
    for at in (0..last).rev() {
        for _ in 0..W {
            sum.double(by);
        }
        let entry = pick(&row, digits.at(at));
        match at {
            0 => sum.add_or_double(by, &entry),
            _ => sum.add_distinct(by, &entry),
        }
    }
    sum.to_affine(by)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::curve::limbs::any_limbs;

    fn check(scalars: &[Scalar]) -> Result<(), TestCaseError> {
        for (scalar, x) in scalars.iter().zip(of_generator_each(scalars)) {
            prop_assert_eq!(x, of_generator(scalar).x.to_limbs(), "{:?}", scalar);
        }
        Ok(())
    }

    /// Powers of two, and sums and differences of neighbours: digits at their edges in every window.
    #[test]
    fn many_multiples_of_the_generator_are_those_of_each_alone_at_edges_of_digits() {
        let mut scalars = Vec::new();
        let mut power = Scalar::ONE;
        for _ in 0..256 {
            let more = [power.add(&Scalar::ONE), power.sub(&Scalar::ONE)];
            let both = [power, more[0], more[1]];
            scalars.extend(both.map(|scalar| Scalar::default().sub(&scalar)));
            scalars.extend(both);
            power = power.add(&power);
        }
        scalars.retain(|scalar| !scalar.is_zero());
        check(&scalars).expect("each is the single one");
    }

    proptest! {
        #[test]
        fn many_multiples_of_the_generator_are_those_of_each_alone(
            scalars in proptest::collection::vec(any_limbs(), 1..40),
        ) {
            let mut scalars: Vec<Scalar> = scalars.iter().map(Scalar::reduce).collect();
            scalars.retain(|scalar| !scalar.is_zero());
            check(&scalars)?;
        }
    }
}
