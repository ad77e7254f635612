//! Secret multiples of the generator in lanes, in a time that tells nothing: all of a row is read for
//! every digit, and each lane keeps its entry by a mask.

use core::arch::x86_64::{
    _mm512_cmpeq_epi64_mask, _mm512_mask_mov_epi64, _mm512_setzero_si512, _mm512_test_epi64_mask,
};

use super::field::{Lanes, Verdicts};
use super::point::Points;
use super::vector::{Packed, Vector, load, splat};
use super::{GROUPS, LANES, SIGN_WIDTH};
use crate::curve::limbs::Limbs;
use crate::curve::recode::OddDigits;

type Digits = OddDigits<SIGN_WIDTH>;

/// The x of each lane's multiple, out of the form; none in a lane that met an exception, which of all
/// scalars one does.
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn multiples(table: &[Packed], digits: &[Digits; LANES]) -> [Option<Limbs>; LANES] {
    let (x, y) = picked(table, digits, 0);
    let mut sum = Points {
        x: x.fold(),
        y,
        z: Lanes::one(),
    };
    for at in 1..Digits::COUNT {
        let (x, y) = picked(table, digits, at);
        sum.add(&x, &y);
    }
    let lost = sum.z.is_zero();
    let x = sum.x.mul(&sum.z.invert().square()).leave();
    core::array::from_fn(|lane| {
        let lost = lost[lane / 8] >> (lane % 8) & 1 == 1;
        (!lost).then(|| x[lane / 8][lane % 8])
    })
}

/// Each lane's digit's multiple.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn picked(table: &[Packed], digits: &[Digits; LANES], at: usize) -> (Lanes<GROUPS>, Lanes<GROUPS>) {
    let row = &table[at * Digits::ENTRIES..][..Digits::ENTRIES];
    let mut entries = [[0u64; 8]; GROUPS];
    let mut negatives = [[0u64; 8]; GROUPS];
    for (lane, digits) in digits.iter().enumerate() {
        let digit = digits.at(at);
        entries[lane / 8][lane % 8] = digit.entry as u64;
        negatives[lane / 8][lane % 8] = digit.negative;
    }
    let mut negative: Verdicts<GROUPS> = [0; GROUPS];
    let mut limbs: [[Vector; 8]; GROUPS] = [[_mm512_setzero_si512(); 8]; GROUPS];
    for (g, limbs) in limbs.iter_mut().enumerate() {
        let wanted = load(&entries[g]);
        for (number, entry) in (0u64..).zip(row) {
            let mine = _mm512_cmpeq_epi64_mask(wanted, splat(number));
            for (limb, from) in limbs.iter_mut().zip(&entry.0) {
                *limb = _mm512_mask_mov_epi64(*limb, mine, splat(*from));
            }
        }
        let sign = load(&negatives[g]);
        negative[g] = _mm512_test_epi64_mask(sign, sign);
    }
    let (x, y) = Lanes::of_columns(&limbs);
    (x, y.negated_where(negative))
}
