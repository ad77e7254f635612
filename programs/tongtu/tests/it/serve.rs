//! `tongtu serve`: what it says when it cannot start, and whom it hears while it runs.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use tongtu_config::{ClockKind, LinkFile, write_key};
use tongtu_foreign::{openssl, tool};
use tongtu_types::BusinessDay;
use tongtu_world::country::Scale;
use tongtu_world::links::Links;
use tongtu_world::{Country, Seed, hosting};

use crate::run::{folder, tongtu_in};

#[test]
fn a_taken_port_is_named_once_with_its_cause_and_a_way_out() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let port = taken.local_addr().unwrap().port().to_string();
    let args = ["serve", "--dir", "country", "--port", &port];
    let ran = tongtu_in(&folder("serve-taken"), &args, b"", &[]);
    assert_eq!((ran.code, ran.out.as_str()), (3, ""));
    let error = ran.err.lines().find(|line| line.starts_with("error: "));
    let error = error.unwrap();
    let cause = error.strip_prefix(&format!("error: cannot listen: {address}: "));
    // The words are the system's.
    assert!(cause.is_some_and(|cause| !cause.is_empty()), "{error}");
    assert_eq!(error.matches(&address).count(), 1, "{error}");
    assert!(
        ran.err.contains("hint: another program listens there"),
        "{}",
        ran.err
    );
}

/// A node in a process of its own, ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a node answers to OpenSSL's client with this certificate; nothing when none is served.
fn health(url: &str, certificate: &str, trusted: &str) -> String {
    let address = url.strip_prefix("https://").unwrap();
    let request = b"GET /health HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n";
    let args = ["s_client", "-quiet", "-connect", address, "-tls1_3"];
    let shown = ["-cert", certificate, "-key", certificate];
    let trust = ["-CAfile", trusted, "-verify_return_error"];
    let answer = openssl(&[&args[..], &shown, &trust].concat(), request);
    String::from_utf8(answer.unwrap_or_default()).unwrap()
}

#[test]
fn a_running_node_goes_by_a_new_register() {
    if tool("openssl").is_none() {
        return;
    }
    let folder = folder("serve-register");
    let day = BusinessDay::from_ymd(2026, 3, 2).unwrap();
    let country = Country::found(Seed(1), Scale::village(0), day).unwrap();
    let links = Links::make(&country).unwrap();
    let clock = ClockKind::System;
    hosting::write_settings(&country, &folder, &[0; 4], clock, &links).unwrap();
    write_key(
        &folder.join("register.key"),
        &country.keys.danger_register_key().unwrap(),
    )
    .unwrap();
    let node = Command::new(env!("CARGO_BIN_EXE_tongtu"))
        .args(["--json", "serve", "nation/node.toml"])
        .env("RUST_LOG", "tongtu=info")
        .current_dir(&folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut node = Running(node.unwrap());
    let mut said = BufReader::new(node.0.stdout.take().unwrap()).lines();
    let mut logged = BufReader::new(node.0.stderr.take().unwrap()).lines();
    let first = said.next().unwrap().unwrap();
    let first: serde_json::Value = serde_json::from_str(&first).unwrap();
    let url = first["url"].as_str().unwrap();
    let pem = |node: &str| folder.join(node).join("link.pem").display().to_string();
    let ask = |node| health(url, &pem(node), &pem("nation"));
    assert!(ask("beijing").starts_with("HTTP/1.1 200"));

    // The nation suspends Beijing while its node runs.
    let key = LinkFile::key_text(&country.keys.register);
    let show = ["register", "show", "nation/register.ttir", "--key", &key];
    let text = tongtu_in(&folder, &[&show[..], &["--toml"]].concat(), b"", &[]).out;
    let text = text.replace("version = 1", "version = 2");
    let (before, beijing) = text.split_once("code = \"01341000\"").unwrap();
    let beijing = beijing.replacen("admitted", "suspended", 1);
    let text = format!("{before}code = \"01341000\"{beijing}");
    let sign = ["register", "sign", "-", "--test", "--key", "register.key"];
    let out = ["--after", "nation/register.ttir", "--out", "next.ttir"];
    let signed = tongtu_in(&folder, &[&sign[..], &out].concat(), text.as_bytes(), &[]);
    assert_eq!((signed.code, signed.err.as_str()), (0, ""));
    fs::rename(
        folder.join("next.ttir"),
        folder.join("nation/register.ttir"),
    )
    .unwrap();
    let told = logged.any(|line| line.unwrap().contains("link files changed"));
    assert!(told);
    assert_eq!(ask("beijing"), "", "suspended");
    assert!(ask("guangzhou").starts_with("HTTP/1.1 200"));
}
