//! A node that has its keys from a holder's own custody, as its people type it: it starts, signs, and
//! says what it did with which key; and it does not start with a custody that is not the book's.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tongtu_audit::AuditLine;
use tongtu_codec::{hex_decode, hex_encode};
use tongtu_config::CredentialFile;
use tongtu_crypto::sm3;
use tongtu_hsm::{Passphrase, Protection, Work};
use tongtu_http::Credential;
use tongtu_http::client::Client;
use tongtu_keyring::code::Purpose;
use tongtu_terminal::ListBundle;
use tongtu_types::Timestamp;

use crate::custody::{self, Holder};
use crate::node::Node;
use crate::run::{Ran, tongtu_in};

/// The settings of the holder's node, with an extract of the book and a store of keys.
const SETTINGS: &str = r#"
code = "01343010"
name_zh = "测试机构"
name_en = "Test institution"
mode = "test"
listen = "127.0.0.1:0"
store = "sqlite:node.db"
store_key = "store.key"
plain = true
topology = "topology.txt"
fee_rules = "fee-rules.txt"
roots = []
accepted_issuers = []
callers = "callers.toml"

[acquirer]
fare_book = "city.fare"

[keys]
book = "../BOOK"
# Rooms of tests stand in January 2026, and the node goes by the clock.
book_days = 36500
centre = "CENTRE"
custody = "CUSTODY"
passphrase_file = "../safe"
"#;

const TOPOLOGY: &str = "topology 1
body 00000000 national -
body 01343010 city 00000000
member 01343010 3010 01343010
";

/// A folder for the node, with everything but keys.
fn place(holder: &Holder, book: &str, custody: &Path) -> PathBuf {
    let place = holder.office.path("node");
    std::fs::create_dir_all(&place).unwrap();
    let put = |name: &str, text: &str| std::fs::write(place.join(name), text).unwrap();
    put("topology.txt", TOPOLOGY);
    put("fee-rules.txt", tongtu_clearing::demo::FEE_RULES);
    put("city.fare", tongtu_fare::NANJING);
    let text = SETTINGS.replace("BOOK", book);
    let text = text.replace("CENTRE", &holder.centre);
    put(
        "node.toml",
        &text.replace("CUSTODY", custody.to_str().unwrap()),
    );
    put("callers.toml", "");
    place
}

/// Makes the keys of the node's people, and enters them.
fn people(place: &Path) {
    let mut callers = String::new();
    for (number, role) in [("OP-1", "operator"), ("AU-1", "auditor")] {
        let name = format!("01343010.{number}");
        let args = ["caller", "key", "new", &name, "--passphrase", "../words"];
        let ran = tongtu_in(place, &[&args[..], &["--json"]].concat(), b"", &[]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let key = ran.json()["public_key"].as_str().unwrap().to_owned();
        callers += &format!(
            "[[caller]]\nname = \"{name}\"\nrole = \"{role}\"\npublic_key = \"{key}\"\n\n"
        );
    }
    std::fs::write(place.join("callers.toml"), callers).unwrap();
}

fn call(node: &Node, number: &str, path: &str) -> Ran {
    let who = format!("{number}.caller");
    let ran = node.run(&[
        "call",
        "--as",
        &who,
        "--passphrase",
        "../words",
        "GET",
        path,
    ]);
    assert_eq!(ran.code, 0, "{path}: {}{}", ran.out, ran.err);
    ran
}

/// The list bundle: bytes, which no console shows.
fn lists(node: &Node, number: &str) -> Vec<u8> {
    let path = node.folder.join(format!("{number}.caller"));
    let words = std::fs::read_to_string(node.folder.join("../words")).unwrap();
    let words = Passphrase::new(words.trim_end().to_owned()).unwrap();
    let typed = Protection::Passphrase(words, Work::USUAL);
    let ready = CredentialFile::read(&path).unwrap();
    let ready = ready.open(&path, Some(&typed)).unwrap();
    let (name, number) = (ready.name, ready.file.key_number);
    let credential = Credential::new(name, number, ready.key, [7; 16]);
    let client = Client::new(&node.url).acting_as(credential, name.institution);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let lists = runtime.block_on(client.lists_current(0));
    lists.unwrap().unwrap()
}

#[test]
fn a_node_signs_by_the_holders_custody_and_its_chain_says_so() {
    let mut holder = Holder::founded("custody-serve", &[]);
    let [key, digest, book] = holder.list_key();
    let place = place(&holder, &book, Path::new("../custody/keys"));
    people(&place);
    // Nobody has the custody's file but the node, once it runs.
    let now = Timestamp::new(holder.office.now);
    let public = custody::node(&holder, &book).public(Purpose::ListSignature, now);
    let public = public.unwrap();
    let node = Node::start(&place);
    let lists = lists(&node, "OP-1");
    ListBundle::open(&lists, &public).unwrap();
    assert_eq!(digest, hex_encode(&sm3::digest(&public.to_compressed())));

    let uses = call(&node, "AU-1", "/key-uses?after=0").out;
    std::fs::write(place.join("uses.json"), &uses).unwrap();
    let uses: Value = serde_json::from_str(&uses).unwrap();
    let line = hex_decode(uses["lines"][0]["line"].as_str().unwrap()).unwrap();
    let line = AuditLine::decode(&line).unwrap();
    assert_eq!(line.deed.to_string(), "use.open");
    assert_eq!(line.key, key.parse::<u32>().unwrap());
    let verify = ["audit", "verify", "uses.json", "--json"];
    let ran = tongtu_in(&place, &verify, b"", &[]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert_eq!(ran.json()["holds"], true);
}

#[test]
fn a_node_does_not_start_with_a_custody_whose_check_value_is_not_the_books() {
    // Two nations did the very same, so the labels are the same and the keys are not.
    let mut holder = Holder::founded("custody-serve-own", &[]);
    let [key, digest, book] = holder.list_key();
    let mut other = Holder::founded("custody-serve-other", &[]);
    let [_, found, _] = other.list_key();
    assert_ne!(digest, found);
    let place = place(&holder, &book, &other.office.path("custody/keys"));
    let args = ["serve", "node.toml", "--lang", "en"];
    let ran = tongtu_in(&place, &args, b"", &[]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{}", ran.err);
    let words = format!("`KEY-{key}` in custody has SM3 {found}, the key book says SM3 {digest}");
    for words in [words.as_str(), "node.toml"] {
        assert!(ran.err.contains(words), "{words}: {}", ran.err);
    }
    // With its own it starts.
    let text = std::fs::read_to_string(place.join("node.toml")).unwrap();
    let theirs = other.office.path("custody/keys").display().to_string();
    let text = text.replace(&theirs, "../custody/keys");
    std::fs::write(place.join("node.toml"), text).unwrap();
    drop(Node::start(&place));
}
