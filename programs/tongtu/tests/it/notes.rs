//! Papers down, notes of keys up: two nodes in processes of their own, and the key room of their
//! country, which signs the one and files the other.

use std::io::{BufReader, Lines};
use std::path::Path;
use std::process::ChildStderr;

use serde_json::Value;
use tongtu_config::ClockKind;
use tongtu_types::BusinessDay;
use tongtu_world::country::{NODES, Scale};
use tongtu_world::links::Links;
use tongtu_world::{Country, Seed, hosting};

use crate::node::Node;
use crate::run::{Ran, folder, tongtu_in};

/// A node that tells what it does.
struct Telling {
    node: Node,
    logged: Lines<BufReader<ChildStderr>>,
}

impl Telling {
    fn start(folder: &Path, id: &str) -> Self {
        let (node, logged) = Node::start_logging(&folder.join(id));
        Self { node, logged }
    }

    /// Waits until the node says all of these in one line.
    fn says(&mut self, words: &[&str]) {
        let is_it = |line: &str| words.iter().all(|word| line.contains(word));
        let said = self.logged.any(|line| is_it(&line.unwrap()));
        assert!(said, "{words:?}");
    }

    fn call(&self, who: &str, what: &[&str]) -> Ran {
        let args = [&["call", "--as", who, "--to", &self.node.url], what].concat();
        let ran = tongtu_in(&self.node.folder, &args, b"", &[]);
        assert_eq!(ran.code, 0, "{what:?}: {}{}", ran.out, ran.err);
        ran
    }

    /// The version of the key book that the node goes by.
    fn book(&self) -> Value {
        let papers = self.call("OP-1.caller", &["GET", "/papers"]).json();
        let papers = papers["papers"].as_array().unwrap();
        let book = papers.iter().find(|paper| paper["paper"] == "key-book");
        book.unwrap()["version"].clone()
    }
}

#[test]
fn a_newer_book_comes_down_and_what_a_node_did_with_its_keys_is_filed_once() {
    let folder = folder("notes");
    let day = BusinessDay::from_ymd(2026, 3, 2).unwrap();
    let country = Country::found(Seed(1), Scale::village(0), day).unwrap();
    let links = Links::make(&country).unwrap();
    let (ports, clock) = ([0; NODES.len()], ClockKind::System);
    hosting::write_settings(&country, &folder, &ports, clock, &links).unwrap();
    let room = folder.join("keyroom");
    std::fs::create_dir(&room).unwrap();
    country.keys.write_room(&room).unwrap();
    std::fs::write(folder.join("safe"), "a passphrase for tests\n").unwrap();
    let in_folder = |args: &[&str]| {
        let ran = tongtu_in(&folder, &[args, &["--json"]].concat(), b"", &[]);
        assert_eq!(ran.code, 0, "{args:?}: {}", ran.err);
        ran.json()
    };

    // The key centre signs a newer extract, and the nation's node is given it.
    let extract = ["key", "extract", "--custody-passphrase", "safe"];
    let extract = in_folder(&[&extract[..], &["--out", "newer.book"]].concat());
    std::fs::rename(folder.join("newer.book"), folder.join("nation/keys.book")).unwrap();
    let nation = Telling::start(&folder, "nation");
    assert_eq!(nation.book(), extract["made_at"]);
    let settings = folder.join("beijing/node.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    let parent = format!("fetch_every_s = 1\nparent = \"{}\"", nation.node.url);
    let there = text.replace("parent = \"https://127.0.0.1:0\"", &parent);
    assert_ne!(there, text);
    std::fs::write(&settings, there).unwrap();
    let mut beijing = Telling::start(&folder, "beijing");
    beijing.says(&["a newer one is in force", "key-book"]);
    assert_eq!(beijing.book(), extract["made_at"]);
    // It lies in its place for the next start, too.
    let book = |node: &str| std::fs::read(folder.join(node).join("keys.book")).unwrap();
    assert_eq!(book("beijing"), book("nation"));

    // Beijing signs with its key, which is noted; the note goes up.
    let rider = in_folder(&["key", "user", "new", "--name", "rider"]);
    let account = "3101000009999900001";
    let user_key = rider["public_key"].as_str().unwrap();
    let body = serde_json::json!({"account": account, "user_key": user_key}).to_string();
    beijing.call("C-1.caller", &["POST", "/issuer/accounts", &body]);
    let certificates = format!("/issuer/accounts/{account}/certificates");
    beijing.call("C-1.caller", &["POST", &certificates, "null"]);
    beijing.says(&["notes of keys brought up"]);
    let notes = nation.call("OP-1.caller", &["GET", "/key-notes"]);
    let listed = notes.json();
    let listed = listed["notes"].as_array().unwrap();
    assert!(!listed.is_empty());
    assert!(
        listed.iter().all(|note| note["institution"] == "01341000"),
        "{listed:?}"
    );
    std::fs::write(folder.join("notes.json"), &notes.out).unwrap();

    // Any value in the file that is another one is refused, and nothing is filed.
    let steps = in_folder(&["key", "room", "show"])["steps"].clone();
    let mut numbers = 0;
    for (at, byte) in notes
        .out
        .bytes()
        .enumerate()
        .filter(|(_, b)| b.is_ascii_digit())
    {
        let mut bent = notes.out.clone().into_bytes();
        bent[at] = if byte == b'9' { b'0' } else { byte + 1 };
        std::fs::write(folder.join("bent.json"), bent).unwrap();
        let ran = tongtu_in(&folder, &["key", "notes", "bent.json"], b"", &[]);
        assert_ne!(ran.code, 0, "byte {at}: {}", ran.out);
        assert!(ran.err.contains("bent.json"), "byte {at}: {}", ran.err);
        numbers += 1;
    }
    assert!(numbers > 40, "{numbers}");
    assert_eq!(in_folder(&["key", "room", "show"])["steps"], steps);
    // The key room files each once, and its book knows of the use.
    let file = ["key", "notes", "notes.json"];
    let filed = in_folder(&file);
    let count = listed.len() as u64;
    assert_eq!(
        (&filed["events"], &filed["before"]),
        (&count.into(), &0.into())
    );
    let again = in_folder(&file);
    assert_eq!(
        (&again["events"], &again["before"]),
        (&0.into(), &count.into())
    );
    let key = listed[0]["key"].to_string();
    let shown = in_folder(&["key", "show", &key]);
    assert_ne!(shown["used_at"], Value::Null, "{shown}");
    assert_eq!(in_folder(&["audit", "verify", "keyroom"])["holds"], true);
}
