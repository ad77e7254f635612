//! The simulated folder as a room's: its files share one power, which can fail at any byte.

use std::io;

use tongtu_power::SimDisk;
pub use tongtu_power::Survival;

use crate::medium::{File, Medium};

/// A handle to a simulated folder. Clones are handles to the same one.
pub type SimMedium = SimDisk<File>;

impl Medium for SimMedium {
    fn len(&self, file: File) -> io::Result<u64> {
        self.size(file)
    }

    fn read_at(&self, file: File, at: u64, out: &mut [u8]) -> io::Result<usize> {
        self.copy_from(file, at, out)
    }

    fn append(&mut self, file: File, bytes: &[u8]) -> io::Result<()> {
        self.add(file, bytes)
    }

    fn sync(&mut self, file: File) -> io::Result<()> {
        self.settle(file)
    }

    fn truncate(&mut self, file: File, len: u64) -> io::Result<()> {
        self.shorten(file, len)
    }
}
