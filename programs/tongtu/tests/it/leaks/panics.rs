//! Programs that panic with secrets in use: what they say then, with the longest backtraces.

use tongtu_crypto::{Algorithm, SecretKey};
use tongtu_foreign::Ran;
use tongtu_purse::profile::test_keys;

use super::PIN;
use super::forced::Place;
use super::scanner::{Findings, Kind, Scanner, Secret};
use super::secrets;
use crate::run::{folder, published, tongtu_in};

/// Where the panic says it is.
const FILE: &str = "forced.rs";

fn clean(secrets: &[Secret], ran: &Ran) {
    let said = format!("{}{}", ran.out, ran.err);
    // A backtrace came with it, down to the beginning.
    assert!(said.contains("tongtu::main"), "{said}");
    let found = Scanner::new(secrets).bytes(said.as_bytes());
    assert_eq!(found, Findings::new());
}

fn chain_secrets() -> Vec<Secret> {
    let key = |name: &str| {
        let bytes = tongtu_codec::hex_decode(&published(name)).unwrap();
        assert!(SecretKey::from_bytes(&bytes.clone().try_into().unwrap()).is_ok());
        Secret::new(name, Kind::Key(bytes))
    };
    vec![key("issuer_secret"), key("user_secret")]
}

#[test]
fn a_panic_while_a_code_is_signed_says_no_key() {
    let Some(place) = Place::at("9SecretKey4sign") else {
        return;
    };
    let folder = folder("leaks-panic-code");
    let mut secrets = chain_secrets();
    let number = Kind::Digits("3104100000000000017".into());
    secrets.push(Secret::new("number", number));
    clean(
        &secrets,
        &place.run(&folder, &["code", "issue", "--test"], FILE),
    );
    std::fs::remove_dir_all(&folder).unwrap();
}

/// The same steps over a panic that says what it must not.
#[test]
fn a_secret_planted_in_a_panic_is_found() {
    let Some(place) = Place::at("9SecretKey4sign") else {
        return;
    };
    let folder = folder("leaks-panic-planted");
    let secrets = chain_secrets();
    let ran = place.run(
        &folder,
        &["code", "issue", "--test"],
        &published("issuer_secret"),
    );
    let said = format!("{}{}", ran.out, ran.err);
    let found = Scanner::new(&secrets).bytes(said.as_bytes());
    let names: Vec<_> = found
        .keys()
        .map(|(name, form)| (name.as_str(), *form))
        .collect();
    assert_eq!(names, [("issuer_secret", "hex")]);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_panic_while_a_card_is_personalised_says_no_key_and_no_pin() {
    let Some(place) = Place::at("7WideKey11encrypt_cbc") else {
        return;
    };
    let folder = folder("leaks-panic-perso");
    let number = "3104100000000000025";
    let mut secrets = vec![
        Secret::new("PIN", Kind::Digits(PIN.into())),
        Secret::new("number", Kind::Digits(number.into())),
    ];
    for algorithm in [Algorithm::Tdes, Algorithm::Sm4] {
        secrets::put_set(
            &mut secrets,
            &format!("master {algorithm:?}"),
            &test_keys(algorithm),
        );
    }
    let args = [
        "card", "perso", "--state", "a.card", "--pin", PIN, "--number", number,
    ];
    clean(&secrets, &place.run(&folder, &args, FILE));
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Founders sign the first step: their passphrases were read, and their keys are open.
#[test]
fn a_panic_while_a_key_room_is_founded_says_no_passphrase() {
    let Some(place) = Place::at("9SecretKey4sign") else {
        return;
    };
    let folder = folder("leaks-panic-room");
    let (words, safe) = (
        "an officer's own passphrase",
        "what the custody is sealed with",
    );
    std::fs::write(folder.join("words"), format!("{words}\n")).unwrap();
    std::fs::write(folder.join("safe"), format!("{safe}\n")).unwrap();
    let secrets = [words, safe].map(|word| Secret::new("passphrase", Kind::Text(word.into())));
    let founders = [
        ("N-01", "nation-key-officer"),
        ("N-02", "nation-approver"),
        ("N-03", "nation-custodian"),
        ("N-04", "nation-custodian"),
    ];
    let mut args: Vec<String> = ["key", "room", "new", "--custody-passphrase", "safe"]
        .map(String::from)
        .to_vec();
    for (number, role) in founders {
        let officer = [
            "key",
            "officer",
            "new",
            "--number",
            number,
            "--role",
            role,
            "--institution",
            "00000000",
            "--passphrase",
            "words",
        ];
        let ran = tongtu_in(&folder, &officer, b"", &[]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let (request, key) = (format!("{number}.request"), format!("{number}.key"));
        args.extend(["--request".into(), request, "--as".into(), key]);
        args.extend(["--passphrase".into(), "words".into()]);
    }
    args.extend(["--now".into(), "1767225600".into()]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    clean(&secrets, &place.run(&folder, &args, FILE));
    std::fs::remove_dir_all(&folder).unwrap();
}
