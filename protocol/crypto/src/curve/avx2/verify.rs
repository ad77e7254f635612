//! The sum s·G + t·P in lanes, and whether its x is the one that was claimed.

use std::vec::Vec;

use super::field::{FORM, Numbers, Verdicts};
use super::points::{Picks, Points};
use super::{LANES, generator};
use crate::curve::lanes::{Case, Packed, Table, Verdict};
use crate::curve::recode::{Digit, OddDigits};

/// How many signatures share one inversion; their tables fit the second cache.
pub(super) const CHUNK: usize = 16 * LANES;

/// The window of a key that has no table.
type KeyDigits = OddDigits<5>;
/// The window of a table.
type TableDigits = OddDigits<8>;

/// A key's odd multiples in each lane.
type Entries = [[Packed; LANES]; KeyDigits::ENTRIES];

/// Verifies a multiple of [`LANES`], up to [`CHUNK`], under keys that have no table.
#[target_feature(enable = "avx2")]
pub(super) fn chunk(cases: &[Case<'_>]) -> Vec<Verdict> {
    let entries = entries(cases);
    let mut out = Vec::with_capacity(cases.len());
    for (cases, entries) in cases.as_chunks::<LANES>().0.iter().zip(&entries) {
        out.extend(by_entries(cases, entries));
    }
    out
}

/// Verifies signatures under keys of which there are odd multiples.
#[target_feature(enable = "avx2")]
fn by_entries(cases: &[Case<'_>; LANES], entries: &Entries) -> [Verdict; LANES] {
    let digits: [KeyDigits; LANES] =
        core::array::from_fn(|lane| OddDigits::of(&cases[lane].claim.t));
    let pick = |at: usize| {
        picks(|lane| {
            let digit = digits[lane].at(at);
            (&entries[digit.entry][lane], digit)
        })
    };
    // The highest digit of this width is always the single multiple, or its negative.
    let mut sum = Points::of(&pick(KeyDigits::COUNT - 1));
    for at in (0..KeyDigits::COUNT - 1).rev() {
        for _ in 0..5 {
            sum.double();
        }
        sum.add_picked(&pick(at));
    }
    add_generator(&mut sum, cases);
    judged(&sum, cases)
}

/// Verifies signatures under keys that have tables.
#[target_feature(enable = "avx2")]
pub(super) fn by_tables(cases: &[(Case<'_>, &Table); LANES]) -> [Verdict; LANES] {
    let digits: [TableDigits; LANES] =
        core::array::from_fn(|lane| OddDigits::of(&cases[lane].0.claim.t));
    let pick = |at: usize| {
        picks(|lane| {
            let digit = digits[lane].at(at);
            (entry(cases[lane].1, at, digit), digit)
        })
    };
    let mut sum = Points::of(&pick(0));
    for at in 1..TableDigits::COUNT {
        sum.add_picked(&pick(at));
    }
    let plain: [Case<'_>; LANES] = core::array::from_fn(|lane| cases[lane].0);
    add_generator(&mut sum, &plain);
    judged(&sum, &plain)
}

/// Adds s·G.
#[inline]
#[target_feature(enable = "avx2")]
fn add_generator(sum: &mut Points, cases: &[Case<'_>; LANES]) {
    let table = generator();
    let digits: [TableDigits; LANES] =
        core::array::from_fn(|lane| OddDigits::of(&cases[lane].claim.s));
    for at in 0..TableDigits::COUNT {
        sum.add_picked(&picks(|lane| {
            let digit = digits[lane].at(at);
            (entry(table, at, digit), digit)
        }));
    }
}

/// What a digit at a place calls for.
fn entry(table: &Table, at: usize, digit: Digit) -> &Packed {
    &table.entries[at * TableDigits::ENTRIES + digit.entry]
}

/// What each lane adds.
#[inline]
fn picks<'a>(mut pick: impl FnMut(usize) -> (&'a Packed, Digit)) -> Picks<'a> {
    let mut negative: Verdicts = 0;
    let mut points = [&BLANK; LANES];
    for (lane, to) in points.iter_mut().enumerate() {
        let (point, digit) = pick(lane);
        negative |= Verdicts::from(digit.negative != 0) << lane;
        *to = point;
    }
    Picks { points, negative }
}

static BLANK: Packed = Packed::BLANK;

/// For each lot of lanes the odd multiples of its keys.
///
/// 2P is taken as affine, on the curve that is stretched by its z: additions do not ask which curve
/// they are on. So every multiple is one mixed addition, and its true z the product with that z.
#[target_feature(enable = "avx2")]
fn entries(cases: &[Case<'_>]) -> Vec<Entries> {
    let lots = cases.len() / LANES;
    let mut multiples: Vec<Points> = Vec::with_capacity(lots * KeyDigits::ENTRIES);
    for cases in cases.as_chunks::<LANES>().0 {
        let keys: [Packed; LANES] = core::array::from_fn(|lane| Packed::of(cases[lane].key, FORM));
        let mut multiple = Points::of(&Picks {
            points: keys.each_ref(),
            negative: 0,
        });
        let mut twice = multiple;
        twice.double();
        let (x, y) = (twice.x, twice.y.fold());
        let zz = twice.z.square();
        multiple.x = multiple.x.mul(&zz).fold();
        multiple.y = multiple.y.mul(&zz.mul(&twice.z));
        let first = multiples.len();
        multiples.push(multiple);
        for _ in 1..KeyDigits::ENTRIES {
            multiple.add(&x, &y);
            multiples.push(multiple);
        }
        for multiple in &mut multiples[first..] {
            multiple.z = multiple.z.mul(&twice.z);
        }
    }
    let mut product = Numbers::one();
    let mut before = Vec::with_capacity(multiples.len());
    for multiple in &multiples {
        before.push(product);
        product = product.mul(&multiple.z);
    }
    let mut inverse = product.invert();
    let mut out = std::vec![[[BLANK; LANES]; KeyDigits::ENTRIES]; lots];
    for (at, (multiple, before)) in multiples.iter().zip(&before).enumerate().rev() {
        let own = inverse.mul(before);
        inverse = inverse.mul(&multiple.z);
        let square = own.square();
        let x = multiple.x.mul(&square).fold();
        let y = multiple.y.mul(&square.mul(&own)).fold();
        out[at / KeyDigits::ENTRIES][at % KeyDigits::ENTRIES] = Numbers::pack(&x, &y);
    }
    out
}

/// Compares x · z^2 with the sum's x. Not sure where z is zero.
#[inline]
#[target_feature(enable = "avx2")]
fn judged(sum: &Points, cases: &[Case<'_>; LANES]) -> [Verdict; LANES] {
    let claimed = core::array::from_fn(|lane| cases[lane].claim.x.limbs());
    let expected = Numbers::enter(&claimed).mul(&sum.z.square());
    let equal = expected.sub2(&sum.x).is_zero();
    let lost = sum.z.is_zero();
    core::array::from_fn(|lane| {
        let is = |verdicts: Verdicts| verdicts >> lane & 1 == 1;
        Verdict::of(&cases[lane], is(equal), is(lost))
    })
}
