//! A caller's credential at rest: `NAME.caller` says who somebody is towards nodes, and where the key is.
//!
//! The key is in a store, sealed: a person's under a passphrase that nobody writes down, a machine's
//! under a key file or a token. A test key in the clear is taken only where the file says that it is
//! for tests.

use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tongtu_callers::CallerName;
use tongtu_crypto::Signer;
use tongtu_hsm::Protection;

use crate::{
    ConfigError, LinkFile, Mode, ReadyLink, SamFile, beside, parse_toml, read_key, setting,
};

/// `NAME.caller`: who somebody is towards nodes, and where the key is. Paths count from the file's own
/// folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialFile {
    /// Institution code, dot, caller number.
    pub name: String,
    /// The number of the key at the node.
    pub key_number: u32,
    /// Whether it is for tests; production when it is not said.
    #[serde(default, skip_serializing_if = "Mode::is_production")]
    pub mode: Mode,
    /// The key in the clear: a test key file beside this one. For tests only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Base URL of the node that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The key in a store. Where nothing here opens it, a passphrase does that is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<SamFile>,
    /// How that node is reached over TLS; without it, over plain HTTP on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkFile>,
}

/// A credential whose key is open.
pub struct ReadyCredential {
    /// Who.
    pub name: CallerName,
    /// What signs.
    pub key: Box<dyn Signer + Send>,
    /// How the node is reached over TLS.
    pub link: Option<ReadyLink>,
    /// What the file says.
    pub file: CredentialFile,
}

impl fmt::Debug for ReadyCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadyCredential")
            .field("name", &self.name)
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

impl CredentialFile {
    /// Reads the file, and not the key.
    ///
    /// # Errors
    /// [`ConfigError`] naming file and setting.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        parse_toml(path)
    }

    /// Whether the key opens with a passphrase that somebody has to give.
    #[must_use]
    pub fn asks_passphrase(&self) -> bool {
        self.store.as_ref().is_some_and(SamFile::asks_passphrase)
    }

    /// Opens the key; `typed` is the passphrase where one is asked for.
    ///
    /// # Errors
    /// [`ConfigError`] naming file and setting; a test key is refused where the credential is for real.
    pub fn open(
        self,
        path: &Path,
        typed: Option<&Protection>,
    ) -> Result<ReadyCredential, ConfigError> {
        let one_of = |message: &str| ConfigError::Setting {
            path: path.to_path_buf(),
            setting: "store",
            message: message.to_owned(),
        };
        let key: Box<dyn Signer + Send> = match (&self.key, &self.store) {
            (Some(file), None) if self.mode == Mode::Test => {
                Box::new(read_key(&beside(path, file))?)
            }
            (Some(file), None) => {
                return Err(ConfigError::TestKey {
                    path: beside(path, file),
                });
            }
            (None, Some(store)) => Box::new(store.resolve_typed(path, self.mode, typed)?),
            (Some(_), Some(_)) => return Err(one_of("beside key, expected one of them")),
            (None, None) => return Err(one_of("missing, expected a table with custody and label")),
        };
        Ok(ReadyCredential {
            name: setting(path, "name", self.name.parse())?,
            key,
            link: self.link.as_ref().map(|l| l.resolve(path)).transpose()?,
            file: self,
        })
    }

    /// Writes the file, for its owner alone: after a power cut there is the old one or the new one.
    ///
    /// # Errors
    /// [`ConfigError::File`] when it cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), ConfigError> {
        let text = toml::to_string(self).expect("settings are plain values");
        let mut aside = path.as_os_str().to_owned();
        aside.push(format!(".{}.part", std::process::id()));
        let aside = PathBuf::from(aside);
        let fault = |source| ConfigError::File {
            path: path.to_path_buf(),
            source,
        };
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            options.mode(0o600);
        }
        let mut file = options.open(&aside).map_err(fault)?;
        file.write_all(text.as_bytes()).map_err(fault)?;
        file.sync_all().map_err(fault)?;
        std::fs::rename(&aside, path).map_err(fault)?;
        #[cfg(unix)]
        {
            let folder = path.parent().filter(|f| !f.as_os_str().is_empty());
            let folder = folder.unwrap_or(Path::new("."));
            std::fs::File::open(folder)
                .and_then(|folder| folder.sync_all())
                .map_err(fault)?;
        }
        Ok(())
    }
}
