//! Files in memory whose power can fail at any byte, for tests of everything that stores.
//!
//! Power is counted in units: a byte appended costs one, and so does each moment at which a real
//! device can be cut, before and after a sync, a truncation or a replacement takes effect. A test
//! runs a scenario once to learn its cost and then once for every number of units below it.
//!
//! What is here: [`SimDisk`], files under keys of their store's choice, and what a power cut leaves
//! of them ([`Survival`]). What is not here: what a store calls its files, and the traits by which
//! it asks for them; each store has its own and says there how a [`SimDisk`] is one.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a power cut leaves of bytes that were appended but not synced, in each file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Survival {
    /// None of them.
    Nothing,
    /// All of them.
    Everything,
    /// So many from the front.
    Prefix(usize),
    /// The file's length, and zeros where they were.
    Zeros,
    /// The file has its full length, but of its unsynced sectors (of `len` bytes) only those
    /// marked true were written; the others read as zeros. Sectors beyond the list are written.
    Sectors {
        /// Bytes of a sector.
        len: usize,
        /// Which were written.
        written: Vec<bool>,
    },
}

impl Survival {
    fn of(&self, unsynced: &[u8]) -> Vec<u8> {
        match self {
            Self::Nothing => Vec::new(),
            Self::Everything => unsynced.to_vec(),
            Self::Prefix(len) => unsynced[..unsynced.len().min(*len)].to_vec(),
            Self::Zeros => vec![0; unsynced.len()],
            Self::Sectors { len, written } => {
                let mut kept = unsynced.to_vec();
                let sectors = kept.chunks_mut((*len).max(1));
                for (sector, written) in sectors.zip(written) {
                    if !written {
                        sector.fill(0);
                    }
                }
                kept
            }
        }
    }
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

/// How far a replacement came.
#[derive(Debug)]
pub enum Replacement {
    /// The old content is in place and may be added to.
    Old(io::Error),
    /// Old or new content, a power cut would decide.
    Uncertain(io::Error),
}

#[derive(Debug, Default, Clone)]
struct Content {
    /// Survives a power cut.
    durable: Vec<u8>,
    /// What a reader sees while the power is on. Always begins with `durable`.
    seen: Vec<u8>,
}

impl Content {
    fn safe(bytes: Vec<u8>) -> Self {
        let durable = bytes.clone();
        let seen = bytes;
        Self { durable, seen }
    }

    fn after_cut(&self, survival: &Survival) -> Vec<u8> {
        let kept = survival.of(&self.seen[self.durable.len()..]);
        [&self.durable[..], &kept].concat()
    }
}

#[derive(Debug)]
struct Disk<K> {
    files: BTreeMap<K, Content>,
    power: Option<u64>,
    spent: u64,
    is_off: bool,
    boots: u64,
    faults: Vec<Fault>,
}

/// A handle to files in memory. Clones are handles to the same ones; a file that nobody wrote is
/// empty.
#[derive(Debug)]
pub struct SimDisk<K> {
    disk: Arc<Mutex<Disk<K>>>,
    boot: u64,
}

impl<K> Clone for SimDisk<K> {
    fn clone(&self) -> Self {
        let disk = Arc::clone(&self.disk);
        let boot = self.boot;
        Self { disk, boot }
    }
}

impl<K: Copy + Ord> Default for SimDisk<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Copy + Ord> SimDisk<K> {
    /// Nothing, with power for ever.
    #[must_use]
    pub fn new() -> Self {
        Self::with(BTreeMap::new())
    }

    fn with(files: BTreeMap<K, Content>) -> Self {
        let disk = Disk {
            files,
            power: None,
            spent: 0,
            is_off: false,
            boots: 0,
            faults: Vec::new(),
        };
        let disk = Arc::new(Mutex::new(disk));
        Self { disk, boot: 0 }
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
        let mut disk = self.disk();
        for content in disk.files.values_mut() {
            *content = Content::safe(content.after_cut(survival));
        }
        disk.power = None;
        disk.is_off = false;
        disk.boots += 1;
        disk.faults.clear();
        Self {
            disk: Arc::clone(&self.disk),
            boot: disk.boots,
        }
    }

    /// Files of their own with what would survive a power cut now; these stay as they are.
    #[must_use]
    pub fn after_cut(&self, survival: &Survival) -> Self {
        let disk = self.disk();
        let files = disk.files.iter();
        let files =
            files.map(|(file, content)| (*file, Content::safe(content.after_cut(survival))));
        Self::with(files.collect())
    }

    /// What a file holds.
    #[must_use]
    pub fn bytes(&self, file: K) -> Vec<u8> {
        let disk = self.disk();
        let content = disk.files.get(&file);
        content.map_or_else(Vec::new, |content| content.seen.clone())
    }

    /// Puts other bytes in a file, as somebody who has the disk can.
    pub fn forge(&self, file: K, bytes: Vec<u8>) {
        self.disk().files.insert(file, Content::safe(bytes));
    }

    /// How much a file holds.
    ///
    /// # Errors
    /// Without power.
    pub fn size(&self, file: K) -> io::Result<u64> {
        let disk = self.live()?;
        let len = disk.files.get(&file).map_or(0, |file| file.seen.len());
        Ok(u64::try_from(len).expect("a length in memory"))
    }

    /// Fills `out` with what lies from `at` on, as far as there is any; says how much.
    ///
    /// # Errors
    /// Without power.
    pub fn copy_from(&self, file: K, at: u64, out: &mut [u8]) -> io::Result<usize> {
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

    /// Everything a file holds.
    ///
    /// # Errors
    /// Without power.
    pub fn copy_all(&self, file: K) -> io::Result<Vec<u8>> {
        let disk = self.live()?;
        let content = disk.files.get(&file);
        Ok(content.map_or_else(Vec::new, |content| content.seen.clone()))
    }

    /// Adds bytes at the end of a file.
    ///
    /// # Errors
    /// Without power, or by a [`Fault`]; some of the bytes may have been added.
    pub fn add(&self, file: K, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.live()?;
        let fault = disk.take_fault(|fault| matches!(fault, Fault::Append(_)));
        let accepted = match fault {
            Some(Fault::Append(len)) => &bytes[..len.min(bytes.len())],
            _ => bytes,
        };
        let given = disk.spend(accepted.len());
        let content = disk.files.entry(file).or_default();
        content.seen.extend(&accepted[..given]);
        if disk.is_off {
            return Err(no_power());
        }
        fault.map_or(Ok(()), |_| Err(io::Error::other("no space left")))
    }

    /// Makes what a file holds survive a power cut.
    ///
    /// # Errors
    /// Without power, or by a [`Fault`].
    pub fn settle(&self, file: K) -> io::Result<()> {
        let mut disk = self.live()?;
        if disk.take_fault(|fault| *fault == Fault::Sync).is_some() {
            return Err(io::Error::other("sync failed"));
        }
        disk.moment()?;
        let content = disk.files.entry(file).or_default();
        content.durable = content.seen.clone();
        disk.moment()
    }

    /// Cuts the end off a file; what is left survives a power cut.
    ///
    /// # Errors
    /// Without power, or by a [`Fault`].
    pub fn shorten(&self, file: K, len: u64) -> io::Result<()> {
        let mut disk = self.live()?;
        if disk.take_fault(|fault| *fault == Fault::Truncate).is_some() {
            return Err(io::Error::other("truncation failed"));
        }
        disk.moment()?;
        let len = usize::try_from(len).map_err(|_| io::Error::other("length out of range"))?;
        let content = disk.files.entry(file).or_default();
        content.seen.truncate(len);
        content.durable = content.seen.clone();
        disk.moment()
    }

    /// Puts `bytes` in the place of all that a file holds, whole or not at all.
    ///
    /// # Errors
    /// [`Replacement`], without power or by a [`Fault`].
    pub fn exchange(&self, file: K, bytes: &[u8]) -> Result<(), Replacement> {
        let mut disk = self.live().map_err(Replacement::Old)?;
        if disk
            .take_fault(|fault| *fault == Fault::ReplaceOld)
            .is_some()
        {
            return Err(Replacement::Old(io::Error::other("no space left")));
        }
        if disk.spend(bytes.len()) < bytes.len() {
            return Err(Replacement::Old(no_power()));
        }
        disk.moment().map_err(Replacement::Old)?;
        disk.files.insert(file, Content::safe(bytes.to_vec()));
        let is_uncertain = |fault: &Fault| *fault == Fault::ReplaceUncertain;
        if disk.take_fault(is_uncertain).is_some() {
            let error = io::Error::other("folder not synced");
            return Err(Replacement::Uncertain(error));
        }
        disk.moment().map_err(Replacement::Uncertain)
    }

    fn disk(&self) -> MutexGuard<'_, Disk<K>> {
        // A test that failed elsewhere poisons nothing here: the content is plain bytes.
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn live(&self) -> io::Result<MutexGuard<'_, Disk<K>>> {
        let disk = self.disk();
        if disk.is_off || disk.boots != self.boot {
            return Err(no_power());
        }
        Ok(disk)
    }
}

/// A device that is one file.
impl SimDisk<()> {
    /// A device with this content, all of it durable.
    #[must_use]
    pub fn holding(bytes: &[u8]) -> Self {
        let device = Self::new();
        device.forge((), bytes.to_vec());
        device
    }

    /// What a power cut at this moment would leave; nothing happens to the device.
    #[must_use]
    pub fn survivors(&self, survival: &Survival) -> Vec<u8> {
        let disk = self.disk();
        let content = disk.files.get(&());
        content.map_or_else(Vec::new, |content| content.after_cut(survival))
    }
}

impl<K> Disk<K> {
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

    fn take_fault(&mut self, matches: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let first = self.faults.first().copied().filter(|f| matches(f))?;
        self.faults.remove(0);
        Some(first)
    }
}

fn no_power() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the power is off")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two synced bytes, then four that are not.
    fn half_safe() -> SimDisk<()> {
        let disk = SimDisk::new();
        disk.add((), &[1, 2]).unwrap();
        disk.settle(()).unwrap();
        disk.add((), &[3, 4, 5, 6]).unwrap();
        disk
    }

    #[test]
    fn a_cut_leaves_what_was_synced_and_of_the_rest_what_the_survival_says() {
        let sectors = |written: &[bool]| Survival::Sectors {
            len: 2,
            written: written.to_vec(),
        };
        for (survival, expected) in [
            (Survival::Nothing, &[1, 2][..]),
            (Survival::Everything, &[1, 2, 3, 4, 5, 6]),
            (Survival::Prefix(1), &[1, 2, 3]),
            (Survival::Prefix(99), &[1, 2, 3, 4, 5, 6]),
            (Survival::Zeros, &[1, 2, 0, 0, 0, 0]),
            (sectors(&[false, true]), &[1, 2, 0, 0, 5, 6]),
            (sectors(&[true]), &[1, 2, 3, 4, 5, 6]),
        ] {
            assert_eq!(half_safe().survivors(&survival), expected, "{survival:?}");
            let copy = half_safe().after_cut(&survival);
            assert_eq!(copy.bytes(()), expected, "{survival:?}");
            let again = half_safe().reboot(&survival);
            assert_eq!(again.copy_all(()).unwrap(), expected, "{survival:?}");
        }
    }

    #[test]
    fn a_byte_costs_one_unit_and_a_sync_two() {
        let disk = half_safe();
        assert_eq!(disk.spent(), 8);
        disk.exchange((), &[7, 8, 9]).unwrap();
        assert_eq!(disk.spent(), 13);
        disk.shorten((), 1).unwrap();
        assert_eq!((disk.spent(), disk.size(()).unwrap()), (15, 1));
    }

    #[test]
    fn the_power_fails_at_the_byte_that_was_said_and_stays_off() {
        let disk = SimDisk::new();
        disk.set_power(3);
        assert!(disk.add((), &[1, 2, 3, 4]).is_err());
        assert!(disk.is_off());
        assert_eq!(disk.bytes(()), [1, 2, 3]);
        assert!(disk.size(()).is_err() && disk.settle(()).is_err());
    }

    #[test]
    fn a_sync_is_cut_before_or_after_it_takes_effect() {
        for (power, kept) in [(4, &[1, 2][..]), (5, &[1, 2, 3, 4, 5, 6])] {
            let disk = SimDisk::new();
            disk.add((), &[1, 2]).unwrap();
            disk.settle(()).unwrap();
            disk.set_power(power);
            disk.add((), &[3, 4, 5, 6]).unwrap();
            assert!(disk.settle(()).is_err());
            assert_eq!(disk.survivors(&Survival::Nothing), kept, "{power}");
        }
    }

    #[test]
    fn a_replacement_is_whole_or_not_at_all() {
        for power in 0..5 {
            let disk = SimDisk::holding(&[1, 2]);
            disk.set_power(power);
            let made = disk.exchange((), &[7, 8, 9]);
            let kept = disk.survivors(&Survival::Nothing);
            match made {
                Ok(()) => panic!("{power} units are not enough"),
                Err(Replacement::Old(_)) => assert_eq!(kept, [1, 2], "{power}"),
                Err(Replacement::Uncertain(_)) => assert_eq!(kept, [7, 8, 9], "{power}"),
            }
        }
    }

    #[test]
    fn files_share_the_power_and_a_handle_from_before_a_reboot_is_dead() {
        let disk = SimDisk::new();
        disk.add('a', &[1]).unwrap();
        disk.settle('a').unwrap();
        disk.set_power(1);
        disk.add('b', &[2]).unwrap();
        assert!(disk.add('a', &[3]).is_err());
        let again = disk.reboot(&Survival::Nothing);
        assert!(disk.size('a').is_err());
        assert_eq!(again.bytes('a'), [1]);
        assert_eq!(again.bytes('b'), []);
    }

    #[test]
    fn a_fault_is_used_up_by_the_operation_of_its_kind() {
        let disk = half_safe();
        disk.fail_next(Fault::Append(1));
        disk.fail_next(Fault::Sync);
        assert!(disk.settle(()).is_ok(), "the append's comes first");
        assert!(disk.add((), &[7, 8]).is_err());
        assert_eq!(disk.bytes(()), [1, 2, 3, 4, 5, 6, 7]);
        assert!(disk.settle(()).is_err());
        assert!(disk.settle(()).is_ok());
        assert!(!disk.is_off());
    }
}
