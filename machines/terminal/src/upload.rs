//! Bringing records to the acquirer: one batch at a time, again until it is acknowledged.
//!
//! ```text
//!            poll: records wait            answered
//!   Idle ───────────────────────► Sent ───────────────► Idle
//!                                  │ failed
//!                                  ▼
//!                               Waiting ── poll at or after `until` ──► Sent
//! ```
//!
//! No timer runs in here: the delays are handed out, and the caller comes back.

use alloc::vec::Vec;

use tongtu_tap_record::TapRecord;
use tongtu_types::{TerminalNumber, Timestamp};

use crate::{ChainedRecord, RecordStore, StoredRecord};

/// How long to wait after failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Seconds after the first failure; each further one doubles it.
    pub first_s: u32,
    /// Seconds never exceeded.
    pub max_s: u32,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first_s: 2,
            max_s: 300,
        }
    }
}

impl Backoff {
    /// Seconds to wait after so many failures in a row, spread by terminal: up to a quarter
    /// less, so that a city's terminals do not all come back at once.
    #[must_use]
    pub fn delay_s(&self, failures: u32, terminal: TerminalNumber) -> u32 {
        let doubled = self.first_s.saturating_mul(
            1u32.checked_shl(failures.saturating_sub(1))
                .unwrap_or(u32::MAX),
        );
        let full = doubled.min(self.max_s);
        // FNV over the number and the count: the same terminal waits differently each time.
        let spread = terminal
            .as_str()
            .bytes()
            .chain(failures.to_be_bytes())
            .fold(2_166_136_261u32, |hash, byte| {
                (hash ^ u32::from(byte)).wrapping_mul(16_777_619)
            });
        full - spread % (full / 4 + 1)
    }
}

/// What to do about uploads now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadStep {
    /// Nothing waits.
    Idle,
    /// A batch is out; say [`Upload::answered`] or [`Upload::failed`] first.
    Sent,
    /// Come back then.
    Waiting {
        /// When the next attempt is due.
        until: Timestamp,
    },
    /// Send these, in this order.
    Send {
        /// The records, each with its place in the chain.
        records: Vec<ChainedRecord>,
    },
}

/// Where the terminal stands with its uploads. Nothing of it need survive a restart: what is
/// not acknowledged is sent again, and the acquirer knows a record by its id.
#[derive(Debug)]
pub struct Upload {
    terminal: TerminalNumber,
    batch_max: usize,
    backoff: Backoff,
    failures: u32,
    until: Option<Timestamp>,
    out: Vec<u64>,
    /// The highest number ever sent from here; an answer about others is none of ours.
    sent_max: u64,
}

/// How long a paid ride by card stays here while it is not known whether its rider was told, and
/// whatever comes after it: as long as the rider may come back for it.
///
/// If nobody does, the record that says so goes with it, so that the acquirer never settles the one
/// without having the other.
pub const TELLING_S: i64 = 120;

/// Until when a record is kept from going out.
fn held_until(stored: &StoredRecord<'_>, now: Timestamp) -> Option<Timestamp> {
    if stored.told || !TapRecord::is_one(stored.record) {
        return None;
    }
    let record = TapRecord::decode_signed(stored.record).ok();
    let recorded = record
        .filter(TapRecord::is_paid_ride)?
        .recorded_at
        .instant()?;
    let until = recorded.plus_s(TELLING_S + 1);
    // A clock that jumped back keeps nothing here.
    (recorded <= now && now < until).then_some(until)
}

/// Records in one batch unless told otherwise.
pub const BATCH_MAX: usize = 64;

impl Upload {
    /// Begins with nothing out.
    #[must_use]
    pub const fn new(terminal: TerminalNumber, batch_max: usize, backoff: Backoff) -> Self {
        Self {
            terminal,
            batch_max,
            backoff,
            failures: 0,
            until: None,
            out: Vec::new(),
            sent_max: 0,
        }
    }

    /// What to do now.
    pub fn poll(&mut self, now: Timestamp, store: &dyn RecordStore) -> UploadStep {
        if !self.out.is_empty() {
            return UploadStep::Sent;
        }
        // A clock that jumped back must not keep records here for longer than the longest wait.
        let longest = now.plus_s(i64::from(self.backoff.max_s));
        if let Some(until) = self.until.filter(|until| now < *until && *until <= longest) {
            return UploadStep::Waiting { until };
        }
        let mut records = Vec::new();
        for stored in store.replay().filter(|stored| !stored.acknowledged) {
            if records.len() == self.batch_max {
                break;
            }
            match held_until(&stored, now) {
                None => records.push(ChainedRecord::from(stored)),
                Some(until) if records.is_empty() => return UploadStep::Waiting { until },
                Some(_) => break,
            }
        }
        if records.is_empty() {
            return UploadStep::Idle;
        }
        self.out = records.iter().map(|sent| sent.seq).collect();
        self.sent_max = self.out.iter().copied().fold(self.sent_max, u64::max);
        UploadStep::Send { records }
    }

    /// The acquirer says that it has the records with these numbers: stored, duplicate or
    /// refused. Returns those to acknowledge now, by [`crate::ScanTerminal::acknowledge`] or
    /// [`RecordStore::acknowledge`]; if that cannot be kept they go out again, which harms
    /// nothing.
    ///
    /// An answer names what it answers, so it may be late, come twice, or belong to an earlier
    /// batch: it never acknowledges a record of another batch. One that has none of the batch
    /// that is out leaves it out.
    pub fn answered(&mut self, seqs: &[u64]) -> Vec<u64> {
        let mut known = seqs.to_vec();
        known.retain(|seq| *seq <= self.sent_max);
        if known.iter().any(|seq| self.out.contains(seq)) {
            self.out.clear();
            self.failures = 0;
            self.until = None;
        }
        known
    }

    /// No answer came, or none that could be read.
    ///
    /// Returns when the next attempt is due.
    pub fn failed(&mut self, now: Timestamp) -> Timestamp {
        self.out.clear();
        self.failures = self.failures.saturating_add(1);
        let delay_s = self.backoff.delay_s(self.failures, self.terminal);
        let until = now.plus_s(i64::from(delay_s));
        self.until = Some(until);
        until
    }

    /// Failures in a row so far.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.failures
    }
}
