//! The audit chain: lines that cannot be changed unseen, and daily anchors over them.
//!
//! ```text
//! line   | who what when key permit outcome about | before 32 | value 32 |
//!        value = SM3("TTAUDIT1" | all before the value)
//! anchor | day, lines so far, value of the last | SM3 of the anchor before | key | signature |
//! ```
//!
//! What is here: the bytes of a line and of an anchor ([`AuditLine`], [`Anchor`]), writing them
//! ([`AuditLog`]), and verifying them, which needs the bytes and the public keys of anchors and
//! nothing else ([`verify`], and line by line, in memory that does not grow, [`Verifier`]); lines about
//! the use of keys, and what is said in full beside them ([`KeyUse`], [`UseReader`]).
//! What it shows: a line that was changed, taken out, put in, repeated or moved, by its number; lines
//! cut off the end of a day that was anchored; a day whose lines were all written anew. What it
//! cannot show: lines of the last, unanchored day that were cut off its end, and anchors cut off
//! the end of their file, unless somebody has seen them: so anchors are handed out.
//! What is not here: storage, clock, the signing key, and who may do what.
//!
//! Start with [`AuditLog::append`], then [`verify`].
//! UNSPECIFIED: no text that we could read gives a form for audit records; all of it is ours.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod anchor;
mod key_use;
mod line;
mod log;
mod verifier;
mod verify;
mod word;

pub use anchor::Anchor;
pub use key_use::{
    KeyUse, UseEnd, UseFault, UseKind, UseReader, UseTally, UsedKey, UsesFound, is_about_use,
};
pub use line::{AuditLine, CHAIN_START, Entry, Outcome};
pub use log::{AuditLog, LogRefusal};
pub use verifier::Verifier;
pub use verify::{AnchorFault, AnchorKeys, Fault, LineFault, Verified, verify};
pub use word::{Log, Word};

/// Every table of this crate, for the documents.
pub const SPECS: &[tongtu_codec::RecordSpec] = &[AuditLine::SPEC, Anchor::SPEC, KeyUse::SPEC];
