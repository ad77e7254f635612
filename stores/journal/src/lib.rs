//! The terminal's record store at rest: an append-only journal that survives power cuts.
//!
//! ```text
//! append ──► frame ──► medium.append ──► medium.sync ──► only now is the record stored
//! open   ──► read every frame ──► torn end: cut and reported
//!                             └─► damage to what was safe: an error naming the offset
//! release ─► enough is dead, or room is wanted ──► rewritten aside, synced, renamed, folder synced
//! ```
//!
//! Records are chained (the terminal's `chained`): each frame of one carries the chain's value,
//! and a journal in which a record was changed, taken out, put in or moved does not open, even
//! if every checksum was made to fit.
//!
//! What is here: [`Journal`] over any [`Medium`]; [`FileJournal`], the one in a file, locked
//! against a second process; the lists beside it, [`ListsFile`] and [`FileBlacklist`], each twice so
//! that one is always whole ([`Twin`]), and the beginning of one that is on its way ([`FilePart`]);
//! [`SimMedium`], a device whose power fails at any byte. What is not
//! here: what a record says (the terminal's), and when to upload. Start with
//! [`FileJournal::open`].

mod blacklist;
mod content;
mod frame;
mod journal;
mod lists;
mod medium;
mod part;
mod sim;
mod twin;

pub use blacklist::{BlacklistStore, FileBlacklist, Restored};
pub use frame::FrameFault;
pub use journal::{Cut, FileJournal, Journal, JournalError, Limits};
pub use lists::ListsFile;
pub use medium::{FileMedium, Medium, ReplaceError};
pub use part::{FilePart, PartStore};
pub use sim::{Fault, SimMedium, Survival};
pub use twin::{Twin, TwinWriter};
