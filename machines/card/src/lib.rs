//! The secure element (安全单元): card manager, e-purse, e-cash and their siblings, sans-io.
//!
//! ```text
//!  APDU ──▶ Card ──▶ channel ──▶ applet (domain, purse, ecash, …) ──▶ Batch
//!                                                                      │ one frame
//!                              Memory ◀── journal::Nvm ◀───────────────┘
//! ```
//!
//! What is here: [`Card`], which answers command APDUs ([`Card::transmit`]) over a
//! [`Memory`] that the caller brings, and [`factory::Blueprint`], what a card is made with.
//! Every change of state is one [`journal`] frame: after a tear at any moment the card powers
//! up in the old state or in the new one. Time does not exist here; randomness and memory are
//! the caller's.
//! What is not here: readers and sockets, files, the host's side of any protocol.
//! Start with `card.rs`, then `context.rs` and `applet.rs`, then the folder of one applet.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod applet;
#[cfg(test)]
mod bench;
mod card;
mod channel;
mod context;
mod domain;
mod ecash;
pub mod factory;
mod foreign;
mod identity;
pub mod journal;
pub mod memory;
mod ppse;
mod purse;
mod registry;
mod ride_code;

pub use card::{Card, Env, Interface, PowerUpError};
pub use memory::{Memory, RamMemory, Torn};
