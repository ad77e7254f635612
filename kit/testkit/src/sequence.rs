//! Command sequences for a purse: valid dialogues, broken ones, and what a hand can do to both.
//!
//! A sequence is a list of [`Step`]s, turned into bytes only while it runs, because a right MAC
//! depends on the card's random number. Start at [`dialogues`].

use proptest::collection::vec;
use proptest::prelude::*;

use crate::purse::terminal::{Spoil, Step};

/// A sequence of up to `count` dialogues, flattened.
pub fn dialogues(count: usize) -> impl Strategy<Value = Vec<Step>> {
    vec(dialogue(), 1..=count).prop_map(|dialogues| dialogues.concat())
}

/// Anything that a card may meet between two taps.
pub fn dialogue() -> impl Strategy<Value = Vec<Step>> {
    prop_oneof![
        6 => transaction(),
        2 => transaction().prop_flat_map(interrupted),
        1 => transaction().prop_flat_map(shortened),
        2 => maintenance(),
        3 => vec(look(), 1..4),
        2 => pin(),
        1 => transaction().prop_map(|steps| {
            let pin = Step::Raw(vec![0x00, 0x20, 0x00, 0x00, 0x03, 0x12, 0x34, 0x56]);
            [vec![pin], steps].concat()
        }),
        2 => vec(spoiled(), 1..3),
        1 => vec(raw(), 1..3),
        1 => Just(vec![Step::Reset, Step::Raw(select())]),
        1 => Just(vec![Step::Raw(select())]),
        1 => Just(vec![Step::Reset]),
        2 => two_channels(),
    ]
}

/// A second channel beside the basic one, each in the middle of something.
fn two_channels() -> impl Strategy<Value = Vec<Step>> {
    let open = Step::Raw(vec![0x00, 0x70, 0x00, 0x00, 0x01]);
    let close = Step::Raw(vec![0x00, 0x70, 0x80, 0x01]);
    (
        transaction(),
        transaction(),
        vec(any::<bool>(), 12),
        any::<bool>(),
    )
        .prop_map(move |(one, other, turns, closes)| {
            let mut steps = vec![open.clone(), on(Step::Raw(select()))];
            let (mut one, mut other) = (one.into_iter(), other.into_iter().map(on));
            for turn in turns {
                steps.extend(if turn { one.next() } else { other.next() });
            }
            steps.extend(one);
            steps.extend(other);
            if closes {
                steps.push(close.clone());
            }
            steps
        })
}

fn on(step: Step) -> Step {
    Step::On(1, Box::new(step))
}

/// SELECT of the e-purse.
#[must_use]
pub fn select() -> Vec<u8> {
    vec![
        0x00, 0xA4, 0x04, 0x00, 0x08, 0xA0, 0, 0, 0x06, 0x32, 0x01, 0x01, 0x05, 0x00,
    ]
}

fn amount() -> impl Strategy<Value = u32> {
    prop_oneof![
        3 => 0_u32..20,
        4 => 0_u32..500,
        2 => 500_u32..60_000,
        1 => Just(0_u32),
        1 => prop_oneof![Just(100_000_u32), Just(100_001), Just(0x7FFF_FFFF), Just(u32::MAX)],
    ]
}

fn key_index() -> impl Strategy<Value = u8> {
    prop_oneof![8 => Just(1_u8), 1 => Just(2_u8), 2 => Just(3_u8), 1 => any::<u8>()]
}

fn is_right() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.93)
}

fn terminal_number() -> impl Strategy<Value = [u8; 6]> {
    any::<[u8; 6]>()
}

/// One record for the cache of a composite purchase.
fn cached() -> impl Strategy<Value = Step> {
    let composite = (1_u8..=4, any::<u8>(), any::<u8>()).prop_map(|(low, state, fill)| {
        let mut record = vec![0x27, low, 0x7D, 0x01];
        record.resize(128, fill);
        record[14] = state;
        Step::Cache(low, 0xD0, record)
    });
    prop_oneof![
        4 => composite,
        4 => any::<u8>().prop_map(|fill| Step::Cache(0, 0xF0, vec![fill; 48])),
        1 => (0_u8..4, vec(any::<u8>(), 0..60)).prop_map(|(p1, data)| Step::Cache(p1, 0xC8, data)),
        1 => (any::<u8>(), any::<u8>(), vec(any::<u8>(), 0..140))
            .prop_map(|(p1, p2, data)| Step::Cache(p1, p2, data)),
    ]
}

fn transaction() -> impl Strategy<Value = Vec<Step>> {
    let caches = vec(cached(), 0..3);
    let what = prop_oneof![3 => Just(0_u8), 4 => Just(1_u8), 4 => Just(3_u8), 1 => Just(5_u8)];
    (
        what,
        key_index(),
        amount(),
        terminal_number(),
        caches,
        is_right(),
        any::<bool>(),
    )
        .prop_map(
            |(what, index, amount, terminal, caches, is_right, proves)| {
                let mut steps = vec![Step::Initialize(what, index, amount, terminal)];
                if what == 3 {
                    steps.extend(caches);
                }
                steps.push(Step::Finish(is_right));
                if proves {
                    let kind = [2, 6, 2, 9, 2, 3][usize::from(what)];
                    steps.push(Step::Prove(kind, 0));
                }
                steps
            },
        )
}

/// The same with something pushed in between.
fn interrupted(steps: Vec<Step>) -> impl Strategy<Value = Vec<Step>> {
    (0..=steps.len(), prop_oneof![look(), spoiled(), raw()]).prop_map(move |(at, step)| {
        let mut steps = steps.clone();
        steps.insert(at, step);
        steps
    })
}

/// The same with a step left out or done twice.
fn shortened(steps: Vec<Step>) -> impl Strategy<Value = Vec<Step>> {
    (0..steps.len(), any::<bool>()).prop_map(move |(at, twice)| {
        let mut steps = steps.clone();
        if twice {
            steps.insert(at, steps[at].clone());
        } else {
            steps.remove(at);
        }
        steps
    })
}

/// A command that only looks.
fn look() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0_u8..5).prop_map(|p1| Step::Raw(vec![0x80, 0x5C, p1, 0x02, 0x04])),
        (
            0x14_u8..0x20,
            0_u8..70,
            prop_oneof![Just(0_u8), any::<u8>()]
        )
            .prop_map(|(sfi, offset, le)| Step::Raw(vec![
                0x00,
                0xB0,
                0x80 | sfi,
                offset,
                le
            ])),
        (
            0_u8..34,
            0x14_u8..0x20,
            prop_oneof![4 => Just(4_u8), 1 => 0_u8..8],
            prop_oneof![4 => Just(0_u8), 1 => Just(0x17_u8), 1 => any::<u8>()]
        )
            .prop_map(|(number, sfi, mode, le)| Step::Raw(vec![
                0x00,
                0xB2,
                number,
                sfi << 3 | mode,
                le
            ])),
        (
            prop_oneof![Just(2_u8), Just(3), Just(6), Just(9), any::<u8>()],
            -2_i32..2
        )
            .prop_map(|(kind, distance)| Step::Prove(kind, distance)),
        prop_oneof![Just(4_u8), Just(8), any::<u8>()].prop_map(Step::Challenge),
        // What the card itself answers, past the application.
        prop::sample::select(vec![
            vec![0x00, 0xC0, 0x00, 0x00, 0x00],
            vec![0x00, 0x70, 0x00, 0x00, 0x01],
            vec![0x00, 0x70, 0x80, 0x01],
            vec![0x00, 0x70, 0x80, 0x05],
            vec![0x00, 0xA4, 0x04, 0x00, 0x05, 0xA0, 0x00, 0x00, 0x09, 0xFF],
            vec![0x00, 0xA4, 0x04, 0x02, 0x05, 0xA0, 0x00, 0x00, 0x06, 0x32],
            vec![0x00, 0xA4, 0x00, 0x00, 0x02, 0x3F, 0x00],
        ])
        .prop_map(Step::Raw),
        vec(any::<u8>(), 8).prop_map(|data| {
            let mut command = vec![0x00, 0x88, 0x00, 0x01, 0x08];
            command.extend(data);
            command.push(0x08);
            Step::Raw(command)
        }),
    ]
}

/// An update or a lock under secure messaging, with its challenge.
fn maintenance() -> impl Strategy<Value = Vec<Step>> {
    let update = (0x14_u8..0x20, 0_u8..64, vec(any::<u8>(), 0..40))
        .prop_map(|(sfi, offset, data)| ([0x04, 0xD6, 0x80 | sfi, offset], data));
    let record = (
        0x14_u8..0x20,
        0_u8..5,
        prop_oneof![4 => Just(4_u8), 1 => 0_u8..8],
        prop_oneof![
            2 => vec(any::<u8>(), 0..60),
            2 => any::<u8>().prop_map(|fill| {
                let mut record = vec![0x27, 0x02, 0x7D, 0x01];
                record.resize(128, fill);
                record
            }),
            1 => vec(any::<u8>(), 48),
        ],
    );
    let write =
        record.prop_map(|(sfi, number, mode, data)| ([0x04, 0xDC, number, sfi << 3 | mode], data));
    let append = (
        0x14_u8..0x20,
        prop_oneof![vec(any::<u8>(), 48), vec(any::<u8>(), 0..60)],
    )
        .prop_map(|(sfi, data)| ([0x04, 0xE2, 0x00, sfi << 3], data));
    let lock = prop_oneof![
        6 => Just([0x84, 0x1E, 0x00, 0x00]),
        6 => Just([0x84, 0x18, 0x00, 0x00]),
        1 => Just([0x84, 0x1E, 0x00, 0x01]),
        1 => Just([0x84, 0x16, 0x00, 0x00]),
    ]
    .prop_map(|header| (header, Vec::new()));
    (
        prop_oneof![4 => update, 3 => write, 3 => append, 2 => lock],
        is_right(),
        prop_oneof![8 => Just(4_u8), 1 => Just(8_u8)],
        prop::bool::weighted(0.95),
    )
        .prop_map(|((header, data), is_right, le, asks)| {
            let mut steps = Vec::new();
            if asks {
                steps.push(Step::Challenge(le));
            }
            steps.push(Step::Secured(header, data, is_right));
            // A block is mostly taken back, so that the rest of a sequence is not all refusals.
            if header[1] == 0x1E {
                steps.push(Step::Raw(select()));
                steps.push(Step::Initialize(1, 1, 0, [0; 6]));
                steps.push(Step::Challenge(4));
                steps.push(Step::Secured([0x84, 0x18, 0x00, 0x00], Vec::new(), true));
            }
            steps
        })
}

fn pin() -> impl Strategy<Value = Vec<Step>> {
    let known = prop_oneof![
        Just(vec![0x12_u8, 0x34, 0x56]),
        Just(vec![0x12_u8, 0x34]),
        Just(vec![0x99_u8; 6]),
        vec(any::<u8>(), 0..8),
    ];
    let step = prop_oneof![
        known
            .clone()
            .prop_map(|pin| vec![Step::Raw(crate::purse::terminal::command(
                [0x00, 0x20, 0x00, 0x00],
                &pin
            ))]),
        (known.clone(), known.clone()).prop_map(|(old, new)| {
            let data = [old, vec![0xFF], new].concat();
            vec![Step::Raw(crate::purse::terminal::command(
                [0x80, 0x5E, 0x01, 0x00],
                &data,
            ))]
        }),
        (known.clone(), is_right())
            .prop_map(|(pin, is_right)| vec![Step::ReloadPin(pin, is_right)]),
        (known, is_right())
            .prop_map(|(pin, is_right)| vec![Step::Challenge(4), Step::UnblockPin(pin, is_right)]),
        (
            prop_oneof![4 => Just(1_u8), 1 => any::<u8>()],
            is_right(),
            prop_oneof![Just(8_u8), Just(4)]
        )
            .prop_map(|(index, is_right, le)| vec![
                Step::Challenge(le),
                Step::External(index, is_right)
            ]),
    ];
    vec(step, 1..3).prop_map(|steps| steps.concat())
}

/// A right command with one thing about its bytes wrong.
fn spoiled() -> impl Strategy<Value = Step> {
    let base = prop_oneof![
        look(),
        Just(Step::Raw(select())),
        Just(Step::Initialize(1, 1, 1, [0; 6])),
        Just(Step::Initialize(0, 1, 1, [0; 6])),
        Just(Step::Finish(true)),
        cached(),
        Just(Step::Secured([0x04, 0xD6, 0x95, 28], vec![1], true)),
        Just(Step::ReloadPin(vec![0x12, 0x34, 0x56], true)),
    ];
    let spoil = prop_oneof![
        (0_usize..5, any::<u8>()).prop_map(|(at, mask)| Spoil::Flip(at, mask)),
        (0_usize..40).prop_map(Spoil::Cut),
        any::<u8>().prop_map(Spoil::Append),
    ];
    (base, spoil).prop_map(|(step, spoil)| Step::Spoiled(Box::new(step), spoil))
}

fn raw() -> impl Strategy<Value = Step> {
    let class = prop_oneof![
        Just(0x00_u8),
        Just(0x04),
        Just(0x80),
        Just(0x84),
        any::<u8>()
    ];
    prop_oneof![
        vec(any::<u8>(), 0..20).prop_map(Step::Raw),
        (
            class,
            any::<u8>(),
            any::<u8>(),
            any::<u8>(),
            vec(any::<u8>(), 0..20)
        )
            .prop_map(|(cla, ins, p1, p2, data)| Step::Raw(
                crate::purse::terminal::command([cla, ins, p1, p2], &data)
            )),
    ]
}
