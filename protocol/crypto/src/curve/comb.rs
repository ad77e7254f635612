//! Tables of a point's multiples, with which a scalar's multiple needs additions only.
//!
//! For every place W·i the odd multiples 1, 3, … 2^W - 1 of 2^(W·i) times the point: one look-up
//! and one addition for each digit. With W = 8 it is 256 KiB and made once: of the generator, and of
//! keys that many signatures are verified under.

use alloc::vec::Vec;

use super::field::Arithmetic;
use super::point::{self, Affine, Jacobian};
use super::recode::{Digit, OddDigits, pick};

/// The table of one point.
pub(crate) struct Comb<const W: usize> {
    entries: Vec<Affine>,
}

impl<const W: usize> Comb<W> {
    const ROW: usize = OddDigits::<W>::ENTRIES;

    /// Computes all of it: 2^(W-1) additions for each digit, and one inversion.
    pub(crate) fn of(point: &Affine) -> Self {
        by_best!(k => Self::by(k, point))
    }

    fn by(k: impl Arithmetic, point: &Affine) -> Self {
        let mut multiples = Vec::with_capacity(Self::ROW * OddDigits::<W>::COUNT);
        let mut base = Jacobian::from(*point);
        for _ in 0..OddDigits::<W>::COUNT {
            multiples.extend(point::odd_multiples(k, base).take(Self::ROW));
            for _ in 0..W {
                base.double(k);
            }
        }
        Self {
            entries: point::to_affine(k, &multiples),
        }
    }

    /// The multiples for the digit at one place, from the single one on.
    pub(crate) fn row(&self, at: usize) -> &[Affine] {
        &self.entries[at * Self::ROW..][..Self::ROW]
    }

    /// All of it, row by row.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn entries(&self) -> &[Affine] {
        &self.entries
    }

    /// Adds a public scalar's multiple of the table's point to `sum`.
    pub(crate) fn add_vartime(
        &self,
        k: impl Arithmetic,
        sum: &mut Jacobian,
        digits: &OddDigits<W>,
    ) {
        let mut zz = k.square(&sum.z);
        for at in 0..OddDigits::<W>::COUNT {
            let digit = digits.at(at);
            sum.add_affine_vartime(k, &mut zz, &self.row(at)[digit.entry], digit.negative);
        }
    }

    /// The multiple by a secret scalar that is not zero, in a time that tells nothing: every entry
    /// of a row is read, and which one stays is decided by masks.
    ///
    /// Before the highest digit is added, the sum so far is smaller than the digit's part and
    /// neither is near n, so that they cannot be equal or opposite. With the highest they can be
    /// equal, for one scalar.
    pub(crate) fn multiply(&self, k: impl Arithmetic, digits: &OddDigits<W>) -> Jacobian {
        let last = OddDigits::<W>::COUNT - 1;
        let mut sum = Jacobian::from(self.entry(0, digits.at(0)));
        for at in 1..last {
            sum.add_distinct(k, &self.entry(at, digits.at(at)));
        }
        sum.add_or_double(k, &self.entry(last, digits.at(last)));
        sum
    }

    fn entry(&self, at: usize, digit: Digit) -> Affine {
        pick(self.row(at), digit)
    }
}
