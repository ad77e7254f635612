//! The beginning of a file that is on its way, so that a broken line costs the rest only.
//!
//! ```text
//! <name>      frames: length 4 | bytes | CRC-32 4        the first is the label, the others are
//!                                                        the file's bytes from its first on
//! ```
//!
//! The label says which file it is, and is whatever the one who fetches needs to ask for the
//! rest. A power cut takes the end away, at most what came since the last sync. Nothing here is
//! believed: the file is checked like any other once it is whole.

use std::io;
use std::path::Path;

use crate::medium::{FileMedium, Medium};

const HEAD_LEN: usize = 4;
const CRC_LEN: usize = 4;
/// Bytes between two syncs: what a power cut may cost.
const SYNC_EVERY: u64 = 1 << 18;

/// The beginning of a file on any device.
#[derive(Debug)]
pub struct PartStore<M> {
    medium: M,
    label: Option<Vec<u8>>,
    len: u64,
    unsynced: u64,
}

/// The beginning of a file, in a file.
pub type FilePart = PartStore<FileMedium>;

impl FilePart {
    /// The file at `path`; it is made where it does not exist yet.
    ///
    /// # Errors
    /// The system's; [`io::ErrorKind::WouldBlock`] when another process has it.
    pub fn open_at(path: &Path) -> io::Result<Self> {
        Self::open(FileMedium::open(path)?)
    }
}

impl<M: Medium> PartStore<M> {
    /// Opens what is there; a torn end is cut off.
    ///
    /// # Errors
    /// The device's.
    pub fn open(medium: M) -> io::Result<Self> {
        let mut part = Self {
            medium,
            label: None,
            len: 0,
            unsynced: 0,
        };
        let bytes = part.medium.read_all()?;
        let mut frames = Frames { rest: &bytes };
        part.label = frames.next().map(<[u8]>::to_vec);
        part.len = frames.by_ref().map(length).sum();
        let whole = length(&bytes) - length(frames.rest);
        if whole < length(&bytes) {
            part.medium.truncate(whole)?;
        }
        Ok(part)
    }

    /// Which file it is the beginning of; none when there is none.
    #[must_use]
    pub fn label(&self) -> Option<&[u8]> {
        self.label.as_deref()
    }

    /// How many bytes of the file are there.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing of a file is there.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Begins a file in the place of the one before.
    ///
    /// # Errors
    /// The device's.
    pub fn begin(&mut self, label: &[u8]) -> io::Result<()> {
        self.clear()?;
        self.append(label)?;
        self.medium.sync()?;
        self.label = Some(label.to_vec());
        Ok(())
    }

    /// Adds the next bytes.
    ///
    /// # Errors
    /// The device's; [`io::ErrorKind::InvalidInput`] before a file was begun.
    pub fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.label.is_none() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        if bytes.is_empty() {
            return Ok(());
        }
        self.append(bytes)?;
        self.len += length(bytes);
        self.unsynced += length(bytes);
        if self.unsynced >= SYNC_EVERY {
            self.medium.sync()?;
            self.unsynced = 0;
        }
        Ok(())
    }

    /// All bytes that are there.
    ///
    /// # Errors
    /// The device's.
    pub fn load(&self) -> io::Result<Vec<u8>> {
        let bytes = self.medium.read_all()?;
        Ok(Frames { rest: &bytes }.skip(1).flatten().copied().collect())
    }

    /// Forgets the file.
    ///
    /// # Errors
    /// The device's.
    pub fn clear(&mut self) -> io::Result<()> {
        (self.label, self.len, self.unsynced) = (None, 0, 0);
        if self.medium.is_empty()? {
            return Ok(());
        }
        self.medium.truncate(0)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let len = u32::try_from(bytes.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        let mut frame = Vec::with_capacity(HEAD_LEN + bytes.len() + CRC_LEN);
        frame.extend(len.to_be_bytes());
        frame.extend(bytes);
        frame.extend(crc32fast::hash(&frame).to_be_bytes());
        self.medium.append(&frame)
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).expect("a length in memory")
}

/// The whole frames at the front.
struct Frames<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Frames<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let head: &[u8; HEAD_LEN] = self.rest.first_chunk()?;
        let len = usize::try_from(u32::from_be_bytes(*head)).ok()?;
        let (body, after) = self.rest.split_at_checked(HEAD_LEN.checked_add(len)?)?;
        let crc: &[u8; CRC_LEN] = after.first_chunk()?;
        if crc32fast::hash(body) != u32::from_be_bytes(*crc) {
            return None;
        }
        self.rest = &after[CRC_LEN..];
        Some(&body[HEAD_LEN..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SimMedium, Survival};

    #[test]
    fn whatever_a_power_cut_leaves_is_the_beginning_of_the_file() {
        let file: Vec<u8> = (0..=255).cycle().take(900).collect();
        let medium = SimMedium::new();
        let mut part = PartStore::open(medium.clone()).unwrap();
        part.begin(b"label").unwrap();
        for piece in file.chunks(70) {
            part.push(piece).unwrap();
        }
        let whole = medium.read_all().unwrap();
        let mut seen = 0;
        for cut in 0..=whole.len() {
            let mut left = SimMedium::new();
            left.append(&whole[..cut]).unwrap();
            let mut part = PartStore::open(left).unwrap();
            let there = part.load().unwrap();
            assert_eq!(length(&there), part.len());
            assert!(file.starts_with(&there), "cut at {cut}");
            assert!(length(&there) >= seen);
            seen = length(&there);
            // And it goes on from there.
            if part.label().is_some() {
                part.push(&file[there.len()..]).unwrap();
                assert_eq!(part.load().unwrap(), file, "cut at {cut}");
            } else {
                assert!(part.push(b"x").is_err());
            }
        }
        assert_eq!(seen, 900);
        let rebooted = PartStore::open(medium.reboot(&Survival::Everything)).unwrap();
        assert_eq!(rebooted.label(), Some(&b"label"[..]));
    }

    #[test]
    fn a_bent_byte_ends_what_is_there() {
        let medium = SimMedium::new();
        let mut part = PartStore::open(medium.clone()).unwrap();
        part.begin(b"one").unwrap();
        part.push(b"first").unwrap();
        part.push(b"second").unwrap();
        let mut bytes = medium.read_all().unwrap();
        let at = bytes.len() - 6;
        bytes[at] ^= 1;
        let mut bent = SimMedium::new();
        bent.append(&bytes).unwrap();
        let part = PartStore::open(bent).unwrap();
        assert_eq!(part.load().unwrap(), b"first");
    }

    #[test]
    fn another_file_takes_the_place_of_one_that_was_begun() {
        let mut part = PartStore::open(SimMedium::new()).unwrap();
        assert_eq!((part.label(), part.is_empty()), (None, true));
        part.begin(b"one").unwrap();
        part.push(b"first").unwrap();
        part.begin(b"two").unwrap();
        assert_eq!((part.label(), part.len()), (Some(&b"two"[..]), 0));
        part.push(b"second").unwrap();
        assert_eq!(part.load().unwrap(), b"second");
        part.clear().unwrap();
        assert_eq!((part.label(), part.load().unwrap()), (None, vec![]));
    }
}
