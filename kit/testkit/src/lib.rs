//! Naive models of the card, and what tears its power.
//!
//! A model is written from the clause, with plain structs and vectors, and shares no code with what
//! it is compared with: not the card, not the protocol crates, not their cryptography.
//!
//! Here: [`purse`], the e-purse and a terminal for it; [`psam`], the terminal's module; [`ecash`],
//! the e-cash; [`shelf`], the small applications, all on one card; [`registry`], what is on a
//! card, and [`scp03`], a host of its security domains; [`sequence`], commands to try; [`cipher`],
//! the ciphers' uses a second time; [`tear`], what cuts the power. Not here: the tests, which
//! stand beside the card. Start at [`purse::Purse::apdu`].

mod apdu;

pub mod cipher;
pub mod ecash;
pub mod psam;
pub mod purse;
pub mod registry;
pub mod scp03;
pub mod sequence;
pub mod shelf;
pub mod tear;

/// Two bytes of status word.
pub type Sw = u16;

/// What a model answers: data, or a status word that is not `9000`.
pub type Answer = Result<Vec<u8>, Sw>;
