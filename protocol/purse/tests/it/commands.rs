//! Commands as real terminals write them, and what a card answers to others.

use tongtu_apdu::{Command, StatusWord};
use tongtu_codec::{hex_decode, hex_encode};
use tongtu_purse::command::{COMMANDS, Request};
use tongtu_purse::explain::{explain, meaning};

fn command(hex: &str) -> Command {
    Command::parse(&hex_decode(hex).expect("hex")).expect("an APDU")
}

/// As worked examples and public implementations have them.
const WRITTEN: &[(&str, &str)] = &[
    ("00B0950000", "READ BINARY"),
    ("00B201C417", "READ RECORD"),
    ("00B20AF430", "READ RECORD"),
    ("00B201D000", "READ RECORD"),
    ("04D6960005 01 C8C7D5D7", "UPDATE BINARY"),
    ("04DC02D408 01020304 11223344", "UPDATE RECORD"),
    ("04E200D008 01020304 11223344", "APPEND RECORD"),
    ("0084000004", "GET CHALLENGE"),
    ("0084000008", "GET CHALLENGE"),
    ("0088000108 1122334455667788 00", "INTERNAL AUTHENTICATE"),
    ("0082000108 496BD7A351364453", "EXTERNAL AUTHENTICATE"),
    ("0020000003 123456", "VERIFY"),
    ("805E010007 123456 FF 654321", "CHANGE PIN"),
    ("805E000007 123456 11223344", "RELOAD PIN"),
    ("842400010C 1122334455667788 11223344", "PIN UNBLOCK"),
    ("841E000004 91E4C081", "APPLICATION BLOCK"),
    ("8418000004 DE8DF901", "APPLICATION UNBLOCK"),
    ("8416000004 8C5C43DE", "CARD BLOCK"),
    ("805C030204", "GET BALANCE"),
    (
        "805000020B 01 00001000 001122334455 10",
        "INITIALIZE FOR LOAD",
    ),
    ("805200000B 20111221 214822 3A845BF0 04", "CREDIT FOR LOAD"),
    (
        "805005020B 01 00001000 001122334455 10",
        "INITIALIZE FOR UNLOAD",
    ),
    ("805403000B 20111221 214822 3A845BF0 04", "DEBIT FOR UNLOAD"),
    (
        "805001020B 01 00001000 001122334455 0F",
        "INITIALIZE FOR PURCHASE",
    ),
    (
        "805003020B 01 00000000 581000000001 0F",
        "INITIALIZE FOR CAPP PURCHASE",
    ),
    ("80DC02D004 27027D01", "UPDATE CAPP DATA CACHE"),
    (
        "805401000F 00000101 20250601 080000 67C0FD5B 08",
        "DEBIT FOR PURCHASE",
    ),
    ("805A000902 0008 08", "GET TRANSACTION PROVE"),
];

#[test]
fn every_command_is_read_named_and_written_back() {
    let mut seen = std::collections::BTreeSet::new();
    for (hex, name) in WRITTEN {
        let apdu = command(hex);
        let request = Request::parse(&apdu).unwrap_or_else(|e| panic!("{hex}: {e}"));
        assert_eq!(request.info().expect("it has a table").en, *name);
        let written = request.to_command().encode().expect("short");
        assert_eq!(hex_encode(&written), hex.replace(' ', "").to_lowercase());
        let told = explain(&apdu, None).expect("the purse's");
        assert_eq!(told.en, *name);
        seen.insert(*name);
    }
    assert_eq!(seen.len(), COMMANDS.len(), "every command is in the table");
}

#[test]
fn what_is_wrong_is_answered_in_order() {
    for (hex, sw) in [
        ("90B0950000", 0x6E00),
        ("80B0950000", 0x6E00),
        ("045C000204", 0x6E00),
        ("00FF0000", 0x6D00),
        ("80510000", 0x6D00),
        ("00B0150000", 0x6A86),
        ("00B201C717", 0x6A86),
        ("8050020201", 0x6A86),
        ("805000010B 01 00001000 001122334455", 0x6A86),
        ("805C040204", 0x6A86),
        ("841E000204 91E4C081", 0x6A86),
        ("805000020A 01 00001000 0011223344", 0x6700),
        ("0084000005", 0x6700),
        ("805C0002", 0x6700),
        ("0020000001 12", 0x6700),
        ("04D6960004 C8C7D5D7", 0x6700),
        ("805E010006 123456 654321", 0x6A80),
    ] {
        let error = Request::parse(&command(hex)).expect_err(hex);
        assert_eq!(error.status(), StatusWord::new(sw), "{hex}");
    }
}

#[test]
fn a_status_word_means_what_its_command_says() {
    let says = |hex: &str, sw: u16| meaning(&command(hex), StatusWord::new(sw)).map(|row| row.zh);
    assert_eq!(
        says("805001020B 01 00001000 001122334455", 0x9401),
        Some("余额不足")
    );
    assert_eq!(
        says("0020000003 123456", 0x63C2),
        Some("密码错误，还可试 X 次")
    );
    assert_eq!(
        says("805A000902 0008", 0x9406),
        Some("所需 MAC 或 TAC 不可用")
    );
    assert_eq!(says("805A000902 0008", 0x9401), None);
}

#[test]
fn a_pin_is_not_shown() {
    let told = explain(&command("805E010007 123456 FF 654321"), None).expect("the purse's");
    assert!(told.request.iter().all(|line| line.bytes.is_empty()));
    assert_eq!(told.request.len(), 2);
}

#[test]
fn a_select_of_something_else_is_not_ours_to_explain() {
    assert!(explain(&command("00A4040008A000000632010106"), None).is_none());
    assert!(explain(&command("00A4040008A000000632010105"), None).is_some());
    assert!(explain(&command("00A404000E325041592E5359532E4444463031"), None).is_some());
}
