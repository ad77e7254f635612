//! Composite payments and what opens files for them, whole, torn, spoiled and on two channels.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::digits;
use super::super::profile::Profile;
use super::{Spoil, Step, Tap, is_right, read, reads, select_ecash, tap};
use crate::purse::terminal::command;

/// A file, a record's id, and how long the record is; no id in the cyclic file.
type Target = (u8, Option<[u8; 2]>, usize);

const TARGETS: &[Target] = &[
    (0x1A, Some([0x27, 0x01]), 128),
    (0x1A, Some([0x27, 0x01]), 128),
    (0x1A, Some([0x27, 0x02]), 128),
    (0x19, Some([0x01, 0x2E]), 48),
    (0x16, Some([0x01, 0x01]), 128),
    (0x1E, None, 48),
    (0x1E, None, 48),
    // Neither of these is on the card.
    (0x1A, Some([0x66, 0x77]), 128),
    (0x1D, Some([0x27, 0x01]), 128),
];

fn target() -> impl Strategy<Value = Target> {
    select(TARGETS)
}

/// A record for a target, all of one byte.
fn record((_, id, len): Target, fill: u8) -> Vec<u8> {
    match id {
        None => vec![fill; len],
        Some([a, b]) => {
            let body = len.saturating_sub(3);
            let said = u8::try_from(body).expect("a short record");
            [vec![a, b, said], vec![fill; body]].concat()
        }
    }
}

/// READ CAPP DATA, with a random or without, or READ RECORD in the cyclic file.
#[must_use]
pub fn read_capp(sfi: u8, id: Option<[u8; 2]>, random: &[u8]) -> Vec<u8> {
    match id {
        None => read(sfi, 1),
        Some(id) => {
            let mut out = command([0x80, 0xB4, 0, sfi << 3], &[&id[..], random].concat());
            out.push(0);
            out
        }
    }
}

fn random() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => Just(Vec::new()),
        2 => vec(any::<u8>(), 8),
        1 => vec(any::<u8>(), 0..10),
    ]
}

/// One of many steps has something wrong about its bytes.
fn with_one_spoiled(steps: impl Strategy<Value = Vec<Step>>) -> impl Strategy<Value = Vec<Step>> {
    let spoil = prop_oneof![
        3 => (0_usize..40, any::<u8>()).prop_map(|(at, mask)| Spoil::Flip(at, mask)),
        1 => (0_usize..40).prop_map(Spoil::Cut),
        1 => any::<u8>().prop_map(Spoil::Append),
    ];
    let wrong = prop::option::weighted(0.2, (any::<prop::sample::Index>(), spoil));
    (steps, wrong).prop_map(|(mut steps, wrong)| {
        if let (Some((at, spoil)), false) = (wrong, steps.is_empty()) {
            let at = at.index(steps.len());
            let step = std::mem::replace(&mut steps[at], Step::Reset);
            steps[at] = match step {
                Step::Reset => Step::Reset,
                step => Step::Spoiled(Box::new(step), spoil),
            };
        }
        steps
    })
}

/// One composite payment.
fn ride(profile: &Profile) -> impl Strategy<Value = Vec<Step>> + use<> {
    let profile = profile.clone();
    let amount = prop_oneof![3 => 0_u64..=2_000, 2 => 1_000_u64..=2_000, 1 => Just(2_001)];
    let kind = prop_oneof![
        5 => Just(1_u8), 3 => Just(2), 4 => Just(3), 1 => select(vec![0_u8, 4, 0x81]),
    ];
    let other = prop::option::weighted(0.15, target());
    let update = (other, any::<u8>(), prop::bool::weighted(0.93)).boxed();
    let updates = prop_oneof![
        5 => vec(update.clone(), 1..=1),
        3 => vec(update.clone(), 0..4),
        1 => vec(update, 8..11),
    ];
    let kept = prop::option::weighted(0.2, 0..12_usize);
    (
        (target(), prop::option::weighted(0.95, random())),
        (tap(), amount, kind, prop::bool::weighted(0.2)),
        updates,
        any::<bool>(),
        (kept, prop::bool::weighted(0.2)),
    )
        .prop_map(
            move |(place, (tap, amount, kind, asks), updates, looks, end)| {
                let (target, random) = place;
                let tap = Tap {
                    amount,
                    composite: kind,
                    qualifiers: if asks {
                        tap.qualifiers
                    } else {
                        [0x28, 0, 0, 0]
                    },
                    ..tap
                };
                let mut steps = vec![Step::Raw(select_ecash(&profile))];
                steps.extend(
                    random.map(|random: Vec<u8>| Step::Raw(read_capp(target.0, target.1, &random))),
                );
                steps.push(Step::Raw(tap.options(&profile)));
                if looks {
                    // Refused while a payment waits.
                    steps.push(Step::Raw(read_capp(target.0, target.1, &[])));
                }
                for (other, fill, is_right) in updates {
                    let target = other.unwrap_or(target);
                    steps.push(Step::Update(target.0, record(target, fill), is_right));
                }
                steps.extend(reads(&profile).into_iter().map(Step::Raw));
                if looks {
                    steps.extend(reads(&profile).into_iter().next_back().map(Step::Raw));
                }
                steps.push(Step::Prove(0));
                let (kept, resets) = end;
                steps.truncate(kept.unwrap_or(usize::MAX));
                if resets {
                    steps.push(Step::Reset);
                }
                steps
            },
        )
}

/// A record for a file, by APPEND RECORD.
fn opening() -> impl Strategy<Value = Vec<Step>> {
    let target = prop_oneof![
        2 => target(),
        3 => (0_u8..4, prop_oneof![3_usize..129, Just(128)])
            .prop_map(|(id, len)| (0x16, Some([1, id]), len)),
        1 => (0_usize..60).prop_map(|len| (0x1E, None, len)),
    ];
    let append = (target, any::<[u8; 16]>(), any::<u8>(), is_right()).prop_map(
        |(target, key, fill, is_right)| Step::Append(target.0, key, record(target, fill), is_right),
    );
    vec(append, 1..4)
}

/// Sometimes an issuer who leaves so little on the card that fares need the offset.
fn poor(profile: &Profile) -> impl Strategy<Value = Vec<Step>> + use<> {
    let profile = profile.clone();
    let amount = prop::option::weighted(0.3, 0_u64..1_500);
    amount.prop_map(move |amount| {
        let Some(amount) = amount else {
            return Vec::new();
        };
        let asking = Tap {
            qualifiers: [0x26, 0x80, 0, 0],
            ..Tap::offline(1)
        };
        vec![
            Step::Raw(select_ecash(&profile)),
            Step::Raw(asking.options(&profile)),
            Step::Issuer(true),
            Step::Script([0x04, 0xDA, 0x9F, 0x79], digits(amount), true),
        ]
    })
}

/// Composite payments, one after another or one in the middle of another; opened files.
pub(super) fn rides(profile: &Profile) -> impl Strategy<Value = Vec<Step>> + use<> {
    let select_command = Step::Raw(select_ecash(profile));
    let opened = opening().prop_map(move |mut steps| {
        steps.insert(0, select_command.clone());
        steps
    });
    let opened = opened.boxed();
    let single = prop_oneof![5 => ride(profile), 1 => opened.clone()];
    let row = (poor(profile), vec(with_one_spoiled(single), 1..6))
        .prop_map(|(poor, rides)| [poor, rides.concat()].concat());
    let other = prop_oneof![3 => ride(profile).boxed(), 1 => opened];
    let mixed = (ride(profile), other, vec(any::<bool>(), 20)).prop_map(|(one, other, turns)| {
        let mut steps = vec![Step::Raw(vec![0x00, 0x70, 0x00, 0x00, 0x01])];
        let mut one = one.into_iter();
        let mut other = other.into_iter().map(|step| Step::On(1, Box::new(step)));
        for turn in turns {
            steps.extend(if turn { one.next() } else { other.next() });
        }
        steps.extend(one.chain(other));
        steps
    });
    prop_oneof![5 => row, 1 => mixed]
}
