//! The reader's edge: how commands reach a card, and how ours is reached.
//!
//! Out: [`readers`] and [`connect`] go through the system's PC/SC service to a real card or phone;
//! with [`Direct`] the card is in this process. Both are a [`CardChannel`], which is all that a caller
//! sees. In: [`vpcd`] speaks to the virtual reader driver of pcscd, so that every PC/SC program
//! on this machine finds our card in a reader.
//!
//! PC/SC needs a C library of the system and is behind the feature `pcsc`. Without it the functions
//! are the same and answer [`ReaderError::WithoutPcsc`], which says how to get it.
//!
//! Not here: what a command or an answer means (`protocol/apdu`), and the card (`machines/card`).
//! Nothing of ours is used: bytes only. Start with [`CardChannel`] and [`vpcd::serve`].

mod channel;
mod error;
#[cfg_attr(not(feature = "pcsc"), path = "pcsc_absent.rs")]
mod pcsc;
mod rtt;
pub mod vpcd;

pub use channel::{CardChannel, Direct};
pub use error::ReaderError;
pub use pcsc::{PcscCard, connect, readers, wait_for_card};
pub use rtt::{RoundTrips, measure_round_trips};
