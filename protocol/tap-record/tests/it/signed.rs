//! The signed form, and the proof of a ride by face.

use proptest::prelude::*;
use tongtu_codec::hex_encode;
use tongtu_crypto::{SecretKey, sm3};
use tongtu_tap_record::{FaceProof, SIGNED_LEN, SignedError, TapRecord, YesNo};

use crate::entry;

fn key(label: &str) -> SecretKey {
    SecretKey::from_bytes(&sm3::digest(label.as_bytes())).expect("a digest is a key")
}

#[test]
fn a_signed_record_reads_back_and_every_bit_of_it_counts() {
    let key = key("terminal");
    let bytes = entry()
        .encode_signed(&mut |message| key.sign(message))
        .expect("it fits");
    assert_eq!(bytes.len(), SIGNED_LEN);
    assert_eq!(TapRecord::decode_signed(&bytes), Ok(entry()));
    assert_eq!(TapRecord::check_signature(&bytes, key.public()), Ok(()));
    for bit in (0..bytes.len() * 8).step_by(11) {
        let mut bad = bytes.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let wrong = TapRecord::check_signature(&bad, key.public());
        assert_eq!(wrong, Err(SignedError::Signature), "bit {bit}");
    }
    for cut in 0..bytes.len() {
        let short = TapRecord::decode_signed(&bytes[..cut]);
        assert_eq!(short, Err(SignedError::Length { found: cut }));
    }
    let long = [&bytes[..], &[0]].concat();
    let found = SIGNED_LEN + 1;
    assert_eq!(
        TapRecord::decode_signed(&long),
        Err(SignedError::Length { found })
    );
}

proptest! {
    #[test]
    fn a_face_proof_reads_back(
        handle: [u8; 16], gallery: u64, engine: [u8; 8],
        score: u16, second: u16, live: bool, digits: bool, consent: u32,
    ) {
        let proof = FaceProof {
            handle, gallery, engine, score, second, consent,
            live: live.into(),
            digits: digits.into(),
            reserved: [0; 38],
        };
        let bytes = proof.encode().expect("it fits");
        prop_assert_eq!(FaceProof::decode(&bytes), Ok(proof));
        for cut in 0..bytes.len() {
            prop_assert!(FaceProof::decode(&bytes[..cut]).is_err());
        }
    }
}

#[test]
fn a_flag_that_is_neither_yes_nor_no_is_refused() {
    let mut bytes = [0; FaceProof::LEN];
    assert_eq!(FaceProof::decode(&bytes).map(|p| p.live), Ok(YesNo::No));
    bytes[36] = 2;
    let error = FaceProof::decode(&bytes).expect_err("2 is no flag");
    assert_eq!(error.field, "live", "{}", hex_encode(&bytes));
}
