//! The wire of the virtual reader driver (vsmartcard's `vpcd`): our card, seen by every PC/SC program.
//!
//! The driver listens, the card connects: one TCP connection is one card in one reader slot, and closing
//! it is taking the card out. Each message, both ways, is a length of two bytes, big-endian, and as
//! many bytes. From the driver one byte is a control code (power off, power on, reset, send the ATR),
//! more bytes are a command. Only the ATR and commands are answered. The driver asks for the ATR
//! several times a second to see that the card is still there.
//!
//! Form: seen in public implementations. Not here: the card. Start with [`serve`].

mod session;
mod stop;

use std::error::Error;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

pub use session::serve_stream;
pub use stop::Stop;

/// The driver's port for its first slot; the next slot has the next port.
pub const PORT: u16 = 35_963;

/// How long one attempt to connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// A card as its reader drives it: bytes only.
pub trait VirtualCard {
    /// Why the card did not do what it was told. A status word is an answer and no fault.
    type Fault: Error + Send + Sync + 'static;

    /// The answer to reset.
    fn atr(&self) -> Vec<u8>;

    /// The field or the contacts have power. The reader may say so when there is power already.
    ///
    /// # Errors
    /// The card's own.
    fn power_on(&mut self) -> Result<(), Self::Fault>;

    /// The power is gone; also said when the driver leaves.
    ///
    /// # Errors
    /// The card's own.
    fn power_off(&mut self) -> Result<(), Self::Fault>;

    /// A reset with power kept.
    ///
    /// # Errors
    /// The card's own.
    fn reset(&mut self) -> Result<(), Self::Fault>;

    /// Answers one command, whatever its bytes; the status word comes last.
    ///
    /// # Errors
    /// The card's own: it could not answer at all.
    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, Self::Fault>;
}

impl<C: VirtualCard> VirtualCard for &mut C {
    type Fault = C::Fault;

    fn atr(&self) -> Vec<u8> {
        (**self).atr()
    }

    fn power_on(&mut self) -> Result<(), Self::Fault> {
        (**self).power_on()
    }

    fn power_off(&mut self) -> Result<(), Self::Fault> {
        (**self).power_off()
    }

    fn reset(&mut self) -> Result<(), Self::Fault> {
        (**self).reset()
    }

    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, Self::Fault> {
        (**self).transmit(apdu)
    }
}

/// Why serving ended before it was told to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VpcdError {
    /// No driver came in time.
    #[error("no virtual reader driver on {address} within {waited_ms} ms: is pcscd running?")]
    NoDriver {
        /// Where it was looked for.
        address: SocketAddr,
        /// How long.
        waited_ms: u128,
        /// The last attempt's fault.
        #[source]
        source: std::io::Error,
    },
    /// A message without content.
    #[error("a message of length 0 from the driver, expected 1 or more")]
    EmptyMessage,
    /// One byte that is no control code.
    #[error("unknown control code {code:02X} from the driver, expected 00, 01, 02 or 04")]
    UnknownControl {
        /// The byte.
        code: u8,
    },
    /// The connection closed inside a message.
    #[error("the driver closed inside a message: {received_bytes} of {expected_bytes} bytes came")]
    Truncated {
        /// Bytes that came, the length field included.
        received_bytes: usize,
        /// Bytes announced, as far as the length was known.
        expected_bytes: usize,
    },
    /// The card's answer does not fit the wire.
    #[error("an answer of {length_bytes} bytes does not fit, at most 65535 do")]
    AnswerTooLong {
        /// Its length.
        length_bytes: usize,
    },
    /// The card's answer has no status word, so no reader could pass it on.
    #[error("the card gave {length_bytes} bytes, expected a status word of 2 at least")]
    AnswerTooShort {
        /// Its length.
        length_bytes: usize,
    },
    /// The connection failed.
    #[error("the connection to the driver failed")]
    Wire(#[source] std::io::Error),
    /// The card itself failed.
    #[error("the card cannot {doing}")]
    Card {
        /// What it was told.
        doing: &'static str,
        /// Its own error.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

impl VpcdError {
    /// Whether a new connection may mend it: the driver left, in whatever way.
    fn is_a_departure(&self) -> bool {
        matches!(self, Self::Truncated { .. } | Self::Wire(_))
    }
}

/// How long to look for a driver, and whether to go back to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// The pause between two attempts to connect.
    pub retry_every: Duration,
    /// When to give up an unsuccessful search; `None` looks until stopped.
    pub give_up_after: Option<Duration>,
    /// Whether to look for the driver again after it left.
    pub comes_back: bool,
}

impl Patience {
    /// Looks until stopped, and again whenever the driver left: a card that lies in its reader.
    pub const ENDLESS: Self = Self {
        retry_every: Duration::from_millis(250),
        give_up_after: None,
        comes_back: true,
    };

    /// Waits at most this long for the driver, and ends with it.
    #[must_use]
    pub const fn once_within(limit: Duration) -> Self {
        Self {
            retry_every: Duration::from_millis(100),
            give_up_after: Some(limit),
            comes_back: false,
        }
    }
}

/// What happens on the way, for whoever tells people.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// No driver yet; said once for each search.
    Waiting {
        /// Where it is looked for.
        address: SocketAddr,
    },
    /// The card is in the reader.
    Connected {
        /// The driver.
        address: SocketAddr,
    },
    /// The driver left; `reason` is empty if it closed between two messages.
    Lost {
        /// What the connection said.
        reason: String,
    },
}

/// What was done until the end.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Served {
    /// How often a driver was found.
    pub connections: u64,
    /// How many commands the card answered.
    pub commands: u64,
}

/// Puts a card into the reader of the driver at `address`, until [`Stop::stop`] or, with a
/// [`Patience`] that does not come back, until the driver leaves.
///
/// # Errors
/// [`VpcdError`]: no driver in time, a peer that is no driver, or a card that failed. A driver that
/// leaves, even inside a message, is no error.
pub fn serve(
    address: SocketAddr,
    card: &mut impl VirtualCard,
    patience: Patience,
    stop: &Stop,
    notify: &mut dyn FnMut(Notice),
) -> Result<Served, VpcdError> {
    let mut served = Served::default();
    while let Some(stream) = find_driver(address, patience, stop, notify)? {
        served.connections += 1;
        notify(Notice::Connected { address });
        let reason = match serve_stream(stream, card, stop) {
            Ok(commands) => {
                served.commands += commands;
                String::new()
            }
            Err(error) if error.is_a_departure() => error.to_string(),
            Err(error) => return Err(error),
        };
        if stop.is_stopped() {
            break;
        }
        notify(Notice::Lost { reason });
        if !patience.comes_back {
            break;
        }
    }
    Ok(served)
}

/// A connection, or `None` when stopped before there was one.
fn find_driver(
    address: SocketAddr,
    patience: Patience,
    stop: &Stop,
    notify: &mut dyn FnMut(Notice),
) -> Result<Option<TcpStream>, VpcdError> {
    let start = Instant::now();
    let mut told = false;
    loop {
        if stop.is_stopped() {
            return Ok(None);
        }
        let fault = match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            // A loopback connection can meet itself when nobody listens on an ephemeral port.
            Ok(stream) if is_own_echo(&stream) => ErrorKind::ConnectionRefused.into(),
            Ok(stream) => return Ok(Some(stream)),
            Err(fault) => fault,
        };
        let waited = start.elapsed();
        if patience.give_up_after.is_some_and(|limit| waited >= limit) {
            return Err(VpcdError::NoDriver {
                address,
                waited_ms: waited.as_millis(),
                source: fault,
            });
        }
        if !told {
            told = true;
            notify(Notice::Waiting { address });
        }
        stop.wait(patience.retry_every);
    }
}

fn is_own_echo(stream: &TcpStream) -> bool {
    match (stream.local_addr(), stream.peer_addr()) {
        (Ok(own), Ok(peer)) => own == peer,
        _ => false,
    }
}
