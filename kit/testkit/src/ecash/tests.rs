//! The model by hand.

use super::profile::{ExtensionFile, Kept};
use super::sequence::{Step, Tap, days, payment, read, read_capp, reads, select_ecash};
use super::*;

fn card(algorithm: Algorithm, balance: u64) -> Ecash {
    Ecash::new(Profile::test(algorithm), balance)
}

fn ok(card: &mut Ecash, command: &[u8]) -> Vec<u8> {
    let mut answer = card.apdu(command, &[]).unwrap();
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
        let again = card.apdu(&tap.options(&profile), &[]).unwrap();
        assert_eq!(again, [0x69, 0x85]);
    }
}

#[test]
fn an_issuer_that_answers_right_loads_the_card() {
    for algorithm in [Algorithm::Tdes, Algorithm::Sm4] {
        for (is_right, sws) in [
            (true, [0x9000_u16, 0x9000, 0x9000]),
            (false, [0x6300, 0x6982, 0x9000]),
        ] {
            let mut card = card(algorithm, 100);
            let profile = card.profile.clone();
            let tap = Tap {
                qualifiers: [0x10, 0, 0, 0],
                ..Tap::offline(0)
            };
            ok(&mut card, &select_ecash(&profile));
            ok(&mut card, &tap.options(&profile));
            ok(&mut card, &tap.generate(&profile, 0x80, true));
            let steps = [
                Step::Issuer(is_right),
                Step::Script([0x04, 0xDA, 0x9F, 0x79], digits(5_100), true),
                Step::Raw(tap.generate(&profile, 0x40, false)),
            ];
            for (step, sw) in steps.iter().zip(sws) {
                let command = card.command(step).unwrap();
                let answer = card.apdu(&command, &[]).unwrap();
                assert!(
                    answer.ends_with(&sw.to_be_bytes()),
                    "{step:?} {answer:02X?}"
                );
            }
            assert_eq!(card.state.balance, if is_right { 5_100 } else { 100 });
            assert_eq!(card.state.load_log.len(), usize::from(is_right));
        }
    }
}

#[test]
fn two_channels_do_not_spend_one_balance_twice() {
    let mut card = card(Algorithm::Tdes, 1_000);
    let profile = card.profile.clone();
    let on = |step| Step::On(1, Box::new(step));
    let pay = payment(&profile, &Tap::offline(600));
    let mut steps = vec![Step::Raw(vec![0x00, 0x70, 0x00, 0x00, 0x01])];
    steps.extend(pay[..2].iter().cloned());
    steps.extend(pay.iter().cloned().map(on));
    steps.extend(pay[2..].iter().cloned());
    let mut last = Vec::new();
    for step in steps {
        let command = card.command(&step).unwrap();
        last = card.apdu(&command, &[]).unwrap();
    }
    assert_eq!((last, card.state.balance), (vec![0x69, 0x85], 400));
}

/// A card with an offset of 5.00 and two extension files, of records and of trips.
fn transit(algorithm: Algorithm, balance: u64) -> Ecash {
    let mut profile = Profile::test(algorithm);
    let list = [&profile.proprietary[..], &[0xDF, 0x60, 0x01]].concat();
    profile.proprietary = list;
    profile.pdol.push((0xDF60, 1));
    profile.support = 0x82;
    profile.elements.insert(0xDF62, digits(500));
    let file = |kept, first| ExtensionFile {
        kept,
        key: vec![0x1A; 16],
        first,
    };
    let variable = Kept::Variable {
        size: 20,
        record_max: 10,
    };
    let cyclic = Kept::Cyclic { records: 2, len: 2 };
    profile.files = BTreeMap::from([
        (0x1A, file(variable, vec![vec![0x27, 0x01, 2, 0, 0]])),
        (0x1E, file(cyclic, Vec::new())),
    ]);
    Ecash::new(profile, balance)
}

/// The last status word of a composite payment that writes a record.
fn ride(card: &mut Ecash, kind: u8, amount: u64, id: Option<[u8; 2]>, record: &[u8]) -> Vec<u8> {
    let profile = card.profile.clone();
    let sfi = if id.is_some() { 0x1A } else { 0x1E };
    let tap = Tap {
        composite: kind,
        ..Tap::offline(amount)
    };
    let mut steps = vec![
        Step::Raw(select_ecash(&profile)),
        Step::Raw(read_capp(sfi, id, &[])),
        Step::Raw(tap.options(&profile)),
        Step::Update(sfi, record.to_vec(), true),
    ];
    steps.extend(reads(&profile).into_iter().map(Step::Raw));
    let mut last = Vec::new();
    for step in steps {
        let command = card.command(&step).unwrap();
        last = card.apdu(&command, &[]).unwrap();
    }
    last.split_off(last.len() - 2)
}

const GATE: Option<[u8; 2]> = Some([0x27, 0x01]);

#[test]
fn a_fare_takes_what_the_balance_lacks_from_the_offset_up_to_its_limit() {
    for algorithm in [Algorithm::Tdes, Algorithm::Sm4] {
        let mut card = transit(algorithm, 300);
        let record = [0x27, 0x01, 2, 8, 8];
        let sw = ride(&mut card, 1, 700, GATE, &record);
        assert_eq!(sw, [0x90, 0x00]);
        assert_eq!((card.state.balance, card.state.offset_used), (0, 400));
        assert_eq!(card.state.files[&0x1A].records[0].1, record);
        ride(&mut card, 1, 101, GATE, &[0x27, 0x01, 2, 9, 9]);
        assert_eq!((card.state.balance, card.state.offset_used), (0, 400));
        assert_eq!(card.state.files[&0x1A].records[0].1, record);
    }
}

#[test]
fn a_pre_authorisation_comes_back_less_the_fare_and_the_offset() {
    let mut card = transit(Algorithm::Sm4, 1_000);
    assert_eq!(ride(&mut card, 2, 600, None, &[1, 1]), [0x90, 0x00]);
    assert_eq!(card.state.balance, 400);
    assert!(card.state.log.is_empty());
    assert_eq!(card.state.proof, Some((1, vec![0; 8])));
    assert_eq!(
        ride(&mut card, 1, 800, GATE, &[0x27, 0x01, 2, 1, 1]),
        [0x90, 0x00]
    );
    assert_eq!((card.state.balance, card.state.offset_used), (0, 400));
    assert_eq!(ride(&mut card, 3, 300, None, &[2, 2]), [0x90, 0x00]);
    assert_eq!((card.state.balance, card.state.offset_used), (0, 100));
    let trips = &card.state.files[&0x1E].records;
    assert_eq!((&trips[0].1, &trips[1].1), (&vec![2, 2], &vec![1, 1]));
    assert_eq!(card.state.log.len(), 2);
}

#[test]
fn a_pin_is_changed_only_after_the_issuer_and_its_tries_run_out() {
    for algorithm in [Algorithm::Tdes, Algorithm::Sm4] {
        let mut card = card(algorithm, 100);
        card.state.pin = Some(Pin {
            block: vec![0x24, 0x12, 0x34, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
            left: 2,
            limit: 2,
        });
        let profile = card.profile.clone();
        let tap = Tap {
            qualifiers: [0x26, 0x80, 0, 0],
            ..Tap::offline(1)
        };
        for (step, sw) in [
            (Step::Raw(select_ecash(&profile)), 0x9000_u16),
            (Step::Verify(false), 0x63C1),
            (Step::Verify(false), 0x63C0),
            (Step::Verify(true), 0x6983),
            (Step::ChangePin(1, vec![9, 8, 7, 6, 5], true), 0x6985),
            (Step::Raw(tap.options(&profile)), 0x9000),
            (Step::Issuer(true), 0x9000),
            (Step::ChangePin(1, vec![9, 8, 7, 6, 5], true), 0x9000),
            (Step::Verify(true), 0x9000),
        ] {
            let command = card.command(&step).unwrap();
            let answer = card.apdu(&command, &[]).unwrap();
            assert!(
                answer.ends_with(&sw.to_be_bytes()),
                "{step:?} {answer:02X?}"
            );
        }
        let pin = card.state.pin.unwrap();
        assert_eq!(pin.block[..4], [0x25, 0x98, 0x76, 0x5F]);
    }
}

proptest::proptest! {
    #[test]
    fn money_comes_only_from_the_issuer(
        steps in days(&Profile::test(Algorithm::Tdes), 12),
    ) {
        let mut card = card(Algorithm::Tdes, 50_000);
        let mut before = card.state.clone();
        for step in steps {
            match card.command(&step) {
                Some(command) => drop(card.apdu(&command, &[])),
                None => card.reset(),
            }
            let has_loaded = card.state.load_log != before.load_log;
            proptest::prop_assert!(has_loaded || card.state.balance <= before.balance);
            proptest::prop_assert!(card.state.atc >= before.atc);
            proptest::prop_assert!(card.state.log.len() <= 10);
            before = card.state.clone();
        }
    }
}
