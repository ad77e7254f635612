//! Five million cards, as scattered as can be, fit 40 MiB with an overlay on top.

use tongtu_blacklist::{Blacklist, Change, MARKS_MAX, OVERLAY_MAX, Span};

use crate::fixture::{T0, delta, load, number};

/// Evenly over all 20 digits: no list of that length has wider distances.
fn scattered() -> impl Iterator<Item = Span> {
    let count = u128::try_from(MARKS_MAX).unwrap();
    let step = 10u128.pow(20) / count;
    (0..count).map(move |at| Span::single(number(at * step + at % 7919)))
}

#[test]
fn five_million_scattered_cards_and_a_full_overlay_fit_40_mib() {
    let list = Blacklist::from_spans(1, T0, scattered()).unwrap();
    assert_eq!(list.numbers(), 5_000_000);
    let removed: Vec<Change> = scattered()
        .step_by(MARKS_MAX / OVERLAY_MAX)
        .map(Change::Removed)
        .collect();
    let list = load(&list, &delta(2, list.state(), &removed), 1 << 16).unwrap();
    assert_eq!(list.waiting(), OVERLAY_MAX);
    let bytes = list.memory_bytes();
    assert!(bytes <= 40 << 20, "{bytes} bytes");
    assert!(bytes >= 25 << 20, "{bytes} bytes: something is not counted");
    let compacted = list.compacted(usize::MAX);
    assert_eq!(compacted.waiting(), 0);
    assert!(compacted.memory_bytes() < bytes);
}

/// A block of neighbours is taken off, and as many are listed right before it: each check looks
/// at its own numbers only, or this would take minutes.
#[test]
fn a_delta_before_a_block_that_was_taken_off_is_checked_in_no_time() {
    let half = u128::try_from(OVERLAY_MAX / 2).unwrap();
    let single = |n| Span::single(number(n));
    let block = 3 * half..4 * half;
    let list = Blacklist::from_spans(1, T0, block.clone().map(single)).unwrap();
    let removed: Vec<Change> = block.map(|n| Change::Removed(single(n))).collect();
    let list = load(&list, &delta(2, list.state(), &removed), 1 << 16).unwrap();
    let listed: Vec<Change> = (half..2 * half)
        .map(|n| Change::Listed(single(n)))
        .collect();
    let list = load(&list, &delta(3, list.state(), &listed), 1 << 16).unwrap();
    assert_eq!(list.numbers(), half);
    assert_eq!(list.compacted(usize::MAX).numbers(), half);
}
