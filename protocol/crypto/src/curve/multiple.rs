//! Multiples of points: the sum that a verification asks for, and a secret multiple of the
//! generator.
//!
//! With `std` the generator has tables, made at their first use; without, there is no place to keep
//! them, and its few multiples are made each time.

#[cfg(feature = "std")]
use std::sync::OnceLock;

#[cfg(feature = "std")]
use super::comb::Comb;
use super::order::Scalar;
use super::point::{Affine, Jacobian};
use super::recode::{Digit, OddDigits, SPARSE_ENTRIES, Sparse};
#[cfg(not(feature = "std"))]
use super::{point, recode::pick};

/// The generator's table for public scalars.
#[cfg(feature = "std")]
pub(crate) fn generator() -> &'static Comb<8> {
    static TABLE: OnceLock<Comb<8>> = OnceLock::new();
    TABLE.get_or_init(|| Comb::of(&Affine::GENERATOR))
}

/// The generator's table for secret scalars: small, because all of a row is read for each digit.
#[cfg(feature = "std")]
pub(crate) fn generator_for_secrets() -> &'static Comb<5> {
    static TABLE: OnceLock<Comb<5>> = OnceLock::new();
    TABLE.get_or_init(|| Comb::of(&Affine::GENERATOR))
}

/// s·G + t·P for public values; s is not zero.
#[cfg(feature = "std")]
pub(crate) fn sum_vartime(s: &Scalar, t: &Scalar, point: &Affine) -> Jacobian {
    let multiples = odd_multiples(point);
    let digits = Sparse::of_vartime(t);
    let mut sum = Jacobian::INFINITY;
    for at in (0..digits.len()).rev() {
        sum = sum.double();
        if let Some(digit) = digits.at(at) {
            sum = sum.add_vartime(&entry_vartime(&multiples, digit));
        }
    }
    generator().add_vartime(sum, &OddDigits::of(s))
}

/// s·G + t·P for public values; s is not zero.
#[cfg(not(feature = "std"))]
pub(crate) fn sum_vartime(s: &Scalar, t: &Scalar, point: &Affine) -> Jacobian {
    let parts = [(&Affine::GENERATOR, s), (point, t)]
        .map(|(point, scalar)| (odd_multiples(point), Sparse::of_vartime(scalar)));
    let len = parts[0].1.len().max(parts[1].1.len());
    let mut sum = Jacobian::INFINITY;
    for at in (0..len).rev() {
        sum = sum.double();
        for (multiples, digits) in &parts {
            if let Some(digit) = digits.at(at) {
                sum = sum.add_vartime(&entry_vartime(multiples, digit));
            }
        }
    }
    sum
}

fn entry_vartime(multiples: &[Jacobian], digit: Digit) -> Jacobian {
    let entry = multiples[digit.entry];
    match digit.negative {
        0 => entry,
        _ => entry.neg(),
    }
}

/// 1, 3, 5, … times the point.
fn odd_multiples(point: &Affine) -> [Jacobian; SPARSE_ENTRIES] {
    let mut out = [Jacobian::from(*point); SPARSE_ENTRIES];
    let twice = out[0].double();
    for at in 1..SPARSE_ENTRIES {
        out[at] = out[at - 1].add_vartime(&twice);
    }
    out
}

/// k·G for a secret k that is not zero, in a time that tells nothing.
#[cfg(feature = "std")]
pub(crate) fn of_generator(k: &Scalar) -> Affine {
    let digits = zeroize::Zeroizing::new(OddDigits::of(k));
    generator_for_secrets().multiply(&digits).to_affine()
}

/// k·G for a secret k that is not zero, in a time that tells nothing.
///
/// From the highest digit down: what is there times 2^W is larger than the digit to be added, so
/// that the two are neither equal nor opposite; at the lowest digit that may not hold modulo n.
#[cfg(not(feature = "std"))]
pub(crate) fn of_generator(k: &Scalar) -> Affine {
    const W: usize = 5;
    let mut multiples = [Jacobian::from(Affine::GENERATOR); OddDigits::<W>::ENTRIES];
    let twice = multiples[0].double();
    for at in 1..multiples.len() {
        multiples[at] = multiples[at - 1].add_vartime(&twice);
    }
    let row = point::to_affine(&multiples);
    let digits = zeroize::Zeroizing::new(OddDigits::<W>::of(k));
    let last = OddDigits::<W>::COUNT - 1;
    let mut sum = Jacobian::from(pick(&row, digits.at(last)));
    for at in (0..last).rev() {
        for _ in 0..W {
            sum = sum.double();
        }
        let entry = pick(&row, digits.at(at));
        sum = match at {
            0 => sum.add_or_double(&entry),
            _ => sum.add_distinct(&entry),
        };
    }
    sum.to_affine()
}
