//! What crosses the card's modules.

mod tear;
mod tear_journal;
