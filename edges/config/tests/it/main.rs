//! Settings written and read back; and every way in which a file can be wrong, by name.
#![allow(missing_docs, clippy::unwrap_used)]

mod papers;
mod production;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tongtu_config::{
    ClockKind, KeyRole, NodeFile, TerminalFile, read_key, write_key, write_key_of,
};
use tongtu_link::LinkClock;
use tongtu_types::{BusinessDay, Timestamp};
use tongtu_world::country::{NODES, Scale};
use tongtu_world::links::Links;
use tongtu_world::{Country, Seed, hosting};

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("tongtu-config-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn village(place: &Path) -> Country {
    let day = BusinessDay::from_ymd(2026, 3, 2).unwrap();
    let country = Country::found(Seed(1), Scale::village(2), day).unwrap();
    let clock = ClockKind::Simulated;
    let links = Links::make(&country).unwrap();
    hosting::write_settings(&country, place, &[7300, 7301, 7302, 7303], clock, &links).unwrap();
    let urls: Vec<String> = (7300..7304)
        .map(|p| format!("https://127.0.0.1:{p}"))
        .collect();
    let ports = vec![0; country.posts.len()];
    hosting::write_terminals(&country, place, &ports, &urls, clock, &links).unwrap();
    country
}

#[test]
fn every_node_and_terminal_of_the_country_loads_again() {
    let scratch = Scratch::new("loads");
    let country = village(&scratch.0);
    for (node, port) in NODES.iter().zip(7300..) {
        let ready = NodeFile::load(&scratch.0.join(node.id).join("node.toml")).unwrap();
        assert_eq!(ready.config.code, node.institution());
        assert_eq!(ready.config.issuer.is_some(), node.is_city);
        assert_eq!(ready.config.acquirer.is_some(), node.is_city);
        let faces = ready.config.faces.as_ref();
        assert_eq!(
            faces.map(|faces| faces.terms.version),
            node.is_city.then_some(1)
        );
        assert_eq!(ready.parent.is_some(), node.parent.is_some());
        assert_eq!(ready.listen, format!("127.0.0.1:{port}"));
        assert_eq!(ready.clock, ClockKind::Simulated);
        let link = ready.link.unwrap();
        let clock: LinkClock = Arc::new(|| Timestamp::new(1_767_254_400));
        let (link, _) = link.files.open(Some(ready.config.code), clock).unwrap();
        assert!(link.shown().is_some());
        assert!(
            ready.store_url.starts_with("sqlite:/"),
            "{}",
            ready.store_url
        );
    }
    for post in &country.posts {
        let folder = hosting::terminal_folder(&scratch.0, post);
        assert!(TerminalFile::load(&folder.join("terminal.toml")).is_ok());
        // A key of the command line serves as well as the one that the country wrote.
        let sam = folder.join("sam.key");
        let key = read_key(&sam).unwrap();
        std::fs::remove_file(&sam).unwrap();
        write_key_of(&sam, KeyRole::User, &key).unwrap();
        let ready = TerminalFile::load(&folder.join("terminal.toml")).unwrap();
        assert_eq!(ready.setup.profile.terminal, post.number);
        assert_eq!(ready.journal, folder.join("records.journal"));
    }
}

#[test]
fn plain_http_is_asked_for_by_name_and_stays_on_this_machine() {
    let scratch = Scratch::new("plain");
    village(&scratch.0);
    let file = scratch.0.join("beijing").join("node.toml");
    let good = std::fs::read_to_string(&file).unwrap();
    let (before, after) = good.split_once("[link]\n").unwrap();
    let after = after.find("\n[").map_or("", |at| &after[at..]);
    let none = format!("{before}{after}");
    let load = |text: &str| {
        std::fs::write(&file, text).unwrap();
        NodeFile::load(&file)
    };
    let message = load(&none).unwrap_err().to_string();
    assert!(message.contains("link: missing"), "{message}");
    let plain = format!("plain = true\n{none}");
    assert!(load(&plain).unwrap().link.is_none());
    let message = load(&plain.replace("127.0.0.1:7302", "0.0.0.0:7302"));
    let message = message.unwrap_err().to_string();
    assert!(
        message.contains("plain: true, expected [link]"),
        "{message}"
    );
}

#[test]
fn a_wrong_setting_is_named_with_its_file() {
    let scratch = Scratch::new("wrong");
    village(&scratch.0);
    let folder = scratch.0.join("beijing");
    let file = folder.join("node.toml");
    let good = std::fs::read_to_string(&file).unwrap();
    let check = |from: &str, to: &str, words: &[&str]| {
        assert!(good.contains(from), "{from}");
        std::fs::write(&file, good.replace(from, to)).unwrap();
        let message = NodeFile::load(&file).unwrap_err().to_string();
        for word in words.iter().chain(&["beijing"]) {
            assert!(message.contains(word), "{message:?} lacks {word:?}");
        }
    };
    check(
        "code = \"01341000\"",
        "code = \"0134\"",
        &["code", "length 4", "8 digits"],
    );
    check(
        "clock = \"simulated\"",
        "clock = \"sundial\"",
        &["column 9", "system", "simulated"],
    );
    check("name_zh", "name_cn", &["name_cn"]);
    check("[link]\n", "[left]\n", &["left"]);
    check(
        "topology =",
        "plain = true\ntopology =",
        &["plain", "[link]"],
    );
    check(
        "register_keys = [\"",
        "register_keys = [\"0",
        &["link.register_keys"],
    );
    check("topology.txt", "nowhere.txt", &["nowhere.txt"]);
    check(
        "platform = \"50000001\"",
        "platform = \"5000\"",
        &["issuer.platform", "2 bytes", "4"],
    );
    check("keys.store", "city.fare", &["city.fare", "no key store"]);
    check("keys.book", "city.fare", &["city.fare", "no", "extract"]);
    std::fs::write(&file, &good).unwrap();
    let root = folder.join("01010000.JG02");
    let mut bytes = std::fs::read(&root).unwrap();
    bytes[20] ^= 1;
    std::fs::write(&root, bytes).unwrap();
    let message = NodeFile::load(&file).unwrap_err().to_string();
    assert!(message.contains("roots"), "{message}");
}

#[test]
fn a_key_file_says_what_it_is_and_is_never_overwritten() {
    let scratch = Scratch::new("keys");
    let path = scratch.0.join("some.key");
    let key = Seed(9).key("some");
    write_key(&path, &key).unwrap();
    assert!(
        std::fs::read_to_string(&path)
            .unwrap()
            .starts_with("TONGTU TEST KEY\n")
    );
    assert_eq!(read_key(&path).unwrap().public(), key.public());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    assert!(
        write_key(&path, &key)
            .unwrap_err()
            .to_string()
            .contains("some.key")
    );
    let secret = std::fs::read_to_string(&path)
        .unwrap()
        .lines()
        .last()
        .and_then(|line| line.strip_prefix("secret: "))
        .unwrap()
        .to_owned();
    for (text, word) in [
        (secret.clone(), "first line"),
        (format!("TONGTU TEST KEY\n{secret}"), "line 2"),
        (
            format!("TONGTU TEST KEY\nsecret: {}zz", &secret[2..]),
            "64 hexadecimal digits",
        ),
    ] {
        std::fs::write(&path, text).unwrap();
        let message = read_key(&path).unwrap_err().to_string();
        assert!(message.contains(word), "{message}");
        assert!(
            !message.contains(&secret[4..20]),
            "an error must not show the key: {message}"
        );
    }
}
