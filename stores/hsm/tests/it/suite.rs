//! What every backend does. Each function is a fact; a backend turns all of them into tests.

use tongtu_crypto::mac::{self, SessionKey};
use tongtu_crypto::{Algorithm, BlockKey, Signer as _, WideCipher, WideKey, diversify};
use tongtu_hsm::{
    Component, Custody, CustodyError, CustodySigner, Export, KeyName, KeyPath, MacClaim, MacScheme,
    Mark, Operation, PublicPart, SignScheme, Signed, TestKey, Wrapped,
};
use tongtu_keyring::Check;
use tongtu_keyring::code::{KeyAlgorithm, Purpose};

use crate::fixture::{Bench, label, name, staying};

/// Every fact, as a test of a backend: `$run` is called with the test's name and the fact.
macro_rules! facts {
    ($run:path) => {
        crate::suite::facts! { $run;
            a_key_is_listed_with_its_attributes
            a_label_is_given_once
            keys_survive_closing
            a_destroyed_key_is_gone_for_good
            an_unknown_label_is_named
            macs_are_those_of_the_bare_key
            macs_of_a_card_are_those_of_its_key
            a_lent_key_makes_the_macs_of_its_custody_and_no_others
            an_aes_key_makes_cmacs_only
            a_wrong_mac_is_refused
            a_derived_key_is_the_key_below
            a_derived_key_is_no_copy_and_for_nothing_else
            sm2_signs_and_another_message_does_not_verify
            rsa_signs_pss_and_raw
            a_key_in_custody_is_a_signer
            components_make_their_sum
            a_component_that_differs_is_named
            components_that_are_no_key_are_refused
            a_wrapped_card_key_is_what_the_card_deciphers
            a_wrapped_key_comes_back_and_a_changed_one_does_not
            a_key_that_stays_stays
            a_container_brings_key_and_attributes
            a_container_under_another_key_is_refused
            purposes_keep_keys_apart
            keys_that_cannot_be_are_not_made
            a_production_key_does_not_come_into_a_test_store
        }
    };
    ($run:path; $($fact:ident)*) => {
        $(
            #[test]
            fn $fact() {
                $run(concat!(module_path!(), "::", stringify!($fact)), crate::suite::$fact);
            }
        )*
    };
}
pub(crate) use facts;

const ISSUER: [u8; 8] = [0x10, 0x00, 0x00, 0x01, 0, 0, 0, 1];
const CARD: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];
const BYTES: [u8; 16] = *b"TEST KEY 0000001";

fn purchase(text: &str, algorithm: KeyAlgorithm) -> KeyName {
    name(text, Purpose::Purchase, algorithm)
}

fn transport(text: &str) -> KeyName {
    name(text, Purpose::PersoTransport, KeyAlgorithm::Sm4)
}

fn with(custody: &mut dyn Custody, name: &KeyName, bytes: [u8; 16]) -> Check {
    custody
        .import_test(name, TestKey::new(bytes.to_vec()))
        .unwrap()
}

fn bare(algorithm: KeyAlgorithm) -> BlockKey {
    let algorithm = match algorithm {
        KeyAlgorithm::Tdes => Algorithm::Tdes,
        _ => Algorithm::Sm4,
    };
    BlockKey::new(algorithm, BYTES)
}

pub(crate) fn a_key_is_listed_with_its_attributes(bench: &mut dyn Bench) {
    let mut custody = bench.fresh();
    let key = KeyName {
        index: 7,
        version: 3,
        ..purchase("DPK-1000", KeyAlgorithm::Sm4)
    };
    let check = with(&mut *custody, &key, BYTES);
    assert_eq!(check, Check::Kcv(bare(KeyAlgorithm::Sm4).kcv()));
    let list = custody.list().unwrap();
    assert_eq!(list.len(), 1);
    assert_eq!((list[0].name, list[0].check), (key, check));
    assert_eq!(custody.check(key.label).unwrap(), list[0]);
}

pub(crate) fn a_label_is_given_once(bench: &mut dyn Bench) {
    let mut custody = bench.fresh();
    let key = purchase("DPK", KeyAlgorithm::Sm4);
    let check = custody.generate(&key).unwrap();
    let again = staying("DPK", Purpose::NodeLink, KeyAlgorithm::Aes);
    for key in [key, again] {
        let refused = custody.generate(&key);
        assert!(matches!(refused, Err(CustodyError::Exists { .. })));
    }
    assert_eq!(custody.check(key.label).unwrap().check, check);
}

pub(crate) fn keys_survive_closing(bench: &mut dyn Bench) {
    let mut custody = bench.fresh();
    let keys = [
        purchase("DPK", KeyAlgorithm::Tdes),
        name("SIGN", Purpose::RideCode, KeyAlgorithm::Sm2),
        staying("LINK", Purpose::NodeLink, KeyAlgorithm::Aes),
    ];
    for key in &keys {
        custody.generate(key).unwrap();
    }
    let before = custody.list().unwrap();
    let mac = custody
        .mac(KeyPath::of(label("LINK")), MacScheme::Cmac, b"message")
        .unwrap();
    let custody = bench.reopen(custody);
    assert_eq!(custody.list().unwrap(), before);
    for key in &keys {
        custody.check(key.label).unwrap();
    }
    custody
        .verify_mac(
            KeyPath::of(label("LINK")),
            MacScheme::Cmac,
            b"message",
            &mac,
        )
        .unwrap();
}

pub(crate) fn a_destroyed_key_is_gone_for_good(bench: &mut dyn Bench) {
    let mut custody = bench.fresh();
    let keys = [
        purchase("DPK", KeyAlgorithm::Sm4),
        staying("LINK", Purpose::NodeLink, KeyAlgorithm::Aes),
    ];
    for key in &keys {
        custody.generate(key).unwrap();
        custody.destroy(key.label).unwrap();
    }
    let mut custody = bench.reopen(custody);
    assert_eq!(custody.list().unwrap(), []);
    for key in &keys {
        let found = custody.check(key.label);
        assert!(matches!(found, Err(CustodyError::Unknown { .. })));
        // The label is free, and not a way back.
        let check = custody.generate(key).unwrap();
        assert_eq!(custody.check(key.label).unwrap().check, check);
    }
}

pub(crate) fn an_unknown_label_is_named(bench: &mut dyn Bench) {
    let mut custody = bench.fresh();
    let none = label("NONE");
    let path = KeyPath::of(none);
    let wrapped = Wrapped {
        bytes: vec![0; 16],
        check: Check::Kcv([0; 3]),
    };
    let key = purchase("NEW", KeyAlgorithm::Sm4);
    custody.generate(&transport("KEK")).unwrap();
    let kek = label("KEK");
    let answers = [
        custody.check(none).err(),
        custody.public(none).err(),
        custody.mac(path, MacScheme::Tac, b"").err(),
        custody.sign(none, SignScheme::Sm2, b"").err(),
        custody.wrap(path, kek).err(),
        custody.wrap(KeyPath::of(kek), none).err(),
        custody.unwrap(&key, none, &wrapped).err(),
        custody.export(none, kek).err(),
        custody.export(kek, none).err(),
        custody.take_in(&[], none).err(),
        custody.derive(path, &key).err(),
        custody.destroy(none).err(),
    ];
    for (at, answer) in answers.into_iter().enumerate() {
        assert!(
            matches!(&answer, Some(CustodyError::Unknown { label }) if *label == none),
            "call {at}: {answer:?}"
        );
    }
}

pub(crate) fn macs_are_those_of_the_bare_key(bench: &mut dyn Bench) {
    let mut custody = bench.fresh();
    for (text, algorithm) in [("DES", KeyAlgorithm::Tdes), ("SM4", KeyAlgorithm::Sm4)] {
        let key = purchase(text, algorithm);
        with(&mut *custody, &key, BYTES);
        let (bare, path, message) = (bare(algorithm), KeyPath::of(key.label), b"a message");
        let mac = |scheme| custody.mac(path, scheme, message).unwrap();
        let block = [9; 8];
        assert_eq!(
            mac(MacScheme::Session { block }),
            SessionKey::derive(&bare, &block).mac(message)
        );
        assert_eq!(mac(MacScheme::Tac), SessionKey::for_tac(&bare).mac(message));
        let challenge = [1, 2, 3, 4];
        assert_eq!(
            mac(MacScheme::SecureMessaging { challenge }),
            mac::secure_messaging(&bare, &challenge, message)
        );
        let iv = [3; 8];
        assert_eq!(
            mac(MacScheme::Whole { iv }),
            mac::eight_bytes(&bare, &iv, message)
        );
        let block = [6; 16];
        let mut session = block;
        bare.encrypt_blocks(&mut session).unwrap();
        let session = BlockKey::new(bare.algorithm(), session);
        assert_eq!(
            mac(MacScheme::Cryptogram { block }),
            mac::eight_bytes(&session, &[0; 8], message)
        );
    }
    let wide = WideKey::new(WideCipher::Sm4, &BYTES).unwrap();
    let cmac = custody
        .mac(KeyPath::of(label("SM4")), MacScheme::Cmac, b"a message")
        .unwrap();
    assert_eq!(cmac, wide.cmac(&[b"a message"]));
}

pub(crate) fn macs_of_a_card_are_those_of_its_key(bench: &mut dyn Bench) {
    let mut custody = bench.fresh();
    for (text, algorithm) in [("DES", KeyAlgorithm::Tdes), ("SM4", KeyAlgorithm::Sm4)] {
        let key = purchase(text, algorithm);
        with(&mut *custody, &key, BYTES);
        let path = KeyPath {
            label: key.label,
            factors: &[ISSUER, CARD],
        };
        let card = diversify::levels(&bare(algorithm), &[ISSUER, CARD]);
        assert_eq!(
            custody.mac(path, MacScheme::Tac, b"ride").unwrap(),
            SessionKey::for_tac(&card).mac(b"ride")
        );
    }
}

pub(crate) fn a_lent_key_makes_the_macs_of_its_custody_and_no_others(bench: &mut dyn Bench) {
    let mut custody = bench.fresh();
    for (text, algorithm) in [("DES", KeyAlgorithm::Tdes), ("SM4", KeyAlgorithm::Sm4)] {
        let key = purchase(text, algorithm);
        with(&mut *custody, &key, BYTES);
        let lent = custody.lend(key.label).unwrap();
        for factors in [&[][..], &[CARD], &[ISSUER, CARD]] {
            let label = key.label;
            let path = KeyPath { label, factors };
            for scheme in [MacScheme::Tac, MacScheme::Cryptogram { block: [4; 16] }] {
                let made = custody.mac(path, scheme, b"ride").unwrap();
                assert_eq!(lent.mac(factors, scheme, b"ride").unwrap(), made);
                lent.verify_mac(factors, scheme, b"ride", &made).unwrap();
                let wrong = lent.verify_mac(factors, scheme, b"rode", &made);
                assert!(matches!(wrong, Err(CustodyError::Mac { .. })));
            }
        }
        let made: Vec<_> = [MacScheme::Tac, MacScheme::Cryptogram { block: [4; 16] }]
            .into_iter()
            .map(|scheme| (scheme, lent.mac(&[CARD], scheme, b"ride").unwrap()))
            .collect();
        let whole = MacScheme::Whole { iv: [0; 8] };
        let other = lent.mac(&[], whole, b"ride").unwrap();
        let claim = |scheme, mac| MacClaim {
            factors: &[CARD],
            scheme,
            message: b"ride",
            mac,
        };
        let claims = [
            claim(made[0].0, &made[0].1),
            claim(made[0].0, &made[1].1[..4]),
            MacClaim {
                factors: &[],
                ..claim(whole, &other)
            },
            claim(made[1].0, &made[1].1),
            claim(whole, &other),
        ];
        assert_eq!(lent.verify_macs(&claims), [true, false, true, true, false]);
        assert_eq!(format!("{lent:?}"), format!("LentKey({text})"));
    }
    // Its purpose says what it does, lent or not.
    let seal = name("SEAL", Purpose::FaceSeal, KeyAlgorithm::Sm4);
    with(&mut *custody, &seal, BYTES);
    let lent = custody.lend(seal.label).unwrap();
    assert!(lent.mac(&[], MacScheme::Cmac, b"faces").is_ok());
    let below = lent.mac(&[CARD], MacScheme::Cmac, b"faces");
    assert!(matches!(below, Err(CustodyError::Purpose { .. })));
    let list = name("LISTS", Purpose::ListSignature, KeyAlgorithm::Sm2);
    custody.generate(&list).unwrap();
    let refused = custody.lend(list.label);
    assert!(matches!(refused, Err(CustodyError::Purpose { .. })));
    let absent = custody.lend(label("ABSENT"));
    assert!(matches!(absent, Err(CustodyError::Unknown { .. })));
}

pub(crate) fn an_aes_key_makes_cmacs_only(bench: &mut dyn Bench) {
    let mut custody = bench.fresh();
    let known = name("KNOWN", Purpose::NodeLink, KeyAlgorithm::Aes);
    let check = with(&mut *custody, &known, BYTES);
    let wide = WideKey::new(WideCipher::Aes128, &BYTES).unwrap();
    assert_eq!(check, Check::Kcv(wide.kcv()));
    let mac = custody.mac(KeyPath::of(known.label), MacScheme::Cmac, b"line");
    assert_eq!(mac.unwrap(), wide.cmac(&[b"line"]));
    for bits in [128, 192, 256] {
        let made = KeyName {
            bits,
            ..staying(
                &format!("MADE-{bits}"),
                Purpose::NodeLink,
                KeyAlgorithm::Aes,
            )
        };
        custody.generate(&made).unwrap();
        custody.check(made.label).unwrap();
        let path = KeyPath::of(made.label);
        let mac = custody.mac(path, MacScheme::Cmac, b"line").unwrap();
        assert_eq!(mac.len(), 16);
        custody
            .verify_mac(path, MacScheme::Cmac, b"line", &mac)
            .unwrap();
        let refused = custody.mac(path, MacScheme::Tac, b"line");
        assert!(matches!(refused, Err(CustodyError::Algorithm { .. })));
    }
}

pub(crate) fn a_wrong_mac_is_refused(bench: &mut dyn Bench) {
    let mut custody = bench.fresh();
    let key = purchase("DPK", KeyAlgorithm::Sm4);
    custody.generate(&key).unwrap();
    let path = KeyPath::of(key.label);
    let good = custody.mac(path, MacScheme::Tac, b"ride").unwrap();
    custody
        .verify_mac(path, MacScheme::Tac, b"ride", &good)
        .unwrap();
    let mut flipped = good.clone();
    flipped[3] ^= 1;
    for (message, mac) in [
        (&b"ride"[..], &flipped[..]),
        (b"rode", &good),
        (b"ride", &good[..3]),
        (b"ride", &[]),
    ] {
        let verified = custody.verify_mac(path, MacScheme::Tac, message, mac);
        assert!(matches!(verified, Err(CustodyError::Mac { .. })));
    }
}

pub(crate) fn a_derived_key_is_the_key_below(bench: &mut dyn Bench) {
    let mut custody = bench.fresh();
    let master = purchase("NATION", KeyAlgorithm::Sm4);
    with(&mut *custody, &master, BYTES);
    let path = KeyPath {
        label: master.label,
        factors: &[ISSUER],
    };
    let issuer = purchase("ISSUER", KeyAlgorithm::Sm4);
    let check = custody.derive(path, &issuer).unwrap();
    let below = diversify::one_level(&bare(KeyAlgorithm::Sm4), &ISSUER);
    assert_eq!(check, Check::Kcv(below.kcv()));
    let from_issuer = KeyPath {
        label: issuer.label,
        factors: &[CARD],
    };
    let from_nation = KeyPath {
        label: master.label,
        factors: &[ISSUER, CARD],
    };
    assert_eq!(
        custody.mac(from_issuer, MacScheme::Tac, b"ride").unwrap(),
        custody.mac(from_nation, MacScheme::Tac, b"ride").unwrap()
    );
}

pub(crate) fn a_derived_key_is_no_copy_and_for_nothing_else(bench: &mut dyn Bench) {
    let mut custody = bench.fresh();
    let master = staying("NATION", Purpose::Purchase, KeyAlgorithm::Sm4);
    with(&mut *custody, &master, BYTES);
    let path = KeyPath {
        label: master.label,
        factors: &[ISSUER],
    };
    let stays = staying("ISSUER", Purpose::Purchase, KeyAlgorithm::Sm4);
    let copy = custody.derive(KeyPath::of(master.label), &stays);
    assert!(matches!(copy, Err(CustodyError::Stays { .. })));
    let leaves = custody.derive(path, &purchase("ISSUER", KeyAlgorithm::Sm4));
    assert!(matches!(leaves, Err(CustodyError::Stays { .. })));
    let other = staying("ISSUER", Purpose::Load, KeyAlgorithm::Sm4);
    let other = custody.derive(path, &other);
    assert!(matches!(other, Err(CustodyError::Kind { .. })));
    custody.derive(path, &stays).unwrap();
}

pub(crate) fn sm2_signs_and_another_message_does_not_verify(bench: &mut dyn Bench) {
    let mut custody = bench.fresh();
    let key = name("CA", Purpose::RideCode, KeyAlgorithm::Sm2);
    let check = custody.generate(&key).unwrap();
    let signed = custody.sign(key.label, SignScheme::Sm2, b"code").unwrap();
    let PublicPart::Sm2(public) = custody.public(key.label).unwrap() else {
        panic!("an SM2 key has an SM2 public key");
    };
    let digest = tongtu_crypto::sm3::digest(&public.to_compressed());
    assert_eq!(check, Check::Fingerprint(digest));
    let Signed::Sm2(signature) = &signed else {
        panic!("an SM2 key gives an SM2 signature");
    };
    public.verify(b"code", signature).unwrap();
    custody
        .verify(key.label, SignScheme::Sm2, b"code", &signed)
        .unwrap();
    for (scheme, message) in [
        (SignScheme::Sm2, &b"code!"[..]),
        (SignScheme::RsaPss, b"code"),
    ] {
        let verified = custody.verify(key.label, scheme, message, &signed);
        assert!(matches!(verified, Err(CustodyError::Signature { .. })));
    }
    let refused = custody.sign(key.label, SignScheme::RsaPss, b"code");
    assert!(matches!(refused, Err(CustodyError::Algorithm { .. })));
}

pub(crate) fn rsa_signs_pss_and_raw(bench: &mut dyn Bench) {
    let mut custody = bench.fresh();
    let key = KeyName {
        bits: 1024,
        ..staying("CASH", Purpose::CashIssuer, KeyAlgorithm::Rsa)
    };
    let check = custody.generate(&key).unwrap();
    assert_eq!(custody.check(key.label).unwrap().check, check);
    let pss = custody
        .sign(key.label, SignScheme::RsaPss, b"data")
        .unwrap();
    custody
        .verify(key.label, SignScheme::RsaPss, b"data", &pss)
        .unwrap();
    let verified = custody.verify(key.label, SignScheme::RsaPss, b"date", &pss);
    assert!(matches!(verified, Err(CustodyError::Signature { .. })));
    let mut block = [0x5A; 128];
    block[0] = 0x6A;
    let raw = custody.sign(key.label, SignScheme::RsaRaw, &block).unwrap();
    custody
        .verify(key.label, SignScheme::RsaRaw, &block, &raw)
        .unwrap();
    let short = custody.sign(key.label, SignScheme::RsaRaw, &block[1..]);
    assert!(matches!(
        short,
        Err(CustodyError::Length {
            found: 127,
            expected: 128,
            ..
        })
    ));
}

pub(crate) fn a_key_in_custody_is_a_signer(bench: &mut dyn Bench) {
    let mut custody = bench.fresh();
    custody
        .generate(&name("ANCHOR", Purpose::AuditAnchor, KeyAlgorithm::Sm2))
        .unwrap();
    custody.generate(&transport("KEK")).unwrap();
    let mut signer = CustodySigner::new(&mut *custody, label("ANCHOR")).unwrap();
    let signature = signer.sign_checked(b"day").unwrap();
    assert_eq!(signer.public().verify(b"day", &signature), Ok(()));
    assert!(CustodySigner::new(&mut *custody, label("KEK")).is_err());
}

fn component(byte: u8) -> (Vec<u8>, [u8; 3]) {
    let bytes = [byte; 16];
    (bytes.to_vec(), BlockKey::new(Algorithm::Sm4, bytes).kcv())
}

fn components(bytes: &[u8]) -> Vec<Component> {
    let of = |byte: &u8| {
        let (bytes, kcv) = component(*byte);
        Component::new(bytes, kcv)
    };
    bytes.iter().map(of).collect()
}

pub(crate) fn components_make_their_sum(bench: &mut dyn Bench) {
    let mut custody = bench.fresh();
    let key = purchase("NATION", KeyAlgorithm::Sm4);
    let expected = Check::Kcv(BlockKey::new(Algorithm::Sm4, [0x11 ^ 0x22 ^ 0x44; 16]).kcv());
    custody
        .import(&key, components(&[0x11, 0x22, 0x44]), expected)
        .unwrap();
    assert_eq!(custody.check(key.label).unwrap().check, expected);
}

pub(crate) fn a_component_that_differs_is_named(bench: &mut dyn Bench) {
    let mut custody = bench.fresh();
    let key = purchase("NATION", KeyAlgorithm::Sm4);
    let expected = Check::Kcv(BlockKey::new(Algorithm::Sm4, [0x33; 16]).kcv());
    let wrong = vec![
        Component::new(component(0x11).0, component(0x11).1),
        Component::new(component(0x22).0, component(0x11).1),
    ];
    let refused = custody.import(&key, wrong, expected);
    assert!(matches!(
        refused,
        Err(CustodyError::Component { number: 2, .. })
    ));
    // Each component is as its letter says, but they are not of one key.
    let refused = custody.import(&key, components(&[0x11, 0x23]), expected);
    assert!(matches!(refused, Err(CustodyError::Check { .. })));
    assert_eq!(custody.list().unwrap(), []);
}

pub(crate) fn components_that_are_no_key_are_refused(bench: &mut dyn Bench) {
    let mut custody = bench.fresh();
    let key = purchase("NATION", KeyAlgorithm::Sm4);
    let zero = Check::Kcv(BlockKey::new(Algorithm::Sm4, [0; 16]).kcv());
    let one = Check::Kcv(component(0x11).1);
    let short = vec![
        Component::new(vec![1; 15], [0; 3]),
        Component::new(vec![1; 15], [0; 3]),
    ];
    for (parts, expected) in [
        (components(&[]), zero),
        (components(&[0x11]), one),
        (components(&[0x11, 0x11]), zero),
        (components(&[1; 10]), zero),
        (short, zero),
    ] {
        let refused = custody.import(&key, parts, expected);
        assert!(matches!(refused, Err(CustodyError::Components { .. })));
    }
}

pub(crate) fn a_wrapped_card_key_is_what_the_card_deciphers(bench: &mut dyn Bench) {
    let mut custody = bench.fresh();
    let master = KeyName {
        export: Export::Below,
        ..purchase("ISSUER", KeyAlgorithm::Tdes)
    };
    with(&mut *custody, &master, BYTES);
    let kek = *b"TRANSPORT KEY 01";
    with(&mut *custody, &transport("KEK"), kek);
    let path = KeyPath {
        label: master.label,
        factors: &[CARD],
    };
    let wrapped = custody.wrap(path, label("KEK")).unwrap();
    let mut bytes = wrapped.bytes.clone();
    BlockKey::new(Algorithm::Sm4, kek)
        .decrypt_blocks(&mut bytes)
        .unwrap();
    assert_eq!(
        bytes,
        diversify::bytes(&bare(KeyAlgorithm::Tdes), &[CARD])[..]
    );
    // The master itself is not for cards.
    let refused = custody.wrap(KeyPath::of(master.label), label("KEK"));
    assert!(matches!(refused, Err(CustodyError::Stays { .. })));
}

pub(crate) fn a_wrapped_key_comes_back_and_a_changed_one_does_not(bench: &mut dyn Bench) {
    let mut custody = bench.fresh();
    for kek in [
        transport("KEK-SM4"),
        name("KEK-DES", Purpose::PersoTransport, KeyAlgorithm::Tdes),
        name("KEK-AES", Purpose::PersoTransport, KeyAlgorithm::Aes),
    ] {
        custody.generate(&kek).unwrap();
        let key = purchase("DPK", KeyAlgorithm::Sm4);
        let check = custody.generate(&key).unwrap();
        let wrapped = custody.wrap(KeyPath::of(key.label), kek.label).unwrap();
        let again = purchase("AGAIN", KeyAlgorithm::Sm4);
        let mut changed = wrapped.clone();
        changed.bytes[5] ^= 1;
        let refused = custody.unwrap(&again, kek.label, &changed);
        assert!(matches!(refused, Err(CustodyError::Check { .. })));
        custody.unwrap(&again, kek.label, &wrapped).unwrap();
        assert_eq!(custody.check(again.label).unwrap().check, check);
        for label in [key.label, again.label] {
            custody.destroy(label).unwrap();
        }
    }
}

pub(crate) fn a_key_that_stays_stays(bench: &mut dyn Bench) {
    let mut custody = bench.fresh();
    custody.generate(&transport("KEK")).unwrap();
    for (text, purpose, algorithm) in [
        ("DPK", Purpose::Purchase, KeyAlgorithm::Sm4),
        ("LINK", Purpose::NodeLink, KeyAlgorithm::Aes),
        ("CA", Purpose::RideCode, KeyAlgorithm::Sm2),
    ] {
        let key = staying(text, purpose, algorithm);
        custody.generate(&key).unwrap();
        let wrapped = custody.wrap(KeyPath::of(key.label), label("KEK"));
        assert!(matches!(wrapped, Err(CustodyError::Stays { .. })));
        let exported = custody.export(key.label, label("KEK"));
        assert!(matches!(exported, Err(CustodyError::Stays { .. })));
    }
    let below = KeyPath {
        label: label("DPK"),
        factors: &[CARD],
    };
    let wrapped = custody.wrap(below, label("KEK"));
    assert!(matches!(wrapped, Err(CustodyError::Stays { .. })));
}

pub(crate) fn a_container_brings_key_and_attributes(bench: &mut dyn Bench) {
    let kek = *b"TRANSPORT KEY 01";
    let mut sender = bench.fresh();
    with(&mut *sender, &transport("KEK-OUT"), kek);
    let keys = [
        KeyName {
            index: 9,
            version: 2,
            ..purchase("DPK", KeyAlgorithm::Tdes)
        },
        name("CA", Purpose::RideCode, KeyAlgorithm::Sm2),
        KeyName {
            bits: 1024,
            ..name("CASH", Purpose::CashIssuer, KeyAlgorithm::Rsa)
        },
    ];
    let mut containers = Vec::new();
    for key in &keys {
        sender.generate(key).unwrap();
        containers.push(sender.export(key.label, label("KEK-OUT")).unwrap());
    }
    let mut receiver = bench.fresh();
    with(&mut *receiver, &transport("KEK-IN"), kek);
    for (key, container) in keys.iter().zip(&containers) {
        let info = receiver.take_in(container, label("KEK-IN")).unwrap();
        assert_eq!(info, sender.check(key.label).unwrap());
        assert_eq!(receiver.check(key.label).unwrap(), info);
        let twice = receiver.take_in(container, label("KEK-IN"));
        assert!(matches!(twice, Err(CustodyError::Exists { .. })));
    }
    let signed = receiver
        .sign(label("CA"), SignScheme::Sm2, b"code")
        .unwrap();
    sender
        .verify(label("CA"), SignScheme::Sm2, b"code", &signed)
        .unwrap();
}

pub(crate) fn a_container_under_another_key_is_refused(bench: &mut dyn Bench) {
    let mut custody = bench.fresh();
    custody.generate(&transport("KEK-1")).unwrap();
    custody.generate(&transport("KEK-2")).unwrap();
    let key = purchase("DPK", KeyAlgorithm::Sm4);
    custody.generate(&key).unwrap();
    let container = custody.export(key.label, label("KEK-1")).unwrap();
    custody.destroy(key.label).unwrap();
    let refused = custody.take_in(&container, label("KEK-2"));
    assert!(matches!(refused, Err(CustodyError::Container { .. })));
    custody.take_in(&container, label("KEK-1")).unwrap();
}

pub(crate) fn purposes_keep_keys_apart(bench: &mut dyn Bench) {
    let mut custody = bench.fresh();
    custody.generate(&transport("KEK")).unwrap();
    let key = purchase("DPK", KeyAlgorithm::Sm4);
    custody.generate(&key).unwrap();
    custody
        .generate(&name("CA", Purpose::RideCode, KeyAlgorithm::Sm2))
        .unwrap();
    let (kek, dpk, ca) = (label("KEK"), key.label, label("CA"));
    let below = KeyPath {
        label: kek,
        factors: &[CARD],
    };
    let answers = [
        (
            custody.mac(KeyPath::of(kek), MacScheme::Tac, b"").err(),
            Operation::Mac,
        ),
        (custody.wrap(below, kek).err(), Operation::Derive),
        (custody.wrap(KeyPath::of(kek), dpk).err(), Operation::Wrap),
        (custody.export(kek, dpk).err(), Operation::Wrap),
        (
            custody.sign(dpk, SignScheme::Sm2, b"").err(),
            Operation::Sign,
        ),
        (
            custody.mac(KeyPath::of(ca), MacScheme::Tac, b"").err(),
            Operation::Mac,
        ),
    ];
    for (answer, expected) in answers {
        assert!(
            matches!(&answer, Some(CustodyError::Purpose { operation, .. }) if *operation == expected),
            "{answer:?}"
        );
    }
}

pub(crate) fn keys_that_cannot_be_are_not_made(bench: &mut dyn Bench) {
    let mut custody = bench.fresh();
    for (purpose, algorithm, bits) in [
        (Purpose::Purchase, KeyAlgorithm::Sm2, 256),
        (Purpose::RideCode, KeyAlgorithm::Sm4, 128),
        (Purpose::Purchase, KeyAlgorithm::Sm4, 256),
        (Purpose::NodeLink, KeyAlgorithm::Aes, 64),
        (Purpose::CashIssuer, KeyAlgorithm::Rsa, 512),
        (Purpose::CashIssuer, KeyAlgorithm::Rsa, 1025),
        (Purpose::PersoTransport, KeyAlgorithm::Sm2, 256),
    ] {
        let key = KeyName {
            bits,
            ..staying("KEY", purpose, algorithm)
        };
        let made = custody.generate(&key);
        assert!(matches!(made, Err(CustodyError::Kind { .. })), "{key:?}");
    }
}

pub(crate) fn a_production_key_does_not_come_into_a_test_store(bench: &mut dyn Bench) {
    let mut custody = bench.fresh();
    let key = KeyName {
        mark: Mark::Production,
        ..purchase("REAL", KeyAlgorithm::Sm4)
    };
    let made = custody.generate(&key);
    assert!(matches!(made, Err(CustodyError::Mark { .. })));
}
