//! Who may call a node from its first start on, and its own link key.
//!
//! `callers.toml` beside `node.toml` enters callers that are not there yet and changes none that is:
//! later ones are admitted over the node's own interface.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tongtu_callers::{AccountPrefix, Caller, CallerKey};
use tongtu_codec::hex_encode;
use tongtu_crypto::Signer;
use tongtu_types::Timestamp;

use crate::{
    ConfigError, Mode, SamFile, beside, parse_public, parse_toml, read_key, setting, write,
};

/// `callers.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallersFile {
    /// The node's own link key: a test key file beside this one. For tests only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link_key: Option<String>,
    /// The node's own link key in a store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<SamFile>,
    /// The number of that key at other nodes; 1 where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link_key_number: Option<u32>,
    /// Who may call.
    #[serde(default, rename = "caller")]
    pub callers: Vec<CallerFile>,
}

/// `[[caller]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallerFile {
    /// Institution code, dot, caller number.
    pub name: String,
    /// The role's word.
    pub role: String,
    /// Its first key: a compressed public key in hex.
    pub public_key: String,
    /// Of a partner: first digits of its accounts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<String>,
}

/// What `callers.toml` comes to.
pub struct ReadyCallers {
    /// The node's own link key.
    pub link: Option<Box<dyn Signer + Send>>,
    /// The number of that key at other nodes.
    pub link_number: u32,
    /// Who may call.
    pub callers: Vec<Caller>,
}

impl fmt::Debug for ReadyCallers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadyCallers")
            .field("link_number", &self.link_number)
            .field("callers", &self.callers)
            .finish_non_exhaustive()
    }
}

impl CallersFile {
    /// Reads the file and the key it names.
    ///
    /// # Errors
    /// [`ConfigError`] naming file and setting; a test key is refused where `mode` is for real.
    pub fn load(path: &Path, mode: Mode) -> Result<ReadyCallers, ConfigError> {
        let file: Self = parse_toml(path)?;
        let link = file.signing(path, mode)?;
        let callers = file.callers.iter().map(|caller| caller.ready(path));
        Ok(ReadyCallers {
            link,
            link_number: file.link_key_number.unwrap_or(1),
            callers: callers.collect::<Result<_, _>>()?,
        })
    }

    /// What signs the node's requests and files, if anything does.
    fn signing(
        &self,
        path: &Path,
        mode: Mode,
    ) -> Result<Option<Box<dyn Signer + Send>>, ConfigError> {
        match (&self.link_key, &self.link) {
            (None, None) => Ok(None),
            (Some(file), None) if mode == Mode::Test => {
                Ok(Some(Box::new(read_key(&beside(path, file))?)))
            }
            (Some(file), None) => Err(ConfigError::TestKey {
                path: beside(path, file),
            }),
            (None, Some(link)) => Ok(Some(Box::new(link.resolve(path, mode)?))),
            (Some(_), Some(_)) => Err(ConfigError::Setting {
                path: path.to_path_buf(),
                setting: "link",
                message: "beside link_key, expected one of them".to_owned(),
            }),
        }
    }

    /// Writes the file.
    ///
    /// # Errors
    /// [`ConfigError::File`] when it cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), ConfigError> {
        let text = toml::to_string(self).expect("settings are plain values");
        write(path, text.as_bytes())
    }
}

impl CallerFile {
    /// The entry of a caller, with its first key.
    #[must_use]
    pub fn of(caller: &Caller) -> Option<Self> {
        let accounts = caller.accounts.iter();
        Some(Self {
            name: caller.name.to_string(),
            role: caller.role.to_string(),
            public_key: hex_encode(&caller.keys.first()?.public.to_compressed()),
            accounts: accounts.map(|prefix| prefix.as_str().to_owned()).collect(),
        })
    }

    fn ready(&self, path: &Path) -> Result<Caller, ConfigError> {
        let from = Timestamp::new(0);
        let public = setting(path, "caller.public_key", parse_public(&self.public_key))?;
        let prefixes = self.accounts.iter().map(|text| AccountPrefix::parse(text));
        Ok(Caller {
            name: setting(path, "caller.name", self.name.parse())?,
            role: setting(path, "caller.role", self.role.parse())?,
            accounts: setting(path, "caller.accounts", prefixes.collect())?,
            from,
            until: None,
            is_disabled: false,
            keys: vec![CallerKey {
                number: 1,
                public,
                from,
                until: None,
            }],
        })
    }
}
