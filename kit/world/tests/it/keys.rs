//! The country's keys: where they come from, and that none is one that everybody knows.

use std::collections::BTreeMap;

use tongtu_crypto::Algorithm;
use tongtu_keyring::code::{KeyAlgorithm, Purpose};
use tongtu_keyring::{Extract, Slot};
use tongtu_purse::field::{Institution, Serial};
use tongtu_purse::keys::KeySet;
use tongtu_purse::profile::{TEST_KEYS, test_keys};
use tongtu_world::country::{CITIES, NODES, STRANGER, Scale};
use tongtu_world::{Country, Seed};

use crate::first_day;

fn village(seed: u64) -> Country {
    Country::found(Seed(seed), Scale::village(0), first_day()).unwrap()
}

#[test]
fn every_key_of_a_city_is_in_use_and_its_certificate_is_the_authoritys() {
    let country = village(1);
    let extract = Extract::open(&country.keys.extract, &country.keys.centre).unwrap();
    let now = first_day().start_in_china();
    for node in CITIES {
        let holder = NODES[node].institution();
        for (purpose, algorithm) in [
            (Purpose::Purchase, KeyAlgorithm::Tdes),
            (Purpose::Tac, KeyAlgorithm::Sm4),
            (Purpose::CashCryptogram, KeyAlgorithm::Tdes),
            (Purpose::ListSignature, KeyAlgorithm::Sm2),
            (Purpose::RideCode, KeyAlgorithm::Sm2),
            (Purpose::FaceSeal, KeyAlgorithm::Sm4),
        ] {
            let city = holder.city();
            let slot = Slot {
                city,
                purpose,
                algorithm,
            };
            assert!(extract.book().current(slot, now).is_some(), "{slot}");
        }
        let current = extract.authority().current(holder, now).unwrap();
        assert_eq!(current.certificate(), Some(&country.city(node).certificate));
    }
    // Two officers stand behind every key that was made.
    assert!(extract.book().keys().count() > 80);
    for life in extract.book().keys() {
        let approved = life.approved_by().unwrap();
        assert!(approved.officers().iter().all(Option::is_some));
    }
}

#[test]
fn what_the_key_centre_did_verifies_without_it() {
    let keys = village(1).keys;
    let audit = keys.audit;
    let trusted = BTreeMap::from([audit.key]);
    let found = tongtu_audit::verify(&audit.lines, &audit.anchors, &trusted).unwrap();
    assert_eq!((found.anchors, found.unanchored), (1, 0));
    let mut forged = audit.lines.clone();
    forged[500] ^= 1;
    assert!(tongtu_audit::verify(&forged, &audit.anchors, &trusted).is_err());
}

#[test]
fn the_same_seed_gives_the_same_keys_and_another_seed_others() {
    let (one, same, other) = (village(1).keys, village(1).keys, village(2).keys);
    assert_eq!(one.extract, same.extract);
    assert_eq!(one.audit.lines, same.audit.lines);
    for node in CITIES {
        let bytes = |keys: &tongtu_world::keys::CountryKeys| {
            let files = keys.store(node).unwrap();
            (files.store.clone(), files.open.clone())
        };
        assert_eq!(bytes(&one), bytes(&same));
        assert_ne!(bytes(&one), bytes(&other));
    }
    assert!(one.store(0).is_none());
}

/// Check values of all keys that a set has.
fn values(set: &KeySet) -> Vec<[u8; 3]> {
    let keys = TEST_KEYS.iter();
    keys.filter_map(|(use_, version, _)| set.key(*use_, *version))
        .map(|key| key.kcv())
        .collect()
}

#[test]
fn cards_and_modules_have_no_key_that_is_published() {
    let country = village(1);
    let serial = Serial([0x03, 0x10, 0x10, 0x00, 0, 0, 0, 0, 0, 0x17]);
    let both = [Algorithm::Tdes, Algorithm::Sm4];
    for home in CITIES {
        let own = Institution::of(NODES[home].institution());
        let strange = Institution::of(STRANGER.parse().unwrap());
        for issuer in [own, strange] {
            let sets = country.keys.card(home, issuer, serial);
            for (set, algorithm) in sets.iter().zip(both) {
                let published = KeySet::of_card(&test_keys(algorithm), issuer, serial);
                let (found, known) = (values(set), values(&published));
                assert_eq!(found.len(), 11);
                assert!(found.iter().all(|kcv| !known.contains(kcv)));
            }
        }
    }
    for algorithm in both {
        let master = country.keys.module(Purpose::Purchase, algorithm).unwrap();
        let known = values(&test_keys(algorithm));
        let kcv = tongtu_crypto::BlockKey::new(algorithm, *master).kcv();
        assert!(!known.contains(&kcv));
    }
}

#[test]
fn a_country_shows_none_of_its_keys() {
    let country = village(1);
    let shown = format!("{:?}", country.keys);
    assert_eq!(shown, "CountryKeys(2 stores)");
}
