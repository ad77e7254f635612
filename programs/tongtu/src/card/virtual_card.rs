//! The virtual card in a file, as a reader drives it.

use std::path::Path;

use tongtu_card::factory::Blueprint;
use tongtu_card::{Card, Env, Interface, Memory as _, PowerUpError};
use tongtu_card_file::{CardFile, CardFileError, NewCardFile};
use tongtu_reader::vpcd::VirtualCard;

use super::factory;
use crate::exit::Failure;
use crate::lang::both;

/// The answer to reset of a contactless card without historical bytes (PC/SC part 3 §3.1.3.2.3).
const ATR: [u8; 5] = [0x3B, 0x80, 0x80, 0x01, 0x01];

/// Bytes of memory that a new card has.
const SIZE: usize = 256 * 1024;

/// Why the card in the file does not answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CardFault {
    /// Its memory holds no card.
    #[error("the card does not come up")]
    PowerUp(#[from] PowerUpError),
    /// The file could not be written; the card is as after a power cut.
    #[error("the card's file cannot be written: {0}")]
    Write(String),
    /// The system gives no randomness.
    #[error("the system gives no randomness: {0}")]
    Entropy(String),
    /// An earlier fault; the card has to be opened again.
    #[error("the card failed before")]
    Gone,
}

/// A card whose memory is a file.
pub(crate) struct FileCard {
    state: State,
}

enum State {
    /// Without power.
    Off(CardFile),
    On(Box<Card<CardFile>>),
    /// Failed: memory and file can no longer be trusted to agree.
    Gone,
}

impl FileCard {
    /// The card in this file.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let file = CardFile::open(path).map_err(|error| match &error {
            CardFileError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                unusable(&error).hint(both(
                    "`tongtu card perso --state FILE` makes one, and so does `tongtu card serve`",
                    "`tongtu card perso --state FILE` 可制作一张，`tongtu card serve` 也会",
                ))
            }
            _ => unusable(&error),
        })?;
        Ok(Self {
            state: State::Off(file),
        })
    }

    /// Makes a card in a new file, with everything that its profile has.
    pub(crate) fn make(path: &Path, profile: factory::Profile) -> Result<Self, Failure> {
        let mut entropy = Entropy::default();
        let blueprint = factory::blueprint(profile, &mut |out: &mut [u8]| entropy.fill(out));
        Self::manufacture(path, profile, blueprint, entropy)
    }

    /// Makes a card without applications in a new file.
    pub(crate) fn make_blank(path: &Path, profile: factory::Profile) -> Result<Self, Failure> {
        Self::manufacture(path, profile, factory::blank(profile), Entropy::default())
    }

    fn manufacture(
        path: &Path,
        profile: factory::Profile,
        mut blueprint: Blueprint,
        mut entropy: Entropy,
    ) -> Result<Self, Failure> {
        // As a maker numbers its chips, so that each can be told from all others.
        entropy.fill(&mut blueprint.issuer.diversification);
        let new =
            NewCardFile::begin(path, profile.name(), SIZE).map_err(|error| unusable(&error))?;
        let made = Card::manufacture(new, &blueprint, &mut |out: &mut [u8]| {
            entropy.fill(out);
        });
        let unmade = |cause: String| {
            Failure::fault(both("the card cannot be made", "无法制作该卡")).because(cause)
        };
        if let Some(error) = entropy.fault {
            return Err(unmade(error));
        }
        let new = made
            .map_err(|error| unmade(error.to_string()))?
            .power_down();
        let file = new.keep().map_err(|error| unusable(&error))?;
        Ok(Self {
            state: State::Off(file),
        })
    }

    /// The name of the profile that it was made with.
    pub(crate) fn profile(&self) -> Option<&str> {
        match &self.state {
            State::Off(file) => Some(file.profile()),
            State::On(_) | State::Gone => None,
        }
    }

    /// Bytes of memory.
    pub(crate) fn size(&self) -> usize {
        match &self.state {
            State::Off(file) => file.size(),
            State::On(_) | State::Gone => 0,
        }
    }
}

/// The system's randomness, which may fail once and for all.
#[derive(Debug, Default)]
struct Entropy {
    fault: Option<String>,
}

impl Entropy {
    fn fill(&mut self, out: &mut [u8]) {
        if let Err(error) = getrandom::fill(out) {
            self.fault = Some(error.to_string());
        }
    }
}

impl VirtualCard for FileCard {
    type Fault = CardFault;

    fn atr(&self) -> Vec<u8> {
        ATR.to_vec()
    }

    fn power_on(&mut self) -> Result<(), CardFault> {
        self.state = match std::mem::replace(&mut self.state, State::Gone) {
            State::Off(file) => State::On(Box::new(Card::power_up(file)?)),
            State::On(card) => State::On(card),
            State::Gone => return Err(CardFault::Gone),
        };
        Ok(())
    }

    fn power_off(&mut self) -> Result<(), CardFault> {
        self.state = match std::mem::replace(&mut self.state, State::Gone) {
            State::On(card) => State::Off(card.power_down()),
            State::Off(file) => State::Off(file),
            // There is nothing left to switch off.
            State::Gone => State::Gone,
        };
        Ok(())
    }

    fn reset(&mut self) -> Result<(), CardFault> {
        self.power_off()?;
        self.power_on()
    }

    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, CardFault> {
        // A reader that sends before it gives power means a card that has it.
        self.power_on()?;
        let State::On(card) = &mut self.state else {
            return Err(CardFault::Gone);
        };
        let mut entropy = Entropy::default();
        let mut fill = |out: &mut [u8]| entropy.fill(out);
        let mut env = Env {
            entropy: &mut fill,
            interface: Interface::Contactless,
        };
        let answer = card.transmit(&mut env, apdu);
        if let Some(error) = entropy.fault {
            self.state = State::Gone;
            return Err(CardFault::Entropy(error));
        }
        answer.map_err(|torn| {
            let State::On(card) = std::mem::replace(&mut self.state, State::Gone) else {
                return CardFault::Gone;
            };
            let file = card.power_down();
            let cause = file
                .fault()
                .map_or_else(|| torn.to_string(), ToString::to_string);
            CardFault::Write(cause)
        })
    }
}

/// Says why a file is no card that can be used now.
pub(crate) fn unusable(error: &CardFileError) -> Failure {
    let what = both("the card file cannot be used", "无法使用该卡文件");
    let cause = match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    let failure = match error {
        CardFileError::Io { source, .. } if source.kind() != std::io::ErrorKind::NotFound => {
            Failure::fault(what)
        }
        _ => Failure::usage(what),
    };
    let failure = failure.because(cause);
    match error {
        CardFileError::InUse { .. } => failure.hint(both(
            "stop the `tongtu card serve` that has it, or reach it through its reader: --reader",
            "请停止占用它的 `tongtu card serve`，或用 --reader 经读卡器访问",
        )),
        _ => failure,
    }
}
