//! The checks on one record, in their normative order.
//!
//! [`CHECKS`] is the order; [`judge`] walks it. What needs a key or a store comes in as a fact.

use alloc::borrow::ToOwned;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use tongtu_types::{CardNumber, Fen, InstitutionCode, RecordId, Timestamp};

use crate::{Mcc, Outcome, Verdict};

/// The largest amount that the twelve digits of a file carry.
const AMOUNT_FEN_MAX: i64 = 999_999_999_999;
/// One day.
const DAY_S: i64 = 86_400;

/// Whether the hub has met this record or its code before; a storage constraint knows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Repeat {
    /// Neither.
    None,
    /// A record with this id is settled or on its way to be.
    SameRecord,
    /// Another record carries the same account and generation time, or card and counter.
    SameCode,
}

/// What became of the record's proofs; the service verified them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Evidence {
    /// The code's three signatures, its times at the time of the scan, the record's digest and
    /// the terminal's signature all hold.
    Sound,
    /// The ride code does not verify at the time of the scan.
    CodeRefused,
    /// The record's digest is not that of its bytes.
    DigestWrong,
    /// The terminal's signature does not hold.
    TerminalSignatureWrong,
    /// The card's TAC is not that of its keys, or MAC2 was wrong at the terminal.
    TacWrong,
}

/// What is known of one record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RideFacts {
    /// Whether the record and its code were read completely and agree with each other.
    pub well_formed: bool,
    /// The record's id.
    pub record: RecordId,
    /// The user account number (用户账户号) in the code.
    pub card: CardNumber,
    /// The issuer named by the code.
    pub issuer: InstitutionCode,
    /// The acquirer that sent the record.
    pub acquirer: InstitutionCode,
    /// The merchant category.
    pub mcc: Mcc,
    /// The record's test flag.
    pub test: bool,
    /// When the code was scanned, by the terminal's clock.
    pub rode_at: Timestamp,
    /// When the record reached the hub.
    pub arrived_at: Timestamp,
    /// The later of the terminal's and the account's beginning, as far as known.
    pub not_before: Option<Timestamp>,
    /// The amount charged.
    pub amount: Fen,
    /// The code's single-ride limit (单次消费金额上限).
    pub single_limit: Fen,
    /// Whether this kind of ride may cost nothing (an entry, a free transfer).
    pub may_be_free: bool,
    /// Whether balance before less amount is balance after; a code has no balance and follows.
    pub balance_follows: bool,
    /// What became of its proofs.
    pub evidence: Evidence,
    /// Since when the code's issuer certificate, or its root, is revoked, if it is.
    pub revoked_since: Option<Timestamp>,
    /// Whether the key that it was made with was within its permit at the moment of the ride: its
    /// version, index, city and purpose, its term, and the issuer's certificate.
    pub key_in_scope: bool,
    /// Since when the account is on the blacklist, if it is.
    pub blacklisted_since: Option<Timestamp>,
    /// Whether the record or its code was met before.
    pub repeat: Repeat,
}

/// Numbers that the checks use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// How far a terminal's clock may run ahead of the hub's.
    pub clock_ahead_s: i64,
    /// The age beyond which a ride is settled with a mark.
    pub late_soft_s: i64,
    /// The age beyond which a ride needs the issuer's consent.
    pub late_hard_s: i64,
    /// How long after a listing rides are still the issuer's.
    pub blacklist_grace_s: i64,
    /// How long after a revocation terminals may not know of it: rides until then are paid.
    pub revocation_grace_s: i64,
}

/// Ten minutes, 90 and 180 days, 24 hours; 15 days, which terminals have for new lists.
impl Default for Limits {
    fn default() -> Self {
        Self {
            clock_ahead_s: 600,
            late_soft_s: 90 * DAY_S,
            late_hard_s: 180 * DAY_S,
            blacklist_grace_s: DAY_S,
            revocation_grace_s: 15 * DAY_S,
        }
    }
}

/// Which issuers are accepted with which numbers, and which acquirers with which categories.
///
/// Institutions are compared by [`InstitutionCode::home`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Entitlements {
    issuers: BTreeMap<InstitutionCode, Vec<String>>,
    acquirers: BTreeMap<InstitutionCode, BTreeSet<Mcc>>,
}

impl Entitlements {
    /// Nobody yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Accepts an issuer's accounts that begin with `segment` (卡号段, BIN); an empty segment
    /// accepts all its accounts. Called again, it adds another segment.
    pub fn accept_issuer(&mut self, issuer: InstitutionCode, segment: &str) {
        let segments = self.issuers.entry(issuer.home()).or_default();
        segments.push(segment.to_owned());
    }

    /// Lets an acquirer send rides of a merchant category.
    pub fn entitle_acquirer(&mut self, acquirer: InstitutionCode, mcc: Mcc) {
        let categories = self.acquirers.entry(acquirer.home()).or_default();
        categories.insert(mcc);
    }

    fn accepts(&self, issuer: InstitutionCode, card: &CardNumber) -> bool {
        let segments = self.issuers.get(&issuer.home());
        segments.is_some_and(|all| all.iter().any(|s| card.reveal().starts_with(s.as_str())))
    }

    fn entitles(&self, acquirer: InstitutionCode, mcc: Mcc) -> bool {
        let categories = self.acquirers.get(&acquirer.home());
        categories.is_some_and(|all| all.contains(&mcc))
    }
}

/// What a hub judges by.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct JudgeContext {
    /// Who may issue and acquire.
    pub entitlements: Entitlements,
    /// Whether this hub is a test environment.
    pub test_environment: bool,
    /// The numbers.
    pub limits: Limits,
}

/// What follows from a finding.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Consequence {
    /// The record is rejected.
    Reject,
    /// The record is held.
    Hold,
    /// The record is settled with a mark, unless a later check stops it.
    Mark,
}

/// One check.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// What it finds.
    pub outcome: Outcome,
    /// What follows.
    pub consequence: Consequence,
    finds: fn(&RideFacts, &JudgeContext) -> bool,
}

const fn check(
    outcome: Outcome,
    consequence: Consequence,
    finds: fn(&RideFacts, &JudgeContext) -> bool,
) -> Check {
    Check {
        outcome,
        consequence,
        finds,
    }
}

/// The checks in their normative order; the first that stops a record gives its verdict.
///
/// Block 3 and discounts of the full list are left out.
// UNSPECIFIED: whether a ride under a key outside its permit is refused or held. What its issuer
// could say would not make the key good, and the authority decides on keys; it is refused.
// UNSPECIFIED: a record whose test flag differs from the environment counts in test totals;
// those are not kept yet, and it is rejected, so that it never touches live money.
// UNSPECIFIED: rides of a listed account within the grace are the issuer's to bear, so they
// are settled like any other; from the last second of the grace on they are the acquirer's. The
// same holds of revoked certificates, by the 15 days that terminals have for new lists (service
// rules draft, article 12); no text says when a revocation reaches rides.
pub const CHECKS: [Check; 17] = [
    check(Outcome::Format, Consequence::Reject, malformed),
    check(Outcome::Duplicate, Consequence::Reject, |f, _| {
        f.repeat == Repeat::SameRecord
    }),
    check(Outcome::CodeReused, Consequence::Hold, |f, _| {
        f.repeat == Repeat::SameCode
    }),
    check(Outcome::Issuer, Consequence::Reject, |f, c| {
        !c.entitlements.accepts(f.issuer, &f.card)
    }),
    check(Outcome::Acquirer, Consequence::Reject, |f, c| {
        !c.entitlements.entitles(f.acquirer, f.mcc)
    }),
    check(Outcome::TestFlag, Consequence::Reject, |f, c| {
        f.test != c.test_environment
    }),
    check(Outcome::RideTime, Consequence::Hold, out_of_time),
    check(Outcome::Late, Consequence::Hold, |f, c| {
        age_s(f) > c.limits.late_hard_s
    }),
    check(Outcome::Late, Consequence::Mark, |f, c| {
        age_s(f) > c.limits.late_soft_s
    }),
    check(Outcome::Amount, Consequence::Hold, |f, _| {
        f.amount > f.single_limit
    }),
    check(Outcome::Amount, Consequence::Hold, |f, _| {
        f.amount.is_zero() && !f.may_be_free
    }),
    check(Outcome::Balance, Consequence::Hold, |f, _| {
        !f.balance_follows
    }),
    check(Outcome::Tac, Consequence::Reject, |f, _| {
        f.evidence == Evidence::TacWrong
    }),
    check(Outcome::RideCode, Consequence::Reject, |f, _| {
        f.evidence != Evidence::Sound
    }),
    check(Outcome::Blacklisted, Consequence::Reject, revoked),
    check(Outcome::Blacklisted, Consequence::Reject, blacklisted),
    check(Outcome::Key, Consequence::Reject, |f, _| !f.key_in_scope),
];

/// Judges one record.
#[must_use]
pub fn judge(facts: &RideFacts, context: &JudgeContext) -> Verdict {
    let mut mark = Outcome::Correct;
    for check in CHECKS {
        if !(check.finds)(facts, context) {
            continue;
        }
        match check.consequence {
            Consequence::Reject => return Verdict::Reject(check.outcome),
            Consequence::Hold => return Verdict::Suspicious(check.outcome),
            Consequence::Mark => mark = check.outcome,
        }
    }
    Verdict::Settle(mark)
}

fn malformed(facts: &RideFacts, _: &JudgeContext) -> bool {
    !facts.well_formed
        || !(0..=AMOUNT_FEN_MAX).contains(&facts.amount.get())
        || facts.record.acquirer().home() != facts.acquirer.home()
}

fn out_of_time(facts: &RideFacts, context: &JudgeContext) -> bool {
    facts.rode_at > facts.arrived_at.plus_s(context.limits.clock_ahead_s)
        || facts.not_before.is_some_and(|begin| facts.rode_at < begin)
}

fn blacklisted(facts: &RideFacts, context: &JudgeContext) -> bool {
    let grace_s = context.limits.blacklist_grace_s;
    let since = facts.blacklisted_since;
    since.is_some_and(|since| facts.rode_at >= since.plus_s(grace_s))
}

fn revoked(facts: &RideFacts, context: &JudgeContext) -> bool {
    let grace_s = context.limits.revocation_grace_s;
    let since = facts.revoked_since;
    since.is_some_and(|since| facts.rode_at >= since.plus_s(grace_s))
}

fn age_s(facts: &RideFacts) -> i64 {
    facts.arrived_at.since_s(facts.rode_at)
}

#[cfg(test)]
mod tests;
