//! A module in a card reader's slot.

use tongtu_reader::CardChannel;
use tongtu_sam::{Lost, Wire};

/// A card channel as the wire to a module.
///
/// Whatever the reader says is the matter, the module is gone for the terminal: it is reset and
/// looked at again before it is asked again.
#[derive(Debug)]
pub struct ReaderSlot<C>(pub C);

impl<C: CardChannel> Wire for ReaderSlot<C> {
    fn exchange(&mut self, apdu: &[u8]) -> Result<Vec<u8>, Lost> {
        self.0.exchange(apdu).map_err(|_| Lost::Gone)
    }

    fn reset(&mut self) -> Result<(), Lost> {
        self.0.reset().map_err(|_| Lost::Gone)
    }
}
