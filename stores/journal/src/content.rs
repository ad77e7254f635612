//! What a journal's frames add up to, and the frames that add up to it afresh.

use std::collections::BTreeMap;

use tongtu_terminal::ListsMark;
use tongtu_types::Timestamp;

use crate::frame::{ACKNOWLEDGED_MAX, Frame, FrameFault, Kind, MAGIC, frame_len};

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) record: Vec<u8>,
    pub(crate) told: bool,
    pub(crate) completed_by: Option<Vec<u8>>,
    pub(crate) acknowledged: bool,
}

impl Entry {
    pub(crate) fn new(record: &[u8]) -> Self {
        Self {
            record: record.to_vec(),
            told: false,
            completed_by: None,
            acknowledged: false,
        }
    }

    /// The payload of its told mark.
    pub(crate) fn told_payload(&self) -> &[u8] {
        self.completed_by.as_deref().unwrap_or_default()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Content {
    pub(crate) next_seq: u64,
    pub(crate) entries: BTreeMap<u64, Entry>,
    pub(crate) intents: BTreeMap<u64, Vec<u8>>,
    pub(crate) lists: Option<ListsMark>,
}

impl Content {
    /// Takes a frame's fact in.
    pub(crate) fn apply(&mut self, frame: &Frame<'_>) -> Result<(), FrameFault> {
        match frame.kind {
            Kind::Head => self.next_seq = frame.seq,
            Kind::Record => self.record(frame.seq, frame.payload)?,
            Kind::Closing => {
                let (id, record) = frame
                    .payload
                    .split_first_chunk()
                    .ok_or(FrameFault::Content)?;
                let closed = self.intents.remove(&u64::from_be_bytes(*id));
                closed.ok_or(FrameFault::Content)?;
                self.record(frame.seq, record)?;
            }
            Kind::Intent => {
                self.intents.insert(frame.seq, frame.payload.to_vec());
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
                    entry.completed_by = (!code.is_empty()).then(|| code.to_vec());
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

    fn record(&mut self, seq: u64, record: &[u8]) -> Result<(), FrameFault> {
        // An image may leave numbers out below its head's; after it they are in a row.
        let is_next = seq == self.next_seq;
        let is_held = seq < self.next_seq
            && self
                .entries
                .last_key_value()
                .is_none_or(|(last, _)| *last < seq);
        if !is_next && !is_held {
            return Err(FrameFault::Content);
        }
        self.next_seq = self.next_seq.max(seq + 1);
        self.entries.insert(seq, Entry::new(record));
        Ok(())
    }

    /// The whole content as a fresh file, in which every byte is durable from the start.
    pub(crate) fn image(&self) -> Vec<u8> {
        let acknowledged: Vec<u64> = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.acknowledged)
            .map(|(seq, _)| *seq)
            .collect();
        let mut frames: Vec<(Kind, u64, Vec<u8>)> = vec![(Kind::Head, self.next_seq, Vec::new())];
        for (seq, entry) in &self.entries {
            frames.push((Kind::Record, *seq, entry.record.clone()));
            if entry.told {
                frames.push((Kind::Told, *seq, entry.told_payload().to_vec()));
            }
        }
        for payload in acknowledgements(&acknowledged) {
            frames.push((Kind::Acknowledged, 0, payload));
        }
        for (id, intent) in &self.intents {
            frames.push((Kind::Intent, *id, intent.clone()));
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

pub(crate) fn acknowledgements(seqs: &[u64]) -> Vec<Vec<u8>> {
    seqs.chunks(ACKNOWLEDGED_MAX)
        .map(|part| part.iter().flat_map(|seq| seq.to_be_bytes()).collect())
        .collect()
}

pub(crate) fn lists_payload(mark: &ListsMark) -> Vec<u8> {
    [&mark.digest[..], &mark.applied_at.get().to_be_bytes()].concat()
}
