//! A key room at rest: everything but the keys themselves, in one folder that survives power cuts.
//!
//! ```text
//! steps            head | intent? step done | intent? step done | …       the one that counts
//! approvals        what officers signed                ┐
//! key-events       the key book's events               │
//! authority-events the certificate authority's         │ the same entries again, one file for
//! officer-events   the register's                      │ each kind, for whoever reads only that
//! anchor-keys      public keys of anchors              │
//! cash-events      the e-cash authority's              │
//! audit-lines      the audit chain                     │
//! audit-anchors    its anchors                         ┘
//! keys             the custody's file; another crate's
//! ```
//!
//! What a step of the room does, it does to several books at once, so it is one frame of one file:
//! the frame is whole or it is not, and so is the step. The other files are made of frames after
//! they are safe; a power cut leaves them behind the frames, never before them, and opening writes
//! what is missing. Before a custody is touched an *intent* says what will be in it, so that a key
//! that no step knows can be recognised and taken out again.
//!
//! What is here: frames, files, opening and appending ([`RoomStore`]); a folder, and one in memory
//! whose power fails ([`sim`]). What is not here: what events mean, who signs, and keys.
//!
//! Invariants: after any power cut the room opens as before a step or as after it; a byte changed
//! in any file is named by file and record; an older custody put back is recognised; one process
//! has the folder; a file is never in memory as a whole.
//!
//! Start with [`RoomStore::open`]. UNSPECIFIED: form and files are ours.

mod error;
mod frame;
mod medium;
pub mod sim;
mod store;

pub use error::{FrameFault, OpenError, RoomFault, StoreError};
pub use frame::{Entry, Head, Intent, Part, Step, StepHead, TokenPlace};
pub use medium::{File, FolderMedium, Medium};
pub use store::{Opened, RoomStore};

/// Every table of this crate, for the documents.
pub const SPECS: &[tongtu_codec::RecordSpec] = &[StepHead::SPEC];
