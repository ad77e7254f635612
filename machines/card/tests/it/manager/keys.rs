//! SE-SW-10, SE-SW-31: keys are added, replaced, deleted; domains get their first ones.

use tongtu_card::factory::{Channel, Issuer};
use tongtu_crypto::{PublicKey, RsaSecretKey, SecretKey, TdesKey, WideCipher, WideKey};
use tongtu_globalplatform::command::PutKey;
use tongtu_globalplatform::key::{KeyMaterial, read_key_information};

use super::office::{Office, blueprint, hex, keys, lv, test_keys};

pub(crate) fn aes(byte: u8) -> KeyMaterial {
    KeyMaterial::Wide(WideKey::new(WideCipher::Aes128, &[byte; 16]).unwrap())
}

fn sm4(byte: u8) -> KeyMaterial {
    KeyMaterial::Wide(WideKey::new(WideCipher::Sm4, &[byte; 16]).unwrap())
}

pub(crate) fn tdes(byte: u8) -> KeyMaterial {
    KeyMaterial::Tdes(TdesKey::new([byte; 16]))
}

/// PUT KEY of these keys, under the channel's data key.
pub(crate) fn put(
    office: &Office,
    replace: u8,
    version: u8,
    first: u8,
    keys: &[KeyMaterial],
) -> PutKey {
    let dek = office.host.as_ref().unwrap().dek();
    PutKey {
        replace,
        first_id: first,
        several: keys.len() > 1,
        version,
        keys: keys.iter().map(|key| key.to_block(dek)).collect(),
    }
}

fn names(office: &mut Office) -> Vec<(u8, u8)> {
    let (data, sw) = office.say("00CA00E0", &[]);
    assert_eq!(sw, 0x9000);
    let infos = read_key_information(&data);
    infos
        .into_iter()
        .map(|info| (info.version, info.id))
        .collect()
}

#[test]
fn new_keys_take_the_place_of_those_from_the_factory() {
    let mut office = Office::new();
    let set = [aes(1), aes(1), aes(1)];
    let command = put(&office, 0, 0x30, 1, &set);
    let (answer, sw) = office.typed(&command);
    assert_eq!(sw, 0x9000);
    let kcv = aes(1).kcv().unwrap();
    assert_eq!(answer, [&[0x30][..], &kcv, &kcv, &kcv].concat());
    office.host = None;
    office.select(&[]);
    assert_eq!(
        names(&mut office),
        [
            (0x20, 1),
            (0x20, 2),
            (0x20, 3),
            (0x30, 1),
            (0x30, 2),
            (0x30, 3)
        ]
    );
    let new = keys(Channel::Scp03, &[1; 16]);
    assert_eq!(
        office.open(0xFF, &test_keys(Channel::Scp03), 0x33),
        Err(0x6A88)
    );
    assert_eq!(office.open(0x30, &new, 0x33), Ok(()));
    assert_eq!(
        office.open(0, &new, 0x33),
        Ok(()),
        "they are the default now"
    );
    // Replaced by a version of another number; the counter starts anew.
    let command = put(&office, 0x30, 0x31, 1, &[aes(2), aes(2), aes(2)]);
    assert_eq!(office.typed(&command).1, 0x9000);
    assert_eq!(office.open(0x30, &new, 0x33), Err(0x6A88));
    let newer = keys(Channel::Scp03, &[2; 16]);
    assert_eq!(office.open(0, &newer, 0x33), Ok(()));
    // Replaced in their own version.
    let command = put(&office, 0x31, 0x31, 1, &[aes(3), aes(3), aes(3)]);
    assert_eq!(office.typed(&command).1, 0x9000);
    assert_eq!(
        office.open(0x31, &keys(Channel::Scp03, &[3; 16]), 0x33),
        Ok(())
    );
    assert_eq!(office.done("80CA00C1", &[]), [0xC1, 3, 0, 0, 1]);
}

#[test]
fn keys_of_every_kind_are_taken_from_both_protocols() {
    let mut dice = crate::tear::Dice::new();
    let mut entropy = |out: &mut [u8]| dice.fill(out);
    let rsa = RsaSecretKey::generate(1024, &mut entropy).unwrap();
    let long = RsaSecretKey::generate(2048, &mut entropy).unwrap();
    let sm2 = SecretKey::generate(&mut entropy);
    for (kind, version) in [(Channel::Scp02, 0x20), (Channel::Scp03, 0xFF)] {
        let mut office = Office::new();
        office.open(version, &test_keys(kind), 0x03).unwrap();
        let singles: [KeyMaterial; 7] = [
            tdes(7),
            aes(8),
            KeyMaterial::Wide(WideKey::new(WideCipher::Aes256, &[9; 32]).unwrap()),
            sm4(10),
            KeyMaterial::RsaPublic(rsa.public().clone()),
            KeyMaterial::RsaPublic(long.public().clone()),
            KeyMaterial::Sm2Public(PublicKey::from_xy(&sm2.public().to_xy()).unwrap()),
        ];
        for (id, key) in (1..).zip(singles) {
            let command = put(&office, 0, 0x74, id, &[key]);
            assert_eq!(office.typed(&command).1, 0x9000, "{kind:?} {id}");
        }
        let of_new = names(&mut office).into_iter().filter(|(v, _)| *v == 0x74);
        assert_eq!(of_new.count(), 7);
        for (version, set, channel) in [
            (0x2F, [tdes(5), tdes(5), tdes(5)], Channel::Scp02),
            (0x3F, [aes(5), aes(5), aes(5)], Channel::Scp03),
            (0x50, [sm4(5), sm4(5), sm4(5)], Channel::Sm4),
        ] {
            let command = put(&office, 0, version, 1, &set);
            assert_eq!(office.typed(&command).1, 0x9000);
            assert_eq!(office.open(version, &keys(channel, &[5; 16]), 0x03), Ok(()));
        }
    }
}

#[test]
fn what_put_key_refuses_changes_nothing() {
    let mut office = Office::new();
    let mut refuse = |change: &dyn Fn(&mut PutKey), expected: u16| {
        let mut command = put(&office, 0, 0x30, 1, &[aes(1), aes(2), aes(3)]);
        change(&mut command);
        let before = office.image();
        let (data, sw) = office.typed(&command);
        assert_eq!(
            (format!("{sw:04X}"), data),
            (format!("{expected:04X}"), vec![])
        );
        assert!(office.image() == before);
    };
    refuse(&|c| c.keys[2].kcv[0] ^= 1, 0x6982);
    refuse(&|c| c.keys[0].components[0].kind = 0x90, 0x6A80);
    refuse(&|c| c.keys[0].components[0].value[0] = 0x18, 0x6A80);
    refuse(&|c| c.keys[1].components[0].value.truncate(15), 0x6A80);
    refuse(&|c| c.keys[1].kcv.push(0), 0x6A80);
    refuse(&|c| c.several = false, 0x6A80);
    refuse(&|c| c.version = 0, 0x6A80);
    refuse(&|c| c.version = 0x80, 0x6A80);
    refuse(&|c| c.replace = 0x31, 0x6A88);
    refuse(&|c| c.version = 0x20, 0x6985);
    refuse(&|c| c.first_id = 0, 0x6A86);
    refuse(&|c| c.keys.clear(), 0x6A80);
}

#[test]
fn keys_are_deleted_but_not_the_last_that_reach_the_issuer_domain() {
    let mut office = Office::new();
    let command = put(&office, 0, 0x30, 1, &[aes(1), aes(1), aes(1)]);
    office.typed(&command);
    office.done("80E40000", &hex("D20120"));
    assert_eq!(names(&mut office).len(), 3);
    office.refused("80E40000", &hex("D20120"), 0x6A88);
    office.refused("80E40000", &hex("D20130"), 0x6985);
    office.refused("80E40000", &hex("D00102D20130"), 0x6985);
    let command = put(&office, 0, 0x73, 1, &[aes(4)]);
    office.typed(&command);
    office.refused("80E40000", &hex("D00101"), 0x6985);
    office.done("80E40000", &hex("D00101D20173"));
    office.refused("80E40000", &hex("D00101D201739E0101"), 0x6A80);
}

#[test]
fn keys_that_open_no_channel_do_not_replace_the_last_that_do() {
    let mut office = Office::new();
    // A set of other keys is none for channels: what the factory gave stays.
    let command = put(&office, 0, 0x70, 1, &[aes(1), aes(2), aes(3)]);
    assert_eq!(office.typed(&command).1, 0x9000);
    assert!(names(&mut office).contains(&(0xFF, 1)));
    let command = put(&office, 0, 0x31, 1, &[aes(1), tdes(2), sm4(3)]);
    assert_eq!(office.typed(&command).1, 0x9000);
    let command = put(&office, 0, 0x30, 1, &[aes(1), aes(1), aes(1)]);
    assert_eq!(office.typed(&command).1, 0x9000);
    office.done("80E40000", &hex("D20120"));
    let refuse = |office: &mut Office, command: &PutKey| {
        let before = office.image();
        assert_eq!(office.typed(command).1, 0x6985);
        assert!(office.image() == before);
    };
    let command = put(&office, 0x30, 0x32, 1, &[aes(4)]);
    refuse(&mut office, &command);
    let command = put(&office, 0x30, 0x71, 1, &[aes(4), aes(4), aes(4)]);
    refuse(&mut office, &command);
    let command = put(&office, 0x30, 0x30, 2, &[tdes(4)]);
    refuse(&mut office, &command);
    office.select(&[]);
    assert_eq!(
        office.open(0x30, &keys(Channel::Scp03, &[1; 16]), 0x33),
        Ok(())
    );
}

#[test]
fn a_new_domain_is_reached_by_the_keys_above_it_and_gets_its_own() {
    let mut office = Office::new();
    office.make_domain("D4D4D4D4D4010101", "80");
    let name = hex("D4D4D4D4D4010101");
    assert_eq!(office.select(&name), 0x9000);
    assert_eq!(office.open(0, &test_keys(Channel::Scp03), 0x33), Ok(()));
    let command = put(&office, 0, 0x30, 1, &[aes(6), aes(6), aes(6)]);
    assert_eq!(office.typed(&command).1, 0x9000);
    // Its own now, and nobody else's.
    assert_eq!(office.select(&name), 0x9000);
    assert_eq!(
        office.open(0xFF, &test_keys(Channel::Scp03), 0x33),
        Err(0x6A88)
    );
    assert_eq!(
        office.open(0, &keys(Channel::Scp03, &[6; 16]), 0x33),
        Ok(())
    );
    assert_eq!(
        office.state("D4D4D4D4D4010101").unwrap().0,
        0x0F,
        "personalised"
    );
    office.select(&[]);
    assert_eq!(
        office.open(0x30, &keys(Channel::Scp03, &[6; 16]), 0x33),
        Err(0x6A88)
    );
    office.login();
    // Deleted with its keys (SE-SW-20).
    office.done("80E40000", &[hex("4F"), lv(&name)].concat());
    office.make_domain("D4D4D4D4D4010101", "80");
    assert_eq!(office.select(&name), 0x9000);
    assert_eq!(office.say("80CA00E0", &[]).1, 0x6A88);
}

#[test]
fn a_production_card_knows_no_test_key() {
    let mut issuer = Issuer::for_tests(Channel::Scp03);
    for set in &mut issuer.key_sets {
        for key in &mut set.keys {
            key.iter_mut().for_each(|byte| *byte ^= 0xA5);
        }
    }
    issuer.try_limit = 2;
    let mut office = Office::made(&blueprint(issuer, Vec::new()));
    let command = {
        // What a host with test keys would send, whatever the card said.
        let mut other = Office::made(&blueprint(Issuer::for_tests(Channel::Scp03), Vec::new()));
        let answer = other.initialize(0);
        other
            .authentication(&test_keys(Channel::Scp03), &answer, 1)
            .1
    };
    for _ in 0..2 {
        office.initialize(0);
        assert_eq!(office.desk.send(&command).unwrap().sw.value(), 0x6300);
    }
    assert_eq!(office.initialize(0).sw.value(), 0x6983);
}
