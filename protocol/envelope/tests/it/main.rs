//! Envelopes and the window, from outside.

#![expect(clippy::unwrap_used, reason = "a broken fixture fails its test")]

mod envelope;
mod foreign;
mod window;

use tongtu_crypto::SecretKey;
use tongtu_envelope::{CallerNumber, Draft, Envelope, Kind, content_digest, request_digest};
use tongtu_types::{InstitutionCode, Timestamp};

pub(crate) const NOW: Timestamp = Timestamp::new(1_767_254_400);
pub(crate) const LIFE: [u8; 8] = [9; 8];

pub(crate) fn key() -> SecretKey {
    SecretKey::from_bytes(&[7; 32]).unwrap()
}

pub(crate) fn draft(message: u8) -> Draft {
    Draft {
        kind: Kind::Request,
        sender: InstitutionCode::parse("01341000").unwrap(),
        caller: CallerNumber::parse("OP-1").unwrap(),
        receiver: InstitutionCode::parse("01345810").unwrap(),
        key: 1,
        made_at: NOW,
        life: LIFE,
        message: [message; 16],
        digest: request_digest("GET", "/audit/ledger", &content_digest(b"")),
    }
}

pub(crate) fn sealed(message: u8) -> Envelope {
    draft(message).seal(&mut key()).unwrap()
}
