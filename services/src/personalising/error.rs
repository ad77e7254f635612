//! Why nothing was personalised.

use tongtu_hsm::{CustodyError, KeyName, Label};
use tongtu_keyring::code::KeyAlgorithm;
use tongtu_perso::FileError;
use tongtu_pos_key::KeyError;
use tongtu_purse::field::Institution;
use tongtu_types::{CityCode, ValueError};

/// Why keys were not derived, sealed or put into a batch.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PersonalisingError {
    /// The custody refused.
    #[error("{0}")]
    Custody(#[from] CustodyError),
    /// The batch cannot be made.
    #[error("the batch: {0}")]
    Batch(#[from] FileError),
    /// The key-injection record or the work keys cannot be made.
    #[error("the terminal's keys: {0}")]
    Terminal(#[from] KeyError),
    /// The e-cash cannot be made as its profile says.
    #[error("the e-cash: {0}")]
    Cash(#[from] tongtu_ecash::perso::PersoError),
    /// A master of card managers whose version has no place in a card's key version.
    #[error("version {found} of a card manager's master, expected 1 to 15")]
    ManagerVersion {
        /// The version.
        found: u8,
    },
    /// A value that does not fit its field.
    #[error("{0}")]
    Value(#[from] ValueError),
    /// A field that cannot be written.
    #[error("{0}")]
    Field(#[from] tongtu_codec::EncodeError),
    /// The identifier of an issuer that is another city's.
    #[error("issuer {issuer} is not of city {city}")]
    IssuerCity {
        /// The identifier, as cards carry it.
        issuer: Institution,
        /// The city.
        city: CityCode,
    },
    /// There is no master to derive from, or to make keys of.
    #[error("the custody has no masters of {city} in version {version}")]
    NoMasters {
        /// Whose; region 0000 is the nation's.
        city: CityCode,
        /// Which version.
        version: u8,
    },
    /// A key under the label of another one.
    #[error("`{label}` is there and is another key than {expected:?}")]
    Occupied {
        /// The label.
        label: Label,
        /// What it should be.
        expected: Box<KeyName>,
    },
    /// A data key with which one key cannot be enciphered alone.
    #[error("`{label}` is a key of {algorithm}; a card's data key here is of AES or SM4")]
    DataKey {
        /// The data key.
        label: Label,
        /// Its algorithm.
        algorithm: KeyAlgorithm,
    },
    /// A transport key of an algorithm that modules or terminals do not have.
    #[error("`{label}` is a key of {algorithm}; the transport key is of 3DES or SM4")]
    TransportKey {
        /// The transport key.
        label: Label,
        /// Its algorithm.
        algorithm: KeyAlgorithm,
    },
    /// What the custody gave is not as long as a key.
    #[error("`{label}` came out as {found} bytes, expected 16")]
    WrappedLength {
        /// The key.
        label: Label,
        /// Bytes that came out.
        found: usize,
    },
    /// A terminal whose master key is not here.
    #[error("terminal {terminal} has no master key here")]
    NoTerminal {
        /// The terminal.
        terminal: String,
    },
}
