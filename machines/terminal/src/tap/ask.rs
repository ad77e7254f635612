//! What a tap asks of the world, and how the world answers.

use alloc::boxed::Box;
use alloc::vec::Vec;

use tongtu_psam::{PsamAnswer, PsamFault, PsamRequest};

use crate::StoreError;
use crate::tap::TapEnd;

/// The card left the field, or its answer never came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the card left the field")]
pub struct Lost;

/// What a tap asks next. The driver does it, and hands the answer to [`crate::tap::Tap::handle`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// Send this command APDU to the card; answered by [`Answer::Card`].
    Card(Vec<u8>),
    /// Ask the module; answered by [`Answer::Psam`].
    Psam(PsamRequest),
    /// Keep an intent, durably; answered by [`Answer::Kept`].
    KeepIntent {
        /// Its number; one with the same is replaced.
        id: u64,
        /// Its bytes.
        intent: Vec<u8>,
    },
    /// Forget an intent: the card proved that it did not commit; answered by [`Answer::Kept`].
    DropIntent {
        /// Its number.
        id: u64,
    },
    /// Store a record, durably, and forget the intent it closes in the same frame; answered by
    /// [`Answer::Appended`].
    Append {
        /// The record's bytes, signed.
        record: Vec<u8>,
        /// The intent that it closes.
        closes: Option<u64>,
    },
    /// The tap is over: tell the rider, carry the notices, then call
    /// [`crate::tap::CardTerminal::told`].
    Done(Box<TapEnd>),
}

/// The world's answer to an [`Ask`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The first: a card is in the field.
    Begin,
    /// What the card answered: data and status word, as they came.
    Card(Result<Vec<u8>, Lost>),
    /// What the module answered.
    Psam(Result<PsamAnswer, PsamFault>),
    /// Whether an intent was kept or dropped.
    Kept(Result<(), StoreError>),
    /// The number of the record that was stored.
    Appended(Result<u64, StoreError>),
}
