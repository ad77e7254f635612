//! Writing the chain: one line after the other, one anchor a day.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use tongtu_codec::EncodeError;
use tongtu_crypto::{Signer, SignerFault, sm3};
use tongtu_types::{BusinessDay, Timestamp};

use crate::anchor::{self, Anchor};
use crate::line::{AuditLine, CHAIN_START, Entry};
use crate::verify::{
    AnchorFault, AnchorKeys, Fault, LineFault, check_whole, follow, number_of, read_anchor, verify,
};

/// Why a line is not written, or an anchor not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LogRefusal {
    /// A time before the last line's.
    #[error("{at} is before the last line at {last}")]
    BackInTime {
        /// The time.
        at: Timestamp,
        /// The last line's.
        last: Timestamp,
    },
    /// The day has its anchor: nothing is added to it.
    #[error("{at} belongs to a day that is anchored; the last one anchored is {anchored}")]
    DayAnchored {
        /// The time.
        at: Timestamp,
        /// The last day anchored.
        anchored: BusinessDay,
    },
    /// The day is not over yet.
    #[error("day {day} is not over at {now}")]
    DayNotOver {
        /// The day.
        day: BusinessDay,
        /// Now.
        now: Timestamp,
    },
    /// An earlier day has lines and no anchor.
    #[error("day {day} cannot be anchored before day {expected}")]
    AnchorOrder {
        /// The day.
        day: BusinessDay,
        /// The day that comes first.
        expected: BusinessDay,
    },
    /// Neither the time nor a number can be written.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// There are no more numbers.
    #[error("no number is left for another {what}")]
    NumbersOver {
        /// Line or anchor.
        what: &'static str,
    },
    /// The signer gave no signature.
    #[error("no anchor: {0}")]
    Signer(#[from] SignerFault),
}

/// Where a chain ends, and what of it is not anchored. What it gives, the store keeps; it keeps
/// nothing of it itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditLog {
    count: u64,
    value: sm3::Digest,
    at: Timestamp,
    /// Lines and value at the end of each day that has lines and no anchor, the present included.
    days: BTreeMap<BusinessDay, (u64, sm3::Digest)>,
    anchors: u32,
    last_anchor: sm3::Digest,
    anchored: Option<Anchored>,
}

/// The last anchor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Anchored {
    day: BusinessDay,
    count: u64,
    head: sm3::Digest,
}

impl Default for AuditLog {
    fn default() -> Self {
        Self {
            count: 0,
            value: CHAIN_START,
            at: Timestamp::new(0),
            days: BTreeMap::new(),
            anchors: 0,
            last_anchor: [0; 32],
            anchored: None,
        }
    }
}

impl AuditLog {
    /// A chain without a line.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes on with a chain that was stored; everything in it is verified.
    ///
    /// # Errors
    /// [`Fault`] naming the first line or anchor that does not hold.
    pub fn resume(lines: &[u8], anchors: &[u8], keys: &AnchorKeys) -> Result<Self, Fault> {
        verify(lines, anchors, keys)?;
        // What is read from here on holds, and so does what it says.
        let last = anchors.chunks_exact(Anchor::LEN).last();
        let read = last.and_then(|bytes| Anchor::decode(bytes).ok());
        let mut log = Self {
            last_anchor: last.map_or([0; 32], sm3::digest),
            anchors: read.as_ref().map_or(0, |anchor| anchor.number),
            anchored: read.map(|anchor| Anchored {
                day: anchor.day,
                count: anchor.count,
                head: anchor.head,
            }),
            ..Self::default()
        };
        for line in lines.chunks_exact(AuditLine::LEN) {
            let line = AuditLine::decode(line).map_err(|kind| LineFault::Malformed {
                number: log.count + 1,
                kind,
            })?;
            log.take(line.at, line.value);
        }
        Ok(log)
    }

    /// Goes on by one line of a chain that is read line by line, so that no chain need be in
    /// memory as a whole; what stands elsewhere in it is not looked for.
    ///
    /// # Errors
    /// [`Fault`] when the line does not follow; the chain is then as before.
    pub fn follow(&mut self, line: &[u8]) -> Result<(), Fault> {
        let number = self.count.saturating_add(1);
        let link = follow(number, line, self.value, self.at)?;
        let day = link.at.china().day;
        if let Some(anchored) = self.anchored
            && day <= anchored.day
        {
            let (found, day) = (day, anchored.day);
            return Err(AnchorFault::Day { number, found, day }.into());
        }
        self.take(link.at, link.value);
        Ok(())
    }

    /// Goes on by the anchor of the earliest day that has none, read after the lines of that day.
    ///
    /// # Errors
    /// [`Fault`] when it is not signed, or says of the lines what is not so.
    pub fn follow_anchor(&mut self, anchor: &[u8], keys: &AnchorKeys) -> Result<(), Fault> {
        let number = self.anchors.saturating_add(1);
        let read = read_anchor(number, anchor, keys)?;
        let day = read.day;
        let is_later = self.anchored.is_none_or(|anchored| day > anchored.day);
        if read.before != self.last_anchor || !is_later {
            return Err(AnchorFault::Foreign { number, day }.into());
        }
        let (count, head) = match self.days.first_key_value() {
            Some((first, _)) if *first < day => {
                return Err(AnchorFault::Foreign { number, day }.into());
            }
            Some((first, end)) if *first == day => *end,
            _ => self
                .anchored
                .map_or((0, CHAIN_START), |anchored| (anchored.count, anchored.head)),
        };
        if read.count > self.count {
            let found = self.count;
            let count = read.count;
            return Err(AnchorFault::Truncated { day, count, found }.into());
        }
        if (read.count, read.head) != (count, head) {
            let count = read.count;
            return Err(AnchorFault::Mismatch { day, count }.into());
        }
        self.last_anchor = sm3::digest(anchor);
        self.anchors = number;
        self.days.remove(&day);
        self.anchored = Some(Anchored { day, count, head });
        Ok(())
    }

    /// The last day that is anchored.
    #[must_use]
    pub fn anchored(&self) -> Option<BusinessDay> {
        self.anchored.map(|anchored| anchored.day)
    }

    /// How many anchors there are.
    #[must_use]
    pub const fn anchors(&self) -> u32 {
        self.anchors
    }

    fn take(&mut self, at: Timestamp, value: sm3::Digest) {
        (self.count, self.value, self.at) = (self.count + 1, value, at);
        let day = at.china().day;
        if self.anchored.is_none_or(|anchored| day > anchored.day) {
            self.days.insert(day, (self.count, value));
        }
    }

    /// The next line.
    ///
    /// # Errors
    /// [`LogRefusal`]; the chain is then as before.
    pub fn append(&mut self, entry: &Entry, at: Timestamp) -> Result<AuditLine, LogRefusal> {
        let last = self.at;
        if at < last {
            return Err(LogRefusal::BackInTime { at, last });
        }
        if let Some(anchored) = self.anchored
            && at.china().day <= anchored.day
        {
            let anchored = anchored.day;
            return Err(LogRefusal::DayAnchored { at, anchored });
        }
        let number = self.next_number()?;
        let line = AuditLine::chained(number, at, entry, self.value)?;
        self.take(at, line.value);
        Ok(line)
    }

    pub(crate) fn next_number(&self) -> Result<u64, LogRefusal> {
        let number = self.count.checked_add(1);
        number.ok_or(LogRefusal::NumbersOver { what: "line" })
    }

    /// The earliest moment that the next line can be of: nothing is written before the last line,
    /// nor under a day that is anchored.
    #[must_use]
    pub fn earliest(&self) -> Timestamp {
        let open = self.anchored.map(|anchored| anchored.day.next());
        open.map_or(self.at, |day| day.start_in_china().max(self.at))
    }

    /// Goes on where a long chain ended, of which only a little is read: the last anchor, and the
    /// last line of each day behind it. That these are whole and in order is all that is seen here;
    /// whether all the others hold is for whoever verifies them.
    ///
    /// # Errors
    /// [`Fault`] naming a line or the anchor that is not whole, or out of order.
    pub fn resume_at(
        anchor: Option<&[u8]>,
        ends: &[Vec<u8>],
        keys: &AnchorKeys,
    ) -> Result<Self, Fault> {
        let mut log = Self::default();
        if let Some(bytes) = anchor {
            let number = bytes.get(5..9).and_then(|number| number.try_into().ok());
            let number = number.map_or(0, u32::from_be_bytes);
            let read = read_anchor(number, bytes, keys)?;
            (log.anchors, log.last_anchor) = (read.number, sm3::digest(bytes));
            (log.count, log.value) = (read.count, read.head);
            log.anchored = Some(Anchored {
                day: read.day,
                count: read.count,
                head: read.head,
            });
        }
        for line in ends {
            let number = if line.len() == AuditLine::LEN {
                number_of(line)
            } else {
                log.count.saturating_add(1)
            };
            check_whole(number, line)?;
            let kind = |kind| LineFault::Malformed { number, kind };
            let read = AuditLine::decode(line).map_err(kind)?;
            if number <= log.count {
                return Err(LineFault::Inserted { number }.into());
            }
            if read.at < log.at {
                let at = read.at;
                return Err(LineFault::BackInTime { number, at }.into());
            }
            log.count = number - 1;
            log.take(read.at, read.value);
        }
        Ok(log)
    }

    /// The earliest day that is over at `now`, has lines and has no anchor.
    #[must_use]
    pub fn anchor_due(&self, now: Timestamp) -> Option<BusinessDay> {
        let (day, _) = self.days.first_key_value()?;
        (*day < now.china().day).then_some(*day)
    }

    /// The anchor of a day that is over, signed by the key of that number. A day without lines may
    /// have one too.
    ///
    /// # Errors
    /// [`LogRefusal`]; the chain is then as before, and the day can be anchored later.
    pub fn anchor(
        &mut self,
        day: BusinessDay,
        now: Timestamp,
        (key, signer): (u32, &mut dyn Signer),
    ) -> Result<Anchor, LogRefusal> {
        if now.china().day <= day {
            return Err(LogRefusal::DayNotOver { day, now });
        }
        if let Some(anchored) = self.anchored
            && day <= anchored.day
        {
            let expected = anchored.day.next();
            return Err(LogRefusal::AnchorOrder { day, expected });
        }
        let first = self.days.first_key_value().map(|(day, end)| (*day, *end));
        let (count, head) = match first {
            Some((expected, _)) if expected < day => {
                return Err(LogRefusal::AnchorOrder { day, expected });
            }
            Some((first, end)) if first == day => end,
            _ => self
                .anchored
                .map_or((0, CHAIN_START), |anchored| (anchored.count, anchored.head)),
        };
        let what = "anchor";
        let number = self.anchors.checked_add(1);
        let mut anchor = Anchor {
            magic: anchor::MAGIC,
            version: anchor::VERSION,
            number: number.ok_or(LogRefusal::NumbersOver { what })?,
            day,
            count,
            head,
            before: self.last_anchor,
            key,
            signature: [0; 64],
        };
        anchor.signature = signer.sign_checked(&anchor.signed_bytes()?)?.0;
        self.last_anchor = sm3::digest(&anchor.encode()?);
        self.anchors = anchor.number;
        self.days.remove(&day);
        self.anchored = Some(Anchored { day, count, head });
        Ok(anchor)
    }

    /// How many lines there are, and the value of the last.
    #[must_use]
    pub const fn tip(&self) -> (u64, sm3::Digest) {
        (self.count, self.value)
    }

    /// The days that have lines and no anchor, the present one included.
    #[must_use]
    pub fn unanchored(&self) -> Vec<BusinessDay> {
        self.days.keys().copied().collect()
    }
}
