//! Whoever gives a secret where something else is expected reads what is wrong, and not the secret.
//!
//! One row for each way in which the crates that handle secrets read bytes or text. A key where a
//! setting's *name* is expected is not among them: names that nobody knows are repeated.

use std::error::Error;
use std::path::Path;

use proptest::prelude::*;
use tongtu_codec::{base64_decode, base64_encode, hex_decode, hex_encode};
use tongtu_config::{CredentialFile, NodeFile, TerminalFile, parse_key, parse_public};
use tongtu_crypto::{Algorithm, SecretKey};
use tongtu_envelope::{CallerNumber, Envelope, Kind as EnvelopeKind};
use tongtu_hsm::{Label, Mark, Protection, SealedCustody};
use tongtu_keyroom::sim::SimMedium;
use tongtu_keyroom::{File, RoomStore};
use tongtu_pos_key::WorkKeys;
use tongtu_purse::command::Pin;
use tongtu_purse::keys::KeySet;
use tongtu_ride_code::layout::IssuerCertificate;
use tongtu_ride_code::record::RideRecord;
use tongtu_ride_code::root_file::RootFile;
use tongtu_ride_code::{RevocationList, RideCode, Root, RootTable, UserCertificate};
use tongtu_types::{CardNumber, InstitutionCode};

use super::scanner::{Findings, Kind, Scanner, Secret};
use crate::run::folder;

/// An error with all that it goes back to, as people and as logs are shown it.
fn told(error: &dyn Error) -> String {
    let mut text = format!("{error}\n{error:?}\n");
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!("{error}\n{error:?}\n"));
        source = error.source();
    }
    text
}

fn of_bytes(bytes: &[u8]) -> String {
    let mut text = String::new();
    macro_rules! tell {
        ($($read:expr),* $(,)?) => {$(
            if let Err(error) = $read {
                text.push_str(&told(&error));
            }
        )*};
    }
    tell!(
        RideCode::frame(bytes),
        Root::verify(bytes),
        IssuerCertificate::decode(bytes),
        UserCertificate::parse(bytes),
        RideRecord::decode(bytes),
        RootFile::decode(bytes),
        RevocationList::open(bytes, &RootTable::new([])),
        Envelope::read(bytes, EnvelopeKind::Request),
        KeySet::decode(Algorithm::Tdes, bytes),
        KeySet::decode(Algorithm::Sm4, bytes),
        Pin::new(bytes),
        WorkKeys::decode(bytes),
    );
    if let Ok(key) = bytes.try_into() {
        tell!(SecretKey::from_bytes(&key));
    }
    let room = SimMedium::new();
    room.forge(File::Steps, bytes.to_vec());
    let opened = RoomStore::open(room, |_, _| Ok::<_, std::fmt::Error>(()));
    tell!(opened);
    text
}

fn of_text(line: &str) -> String {
    let mut text = String::new();
    macro_rules! tell {
        ($($read:expr),* $(,)?) => {$(
            if let Err(error) = $read {
                text.push_str(&told(&error));
            }
        )*};
    }
    tell!(
        parse_key(line, None),
        parse_key(&format!("TONGTU TEST KEY\nsecret: {line}\n"), None),
        CallerNumber::parse(line),
        Label::parse(line),
        CardNumber::parse(line),
        InstitutionCode::parse(line),
        Pin::from_digits(line),
        hex_decode(line),
        base64_decode(line),
    );
    if let Err(error) = parse_public(line) {
        text.push_str(error);
    }
    text
}

/// Settings with the secret in them, whole and broken.
fn of_settings(file: &Path, secret: &str) -> String {
    let mut text = String::new();
    for content in [
        format!("name = \"{secret}\"\n"),
        format!("name = \"{secret}\n"),
        format!("key_number = \"{secret}\"\n"),
        format!("url = \"postgres://tongtu:{secret}@db/tongtu\n"),
        format!("listen = [\"{secret}\"]\n"),
        format!("mode = \"{secret}\"\n"),
        format!("[link]\npeers = \"{secret}\"\n"),
        format!("\"{secret}\"\n"),
        format!("{secret}\n"),
    ] {
        std::fs::write(file, content).unwrap();
        for error in [
            NodeFile::load(file).map(|_| ()).unwrap_err(),
            TerminalFile::load(file).map(|_| ()).unwrap_err(),
            CredentialFile::read(file).map(|_| ()).unwrap_err(),
        ] {
            text.push_str(&told(&error));
        }
    }
    text
}

/// A store of keys that is none, and a key file that opens none.
fn of_stores(folder: &Path, bytes: &[u8]) -> String {
    let (store, key) = (folder.join("store"), folder.join("key"));
    std::fs::write(&store, bytes).unwrap();
    std::fs::write(&key, &bytes[..bytes.len().min(16)]).unwrap();
    let open = |key: &Path| {
        let protection = Protection::KeyFile(key.to_path_buf());
        let entropy = |out: &mut [u8]| out.fill(7);
        SealedCustody::open(&store, Mark::Test, &protection, entropy).map(|_| ())
    };
    let texts = [open(&key), open(&store)].map(|opened| told(&opened.unwrap_err()));
    texts.concat()
}

/// The secret as it is, cut, with more behind it, and behind what a form begins with.
fn framed(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut all = vec![bytes.to_vec(), [bytes, &[0; 400]].concat()];
    for head in [
        &b"TTEV\x01\x01"[..],
        b"TTRL\x01",
        b"TTHS\x01",
        &[0, 0, 0, 1, 0],
        &[0x24],
    ] {
        all.push([head, bytes].concat());
        for len in [117, 144, 158, 332] {
            let mut whole = [head, bytes, bytes].concat();
            whole.resize(len, bytes[0]);
            all.push(whole);
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn an_error_does_not_repeat_a_key(key in any::<[u8; 32]>(), short in any::<bool>()) {
        let key = if short { &key[..16] } else { &key[..] };
        let folder = folder("leaks-errors-key");
        let mut said = String::new();
        for bytes in framed(key) {
            said.push_str(&of_bytes(&bytes));
            said.push_str(&of_stores(&folder, &bytes));
        }
        for text in [hex_encode(key), hex_encode(key).to_uppercase(), base64_encode(key)] {
            for broken in [text.clone(), format!("{text}x"), format!("{text}é"), text[1..].into()] {
                said.push_str(&of_text(&broken));
            }
            said.push_str(&of_settings(&folder.join("settings.toml"), &text));
        }
        let scanner = Scanner::new(&[Secret::new("key", Kind::Key(key.to_vec()))]);
        prop_assert!(said.len() > 10_000);
        prop_assert_eq!(scanner.bytes(said.as_bytes()), Findings::new(), "{}", said);
    }

    #[test]
    fn an_error_does_not_repeat_a_number_or_a_passphrase(
        digits in "31[0-9]{17}", words in "[a-z]{6} [a-z]{6} [a-z]{6}",
    ) {
        let folder = folder("leaks-errors-words");
        let mut said = String::new();
        for text in [&digits, &words] {
            for broken in [text.clone(), format!("{text}x"), format!("x{text}"), format!("{text}é")] {
                said.push_str(&of_text(&broken));
                said.push_str(&of_bytes(broken.as_bytes()));
                said.push_str(&of_stores(&folder, broken.as_bytes()));
            }
            said.push_str(&of_settings(&folder.join("settings.toml"), text));
        }
        let scanner = Scanner::new(&[
            Secret::new("number", Kind::Digits(digits)),
            Secret::new("passphrase", Kind::Text(words)),
        ]);
        prop_assert_eq!(scanner.bytes(said.as_bytes()), Findings::new(), "{}", said);
    }
}
