//! The card blacklist (黑名单): which cards are refused, exactly, for millions of numbers.
//!
//! ```text
//!  file ──► Loader: head's signature ─► content, any pieces ─► digest, tally ──► Blacklist
//!  tap  ──► Blacklist::contains: overlay (what deltas changed), then base; allocates nothing
//!  idle ──► Blacklist::compacted: some chunks of the overlay go into the base
//! ```
//!
//! What is here: the set itself ([`Blacklist`], a value that is cheap to clone and never changes),
//! its signed files, full and delta ([`file`]), and the check of both piece by piece
//! ([`Loader`]). What is not here: how files travel and lie at rest, what a terminal does with a
//! listed card, the blacklists of ride codes (they are small and travel in the list bundle).
//!
//! **Memory.** A list of [`MARKS_MAX`] scattered numbers takes about 34 MiB, an overlay at most
//! 3 MiB more; numbers that lie close, as those of one issuer do, take far less. Compaction needs
//! one chunk besides, because old and new list share all others. Only a full file that takes the
//! place of another needs both lists at once, until the last tap lets the old one go.
//!
//! Start with [`Blacklist`] and [`ListedNumber`].
#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod algebra;
mod base;
mod chunk;
mod error;
pub mod file;
mod list;
mod loader;
mod number;
mod overlay;

pub use algebra::changes;
pub use error::BlacklistError;
pub use file::{Change, Head, Issue, Kind, State};
pub use list::Blacklist;
pub use loader::Loader;
pub use number::{ListedNumber, Span, Tally};

/// Most marks in a full file: a number is one mark, a range two.
pub const MARKS_MAX: usize = 5_000_000;
/// Most changes in a delta, and most that wait in the overlay; a delta that would go beyond it
/// makes the loader compact first.
pub const OVERLAY_MAX: usize = 100_000;
/// What deltas may make of a full list, in marks; then the issuer must thin it out.
pub const MARKS_LIMIT: usize = MARKS_MAX + 2 * OVERLAY_MAX;
