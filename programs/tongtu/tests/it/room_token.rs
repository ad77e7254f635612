//! A key room whose custody is on a PKCS#11 token: founded, worked in, and the token away.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tongtu_foreign::{SoftToken, tool};

use crate::room::{Office, certified, ride_code_key};
use crate::run::{Ran, tongtu_in};

const DAY: i64 = 86_400;

fn within(test: &str, body: impl FnOnce(&SoftToken)) {
    SoftToken::within(&format!("{}::{test}", module_path!()), body);
}

/// A room on this token.
fn office(name: &str, token: &SoftToken) -> Office {
    let module = token.module().display().to_string();
    let on = ["--module", &module, "--token", SoftToken::LABEL];
    Office::staffed_on(name, SoftToken::PIN, &on)
}

/// Settings of the token library under which it sees what is in a folder of its own.
fn elsewhere(folder: &Path, has_token: bool) -> String {
    let tokens = folder.join(format!("tokens-{has_token}"));
    std::fs::create_dir_all(&tokens).unwrap();
    let conf = folder.join(format!("softhsm-{has_token}.conf"));
    let text = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
        tokens.display()
    );
    std::fs::write(&conf, text).unwrap();
    if has_token {
        let mut init = Command::new(tool("softhsm2-util").expect("the token was made with it"));
        init.args(["--init-token", "--free", "--label", SoftToken::LABEL]);
        init.args(["--pin", SoftToken::PIN, "--so-pin", "12345678"]);
        assert!(
            init.env("SOFTHSM2_CONF", &conf)
                .output()
                .unwrap()
                .status
                .success()
        );
    }
    conf.display().to_string()
}

fn anchor(office: &Office, env: &[(&str, &str)]) -> Ran {
    let now = office.now.to_string();
    let args = [
        "audit",
        "anchor",
        "--pin-file",
        "safe",
        "--now",
        &now,
        "--json",
    ];
    tongtu_in(&office.folder, &args, b"", env)
}

#[test]
fn a_room_lives_on_a_token_as_it_does_in_a_file() {
    within("a_room_lives_on_a_token_as_it_does_in_a_file", |token| {
        let mut office = office("room-token", token);
        let shown = office.json(&["key", "room", "show"]);
        assert_eq!(shown["token"]["label"], SoftToken::LABEL);
        let wrapping = shown["token"]["wrapping_key"].as_str().unwrap();
        let room = shown["room"].as_str().unwrap();
        assert_eq!(wrapping, format!("tongtu-{}", &room[..16]));
        let root = ["cert", "root", "--index", "02", "--expiry", "1240"];
        office.done(&root, &["N-03", "N-04"]);
        let issuing = ride_code_key(&office, "1", "1000");
        let draft = [
            "cert", "draft", "--issuer", "01343010", "--index", "02", "--expiry", "1228",
        ];
        certified(&office, "1", &issuing, &draft);
        office.hand_over(&issuing);
        let transport = office.apply("2", "personalisation-transport");
        office.activate(&transport);
        let tac = office.apply("3", "tac");
        office.done(&["key", "approve", &tac], &["N-01", "N-02"]);
        office.done(&["key", "generate", &tac], &["N-03", "N-04"]);
        let export = [
            "key",
            "export",
            &tac,
            "--transport",
            &transport,
            "--container",
            "tac.container",
        ];
        office.done(&export, &["N-03", "N-04"]);
        let container = std::fs::read(office.path("tac.container")).unwrap();
        assert!(container.starts_with(b"TTKC"));
        office.now += DAY;
        assert_eq!(anchor(&office, &[]).code, 0);
        let good = office.json(&["audit", "verify", "keyroom"]);
        assert_eq!(
            (&good["holds"], &good["anchors"]),
            (&true.into(), &1.into())
        );
        // The PIN is in none of the room's files.
        for entry in std::fs::read_dir(office.path("keyroom")).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            let pin = SoftToken::PIN.as_bytes();
            assert!(
                bytes
                    .windows(pin.len() + 1)
                    .all(|part| &part[..pin.len()] != pin || part[pin.len()].is_ascii_digit())
            );
        }
    });
}

#[test]
fn without_its_token_a_room_is_read_and_nothing_is_signed() {
    within(
        "without_its_token_a_room_is_read_and_nothing_is_signed",
        |token| {
            let mut office = office("room-token-away", token);
            let serial = office.json(&["key", "room", "show"])["token"]["serial"].clone();
            office.now += DAY;
            let away = elsewhere(&office.folder, false);
            let away = [("SOFTHSM2_CONF", away.as_str())];
            let ran = anchor(&office, &away);
            assert_eq!(ran.code, 1, "{}", ran.err);
            let words = format!("shows no token `{}`", SoftToken::LABEL);
            assert!(ran.err.contains(&words), "{}", ran.err);
            // Books need no token.
            let ran = tongtu_in(&office.folder, &["key", "list"], b"", &away);
            assert_eq!(ran.code, 0, "{}", ran.err);
            // Another token of the same label and PIN is another token.
            let other = elsewhere(&office.folder, true);
            let ran = anchor(&office, &[("SOFTHSM2_CONF", other.as_str())]);
            assert_eq!(ran.code, 1, "{}", ran.err);
            let error: Value = serde_json::from_str(&ran.err).unwrap();
            let message = error["error"]["message"].as_str().unwrap();
            let words = format!("expected number {}", serial.as_str().unwrap());
            assert!(message.contains(&words), "{message}");
            // Nothing is left undone: with its token the room goes on.
            assert_eq!(anchor(&office, &[]).code, 0);
        },
    );
}

#[test]
fn a_wrong_pin_is_refused_and_a_founding_without_the_token_leaves_nothing() {
    within(
        "a_wrong_pin_is_refused_and_a_founding_without_the_token_leaves_nothing",
        |token| {
            let mut office = office("room-token-pin", token);
            office.now += DAY;
            let now = office.now.to_string();
            std::fs::write(office.path("pin"), "654321\n").unwrap();
            let args = ["audit", "anchor", "--pin-file", "pin", "--now", &now];
            let ran = tongtu_in(&office.folder, &args, b"", &[]);
            assert_eq!(ran.code, 1, "{}", ran.err);
            assert!(!ran.err.contains("654321"), "{}", ran.err);
            let module = token.module().display().to_string();
            let mut new = vec![
                "key",
                "room",
                "new",
                "--room",
                "second",
                "--pin-file",
                "safe",
            ];
            new.extend(["--module", &module, "--token", "none"]);
            let files: Vec<_> = ["N-01", "N-02", "N-03", "N-04"]
                .iter()
                .map(|n| (format!("{n}.request"), format!("{n}.key")))
                .collect();
            for (request, key) in &files {
                new.extend(["--request", request, "--as", key, "--passphrase", "words"]);
            }
            let ran = tongtu_in(&office.folder, &new, b"", &[]);
            assert_eq!(ran.code, 1, "{}", ran.err);
            assert!(ran.err.contains("shows no token `none`"), "{}", ran.err);
            assert!(!office.path("second").exists());
        },
    );
}
