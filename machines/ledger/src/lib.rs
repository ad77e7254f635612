//! The double-entry book: what sums to zero, always.
