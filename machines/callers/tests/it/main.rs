//! Callers, locks, rates and scopes, from outside.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod gate;
mod keys;
mod scope;

use tongtu_callers::{Caller, CallerKey, Role};
use tongtu_crypto::SecretKey;
use tongtu_types::{InstitutionCode, Timestamp};

pub(crate) const NOW: Timestamp = Timestamp::new(1_767_254_400);

pub(crate) fn own() -> InstitutionCode {
    InstitutionCode::parse("01341000").unwrap()
}

pub(crate) fn key(seed: u8) -> SecretKey {
    SecretKey::from_bytes(&[seed; 32]).unwrap()
}

pub(crate) fn caller(name: &str, role: Role) -> Caller {
    Caller {
        name: name.parse().unwrap(),
        role,
        accounts: Vec::new(),
        from: NOW,
        until: None,
        is_disabled: false,
        keys: vec![CallerKey {
            number: 1,
            public: key(1).public().clone(),
            from: NOW,
            until: None,
        }],
    }
}
