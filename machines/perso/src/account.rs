//! The account of modules: ordered once, made once, none forgotten.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use tongtu_crypto::sm3;
use tongtu_psam::PsamSerial;
use tongtu_purse::field::Terminal;
use tongtu_types::CityCode;

use crate::answer::Answer;
use crate::batch::Batch;
use crate::layout::{Mark, Outcome};

/// Where a module stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Ordered, and nothing was heard of it.
    Ordered,
    /// A card was spoiled over it; it is still to be made.
    Spoiled {
        /// How many cards.
        cards: u32,
    },
    /// Made, on this card.
    Made {
        /// The maker's own number of the card.
        chip: [u8; 10],
    },
}

/// How many modules stand where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// In all.
    pub ordered: usize,
    /// Made.
    pub made: usize,
    /// Still to be made.
    pub missing: usize,
    /// Cards that became waste.
    pub spoiled_cards: usize,
}

/// What contradicts the account. Nothing of the file is taken then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// The very batch once more.
    #[error("batch {number} is in the account already")]
    BatchTwice {
        /// Its number.
        number: u32,
    },
    /// A serial number that was ordered in another batch.
    #[error("PSAM {serial} of batch {number} was ordered in batch {before}")]
    SerialTwice {
        /// The serial number.
        serial: PsamSerial,
        /// The new batch.
        number: u32,
        /// The old one.
        before: u32,
    },
    /// A terminal number that another module has.
    #[error("terminal {terminal} of batch {number} is that of PSAM {of}")]
    TerminalTwice {
        /// The terminal number.
        terminal: Terminal,
        /// The new batch.
        number: u32,
        /// Whose it is.
        of: PsamSerial,
    },
    /// An answer to a batch that is not in the account, or was another one.
    #[error("the answer is to a batch {number} that is not in the account")]
    NoBatch {
        /// The number that it says.
        number: u32,
    },
    /// An answer that says something else of its batch than the batch.
    #[error("the answer says another {what} than batch {number}")]
    Differs {
        /// Which field.
        what: &'static str,
        /// The batch.
        number: u32,
    },
    /// A module that its batch does not have.
    #[error("PSAM {serial}, number {at} of batch {number}, was not ordered so")]
    NotOrdered {
        /// The serial number.
        serial: PsamSerial,
        /// Its number in the batch.
        at: u16,
        /// The batch.
        number: u32,
    },
    /// A module made once more.
    #[error("PSAM {serial} was made already")]
    MadeTwice {
        /// The serial number.
        serial: PsamSerial,
    },
    /// A card used once more.
    #[error(
        "card {} of PSAM {serial} was used for PSAM {before}",
        tongtu_codec::hex_encode(chip)
    )]
    ChipTwice {
        /// The card.
        chip: [u8; 10],
        /// What it was used for now.
        serial: PsamSerial,
        /// And before.
        before: PsamSerial,
    },
}

#[derive(Debug, Clone)]
struct Known {
    number: u32,
    city: CityCode,
    mark: Mark,
    serials: Vec<PsamSerial>,
}

#[derive(Debug, Clone)]
struct Ordered {
    batch: u32,
    state: State,
}

/// Every module that was ordered, and what became of it.
#[derive(Debug, Clone, Default)]
pub struct Account {
    batches: BTreeMap<sm3::Digest, Known>,
    modules: BTreeMap<PsamSerial, Ordered>,
    terminals: BTreeMap<[u8; 6], PsamSerial>,
    chips: BTreeMap<[u8; 10], PsamSerial>,
}

impl Account {
    /// Takes a batch that was verified, by the digest that names it.
    ///
    /// # Errors
    /// [`AccountError`]; then nothing of it is taken.
    pub fn order(&mut self, batch: &Batch, digest: sm3::Digest) -> Result<(), AccountError> {
        let number = batch.number;
        if self.batches.contains_key(&digest) {
            return Err(AccountError::BatchTwice { number });
        }
        for module in &batch.modules {
            let (serial, terminal) = (module.identity.serial, module.identity.terminal);
            if let Some(known) = self.modules.get(&serial) {
                return Err(AccountError::SerialTwice {
                    serial,
                    number,
                    before: known.batch,
                });
            }
            if let Some(of) = self.terminals.get(&terminal.0) {
                return Err(AccountError::TerminalTwice {
                    terminal,
                    number,
                    of: *of,
                });
            }
        }
        for module in &batch.modules {
            let serial = module.identity.serial;
            let ordered = Ordered {
                batch: number,
                state: State::Ordered,
            };
            self.modules.insert(serial, ordered);
            self.terminals.insert(module.identity.terminal.0, serial);
        }
        let serials = batch.modules.iter().map(|module| module.identity.serial);
        let known = Known {
            number,
            city: batch.city,
            mark: batch.mark,
            serials: serials.collect(),
        };
        self.batches.insert(digest, known);
        Ok(())
    }

    /// Takes an answer that was verified.
    ///
    /// # Errors
    /// [`AccountError`]; then nothing of it is taken.
    pub fn answer(&mut self, answer: &Answer) -> Result<(), AccountError> {
        // On a copy, because lines of one answer can contradict each other too.
        let mut after = self.clone();
        after.take(answer)?;
        *self = after;
        Ok(())
    }

    fn take(&mut self, answer: &Answer) -> Result<(), AccountError> {
        let number = answer.batch;
        let batch = self
            .batches
            .get(&answer.of)
            .ok_or(AccountError::NoBatch { number })?;
        for (what, same) in [
            ("number", batch.number == number),
            ("city", batch.city == answer.city),
            ("mark", batch.mark == answer.mark),
        ] {
            if !same {
                return Err(AccountError::Differs {
                    what,
                    number: batch.number,
                });
            }
        }
        for line in &answer.lines {
            let serial = line.serial;
            let at = usize::from(line.number).checked_sub(1);
            let module = at
                .and_then(|at| batch.serials.get(at))
                .filter(|known| **known == serial)
                .and_then(|known| self.modules.get_mut(known))
                .ok_or(AccountError::NotOrdered {
                    serial,
                    at: line.number,
                    number,
                })?;
            let cards = match module.state {
                State::Made { .. } => return Err(AccountError::MadeTwice { serial }),
                State::Ordered => 0,
                State::Spoiled { cards } => cards,
            };
            if let Some(before) = self.chips.insert(line.chip, serial) {
                return Err(AccountError::ChipTwice {
                    chip: line.chip,
                    serial,
                    before,
                });
            }
            module.state = match line.outcome {
                Outcome::Made => State::Made { chip: line.chip },
                Outcome::Spoiled => State::Spoiled {
                    cards: cards.saturating_add(1),
                },
            };
        }
        Ok(())
    }

    /// Where a module stands, if it was ordered.
    #[must_use]
    pub fn state(&self, serial: PsamSerial) -> Option<State> {
        self.modules.get(&serial).map(|module| module.state)
    }

    /// Every module, by serial number, with its batch.
    pub fn modules(&self) -> impl Iterator<Item = (PsamSerial, u32, State)> + '_ {
        self.modules
            .iter()
            .map(|(serial, module)| (*serial, module.batch, module.state))
    }

    /// How many stand where.
    #[must_use]
    pub fn count(&self) -> Count {
        let is_made = |state: &State| matches!(state, State::Made { .. });
        let states = || self.modules.values().map(|module| module.state);
        let made = states().filter(is_made).count();
        Count {
            ordered: self.modules.len(),
            made,
            missing: self.modules.len() - made,
            spoiled_cards: self.chips.len() - made,
        }
    }
}
