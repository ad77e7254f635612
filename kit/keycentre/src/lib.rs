//! The officers of a test country's key room (密钥室), played: tests and the demo say what is to be
//! done, and everybody who must sign for it signs.
//!
//! ```text
//! KeyCentre ── an act, signed by its officers ──▶ KeyRoom (services) ── container ──▶ Store of a holder
//!                                                 books, approvals, audit chain, custody
//! ```
//! What is here: the officers with their keys, and the order of their steps ([`KeyCentre`]); the
//! stores of holders ([`Store`]). What is not here: books, permits, audit and custody, all of which
//! are the key room's, as in production.
//!
//! Chance is an argument: from one seed come the same officers, letters and stores. Every store is a
//! test store.

mod cash;
mod centre;
mod certificates;
mod officers;
mod store;

pub use centre::{CentreError, Given, KeyCentre, PASSPHRASE, RoomFiles};
pub use store::{Store, entropy, key_name};

use tongtu_keyring::Slot;
use tongtu_keyring::code::{KeyAlgorithm, Purpose};
use tongtu_types::InstitutionCode;

/// A slot of the nation's own SM2 keys.
fn nation_slot(purpose: Purpose) -> Slot {
    Slot {
        city: InstitutionCode::national().city(),
        purpose,
        algorithm: KeyAlgorithm::Sm2,
    }
}
