//! Non-volatile memory, as the card sees it: bytes that may be cut off in the middle of a write.
//!
//! Here: the trait, and memory that lives in RAM. Files and fault injection are the caller's.

use alloc::vec::Vec;

/// Power was lost, or the memory failed, during a write: the card is dead until it is powered
/// up again, and what the write left behind may be any mix of old, new and garbage bytes
/// inside the range that was being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("power was lost during a write to the card's memory")]
pub struct Torn;

/// The card's non-volatile memory. Reading does not fail; a write that returns is durable.
pub trait Memory {
    /// Size in bytes; never changes.
    fn size(&self) -> usize;

    /// Fills `out` from the bytes at `at`.
    ///
    /// # Panics
    /// May panic when the range is outside [`Memory::size`]; the card never asks for that.
    fn read(&self, at: usize, out: &mut [u8]);

    /// Writes `bytes` at `at`; durable on return.
    ///
    /// # Errors
    /// [`Torn`] when power was lost before, during or after it.
    ///
    /// # Panics
    /// May panic when the range is outside [`Memory::size`]; the card never asks for that.
    fn write(&mut self, at: usize, bytes: &[u8]) -> Result<(), Torn>;
}

/// Memory that lasts as long as the process: for tests and simulations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RamMemory {
    bytes: Vec<u8>,
}

impl RamMemory {
    /// Blank memory of `size` bytes.
    #[must_use]
    pub fn new(size: usize) -> Self {
        Self {
            bytes: alloc::vec![0xFF; size],
        }
    }

    /// All bytes, as a tear would leave them.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Default for RamMemory {
    /// As much as a card of a phone has for applications: 256 KiB.
    fn default() -> Self {
        Self::new(256 * 1024)
    }
}

impl Memory for RamMemory {
    fn size(&self) -> usize {
        self.bytes.len()
    }

    fn read(&self, at: usize, out: &mut [u8]) {
        out.copy_from_slice(&self.bytes[at..at + out.len()]);
    }

    fn write(&mut self, at: usize, bytes: &[u8]) -> Result<(), Torn> {
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }
}
