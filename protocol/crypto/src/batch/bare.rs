//! The shelf where there is no std: it keeps nothing, and every verdict is the same.

use alloc::vec::Vec;

use super::{Signed, Verdict, verify_batch};

/// Verifies batches as the shelf of keys does that keeps tables; without `std` it keeps none.
#[derive(Debug)]
pub struct KeyShelf;

impl KeyShelf {
    /// With room for tables that are never made.
    #[must_use]
    pub const fn new(_room: usize) -> Self {
        Self
    }

    /// How many keys have a table: none.
    #[must_use]
    pub const fn tables(&self) -> usize {
        0
    }

    /// Verifies each signature; the verdicts are in the same order.
    #[must_use]
    pub fn verify(&mut self, batch: &[Signed<'_>]) -> Vec<Verdict> {
        verify_batch(batch)
    }
}
