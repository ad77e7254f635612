//! The terminal behind a C ABI, for makers of validators and gates (受理终端厂商).
//!
//! ```text
//!  maker's program ── tt_tap_begin, tt_tap_next ──► Terminal ──► CardTerminal ─┐
//!  (reader, slot,  ◄── ask: APDU for card or PSAM ──┤                          ├─► store
//!   screen, clock) ── tt_scan ──────────────────────┴─────────► ScanTerminal ──┘
//! ```
//!
//! What is here: handles and what they stand for ([`Terminal`], which is plain safe Rust), the
//! functions and structs that C sees ([`api`], [`types`]), error codes in two languages
//! ([`code`]), and how pointers become references (`raw`). The header
//! `include/tongtu_terminal.h` is written from these files by `cargo xtask docs`.
//! What is not here: any decision about a ride; that is `tongtu-terminal`'s.
//! Start with [`Terminal`], then [`api`].
//!
//! Unsafe code is in `raw.rs`, `hooks.rs` and `api/` only.

pub mod api;
pub mod code;
mod fault;
mod hooks;
mod module;
mod raw;
mod setup;
mod table;
mod terminal;
pub mod types;

pub use terminal::Terminal;
