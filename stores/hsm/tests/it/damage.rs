//! Files that were touched, cut off, torn, or put together of old parts.

use std::fs;

use tongtu_hsm::{Custody as _, CustodyError, KeyHead, Mark, Place, StoreHead};
use tongtu_keyring::code::{KeyAlgorithm, Purpose};

use crate::fixture::{Stores, label, name};

/// A store with three keys, the first two of one length, closed; and where its parts begin.
fn three_keys(test: &str) -> (Stores, Vec<u8>, Vec<usize>) {
    let mut stores = Stores::new(test);
    let mut custody = stores.make(Mark::Test);
    for (text, purpose, algorithm) in [
        ("A", Purpose::Purchase, KeyAlgorithm::Sm4),
        ("B", Purpose::Load, KeyAlgorithm::Tdes),
        ("C", Purpose::RideCode, KeyAlgorithm::Sm2),
    ] {
        custody.generate(&name(text, purpose, algorithm)).unwrap();
    }
    let bytes = fs::read(stores.path()).unwrap();
    let symmetric = KeyHead::LEN + 16 + 32 + 32;
    let pair = KeyHead::LEN + 16 + 33 + 48 + 32;
    let begins = vec![
        StoreHead::LEN,
        StoreHead::LEN + symmetric,
        StoreHead::LEN + 2 * symmetric,
        StoreHead::LEN + 2 * symmetric + pair,
    ];
    assert_eq!(bytes.len(), begins[3]);
    (stores, bytes, begins)
}

fn place(stores: &Stores, bytes: &[u8]) -> Option<Place> {
    fs::write(stores.path(), bytes).unwrap();
    match stores.open() {
        Err(CustodyError::Damaged { place, .. }) => Some(place),
        Err(CustodyError::NotAStore { .. } | CustodyError::Protection { .. }) => Some(Place::Head),
        Err(other) => panic!("{other}"),
        Ok(_) => None,
    }
}

#[test]
fn any_flipped_byte_is_named() {
    let (stores, bytes, begins) = three_keys("flip");
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        let expected = match begins.iter().rposition(|begin| *begin <= at) {
            None => Place::Head,
            Some(record) => Place::Record(u32::try_from(record).unwrap()),
        };
        assert_eq!(place(&stores, &flipped), Some(expected), "byte {at}");
    }
    assert_eq!(place(&stores, &bytes), None);
}

#[test]
fn a_store_that_was_cut_off_does_not_open() {
    let (stores, bytes, begins) = three_keys("cut");
    for len in 0..bytes.len() {
        let found = place(&stores, &bytes[..len]).expect("it is not whole");
        let expected = match begins.iter().rposition(|begin| *begin <= len) {
            None => Place::Head,
            Some(record) => Place::Record(u32::try_from(record).unwrap()),
        };
        assert_eq!(found, expected, "{len} bytes");
    }
}

#[test]
fn what_follows_the_last_record_is_found() {
    let (stores, mut bytes, _) = three_keys("end");
    bytes.push(0);
    assert_eq!(place(&stores, &bytes), Some(Place::End));
}

#[test]
fn records_cannot_change_places() {
    let (stores, bytes, begins) = three_keys("swap");
    let (head, a, b, rest) = (
        &bytes[..begins[0]],
        &bytes[begins[0]..begins[1]],
        &bytes[begins[1]..begins[2]],
        &bytes[begins[2]..],
    );
    let swapped = [head, b, a, rest].concat();
    assert_eq!(place(&stores, &swapped), Some(Place::Record(0)));
}

#[test]
fn a_record_of_an_older_file_is_not_taken() {
    let (stores, old, begins) = three_keys("older");
    let mut custody = stores.open().unwrap();
    custody
        .generate(&name("D", Purpose::Tac, KeyAlgorithm::Sm4))
        .unwrap();
    drop(custody);
    let mut new = fs::read(stores.path()).unwrap();
    new[begins[0]..begins[1]].copy_from_slice(&old[begins[0]..begins[1]]);
    assert_eq!(place(&stores, &new), Some(Place::Record(0)));
}

#[test]
fn a_torn_write_leaves_the_old_store() {
    let (stores, old, _) = three_keys("torn");
    let mut custody = stores.open().unwrap();
    custody
        .generate(&name("D", Purpose::Tac, KeyAlgorithm::Sm4))
        .unwrap();
    drop(custody);
    let new = fs::read(stores.path()).unwrap();
    let mut torn = stores.path().into_os_string();
    torn.push(".new");
    // Power lost at any byte of the new file: the name is still the old one's.
    for len in (0..=new.len()).step_by(7) {
        fs::write(stores.path(), &old).unwrap();
        fs::write(&torn, &new[..len]).unwrap();
        let mut custody = stores.open().unwrap();
        assert_eq!(custody.list().unwrap().len(), 3);
        // And it goes on from there.
        custody.destroy(label("C")).unwrap();
        drop(custody);
        assert_eq!(stores.open().unwrap().list().unwrap().len(), 2);
    }
}

#[test]
fn a_write_that_the_system_refuses_changes_nothing() {
    let (stores, old, _) = three_keys("refused");
    let mut torn = stores.path().into_os_string();
    torn.push(".new");
    let mut custody = stores.open().unwrap();
    // A folder is in the way of the new file.
    fs::create_dir(&torn).unwrap();
    let made = custody.generate(&name("D", Purpose::Tac, KeyAlgorithm::Sm4));
    assert!(matches!(made, Err(CustodyError::Io { .. })));
    assert!(matches!(
        custody.destroy(label("A")),
        Err(CustodyError::Io { .. })
    ));
    assert_eq!(custody.list().unwrap().len(), 3);
    custody.check(label("A")).unwrap();
    assert_eq!(fs::read(stores.path()).unwrap(), old);
    fs::remove_dir(&torn).unwrap();
    custody.destroy(label("A")).unwrap();
    drop(custody);
    assert_eq!(stores.open().unwrap().list().unwrap().len(), 2);
}

#[test]
fn another_form_is_named() {
    let (stores, mut bytes, _) = three_keys("form");
    bytes[4] = 2;
    let digest = tongtu_crypto::sm3::digest(&bytes[..92]);
    bytes[92..124].copy_from_slice(&digest);
    fs::write(stores.path(), bytes).unwrap();
    assert!(matches!(
        stores.open(),
        Err(CustodyError::Form {
            found: 2,
            expected: 1,
            ..
        })
    ));
}
