//! Where the card is: in a file of ours, or in a reader of the system's.

use std::path::PathBuf;

use tongtu_reader::{CardChannel, Direct, ReaderError, connect};

use super::virtual_card::FileCard;
use crate::exit::Failure;
use crate::lang::both;

/// The two options that every verb with a card has.
#[derive(Debug, clap::Args)]
pub(crate) struct Place {
    /// A virtual card's file, used directly without a reader
    #[arg(long, value_name = "FILE", conflicts_with = "reader")]
    pub(crate) state: Option<PathBuf>,
    /// The PC/SC reader by name or part of it; by default the first one with a card
    #[arg(long, value_name = "NAME")]
    pub(crate) reader: Option<String>,
}

impl Place {
    /// Powers the card up.
    pub(crate) fn open(&self) -> Result<Box<dyn CardChannel>, Failure> {
        match &self.state {
            Some(path) => {
                let card = FileCard::open(path)?;
                Ok(Box::new(
                    Direct::power_up(card).map_err(|error| no_card(&error))?,
                ))
            }
            None => {
                let card = connect(self.reader.as_deref()).map_err(|error| no_card(&error))?;
                Ok(Box::new(card))
            }
        }
    }
}

/// An error with everything that led to it.
fn causes(error: &dyn std::error::Error) -> String {
    let mut said = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        said.push(error.to_string());
        cause = error.source();
    }
    said.join(": ")
}

/// Says why there is no card, and what to do about it.
pub(crate) fn no_card(error: &ReaderError) -> Failure {
    let what = both("no card can be reached", "无法访问卡片");
    let cause = causes(error);
    let state = both(
        "a virtual card needs no reader: --state FILE",
        "虚拟卡不需要读卡器：--state FILE",
    );
    match error {
        // Whoever has a card that failed did not ask for a reader.
        ReaderError::Card { .. } => return Failure::fault(what).because(cause),
        ReaderError::NoReaders | ReaderError::NoCard { .. } | ReaderError::NoService { .. } => {
            Failure::usage(what).because(cause).hint(both(
                "`tongtu card serve` puts a virtual card into the virtual reader of pcscd",
                "`tongtu card serve` 可把虚拟卡放进 pcscd 的虚拟读卡器",
            ))
        }
        ReaderError::WithoutPcsc | ReaderError::NoSuchReader { .. } | ReaderError::InUse { .. } => {
            Failure::usage(what).because(cause)
        }
        _ => Failure::fault(what).because(cause),
    }
    .hint(state)
}
