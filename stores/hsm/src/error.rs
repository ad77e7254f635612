//! What a custody refuses, and what it finds broken.

use std::fmt;
use std::io;

use tongtu_codec::EncodeError;
use tongtu_keyring::Check;
use tongtu_keyring::code::{KeyAlgorithm, Purpose};

use crate::name::{Label, Mark};
use crate::rule::Operation;

/// Which part of a store or container is not as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// The head.
    Head,
    /// A record, by its number from 0.
    Record(u32),
    /// Behind the last record.
    End,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head => f.write_str("the head"),
            Self::Record(number) => write!(f, "record {number}"),
            Self::End => f.write_str("what follows the last record"),
        }
    }
}

/// Why a custody did not do what it was asked. No message shows a key's bytes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CustodyError {
    /// No key has this label.
    #[error("there is no key `{label}`")]
    Unknown {
        /// The label asked for.
        label: Label,
    },
    /// A key has this label already.
    #[error("there is a key `{label}` already")]
    Exists {
        /// The label.
        label: Label,
    },
    /// The key is for something else.
    #[error("`{label}` is a key for {purpose}, which does not {operation}")]
    Purpose {
        /// Its label.
        label: Label,
        /// What it is for.
        purpose: Purpose,
        /// What was asked of it.
        operation: Operation,
    },
    /// A channel to a card that did not open.
    #[error("`{label}` opens no channel: {cause}")]
    Channel {
        /// The key.
        label: Label,
        /// What does not hold.
        cause: tongtu_globalplatform::scp::ChannelError,
    },
    /// The key's algorithm does not do this.
    #[error("`{label}` is a key of {algorithm}, which does not {operation}")]
    Algorithm {
        /// Its label.
        label: Label,
        /// With what it works.
        algorithm: KeyAlgorithm,
        /// What was asked of it.
        operation: Operation,
    },
    /// The purpose and the algorithm of a new key do not go together, or it has another length.
    #[error("{algorithm} with {bits} bits is no key for {purpose}")]
    Kind {
        /// What for.
        purpose: Purpose,
        /// With what.
        algorithm: KeyAlgorithm,
        /// Its length.
        bits: u16,
    },
    /// A test key for a production store, or a real key for a test store.
    #[error("`{label}` is a {found} key, and this is a {expected} store")]
    Mark {
        /// The key.
        label: Label,
        /// What it is.
        found: Mark,
        /// What the store takes.
        expected: Mark,
    },
    /// The store was opened as something else than it was made.
    #[error("`{path}` is a {found} store, expected a {expected} store")]
    StoreMark {
        /// Its name.
        path: String,
        /// What it is.
        found: Mark,
        /// As what it was opened.
        expected: Mark,
    },
    /// The key came out as another one than was announced.
    #[error("`{label}` has check value {found}, expected {expected}")]
    Check {
        /// The key.
        label: Label,
        /// What came out.
        found: Check,
        /// What was announced.
        expected: Check,
    },
    /// A component is not the one that was announced; counted from 1.
    #[error("component {number} of `{label}` has another check value than announced")]
    Component {
        /// The key.
        label: Label,
        /// Which, from 1.
        number: usize,
    },
    /// Components that make no key.
    #[error(
        "{found} components of `{label}`, expected 2 to 9 of {expected} bytes each, not cancelling out"
    )]
    Components {
        /// The key.
        label: Label,
        /// How many.
        found: usize,
        /// How long each must be.
        expected: usize,
    },
    /// The bytes are no key of this algorithm.
    #[error("what `{label}` was to be is no key of {algorithm}")]
    NotAKey {
        /// The key.
        label: Label,
        /// With what it should work.
        algorithm: KeyAlgorithm,
    },
    /// The key was made to stay.
    #[error("`{label}` does not leave its custody this way")]
    Stays {
        /// Its label.
        label: Label,
    },
    /// A MAC that does not hold.
    #[error("the MAC under `{label}` does not verify")]
    Mac {
        /// The key.
        label: Label,
    },
    /// A signature that does not hold.
    #[error("the signature of `{label}` does not verify")]
    Signature {
        /// The key.
        label: Label,
    },
    /// What was to be signed or enciphered is not as long as the scheme wants.
    #[error("{found} bytes for `{label}`, expected {expected}")]
    Length {
        /// The key.
        label: Label,
        /// Bytes handed in.
        found: usize,
        /// Bytes that the scheme wants.
        expected: usize,
    },
    /// A container for another transport key, or not as it was written.
    #[error("{place} of the container does not verify under `{label}`")]
    Container {
        /// The transport key.
        label: Label,
        /// Where.
        place: Place,
    },
    /// The file is something else.
    #[error("`{path}` is no key store")]
    NotAStore {
        /// Its name.
        path: String,
    },
    /// A store of a form that this program does not know.
    #[error("`{path}` is a key store of form {found}, expected {expected}")]
    Form {
        /// Its name.
        path: String,
        /// What it says.
        found: u8,
        /// What we know.
        expected: u8,
    },
    /// Not as it was written.
    #[error("{place} of `{path}` is damaged")]
    Damaged {
        /// The store.
        path: String,
        /// Which part.
        place: Place,
    },
    /// Another passphrase, key file or token.
    #[error("`{path}` does not open with this {protection}")]
    Protection {
        /// The store.
        path: String,
        /// With what it was tried.
        protection: &'static str,
    },
    /// Parameters of Argon2 that are too little to protect, or too much to compute.
    #[error("Argon2id with {memory_kib} KiB, {passes} passes, {lanes} lanes is out of bounds")]
    Work {
        /// Memory.
        memory_kib: u32,
        /// Passes.
        passes: u32,
        /// Lanes.
        lanes: u8,
    },
    /// A secret too short to protect anything.
    #[error("the {what} has {found} bytes, expected {expected} or more")]
    ShortSecret {
        /// Which.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The least.
        expected: usize,
    },
    /// A store of this name is there already.
    #[error("`{path}` exists already")]
    StoreExists {
        /// Its name.
        path: String,
    },
    /// Another process has it open.
    #[error("`{path}` is in use by another process")]
    InUse {
        /// Its name.
        path: String,
    },
    /// More keys, or longer ones, than a store takes.
    #[error("a store takes no more than {limit} {what}")]
    Full {
        /// Of what.
        what: &'static str,
        /// How many.
        limit: usize,
    },
    /// A value that does not fit its field.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The system refused.
    #[error("cannot {doing} `{path}`")]
    Io {
        /// What we asked for.
        doing: &'static str,
        /// Of which file.
        path: String,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// No slot of the module has such a token.
    #[cfg(feature = "pkcs11")]
    #[error("`{module}` shows no token `{token}`")]
    NoToken {
        /// The module.
        module: String,
        /// The token.
        token: String,
    },
    /// A token of this label is there, and it is another one.
    #[cfg(feature = "pkcs11")]
    #[error("token `{token}` is number {found}, expected number {expected}")]
    OtherToken {
        /// Its label.
        token: String,
        /// Its serial number.
        found: String,
        /// That of the one which is meant.
        expected: String,
    },
    /// The token does not offer what it is asked for.
    #[cfg(feature = "pkcs11")]
    #[error("token `{token}` does not offer mechanism {mechanism:#x} for {doing}")]
    NotOffered {
        /// The token.
        token: String,
        /// The mechanism's number.
        mechanism: u64,
        /// What it was for.
        doing: &'static str,
    },
    /// The token's answer is not what PKCS#11 says, or a key on it is not as we made it.
    #[cfg(feature = "pkcs11")]
    #[error("token `{token}` gave something else than {expected}")]
    TokenAnswer {
        /// The token.
        token: String,
        /// What was expected.
        expected: &'static str,
    },
    /// The token refused.
    #[cfg(feature = "pkcs11")]
    #[error("the token did not {doing}")]
    Token {
        /// What it was asked for.
        doing: &'static str,
        /// Its answer.
        #[source]
        source: Box<cryptoki::error::Error>,
    },
}
