//! The suite on a store with a passphrase, and what only a file has.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use tongtu_hsm::{Custody as _, CustodyError, Mark, Passphrase, Protection, SealedCustody, Work};
use tongtu_keyring::code::{KeyAlgorithm, Purpose};

use crate::fixture::{Bench, Stores, WORDS, label, name, passphrase, seeded};

mod facts {
    fn run(test: &str, fact: fn(&mut dyn super::Bench)) {
        fact(&mut super::Stores::new(&test.replace("::", "-")));
    }

    crate::suite::facts!(run);
}

#[test]
fn another_passphrase_does_not_open_it() {
    let mut stores = Stores::new("passphrase");
    drop(stores.make(Mark::Test));
    for other in [
        passphrase("a passphrase for test"),
        passphrase("a passphrase for tests "),
    ] {
        let opened = SealedCustody::open(&stores.path(), Mark::Test, &other, seeded(1));
        assert!(matches!(opened, Err(CustodyError::Protection { .. })));
    }
    stores.open().unwrap();
}

#[test]
fn a_short_passphrase_and_a_short_key_file_are_refused() {
    let short = Passphrase::new("eleven char".into());
    assert!(matches!(short, Err(CustodyError::ShortSecret { .. })));
    let stores = Stores::new("short");
    let file = stores.folder().join("secret");
    fs::write(&file, [1; 31]).unwrap();
    let path = stores.path();
    let made = SealedCustody::make(&path, Mark::Test, &Protection::KeyFile(file), seeded(1));
    assert!(matches!(made, Err(CustodyError::ShortSecret { .. })));
}

#[test]
fn a_key_file_opens_it_and_another_does_not() {
    let stores = Stores::new("key-file");
    let [mine, other] = ["mine", "other"].map(|name| {
        let file = stores.folder().join(name);
        fs::write(&file, name.repeat(10)).unwrap();
        Protection::KeyFile(file)
    });
    let path = stores.path();
    let mut custody = SealedCustody::make(&path, Mark::Test, &mine, seeded(1)).unwrap();
    let key = name("DPK", Purpose::Purchase, KeyAlgorithm::Sm4);
    custody.generate(&key).unwrap();
    drop(custody);
    for wrong in [&other, &passphrase(WORDS)] {
        let opened = SealedCustody::open(&path, Mark::Test, wrong, seeded(2));
        assert!(matches!(opened, Err(CustodyError::Protection { .. })));
    }
    let custody = SealedCustody::open(&path, Mark::Test, &mine, seeded(2)).unwrap();
    custody.check(key.label).unwrap();
}

#[test]
fn a_new_passphrase_opens_the_same_keys_and_the_old_one_none() {
    let mut stores = Stores::new("anew");
    let mut custody = stores.make(Mark::Test);
    let key = name("DPK", Purpose::Purchase, KeyAlgorithm::Sm4);
    let check = custody.generate(&key).unwrap();
    let new = passphrase("another passphrase");
    custody.protect_anew(&new).unwrap();
    // The open store goes on.
    custody
        .generate(&name("CA", Purpose::RideCode, KeyAlgorithm::Sm2))
        .unwrap();
    drop(custody);
    assert!(matches!(
        stores.open(),
        Err(CustodyError::Protection { .. })
    ));
    let custody = SealedCustody::open(&stores.path(), Mark::Test, &new, seeded(3)).unwrap();
    assert_eq!(custody.check(key.label).unwrap().check, check);
    custody.check(label("CA")).unwrap();
}

#[test]
fn one_process_has_it() {
    let mut stores = Stores::new("in-use");
    let custody = stores.make(Mark::Test);
    assert!(matches!(stores.open(), Err(CustodyError::InUse { .. })));
    drop(custody);
    stores.open().unwrap();
}

#[test]
fn a_store_is_not_made_over_another() {
    let mut stores = Stores::new("exists");
    drop(stores.make(Mark::Test));
    let path = stores.path();
    let again = SealedCustody::make(&path, Mark::Test, &passphrase(WORDS), seeded(1));
    assert!(matches!(again, Err(CustodyError::StoreExists { .. })));
}

#[test]
fn nobody_else_may_read_it() {
    let mut stores = Stores::new("mode");
    drop(stores.make(Mark::Test));
    let mode = fs::metadata(stores.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn too_much_work_is_refused() {
    let stores = Stores::new("work");
    for work in [
        Work {
            memory_kib: (1 << 20) + 1,
            ..Work::USUAL
        },
        Work {
            passes: 17,
            ..Work::USUAL
        },
        Work {
            lanes: 0,
            ..Work::USUAL
        },
        Work {
            lanes: 9,
            ..Work::USUAL
        },
        Work {
            memory_kib: 63,
            ..Work::FOR_TESTS
        },
    ] {
        let words = Passphrase::new(WORDS.into()).unwrap();
        let protection = Protection::Passphrase(words, work);
        let made = SealedCustody::make(&stores.path(), Mark::Test, &protection, seeded(1));
        assert!(matches!(made, Err(CustodyError::Work { .. })), "{work:?}");
    }
}

#[test]
fn no_bytes_of_a_key_lie_in_the_file() {
    let mut stores = Stores::new("bytes");
    let mut custody = stores.make(Mark::Test);
    let secret = *b"TEST KEY 0000001";
    let key = name("DPK", Purpose::Purchase, KeyAlgorithm::Sm4);
    custody
        .import_test(&key, tongtu_hsm::TestKey::new(secret.to_vec()))
        .unwrap();
    let bytes = fs::read(stores.path()).unwrap();
    assert!(
        bytes
            .windows(4)
            .all(|window| !secret.windows(4).any(|part| part == window))
    );
    assert!(!format!("{custody:?}").contains("TEST KEY"));
}
