//! What a journal's frames add up to, and the frames that add up to it afresh.

use std::collections::BTreeMap;

use tongtu_terminal::{CHAIN_START, ListsMark, StoredRecord, chained};
use tongtu_types::Timestamp;

use crate::frame::{ACKNOWLEDGED_MAX, CHAIN_LEN, Frame, FrameFault, Kind, MAGIC, frame_len};

type Chain = [u8; CHAIN_LEN];

const BASE_LEN: usize = frame_len(CHAIN_LEN);

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) record: Box<[u8]>,
    pub(crate) told: bool,
    pub(crate) completed_by: Option<Box<[u8]>>,
    pub(crate) acknowledged: bool,
    chain: Chain,
}

impl Entry {
    /// The payload of its told mark.
    pub(crate) fn told_payload(&self) -> &[u8] {
        self.completed_by.as_deref().unwrap_or_default()
    }

    fn needed_len(&self) -> usize {
        let told = self.told.then(|| frame_len(self.told_payload().len()));
        let acknowledged = if self.acknowledged { 8 } else { 0 };
        record_len(self.record.len()) + told.unwrap_or(0) + acknowledged
    }

    fn stored(&self, seq: u64, before: Chain) -> StoredRecord<'_> {
        StoredRecord {
            seq,
            record: &self.record,
            before,
            chain: self.chain,
            told: self.told,
            completed_by: self.completed_by.as_deref(),
            acknowledged: self.acknowledged,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) next_seq: u64,
    pub(crate) entries: BTreeMap<u64, Entry>,
    /// The chain's value before each entry whose predecessor in the chain is not held.
    bases: BTreeMap<u64, Chain>,
    /// The chain's value at the last record, held or not.
    tip: Chain,
    pub(crate) intents: BTreeMap<u64, Box<[u8]>>,
    pub(crate) lists: Option<ListsMark>,
}

impl Default for Content {
    fn default() -> Self {
        Self {
            next_seq: 1,
            entries: BTreeMap::new(),
            bases: BTreeMap::new(),
            tip: CHAIN_START,
            intents: BTreeMap::new(),
            lists: None,
        }
    }
}

impl Content {
    /// The chain's value that the next record gets, if it is this one.
    pub(crate) fn chain_of_next(&self, record: &[u8]) -> Chain {
        chained(&self.tip, self.next_seq, record)
    }

    /// Takes in the record that is next, with its value; returns the bytes that it needs.
    pub(crate) fn store(&mut self, record: &[u8], chain: Chain) -> usize {
        let seq = self.next_seq;
        let mut len = record_len(record.len());
        let last = self.entries.last_key_value();
        // The last entry is the predecessor exactly if it is where the chain stands.
        if last.is_none_or(|(_, entry)| entry.chain != self.tip) {
            self.bases.insert(seq, self.tip);
            len += BASE_LEN;
        }
        self.insert(seq, record, chain);
        self.next_seq += 1;
        self.tip = chain;
        len
    }

    /// Forgets entries; the values that others follow on are kept.
    pub(crate) fn forget(&mut self, mut may_go: impl FnMut(u64, &Entry) -> bool) {
        let mut gone = None;
        let bases = &mut self.bases;
        self.entries.retain(|seq, entry| {
            if may_go(*seq, entry) {
                bases.remove(seq);
                gone = Some(entry.chain);
                return false;
            }
            if let Some(before) = gone.take() {
                // One that has a base follows on something that went earlier.
                bases.entry(*seq).or_insert(before);
            }
            true
        });
    }

    /// The records, by rising number.
    pub(crate) fn replay(&self) -> impl Iterator<Item = StoredRecord<'_>> {
        let mut last = self.tip;
        self.entries.iter().map(move |(seq, entry)| {
            let before = self.bases.get(seq).copied().unwrap_or(last);
            last = entry.chain;
            entry.stored(*seq, before)
        })
    }

    /// Takes a frame's fact in.
    pub(crate) fn apply(&mut self, frame: &Frame<'_>) -> Result<(), FrameFault> {
        match frame.kind {
            Kind::Head => {
                self.next_seq = frame.seq;
                self.tip = frame.payload.try_into().map_err(|_| FrameFault::Content)?;
            }
            Kind::Base => {
                let before = frame.payload.try_into().map_err(|_| FrameFault::Content)?;
                // Only an image has these, in front of what it holds.
                if frame.seq >= self.next_seq {
                    return Err(FrameFault::Content);
                }
                self.bases.insert(frame.seq, before);
            }
            Kind::Record => self.record(frame.seq, frame.payload)?,
            Kind::Closing => {
                let (id, rest) = frame
                    .payload
                    .split_first_chunk()
                    .ok_or(FrameFault::Content)?;
                let closed = self.intents.remove(&u64::from_be_bytes(*id));
                closed.ok_or(FrameFault::Content)?;
                self.record(frame.seq, rest)?;
            }
            Kind::Intent => {
                self.intents.insert(frame.seq, frame.payload.into());
            }
            Kind::IntentDropped => {
                let dropped = self.intents.remove(&frame.seq);
                if dropped.is_none() || !frame.payload.is_empty() {
                    return Err(FrameFault::Content);
                }
            }
            Kind::Told => {
                if let Some(entry) = self.entries.get_mut(&frame.seq) {
                    entry.told = true;
                    let code = frame.payload;
                    entry.completed_by = (!code.is_empty()).then(|| code.into());
                }
            }
            Kind::Acknowledged => {
                let seqs = frame.payload.chunks_exact(8);
                if !seqs.remainder().is_empty() {
                    return Err(FrameFault::Content);
                }
                for seq in seqs {
                    let seq = u64::from_be_bytes(seq.try_into().expect("chunks of eight"));
                    if let Some(entry) = self.entries.get_mut(&seq) {
                        entry.acknowledged = true;
                    }
                }
            }
            Kind::Lists => {
                let (digest, at) = frame
                    .payload
                    .split_first_chunk::<32>()
                    .ok_or(FrameFault::Content)?;
                let at = at.try_into().map_err(|_| FrameFault::Content)?;
                self.lists = Some(ListsMark {
                    version: frame.seq,
                    digest: *digest,
                    applied_at: Timestamp::new(i64::from_be_bytes(at)),
                });
            }
        }
        Ok(())
    }

    /// Takes in a frame of the version before, which had no chain: one is begun over what is
    /// held, so that the file can be rewritten with it.
    pub(crate) fn apply_1(&mut self, frame: &Frame<'_>) -> Result<(), FrameFault> {
        match frame.kind {
            Kind::Head => {
                self.next_seq = frame.seq;
                Ok(())
            }
            Kind::Record => {
                let chain = chained(&self.tip, frame.seq, frame.payload);
                self.admit(frame.seq)?;
                if self.entries.is_empty() {
                    self.bases.insert(frame.seq, self.tip);
                }
                self.insert(frame.seq, frame.payload, chain);
                self.next_seq = self.next_seq.max(frame.seq + 1);
                self.tip = chain;
                Ok(())
            }
            Kind::Told | Kind::Acknowledged | Kind::Lists => self.apply(frame),
            Kind::Intent | Kind::IntentDropped | Kind::Closing | Kind::Base => {
                Err(FrameFault::Kind(frame.kind as u8))
            }
        }
    }

    fn record(&mut self, seq: u64, payload: &[u8]) -> Result<(), FrameFault> {
        let (chain, record) = payload.split_first_chunk().ok_or(FrameFault::Content)?;
        self.admit(seq)?;
        if seq == self.next_seq {
            if self.chain_of_next(record) != *chain {
                return Err(FrameFault::Chain);
            }
            self.store(record, *chain);
            return Ok(());
        }
        let last = self.entries.last_key_value().map(|(_, entry)| entry.chain);
        let before = self.bases.get(&seq).copied().or(last);
        let before = before.ok_or(FrameFault::Content)?;
        let is_last = seq + 1 == self.next_seq;
        if chained(&before, seq, record) != *chain || is_last && *chain != self.tip {
            return Err(FrameFault::Chain);
        }
        self.insert(seq, record, *chain);
        Ok(())
    }

    /// An image may leave numbers out below its head's; after it they are in a row.
    fn admit(&self, seq: u64) -> Result<(), FrameFault> {
        let last = self.entries.last_key_value();
        let is_rising = last.is_none_or(|(last, _)| *last < seq);
        if seq == self.next_seq || seq < self.next_seq && is_rising {
            Ok(())
        } else {
            Err(FrameFault::Content)
        }
    }

    fn insert(&mut self, seq: u64, record: &[u8], chain: Chain) {
        let entry = Entry {
            record: record.into(),
            told: false,
            completed_by: None,
            acknowledged: false,
            chain,
        };
        self.entries.insert(seq, entry);
    }

    /// Bytes that what is held needs, the heads of files and of batches aside.
    pub(crate) fn needed_len(&self) -> u64 {
        let records: usize = self.entries.values().map(Entry::needed_len).sum();
        let intents: usize = self.intents.values().map(|i| frame_len(i.len())).sum();
        let bases = self.bases.len() * BASE_LEN;
        u64::try_from(records + intents + bases).expect("in memory")
    }

    /// The whole content as a fresh file, in which every byte is durable from the start.
    pub(crate) fn image(&self) -> Vec<u8> {
        let acknowledged: Vec<u64> = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.acknowledged)
            .map(|(seq, _)| *seq)
            .collect();
        let mut frames: Vec<(Kind, u64, Vec<u8>)> =
            vec![(Kind::Head, self.next_seq, self.tip.to_vec())];
        for (seq, entry) in &self.entries {
            if let Some(before) = self.bases.get(seq) {
                frames.push((Kind::Base, *seq, before.to_vec()));
            }
            let payload = [&entry.chain[..], &entry.record].concat();
            frames.push((Kind::Record, *seq, payload));
            if entry.told {
                frames.push((Kind::Told, *seq, entry.told_payload().to_vec()));
            }
        }
        for payload in acknowledgements(&acknowledged) {
            frames.push((Kind::Acknowledged, 0, payload));
        }
        for (id, intent) in &self.intents {
            frames.push((Kind::Intent, *id, intent.to_vec()));
        }
        if let Some(mark) = &self.lists {
            frames.push((Kind::Lists, mark.version, lists_payload(mark)));
        }
        let len: usize = frames.iter().map(|(_, _, p)| frame_len(p.len())).sum();
        let durable = u64::try_from(MAGIC.len() + len).expect("a length in memory");
        let mut out = MAGIC.to_vec();
        for (kind, seq, payload) in &frames {
            let frame = Frame {
                kind: *kind,
                seq: *seq,
                durable,
                payload,
            };
            frame.write(&mut out);
        }
        debug_assert_eq!(out.len(), MAGIC.len() + len, "the length was foreseen");
        out
    }
}

/// Bytes of a record's frame.
pub(crate) const fn record_len(len: usize) -> usize {
    frame_len(CHAIN_LEN + len)
}

pub(crate) fn acknowledgements(seqs: &[u64]) -> Vec<Vec<u8>> {
    seqs.chunks(ACKNOWLEDGED_MAX)
        .map(|part| part.iter().flat_map(|seq| seq.to_be_bytes()).collect())
        .collect()
}

pub(crate) fn lists_payload(mark: &ListsMark) -> Vec<u8> {
    [&mark.digest[..], &mark.applied_at.get().to_be_bytes()].concat()
}
