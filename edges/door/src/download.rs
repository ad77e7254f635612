//! The acquirer's files on their way to this terminal: a line that breaks costs the rest only.

use tongtu_http::client::{Begun, Transfer};

use crate::server::DoorError;

/// Keeps the beginning of a file that is on its way, for the next attempt and the next start.
pub trait PartKeeper: Send {
    /// Which file it is the beginning of, as it was begun, and how many bytes are there.
    fn begun(&self) -> Option<(Vec<u8>, u64)>;

    /// Begins a file in the place of the one before.
    ///
    /// # Errors
    /// The device's.
    fn begin(&mut self, label: &[u8]) -> std::io::Result<()>;

    /// Keeps the next bytes.
    ///
    /// # Errors
    /// The device's.
    fn push(&mut self, bytes: &[u8]) -> std::io::Result<()>;

    /// All bytes that are there.
    ///
    /// # Errors
    /// The device's.
    fn load(&self) -> std::io::Result<Vec<u8>>;

    /// Forgets the file.
    ///
    /// # Errors
    /// The device's.
    fn clear(&mut self) -> std::io::Result<()>;
}

/// The beginning of a file in memory: a restart begins anew.
#[derive(Debug, Default)]
pub struct MemoryPart {
    label: Option<Vec<u8>>,
    bytes: Vec<u8>,
}

impl PartKeeper for MemoryPart {
    fn begun(&self) -> Option<(Vec<u8>, u64)> {
        let len = u64::try_from(self.bytes.len()).expect("a length in memory");
        self.label.clone().map(|label| (label, len))
    }

    fn begin(&mut self, label: &[u8]) -> std::io::Result<()> {
        self.label = Some(label.to_vec());
        self.bytes.clear();
        Ok(())
    }

    fn push(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.bytes.extend(bytes);
        Ok(())
    }

    fn load(&self) -> std::io::Result<Vec<u8>> {
        Ok(self.bytes.clone())
    }

    fn clear(&mut self) -> std::io::Result<()> {
        self.label = None;
        self.bytes.clear();
        Ok(())
    }
}

/// A file that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Beginning {
    /// The version that it goes on from; 0 for one that stands alone.
    pub(crate) after: u64,
    /// The version that it leads to.
    pub(crate) version: u64,
    /// What tells the acquirer which file it is, and how much is there.
    pub(crate) begun: Begun,
    /// Whether all of it is there.
    pub(crate) is_whole: bool,
}

/// Where the beginning of a file lies.
pub(crate) struct Download {
    part: Box<dyn PartKeeper>,
}

impl Default for Download {
    fn default() -> Self {
        Self::new(Box::new(MemoryPart::default()))
    }
}

impl Download {
    pub(crate) fn new(part: Box<dyn PartKeeper>) -> Self {
        Self { part }
    }

    /// What is there of a file.
    pub(crate) fn beginning(&self) -> Option<Beginning> {
        // Nothing of a file is no beginning of it.
        let (label, found) = self.part.begun().filter(|(_, found)| *found > 0)?;
        let label = String::from_utf8(label).ok()?;
        let mut words = label.split(' ');
        let mut number = || -> Option<u64> { words.next()?.parse().ok() };
        let (after, version, len) = (number()?, number()?, number()?);
        let tag = words.next()?.to_owned();
        Some(Beginning {
            after,
            version,
            begun: Begun { tag, len: found },
            is_whole: found == len,
        })
    }

    /// Takes in what comes, to the end of the file.
    ///
    /// # Errors
    /// [`DoorError`] when the line breaks; what came stays for the next attempt.
    pub(crate) async fn receive(
        &mut self,
        after: u64,
        mut transfer: Transfer,
    ) -> Result<Vec<u8>, DoorError> {
        let expected = transfer.len();
        if transfer.from() == 0 {
            let (version, tag) = (transfer.version(), transfer.tag());
            let label = format!("{after} {version} {expected} {tag}");
            self.part
                .begin(label.as_bytes())
                .map_err(DoorError::Lists)?;
        }
        let mut found = transfer.from();
        while let Some(piece) = transfer.next().await? {
            found = found.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
            if found > expected {
                break;
            }
            self.part.push(&piece).map_err(DoorError::Lists)?;
        }
        if found != expected {
            return Err(DoorError::Length { found, expected });
        }
        self.whole()
    }

    /// The file, all of which is there.
    pub(crate) fn whole(&self) -> Result<Vec<u8>, DoorError> {
        self.part.load().map_err(DoorError::Lists)
    }

    /// Forgets it: it was taken, or it is good for nothing.
    pub(crate) fn forget(&mut self) -> Result<(), DoorError> {
        self.part.clear().map_err(DoorError::Lists)
    }
}
