//! What the authority's book is to do now by itself: announce ends, and record them.

use alloc::vec::Vec;

use tongtu_types::Timestamp;

use super::authority::{Authority, Certificate, RootEntry};
use super::code::CertificateStage;
use super::event::{Event, What};
use crate::policy;
use crate::record::Signers;

/// One thing to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// What.
    pub task: Task,
    /// Since when.
    pub since: Timestamp,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Tell everybody that a root ends in so many days or fewer; once each.
    NoticeRoot {
        /// Which.
        ca_index: u8,
        /// So many days.
        days: u16,
    },
    /// Record that a root's month is over.
    ExpireRoot {
        /// Which.
        ca_index: u8,
    },
    /// Tell the issuer that its certificate ends in so many days or fewer; once each.
    Notice {
        /// Which.
        certificate: u32,
        /// So many days.
        days: u16,
    },
    /// Record that a certificate's month is over.
    Expire {
        /// Which.
        certificate: u32,
    },
}

impl Task {
    /// The certificate, 0 for a root, and the step that does it.
    #[must_use]
    pub const fn step(self) -> (u32, What) {
        match self {
            Self::NoticeRoot { ca_index, days } => (0, What::RootNoticed { ca_index, days }),
            Self::ExpireRoot { ca_index } => (0, What::RootExpired { ca_index }),
            Self::Notice { certificate, days } => (certificate, What::Noticed { days }),
            Self::Expire { certificate } => (certificate, What::Expired),
        }
    }
}

impl Authority {
    /// Everything that is to be done at `now`: roots by index, then certificates by number. What
    /// was recorded is not due again.
    #[must_use]
    pub fn due(&self, now: Timestamp) -> Vec<Due> {
        let roots = self.roots().filter_map(|entry| due_of_root(entry, now));
        let certificates = self.certificates();
        let certificates = certificates.filter_map(|entry| due_of_certificate(entry, now));
        roots.chain(certificates).collect()
    }

    /// The events of everything that is due at `now`. Applied, nothing of it is due again.
    #[must_use]
    pub fn settle(&self, now: Timestamp) -> Vec<Event> {
        let at = now.max(self.last_at());
        let steps = self.due(at).into_iter().map(|due| due.task.step());
        let mut number = self.last_number();
        let event = |(certificate, what)| {
            number += 1;
            Event {
                number,
                at,
                certificate,
                signers: Signers::System,
                what,
            }
        };
        steps.map(event).collect()
    }
}

fn due_of_root(entry: &RootEntry, now: Timestamp) -> Option<Due> {
    if entry.ended {
        return None;
    }
    let certificate = entry.root().certificate();
    let (ca_index, until) = (certificate.ca_index, certificate.expiry.ends_before());
    if now >= until {
        let task = Task::ExpireRoot { ca_index };
        return Some(Due { task, since: until });
    }
    let (days, since) = policy::notice_due(until, entry.noticed, now)?;
    let task = Task::NoticeRoot { ca_index, days };
    Some(Due { task, since })
}

fn due_of_certificate(entry: &Certificate, now: Timestamp) -> Option<Due> {
    let (certificate, until) = (entry.number(), entry.over_at());
    match entry.stage() {
        CertificateStage::Issued | CertificateStage::Active | CertificateStage::Superseded
            if now >= until =>
        {
            let task = Task::Expire { certificate };
            Some(Due { task, since: until })
        }
        CertificateStage::Active => {
            let (days, since) = policy::notice_due(until, entry.noticed, now)?;
            let task = Task::Notice { certificate, days };
            Some(Due { task, since })
        }
        _ => None,
    }
}
