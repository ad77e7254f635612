//! SM2 verified and signed, and keys decompressed, eight at a time by AVX-512's multipliers of 52 bits (IFMA).
//!
//! Each lane of a vector is a signature of its own; groups of eight take turns, so that what one waits for
//! is filled by the other.
//! Verifying sees public data only: which entries of tables are read tells what the signatures are.
//! What [`sign`] computes is secret, and reads whole rows.
//!
//! `unsafe` is here and nowhere else in the curve, for two things: vectors go through pointers in
//! [`vector`], and code for a processor that has the instructions is called once [`Kernel::here`]
//! has found them.

mod decompress;
mod field;
mod multiples;
mod points;
mod sign;
#[cfg(test)]
mod tests;
mod vector;
mod verify;
mod wide;

use std::vec::Vec;

use vector::Packed;
use zeroize::Zeroizing;

use super::claim::Claim;
use super::comb::Comb;
use super::field::P;
use super::limbs::Limbs;
use super::multiple;
use super::order::Scalar;
use super::point::{self, Affine, Jacobian};
use crate::lanes::wipe_stack;
use crate::trial;

/// How many groups take turns.
const GROUPS: usize = 2;
/// How many signatures that is.
const LANES: usize = 8 * GROUPS;

/// A processor that has the instructions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kernel(());

/// A signature to be verified, under a key that may have a table.
#[derive(Clone, Copy)]
pub(crate) struct Case<'a> {
    pub(crate) claim: &'a Claim,
    pub(crate) key: &'a Affine,
}

/// What a lane found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Holds,
    Fails,
    /// The lane met a case that only the other way looks for.
    Unsure,
}

/// A key's table in the form that lanes read; 256 KiB.
pub(crate) struct Table(Vec<Packed>);

impl Table {
    pub(crate) fn of<const W: usize>(comb: &Comb<W>) -> Self {
        Self(comb.entries().iter().map(Packed::of).collect())
    }

    fn generator() -> &'static Self {
        static TABLE: std::sync::OnceLock<Table> = std::sync::OnceLock::new();
        TABLE.get_or_init(|| Self::of(multiple::generator()))
    }

    /// The generator's odd multiples that a digit calls for, without those of other places.
    fn odd_of_generator() -> &'static Self {
        static TABLE: std::sync::OnceLock<Table> = std::sync::OnceLock::new();
        TABLE.get_or_init(|| {
            let multiples = by_best!(k => {
                let multiples: Vec<Jacobian> = point::odd_multiples(k, Affine::GENERATOR.into())
                    .take(1 << (verify::GENERATOR_WIDTH - 1))
                    .collect();
                point::to_affine(k, &multiples)
            });
            Self(multiples.iter().map(Packed::of).collect())
        })
    }
}

impl Packed {
    fn of(point: &Affine) -> Self {
        let mut out = [0; 8];
        out[..4].copy_from_slice(&point.x.to_lane_form());
        out[4..].copy_from_slice(&point.y.to_lane_form());
        Self(out)
    }
}

impl Kernel {
    /// The kernel, where the processor has what it needs.
    pub(crate) fn here() -> Option<Self> {
        let found = trial::allowed(trial::Kernel::Ifma)
            && std::arch::is_x86_feature_detected!("avx512f")
            && std::arch::is_x86_feature_detected!("avx512ifma");
        found.then_some(Self(()))
    }

    /// Whether each holds, in order; keys are met the first time.
    pub(crate) fn verify(self, cases: &[Case<'_>]) -> Vec<bool> {
        let mut out = Vec::with_capacity(cases.len());
        for cases in cases.chunks(verify::CHUNK) {
            let padded = padded(cases, cases.len().next_multiple_of(LANES));
            let verdicts = self.verify_chunk(&padded);
            out.extend(cases.iter().zip(verdicts).map(settled));
        }
        out
    }

    /// Whether each holds under its key's table, in order.
    pub(crate) fn verify_by_tables(self, cases: &[(Case<'_>, &Table)]) -> Vec<bool> {
        let mut out = Vec::with_capacity(cases.len());
        for cases in cases.chunks(LANES) {
            let verdicts = self.verify_lanes(&padded(cases, LANES));
            out.extend(
                cases
                    .iter()
                    .map(|(case, _)| case)
                    .zip(verdicts)
                    .map(settled),
            );
        }
        out
    }

    /// A y, out of the form, for each x that is below p; none where x is of no point.
    pub(crate) fn roots(self, xs: &[Limbs]) -> Vec<Option<Limbs>> {
        let mut out = Vec::with_capacity(xs.len());
        for xs in xs.chunks(LANES) {
            let padded: [[&Limbs; 8]; GROUPS] = core::array::from_fn(|g| {
                core::array::from_fn(|lane| xs.get(8 * g + lane).unwrap_or(&xs[0]))
            });
            out.extend(self.roots_of_lanes(&padded).into_iter().take(xs.len()));
        }
        out
    }

    /// The x, out of the form, of each secret scalar's multiple of the generator, in a time that tells
    /// nothing. No scalar is zero.
    pub(crate) fn of_generator(self, scalars: &[Scalar]) -> Vec<Limbs> {
        let mut out = Vec::with_capacity(scalars.len());
        for scalars in scalars.chunks(sign::CHUNK) {
            let mut lots = Zeroizing::new(Vec::with_capacity(scalars.len().div_ceil(LANES)));
            for scalars in scalars.chunks(LANES) {
                let lane = |lane: usize| *scalars.get(lane).unwrap_or(&scalars[0]);
                lots.push(core::array::from_fn(lane));
            }
            let xs = self.multiples_of_lanes(&lots);
            // Digits are left on the stack, and z of multiples, which tell of scalars too.
            wipe_stack();
            out.extend(scalars.iter().zip(xs).map(|(scalar, x)| match x {
                // A product with 1 gives p for zero.
                Some(P) => [0; 4],
                Some(x) => x,
                None => multiple::of_generator(scalar).x.to_limbs(),
            }));
        }
        out
    }

    #[expect(unsafe_code, reason = "it is code for this processor only")]
    fn multiples_of_lanes(self, scalars: &[[Scalar; LANES]]) -> Vec<Option<Limbs>> {
        static TABLE: std::sync::OnceLock<sign::Table> = std::sync::OnceLock::new();
        let table = TABLE.get_or_init(|| sign::Table::of(&Comb::of(&Affine::GENERATOR)));
        // SAFETY: a `Kernel` comes from `here` only, which found avx512f and avx512ifma.
        unsafe { sign::multiples(table, scalars) }
    }

    #[expect(unsafe_code, reason = "it is code for this processor only")]
    fn roots_of_lanes(self, xs: &[[&Limbs; 8]; GROUPS]) -> [Option<Limbs>; LANES] {
        // SAFETY: a `Kernel` comes from `here` only, which found avx512f and avx512ifma.
        unsafe { decompress::roots(xs) }
    }

    #[expect(unsafe_code, reason = "it is code for this processor only")]
    fn verify_chunk(self, cases: &[Case<'_>]) -> Vec<Verdict> {
        // SAFETY: a `Kernel` comes from `here` only, which found avx512f and avx512ifma.
        unsafe { verify::chunk(cases) }
    }

    #[expect(unsafe_code, reason = "it is code for this processor only")]
    fn verify_lanes(self, cases: &[(Case<'_>, &Table)]) -> [Verdict; LANES] {
        // SAFETY: a `Kernel` comes from `here` only, which found avx512f and avx512ifma.
        unsafe { verify::by_tables(cases) }
    }
}

/// The verdict, where a lane is not sure by the way that looks for every exception.
fn settled((case, verdict): (&Case<'_>, Verdict)) -> bool {
    match verdict {
        Verdict::Holds => true,
        Verdict::Fails => false,
        Verdict::Unsure => case.claim.holds(case.key),
    }
}

/// As many as are wanted, the first one again and again behind the others.
fn padded<T: Copy>(cases: &[T], len: usize) -> Vec<T> {
    let filler = cases.first().into_iter().cycle();
    cases.iter().chain(filler).take(len).copied().collect()
}
