//! The PSAM (消费安全存取模块) as a machine, sans-io: a soft module, and a terminal's side of the
//! dialogue with any module.
//!
//! ```text
//!  PsamRequest ──▶ SoftPsam ─────────────────────────▶ journal ──▶ Memory
//!  PsamRequest ──▶ ApduPsam ──APDU──▶ Wire ─ ─ ─ APDU ─▶ SoftPsam
//!                                      └ ─ ─ ─ APDU ─▶ a module in a slot
//! ```
//!
//! What is here: [`SoftPsam`], which answers command APDUs and, as a [`Psam`], requests; what it
//! is made with ([`PsamProfile`]), or made of by commands ([`BlankPsam`]); [`ApduPsam`], a [`Psam`] over whatever carries APDUs
//! ([`Wire`]). A terminal sequence is in memory before it is in an answer, so none is given
//! twice, whatever happens to the power. Its memory and the journal in it are those of the card
//! (`tongtu-card`).
//! What is not here: readers, sockets, files, time.
//! Start with [`SoftPsam`].
//!
//! [`Psam`]: tongtu_psam::Psam
#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod apdu;
mod blank;
mod crypt;
mod module;
mod profile;
mod store;

pub use apdu::{ApduPsam, Lost, Wire};
pub use blank::BlankPsam;
pub use module::{OpenError, SoftPsam};
pub use profile::{KeyRole, MAC2_FAILURES_MAX, ModuleKey, PsamProfile};
