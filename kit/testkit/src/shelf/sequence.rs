//! Command sequences for the small applications: valid dialogues, broken ones, several channels,
//! personalisation in between, and loss of power.
//!
//! A sequence is a list of [`Step`]s; [`Shelf::command`] makes bytes of one while it runs, with the
//! keys, the table and the challenge of whatever is selected then. Start at [`days`].

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::code::{
    GET_CHALLENGE, GET_CODE, Key, PUT_RESULT, Profile, READ_RESULT, UPDATE_CODE, reference,
};
use super::{DIRECTORY, ISSUER, Kind, Selected, Shelf};
use crate::cipher::Algorithm;
use crate::purse::terminal::{Spoil, command};

/// How an update or a result is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seal {
    /// Rightly.
    Right,
    /// One bit of the MAC is wrong.
    Bit,
    /// With the other one of the two keys.
    OtherKey,
    /// As if it were the other command's.
    OtherPurpose,
    /// Over another challenge.
    OtherChallenge,
    /// The length in front is one more than there is.
    Length,
}

/// Which code a result is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Of {
    /// The one in this place of those that are known, 0 the newest.
    Known(usize),
    /// This one, known or not.
    Code(Vec<u8>),
}

/// A group of personalisation, or something like one.
pub type Group = (u16, Vec<u8>);

/// One thing to do to the card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Bytes as they are.
    Raw(Vec<u8>),
    /// SELECT of the application in a place, by so many bytes of its name, with this P2.
    Select(usize, usize, u8),
    /// A command of the ride code that is selected: which, P1, P2, data, Le.
    Code(usize, [u8; 2], Vec<u8>, Option<u8>),
    /// The block of this number of an update to a code, cut into so many bytes each.
    Block(Vec<u8>, usize, usize, Seal),
    /// A result for a code: the other bytes of it.
    Result(Of, Vec<u8>, Seal),
    /// Another step with something about its bytes wrong.
    Spoiled(Box<Self>, Spoil),
    /// Another step on a logical channel.
    On(u8, Box<Self>),
    /// The issuer personalises the application in a place, on a channel of its own.
    Store(usize, Vec<Group>),
    /// A warm reset.
    Reset,
    /// The power goes, and comes back.
    PowerCycle,
}

/// A command on a channel, 0 to 19.
#[must_use]
pub fn on_channel(mut command: Vec<u8>, channel: u8) -> Vec<u8> {
    if let Some(class) = command.first_mut() {
        *class = match (channel, *class & 0x04) {
            (0..=3, _) => *class | channel,
            (_, 0) => *class & 0x80 | 0x40 | (channel - 4),
            _ => *class & 0x80 | 0x60 | (channel - 4),
        };
    }
    command
}

impl Shelf {
    /// The bytes of a step; none for what is no command.
    #[must_use]
    pub fn command(&self, step: &Step) -> Option<Vec<u8>> {
        self.bytes(step, 0)
    }

    fn bytes(&self, step: &Step, channel: u8) -> Option<Vec<u8>> {
        Some(match step {
            Step::Raw(bytes) => bytes.clone(),
            Step::Select(at, len, p2) => {
                let aid = &self.applications[*at].aid;
                let part = &aid[..aid.len().min(*len)];
                [command([0x00, 0xA4, 0x04, *p2], part), vec![0]].concat()
            }
            Step::Code(row, p1_p2, data, le) => {
                let mut out = self.dressed(channel, *row, *p1_p2, data);
                out.extend(le);
                out
            }
            Step::Block(code, size, number, seal) => {
                let len = code.len() + usize::from(*seal == Seal::Length);
                let len = u16::try_from(len).expect("a code of some thousand bytes");
                let mac = self.sealed(channel, 1, code, *seal);
                let whole = [&len.to_be_bytes()[..], code, &mac].concat();
                let count = whole.len().div_ceil(*size);
                let number = (*number).min(count - 1);
                let part = whole
                    .chunks(*size)
                    .nth(number)
                    .expect("less than the count");
                let p1 = if number + 1 == count { 0x80 } else { 0x00 };
                let p2 = u8::try_from(number % 256).expect("less than 256");
                self.dressed(channel, UPDATE_CODE, [p1, p2], part)
            }
            Step::Result(of, rest, seal) => {
                let named = match (of, self.selected(channel)) {
                    (Of::Code(code), _) => Some(reference(code)),
                    (Of::Known(at), Some(Kind::Code(code))) => code.known.get(*at).cloned(),
                    _ => None,
                };
                let named = named.unwrap_or_else(|| reference(b"no such code"));
                let result = [named, rest.clone()].concat();
                let mac = self.sealed(channel, 2, &result, *seal);
                self.dressed(channel, PUT_RESULT, [0, 0], &[result, mac].concat())
            }
            Step::Spoiled(step, spoil) => spoil.apply(self.bytes(step, channel)?),
            Step::On(channel, step) => on_channel(self.bytes(step, *channel)?, *channel),
            Step::Store(..) | Step::Reset | Step::PowerCycle => return None,
        })
    }

    fn selected(&self, channel: u8) -> Option<&Kind> {
        match self.channels.session(channel)?.selected {
            Selected::At(at) => Some(&self.applications[at].kind),
            _ => None,
        }
    }

    /// A command of the ride code under the table of the selected one.
    fn dressed(&self, channel: u8, row: usize, [p1, p2]: [u8; 2], data: &[u8]) -> Vec<u8> {
        let [cla, ins] = match self.selected(channel) {
            Some(Kind::Code(code)) => code.profile.rows[row],
            _ => Profile::default().rows[row],
        };
        command([cla, ins, p1, p2], data)
    }

    fn sealed(&self, channel: u8, purpose: u8, body: &[u8], seal: Seal) -> Vec<u8> {
        let (own, other) = match self.selected(channel) {
            Some(Kind::Code(code)) if purpose == 1 => (&code.update_key, &code.result_key),
            Some(Kind::Code(code)) => (&code.result_key, &code.update_key),
            _ => (&None, &None),
        };
        let key = if seal == Seal::OtherKey { other } else { own };
        let session = self.channels.session(channel).unwrap_or_default();
        let mut challenge = session.heard;
        let mut purpose = purpose;
        match seal {
            Seal::OtherPurpose => purpose = 3 - purpose,
            Seal::OtherChallenge => challenge[7] ^= 1,
            _ => {}
        }
        let mut mac = match key {
            Some(key) => key.mac(purpose, &challenge, body),
            None => vec![0; 8],
        };
        if seal == Seal::Bit {
            mac[7] ^= 1;
        }
        mac
    }
}

/// Where a card's applications are, so that a sequence can name them.
#[derive(Clone, Debug)]
pub struct Places {
    /// Ride codes; the first ones are chosen more often.
    pub codes: Vec<usize>,
    /// Identity applications.
    pub identities: Vec<usize>,
    /// All of them.
    pub all: usize,
}

impl Places {
    /// Those of a card.
    #[must_use]
    pub fn of(shelf: &Shelf) -> Self {
        let which = |is: fn(&Kind) -> bool| {
            let all = shelf.applications.iter().enumerate();
            all.filter(|(_, it)| is(&it.kind))
                .map(|(at, _)| at)
                .collect()
        };
        Self {
            codes: which(|kind| matches!(kind, Kind::Code(_))),
            identities: which(|kind| matches!(kind, Kind::Identity(_))),
            all: shelf.applications.len(),
        }
    }
}

/// Which application most of a sequence is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The ride code.
    Code,
    /// The identity application.
    Identity,
}

/// A sequence of up to `count` dialogues.
pub fn days(places: &Places, about: About, count: usize) -> BoxedStrategy<Vec<Step>> {
    let own = match about {
        About::Code => &places.codes,
        About::Identity => &places.identities,
    };
    let often = own.iter().zip((1..=own.len()).rev());
    let often = often
        .flat_map(|(at, count)| vec![*at; count * count])
        .collect::<Vec<_>>();
    let begin = select(often).prop_map(|at| vec![Step::Select(at, 16, 0)]);
    let begin = begin.boxed();
    let dialogue = prop_oneof![
        12 => dialogue(about),
        2 => dialogue(about).prop_flat_map(interrupted),
        2 => dialogue(about).prop_flat_map(shortened),
        1 => vec(spoiled(about), 1..3),
        1 => vec(raw(), 1..3),
        3 => store(places, about),
        1 => any_select(places),
        2 => pins(places, about),
        5 => begin.clone(),
        1 => power().prop_map(|step| vec![step]),
        3 => (power(), begin.clone(), dialogue(about)).prop_map(|(power, begin, dialogue)| {
            [vec![power], begin, dialogue].concat()
        }),
        3 => two_channels(begin.clone(), about),
    ];
    (begin, vec(dialogue, 1..=count))
        .prop_map(|(begin, rest)| [begin, rest.concat()].concat())
        .boxed()
}

fn power() -> impl Strategy<Value = Step> {
    prop_oneof![Just(Step::Reset), Just(Step::PowerCycle)]
}

fn dialogue(about: About) -> BoxedStrategy<Vec<Step>> {
    match about {
        About::Code => code_dialogue().boxed(),
        About::Identity => identity_dialogue().boxed(),
    }
}

fn challenge() -> Step {
    Step::Code(GET_CHALLENGE, [0, 0], Vec::new(), Some(8))
}

fn seal() -> impl Strategy<Value = Seal> {
    prop_oneof![
        12 => Just(Seal::Right),
        1 => select(vec![
            Seal::Bit,
            Seal::OtherKey,
            Seal::OtherPurpose,
            Seal::OtherChallenge,
            Seal::Length,
        ]),
    ]
}

/// Codes of a few bytes come again, long ones go over what one block, one answer or one profile
/// takes.
fn code() -> impl Strategy<Value = Vec<u8>> {
    let short = (0_u8..6).prop_map(|fill| vec![fill; 20]);
    let len = prop_oneof![
        0_usize..4,
        30_usize..45,
        240_usize..275,
        505_usize..530,
        Just(332)
    ];
    prop_oneof![
        4 => short,
        2 => (len, any::<u8>()).prop_map(|(len, fill)| vec![fill; len]),
        1 => Just(Vec::new()),
    ]
}

fn code_dialogue() -> impl Strategy<Value = Vec<Step>> {
    let size = prop_oneof![
        4 => Just(255_usize),
        2 => 1_usize..30,
        1 => Just(17_usize),
        1 => 30_usize..255,
    ];
    let update = (code(), size, seal()).prop_map(|(code, size, seal)| {
        let len = code.len() + 10;
        // Not more blocks than it takes to see how they follow each other.
        let size = size.max(len / 12);
        let blocks =
            (0..len.div_ceil(size)).map(|number| Step::Block(code.clone(), size, number, seal));
        [challenge()].into_iter().chain(blocks).collect::<Vec<_>>()
    });
    let fare = prop_oneof![
        6 => Just([0x00_u8, 0x00, 0x02, 0x00]),
        1 => Just([0x99, 0x99, 0x99, 0x99]),
        1 => any::<[u8; 4]>(),
    ];
    let of = prop_oneof![
        4 => Just(Of::Known(0)),
        2 => (1_usize..5).prop_map(Of::Known),
        1 => code().prop_map(Of::Code),
    ];
    let result = (of, fare, 0_u8..4, 0_u8..6, seal());
    let result = result.prop_map(|(at, fare, verdict, minute, seal)| {
        let mut rest = vec![verdict];
        rest.extend(fare);
        rest.extend([0x20, 0x26, 0x01, 0x01, 0x16, minute, 0x00]);
        rest.extend([0x10, 0, 0, 0, 0, 1]);
        vec![challenge(), Step::Result(at, rest, seal)]
    });
    // More codes than are known, some of them again, and a result for each.
    let turnover = vec(0_u8..7, 3..9).prop_map(|fills| {
        let update = |fill: u8| {
            let code = if fill == 6 {
                Vec::new()
            } else {
                vec![fill; 20]
            };
            [challenge(), Step::Block(code, 255, 0, Seal::Right)]
        };
        let result = |fill: u8| {
            let mut rest = vec![0, 0x00, 0x00, 0x03, 0x00];
            rest.extend([0x20, 0x26, 0x01, 0x01, 0x18, 0x00, 0x00]);
            rest.extend([0x10, 0, 0, 0, 0, 3]);
            let of = Of::Code(vec![fill; 20]);
            [challenge(), Step::Result(of, rest, Seal::Right)]
        };
        let updates = fills.into_iter().flat_map(update);
        updates.chain((0..6).flat_map(result)).collect::<Vec<_>>()
    });
    // More results than are kept, for whatever is the newest code.
    let row = (8_u8..14, any::<bool>()).prop_map(|(count, goes_back)| {
        let one = |number: u8| {
            let mut rest = vec![0, 0x00, 0x00, 0x01, number % 10];
            rest.extend([0x20, 0x26, 0x01, 0x01, 0x17, number, 0x00]);
            rest.extend([0x10, 0, 0, 0, 0, 2]);
            [challenge(), Step::Result(Of::Known(0), rest, Seal::Right)]
        };
        let again = goes_back.then_some(0);
        (0..count).chain(again).flat_map(one).collect::<Vec<_>>()
    });
    let piece = prop_oneof![3 => Just(0_u8), 1 => any::<u8>()];
    let get = vec(piece, 0..3).prop_map(|pieces| {
        let get = Step::Code(GET_CODE, [0, 0], Vec::new(), Some(0));
        let rest = pieces
            .into_iter()
            .map(|le| Step::Raw(vec![0, 0xC0, 0, 0, le]));
        [get].into_iter().chain(rest).collect::<Vec<_>>()
    });
    let read = prop_oneof![4 => 1_u8..12, 1 => any::<u8>()];
    let read =
        read.prop_map(|number| vec![Step::Code(READ_RESULT, [number, 0], Vec::new(), Some(0))]);
    let odd = (
        0_usize..5,
        prop_oneof![Just([0_u8, 0]), Just([0x80, 0]), any::<[u8; 2]>()],
        prop_oneof![Just(Vec::new()), vec(any::<u8>(), 1..40)],
        prop_oneof![
            Just(None),
            Just(Some(0)),
            Just(Some(8)),
            any::<u8>().prop_map(Some)
        ],
    );
    let odd = odd.prop_map(|(row, p1_p2, data, le)| vec![Step::Code(row, p1_p2, data, le)]);
    prop_oneof![14 => update, 10 => result, 1 => row, 1 => turnover, 6 => get, 4 => read, 2 => odd]
}

fn pin() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => Just(vec![0x12_u8, 0x34]),
        2 => Just(vec![0x12_u8, 0x34, 0x56]),
        1 => Just(Vec::new()),
        1 => Just(vec![0x99_u8; 6]),
        1 => vec(any::<u8>(), 0..9),
    ]
}

fn identity_dialogue() -> impl Strategy<Value = Vec<Step>> {
    let verify = pin().prop_map(|pin| vec![Step::Raw(command([0x00, 0x20, 0, 0], &pin))]);
    let challenge = prop_oneof![
        8 => vec(any::<u8>(), 16..=32),
        1 => vec(any::<u8>(), 0..40),
    ];
    let authenticate = (
        challenge,
        prop_oneof![Just(None), Just(Some(vec![0x12_u8, 0x34]))],
    );
    let authenticate = authenticate.prop_map(|(challenge, pin)| {
        let pin = pin.map(|pin| Step::Raw(command([0x00, 0x20, 0, 0], &pin)));
        let mut prove = command([0x00, 0x88, 0, 0], &challenge);
        prove.push(0);
        pin.into_iter()
            .chain([Step::Raw(prove)])
            .collect::<Vec<_>>()
    });
    let get = prop_oneof![Just([0x7F_u8, 0x21]), Just([0x7F, 0x49]), any::<[u8; 2]>()];
    let get = (get, vec(prop_oneof![Just(0_u8), any::<u8>()], 0..3));
    let get = get.prop_map(|([p1, p2], pieces)| {
        let rest = pieces.into_iter().map(|le| vec![0, 0xC0, 0, 0, le]);
        let all = [vec![0x80, 0xCA, p1, p2, 0]].into_iter().chain(rest);
        all.map(Step::Raw).collect::<Vec<_>>()
    });
    let generate = Just(vec![Step::Raw(vec![0x80, 0x46, 0, 0, 0])]);
    prop_oneof![3 => verify, 4 => authenticate, 3 => get, 2 => generate]
}

/// Groups of personalisation for one application, one in some wrong.
fn store(places: &Places, about: About) -> BoxedStrategy<Vec<Step>> {
    let key = (any::<bool>(), 0_u8..3).prop_map(|(is_sm4, first)| {
        let algorithm = if is_sm4 {
            Algorithm::Sm4
        } else {
            Algorithm::Tdes
        };
        Key(algorithm, vec![0x41 + first; 16]).bytes()
    });
    let of_code = prop_oneof![
        3 => (select(vec![0x8001_u16, 0x8002]), key),
        3 => code().prop_map(|code| (0xA002, code)),
        2 => (profile(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(profile, at, mask)| {
            let mut bytes = profile.bytes();
            if mask & 3 == 3 {
                bytes[at.index(14)] ^= mask;
            }
            (0xA001, bytes)
        }),
        1 => (any::<u16>(), vec(any::<u8>(), 0..20)),
        1 => (select(vec![0x8001_u16, 0x8002, 0xA001, 0xA002]), vec(any::<u8>(), 0..20)),
    ];
    let certificate = prop_oneof![0_usize..3, 120_usize..135, 245_usize..270, Just(600)];
    let of_identity = prop_oneof![
        3 => (certificate, any::<u8>()).prop_map(|(len, fill)| (0x7F21, vec![fill; len])),
        3 => pin().prop_map(|pin| (0x8010, pin)),
        2 => (0_u8..5).prop_map(|limit| (0x9010, vec![limit])),
        2 => prop_oneof![4 => Just(Vec::new()), 1 => Just(vec![0_u8])].prop_map(|data| (0x8011, data)),
        1 => (any::<u16>(), vec(any::<u8>(), 0..20)),
        1 => (select(vec![0x7F21_u16, 0x8010, 0x8011, 0x9010]), vec(any::<u8>(), 0..20)),
    ];
    let store = |at: Vec<usize>, group: BoxedStrategy<Group>| {
        (select(at), vec(group, 1..4)).prop_map(|(at, groups)| vec![Step::Store(at, groups)])
    };
    let all = (0..places.all).collect();
    let (own, group) = match about {
        About::Code => (places.codes.clone(), of_code.boxed()),
        About::Identity => (places.identities.clone(), of_identity.boxed()),
    };
    prop_oneof![8 => store(own, group.clone()), 1 => store(all, group)].boxed()
}

/// A PIN that was verified, and what happens to it then: another one, more tries, none left.
fn pins(places: &Places, about: About) -> BoxedStrategy<Vec<Step>> {
    if about != About::Identity {
        return Just(Vec::new()).boxed();
    }
    let group = prop_oneof![
        3 => pin().prop_map(|pin| (0x8010, pin)),
        1 => (1_u8..4).prop_map(|limit| (0x9010, vec![limit])),
    ];
    let changes = vec(group, 0..3);
    let wrong = prop_oneof![Just(0_usize), 1_usize..5];
    (
        select(places.identities.clone()),
        changes,
        wrong,
        any::<bool>(),
    )
        .prop_map(|(at, changes, wrong, tries_again)| {
            let on = |step| Step::On(1, Box::new(step));
            let verify = |pin: &[u8]| Step::Raw(command([0x00, 0x20, 0, 0], pin));
            let select = Step::Select(at, 16, 0);
            let mut steps = vec![select.clone(), Step::Raw(vec![0x80, 0x46, 0, 0, 0])];
            steps.push(Step::Store(at, vec![(0x8010, vec![0x12, 0x34])]));
            steps.push(verify(&[0x12, 0x34]));
            steps.push(Step::Raw(vec![0x00, 0x70, 0x00, 0x01]));
            steps.push(on(select));
            steps.extend(vec![on(verify(&[0x77, 0x77])); wrong]);
            if tries_again {
                steps.push(verify(&[0x12, 0x34]));
            }
            steps.extend(
                changes
                    .into_iter()
                    .map(|group| Step::Store(at, vec![group])),
            );
            steps.push(verify(&[]));
            steps.push(Step::Raw(command([0x00, 0x88, 0, 0], &[0x3C; 16])));
            steps
        })
        .boxed()
}

/// Command tables, most of them good.
fn profile() -> impl Strategy<Value = Profile> {
    let max = prop_oneof![
        Just(512_usize),
        Just(40),
        Just(0),
        Just(4096),
        Just(4097),
        1_usize..600
    ];
    let rows = prop_oneof![
        3 => Just(Profile::default().rows),
        1 => Just([[0x80, 0x10], [0x80, 0x11], [0x80, 0x12], [0x80, 0x13], [0x80, 0x14]]),
        1 => Just([[0x00, 0x10], [0x80, 0x10], [0x84, 0x10], [0x04, 0x10], [0x80, 0x14]]),
    ];
    (max, rows).prop_map(|(code_max, rows)| Profile {
        version: [1, 1],
        code_max,
        rows,
    })
}

/// A selection of anything there is or is not, by a part of a name.
fn any_select(places: &Places) -> BoxedStrategy<Vec<Step>> {
    let by_part = (
        0..places.all,
        0_usize..17,
        prop_oneof![3 => Just(0_u8), 2 => Just(2_u8), 1 => any::<u8>()],
    );
    let by_part = by_part.prop_map(|(at, len, p2)| Step::Select(at, len, p2));
    let select = |name: &[u8]| Step::Raw(command([0x00, 0xA4, 0x04, 0x00], name));
    let others = prop::sample::select(vec![
        select(DIRECTORY),
        select(&ISSUER),
        select(&[]),
        select(&[0xA0, 0, 0, 9, 0xFF]),
        select(&[0xA0; 17]),
        Step::Raw(vec![0x00, 0xA4, 0x00, 0x00, 0x02, 0x3F, 0x00]),
    ]);
    vec(prop_oneof![3 => by_part, 2 => others], 1..4).boxed()
}

/// Two channels in turns, each in the middle of something.
fn two_channels(begin: BoxedStrategy<Vec<Step>>, about: About) -> impl Strategy<Value = Vec<Step>> {
    // Mostly the first free channel; 4 and more have classes of another form.
    let channel = prop_oneof![4 => Just(1_u8), 1 => 2_u8..4, 2 => 4_u8..20];
    let turns = vec(any::<bool>(), 16);
    (
        channel,
        begin,
        dialogue(about),
        dialogue(about),
        turns,
        any::<bool>(),
    )
        .prop_map(|(channel, begin, one, other, turns, closes)| {
            let on = |step| Step::On(channel, Box::new(step));
            let mut steps = vec![Step::Raw(vec![0x00, 0x70, 0x00, channel])];
            steps.extend(begin.into_iter().map(on));
            let (mut one, mut other) = (one.into_iter(), other.into_iter().map(on));
            for turn in turns {
                steps.extend(if turn { one.next() } else { other.next() });
            }
            steps.extend(one);
            steps.extend(other);
            if closes {
                steps.push(Step::Raw(vec![0x00, 0x70, 0x80, channel]));
            }
            steps
        })
}

/// The same with something pushed in between.
fn interrupted(steps: Vec<Step>) -> impl Strategy<Value = Vec<Step>> {
    let past = select(vec![
        vec![0x00, 0xC0, 0x00, 0x00, 0x00],
        vec![0x00, 0x70, 0x00, 0x00, 0x01],
        vec![0x00, 0x70, 0x80, 0x05],
        vec![0x00, 0xA4, 0x04, 0x00, 0x05, 0xA0, 0x00, 0x00, 0x09, 0xFF],
        vec![0x00],
        vec![0xFF, 0x00, 0x00, 0x00],
        vec![0x02, 0x84, 0x00, 0x00, 0x08],
        vec![0x80, 0xCA, 0x00, 0x00, 0x00],
    ]);
    let past = prop_oneof![past.prop_map(Step::Raw), raw()];
    (0..=steps.len(), past).prop_map(move |(at, step)| {
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

/// A command with one thing about its bytes wrong.
fn spoiled(about: About) -> impl Strategy<Value = Step> {
    let spoil = prop_oneof![
        3 => (0_usize..6, any::<u8>()).prop_map(|(at, mask)| Spoil::Flip(at, mask)),
        1 => (0_usize..40).prop_map(Spoil::Cut),
        1 => any::<u8>().prop_map(Spoil::Append),
    ];
    (dialogue(about), any::<prop::sample::Index>(), spoil).prop_map(|(steps, at, spoil)| {
        let step = at.get(&steps).clone();
        Step::Spoiled(Box::new(step), spoil)
    })
}

fn raw() -> impl Strategy<Value = Step> {
    let class = prop_oneof![
        Just(0x00_u8),
        Just(0x04),
        Just(0x80),
        Just(0x84),
        any::<u8>()
    ];
    let ins = prop_oneof![
        select(vec![
            0x46_u8, 0xCA, 0x20, 0x88, 0x84, 0xDA, 0xDC, 0xB2, 0xC0, 0x70
        ]),
        any::<u8>()
    ];
    let p1_p2 = prop_oneof![Just([0_u8, 0]), any::<[u8; 2]>()];
    prop_oneof![
        1 => vec(any::<u8>(), 0..20).prop_map(Step::Raw),
        3 => (class, ins, p1_p2, vec(any::<u8>(), 0..20)).prop_map(|(cla, ins, [p1, p2], data)| {
            Step::Raw(command([cla, ins, p1, p2], &data))
        }),
    ]
}
