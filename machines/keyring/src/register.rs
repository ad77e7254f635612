//! The register of officers (人员登记): which person has which role, with which key, from when until
//! when.
//!
//! ```text
//! founded ×4 ─▶ registered, rotated, ended, unlocked: two persons each
//!               failed, cleared: what the register counts itself
//! ```
//!
//! What is here: the register's events and book ([`Register`], [`Event`]), who may change it, and
//! the one question asked of it: whose key may sign as this officer now ([`Register::credential`]).
//! What is not here: keys of officers, which are with them, and signatures.
//!
//! UNSPECIFIED: no text that we could read says how officers are told apart; all of it is ours.

mod attempts;
mod book;
mod event;
mod refusal;

pub use attempts::{Attempts, FAILURES_MAX, WAIT_FIRST_S, WAIT_MAX_S};
pub use book::{FOUNDERS, Member, Register};
pub use event::{Credential, CredentialBody, Event, RotationBody, Step, What};
pub use refusal::{RegisterRefusal, ReplayError};
