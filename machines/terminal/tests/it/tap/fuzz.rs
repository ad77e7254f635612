//! Cards are hostile input: generated dialogues, each repeatable by its seed and number.
//!
//! Three kinds: answers of chance, honest answers mutated on the way, and answers built as a card
//! would build them (FCI by TLV, files by their layouts) with wrong parts. Each goes to a terminal
//! in a state of its own: fresh, with a torn card, with one that owes its vouching, before an exit.
//! What must hold: no panic; no ride of a purse without a MAC2 that the module itself verified, none
//! of an e-cash without a signature over what the terminal heard; whatever was stored is read again
//! after a restart.
//!
//! `TONGTU_TAPS` and `TONGTU_SEED` set how many and which; `cargo xtask fuzz taps` runs a million.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tongtu_apdu::select::E_PURSE;
use tongtu_crypto::Algorithm;
use tongtu_psam::{Psam, PsamAnswer, PsamFault, PsamIdentity, PsamRequest};
use tongtu_purse::field::Amount;
use tongtu_purse::proof::Code;
use tongtu_tap_record::{CashCheck, Mac2State, RecordKind, Recovery, Stage};
use tongtu_terminal::tap::{
    CardLink, Counter, Lost, MakeUp, OpenRide, TapEnd, TapOutcome, TapPost, Task, Ticket, Way,
    drive,
};
use tongtu_testkit::tear::Line;
use tongtu_types::Timestamp;

use super::cash::fixture::{CashPost, rider as cash_rider};
use super::cash::hostile::is_genuine;
use super::fixture::{Post, Rider, T0, TestPsam, audit, bus, gate, long_line, profile, segmented};

/// Dialogues in the committed test; a few seconds without optimisation.
const USUALLY: u64 = 6_000;

/// Chance that depends on its seed alone (splitmix64).
struct Chance(u64);

impl Chance {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Below `n`.
    fn below(&mut self, n: usize) -> usize {
        let n = u64::try_from(n).unwrap();
        usize::try_from(self.next() % n.max(1)).unwrap()
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    const fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.byte()).collect()
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// Status words that terminals tell apart, and a few that they do not.
const STATUS: [[u8; 2]; 20] = [
    [0x90, 0x00],
    [0x90, 0x00],
    [0x61, 0x00],
    [0x61, 0x08],
    [0x6C, 0x1E],
    [0x62, 0x83],
    [0x67, 0x00],
    [0x69, 0x85],
    [0x69, 0x88],
    [0x6A, 0x81],
    [0x6A, 0x82],
    [0x6A, 0x83],
    [0x6D, 0x00],
    [0x93, 0x02],
    [0x93, 0x03],
    [0x94, 0x01],
    [0x94, 0x02],
    [0x94, 0x03],
    [0x94, 0x06],
    [0x65, 0x81],
];

/// A card and a terminal before a tap, and what the tap is for.
struct Scene {
    name: &'static str,
    rider: Rider,
    post: Post,
    task: Task,
    at: Timestamp,
}

fn scene(name: &'static str, rider: Rider, post: Post) -> Scene {
    Scene {
        name,
        rider,
        post,
        task: Task::Ride,
        at: T0.plus_s(600),
    }
}

fn rider(algorithm: Algorithm) -> Rider {
    Rider::with(&profile(0x17, algorithm), 5_000)
}

fn long_bus(stop: u8) -> Post {
    let mut post = Post::new(1, segmented(stop, 7));
    post.tariff = long_line();
    post.profile.rules.open_ride = OpenRide::Settle;
    post.started()
}

/// A tap whose line breaks so many bytes before its end.
fn torn(mut scene: Scene, name: &'static str, before_end: usize, restart: bool) -> Scene {
    let (mut whole, mut post) = (scene.rider.clone(), scene.post.clone());
    whole.present();
    post.tap_on(&mut whole, scene.at, scene.task);
    let bytes: usize = whole.log.iter().map(|(c, a)| c.len() + a.len()).sum();
    scene.rider.present();
    scene.rider.line = Line::breaking_after(bytes - before_end);
    let end = scene.post.tap_on(&mut scene.rider, scene.at, scene.task);
    assert!(matches!(
        end.outcome,
        TapOutcome::Torn { in_doubt: true, .. }
    ));
    if restart {
        scene.post.restart();
    }
    Scene {
        name,
        at: scene.at.plus_s(10),
        ..scene
    }
}

fn scenes() -> Vec<Scene> {
    let single = || scene("single", rider(Algorithm::Tdes), Post::new(1, bus()));
    let entry = |algorithm| {
        let post = Post::new(1, gate("0101", Way::Entry));
        scene("entry", rider(algorithm), post)
    };
    let exit = |algorithm| {
        let mut rider = rider(algorithm);
        Post::new(7, gate("0101", Way::Entry)).tap(&mut rider, T0);
        scene("exit", rider, Post::new(1, gate("0116", Way::Exit)))
    };
    let boarding = || scene("boarding", rider(Algorithm::Tdes), long_bus(1));
    let alighting = || {
        let (mut rider, mut post) = (rider(Algorithm::Tdes), long_bus(1));
        post.tap(&mut rider, T0);
        post.terminal.stand_at(segmented(3, 7));
        post.profile.post = segmented(3, 7);
        scene("alighting", rider, post)
    };
    let with_trip = || {
        let TapPost::Single(mut post) = bus() else {
            unreachable!()
        };
        post.leaves_trip = true;
        let post = Post::new(1, TapPost::Single(post)).changed(|profile, _| {
            profile.rules.transfers = true;
            profile.selection.directory = true;
        });
        scene("single with trip", rider(Algorithm::Tdes), post)
    };
    let ticket = || {
        let post = Post::new(1, bus()).changed(|profile, _| {
            profile.rules.ticket = Some(Ticket {
                key_index: 2,
                units: Amount::new(1),
            });
        });
        scene("ticket", rider(Algorithm::Tdes), post)
    };
    let make_up = || {
        let counter = TapPost::Counter(Counter {
            network: "METRO".parse().unwrap(),
            station: "0109".parse().unwrap(),
            card_line: 1,
        });
        Scene {
            name: "make-up",
            post: Post::new(1, counter),
            task: Task::MakeUp(MakeUp::CloseRail {
                amount: Some(Amount::new(400)),
            }),
            ..exit(Algorithm::Tdes)
        }
    };
    let blacklisted = || {
        let rider = rider(Algorithm::Tdes);
        let serial = rider.profile.public.serial.0;
        let post = Post::new(1, bus()).changed(|_, lists| {
            lists.blacklist.insert(serial);
        });
        scene("blacklisted", rider, post)
    };
    let cash = |algorithm, place| {
        let post = CashPost::new(1, place).post;
        scene("e-cash", cash_rider(algorithm), post)
    };
    let cash_exit = |algorithm| {
        let mut rider = cash_rider(algorithm);
        CashPost::new(7, gate("0101", Way::Entry)).tap(&mut rider, T0);
        let post = CashPost::new(1, gate("0116", Way::Exit)).post;
        scene("e-cash, exit", rider, post)
    };
    let cash_beside = |algorithm| {
        let torn = cash(algorithm, bus());
        let mut torn = self::torn(torn, "e-cash, torn beside", 1, false);
        let notices = torn.post.terminal.torn();
        torn.post = CashPost::new(2, bus()).post;
        torn.post.note(&notices, torn.at);
        torn
    };
    vec![
        cash_beside(Algorithm::Tdes),
        cash_beside(Algorithm::Sm4),
        torn(
            cash(Algorithm::Tdes, bus()),
            "e-cash, torn, restart",
            1,
            true,
        ),
        cash(Algorithm::Tdes, bus()),
        cash(Algorithm::Sm4, bus()),
        cash(Algorithm::Sm4, gate("0101", Way::Entry)),
        cash_exit(Algorithm::Tdes),
        torn(
            cash(Algorithm::Sm4, bus()),
            "e-cash, torn at its last answer",
            1,
            false,
        ),
        single(),
        with_trip(),
        entry(Algorithm::Tdes),
        entry(Algorithm::Sm4),
        exit(Algorithm::Tdes),
        exit(Algorithm::Sm4),
        boarding(),
        alighting(),
        ticket(),
        make_up(),
        blacklisted(),
        torn(single(), "single, torn", 4, false),
        torn(single(), "single, not committed", 31, false),
        torn(single(), "single, torn, restart", 4, true),
        torn(entry(Algorithm::Tdes), "entry, torn, restart", 4, true),
        torn(exit(Algorithm::Sm4), "exit, torn", 4, false),
        torn(alighting(), "alighting, torn, restart", 4, true),
    ]
}

/// The module, and what it verified: the auditor asks nobody else.
struct Witness<'a> {
    module: &'a mut TestPsam,
    verified: Vec<(u32, Code)>,
}

impl Psam for Witness<'_> {
    fn identity(&self) -> &PsamIdentity {
        self.module.identity()
    }

    fn ask(&mut self, request: &PsamRequest) -> Result<PsamAnswer, PsamFault> {
        let answer = self.module.ask(request);
        if let (PsamRequest::Credit(credit), Ok(PsamAnswer::Credited)) = (request, &answer) {
            self.verified.push((credit.terminal_sequence, credit.mac2));
        }
        answer
    }
}

/// A hostile card.
struct Hostile<'a> {
    chance: Chance,
    rider: &'a mut Rider,
    /// How many of a thousand answers are left as they are.
    honest: usize,
    way: Kind,
    before: Vec<u8>,
    /// Commands, and what the terminal heard.
    heard: Vec<(Vec<u8>, Vec<u8>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Random,
    Mutated,
    Built,
}

impl CardLink for Hostile<'_> {
    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, Lost> {
        let answer = self.says(apdu)?;
        self.heard.push((apdu.to_vec(), answer.clone()));
        Ok(answer)
    }
}

impl Hostile<'_> {
    fn says(&mut self, apdu: &[u8]) -> Result<Vec<u8>, Lost> {
        if self.way == Kind::Random {
            if self.chance.one_in(16) {
                return Err(Lost);
            }
            let len = self.chance.below(64);
            let mut answer = self.chance.bytes(len);
            if !self.chance.one_in(4) {
                answer.extend(self.chance.of(&STATUS));
            }
            return Ok(answer);
        }
        let honest = self.rider.transmit(apdu)?;
        let is_left = self.chance.below(1000) < self.honest;
        let answer = match (is_left, self.way) {
            (true, _) => honest.clone(),
            (false, Kind::Built) if !self.chance.one_in(4) => self.built(apdu, &honest),
            (false, _) => {
                if self.chance.one_in(12) {
                    return Err(Lost);
                }
                self.mutated(honest.clone())
            }
        };
        self.before = honest;
        Ok(answer)
    }

    fn mutated(&mut self, mut answer: Vec<u8>) -> Vec<u8> {
        for _ in 0..=self.chance.below(3) {
            let len = answer.len();
            match self.chance.below(9) {
                0 if len > 0 => {
                    let at = self.chance.below(len);
                    answer[at] ^= 1 << self.chance.below(8);
                }
                1 if len > 0 => {
                    let at = self.chance.below(len);
                    answer[at] = self.chance.byte();
                }
                2 => answer.truncate(self.chance.below(len + 1)),
                3 => {
                    let more = self.chance.below(300);
                    answer.extend(self.chance.bytes(more));
                }
                4 => {
                    answer.truncate(len.saturating_sub(2));
                    answer.extend(self.chance.of(&STATUS));
                }
                5 => answer.clone_from(&self.before),
                6 if len > 2 => {
                    let (from, to) = (self.chance.below(len - 2), self.chance.below(len - 2));
                    answer.swap(from, to);
                }
                7 if len > 2 => {
                    let at = self.chance.below(len - 2);
                    let count = self.chance.below(len - 2 - at) + 1;
                    let fill = *self.chance.of(&[0x00, 0xFF, 0x99, 0x7F, 0x80]);
                    answer[at..at + count].fill(fill);
                }
                _ => {
                    let at = self.chance.below(len + 1);
                    answer.insert(at, self.chance.byte());
                }
            }
        }
        answer
    }

    /// An answer as such a command has, with wrong parts.
    fn built(&mut self, apdu: &[u8], honest: &[u8]) -> Vec<u8> {
        let data = honest.len().saturating_sub(2);
        let mut answer = match apdu.get(1) {
            Some(0xA4) => self.fci(0),
            // Files and initialisations: as long as they should be, a part of them anything.
            Some(0xA8 | 0xB0 | 0xB2 | 0x50) if data > 0 => {
                let mut file = honest[..data].to_vec();
                let at = self.chance.below(data);
                let len = 1 + self.chance.below(8.min(data - at));
                let part = self.chance.bytes(len);
                file[at..at + len].copy_from_slice(&part);
                file
            }
            Some(0x54) => self.chance.bytes(8),
            _ => self.chance.bytes(data),
        };
        answer.extend(match self.chance.one_in(6) {
            true => *self.chance.of(&STATUS),
            false => [0x90, 0x00],
        });
        answer
    }

    /// A tree of TLV such as an FCI or a directory is.
    fn fci(&mut self, depth: usize) -> Vec<u8> {
        const TAGS: [&[u8]; 12] = [
            &[0x6F],
            &[0x84],
            &[0xA5],
            &[0x50],
            &[0x88],
            &[0x9F, 0x0C],
            &[0xBF, 0x0C],
            &[0x61],
            &[0x4F],
            &[0x87],
            &[0x9F, 0x38],
            &[0x5F, 0x2D],
        ];
        let mut out = Vec::new();
        for at in 0..=self.chance.below(4) {
            let tag = match (depth, at) {
                (0, 0) => &[0x6F],
                _ => *self.chance.of(&TAGS),
            };
            let is_template = matches!(tag, [0x6F] | [0xA5] | [0xBF, 0x0C] | [0x61]);
            let value = match tag {
                _ if is_template && depth < 5 => self.fci(depth + 1),
                [0x84] | [0x4F] if !self.chance.one_in(3) => E_PURSE.as_bytes().to_vec(),
                [0x9F, 0x0C] if !self.chance.one_in(3) => self.public(),
                _ => {
                    let len = self.chance.below(40);
                    self.chance.bytes(len)
                }
            };
            out.extend(tag);
            let len = match self.chance.one_in(10) {
                true => self.chance.byte(),
                false => u8::try_from(value.len().min(255)).unwrap(),
            };
            match (len, self.chance.one_in(20)) {
                (0x80.., _) | (_, true) => out.extend([0x81, len]),
                _ => out.push(len),
            }
            out.extend(value);
        }
        out.truncate(250);
        out
    }

    /// File 0x15 with a byte or two that are anything.
    fn public(&mut self) -> Vec<u8> {
        let mut file = self.rider.profile.public.encode().unwrap().to_vec();
        for _ in 0..self.chance.below(3) {
            let at = self.chance.below(file.len());
            file[at] = self.chance.byte();
        }
        file
    }
}

/// Counts of what dialogues came to.
type Counts = BTreeMap<(Kind, Money, &'static str), u64>;

/// Which money the card of a scene pays with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Money {
    Purse,
    Cash,
}

impl Money {
    fn of(scene: &Scene) -> Self {
        if scene.name.starts_with("e-cash") {
            Self::Cash
        } else {
            Self::Purse
        }
    }
}

const fn name(outcome: &TapOutcome) -> &'static str {
    match outcome {
        TapOutcome::Accepted(_) => "accepted",
        TapOutcome::Recovered(_) => "recovered",
        TapOutcome::Reopened(_) => "reopened",
        TapOutcome::Refused(_) => "refused",
        TapOutcome::Torn { .. } => "torn",
        TapOutcome::OutOfService(_) => "out of service",
    }
}

/// One dialogue and what must hold of it.
fn dialogue(scenes: &[Scene], seed: u64, number: u64, counts: &mut Counts) {
    let mut chance = Chance(seed ^ number.wrapping_mul(0xD134_2543_DE82_EF95));
    let scene = chance.of(scenes);
    let way = *chance.of(&[
        Kind::Random,
        Kind::Mutated,
        Kind::Mutated,
        Kind::Mutated,
        Kind::Built,
        Kind::Built,
    ]);
    let honest = *chance.of(&[0, 500, 800, 900, 900, 950]);
    let (mut rider, mut post) = (scene.rider.clone(), scene.post.clone());
    let mut verified = Vec::new();
    let taps = 1 + chance.below(2);
    for tap in 0..taps {
        rider.present();
        // The last of two is honest now and then: what the liar left behind must not help it.
        let honest = if tap == 1 && chance.one_in(2) {
            1000
        } else {
            honest
        };
        let mut card = Hostile {
            chance: Chance(chance.next()),
            rider: &mut rider,
            honest,
            way,
            before: vec![0x90, 0x00],
            heard: Vec::new(),
        };
        let now = scene.at.plus_s(7 * i64::try_from(tap).unwrap());
        let circumstances = post.circumstances(now, scene.task);
        let mut witness = Witness {
            module: &mut post.psam,
            verified: std::mem::take(&mut verified),
        };
        let end = drive(
            &mut post.terminal,
            circumstances,
            &mut card,
            &mut witness,
            &mut post.store,
        );
        verified = witness.verified;
        let heard = std::mem::take(&mut card.heard);
        let money = Money::of(scene);
        *counts.entry((way, money, name(&end.outcome))).or_default() += 1;
        if let Err(fault) = paid_for(&post, &end, &verified, &heard, way) {
            panic!(
                "seed {seed}, dialogue {number}, {}: {fault}: {end:?}",
                scene.name
            );
        }
        // A restart reads everything that the dialogue left.
        let started = post.started();
        assert_eq!(
            started.terminal.open_intents(),
            post.terminal.open_intents(),
            "seed {seed}, dialogue {number}, {}",
            scene.name
        );
    }
}

/// Whether a ride that was let on rests on a MAC2 that the module verified in these taps: its
/// own, or that of a vouching afterwards. An e-cash's rests on a signature that the library, asked
/// again, finds over what was heard.
fn paid_for(
    post: &Post,
    end: &TapEnd,
    verified: &[(u32, Code)],
    heard: &[(Vec<u8>, Vec<u8>)],
    way: Kind,
) -> Result<(), &'static str> {
    let Some(ride) = end.outcome.ride() else {
        return Ok(());
    };
    if way == Kind::Random {
        return Err("chance made a ride");
    }
    let records = post.records();
    let was = |record: &tongtu_tap_record::TapRecord| {
        record.mac2 == Mac2State::Verified
            && verified.contains(&(record.terminal_sequence, record.mac2_code))
    };
    if !records.contains(&ride.record) {
        return Err("a ride without its record");
    }
    if ride.record.kind == RecordKind::Cash {
        let check = ride.record.cash().map(|proof| proof.check);
        let is_new = !matches!(end.outcome, TapOutcome::Reopened(_));
        return match check {
            Ok(CashCheck::Rsa | CashCheck::Sm2) if !is_new || is_genuine(heard) => Ok(()),
            _ => Err("an e-cash's ride without a signature that holds"),
        };
    }
    let vouched = records.iter().any(|record| {
        let same = record.serial == ride.record.serial && record.recovery == Recovery::Vouch;
        same && record.stage == Stage::None && was(record)
    });
    match was(&ride.record) || vouched {
        true => Ok(()),
        false => Err("a ride without a MAC2 that the module verified"),
    }
}

fn variable(name: &str, otherwise: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.map_or(otherwise, |text| text.parse().expect("a number"))
}

#[test]
fn no_dialogue_makes_a_panic_or_a_ride_without_a_verified_mac2() {
    let (count, seed) = (variable("TONGTU_TAPS", USUALLY), variable("TONGTU_SEED", 1));
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let next = AtomicU64::new(0);
    let begun = Instant::now();
    let work = || {
        let (scenes, mut counts) = (scenes(), Counts::new());
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return counts;
            }
            dialogue(&scenes, seed, number, &mut counts);
        }
    };
    let mut counts = Counts::new();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            for (key, n) in worker.join().expect("the message above names the dialogue") {
                *counts.entry(key).or_default() += n;
            }
        }
    });
    println!("{count} dialogues, seed {seed}, {:.1?}", begun.elapsed());
    for ((way, money, outcome), n) in &counts {
        println!("  {way:?}, {money:?}: {outcome} {n}");
    }
    let of = |way| counts.iter().filter(move |((w, ..), _)| *w == way);
    for way in [Kind::Random, Kind::Mutated, Kind::Built] {
        assert!(of(way).count() > 1, "{way:?} is one thing only: {counts:?}");
    }
    // The generator must reach the far end of the dialogue, or it proves nothing.
    for money in [Money::Purse, Money::Cash] {
        for end in ["accepted", "recovered", "torn"] {
            assert!(
                counts.contains_key(&(Kind::Mutated, money, end)),
                "{money:?} {end}"
            );
        }
    }
}

#[test]
fn a_lie_before_debit_hides_no_debit() {
    // Lies before DEBIT change what is asked, never what is recorded of what was paid.
    let single = scene("single", rider(Algorithm::Tdes), Post::new(1, bus()));
    for number in 0..400 {
        let (mut rider, mut post) = (single.rider.clone(), single.post.clone());
        rider.present();
        let mut chance = Chance(number);
        let lies = chance.below(4);
        let mut at = 0;
        let mut card = super::fixture::Liar {
            rider: &mut rider,
            lie: Box::new(|apdu, mut answer| {
                let is_debit = apdu.get(1) == Some(&0x54) || apdu.get(1) == Some(&0x5A);
                if at == lies && !is_debit {
                    let place = chance.below(answer.len());
                    answer[place] ^= 1 << chance.below(8);
                }
                at += 1;
                answer
            }),
        };
        post.tap_on(&mut card, single.at, Task::Ride);
        drop(card);
        let debits = rider.debits();
        let open = post.terminal.open_intents();
        let recorded = post.records();
        let known = recorded.iter().filter(|r| r.stage != Stage::None).count() + open;
        assert!(known >= debits.len(), "{number}: {recorded:?}");
        if known == 0 {
            audit("unpaid", &mut rider, 5_000, &mut [&mut post], single.at);
        }
    }
}
