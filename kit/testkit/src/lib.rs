//! Naive models of the card, and what tears its power.
//!
//! A model is written from the clause, with plain structs and vectors, and shares no code with what
//! it is compared with: not the card, not the protocol crates, not their cryptography. Here:
//! [`purse`], the e-purse; [`cipher`], the block ciphers' uses a second time. Not here: tests; they
//! stand beside the card. Start at [`purse::Purse::apdu`].

pub mod cipher;
pub mod purse;
