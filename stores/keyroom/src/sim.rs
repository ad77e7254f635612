//! A folder in memory whose power can fail at any byte, for tests of everything above it.
//!
//! A byte appended costs one unit of power, and so does each moment before and after a sync or a
//! truncation takes effect. A test runs a scenario once to learn its cost and then once for every
//! number of units below it.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::medium::{File, Medium};

/// What a power cut leaves of bytes that were appended but not synced, in each file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survival {
    /// None of them.
    Nothing,
    /// All of them.
    Everything,
    /// So many from the front.
    Prefix(usize),
    /// The file's length, and zeros where they were.
    Zeros,
}

#[derive(Debug, Default, Clone)]
struct Content {
    /// Survives a power cut.
    durable: Vec<u8>,
    /// What a reader sees while the power is on. Always begins with `durable`.
    seen: Vec<u8>,
}

#[derive(Debug, Default)]
struct Disk {
    files: BTreeMap<File, Content>,
    power: Option<u64>,
    spent: u64,
    is_off: bool,
}

/// A handle to a simulated folder. Clones are handles to the same one.
#[derive(Debug, Clone, Default)]
pub struct SimMedium(Arc<Mutex<Disk>>);

impl SimMedium {
    /// An empty folder with power for ever.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the power fail once so many more units were spent.
    pub fn set_power(&self, units: u64) {
        self.disk().power = Some(units);
    }

    /// Units spent so far.
    #[must_use]
    pub fn spent(&self) -> u64 {
        self.disk().spent
    }

    /// Whether the power has failed.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.disk().is_off
    }

    /// A folder of its own with what would survive a power cut now; this one stays as it is.
    #[must_use]
    pub fn after_cut(&self, survival: Survival) -> Self {
        let disk = self.disk();
        let files = disk.files.iter().map(|(file, content)| {
            let unsynced = &content.seen[content.durable.len()..];
            let kept = match survival {
                Survival::Nothing => Vec::new(),
                Survival::Everything => unsynced.to_vec(),
                Survival::Prefix(len) => unsynced[..unsynced.len().min(len)].to_vec(),
                Survival::Zeros => vec![0; unsynced.len()],
            };
            let bytes = [&content.durable[..], &kept].concat();
            let content = Content {
                durable: bytes.clone(),
                seen: bytes,
            };
            (*file, content)
        });
        let files = files.collect();
        Self(Arc::new(Mutex::new(Disk {
            files,
            ..Disk::default()
        })))
    }

    /// What a file holds.
    #[must_use]
    pub fn bytes(&self, file: File) -> Vec<u8> {
        let disk = self.disk();
        let content = disk.files.get(&file);
        content.map_or_else(Vec::new, |content| content.seen.clone())
    }

    /// Puts other bytes in a file, as somebody who has the disk can.
    pub fn forge(&self, file: File, bytes: Vec<u8>) {
        let content = Content {
            durable: bytes.clone(),
            seen: bytes,
        };
        self.disk().files.insert(file, content);
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        // A test that failed elsewhere poisons nothing here: the content is plain bytes.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn live(&self) -> io::Result<MutexGuard<'_, Disk>> {
        let disk = self.disk();
        if disk.is_off {
            Err(no_power())
        } else {
            Ok(disk)
        }
    }
}

impl Disk {
    /// Spends up to `units`; returns how many there were power for.
    fn spend(&mut self, units: usize) -> usize {
        let wanted = u64::try_from(units).expect("a length in memory");
        let given = self.power.map_or(wanted, |left| left.min(wanted));
        self.spent += given;
        if let Some(left) = &mut self.power {
            *left -= given;
        }
        self.is_off = given < wanted;
        usize::try_from(given).expect("at most what was asked")
    }

    /// One moment that is lived through or not.
    fn moment(&mut self) -> io::Result<()> {
        if self.spend(1) == 1 {
            Ok(())
        } else {
            Err(no_power())
        }
    }
}

impl Medium for SimMedium {
    fn len(&self, file: File) -> io::Result<u64> {
        let disk = self.live()?;
        let len = disk
            .files
            .get(&file)
            .map_or(0, |content| content.seen.len());
        Ok(u64::try_from(len).expect("a length in memory"))
    }

    fn read_at(&self, file: File, at: u64, out: &mut [u8]) -> io::Result<usize> {
        let disk = self.live()?;
        let Some(content) = disk.files.get(&file) else {
            return Ok(0);
        };
        let all = &content.seen;
        let from = usize::try_from(at).unwrap_or(usize::MAX).min(all.len());
        let len = out.len().min(all.len() - from);
        out[..len].copy_from_slice(&all[from..from + len]);
        Ok(len)
    }

    fn append(&mut self, file: File, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.live()?;
        let given = disk.spend(bytes.len());
        let content = disk.files.entry(file).or_default();
        content.seen.extend(&bytes[..given]);
        if disk.is_off { Err(no_power()) } else { Ok(()) }
    }

    fn sync(&mut self, file: File) -> io::Result<()> {
        let mut disk = self.live()?;
        disk.moment()?;
        let content = disk.files.entry(file).or_default();
        content.durable = content.seen.clone();
        disk.moment()
    }

    fn truncate(&mut self, file: File, len: u64) -> io::Result<()> {
        let mut disk = self.live()?;
        disk.moment()?;
        let content = disk.files.entry(file).or_default();
        let len = usize::try_from(len).map_err(io::Error::other)?;
        content.seen.truncate(len);
        content.durable = content.seen.clone();
        disk.moment()
    }
}

fn no_power() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the power is off")
}
