//! SM2 verified, and keys decompressed, in lanes: each lane of a vector is a signature or a key of its own.
//!
//! Here: what is the same for every instruction set: how a kernel is chosen, what it is given and what
//! becomes of its verdicts. Not here: arithmetic, which is a kernel's own, [`ifma`](super::ifma) or
//! [`avx2`](super::avx2). All of this sees public data only.

use std::vec::Vec;

use super::claim::Claim;
use super::comb::Comb;
use super::limbs::Limbs;
use super::multiple;
use super::order::Scalar;
use super::point::Affine;
use super::{avx2, ifma};

/// Two numbers of 256 bits, a point's x and y in some form, in one line of the cache.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(super) struct Packed(pub(super) [u64; 8]);

impl Packed {
    pub(super) const BLANK: Self = Self([0; 8]);

    /// A point's coordinates, times 2^form.
    pub(super) fn of(point: &Affine, form: u32) -> Self {
        Self::join(&point.x.to_form(form), &point.y.to_form(form))
    }

    pub(super) fn join(x: &Limbs, y: &Limbs) -> Self {
        let mut out = [0; 8];
        out[..4].copy_from_slice(x);
        out[4..].copy_from_slice(y);
        Self(out)
    }

    /// x and y.
    #[inline(always)]
    pub(super) fn halves(&self) -> (&Limbs, &Limbs) {
        let (x, y) = self.0.split_first_chunk().expect("eight limbs");
        (x, y.first_chunk().expect("four are left"))
    }
}

/// A point's table in the form that lanes read; 256 KiB.
pub(crate) struct Table {
    form: u32,
    pub(super) entries: Vec<Packed>,
}

impl Table {
    fn of<const W: usize>(comb: &Comb<W>, form: u32) -> Self {
        Self::of_points(comb.entries(), form)
    }

    pub(super) fn of_points(points: &[Affine], form: u32) -> Self {
        let entries = points.iter().map(|point| Packed::of(point, form));
        Self {
            form,
            entries: entries.collect(),
        }
    }

    pub(super) fn of_generator(form: u32) -> Self {
        Self::of(multiple::generator(), form)
    }
}

/// A signature to be verified, under a key that may have a table.
#[derive(Clone, Copy)]
pub(crate) struct Case<'a> {
    pub(crate) claim: &'a Claim,
    pub(crate) key: &'a Affine,
}

/// What a lane found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Holds,
    Fails,
    /// The lane met a case that only the other way looks for.
    Unsure,
}

impl Verdict {
    /// The verdict of a lane whose sum has the claimed x, or another one, or lost its z. Not sure
    /// either where x + n is below p as well as x.
    pub(super) fn of(case: &Case<'_>, equal: bool, lost: bool) -> Self {
        if lost || has_two_forms(&case.claim.x) {
            Self::Unsure
        } else if equal {
            Self::Holds
        } else {
            Self::Fails
        }
    }
}

/// Whether x + n may be below p too, which it is for x below p - n only: of random ones, for one in
/// 2^128.
fn has_two_forms(x: &Scalar) -> bool {
    x.limbs()[3] == 0 && x.limbs()[2] == 0
}

/// What a kernel does with N lanes.
///
/// Whoever implements this is proof that the processor has the instructions.
pub(super) trait Lanes<const N: usize>: Copy {
    /// Tables hold coordinates times 2^FORM.
    const FORM: u32;
    /// From so many signatures on, lanes are sooner done than one after the other.
    const VERIFIED_FROM: usize;
    /// The same for keys that are read.
    const READ_FROM: usize;
    /// How many signatures are verified together at most; a multiple of N.
    const CHUNK: usize;

    /// Verifies a multiple of N, up to [`CHUNK`](Self::CHUNK), under keys that have no table.
    fn verify(self, cases: &[Case<'_>]) -> Vec<Verdict>;
    /// Verifies N signatures under keys that have tables in this form.
    fn verify_by_tables(self, cases: &[(Case<'_>, &Table); N]) -> [Verdict; N];
    /// For each x below p a y of its point, out of the form, if it is of one.
    fn roots(self, xs: &[&Limbs; N]) -> [Option<Limbs>; N];
}

/// The best of what this processor has.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kernel {
    Ifma(ifma::Kernel),
    Avx2(avx2::Kernel),
}

/// The value of an expression in `k`, whichever kernel it is.
macro_rules! by_kernel {
    ($kernel:expr, $k:ident => $value:expr) => {
        match $kernel {
            Kernel::Ifma($k) => $value,
            Kernel::Avx2($k) => $value,
        }
    };
}

impl Kernel {
    /// The kernel, where the processor has what one needs.
    pub(crate) fn here() -> Option<Self> {
        let ifma = ifma::Kernel::here().map(Self::Ifma);
        ifma.or_else(|| avx2::Kernel::here().map(Self::Avx2))
    }

    /// The kernel for so many signatures; none where one after the other is sooner than lanes most of
    /// which are empty.
    pub(crate) fn for_signatures(count: usize) -> Option<Self> {
        Self::here().filter(|kernel| count >= by_kernel!(kernel, k => verified_from(k)))
    }

    /// The same for so many keys that are read.
    pub(crate) fn for_keys(count: usize) -> Option<Self> {
        Self::here().filter(|kernel| count >= by_kernel!(kernel, k => read_from(k)))
    }

    /// A key's table in the form that this kernel reads.
    pub(crate) fn table<const W: usize>(self, comb: &Comb<W>) -> Table {
        Table::of(comb, self.form())
    }

    /// Whether this kernel reads the table.
    pub(crate) fn reads(self, table: &Table) -> bool {
        table.form == self.form()
    }

    fn form(self) -> u32 {
        by_kernel!(self, k => form_of(&k))
    }

    /// Whether each holds, in order; keys are met the first time.
    pub(crate) fn verify(self, cases: &[Case<'_>]) -> Vec<bool> {
        by_kernel!(self, k => verify_by(k, cases))
    }

    /// Whether each holds under its key's table, in order. The tables are such as this kernel reads.
    pub(crate) fn verify_by_tables(self, cases: &[(Case<'_>, &Table)]) -> Vec<bool> {
        debug_assert!(cases.iter().all(|(_, table)| self.reads(table)));
        by_kernel!(self, k => verify_by_tables_by(k, cases))
    }

    /// A y, out of the form, for each x that is below p; none where x is of no point.
    pub(crate) fn roots(self, xs: &[Limbs]) -> Vec<Option<Limbs>> {
        by_kernel!(self, k => roots_by(k, xs))
    }
}

const fn form_of<const N: usize, K: Lanes<N>>(_: &K) -> u32 {
    K::FORM
}

const fn verified_from<const N: usize, K: Lanes<N>>(_: &K) -> usize {
    K::VERIFIED_FROM
}

const fn read_from<const N: usize, K: Lanes<N>>(_: &K) -> usize {
    K::READ_FROM
}

fn verify_by<const N: usize, K: Lanes<N>>(k: K, cases: &[Case<'_>]) -> Vec<bool> {
    let mut out = Vec::with_capacity(cases.len());
    for cases in cases.chunks(K::CHUNK) {
        let filler = cases.first().into_iter().cycle();
        let len = cases.len().next_multiple_of(N);
        let padded: Vec<_> = cases.iter().chain(filler).take(len).copied().collect();
        out.extend(cases.iter().zip(k.verify(&padded)).map(settled));
    }
    out
}

fn verify_by_tables_by<const N: usize>(
    k: impl Lanes<N>,
    cases: &[(Case<'_>, &Table)],
) -> Vec<bool> {
    let mut out = Vec::with_capacity(cases.len());
    for cases in cases.chunks(N) {
        let verdicts = k.verify_by_tables(&padded(cases));
        let cases = cases.iter().map(|(case, _)| case);
        out.extend(cases.zip(verdicts).map(settled));
    }
    out
}

fn roots_by<const N: usize>(k: impl Lanes<N>, xs: &[Limbs]) -> Vec<Option<Limbs>> {
    let mut out = Vec::with_capacity(xs.len());
    for xs in xs.chunks(N) {
        let padded = core::array::from_fn(|lane| xs.get(lane).unwrap_or(&xs[0]));
        out.extend(k.roots(&padded).into_iter().take(xs.len()));
    }
    out
}

/// N of what there is at least one of and at most N, the first one again and again behind the others.
fn padded<T: Copy, const N: usize>(some: &[T]) -> [T; N] {
    core::array::from_fn(|lane| *some.get(lane).unwrap_or(&some[0]))
}

/// The verdict, where a lane is not sure by the way that looks for every exception.
fn settled((case, verdict): (&Case<'_>, Verdict)) -> bool {
    match verdict {
        Verdict::Holds => true,
        Verdict::Fails => false,
        Verdict::Unsure => case.claim.holds(case.key),
    }
}
