//! The terminal (受理终端): scans of ride codes and taps of cards, lists, record store and upload,
//! sans-io.
//!
//! ```text
//!  acquirer ── signed lists ─► apply_lists ┐
//!  scanner ─── bytes, time ──► scan ───────┤ ScanTerminal ── append ─► RecordStore (durable)
//!  beeper ◄─── prompt ─────────────────────┤              ◄─ replay ── after a power cut
//!  acquirer ◄─ records ─────── Upload ─────┘
//! ```
//!
//! What is here: the list bundle ([`lists`]), the book of what is held of it ([`ListBook`]), the
//! machine ([`ScanTerminal`]), what it asks of a store ([`RecordStore`]), the chain over its
//! records ([`chained`]), when it believes its clock ([`ClockGuard`]), what it tells riders
//! ([`Prompt`]), when to upload ([`Upload`]), the card side ([`tap`]) and the face side ([`face`]).
//! What is not here: files, sockets, clocks, cameras, the radio of cards; the checks on a code
//! themselves are `tongtu-ride-code`'s. Start with [`ScanTerminal`] and [`tap::CardTerminal`].
#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod book;
mod chain;
mod clock;
mod coverage;
mod entries;
pub mod face;
mod fares;
mod held;
pub mod lists;
mod machine;
mod outlook;
mod profile;
mod prompt;
mod scan;
mod store;
pub mod tap;
mod upload;

pub use book::{BLACKLIST_STALE_S, LISTS_OVERDUE_S, ListBook, ListsStatus};
pub use chain::{Audited, CHAIN_START, ChainAudit, ChainFault, ChainedRecord, chained, sealed};
pub use clock::{ClockFault, ClockGuard, ClockRules, ClockSource, Heard, Reading, Trusted};
pub use coverage::{Coverage, CoverageRecord};
pub use entries::{OpenEntries, OpenEntry};
pub use fares::account_class;
pub use held::{Held, Terms};
pub use lists::{CardLists, ListBundle, ListError};
pub use machine::{DEBOUNCE_S, RecoverError, ScanTerminal};
pub use outlook::{AlarmThresholds, Fill, Outlook, Pace};
pub use profile::{Post, Profile, Sam, Setup};
pub use prompt::{Light, Notice, Prompt};
pub use scan::{OutOfService, Refusal, Ride, Scan, ScanOutcome};
pub use store::{Capacity, ListsMark, RecordStore, StoreError, StoredRecord};
pub use tongtu_fare::Lang;
pub use upload::{BATCH_MAX, Backoff, TELLING_S, Upload, UploadStep};

/// Every record table of this crate, for the documents.
pub const SPECS: &[tongtu_codec::RecordSpec] = &[
    lists::ParametersRecord::SPEC,
    CoverageRecord::SPEC,
    face::GalleryReportRecord::SPEC,
    tap::ModuleReportRecord::SPEC,
];
