//! An envelope's bytes.

use proptest::prelude::*;
use tongtu_codec::{hex_decode, hex_encode};
use tongtu_crypto::{Signer, sm3};
use tongtu_envelope::{
    CallerNumber, Draft, Envelope, EnvelopeError, Kind, content_digest, file_digest, request_digest,
};
use tongtu_types::{InstitutionCode, Timestamp};

use crate::{draft, key, sealed};

/// Derived by hand from the table in docs/formats.md.
#[test]
fn an_envelope_has_these_bytes() {
    let mut hashed = b"TTENVRQ1".to_vec();
    hashed.extend([0, 0, 0, 3]);
    hashed.extend(b"GET");
    hashed.extend([0, 0, 0, 13]);
    hashed.extend(b"/audit/ledger");
    // SM3 of nothing.
    let nothing = "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b";
    hashed.extend(hex_decode(nothing).unwrap());
    let head = format!(
        "{}{}{}{}{}{}{}{}{}{}{}",
        "54544556",
        "01",
        "01",
        "01341000",
        "4f502d312020202020202020",
        "01345810",
        "00000001",
        "0000000069562980",
        "09".repeat(8),
        "05".repeat(16),
        hex_encode(&sm3::digest(&hashed)),
    );
    let bytes = sealed(5).encode().unwrap();
    assert_eq!(hex_encode(&bytes[..94]), head);
    assert_eq!(bytes.len(), 158);
}

#[test]
fn a_files_digest_covers_name_and_content() {
    let mut hashed = b"TTENVFL1".to_vec();
    hashed.extend([0, 0, 0, 2]);
    hashed.extend(b"CQ");
    hashed.extend(content_digest(b"content"));
    let digest = file_digest("CQ", &content_digest(b"content"));
    assert_eq!(digest, sm3::digest(&hashed));
}

#[test]
fn an_envelope_is_of_its_kind_and_subject() {
    let envelope = sealed(1);
    let bytes = envelope.encode().unwrap();
    assert!(matches!(
        Envelope::read(&bytes, Kind::File),
        Err(EnvelopeError::Kind { .. })
    ));
    let digest = |target| request_digest("GET", target, &content_digest(b""));
    assert_eq!(envelope.covers(&digest("/audit/ledger")), Ok(()));
    let other = envelope.covers(&digest("/audit/rides"));
    assert_eq!(other, Err(EnvelopeError::Digest(Kind::Request)));
}

#[test]
fn another_key_does_not_verify() {
    let other = tongtu_crypto::SecretKey::from_bytes(&[8; 32]).unwrap();
    let refused = sealed(1).verify(other.public());
    assert_eq!(refused, Err(EnvelopeError::Signature { key: 1 }));
}

#[test]
fn every_flipped_bit_is_refused() {
    let public = Signer::public(&key());
    let envelope = sealed(1);
    let bytes = envelope.encode().unwrap();
    for at in 0..bytes.len() * 8 {
        let mut bytes = bytes.clone();
        bytes[at / 8] ^= 1 << (at % 8);
        let held = Envelope::read(&bytes, Kind::Request).and_then(|e| e.verify(&public));
        assert!(held.is_err(), "bit {at}");
    }
}

fn any_draft() -> impl Strategy<Value = Draft> {
    (
        prop::sample::select(Kind::ALL),
        "[0-9]{8}",
        "[0-9A-Za-z-]{1,12}",
        "[0-9]{8}",
        any::<u32>(),
        0..i64::MAX,
        any::<[u8; 8]>(),
        any::<[u8; 16]>(),
        any::<[u8; 32]>(),
    )
        .prop_map(
            |(kind, sender, caller, receiver, key, made_at, life, message, digest)| Draft {
                kind,
                sender: InstitutionCode::parse(&sender).unwrap(),
                caller: CallerNumber::parse(&caller).unwrap(),
                receiver: InstitutionCode::parse(&receiver).unwrap(),
                key,
                made_at: Timestamp::new(made_at),
                life,
                message,
                digest,
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_was_sealed_is_read_and_verifies(draft in any_draft()) {
        let kind = draft.kind;
        let envelope = draft.clone().seal(&mut key()).unwrap();
        let read = Envelope::read(&envelope.encode().unwrap(), kind).unwrap();
        prop_assert_eq!(&read, &envelope);
        prop_assert_eq!(read.verify(&Signer::public(&key())), Ok(()));
        prop_assert_eq!(read.digest, draft.digest);
    }

    #[test]
    fn a_part_of_an_envelope_is_none(len in 0_usize..158, draft in any_draft()) {
        let envelope = draft.seal(&mut key()).unwrap();
        let bytes = envelope.encode().unwrap();
        prop_assert!(Envelope::read(&bytes[..len], envelope.kind).is_err());
        let mut longer = bytes.to_vec();
        longer.push(0);
        prop_assert!(Envelope::read(&longer, envelope.kind).is_err());
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Envelope::read(&bytes, Kind::Request);
    }

    #[test]
    fn a_flipped_byte_is_refused(at in 0_usize..158, with in 1_u8..) {
        let mut bytes = draft(3).seal(&mut key()).unwrap().encode().unwrap();
        bytes[at] ^= with;
        let held = Envelope::read(&bytes, Kind::Request)
            .and_then(|e| e.verify(&Signer::public(&key())));
        prop_assert!(held.is_err());
    }
}
