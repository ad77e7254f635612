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
