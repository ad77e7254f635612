//! A disk that forgets what was not synced, and keeps any part of it.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tongtu_paper::{Disk, PaperFile};

/// What the device has for sure, and what is on its way there.
#[derive(Clone, Default)]
struct Device {
    /// Contents under names, as they are after a power cut that keeps nothing else.
    sure: BTreeMap<PathBuf, Vec<u8>>,
    /// As the running system sees it.
    seen: BTreeMap<PathBuf, Vec<u8>>,
    /// Renames that the device does not have for sure.
    renames: Vec<(PathBuf, PathBuf)>,
    /// Steps until the power goes.
    left: Option<usize>,
}

impl Device {
    fn step(&mut self) -> io::Result<()> {
        match &mut self.left {
            None => Ok(()),
            Some(0) => Err(io::Error::other("no power")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
        }
    }

    /// What the device may have after the power went: of unsynced contents any beginning, of
    /// unsynced renames any first ones.
    fn after_cut(&self, kept: usize, renames: usize) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = self.sure.clone();
        for (path, bytes) in &self.seen {
            if !found.contains_key(path) && !self.renames.iter().any(|(_, to)| to == path) {
                found.insert(path.clone(), bytes[..kept.min(bytes.len())].to_vec());
            }
        }
        for (from, to) in self.renames.iter().take(renames) {
            let unsynced = || self.seen.get(to).map(|b| b[..kept.min(b.len())].to_vec());
            if let Some(bytes) = found.remove(from).or_else(unsynced) {
                found.insert(to.clone(), bytes);
            }
        }
        found
    }
}

impl Disk for Device {
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        Ok(self.seen.get(path).cloned())
    }

    fn write(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        // What was there is gone before anything new is sure.
        self.sure.remove(path);
        if let Err(error) = self.step() {
            let half = bytes[..bytes.len() / 2].to_vec();
            self.seen.insert(path.into(), half);
            return Err(error);
        }
        self.seen.insert(path.into(), bytes.to_vec());
        Ok(())
    }

    fn sync(&mut self, path: &Path) -> io::Result<()> {
        self.step()?;
        let bytes = self.seen.get(path).cloned();
        let bytes = bytes.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        self.sure.insert(path.into(), bytes);
        Ok(())
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        let bytes = self.seen.remove(from);
        let bytes = bytes.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        self.seen.insert(to.into(), bytes);
        self.renames.push((from.into(), to.into()));
        Ok(())
    }

    fn sync_folder(&mut self, _: &Path) -> io::Result<()> {
        self.step()?;
        for (from, to) in std::mem::take(&mut self.renames) {
            if let Some(bytes) = self.sure.remove(&from) {
                self.sure.insert(to, bytes);
            }
        }
        Ok(())
    }
}

/// `&mut` so that the device can be looked at after the power went.
impl Disk for &mut Device {
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        (**self).read(path)
    }
    fn write(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        (**self).write(path, bytes)
    }
    fn sync(&mut self, path: &Path) -> io::Result<()> {
        (**self).sync(path)
    }
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        (**self).rename(from, to)
    }
    fn sync_folder(&mut self, path: &Path) -> io::Result<()> {
        (**self).sync_folder(path)
    }
}

/// Steps of one replacement: write, sync, rename, sync the folder.
const STEPS: usize = 4;

fn place() -> PathBuf {
    PathBuf::from("folder/book")
}

fn held(old: &[u8]) -> Device {
    let mut device = Device::default();
    device.sure.insert(place(), old.to_vec());
    device.seen.insert(place(), old.to_vec());
    device
}

proptest! {
    #[test]
    fn a_power_cut_at_any_step_leaves_the_old_paper_or_the_new_one(
        old in proptest::collection::vec(any::<u8>(), 1..40),
        new in proptest::collection::vec(any::<u8>(), 1..40),
        cut in 0..=STEPS,
        kept in 0_usize..40,
        renames in 0_usize..2,
    ) {
        let mut device = held(&old);
        device.left = Some(cut);
        let done = PaperFile::on(&mut device, &place()).replace(&new);
        prop_assert_eq!(done.is_ok(), cut == STEPS);
        let found = device.after_cut(kept, renames);
        let found = &found[&place()];
        prop_assert!(*found == old || *found == new, "{:?}", found);
        if done.is_ok() {
            prop_assert_eq!(found, &new);
        }
        if cut < 2 {
            prop_assert_eq!(found, &old);
        }
    }

    #[test]
    fn what_was_cut_off_once_is_done_by_the_next_try(
        new in proptest::collection::vec(any::<u8>(), 1..40),
        cut in 0..STEPS,
    ) {
        let mut device = held(b"old");
        device.left = Some(cut);
        PaperFile::on(&mut device, &place()).replace(b"halfway").unwrap_err();
        let found = device.after_cut(3, 0);
        let mut device = Device { sure: found.clone(), seen: found, ..Device::default() };
        PaperFile::on(&mut device, &place()).replace(&new).unwrap();
        prop_assert_eq!(&device.after_cut(0, 0)[&place()], &new);
    }
}

/// The test's own disk can tell a wrong order: renamed before it was synced, half a paper lies
/// there.
#[test]
fn a_rename_before_the_sync_would_show() {
    let mut device = held(b"old");
    let new = PathBuf::from("folder/book.new");
    device.write(&new, b"a new paper").unwrap();
    device.rename(&new, &place()).unwrap();
    assert_eq!(device.after_cut(4, 1)[&place()], b"a ne");
}
