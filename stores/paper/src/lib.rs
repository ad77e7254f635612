//! Signed papers at rest: a register, an extract of the key book, whatever is replaced by a newer
//! one while a node goes by it.
//!
//! ```text
//! new bytes ──▶ NAME.new: written, synced ──▶ renamed over NAME ──▶ folder synced
//! ```
//! After a power cut at any moment the file has the old bytes or the new ones, whole. What is left
//! of a writing that was cut off lies under another name, is never read, and is overwritten by the
//! next.
//!
//! What is here: [`PaperFile`] and the [`Disk`] under it. What is not here: what the bytes are, who
//! signed them, and whether they may replace the old ones; whoever replaces has asked that before.

mod disk;
mod file;

pub use disk::{Disk, FolderDisk};
pub use file::{PaperError, PaperFile};
