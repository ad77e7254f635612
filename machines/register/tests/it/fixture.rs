//! A nation, a province's hub and a city, each with certificates.

use tongtu_crypto::SecretKey;
use tongtu_register::{Fingerprint, Institution, Link, Name, Register, Roles, Standing};
use tongtu_types::{InstitutionCode, Timestamp};

pub(crate) const T0: Timestamp = Timestamp::new(1_767_254_400);

pub(crate) fn code(text: &str) -> InstitutionCode {
    InstitutionCode::parse(text).unwrap()
}

pub(crate) fn key(byte: u8) -> SecretKey {
    SecretKey::from_bytes(&[byte; 32]).unwrap()
}

pub(crate) const fn print(byte: u8) -> Fingerprint {
    Fingerprint([byte; 32])
}

pub(crate) fn institution(text: &str, roles: Roles) -> Institution {
    Institution {
        code: code(text),
        roles,
        standing: Standing::Admitted,
        since: T0,
        successor: None,
        name_zh: Name::parse("示范机构").unwrap(),
        name_en: Name::parse("Demo institution").unwrap(),
    }
}

pub(crate) fn link(text: &str, byte: u8, from_s: i64, until_s: i64) -> Link {
    Link {
        institution: code(text),
        fingerprint: print(byte),
        from: T0.plus_s(from_s),
        until: T0.plus_s(until_s),
    }
}

pub(crate) fn institutions() -> Vec<Institution> {
    vec![
        institution("00000000", Roles::EXCHANGE.and(Roles::AUTHORITY)),
        institution("01341000", Roles::ISSUER.and(Roles::ACQUIRER)),
        institution("01345810", Roles::ISSUER.and(Roles::ACQUIRER)),
    ]
}

pub(crate) fn links() -> Vec<Link> {
    vec![
        link("00000000", 1, 0, 1000),
        link("01341000", 2, 0, 1000),
        link("01341000", 3, 800, 2000),
    ]
}

pub(crate) fn register() -> Register {
    Register::new(1, T0, institutions(), links()).unwrap()
}
