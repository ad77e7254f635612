//! Keys derived in a key room, and the extract that nodes are given, as officers type them.

use tongtu_codec::hex_decode;
use tongtu_crypto::{Algorithm, BlockKey, PublicKey, diversify};
use tongtu_keyring::code::Stage;
use tongtu_keyring::{Extract, KeyNumber};

use crate::room::Office;

/// Components of a master whose value a test may know: what they come to.
const LETTERS: [&str; 2] = [
    "00112233445566778899AABBCCDDEEFF",
    "0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F",
];

fn bytes(hex: &str) -> [u8; 16] {
    hex_decode(hex).unwrap().try_into().unwrap()
}

/// A master of the nation's, from components.
fn master(office: &Office, batch: &str, purpose: &str) -> (String, BlockKey) {
    let key = office.apply_own(batch, purpose, "sm4");
    let value = of_letters(office, &key);
    office.take_over(&key);
    (key, value)
}

/// Makes a key from components, whose files `0.component` and `1.component` are there afterwards.
pub(crate) fn of_letters(office: &Office, key: &str) -> BlockKey {
    office.done(&["key", "approve", key], &["N-01", "N-02"]);
    let mut whole = [0; 16];
    for (number, letter) in LETTERS.iter().enumerate() {
        let part = bytes(letter);
        for (byte, part) in whole.iter_mut().zip(part) {
            *byte ^= part;
        }
        let kcv = tongtu_codec::hex_encode(&BlockKey::new(Algorithm::Sm4, part).kcv());
        let name = format!("{number}.component");
        std::fs::write(office.path(&name), format!("{letter} {kcv}\n")).unwrap();
    }
    let value = BlockKey::new(Algorithm::Sm4, whole);
    let check = tongtu_codec::hex_encode(&value.kcv());
    let import = ["key", "component", "import", key, "--check", &check];
    let letters = ["--component", "0.component", "--component", "1.component"];
    office.done(&[&import[..], &letters].concat(), &["N-03", "N-04"]);
    value
}

#[test]
fn a_citys_key_is_the_nations_one_step_down_and_is_in_use_after_that() {
    let office = Office::staffed("extract-derived").with_nation();
    let (upper, value) = master(&office, "1", "load");
    let key = office.apply("2", "load");
    office.done(&["key", "approve", &key], &["N-01", "N-02"]);
    let derive = ["key", "generate", &key, "--derived", &upper];
    // Two persons, as for any other key.
    office.refused(&derive, &["N-03"]);
    let done = office.done(&derive, &["N-03", "N-04"]);
    assert_eq!(done["act"], format!("key.generate {key} derived {upper}"));
    let below = diversify::one_level(&value, &[0x01, 0x34, 0x30, 0x10, 0xFF, 0xFF, 0xFF, 0xFF]);
    let kcv = tongtu_codec::hex_encode(&below.kcv());
    assert_eq!(office.check(&key), kcv);
    office.hand_over(&key);
    assert_eq!(office.stage(&key), "active");
}

#[test]
fn a_key_comes_from_none_but_the_nations_of_its_kind() {
    let office = Office::staffed("extract-not-below").with_nation();
    let (load, _) = master(&office, "1", "load");
    let other = office.apply("2", "load");
    office.activate(&other);
    let key = office.apply("3", "unload");
    office.done(&["key", "approve", &key], &["N-01", "N-02"]);
    // Of another purpose; a city's; one that is not there.
    for upper in [&load, &other, "99"] {
        let derive = ["key", "generate", &key, "--derived", upper];
        let error = office.refused(&derive, &["N-03", "N-04"]);
        let words = if upper == "99" {
            "key 99 is not made yet".to_owned()
        } else {
            format!("key {key} is not derived from key {upper}: that is not the nation's")
        };
        assert!(error.contains(&words), "{error}");
        assert_eq!(office.stage(&key), "approved");
    }
    let ran = office.run(&["audit", "show", "--last", "2"], false);
    assert!(ran.out.contains("room.not_made"), "{}", ran.out);
    office.done(&["key", "generate", &key], &["N-03", "N-04"]);
}

#[test]
fn the_extract_is_signed_by_the_nations_key_for_files_and_says_what_the_book_says() {
    let office = Office::staffed("extract-signed").with_nation();
    let extract = [
        "key",
        "extract",
        "--out",
        "keys.book",
        "--custody-passphrase",
        "safe",
    ];
    let refused = office.run(&extract, true);
    assert_eq!(refused.code, 1, "{}", refused.err);
    assert!(refused.err.contains("is in use"), "{}", refused.err);
    let files = office.apply_own("1", "file-signature", "sm2");
    office.made(&files);
    office.take_over(&files);
    let load = office.apply("2", "load");
    office.activate(&load);
    let ran = office.run(&[&extract[..], &["--json"]].concat(), true);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let said = ran.json();
    let read = std::fs::read(office.path("keys.book")).unwrap();
    let centre = hex_decode(said["centre"].as_str().unwrap()).unwrap();
    let centre = PublicKey::from_compressed(&centre.try_into().unwrap()).unwrap();
    let opened = Extract::open(&read, &centre).unwrap();
    assert_eq!(opened.made_at().get(), said["made_at"]);
    assert_eq!(said["key"].to_string(), files);
    let number = KeyNumber::new(load.parse().unwrap()).unwrap();
    assert_eq!(opened.book().key(number).unwrap().stage(), Stage::Active);
    // It says of its own signature, and so does the chain.
    assert_eq!(opened.book().last_number(), said["key_events"]);
    let ran = office.run(&["audit", "show", "--last", "1"], false);
    assert!(ran.out.contains("book.extract"), "{}", ran.out);
    let digest = said["digest"].as_str().unwrap();
    let sm3 = tongtu_codec::hex_encode(&tongtu_crypto::sm3::digest(&read));
    assert_eq!(digest, sm3);
    // What is there is not written over, and nothing is signed for it.
    let lines = office.json(&["key", "room", "show"])["audit_lines"].clone();
    assert_eq!(office.run(&extract, true).code, 2);
    assert_eq!(office.json(&["key", "room", "show"])["audit_lines"], lines);
}
