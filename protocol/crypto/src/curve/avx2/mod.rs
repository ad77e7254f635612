//! SM2 verified, and keys decompressed, four at a time by AVX2's multipliers of 32 bits.
//!
//! For processors that have no wider ones ([`lanes`](super::lanes)). Verifying sees public data only:
//! which entries of tables are read tells what the signatures are. Not here: signing, which would have
//! to read whole rows of a table by these narrow vectors, and is faster one by one.
//!
//! `unsafe` is here for three things: vectors go through pointers in [`vector`], products are in
//! assembly in [`product`], and code for a processor that has the instructions is called once
//! [`Kernel::here`] has found them.

mod decompress;
mod field;
mod points;
mod product;
#[cfg(test)]
mod tests;
mod vector;
mod verify;

use std::sync::OnceLock;
use std::vec::Vec;

use field::FORM;

use super::lanes::{Case, Lanes, Table, Verdict};
use super::limbs::Limbs;
use crate::trial;

/// How many signatures are computed side by side: a vector of them. Two vectors are no faster, because
/// sixteen registers hold the sums of one product, and what a processor looks ahead over is one more.
const LANES: usize = 4;

/// A processor that has the instructions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kernel(());

impl Kernel {
    /// The kernel, where the processor has what it needs.
    pub(super) fn here() -> Option<Self> {
        let found =
            trial::allowed(trial::Kernel::Avx2) && std::arch::is_x86_feature_detected!("avx2");
        found.then_some(Self(()))
    }
}

/// The generator's table, as keys have them.
fn generator() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| Table::of_generator(FORM))
}

#[expect(unsafe_code, reason = "it is code for this processor only")]
impl Lanes<LANES> for Kernel {
    const FORM: u32 = FORM;
    const VERIFIED_FROM: usize = 3;
    const READ_FROM: usize = 2;
    const CHUNK: usize = verify::CHUNK;

    fn verify(self, cases: &[Case<'_>]) -> Vec<Verdict> {
        // SAFETY: a `Kernel` comes from `here` only, which found avx2.
        unsafe { verify::chunk(cases) }
    }

    fn verify_by_tables(self, cases: &[(Case<'_>, &Table); LANES]) -> [Verdict; LANES] {
        // SAFETY: a `Kernel` comes from `here` only, which found avx2.
        unsafe { verify::by_tables(cases) }
    }

    fn roots(self, xs: &[&Limbs; LANES]) -> [Option<Limbs>; LANES] {
        // SAFETY: a `Kernel` comes from `here` only, which found avx2.
        unsafe { decompress::roots(xs) }
    }
}
