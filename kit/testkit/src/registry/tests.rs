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
    registry.entries[0].keys = [1, 2, 3]
        .map(|id| ((0xFF, id), Key::Aes(vec![0x11; 16])))
        .into();
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

/// The load sequence that a public client was seen to send (SCP02, here in clear): its headers,
/// fields and lengths. What is in the blocks was not told; the code here is ours, of its length.
#[test]
fn a_load_seen_on_the_wire() {
    let mut code = hex("01 0004 DECAFFED 03 000C 01 08D0D1D2D3D4D50101 0010 07 0139");
    code.resize(0x157, 0x5A);
    let file = [&hex("C4820157")[..], &code].concat();
    let mut registry = registry();
    let mut say = |header: &str, data: &[u8]| {
        let [cla, ins, p1, p2] = hex(header)[..] else {
            panic!("a header has four bytes")
        };
        registry.command([cla, ins, p1, p2], data)
    };
    let begin = hex("07D0D1D2D3D4D501 08A000000151000000 00 0AEF08C6020160C80207D0 00");
    assert_eq!(say("80E60200", &begin), (vec![0], 0x9000));
    assert_eq!(say("80E80000", &file[..0xEF]), (vec![0], 0x9000));
    assert_eq!(say("80E88001", &file[0xEF..]), (vec![0], 0x9000));
    let end =
        hex("07D0D1D2D3D4D501 08D0D1D2D3D4D50101 08D0D1D2D3D4D50101 0102 09C90100EF04C80207D0 00");
    assert_eq!(file[0xEF..].len(), 0x6C);
    assert_eq!(say("80E60C00", &end), (vec![0], 0x9000));
    let entry = registry.entry(&hex("D0D1D2D3D4D50101")).unwrap();
    assert_eq!((entry.state, entry.privileges), (0x07, [0x02, 0, 0]));
}

/// A published input; the MAC was made by OpenSSL.
#[test]
fn a_published_extradition_token() {
    let fields = hex("08D4D4D4D4D4010101 00 08D0D1D2D3D4D50101 00 00");
    let covered = authority::covered(0x10, 0x00, &fields);
    assert_eq!(
        covered,
        hex("100015 08D4D4D4D4D4010101 00 08D0D1D2D3D4D50101 00 00")
    );
    let key = Key::Aes(hex("404142434445464748494A4B4C4D4E4F"));
    let token = key.mac(&covered);
    assert_eq!(token, Some(hex("15AEF5A5BE1148C64DA8F2FD6230702C")));
}

#[test]
fn a_delegated_load_needs_its_token_its_hash_and_the_warden() {
    let (mut registry, names) = (registry(), names());
    let (issuer, domain) = (&names.issuer, &names.domains[0]);
    let install = |aid: &[u8], rights: u8| {
        let parts = [
            &hex("A0000001515350")[..],
            &hex("A000000151535041"),
            aid,
            &[rights],
        ];
        let mut data: Vec<u8> = parts.iter().flat_map(|part| form::lv(part)).collect();
        data.extend(hex("02C900 00"));
        data
    };
    for (aid, rights) in [(domain, 0xA0), (&names.domains[1], 0xC1)] {
        let done = registry.command([0x80, 0xE6, 0x0C, 0x00], &install(aid, rights));
        assert_eq!(done, (vec![0], 0x9000));
    }
    let (token_key, dap_key) = (Key::Tdes(vec![1; 16]), Key::Sm4(vec![3; 16]));
    let entry = registry.entry_mut(issuer).unwrap();
    entry.keys.insert((0x70, 1), token_key.clone());
    entry.keys.insert((0x71, 1), Key::Aes(vec![2; 16]));
    (entry.provider, entry.image) = (Some(vec![0x90]), Some(vec![0x01]));
    let warden = registry.entry_mut(&names.domains[1]).unwrap();
    warden.keys.insert((0x73, 1), dap_key.clone());
    assert_eq!(registry.enter(domain), Ok(()));

    use sha2::Digest;
    let code = [0xEE; 10];
    let hash = sha2::Sha256::digest(code).to_vec();
    let begin = |hash: &[u8], is_signed: bool| {
        let file = hex("D0D1D2D3D4D501");
        let parts = [&file[..], &[], hash, &hex("B603930107")];
        let mut data: Vec<u8> = parts.iter().flat_map(|part| form::lv(part)).collect();
        let mac = token_key.mac(&authority::covered(2, 0, &data)).unwrap();
        data.extend(form::lv(if is_signed { &mac } else { &[] }));
        data
    };
    let file = |is_signed: bool| {
        let mac = dap_key.mac(&hash).unwrap();
        let dap = [
            form::put(&[0x4F], &names.domains[1]),
            form::put(&[0xC3], &mac),
        ];
        let dap = form::put(&[0xE2], &dap.concat());
        let block = form::put(&[0xC4], &code);
        [if is_signed { dap } else { Vec::new() }, block].concat()
    };
    let mut say = |header: [u8; 4], data: &[u8]| registry.command(header, data);
    let for_load = [0x80, 0xE6, 0x02, 0x00];
    assert_eq!(say(for_load, &begin(&hash, false)).1, 0x6982);
    assert_eq!(say(for_load, &begin(&[], true)).1, 0x6A80);
    assert_eq!(say(for_load, &begin(&hash, true)).1, 0x9000);
    assert_eq!(say([0x80, 0xE8, 0x80, 0x00], &file(false)).1, 0x6982);
    assert_eq!(say(for_load, &begin(&hash, true)).1, 0x9000);
    let (answer, sw) = say([0x80, 0xE8, 0x80, 0x00], &file(true));
    assert_eq!(sw, 0x9000);
    // Length, receipt, counter, the issuer's numbers, the token's.
    assert_eq!(answer[..2], hex("1910"));
    assert_eq!(answer[18..], hex("020001 029001 0107"));
    let signed = [
        &answer[18..],
        &form::lv(&hex("D0D1D2D3D4D501")),
        &form::lv(domain),
    ]
    .concat();
    assert_eq!(Key::Aes(vec![2; 16]).mac(&signed).unwrap(), answer[2..18]);
    // The token's number is used up.
    assert_eq!(say(for_load, &begin(&hash, true)).1, 0x6985);
    assert_eq!(registry.files.last().unwrap().domain, *domain);
}

#[test]
fn new_keys_take_the_place_of_the_first_and_the_last_ones_stay() {
    let mut registry = registry();
    let keys = |registry: &Registry| registry.entries[0].keys.keys().copied().collect::<Vec<_>>();
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
