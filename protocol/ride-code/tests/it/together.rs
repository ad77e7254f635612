//! Many codes at once: the verdicts of one after the other, whatever the mixture.

use proptest::prelude::*;
use tongtu_crypto::SecretKey;
use tongtu_ride_code::certificate::apply_for_certificate;
use tongtu_ride_code::{RideCode, Root, RootTable, Scan, UserCertificate, Verdict, Verifier};
use tongtu_types::{CardNumber, Fen, InstitutionCode, Timestamp};

use crate::fixture::{Fixture, T0, key, resign, resign_user_domain};

/// Two roots, two issuers under each of them, riders with several codes.
struct Crowd {
    fixture: Fixture,
    codes: Vec<RideCode>,
}

impl Crowd {
    fn new() -> Self {
        let mut fixture = Fixture::new();
        let second_key = key("second root");
        let second = Root::self_sign(9, "1240".parse().unwrap(), &second_key).unwrap();
        let roots = [
            (fixture.root.clone(), key("root")),
            (second.clone(), second_key),
        ];
        let ids = ["01341000", "01311000"].map(|id| InstitutionCode::parse(id).unwrap());
        fixture.verifier.replace_issuers(ids);
        fixture
            .verifier
            .replace_roots(RootTable::new([fixture.root.clone(), second]));
        let mut codes = Vec::new();
        for (number, id) in ids.into_iter().enumerate() {
            let issuer_key = key(&format!("issuer {number}"));
            for (root, root_key) in &roots {
                let expiry = "1230".parse().unwrap();
                let application = apply_for_certificate(id, expiry, [0, 0, 1], &issuer_key);
                let issuer = root.certify(&application.unwrap(), root_key).unwrap();
                for rider in 0..3 {
                    codes.extend(fixture.rides(&issuer, &issuer_key, rider));
                }
            }
        }
        Self { fixture, codes }
    }
}

impl Fixture {
    /// Two codes of a rider.
    fn rides(
        &mut self,
        issuer: &tongtu_ride_code::layout::IssuerCertificate,
        issuer_key: &SecretKey,
        rider: i64,
    ) -> Vec<RideCode> {
        let user_key = key(&format!("rider {rider}"));
        self.terms.user_key = user_key.public().clone();
        self.terms.account = CardNumber::parse(&format!("310410000000000{rider:04}")).unwrap();
        let certificate = UserCertificate::issue(issuer, &self.terms, issuer_key).unwrap();
        [0, 60]
            .map(|s| certificate.ride_code(T0.plus_s(s), &user_key).unwrap())
            .to_vec()
    }
}

/// What one after the other says, each by a verifier that knows nothing.
fn alone(fixture: &Fixture, scan: &Scan<'_>) -> Result<tongtu_ride_code::Accepted, Verdict> {
    let (lists, recent) = (&fixture.blacklists, &fixture.recent);
    fixture.cold().verify(scan, lists, recent, &mut |_| {})
}

/// Signs a spoilt code again in one of the ways there are, so that defects get past signatures.
fn sign_again(fixture: &Fixture, bytes: &mut [u8], how: u8) {
    match how % 4 {
        0 => resign(fixture, bytes),
        1 => resign_user_domain(fixture, bytes),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_mixture_gives_the_verdicts_of_one_after_the_other(
        picks in proptest::collection::vec(
            (any::<prop::sample::Index>(), 0_usize..3, 0_usize..332, any::<u8>(), any::<u8>(), -30_i64..700),
            0..40,
        ),
        listed in any::<bool>(),
        remembered in any::<prop::sample::Index>(),
        enforce_limit: bool,
    ) {
        let Crowd { mut fixture, codes } = Crowd::new();
        if listed {
            fixture.blacklists.accounts.insert(CardNumber::parse("3104100000000000001").unwrap());
            let second = InstitutionCode::parse("01311000").unwrap();
            fixture.blacklists.issuer_certificates.insert((second, [0, 0, 1]));
        }
        fixture.recent.remember_code(remembered.get(&codes), T0);
        let spoilt: Vec<(Vec<u8>, i64)> = picks
            .iter()
            .map(|(pick, kind, at, by, how, after_s)| {
                let mut bytes = pick.get(&codes).as_bytes().to_vec();
                match kind {
                    0 => {}
                    1 => {
                        bytes[*at] ^= by;
                        sign_again(&fixture, &mut bytes, *how);
                    }
                    _ => bytes.truncate(*at),
                }
                (bytes, *after_s)
            })
            .collect();
        let scans: Vec<Scan<'_>> = spoilt
            .iter()
            .map(|(bytes, after_s)| Scan {
                bytes,
                now: (*after_s % 7 != 0).then(|| T0.plus_s(*after_s)),
                fare: Fen::new(200 * (*after_s % 13)),
                enforce_limit,
            })
            .collect();
        let expected: Vec<_> = scans.iter().map(|scan| alone(&fixture, scan)).collect();
        let (lists, recent) = (fixture.blacklists.clone(), fixture.recent.clone());
        let cold = fixture.cold().verify_ride_codes(&scans, &lists, &recent);
        prop_assert_eq!(&cold, &expected);
        let first = fixture.verifier.verify_ride_codes(&scans, &lists, &recent);
        prop_assert_eq!(&first, &expected);
        let warm = fixture.verifier.verify_ride_codes(&scans, &lists, &recent);
        prop_assert_eq!(&warm, &expected);
        // One after the other by what many left in the caches.
        let after: Vec<_> = scans
            .iter()
            .map(|scan| fixture.verifier.verify(scan, &lists, &recent, &mut |_| {}))
            .collect();
        prop_assert_eq!(&after, &expected);
    }
}

fn scans_of(codes: &[RideCode]) -> Vec<(&[u8], Timestamp)> {
    codes
        .iter()
        .map(|code| (code.as_bytes(), code.generated_at().plus_s(5)))
        .collect()
}

#[test]
fn a_bad_signature_among_thousands_is_named_and_no_other() {
    // More than are looked at together, and enough under each issuer for a table of its key.
    let Crowd { fixture, codes } = Crowd::new();
    let codes: Vec<RideCode> = codes.iter().cycle().take(3000).cloned().collect();
    let mut verifier = fixture.cold();
    let good = verifier.verify_ride_codes_again(&scans_of(&codes));
    assert!(good.iter().all(Result::is_ok));
    for (place, at, verdict) in [
        (0, 57, Verdict::CertSignature),
        (1023, 200, Verdict::IssuerSignature),
        (1024, 300, Verdict::UserSignature),
        (2999, 331, Verdict::UserSignature),
    ] {
        let mut spoilt = codes[place].as_bytes().to_vec();
        spoilt[at] ^= 1;
        let mut scans = scans_of(&codes);
        scans[place].0 = &spoilt;
        let judged = verifier.verify_ride_codes_again(&scans);
        for (other, judged) in judged.into_iter().enumerate() {
            let expected = if other == place { Err(verdict) } else { Ok(()) };
            assert_eq!(judged.map(|_| ()), expected, "{other}, spoilt {place}");
        }
    }
}

#[test]
fn what_a_replaced_root_vouched_for_is_not_found_again() {
    let Crowd { fixture, codes } = Crowd::new();
    let mut verifier = fixture.cold();
    let verdicts = |verifier: &mut Verifier| -> Vec<Option<Verdict>> {
        let judged = verifier.verify_ride_codes_again(&scans_of(&codes));
        judged.into_iter().map(Result::err).collect()
    };
    assert!(verdicts(&mut verifier).iter().all(Option::is_none));
    let other = Root::self_sign(9, "1240".parse().unwrap(), &key("other")).unwrap();
    verifier.replace_roots(RootTable::new([fixture.root.clone(), other]));
    let of_second = |code: &RideCode| code.certificate().unwrap().ca_index == 9;
    for (code, verdict) in codes.iter().zip(verdicts(&mut verifier)) {
        let expected = of_second(code).then_some(Verdict::CertSignature);
        assert_eq!(verdict, expected);
    }
    verifier.replace_roots(RootTable::new([fixture.root.clone()]));
    for (code, verdict) in codes.iter().zip(verdicts(&mut verifier)) {
        assert_eq!(verdict, of_second(code).then_some(Verdict::CaKey));
    }
    // The roots that were held first are known by what they are.
    verifier.replace_roots(fixture.verifier.roots().clone());
    assert!(verdicts(&mut verifier).iter().all(Option::is_none));
}

#[test]
fn a_revoked_certificate_is_refused_although_it_is_cached() {
    let Crowd { mut fixture, codes } = Crowd::new();
    let scans: Vec<Scan<'_>> = codes
        .iter()
        .map(|code| Scan {
            bytes: code.as_bytes(),
            now: Some(code.generated_at()),
            fare: fixture.fare,
            enforce_limit: true,
        })
        .collect();
    let mut verifier = fixture.cold();
    let before = verifier.verify_ride_codes(&scans, &fixture.blacklists, &fixture.recent);
    assert!(before.iter().all(Result::is_ok));
    let revoked = InstitutionCode::parse("01311000").unwrap();
    let lists = &mut fixture.blacklists;
    lists.issuer_certificates.insert((revoked, [0, 0, 1]));
    let after = verifier.verify_ride_codes(&scans, &fixture.blacklists, &fixture.recent);
    for (code, judged) in codes.iter().zip(after) {
        let is_revoked = code.certificate().unwrap().issuer == revoked;
        let expected = is_revoked.then_some(Verdict::Blacklisted);
        assert_eq!(judged.err(), expected);
    }
}
