//! Records on their way to the acquirer, and what the group tells each other.

use tongtu_terminal::tap::GroupNotice;
use tongtu_terminal::{ChainedRecord, RecordStore as _, UploadStep};
use tongtu_types::Timestamp;

use super::inside::Passage;
use super::{NOTICES_MAX, Terminal, out_of_order};
use crate::code::{TT_ERR_NONE, TT_ERR_STORE, TT_ERR_VALUE};
use crate::fault::Fault;

/// A batch that is fetched record by record.
#[derive(Debug, Default)]
pub(super) struct Batch {
    seqs: Vec<u64>,
    next: usize,
}

impl Terminal {
    /// Turns intents that nobody came back for into grey records, and notes of which rides nobody
    /// was told before a restart; how many records these are.
    pub(crate) fn close_stale(&mut self, now: Option<Timestamp>) -> Result<usize, Fault> {
        self.idle()?;
        let now = self.believed(now);
        let (Some(cards), Some(now)) = (&mut self.cards, now) else {
            return Ok(0);
        };
        let closed = cards.close_stale(now, &mut self.store);
        let closed = closed.map_err(|error| Fault::of(TT_ERR_STORE)(&error))?;
        Ok(closed.len())
    }

    /// The oldest record above `after` that the acquirer does not have.
    pub(crate) fn pending(&self, after: u64) -> Result<(u64, &[u8]), Fault> {
        let mut waiting = self
            .store
            .replay()
            .filter(|stored| stored.seq > after && !stored.acknowledged);
        let next = waiting.next().map(|stored| (stored.seq, stored.record));
        next.ok_or_else(|| Fault::new(TT_ERR_NONE, "no record waits"))
    }

    /// The acquirer has these records.
    pub(crate) fn acknowledge(&mut self, seqs: &[u64]) -> Result<(), Fault> {
        let fault = |error| Fault::of(TT_ERR_STORE)(&error);
        self.store.acknowledge(seqs).map_err(fault)?;
        let Some(cards) = &self.cards else {
            // What a restart needs of the taps is not known yet, so everything stays.
            return Ok(());
        };
        let faces = self.faces.as_mut();
        let needed_by_faces = faces.and_then(|faces| faces.terminal.needed_from());
        let needed = [
            self.scans.needed_from(),
            cards.needed_from(),
            needed_by_faces,
        ];
        let below = needed.into_iter().flatten().min();
        let below = below.unwrap_or_else(|| self.store.next_seq());
        self.store.release(below).map_err(fault)
    }

    /// What to do about uploads now; a batch is fetched by [`Terminal::upload_next`].
    pub(crate) fn upload_begin(&mut self, now: Timestamp) -> UploadStep {
        let step = self.upload.poll(now, &self.store);
        if let UploadStep::Send { records } = &step {
            self.batch = Batch {
                seqs: records.iter().map(|record| record.seq).collect(),
                next: 0,
            };
        }
        step
    }

    pub(crate) const fn upload_failures(&self) -> u32 {
        self.upload.failures()
    }

    /// The next record of the batch; it counts as fetched with [`Terminal::upload_fetched`].
    pub(crate) fn upload_next(&self) -> Result<ChainedRecord, Fault> {
        let seq = self.batch.seqs.get(self.batch.next);
        let seq = seq.ok_or_else(|| Fault::new(TT_ERR_NONE, "no more of the batch"))?;
        let mut stored = self.store.replay().filter(|stored| stored.seq == *seq);
        let stored = stored.next().map(ChainedRecord::from);
        stored.ok_or_else(|| Fault::new(TT_ERR_NONE, format!("record {seq} was released")))
    }

    pub(crate) const fn upload_fetched(&mut self) {
        self.batch.next += 1;
    }

    /// The acquirer answered for these records.
    pub(crate) fn upload_answered(&mut self, seqs: &[u64]) -> Result<(), Fault> {
        let known = self.upload.answered(seqs);
        self.acknowledge(&known)
    }

    /// No answer came; when the next attempt is due.
    pub(crate) fn upload_failed(&mut self, now: Timestamp) -> Timestamp {
        self.upload.failed(now)
    }

    pub(super) fn tell_group(&mut self, notice: &GroupNotice) {
        self.tell(notice.encode());
    }

    pub(super) fn tell(&mut self, notice: Vec<u8>) {
        if self.notices.len() == NOTICES_MAX {
            self.notices.pop_front();
        }
        self.notices.push_back(notice);
    }

    /// The oldest notice for the group; it is gone once it was written.
    pub(crate) fn notice(&self) -> Result<&[u8], Fault> {
        let notice = self.notices.front().map(Vec::as_slice);
        notice.ok_or_else(|| Fault::new(TT_ERR_NONE, "no notice waits"))
    }

    pub(crate) fn notice_gone(&mut self) {
        self.notices.pop_front();
    }

    pub(crate) fn notices(&self) -> usize {
        self.notices.len()
    }

    /// Takes a notice of another terminal of the group.
    pub(crate) fn take_notice(
        &mut self,
        bytes: &[u8],
        now: Option<Timestamp>,
    ) -> Result<(), Fault> {
        self.idle()?;
        let now = self.believed(now);
        let now = now.ok_or_else(|| Fault::new(TT_ERR_VALUE, "now: no trusted clock"))?;
        if let Some(passage) = Passage::decode(bytes)? {
            return self.inside.take(passage, self.acquirer);
        }
        let notice = GroupNotice::decode(bytes);
        let notice = notice.map_err(|error| Fault::of(TT_ERR_VALUE)(&error))?;
        let Some(cards) = &mut self.cards else {
            return Err(out_of_order("the PSAM was not opened yet"));
        };
        let noted = cards.note(notice, now, &mut self.store);
        noted.map_err(|error| Fault::of(TT_ERR_STORE)(&error))
    }
}
