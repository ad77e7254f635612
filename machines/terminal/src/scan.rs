//! One scan: what goes in and what comes out.

use alloc::boxed::Box;
use alloc::vec::Vec;

use tongtu_codec::EncodeError;
use tongtu_fare::FareError;
use tongtu_ride_code::record::{Direction, RecordError, RideRecord};
use tongtu_ride_code::{Verdict, foreign};
use tongtu_types::{BusinessDay, CardNumber, RecordId, Timestamp};

use crate::{ClockFault, Notice, OpenEntry, Prompt, StoreError};

/// A code before the scanner, and the circumstances.
#[derive(Debug, Clone, Copy)]
pub struct Scan<'a> {
    /// The decoder's bytes, never its text.
    pub bytes: &'a [u8],
    /// The trusted clock; `None` when it was never set or is out of step.
    pub now: Option<Timestamp>,
    /// The account's open entry as the gate group knows it; looked at by an exit only.
    pub open_entry: Option<OpenEntry>,
}

/// What became of a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScanOutcome {
    /// A new ride; its record is stored. Prompt, then call `told`.
    Accepted(Box<Ride>),
    /// The ride that a power cut left untold is complete now; there is no second record.
    /// Prompt, then call `told`.
    Resumed(Box<Ride>),
    /// No ride; nothing of the terminal changed.
    Refused(Refusal),
}

impl ScanOutcome {
    /// The ride, if there is one.
    #[must_use]
    pub fn ride(&self) -> Option<&Ride> {
        match self {
            Self::Accepted(ride) | Self::Resumed(ride) => Some(ride),
            Self::Refused(_) => None,
        }
    }

    /// The verdict: R00 for rides, R14 for a rider over the limit who was let out.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Accepted(ride) | Self::Resumed(ride) => ride.record.result,
            Self::Refused(refusal) => refusal.verdict,
        }
    }

    /// What to tell the rider; `None` when the terminal stays silent.
    #[must_use]
    pub fn prompt(&self) -> Option<&Prompt> {
        match self {
            Self::Accepted(ride) | Self::Resumed(ride) => Some(&ride.prompt),
            Self::Refused(refusal) => refusal.prompt.as_ref(),
        }
    }
}

/// An accepted ride, its record stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ride {
    /// The record's number in the store.
    pub seq: u64,
    /// The rider's account.
    pub account: CardNumber,
    /// The record.
    pub record: RideRecord,
    /// The record's bytes as stored, signature included.
    pub raw: Vec<u8>,
    /// What else is to be known.
    pub notice: Option<Notice>,
    /// At an exit priced from an entry: that entry's record, to be closed.
    pub closes: Option<RecordId>,
    /// What to tell the rider.
    pub prompt: Prompt,
}

impl Ride {
    pub(crate) fn new(
        seq: u64,
        account: CardNumber,
        record: RideRecord,
        raw: Vec<u8>,
        notice: Option<Notice>,
        scan: &Scan<'_>,
    ) -> Self {
        let direction = record.direction;
        let priced = direction == Direction::Exit && notice != Some(Notice::NoEntry);
        let prompt = Prompt {
            verdict: record.result,
            direction,
            fare: (direction != Direction::Entry && notice != Some(Notice::NoEntry))
                .then_some(record.amount),
            notice,
        };
        Self {
            seq,
            account,
            record,
            raw,
            notice,
            closes: scan.open_entry.filter(|_| priced).map(|e| e.record),
            prompt,
        }
    }

    /// Whether the rider was let out without a known entry (不完整交易): amount 0, kept as
    /// evidence for the back office.
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        self.notice == Some(Notice::NoEntry)
    }
}

/// Why a code was not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The first check that failed.
    pub verdict: Verdict,
    /// With R01: what was before the scanner instead.
    pub foreign: Option<foreign::Kind>,
    /// With R20: what is wrong with the terminal.
    pub out_of_service: Option<OutOfService>,
    /// What to tell the rider; `None` for the echo of a code just accepted.
    pub prompt: Option<Prompt>,
}

/// Why a terminal accepts nothing (R20).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OutOfService {
    /// No clock that can be trusted.
    #[error("no trusted clock")]
    NoClock,
    /// The clock is behind what this terminal itself has recorded.
    #[error("clock says {now}, but a record was made at {last}")]
    ClockBack {
        /// The clock.
        now: Timestamp,
        /// The newest record's time.
        last: Timestamp,
    },
    /// No source confirmed the clock for longer than the profile allows.
    #[error("clock not confirmed for {unsynced_s:?} s, expected at most {max_s} s")]
    ClockUnsynced {
        /// Seconds since a source did; `None` when none ever did.
        unsynced_s: Option<i64>,
        /// What the profile allows.
        max_s: i64,
    },
    /// No list bundle was taken yet.
    #[error("no lists yet")]
    NoLists,
    /// No fare book has begun on this day.
    #[error("no fare book in force on {day}")]
    NoFareBook {
        /// The day in China.
        day: BusinessDay,
    },
    /// The fare book lacks this terminal's line, network or station.
    #[error(transparent)]
    Fare(#[from] FareError),
    /// The record cannot be written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The record of a ride by face cannot be written.
    #[error(transparent)]
    Face(#[from] Box<EncodeError>),
    /// The record store is full or does not work.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ClockFault> for OutOfService {
    fn from(fault: ClockFault) -> Self {
        match fault {
            ClockFault::Unset | ClockFault::BeforeBuild { .. } | ClockFault::Counter { .. } => {
                Self::NoClock
            }
            ClockFault::BeforeRecord { now, last } => Self::ClockBack { now, last },
            ClockFault::Unsynced { unsynced_s, max_s } => Self::ClockUnsynced { unsynced_s, max_s },
        }
    }
}
