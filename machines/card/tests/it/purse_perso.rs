//! A typed profile, its data groups, and the card that they make.

use tongtu_apdu::select::E_PURSE;
use tongtu_apdu::{CardCommand, Command, Le, Response};
use tongtu_card::factory::{Blueprint, Group, Module, Preinstalled};
use tongtu_card::{Card, PowerUpError, RamMemory};
use tongtu_codec::hex_encode;
use tongtu_crypto::{Algorithm, BlockKey};
use tongtu_purse::command::{ReadBinary, ReadRecord, RecordBy, Sfi, UpdateRecord};
use tongtu_purse::fci::Fci;
use tongtu_purse::keys::{KeySet, KeyUse};
use tongtu_purse::profile::{FileKind, Profile, STYLES, WriteRight, blank_composite};
use tongtu_purse::secure;

use crate::purse::Bench;

fn ask<C: CardCommand>(bench: &mut Bench, command: &C) -> C::Answer {
    let answer = answer(bench, &command.to_command());
    assert!(answer.sw.is_ok(), "{}: {}", C::NAME, answer.sw);
    C::answer(&answer.data).expect("an answer of this command")
}

fn answer(bench: &mut Bench, command: &Command) -> Response {
    let bytes = command.encode().expect("short");
    Response::parse(&bench.send(&bytes)).expect("two bytes at least")
}

#[test]
fn every_style_of_card_answers_what_its_profile_says() {
    for style in STYLES {
        let profile = Profile::test().styled(style);
        let mut bench = Bench::of(&profile);
        let mut select = Command::new(0x00, 0xA4, 0x04, 0x00);
        select.data = E_PURSE.as_bytes().to_vec();
        let fci = answer(&mut bench, &select).data;
        let public = profile.public.encode().expect("wide");
        let written = profile.fci.fci(E_PURSE, &public);
        assert_eq!(
            hex_encode(&fci),
            hex_encode(&written.encode()),
            "{}",
            style.name
        );
        let read = Fci::parse(&fci).expect("our own card's");
        assert_eq!(read.public_info().as_ref(), Some(&profile.public));

        let mut whole = |sfi| {
            let read = ReadBinary {
                sfi,
                offset: 0,
                le: Le::ALL,
            };
            ask(&mut bench, &read)
        };
        assert_eq!(whole(Sfi::PUBLIC), public);
        assert_eq!(whole(Sfi::HOLDER), profile.holder.encode().expect("wide"));
        assert_eq!(whole(Sfi::TRANSIT), profile.transit.encode().expect("wide"));
        for (sfi, records) in &profile.contents {
            for (number, record) in (1..).zip(records) {
                let read = ReadRecord {
                    sfi: *sfi,
                    record: RecordBy::Number(number),
                    le: Le::ALL,
                };
                assert_eq!(ask(&mut bench, &read), *record, "{}", style.name);
            }
        }
        for kind in 0..4u8 {
            let sw = answer(&mut bench, &Command::new(0x80, 0x5C, kind, 2).with_le(4)).sw;
            let known = style.balance_kinds & 1 << kind != 0;
            assert_eq!(sw.is_ok(), known, "{} P1 {kind}", style.name);
        }
    }
}

#[test]
fn a_cyclic_file_is_personalised_newest_first() {
    let mut profile = Profile::test();
    let trip = |first: u8| vec![first; 48];
    profile
        .contents
        .push((Sfi::TRIPS, vec![trip(3), trip(2), trip(1)]));
    let mut bench = Bench::of(&profile);
    for (number, first) in [(1, 3), (2, 2), (3, 1)] {
        let read = ReadRecord {
            sfi: Sfi::TRIPS,
            record: RecordBy::Number(number),
            le: Le::ALL,
        };
        assert_eq!(ask(&mut bench, &read), trip(first));
    }
}

/// A card of a personalisation that is refused.
fn refused(groups: Vec<Group>) -> u16 {
    let blueprint = Blueprint {
        applications: vec![Preinstalled {
            module: Module::Purse,
            aid: E_PURSE,
            label: Vec::new(),
            priority: 0,
            parameters: Vec::new(),
            groups,
        }],
        ..Blueprint::default()
    };
    let made = Card::manufacture(RamMemory::default(), &blueprint, &mut |out: &mut [u8]| {
        out.fill(1);
    });
    match made.map(|_| ()) {
        Err(PowerUpError::Blueprint { application: 1, sw }) => sw.value(),
        other => panic!("expected a refusal by the purse, got {other:?}"),
    }
}

#[test]
fn groups_that_do_not_hold_are_refused() {
    let group = |id, value: Vec<u8>| Group {
        id,
        value: value.into(),
    };
    let mut keys = KeySet::new(Algorithm::Tdes)
        .with(KeyUse::Purchase, 1, [0x11; 16])
        .encode()
        .to_vec();
    keys[16] ^= 1;
    let too_long = [vec![129], vec![0; 129]].concat();
    for (why, group) in [
        ("a wrong check value", group(0xB0A0, keys)),
        ("a file of another size", group(0xB001, vec![0; 29])),
        ("a group that no purse has", group(0x8010, vec![0; 8])),
        ("a record that is too long", group(0xBE1A, too_long)),
        (
            "records for a file that is not there",
            group(0xBE05, vec![1, 0]),
        ),
        ("records for a transparent file", group(0xBE15, vec![1, 0])),
        (
            "a file table with an unknown kind",
            group(0xA001, vec![0x15, 9, 0, 0, 0, 0, 30]),
        ),
    ] {
        assert_eq!(refused(vec![group]), 0x6A80, "{why}");
    }
}

#[test]
fn a_purse_before_personalisation_has_a_name_and_no_keys() {
    let blueprint = Blueprint {
        applications: vec![Preinstalled {
            groups: Vec::new(),
            ..Preinstalled::purse(&Profile::test())
        }],
        ..Blueprint::default()
    };
    let mut bench = Bench::made(&blueprint, Algorithm::Tdes);
    bench.play(
        "00A4040008A000000632010105 -> 6F0A 8408 A000000632010105 9000
         init pay 01 0 -> 9403
         0020000003 123456 -> 6A88
         seal 841E0000 -> 6988",
    );
}

#[test]
fn a_new_file_table_begins_with_empty_files() {
    let mut profile = Profile::test();
    profile
        .files
        .retain(|file| file.kind == FileKind::Transparent);
    profile.contents.clear();
    Bench::of(&profile).play(
        "00B201D400 -> 6A82
         init pay 01 0 -> *9000
         finish -> *9000
         00B201C400 -> 6A82",
    );
}

#[test]
fn a_terminal_with_the_quick_update_key_writes_a_composite_record_without_a_purchase() {
    let mut bench = Bench::new();
    let key = |first: u8| {
        BlockKey::new(
            Algorithm::Tdes,
            core::array::from_fn(|i| first + u8::try_from(i).expect("16")),
        )
    };
    let mut update = |sfi, record: Vec<u8>, key: &BlockKey| {
        let challenge = answer(&mut bench, &Command::new(0, 0x84, 0, 0).with_le(4)).data;
        let bare = UpdateRecord {
            sfi,
            record: RecordBy::Number(1),
            data: record,
            mac: None,
        };
        let mut command = bare.to_command();
        command.cla = 0x04;
        let challenge = challenge.try_into().expect("4 bytes");
        answer(&mut bench, &secure::sealed(key, &challenge, command))
            .sw
            .value()
    };
    let mut record = blank_composite([0x27, 0x01]);
    record[14] = 4;
    assert_eq!(update(Sfi::COMPOSITE, record.clone(), &key(0xB0)), 0x9000);
    assert_eq!(update(Sfi::COMPOSITE, record, &key(0xD0)), 0x9000);
    assert_eq!(
        update(Sfi::LOCAL, vec![1; 48], &key(0xB0)),
        0x6988,
        "not for other files"
    );
}

#[test]
fn a_file_is_read_by_whoever_its_right_asks_for() {
    use tongtu_purse::profile::ReadRight;
    let with = |right: ReadRight, write: WriteRight| {
        let mut profile = Profile::test();
        for file in &mut profile.files {
            if file.sfi == Sfi::HOLDER {
                (file.read, file.write) = (right, write);
            }
        }
        Bench::of(&profile)
    };
    with(ReadRight::PIN, WriteRight::FREE).play(
        "00B0960001 -> 6982
         00D6960001 07 -> 9000
         0020000003 123456 -> 9000
         00B0960001 -> 07 9000
         0020000003 111111 -> 63C2
         00B0960001 -> 6982",
    );
    with(ReadRight::EXTERNAL, WriteRight::CARD).play(
        "00B0960001 -> 6982
         challenge 8 -> *9000
         external -> 9000
         00B0960001 -> 00 9000
         seal 04D69600 07 -> 6982
         reset
         00A4040008A000000632010105 -> *9000
         00B0960001 -> 6982",
    );
    with(ReadRight::NEVER, WriteRight::SECURE).play(
        "0020000003 123456 -> 9000
         00B0960001 -> 6982
         seal 04D69600 07 -> 9000",
    );
}

#[test]
fn a_file_table_empties_files_that_the_same_personalisation_filled() {
    let mut profile = Profile::test();
    let mut application = Preinstalled::purse(&profile);
    for file in &mut profile.files {
        if file.sfi == Sfi::COMPOSITE {
            // Another kind, and room for less than what stands there already.
            file.kind = FileKind::Cyclic;
            file.size = 128;
        }
    }
    application.groups.push(Group {
        id: tongtu_purse::perso::FILE_TABLE,
        value: profile
            .files
            .iter()
            .flat_map(tongtu_purse::profile::FileSpec::encode)
            .collect::<Vec<_>>()
            .into(),
    });
    let blueprint = Blueprint {
        applications: vec![application],
        ..Blueprint::default()
    };
    let mut bench = Bench::made(&blueprint, Algorithm::Tdes);
    for number in 1..=4 {
        let read = [0x00, 0xB2, number, 0x1A << 3 | 4, 0x00];
        assert_eq!(bench.send(&read), [0x6A, 0x83], "record {number}");
    }
    assert_eq!(bench.send(&[0x00, 0xB0, 0x95, 0x00, 0x00])[..4], [0; 4]);
}
