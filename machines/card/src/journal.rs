//! The journal: objects in non-volatile memory, changed in batches that happen whole or not.
//!
//! Memory is two banks. A bank is a header (magic, epoch, checksum) and frames; a frame is one
//! [`Batch`]. Power-up takes the bank with the highest valid epoch and replays its frames up to
//! the first that does not check. A frame's checksum covers the epoch and the frame before it,
//! so bytes of an older life of the bank, or of a frame that was cut off, are never taken for a
//! frame. A bank that is full is written anew into the other one, whose header comes last.
//!
//! Not here: what the objects mean. Start with [`Nvm::commit`].

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use crate::memory::{Memory, Torn};

/// The name of an object: the application that owns it, and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId {
    /// The owner's number in the registry; 0 is the card itself.
    pub owner: u16,
    /// The object's number, the owner's choice.
    pub number: u16,
}

impl ObjectId {
    /// An object of an owner.
    #[must_use]
    pub const fn new(owner: u16, number: u16) -> Self {
        Self { owner, number }
    }
}

/// Changes that happen together.
#[derive(Clone, Default)]
pub struct Batch {
    changes: BTreeMap<ObjectId, Option<Zeroizing<Vec<u8>>>>,
}

impl Batch {
    /// Sets an object.
    pub fn put(&mut self, id: ObjectId, value: impl Into<Vec<u8>>) {
        self.changes.insert(id, Some(Zeroizing::new(value.into())));
    }

    /// Removes an object.
    pub fn remove(&mut self, id: ObjectId) {
        self.changes.insert(id, None);
    }

    /// What this batch would leave: `None` when it says nothing about the object.
    #[must_use]
    pub fn get(&self, id: ObjectId) -> Option<Option<&[u8]>> {
        self.changes
            .get(&id)
            .map(|value| value.as_ref().map(|value| value.as_slice()))
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The objects it names.
    pub fn ids(&self) -> impl Iterator<Item = ObjectId> + '_ {
        self.changes.keys().copied()
    }

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::new());
        for (id, value) in &self.changes {
            encode_change(*id, value.as_ref().map(|value| value.as_slice()), &mut out);
        }
        out
    }

    fn encoded_len(&self) -> usize {
        let lens = self.changes.values();
        lens.map(|value| CHANGE_HEAD + value.as_ref().map_or(0, |value| value.len()))
            .sum()
    }
}

impl fmt::Debug for Batch {
    /// Names only: a value may be a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.changes.keys()).finish()
    }
}

/// Why a batch was not committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// It does not fit; nothing was changed.
    #[error("the card's memory is full: {needed} bytes needed, {free} free")]
    NoRoom {
        /// Bytes that the objects would need more.
        needed: usize,
        /// Bytes free.
        free: usize,
    },
    /// Power was lost; only the next power-up knows whether the batch happened.
    #[error(transparent)]
    Torn(#[from] Torn),
}

/// Why memory cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Neither bank has a header that checks: the memory was never formatted, or is not ours.
    #[error("no bank of the card's memory has a valid header")]
    NotFormatted,
    /// The memory is smaller than the journal needs.
    #[error("the card's memory has {size} bytes, expected at least {least}")]
    TooSmall {
        /// Its size.
        size: usize,
        /// The least.
        least: usize,
    },
    /// A frame that checks holds something else than changes; not a tear, but another version.
    #[error("frame at byte {at} of bank {bank} does not hold changes")]
    Frame {
        /// Which bank.
        bank: usize,
        /// Offset in the bank.
        at: usize,
    },
    /// Power was lost while the memory was formatted.
    #[error(transparent)]
    Torn(#[from] Torn),
}

const MAGIC: [u8; 4] = *b"TTSE";
/// Magic, epoch, checksum.
const BANK_HEAD: usize = 16;
/// Length, checksum.
const FRAME_HEAD: usize = 8;
/// Owner, number, length.
const CHANGE_HEAD: usize = 8;
/// In the place of a length: the object is removed.
const REMOVED: u32 = u32::MAX;
/// The smallest memory that makes sense.
const SIZE_LEAST: usize = 4096;

/// Objects in non-volatile memory.
pub struct Nvm<M> {
    memory: M,
    objects: BTreeMap<ObjectId, Zeroizing<Vec<u8>>>,
    /// Bytes that all objects take when written into an empty bank.
    live: usize,
    bank: usize,
    epoch: u64,
    /// Where the next frame goes, counted from the bank's start.
    end: usize,
    /// Checksum of the last frame, or of the header.
    chain: u32,
}

impl<M: Memory> Nvm<M> {
    /// Formats blank memory. What was there is forgotten.
    ///
    /// # Errors
    /// [`OpenError::TooSmall`], or [`OpenError::Torn`] when power is lost on the way.
    pub fn format(mut memory: M) -> Result<Self, OpenError> {
        check_size(&memory)?;
        let bank_len = memory.size() / 2;
        // The second header is spoilt first, so that no older life outranks the new one.
        memory.write(bank_len, &[0; BANK_HEAD])?;
        memory.write(BANK_HEAD, &[0; FRAME_HEAD])?;
        let head = bank_head(1);
        memory.write(0, &head)?;
        Self::open(memory)
    }

    /// Opens formatted memory: the state of the last batch that was committed whole.
    ///
    /// # Errors
    /// [`OpenError`] when this is not formatted memory.
    pub fn open(memory: M) -> Result<Self, OpenError> {
        check_size(&memory)?;
        let bank_len = memory.size() / 2;
        let newest = (0..2)
            .filter_map(|bank| {
                let mut head = [0; BANK_HEAD];
                memory.read(bank * bank_len, &mut head);
                epoch_of(&head).map(|epoch| (epoch, bank))
            })
            .max();
        let (epoch, bank) = newest.ok_or(OpenError::NotFormatted)?;
        let mut nvm = Self {
            memory,
            objects: BTreeMap::new(),
            live: 0,
            bank,
            epoch,
            end: BANK_HEAD,
            chain: head_checksum(epoch),
        };
        nvm.replay()?;
        Ok(nvm)
    }

    /// The object, as last committed.
    #[must_use]
    pub fn get(&self, id: ObjectId) -> Option<&[u8]> {
        self.objects.get(&id).map(|value| value.as_slice())
    }

    /// The objects of an owner, in order of number.
    pub fn ids(&self, owner: u16) -> impl Iterator<Item = ObjectId> + '_ {
        let range = ObjectId::new(owner, 0)..=ObjectId::new(owner, u16::MAX);
        self.objects.range(range).map(|(id, _)| *id)
    }

    /// Every object with its value: what a test compares before and after.
    pub fn objects(&self) -> impl Iterator<Item = (ObjectId, &[u8])> + '_ {
        self.objects
            .iter()
            .map(|(id, value)| (*id, value.as_slice()))
    }

    /// Bytes that new objects may take.
    #[must_use]
    pub fn free(&self) -> usize {
        let room = self.bank_len() - BANK_HEAD - 2 * FRAME_HEAD;
        room.saturating_sub(self.live)
    }

    /// The memory, without power.
    pub fn into_memory(self) -> M {
        self.memory
    }

    /// Makes a batch durable, whole.
    ///
    /// # Errors
    /// [`CommitError::NoRoom`] when it does not fit, and nothing is changed;
    /// [`CommitError::Torn`] when power is lost, after which only [`Nvm::open`] knows.
    pub fn commit(&mut self, batch: Batch) -> Result<(), CommitError> {
        if batch.is_empty() {
            return Ok(());
        }
        let live = self.live_after(&batch);
        let room = self.bank_len() - BANK_HEAD - 2 * FRAME_HEAD;
        if live > room {
            return Err(CommitError::NoRoom {
                needed: live - self.live,
                free: self.free(),
            });
        }
        let frame_len = FRAME_HEAD + batch.encoded_len();
        // The eight zero bytes behind the frame end the bank.
        if self.end + frame_len + FRAME_HEAD <= self.bank_len() {
            let body = batch.encode();
            let (frame, checksum) = frame(self.epoch, self.chain, &body);
            self.write_frame(self.bank, self.end, &frame)?;
            self.end += frame.len();
            self.chain = checksum;
            self.absorb(batch);
        } else {
            self.absorb(batch);
            self.move_to_other_bank()?;
        }
        self.live = live;
        Ok(())
    }

    fn bank_len(&self) -> usize {
        self.memory.size() / 2
    }

    fn live_after(&self, batch: &Batch) -> usize {
        let mut live = self.live;
        for (id, value) in &batch.changes {
            if let Some(old) = self.objects.get(id) {
                live -= CHANGE_HEAD + old.len();
            }
            if let Some(new) = value {
                live += CHANGE_HEAD + new.len();
            }
        }
        live
    }

    fn absorb(&mut self, batch: Batch) {
        for (id, value) in batch.changes {
            match value {
                Some(value) => self.objects.insert(id, value),
                None => self.objects.remove(&id),
            };
        }
    }

    /// The end mark first, then the frame: whatever lay behind it is not read as a frame.
    fn write_frame(&mut self, bank: usize, at: usize, frame: &[u8]) -> Result<(), Torn> {
        let start = bank * self.bank_len() + at;
        self.memory.write(start + frame.len(), &[0; FRAME_HEAD])?;
        self.memory.write(start, frame)
    }

    /// Writes everything as one frame into the other bank, its header last.
    fn move_to_other_bank(&mut self) -> Result<(), Torn> {
        let (bank, epoch) = (1 - self.bank, self.epoch + 1);
        let mut body = Zeroizing::new(Vec::new());
        for (id, value) in &self.objects {
            encode_change(*id, Some(value), &mut body);
        }
        let (frame, checksum) = frame(epoch, head_checksum(epoch), &body);
        self.write_frame(bank, BANK_HEAD, &frame)?;
        self.memory
            .write(bank * self.bank_len(), &bank_head(epoch))?;
        (self.bank, self.epoch) = (bank, epoch);
        self.end = BANK_HEAD + frame.len();
        self.chain = checksum;
        Ok(())
    }

    fn replay(&mut self) -> Result<(), OpenError> {
        let mut bytes = Zeroizing::new(alloc::vec![0; self.bank_len()]);
        self.memory.read(self.bank * self.bank_len(), &mut bytes);
        while let Some((body, checksum)) = next_frame(&bytes, self.end, self.epoch, self.chain) {
            let at = self.end;
            let batch = decode_changes(body).ok_or(OpenError::Frame {
                bank: self.bank,
                at,
            })?;
            self.live = self.live_after(&batch);
            self.absorb(batch);
            self.end += FRAME_HEAD + body.len();
            self.chain = checksum;
        }
        Ok(())
    }
}

impl<M> fmt::Debug for Nvm<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nvm")
            .field("objects", &self.objects.len())
            .field("epoch", &self.epoch)
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}

fn check_size(memory: &impl Memory) -> Result<(), OpenError> {
    let size = memory.size();
    if size < SIZE_LEAST {
        return Err(OpenError::TooSmall {
            size,
            least: SIZE_LEAST,
        });
    }
    Ok(())
}

fn head_checksum(epoch: u64) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&MAGIC);
    hasher.update(&epoch.to_be_bytes());
    hasher.finalize()
}

fn bank_head(epoch: u64) -> [u8; BANK_HEAD] {
    let mut head = [0; BANK_HEAD];
    head[..4].copy_from_slice(&MAGIC);
    head[4..12].copy_from_slice(&epoch.to_be_bytes());
    head[12..].copy_from_slice(&head_checksum(epoch).to_be_bytes());
    head
}

fn epoch_of(head: &[u8; BANK_HEAD]) -> Option<u64> {
    let epoch = u64::from_be_bytes(head[4..12].try_into().expect("eight bytes"));
    (bank_head(epoch) == *head).then_some(epoch)
}

fn frame_checksum(epoch: u64, chain: u32, body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&epoch.to_be_bytes());
    hasher.update(&chain.to_be_bytes());
    hasher.update(body);
    hasher.finalize()
}

fn frame(epoch: u64, chain: u32, body: &[u8]) -> (Zeroizing<Vec<u8>>, u32) {
    let checksum = frame_checksum(epoch, chain, body);
    let len = u32::try_from(body.len()).expect("a bank is smaller than 4 GiB");
    let mut out = Zeroizing::new(Vec::with_capacity(FRAME_HEAD + body.len()));
    out.extend(len.to_be_bytes());
    out.extend(checksum.to_be_bytes());
    out.extend(body);
    (out, checksum)
}

/// The frame at `at`, if there is a whole one that checks.
fn next_frame(bank: &[u8], at: usize, epoch: u64, chain: u32) -> Option<(&[u8], u32)> {
    let rest = bank.get(at..)?;
    let (len, rest) = rest.split_first_chunk::<4>()?;
    let (checksum, rest) = rest.split_first_chunk::<4>()?;
    let len = usize::try_from(u32::from_be_bytes(*len)).ok()?;
    if len == 0 {
        return None;
    }
    let body = rest.get(..len)?;
    let checksum = u32::from_be_bytes(*checksum);
    (frame_checksum(epoch, chain, body) == checksum).then_some((body, checksum))
}

fn encode_change(id: ObjectId, value: Option<&[u8]>, out: &mut Vec<u8>) {
    out.extend(id.owner.to_be_bytes());
    out.extend(id.number.to_be_bytes());
    match value {
        Some(value) => {
            let len = u32::try_from(value.len()).expect("a bank is smaller than 4 GiB");
            out.extend(len.to_be_bytes());
            out.extend(value);
        }
        None => out.extend(REMOVED.to_be_bytes()),
    }
}

fn decode_changes(mut body: &[u8]) -> Option<Batch> {
    let mut batch = Batch::default();
    while !body.is_empty() {
        let (owner, rest) = body.split_first_chunk::<2>()?;
        let (number, rest) = rest.split_first_chunk::<2>()?;
        let (len, rest) = rest.split_first_chunk::<4>()?;
        let id = ObjectId::new(u16::from_be_bytes(*owner), u16::from_be_bytes(*number));
        match u32::from_be_bytes(*len) {
            REMOVED => {
                batch.remove(id);
                body = rest;
            }
            len => {
                let (value, rest) = rest.split_at_checked(usize::try_from(len).ok()?)?;
                batch.put(id, value);
                body = rest;
            }
        }
    }
    Some(batch)
}

#[cfg(test)]
mod tests;
