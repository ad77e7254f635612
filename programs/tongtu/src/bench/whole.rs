//! Whole ride codes, as a clearing centre verifies them: fields, hashes, key reading and signatures,
//! many at once, on one core, in processor time.
//!
//! Every code is of another rider, whose key was never met. Either each is under an issuer's
//! certificate of its own, which is the most that a code can cost, or all are under one that was
//! verified before.

use tongtu_crypto::{SecretKey, sm3};
use tongtu_ride_code::certificate::apply_for_certificate;
use tongtu_ride_code::layout::IssuerCertificate;
use tongtu_ride_code::{
    BlackLists, Policy, RecentCodes, RideCode, Root, RootTable, Scan, UserCertificate, Verifier,
};
use tongtu_types::{BusinessDay, CardNumber, Fen, InstitutionCode, MonthYear, Timestamp};

use super::codes::terms;
use super::{Figure, of_rates, per_second, thread_time};

/// Codes that are verified together.
const CODES: usize = 1024;
/// How often in one run.
const TIMES: usize = 4;
/// How often a key must be met before it has a table; root and issuer do at any centre.
const WARM_UPS: usize = 2;

/// Codes under issuers' certificates that each hold.
struct Stock {
    roots: RootTable,
    issuer: InstitutionCode,
    now: Timestamp,
    /// Each under a certificate of its own.
    apart: Vec<RideCode>,
    /// All under one.
    shared: Vec<RideCode>,
}

/// A test key that everybody can make again.
fn key(name: &str, number: usize) -> SecretKey {
    let seed = sm3::digest(format!("whole codes of the bench: {name} {number}").as_bytes());
    SecretKey::from_bytes(&seed).expect("a digest of the bench's is in range")
}

impl Stock {
    fn new() -> Self {
        let day = BusinessDay::from_ymd(2026, 3, 2).expect("a day of the calendar");
        let now = day.start_in_china().plus_s(9 * 3600);
        let expiry = MonthYear::new(12, 39).expect("a month");
        let (root_key, issuer_key) = (key("root", 0), key("issuer", 0));
        let root = Root::self_sign(2, expiry, &root_key).expect("a root of these values");
        let issuer = InstitutionCode::parse("01341000").expect("eight digits");
        let certificate = |number: usize| {
            let [.., a, b, c] = number.to_be_bytes();
            let asked = apply_for_certificate(issuer, expiry, [a, b, c], &issuer_key);
            let asked = asked.expect("an application of these values");
            root.certify(&asked, &root_key).expect("the root's own key")
        };
        let draw = |rider: usize, certificate: &IssuerCertificate| {
            let account = CardNumber::parse(&format!("3101000{rider:012}"));
            let user_key = key("rider", rider);
            let terms = terms(account.expect("digits"), user_key.public().clone(), now);
            let issued = UserCertificate::issue(certificate, &terms, &issuer_key);
            let code = issued.expect("terms of the demo").ride_code(now, &user_key);
            code.expect("a fresh certificate")
        };
        let first = certificate(CODES);
        Self {
            apart: (0..CODES).map(|at| draw(at, &certificate(at))).collect(),
            shared: (0..CODES).map(|at| draw(at, &first)).collect(),
            roots: RootTable::new([root]),
            issuer,
            now,
        }
    }

    /// Verifies these codes together, riders new each time; what issuers' certificates are known
    /// before says `known`.
    fn measure(
        &self,
        (what, zh): (&'static str, &'static str),
        runs: u32,
        codes: &[RideCode],
        known: Option<&RideCode>,
    ) -> Figure {
        let scan = |code| Scan {
            bytes: RideCode::as_bytes(code),
            now: Some(self.now.plus_s(35)),
            fare: Fen::new(200),
            enforce_limit: true,
        };
        let scans: Vec<Scan<'_>> = codes.iter().map(scan).collect();
        let known: Vec<Scan<'_>> = known.into_iter().map(scan).collect();
        let (lists, recent) = (BlackLists::default(), RecentCodes::default());
        let mut verifier = Verifier::new(Policy::default(), self.roots.clone(), [self.issuer]);
        let mut once = || {
            verifier.forget_keys();
            let before = verifier.verify_ride_codes(&known, &lists, &recent);
            let begun = thread_time();
            let judged = verifier.verify_ride_codes(&scans, &lists, &recent);
            let spent = thread_time().saturating_sub(begun);
            let all = before.iter().chain(&judged);
            assert!(all.into_iter().all(Result::is_ok), "every code is genuine");
            spent
        };
        for _ in 0..WARM_UPS {
            once();
        }
        let rates = (0..runs)
            .map(|_| per_second(scans.len() * TIMES, (0..TIMES).map(|_| once()).sum()))
            .collect();
        of_rates(what, zh, rates)
    }
}

pub(super) fn measure(runs: u32) -> Vec<Figure> {
    let stock = Stock::new();
    // A rider whom nobody meets again brings the certificate.
    let (last, shared) = stock.shared.split_last().expect("some codes");
    vec![
        stock.measure(
            (
                "whole codes together, issuer's certificate new (3 signatures)",
                "成批完整核验乘车码，互通证书未缓存（3 次验签，按处理器时间）",
            ),
            runs,
            &stock.apart,
            None,
        ),
        stock.measure(
            (
                "whole codes together, issuer's certificate known (2 signatures)",
                "成批完整核验乘车码，互通证书已缓存（2 次验签，按处理器时间）",
            ),
            runs,
            shared,
            Some(last),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_apart_are_each_under_a_certificate_of_their_own() {
        let stock = Stock::new();
        let blocks = |codes: &[RideCode]| {
            let signed = codes.iter().map(|code| code.ca_signed().to_vec());
            signed.collect::<std::collections::BTreeSet<_>>().len()
        };
        assert_eq!(blocks(&stock.apart), CODES);
        assert_eq!(blocks(&stock.shared), 1);
    }
}
