//! Naive models of the card, and what tears its power.
//!
//! A model is written from the clause, with plain structs and vectors, and shares no code with what
//! it is compared with: not the card, not the protocol crates, not their cryptography. Here:
//! [`purse`], the e-purse;
//! [`sequence`], commands to try on it; [`cipher`], the block ciphers' uses a second time; [`tear`], what cuts the power. Not here: tests; they
//! stand beside the card. Start at [`purse::Purse::apdu`].

pub mod cipher;
pub mod purse;
pub mod sequence;
pub mod tear;
