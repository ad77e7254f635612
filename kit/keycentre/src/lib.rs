//! A key centre for tests and the demo: every key goes through its whole life in the book, and
//! comes from one seed, so that the same seed gives the same country.
//!
//! ```text
//! nation: registers cities ─ approves ─ makes the key in its store ─┐ container under a transport key
//! province: applies ─────────────────── hands on ───────────────────┼──► city's store: takes it in, uses it
//!                    all of it: key book, authority's book, audit lines, anchors
//! ```
//! What is here: the officers and their steps ([`KeyCentre`]), the stores ([`Store`]), the extract that
//! nodes go by. What is not here: who the officers are. They are numbers, because nobody acts; the
//! key room of a real centre asks for their credentials.
//!
//! Every store is a test store, opened by a key file beside it.

mod centre;
mod certificates;
mod store;

pub use centre::{AuditFiles, CentreError, Given, KeyCentre};
pub use store::{Store, entropy, key_name};
