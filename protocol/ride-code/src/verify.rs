//! The terminal's checks in their normative order; the first that fails gives the verdict.
//!
//! Steps 5 to 14 are cheap and run first, so that a wrong or stale code costs no point
//! multiplication. A refused code changes nothing but the caches, and those only by what
//! did verify.
//!
//! Here: one code after the other. Many at once are in `together`; what needs no key is written once,
//! in `rules`, for both.

use alloc::collections::BTreeSet;

use tongtu_crypto::batch::KeyShelf;
use tongtu_crypto::{PublicKey, Signature, sm3};
use tongtu_types::{Fen, InstitutionCode, Timestamp};

use crate::cache::KeyCache;
use crate::layout::{IssuerCertificate, SERVICE_TRANSPORT, SIGNATURE_MARK, UserDomain};
use crate::rules::{Marks, Rules};
use crate::{BlackLists, Check, RecentCodes, RideCode, RootTable, Step, Verdict};

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

impl<'a> Scan<'a> {
    /// A code that is looked at again at clearing, at the moment of its scan.
    pub(crate) const fn again(bytes: &'a [u8], scanned_at: Timestamp) -> Self {
        Self {
            bytes,
            now: Some(scanned_at),
            fare: Fen::ZERO,
            enforce_limit: false,
        }
    }
}

/// Entries of the issuer-certificate cache.
const ISSUER_CACHE_MAX: usize = 256;
/// Entries of the user-certificate cache.
const USER_CACHE_MAX: usize = 4096;
/// Issuers' keys of which there may be a table, 256 KiB each, once many codes were verified together.
const ISSUER_TABLES_MAX: usize = 64;

/// Judges codes; holds what a terminal or a clearing centre knows.
#[derive(Debug)]
pub struct Verifier {
    pub(crate) rules: Rules,
    pub(crate) issuer_keys: KeyCache,
    pub(crate) user_keys: KeyCache,
    pub(crate) shelf: KeyShelf,
}

/// What the checks learned of a code by the time it is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
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
            rules: Rules::new(policy, roots, issuers.into_iter().collect()),
            issuer_keys: KeyCache::new(ISSUER_CACHE_MAX),
            user_keys: KeyCache::new(USER_CACHE_MAX),
            shelf: KeyShelf::new(ISSUER_TABLES_MAX),
        }
    }

    /// The settings.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.rules.policy
    }

    /// The roots.
    #[must_use]
    pub const fn roots(&self) -> &RootTable {
        self.rules.roots()
    }

    /// The accepted issuers.
    #[must_use]
    pub const fn issuers(&self) -> &BTreeSet<InstitutionCode> {
        &self.rules.issuers
    }

    /// Replaces the roots. What was verified under others is not found any more: an entry of the
    /// cache is named by all roots that were held.
    pub fn replace_roots(&mut self, roots: RootTable) {
        self.rules.replace_roots(roots);
    }

    /// Replaces the accepted issuers.
    pub fn replace_issuers(&mut self, issuers: impl IntoIterator<Item = InstitutionCode>) {
        self.rules.issuers = issuers.into_iter().collect();
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
        let mut marks = Marks(trace);
        let read = self.rules.read(scan, &mut marks)?;
        let code = &read.code;

        // One digest answers two questions: is the user key a point, did the issuer sign it.
        let user_digest = code.user_certificate_digest();
        let known_user_key = self.user_keys.find(&user_digest);
        let user_is_known = known_user_key.is_some();
        let user_key =
            known_user_key.or_else(|| PublicKey::from_compressed(&read.user.public_key).ok());
        marks.mark(Check::UserFields, user_key.is_some(), user_is_known)?;
        let Some(user_key) = user_key else {
            return Err(Verdict::UserField);
        };
        self.rules.check_times(&read, &mut marks)?;
        let digest = code.digest();
        marks.mark(Check::NotReplayed, !recent.has_digest(&digest), false)?;

        let block = sm3::digest_parts(&self.rules.block_name(code));
        let known_issuer_key = self.issuer_keys.find(&block);
        let issuer_is_known = known_issuer_key.is_some();
        let ca_signature = Signature(read.certificate.ca_signature);
        let ca_holds = issuer_is_known
            || read
                .root
                .key()
                .verify(code.ca_signed(), &ca_signature)
                .is_ok();
        marks.mark(Check::CaSignature, ca_holds, issuer_is_known)?;

        let issuer_holds = user_is_known || {
            // A CA-signed key that is no point can verify nothing: that is the issuer's fault.
            let key = known_issuer_key
                .or_else(|| PublicKey::from_compressed(&read.certificate.public_key).ok());
            let (signature_mark, signature) = code.issuer_signature();
            key.is_some_and(|key| {
                let holds = signature_mark == SIGNATURE_MARK
                    && key.verify(code.issuer_signed(), &signature).is_ok();
                if !issuer_is_known {
                    self.issuer_keys.insert(block, key);
                }
                holds
            })
        };
        marks.mark(Check::IssuerSignature, issuer_holds, user_is_known)?;
        if !user_is_known {
            self.user_keys.insert(user_digest, user_key.clone());
        }
        let (signature_mark, signature) = code.user_signature();
        let user_holds = signature_mark == SIGNATURE_MARK
            && user_key.verify(code.user_signed(), &signature).is_ok();
        marks.mark(Check::UserSignature, user_holds, false)?;
        self.rules.check_ride(
            read,
            (digest, user_digest),
            (blacklists, recent),
            &mut marks,
        )
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
        self.verify(
            &Scan::again(bytes, scanned_at),
            &BlackLists::default(),
            &RecentCodes::default(),
            &mut |_| {},
        )
    }
}
