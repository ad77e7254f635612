//! After a day, no key, PIN, passphrase or number of a card lies where it must not: logs, what
//! programs say and write for people, databases, dumps of them, core files, texts of errors.
//!
//! What is looked for follows from the country's seed, so the looking knows all of it, in every
//! form that [`scanner`] names. Out of scope: expanded keys of ciphers, which are other bytes;
//! PINs and digits of so few places that they are found everywhere. Exchange files, codes and
//! terminals' records are made to carry numbers and are not looked through.

mod errors;
mod forced;
mod links;
mod panics;
mod planted;
mod scanner;
mod secrets;
mod village;

use std::path::{Path, PathBuf};
use std::time::Duration;

use tongtu_config::{ClockKind, NodeFile, TerminalFile};
use tongtu_foreign::{leash, openssl, run_within, tool};
use tongtu_types::{CardNumber, Fen};
use tongtu_world::country::{CITIES, NODES, Scale};
use tongtu_world::links::Links;
use tongtu_world::{Country, Seed, hosting};

use self::forced::Place;
use self::scanner::{Kind, Scanner, Secret};
use self::village::{Dweller, Village, day};
use crate::run::{folder, tongtu_in};

/// How long a foreign program may take.
const LIMIT: Duration = Duration::from_secs(120);

/// A card's PIN, long enough to be looked for.
const PIN: &str = "739146280517";

fn clean(scanner: &Scanner, paths: &[PathBuf], least: u64) {
    let (mut told, mut bytes) = (Vec::new(), 0);
    for path in paths {
        let (more, len) = scanner.tree(path);
        told.extend(more);
        bytes += len;
    }
    assert_eq!(told, Vec::<String>::new());
    assert!(bytes >= least, "looked at {bytes} bytes only of {paths:?}");
}

/// Where the tests' PostgreSQL is, and a schema of ours on it: the store's address.
struct Postgres {
    server: String,
    schema: String,
}

impl Postgres {
    fn make(name: &str) -> Option<Self> {
        let (psql, _) = (tool("psql")?, tool("pg_dump")?);
        let Ok(server) = std::env::var("TONGTU_TEST_POSTGRES") else {
            let strict = std::env::var_os("TONGTU_STRICT").is_some_and(|value| value == "1");
            assert!(!strict, "TONGTU_STRICT=1 demands TONGTU_TEST_POSTGRES");
            return None;
        };
        let schema = format!("tongtu_{name}_{}", std::process::id());
        let text = format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}");
        let mut command = leash(psql);
        let _ = run_within(LIMIT, command.args([&server, "-qc", &text]), b"").good();
        Some(Self { server, schema })
    }

    fn say(&self, text: &str) {
        let mut command = leash(tool("psql").unwrap());
        let _ = run_within(LIMIT, command.args([&self.server, "-qc", text]), b"").good();
    }

    fn store(&self) -> String {
        let mark = if self.server.contains('?') { '&' } else { '?' };
        let (server, schema) = (&self.server, &self.schema);
        format!("{server}{mark}options[search_path]={schema}")
    }

    /// What stands between the user and the host.
    fn password(&self) -> Option<String> {
        let (user, _) = self.server.split_once("//")?.1.split_once('@')?;
        Some(user.split_once(':')?.1.to_owned())
    }

    fn dump(&self) -> String {
        let mut command = leash(tool("pg_dump").unwrap());
        let schema = format!("--schema={}", self.schema);
        let dump = run_within(LIMIT, command.args([&self.server, &schema]), b"").good();
        self.say(&format!("DROP SCHEMA {} CASCADE", self.schema));
        dump
    }
}

/// Where that client writes down what its sessions agreed on.
fn sessions(node: &Dweller) -> PathBuf {
    node.home.join("client-sessions.txt")
}

/// One request as text and its answer, by a client of ours that speaks TLS and nothing else.
fn ask(node: &Dweller, request: &str) -> Option<String> {
    let address = node.url.trim_start_matches("https://");
    let trusted = node.home.join("link.pem").display().to_string();
    let args = ["s_client", "-quiet", "-connect", address, "-tls1_3"];
    let secrets = sessions(node).display().to_string();
    let files = ["-CAfile", &trusted, "-keylogfile", &secrets];
    let answer = openssl(&[&args[..], &files].concat(), request.as_bytes());
    answer.map(|answer| String::from_utf8_lossy(&answer).into_owned())
}

/// Requests that a node refuses, each with a rider's number in it: all that comes back.
async fn refusals(village: &Village) -> String {
    let city = CITIES[0];
    let at = day().next().start_in_china().plus_s(10 * 3600);
    let client = village.nodes()[city].at(at);
    let country = &village.country;
    let here = country.riders.iter().position(|r| r.home == city).unwrap();
    let there = country.riders.iter().position(|r| r.home != city).unwrap();
    let (own, other) = (&country.riders[here], &country.riders[there]);
    let other_key = country.user_key(there);
    let mut said = String::new();
    let mut tell = |error: &dyn Fn() -> String| said.push_str(&error());
    macro_rules! refused {
        ($call:expr) => {{
            let error = $call.await.unwrap_err();
            tell(&|| format!("{error}\n{error:?}\n"));
        }};
    }
    refused!(client.account_view(other.account));
    refused!(client.account_open(own.account, other_key.public()));
    refused!(client.account_recharge(own.account, &format!("first-{here}"), Fen::new(1)));
    refused!(client.account_recharge(other.account, "another", Fen::new(1)));
    refused!(client.card_view(own.account));
    refused!(client.cash_load(own.account, "another", Fen::new(1)));
    refused!(client.face_view(other.account));
    let nobody = tongtu_http::client::Client::new("http://127.0.0.1:9").at(at);
    refused!(nobody.account_view(own.account));
    let node = &village.dwellers[city];
    // What a caller is told who may ask, and what a stranger is.
    let signed = async |method: &str, path: &str, body: Option<&str>| {
        let method = method.parse().unwrap();
        let (status, answer) = client.call(method, path, body).await.unwrap();
        assert!((400..500).contains(&status), "{status} {answer:?}");
        String::from_utf8_lossy(&answer).into_owned()
    };
    let digits = own.account.reveal();
    for body in [
        format!("{{\"account\": {digits}, \"user_key\": \"02\"}}"),
        format!("{{\"account\": \"{digits}x\", \"user_key\": \"02\"}}"),
        format!("{{\"{digits}\": 1}}"),
        format!("{{\"account\": [\"{digits}\"]}}"),
        format!("\"{digits}\""),
        format!("{{\"account\": \"{digits}\", \"user_key\": \"{digits}\"}}"),
        digits.to_owned(),
    ] {
        said.push_str(&signed("POST", "/issuer/accounts", Some(&body)).await);
        let len = body.len();
        let now = at.get();
        let Some(answer) = ask(
            node,
            &format!(
                "POST /issuer/accounts HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
                 content-type: application/json\r\ntongtu-now: {now}\r\n\
                 content-length: {len}\r\n\r\n{body}"
            ),
        ) else {
            continue;
        };
        assert!(answer.contains(" 4"), "{answer}");
        said.push_str(&answer);
    }
    for path in [
        format!("/issuer/accounts/{digits}x"),
        format!("/issuer/accounts/{digits}/nothing"),
        format!("/audit/rides?role={digits}"),
        format!("/{digits}"),
    ] {
        said.push_str(&signed("GET", &path, None).await);
        let Some(answer) = ask(
            node,
            &format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"),
        ) else {
            continue;
        };
        assert!(answer.contains(" 4"), "{answer}");
        said.push_str(&answer);
    }
    said
}

/// Lets a node panic while it signs a certificate for a rider, with its keys in use; it goes on.
async fn panic_while_signing(village: &Village, city: usize) {
    let Some(place) = Place::at("9SecretKey4sign") else {
        return;
    };
    let at = day().next().start_in_china().plus_s(10 * 3600);
    let client = village.nodes()[city].at(at);
    let node = &village.dwellers[city];
    let rider = village.country.riders.iter().find(|r| r.home == city);
    let rider = rider.unwrap();
    let gdb = place.wait(node.process.id(), &village.folder, "forced.rs");
    // The answer never comes; the next one does.
    client
        .user_certificate_issue(rider.account)
        .await
        .unwrap_err();
    gdb.kill();
    client.user_certificate_issue(rider.account).await.unwrap();
    let log = std::fs::read_to_string(node.home.join("stderr.txt")).unwrap();
    assert!(log.contains("panicked at forced.rs:7:7"), "{log}");
    assert!(log.contains("user_certificate_issue"), "no backtrace");
}

/// A core file of a running process, made by a debugger.
fn gcore(process: u32, folder: &Path) -> Option<PathBuf> {
    let file = folder.join("core-live");
    let mut command = leash(tool("gcore")?);
    command.arg("-o").arg(&file).arg(process.to_string());
    let _ = run_within(LIMIT, &mut command, b"").good();
    let file = folder.join(format!("core-live.{process}"));
    assert!(file.is_file());
    Some(file)
}

/// A core file that the system left in a folder, if it leaves them there at all.
fn core_left(folder: &Path) -> Option<PathBuf> {
    let inside = std::fs::read_dir(folder).unwrap();
    let mut files = inside.map(|entry| entry.unwrap().path());
    files.find(|file| {
        let name = file.file_name().unwrap().to_string_lossy();
        name == "core" || name.starts_with("core.")
    })
}

/// Overwrites the notes of a core file (ELF, 64 bits, little endian): the state of each thread. No
/// mask keeps registers out, and what a thread moved last may stand there; docs/data.md says so.
fn without_registers(core: &Path) {
    const NOTE: u32 = 4;
    let mut bytes = std::fs::read(core).unwrap();
    assert_eq!(&bytes[..6], b"\x7FELF\x02\x01", "{}", core.display());
    let number = |bytes: &[u8], at: usize, len: usize| -> usize {
        let field = bytes[at..at + len].iter().rev();
        field.fold(0, |number, byte| number << 8 | usize::from(*byte))
    };
    let (first, size, count) = (
        number(&bytes, 32, 8),
        number(&bytes, 54, 2),
        number(&bytes, 56, 2),
    );
    let mut notes = 0;
    for at in (first..).step_by(size).take(count) {
        if number(&bytes, at, 4) == usize::try_from(NOTE).unwrap() {
            let (from, len) = (number(&bytes, at + 8, 8), number(&bytes, at + 32, 8));
            bytes[from..from + len].fill(0);
            notes += len;
        }
    }
    assert!(notes > 0, "{}: no thread in it", core.display());
    std::fs::write(core, bytes).unwrap();
}

/// Whether the system writes core files into the folder of who dies.
fn cores_stay_here() -> bool {
    let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
    !pattern.trim().is_empty() && !pattern.contains(['|', '/'])
}

#[tokio::test]
async fn nothing_secret_leaves_nodes_and_terminals_after_a_day() {
    let folder = folder("leaks-village");
    let postgres = Postgres::make("leaks");
    let store = postgres.as_ref().map(Postgres::store);
    let mut village = Village::start(
        &folder,
        store.as_deref().map(|address| ("guangzhou", address)),
    );
    village.live().await;
    std::fs::write(folder.join("refusals.txt"), refusals(&village).await).unwrap();

    let mut all = secrets::of_country(&village.country);
    for (node, dweller) in NODES.iter().zip(&village.dwellers) {
        let home = folder.join(node.id);
        let key = std::fs::read(home.join("store.key")).unwrap();
        all.extend(secrets::of_store(node.id, &key));
        all.extend(links::of_link(node.id, &home.join("link.pem")));
        // Where browsers write down what TLS agreed on, nodes do not.
        assert!(!dweller.ssl_key_log().exists(), "{}", node.id);
    }
    all.extend(links::of_sessions(&sessions(&village.dwellers[CITIES[0]])));
    panic_while_signing(&village, CITIES[1]).await;
    if let Some(password) = postgres.as_ref().and_then(Postgres::password) {
        all.push(Secret::new("database's password", Kind::Text(password)));
    }
    let scanner = Scanner::new(&all);
    assert!(scanner.patterns() > 1_500, "{}", scanner.patterns());

    // Databases while they are in use: what is in the log only, is in it now.
    let mut looked = vec![folder.join("refusals.txt")];
    for node in NODES {
        for file in ["node.db", "node.db-wal"] {
            let path = folder.join(node.id).join(file);
            let is_elsewhere = postgres.is_some() && node.id == "guangzhou";
            assert!(is_elsewhere || path.is_file(), "{}", path.display());
            if !is_elsewhere {
                looked.push(path);
            }
        }
    }
    if let Some(postgres) = &postgres {
        let path = folder.join("dump.sql");
        std::fs::write(&path, postgres.dump()).unwrap();
        looked.push(path);
    }
    let mut cores = Vec::new();
    // A node of a city, the nation's, and a terminal as they are.
    for at in [0, CITIES[0], NODES.len()] {
        let dweller = &village.dwellers[at];
        let core = gcore(dweller.process.id(), &dweller.home);
        cores.extend(core);
    }
    // Everybody dies, with a core file.
    for dweller in &mut village.dwellers {
        dweller.signal("ABRT");
        if cfg!(target_os = "linux") && cores_stay_here() {
            let core = core_left(&dweller.home);
            cores.push(core.unwrap_or_else(|| panic!("{}: no core", dweller.name)));
        }
        looked.push(dweller.home.join("stdout.txt"));
        looked.push(dweller.home.join("stderr.txt"));
    }
    for core in cores {
        without_registers(&core);
        looked.push(core);
    }
    clean(&scanner, &looked, 500_000);

    // The looking itself: a number that is meant to be there is found where it is.
    let journal = folder.join(format!("terminal-{}", village.dwellers[NODES.len()].name));
    let (told, _) = scanner.tree(&journal.join("sam.key"));
    assert!(
        told.iter().any(|line| line.contains("terminal key")),
        "{told:?}"
    );
    let log = std::fs::read_to_string(village.dwellers[CITIES[0]].home.join("stderr.txt"));
    let log = log.unwrap();
    assert!(
        log.contains("DEBUG"),
        "logs are not at the level that was asked for"
    );
    std::fs::remove_dir_all(&village.folder).unwrap();
}

#[test]
fn nothing_secret_is_in_what_a_demo_says_and_keeps() {
    let folder = folder("leaks-demo");
    let args = [
        "demo", "--riders", "60", "--seed", "4711", "--out", "out", "--nodes", "nodes",
    ];
    let ran = tongtu_in(&folder, &args, b"", &[("RUST_LOG", "debug")]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("DEBUG"), "no log: {}", ran.err.len());
    for (name, text) in [("stdout.txt", &ran.out), ("stderr.txt", &ran.err)] {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let first_day = tongtu_types::BusinessDay::from_ymd(2026, 3, 23).unwrap();
    let country = Country::found(Seed(4711), Scale::demo(60), first_day).unwrap();
    let mut all = secrets::of_country(&country);
    for node in NODES {
        let key = std::fs::read(folder.join("nodes").join(format!("{}.key", node.id))).unwrap();
        all.extend(secrets::of_store(node.id, &key));
    }
    let scanner = Scanner::new(&all);
    // Exchange files and codes are what others are to have, with numbers.
    let exchange = folder.join("out/exchange");
    assert!(
        !scanner.tree(&exchange).0.is_empty(),
        "another country's numbers are looked for"
    );
    std::fs::remove_dir_all(&exchange).unwrap();
    std::fs::remove_dir_all(folder.join("out/qr")).unwrap();
    for node in NODES {
        std::fs::remove_file(folder.join("nodes").join(format!("{}.key", node.id))).unwrap();
    }
    clean(&scanner, std::slice::from_ref(&folder), 1_000_000);
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Whatever a panic, a log or an error could show of settings, cards and a whole country.
#[test]
fn what_holds_keys_and_numbers_prints_neither() {
    let folder = folder("leaks-print");
    let country = Country::found(Seed(90_211), Scale::demo(40), day()).unwrap();
    let links = Links::make(&country).unwrap();
    let ports: Vec<u16> = (7300..).take(NODES.len() + country.posts.len()).collect();
    let (nodes, doors) = ports.split_at(NODES.len());
    let urls: Vec<String> = nodes.iter().map(ToString::to_string).collect();
    let clock = ClockKind::System;
    hosting::write_settings(&country, &folder, nodes, clock, &links).unwrap();
    hosting::write_terminals(&country, &folder, doors, &urls, clock, &links).unwrap();
    let mut all = secrets::of_country(&country);
    let mut said = format!("{country:?}\n");
    for node in NODES {
        let home = folder.join(node.id);
        let ready = NodeFile::load(&home.join("node.toml")).unwrap();
        said.push_str(&format!("{ready:?}\n{ready:#?}\n"));
        let key = std::fs::read(home.join("store.key")).unwrap();
        all.extend(secrets::of_store(node.id, &key));
    }
    for post in &country.posts {
        let file = hosting::terminal_folder(&folder, post).join("terminal.toml");
        let ready = TerminalFile::load(&file).unwrap();
        said.push_str(&format!("{ready:?}\n"));
    }
    for (at, holder) in country.cardholders.iter().enumerate() {
        let wallet = holder.card(&country, at);
        said.push_str(&format!("{holder:?}\n{wallet:?}\n"));
    }
    for rider in 0..country.riders.len() {
        said.push_str(&format!("{:?}\n", country.user_key(rider)));
    }
    assert!(said.len() > 100_000, "{} characters", said.len());
    let found = Scanner::new(&all).bytes(said.as_bytes());
    assert_eq!(found, scanner::Findings::new());
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_pin_and_the_keys_of_a_card_are_in_nothing_that_commands_say() {
    let folder = folder("leaks-pin");
    let number = CardNumber::parse("3104100000000000017").unwrap();
    let scanner = Scanner::new(&[
        Secret::new("PIN", Kind::Digits(PIN.into())),
        Secret::new("number", Kind::Digits(number.reveal().into())),
    ]);
    let wrong_number = format!("{}x", number.reveal());
    let mut said = String::new();
    for args in [
        &["card", "perso", "--state", "a.card", "--pin", PIN][..],
        &[
            "card", "load", "--state", "a.card", "--pin", PIN, "--amount", "10",
        ],
        &[
            "card",
            "load",
            "--state",
            "a.card",
            "--pin",
            "739146280518",
            "--amount",
            "10",
        ],
        &[
            "card",
            "load",
            "--state",
            "a.card",
            "--pin",
            "7391462805170000",
            "--amount",
            "10",
        ],
        &["card", "read", "--state", "a.card"],
        &["code", "issue", "--account", &wrong_number],
        &["--lang", "zh", "code", "issue", "--account", &wrong_number],
        &[
            "card",
            "perso",
            "--state",
            "b.card",
            "--number",
            &wrong_number,
        ],
    ] {
        let ran = tongtu_in(&folder, args, b"", &[("RUST_LOG", "debug")]);
        said.push_str(&format!("{} {}\n{}{}", args[1], ran.code, ran.out, ran.err));
    }
    eprintln!("{said}");
    assert_eq!(scanner.bytes(said.as_bytes()), scanner::Findings::new());
    std::fs::remove_dir_all(&folder).unwrap();
}
