//! The sum s·G + t·P in lanes, and whether its x is the one that was claimed.

use std::vec::Vec;

use super::field::{Lanes, Verdicts};
use super::point::{Picks, Points};
use super::vector::Packed;
use super::{Case, GROUPS, LANES, Table, Verdict};
use crate::curve::limbs;
use crate::curve::order::Scalar;
use crate::curve::recode::{Digit, OddDigits};

/// How many signatures share one inversion; their tables fit the second cache.
pub(super) const CHUNK: usize = 4 * LANES;

/// The window of a key that has no table.
const WIDTH: usize = 5;
const ENTRIES: usize = OddDigits::<WIDTH>::ENTRIES;
const ROW: usize = OddDigits::<8>::ENTRIES;

type Row = [[Packed; 8]; GROUPS];

/// Verifies a multiple of [`LANES`], up to [`CHUNK`], under keys that have no table.
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn chunk(cases: &[Case<'_>]) -> Vec<Verdict> {
    let mut out = Vec::with_capacity(cases.len());
    for (cases, table) in cases.chunks_exact(LANES).zip(tables(cases)) {
        let digits: [OddDigits<WIDTH>; LANES] =
            core::array::from_fn(|lane| OddDigits::of(&cases[lane].claim.t));
        // The highest digit of this width is always the single multiple, or its negative.
        let mut sum = Points::of(&picks(|lane| {
            let digit = digits[lane].at(OddDigits::<WIDTH>::COUNT - 1);
            (&table[digit.entry][lane / 8][lane % 8], digit)
        }));
        for at in (0..OddDigits::<WIDTH>::COUNT - 1).rev() {
            for _ in 0..WIDTH {
                sum.double();
            }
            sum.add_picked(&picks(|lane| {
                let digit = digits[lane].at(at);
                (&table[digit.entry][lane / 8][lane % 8], digit)
            }));
        }
        add_generator(&mut sum, cases);
        out.extend(judged(&sum, cases));
    }
    out
}

/// Verifies [`LANES`] signatures under keys that have tables.
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn by_tables(cases: &[(Case<'_>, &Table)]) -> Vec<Verdict> {
    let digits: [OddDigits<8>; LANES] =
        core::array::from_fn(|lane| OddDigits::of(&cases[lane].0.claim.t));
    let pick = |at: usize| {
        picks(|lane| {
            let digit = digits[lane].at(at);
            (&cases[lane].1.0[at * ROW + digit.entry], digit)
        })
    };
    let mut sum = Points::of(&pick(0));
    for at in 1..OddDigits::<8>::COUNT {
        sum.add_picked(&pick(at));
    }
    let plain: [Case<'_>; LANES] = core::array::from_fn(|lane| cases[lane].0);
    add_generator(&mut sum, &plain);
    judged(&sum, &plain)
}

/// Adds s·G.
#[target_feature(enable = "avx512f,avx512ifma")]
fn add_generator(sum: &mut Points<GROUPS>, cases: &[Case<'_>]) {
    let generator = Table::generator();
    let digits: [OddDigits<8>; LANES] =
        core::array::from_fn(|lane| OddDigits::of(&cases[lane].claim.s));
    for at in 0..OddDigits::<8>::COUNT {
        sum.add_picked(&picks(|lane| {
            let digit = digits[lane].at(at);
            (&generator.0[at * ROW + digit.entry], digit)
        }));
    }
}

/// What each lane adds.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn picks<'a>(mut pick: impl FnMut(usize) -> (&'a Packed, Digit)) -> Picks<'a, GROUPS> {
    let mut negative: Verdicts<GROUPS> = [0; GROUPS];
    let mut points = [[&BLANK; 8]; GROUPS];
    for (g, points) in points.iter_mut().enumerate() {
        for (lane, to) in points.iter_mut().enumerate() {
            let (point, digit) = pick(8 * g + lane);
            negative[g] |= u8::from(digit.negative != 0) << lane;
            *to = point;
        }
    }
    Picks { points, negative }
}

static BLANK: Packed = Packed([0; 8]);

/// For each group of lanes the odd multiples of its keys.
///
/// 2P is taken as affine, on the curve that is stretched by its z: additions do not ask which curve
/// they are on. So every multiple is one mixed addition, and its true z the product with that z.
#[target_feature(enable = "avx512f,avx512ifma")]
fn tables(cases: &[Case<'_>]) -> Vec<[Row; ENTRIES]> {
    let mut multiples: Vec<Points<GROUPS>> = Vec::with_capacity(cases.len() / LANES * ENTRIES);
    for cases in cases.chunks_exact(LANES) {
        let packed: [Packed; LANES] = core::array::from_fn(|lane| packed(&cases[lane]));
        let mut multiple = Points::of(&picks(|lane| (&packed[lane], PLAIN)));
        let mut twice = multiple;
        twice.double();
        let (x, y) = (twice.x, twice.y.fold());
        let zz = twice.z.square();
        multiple.x = multiple.x.mul(&zz).fold();
        multiple.y = multiple.y.mul(&zz.mul(&twice.z));
        let first = multiples.len();
        multiples.push(multiple);
        for _ in 1..ENTRIES {
            multiple.add(&x, &y);
            multiples.push(multiple);
        }
        for multiple in &mut multiples[first..] {
            multiple.z = multiple.z.mul(&twice.z);
        }
    }
    let mut product = Lanes::one();
    let mut before = Vec::with_capacity(multiples.len());
    for multiple in &multiples {
        before.push(product);
        product = product.mul(&multiple.z);
    }
    let mut inverse = product.invert();
    let blank = [[[BLANK; 8]; GROUPS]; ENTRIES];
    let mut out: Vec<[Row; ENTRIES]> = core::iter::repeat_n(blank, cases.len() / LANES).collect();
    for (at, (multiple, before)) in multiples.iter().zip(&before).enumerate().rev() {
        let own = inverse.mul(before);
        inverse = inverse.mul(&multiple.z);
        let square = own.square();
        let x = multiple.x.mul(&square).fold();
        let y = multiple.y.mul(&square.mul(&own)).fold();
        out[at / ENTRIES][at % ENTRIES] = Lanes::pack(&x, &y);
    }
    out
}

const PLAIN: Digit = Digit {
    entry: 0,
    negative: 0,
};

fn packed(case: &Case<'_>) -> Packed {
    let mut out = [0; 8];
    out[..4].copy_from_slice(&case.key.x.to_lane_form());
    out[4..].copy_from_slice(&case.key.y.to_lane_form());
    Packed(out)
}

/// Compares x · z^2 with the sum's x. Not sure where z is zero, and where x + n is below p as well.
#[target_feature(enable = "avx512f,avx512ifma")]
fn judged(sum: &Points<GROUPS>, cases: &[Case<'_>]) -> Vec<Verdict> {
    let claimed: [[&limbs::Limbs; 8]; GROUPS] =
        core::array::from_fn(|g| core::array::from_fn(|lane| cases[8 * g + lane].claim.x.limbs()));
    let expected = Lanes::enter(&claimed).mul(&sum.z.square());
    let equal = expected.sub2(&sum.x).is_zero();
    let lost = sum.z.is_zero();
    (0..LANES)
        .map(|lane| {
            let is = |verdicts: &Verdicts<GROUPS>| verdicts[lane / 8] >> (lane % 8) & 1 == 1;
            if is(&lost) || has_two_forms(&cases[lane].claim.x) {
                Verdict::Unsure
            } else if is(&equal) {
                Verdict::Holds
            } else {
                Verdict::Fails
            }
        })
        .collect()
}

/// Whether x + n may be below p too, which it is for x below p - n only: of random ones, for one in
/// 2^128.
fn has_two_forms(x: &Scalar) -> bool {
    x.limbs()[3] == 0 && x.limbs()[2] == 0
}
