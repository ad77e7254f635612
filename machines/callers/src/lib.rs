//! Who may ask a node for what: callers and their keys, roles and routes, locks and rates.
//!
//! ```text
//! head of a request ─▶ Gate::arrive (receiver, life, age, lock) ─▶ Caller::key ─▶ signature
//!        ─▶ Gate::proved (lock off, rate) ─▶ Rule::allows (role, scope) ─▶ body, digest
//!        ─▶ Gate::admit (once)
//! ```
//!
//! What is here: who is known and by which key at a moment ([`Caller`]), the one table of routes and
//! roles ([`TABLE`]), and the door-keeper's memory ([`Gate`]). Time is an argument: instants for what
//! is signed, a counter of milliseconds that only rises for locks and rates.
//! What is not here: where callers are kept (`tongtu-services`), HTTP, and keys that sign.
//!
//! Invariants: what is not in the table is refused; a failed proof in somebody's name from one
//! source locks nothing elsewhere; memory is bounded whatever strangers send.
//!
//! Start with [`TABLE`], then [`Gate`]. docs/callers.md explains it in prose.
//! UNSPECIFIED: no text that we could read says which role may ask for what of a node; roles, their
//! routes, locks and rates are ours.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod caller;
mod gate;
mod lock;
mod rate;
mod role;
mod table;

pub use caller::{
    AccountPrefix, Caller, CallerKey, CallerName, KEYS_MAX, KeyRefusal, OVERLAP_MAX_S,
    rotation_message,
};
pub use gate::{Gate, GateRefusal};
pub use lock::{LockRules, Locks};
pub use rate::{Rate, Rates};
pub use role::Role;
pub use table::{NotAllowed, Rule, Scope, Subject, TABLE, rule};
