//! The journal: records, marks and acknowledgements, appended one after the other.

use std::io;
use std::path::Path;

use tongtu_terminal::{RecordStore as _, StoreError};

use crate::content::Content;
use crate::frame::{CHAIN_LEN, Frame, FrameFault, Kind, MAGIC, MAGIC_1, frame_len};
use crate::medium::{FileMedium, Medium, ReplaceError};

mod store;

/// How much a journal may hold, and when it tidies up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Records held at once; more are refused, nothing unsent is overwritten. All are in memory.
    pub records_max: u64,
    /// Bytes of what is no longer needed before the file is rewritten without it.
    pub dead_bytes_max: u64,
    /// Bytes that the file may have; the last `dead_bytes_max` of them are kept free of what is
    /// needed, so that a rewrite always gains that much. While it is rewritten the device holds
    /// it twice. Marks, acknowledgements and the records of open intents are never refused: they
    /// may go beyond by a few kilobytes.
    pub bytes_max: u64,
}

/// Bytes kept free for the record that will close an intent.
const CLOSING_RESERVE: u64 = 1024;

impl Default for Limits {
    /// Some four days of a busy bus, about 15 MB in the file and 16 MB in memory; rewritten when
    /// 1 MiB is dead.
    fn default() -> Self {
        Self {
            records_max: 20_000,
            dead_bytes_max: 1 << 20,
            bytes_max: 32 << 20,
        }
    }
}

/// Why a journal does not open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The device refused.
    #[error("journal cannot {action}")]
    Device {
        /// What was tried.
        action: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// Another process, or another opening in this one, holds the journal.
    #[error("journal is held by another process")]
    Locked,
    /// The bytes are no journal of this version or the one before.
    #[error("not a journal: expected \"TTJRNL02\" or \"TTJRNL01\" in front")]
    NotJournal,
    /// Something that was safe on the device is damaged. Nothing is skipped or repaired: what
    /// stands at this offset was promised to an acquirer.
    #[error("journal is damaged at byte {offset}: {fault}")]
    Damaged {
        /// Offset of the first frame that cannot be read.
        offset: u64,
        /// What is wrong with it.
        fault: FrameFault,
    },
}

/// What was cut off when a journal was opened: bytes that no one was ever promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Where the torn part began.
    pub offset: u64,
    /// How many bytes it had.
    pub bytes: u64,
    /// Whole frames behind the torn one that were kept.
    pub kept: usize,
    /// What was wrong at `offset`.
    pub fault: FrameFault,
}

/// Takes a frame of one version of the file in.
type Apply = fn(&mut Content, &Frame<'_>) -> Result<(), FrameFault>;

/// A record store on a medium that only grows, until it is rewritten.
#[derive(Debug)]
pub struct Journal<M> {
    medium: M,
    limits: Limits,
    content: Content,
    waiting: u64,
    /// Bytes appended, and of these the bytes that survive a power cut.
    written_len: u64,
    durable_len: u64,
    /// Told marks behind `durable_len`.
    unsynced_told: Vec<u64>,
    /// Bytes that what is held needs.
    live_len: u64,
    is_broken: bool,
    cut: Option<Cut>,
}

/// A journal in a file.
pub type FileJournal = Journal<FileMedium>;

impl FileJournal {
    /// Opens the journal at `path`, or begins one, and keeps every other process out.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn open(path: &Path, limits: Limits) -> Result<Self, JournalError> {
        let medium = FileMedium::open(path).map_err(|source| match source.kind() {
            io::ErrorKind::WouldBlock => JournalError::Locked,
            _ => device("open its file")(source),
        })?;
        Self::recover(medium, limits)
    }
}

impl<M: Medium> Journal<M> {
    /// Reads a medium, or begins a journal on an empty one. A torn end is cut off and reported
    /// by [`Journal::cut`].
    ///
    /// # Errors
    /// [`JournalError`]; the medium is then as it was.
    pub fn recover(medium: M, limits: Limits) -> Result<Self, JournalError> {
        let bytes = medium.read_all().map_err(device("read"))?;
        let mut journal = Self {
            medium,
            limits,
            content: Content::default(),
            waiting: 0,
            written_len: 0,
            durable_len: 0,
            unsynced_told: Vec::new(),
            live_len: 0,
            is_broken: false,
            cut: None,
        };
        // The first image is put in place whole, so only an empty medium has none.
        let must_rewrite = bytes.is_empty() || journal.read(&bytes)?;
        if must_rewrite {
            journal.rewrite().map_err(|error| match error {
                ReplaceError::Old(source) | ReplaceError::Uncertain(source) => {
                    device("be rewritten")(source)
                }
            })?;
        } else {
            let len = journal.cut.map_or(len_u64(&bytes), |cut| cut.offset);
            if journal.cut.is_some() {
                journal.medium.truncate(len).map_err(device("be cut"))?;
            } else {
                // What the last process left unsynced is read as written, so it must be.
                journal.medium.sync().map_err(device("be synced"))?;
            }
            journal.written_len = len;
            journal.durable_len = len;
        }
        journal.count();
        Ok(journal)
    }

    /// What was cut off at opening, if anything.
    #[must_use]
    pub const fn cut(&self) -> Option<Cut> {
        self.cut
    }

    /// The medium.
    #[must_use]
    pub const fn medium(&self) -> &M {
        &self.medium
    }

    /// Bytes in use on the medium.
    #[must_use]
    pub const fn len_bytes(&self) -> u64 {
        self.written_len
    }

    /// Reads all frames; says whether the file must be rewritten because whole frames were kept
    /// from behind a torn one, or because it is of the version before.
    fn read(&mut self, bytes: &[u8]) -> Result<bool, JournalError> {
        let is_old = bytes.starts_with(&MAGIC_1);
        if !bytes.starts_with(&MAGIC) && !is_old {
            return Err(JournalError::NotJournal);
        }
        let apply = if is_old {
            Content::apply_1
        } else {
            Content::apply
        };
        Ok(self.read_frames(bytes, apply)? || is_old)
    }

    fn read_frames(&mut self, bytes: &[u8], apply: Apply) -> Result<bool, JournalError> {
        let mut offset = MAGIC.len();
        let mut durable = 0;
        let mut torn = None;
        while offset < bytes.len() {
            let is_first = offset == MAGIC.len();
            match Frame::read(&bytes[offset..]) {
                Ok((frame, len)) if (frame.kind == Kind::Head) == is_first => {
                    let fault = |fault| damaged(offset, fault);
                    apply(&mut self.content, &frame).map_err(fault)?;
                    durable = frame.durable.max(durable);
                    offset += len;
                }
                Ok(_) => return Err(damaged(offset, FrameFault::Content)),
                Err(fault) => {
                    torn = Some(fault);
                    break;
                }
            }
        }
        // Every image has a head, and it was put in place whole.
        let Some(fault) = torn else {
            return if offset == MAGIC.len() {
                Err(damaged(offset, FrameFault::CutOff))
            } else {
                Ok(false)
            };
        };
        let later = frames_within(&bytes[offset + 1..]);
        let promised = later.iter().map(|f| f.durable).fold(durable, u64::max);
        let at = len_u64(&bytes[..offset]);
        if offset == MAGIC.len() || promised > at {
            return Err(damaged(offset, fault));
        }
        // Sectors reach the device in any order, so a whole frame may stand behind a torn one.
        // It may also be the last thing promised, the bytes before it gone bad since: keep it.
        for frame in &later {
            if frame.kind == Kind::Head {
                return Err(damaged(offset, fault));
            }
            apply(&mut self.content, frame).map_err(|fault| damaged(offset, fault))?;
        }
        let kept_len: usize = later.iter().map(|f| frame_len(f.payload.len())).sum();
        self.cut = Some(Cut {
            offset: at,
            bytes: len_u64(&bytes[offset..]) - u64::try_from(kept_len).expect("in memory"),
            kept: later.len(),
            fault,
        });
        Ok(!later.is_empty())
    }

    fn count(&mut self) {
        let entries = self.content.entries.values();
        self.waiting = len_u64_of(entries.filter(|e| !e.acknowledged).count());
        self.live_len = self.content.needed_len();
    }

    fn rewrite(&mut self) -> Result<(), ReplaceError> {
        let image = self.content.image();
        self.medium.replace(&image)?;
        self.written_len = len_u64(&image);
        self.durable_len = self.written_len;
        self.unsynced_told.clear();
        Ok(())
    }

    /// Rewrites the file between two appends.
    fn tidy_up(&mut self) -> Result<(), StoreError> {
        match self.rewrite() {
            Ok(()) => Ok(()),
            Err(ReplaceError::Old(error)) => Err(StoreError::Device(error.to_string())),
            // What is appended now might be appended to a file that a power cut takes away.
            Err(ReplaceError::Uncertain(_)) => {
                self.is_broken = true;
                Err(StoreError::Broken)
            }
        }
    }

    /// Appends frames and makes them durable; if that fails, as though it had not been tried.
    fn append_durably(&mut self, frames: &[(Kind, u64, &[u8])]) -> Result<(), StoreError> {
        if self.is_broken {
            return Err(StoreError::Broken);
        }
        let bytes = self.frames(frames);
        let done = self.medium.append(&bytes).and_then(|()| self.medium.sync());
        match done {
            Ok(()) => {
                self.written_len += len_u64(&bytes);
                self.durable_len = self.written_len;
                self.unsynced_told.clear();
                Ok(())
            }
            Err(error) => {
                self.undo()?;
                Err(StoreError::Device(error.to_string()))
            }
        }
    }

    /// Goes back to what is durable. After a failed sync a system may have dropped anything
    /// behind it, so the told marks there are written once more.
    fn undo(&mut self) -> Result<(), StoreError> {
        self.is_broken = true;
        if self.medium.truncate(self.durable_len).is_err() {
            return Err(StoreError::Broken);
        }
        self.written_len = self.durable_len;
        let entries = &self.content.entries;
        let marks: Vec<_> = self
            .unsynced_told
            .iter()
            .filter_map(|seq| Some((Kind::Told, *seq, entries.get(seq)?.told_payload())))
            .collect();
        let bytes = self.frames(&marks);
        if self.medium.append(&bytes).is_err() {
            return Err(StoreError::Broken);
        }
        self.written_len += len_u64(&bytes);
        self.is_broken = false;
        Ok(())
    }

    /// Takes the record in that was just made durable.
    fn stored(&mut self, record: &[u8], chain: [u8; CHAIN_LEN]) {
        let len = self.content.store(record, chain);
        self.waiting += 1;
        self.live_len += len_u64_of(len);
    }

    /// An intent's frame is not needed any more.
    fn died(&mut self, intent: Option<Box<[u8]>>) {
        let len = intent.map_or(0, |intent| frame_len(intent.len()));
        self.live_len -= len_u64_of(len);
    }

    /// Whether a frame of so many bytes fits that is not the record of an open intent.
    fn check_room(&self, wanted: usize) -> Result<(), StoreError> {
        let capacity = self.capacity();
        capacity.check()?;
        let reserve = CLOSING_RESERVE.saturating_mul(capacity.intents);
        let wanted = len_u64_of(wanted).saturating_add(reserve);
        let (bytes, max) = (self.live_len, self.live_max());
        if bytes.saturating_add(wanted) > max {
            return Err(StoreError::FullBytes { bytes, wanted, max });
        }
        Ok(())
    }

    /// Bytes that what is needed may have.
    const fn live_max(&self) -> u64 {
        let Limits {
            bytes_max,
            dead_bytes_max,
            ..
        } = self.limits;
        bytes_max.saturating_sub(dead_bytes_max)
    }

    /// Gives the file room for so many more bytes, if what is dead in it has any.
    fn make_room(&mut self, wanted: usize) -> Result<(), StoreError> {
        if self.is_broken {
            return Err(StoreError::Broken);
        }
        let would_be = self.written_len.saturating_add(len_u64_of(wanted));
        let dead = self.written_len.saturating_sub(self.live_len);
        if would_be > self.limits.bytes_max && dead > self.limits.dead_bytes_max / 2 {
            self.tidy_up()?;
        }
        Ok(())
    }

    fn frames(&self, frames: &[(Kind, u64, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        for (kind, seq, payload) in frames {
            let frame = Frame {
                kind: *kind,
                seq: *seq,
                durable: self.durable_len,
                payload,
            };
            frame.write(&mut out);
        }
        out
    }
}

/// Whole frames anywhere in `bytes`, each looked for behind the one before.
fn frames_within(bytes: &[u8]) -> Vec<Frame<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match Frame::read(&bytes[at..]) {
            Ok((frame, len)) => {
                found.push(frame);
                at += len;
            }
            Err(_) => at += 1,
        }
    }
    found
}

fn damaged(offset: usize, fault: FrameFault) -> JournalError {
    JournalError::Damaged {
        offset: len_u64_of(offset),
        fault,
    }
}

fn device(action: &'static str) -> impl Fn(io::Error) -> JournalError {
    move |source| JournalError::Device { action, source }
}

fn len_u64(bytes: &[u8]) -> u64 {
    len_u64_of(bytes.len())
}

fn len_u64_of(len: usize) -> u64 {
    u64::try_from(len).expect("a length in memory")
}
