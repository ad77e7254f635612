//! The list against a set of numbers, over deltas and compactions in any order.

use std::collections::BTreeSet;

use proptest::prelude::*;
use tongtu_blacklist::{Blacklist, ListedNumber, Span, changes};

use crate::fixture::{T0, delta, full, load, number, span, spans};

/// Small, so that everything meets everything.
const WORLD: u128 = 300;

fn set_of(spans: &[Span]) -> BTreeSet<u128> {
    (0..WORLD)
        .filter(|n| {
            spans
                .iter()
                .any(|s| s.low() <= number(*n) && number(*n) <= s.high())
        })
        .collect()
}

/// The spans of a set, and some of them cut where they need not be.
fn spans_of(set: &BTreeSet<u128>, cut: u128) -> Vec<Span> {
    let mut out: Vec<(u128, u128)> = Vec::new();
    for value in set {
        match out.last_mut() {
            Some((_, high)) if *high + 1 == *value && value % cut != 0 => *high = *value,
            _ => out.push((*value, *value)),
        }
    }
    out.into_iter().map(|(low, high)| span(low, high)).collect()
}

#[derive(Debug, Clone)]
enum Step {
    /// Toggles every number of these.
    Delta(Vec<(u128, u128)>),
    Compact(usize),
    Full(Vec<(u128, u128)>),
}

fn ranges() -> impl Strategy<Value = Vec<(u128, u128)>> {
    prop::collection::vec((0..WORLD, 0u128..40), 0..8).prop_map(|r| {
        r.into_iter()
            .map(|(a, n)| (a, (a + n).min(WORLD - 1)))
            .collect()
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => ranges().prop_map(Step::Delta),
        3 => (0usize..3).prop_map(Step::Compact),
        1 => ranges().prop_map(Step::Full),
    ];
    prop::collection::vec(step, 1..16)
}

fn numbers(ranges: &[(u128, u128)]) -> BTreeSet<u128> {
    ranges.iter().flat_map(|(low, high)| *low..=*high).collect()
}

proptest! {
    #[test]
    fn a_list_is_the_set_that_its_files_say(steps in steps(), cut in 2u128..9) {
        let (mut list, mut model) = (Blacklist::default(), BTreeSet::new());
        for (step, version) in steps.into_iter().zip(1..) {
            let before = (list.clone(), model.clone());
            match step {
                Step::Delta(toggled) => {
                    let toggled = numbers(&toggled);
                    let new = model.symmetric_difference(&toggled).copied().collect();
                    let changes = changes(spans_of(&model, cut), spans_of(&new, cut)).unwrap();
                    let file = delta(version, list.state(), &changes);
                    list = load(&list, &file, 7).unwrap();
                    model = new;
                }
                Step::Compact(chunks) => {
                    list = list.compacted(chunks);
                    if chunks > 0 {
                        // So small a list is one chunk.
                        prop_assert_eq!(list.waiting(), 0);
                    }
                }
                Step::Full(ranges) => {
                    model = numbers(&ranges);
                    let file = full(version, &spans_of(&model, cut));
                    list = load(&list, &file, 1000).unwrap();
                }
            }
            for value in 0..WORLD {
                prop_assert_eq!(list.contains(number(value)), model.contains(&value));
                prop_assert_eq!(before.0.contains(number(value)), before.1.contains(&value));
            }
            prop_assert_eq!(list.numbers(), u128::try_from(model.len()).unwrap());
            let whole = spans(&list);
            prop_assert_eq!(set_of(&whole), model.clone());
            prop_assert_eq!(whole, spans_of(&model, u128::MAX));
        }
    }
}

/// Deterministic and quick to step; good enough to scatter numbers.
fn scatter(state: &mut u64) -> u64 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    *state >> 11
}

/// Many chunks: deltas hit all of them, and compaction goes on chunk by chunk.
#[test]
fn compaction_step_by_step_changes_no_answer() {
    let mut seed = 1;
    let mut world = BTreeSet::new();
    while world.len() < 30_000 {
        world.insert(u128::from(scatter(&mut seed)) * 9_999);
    }
    let single = |value: &u128| Span::single(number(*value));
    let mut list = Blacklist::from_spans(1, T0, world.iter().map(single)).unwrap();
    for version in 2..=4 {
        let mut new: BTreeSet<u128> = world
            .iter()
            .copied()
            .filter(|_| !scatter(&mut seed).is_multiple_of(20))
            .collect();
        for _ in 0..1500 {
            new.insert(u128::from(scatter(&mut seed)) * 9_999);
        }
        let (old, fresh) = (world.iter().map(single), new.iter().map(single));
        let changes = changes(old.collect(), fresh.collect()).unwrap();
        list = load(&list, &delta(version, list.state(), &changes), 4096).unwrap();
        let mut gone: Vec<u128> = world.difference(&new).copied().collect();
        gone.extend(new.iter().step_by(7));
        gone.extend(new.iter().step_by(11).map(|value| value + 1));
        world = new;
        let mut before = usize::MAX;
        while list.waiting() > 0 {
            assert!(list.waiting() < before, "every step does something");
            before = list.waiting();
            list = list.compacted(1);
            for value in &gone {
                assert_eq!(list.contains(number(*value)), world.contains(value));
            }
        }
        assert_eq!(spans(&list).len(), world.len());
    }
    let first = *world.first().unwrap();
    assert_eq!(list.spans_from(number(first + 1)).count(), world.len() - 1);
    assert_eq!(list.spans_from(ListedNumber::MAX).count(), 0);
}
