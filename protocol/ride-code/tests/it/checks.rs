//! Each check alone gives its own verdict, and an earlier one wins over a later one.

use tongtu_codec::hex_encode;
use tongtu_crypto::PublicKey;
use tongtu_ride_code::tolerant::{Transform, unwrap};
use tongtu_ride_code::{Check, RootTable, Scan, Verdict};
use tongtu_types::{CardNumber, Fen, InstitutionCode, Timestamp};

use crate::fixture::{Fixture, T0, key, published, resign, resign_user_domain};

/// Spoils a genuine code, signs it anew so that only the spoilt place is wrong, and scans it.
fn spoilt(spoil: impl FnOnce(&mut Vec<u8>)) -> Verdict {
    let mut fixture = Fixture::new();
    let mut bytes = fixture.code_at(T0).as_bytes().to_vec();
    spoil(&mut bytes);
    resign(&fixture, &mut bytes);
    fixture.scan(&bytes, T0.plus_s(5))
}

#[test]
fn an_honest_code_is_accepted() {
    assert_eq!(spoilt(|_| {}), Verdict::Accepted);
}

#[test]
fn each_spoilt_field_gives_its_verdict() {
    use Verdict as V;
    let check = |at: usize, value: u8, verdict: V| {
        assert_eq!(
            spoilt(|b| b[at] = value),
            verdict,
            "byte {at} = {value:#04x}"
        );
    };
    check(0, 0x71, V::NotRideCode);
    check(0, 0x91, V::NotRideCode);
    check(0, 0x80, V::Version);
    check(0, 0x82, V::Version);
    check(2, 0x48, V::Length);
    check(197, 1, V::Length);
    check(197, 0xFF, V::Length);
    check(3, 0x21, V::CertFormat);
    check(4, 0x02, V::CertFormat);
    check(9, 0x11, V::CertFormat);
    check(10, 0x0A, V::CertFormat);
    check(14, 0x00, V::CertFormat);
    check(14, 0x13, V::CertFormat);
    check(15, 0x3A, V::CertFormat);
    check(19, 0x01, V::CertFormat);
    check(20, 0x01, V::Accepted); // reserved: not judged
    check(21, 0x01, V::CertFormat);
    check(22, 0x40, V::CertFormat);
    check(13, 0x01, V::IssuerNotAccepted);
    check(15, 0x25, V::CertExpired);
    check(8, 0x17, V::CaKey);
    check(120, 0x00, V::UserField);
    check(120, 0x7F, V::UserField);
    check(136, 0xA0, V::UserField);
    check(158, 0x04, V::UserField);
    check(191, 0x00, V::UserCertExpired);
    check(195, 0x05, V::ValidityPolicy);
    check(263, 0x7F, V::NotYetValid);
    check(263, 0x00, V::CodeExpired);
    check(154, 0x00, V::Accepted); // account type: every value
    check(154, 0xDD, V::Accepted);
}

#[test]
fn signatures_are_told_apart() {
    let mut fixture = Fixture::new();
    let good = fixture.code_at(T0).as_bytes().to_vec();
    for (at, verdict) in [
        (56, Verdict::CertSignature),
        (119, Verdict::CertSignature),
        (198, Verdict::IssuerSignature),
        (199, Verdict::IssuerSignature),
        (262, Verdict::IssuerSignature),
        (267, Verdict::UserSignature),
        (268, Verdict::UserSignature),
        (331, Verdict::UserSignature),
    ] {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        assert_eq!(fixture.scan(&bytes, T0), verdict, "byte {at}");
    }
}

#[test]
fn bytes_outside_the_ca_signature_are_still_protected() {
    // Bytes 3..9 are signed by issuer and user only; the index byte must not be trusted alone.
    let mut fixture = Fixture::new();
    let other = tongtu_ride_code::Root::self_sign(9, "1240".parse().unwrap(), &fixture.root_key);
    let roots = RootTable::new([fixture.root.clone(), other.unwrap()]);
    fixture.verifier.replace_roots(roots);
    let mut bytes = fixture.code_at(T0).as_bytes().to_vec();
    bytes[8] = 9; // the same root key under another index: the CA signature holds
    assert_eq!(fixture.scan(&bytes, T0), Verdict::IssuerSignature);
}

#[test]
fn the_certificate_month_and_the_root_month_are_judged_in_china_time() {
    let end_2030 = tongtu_types::BusinessDay::from_ymd(2031, 1, 1)
        .unwrap()
        .start_in_china();
    let mut fixture = Fixture::new();
    fixture.terms.expires = end_2030.plus_s(86_400);
    let code = fixture.code_at(end_2030.plus_s(-10));
    assert_eq!(
        fixture.scan(code.as_bytes(), end_2030.plus_s(-1)),
        Verdict::Accepted
    );
    assert_eq!(
        fixture.scan(code.as_bytes(), end_2030),
        Verdict::CertExpired
    );
    // The same month of the year before, as a number larger than the present one, is past.
    let mut early = Fixture::with_expiries("1240", "1225");
    let code = early.code_at(T0);
    assert_eq!(early.scan(code.as_bytes(), T0), Verdict::CertExpired);
    // A root past its month vouches for nothing.
    let mut fixture = Fixture::with_expiries("0126", "0126");
    let february = tongtu_types::BusinessDay::from_ymd(2026, 2, 1)
        .unwrap()
        .start_in_china();
    fixture.terms.expires = february.plus_s(86_400);
    let code = fixture.code_at(february.plus_s(-1));
    assert_eq!(
        fixture.scan(code.as_bytes(), february.plus_s(-1)),
        Verdict::Accepted
    );
    assert_eq!(
        fixture.scan(code.as_bytes(), february),
        Verdict::CertExpired
    );
}

#[test]
fn times_are_inclusive_at_both_ends() {
    let mut fixture = Fixture::new();
    let code = fixture.code_at(T0);
    let mut at = |s: i64| fixture.scan(code.as_bytes(), T0.plus_s(s));
    assert_eq!(at(-21), Verdict::NotYetValid);
    assert_eq!(at(-20), Verdict::Accepted);
    assert_eq!(at(600), Verdict::Accepted);
    assert_eq!(at(601), Verdict::CodeExpired);
    let expires = fixture.terms.expires;
    let late = fixture.code_at(expires.plus_s(-5));
    assert_eq!(fixture.scan(late.as_bytes(), expires), Verdict::Accepted);
    assert_eq!(
        fixture.scan(late.as_bytes(), expires.plus_s(1)),
        Verdict::UserCertExpired
    );
}

#[test]
fn validity_beyond_the_cap_is_refused_not_clipped() {
    for (validity_s, verdict) in [
        (1, Verdict::Accepted),
        (1200, Verdict::Accepted),
        (1201, Verdict::ValidityPolicy),
    ] {
        let mut fixture = Fixture::new();
        fixture.terms.validity_s = validity_s;
        let code = fixture.code_at(T0);
        assert_eq!(fixture.scan(code.as_bytes(), T0), verdict);
    }
}

#[test]
fn a_terminal_without_a_trusted_clock_accepts_nothing() {
    let mut fixture = Fixture::new();
    let code = fixture.code_at(T0);
    let scan = Scan {
        bytes: code.as_bytes(),
        now: None,
        fare: Fen::ZERO,
        enforce_limit: true,
    };
    let (lists, recent) = (fixture.blacklists.clone(), fixture.recent.clone());
    let verdict = fixture
        .verifier
        .verify(&scan, &lists, &recent, &mut |_| {})
        .map(|_| ());
    assert_eq!(verdict, Err(Verdict::TerminalState));
    assert_eq!(
        fixture.scan(code.as_bytes(), Timestamp::new(0)),
        Verdict::TerminalState
    );
    assert_eq!(
        fixture.scan(b"\x81", Timestamp::new(0)),
        Verdict::Length,
        "3 comes before 4"
    );
}

#[test]
fn replay_is_seen_by_bytes_and_by_account_and_second() {
    let mut fixture = Fixture::new();
    fixture.terms.extension = vec![0; 32];
    let code = fixture.code_at(T0);
    assert_eq!(fixture.ride(&code, T0), Verdict::Accepted);
    assert_eq!(fixture.ride(&code, T0.plus_s(100)), Verdict::Duplicate);
    // The same second signed again with other bytes.
    fixture.terms.extension = vec![1; 32];
    let twin = fixture.code_at(T0);
    assert_ne!(twin.as_bytes(), code.as_bytes());
    assert_eq!(fixture.ride(&twin, T0.plus_s(100)), Verdict::Duplicate);
    // Another rider and another code of this rider in between do not make it forget.
    let next = fixture.code_at(T0.plus_s(30));
    assert_eq!(fixture.ride(&next, T0.plus_s(130)), Verdict::Accepted);
    assert_eq!(fixture.ride(&code, T0.plus_s(200)), Verdict::Duplicate);
}

#[test]
fn the_recent_list_forgets_only_what_is_stale_anyway() {
    let mut fixture = Fixture::new();
    let code = fixture.code_at(T0);
    fixture.ride(&code, T0);
    fixture.recent.forget_before(T0);
    assert_eq!(fixture.recent.len(), 1);
    fixture.recent.forget_before(T0.plus_s(1));
    assert!(fixture.recent.is_empty());
    assert_eq!(fixture.recent.last_accepted(&fixture.terms.account), None);
}

#[test]
fn the_interval_of_an_account_holds_back_companions() {
    let mut fixture = Fixture::new();
    let (first, second) = (fixture.code_at(T0), fixture.code_at(T0.plus_s(1)));
    assert_eq!(fixture.ride(&first, T0.plus_s(1)), Verdict::Accepted);
    assert_eq!(fixture.ride(&second, T0.plus_s(2)), Verdict::TooFrequent);
    assert_eq!(fixture.ride(&second, T0.plus_s(3)), Verdict::Accepted);
}

#[test]
fn the_fare_is_compared_with_the_whole_limit() {
    let mut fixture = Fixture::new();
    fixture.terms.limit = Fen::new(0x01_00_00);
    let code = fixture.code_at(T0);
    fixture.fare = Fen::new(0x01_00_00);
    assert_eq!(fixture.scan(code.as_bytes(), T0), Verdict::Accepted);
    fixture.fare = Fen::new(0x01_00_01);
    assert_eq!(fixture.scan(code.as_bytes(), T0), Verdict::OverLimit);
    // At an exit gate nobody is trapped: accepted and marked.
    let scan = Scan {
        bytes: code.as_bytes(),
        now: Some(T0),
        fare: fixture.fare,
        enforce_limit: false,
    };
    let accepted = fixture
        .verifier
        .verify(&scan, &fixture.blacklists, &fixture.recent, &mut |_| {})
        .unwrap();
    assert!(accepted.over_limit);
}

#[test]
fn the_three_blacklists_refuse() {
    let mut fixture = Fixture::new();
    let code = fixture.code_at(T0);
    let account = fixture.terms.account;
    fixture.blacklists.accounts.insert(account);
    assert_eq!(fixture.scan(code.as_bytes(), T0), Verdict::Blacklisted);
    fixture.blacklists.accounts.clear();
    fixture
        .blacklists
        .user_certificates
        .insert(code.user_certificate_digest());
    assert_eq!(fixture.scan(code.as_bytes(), T0), Verdict::Blacklisted);
    fixture.blacklists.user_certificates.clear();
    let issuer = InstitutionCode::parse("01341000").unwrap();
    fixture
        .blacklists
        .issuer_certificates
        .insert((issuer, [0, 0, 1]));
    assert_eq!(fixture.scan(code.as_bytes(), T0), Verdict::Blacklisted);
    fixture.blacklists.issuer_certificates.clear();
    let other = CardNumber::parse("3104100000000000018").unwrap();
    fixture.blacklists.accounts.insert(other);
    assert_eq!(fixture.scan(code.as_bytes(), T0), Verdict::Accepted);
}

#[test]
fn an_issuer_key_that_is_no_point_verifies_nothing() {
    let fixture = Fixture::new();
    let mut bytes = fixture.code_at(T0).as_bytes().to_vec();
    let no_point = (0..=u8::MAX)
        .map(|i| {
            let mut key = [i; 33];
            key[0] = 2;
            key
        })
        .find(|key| PublicKey::from_compressed(key).is_err())
        .unwrap();
    bytes[23..56].copy_from_slice(&no_point);
    let mut fixture = fixture;
    resign(&fixture, &mut bytes);
    assert_eq!(fixture.scan(&bytes, T0), Verdict::IssuerSignature);
}

#[test]
fn checks_run_in_their_order() {
    let mut fixture = Fixture::new();
    let code = fixture.code_at(T0);
    let mut seen = Vec::new();
    let scan = Scan {
        bytes: code.as_bytes(),
        now: Some(T0),
        fare: fixture.fare,
        enforce_limit: true,
    };
    fixture
        .verifier
        .verify(&scan, &fixture.blacklists, &fixture.recent, &mut |s| {
            seen.push(s)
        })
        .unwrap();
    let order: Vec<Check> = seen.iter().map(|s| s.check).collect();
    assert_eq!(order, Check::ALL);
    assert!(seen.iter().all(|s| s.holds && !s.cached));
    // The second code of the same rider costs one signature.
    let next = fixture.code_at(T0.plus_s(30));
    let scan = Scan {
        bytes: next.as_bytes(),
        now: Some(T0.plus_s(30)),
        ..scan
    };
    let mut cached = Vec::new();
    fixture
        .verifier
        .verify(&scan, &fixture.blacklists, &fixture.recent, &mut |s| {
            cached.extend(s.cached.then_some(s.check));
        })
        .unwrap();
    assert_eq!(
        cached,
        [
            Check::UserFields,
            Check::CaSignature,
            Check::IssuerSignature
        ]
    );
}

#[test]
fn everything_wrong_at_once_names_the_first() {
    // Peel the defects off one by one: the verdicts come out in the order of the table.
    let mut fixture = Fixture::new();
    fixture.blacklists.accounts.insert(fixture.terms.account);
    fixture.fare = Fen::new(5000);
    let good = fixture.code_at(T0);
    fixture.recent.remember_code(&good, T0);
    let mut bytes = good.as_bytes().to_vec();
    let spoil: [(usize, u8, Verdict); 7] = [
        (0, 0x71, Verdict::NotRideCode),
        (0, 0x82, Verdict::Version),
        (1, 0x07, Verdict::Length),
        (3, 0x25, Verdict::CertFormat),
        (13, 0x99, Verdict::IssuerNotAccepted),
        (15, 0x25, Verdict::CertExpired),
        (8, 0x55, Verdict::CaKey),
    ];
    let originals: Vec<u8> = spoil.iter().map(|(at, ..)| bytes[*at]).collect();
    for (at, value, _) in spoil.iter().rev() {
        bytes[*at] = *value;
    }
    for ((at, value, verdict), original) in spoil.into_iter().zip(originals) {
        bytes[at] = value;
        assert_eq!(fixture.scan(&bytes, T0.plus_s(5)), verdict);
        bytes[at] = original;
    }
    assert_eq!(bytes, good.as_bytes());
    assert_eq!(fixture.scan(&bytes, T0.plus_s(5)), Verdict::Duplicate);
}

#[test]
fn a_self_made_certificate_is_refused() {
    // Defect 1 of the field: the CA signature checked with the issuer's own key.
    let mut fixture = Fixture::new();
    fixture.root_key = key("issuer");
    let mut bytes = fixture.code_at(T0).as_bytes().to_vec();
    resign(&fixture, &mut bytes);
    assert_eq!(fixture.scan(&bytes, T0), Verdict::CertSignature);
}

#[test]
fn a_trailing_f_in_the_account_names_the_same_account() {
    let mut fixture = Fixture::new();
    let mut bytes = fixture.code_at(T0).as_bytes().to_vec();
    bytes[136..146].copy_from_slice(&[0x31, 0x04, 0x10, 0, 0, 0, 0, 0, 0x01, 0x7F]);
    resign_user_domain(&fixture, &mut bytes);
    assert_eq!(fixture.scan(&bytes, T0), Verdict::Accepted);
    fixture.blacklists.accounts.insert(fixture.terms.account);
    assert_eq!(fixture.scan(&bytes, T0), Verdict::Blacklisted);
}

#[test]
fn replacing_roots_forgets_what_they_vouched_for() {
    let mut fixture = Fixture::new();
    let code = fixture.code_at(T0);
    assert_eq!(fixture.scan(code.as_bytes(), T0), Verdict::Accepted);
    let foreign = tongtu_ride_code::Root::self_sign(2, "1240".parse().unwrap(), &key("other"));
    fixture
        .verifier
        .replace_roots(RootTable::new([foreign.unwrap()]));
    assert_eq!(fixture.scan(code.as_bytes(), T0), Verdict::CertSignature);
}

#[test]
fn tools_undo_text_transforms_and_say_which() {
    let raw = published("code_b");
    let widened: String = raw.iter().map(|b| char::from(*b)).collect();
    for (text, transform) in [
        (hex_encode(&raw).to_uppercase(), Transform::Hex),
        (tongtu_codec::base64_encode(&raw), Transform::Base64),
        (widened, Transform::Utf8),
    ] {
        assert_eq!(unwrap(text.as_bytes()), (raw.clone(), transform));
    }
    assert_eq!(unwrap(&raw), (raw.clone(), Transform::None));
    // A terminal in service does none of this.
    let mut fixture = Fixture::new();
    assert_eq!(
        fixture.scan(hex_encode(&raw).as_bytes(), T0),
        Verdict::NotRideCode
    );
}
