//! Riders with cards: who they are, their terminals, what they do, and what came of it.
//!
//! ```text
//! people ─► wallet (the secure element) ─┐
//! plan ─────────────────────────────────►├─► drive ─► TapLog, uploads ─► the acquirers' nodes
//! posts (tap machine, PSAM, journal) ────┘               │
//!                                   audit ◄──────────────┴── what the nodes show
//! ```
//!
//! Terminals for cards live in this process; where a post of the country has one, both sides
//! share number and signing key, as one housing does. What a card is debited is read from the
//! card itself after each tap, by a terminal of nobody.

pub mod audit;
pub mod cash;
pub mod drive;
mod fares;
pub mod lists;
pub mod log;
pub mod people;
pub mod plan;
pub mod posts;
pub mod wallet;

pub use drive::CardSide;
pub use log::{ObservedCard, ObservedCardRide, TapLog};
pub use people::{Cardholder, Flaw, Habit, Medium};
pub use plan::{Act, Due, Mishap, PlannedTap};
pub use posts::{CardPlace, CardPost};
