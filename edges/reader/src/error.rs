//! What can go wrong between us and a card.

use std::error::Error;

/// Why a card could not be reached, or gave no usable answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReaderError {
    /// This program was built without PC/SC.
    #[error(
        "built without PC/SC: install libpcsclite (Debian: libpcsclite-dev) and build with \
         `cargo build --release -p tongtu --features pcsc`"
    )]
    WithoutPcsc,
    /// The system's PC/SC service does not answer.
    #[error("the PC/SC service does not run: start pcscd ({message})")]
    NoService {
        /// The system's own words.
        message: String,
    },
    /// No reader is connected at all.
    #[error("no card reader is connected")]
    NoReaders,
    /// The reader asked for is not among those connected.
    #[error("no reader is called `{wanted}`; connected: {}", there.join(", "))]
    NoSuchReader {
        /// Name, or part of the name, that was asked for.
        wanted: String,
        /// Names of the readers that are connected.
        there: Vec<String>,
    },
    /// No card came in time.
    #[error("no card in {reader}")]
    NoCard {
        /// The reader, or what was asked for.
        reader: String,
    },
    /// The card left the reader.
    #[error("the card was removed from {reader}")]
    CardRemoved {
        /// Where it was.
        reader: String,
    },
    /// Another program reset the card: whatever was selected or authenticated is gone.
    #[error("the card in {reader} was reset by another program")]
    CardReset {
        /// Where it is.
        reader: String,
    },
    /// Another program holds the card for itself.
    #[error("the card in {reader} is in use by another program")]
    InUse {
        /// Where it is.
        reader: String,
    },
    /// The card, or what stands before it, does not answer as a card.
    #[error("the card in {reader} does not respond ({message})")]
    Unresponsive {
        /// Where it is.
        reader: String,
        /// The system's own words.
        message: String,
    },
    /// PC/SC refused for a reason that has no variant of its own.
    #[error("PC/SC cannot {doing}: {message}")]
    Pcsc {
        /// What we asked for.
        doing: &'static str,
        /// The system's own words.
        message: String,
    },
    /// The answer has no status word.
    #[error("an answer of {length_bytes} bytes has no status word, expected 2 bytes or more")]
    ShortAnswer {
        /// Bytes received.
        length_bytes: usize,
    },
    /// The card keeps announcing more bytes.
    #[error("the card announced more than {max_bytes} bytes for one command")]
    EndlessAnswer {
        /// Most bytes collected.
        max_bytes: usize,
    },
    /// The card in this process failed.
    #[error("the virtual card cannot {doing}")]
    Card {
        /// What we asked for.
        doing: &'static str,
        /// The card's own error.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}
