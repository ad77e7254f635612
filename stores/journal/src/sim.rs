//! A device in memory whose power can fail at any byte, for tests of everything above it.
//!
//! Power is counted in units: a byte appended costs one, and so does each step at which a real
//! device can be cut: before and after a sync, a truncation or a replacement takes effect. A test
//! runs a scenario once to learn its cost and then once for every number of units below it.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::medium::{Medium, ReplaceError};

/// What a power cut leaves of bytes that were appended but not synced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Survival {
    /// None of them.
    Nothing,
    /// All of them.
    Everything,
    /// So many from the front.
    Prefix(usize),
    /// The file has its full length, but of its unsynced sectors (of `len` bytes) only those
    /// marked true were written; the others read as zeros. Sectors beyond the list are written.
    Sectors {
        /// Bytes of a sector.
        len: usize,
        /// Which were written.
        written: Vec<bool>,
    },
}

/// A refusal of the device that is not a power cut; the machine goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// An append that fails after so many bytes.
    Append(usize),
    /// A sync that fails; what was not synced survives or not.
    Sync,
    /// A truncation that fails.
    Truncate,
    /// A replacement that fails before it takes effect.
    ReplaceOld,
    /// A replacement that takes effect but is not certain.
    ReplaceUncertain,
}

#[derive(Debug, Default)]
struct Disk {
    /// Survives a power cut.
    durable: Vec<u8>,
    /// What a reader sees while the power is on. Always begins with `durable`.
    seen: Vec<u8>,
    power: Option<u64>,
    spent: u64,
    is_off: bool,
    boots: u64,
    faults: Vec<Fault>,
}

/// A handle to a simulated device. Clones are handles to the same device.
#[derive(Debug, Clone, Default)]
pub struct SimMedium {
    disk: Arc<Mutex<Disk>>,
    boot: u64,
}

impl SimMedium {
    /// An empty device with power for ever.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A device with this content, all of it durable.
    #[must_use]
    pub fn holding(bytes: &[u8]) -> Self {
        let medium = Self::new();
        medium.disk().durable = bytes.to_vec();
        medium.disk().seen = bytes.to_vec();
        medium
    }

    /// Lets the power fail once so many more units were spent.
    pub fn set_power(&self, units: u64) {
        self.disk().power = Some(units);
    }

    /// Units spent so far, over all boots.
    #[must_use]
    pub fn spent(&self) -> u64 {
        self.disk().spent
    }

    /// Whether the power has failed.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.disk().is_off
    }

    /// Lets the next operation of that kind fail; several are used up in order.
    pub fn fail_next(&self, fault: Fault) {
        self.disk().faults.push(fault);
    }

    /// Cuts the power, unless it is off already, and starts again with what survives. Handles
    /// from before do nothing any more.
    #[must_use]
    pub fn reboot(&self, survival: &Survival) -> Self {
        let survivors = self.survivors(survival);
        let mut disk = self.disk();
        disk.durable = survivors;
        disk.seen = disk.durable.clone();
        disk.power = None;
        disk.is_off = false;
        disk.boots += 1;
        disk.faults.clear();
        Self {
            disk: Arc::clone(&self.disk),
            boot: disk.boots,
        }
    }

    /// What a power cut at this moment would leave; nothing happens to the device.
    #[must_use]
    pub fn survivors(&self, survival: &Survival) -> Vec<u8> {
        let disk = self.disk();
        let unsynced = disk.seen[disk.durable.len()..].to_vec();
        let kept = match survival {
            Survival::Nothing => Vec::new(),
            Survival::Everything => unsynced,
            Survival::Prefix(len) => unsynced[..unsynced.len().min(*len)].to_vec(),
            Survival::Sectors { len, written } => {
                let mut kept = unsynced;
                let sectors = kept.chunks_mut((*len).max(1));
                for (sector, written) in sectors.zip(written) {
                    if !written {
                        sector.fill(0);
                    }
                }
                kept
            }
        };
        [&disk.durable[..], &kept].concat()
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        // A test that failed elsewhere poisons nothing here: the content is plain bytes.
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn live(&self) -> io::Result<MutexGuard<'_, Disk>> {
        let disk = self.disk();
        if disk.is_off || disk.boots != self.boot {
            return Err(no_power());
        }
        Ok(disk)
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

    /// One step that happens or not.
    fn step(&mut self) -> io::Result<()> {
        if self.spend(1) == 1 {
            Ok(())
        } else {
            Err(no_power())
        }
    }

    fn take_fault(&mut self, matches: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let first = self.faults.first().copied().filter(|f| matches(f))?;
        self.faults.remove(0);
        Some(first)
    }
}

impl Medium for SimMedium {
    fn read_all(&self) -> io::Result<Vec<u8>> {
        Ok(self.live()?.seen.clone())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(u64::try_from(self.live()?.seen.len()).expect("a length in memory"))
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.live()?;
        let fault = disk.take_fault(|f| matches!(f, Fault::Append(_)));
        let accepted = match fault {
            Some(Fault::Append(len)) => &bytes[..len.min(bytes.len())],
            _ => bytes,
        };
        let given = disk.spend(accepted.len());
        disk.seen.extend(&accepted[..given]);
        if disk.is_off {
            return Err(no_power());
        }
        fault.map_or(Ok(()), |_| Err(io::Error::other("no space left")))
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut disk = self.live()?;
        if disk.take_fault(|f| *f == Fault::Sync).is_some() {
            return Err(io::Error::other("sync failed"));
        }
        disk.step()?;
        disk.durable = disk.seen.clone();
        disk.step()
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        let mut disk = self.live()?;
        if disk.take_fault(|f| *f == Fault::Truncate).is_some() {
            return Err(io::Error::other("truncation failed"));
        }
        disk.step()?;
        let len = usize::try_from(len).map_err(|_| io::Error::other("length out of range"))?;
        disk.seen.truncate(len);
        disk.durable = disk.seen.clone();
        disk.step()
    }

    fn replace(&mut self, bytes: &[u8]) -> Result<(), ReplaceError> {
        let mut disk = self.live().map_err(ReplaceError::Old)?;
        if disk.take_fault(|f| *f == Fault::ReplaceOld).is_some() {
            return Err(ReplaceError::Old(io::Error::other("no space left")));
        }
        if disk.spend(bytes.len()) < bytes.len() {
            return Err(ReplaceError::Old(no_power()));
        }
        disk.step().map_err(ReplaceError::Old)?;
        disk.durable = bytes.to_vec();
        disk.seen = bytes.to_vec();
        if disk.take_fault(|f| *f == Fault::ReplaceUncertain).is_some() {
            return Err(ReplaceError::Uncertain(io::Error::other(
                "folder not synced",
            )));
        }
        disk.step().map_err(ReplaceError::Uncertain)
    }
}

fn no_power() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the power is off")
}
