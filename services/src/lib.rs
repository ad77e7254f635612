//! What a node does: issuing, accounts, acquiring, exchange, settlement days, audit.
//!
//! A node is one institution with its own store and keys: a city (issuer, acquirer and exchange
//! body in one), a province's hub or the nation's. Every call is one transaction, or a sequence
//! of steps each of which can be repeated without harm; time is an argument.
//!
//! What is here: what happens to accounts, records, files and days, and in which order. What is
//! not here: HTTP and JSON (the edges), SQL (`tongtu-sql`), how a ride is judged and netted
//! (`tongtu-clearing`), the bytes of files and codes (`protocol/`).
//!
//! Beside it: the key room ([`keyroom`]), where officers take the steps of keys and certificates.
//!
//! Start with [`Node`], then `days`: a settlement day is the same two calls everywhere.

mod acquiring;
mod archive;
mod audit;
mod callers;
mod cards;
mod cash;
mod chaining;
mod config;
mod days;
mod error;
mod exchange;
pub mod faces;
mod issuing;
pub mod keyroom;
pub mod keys;
mod listing;
mod modules;
mod node;
mod papers;
mod parallel;
pub mod personalising;
mod proof;
mod revoking;
mod stored;
mod taps;
mod verifying;

pub use acquiring::{TerminalRegistration, UploadKind, UploadOutcome};
pub use archive::MadeFile;
pub use audit::{Alarm, LedgerView, RejectedUpload, RideRole, RideState, RideView};
pub use callers::{
    ASKED_S, ActFault, ActVerifier, Acted, Awaiting, CallerAct, FileEvidence, ProvedRequest,
};
pub use cards::CardView;
pub use chaining::{ChainEnded, ChainFaultView, ChainPlace, ChainView};
pub use config::{AcquirerConfig, IssuerConfig, NodeConfig};
pub use days::{DayPhase, DayView, PositionView};
pub use error::{ServiceError, StatusKind};
pub use exchange::{FileInfo, FileReceipt};
pub use faces::{FaceConfig, FaceError, FaceKeys};
pub use issuing::AccountView;
pub use keys::{BookAge, BookStanding, KeyFault, KeyNote, KeyReport, NodeKeys, ReportsTaken};
pub use listing::{CoverageView, Lag, ListFile, ListKind, ListsInForce, Offered};
pub use modules::PsamAdmission;
pub use node::Node;
pub use papers::{Edition, Keeper, Paper, PaperFault};
pub use verifying::{Meter, Verified};
