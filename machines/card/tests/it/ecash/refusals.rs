//! What the e-cash refuses: wrong class, parameters and length on every command, wild bytes,
//! and what personalisation does not take. Nothing of it changes the card.

use proptest::prelude::*;
use tongtu_apdu::{Command, StatusWord};
use tongtu_card::factory::Group;
use tongtu_card::{Card, PowerUpError, RamMemory};
use tongtu_crypto::Algorithm;

use super::host::{BOTH, Host, blueprint};

/// Well-formed commands of every kind.
const COMMANDS: &[&str] = &[
    "80A80000138311260000000000000002000102030401560000",
    "00B2011400",
    "80CA9F7900",
    "0084000008",
    "00880000040102030400",
    "00200080082412345FFFFFFFFF",
    "80AE8000010000",
    "008200000A01020304050607083030",
    "04DA9F790A00000000000001020304",
    "04DC011406700001020304",
    "841E00000401020304",
    "841800000401020304",
    "842400000401020304",
    "80B400C802012E00",
    "84DE00C805AA01020304",
    "04E200C81800000000000000000000000000000000012E010001020304",
    "805A000002000108",
];

fn state(host: &Host) -> Vec<(tongtu_card::journal::ObjectId, Vec<u8>)> {
    let objects = host.card.nvm().objects();
    objects.map(|(id, value)| (id, value.to_vec())).collect()
}

#[test]
fn wrong_class_parameters_and_length_are_refused_and_change_nothing() {
    for algorithm in BOTH {
        let mut host = Host::new(algorithm);
        let before = state(&host);
        for hex in COMMANDS {
            let bytes = tongtu_codec::hex_decode(hex).expect("hex");
            let good = Command::parse(&bytes).expect("a well-formed command");
            let mut class = good.clone();
            // Another class without channel bits that means nothing here.
            class.cla = if good.cla == 0x84 { 0x00 } else { 0x84 };
            assert_eq!(host.send(&class).sw, StatusWord::CLA_NOT_SUPPORTED, "{hex}");
            if good.ins != 0xCA {
                let mut p2 = good.clone();
                (p2.p1, p2.p2) = (0x9F, 0xFF);
                assert_eq!(host.send(&p2).sw, StatusWord::WRONG_P1P2, "{hex}");
            }
            let mut long = good.clone();
            long.data.extend([0; 40]);
            let sw = host.send(&long).sw;
            assert!(
                [
                    StatusWord::WRONG_DATA,
                    StatusWord::WRONG_LENGTH,
                    StatusWord::CONDITIONS,
                    StatusWord::SM_INCORRECT,
                ]
                .contains(&sw),
                "{hex}: {sw}"
            );
        }
        assert_eq!(host.hex("80FF000000").sw, StatusWord::INS_NOT_SUPPORTED);
        let changed: Vec<_> = state(&host);
        // APPEND RECORD with a wrong MAC costs a counter value; nothing else may change.
        let differing = before.iter().zip(&changed).filter(|(a, b)| a != b).count();
        assert!(differing <= 1 && before.len() == changed.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn wild_commands_never_move_money(
        commands in proptest::collection::vec(
            (0usize..COMMANDS.len(), any::<[u8; 3]>(), proptest::collection::vec(any::<u8>(), 0..40)),
            1..40,
        ),
    ) {
        let mut host = Host::new(Algorithm::Sm4);
        for (which, [p1, p2, le], data) in commands {
            let bytes = tongtu_codec::hex_decode(COMMANDS[which]).expect("hex");
            let (cla, ins) = (bytes[0], bytes[1]);
            let command = Command::new(cla, ins, p1, p2).with_data(data).with_le(le);
            let _ = host.send(&command);
        }
        host.select();
        prop_assert_eq!(host.balance(), 10_000);
    }
}

fn refused(change: impl FnOnce(&mut Vec<Group>)) -> StatusWord {
    let mut blueprint = blueprint(Algorithm::Tdes, |_| {});
    change(&mut blueprint.applications[0].groups);
    let mut entropy = |out: &mut [u8]| out.fill(7);
    match Card::manufacture(RamMemory::default(), &blueprint, &mut entropy) {
        Err(PowerUpError::Blueprint { application: 1, sw }) => sw,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("the card took it"),
    }
}

fn set(groups: &mut [Group], id: u16, change: impl FnOnce(&mut Vec<u8>)) {
    let group = groups.iter_mut().find(|group| group.id == id);
    change(&mut group.expect("a group of the test card").value);
}

#[test]
fn groups_that_do_not_hold_are_refused() {
    let wrong = StatusWord::WRONG_DATA;
    assert_eq!(
        refused(|g| set(g, 0x9000, |v| v[0] ^= 1)),
        wrong,
        "check value"
    );
    assert_eq!(
        refused(|g| set(g, 0x9020, |v| v[4] ^= 1)),
        wrong,
        "file check value"
    );
    assert_eq!(
        refused(|g| set(g, 0x8000, |v| v.truncate(40))),
        wrong,
        "keys"
    );
    assert_eq!(refused(|g| set(g, 0x9103, |v| v.truncate(3))), wrong, "FCI");
    assert_eq!(
        refused(|g| set(g, 0x9203, |v| v.truncate(20))),
        wrong,
        "tap template"
    );
    assert_eq!(
        refused(|g| set(g, 0x0201, |v| v[0] = 0x71)),
        wrong,
        "record"
    );
    assert_eq!(
        refused(|g| set(g, 0x8010, |v| v[0] = 0x14)),
        wrong,
        "PIN block"
    );
    assert_eq!(
        refused(|g| set(g, 0xA001, |v| v[1] = 9)),
        wrong,
        "file kind"
    );
    assert_eq!(
        refused(|g| set(g, 0x001A, |v| v[0] = 200)),
        wrong,
        "first record"
    );
    assert_eq!(
        refused(|g| set(g, 0x0D01, |v| v[4] = 0xAA)),
        wrong,
        "an amount"
    );
    let second = |g: &mut Vec<Group>| {
        let value = vec![7; 48].into();
        g.push(Group { id: 0x8001, value });
    };
    assert_eq!(refused(second), wrong, "a second set of keys");
    assert_eq!(
        refused(|g| g[0].id = 0x7777),
        StatusWord::REFERENCE_NOT_FOUND,
        "a group nobody knows"
    );
}
