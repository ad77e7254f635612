//! The model against the published worked examples, by hand.

use super::profile::Profile;
use super::terminal::{Step, Terminal};
use super::*;

pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    digits
        .chunks(2)
        .map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap())
        .collect()
}

const SELECT: &str = "00A40400 08 A000000632010105 00";

/// `command random-bytes -> answer`, a line each; `_` where the card throws no dice.
fn play(purse: &mut Purse, script: &str) {
    for line in script
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        let (left, answer) = line.split_once("->").unwrap();
        let (command, seen) = left.split_once('|').unwrap_or((left, ""));
        assert_eq!(
            purse.apdu(&hex(command), &hex(seen)),
            Some(hex(answer)),
            "{line}"
        );
    }
}

#[test]
fn the_oracle_values_of_test_profile_p1() {
    let mut purse = Purse::new(Profile::test(Algorithm::Tdes));
    play(
        &mut purse,
        &format!(
            "{SELECT} -> 6F31 8408 A000000632010105 A525 9F080102 9F0C1E 01011000FFFFFFFF 0201 03104899999900000017 20200101 20401231 0000 9000"
        ),
    );
    play(
        &mut purse,
        "
        805000020B 01 00001388 000000000001 10 | 000000000000 01 00 A1B2C3D4 -> 00000000 0000 01 00 A1B2C3D4 B297E672 9000
        805200000B 20261122 093000 E8DC1C9B -> AC2E23D2 9000
        805A000202 0001 08 -> E8DC1C9B AC2E23D2 9000
        805001020B 01 000000C8 000000000001 0F | 00000000 0000 000000 01 00 B1B2B3B4 -> 00001388 0000 000000 01 00 B1B2B3B4 9000
        805401000F 00000001 20261122 093100 8051B631 -> 8489B4F8 EAD571DD 9000
        805C000204 -> 000012C0 9000
        805003020B 01 0000012C 000000000001 0F | 00000000 0000 000000 01 00 C1C2C3C4 -> 000012C0 0001 000000 01 00 C1C2C3C4 9000
        805401000F 00000002 20261122 093200 85D826FC -> 1963C2AD 6A054653 9000
        805C030204 -> 00001194 9000
        805A000902 0002 08 -> 6A054653 1963C2AD 9000
        00B201C417 -> 0002 000000 0000012C 09 000000000001 20261122 093200 9000
        00B203C417 -> 0001 000000 00001388 02 000000000001 20261122 093000 9000
        00B204C417 -> 6A83
        ",
    );
}

#[test]
fn the_full_chain_vectors_in_both_algorithm_sets() {
    for (algorithm, dpk, dtk, mac1, answer) in [
        (
            Algorithm::Tdes,
            "7AA9701C2395A107D6EA4A86C1D4A6B1",
            "77A76BDBFCF325193B86C0062850EB31",
            "67C0FD5B",
            "35B3762C 5A59B7B7",
        ),
        (
            Algorithm::Sm4,
            "D9781978F1023715FC2E640D0A45826B",
            "A6E2DADF0165850D50FE6D78BD20F1C3",
            "DE7F00D9",
            "676A7611 E64B7379",
        ),
    ] {
        let mut profile = Profile::test(algorithm);
        profile.keys.purchase.insert(1, hex(dpk));
        profile.keys.tac = hex(dtk);
        let mut purse = Purse::new(profile);
        purse.state.offline = 7;
        purse.state.value = 1000;
        let _ = purse.apdu(&hex(SELECT), &[]);
        let _ = purse.apdu(
            &hex("805003020B 01 00000000 581000000001 0F"),
            &hex("00000000 0000 000000 0000 A1B2C3D4"),
        );
        let debit = format!("805401000F 00000101 20250601 080000 {mac1} 08");
        assert_eq!(
            purse.apdu(&hex(&debit), &[]),
            Some(hex(&format!("{answer} 9000"))),
            "{algorithm:?}"
        );
    }
}

#[test]
fn the_load_of_the_full_chain_vectors() {
    let mut profile = Profile::test(Algorithm::Tdes);
    profile
        .keys
        .load
        .insert(1, hex("7AA9701C2395A107D6EA4A86C1D4A6B1"));
    profile.keys.tac = hex("77A76BDBFCF325193B86C0062850EB31");
    let mut purse = Purse::new(profile);
    purse.state.online = 3;
    purse.state.value = 0x0BB8;
    let _ = purse.apdu(&hex(SELECT), &[]);
    play(
        &mut purse,
        "
        805000020B 01 00002710 581000000001 10 | 000000000000 0000 C0FFEE01 -> 00000BB8 0003 01 00 C0FFEE01 FC9E4338 9000
        805200000B 20250602 101112 EF02D661 04 -> 61975CD0 9000
        ",
    );
}

fn drive(purse: &mut Purse, terminal: &mut Terminal, step: &Step, seen: &[u8]) -> Vec<u8> {
    let command = terminal.command(step).unwrap();
    let answer = purse.apdu(&command, seen).unwrap();
    terminal.saw(&command, &answer);
    answer
}

#[test]
fn the_terminal_beside_it_is_understood_in_both_sets() {
    for algorithm in [Algorithm::Tdes, Algorithm::Sm4] {
        let profile = Profile::test(algorithm);
        let mut purse = Purse::new(profile.clone());
        let mut terminal = Terminal::new(profile);
        for step in [
            Step::Raw(hex(SELECT)),
            Step::Initialize(0, 1, 5000, [1; 6]),
            Step::Finish(true),
            Step::Initialize(1, 1, 200, [2; 6]),
            Step::Finish(true),
            Step::Initialize(3, 2, 300, [2; 6]),
            Step::Cache(0, 0xF0, vec![7; 48]),
            Step::Finish(true),
            Step::Prove(9, 0),
            Step::Initialize(5, 1, 4500, [2; 6]),
            Step::Finish(true),
            Step::Challenge(4),
            Step::Secured([0x04, 0xD6, 0x95, 28], vec![1, 2], true),
            Step::Challenge(8),
            Step::External(1, true),
            Step::ReloadPin(vec![0x99, 0x99], true),
            Step::Challenge(4),
            Step::UnblockPin(vec![0x11, 0x22, 0x33], true),
            Step::Raw(hex("0020000003 112233")),
        ] {
            let answer = drive(&mut purse, &mut terminal, &step, &[9; 32]);
            assert!(answer.ends_with(&[0x90, 0x00]), "{step:?}: {answer:02X?}");
        }
        assert_eq!(purse.state.value, 0);
        assert_eq!((purse.state.online, purse.state.offline), (2, 2));
        let wrong = [
            (Step::Initialize(1, 1, 0, [2; 6]), 0x9000),
            (Step::Finish(false), 0x9302),
            (Step::Finish(true), 0x6985),
            (Step::Initialize(1, 1, 1, [2; 6]), 0x9401),
            (Step::Initialize(1, 9, 1, [2; 6]), 0x9403),
            (Step::Initialize(0, 1, 100_001, [2; 6]), 0x6985),
            (Step::Secured([0x84, 0x1E, 0, 0], vec![], true), 0x6988),
            (Step::Challenge(4), 0x9000),
            (Step::Secured([0x84, 0x1E, 0, 0], vec![], false), 0x6988),
            (Step::Challenge(4), 0x9000),
            (Step::Secured([0x84, 0x1E, 0, 0], vec![], false), 0x9303),
            (Step::Challenge(4), 0x9303),
        ];
        for (step, sw) in wrong {
            let answer = drive(&mut purse, &mut terminal, &step, &[9; 32]);
            assert!(
                answer.ends_with(&u16::to_be_bytes(sw)),
                "{step:?}: {answer:02X?}"
            );
        }
    }
}

proptest::proptest! {
    #[test]
    fn no_sequence_breaks_the_model_or_its_invariants(
        steps in crate::sequence::dialogues(20),
        seen in proptest::collection::vec(proptest::prelude::any::<u8>(), 32),
    ) {
        let profile = Profile::test(Algorithm::Sm4);
        let mut purse = Purse::new(profile.clone());
        let mut terminal = Terminal::new(profile);
        let _ = purse.apdu(&crate::sequence::select(), &[]);
        for step in steps {
            let Some(command) = terminal.command(&step) else {
                purse.reset();
                continue;
            };
            let before = purse.state.clone();
            let Some(answer) = purse.apdu(&command, &seen) else {
                continue;
            };
            terminal.saw(&command, &answer);
            proptest::prop_assert!((0..=100_000).contains(&purse.state.value));
            if purse.state.value != before.value {
                let counters = |state: &State| u32::from(state.online) + u32::from(state.offline);
                proptest::prop_assert_eq!(counters(&purse.state), counters(&before) + 1);
                proptest::prop_assert!(answer.ends_with(&[0x90, 0x00]));
            }
        }
    }
}
