//! The model by hand.

use super::sequence::{Tap, days, read, reads, select_ecash};
use super::*;

fn card(algorithm: Algorithm, balance: u64) -> Ecash {
    Ecash::new(Profile::test(algorithm), balance)
}

fn ok(card: &mut Ecash, command: &[u8]) -> Vec<u8> {
    let mut answer = card.apdu(command, &[]);
    assert!(
        answer.ends_with(&[0x90, 0x00]),
        "{command:02X?} {answer:02X?}"
    );
    answer.truncate(answer.len() - 2);
    answer
}

fn balance(card: &mut Ecash) -> u64 {
    let told = ok(card, &[0x80, 0xCA, 0x9F, 0x79, 0x00]);
    amount(&told[3..]).unwrap()
}

#[test]
fn money_is_gone_with_the_last_record_and_not_before() {
    for algorithm in [Algorithm::Tdes, Algorithm::Sm4] {
        let mut card = card(algorithm, 1_000);
        let profile = card.profile.clone();
        let records = reads(&profile);
        ok(&mut card, &select_ecash(&profile));
        ok(&mut card, &Tap::offline(200).options(&profile));
        for record in &records {
            assert_eq!(balance(&mut card), 1_000);
            ok(&mut card, record);
        }
        assert_eq!(balance(&mut card), 800);
        assert_eq!(card.state.log.len(), 1);
        ok(&mut card, records.last().unwrap());
        assert_eq!(balance(&mut card), 800, "read again, paid once");
        assert_eq!(ok(&mut card, &read(0x0B, 1)), card.state.log[0]);
    }
}

#[test]
fn a_card_pulled_away_early_keeps_its_money_and_not_its_counter() {
    let mut card = card(Algorithm::Tdes, 1_000);
    let profile = card.profile.clone();
    ok(&mut card, &select_ecash(&profile));
    ok(&mut card, &Tap::offline(200).options(&profile));
    ok(&mut card, &reads(&profile)[0]);
    card.reset();
    assert_eq!((card.state.balance, card.state.atc), (1_000, 1));
    assert!(card.state.log.is_empty());
}

#[test]
fn what_is_too_much_or_to_be_asked_is_not_approved() {
    for (tap, balance, first_result) in [
        (Tap::offline(200), 1_000, 0x90),
        (Tap::offline(1_001), 1_000, 0xA0),
        (Tap::offline(100_001), 200_000, 0xA0),
        (
            Tap {
                qualifiers: [0x28, 0, 0, 0],
                ..Tap::offline(1_001)
            },
            1_000,
            0x80,
        ),
        (
            Tap {
                qualifiers: [0x26, 0x80, 0, 0],
                ..Tap::offline(200)
            },
            1_000,
            0xA0,
        ),
    ] {
        let mut card = card(Algorithm::Tdes, balance);
        let profile = card.profile.clone();
        ok(&mut card, &select_ecash(&profile));
        let answer = ok(&mut card, &tap.options(&profile));
        let at = answer
            .windows(3)
            .position(|window| window == [0x9F, 0x10, 0x13])
            .unwrap();
        assert_eq!(answer[at + 3..at + 7], [0x07, 0x01, 0x01, 0x03]);
        assert_eq!(answer[at + 7], first_result, "{tap:?}");
        assert_eq!(card.apdu(&tap.options(&profile), &[]), [0x69, 0x85]);
    }
}

proptest::proptest! {
    #[test]
    fn no_day_makes_money(
        steps in days(&Profile::test(Algorithm::Tdes), 12),
    ) {
        let mut card = card(Algorithm::Tdes, 50_000);
        let mut before = card.state.clone();
        for step in steps {
            match step {
                Some(command) => drop(card.apdu(&command, &[])),
                None => card.reset(),
            }
            proptest::prop_assert!(card.state.balance <= before.balance);
            proptest::prop_assert!(card.state.atc >= before.atc);
            proptest::prop_assert!(card.state.log.len() <= 10);
            before = card.state.clone();
        }
    }
}
