//! One content, kept twice: whatever is being written, another copy is whole.
//!
//! ```text
//! slot   "TTTWIN01" | generation 8 | length 8 | content | CRC-32 4
//! ```
//!
//! All integers are big-endian; the CRC covers everything before it. A content is written over the
//! slot that does not count, and counts once its last byte is durable: then its generation is the
//! highest of a whole slot. A power cut leaves a slot that is not whole, and the other counts on.
//! The same holds where a cell of the device goes bad later.

use std::io;

use crate::medium::Medium;

const MAGIC: [u8; 8] = *b"TTTWIN01";
const HEAD_LEN: usize = MAGIC.len() + 8 + 8;
const CRC_LEN: usize = 4;
/// How much is read at once.
pub(crate) const PIECE: usize = 1 << 16;

/// Two slots on two devices, or in two files of one.
#[derive(Debug)]
pub struct Twin<M> {
    slots: [M; 2],
    /// The slot that counts, its generation and the length of its content.
    current: Option<Current>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Current {
    slot: usize,
    generation: u64,
    len: u64,
}

impl<M: Medium> Twin<M> {
    /// Looks at both slots; each is read once, to its end.
    ///
    /// # Errors
    /// The device's. A slot that is not whole is no error: it does not count.
    pub fn open(slots: [M; 2]) -> io::Result<Self> {
        let mut current: Option<Current> = None;
        for (slot, medium) in slots.iter().enumerate() {
            if let Some((generation, len)) = inspect(medium)?
                && current.is_none_or(|other| other.generation < generation)
            {
                current = Some(Current {
                    slot,
                    generation,
                    len,
                });
            }
        }
        Ok(Self { slots, current })
    }

    /// Rises with every content kept; 0 is none.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.current.map_or(0, |current| current.generation)
    }

    /// Length of the content, if there is one.
    #[must_use]
    pub fn len(&self) -> Option<u64> {
        self.current.map(|current| current.len)
    }

    /// Whether there is no content.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.current.is_none()
    }

    /// Hands the content out piece by piece, until all was given or `take` says to stop.
    ///
    /// # Errors
    /// The device's.
    pub fn read(&self, take: &mut dyn FnMut(&[u8]) -> bool) -> io::Result<()> {
        let Some(current) = self.current else {
            return Ok(());
        };
        let mut at = 0;
        let mut piece = vec![0; PIECE];
        while at < current.len {
            let left = usize::try_from(current.len - at).unwrap_or(PIECE);
            let piece = &mut piece[..left.min(PIECE)];
            let from = u64::try_from(HEAD_LEN).expect("small") + at;
            let len = self.slots[current.slot].read_at(from, piece)?;
            if len == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if !take(&piece[..len]) {
                return Ok(());
            }
            at += u64::try_from(len).expect("a length in memory");
        }
        Ok(())
    }

    /// All of the content at once, if there is one.
    ///
    /// # Errors
    /// The device's.
    pub fn load(&self) -> io::Result<Option<Vec<u8>>> {
        let Some(current) = self.current else {
            return Ok(None);
        };
        let mut out = Vec::with_capacity(usize::try_from(current.len).unwrap_or(0));
        self.read(&mut |piece| {
            out.extend(piece);
            true
        })?;
        Ok(Some(out))
    }

    /// Puts `bytes` in the place of the content; durable when it returns.
    ///
    /// # Errors
    /// The device's; then the old content counts on.
    pub fn keep(&mut self, bytes: &[u8]) -> io::Result<()> {
        let len = u64::try_from(bytes.len()).expect("a length in memory");
        let mut writer = self.begin(len)?;
        writer.push(bytes)?;
        writer.commit()
    }

    /// Begins to write a content of `len` bytes. Until it is committed, the old one counts.
    ///
    /// # Errors
    /// The device's.
    pub fn begin(&mut self, len: u64) -> io::Result<TwinWriter<'_, M>> {
        let new = Current {
            slot: self.current.map_or(0, |current| 1 - current.slot),
            generation: self.generation() + 1,
            len,
        };
        let slot = &mut self.slots[new.slot];
        // What lies there is an older content, or the beginning of one that was given up.
        if !slot.is_empty()? {
            slot.truncate(0)?;
        }
        let mut writer = TwinWriter {
            twin: self,
            new,
            left: len,
            crc: crc32fast::Hasher::new(),
        };
        let mut head = MAGIC.to_vec();
        head.extend(new.generation.to_be_bytes());
        head.extend(len.to_be_bytes());
        writer.append(&head)?;
        Ok(writer)
    }
}

/// A content on its way into a [`Twin`]; dropped without a commit, it never was.
#[derive(Debug)]
pub struct TwinWriter<'a, M> {
    twin: &'a mut Twin<M>,
    new: Current,
    left: u64,
    crc: crc32fast::Hasher,
}

impl<M: Medium> TwinWriter<'_, M> {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.crc.update(bytes);
        self.twin.slots[self.new.slot].append(bytes)
    }

    /// Writes the next piece.
    ///
    /// # Errors
    /// The device's, or [`io::ErrorKind::InvalidInput`] when it is more than was announced.
    pub fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        let len = u64::try_from(bytes.len()).expect("a length in memory");
        let left = self.left.checked_sub(len);
        self.left = left.ok_or(io::ErrorKind::InvalidInput)?;
        self.append(bytes)
    }

    /// Makes it the content that counts; durable when it returns.
    ///
    /// # Errors
    /// The device's, or [`io::ErrorKind::InvalidInput`] when it is less than was announced. Then
    /// the old content counts on; after a power cut, the new one may after all.
    pub fn commit(self) -> io::Result<()> {
        if self.left > 0 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let crc = self.crc.finalize().to_be_bytes();
        let slot = &mut self.twin.slots[self.new.slot];
        slot.append(&crc)?;
        slot.sync()?;
        self.twin.current = Some(self.new);
        Ok(())
    }
}

/// Generation and length of a whole slot.
fn inspect(medium: &dyn Medium) -> io::Result<Option<(u64, u64)>> {
    let mut head = [0; HEAD_LEN];
    if medium.read_at(0, &mut head)? < HEAD_LEN || !head.starts_with(&MAGIC) {
        return Ok(None);
    }
    let number = |at: usize| u64::from_be_bytes(head[at..at + 8].try_into().expect("eight"));
    let (generation, len) = (number(8), number(16));
    let overhead = u64::try_from(HEAD_LEN + CRC_LEN).expect("small");
    if len.checked_add(overhead) != Some(medium.len()?) {
        return Ok(None);
    }
    let mut crc = crc32fast::Hasher::new();
    let mut at = 0;
    let end = len + u64::try_from(HEAD_LEN).expect("small");
    let mut piece = vec![0; PIECE];
    while at < end {
        let left = usize::try_from(end - at).unwrap_or(PIECE);
        let got = medium.read_at(at, &mut piece[..left.min(PIECE)])?;
        if got == 0 {
            return Ok(None);
        }
        crc.update(&piece[..got]);
        at += u64::try_from(got).expect("a length in memory");
    }
    let mut stated = [0; CRC_LEN];
    let is_whole = medium.read_at(end, &mut stated)? == CRC_LEN
        && crc.finalize() == u32::from_be_bytes(stated);
    Ok(is_whole.then_some((generation, len)))
}
