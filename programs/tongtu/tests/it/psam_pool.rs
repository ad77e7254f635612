//! `tongtu psam pool` with `tongtu terminal tap` as its client, each in a process of its own.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::card_serve::Served;
use crate::run::{folder, tongtu_in};

/// A pool that runs until it is dropped.
struct Running {
    child: Child,
    said: Vec<Value>,
}

impl Running {
    fn start(folder: &Path, args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tongtu"))
            .args(["--json", "psam", "pool", "--listen", "127.0.0.1:0"])
            .args(args)
            .current_dir(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let value: Value = serde_json::from_str(&line.unwrap()).unwrap();
            let is_up = value["event"] == "pool";
            said.push(value);
            if is_up {
                break;
            }
        }
        Self { child, said }
    }

    fn url(&self) -> &str {
        self.said.last().unwrap()["url"].as_str().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const MORNING: &str = "2026-03-02T08:00:00+08:00";

#[test]
fn a_terminal_pays_with_a_module_of_a_pool_that_admits_it_and_no_other_does() {
    let folder = folder("psam-pool");
    Served::start(&folder, "a.card", &[]).end();
    let run = |args: &[&str]| tongtu_in(&folder, args, b"", &[]);
    let load = run(&["card", "load", "--state", "a.card", "--amount", "50"]);
    assert_eq!(load.code, 0, "{}", load.err);
    let admitted = run(&["psam", "admit", "bus-7"]);
    assert_eq!(
        (admitted.code, admitted.out.as_str()),
        (0, "bus-7.psam-client\n")
    );
    let again = run(&["psam", "admit", "bus-7", "--credential", "other"]);
    assert_eq!(again.code, 2);
    assert!(
        again.err.contains("there is a client of that name"),
        "{}",
        again.err
    );
    // A module that is none is left out, and the others are lent.
    fs::write(folder.join("broken.psam"), b"nothing").unwrap();
    let pool = Running::start(&folder, &["--state", "broken.psam", "--state", "a.psam"]);
    let places: Vec<_> = pool.said.iter().map(|said| &said["place"]).collect();
    assert_eq!(places, [&Value::from("a.psam"), &Value::Null]);
    let tap = |client: &str, now: &str| {
        let args = [
            "--json", "terminal", "tap", "--state", "a.card", "--now", now,
        ];
        let pool = ["--psam", pool.url(), "--psam-client", client];
        run(&[&args[..], &pool].concat())
    };
    let ran = tap("bus-7.psam-client", MORNING);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let answer = ran.json();
    let records = answer["taps"][0]["records"].as_array().unwrap();
    assert_eq!(records[0]["mac2"]["en"], "verified");
    assert!(!folder.join("terminal-bus/test.psam").exists());
    // The lease was given back: the one module is there for the next tap at once.
    let ran = tap("bus-7.psam-client", "2026-03-02T12:00:00+08:00");
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    // Somebody admitted elsewhere.
    let elsewhere = ["--clients", "other.clients", "--credential", "stranger"];
    let ran = run(&[&["psam", "admit", "bus-7"][..], &elsewhere].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    let ran = tap("stranger", MORNING);
    assert_eq!((ran.code, ran.out.as_str()), (3, ""));
    assert!(
        ran.err.contains("it does not admit this client"),
        "{}",
        ran.err
    );
}

#[test]
fn a_pool_without_clients_or_modules_does_not_start() {
    let folder = folder("psam-pool-none");
    let run = |args: &[&str]| tongtu_in(&folder, args, b"", &[]);
    let ran = run(&["psam", "pool", "--state", "a.psam"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(
        ran.err.contains("`tongtu psam admit NAME` admits a client"),
        "{}",
        ran.err
    );
    assert!(!folder.join("a.psam").exists());
    assert_eq!(run(&["psam", "admit", "gate/1"]).code, 2);
    assert_eq!(run(&["psam", "admit", "gate-1"]).code, 0);
    let ran = run(&["psam", "pool"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("a pool needs a PSAM"), "{}", ran.err);
    let ran = run(&["psam", "pool", "--state", "a.psam", "--listen", "0.0.0.0:0"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("loopback"), "{}", ran.err);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        for file in ["pool.clients", "gate-1.psam-client"] {
            let mode = fs::metadata(folder.join(file))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
    }
}

/// A module behind a real PC/SC service, where another process put it.
#[cfg(feature = "pcsc")]
mod reader {
    use std::io::{BufRead as _, BufReader};
    use std::process::Stdio;
    use std::time::Duration;

    use serde_json::Value;
    use tongtu_foreign::{CardService, Leashed};

    use super::MORNING;
    use crate::card_foreign::insert;
    use crate::card_serve::Served;
    use crate::run::{folder, tongtu_in};

    const LIMIT: Duration = Duration::from_secs(60);
    const NOON: &str = "2026-03-02T12:00:00+08:00";

    /// The pool's process, and what it said until it was up.
    fn pool(service: &CardService, args: &[&str]) -> (Leashed, Vec<Value>) {
        let mut command = service.command(env!("CARGO_BIN_EXE_tongtu"));
        command
            .args(["--json", "psam", "pool", "--listen", "127.0.0.1:0"])
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut pool = Leashed::start(&mut command);
        let mut said = Vec::new();
        for line in BufReader::new(pool.stdout().unwrap()).lines() {
            let value: Value = serde_json::from_str(&line.unwrap()).unwrap();
            let is_up = value["event"] == "pool";
            said.push(value);
            if is_up {
                break;
            }
        }
        (pool, said)
    }

    /// What the module counted in the only record of a tap.
    fn sequence(answer: &Value) -> u64 {
        let records = answer["taps"][0]["records"].as_array().unwrap();
        assert_eq!(records.len(), 1, "{answer}");
        assert_eq!(records[0]["mac2"]["en"], "verified");
        records[0]["terminal_sequence"].as_u64().unwrap()
    }

    #[test]
    fn a_module_behind_pcscd_is_lent_to_a_terminal_and_to_the_next_one() {
        let Some(mut service) = CardService::start() else {
            return;
        };
        let folder = folder("psam-pool-reader");
        Served::start(&folder, "a.card", &[]).end();
        let run = |args: &[&str]| tongtu_in(&folder, args, b"", &[]);
        let load = run(&["card", "load", "--state", "a.card", "--amount", "50"]);
        assert_eq!(load.code, 0, "{}", load.err);
        for name in ["bus-7", "bus-8"] {
            let admitted = run(&["psam", "admit", name]);
            assert_eq!(admitted.code, 0, "{}", admitted.err);
        }
        let state = folder.join("reader.psam").display().to_string();
        let port = service.port().to_string();
        let args = [
            "psam", "serve", "--state", &state, "--port", &port, "--number", "7",
        ];
        let _serve = insert(&mut service, &args.map(String::from));
        let seen = ["psam", "show", "--reader", CardService::READER];
        let seen = service.run(env!("CARGO_BIN_EXE_tongtu"), seen, b"", LIMIT);
        assert_eq!(seen.code, 0, "{}{}", seen.out, seen.err);

        let clients = folder.join("pool.clients").display().to_string();
        let args = ["--reader", CardService::READER, "--clients", &clients];
        let (_pool, said) = pool(&service, &args);
        let places: Vec<_> = said.iter().map(|said| &said["place"]).collect();
        assert_eq!(places, [&Value::from(CardService::READER), &Value::Null]);
        let url = said.last().unwrap()["url"].as_str().unwrap();
        let tap = |client: &str, now: &str| {
            let args = [
                "--json",
                "terminal",
                "tap",
                "--state",
                "a.card",
                "--now",
                now,
                "--psam",
                url,
                "--psam-client",
                client,
                "--store",
                &format!("{client}-terminal"),
            ];
            let ran = run(&args);
            assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
            ran.json()
        };
        let first = tap("bus-7.psam-client", MORNING);
        let prompt = &first["taps"][0]["prompt"];
        assert_eq!(
            (&prompt["fare_fen"], &prompt["balance_fen"]),
            (&100.into(), &4900.into())
        );
        // One module, whoever it is lent to: its sequence goes on.
        let second = tap("bus-8.psam-client", NOON);
        assert_eq!(sequence(&second), sequence(&first) + 1);
        assert_eq!(second["taps"][0]["prompt"]["balance_fen"], 4800);
    }
}
