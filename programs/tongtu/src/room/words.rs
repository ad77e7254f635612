//! Closed words as people type them: `purse-purchase`, `device-lost`, `nation-officer`.

use tongtu_codec::{CodeRow, hex_decode};
use tongtu_keyring::code::{Cause, CustodyKind, KeyAlgorithm, Purpose, Role, Usage};
use tongtu_keyring::{Check, DeviceName, OfficerNumber};
use tongtu_types::ValueError;

/// The English word of a row as it is typed.
fn typed(en: &str) -> String {
    let plain = en.replace("'s", "").to_ascii_lowercase();
    plain.replace(' ', "-")
}

fn find<T>(text: &str, rows: &[CodeRow], of: impl Fn(u8) -> Option<T>) -> Result<T, String> {
    let row = rows
        .iter()
        .find(|(_, en, zh)| typed(en) == text || *zh == text);
    row.and_then(|(byte, _, _)| of(*byte)).ok_or_else(|| {
        let words: Vec<String> = rows.iter().map(|(_, en, _)| typed(en)).collect();
        format!("expected one of: {}", words.join(", "))
    })
}

pub(crate) fn purpose(text: &str) -> Result<Purpose, String> {
    find(text, Purpose::ROWS, Purpose::of)
}

pub(crate) fn algorithm(text: &str) -> Result<KeyAlgorithm, String> {
    find(text, KeyAlgorithm::ROWS, KeyAlgorithm::of)
}

pub(crate) fn cause(text: &str) -> Result<Cause, String> {
    find(text, Cause::ROWS, Cause::of)
}

pub(crate) fn role(text: &str) -> Result<Role, String> {
    find(text, Role::ROWS, Role::of)
}

pub(crate) fn usage(text: &str) -> Result<Usage, String> {
    find(text, Usage::ROWS, Usage::of)
}

pub(crate) fn custody(text: &str) -> Result<CustodyKind, String> {
    find(text, CustodyKind::ROWS, CustodyKind::of)
}

pub(crate) fn key(text: &str) -> Result<tongtu_keyring::KeyNumber, String> {
    let number = text.parse().ok().and_then(tongtu_keyring::KeyNumber::new);
    number.ok_or_else(|| String::from("expected a key's number, 1 or more"))
}

pub(crate) fn officer_number(text: &str) -> Result<OfficerNumber, ValueError> {
    OfficerNumber::parse(text)
}

pub(crate) fn device(text: &str) -> Result<DeviceName, ValueError> {
    DeviceName::parse(text)
}

/// A check value: six hex digits of a KCV, or 64 of a public key's digest.
pub(crate) fn check(text: &str) -> Result<Check, String> {
    let bytes = hex_decode(text).unwrap_or_default();
    let kcv = <[u8; 3]>::try_from(&bytes[..]).ok().map(Check::Kcv);
    kcv.or_else(|| bytes.try_into().ok().map(Check::Fingerprint))
        .ok_or_else(|| String::from("expected 6 or 64 hex digits"))
}

/// A root's index in two hex digits.
pub(crate) fn ca_index(text: &str) -> Result<u8, String> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    u8::from_str_radix(digits, 16)
        .ok()
        .filter(|_| digits.len() <= 2 && !digits.starts_with('+'))
        .ok_or_else(|| String::from("expected two hex digits, 00 to FF"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_closed_word_can_be_typed() {
        for purpose in Purpose::ALL {
            assert_eq!(super::purpose(&typed(purpose.en())), Ok(*purpose));
        }
        for role in Role::ALL {
            assert_eq!(super::role(&typed(role.en())), Ok(*role));
            assert_eq!(super::role(role.zh()), Ok(*role));
        }
        assert_eq!(cause("device-lost"), Ok(Cause::DeviceLost));
        assert_eq!(algorithm("sm4"), Ok(KeyAlgorithm::Sm4));
        assert_eq!(role("nation-key-officer"), Ok(Role::NationOfficer));
        assert!(purpose("no such purpose").is_err());
    }
}
