//! The e-cash (电子现金, EC): the contactless offline wallet of qPBOC, bytes in and values out.
//!
//! What is here, for the card's side and the terminal's: the dictionary of data elements
//! ([`element`]), data object lists ([`Dol`]) and file lists ([`Afl`]), the qualifiers of a
//! tap ([`Ttq`], [`Ctq`], [`Aip`], [`CompositeKind`]), issuer application data ([`Iad`]),
//! [`Fci`], one type per command ([`command`]), cryptograms ([`cryptogram`]), offline data
//! authentication by RSA and SM2 ([`oda`]), records of the log ([`log`]) and
//! personalisation ([`perso`]).
//! What is not here: what a card decides (`machines/card`), what a terminal decides, the
//! e-purse (its own crate), readers.
//! Start with [`command::GetProcessingOptions`] and [`GpoAnswer`].
//!
//! Sources: PBOC 3.0 (JR/T 0025 parts 4 to 8 and 12 to 17) as far as it could be known, EMV
//! books 2 and 3 for what it takes over; the composite commands (分段扣费) as seen in public
//! implementations.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod afl;
mod amount;
pub mod command;
pub mod cryptogram;
mod dol;
pub mod element;
mod error;
mod explain;
mod fci;
mod gpo;
mod iad;
pub mod log;
pub mod oda;
pub mod perso;
mod qualifier;
pub mod tag;
pub mod test_card;

/// Every record table of this crate, for the documents.
pub const SPECS: &[tongtu_codec::RecordSpec] = &[TransportData::SPEC, perso::FileEntry::SPEC];

pub use afl::{Afl, AflEntry};
pub use amount::{Amount, MAX_AMOUNT};
pub use dol::{Dol, DolEntry, Values};
pub use error::EcashError;
pub use explain::explain;
pub use fci::{Fci, IssuerDiscretionary, LogEntry, TransportData};
pub use gpo::{GpoAnswer, Tap};
pub use iad::{Cvr, CvrFlag, Iad, IssuerBalance, IssuerData};
pub use qualifier::{Aip, Cid, CompositeKind, CompositeSupport, CryptogramKind, Ctq, Ttq};
