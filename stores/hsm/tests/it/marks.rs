//! Test keys and real keys do not meet.

use tongtu_hsm::{
    Custody as _, CustodyError, KeyName, Mark, Passphrase, Protection, SealedCustody, TestKey, Work,
};
use tongtu_keyring::code::{KeyAlgorithm, Purpose};

use crate::fixture::{Stores, WORDS, label, name, passphrase, seeded};

fn usual() -> Protection {
    Protection::Passphrase(Passphrase::new(WORDS.into()).unwrap(), Work::USUAL)
}

fn real(text: &str, purpose: Purpose) -> KeyName {
    KeyName {
        mark: Mark::Production,
        ..name(text, purpose, KeyAlgorithm::Sm4)
    }
}

#[test]
fn a_test_store_does_not_open_in_production() {
    let mut stores = Stores::new("test-store");
    drop(stores.make(Mark::Test));
    let words = passphrase(WORDS);
    let opened = SealedCustody::open(&stores.path(), Mark::Production, &words, seeded(1));
    assert!(matches!(
        opened,
        Err(CustodyError::StoreMark {
            found: Mark::Test,
            expected: Mark::Production,
            ..
        })
    ));
}

#[test]
fn a_production_store_does_not_open_for_tests() {
    let stores = Stores::new("production-store");
    drop(SealedCustody::make(&stores.path(), Mark::Production, &usual(), seeded(1)).unwrap());
    let opened = SealedCustody::open(&stores.path(), Mark::Test, &usual(), seeded(1));
    assert!(matches!(opened, Err(CustodyError::StoreMark { .. })));
    SealedCustody::open(&stores.path(), Mark::Production, &usual(), seeded(1)).unwrap();
}

#[test]
fn little_work_is_for_tests_only() {
    let stores = Stores::new("little-work");
    let words = passphrase(WORDS);
    let made = SealedCustody::make(&stores.path(), Mark::Production, &words, seeded(1));
    assert!(matches!(made, Err(CustodyError::Work { .. })));
}

#[test]
fn no_way_leads_a_test_key_into_a_production_store() {
    let mut stores = Stores::new("ways");
    let kek = *b"TRANSPORT KEY 01";
    let mut test = stores.make(Mark::Test);
    let transport = name("KEK", Purpose::PersoTransport, KeyAlgorithm::Sm4);
    test.import_test(&transport, TestKey::new(kek.to_vec()))
        .unwrap();
    let key = name("DPK", Purpose::Purchase, KeyAlgorithm::Sm4);
    test.generate(&key).unwrap();
    let container = test.export(key.label, transport.label).unwrap();

    let file = stores.folder().join("secret");
    std::fs::write(&file, [7; 32]).unwrap();
    let path = stores.folder().join("production");
    let protection = Protection::KeyFile(file);
    let mut custody = SealedCustody::make(&path, Mark::Production, &protection, seeded(9)).unwrap();
    // The same transport key, as if its custodians had typed the test key in.
    let parts = [[0x11; 16], std::array::from_fn(|at| kek[at] ^ 0x11)].map(|bytes| {
        let kcv = tongtu_crypto::BlockKey::new(tongtu_crypto::Algorithm::Sm4, bytes).kcv();
        tongtu_hsm::Component::new(bytes.to_vec(), kcv)
    });
    let check = test.check(transport.label).unwrap().check;
    let kek_there = real("KEK", Purpose::PersoTransport);
    custody.import(&kek_there, parts.into(), check).unwrap();

    let refused = [
        custody.generate(&key).err(),
        custody.import_test(&key, TestKey::new(kek.to_vec())).err(),
        custody
            .import_test(&real("DPK", Purpose::Purchase), TestKey::new(kek.to_vec()))
            .err(),
        custody.take_in(&container, label("KEK")).err(),
    ];
    for (at, answer) in refused.into_iter().enumerate() {
        assert!(
            matches!(answer, Some(CustodyError::Mark { .. })),
            "way {at}: {answer:?}"
        );
    }
}
