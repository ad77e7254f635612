//! SM2 verified and signed, and keys decompressed, eight at a time by AVX-512's multipliers of 52 bits (IFMA).
//!
//! Each lane of a vector is a signature of its own; groups of eight take turns, so that while one waits the
//! other computes. Verifying sees public data only: which entries of tables are read tells what the
//! signatures are. What [`sign`] computes is secret, and reads whole rows.
//!
//! `unsafe` is here for two things: vectors go through pointers in [`vector`], and code for a processor
//! that has the instructions is called once [`Kernel::here`] has found them.

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

use std::sync::OnceLock;
use std::vec::Vec;

use field::FORM;
use zeroize::Zeroizing;

use super::comb::Comb;
use super::field::P;
use super::lanes::{Case, Lanes, Packed, Table, Verdict};
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

/// A point as lanes read it.
fn packed(point: &Affine) -> Packed {
    Packed::of(point, FORM)
}

/// The generator's table, as keys have them.
fn generator() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| Table::of_generator(FORM))
}

/// The generator's odd multiples that a digit calls for, without those of other places.
fn odd_of_generator() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        let multiples = by_best!(k => {
            let multiples: Vec<Jacobian> = point::odd_multiples(k, Affine::GENERATOR.into())
                .take(1 << (verify::GENERATOR_WIDTH - 1))
                .collect();
            point::to_affine(k, &multiples)
        });
        Table::of_points(&multiples, FORM)
    })
}

impl Kernel {
    /// The kernel, where the processor has what it needs.
    pub(crate) fn here() -> Option<Self> {
        let found = trial::allowed(trial::Kernel::Ifma)
            && std::arch::is_x86_feature_detected!("avx512f")
            && std::arch::is_x86_feature_detected!("avx512ifma");
        found.then_some(Self(()))
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
        static TABLE: OnceLock<sign::Table> = OnceLock::new();
        let table = TABLE.get_or_init(|| sign::Table::of(&Comb::of(&Affine::GENERATOR)));
        // SAFETY: a `Kernel` comes from `here` only, which found avx512f and avx512ifma.
        unsafe { sign::multiples(table, scalars) }
    }
}

#[expect(unsafe_code, reason = "it is code for this processor only")]
impl Lanes<LANES> for Kernel {
    const FORM: u32 = FORM;
    const VERIFIED_FROM: usize = 7;
    const READ_FROM: usize = 3;
    const CHUNK: usize = verify::CHUNK;

    fn verify(self, cases: &[Case<'_>]) -> Vec<Verdict> {
        // SAFETY: a `Kernel` comes from `here` only, which found avx512f and avx512ifma.
        unsafe { verify::chunk(cases) }
    }

    fn verify_by_tables(self, cases: &[(Case<'_>, &Table); LANES]) -> [Verdict; LANES] {
        // SAFETY: a `Kernel` comes from `here` only, which found avx512f and avx512ifma.
        unsafe { verify::by_tables(cases) }
    }

    fn roots(self, xs: &[&Limbs; LANES]) -> [Option<Limbs>; LANES] {
        let groups: [[&Limbs; 8]; GROUPS] =
            core::array::from_fn(|g| core::array::from_fn(|lane| xs[8 * g + lane]));
        // SAFETY: a `Kernel` comes from `here` only, which found avx512f and avx512ifma.
        unsafe { decompress::roots(&groups) }
    }
}
