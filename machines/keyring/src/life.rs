//! One key: what was asked for, how far it is, and what time will do to it.

use tongtu_types::{BusinessDay, Timestamp};

use crate::code::{Cause, Stage};
use crate::duty::Seats;
use crate::event::{Custody, Overlap, Request};
use crate::name::KeyNumber;
use crate::policy::{self, UNUSED_DAYS, days_s};
use crate::record::Signers;

/// The version after a key, and how long the key is still accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Superseded {
    /// The newer version.
    pub by: KeyNumber,
    /// When that was activated.
    pub at: Timestamp,
    /// First moment at which this one is not accepted any more.
    pub until: Timestamp,
}

/// One key of the book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyLife {
    pub(crate) number: KeyNumber,
    pub(crate) request: Request,
    pub(crate) approved_by: Option<Signers>,
    pub(crate) custody: Option<Custody>,
    pub(crate) distributed_at: Option<Timestamp>,
    pub(crate) activated_at: Option<Timestamp>,
    pub(crate) superseded: Option<Superseded>,
    pub(crate) noticed: Option<u16>,
    pub(crate) used_at: Option<Timestamp>,
    pub(crate) flagged_at: Option<Timestamp>,
    /// Refused uses that the authority has not looked at, and when the first was.
    pub(crate) misused: Option<(u32, Timestamp)>,
    pub(crate) suspended: Option<Cause>,
    pub(crate) end: Option<Stage>,
}

impl KeyLife {
    pub(crate) const fn new(number: KeyNumber, request: Request) -> Self {
        Self {
            number,
            request,
            approved_by: None,
            custody: None,
            distributed_at: None,
            activated_at: None,
            superseded: None,
            noticed: None,
            used_at: None,
            flagged_at: None,
            misused: None,
            suspended: None,
            end: None,
        }
    }

    /// Its number in the book.
    #[must_use]
    pub const fn number(&self) -> KeyNumber {
        self.number
    }

    /// What was asked for: city, purpose, algorithm, index, version, term, holder.
    #[must_use]
    pub const fn request(&self) -> &Request {
        &self.request
    }

    /// Who approved it.
    #[must_use]
    pub const fn approved_by(&self) -> Option<&Signers> {
        self.approved_by.as_ref()
    }

    /// Where it is, and its check value, once it was made.
    #[must_use]
    pub const fn custody(&self) -> Option<&Custody> {
        self.custody.as_ref()
    }

    /// Since when it is in use.
    #[must_use]
    pub const fn activated_at(&self) -> Option<Timestamp> {
        self.activated_at
    }

    /// The version after it, if one was activated.
    #[must_use]
    pub const fn superseded(&self) -> Option<Superseded> {
        self.superseded
    }

    /// When it was used last, to the day.
    #[must_use]
    pub const fn used_at(&self) -> Option<Timestamp> {
        self.used_at
    }

    /// How far it is, by what was recorded. What time does by itself is recorded when it is due
    /// ([`crate::KeyBook::due`]); permits do not wait for that.
    #[must_use]
    pub const fn stage(&self) -> Stage {
        if let Some(end) = self.end {
            return end;
        }
        if self.suspended.is_some() {
            return Stage::Suspended;
        }
        if self.superseded.is_some() {
            return Stage::Overlap;
        }
        if self.flagged_at.is_some() {
            return Stage::Unused;
        }
        match (self.activated_at, self.noticed) {
            (Some(_), Some(_)) => return Stage::RenewalDue,
            (Some(_), None) => return Stage::Active,
            (None, _) => {}
        }
        if self.distributed_at.is_some() {
            Stage::Distributed
        } else if self.custody.is_some() {
            Stage::Generated
        } else if self.approved_by.is_some() {
            Stage::Approved
        } else {
            Stage::Requested
        }
    }

    /// Whether this is the version that makes in its slot, or would if it were not suspended.
    pub(crate) const fn leads(&self) -> bool {
        self.activated_at.is_some() && self.superseded.is_none() && self.end.is_none()
    }

    /// First moment at which it is over: by its term, or by its overlap if that ends before.
    #[must_use]
    pub fn over_at(&self) -> Timestamp {
        let until = self.request.until;
        self.superseded.map_or(until, |s| s.until.min(until))
    }

    /// The overlap that an activation of a newer version at `at` may give this one: from, to.
    pub(crate) fn overlap_window(&self, at: Timestamp, days_min: u16) -> (Timestamp, Timestamp) {
        let latest = self.request.until;
        (at.plus_s(days_s(days_min)).min(latest), latest)
    }

    /// The overlap for a newer version that is activated at `at`: so many days, or as long as the
    /// term of this one lasts.
    pub(crate) fn overlap(&self, at: Timestamp, days: u16) -> Overlap {
        let (until, _) = self.overlap_window(at, days);
        Overlap {
            key: self.number,
            until,
        }
    }

    /// Which announcement of its end is due and was not made, and since when.
    pub(crate) fn notice_due(&self, now: Timestamp) -> Option<(u16, Timestamp)> {
        if !self.leads() {
            return None;
        }
        policy::notice_due(self.request.until, self.noticed, now)
    }

    /// When it will have lain unused for twelve months: since its last use, or since it was
    /// activated or handed out without being used at all.
    pub(crate) fn unused_at(&self) -> Option<Timestamp> {
        if self.end.is_some() || self.superseded.is_some() || self.flagged_at.is_some() {
            return None;
        }
        let since = self.used_at.or(self.activated_at).or(self.distributed_at)?;
        Some(since.plus_s(days_s(UNUSED_DAYS)))
    }

    /// The day of its last use, China time.
    pub(crate) fn used_on(&self) -> Option<BusinessDay> {
        self.used_at.map(|at| at.china().day)
    }

    pub(crate) const fn seats(&self) -> Seats {
        Seats {
            province: self.request.province,
            holder: self.request.holder,
            city: self.request.slot.city,
        }
    }
}
