//! The sum s·G + t·P in lanes, and whether its x is the one that was claimed.

use std::vec::Vec;

use super::field::{Lanes, Verdicts, chains};
use super::multiples::Multiples;
use super::points::{Picks, Points};
use super::vector::ask_for;
use super::{GROUPS, LANES, generator, odd_of_generator, packed};
use crate::curve::lanes::{Case, Packed, Table, Verdict};
use crate::curve::limbs;
use crate::curve::recode::{Digit, OddDigits};

/// How many signatures share one inversion; their tables fit the second cache.
pub(super) const CHUNK: usize = 4 * LANES;

/// The window of a key that has no table.
type KeyDigits = OddDigits<KEY_WIDTH>;
const KEY_WIDTH: usize = 5;
/// The window of the generator along the way of doublings that a key takes: one row of its odd
/// multiples, 256 KiB, which the second cache has room for.
type GeneratorDigits = OddDigits<GENERATOR_WIDTH>;
pub(super) const GENERATOR_WIDTH: usize = 13;

/// The window of a table.
type TableDigits = OddDigits<8>;

type Entries = [[Packed; 8]; KeyDigits::ENTRIES];

/// Verifies a multiple of [`LANES`], up to [`CHUNK`], under keys that have no table.
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn chunk(cases: &[Case<'_>]) -> Vec<Verdict> {
    let entries = entries(cases);
    let lots = cases.chunks_exact(LANES);
    let lots = lots.zip(entries.as_chunks::<GROUPS>().0);
    lots.flat_map(|(cases, entries)| by_entries(cases, entries))
        .collect()
}

/// For each group of lanes the odd multiples of its keys.
#[target_feature(enable = "avx512f,avx512ifma")]
fn entries(cases: &[Case<'_>]) -> Vec<Entries> {
    let mut multiples = Vec::with_capacity(cases.len() / 8);
    let mut before = Vec::with_capacity(cases.len() / 8);
    let mut product = *Lanes::one();
    for cases in cases.chunks_exact(8) {
        let points: [Packed; 8] = core::array::from_fn(|lane| packed(cases[lane].key));
        let of_keys = Multiples::of(&points.each_ref());
        before.push(product);
        product = product.mul(&of_keys.z);
        multiples.push(of_keys);
    }
    let [mut inverse] = chains::inverted(&[product]);
    let mut out = std::vec![[[BLANK; 8]; KeyDigits::ENTRIES]; multiples.len()];
    for ((out, multiples), before) in out.iter_mut().zip(&multiples).zip(&before).rev() {
        *out = multiples.affine(&inverse.mul(before));
        inverse = inverse.mul(&multiples.z);
    }
    out
}

static BLANK: Packed = Packed::BLANK;

/// Verifies [`LANES`] signatures under keys of which there are odd multiples.
#[target_feature(enable = "avx512f,avx512ifma")]
fn by_entries(cases: &[Case<'_>], entries: &[Entries; GROUPS]) -> [Verdict; LANES] {
    let of_keys: [KeyDigits; LANES] = each(|lane| OddDigits::of(&cases[lane].claim.t));
    let of_generator: [GeneratorDigits; LANES] = each(|lane| OddDigits::of(&cases[lane].claim.s));
    let generator = odd_of_generator();
    let pick = |g: usize, at: usize| {
        picks(g, |lane| {
            let digit = of_keys[lane].at(at);
            (&entries[g][digit.entry][lane % 8], digit)
        })
    };
    // The highest digit of this width is always the single multiple, or its negative.
    let highest = KeyDigits::COUNT - 1;
    let mut sums = all(|g| Points::of(&pick(g, highest)));
    // How many doublings are behind the next addition. What it adds is known before they are done.
    let mut waiting = 0;
    for bit in (0..KEY_WIDTH * highest).rev() {
        waiting += 1;
        let of_keys = (bit % KEY_WIDTH == 0).then(|| all(|g| pick(g, bit / KEY_WIDTH)));
        let of_generator = (bit % GENERATOR_WIDTH == 0).then(|| {
            all(|g| {
                picks(g, |lane| {
                    let digit = of_generator[lane].at(bit / GENERATOR_WIDTH);
                    (&generator.entries[digit.entry], digit)
                })
            })
        });
        if of_keys.is_some() || of_generator.is_some() {
            Points::double_each(&mut sums, waiting);
            waiting = 0;
        }
        for picks in of_keys.iter().chain(&of_generator) {
            Points::add_picked(&mut sums, picks);
        }
    }
    judged(&sums, cases)
}

/// Verifies [`LANES`] signatures under keys that have tables.
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn by_tables(cases: &[(Case<'_>, &Table); LANES]) -> [Verdict; LANES] {
    let generator = generator();
    let of_keys: [TableDigits; LANES] = each(|lane| OddDigits::of(&cases[lane].0.claim.t));
    let of_generator: [TableDigits; LANES] = each(|lane| OddDigits::of(&cases[lane].0.claim.s));
    let row = |at: usize, digit: Digit| at * TableDigits::ENTRIES + digit.entry;
    let of_key = |g: usize, at: usize| {
        picks(g, |lane| {
            let digit = of_keys[lane].at(at);
            (&cases[lane].1.entries[row(at, digit)], digit)
        })
    };
    let pick = |at: usize| {
        all(|g| match at.checked_sub(TableDigits::COUNT) {
            None => of_key(g, at),
            Some(at) => picks(g, |lane| {
                let digit = of_generator[lane].at(at);
                (&generator.entries[row(at, digit)], digit)
            }),
        })
    };
    let mut sums = pick(0).map(|picks| Points::of(&picks));
    let mut next = pick(1);
    for at in 2..2 * TableDigits::COUNT {
        let picks = core::mem::replace(&mut next, pick(at));
        Points::add_picked(&mut sums, &picks);
    }
    Points::add_picked(&mut sums, &next);
    let plain: [Case<'_>; LANES] = each(|lane| cases[lane].0);
    judged(&sums, &plain)
}

fn each<T>(of: impl FnMut(usize) -> T) -> [T; LANES] {
    core::array::from_fn(of)
}

fn all<T>(of: impl FnMut(usize) -> T) -> [T; GROUPS] {
    core::array::from_fn(of)
}

/// What each lane of a group adds; it is asked for.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn picks<'a>(group: usize, mut pick: impl FnMut(usize) -> (&'a Packed, Digit)) -> Picks<'a> {
    let mut negative: Verdicts = 0;
    let mut points = [&BLANK; 8];
    for (lane, to) in points.iter_mut().enumerate() {
        let (point, digit) = pick(8 * group + lane);
        negative |= u8::from(digit.negative != 0) << lane;
        ask_for(point);
        *to = point;
    }
    Picks { points, negative }
}

/// Compares x · z^2 with each sum's x. Not sure where z is zero.
#[target_feature(enable = "avx512f,avx512ifma")]
fn judged(sums: &[Points; GROUPS], cases: &[Case<'_>]) -> [Verdict; LANES] {
    let mut out = [Verdict::Unsure; LANES];
    for (sum, (out, cases)) in sums
        .iter()
        .zip(out.chunks_exact_mut(8).zip(cases.chunks_exact(8)))
    {
        let claimed: [&limbs::Limbs; 8] = core::array::from_fn(|lane| cases[lane].claim.x.limbs());
        let expected = Lanes::enter(&claimed).times(&sum.z.square());
        let equal = expected.minus(sum.x.loose()).above(2).factor().is_zero();
        let lost = sum.z.is_zero();
        for (lane, (out, case)) in out.iter_mut().zip(cases).enumerate() {
            let is = |verdicts: Verdicts| verdicts >> lane & 1 == 1;
            *out = Verdict::of(case, is(equal), is(lost));
        }
    }
    out
}
