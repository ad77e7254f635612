//! The card blacklist at rest: the last full file twice, and the deltas since.
//!
//! ```text
//! <name>.a, <name>.b   the full file, see `Twin`
//! <name>.deltas        frames: length 4 | generation 8 | the delta's file | CRC-32 4
//! ```
//!
//! What is kept are the acquirer's own signed bytes: nothing that lies here is believed for lying
//! here. A delta belongs to the full file of its generation; once another full file counts, the
//! frames of the one before are passed over, and cut off with the next delta.

use std::io;
use std::path::Path;

use tongtu_blacklist::{Blacklist, BlacklistError, Loader};
use tongtu_crypto::PublicKey;
use tongtu_types::InstitutionCode;

use crate::lists::open_slots;
use crate::medium::{FileMedium, Medium, beside};
use crate::twin::{Twin, TwinWriter};

const FRAME_HEAD_LEN: usize = 4 + 8;
const CRC_LEN: usize = 4;

/// A card blacklist's files on any device.
#[derive(Debug)]
pub struct BlacklistStore<M> {
    full: Twin<M>,
    deltas: M,
    /// How much of the deltas is whole.
    whole: u64,
    /// The generation of the frames there.
    generation: u64,
}

/// A card blacklist's files.
pub type FileBlacklist = BlacklistStore<FileMedium>;

/// What was at rest.
#[derive(Debug)]
pub struct Restored {
    /// The list; version 0 when there was none or none that holds.
    pub list: Blacklist,
    /// Why it is not all that lay there, if so: fetch what is missing.
    pub refused: Option<BlacklistError>,
}

impl FileBlacklist {
    /// The files at `path`; they are made where they do not exist yet.
    ///
    /// # Errors
    /// The system's; [`io::ErrorKind::WouldBlock`] when another process has them.
    pub fn open_at(path: &Path) -> io::Result<Self> {
        Self::open(
            open_slots(path)?,
            FileMedium::open(&beside(path, ".deltas"))?,
        )
    }
}

impl<M: Medium> BlacklistStore<M> {
    /// Opens what is there.
    ///
    /// # Errors
    /// The device's.
    pub fn open(full: Twin<M>, deltas: M) -> io::Result<Self> {
        let mut store = Self {
            full,
            deltas,
            whole: 0,
            generation: 0,
        };
        let bytes = store.deltas.read_all()?;
        let mut frames = Frames { rest: &bytes };
        let mut generation = 0;
        for (of, _) in &mut frames {
            generation = of;
        }
        store.whole = u64::try_from(bytes.len() - frames.rest.len()).expect("a length in memory");
        store.generation = generation;
        Ok(store)
    }

    /// Begins to keep a full file of `len` bytes. Once committed it counts, and the deltas of the
    /// one before no longer do.
    ///
    /// # Errors
    /// The device's.
    pub fn begin_full(&mut self, len: u64) -> io::Result<TwinWriter<'_, M>> {
        self.full.begin(len)
    }

    /// Keeps a delta behind those that are there; durable when it returns.
    ///
    /// # Errors
    /// The device's; then it is not kept, though after a power cut it may be.
    pub fn keep_delta(&mut self, file: &[u8]) -> io::Result<()> {
        let generation = self.full.generation();
        if self.generation != generation {
            self.whole = 0;
        }
        // The end of one that was torn, or deltas of another full file.
        if self.deltas.len()? > self.whole {
            self.deltas.truncate(self.whole)?;
        }
        self.generation = generation;
        let len = u32::try_from(file.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        let mut frame = len.to_be_bytes().to_vec();
        frame.extend(generation.to_be_bytes());
        frame.extend(file);
        frame.extend(crc32fast::hash(&frame).to_be_bytes());
        self.deltas.append(&frame)?;
        self.deltas.sync()?;
        self.whole += u64::try_from(frame.len()).expect("a length in memory");
        Ok(())
    }

    /// Bytes of the deltas kept: when they are many, a full file is the better fetch.
    #[must_use]
    pub fn delta_bytes(&self) -> u64 {
        if self.generation == self.full.generation() {
            self.whole
        } else {
            0
        }
    }

    /// Builds the list from what is kept, every signature checked again.
    ///
    /// # Errors
    /// The device's.
    pub fn restore(&self, list_key: &PublicKey, acquirer: InstitutionCode) -> io::Result<Restored> {
        let begin = |held: &Blacklist| Loader::new(list_key.clone(), acquirer, held);
        let mut restored = Restored {
            list: Blacklist::default(),
            refused: None,
        };
        if !self.full.is_empty() {
            let mut loader = begin(&restored.list);
            // A loader that refuses says so again at the end.
            self.full.read(&mut |piece| loader.feed(piece).is_ok())?;
            match loader.finish() {
                Ok(list) => restored.list = list,
                Err(refused) => {
                    restored.refused = Some(refused);
                    return Ok(restored);
                }
            }
        }
        let bytes = self.deltas.read_all()?;
        for (generation, file) in (Frames { rest: &bytes }) {
            if generation != self.full.generation() {
                continue;
            }
            let mut loader = begin(&restored.list);
            let next = loader.feed(file).and_then(|()| loader.finish());
            match next {
                Ok(list) => restored.list = list,
                // One that does not follow may lie between others that do.
                Err(refused) => restored.refused = Some(refused),
            }
        }
        Ok(restored)
    }
}

/// The whole frames at the front.
struct Frames<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Frames<'a> {
    type Item = (u64, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let head: &[u8; FRAME_HEAD_LEN] = self.rest.first_chunk()?;
        let (len, generation) = head.split_first_chunk::<4>().expect("twelve bytes");
        let len = usize::try_from(u32::from_be_bytes(*len)).ok()?;
        let generation = generation.try_into().expect("twelve less four");
        let (body, after) = self.rest.split_at_checked(FRAME_HEAD_LEN + len)?;
        let crc: &[u8; CRC_LEN] = after.first_chunk()?;
        if crc32fast::hash(body) != u32::from_be_bytes(*crc) {
            return None;
        }
        self.rest = &after[CRC_LEN..];
        Some((u64::from_be_bytes(generation), &body[FRAME_HEAD_LEN..]))
    }
}
