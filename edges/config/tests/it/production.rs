//! What a production node and a production terminal refuse, by name.

use std::path::{Path, PathBuf};

use tongtu_config::{
    CallersFile, ConfigError, KeysFile, Mode, NodeFile, SamFile, TerminalFile, TokenFile,
};
use tongtu_hsm::{
    Component, Custody as _, CustodyError, KeyName, Label, Mark, Passphrase, Protection,
    SealedCustody, Work,
};
use tongtu_keyring::Check;
use tongtu_keyring::code::{KeyAlgorithm, Purpose};
use tongtu_purse::keys::KeyUse;
use tongtu_purse::profile::test_keys;
use tongtu_types::CityCode;
use tongtu_world::hosting;

use crate::{Scratch, village};

/// The settings of a file with something changed, written again.
fn changed(path: &Path, change: impl FnOnce(&mut NodeFile)) {
    let text = std::fs::read_to_string(path).unwrap();
    let mut file: NodeFile = toml::from_str(&text).unwrap();
    change(&mut file);
    file.save(path).unwrap();
}

fn beijing(scratch: &Scratch) -> PathBuf {
    scratch.0.join("beijing").join("node.toml")
}

#[test]
fn a_node_that_says_nothing_is_for_production_and_takes_no_test_store() {
    let scratch = Scratch::new("production");
    village(&scratch.0);
    let file = beijing(&scratch);
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("mode = \"test\"\n", "")).unwrap();
    let error = NodeFile::load(&file).unwrap_err();
    let ConfigError::Custody { path, source } = &error else {
        panic!("{error}");
    };
    assert!(path.ends_with("keys.store"));
    let expected = Mark::Production;
    assert!(
        matches!(&**source, CustodyError::StoreMark { expected: found, .. } if *found == expected),
        "{error}"
    );
}

#[test]
fn a_test_key_file_is_no_store_for_anybody() {
    let scratch = Scratch::new("key-file");
    let country = village(&scratch.0);
    let file = beijing(&scratch);
    let key = file.with_file_name("some.key");
    tongtu_config::write_key(&key, &country.user_key(0)).unwrap();
    for mode in [Mode::Production, Mode::Test] {
        changed(&file, |file| {
            file.mode = mode;
            file.keys.as_mut().unwrap().custody = Some("some.key".into());
        });
        let error = NodeFile::load(&file).unwrap_err();
        let is_named =
            matches!(&error, ConfigError::TestKey { path } if path.ends_with("some.key"));
        assert!(is_named, "{error}");
    }
}

#[test]
fn a_production_terminal_does_not_sign_with_a_test_key() {
    let scratch = Scratch::new("terminal");
    let country = village(&scratch.0);
    let folder = hosting::terminal_folder(&scratch.0, &country.posts[0]);
    let file = folder.join("terminal.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("mode = \"test\"\n", "")).unwrap();
    let error = TerminalFile::load(&file).unwrap_err();
    assert!(
        matches!(&error, ConfigError::TestKey { path } if path.ends_with("sam.key")),
        "{error}"
    );
    // Neither a key nor a store is no terminal.
    std::fs::write(&file, text.replace("sam_key = \"sam.key\"\n", "")).unwrap();
    let error = TerminalFile::load(&file).unwrap_err().to_string();
    assert!(
        error.contains("sam_key") && error.contains("[sam]"),
        "{error}"
    );
}

fn noise(out: &mut [u8]) {
    out.fill(0x5C);
}

fn key_name(label: &str, purpose: Purpose, algorithm: KeyAlgorithm, mark: Mark) -> KeyName {
    let city = CityCode::parse("1000").unwrap();
    KeyName {
        mark,
        ..KeyName::test(Label::parse(label).unwrap(), city, purpose, algorithm)
    }
}

#[test]
fn a_production_node_does_not_sign_what_it_asks_with_a_test_key() {
    let scratch = Scratch::new("link-key");
    village(&scratch.0);
    let file = beijing(&scratch).with_file_name("callers.toml");
    assert!(CallersFile::load(&file, Mode::Test).is_ok());
    let error = CallersFile::load(&file, Mode::Production).unwrap_err();
    assert!(
        matches!(&error, ConfigError::TestKey { path } if path.ends_with("link.key")),
        "{error}"
    );
}

#[test]
fn a_nodes_link_key_signs_where_it_is_kept() {
    let scratch = Scratch::new("link-store");
    village(&scratch.0);
    let file = beijing(&scratch).with_file_name("callers.toml");
    std::fs::write(file.with_file_name("link.open"), [9; 32]).unwrap();
    let store = file.with_file_name("link.store");
    let protection = Protection::KeyFile(file.with_file_name("link.open"));
    let mut custody = SealedCustody::make(&store, Mark::Production, &protection, noise).unwrap();
    let name = key_name(
        "LINK",
        Purpose::NodeLink,
        KeyAlgorithm::Sm2,
        Mark::Production,
    );
    custody.generate(&name).unwrap();
    drop(custody);
    let text = std::fs::read_to_string(&file).unwrap();
    let mut callers: CallersFile = toml::from_str(&text).unwrap();
    callers.link = Some(SamFile {
        custody: "link.store".into(),
        label: "LINK".into(),
        key_file: Some("link.open".into()),
        passphrase_file: None,
        token: None,
    });
    callers.save(&file).unwrap();
    let both = CallersFile::load(&file, Mode::Production).unwrap_err();
    assert!(both.to_string().contains("link_key"), "{both}");
    callers.link_key = None;
    callers.save(&file).unwrap();
    let ready = CallersFile::load(&file, Mode::Production).unwrap();
    let mut signer = ready.link.unwrap();
    let signature = signer.sign(b"a request").unwrap();
    signer.public().verify(b"a request", &signature).unwrap();
}

#[test]
fn a_published_test_master_in_a_production_store_is_found() {
    let scratch = Scratch::new("published");
    village(&scratch.0);
    let file = beijing(&scratch);
    std::fs::write(file.with_file_name("real.open"), [9; 32]).unwrap();
    let store = file.with_file_name("real.store");
    let protection = Protection::KeyFile(file.with_file_name("real.open"));
    let mut custody = SealedCustody::make(&store, Mark::Production, &protection, noise).unwrap();
    // Two custodians type in components of what they do not know to be the test key.
    let test = test_keys(tongtu_crypto::Algorithm::Sm4);
    let block = test.key(KeyUse::Tac, 1).unwrap();
    let kcv = |bytes| tongtu_crypto::BlockKey::new(tongtu_crypto::Algorithm::Sm4, bytes).kcv();
    let one = [0xA7; 16];
    let other: [u8; 16] = core::array::from_fn(|at| 0xA7 ^ (0x30 + u8::try_from(at).unwrap()));
    let parts = [one, other].map(|part| Component::new(part.to_vec(), kcv(part)));
    let name = key_name("TAC", Purpose::Tac, KeyAlgorithm::Sm4, Mark::Production);
    custody
        .import(&name, parts.into(), Check::Kcv(block.kcv()))
        .unwrap();
    drop(custody);
    changed(&file, |file| {
        file.mode = Mode::Production;
        let keys = file.keys.as_mut().unwrap();
        keys.custody = Some("real.store".into());
        keys.key_file = Some("real.open".into());
    });
    let error = NodeFile::load(&file).unwrap_err();
    assert!(
        matches!(&error, ConfigError::Published { label, .. } if label == "TAC"),
        "{error}"
    );
}

#[test]
fn a_changed_book_is_seen_once_and_believed_only_when_it_holds() {
    let scratch = Scratch::new("book");
    village(&scratch.0);
    let file = beijing(&scratch);
    let ready = NodeFile::load(&file).unwrap();
    assert!(ready.book.look().unwrap().is_none());
    let book = file.with_file_name("keys.book");
    let good = std::fs::read(&book).unwrap();
    let mut forged = good.clone();
    let last = forged.len() - 1;
    forged[last] ^= 1;
    std::fs::write(&book, &forged).unwrap();
    let error = ready.book.look().unwrap_err();
    assert!(matches!(error, ConfigError::Extract { .. }), "{error}");
    assert!(ready.book.look().unwrap().is_none());
    std::fs::write(&book, &good).unwrap();
    let version = ready.book.look().unwrap().unwrap();
    let made_at = ready.config.keys.book_made_at().unwrap();
    assert_eq!(i64::try_from(version), Ok(made_at.get()));
}

#[test]
fn a_store_is_opened_by_one_thing() {
    let scratch = Scratch::new("openers");
    village(&scratch.0);
    let file = beijing(&scratch);
    let refused = |change: fn(&mut KeysFile)| {
        let text = std::fs::read_to_string(&file).unwrap();
        changed(&file, |file| change(file.keys.as_mut().unwrap()));
        let error = NodeFile::load(&file).unwrap_err().to_string();
        std::fs::write(&file, text).unwrap();
        error
    };
    let two = refused(|keys| keys.passphrase_file = Some("words.txt".into()));
    let none = refused(|keys| keys.key_file = None);
    for error in [two, none] {
        assert!(
            error.contains("key_file, passphrase_file and token"),
            "{error}"
        );
    }
    let token = refused(|keys| {
        keys.key_file = None;
        keys.token = Some(TokenFile {
            module: "/nowhere/libsofthsm2.so".into(),
            token: "NODE".into(),
            serial: None,
            wrapping_key: "WRAP".into(),
            pin_file: "keys.open".into(),
            vendor: None,
        });
    });
    assert!(
        token.contains("keys.open") || token.contains("module"),
        "{token}"
    );
    let centre = refused(|keys| keys.centre = "02".repeat(33));
    assert!(
        centre.contains("keys.centre") || centre.contains("keys.book"),
        "{centre}"
    );
}

#[test]
fn a_passphrase_in_a_file_opens_a_store_and_another_does_not() {
    let scratch = Scratch::new("passphrase");
    village(&scratch.0);
    let file = beijing(&scratch);
    let words = "a passphrase for tests";
    let place = |name: &str| file.with_file_name(name);
    // The very store of the country, closed under a passphrase.
    let mut custody = SealedCustody::open(
        &place("keys.store"),
        Mark::Test,
        &Protection::KeyFile(place("keys.open")),
        noise,
    )
    .unwrap();
    let passphrase = Passphrase::new(words.to_owned()).unwrap();
    custody
        .protect_anew(&Protection::Passphrase(passphrase, Work::FOR_TESTS))
        .unwrap();
    drop(custody);
    changed(&file, |file| {
        let keys = file.keys.as_mut().unwrap();
        keys.key_file = None;
        keys.passphrase_file = Some("words.txt".into());
    });
    std::fs::write(place("words.txt"), format!("{words}\n")).unwrap();
    assert!(NodeFile::load(&file).is_ok());
    std::fs::write(place("words.txt"), "another passphrase").unwrap();
    let error = NodeFile::load(&file).unwrap_err().to_string();
    assert!(
        error.contains("does not open with this passphrase"),
        "{error}"
    );
    assert!(!error.contains("another passphrase"), "{error}");
}
