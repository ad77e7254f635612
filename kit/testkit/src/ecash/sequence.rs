//! Taps to try on an e-cash: whole ones, torn ones, refused ones, and broken bytes.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::{Elements, Profile, digits, fill};
use crate::purse::terminal::{Spoil, command};

/// Bytes to send, or a loss of power.
pub type Step = Option<Vec<u8>>;

/// What a terminal says about one payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tap {
    /// Amount in fen.
    pub amount: u64,
    /// Terminal transaction qualifiers.
    pub qualifiers: [u8; 4],
    /// Currency.
    pub currency: [u8; 2],
    /// Unpredictable number.
    pub number: [u8; 4],
}

impl Tap {
    /// An offline payment in yuan.
    #[must_use]
    pub const fn offline(amount: u64) -> Self {
        Self {
            amount,
            qualifiers: [0x26, 0, 0, 0],
            currency: [0x01, 0x56],
            number: [0x2B, 0x29, 0xEB, 0xE4],
        }
    }

    /// GET PROCESSING OPTIONS for a card.
    #[must_use]
    pub fn options(&self, profile: &Profile) -> Vec<u8> {
        let said = Elements::from([
            (0x9F66, self.qualifiers.to_vec()),
            (0x9F02, digits(self.amount)),
            (0x9F1A, vec![0x01, 0x56]),
            (0x5F2A, self.currency.to_vec()),
            (0x9A, vec![0x26, 0x11, 0x22]),
            (0x9F21, vec![0x09, 0x30, 0x00]),
            (0x9C, vec![0x00]),
            (0x9F37, self.number.to_vec()),
        ]);
        let said = fill(&profile.pdol, &said);
        let mut data = vec![0x83, u8::try_from(said.len()).expect("a short list")];
        data.extend(said);
        let mut out = command([0x80, 0xA8, 0, 0], &data);
        out.push(0);
        out
    }
}

/// SELECT of the e-cash.
#[must_use]
pub fn select_ecash(profile: &Profile) -> Vec<u8> {
    let mut out = command([0x00, 0xA4, 0x04, 0x00], &profile.aid);
    out.push(0);
    out
}

/// READ RECORD.
#[must_use]
pub fn read(sfi: u8, number: u8) -> Vec<u8> {
    vec![0x00, 0xB2, number, sfi << 3 | 4, 0x00]
}

/// Every record of the AFL in order.
#[must_use]
pub fn reads(profile: &Profile) -> Vec<Vec<u8>> {
    profile
        .afl
        .chunks(4)
        .flat_map(|range| (range[1]..=range[2]).map(|number| read(range[0] >> 3, number)))
        .collect()
}

/// Up to `count` things that happen to a card in a day.
pub fn days(profile: &Profile, count: usize) -> impl Strategy<Value = Vec<Step>> + use<> {
    vec(happening(profile), 1..=count).prop_map(|steps| steps.concat())
}

fn tap() -> impl Strategy<Value = Tap> {
    let amount = prop_oneof![
        5 => 0_u64..2_000,
        2 => 0_u64..20_000,
        1 => select(vec![0_u64, 100_000, 100_001, 999_999_999_999]),
    ];
    let qualifiers = prop_oneof![
        6 => select(vec![[0x26_u8, 0, 0, 0], [0x28, 0, 0, 0], [0x20, 0, 0, 0]]),
        2 => select(vec![[0x26_u8, 0x80, 0, 0], [0x36, 0x80, 0, 0], [0x06, 0, 0, 0]]),
        1 => any::<[u8; 4]>(),
    ];
    let currency = prop_oneof![9 => Just([0x01_u8, 0x56]), 1 => Just([0x08_u8, 0x40])];
    (amount, qualifiers, currency, any::<[u8; 4]>()).prop_map(
        |(amount, qualifiers, currency, number)| Tap {
            amount,
            qualifiers,
            currency,
            number,
        },
    )
}

fn happening(profile: &Profile) -> impl Strategy<Value = Vec<Step>> + use<> {
    let all = reads(profile);
    let select_command = select_ecash(profile);
    let selected = select_command.clone();
    let profile = profile.clone();
    let whole = (tap(), 0..=all.len() + 2, any::<bool>()).prop_map(move |(tap, kept, resets)| {
        let mut steps = vec![Some(selected.clone()), Some(tap.options(&profile))];
        steps.extend(all.iter().take(kept).cloned().map(Some));
        if resets {
            steps.push(None);
        }
        steps
    });
    let look = prop_oneof![
        3 => select(vec![
            0x9F79_u16, 0x9F77, 0x9F78, 0x9F6D, 0x9F36, 0x9F4F, 0x9F51, 0x9F99, 0x5A,
        ])
        .prop_map(|tag| {
            let [p1, p2] = tag.to_be_bytes();
            vec![0x80, 0xCA, p1, p2, 0x00]
        }),
        3 => (0_u8..12).prop_map(|number| read(0x0B, number)),
        1 => (0_u8..31, 0_u8..8).prop_map(|(sfi, number)| read(sfi, number)),
        1 => (0_u8..31, 0_u8..8, any::<u8>())
            .prop_map(|(sfi, number, le)| vec![0x00, 0xB2, number, sfi << 3 | 4, le]),
        1 => vec(any::<u8>(), 0..12),
    ];
    let base = vec![
        select_command.clone(),
        read(2, 1),
        vec![0x80, 0xCA, 0x9F, 0x79, 0x00],
    ];
    let spoil = prop_oneof![
        (0_usize..5, any::<u8>()).prop_map(|(at, mask)| Spoil::Flip(at, mask)),
        (0_usize..20).prop_map(Spoil::Cut),
        any::<u8>().prop_map(Spoil::Append),
    ];
    let spoiled = (select(base), spoil).prop_map(|(command, spoil)| spoil.apply(command));
    prop_oneof![
        5 => whole,
        3 => vec(look, 1..4).prop_map(|steps| steps.into_iter().map(Some).collect()),
        1 => spoiled.prop_map(|step| vec![Some(step)]),
        1 => Just(vec![Some(select_command)]),
        1 => Just(vec![None]),
    ]
}
