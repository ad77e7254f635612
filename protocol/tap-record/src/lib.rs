//! What a terminal keeps of a card's ride (乘车交易记录): the canonical record.
//!
//! What is here: one table with every field that TAC audit, clearing and recovery need
//! ([`TapRecord`]), what its codes mean, what names a ride ([`RideKey`]) and a transaction of a
//! module ([`ModuleKey`]), and the checks that need no list ([`TapRecord::check`]).
//! What is not here: whether the ride is allowed, what it costs, where records are stored.
//! Start with [`TapRecord`].
//!
//! The record begins with letters of its own, so that a store can hold it beside the records of
//! ride codes, which begin with zero.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod cash;
mod code;
mod face;
mod record;
mod signed;

pub use cash::{CashDeal, CashFault, CashProof, Told};
pub use code::{CashCheck, Mac2State, Magic, RecordKind, Recovery, Stage, Tap, Version, YesNo};
pub use face::FaceProof;
pub use record::{ModuleKey, RecordFault, RideKey, TapRecord};
pub use signed::{SIGNED_LEN, SignedError};

/// The tables, for the documents.
pub const SPECS: &[tongtu_codec::RecordSpec] = &[TapRecord::SPEC, CashProof::SPEC, FaceProof::SPEC];
