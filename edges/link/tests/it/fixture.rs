//! A city, its certificates, and registers that have them.

use std::sync::Arc;

use tongtu_crypto::SecretKey;
use tongtu_link::{Identity, LinkClock, issue};
use tongtu_register::{Institution, Link, Name, Register, Roles, Standing};
use tongtu_types::{InstitutionCode, Timestamp};

pub(crate) const T0: Timestamp = Timestamp::new(1_767_254_400);

pub(crate) fn beijing() -> InstitutionCode {
    InstitutionCode::parse("01341000").unwrap()
}

pub(crate) fn nation_key() -> SecretKey {
    SecretKey::from_bytes(&[5; 32]).unwrap()
}

/// A certificate of Beijing, in PEM.
pub(crate) fn certificate() -> String {
    issue(beijing(), T0, T0.plus_s(1000), &[]).unwrap()
}

/// A signed register with these certificates of Beijing; each begins a second after the one before.
pub(crate) fn register(version: u64, certificates: &[&str]) -> Vec<u8> {
    let city = Institution {
        code: beijing(),
        roles: Roles::ISSUER,
        standing: Standing::Admitted,
        since: T0,
        successor: None,
        name_zh: Name::parse("北京").unwrap(),
        name_en: Name::parse("Beijing").unwrap(),
    };
    let links = certificates.iter().zip(0..).map(|(pem, second)| Link {
        institution: beijing(),
        fingerprint: identity(pem).fingerprint(),
        from: T0.plus_s(second),
        until: T0.plus_s(1000),
    });
    let register = Register::new(version, T0, [city], links).unwrap();
    register.sign(&mut nation_key()).unwrap()
}

pub(crate) fn identity(pem: &str) -> Identity {
    Identity::from_pem(pem.as_bytes(), beijing()).unwrap()
}

/// A clock that always shows the same.
pub(crate) fn at(second: i64) -> LinkClock {
    Arc::new(move || T0.plus_s(second))
}
