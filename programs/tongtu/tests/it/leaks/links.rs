//! Secrets of lines between nodes: what certificates' files hold, and what a TLS session agreed on.

use std::path::Path;

use tongtu_codec::{base64_decode, hex_decode};

use super::scanner::{Kind, Secret};

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

/// The private key of a certificate's file: its scalar, and the lines of its text.
pub(super) fn of_link(name: &str, file: &Path) -> Vec<Secret> {
    let text = std::fs::read_to_string(file).unwrap();
    let body = text.split_once(BEGIN).unwrap().1.split_once(END).unwrap().0;
    let lines: Vec<&str> = body.split_whitespace().collect();
    let der = base64_decode(&lines.concat()).unwrap();
    // The private key within the DER: version 1, then the scalar as an octet string.
    const SCALAR: [u8; 5] = [2, 1, 1, 4, 32];
    let mut places = der.windows(SCALAR.len());
    let at = places.position(|window| window == SCALAR).unwrap() + SCALAR.len();
    let key = Kind::Key(der[at..at + 32].to_vec());
    let mut all = vec![Secret::new(format!("link key {name}"), key)];
    // The first line is that of every key of its kind.
    for line in lines.iter().skip(1) {
        let line = Kind::Text((*line).to_owned());
        all.push(Secret::new(format!("line of link key {name}"), line));
    }
    all
}

/// What a client of ours wrote down of its sessions, in the form that browsers use.
pub(super) fn of_sessions(file: &Path) -> Vec<Secret> {
    let text = std::fs::read_to_string(file).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let all: Vec<_> = lines
        .filter_map(|line| {
            let mut words = line.split(' ');
            let (label, secret) = (words.next()?, words.nth(1)?);
            let key = Kind::Key(hex_decode(secret).ok()?);
            Some(Secret::new(format!("TLS {label}"), key))
        })
        .collect();
    assert!(all.len() >= 5, "{} secrets of sessions", all.len());
    all
}
