//! What is checked without a key: written once, for one code and for many.

use alloc::collections::BTreeSet;

use tongtu_crypto::sm3;
use tongtu_types::{Fen, InstitutionCode, Timestamp};

use crate::layout::{IssuerCertificate, UserDomain};
use crate::{
    Accepted, BlackLists, Check, FrameError, Policy, RecentCodes, RideCode, Root, RootTable, Scan,
    Step, Verdict,
};

/// What codes are judged by, apart from the lists that change from scan to scan.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) policy: Policy,
    pub(crate) issuers: BTreeSet<InstitutionCode>,
    roots: RootTable,
    /// Which roots these are: the digest of them all.
    epoch: sm3::Digest,
}

/// A code whose fields were read and hold, as far as no key is asked: checks 1 to 9.
#[derive(Debug)]
pub(crate) struct Read<'r> {
    pub(crate) code: RideCode,
    pub(crate) certificate: IssuerCertificate,
    pub(crate) user: UserDomain,
    /// Whose signature the certificate must bear.
    pub(crate) root: &'r Root,
    now: Timestamp,
    fare: Fen,
    enforce_limit: bool,
}

/// Who sees each check.
pub(crate) struct Marks<'t>(pub(crate) &'t mut dyn FnMut(Step));

impl Marks<'_> {
    pub(crate) fn mark(&mut self, check: Check, holds: bool, cached: bool) -> Result<(), Verdict> {
        (self.0)(Step {
            check,
            holds,
            cached,
        });
        if holds { Ok(()) } else { Err(check.verdict()) }
    }
}

impl Rules {
    pub(crate) fn new(
        policy: Policy,
        roots: RootTable,
        issuers: BTreeSet<InstitutionCode>,
    ) -> Self {
        let epoch = roots.digest();
        Self {
            policy,
            issuers,
            roots,
            epoch,
        }
    }

    pub(crate) const fn roots(&self) -> &RootTable {
        &self.roots
    }

    pub(crate) fn replace_roots(&mut self, roots: RootTable) {
        self.epoch = roots.digest();
        self.roots = roots;
    }

    /// What a cached certificate is named by the digest of: the roots that were held, then its bytes.
    /// A root that was replaced or is over was never held by whoever holds others, so nothing that it
    /// vouched for is found. A revoked certificate may be found: it is check 18 that refuses it, and
    /// that is never cached.
    pub(crate) fn block_name<'a>(&'a self, code: &'a RideCode) -> [&'a [u8]; 2] {
        [&self.epoch, code.certificate_bytes()]
    }

    /// Checks 1 to 8, and of check 9 all but the key.
    pub(crate) fn read(&self, scan: &Scan<'_>, marks: &mut Marks<'_>) -> Result<Read<'_>, Verdict> {
        let code = match RideCode::frame(scan.bytes) {
            Ok(code) => {
                for check in [Check::Kind, Check::Version, Check::Length] {
                    marks.mark(check, true, false)?;
                }
                code
            }
            Err(error) => {
                let failed = match error {
                    FrameError::NotRideCode { .. } => Check::Kind,
                    FrameError::Version { .. } => Check::Version,
                    _ => Check::Length,
                };
                for check in Check::ALL.into_iter().take_while(|c| *c < failed) {
                    marks.mark(check, true, false)?;
                }
                marks.mark(failed, false, false)?;
                return Err(failed.verdict());
            }
        };
        let now = scan.now.filter(|now| *now >= self.policy.min_trusted_clock);
        marks.mark(Check::Terminal, now.is_some(), false)?;
        let now = now.unwrap_or_default();

        let certificate = code
            .certificate()
            .ok()
            .filter(|c| c.check_format(&self.policy.service_id).is_ok());
        marks.mark(Check::CertificateFormat, certificate.is_some(), false)?;
        let Some(certificate) = certificate else {
            return Err(Verdict::CertFormat);
        };
        marks.mark(
            Check::Issuer,
            self.issuers.contains(&certificate.issuer),
            false,
        )?;
        marks.mark(
            Check::CertificateExpiry,
            !certificate.expiry.is_past(now),
            false,
        )?;
        let root = self
            .roots
            .by_index(certificate.ca_index)
            .filter(|root| !root.certificate().expiry.is_past(now));
        marks.mark(Check::CaKey, root.is_some(), false)?;
        let Some(root) = root else {
            return Err(Verdict::CaKey);
        };
        let Some(user) = user_fields(&code) else {
            marks.mark(Check::UserFields, false, false)?;
            return Err(Verdict::UserField);
        };
        Ok(Read {
            code,
            certificate,
            user,
            root,
            now,
            fare: scan.fare,
            enforce_limit: scan.enforce_limit,
        })
    }

    /// Checks 10 to 13.
    pub(crate) fn check_times(
        &self,
        read: &Read<'_>,
        marks: &mut Marks<'_>,
    ) -> Result<(), Verdict> {
        let (now, user) = (read.now, &read.user);
        let expires = Timestamp::new(i64::from(user.expires));
        marks.mark(Check::UserCertificateExpiry, now <= expires, false)?;
        let validity_s = i64::from(user.validity_s);
        marks.mark(
            Check::Validity,
            (1..=self.policy.max_validity_s).contains(&validity_s),
            false,
        )?;
        let generated_at = read.code.generated_at();
        marks.mark(
            Check::NotEarly,
            generated_at <= now.plus_s(self.policy.future_skew_s),
            false,
        )?;
        marks.mark(
            Check::NotLate,
            now <= generated_at.plus_s(validity_s),
            false,
        )
    }

    /// Checks 18 to 21, of a code whose signatures hold, with the digests of the code and of its user
    /// certificate.
    pub(crate) fn check_ride(
        &self,
        read: Read<'_>,
        (digest, user_digest): (sm3::Digest, sm3::Digest),
        (blacklists, recent): (&BlackLists, &RecentCodes),
        marks: &mut Marks<'_>,
    ) -> Result<Accepted, Verdict> {
        let Read {
            code,
            certificate,
            user,
            now,
            ..
        } = read;
        let listed = blacklists.names(
            &user.account,
            certificate.issuer,
            certificate.serial,
            || user_digest,
        );
        marks.mark(Check::Blacklist, !listed, false)?;
        let repeated = recent.has_account_time(user.account, code.generated_at());
        marks.mark(Check::NotRepeated, !repeated, false)?;
        let over_limit = read.fare > Fen::new(i64::from(user.limit_fen));
        marks.mark(Check::Limit, !(over_limit && read.enforce_limit), false)?;
        let interval_s = self.policy.account_interval_s;
        let too_soon = recent
            .last_accepted(&user.account)
            .is_some_and(|last| now.since_s(last) < interval_s);
        marks.mark(Check::Interval, !too_soon, false)?;
        Ok(Accepted {
            code,
            certificate,
            user,
            digest,
            over_limit,
        })
    }
}

/// Check 9 but for the key: printable issuer data, decimal account.
fn user_fields(code: &RideCode) -> Option<UserDomain> {
    let user = code.user().ok()?;
    user.issuer_data
        .iter()
        .all(|b| (0x20..=0x7E).contains(b))
        .then_some(user)
}
