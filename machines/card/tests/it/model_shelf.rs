//! The directory, the NFC ride code and the identity application against their naive models: every
//! answer, and everything that can be read, before and after the power was gone.

use std::sync::OnceLock;

use proptest::prelude::*;
use tongtu_card::factory::{Blueprint, Group, Module, Preinstalled};
use tongtu_testkit::cipher::Algorithm;
use tongtu_testkit::purse::terminal::command;
use tongtu_testkit::scp03::Host;
use tongtu_testkit::shelf::code::{Code, Key, Profile, reference};
use tongtu_testkit::shelf::identity::Identity;
use tongtu_testkit::shelf::sequence::{About, Places, Seal, Step, days, on_channel};
use tongtu_testkit::shelf::{Application, DIRECTORY, ISSUER, Kind, Shelf};
use tongtu_testkit::tear::Chip;
use tongtu_types::{InstitutionCode, MediumId, MediumKind};

use crate::live::{Live, made};

/// The published test key of security domains.
const TEST_KEY: [u8; 16] = [
    0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4A, 0x4B, 0x4C, 0x4D, 0x4E, 0x4F,
];

/// A medium id that nobody has.
fn medium() -> [u8; 10] {
    let issuer = InstitutionCode::parse("01341000").unwrap();
    let medium = MediumId::compose(MediumKind::CARD, issuer, 26, 4711);
    medium.unwrap().to_packed()
}

/// The card's picture of an application in the model: the same, made by groups.
fn preinstalled(it: &Application) -> Preinstalled {
    let mut groups: Vec<(u16, Vec<u8>)> = Vec::new();
    let module = match &it.kind {
        Kind::Directory => Module::Ppse,
        Kind::Identity(identity) => {
            groups.extend(identity.pin.iter().map(|pin| (0x8010, pin.clone())));
            Module::Identity
        }
        Kind::Code(code) => {
            groups.push((0xA001, code.profile.bytes()));
            groups.extend(code.update_key.iter().map(|key| (0x8001, key.bytes())));
            groups.extend(code.result_key.iter().map(|key| (0x8002, key.bytes())));
            groups.extend(code.code.iter().map(|code| (0xA002, code.clone())));
            Module::RideCode
        }
    };
    Preinstalled {
        module,
        aid: tongtu_apdu::select::Aid::new(&it.aid),
        label: it.label.clone(),
        priority: it.priority,
        parameters: Vec::new(),
        groups: groups
            .into_iter()
            .map(|(id, value)| Group {
                id,
                value: value.into(),
            })
            .collect(),
    }
}

fn applications() -> Vec<Application> {
    let it = |aid: &[u8], label: &[u8], priority, kind| Application {
        aid: aid.to_vec(),
        label: label.to_vec(),
        priority,
        kind,
    };
    let first = vec![0x81; 332];
    let code = Code {
        update_key: Some(Key(Algorithm::Sm4, vec![0x41; 16])),
        result_key: Some(Key(Algorithm::Tdes, vec![0x42; 16])),
        known: vec![reference(&first)],
        code: Some(first),
        ..Code::default()
    };
    let other = Code {
        profile: Profile {
            version: [2, 7],
            code_max: 40,
            rows: [
                [0x00, 0x10],
                [0x80, 0x10],
                [0x80, 0x84],
                [0x04, 0xCA],
                [0x80, 0xB0],
            ],
        },
        update_key: Some(Key(Algorithm::Tdes, vec![0x43; 16])),
        result_key: Some(Key(Algorithm::Sm4, vec![0x44; 16])),
        ..Code::default()
    };
    let with_pin = Identity {
        pin: Some(vec![0x12, 0x34]),
        ..Identity::default()
    };
    let name = [0xF0, 0x54, 0x54, 0x4E, 0x46, 0x43, 0x51, 0x52];
    let identity = [0xA0, 0, 0, 0x06, 0x32, 0x01, 0x01, 0xF1];
    vec![
        it(&name, b"MOT_T_QR", 2, Kind::Code(code)),
        it(DIRECTORY, b"", 0, Kind::Directory),
        it(&identity, b"MOT_T_ID", 1, Kind::Identity(with_pin)),
        it(
            &[&name[..], &[0x01]].concat(),
            b"OTHER",
            0,
            Kind::Code(other),
        ),
        it(
            &[&name[..], &[0x02]].concat(),
            b"",
            3,
            Kind::Code(Code::default()),
        ),
        it(
            &[&identity[..], &[0x01]].concat(),
            b"",
            0,
            Kind::Identity(Identity::default()),
        ),
    ]
}

/// The same card twice: made by us, and told by the model.
fn pair(medium: Option<&[u8]>) -> (Chip, Shelf) {
    let applications = applications();
    let groups = medium.into_iter().map(|medium| Group {
        id: 0xDF20,
        value: medium.to_vec().into(),
    });
    let blueprint = Blueprint {
        issuer_groups: groups.collect(),
        applications: applications.iter().map(preinstalled).collect(),
        ..Blueprint::default()
    };
    let chip = made(64 * 1024, &blueprint);
    (chip, Shelf::new(applications, medium.map(<[u8]>::to_vec)))
}

fn prepared() -> &'static [(Chip, Shelf); 2] {
    static PAIRS: OnceLock<[(Chip, Shelf); 2]> = OnceLock::new();
    PAIRS.get_or_init(|| [pair(Some(&medium())), pair(None)])
}

fn shown(bytes: &[u8]) -> String {
    tongtu_codec::hex_encode(bytes)
}

/// A card and its model, side by side.
struct Both {
    chip: Chip,
    live: Live,
    model: Shelf,
}

impl Both {
    fn of((chip, model): &(Chip, Shelf)) -> Self {
        let chip = chip.copy();
        Self {
            live: Live::on(&chip),
            chip,
            model: model.clone(),
        }
    }

    /// Sends a command to both and compares.
    fn send(&mut self, command: &[u8], what: &dyn std::fmt::Debug) -> Vec<u8> {
        let answer = self.live.send(command);
        if let Some(expected) = self.model.apdu(command, &answer) {
            assert_eq!(
                shown(&answer),
                shown(&expected),
                "{what:?}: the card, then the model, to {}",
                shown(command)
            );
        }
        answer
    }

    fn play(&mut self, steps: &[Step]) {
        for (at, step) in steps.iter().enumerate() {
            if let Some(command) = self.model.command(step) {
                self.send(&command, &(at, step));
                continue;
            }
            match step {
                Step::Store(place, groups) => self.store(*place, groups, &(at, step)),
                Step::PowerCycle => self.power_cycle(),
                _ => {
                    self.live.reset();
                    self.model.reset();
                }
            }
        }
    }

    fn power_cycle(&mut self) {
        self.live.power_cycle(&self.chip);
        self.model.reset();
    }

    /// Personalises an application through the issuer domain, on a channel that is free; on none
    /// when all are open.
    fn store(&mut self, at: usize, groups: &[(u16, Vec<u8>)], what: &dyn std::fmt::Debug) {
        let opened = self.send(&[0x00, 0x70, 0x00, 0x00, 0x01], what);
        let [channel, 0x90, 0x00] = opened[..] else {
            return;
        };
        let mut host = Host::new(&TEST_KEY, &TEST_KEY, &TEST_KEY);
        let send = |both: &mut Self, command| both.send(&on_channel(command, channel), what);
        send(self, command([0x00, 0xA4, 0x04, 0x00], &ISSUER));
        let offer = send(self, host.initialize_update(0, [1, 2, 3, 4, 5, 6, 7, 8]));
        let answer = host
            .external_authenticate(&offer[..offer.len() - 2], 0x01)
            .expect("the card has the test keys");
        assert_eq!(send(self, answer), [0x90, 0x00]);
        let aid = self.model.applications[at].aid.clone();
        let len = u8::try_from(aid.len()).expect("an AID");
        let subject = [&[0, 0, len], &aid[..], &[0, 0, 0]].concat();
        let install = host.wrap([0x80, 0xE6, 0x20, 0x00], &subject, Some(0));
        assert_eq!(send(self, install)[..], [0x00, 0x90, 0x00]);
        let mut data = Vec::new();
        for (id, value) in groups {
            data.extend(id.to_be_bytes());
            let len = u16::try_from(value.len()).expect("a short group");
            match u8::try_from(len) {
                Ok(len) if len < 0xFF => data.push(len),
                _ => {
                    data.push(0xFF);
                    data.extend(len.to_be_bytes());
                }
            }
            data.extend(value);
        }
        let blocks: Vec<&[u8]> = data.chunks(200).collect();
        let expected = match self.model.store(at, groups) {
            Ok(()) => 0x9000,
            Err(sw) => sw,
        };
        for (number, block) in (0_u8..).zip(&blocks) {
            let is_last = usize::from(number) + 1 == blocks.len();
            let p1 = if is_last { 0x88 } else { 0x08 };
            let answer = send(self, host.wrap([0x80, 0xE2, p1, number], block, None));
            let right = if is_last { expected } else { 0x9000 };
            assert_eq!(answer, right.to_be_bytes(), "{what:?}: personalisation");
        }
        self.send(&[0x00, 0x70, 0x80, channel], what);
    }

    /// Reads everything that can be read.
    fn compare(&mut self) {
        for at in 0..self.model.applications.len() {
            let mut steps = vec![Step::Select(at, 16, 0)];
            let rest = Step::Raw(vec![0x00, 0xC0, 0x00, 0x00, 0x00]);
            match &self.model.applications[at].kind {
                Kind::Directory => {}
                Kind::Code(_) => {
                    let get = |row, p1| Step::Code(row, [p1, 0], Vec::new(), Some(0));
                    steps.push(get(0, 0));
                    steps.extend(vec![rest; 4]);
                    steps.extend((1..12).map(|number| get(4, number)));
                }
                Kind::Identity(identity) => {
                    steps.push(Step::Raw(vec![0x80, 0xCA, 0x7F, 0x21, 0x00]));
                    steps.extend(vec![rest; 3]);
                    steps.push(Step::Raw(vec![0x80, 0xCA, 0x7F, 0x49, 0x00]));
                    steps.push(Step::Raw(vec![0x00, 0x20, 0x00, 0x00]));
                    if let Some(pin) = &identity.pin {
                        steps.push(Step::Raw(command([0x00, 0x20, 0x00, 0x00], pin)));
                    }
                    let prove = command([0x00, 0x88, 0x00, 0x00], &[0xA5; 24]);
                    steps.push(Step::Raw(prove));
                }
            }
            self.play(&steps);
        }
    }
}

fn check(pair: &(Chip, Shelf), steps: &[Step]) {
    let mut both = Both::of(pair);
    both.play(steps);
    both.compare();
    both.power_cycle();
    both.compare();
}

fn sequences(about: About) -> impl Strategy<Value = Vec<Step>> {
    days(&Places::of(&prepared()[0].1), about, 20)
}

#[test]
fn an_update_ends_with_block_255() {
    for (len, blocks, sw) in [(246, 256, [0x90, 0x00]), (247, 257, [0x69, 0x85])] {
        let mut both = Both::of(&prepared()[0]);
        let update = (0..blocks).map(|number| Step::Block(vec![7; len], 1, number, Seal::Right));
        let update: Vec<Step> = update.collect();
        both.play(&[
            Step::Select(0, 16, 0),
            Step::Code(1, [0, 0], Vec::new(), Some(8)),
        ]);
        both.play(&update[..255]);
        let last = both.model.command(&update[255]).expect("a command");
        assert_eq!(both.send(&last, &len), sw, "{len}");
        both.compare();
    }
}

#[test]
fn no_block_goes_over_what_the_longest_code_takes() {
    // The card takes codes of 40 bytes, in 50 with length and MAC.
    for (len, size, answers) in [
        (40, 25, &[[0x90, 0x00], [0x90, 0x00]][..]),
        (41, 50, &[[0x90, 0x00], [0x6A, 0x84]]),
        (42, 17, &[[0x90, 0x00], [0x90, 0x00], [0x6A, 0x84]]),
    ] {
        let mut both = Both::of(&prepared()[0]);
        both.play(&[
            Step::Select(3, 16, 0),
            Step::Code(1, [0, 0], Vec::new(), Some(8)),
        ]);
        for (number, sw) in answers.iter().enumerate() {
            let block = Step::Block(vec![7; len], size, number, Seal::Right);
            let command = both.model.command(&block).expect("a command");
            assert_eq!(both.send(&command, &block), sw, "{len} in {size}: {number}");
        }
        both.compare();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_has_the_model_s_answers_with_a_ride_code(steps in sequences(About::Code)) {
        check(&prepared()[0], &steps);
    }

    #[test]
    fn any_sequence_has_the_model_s_answers_with_an_identity(
        has_medium in prop::bool::weighted(0.9),
        steps in sequences(About::Identity),
    ) {
        check(&prepared()[usize::from(!has_medium)], &steps);
    }
}
