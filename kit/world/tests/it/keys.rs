//! The country's keys: where they come from, and that none is one that everybody knows.

use std::collections::{BTreeMap, BTreeSet};

use tongtu_crypto::{Algorithm, diversify};
use tongtu_hsm::{Custody as _, Mark};
use tongtu_keyring::code::{KeyAlgorithm, Purpose};
use tongtu_keyring::{Check, Extract, Slot};
use tongtu_purse::field::Institution;
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
            (Purpose::AuditAnchor, KeyAlgorithm::Sm2),
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
    let room = keys.room;
    let trusted = BTreeMap::from([room.anchor_key.clone()]);
    let found = tongtu_audit::verify(room.lines(), room.anchors(), &trusted).unwrap();
    // What made the last anchor is of the day after.
    assert!(found.anchors >= 1 && found.unanchored <= 2, "{found:?}");
    let mut forged = room.lines().to_vec();
    forged[500] ^= 1;
    assert!(tongtu_audit::verify(&forged, room.anchors(), &trusted).is_err());
}

#[test]
fn the_same_seed_gives_the_same_keys_and_another_seed_others() {
    let (one, same, other) = (village(1).keys, village(1).keys, village(2).keys);
    assert_eq!(one.extract, same.extract);
    assert_eq!(one.room.files, same.room.files);
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

#[test]
fn desks_have_masters_that_are_not_published_each_its_own_and_modules_only_what_may_leave() {
    let country = village(1);
    let institution = |code: &str| Institution::of(code.parse().unwrap());
    let published = [Algorithm::Tdes, Algorithm::Sm4].map(test_keys);
    let mut known = BTreeSet::new();
    for set in &published {
        for (use_, version, _) in TEST_KEYS {
            let master = set.key(*use_, *version).unwrap();
            known.insert(Check::Kcv(master.kcv()));
            for city in CITIES.map(|node| NODES[node].code) {
                let below = diversify::one_level(&master, &institution(city).0);
                known.insert(Check::Kcv(below.kcv()));
            }
        }
    }
    let mut seen = BTreeSet::new();
    for (issuer, count) in [
        (NODES[CITIES[0]].code, 32),
        (NODES[CITIES[1]].code, 32),
        (STRANGER, 6),
        (NODES[0].code, 10),
    ] {
        let desk = country.keys.desk(institution(issuer)).unwrap();
        let masters = desk.custody().list().unwrap();
        let masters = masters
            .iter()
            .filter(|info| info.name.slot.purpose != Purpose::PersoTransport);
        let mut found = 0;
        for info in masters {
            assert!(!known.contains(&info.check), "{}", info.name.label);
            assert_eq!(info.name.mark, Mark::Test);
            assert!(seen.insert((info.name.slot, info.check)));
            found += 1;
        }
        assert_eq!(found, count, "{issuer}");
    }
}

#[test]
fn the_key_room_of_the_country_opens_and_every_approval_in_it_holds() {
    let country = village(1);
    let folder = crate::Scratch::new("key-room");
    country.keys.write_room(&folder.0).unwrap();
    let room = tongtu_services::keyroom::KeyRoom::open_folder(&folder.0).unwrap();
    let extract = Extract::open(&country.keys.extract, &country.keys.centre).unwrap();
    let same = room.keys().keys().zip(extract.book().keys());
    let mut count = 0;
    for (there, here) in same {
        assert_eq!(there.custody(), here.custody());
        count += 1;
    }
    assert!(count > 90, "{count} keys");
    // Whoever signed is in the register, with a key of their own.
    assert!(room.officers().members().count() > 15);
}

#[test]
fn a_country_shows_none_of_its_keys() {
    let country = village(1);
    let shown = format!("{:?}", country.keys);
    assert_eq!(shown, "CountryKeys(2 stores)");
}
