//! The harness's memory in the shape that the card asks for, and dice that fall alike every time.

use tongtu_card::{Memory, Torn};
use tongtu_testkit::tear::Chip;

/// The harness's chip in the shape that the card asks for.
#[derive(Clone, Debug)]
pub(crate) struct Cells(pub(crate) Chip);

impl Memory for Cells {
    fn size(&self) -> usize {
        self.0.size()
    }

    fn read(&self, at: usize, out: &mut [u8]) {
        self.0.read(at, out);
    }

    fn write(&mut self, at: usize, bytes: &[u8]) -> Result<(), Torn> {
        self.0.write(at, bytes).map_err(|_| Torn)
    }
}

/// Dice: the same throws in every run, never twice the same.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new() -> Self {
        Self(0x0123_4567_89AB_CDEF)
    }

    pub(crate) fn fill(&mut self, out: &mut [u8]) {
        for byte in out {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            *byte = self.0.to_be_bytes()[3];
        }
    }
}
