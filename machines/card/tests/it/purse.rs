//! A personalised purse under a reader, and scripts to play on it.
//!
//! A script is a line a step, `what -> answer`. An answer is hex, `x` any digit, `*` any bytes
//! in front of it. What is one of
//!
//! ```text
//! <hex>                     the bytes of a command
//! <hex> | <hex>             the same, with the card's next random
//! init load 01 1388         an initialisation: key index and amount in hex; pay, ride, unload
//! finish                    the end of it with the right MAC; finish! with a wrong one
//! challenge 4               GET CHALLENGE
//! seal 04D69500 data        a command under secure messaging, with a challenge of its own;
//!                           seal! with a wrong MAC, again the last challenge used twice
//! V1, V2                    the load and the purchase of the catalogue's oracle values
//! reset                     power off and on; no answer
//! ```
//!
//! MACs are made by the testkit's terminal, which shares no code with the card.

use std::collections::VecDeque;

use tongtu_card::factory::{Blueprint, Preinstalled};
use tongtu_card::journal::{Batch, Nvm, ObjectId};
use tongtu_card::{Card, Env, Interface, RamMemory};
use tongtu_codec::{hex_decode, hex_encode};
use tongtu_crypto::Algorithm;
use tongtu_purse::profile::Profile;
use tongtu_testkit::cipher;
use tongtu_testkit::purse::profile::Profile as ModelProfile;
use tongtu_testkit::purse::terminal::{Step, Terminal};

/// The load of the conformance catalogue's oracle values, 50.00.
pub(crate) const V1: &str = "
    805000020B 01 00001388 000000000001 10 | A1B2C3D4 -> 00000000 0000 01 00 A1B2C3D4 B297E672 9000
    805200000B 20261122 093000 E8DC1C9B 04 -> AC2E23D2 9000";

/// Its purchase, 2.00.
pub(crate) const V2: &str = "
    805001020B 01 000000C8 000000000001 0F | B1B2B3B4 -> 00001388 0000 000000 01 00 B1B2B3B4 9000
    805401000F 00000001 20261122 093100 8051B631 08 -> 8489B4F8 EAD571DD 9000";

/// The terminal number of every script.
pub(crate) const TERMINAL: [u8; 6] = [0, 0, 0, 0, 0, 1];

/// A card in a reader, with a terminal that knows its keys.
pub(crate) struct Bench {
    card: Option<Card<RamMemory>>,
    terminal: Terminal,
    dice: u64,
    randoms: VecDeque<u8>,
}

impl Bench {
    /// A card of this profile, selected.
    pub(crate) fn of(profile: &Profile) -> Self {
        let blueprint = Blueprint {
            applications: vec![Preinstalled::purse(profile)],
            ..Blueprint::default()
        };
        let algorithm = profile.indexes.first().map(|row| row.algorithm);
        Self::made(&blueprint, algorithm.unwrap_or(Algorithm::Tdes))
    }

    /// A card of this blueprint, its first application a purse, selected.
    pub(crate) fn made(blueprint: &Blueprint, algorithm: Algorithm) -> Self {
        let mut model = ModelProfile::test(match algorithm {
            Algorithm::Tdes => cipher::Algorithm::Tdes,
            Algorithm::Sm4 => cipher::Algorithm::Sm4,
        });
        // Index 03, where a profile has it, stands for the keys of 01.
        let keys = &mut model.keys;
        for keys in [&mut keys.purchase, &mut keys.load] {
            keys.insert(3, keys[&1].clone());
        }
        let card = Card::manufacture(RamMemory::default(), blueprint, &mut |out: &mut [u8]| {
            out.fill(0x5A);
        })
        .expect("a profile makes a card");
        let mut bench = Self {
            card: Some(card),
            terminal: Terminal::new(model),
            dice: 0x0123_4567_89AB_CDEF,
            randoms: VecDeque::new(),
        };
        bench.play("00A4040008A00000063201010500 -> *9000");
        bench
    }

    /// The test card P1, selected.
    pub(crate) fn new() -> Self {
        Self::of(&Profile::test())
    }

    /// Sends bytes.
    pub(crate) fn send(&mut self, apdu: &[u8]) -> Vec<u8> {
        let (dice, randoms) = (&mut self.dice, &mut self.randoms);
        let mut entropy = |out: &mut [u8]| {
            for byte in out {
                *dice ^= *dice << 13;
                *dice ^= *dice >> 7;
                *dice ^= *dice << 17;
                *byte = randoms.pop_front().unwrap_or(dice.to_be_bytes()[3]);
            }
        };
        let mut env = Env {
            entropy: &mut entropy,
            interface: Interface::Contactless,
        };
        let card = self.card.as_mut().expect("a card is in the reader");
        let answer = card.transmit(&mut env, apdu).expect("power stays");
        self.terminal.saw(apdu, &answer);
        answer
    }

    fn step(&mut self, step: &Step) -> Vec<u8> {
        let command = self.terminal.command(step).expect("not a reset");
        self.send(&command)
    }

    /// Changes an object of the purse behind the card's back.
    pub(crate) fn preset(&mut self, object: u16, at: usize, bytes: &[u8]) {
        let memory = self.card.take().expect("a card").power_down();
        let mut nvm = Nvm::open(memory).expect("a card's memory");
        let id = ObjectId::new(2, object);
        let mut value = nvm.get(id).expect("the object is there").to_vec();
        value[at..at + bytes.len()].copy_from_slice(bytes);
        let mut batch = Batch::default();
        batch.put(id, value);
        nvm.commit(batch).expect("there is room");
        self.card = Some(Card::power_up(nvm.into_memory()).expect("it comes up"));
        self.play("00A4040008A00000063201010500 -> *9000");
    }

    /// The card's memory as objects: what a command must not change when it is refused.
    pub(crate) fn objects(&self) -> Vec<(ObjectId, Vec<u8>)> {
        let nvm = self.card.as_ref().expect("a card").nvm();
        (0..=2)
            .flat_map(|owner| nvm.ids(owner))
            .map(|id| (id, nvm.get(id).expect("listed").to_vec()))
            .collect()
    }

    /// One step of a script; none for a reset.
    fn act(&mut self, what: &str) -> Option<Vec<u8>> {
        let words: Vec<&str> = what.split_whitespace().collect();
        let bytes = |words: &[&str]| hex_decode(&words.concat()).expect("a script writes hex");
        Some(match words[..] {
            ["reset"] => {
                let memory = self.card.take().expect("a card").power_down();
                self.card = Some(Card::power_up(memory).expect("it comes up"));
                return None;
            }
            ["V1"] => {
                self.play(V1);
                return None;
            }
            ["V2"] => {
                self.play(V2);
                return None;
            }
            ["init", what, key, amount] => {
                let p1 = match what {
                    "load" => 0,
                    "pay" => 1,
                    "ride" => 3,
                    _ => 5,
                };
                let key = u8::from_str_radix(key, 16).expect("a key index");
                let amount = u32::from_str_radix(amount, 16).expect("an amount");
                self.step(&Step::Initialize(p1, key, amount, TERMINAL))
            }
            ["finish"] => self.step(&Step::Finish(true)),
            ["finish!"] => self.step(&Step::Finish(false)),
            ["challenge", le] => self.step(&Step::Challenge(le.parse().expect("4 or 8"))),
            ["external"] => self.step(&Step::External(1, true)),
            ["external!"] => self.step(&Step::External(1, false)),
            ["unblock", pin] => {
                let _ = self.step(&Step::Challenge(4));
                self.step(&Step::UnblockPin(bytes(&[pin]), true))
            }
            ["reload", pin] => self.step(&Step::ReloadPin(bytes(&[pin]), true)),
            ["reload!", pin] => self.step(&Step::ReloadPin(bytes(&[pin]), false)),
            [seal @ ("seal" | "seal!" | "again"), header, ref data @ ..] => {
                if seal != "again" {
                    let _ = self.step(&Step::Challenge(4));
                }
                let header = bytes(&[header]).try_into().expect("four bytes");
                self.step(&Step::Secured(header, bytes(data), seal != "seal!"))
            }
            _ => {
                let (command, random) = what.split_once('|').unwrap_or((what, ""));
                self.randoms = bytes(&[random.trim()]).into();
                let answer = self.send(&bytes(&[command]));
                self.randoms.clear();
                answer
            }
        })
    }

    /// Plays a script and compares every answer.
    pub(crate) fn play(&mut self, script: &str) {
        self.play_case("", script);
    }

    /// The same, naming the case when an answer differs.
    pub(crate) fn play_case(&mut self, case: &str, script: &str) {
        for line in script.lines().map(str::trim).filter(|l| !l.is_empty()) {
            let (what, expected) = line.split_once("->").unwrap_or((line, ""));
            let Some(answer) = self.act(what) else {
                continue;
            };
            let answer = hex_encode(&answer);
            assert!(
                matches(expected, &answer),
                "{case} {line}\n  answered {answer}"
            );
        }
    }
}

/// Plays every case on a card of its own.
pub(crate) fn run(cases: &[(&str, &str)]) {
    for (case, script) in cases {
        Bench::new().play_case(case, script);
    }
}

fn matches(pattern: &str, answer: &str) -> bool {
    let pattern: String = pattern
        .split_whitespace()
        .collect::<String>()
        .to_ascii_lowercase();
    let (head, tail) = match pattern.split_once('*') {
        Some((head, tail)) => (head, Some(tail)),
        None => (&pattern[..], None),
    };
    let same = |pattern: &str, answer: &str| {
        pattern.len() == answer.len()
            && pattern
                .bytes()
                .zip(answer.bytes())
                .all(|(p, a)| p == b'x' || p == a)
    };
    match tail {
        None => same(head, answer),
        Some(tail) => {
            answer.len() >= head.len() + tail.len()
                && same(head, &answer[..head.len()])
                && same(tail, &answer[answer.len() - tail.len()..])
        }
    }
}
