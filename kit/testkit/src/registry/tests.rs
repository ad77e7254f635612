//! The model by hand: one life of a card.

use super::sequence::{Names, orders};
use super::*;
use crate::purse::tests::hex;

fn names() -> Names {
    Names {
        issuer: hex("A000000151000000"),
        domains: vec![hex("D4D4D4D4D4010101"), hex("D4D4D4D4D4010102")],
        applications: vec![hex("A000000632010105"), hex("A000000632010106")],
        files: vec![
            File {
                aid: hex("A0000001515350"),
                modules: vec![hex("A000000151535041")],
                domain: hex("A000000151000000"),
                makes_domains: true,
            },
            File {
                aid: hex("A0000006320101"),
                modules: vec![hex("A000000632010105")],
                domain: hex("A000000151000000"),
                makes_domains: false,
            },
        ],
        key: vec![0x11; 16],
    }
}

fn registry() -> Registry {
    let names = names();
    let mut registry = Registry::new(&names.issuer, [0x9E, 0xFE, 0x80], names.files);
    registry.dek = names.key;
    registry.keys = [1, 2, 3].map(|id| (0xFF, id)).into();
    registry
}

/// `header data -> answer status word`, a line each.
fn play(registry: &mut Registry, script: &str) {
    for line in script
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        let (command, answer) = line.split_once("->").unwrap();
        let command = hex(command);
        let header = [command[0], command[1], command[2], command[3]];
        let (mut data, sw) = registry.command(header, &command[4..]);
        data.extend(sw.to_be_bytes());
        assert_eq!(data, hex(answer), "{line}");
    }
}

#[test]
fn one_life_of_a_card() {
    play(
        &mut registry(),
        "
        80F28002 4F00 -> E31D 4F08A000000151000000 9F700101 C5039EFE80 CC08A000000151000000 9000
        80F24002 4F00 -> 6A88
        80E60C00 07A0000001515350 08A000000151535041 08D4D4D4D4D4010101 0180 02C900 00 -> 00 9000
        80E60C00 07A0000001515350 08A000000151535041 08D4D4D4D4D4010101 0180 02C900 00 -> 6A89
        80E60400 07A0000006320101 08A000000632010105 08A000000632010105 0100 02C900 00 -> 00 9000
        80E61000 08D4D4D4D4D4010101 00 08A000000632010105 00 00 00 -> 00 9000
        80F24002 4F05A000000632 -> E326 4F08A000000632010105 9F700103 C503000000 C407A0000006320101 CC08D4D4D4D4D4010101 9000
        80E40000 4F08D4D4D4D4D4010101 -> 6985
        80E60800 00 00 08A000000632010105 0100 00 00 -> 00 9000
        80E60800 00 00 08A000000632010105 0100 00 00 -> 6985
        80F04080 A000000632010105 -> 9000
        80F04080 A000000632010105 -> 6985
        80F06080 D4D4D4D4D4010101 -> 9000
        80F06000 D4D4D4D4D4010101 -> 9000
        80E40000 4F07A0000006320101 -> 6985
        80E40080 4F07A0000006320101 -> 00 9000
        80E40000 4F08D4D4D4D4D4010101 -> 00 9000
        80E40000 4F08D4D4D4D4D4010101 -> 6A88
        80E40000 4F08A000000151000000 -> 6985
        80F0800F A000000151000000 -> 6985
        80F08007 A000000151000000 -> 9000
        ",
    );
}

#[test]
fn new_keys_take_the_place_of_the_first_and_the_last_ones_stay() {
    let mut registry = registry();
    let keys = |registry: &Registry| registry.keys.iter().copied().collect::<Vec<_>>();
    let block = crate::scp03::wrapped_key(&[0x11; 16], &[0x22; 16]);
    let set = |version: u8| [&[version], &block[..], &block, &block].concat();
    let check = &block[20..];
    let done = |version: u8| ([&[version], check, check, check].concat(), 0x9000);
    assert_eq!(
        registry.command([0x80, 0xD8, 0x00, 0x81], &set(0x30)),
        done(0x30)
    );
    assert_eq!(keys(&registry), [(0x30, 1), (0x30, 2), (0x30, 3)]);
    let mut sw = |header, data: &[u8]| registry.command(header, data).1;
    assert_eq!(sw([0x80, 0xD8, 0x00, 0x81], &set(0x30)), 0x6985);
    assert_eq!(sw([0x80, 0xD8, 0x31, 0x81], &set(0x32)), 0x6A88);
    assert_eq!(sw([0x80, 0xD8, 0x30, 0x81], &set(0x31)), 0x9000);
    assert_eq!(sw([0x80, 0xE4, 0x00, 0x00], &[0xD2, 1, 0x31]), 0x6985);
    assert_eq!(sw([0x80, 0xE4, 0x00, 0x00], &[0xD2, 1, 0x30]), 0x6A88);
    let mut wrong = set(0x33);
    *wrong.last_mut().unwrap() ^= 1;
    assert_eq!(sw([0x80, 0xD8, 0x00, 0x81], &wrong), 0x6982);
    assert_eq!(keys(&registry), [(0x31, 1), (0x31, 2), (0x31, 3)]);
}

proptest::proptest! {
    #[test]
    fn no_sequence_leaves_an_entry_without_its_domain_or_its_file(orders in orders(&names(), 40)) {
        let mut registry = registry();
        for (header, data) in orders {
            let before = registry.clone();
            let (_, sw) = registry.command(header, &data);
            proptest::prop_assert!(sw == 0x9000 || registry == before);
            for entry in &registry.entries {
                let domain = registry.entry(&entry.domain);
                proptest::prop_assert!(domain.is_some_and(|domain| domain.kind != Kind::Application));
                proptest::prop_assert!(entry.kind == Kind::Issuer || registry.file(&entry.file).is_some());
            }
        }
    }
}
