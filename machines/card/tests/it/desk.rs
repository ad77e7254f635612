//! A desk with one card: commands in, answers out, GET RESPONSE followed.

use std::collections::BTreeMap;

use tongtu_apdu::select::{Aid, Select};
use tongtu_apdu::{CardCommand, Command, Response, StatusWord};
use tongtu_card::factory::{Blueprint, Group, Module, Preinstalled};
use tongtu_card::journal::ObjectId;
use tongtu_card::{Card, Env, Interface, Torn};
use tongtu_testkit::tear::Chip;

use crate::tear::{Cells, Dice};

/// A card on the desk; the same dice at every power-up.
pub(crate) struct Desk {
    pub(crate) card: Card<Cells>,
    dice: Dice,
    /// Pieces in which the last answer came.
    pub(crate) pieces: Vec<usize>,
}

/// An application for a blueprint.
pub(crate) fn application(
    module: Module,
    aid: Aid,
    (label, priority): (&str, u8),
    groups: &[(u16, &[u8])],
) -> Preinstalled {
    let groups = groups.iter().map(|(id, value)| Group {
        id: *id,
        value: value.to_vec().into(),
    });
    Preinstalled {
        module,
        aid,
        label: label.as_bytes().to_vec(),
        priority,
        parameters: Vec::new(),
        groups: groups.collect(),
    }
}

impl Desk {
    /// A new card with these applications.
    pub(crate) fn with(applications: Vec<Preinstalled>) -> Self {
        let blueprint = Blueprint {
            applications,
            ..Blueprint::default()
        };
        let memory = Cells(Chip::new(32 * 1024));
        let mut dice = Dice::new();
        let card = Card::manufacture(memory, &blueprint, &mut |out: &mut [u8]| dice.fill(out));
        Self::around(card.expect("a plain blueprint"))
    }

    /// The card in this memory, under power again.
    pub(crate) fn again(chip: &Chip) -> Self {
        let card = Card::power_up(Cells(chip.clone()));
        Self::around(card.expect("it comes up after any tear"))
    }

    pub(crate) fn around(card: Card<Cells>) -> Self {
        Self {
            card,
            dice: Dice::new(),
            pieces: Vec::new(),
        }
    }

    /// Sends bytes as they are.
    pub(crate) fn transmit(&mut self, apdu: &[u8]) -> Result<Response, Torn> {
        let dice = &mut self.dice;
        let mut entropy = |out: &mut [u8]| dice.fill(out);
        let mut env = Env {
            entropy: &mut entropy,
            interface: Interface::Contactless,
        };
        let answer = self.card.transmit(&mut env, apdu)?;
        Ok(Response::parse(&answer).expect("a card answers at least a status word"))
    }

    /// Sends a command and fetches all of its answer.
    pub(crate) fn send(&mut self, command: &Command) -> Result<Response, Torn> {
        let mut whole = self.transmit(&command.encode().expect("short"))?;
        self.pieces = vec![whole.data.len()];
        while let [0x61, more] = whole.sw.bytes() {
            let piece = self.transmit(&[0x00, 0xC0, 0x00, 0x00, more])?;
            self.pieces.push(piece.data.len());
            whole.data.extend(piece.data);
            whole.sw = piece.sw;
        }
        Ok(whole)
    }

    /// Sends a typed command; its answer, or the status word that it was refused with.
    pub(crate) fn call<C: CardCommand>(&mut self, command: &C) -> Result<C::Answer, StatusWord> {
        let answer = self.send(&command.to_command()).expect("power stays");
        if !answer.sw.is_ok() {
            return Err(answer.sw);
        }
        Ok(C::answer(&answer.data).expect("a card's own answer"))
    }

    /// Selects by name; the FCI.
    pub(crate) fn select(&mut self, aid: Aid) -> Vec<u8> {
        let select = Select::by_name(aid.as_bytes());
        self.call(&select).expect("it is on the card")
    }

    /// Every object on the card with its value.
    pub(crate) fn image(&self) -> BTreeMap<ObjectId, Vec<u8>> {
        let objects = self.card.nvm().objects();
        objects.map(|(id, value)| (id, value.to_vec())).collect()
    }
}
