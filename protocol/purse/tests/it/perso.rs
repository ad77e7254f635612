//! Profiles as data groups and back.

use tongtu_codec::hex_decode;
use tongtu_crypto::Algorithm;
use tongtu_purse::command::Sfi;
use tongtu_purse::keys::KeyUse;
use tongtu_purse::layout::RailRecord;
use tongtu_purse::perso::{Content, GroupError};
use tongtu_purse::profile::{FILES, FileSpec, KeyIndex, Profile, STYLES, Wallet};

#[test]
fn every_style_makes_groups_that_read_back_as_the_profile() {
    for style in STYLES {
        let mut profile = Profile::test().styled(style);
        profile.ticket = Some((3, 10));
        profile.indexes.push(KeyIndex {
            wallet: Wallet::Ticket,
            ..KeyIndex::purse(9, Algorithm::Sm4, 2)
        });
        let mut back = Vec::new();
        for group in profile.groups() {
            back.push(Content::read(group.id, &group.value).expect("our own group"));
        }
        assert!(back.contains(&Content::Files(profile.files.clone())));
        assert!(back.contains(&Content::Settings(profile.settings.clone())));
        assert!(back.contains(&Content::Indexes(profile.indexes.clone())));
        assert!(back.contains(&Content::Fci(profile.fci.clone())));
        assert!(back.contains(&Content::Ticket(3, 10)));
        let pin = profile.pin.clone().expect("a test card has one");
        assert!(back.contains(&Content::Pin(pin)));
        let public = profile.public.encode().expect("wide");
        assert!(back.contains(&Content::File(Sfi::PUBLIC, public)));
        for (sfi, records) in &profile.contents {
            assert!(back.contains(&Content::Records(*sfi, records.clone())));
        }
        for set in &profile.key_sets {
            let quick = set.key(KeyUse::QuickUpdate, 1).expect("a test key").kcv();
            assert!(back.iter().any(|content| {
                match content {
                    Content::Quick(read) => read.key(KeyUse::QuickUpdate, 1).is_some_and(|key| {
                        key.kcv() == quick && key.algorithm() == set.algorithm()
                    }),
                    _ => false,
                }
            }));
        }
    }
}

#[test]
fn groups_with_keys_and_pins_are_secret_and_do_not_print() {
    for group in Profile::test().groups() {
        let secret = matches!(group.id, 0xB0A0 | 0xB1A0 | 0xB0A5 | 0xB1A5 | 0xBF02);
        assert_eq!(group.is_secret(), secret, "{group:?}");
        assert_eq!(
            format!("{group:?}"),
            format!("Group({:04X}, {} bytes)", group.id, group.value.len())
        );
    }
}

/// The groups of a published sample of personalisation data, serial altered.
#[test]
fn the_public_files_of_a_personalisation_sample() {
    let sample = |id, hex: &str| Content::read(id, &hex_decode(hex).expect("hex"));
    let public = "05212482FFFFFFFF 0201 03104895190000000017 20210416 20401231 0000";
    assert!(matches!(
        sample(0xB001, public),
        Ok(Content::File(Sfi::PUBLIC, _))
    ));
    let holder = format!("0000{}", "20".repeat(53));
    assert!(matches!(
        sample(0xB002, &holder),
        Ok(Content::File(Sfi::HOLDER, _))
    ));
    let transit = format!("00000156 2400 2482 0001 01{}", "20".repeat(49));
    assert!(matches!(
        sample(0xB003, &transit),
        Ok(Content::File(Sfi::TRANSIT, _))
    ));
}

#[test]
fn the_file_table_is_seven_bytes_an_entry() {
    for file in FILES {
        assert_eq!(FileSpec::decode(&file.encode()), Some(*file));
        assert!(file.name().is_some());
    }
    let trips = FILES
        .iter()
        .find(|file| file.sfi == Sfi::TRIPS)
        .expect("listed");
    assert_eq!(trips.encode(), [0x1E, 0x06, 0x00, 0x08, 0x30, 0x05, 0xA0]);
    let twice = [FILES[0].encode(), FILES[0].encode()].concat();
    assert!(matches!(
        Content::read(0xA001, &twice),
        Err(GroupError::Form { id: 0xA001, .. })
    ));
    assert_eq!(
        Content::read(0x1234, &[]),
        Err(GroupError::Unknown { id: 0x1234 })
    );
}

#[test]
fn a_shanghai_card_has_the_crc_in_its_rail_record() {
    let style = STYLES.iter().find(|s| s.rail_crc).expect("listed");
    let profile = Profile::test().styled(style);
    let (_, records) = profile
        .contents
        .iter()
        .find(|(sfi, _)| *sfi == Sfi::COMPOSITE)
        .expect("a test card has them");
    let rail = records[0][..].try_into().expect("128 bytes");
    assert!(RailRecord::shanghai_crc_holds(rail));
}

#[test]
fn an_index_names_the_key_of_its_set() {
    let profile = Profile::test_with(Algorithm::Sm4);
    let key = profile
        .transaction_key(KeyUse::Load, 1)
        .expect("a test key");
    assert_eq!(key.algorithm(), Algorithm::Sm4);
    assert!(profile.transaction_key(KeyUse::Load, 2).is_none());
    assert!(profile.transaction_key(KeyUse::Purchase, 2).is_some());
    assert!(profile.transaction_key(KeyUse::Purchase, 7).is_none());
}
