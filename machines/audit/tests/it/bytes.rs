//! A line's bytes.

use tongtu_audit::{AuditLine, CHAIN_START, Entry, Outcome, Word};
use tongtu_codec::{hex_decode, hex_encode};
use tongtu_crypto::sm3;
use tongtu_types::InstitutionCode;

use crate::chain::*;

/// Derived by hand from the table in docs/formats.md.
#[test]
fn a_line_has_these_bytes() {
    let entry = Entry {
        institution: InstitutionCode::parse("01343010").unwrap(),
        actor: Word::parse("04-1").unwrap(),
        deed: Word::parse("sign").unwrap(),
        key: Some(7),
        permit: Some(42),
        outcome: Outcome::Refused(Word::parse("keyring.over").unwrap()),
        about: None,
    };
    let line = AuditLine::chained(1, START, &entry, CHAIN_START).unwrap();
    let covered = format!(
        "{}{}{}{}{}{}{}{}{}{}{}{}{}",
        "54544155",
        "01",
        "0000000000000001",
        "0000000069554880",
        "01343010",
        "30342d312020202020202020",
        "7369676e202020202020202020202020",
        "00000007",
        "000000000000002a",
        "02",
        "6b657972696e672e6f766572".to_owned() + &"20".repeat(18),
        "00".repeat(32),
        "00".repeat(32),
    );
    let bytes = line.encode().unwrap();
    assert_eq!(hex_encode(&bytes[..160]), covered);
    let mut hashed = b"TTAUDIT1".to_vec();
    hashed.extend(hex_decode(&covered).unwrap());
    assert_eq!(bytes[160..], sm3::digest(&hashed));
    assert_eq!(AuditLine::decode(&bytes).unwrap().entry(), Ok(entry));
}

#[test]
fn a_line_says_what_was_written() {
    for number in 1..20 {
        let line = AuditLine::chained(number, START, &entry(number), CHAIN_START).unwrap();
        assert_eq!(line.entry(), Ok(entry(number)));
    }
}

#[test]
fn a_reason_goes_with_what_was_not_done() {
    let good = AuditLine::chained(1, START, &entry(1), CHAIN_START).unwrap();
    let mut line = good.clone();
    line.reason = Some(Word::parse("why").unwrap());
    assert!(line.entry().is_err());
    let mut line = good.clone();
    line.outcome = AuditLine::chained(1, START, &entry(4), CHAIN_START)
        .unwrap()
        .outcome;
    assert!(line.entry().is_err());
    let mut line = good;
    line.version = 2;
    assert!(line.entry().is_err());
}
