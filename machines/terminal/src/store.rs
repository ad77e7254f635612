//! What a terminal asks of its record store; the store itself lives elsewhere.
//!
//! The terminal trusts five promises: what [`RecordStore::append`] returned for survives a
//! power cut; a record is there whole or not at all; numbers rise and are never given to two
//! records that were both stored; nothing unacknowledged is dropped; an intent (what a card was
//! asked, before it answers) stays until it is dropped or its record takes its place.

use alloc::boxed::Box;
use alloc::string::String;

use tongtu_crypto::sm3;
use tongtu_types::Timestamp;

/// Why a store did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No room that does not hold something still needed; nothing unsent is overwritten.
    #[error("record store is full: {held} records held, expected fewer than {max}")]
    Full {
        /// Records held.
        held: u64,
        /// Records there is room for.
        max: u64,
    },
    /// No room in bytes that does not hold something still needed; nothing unsent is
    /// overwritten.
    #[error("record store is full: {bytes} bytes in use, expected room for {wanted} below {max}")]
    FullBytes {
        /// Bytes in use.
        bytes: u64,
        /// Bytes wanted, with the room kept for records that will close intents.
        wanted: u64,
        /// Bytes there is room for.
        max: u64,
    },
    /// Longer than any record.
    #[error("record of {found} bytes, expected at most {max}")]
    TooLong {
        /// Bytes offered.
        found: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// There is no such record.
    #[error("no record {seq} in the store")]
    Unknown {
        /// The number asked for.
        seq: u64,
    },
    /// There is no such intent: it was closed or dropped before, and its ride has its record.
    #[error("no intent {id:016X} in the store")]
    NoIntent {
        /// The intent asked for.
        id: u64,
    },
    /// The device refused; the store is as it was before.
    #[error("record store's device: {0}")]
    Device(String),
    /// The device refused before and what it holds is uncertain: open the store again.
    #[error("record store is out of use until it is opened again")]
    Broken,
}

/// A record as the store holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredRecord<'a> {
    /// The record's number, rising, never reused.
    pub seq: u64,
    /// The record's bytes, verbatim.
    pub record: &'a [u8],
    /// The chain's value before the record.
    pub before: sm3::Digest,
    /// The chain's value at the record: [`crate::chained`].
    pub chain: sm3::Digest,
    /// Whether the rider is known to have been told. A mark may be lost with the power; a
    /// record with the mark was told for certain.
    pub told: bool,
    /// The code that completed the ride, where it is not the record's own.
    pub completed_by: Option<&'a [u8]>,
    /// Whether the acquirer has it.
    pub acknowledged: bool,
}

/// How full a store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Records held, those acknowledged but still needed against replay included.
    pub held: u64,
    /// Records not acknowledged yet.
    pub waiting: u64,
    /// Intents open; each keeps the room of the record that will close it.
    pub intents: u64,
    /// Records there is room for.
    pub max: u64,
    /// Bytes that all of it needs.
    pub bytes: u64,
    /// Bytes there is room for; `None` where they are not counted.
    pub bytes_max: Option<u64>,
}

impl Capacity {
    /// Whether one more record, or one more intent, would not fit.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.used() >= self.max || self.room_bytes() == Some(0)
    }

    /// That one more record, or one more intent, may fit.
    ///
    /// # Errors
    /// [`StoreError::Full`] or [`StoreError::FullBytes`].
    pub fn check(&self) -> Result<(), StoreError> {
        if self.used() >= self.max {
            return Err(StoreError::Full {
                held: self.held,
                max: self.max,
            });
        }
        match (self.room_bytes(), self.bytes_max) {
            (Some(0), Some(max)) => Err(StoreError::FullBytes {
                bytes: self.bytes,
                wanted: 1,
                max,
            }),
            _ => Ok(()),
        }
    }

    /// Records that still fit, by number and, at the length of those held, by bytes.
    #[must_use]
    pub fn room(&self) -> u64 {
        let by_number = self.max.saturating_sub(self.used());
        let mean = self.bytes.checked_div(self.used()).unwrap_or(0).max(1);
        match self.room_bytes() {
            Some(bytes) => by_number.min(bytes / mean),
            None => by_number,
        }
    }

    /// Bytes that still fit, where they are counted.
    #[must_use]
    pub fn room_bytes(&self) -> Option<u64> {
        self.bytes_max.map(|max| max.saturating_sub(self.bytes))
    }

    /// How much is in use, in hundredths: of records or of bytes, whichever is more.
    #[must_use]
    pub fn used_percent(&self) -> u64 {
        let percent = |used: u64, max: u64| {
            let percent = u128::from(used) * 100 / u128::from(max).max(1);
            u64::try_from(percent).unwrap_or(u64::MAX)
        };
        let bytes = self.bytes_max.map_or(0, |max| percent(self.bytes, max));
        percent(self.used(), self.max).max(bytes)
    }

    const fn used(&self) -> u64 {
        self.held.saturating_add(self.intents)
    }
}

/// Which lists were taken last: what keeps an old bundle out after a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListsMark {
    /// Version of the bundle.
    pub version: u64,
    /// SM3 of its bytes.
    pub digest: sm3::Digest,
    /// When it was taken.
    pub applied_at: Timestamp,
}

/// Where a terminal keeps its records.
pub trait RecordStore {
    /// The number that the next record will get, from 1.
    fn next_seq(&self) -> u64;

    /// Stores a record; it survives a power cut once this returns.
    ///
    /// # Errors
    /// [`StoreError`]; then no such record was stored, unless it is [`StoreError::Broken`]
    /// afterwards: only opening the store again can tell.
    fn append(&mut self, record: &[u8]) -> Result<u64, StoreError>;

    /// Keeps what a card is about to be asked, in place of an intent with the same id; it
    /// survives a power cut once this returns. It also keeps the room of its record.
    ///
    /// # Errors
    /// [`StoreError`]; then the intent, and one it would have replaced, is as before.
    fn keep_intent(&mut self, id: u64, intent: &[u8]) -> Result<(), StoreError>;

    /// Forgets an intent: the card proved that it did not commit. One that is not there is
    /// passed over.
    ///
    /// # Errors
    /// [`StoreError`] when the device refuses; then it is still there.
    fn drop_intent(&mut self, id: u64) -> Result<(), StoreError>;

    /// Stores the record of an intent and forgets the intent, both or neither; survives a power
    /// cut once this returns.
    ///
    /// # Errors
    /// As [`RecordStore::append`]; [`StoreError::NoIntent`] when the intent is not there, so
    /// that one debit cannot get two records.
    fn append_closing(&mut self, record: &[u8], intent: u64) -> Result<u64, StoreError>;

    /// The intents open, by rising id: after a restart, what cards may have done meanwhile.
    fn intents(&self) -> Box<dyn Iterator<Item = (u64, &[u8])> + '_>;

    /// Notes that the rider was told, and by which code if another one than the record's
    /// completed the ride; may be lost with the power, costs no wait.
    ///
    /// # Errors
    /// [`StoreError`] when there is no such record or the device refuses.
    fn mark_told(&mut self, seq: u64, completed_by: Option<&[u8]>) -> Result<(), StoreError>;

    /// Notes that the acquirer has these records; numbers not held are passed over.
    ///
    /// # Errors
    /// [`StoreError`] when the device refuses; then the records will be sent again.
    fn acknowledge(&mut self, seqs: &[u64]) -> Result<(), StoreError>;

    /// Allows the store to forget acknowledged records numbered below `below`.
    ///
    /// # Errors
    /// [`StoreError`] when the device refuses; nothing is lost by it.
    fn release(&mut self, below: u64) -> Result<(), StoreError>;

    /// Every record held, by rising number.
    fn replay(&self) -> Box<dyn Iterator<Item = StoredRecord<'_>> + '_>;

    /// How full the store is.
    fn capacity(&self) -> Capacity;

    /// Remembers which lists were taken; durable when it returns.
    ///
    /// # Errors
    /// [`StoreError`] when the device refuses.
    fn remember_lists(&mut self, mark: ListsMark) -> Result<(), StoreError>;

    /// The lists taken last, if any ever were.
    fn lists_mark(&self) -> Option<ListsMark>;
}
