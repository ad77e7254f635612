//! The simulated device as a journal's: one file, whose power can fail at any byte.

use std::io;

pub use tongtu_power::{Fault, Survival};
use tongtu_power::{Replacement, SimDisk};

use crate::medium::{Medium, ReplaceError};

/// A handle to a simulated device. Clones are handles to the same device.
pub type SimMedium = SimDisk<()>;

impl Medium for SimMedium {
    fn read_all(&self) -> io::Result<Vec<u8>> {
        self.copy_all(())
    }

    fn len(&self) -> io::Result<u64> {
        self.size(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.add((), bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.settle(())
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.shorten((), len)
    }

    fn replace(&mut self, bytes: &[u8]) -> Result<(), ReplaceError> {
        self.exchange((), bytes).map_err(|failed| match failed {
            Replacement::Old(error) => ReplaceError::Old(error),
            Replacement::Uncertain(error) => ReplaceError::Uncertain(error),
        })
    }
}
