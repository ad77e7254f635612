//! The nodes' store: one SQL text for SQLite and PostgreSQL.
//!
//! What is here: the tables (`migrations/`), transactions ([`Tx`]) and one module of statements
//! per noun; rows are plain types. What counts once is a constraint, never a look-up: record
//! ids, codes by account and generation time, cards by number and counter, file names, entry ids.
//! Card numbers and all that may hold one are sealed before they go in and opened when they come
//! out ([`Sealing`]); rows have them in the clear.
//! What is not here: what the rows mean (`tongtu-services`), the book's rules (`tongtu-ledger`;
//! they are asked inside the inserting transaction), terminals' own files (`tongtu-journal`).
//!
//! On SQLite there is one writer at a time and a commit survives a power cut (WAL with
//! synchronous = FULL); readers never wait. On PostgreSQL the server's own settings decide.
//!
//! Start with [`Sealing`] and [`Store::open`], then [`Store::write`].

mod account;
mod alarm;
mod bulk;
mod caller;
mod caller_act;
mod card;
mod card_list;
mod chain;
mod day;
mod error;
mod face;
mod face_given;
mod file;
mod key_note;
mod key_report;
mod key_use;
mod ledger;
mod list;
mod masked;
mod migration;
mod revocation;
mod ride;
mod sealing;
mod settlement;
mod store;
mod terminal;

pub use account::{AccountRow, ChargedRow, RechargeRow};
pub use alarm::AlarmRow;
pub use caller::{CallerKeyRow, CallerRow, FileEnvelopeRow};
pub use caller_act::{CallerActRow, CallerAskedRow, CallerRequestRow};
pub use card::{CardTable, GreyRow};
pub use card_list::{CardListVersionRow, CardSpan, CoverageRow};
pub use chain::{ChainEndedRow, ChainLinkRow, ChainRow};
pub use day::{DayRow, DayTally, PositionRow, PublishedDay};
pub use error::StoreError;
pub use face::{FaceEnrolmentRow, FaceScopeRow, FaceTemplateRow};
pub use face_given::{FaceGivenRow, FacePlaceRow, FaceTerminalRow, FaceVisibleRow};
pub use file::{OutgoingRow, ReceivedRow, WaitingRow};
pub use key_note::KeyNoteRow;
pub use key_report::KeyReportRow;
pub use key_use::{KeyUseAnchorRow, KeyUseRow};
pub use ledger::Posted;
pub use list::ListVersionRow;
pub use revocation::{PsamRow, RevocationRow};
pub use ride::{BatchRow, RepeatedRow, RideRow};
pub use sealing::Sealing;
pub use settlement::{ClaimRow, JudgedRow, JudgementRow, RideEndRow, SerialRow, SettlementRow};
pub use store::{Store, Tx};
pub use terminal::{RejectedRow, TerminalRow};
