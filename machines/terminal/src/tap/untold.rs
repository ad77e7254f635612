//! Riders who were not told: the terminal lost its power after a ride's record was durable and
//! before anybody beeped, or before it was noted that somebody had; or its module failed right then,
//! and the card has still to vouch for itself.
//!
//! ```text
//!  start ─► rides without the mark ─┬─ tapped again here, and let on ──► told
//!                                   ├─ let on by another of the group ─► told, by that one
//!                                   └─ nobody came within the time ────► noted in a record
//! ```
//!
//! Here: which rides of the store those are, what the group is told of them ([`CardTerminal::torn`]),
//! and the record that says of a ride that nobody was told ([`Recovery::Untold`]). Whoever paid
//! again for such a ride at a terminal that had not heard of it is owed one of the two; that is the
//! back office's to find, and this record is its evidence. How a card is let on is in `again.rs`.

use alloc::boxed::Box;
use alloc::vec::Vec;

use tongtu_purse::field::{DateTime, Terminal};
use tongtu_tap_record::{RecordKind, Recovery, RideKey, TapRecord};
use tongtu_types::Timestamp;

use super::group::GroupNotice;
use super::terminal::{CardTerminal, Recent};
use crate::{RecordStore, StoreError, StoredRecord};

/// A ride that cost something and of which, as far as the store knows, nobody was told.
#[derive(Debug, Clone)]
pub(super) struct UntoldRide {
    pub(super) seq: u64,
    record: Box<TapRecord>,
    at: Timestamp,
}

/// Finds the rides that nobody was told of among what a store holds.
#[derive(Debug, Default)]
pub(super) struct UntoldSearch {
    found: Vec<UntoldRide>,
    /// The newest record with the mark; without one nobody sets marks here.
    told: u64,
}

impl UntoldSearch {
    /// Looks at one record, oldest first.
    pub(super) fn look(&mut self, stored: &StoredRecord<'_>, record: &TapRecord) {
        if stored.told {
            self.told = stored.seq;
        } else if record.is_paid_ride() && !stored.acknowledged {
            self.found.push(UntoldRide {
                seq: stored.seq,
                record: record.clone().into(),
                at: record.recorded_at.instant().unwrap_or_default(),
            });
        } else if record.recovery == Recovery::Untold {
            let ride = record.ride_key();
            self.found.retain(|found| found.record.ride_key() != ride);
        }
    }

    /// What was found. A power cut loses the mark of the last ride, and earlier ones were looked
    /// for before; from whoever never sets one, only what is recent says anything.
    pub(super) fn end(self, since: Timestamp) -> Vec<UntoldRide> {
        let Self { mut found, told } = self;
        found.retain(|ride| ride.seq < told || ride.at >= since);
        found
    }
}

impl CardTerminal {
    /// What the others should know after a restart.
    #[must_use]
    pub fn torn(&self) -> Vec<GroupNotice> {
        let oldest = self.last_at().unwrap_or_default();
        let oldest = oldest.plus_s(-self.profile.rules.grey_after_s);
        let recents = self.recents().filter(|recent| !recent.told);
        let recents = recents.map(|recent| (recent.seq, recent.at, &recent.record));
        let unvouched = self.unvouched.iter().filter(|owing| !owing.told);
        let unvouched = unvouched.map(|owing| (owing.seq, owing.since, &owing.record));
        // Number 0 is a record that another terminal of the group has.
        let untold = recents
            .chain(unvouched)
            .filter(|(seq, at, record)| *seq != 0 && *at >= oldest && record.is_whole());
        let untold = untold.map(|(_, _, record)| GroupNotice::Untold {
            record: record.clone(),
            number: self.number_beside(record),
        });
        // Nobody is let on for a lock.
        let open = self.intents.iter();
        let open = open.filter(|open| open.record.kind != RecordKind::Lock);
        let torn = open.map(|open| self.torn_notice(&open.record));
        untold.chain(torn).collect()
    }

    /// The number by which a card is known before it is asked, where that is another.
    pub(super) fn number_beside(&self, record: &TapRecord) -> Option<tongtu_purse::field::Serial> {
        let is_cash = record.kind == RecordKind::Cash;
        is_cash.then(|| self.number_of(record.serial)).flatten()
    }

    /// Another terminal says of a ride that nobody was told. What this one knows better is not
    /// pinned.
    pub(super) fn note_untold(&mut self, record: Box<TapRecord>, now: Timestamp) {
        let is_ride = match record.kind {
            RecordKind::Lock | RecordKind::Face => false,
            RecordKind::Cash => record.is_paid_ride(),
            _ => true,
        };
        let is_own = record.recorder == self.psam.terminal;
        let ride = record.ride_key();
        let is_here = self
            .recents()
            .any(|recent| recent.record.ride_key() == ride)
            || self
                .intents
                .iter()
                .any(|open| open.record.ride_key() == ride);
        if is_ride && record.is_whole() && !is_own && !is_here && self.hears(record.recorder) {
            self.board.untold(record, now);
        }
    }

    /// A ride is recorded whose card has still to vouch for itself: until then nobody tells its
    /// rider, and no power need fail for it.
    pub(super) fn await_telling(&mut self, seq: u64, record: &TapRecord, at: Timestamp) {
        let is_known = self.untold.iter().any(|untold| untold.seq == seq);
        if record.is_paid_ride() && !is_known {
            let record = record.clone().into();
            self.untold.push(UntoldRide { seq, record, at });
        }
    }

    /// Another terminal has let this ride's rider on: nobody else is let on for it.
    pub(super) fn let_on_elsewhere(
        &mut self,
        ride: RideKey,
        by: Terminal,
        store: &mut dyn RecordStore,
    ) -> Result<(), StoreError> {
        let mut seqs = Vec::new();
        for recent in self.recents_mut() {
            if recent.record.ride_key() == Some(ride) {
                if !recent.told && recent.seq != 0 {
                    seqs.push(recent.seq);
                }
                (recent.told, recent.reopened) = (true, true);
            }
        }
        self.unvouched.retain(|owing| {
            let is_it = owing.record.ride_key() == Some(ride);
            if is_it && !owing.told && owing.seq != 0 {
                seqs.push(owing.seq);
            }
            !is_it
        });
        let untold = self.untold.iter();
        let untold = untold.filter(|untold| untold.record.ride_key() == Some(ride));
        seqs.extend(untold.map(|untold| untold.seq));
        seqs.sort_unstable();
        seqs.dedup();
        for seq in seqs {
            self.untold.retain(|untold| untold.seq != seq);
            store.mark_told(seq, Some(&by.0))?;
        }
        Ok(())
    }

    /// A rider goes on here on a ride that another terminal recorded. No store has a mark for it,
    /// and a power cut forgets all of it: she counts as told.
    pub(super) fn let_on_here(&mut self, record: Box<TapRecord>, at: Timestamp) {
        self.push_recent(Recent {
            seq: 0,
            latest: record.clone(),
            record,
            at,
            told: true,
            reopened: false,
        });
    }

    /// The same, where the card vouched for itself and is known already.
    pub(super) fn told_beside(&mut self, ride: RideKey) {
        for recent in self.recents_mut() {
            recent.told |= recent.record.ride_key() == Some(ride);
        }
    }

    /// Notes of rides that nobody was told, and that nobody came back for, that it was so.
    pub(super) fn close_untold(
        &mut self,
        now: Timestamp,
        store: &mut dyn RecordStore,
    ) -> Result<Vec<u64>, StoreError> {
        let mut closed = Vec::new();
        while let Some(stale) = self
            .untold
            .iter()
            .find(|untold| self.is_late(untold.at, now))
        {
            let seq = stale.seq;
            // No record is dated before the last.
            let at = now.max(self.last_at().unwrap_or(now));
            let noted = stale.record.untold(self.psam.terminal, DateTime::of(at));
            closed.push(store.append(&self.signer.sign(&noted))?);
            self.saw(at);
            self.untold.retain(|untold| untold.seq != seq);
            // From here on nobody is let on for it.
            for recent in self.recents_mut().filter(|recent| recent.seq == seq) {
                (recent.told, recent.reopened) = (true, true);
            }
            self.unvouched.retain(|owing| owing.seq != seq);
        }
        Ok(closed)
    }
}
