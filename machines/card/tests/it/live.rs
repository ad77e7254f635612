//! A card under power, on memory that can be torn.

use tongtu_card::journal::ObjectId;
use tongtu_card::{Card, Env, Interface};
use tongtu_testkit::tear::Chip;

use crate::tear::{Cells, Dice};

/// Everything that a card keeps.
pub(crate) type Kept = Vec<(ObjectId, Vec<u8>)>;

/// A card on its chip.
pub(crate) struct Live {
    card: Card<Cells>,
    dice: Dice,
}

impl Live {
    /// Powers up what is on the chip.
    pub(crate) fn on(chip: &Chip) -> Self {
        Self {
            card: Card::power_up(Cells(chip.clone())).expect("a card is on the chip"),
            dice: Dice::new(),
        }
    }

    /// Sends a command; no answer when power was lost.
    pub(crate) fn send(&mut self, command: &[u8]) -> Option<Vec<u8>> {
        let mut entropy = |out: &mut [u8]| self.dice.fill(out);
        let mut env = Env {
            entropy: &mut entropy,
            interface: Interface::Contactless,
        };
        self.card.transmit(&mut env, command).ok()
    }

    /// A warm reset.
    pub(crate) fn reset(&mut self) {
        self.card.reset();
    }

    /// What it keeps.
    pub(crate) fn kept(&self) -> Kept {
        let objects = self.card.nvm().objects();
        objects.map(|(id, value)| (id, value.to_vec())).collect()
    }
}

/// What the card on a chip keeps.
pub(crate) fn kept(chip: &Chip) -> Kept {
    Live::on(chip).kept()
}
