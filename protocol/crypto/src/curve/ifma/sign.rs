//! Secret multiples of the generator in lanes, in a time that tells nothing.
//!
//! A row of the table is in registers when a lane's entry is taken out of it: all of the row is read
//! from memory, in the same order for every digit, and the instruction that picks words of two
//! registers by number is the same for all numbers. Digits are cut out of scalars in lanes as well, so
//! that no secret is a number of a place in memory or a condition of a branch.

use core::arch::x86_64::{
    _mm512_and_si512, _mm512_cmplt_epu64_mask, _mm512_mask_mov_epi64, _mm512_mask_xor_epi64,
    _mm512_or_si512, _mm512_permutex2var_epi64, _mm512_setzero_si512, _mm512_sllv_epi64,
    _mm512_srli_epi64, _mm512_srlv_epi64, _mm512_test_epi64_mask,
};
use std::vec::Vec;

use zeroize::Zeroizing;

use super::field::{FORM, Lanes, Verdicts, chains};
use super::points::Points;
use super::vector::{Vector, load, splat, split_number};
use super::{GROUPS, LANES};
use crate::curve::comb::Comb;
use crate::curve::limbs::Limbs;
use crate::curve::order::Scalar;
use crate::curve::recode::OddDigits;

/// The window of digits.
const WIDTH: usize = 7;
type Digits = OddDigits<WIDTH>;

/// How many lots of lanes share one inversion.
const SHARED: usize = 16;
/// How many scalars that is.
pub(super) const CHUNK: usize = SHARED * LANES;

/// Of one digit's multiples, limb by limb: five of x, five of y.
#[repr(align(64))]
struct Row([[[u64; 8]; Digits::ENTRIES / 8]; 10]);

/// The generator's multiples as lanes pick them; 185 KiB.
pub(super) struct Table(Vec<Row>);

impl Table {
    pub(super) fn of(comb: &Comb<WIDTH>) -> Self {
        let row = |at: usize| {
            let mut out = Row([[[0; 8]; Digits::ENTRIES / 8]; 10]);
            for (number, point) in comb.row(at).iter().enumerate() {
                let x = split_number(&point.x.to_form(FORM));
                let y = split_number(&point.y.to_form(FORM));
                for (limbs, limb) in out.0.iter_mut().zip(x.into_iter().chain(y)) {
                    limbs[number / 8][number % 8] = limb;
                }
            }
            out
        };
        Self((0..Digits::COUNT).map(row).collect())
    }
}

/// Odd forms of scalars, a scalar in each lane.
struct Odd {
    limbs: [[Vector; GROUPS]; 4],
    negative: [Verdicts; GROUPS],
}

/// A digit of each lane: which entry of the row, and where its negative is meant.
struct Digit {
    entry: [Vector; GROUPS],
    negative: [Verdicts; GROUPS],
}

impl Odd {
    #[target_feature(enable = "avx512f")]
    fn of(scalars: &[Scalar; LANES]) -> Self {
        let mut numbers = Zeroizing::new([[[0u64; 8]; GROUPS]; 4]);
        let mut signs = Zeroizing::new([[0u64; 8]; GROUPS]);
        for (lane, scalar) in scalars.iter().enumerate() {
            let (odd, negative) = scalar.odd();
            for (limbs, limb) in numbers.iter_mut().zip(odd) {
                limbs[lane / 8][lane % 8] = limb;
            }
            signs[lane / 8][lane % 8] = negative;
        }
        let mut out = Self {
            limbs: [[_mm512_setzero_si512(); GROUPS]; 4],
            negative: [0; GROUPS],
        };
        for g in 0..GROUPS {
            for (limb, numbers) in out.limbs.iter_mut().zip(numbers.iter()) {
                limb[g] = load(&numbers[g]);
            }
            let sign = load(&signs[g]);
            out.negative[g] = _mm512_test_epi64_mask(sign, sign);
        }
        out
    }

    /// As [`OddDigits::at`] says.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn digit(&self, at: usize) -> Digit {
        let half = splat(1 << (WIDTH - 1));
        let mask = splat((1 << (WIDTH + 1)) - 1);
        let (limb, shift) = (WIDTH * at / 64, (WIDTH * at % 64) as u64);
        let mut out = Digit {
            entry: [half; GROUPS],
            negative: [0; GROUPS],
        };
        for g in 0..GROUPS {
            let low = _mm512_srlv_epi64(self.limbs[limb][g], splat(shift));
            // Shifted by 64 nothing remains.
            let high = match self.limbs.get(limb + 1) {
                Some(limb) => _mm512_sllv_epi64(limb[g], splat(64 - shift)),
                None => _mm512_setzero_si512(),
            };
            let bits = _mm512_srli_epi64::<1>(_mm512_and_si512(_mm512_or_si512(low, high), mask));
            if at + 1 == Digits::COUNT {
                out.entry[g] = bits;
                out.negative[g] = self.negative[g];
                continue;
            }
            let below = _mm512_cmplt_epu64_mask(bits, half);
            let entry = _mm512_mask_xor_epi64(bits, below, bits, splat(u64::MAX));
            out.entry[g] = _mm512_and_si512(entry, splat((1 << (WIDTH - 1)) - 1));
            out.negative[g] = below ^ self.negative[g];
        }
        out
    }
}

/// The x of each scalar's multiple, out of the form; none in a lane that met an exception, which of
/// all scalars one does. Up to [`CHUNK`] scalars, none of which is zero.
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn multiples(table: &Table, scalars: &[[Scalar; LANES]]) -> Vec<Option<Limbs>> {
    let ones = [*Lanes::one(); GROUPS];
    let (mut xs, mut zs, mut before) = ([ones; SHARED], [ones; SHARED], [ones; SHARED]);
    let mut lost = [[0; GROUPS]; SHARED];
    let mut product = ones;
    for (at, scalars) in scalars.iter().enumerate() {
        for (g, sum) in sums(table, scalars).into_iter().enumerate() {
            xs[at][g] = *sum.x;
            lost[at][g] = sum.z.is_zero();
            zs[at][g] = sum.z.or_where(lost[at][g], &ones[g]);
            before[at][g] = product[g];
            product[g] = product[g].mul(&zs[at][g]);
        }
    }
    let mut inverse = chains::inverted(&product);
    let mut out = std::vec![None; scalars.len() * LANES];
    for at in (0..scalars.len()).rev() {
        for g in 0..GROUPS {
            let own = inverse[g].mul(&before[at][g]);
            inverse[g] = inverse[g].mul(&zs[at][g]);
            let x = xs[at][g].mul(&own.square()).leave();
            for (lane, out) in out[at * LANES + 8 * g..][..8].iter_mut().enumerate() {
                *out = (lost[at][g] >> lane & 1 == 0).then_some(x[lane]);
            }
        }
    }
    out
}

/// The multiple of each lane, with any z.
#[target_feature(enable = "avx512f,avx512ifma")]
fn sums(table: &Table, scalars: &[Scalar; LANES]) -> [Points; GROUPS] {
    let odd = Odd::of(scalars);
    let first = odd.digit(0);
    let first = |g: usize| {
        let (x, y) = picked(&table.0[0], first.entry[g]);
        Points::affine(&x, &y, first.negative[g])
    };
    let mut sums: [Points; GROUPS] = core::array::from_fn(first);
    for (at, row) in table.0.iter().enumerate().skip(1) {
        let digit = odd.digit(at);
        Points::add_each(&mut sums, |g| {
            let (x, y) = picked(row, digit.entry[g]);
            (x, y, digit.negative[g])
        });
    }
    sums
}

/// Each lane's digit's multiple.
#[inline]
#[target_feature(enable = "avx512f")]
fn picked(row: &Row, entry: Vector) -> (Lanes, Lanes) {
    let mut limbs = [_mm512_setzero_si512(); 10];
    for (limb, words) in limbs.iter_mut().zip(&row.0) {
        *limb = word(words, entry);
    }
    let [a, b, c, d, e, f, g, h, i, j] = limbs;
    (
        Lanes::of_limbs([a, b, c, d, e]),
        Lanes::of_limbs([f, g, h, i, j]),
    )
}

/// The word of each lane's number: sixteen words to choose from at a time, then by the higher bits of
/// the number between what was chosen.
#[inline]
#[target_feature(enable = "avx512f")]
fn word(words: &[[u64; 8]; Digits::ENTRIES / 8], number: Vector) -> Vector {
    const SIXTEENS: usize = Digits::ENTRIES / 16;
    let mut chosen = [_mm512_setzero_si512(); SIXTEENS];
    for (chosen, [low, high]) in chosen.iter_mut().zip(words.as_chunks::<2>().0) {
        *chosen = _mm512_permutex2var_epi64(load(low), number, load(high));
    }
    let mut count = SIXTEENS;
    let mut bit = 16;
    while count > 1 {
        let upper = _mm512_test_epi64_mask(number, splat(bit));
        count /= 2;
        for at in 0..count {
            chosen[at] = _mm512_mask_mov_epi64(chosen[2 * at], upper, chosen[2 * at + 1]);
        }
        bit *= 2;
    }
    chosen[0]
}
