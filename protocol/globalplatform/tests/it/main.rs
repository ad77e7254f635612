//! What crosses the modules: published sessions, properties, explanations.
#![allow(missing_docs, clippy::unwrap_used)]

mod commands;
mod sessions;

use tongtu_apdu::Command;

/// The bytes of a test's hex, blanks allowed.
fn hex(text: &str) -> Vec<u8> {
    tongtu_codec::hex_decode(&text.replace([' ', '\n'], "")).unwrap()
}

/// The same, of a known length.
fn array<const N: usize>(text: &str) -> [u8; N] {
    hex(text).try_into().unwrap()
}

fn apdu(text: &str) -> Command {
    Command::parse(&hex(text)).unwrap()
}
