//! The terminal's checks in their normative order; the first that fails gives the verdict.
//!
//! Steps 5 to 14 are cheap and run first, so that a wrong or stale code costs no point
//! multiplication. A refused code changes nothing but the caches, and those only by what
//! did verify.

use alloc::collections::BTreeSet;

use tongtu_crypto::{PublicKey, sm3};
use tongtu_types::{Fen, InstitutionCode, Timestamp};

use crate::cache::KeyCache;
use crate::layout::{IssuerCertificate, SERVICE_TRANSPORT, SIGNATURE_MARK, UserDomain};
use crate::{BlackLists, FrameError, RecentCodes, RideCode, RootTable, Verdict};

/// The terminal's settings for judging codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Seconds a code may come from the future, 0..=120.
    pub future_skew_s: i64,
    /// Longest validity a code may claim, seconds; more is refused, not clipped.
    pub max_validity_s: i64,
    /// Seconds before the same account is accepted again; 2 is mere debounce.
    pub account_interval_s: i64,
    /// A clock before this instant was never set.
    pub min_trusted_clock: Timestamp,
    /// The service that codes must be for.
    pub service_id: [u8; 4],
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            future_skew_s: 20,
            max_validity_s: 1200,
            account_interval_s: 2,
            // 2020-01-01T00:00:00Z: no terminal of ours is older, so its clock cannot be.
            min_trusted_clock: Timestamp::new(1_577_836_800),
            service_id: SERVICE_TRANSPORT,
        }
    }
}

/// One scan: the bytes and the circumstances.
#[derive(Debug, Clone, Copy)]
pub struct Scan<'a> {
    /// The decoder's bytes, never its text.
    pub bytes: &'a [u8],
    /// The trusted clock; `None` when there is none or the terminal is out of service.
    pub now: Option<Timestamp>,
    /// The fare to be charged; zero at an entry gate.
    pub fare: Fen,
    /// Whether a fare above the limit is refused. False at an exit gate: a rider is never
    /// trapped; the record is marked instead.
    pub enforce_limit: bool,
}

/// The checks, numbered as in the normative table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Check {
    /// 1: high nibble 8.
    Kind = 1,
    /// 2: structure version.
    Version,
    /// 3: the three lengths.
    Length,
    /// 4: trusted clock, in service.
    Terminal,
    /// 5: certificate syntax.
    CertificateFormat,
    /// 6: issuer in the accepted list.
    Issuer,
    /// 7: certificate month.
    CertificateExpiry,
    /// 8: CA index known, root in its term.
    CaKey,
    /// 9: user fields' syntax.
    UserFields,
    /// 10: user certificate expiry.
    UserCertificateExpiry,
    /// 11: validity within policy.
    Validity,
    /// 12: not from the future.
    NotEarly,
    /// 13: not stale.
    NotLate,
    /// 14: these bytes not accepted before.
    NotReplayed,
    /// 15: CA signature.
    CaSignature,
    /// 16: issuer signature.
    IssuerSignature,
    /// 17: user signature.
    UserSignature,
    /// 18: blacklists.
    Blacklist,
    /// 19: account and generation time not accepted before.
    NotRepeated,
    /// 20: fare within the limit.
    Limit,
    /// 21: interval of the account.
    Interval,
}

impl Check {
    /// Every check in order.
    pub const ALL: [Self; 21] = [
        Self::Kind,
        Self::Version,
        Self::Length,
        Self::Terminal,
        Self::CertificateFormat,
        Self::Issuer,
        Self::CertificateExpiry,
        Self::CaKey,
        Self::UserFields,
        Self::UserCertificateExpiry,
        Self::Validity,
        Self::NotEarly,
        Self::NotLate,
        Self::NotReplayed,
        Self::CaSignature,
        Self::IssuerSignature,
        Self::UserSignature,
        Self::Blacklist,
        Self::NotRepeated,
        Self::Limit,
        Self::Interval,
    ];

    /// Number in the normative table, 1 to 21.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The verdict when this check fails.
    #[must_use]
    pub const fn verdict(self) -> Verdict {
        match self {
            Self::Kind => Verdict::NotRideCode,
            Self::Version => Verdict::Version,
            Self::Length => Verdict::Length,
            Self::Terminal => Verdict::TerminalState,
            Self::CertificateFormat => Verdict::CertFormat,
            Self::Issuer => Verdict::IssuerNotAccepted,
            Self::CertificateExpiry => Verdict::CertExpired,
            Self::CaKey => Verdict::CaKey,
            Self::UserFields => Verdict::UserField,
            Self::UserCertificateExpiry => Verdict::UserCertExpired,
            Self::Validity => Verdict::ValidityPolicy,
            Self::NotEarly => Verdict::NotYetValid,
            Self::NotLate => Verdict::CodeExpired,
            Self::NotReplayed | Self::NotRepeated => Verdict::Duplicate,
            Self::CaSignature => Verdict::CertSignature,
            Self::IssuerSignature => Verdict::IssuerSignature,
            Self::UserSignature => Verdict::UserSignature,
            Self::Blacklist => Verdict::Blacklisted,
            Self::Limit => Verdict::OverLimit,
            Self::Interval => Verdict::TooFrequent,
        }
    }

    /// What is checked, in English and Chinese.
    #[must_use]
    pub const fn title(self) -> (&'static str, &'static str) {
        match self {
            Self::Kind => ("code type", "码类型标识"),
            Self::Version => ("structure version", "结构版本"),
            Self::Length => ("lengths", "长度"),
            Self::Terminal => ("trusted clock, terminal in service", "可信时钟与终端状态"),
            Self::CertificateFormat => ("certificate format", "互通证书格式"),
            Self::Issuer => ("issuer accepted", "发行机构名单"),
            Self::CertificateExpiry => ("certificate expiry", "互通证书失效日期"),
            Self::CaKey => ("CA key of this index", "中心CA公钥"),
            Self::UserFields => ("user fields", "用户证书域字段"),
            Self::UserCertificateExpiry => ("user certificate expiry", "用户证书过期时间"),
            Self::Validity => ("validity policy", "有效时间策略"),
            Self::NotEarly => ("not from the future", "生成时间不超前"),
            Self::NotLate => ("not stale", "码未过期"),
            Self::NotReplayed => ("bytes not seen before", "未重复（字节）"),
            Self::CaSignature => ("CA signature", "互通证书签名"),
            Self::IssuerSignature => ("issuer signature", "发行机构签名"),
            Self::UserSignature => ("user signature", "用户签名"),
            Self::Blacklist => ("not blacklisted", "黑名单"),
            Self::NotRepeated => ("account and second not seen before", "未重复（账户与时间）"),
            Self::Limit => ("fare within single-ride limit", "单次消费金额上限"),
            Self::Interval => ("interval of the account", "同账户间隔"),
        }
    }
}

/// One check's outcome, as a trace shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Which check.
    pub check: Check,
    /// Whether it held.
    pub holds: bool,
    /// Whether the answer came from a cache.
    pub cached: bool,
}

/// Entries of the issuer-certificate cache.
const ISSUER_CACHE_MAX: usize = 256;
/// Entries of the user-certificate cache.
const USER_CACHE_MAX: usize = 4096;

/// Judges codes; holds what a terminal or a clearing centre knows.
#[derive(Debug)]
pub struct Verifier {
    policy: Policy,
    roots: RootTable,
    issuers: BTreeSet<InstitutionCode>,
    issuer_keys: KeyCache,
    user_keys: KeyCache,
}

/// What the checks learned of a code by the time it is accepted.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// The code.
    pub code: RideCode,
    /// Its certificate.
    pub certificate: IssuerCertificate,
    /// Its user domain.
    pub user: UserDomain,
    /// SM3 of its bytes.
    pub digest: sm3::Digest,
    /// Whether the fare is above the limit (possible only where the limit is not enforced).
    pub over_limit: bool,
}

impl Verifier {
    /// Takes the settings and the two lists without which nothing is accepted.
    #[must_use]
    pub fn new(
        policy: Policy,
        roots: RootTable,
        issuers: impl IntoIterator<Item = InstitutionCode>,
    ) -> Self {
        Self {
            policy,
            roots,
            issuers: issuers.into_iter().collect(),
            issuer_keys: KeyCache::new(ISSUER_CACHE_MAX),
            user_keys: KeyCache::new(USER_CACHE_MAX),
        }
    }

    /// The settings.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The accepted issuers.
    #[must_use]
    pub const fn issuers(&self) -> &BTreeSet<InstitutionCode> {
        &self.issuers
    }

    /// Replaces the roots; what was verified under the old ones is forgotten.
    pub fn replace_roots(&mut self, roots: RootTable) {
        self.roots = roots;
        self.forget_keys();
    }

    /// Replaces the accepted issuers.
    pub fn replace_issuers(&mut self, issuers: impl IntoIterator<Item = InstitutionCode>) {
        self.issuers = issuers.into_iter().collect();
    }

    /// Empties both caches.
    pub fn forget_keys(&mut self) {
        self.issuer_keys.clear();
        self.user_keys.clear();
    }

    /// Runs the checks in order; `trace` sees each one.
    ///
    /// # Errors
    /// The [`Verdict`] of the first check that fails.
    pub fn verify(
        &mut self,
        scan: &Scan<'_>,
        blacklists: &BlackLists,
        recent: &RecentCodes,
        trace: &mut dyn FnMut(Step),
    ) -> Result<Accepted, Verdict> {
        let mut mark = |check: Check, holds: bool, cached: bool| {
            trace(Step {
                check,
                holds,
                cached,
            });
            if holds { Ok(()) } else { Err(check.verdict()) }
        };
        let code = match RideCode::frame(scan.bytes) {
            Ok(code) => {
                for check in [Check::Kind, Check::Version, Check::Length] {
                    mark(check, true, false)?;
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
                    mark(check, true, false)?;
                }
                mark(failed, false, false)?;
                unreachable!("a failed check returns its verdict");
            }
        };
        let now = scan.now.filter(|now| *now >= self.policy.min_trusted_clock);
        mark(Check::Terminal, now.is_some(), false)?;
        let now = now.unwrap_or_default();

        let certificate = code
            .certificate()
            .ok()
            .filter(|c| c.check_format(&self.policy.service_id).is_ok());
        mark(Check::CertificateFormat, certificate.is_some(), false)?;
        let Some(certificate) = certificate else {
            return Err(Verdict::CertFormat);
        };
        mark(
            Check::Issuer,
            self.issuers.contains(&certificate.issuer),
            false,
        )?;
        mark(
            Check::CertificateExpiry,
            !certificate.expiry.is_past(now),
            false,
        )?;
        let root = self
            .roots
            .by_index(certificate.ca_index)
            .filter(|root| !root.certificate().expiry.is_past(now));
        mark(Check::CaKey, root.is_some(), false)?;
        let Some(root) = root else {
            return Err(Verdict::CaKey);
        };

        // One digest answers two questions: is the user key a point, did the issuer sign it.
        let user_digest = code.user_certificate_digest();
        let known_user_key = self.user_keys.find(&user_digest);
        let user_is_known = known_user_key.is_some();
        let user = user_fields(&code, known_user_key);
        mark(Check::UserFields, user.is_some(), user_is_known)?;
        let Some((user, user_key)) = user else {
            return Err(Verdict::UserField);
        };
        let expires = Timestamp::new(i64::from(user.expires));
        mark(Check::UserCertificateExpiry, now <= expires, false)?;
        let validity_s = i64::from(user.validity_s);
        mark(
            Check::Validity,
            (1..=self.policy.max_validity_s).contains(&validity_s),
            false,
        )?;
        let generated_at = code.generated_at();
        mark(
            Check::NotEarly,
            generated_at <= now.plus_s(self.policy.future_skew_s),
            false,
        )?;
        mark(
            Check::NotLate,
            now <= generated_at.plus_s(validity_s),
            false,
        )?;
        let digest = code.digest();
        mark(Check::NotReplayed, !recent.has_digest(&digest), false)?;

        let issuer_digest = sm3::digest(code.certificate_bytes());
        let known_issuer_key = self.issuer_keys.find(&issuer_digest);
        let issuer_is_known = known_issuer_key.is_some();
        let ca_holds = issuer_is_known
            || root
                .key()
                .verify(
                    code.ca_signed(),
                    &tongtu_crypto::Signature(certificate.ca_signature),
                )
                .is_ok();
        mark(Check::CaSignature, ca_holds, issuer_is_known)?;

        let issuer_holds = user_is_known || {
            // A CA-signed key that is no point can verify nothing: that is the issuer's fault.
            let key = known_issuer_key
                .or_else(|| PublicKey::from_compressed(&certificate.public_key).ok());
            let (signature_mark, signature) = code.issuer_signature();
            key.is_some_and(|key| {
                let holds = signature_mark == SIGNATURE_MARK
                    && key.verify(code.issuer_signed(), &signature).is_ok();
                if !issuer_is_known {
                    self.issuer_keys.insert(issuer_digest, key);
                }
                holds
            })
        };
        mark(Check::IssuerSignature, issuer_holds, user_is_known)?;
        if !user_is_known {
            self.user_keys.insert(user_digest, user_key.clone());
        }
        let (signature_mark, signature) = code.user_signature();
        let user_holds = signature_mark == SIGNATURE_MARK
            && user_key.verify(code.user_signed(), &signature).is_ok();
        mark(Check::UserSignature, user_holds, false)?;

        let listed = blacklists.names(
            &user.account,
            certificate.issuer,
            certificate.serial,
            || user_digest,
        );
        mark(Check::Blacklist, !listed, false)?;
        let repeated = recent.has_account_time(user.account, generated_at);
        mark(Check::NotRepeated, !repeated, false)?;
        let over_limit = scan.fare > Fen::new(i64::from(user.limit_fen));
        mark(Check::Limit, !(over_limit && scan.enforce_limit), false)?;
        let interval_s = self.policy.account_interval_s;
        let too_soon = recent
            .last_accepted(&user.account)
            .is_some_and(|last| now.since_s(last) < interval_s);
        mark(Check::Interval, !too_soon, false)?;
        Ok(Accepted {
            code,
            certificate,
            user,
            digest,
            over_limit,
        })
    }

    /// Verifies again at clearing: everything but replay, blacklist and interval, judged at
    /// the scan time. Duplicates and blacklists are the store's business there.
    ///
    /// # Errors
    /// The [`Verdict`] of the first check that fails.
    pub fn verify_again(
        &mut self,
        bytes: &[u8],
        scanned_at: Timestamp,
    ) -> Result<Accepted, Verdict> {
        let scan = Scan {
            bytes,
            now: Some(scanned_at),
            fare: Fen::ZERO,
            enforce_limit: false,
        };
        self.verify(
            &scan,
            &BlackLists::default(),
            &RecentCodes::default(),
            &mut |_| {},
        )
    }
}

/// Check 9: printable issuer data, decimal account, a key on the curve.
fn user_fields(code: &RideCode, known: Option<PublicKey>) -> Option<(UserDomain, PublicKey)> {
    let user = code.user().ok()?;
    if !user.issuer_data.iter().all(|b| (0x20..=0x7E).contains(b)) {
        return None;
    }
    let key = match known {
        Some(key) => key,
        None => PublicKey::from_compressed(&user.public_key).ok()?,
    };
    Some((user, key))
}
