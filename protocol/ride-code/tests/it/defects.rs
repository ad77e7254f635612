//! Defects met in public terminals, each a test that our checks do not share it.
//!
//! The numbers are those of the list in `docs/ride-code.md`.

use tongtu_ride_code::layout::EXTENSION_LEN_AT;
use tongtu_ride_code::{Root, RootTable, Verdict};
use tongtu_types::{Fen, Timestamp};

use crate::fixture::{Fixture, T0, key, resign, resign_user_domain};

#[test]
fn defect_01_ca_signature_checked_with_the_issuers_own_key() {
    let mut fixture = Fixture::new();
    let mut bytes = fixture.code_at(T0).as_bytes().to_vec();
    let forged = key("issuer").sign(&bytes[9..56]);
    bytes[56..120].copy_from_slice(&forged.0);
    resign_user_domain(&fixture, &mut bytes);
    assert_eq!(fixture.scan(&bytes, T0), Verdict::CertSignature);
}

#[test]
fn defect_02_ca_key_chosen_by_issuer_and_not_by_index() {
    // One issuer, certified by two roots: each certificate is checked with its own root.
    let mut fixture = Fixture::new();
    let second_key = key("second root");
    let second = Root::self_sign(0x17, "1240".parse().unwrap(), &second_key).unwrap();
    fixture
        .verifier
        .replace_roots(RootTable::new([fixture.root.clone(), second]));
    let first = fixture.code_at(T0);
    assert_eq!(fixture.scan(first.as_bytes(), T0), Verdict::Accepted);
    let mut bytes = first.as_bytes().to_vec();
    bytes[8] = 0x17;
    let signature = second_key.sign(&bytes[9..56]);
    bytes[56..120].copy_from_slice(&signature.0);
    resign_user_domain(&fixture, &mut bytes);
    assert_eq!(fixture.scan(&bytes, T0), Verdict::Accepted);
    fixture
        .verifier
        .replace_roots(RootTable::new([fixture.root.clone()]));
    assert_eq!(fixture.scan(&bytes, T0), Verdict::CaKey);
}

#[test]
fn defect_03_limit_read_as_two_bytes_or_never_compared() {
    let mut fixture = Fixture::new();
    fixture.terms.limit = Fen::new(0x01_07_D0);
    let code = fixture.code_at(T0);
    fixture.fare = Fen::new(0x07_D1); // above the low two bytes, below the whole
    assert_eq!(fixture.scan(code.as_bytes(), T0), Verdict::Accepted);
    fixture.terms.limit = Fen::new(0x07_D0);
    let code = fixture.code_at(T0);
    assert_eq!(fixture.scan(code.as_bytes(), T0), Verdict::OverLimit);
}

#[test]
fn defect_04_extension_length_read_as_decimal() {
    let mut fixture = Fixture::new();
    fixture.terms.extension = (0x20..0x40).collect();
    let code = fixture.code_at(T0);
    assert_eq!(code.as_bytes()[EXTENSION_LEN_AT], 0x20);
    assert_eq!(code.as_bytes().len(), 364);
    assert_eq!(fixture.scan(code.as_bytes(), T0), Verdict::Accepted);
}

#[test]
fn defect_05_signed_32_bit_times() {
    let mut fixture = Fixture::with_expiries("1299", "1299");
    let late = Timestamp::new(i64::from(i32::MAX) + 1000); // 2038-01-19 and a bit
    fixture.terms.expires = late.plus_s(86_400);
    let code = fixture.code_at(late);
    assert_eq!(fixture.scan(code.as_bytes(), late), Verdict::Accepted);
    assert_eq!(
        fixture.scan(code.as_bytes(), late.plus_s(601)),
        Verdict::CodeExpired
    );
}

#[test]
fn defect_06_expiry_compared_as_a_number_or_in_the_wrong_century() {
    // 1225 > 0126 as a number, and is the earlier month.
    let mut fixture = Fixture::with_expiries("1240", "1225");
    let code = fixture.code_at(T0);
    assert_eq!(fixture.scan(code.as_bytes(), T0), Verdict::CertExpired);
    let mut fixture = Fixture::with_expiries("1299", "0126");
    let code = fixture.code_at(T0);
    assert_eq!(
        fixture.scan(code.as_bytes(), T0),
        Verdict::Accepted,
        "root good until 2099"
    );
}

#[test]
fn defect_07_only_the_last_code_remembered() {
    let mut fixture = Fixture::new();
    let codes: Vec<_> = (0..5).map(|i| fixture.code_at(T0.plus_s(i * 10))).collect();
    for (i, code) in codes.iter().enumerate() {
        let at = T0.plus_s(i64::try_from(i).unwrap() * 10);
        assert_eq!(fixture.ride(code, at), Verdict::Accepted);
    }
    for code in &codes {
        assert_eq!(fixture.ride(code, T0.plus_s(60)), Verdict::Duplicate);
    }
}

#[test]
fn defect_08_issuer_data_taken_for_the_account() {
    // Two accounts with the same issuer data are two riders; one account is one rider.
    let mut fixture = Fixture::new();
    let first = fixture.code_at(T0);
    assert_eq!(fixture.ride(&first, T0), Verdict::Accepted);
    fixture.terms.account = tongtu_types::CardNumber::parse("3104100000000000025").unwrap();
    let second = fixture.code_at(T0);
    assert_eq!(fixture.ride(&second, T0), Verdict::Accepted);
    fixture.terms.issuer_data = b"OTHER".to_vec();
    let third = fixture.code_at(T0);
    assert_eq!(fixture.ride(&third, T0.plus_s(9)), Verdict::Duplicate);
}

#[test]
fn defect_09_every_cause_shown_as_invalid_code() {
    let texts: std::collections::BTreeSet<_> =
        Verdict::ALL.iter().map(|v| (v.name(), v.code())).collect();
    assert_eq!(texts.len(), 21);
    // A stale key list and a forged code do not read alike, in either language.
    assert_ne!(Verdict::CaKey.rider_zh(), Verdict::UserSignature.rider_zh());
    assert_ne!(Verdict::CaKey.rider_en(), Verdict::UserSignature.rider_en());
}

#[test]
fn defect_10_any_high_byte_taken_for_a_ride_code() {
    let mut fixture = Fixture::new();
    let good = fixture.code_at(T0).as_bytes().to_vec();
    for lead in 0x90..=0xFF {
        let mut bytes = good.clone();
        bytes[0] = lead;
        resign(&fixture, &mut bytes);
        assert_eq!(
            fixture.scan(&bytes, T0),
            Verdict::NotRideCode,
            "{lead:#04x}"
        );
    }
}

#[test]
fn defect_11_duplicates_keyed_on_lossy_text() {
    // Two codes that a lossy decoder shows as the same text are two codes.
    let mut fixture = Fixture::new();
    let (a, b) = (fixture.code_at(T0), fixture.code_at(T0.plus_s(64)));
    let lossy = |bytes: &[u8]| -> String {
        bytes
            .iter()
            .map(|b| {
                if b.is_ascii_graphic() {
                    char::from(*b)
                } else {
                    '?'
                }
            })
            .collect()
    };
    // Only the bytes that name the moment matter here; both are unprintable.
    assert_eq!(
        lossy(&a.as_bytes()[264..266]),
        lossy(&b.as_bytes()[264..266])
    );
    assert_eq!(fixture.ride(&a, T0), Verdict::Accepted);
    assert_eq!(fixture.ride(&b, T0.plus_s(64)), Verdict::Accepted);
    assert_eq!(fixture.ride(&a, T0.plus_s(140)), Verdict::Duplicate);
}
