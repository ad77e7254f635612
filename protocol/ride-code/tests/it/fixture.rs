//! A root, an issuer and a rider for tests; and the published chain.

use std::collections::BTreeMap;

use tongtu_codec::hex_decode;
use tongtu_crypto::{SecretKey, sm3};
use tongtu_ride_code::certificate::apply_for_certificate;
use tongtu_ride_code::layout::IssuerCertificate;
use tongtu_ride_code::{
    BlackLists, Policy, RecentCodes, RideCode, Root, RootTable, Scan, UserCertificate, UserTerms,
    Verdict, Verifier,
};
use tongtu_types::{CardNumber, Fen, InstitutionCode, Timestamp};

/// 2026-01-01T08:00:00Z.
pub(crate) const T0: Timestamp = Timestamp::new(1_767_254_400);

pub(crate) fn key(label: &str) -> SecretKey {
    SecretKey::from_bytes(&sm3::digest(label.as_bytes())).unwrap()
}

/// A value of `vectors/chain.toml`.
pub(crate) fn published(name: &str) -> Vec<u8> {
    let text = include_str!("../../vectors/chain.toml");
    let values: BTreeMap<&str, &str> = text
        .lines()
        .filter_map(|line| line.split_once(" = \""))
        .map(|(name, value)| (name, value.trim_end_matches('"')))
        .collect();
    hex_decode(values[name]).unwrap()
}

pub(crate) fn published_array<const N: usize>(name: &str) -> [u8; N] {
    published(name).try_into().unwrap()
}

pub(crate) struct Fixture {
    pub(crate) root_key: SecretKey,
    pub(crate) root: Root,
    pub(crate) issuer_key: SecretKey,
    pub(crate) issuer: IssuerCertificate,
    pub(crate) user_key: SecretKey,
    pub(crate) terms: UserTerms,
    pub(crate) verifier: Verifier,
    pub(crate) blacklists: BlackLists,
    pub(crate) recent: RecentCodes,
    pub(crate) fare: Fen,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::with_expiries("1240", "1230")
    }

    pub(crate) fn with_expiries(root_expiry: &str, issuer_expiry: &str) -> Self {
        let root_key = key("root");
        let root = Root::self_sign(2, root_expiry.parse().unwrap(), &root_key).unwrap();
        let issuer_key = key("issuer");
        let id = InstitutionCode::parse("01341000").unwrap();
        let expiry = issuer_expiry.parse().unwrap();
        let application = apply_for_certificate(id, expiry, [0, 0, 1], &issuer_key).unwrap();
        let issuer = root.certify(&application, &root_key).unwrap();
        let user_key = key("user");
        let terms = UserTerms {
            issuer_data: b"CHN0000000000001".to_vec(),
            account: CardNumber::parse("3104100000000000017").unwrap(),
            card_issuer: [0x01, 0x34, 0x10, 0x00],
            platform: [0; 4],
            account_type: 1,
            limit: Fen::new(2000),
            user_key: user_key.public().clone(),
            expires: T0.plus_s(7 * 86_400),
            validity_s: 600,
            extension: Vec::new(),
        };
        let verifier = Verifier::new(Policy::default(), RootTable::new([root.clone()]), [id]);
        Self {
            root_key,
            root,
            issuer_key,
            issuer,
            user_key,
            terms,
            verifier,
            blacklists: BlackLists::default(),
            recent: RecentCodes::default(),
            fare: Fen::new(200),
        }
    }

    pub(crate) fn certificate(&self) -> UserCertificate {
        UserCertificate::issue(&self.issuer, &self.terms, &self.issuer_key).unwrap()
    }

    pub(crate) fn code_at(&self, at: Timestamp) -> RideCode {
        self.certificate()
            .ride_code_unchecked(at, &self.user_key)
            .unwrap()
    }

    /// Scans without remembering.
    pub(crate) fn scan(&mut self, bytes: &[u8], now: Timestamp) -> Verdict {
        let scan = Scan {
            bytes,
            now: Some(now),
            fare: self.fare,
            enforce_limit: true,
        };
        let lists = (&self.blacklists, &self.recent);
        let alone = self.verifier.verify(&scan, lists.0, lists.1, &mut |_| {});
        // Many at once say the same, whether anything is cached or not.
        let mut cold = self.cold();
        let together = cold.verify_ride_codes(&[scan; 5], lists.0, lists.1);
        assert!(together.iter().all(|one| *one == alone), "{together:?}");
        let warm = self.verifier.verify_ride_codes(&[scan], lists.0, lists.1);
        assert!(warm.iter().eq([&alone]), "{warm:?}");
        match alone {
            Ok(_) => Verdict::Accepted,
            Err(verdict) => verdict,
        }
    }

    /// A verifier that goes by the same lists and has verified nothing yet.
    pub(crate) fn cold(&self) -> Verifier {
        let known = &self.verifier;
        Verifier::new(
            *known.policy(),
            known.roots().clone(),
            known.issuers().iter().copied(),
        )
    }

    /// Scans and remembers what was accepted, as a terminal does.
    pub(crate) fn ride(&mut self, code: &RideCode, now: Timestamp) -> Verdict {
        let verdict = self.scan(code.as_bytes(), now);
        if verdict == Verdict::Accepted {
            self.recent.remember_code(code, now);
        }
        verdict
    }
}

/// Signs whatever the bytes say now, so that only the intended defect remains.
pub(crate) fn resign(fixture: &Fixture, bytes: &mut [u8]) {
    let n = bytes.len() - 332;
    let ca = fixture.root_key.sign(&bytes[9..56]);
    bytes[56..120].copy_from_slice(&ca.0);
    resign_user_domain(fixture, bytes);
    debug_assert!(n <= 32);
}

/// Signs the user domain and the ride again, the certificate left as it is.
pub(crate) fn resign_user_domain(fixture: &Fixture, bytes: &mut [u8]) {
    let n = bytes.len() - 332;
    let issuer = fixture.issuer_key.sign(&bytes[3..198 + n]);
    bytes[199 + n..263 + n].copy_from_slice(&issuer.0);
    let user = fixture.user_key.sign(&bytes[..267 + n]);
    bytes[268 + n..].copy_from_slice(&user.0);
}
