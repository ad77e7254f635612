//! Days of an e-cash to try: taps whole, torn and refused, composite payments, scripts, PINs, and
//! broken bytes.
//!
//! A step is turned into bytes by the model ([`Ecash::command`]), which knows the request
//! cryptogram that an issuer answers. Start at [`days`].

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::profile::{Elements, Profile};
use super::{Ecash, Phase, digits, fill, tlv};
use crate::purse::terminal::{Spoil, command};

mod rides;

pub use rides::read_capp;

/// One thing to do to a card with an e-cash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Bytes as they are.
    Raw(Vec<u8>),
    /// The issuer's answer to the request of this channel; `false` spoils it.
    Issuer(bool),
    /// A script command: header, data, and whether its MAC is right.
    Script([u8; 4], Vec<u8>, bool),
    /// APPLICATION UNBLOCK.
    Unblock(bool),
    /// UPDATE CAPP DATA CACHE in a file: a record, and whether its MAC is right.
    Update(u8, Vec<u8>, bool),
    /// APPEND RECORD in a file: a key, a record, and whether its MAC is right.
    Append(u8, [u8; 16], Vec<u8>, bool),
    /// PIN CHANGE/UNBLOCK: P2, the digits of the new PIN, and whether its MAC is right.
    ChangePin(u8, Vec<u8>, bool),
    /// VERIFY with the present PIN; `false` with another.
    Verify(bool),
    /// GET TRANS PROVE for a counter so far back.
    Prove(u16),
    /// Another step with something about its bytes wrong.
    Spoiled(Box<Self>, Spoil),
    /// Another step on a logical channel, 1 to 3.
    On(u8, Box<Self>),
    /// Loss of power.
    Reset,
}

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
    /// The kind of a composite payment, DF60; 0 for a plain one.
    pub composite: u8,
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
            composite: 0,
        }
    }

    fn said(&self) -> Elements {
        Elements::from([
            (0x8A, b"00".to_vec()),
            (0x9F66, self.qualifiers.to_vec()),
            (0x9F02, digits(self.amount)),
            (0x9F1A, vec![0x01, 0x56]),
            (0x5F2A, self.currency.to_vec()),
            (0x9A, vec![0x26, 0x11, 0x22]),
            (0x9F21, vec![0x09, 0x30, 0x00]),
            (0x9C, vec![0x00]),
            (0x9F37, self.number.to_vec()),
            (0xDF60, vec![self.composite]),
        ])
    }

    /// GET PROCESSING OPTIONS for a card.
    #[must_use]
    pub fn options(&self, profile: &Profile) -> Vec<u8> {
        let said = fill(&profile.pdol, &self.said());
        let mut data = vec![0x83, u8::try_from(said.len()).expect("a short list")];
        data.extend(said);
        let mut out = command([0x80, 0xA8, 0, 0], &data);
        out.push(0);
        out
    }

    /// GENERATE AC, the first or the second.
    #[must_use]
    pub fn generate(&self, profile: &Profile, kind: u8, is_first: bool) -> Vec<u8> {
        let list = if is_first {
            &profile.cdol1
        } else {
            &profile.cdol2
        };
        let mut out = command([0x80, 0xAE, kind, 0], &fill(list, &self.said()));
        out.push(0);
        out
    }
}

fn spoil(mut mac: Vec<u8>, is_right: bool) -> Vec<u8> {
    if let (false, Some(last)) = (is_right, mac.last_mut()) {
        *last ^= 1;
    }
    mac
}

impl Ecash {
    /// The bytes of a step; none for [`Step::Reset`].
    #[must_use]
    pub fn command(&self, step: &Step) -> Option<Vec<u8>> {
        self.command_on(0, step)
    }

    fn command_on(&self, channel: u8, step: &Step) -> Option<Vec<u8>> {
        let (atc, request) = match self.channels.session(channel).map(|session| session.phase) {
            Some(Phase::Tap(tap)) => (tap.atc, tap.cryptogram),
            Some(Phase::Long(long)) => long.asked(),
            _ => (0, vec![0; 8]),
        };
        Some(match step {
            Step::Raw(bytes) => bytes.clone(),
            Step::Issuer(is_right) => {
                let answer = spoil(self.response(atc, &request, b"00"), *is_right);
                command([0x00, 0x82, 0, 0], &[&answer[..], b"00"].concat())
            }
            Step::Script(header, data, is_right) => {
                let mac = spoil(self.script_mac(atc, &request, *header, data), *is_right);
                command(*header, &[&data[..], &mac].concat())
            }
            Step::Unblock(is_right) => {
                let header = [0x84, 0x18, 0, 0];
                let mac = self.script_mac(self.state.atc, &[0; 8], header, &[]);
                command(header, &spoil(mac, *is_right))
            }
            Step::Update(sfi, record, is_right) => {
                let key = self.clone().key_of(*sfi, record).unwrap_or(vec![0; 16]);
                let header = [0x84, 0xDE, 0, sfi << 3];
                let mac = spoil(self.update_mac(&key, atc, header, record), *is_right);
                command(header, &[&record[..], &mac].concat())
            }
            Step::Append(sfi, key, record, is_right) => {
                let algorithm = self.profile.algorithm;
                let file = self.profile.files.get(sfi);
                let opening = file.map_or(vec![0; 16], |file| file.key.clone());
                let blocks = key.chunks(algorithm.block_len());
                let mut data: Vec<u8> = blocks
                    .flat_map(|block| algorithm.encrypt(&opening, block))
                    .collect();
                data.extend(record);
                let header = [0x04, 0xE2, 0, sfi << 3];
                let mac = self.update_mac(&opening, self.state.atc, header, &data);
                data.extend(spoil(mac, *is_right));
                command(header, &data)
            }
            Step::ChangePin(kind, digits, is_right) => {
                let header = [0x84, 0x24, 0, *kind];
                let data = self.wrapped_pin(atc, *kind, digits);
                let mac = spoil(self.script_mac(atc, &request, header, &data), *is_right);
                command(header, &[data, mac].concat())
            }
            Step::Verify(is_right) => {
                let block = self.state.pin.as_ref().map(|pin| pin.block.clone());
                let block = spoil(block.unwrap_or(vec![0x24; 8]), *is_right);
                command([0x00, 0x20, 0x00, 0x80], &block)
            }
            Step::Prove(back) => {
                let atc = self.state.atc.wrapping_sub(*back).to_be_bytes();
                let mut command = command([0x80, 0x5A, 0, 0], &atc);
                command.push(8);
                command
            }
            Step::Spoiled(step, spoil) => spoil.apply(self.command_on(channel, step)?),
            Step::On(channel, step) => {
                let mut command = self.command_on(*channel, step)?;
                if let Some(class) = command.first_mut() {
                    *class |= channel;
                }
                command
            }
            Step::Reset => return None,
        })
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

/// A whole payment: SELECT, options, every record.
#[must_use]
pub fn payment(profile: &Profile, tap: &Tap) -> Vec<Step> {
    let mut steps = vec![select_ecash(profile), tap.options(profile)];
    steps.extend(reads(profile));
    steps.into_iter().map(Step::Raw).collect()
}

/// Up to `count` things that happen to a card in a day.
pub fn days(profile: &Profile, count: usize) -> impl Strategy<Value = Vec<Step>> + use<> {
    vec(happening(profile), 1..=count).prop_map(|steps| steps.concat())
}

fn tap() -> impl Strategy<Value = Tap> {
    let amount = prop_oneof![
        5 => 0_u64..1_000,
        2 => 0_u64..3_000,
        1 => select(vec![0_u64, 2_000, 2_001, 100_001, 999_999_999_999]),
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
            composite: 0,
        },
    )
}

fn is_right() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.9)
}

/// A script with a new record of the application, of a log, an extension file or nowhere.
fn update_record(profile: &Profile) -> impl Strategy<Value = Step> + use<> {
    let own: Vec<_> = profile.records.clone().into_iter().collect();
    // What is there with a name behind it, so that lists and certificates stay.
    let longer = (select(own), vec(0x20_u8..0x7F, 2..20)).prop_map(|((place, record), name)| {
        let body = match &record[1..] {
            [0x81, _, body @ ..] | [_, body @ ..] => body,
            [] => &[],
        };
        let longer = tlv(0x70, &[body, &tlv(0x5F20, &name)].concat());
        let fits = longer.len() <= 250;
        (place, if fits { longer } else { record })
    });
    let elsewhere = (
        select(vec![
            (0x0B_u8, 1_u8),
            (0x1A, 1),
            (0x1E, 1),
            (2, 9),
            (9, 1),
            (10, 0),
        ]),
        Just(tlv(0x70, &[])),
    );
    let broken = (select(vec![(2_u8, 1_u8), (9, 1)]), vec(any::<u8>(), 0..6));
    (
        prop_oneof![4 => longer, 2 => elsewhere, 1 => broken],
        is_right(),
    )
        .prop_map(|(((sfi, number), record), is_right)| {
            Step::Script([0x04, 0xDC, number, sfi << 3 | 4], record, is_right)
        })
}

fn change_pin() -> impl Strategy<Value = Step> {
    let digits = vec(0_u8..10, 4..=12);
    let change = (0_u8..3, digits, is_right())
        .prop_map(|(kind, digits, is_right)| Step::ChangePin(kind, digits, is_right));
    let other = (0_u8..4, select(vec![0_usize, 8, 16, 16]), any::<u8>())
        .prop_map(|(kind, len, fill)| Step::Script([0x84, 0x24, 0, kind], vec![fill; len], true));
    prop_oneof![3 => change, 1 => other]
}

/// A script that sets something, mostly the balance.
fn script(profile: &Profile) -> impl Strategy<Value = Step> + use<> {
    let value = prop_oneof![
        3 => (0_u64..2_500).prop_map(digits),
        4 => (0_u64..20_000).prop_map(digits),
        1 => Just(digits(100_000)),
        1 => Just(digits(100_001)),
        2 => vec(any::<u8>(), 1..8),
    ];
    let put = (
        select(vec![
            [0x9F_u8, 0x79],
            [0x9F, 0x79],
            [0x9F, 0x77],
            [0x9F, 0x78],
            [0x9F, 0x7F],
            [0xDF, 0x62],
            [0x9F, 0x68],
            [0x9F, 0x52],
            [0x00, 0x82],
            [0x00, 0xDF],
        ]),
        value,
        is_right(),
    )
        .prop_map(|([p1, p2], value, is_right)| {
            Step::Script([0x04, 0xDA, p1, p2], value, is_right)
        });
    let block =
        is_right().prop_map(|is_right| Step::Script([0x84, 0x1E, 0, 0], Vec::new(), is_right));
    prop_oneof![6 => put, 1 => block, 3 => change_pin(), 2 => update_record(profile)]
}

/// An online transaction with its issuer, by tap or by the long dialogue.
fn online(profile: &Profile) -> impl Strategy<Value = Vec<Step>> + use<> {
    let profile = profile.clone();
    let challenge = prop_oneof![3 => vec(any::<u8>(), 4), 1 => vec(any::<u8>(), 0..6)];
    let challenge = prop::option::weighted(0.3, challenge);
    (
        tap(),
        any::<bool>(),
        select(vec![0x00_u8, 0x40, 0x80, 0x80]),
        prop::option::weighted(0.9, is_right()),
        vec(script(&profile), 0..3),
        prop::option::of(select(vec![0x00_u8, 0x40])),
        (is_right(), challenge),
    )
        .prop_map(
            move |(mut tap, is_tap, first, answer, scripts, second, (unblocks, challenge))| {
                tap.qualifiers = if is_tap {
                    [0x26, 0x80, 0, 0]
                } else {
                    [0x10, 0, 0, 0]
                };
                let mut steps = vec![
                    Step::Raw(select_ecash(&profile)),
                    Step::Raw(tap.options(&profile)),
                ];
                if !is_tap {
                    steps.push(Step::Raw(tap.generate(&profile, first, true)));
                }
                steps.extend(challenge.map(|data| {
                    let mut out = command([0x00, 0x88, 0, 0], &data);
                    out.push(0);
                    Step::Raw(out)
                }));
                steps.extend(answer.map(Step::Issuer));
                steps.extend(scripts);
                if let (false, Some(kind)) = (is_tap, second) {
                    steps.push(Step::Raw(tap.generate(&profile, kind, false)));
                }
                if steps
                    .iter()
                    .any(|step| matches!(step, Step::Script([0x84, ..], ..)))
                {
                    steps.push(Step::Raw(select_ecash(&profile)));
                    steps.push(Step::Raw(tap.options(&profile)));
                    steps.push(Step::Unblock(unblocks));
                }
                steps
            },
        )
}

/// Two payments on two channels, one in the middle of the other.
fn two_channels(profile: &Profile) -> impl Strategy<Value = Vec<Step>> + use<> {
    let profile = profile.clone();
    (tap(), tap(), vec(any::<bool>(), 14), any::<bool>()).prop_map(
        move |(one, other, turns, closes)| {
            let on = |step| Step::On(1, Box::new(step));
            let mut steps = vec![Step::Raw(vec![0x00, 0x70, 0x00, 0x00, 0x01])];
            let mut one = payment(&profile, &one).into_iter();
            let mut other = payment(&profile, &other).into_iter().map(on);
            for turn in turns {
                steps.extend(if turn { one.next() } else { other.next() });
            }
            steps.extend(one);
            steps.extend(other);
            if closes {
                steps.push(Step::Raw(vec![0x00, 0x70, 0x80, 0x01]));
            }
            steps
        },
    )
}

fn look() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => select(vec![
            0x9F79_u16, 0x9F77, 0x9F78, 0x9F6D, 0x9F36, 0x9F4F, 0x9F51, 0x9F7F, 0x9F13, 0x9F5D,
        ])
        .prop_map(|tag| {
            let [p1, p2] = tag.to_be_bytes();
            vec![0x80, 0xCA, p1, p2, 0x00]
        }),
        3 => (0_u8..12, 0x0A_u8..0x0E).prop_map(|(number, sfi)| read(sfi, number)),
        1 => (0_u8..32, 0_u8..8).prop_map(|(sfi, number)| read(sfi, number)),
        1 => any::<u16>().prop_map(|atc| {
            let mut out = command([0x80, 0x5A, 0, 0], &(atc % 8).to_be_bytes());
            out.push(8);
            out
        }),
        1 => select(vec![4_u8, 8, 0, 9]).prop_map(|le| vec![0x00, 0x84, 0, 0, le]),
        1 => vec(any::<u8>(), 0..12),
    ]
}

fn pins() -> impl Strategy<Value = Vec<Step>> {
    let length = vec(any::<u8>(), 0..10).prop_map(|data| command([0x00, 0x20, 0, 0x80], &data));
    let verify = prop_oneof![
        6 => prop::bool::weighted(0.6).prop_map(Step::Verify),
        1 => length.prop_map(Step::Raw),
    ];
    vec(verify, 1..5)
}

fn happening(profile: &Profile) -> impl Strategy<Value = Vec<Step>> + use<> {
    let select_command = select_ecash(profile);
    let paid = profile.clone();
    let whole = (tap(), 0..=reads(profile).len() + 3, any::<bool>()).prop_map(
        move |(tap, kept, resets)| {
            let mut steps = payment(&paid, &tap);
            steps.truncate(kept);
            if resets {
                steps.push(Step::Reset);
            }
            steps
        },
    );
    let base = vec![
        select_command.clone(),
        read(2, 1),
        vec![0x80, 0xCA, 0x9F, 0x79, 0x00],
        Tap::offline(1).options(profile),
    ];
    let spoil = prop_oneof![
        (0_usize..5, any::<u8>()).prop_map(|(at, mask)| Spoil::Flip(at, mask)),
        (0_usize..20).prop_map(Spoil::Cut),
        any::<u8>().prop_map(Spoil::Append),
    ];
    let spoiled = (select(base), spoil).prop_map(|(command, spoil)| spoil.apply(command));
    prop_oneof![
        5 => whole,
        4 => online(profile),
        2 => two_channels(profile),
        6 => rides::rides(profile),
        1 => pins(),
        3 => vec(look().prop_map(Step::Raw), 1..4),
        1 => spoiled.prop_map(|step| vec![Step::Raw(step)]),
        1 => Just(vec![Step::Raw(select_command)]),
        1 => Just(vec![Step::Reset]),
    ]
}
