//! The lists a terminal holds: which version, since when, and how fresh.

use alloc::string::String;

use tongtu_crypto::sm3;
use tongtu_ride_code::RootTable;
use tongtu_types::Timestamp;

use crate::store::ListsMark;
use crate::{ListBundle, ListError};

/// Lists older than this ask for maintenance: 15 days (service rules draft, article 12).
pub const LISTS_OVERDUE_S: i64 = 15 * 86_400;
/// A blacklist older than this is flagged as stale: 72 hours.
pub const BLACKLIST_STALE_S: i64 = 72 * 3600;

/// How a terminal stands with its lists; neither flag stops service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListsStatus {
    /// Version held.
    pub version: Option<u64>,
    /// When the acquirer made it.
    pub issued_at: Option<Timestamp>,
    /// When this terminal took it; all lists of a bundle are taken together.
    pub applied_at: Option<Timestamp>,
    /// When the lists were last known to be the newest: made, or confirmed by the acquirer.
    pub fresh_at: Option<Timestamp>,
    /// Older than 15 days, or none: send someone.
    pub overdue: bool,
    /// The blacklist is older than 72 hours, or there is none.
    pub blacklist_stale: bool,
}

/// What is remembered of the bundle taken last.
#[derive(Debug)]
pub(crate) struct HeldLists {
    version: u64,
    digest: sm3::Digest,
    issued_at: Timestamp,
    applied_at: Timestamp,
    confirmed_at: Option<Timestamp>,
    pub(crate) roots: RootTable,
    pub(crate) fare_text: String,
}

impl HeldLists {
    /// Admits a bundle that is newer than any before, or that is the one this terminal held
    /// before it was restarted.
    pub(crate) fn admit(
        held: Option<&Self>,
        mark: Option<ListsMark>,
        bundle: &ListBundle,
        digest: sm3::Digest,
        now: Timestamp,
    ) -> Result<Self, ListError> {
        let offered = bundle.version;
        let highest = held
            .map(|h| h.version)
            .max(mark.map(|m| m.version))
            .unwrap_or(0);
        let restored =
            mark.filter(|m| held.is_none() && m.version == offered && m.digest == digest);
        if restored.is_none() && offered <= highest {
            return Err(ListError::NotNewer {
                held: highest,
                offered,
            });
        }
        Ok(Self {
            version: offered,
            digest,
            issued_at: bundle.issued_at,
            applied_at: restored.map_or(now, |m| m.applied_at),
            confirmed_at: None,
            roots: RootTable::default(),
            fare_text: String::new(),
        })
    }

    pub(crate) fn with(self, roots: RootTable, fare_text: String) -> Self {
        Self {
            roots,
            fare_text,
            ..self
        }
    }

    pub(crate) const fn mark(&self) -> ListsMark {
        ListsMark {
            version: self.version,
            digest: self.digest,
            applied_at: self.applied_at,
        }
    }

    pub(crate) fn confirm(&mut self, now: Timestamp) {
        self.confirmed_at = self.confirmed_at.max(Some(now));
    }

    pub(crate) fn status(held: Option<&Self>, now: Timestamp) -> ListsStatus {
        let fresh_at = held.map(|h| h.confirmed_at.map_or(h.issued_at, |c| c.max(h.issued_at)));
        let older_than = |limit_s| fresh_at.is_none_or(|at| now.since_s(at) > limit_s);
        ListsStatus {
            version: held.map(|h| h.version),
            issued_at: held.map(|h| h.issued_at),
            applied_at: held.map(|h| h.applied_at),
            fresh_at,
            overdue: older_than(LISTS_OVERDUE_S),
            blacklist_stale: older_than(BLACKLIST_STALE_S),
        }
    }
}
