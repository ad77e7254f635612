//! What stands in for PC/SC in a build without it: the same names, and one error.

use std::time::Duration;

use crate::channel::CardChannel;
use crate::error::ReaderError;

/// A card in a reader. Without the feature `pcsc` there is none.
#[derive(Debug)]
pub enum PcscCard {}

impl PcscCard {
    /// The reader's name.
    #[must_use]
    pub fn reader(&self) -> &str {
        match *self {}
    }
}

impl CardChannel for PcscCard {
    fn atr(&self) -> Vec<u8> {
        match *self {}
    }

    fn exchange(&mut self, _apdu: &[u8]) -> Result<Vec<u8>, ReaderError> {
        match *self {}
    }

    fn reset(&mut self) -> Result<(), ReaderError> {
        match *self {}
    }
}

/// The names of the readers that are connected.
///
/// # Errors
/// Always [`ReaderError::WithoutPcsc`] in this build.
pub fn readers() -> Result<Vec<String>, ReaderError> {
    Err(ReaderError::WithoutPcsc)
}

/// Waits for a card in a reader and names the reader.
///
/// # Errors
/// Always [`ReaderError::WithoutPcsc`] in this build.
pub fn wait_for_card(_wanted: Option<&str>, _at_most: Duration) -> Result<String, ReaderError> {
    Err(ReaderError::WithoutPcsc)
}

/// Connects to the card in a reader.
///
/// # Errors
/// Always [`ReaderError::WithoutPcsc`] in this build.
pub fn connect(_wanted: Option<&str>) -> Result<PcscCard, ReaderError> {
    Err(ReaderError::WithoutPcsc)
}
