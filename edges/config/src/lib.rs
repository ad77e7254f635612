//! A node's and a terminal's files at rest: settings, keys, lists of the first day.
//!
//! What is here: the TOML files that `tongtu serve` and `tongtu terminal` start from, and the
//! text form of test keys. Where real keys are, `[keys]` says: a store, a token, and the extract of
//! the key book. What is not here: those stores (`tongtu-hsm`).
//! Start with [`NodeFile::load`] and [`TerminalFile::load`].

mod callers;
mod cards;
mod credential;
mod faces;
mod keepers;
mod key_file;
mod keys;
mod link;
mod node;
mod store_key;
mod terminal;

pub use callers::{CallerFile, CallersFile, ReadyCallers};
pub use cards::{AcceptFile, CardsFile, CitiesFile, DenyFile, GroupFile, ParametersFile};
pub use credential::{CredentialFile, ReadyCredential};
pub use faces::FacesFile;
pub use keepers::{BookKeeper, RegisterKeeper};
pub use key_file::{
    KEY_HEADER, KeyFault, KeyRole, parse_key, parse_public, read_key, write_key, write_key_of,
};
pub use keys::{KeysFile, Mode, SamFile, TokenFile, VendorFile};
pub use link::{LinkFile, PeersKind, ReadyLink};
pub use node::{AcquirerFile, ClockKind, IssuerFile, NodeFile, ReadyNode};
pub use store_key::{StoreKeyFault, store_key};
pub use terminal::{MODEL, PostFile, ReadyTerminal, SOFTWARE, TerminalFile, terminal_id};

use std::path::{Path, PathBuf};

/// Why a file does not give a node, a terminal or a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Not TOML, or not these settings.
    #[error("{path}: {message}")]
    Toml {
        /// Which file.
        path: PathBuf,
        /// Line, column and what was expected.
        message: String,
    },
    /// A setting's content is not what it must be.
    #[error("{path}: {setting}: {message}")]
    Setting {
        /// Which file.
        path: PathBuf,
        /// Which setting.
        setting: &'static str,
        /// What is wrong, and what was expected.
        message: String,
    },
    /// A file that is no test key.
    #[error("{path}: {source}")]
    Key {
        /// Which file.
        path: PathBuf,
        /// What is wrong; never the content.
        source: KeyFault,
    },
    /// A test key's file, where only a real key may be, or a store of keys is expected.
    #[error("{path}: a test key, expected a store of keys")]
    TestKey {
        /// Which file.
        path: PathBuf,
    },
    /// A production store that holds a test master that everybody knows.
    #[error("{path}: `{label}` is a published test key, which no production node uses")]
    Published {
        /// Which store.
        path: PathBuf,
        /// The key's label.
        label: String,
    },
    /// A store of keys that does not open.
    #[error("{path}: {source}")]
    Custody {
        /// Which store.
        path: PathBuf,
        /// Why.
        source: Box<tongtu_hsm::CustodyError>,
    },
    /// An extract of the key book that does not hold.
    #[error("{path}: {source}")]
    Extract {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: Box<tongtu_keyring::ExtractError>,
    },
    /// Keys and book that do not fit together.
    #[error("{path}: keys: {source}")]
    NodeKeys {
        /// The settings.
        path: PathBuf,
        /// Why.
        source: Box<tongtu_services::KeyFault>,
    },
    /// A file that is no store's key.
    #[error("{path}: {source}")]
    StoreKey {
        /// Which file.
        path: PathBuf,
        /// What is wrong; never the content.
        source: StoreKeyFault,
    },
}

fn read(path: &Path) -> Result<Vec<u8>, ConfigError> {
    std::fs::read(path).map_err(|source| ConfigError::File {
        path: path.to_path_buf(),
        source,
    })
}

fn read_text(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|source| ConfigError::File {
        path: path.to_path_buf(),
        source,
    })
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), ConfigError> {
    std::fs::write(path, bytes).map_err(|source| ConfigError::File {
        path: path.to_path_buf(),
        source,
    })
}

fn parse_toml<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, ConfigError> {
    let text = read_text(path)?;
    toml::from_str(&text).map_err(|error| ConfigError::Toml {
        path: path.to_path_buf(),
        message: toml_fault(&text, &error),
    })
}

/// What is wrong with a text of settings, and where, in one line. No value of it is repeated, as
/// `toml`'s own words do: it may be a PIN, or the password in a store's address.
#[must_use]
pub fn toml_fault(text: &str, error: &toml::de::Error) -> String {
    let said = error.message().replace('\n', ", ");
    let what = [
        "invalid type",
        "invalid value",
        "invalid length",
        "unknown variant",
    ]
    .into_iter()
    .find(|what| said.starts_with(what));
    let said = match (what, said.rsplit_once(", expected ")) {
        (Some(what), Some((_, expected))) => format!("{what}, expected {expected}"),
        (Some(what), None) => what.to_owned(),
        (None, _) => said,
    };
    let Some(before) = error.span().and_then(|span| text.get(..span.start)) else {
        return said;
    };
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    format!("line {line}, column {column}: {said}")
}

/// Turns a parse failure of one setting into a sentence that names it.
fn setting<T, E: std::fmt::Display>(
    path: &Path,
    name: &'static str,
    result: Result<T, E>,
) -> Result<T, ConfigError> {
    result.map_err(|error| ConfigError::Setting {
        path: path.to_path_buf(),
        setting: name,
        message: error.to_string(),
    })
}

/// A path of a settings file, counted from the folder that the file lies in.
fn beside(file: &Path, other: &str) -> PathBuf {
    file.parent().unwrap_or(Path::new(".")).join(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_settings_says_where_and_what_and_no_value() {
        for (text, expected) in [
            (
                "# a\nkey_number = \"739146280517\"\n",
                "line 2, column 14: invalid type, expected u32",
            ),
            (
                "name = \"postgres://u:739146280517@h\nurl = \"x\"\n",
                "line 1, column",
            ),
            ("name = 739146280517\n", "invalid type, expected a string"),
        ] {
            let error = toml::from_str::<CredentialFile>(text);
            let said = toml_fault(text, &error.unwrap_err());
            assert!(said.contains(expected), "{said}");
            assert!(!said.contains("739146280517"), "{said}");
        }
    }
}
