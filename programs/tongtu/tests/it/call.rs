//! `tongtu call` and `tongtu caller` at a node in a process of its own.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tongtu_codec::hex_encode;
use tongtu_config::{ClockKind, CredentialFile, SamFile, TokenFile};
use tongtu_foreign::SoftToken;
use tongtu_hsm::{
    Custody as _, Export, KeyName, Label, Mark, PublicPart, Token, TokenConfig, TokenCustody,
};
use tongtu_keyring::code::{KeyAlgorithm, Purpose};
use tongtu_types::{BusinessDay, CityCode};
use tongtu_world::country::{NODES, Scale};
use tongtu_world::links::Links;
use tongtu_world::{Country, Seed, hosting};

use crate::node::Node;
use crate::run::{Ran, folder, tongtu_in};

fn country(name: &str) -> PathBuf {
    let folder = folder(name);
    let day = BusinessDay::from_ymd(2026, 3, 2).unwrap();
    let country = Country::found(Seed(1), Scale::village(0), day).unwrap();
    let links = Links::make(&country).unwrap();
    let clock = ClockKind::System;
    hosting::write_settings(&country, &folder, &[0; NODES.len()], clock, &links).unwrap();
    folder
}

#[test]
fn a_person_asks_in_his_own_name_and_for_what_he_may() {
    let node = Node::start(&country("call").join("beijing"));
    let ledger = ["GET", "/audit/ledger"];
    let call = |who: &str, what: &[&str]| node.run(&[&["call", "--as", who], what].concat());
    let read = call("AU-1.caller", &ledger);
    assert_eq!(read.code, 0, "{}", read.err);
    let read: Value = serde_json::from_str(&read.out).unwrap();
    assert_eq!(read["sum_e7"], "0");
    let refused = call("C-1.caller", &ledger);
    assert_eq!(refused.code, 1);
    assert!(
        refused.out.contains("caller.not_allowed"),
        "{}",
        refused.out
    );
    // Where another institution's node is expected, this one's is not asked at all.
    let foreign = call(
        "AU-1.caller",
        &[&ledger[..], &["--node", "01345810"]].concat(),
    );
    assert_eq!((foreign.code, foreign.out.as_str()), (3, ""));
    assert!(foreign.err.contains("does not answer"), "{}", foreign.err);
}

#[test]
fn people_of_an_exchange_show_its_certificate_and_nobody_else_is_heard() {
    let folder = country("call-nation");
    let node = Node::start(&folder.join("nation"));
    let call = ["call", "--as", "AU-1.caller", "GET", "/audit/ledger"];
    let read = node.run(&call);
    assert_eq!(read.code, 0, "{}", read.err);
    let file = node.folder.join("AU-1.caller");
    let credential = std::fs::read_to_string(&file).unwrap();
    let bare = credential.replace("certificates = [\"link.pem\"]\n", "");
    assert_ne!(bare, credential);
    std::fs::write(&file, bare).unwrap();
    let unheard = node.run(&call);
    assert_eq!((unheard.code, unheard.out.as_str()), (3, ""));
}

#[test]
fn another_institutions_partner_calls_without_a_certificate() {
    let node = Node::start(&country("call-partner").join("beijing"));
    std::fs::create_dir(node.folder.join("partner")).unwrap();
    let add = ["caller", "add", "--as", "KM-1.caller", "--dir", "partner"];
    let who = ["01999999.APP", "partner", "--accounts", "3101"];
    let added = node.run(&[&add[..], &who].concat());
    assert_eq!(added.code, 0, "{}", added.err);
    let path = "/issuer/accounts/3101000009999900001";
    let credential = "partner/APP.caller";
    let to = ["--node", "01341000"];
    let view = node.run(&[&["call", "--as", credential, "GET", path], &to[..]].concat());
    assert!(view.out.contains("issuing.account_unknown"), "{}", view.err);
    let text = std::fs::read_to_string(node.folder.join(credential)).unwrap();
    assert!(!text.contains("link.pem"), "{text}");
}

#[test]
fn callers_are_admitted_renewed_and_disabled() {
    let folder = country("caller");
    let node = Node::start(&folder.join("beijing"));
    let officer = ["--as", "KM-1.caller"];
    let second = ["--as", "KM-2.caller"];
    let added = node.run(&[&["caller", "add"], &officer[..], &["C-2", "clerk"]].concat());
    assert_eq!(added.code, 0, "{}", added.err);
    assert!(
        added.out.contains("waits for a second officer"),
        "{}",
        added.out
    );
    let view = ["call", "--as", "C-2.caller", "GET", "/issuer/accounts/31"];
    let served = |node: &Node| node.run(&view).out.contains("issuing.account_unknown");
    assert!(!served(&node));
    // The second officer does what the first was told that he is to do.
    let told = added.out.lines().last().unwrap().trim();
    let told = told
        .strip_prefix("tongtu ")
        .unwrap()
        .replace("FILE", second[1]);
    let told: Vec<&str> = told.split(' ').collect();
    let confirmed = node.run(&told);
    assert_eq!(confirmed.code, 0, "{}", confirmed.err);
    assert!(served(&node));
    // The clerk renews its key itself, and the old one ends at once.
    let old = std::fs::read(node.folder.join("C-2.caller")).unwrap();
    let renewed = node.run(&["caller", "rotate", "--as", "C-2.caller", "--overlap-s", "0"]);
    assert_eq!(
        (renewed.code, renewed.out.trim()),
        (0, "01341000.C-2  2"),
        "{}",
        renewed.err
    );
    assert!(served(&node));
    std::fs::write(node.folder.join("old.caller"), old).unwrap();
    let ended = node.run(&["call", "--as", "old.caller", "GET", "/issuer/accounts/31"]);
    assert!(ended.out.contains("envelope.refused"), "{}", ended.out);

    let disabled = node.run(&[&["caller", "disable"], &officer[..], &["C-2"]].concat());
    assert_eq!(disabled.code, 0, "{}", disabled.err);
    assert!(!served(&node));
    let listed = node.run(&["caller", "list", "--as", "AU-1.caller"]);
    let row = listed
        .out
        .lines()
        .find(|line| line.contains("01341000.C-2"));
    assert!(row.unwrap().contains("disabled"), "{}", listed.out);
    // It stays so: what `callers.toml` says is for the first start.
    drop(node);
    let node = Node::start(&folder.join("beijing"));
    assert!(!served(&node));
    let args = [&["caller", "disable"], &officer[..], &["C-2", "--allow"]].concat();
    let asked = node.run(&args);
    assert_eq!(asked.code, 0, "{}", asked.err);
    assert!(!served(&node));
    let listed = node.run(&["caller", "list", "--as", "AU-1.caller"]);
    assert!(listed.out.contains("allow 01341000.C-2"), "{}", listed.out);
    let args = [&["caller", "disable"], &second[..], &["C-2", "--allow"]].concat();
    assert_eq!(node.run(&args).code, 0);
    assert!(served(&node));
    // All of it stands in a chain that an auditor verifies.
    let acts = node.run(&["caller", "acts", "--as", "AU-1.caller"]);
    assert_eq!(acts.code, 0, "{}", acts.err);
    for deed in ["ask", "admit", "key", "disable", "allow"] {
        assert!(acts.out.contains(&format!("caller.{deed}")), "{}", acts.out);
    }
    // A clerk admits nobody.
    let by_clerk = ["caller", "add", "--as", "C-1.caller", "C-3", "clerk"];
    let refused = node.run(&by_clerk);
    assert_eq!(refused.code, 1);
    assert!(
        refused.err.contains("caller.not_allowed"),
        "{}",
        refused.err
    );
}

/// `words` and `wrong` beside the credentials, and a sealed key `C-2` in the making.
fn sealed(node: &Node) -> Ran {
    std::fs::write(node.folder.join("words"), "a passphrase for tests\n").unwrap();
    std::fs::write(node.folder.join("wrong"), "another passphrase\n").unwrap();
    let make = ["caller", "key", "new", "C-2", "--like", "C-1.caller"];
    let ran = node.run(&[&make[..], &["--passphrase", "words", "--json"]].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran
}

fn admit(node: &Node, made: &Ran, role: &[&str]) {
    let made = made.json();
    let name = made["caller"].as_str().unwrap();
    let key = made["public_key"].as_str().unwrap();
    // Both officers, though one is enough for a partner: the second finds it done.
    for officer in ["KM-1.caller", "KM-2.caller"] {
        let add = ["caller", "add", "--as", officer, name];
        let added = node.run(&[&add[..], role, &["--public-key", key]].concat());
        assert_eq!(added.code, 0, "{}", added.err);
    }
}

/// Whether the node serves a clerk in this name.
fn is_served(node: &Node, who: &str, words: &str) -> bool {
    let call = ["call", "--as", who, "--passphrase", words];
    let ran = node.run(&[&call[..], &["GET", "/issuer/accounts/31"]].concat());
    ran.out.contains("issuing.account_unknown")
}

#[test]
fn a_sealed_key_calls_with_its_passphrase_alone_and_lies_nowhere_in_the_clear() {
    use std::os::unix::fs::PermissionsExt as _;
    let node = Node::start(&country("call-sealed").join("beijing"));
    let made = sealed(&node);
    for name in ["C-2.key", "C-2.caller"] {
        let found = std::fs::metadata(node.folder.join(name)).unwrap();
        assert_eq!(found.permissions().mode() & 0o777, 0o600, "{name}");
    }
    let key = std::fs::read(node.folder.join("C-2.key")).unwrap();
    assert!(key.starts_with(b"TTKS"));
    // What is there already is not written over.
    let make = ["caller", "key", "new", "C-2", "--like", "C-1.caller"];
    let again = node.run(&[&make[..], &["--passphrase", "words"]].concat());
    assert_eq!(again.code, 2, "{}", again.err);
    assert_eq!(std::fs::read(node.folder.join("C-2.key")).unwrap(), key);
    admit(&node, &made, &["clerk"]);
    assert!(is_served(&node, "C-2.caller", "words"));
    let call = ["call", "--as", "C-2.caller", "GET", "/issuer/accounts/31"];
    let wrong = node.run(&[&call[..], &["--passphrase", "wrong"]].concat());
    assert_eq!((wrong.code, wrong.out.as_str()), (1, ""));
    assert!(wrong.err.contains("does not open"), "{}", wrong.err);
    // Without a terminal nobody is asked, and nothing is sent.
    assert_ne!(node.run(&call).code, 0);
}

#[test]
fn a_sealed_key_with_a_byte_changed_does_not_open() {
    let node = Node::start(&country("call-flipped").join("beijing"));
    admit(&node, &sealed(&node), &["clerk"]);
    let file = node.folder.join("C-2.key");
    let whole = std::fs::read(&file).unwrap();
    // Of head, seal and record, and the very ends.
    for at in (0..whole.len()).step_by(37).chain([whole.len() - 1]) {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        std::fs::write(&file, &changed).unwrap();
        assert!(!is_served(&node, "C-2.caller", "words"), "byte {at}");
    }
    std::fs::write(&file, &whole[..whole.len() - 1]).unwrap();
    assert!(!is_served(&node, "C-2.caller", "words"), "cut");
    std::fs::write(&file, &whole).unwrap();
    assert!(is_served(&node, "C-2.caller", "words"));
}

#[test]
fn a_passphrase_is_changed_and_a_renewed_key_is_under_it() {
    let node = Node::start(&country("call-renewed").join("beijing"));
    admit(&node, &sealed(&node), &["clerk"]);
    std::fs::write(node.folder.join("new"), "a newer passphrase\n").unwrap();
    let change = ["caller", "key", "passphrase", "--as", "C-2.caller"];
    let change = |old, new| {
        let args = ["--passphrase", old, "--new-passphrase", new, "--lang", "en"];
        let args = [&change[..], &args].concat();
        tongtu_in(&node.folder, &args, b"", &[])
    };
    assert_eq!(change("wrong", "new").code, 1);
    assert!(is_served(&node, "C-2.caller", "words"));
    std::fs::write(node.folder.join("short"), "too short\n").unwrap();
    assert_eq!(change("words", "short").code, 2);
    let changed = change("words", "new");
    assert_eq!(changed.code, 0, "{}", changed.err);
    assert!(!is_served(&node, "C-2.caller", "words"));
    assert!(is_served(&node, "C-2.caller", "new"));

    // Both keys hold for the overlap; the new one is sealed by the same passphrase.
    let old = std::fs::read(node.folder.join("C-2.caller")).unwrap();
    let rotate = ["caller", "rotate", "--as", "C-2.caller"];
    let rotated = node.run(&[&rotate[..], &["--passphrase", "new"]].concat());
    assert_eq!(rotated.code, 0, "{}", rotated.err);
    let key = std::fs::read(node.folder.join("C-2-2.key")).unwrap();
    assert!(key.starts_with(b"TTKS"));
    assert!(!node.folder.join("C-2.caller.next").exists());
    assert!(is_served(&node, "C-2.caller", "new"));
    assert!(!is_served(&node, "C-2.caller", "words"));
    std::fs::write(node.folder.join("old.caller"), old).unwrap();
    assert!(is_served(&node, "old.caller", "new"));
}

#[test]
fn a_renewal_that_is_refused_leaves_nothing_and_one_without_an_answer_leaves_the_key() {
    let node = Node::start(&country("call-unrenewed").join("beijing"));
    sealed(&node);
    // Nobody admitted it: the node refuses.
    let rotate = ["caller", "rotate", "--as", "C-2.caller"];
    let rotate = [&rotate[..], &["--passphrase", "words"]].concat();
    assert_eq!(node.run(&rotate).code, 1);
    for name in ["C-2-2.key", "C-2.caller.next"] {
        assert!(!node.folder.join(name).exists(), "{name}");
    }
    let away = ["--to", "https://127.0.0.1:1", "--lang", "en"];
    let unheard = tongtu_in(&node.folder, &[&rotate[..], &away].concat(), b"", &[]);
    assert_eq!(unheard.code, 3, "{}", unheard.err);
    for name in ["C-2-2.key", "C-2.caller.next"] {
        assert!(node.folder.join(name).exists(), "{name}");
        assert!(unheard.err.contains("C-2.caller.next"), "{}", unheard.err);
    }
}

#[test]
fn a_machines_key_opens_with_its_key_file_and_with_no_other() {
    let node = Node::start(&country("call-machine").join("beijing"));
    let make = ["caller", "key", "new", "APP", "--like", "C-1.caller"];
    let made = node.run(&[&make[..], &["--key-file", "app.open", "--json"]].concat());
    assert_eq!(made.code, 0, "{}", made.err);
    admit(&node, &made, &["partner", "--accounts", "3101"]);
    let path = "/issuer/accounts/3101000009999900001";
    let call = ["call", "--as", "APP.caller", "GET", path];
    let served = || node.run(&call).out.contains("issuing.account_unknown");
    assert!(served());
    let rotated = node.run(&["caller", "rotate", "--as", "APP.caller"]);
    assert_eq!(rotated.code, 0, "{}", rotated.err);
    assert!(served());
    std::fs::write(node.folder.join("app.open"), [7; 32]).unwrap();
    assert!(!served());
    assert_ne!(node.run(&call).code, 0);
}

#[test]
fn a_test_key_in_the_clear_is_refused_where_nothing_says_that_it_is_for_tests() {
    let node = Node::start(&country("call-clear").join("beijing"));
    let file = node.folder.join("AU-1.caller");
    let text = std::fs::read_to_string(&file).unwrap();
    let real = text.replace("mode = \"test\"\n", "");
    assert_ne!(real, text);
    std::fs::write(&file, real).unwrap();
    let call = node.run(&["call", "--as", "AU-1.caller", "GET", "/audit/ledger"]);
    assert_eq!((call.code, call.out.as_str()), (2, ""));
    assert!(call.err.contains("a test key"), "{}", call.err);
    // Nor does anybody with a real credential make another's key.
    std::fs::write(node.folder.join("words"), "a passphrase for tests\n").unwrap();
    let make = ["caller", "key", "new", "KM-9", "--like", "KM-1.caller"];
    let made = node.run(&[&make[..], &["--passphrase", "words", "--production"]].concat());
    assert_eq!(made.code, 0, "{}", made.err);
    let add = ["caller", "add", "--as", "KM-9.caller", "C-9", "clerk"];
    let refused = node.run(&[&add[..], &["--passphrase", "words"]].concat());
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("--public-key"), "{}", refused.err);
    assert!(!node.folder.join("C-9.key").exists());
    // A production store is not opened as a test one.
    let file = node.folder.join("KM-9.caller");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("mode = \"test\"\n{text}")).unwrap();
    let list = [
        "caller",
        "list",
        "--as",
        "KM-9.caller",
        "--passphrase",
        "words",
    ];
    assert_eq!(node.run(&list).code, 2);
}

/// A store on the token with a key of `C-2`'s; its public half in hex.
fn key_on(token: &SoftToken, store: &Path) -> String {
    let config = TokenConfig {
        module: token.module().to_path_buf(),
        token: SoftToken::LABEL.to_owned(),
        serial: None,
        wrapping_key: "callers".to_owned(),
        vendor: None,
    };
    let pin = SoftToken::PIN.to_owned().into();
    let token = Token::open(config, &pin).unwrap();
    token.make_wrapping_key().unwrap();
    let fill = |out: &mut [u8]| getrandom::fill(out).unwrap();
    let mut custody = TokenCustody::make(store, Mark::Test, token, fill).unwrap();
    let label = Label::parse("CALLER").unwrap();
    let city = CityCode::parse("1000").unwrap();
    let name = KeyName {
        export: Export::Never,
        ..KeyName::test(label, city, Purpose::NodeLink, KeyAlgorithm::Sm2)
    };
    custody.generate(&name).unwrap();
    let Ok(PublicPart::Sm2(public)) = custody.public(label) else {
        unreachable!("an SM2 key was made");
    };
    hex_encode(&public.to_compressed())
}

#[test]
fn a_callers_key_is_made_and_renewed_under_a_token() {
    let test = "a_callers_key_is_made_and_renewed_under_a_token";
    SoftToken::within(&format!("{}::{test}", module_path!()), |token| {
        let node = Node::start(&country("call-token-made").join("beijing"));
        let module = token.module().display().to_string();
        std::fs::write(node.folder.join("pin"), format!("{}\n", SoftToken::PIN)).unwrap();
        let make = ["caller", "key", "new", "APP", "--like", "C-1.caller"];
        let under = ["--module", &module, "--token", SoftToken::LABEL];
        let bare = node.run(&[&make[..], &under].concat());
        assert_ne!(bare.code, 0, "a PIN is read from somewhere: {}", bare.out);
        assert!(!node.folder.join("APP.caller").exists());
        let twice = ["--pin-file", "pin", "--key-file", "app.open"];
        let twice = node.run(&[&make[..], &under, &twice].concat());
        assert_eq!(twice.code, 2, "{}", twice.err);
        let made = [&make[..], &under, &["--pin-file", "pin", "--json"]].concat();
        let made = node.run(&made);
        assert_eq!(made.code, 0, "{}", made.err);
        let key = std::fs::read(node.folder.join("APP.key")).unwrap();
        let text = std::fs::read_to_string(node.folder.join("APP.caller")).unwrap();
        assert!(
            text.contains("[store.token]") && text.contains("serial = "),
            "{text}"
        );
        assert!(!text.contains(SoftToken::PIN), "{text}");
        admit(&node, &made, &["partner", "--accounts", "3101"]);
        let path = "/issuer/accounts/3101000009999900001";
        let call = ["call", "--as", "APP.caller", "GET", path];
        let served = || node.run(&call).out.contains("issuing.account_unknown");
        assert!(served());
        // The next key is under the same token; the old file alone is not the credential any more.
        let rotated = node.run(&["caller", "rotate", "--as", "APP.caller"]);
        assert_eq!(rotated.code, 0, "{}", rotated.err);
        assert_ne!(std::fs::read(node.folder.join("APP-2.key")).unwrap(), key);
        let text = std::fs::read_to_string(node.folder.join("APP.caller")).unwrap();
        assert!(
            text.contains("APP-2.key") && text.contains("[store.token]"),
            "{text}"
        );
        assert!(served());
        // Without its PIN there is nothing to call with.
        std::fs::write(node.folder.join("pin"), "654321\n").unwrap();
        assert!(!served());
    });
}

#[test]
fn a_callers_key_under_a_token_calls_with_the_token_alone() {
    let test = "a_callers_key_under_a_token_calls_with_the_token_alone";
    SoftToken::within(&format!("{}::{test}", module_path!()), |token| {
        let node = Node::start(&country("call-token").join("beijing"));
        sealed(&node);
        let public = key_on(token, &node.folder.join("token.keys"));
        std::fs::write(node.folder.join("pin"), format!("{}\n", SoftToken::PIN)).unwrap();
        let file = node.folder.join("C-2.caller");
        let mut credential = CredentialFile::read(&file).unwrap();
        credential.store = Some(SamFile {
            custody: "token.keys".to_owned(),
            label: "CALLER".to_owned(),
            key_file: None,
            passphrase_file: None,
            token: Some(TokenFile {
                module: token.module().to_path_buf(),
                token: SoftToken::LABEL.to_owned(),
                serial: None,
                wrapping_key: "callers".to_owned(),
                pin_file: "pin".to_owned(),
                vendor: None,
            }),
        });
        credential.save(&file).unwrap();
        for officer in ["KM-1.caller", "KM-2.caller"] {
            let add = ["caller", "add", "--as", officer, "01341000.C-2", "clerk"];
            let added = node.run(&[&add[..], &["--public-key", &public]].concat());
            assert_eq!(added.code, 0, "{}", added.err);
        }
        let call = ["call", "--as", "C-2.caller", "GET", "/issuer/accounts/31"];
        let served = node.run(&call);
        assert!(
            served.out.contains("issuing.account_unknown"),
            "{}",
            served.err
        );
        // Without the token, and with another PIN, nothing is sent.
        let away = node.folder.join("away.conf");
        let none = node.folder.join("none");
        std::fs::create_dir_all(&none).unwrap();
        let text = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\n",
            none.display()
        );
        std::fs::write(&away, text).unwrap();
        let env = [("SOFTHSM2_CONF", away.to_str().unwrap())];
        let args = [&call[..], &["--to", &node.url, "--lang", "en"]].concat();
        let unheard = tongtu_in(&node.folder, &args, b"", &env);
        assert_ne!(unheard.code, 0, "{}", unheard.out);
        assert!(unheard.err.contains("no token"), "{}", unheard.err);
        std::fs::write(node.folder.join("pin"), "654321\n").unwrap();
        let wrong = node.run(&call);
        assert_ne!(wrong.code, 0, "{}", wrong.out);
        assert!(!wrong.err.contains("654321"), "{}", wrong.err);
        std::fs::write(node.folder.join("pin"), format!("{}\n", SoftToken::PIN)).unwrap();
        assert!(node.run(&call).out.contains("issuing.account_unknown"));
    });
}
