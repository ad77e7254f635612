//! Masters and what is below them, against the diversification of `tongtu-crypto`.

use tongtu_crypto::{Algorithm, BlockKey, diversify};
use tongtu_hsm::{Custody as _, Export, KeyName, KeyPath, TestKey};
use tongtu_keyring::Check;
use tongtu_keyring::code::{KeyAlgorithm, Purpose};
use tongtu_purse::field::{Institution, Serial};
use tongtu_purse::keys::KeyUse;
use tongtu_services::personalising::{
    CardIssuer, MASTERS, PersonalisingError, cash_keys, derive_masters, found_test_nation,
    generate_nation, purse_key,
};
use tongtu_types::CardNumber;

use super::{Room, label};

const ISSUER: Institution = Institution([0x01, 0x01, 0x10, 0x00, 0xFF, 0xFF, 0xFF, 0xFF]);

fn run(first: u8) -> [u8; 16] {
    std::array::from_fn(|at| first.wrapping_add(u8::try_from(at).unwrap()))
}

fn kcv(check: Check) -> [u8; 3] {
    match check {
        Check::Kcv(kcv) => kcv,
        Check::Fingerprint(_) => panic!("a key pair"),
    }
}

#[test]
fn an_issuers_masters_are_the_nations_one_level_down() {
    let mut room = Room::new("levels");
    found_test_nation(&mut room.custody).unwrap();
    let issuer = CardIssuer::of(ISSUER).unwrap();
    let derived = derive_masters(&mut room.custody, &issuer, 1).unwrap();
    // Twelve of the purse and four of the e-cash have published test keys, in two algorithms.
    assert_eq!(derived.len(), 32);
    for (master, first) in [
        ("DPK-3DES-1", 0x10),
        ("DPK-SM4-2", 0x18),
        ("DTK-SM4-1", 0x30),
        ("DAMK-3DES-1", 0xD0),
        ("DUK-SM4-1", 0x90),
        ("DPUK-3DES-1", 0x60),
        ("MKAC-SM4-1", 0x40),
        ("MKFILE-3DES-1", 0x70),
        ("MKSMC-3DES-1", 0x60),
    ] {
        let algorithm = if master.contains("SM4") {
            Algorithm::Sm4
        } else {
            Algorithm::Tdes
        };
        let expected = diversify::one_level(&BlockKey::new(algorithm, run(first)), &ISSUER.0);
        let label = label(&format!("1000-{master}-V1"));
        let found = room.custody.check(label).unwrap();
        assert_eq!(kcv(found.check), expected.kcv(), "{master}");
        assert!(derived.contains(&found), "{master}");
    }
}

/// The published chain of two levels, with fixed check values beside our own derivation.
#[test]
fn a_cards_key_is_that_of_the_published_chain() {
    let mut room = Room::new("chain");
    let transport = room.transport("TK", KeyAlgorithm::Sm4, [0x77; 16]);
    let issuer = CardIssuer::of(Institution([
        0x02, 0x90, 0x58, 0x10, 0xFF, 0xFF, 0xFF, 0xFF,
    ]));
    let issuer = issuer.unwrap();
    let serial = Serial([0x03, 0x10, 0x48, 0x99, 0x99, 0x99, 0, 0, 0, 0x17]);
    let master = tongtu_codec::hex_decode("32D464AC81F1640A687D023BF99E35DF").unwrap();
    for (algorithm, book, word, card) in [
        (
            Algorithm::Tdes,
            KeyAlgorithm::Tdes,
            "3DES",
            "7AA9701C2395A107D6EA4A86C1D4A6B1",
        ),
        (
            Algorithm::Sm4,
            KeyAlgorithm::Sm4,
            "SM4",
            "D9781978F1023715FC2E640D0A45826B",
        ),
    ] {
        let nation = label(&format!("0000-DPK-{word}-1-V1"));
        let region = tongtu_types::CityCode::parse("0000").unwrap();
        let name = KeyName::test(nation, region, Purpose::Purchase, book);
        let key = TestKey::new(master.clone());
        room.custody.import_test(&name, key).unwrap();
        derive_masters(&mut room.custody, &issuer, 1).unwrap();
        let own = purse_key(&issuer, KeyUse::Purchase, 1, algorithm, 1).unwrap();
        let card: [u8; 16] = tongtu_codec::hex_decode(card).unwrap().try_into().unwrap();
        // From the issuer's master, and from the nation's by two factors: the same key.
        for (label, factors) in [
            (own, vec![serial.factor()]),
            (nation, vec![issuer.id().0, serial.factor()]),
        ] {
            let path = KeyPath {
                label,
                factors: &factors,
            };
            let wrapped = room.custody.wrap(path, transport).unwrap();
            let mut bytes: [u8; 16] = wrapped.bytes.try_into().unwrap();
            BlockKey::new(Algorithm::Sm4, [0x77; 16])
                .decrypt_blocks(&mut bytes)
                .unwrap();
            assert_eq!(bytes, card, "{label}");
            assert_eq!(kcv(wrapped.check), BlockKey::new(algorithm, card).kcv());
        }
    }
}

#[test]
fn derivation_said_again_gives_the_same_and_goes_on_where_it_stopped() {
    let mut room = Room::new("again");
    found_test_nation(&mut room.custody).unwrap();
    let issuer = CardIssuer::of(ISSUER).unwrap();
    let first = derive_masters(&mut room.custody, &issuer, 1).unwrap();
    room.custody.destroy(label("1000-DTK-SM4-1-V1")).unwrap();
    assert_eq!(
        derive_masters(&mut room.custody, &issuer, 1).unwrap(),
        first
    );
    assert_eq!(found_test_nation(&mut room.custody).unwrap().len(), 32);
}

#[test]
fn a_label_that_something_else_has_is_a_fault() {
    let mut room = Room::new("occupied");
    found_test_nation(&mut room.custody).unwrap();
    let name = KeyName {
        index: 9,
        ..KeyName::test(
            label("1000-DTK-SM4-1-V1"),
            super::city(),
            Purpose::Tac,
            KeyAlgorithm::Sm4,
        )
    };
    room.custody.generate(&name).unwrap();
    let issuer = CardIssuer::of(ISSUER).unwrap();
    let refused = derive_masters(&mut room.custody, &issuer, 1);
    assert!(
        matches!(refused, Err(PersonalisingError::Occupied { label, .. }) if label == name.label)
    );
}

#[test]
fn without_the_nations_masters_nothing_is_derived() {
    let mut room = Room::new("none");
    let issuer = CardIssuer::of(ISSUER).unwrap();
    let refused = derive_masters(&mut room.custody, &issuer, 1);
    let error = refused.map_err(|error| error.to_string());
    let expected = "the custody has no masters of 0000 in version 1";
    assert_eq!(error, Err(expected.into()));
}

#[test]
fn fresh_masters_are_all_of_them_and_all_different() {
    let mut room = Room::new("fresh");
    let made = generate_nation(
        &mut room.custody,
        &[Algorithm::Sm4],
        2,
        tongtu_hsm::Mark::Test,
    );
    let made = made.unwrap();
    assert_eq!(made.len(), MASTERS.len());
    let mut checks: Vec<_> = made.iter().map(|info| kcv(info.check)).collect();
    checks.sort_unstable();
    checks.dedup();
    assert_eq!(checks.len(), MASTERS.len());
    // What no module of a terminal needs does not leave but as a card's key.
    let tac = made
        .iter()
        .find(|info| info.name.slot.purpose == Purpose::Tac);
    assert_eq!(tac.unwrap().name.export, Export::Below);
}

#[test]
fn an_e_cash_cards_keys_are_those_that_its_issuer_derives() {
    let mut room = Room::new("cash");
    let transport = room.transport("TK", KeyAlgorithm::Tdes, [0x77; 16]);
    found_test_nation(&mut room.custody).unwrap();
    let issuer = CardIssuer::of(ISSUER).unwrap();
    derive_masters(&mut room.custody, &issuer, 1).unwrap();
    let number = CardNumber::parse("6217000000000000012").unwrap();
    for algorithm in [Algorithm::Tdes, Algorithm::Sm4] {
        let keys = cash_keys(&room.custody, &issuer, &number, 0, algorithm, 1, transport).unwrap();
        for (wrapped, first) in keys.into_iter().zip([0x40, 0x50, 0x60]) {
            let nation = BlockKey::new(algorithm, run(first));
            let own = diversify::one_level(&nation, &ISSUER.0);
            let card = tongtu_ecash::cryptogram::card_key(&own, &number, 0);
            assert_eq!(kcv(wrapped.check), card.kcv());
        }
    }
}
