//! The centre's own promises: what it leaves behind verifies, and is the same for the same seed.
#![allow(missing_docs, clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use tongtu_audit::{AnchorKeys, verify};
use tongtu_hsm::{Custody as _, Mark, Passphrase, Protection, SealedCustody, Vault as _, Work};
use tongtu_keycentre::{CentreError, Given, KeyCentre, PASSPHRASE, Store};
use tongtu_keyring::code::{KeyAlgorithm, Purpose, Stage};
use tongtu_keyring::{Extract, ExtractError, Slot};
use tongtu_services::keyroom::{CUSTODY_FILE, KeyRoom, key_label};
use tongtu_types::{CityCode, InstitutionCode, Timestamp};

const START: Timestamp = Timestamp::new(1_767_254_400);

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("tongtu-keycentre-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn city() -> CityCode {
    CityCode::parse("5810").unwrap()
}

fn slot(purpose: Purpose, algorithm: KeyAlgorithm) -> Slot {
    Slot {
        city: city(),
        purpose,
        algorithm,
    }
}

/// A centre that gave a city a derived key, a fresh one and a certified one.
fn centre(folder: &Path, seed: &[u8]) -> (KeyCentre, Store) {
    let holder = InstitutionCode::parse("01345810").unwrap();
    let mut centre = KeyCentre::found(folder, seed, START, Work::FOR_TESTS).unwrap();
    let expiry = "1240".parse().unwrap();
    centre.root(2, expiry).unwrap();
    centre.own(Purpose::Purchase, KeyAlgorithm::Sm4).unwrap();
    let province = InstitutionCode::parse("30005800").unwrap();
    centre.register(city(), province).unwrap();
    let mut store = centre.store("guangzhou").unwrap();
    for (purpose, algorithm, is_derived) in [
        (Purpose::Purchase, KeyAlgorithm::Sm4, true),
        (Purpose::CashCryptogram, KeyAlgorithm::Tdes, false),
        (Purpose::RideCode, KeyAlgorithm::Sm2, false),
    ] {
        let given = Given {
            slot: slot(purpose, algorithm),
            holder,
            days: 3650,
            is_derived,
        };
        centre.give(&given, &mut store).unwrap();
    }
    let expiry = "1230".parse().unwrap();
    centre.certify(holder, (2, expiry), &mut store, 1).unwrap();
    (centre, store)
}

#[test]
fn a_given_key_is_in_use_in_the_book_and_in_its_holders_store() {
    let folder = Folder::new("given");
    let (centre, store) = centre(&folder.0, b"seed");
    let of = slot(Purpose::Purchase, KeyAlgorithm::Sm4);
    let key = centre.book().current(of, centre.now()).unwrap();
    let life = centre.book().key(key).unwrap();
    assert_eq!(life.stage(), Stage::Active);
    let held = store.custody.check(key_label(key)).unwrap();
    assert_eq!(
        Some(held.check),
        life.custody().map(|custody| custody.check)
    );
}

#[test]
fn what_the_centre_did_verifies_from_lines_anchors_and_a_public_key() {
    let folder = Folder::new("audit");
    let (mut centre, _store) = centre(&folder.0, b"seed");
    centre.wait(86_400);
    centre.anchor().unwrap();
    let files = centre.files().unwrap();
    let keys = AnchorKeys::from([files.anchor_key.clone()]);
    let found = verify(files.lines(), files.anchors(), &keys).unwrap();
    // The anchor's own signature is of the next day.
    assert_eq!((found.unanchored, found.anchors), (1, 1));
    assert!(found.lines > 100, "{}", found.lines);
    let mut forged = files.lines().to_vec();
    forged[100] ^= 1;
    assert!(verify(&forged, files.anchors(), &keys).is_err());
}

#[test]
fn what_the_centre_wrote_down_is_a_key_room_that_opens() {
    let folder = Folder::new("room");
    let (centre, _store) = centre(&folder.0, b"seed");
    let copy = Folder::new("room-copy");
    for (name, bytes) in centre.files().unwrap().files {
        std::fs::write(copy.0.join(name), bytes).unwrap();
    }
    // Every approval and event is checked again, and the custody is the one of the last step.
    let room = KeyRoom::open_folder(&copy.0).unwrap();
    assert_eq!(room.keys(), centre.book());
    let words = Passphrase::new(PASSPHRASE.to_owned()).unwrap();
    let protection = Protection::Passphrase(words, Work::FOR_TESTS);
    let path = copy.0.join(CUSTODY_FILE);
    let custody = SealedCustody::open(&path, Mark::Test, &protection, |_: &mut [u8]| {}).unwrap();
    room.check_vault(&custody.state()).unwrap();
    for life in room.keys().keys() {
        let held = custody.check(key_label(life.number())).unwrap();
        assert_eq!(Some(held.check), life.custody().map(|held| held.check));
    }
}

#[test]
fn a_derived_key_is_the_nations_below_its_holder_and_a_master_that_stays_leaves_no_room() {
    let folder = Folder::new("derived");
    let (mut centre, mut store) = centre(&folder.0, b"seed");
    let slot = slot(Purpose::Load, KeyAlgorithm::Sm4);
    let given = Given {
        slot,
        holder: InstitutionCode::parse("01345810").unwrap(),
        days: 365,
        is_derived: true,
    };
    // There is nothing of the nation's to derive it from yet.
    let error = centre.give(&given, &mut store).unwrap_err();
    assert!(matches!(error, CentreError::NoKey { .. }), "{error}");
    let upper = centre.own(Purpose::Load, KeyAlgorithm::Sm4).unwrap();
    let key = centre.give(&given, &mut store).unwrap();
    let derived = store.custody.check(key_label(key)).unwrap();
    let above = centre.book().key(upper).unwrap().custody().unwrap().check;
    assert_ne!(derived.check, above);
    let mut maker = centre.store("maker").unwrap();
    let error = centre.lend(upper, &mut maker).unwrap_err();
    assert!(matches!(error, CentreError::Room(_)), "{error}");
    assert!(maker.custody.check(key_label(upper)).is_err());
}

#[test]
fn the_same_seed_gives_the_same_stores_and_another_seed_others() {
    let made = ["one", "two", "three"].map(Folder::new);
    let bytes: Vec<_> = made
        .iter()
        .zip([&b"seed"[..], b"seed", b"other"])
        .map(|(folder, seed)| {
            let (mut centre, store) = centre(&folder.0, seed);
            let (file, open) = store.files();
            let read = |path| std::fs::read(path).unwrap();
            (read(file), read(open), centre.extract().unwrap())
        })
        .collect();
    assert_eq!(bytes[0], bytes[1]);
    assert_ne!(bytes[0].0, bytes[2].0);
    assert_ne!(bytes[0].2, bytes[2].2);
}

#[test]
fn an_extract_is_believed_from_its_centre_only_and_whole_only() {
    let folder = Folder::new("extract");
    let (mut centre, _store) = centre(&folder.0, b"seed");
    let bytes = centre.extract().unwrap();
    let key = centre.extract_key().unwrap();
    let opened = Extract::open(&bytes, &key).unwrap();
    assert_eq!(opened.book(), centre.book());
    let other = Folder::new("extract-other");
    let (stranger, _other_store) = self::centre(&other.0, b"other");
    assert_eq!(
        Extract::open(&bytes, &stranger.extract_key().unwrap()).unwrap_err(),
        ExtractError::Signature
    );
    // A flip anywhere is found; most by the signature, the first bytes by the form.
    for at in (0..bytes.len()).step_by(97).chain([0, 4, bytes.len() - 1]) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x20;
        let found = Extract::open(&flipped, &key).unwrap_err();
        let expected = match at {
            0..=4 => ExtractError::Form,
            _ => ExtractError::Signature,
        };
        assert_eq!(found, expected, "{at}");
    }
    for length in (0..bytes.len()).step_by(89) {
        assert!(Extract::open(&bytes[..length], &key).is_err(), "{length}");
    }
}

#[test]
fn a_key_for_a_city_that_nobody_registered_is_not_given() {
    let folder = Folder::new("nobody");
    let mut centre = KeyCentre::found(&folder.0, b"seed", START, Work::FOR_TESTS).unwrap();
    let mut store = centre.store("somebody").unwrap();
    let given = Given {
        slot: slot(Purpose::RideCode, KeyAlgorithm::Sm2),
        holder: InstitutionCode::parse("01345810").unwrap(),
        days: 365,
        is_derived: false,
    };
    let error = centre.give(&given, &mut store).unwrap_err();
    assert!(matches!(error, CentreError::NoCity { .. }), "{error}");
    assert!(store.custody.list().unwrap().is_empty());
}
