//! Real cards and phones, through the system's PC/SC service.

use std::ffi::{CStr, CString};
use std::fmt;
use std::time::{Duration, Instant};

use pcsc::{
    Card, Context, Disposition, Error, MAX_BUFFER_SIZE_EXTENDED, PNP_NOTIFICATION, Protocols,
    ReaderState, Scope, ShareMode, State,
};

use crate::channel::CardChannel;
use crate::error::ReaderError;

/// A card in a reader.
pub struct PcscCard {
    card: Card,
    reader: String,
    atr: Vec<u8>,
}

impl fmt::Debug for PcscCard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PcscCard")
            .field("reader", &self.reader)
            .finish_non_exhaustive()
    }
}

impl PcscCard {
    /// The reader's name.
    #[must_use]
    pub fn reader(&self) -> &str {
        &self.reader
    }

    /// Takes up the connection again after another program reset the card.
    fn reconnect(&mut self, disposition: Disposition) -> Result<(), ReaderError> {
        self.card
            .reconnect(ShareMode::Shared, Protocols::ANY, disposition)
            .map_err(|error| of(error, "reconnect to the card", &self.reader))?;
        self.atr = atr_of(&self.card, &self.reader)?;
        Ok(())
    }
}

impl CardChannel for PcscCard {
    fn atr(&self) -> Vec<u8> {
        self.atr.clone()
    }

    fn exchange(&mut self, apdu: &[u8]) -> Result<Vec<u8>, ReaderError> {
        let mut buffer = vec![0; MAX_BUFFER_SIZE_EXTENDED];
        match self.card.transmit(apdu, &mut buffer) {
            Ok(answer) if answer.len() < 2 => Err(ReaderError::ShortAnswer {
                length_bytes: answer.len(),
            }),
            Ok(answer) => Ok(answer.to_vec()),
            Err(Error::ResetCard) => {
                // The connection is good again for the next command; this one was not sent. To send
                // it now would hide that nothing is selected any more.
                self.reconnect(Disposition::LeaveCard)?;
                Err(ReaderError::CardReset {
                    reader: self.reader.clone(),
                })
            }
            Err(error) => Err(of(error, "send a command", &self.reader)),
        }
    }

    fn reset(&mut self) -> Result<(), ReaderError> {
        self.reconnect(Disposition::ResetCard)
    }
}

/// The names of the readers that are connected.
///
/// # Errors
/// [`ReaderError::NoService`], [`ReaderError::NoReaders`].
pub fn readers() -> Result<Vec<String>, ReaderError> {
    let names = names(&service()?)?;
    Ok(names.iter().map(shown).collect())
}

/// Waits for a card in the first reader whose name contains `wanted` (any reader if `None`), and gives
/// the reader's name. Readers that are plugged in meanwhile count.
///
/// # Errors
/// [`ReaderError::NoCard`] when none came in time, [`ReaderError::NoService`].
pub fn wait_for_card(wanted: Option<&str>, at_most: Duration) -> Result<String, ReaderError> {
    let context = service()?;
    let end = Instant::now().checked_add(at_most);
    // The entry of this name changes when a reader comes or goes.
    let mut states = vec![ReaderState::new(PNP_NOTIFICATION(), State::UNAWARE)];
    loop {
        let there = match names(&context) {
            Ok(there) => there,
            Err(ReaderError::NoReaders) => Vec::new(),
            Err(error) => return Err(error),
        };
        states.retain(|state| is_plug(state) || there.iter().any(|name| **name == *state.name()));
        for name in there {
            if suits(&shown(&name), wanted) && !states.iter().any(|s| s.name() == &*name) {
                states.push(ReaderState::new(name, State::UNAWARE));
            }
        }
        for state in &mut states {
            state.sync_current_state();
        }
        let left = end.map_or(Duration::MAX, |end| {
            end.saturating_duration_since(Instant::now())
        });
        match context.get_status_change(left, &mut states) {
            Ok(()) => {}
            Err(Error::Timeout) => {
                return Err(ReaderError::NoCard {
                    reader: wanted.unwrap_or("any reader").to_owned(),
                });
            }
            Err(error) => return Err(of(error, "wait for a card", wanted.unwrap_or("any reader"))),
        }
        let with_card = states.iter().find(|state| {
            !is_plug(state)
                && state.event_state().contains(State::PRESENT)
                && !state.event_state().contains(State::MUTE)
        });
        if let Some(state) = with_card {
            return Ok(shown(state.name()));
        }
    }
}

/// Connects to the card in the first reader whose name contains `wanted`; without a name, to the first
/// reader that holds a card.
///
/// # Errors
/// [`ReaderError`]: no service, reader or card, or one that does not respond.
pub fn connect(wanted: Option<&str>) -> Result<PcscCard, ReaderError> {
    let context = service()?;
    let there = names(&context)?;
    let mut fault = None;
    for name in there.iter().filter(|name| suits(&shown(name), wanted)) {
        match open(&context, name) {
            Ok(card) => return Ok(card),
            Err(error) => fault = fault.or(Some(error)),
        }
    }
    Err(fault.unwrap_or_else(|| ReaderError::NoSuchReader {
        wanted: wanted.unwrap_or_default().to_owned(),
        there: there.iter().map(shown).collect(),
    }))
}

fn open(context: &Context, name: &CStr) -> Result<PcscCard, ReaderError> {
    let reader = shown(name);
    let card = context
        .connect(name, ShareMode::Shared, Protocols::ANY)
        .map_err(|error| of(error, "connect to the card", &reader))?;
    let atr = atr_of(&card, &reader)?;
    Ok(PcscCard { card, reader, atr })
}

fn atr_of(card: &Card, reader: &str) -> Result<Vec<u8>, ReaderError> {
    let status = card
        .status2_owned()
        .map_err(|error| of(error, "ask for the ATR", reader))?;
    Ok(status.atr().to_vec())
}

fn service() -> Result<Context, ReaderError> {
    Context::establish(Scope::User).map_err(|error| of(error, "reach its service", ""))
}

fn names(context: &Context) -> Result<Vec<CString>, ReaderError> {
    let names = match context.list_readers_owned() {
        Ok(names) => names,
        Err(Error::NoReadersAvailable) => Vec::new(),
        Err(error) => return Err(of(error, "list the readers", "")),
    };
    if names.is_empty() {
        return Err(ReaderError::NoReaders);
    }
    Ok(names)
}

fn is_plug(state: &ReaderState) -> bool {
    state.name() == PNP_NOTIFICATION()
}

fn suits(name: &str, wanted: Option<&str>) -> bool {
    wanted.is_none_or(|wanted| name.contains(wanted))
}

fn shown(name: impl AsRef<CStr>) -> String {
    name.as_ref().to_string_lossy().into_owned()
}

/// Our word for PC/SC's.
fn of(error: Error, doing: &'static str, reader: &str) -> ReaderError {
    let reader = reader.to_owned();
    match error {
        Error::NoService | Error::ServiceStopped => ReaderError::NoService {
            message: error.to_string(),
        },
        Error::NoReadersAvailable => ReaderError::NoReaders,
        Error::NoSmartcard => ReaderError::NoCard { reader },
        Error::RemovedCard | Error::ReaderUnavailable | Error::UnknownReader => {
            ReaderError::CardRemoved { reader }
        }
        Error::ResetCard => ReaderError::CardReset { reader },
        Error::SharingViolation => ReaderError::InUse { reader },
        Error::UnresponsiveCard | Error::UnpoweredCard | Error::ProtoMismatch => {
            ReaderError::Unresponsive {
                reader,
                message: error.to_string(),
            }
        }
        _ => ReaderError::Pcsc {
            doing,
            message: error.to_string(),
        },
    }
}
