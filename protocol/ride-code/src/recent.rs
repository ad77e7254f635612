//! What this terminal accepted lately: the guard against replay.

use alloc::collections::{BTreeMap, BTreeSet};

use tongtu_crypto::sm3;
use tongtu_types::{CardNumber, Timestamp};

use crate::RideCode;

/// Codes accepted lately, by bytes, by (account, generation time), and by account.
///
/// All codes within the window are kept, not only the last one; the first key is the SM3 of
/// the bytes, never a decoder's text. The second key matters because a phone can sign the
/// same second twice with different nonces.
#[derive(Debug, Clone, Default)]
pub struct RecentCodes {
    by_digest: BTreeSet<sm3::Digest>,
    by_account_time: BTreeSet<(CardNumber, Timestamp)>,
    last_by_account: BTreeMap<CardNumber, Timestamp>,
    by_age: BTreeSet<(Timestamp, sm3::Digest, CardNumber, Timestamp)>,
}

impl RecentCodes {
    /// Remembers a code accepted at `at`.
    pub fn remember(
        &mut self,
        digest: sm3::Digest,
        account: CardNumber,
        generated_at: Timestamp,
        at: Timestamp,
    ) {
        self.by_digest.insert(digest);
        self.by_account_time.insert((account, generated_at));
        let last = self.last_by_account.entry(account).or_insert(at);
        *last = (*last).max(at);
        self.by_age.insert((at, digest, account, generated_at));
    }

    /// Remembers a whole code accepted at `at`; a code without a readable account is left out.
    pub fn remember_code(&mut self, code: &RideCode, at: Timestamp) {
        if let Ok(user) = code.user() {
            self.remember(code.digest(), user.account, code.generated_at(), at);
        }
    }

    /// Forgets what was accepted before `horizon`.
    ///
    /// With a horizon of now - (validity cap + skew + interval), nothing is forgotten that
    /// another check would not refuse.
    pub fn forget_before(&mut self, horizon: Timestamp) {
        while let Some(entry) = self.by_age.first().copied() {
            let (at, digest, account, generated_at) = entry;
            if at >= horizon {
                break;
            }
            self.by_age.remove(&entry);
            self.by_digest.remove(&digest);
            self.by_account_time.remove(&(account, generated_at));
            if self
                .last_by_account
                .get(&account)
                .is_some_and(|last| *last < horizon)
            {
                self.last_by_account.remove(&account);
            }
        }
    }

    /// How many codes are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_age.len()
    }

    /// Whether none is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_age.is_empty()
    }

    /// Whether these very bytes were accepted.
    #[must_use]
    pub fn has_digest(&self, digest: &sm3::Digest) -> bool {
        self.by_digest.contains(digest)
    }

    /// Whether a code of this account and this second was accepted.
    #[must_use]
    pub fn has_account_time(&self, account: CardNumber, generated_at: Timestamp) -> bool {
        self.by_account_time.contains(&(account, generated_at))
    }

    /// When this account was last accepted.
    #[must_use]
    pub fn last_accepted(&self, account: &CardNumber) -> Option<Timestamp> {
        self.last_by_account.get(account).copied()
    }
}
