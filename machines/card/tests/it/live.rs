//! A card under power, on memory that can be torn.

use tongtu_apdu::select::E_PURSE;
use tongtu_card::factory::{Blueprint, Group, Module, Preinstalled};
use tongtu_card::journal::ObjectId;
use tongtu_card::{Card, Env, Interface};
use tongtu_purse::profile::Profile;
use tongtu_testkit::tear::{Chip, Exchange, Line};

use crate::tear::{Cells, Dice};

/// Everything that a card keeps.
pub(crate) type Kept = Vec<(ObjectId, Vec<u8>)>;

/// A card on its chip.
pub(crate) struct Live {
    card: Card<Cells>,
    dice: Dice,
    line: Option<Line>,
}

impl Live {
    /// Powers up what is on the chip.
    pub(crate) fn on(chip: &Chip) -> Self {
        Self {
            card: Card::power_up(Cells(chip.clone())).expect("a card is on the chip"),
            dice: Dice::new(),
            line: None,
        }
    }

    /// The same, behind a line that breaks.
    pub(crate) fn behind(line: Line, chip: &Chip) -> Self {
        Self {
            line: Some(line),
            ..Self::on(chip)
        }
    }

    /// Takes the power away and gives it back; the dice fall on as they fell.
    pub(crate) fn power_cycle(&mut self, chip: &Chip) {
        self.card = Card::power_up(Cells(chip.clone())).expect("a card is on the chip");
    }

    /// Sends a command; no answer when power or the line was lost.
    pub(crate) fn try_send(&mut self, command: &[u8]) -> Option<Vec<u8>> {
        let Some(mut line) = self.line else {
            return self.answer(command);
        };
        let exchange = line.exchange(command, |command| {
            self.answer(command).expect("power stays")
        });
        self.line = Some(line);
        match exchange {
            Exchange::Answered(answer) => Some(answer),
            Exchange::Undelivered | Exchange::Unanswered(_) => None,
        }
    }

    fn answer(&mut self, command: &[u8]) -> Option<Vec<u8>> {
        let mut entropy = |out: &mut [u8]| self.dice.fill(out);
        let mut env = Env {
            entropy: &mut entropy,
            interface: Interface::Contactless,
        };
        self.card.transmit(&mut env, command).ok()
    }

    /// Sends a command to a card whose power stays.
    pub(crate) fn send(&mut self, command: &[u8]) -> Vec<u8> {
        self.try_send(command).expect("power stays")
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

/// A chip of this size with a card by this blueprint.
pub(crate) fn made(size: usize, blueprint: &Blueprint) -> Chip {
    let chip = Chip::new(size);
    let mut dice = Dice::new();
    let mut entropy = |out: &mut [u8]| dice.fill(out);
    Card::manufacture(Cells(chip.clone()), blueprint, &mut entropy).expect("a test card");
    chip.revive();
    chip
}

/// A purse as it leaves the factory.
pub(crate) fn purse(profile: &Profile) -> Preinstalled {
    let groups = profile.groups();
    Preinstalled {
        module: Module::Purse,
        aid: E_PURSE,
        label: b"MOT_T_EP".to_vec(),
        priority: 2,
        parameters: Vec::new(),
        groups: groups
            .into_iter()
            .map(|group| Group {
                id: group.id,
                value: group.value,
            })
            .collect(),
    }
}

/// A chip with a purse on it.
pub(crate) fn purse_chip(size: usize, profile: &Profile) -> Chip {
    let blueprint = Blueprint {
        applications: vec![purse(profile)],
        ..Blueprint::default()
    };
    made(size, &blueprint)
}
