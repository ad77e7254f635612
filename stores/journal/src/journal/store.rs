//! What a terminal asks of its store, as frames.

use tongtu_terminal::{Capacity, ListsMark, RecordStore, StoreError, StoredRecord};

use super::{CLOSING_RESERVE, Journal, len_u64, len_u64_of};
use crate::content::{acknowledgements, lists_payload, record_len};
use crate::frame::{Kind, RECORD_LEN_MAX, frame_len};
use crate::medium::Medium;

impl<M: Medium> RecordStore for Journal<M> {
    fn next_seq(&self) -> u64 {
        self.content.next_seq
    }

    fn append(&mut self, record: &[u8]) -> Result<u64, StoreError> {
        check_len(record)?;
        self.check_room(record_len(record.len()))?;
        self.make_room(record_len(record.len()))?;
        let seq = self.content.next_seq;
        let chain = self.content.chain_of_next(record);
        let payload = [&chain[..], record].concat();
        self.append_durably(&[(Kind::Record, seq, &payload)])?;
        self.stored(record, chain);
        Ok(seq)
    }

    fn keep_intent(&mut self, id: u64, intent: &[u8]) -> Result<(), StoreError> {
        check_len(intent)?;
        let len = frame_len(intent.len());
        if !self.content.intents.contains_key(&id) {
            let reserve = usize::try_from(CLOSING_RESERVE).expect("a kilobyte");
            self.check_room(len + reserve)?;
        }
        self.make_room(len)?;
        self.append_durably(&[(Kind::Intent, id, intent)])?;
        self.live_len += len_u64_of(frame_len(intent.len()));
        let replaced = self.content.intents.insert(id, intent.into());
        self.died(replaced);
        Ok(())
    }

    fn drop_intent(&mut self, id: u64) -> Result<(), StoreError> {
        if !self.content.intents.contains_key(&id) {
            return Ok(());
        }
        self.append_durably(&[(Kind::IntentDropped, id, &[])])?;
        let dropped = self.content.intents.remove(&id);
        self.died(dropped);
        Ok(())
    }

    fn append_closing(&mut self, record: &[u8], intent: u64) -> Result<u64, StoreError> {
        check_len(record)?;
        if !self.content.intents.contains_key(&intent) {
            return Err(StoreError::NoIntent { id: intent });
        }
        self.make_room(record_len(record.len()) + 8)?;
        let seq = self.content.next_seq;
        let chain = self.content.chain_of_next(record);
        let payload = [&intent.to_be_bytes(), &chain[..], record].concat();
        self.append_durably(&[(Kind::Closing, seq, &payload)])?;
        let closed = self.content.intents.remove(&intent);
        self.died(closed);
        self.stored(record, chain);
        Ok(seq)
    }

    fn intents(&self) -> Box<dyn Iterator<Item = (u64, &[u8])> + '_> {
        let intents = self.content.intents.iter();
        Box::new(intents.map(|(id, intent)| (*id, &intent[..])))
    }

    fn mark_told(&mut self, seq: u64, completed_by: Option<&[u8]>) -> Result<(), StoreError> {
        if self.is_broken {
            return Err(StoreError::Broken);
        }
        let payload = completed_by.unwrap_or_default();
        check_len(payload)?;
        let entry = self
            .content
            .entries
            .get_mut(&seq)
            .ok_or(StoreError::Unknown { seq })?;
        if entry.told {
            return Ok(());
        }
        entry.told = true;
        entry.completed_by = completed_by.map(Into::into);
        self.unsynced_told.push(seq);
        self.live_len += len_u64_of(frame_len(payload.len()));
        let bytes = self.frames(&[(Kind::Told, seq, payload)]);
        match self.medium.append(&bytes) {
            Ok(()) => {
                self.written_len += len_u64(&bytes);
                Ok(())
            }
            Err(error) => {
                self.undo()?;
                Err(StoreError::Device(error.to_string()))
            }
        }
    }

    fn acknowledge(&mut self, seqs: &[u64]) -> Result<(), StoreError> {
        let entries = &self.content.entries;
        let waits = |seq: &&u64| entries.get(*seq).is_some_and(|e| !e.acknowledged);
        let mut new: Vec<u64> = seqs.iter().filter(waits).copied().collect();
        new.sort_unstable();
        new.dedup();
        if new.is_empty() {
            return Ok(());
        }
        let payloads = acknowledgements(&new);
        let frames: Vec<_> = payloads
            .iter()
            .map(|payload| (Kind::Acknowledged, new[0], &payload[..]))
            .collect();
        self.append_durably(&frames)?;
        for seq in &new {
            if let Some(entry) = self.content.entries.get_mut(seq) {
                entry.acknowledged = true;
            }
        }
        self.waiting -= len_u64_of(new.len());
        self.live_len += len_u64_of(8 * new.len());
        Ok(())
    }

    fn release(&mut self, below: u64) -> Result<(), StoreError> {
        if self.is_broken {
            return Err(StoreError::Broken);
        }
        self.content
            .forget(|seq, entry| seq < below && entry.acknowledged);
        self.count();
        if self.written_len.saturating_sub(self.live_len) <= self.limits.dead_bytes_max {
            return Ok(());
        }
        self.tidy_up()
    }

    fn replay(&self) -> Box<dyn Iterator<Item = StoredRecord<'_>> + '_> {
        Box::new(self.content.replay())
    }

    fn capacity(&self) -> Capacity {
        Capacity {
            held: len_u64_of(self.content.entries.len()),
            waiting: self.waiting,
            intents: len_u64_of(self.content.intents.len()),
            max: self.limits.records_max,
            bytes: self.live_len,
            bytes_max: Some(self.live_max()),
        }
    }

    fn remember_lists(&mut self, mark: ListsMark) -> Result<(), StoreError> {
        let payload = lists_payload(&mark);
        self.append_durably(&[(Kind::Lists, mark.version, &payload)])?;
        self.content.lists = Some(mark);
        Ok(())
    }

    fn lists_mark(&self) -> Option<ListsMark> {
        self.content.lists
    }
}

fn check_len(payload: &[u8]) -> Result<(), StoreError> {
    if payload.len() > RECORD_LEN_MAX {
        return Err(StoreError::TooLong {
            found: payload.len(),
            max: RECORD_LEN_MAX,
        });
    }
    Ok(())
}
