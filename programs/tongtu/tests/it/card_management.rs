//! What trusted service managers do, done to the virtual card by software we did not write.
//!
//! The scripts are in `card_foreign/`; each says what it asks and expects.

use std::path::PathBuf;

use tongtu_foreign::{CardService, Node, node, python, run_within, tool};

use crate::card_foreign::{Card, LIMIT, SELECT_ISSUER_DOMAIN, script};

/// The package that node-gp loads, and its applet, which becomes an instance of the same name.
const LOAD_FILE: &str = "d4d4d4d4d403";
const MODULE: &str = "d4d4d4d4d40301";

fn host_and_openssl() -> Option<PathBuf> {
    tool("openssl")?;
    python()
}

#[test]
fn opensc_and_scriptor_read_the_issuer_domains_data() {
    let (Some(_), Some(card)) = (tool("scriptor"), Card::fresh(&[])) else {
        return;
    };
    let (recognition, keys) = ("80CA006600", "80CA00E000");
    let mut args = vec!["-r", "0", "-c", "default"];
    for command in [SELECT_ISSUER_DOMAIN, recognition, keys] {
        args.extend(["-s", command]);
    }
    let said = card.run("opensc-tool", &args, "");
    assert_eq!(said.matches("SW1=0x90, SW2=0x00").count(), 3, "{said}");
    for tag in ["\n6F ", "\n66 ", "\nE0 "] {
        assert!(said.contains(tag), "{said}");
    }
    let script = format!("reset\n{SELECT_ISSUER_DOMAIN}\n{recognition}\n{keys}\nexit\n");
    let said = card.run("scriptor", &["-r", CardService::READER], &script);
    assert_eq!(said.matches("Normal processing.").count(), 3, "{said}");
}

#[test]
fn yubikit_puts_keys_and_they_survive_kill_9() {
    let Some(python) = python() else { return };
    let Some(card) = Card::fresh(&[]) else { return };
    card.host(&python, "keys");
    let card = card.cut_power();
    card.host(&python, "again");
    card.host(&python, "domains");
}

#[test]
fn yubikit_creates_and_deletes_a_domain() {
    let Some(python) = python() else { return };
    let Some(card) = Card::fresh(&[]) else { return };
    card.host(&python, "domains");
}

#[test]
fn openssl_makes_cmac_tokens_that_the_card_takes() {
    let Some(python) = host_and_openssl() else {
        return;
    };
    let Some(card) = Card::fresh(&[]) else { return };
    card.host(&python, "delegate_by_cmac");
}

#[test]
fn openssl_makes_rsa_tokens_that_the_card_takes() {
    let Some(python) = host_and_openssl() else {
        return;
    };
    let Some(card) = Card::fresh(&[]) else { return };
    card.host(&python, "delegate_by_rsa");
}

#[test]
fn openssl_makes_sm2_tokens_that_the_card_takes() {
    let Some(python) = host_and_openssl() else {
        return;
    };
    let Some(card) = Card::fresh(&[]) else { return };
    card.host(&python, "delegate_by_sm2");
}

#[test]
fn node_gp_loads_and_installs_over_scp02() {
    let Some(Node { program, modules }) = node() else {
        return;
    };
    let Some(card) = Card::fresh(&["--profile", "scp02"]) else {
        return;
    };
    let mut command = card.service.command(program);
    command
        .arg(script("loader.js"))
        .args([CardService::READER, LOAD_FILE, MODULE])
        .env("NODE_PATH", modules)
        // Single DES is no longer in the default set of node's OpenSSL.
        .env("NODE_OPTIONS", "--openssl-legacy-provider");
    let said = run_within(LIMIT, &mut command, b"").good();
    assert!(said.contains(MODULE), "{said}");
}
