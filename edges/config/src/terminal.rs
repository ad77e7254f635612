//! The settings of one terminal.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tongtu_codec::hex_decode;
use tongtu_crypto::Signer;
use tongtu_ride_code::Policy;
use tongtu_terminal::{Post, Profile, Sam, Setup};
use tongtu_types::{InstitutionCode, LineCode, StationCode, TerminalNumber, VehicleCode};

use crate::link::resolve_link;
use crate::{
    ClockKind, ConfigError, LinkFile, Mode, ReadyLink, SamFile, beside, parse_public, parse_toml,
    read_key, setting, write,
};

/// `terminal.toml`. Paths count from the file's own folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TerminalFile {
    /// Acquirer, eight digits, role digit 1.
    pub acquirer: String,
    /// Terminal number, twelve digits.
    pub terminal: String,
    /// Whether it is for tests; production when it is not said.
    #[serde(default)]
    pub mode: Mode,
    /// Serial of the terminal's certificate, four bytes in hex.
    pub serial: String,
    /// Address to listen on for the scan head.
    pub listen: String,
    /// Base URL of the acquirer's node.
    pub acquirer_url: String,
    /// Whose clock.
    #[serde(default)]
    pub clock: ClockKind,
    /// Plain HTTP to the acquirer instead of `[link]`; for tests on one machine.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub plain: bool,
    /// Whether time servers keep the machine's clock; otherwise it is a battery clock to the
    /// terminal, which begins a day and confirms nothing.
    #[serde(default)]
    pub time_servers: bool,
    /// Record store file.
    pub journal: String,
    /// The SAM's test key file; in a test only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sam_key: Option<String>,
    /// Where the SAM's key is otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sam: Option<SamFile>,
    /// The acquirer's list key: a compressed public key in hex.
    pub list_key: String,
    /// How it knows the acquirer's node over TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkFile>,
    /// Where the terminal stands.
    pub post: PostFile,
}

/// `[post]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum PostFile {
    /// On a bus.
    Bus {
        /// Line code.
        line: String,
        /// Vehicle code.
        vehicle: String,
    },
    /// At a metro gate, way in.
    Entry {
        /// Network code.
        network: String,
        /// Station code.
        station: String,
    },
    /// At a metro gate, way out.
    Exit {
        /// Network code.
        network: String,
        /// Station code.
        station: String,
    },
}

/// Everything that `tongtu terminal` needs.
pub struct ReadyTerminal {
    /// Profile, policy, list key and SAM.
    pub setup: Setup,
    /// Address to listen on.
    pub listen: String,
    /// Base URL of the acquirer's node.
    pub acquirer_url: String,
    /// What signs its requests: the key that signs its records.
    pub caller: Box<dyn Signer + Send>,
    /// Record store file.
    pub journal: PathBuf,
    /// Whose clock.
    pub clock: ClockKind,
    /// Whether time servers keep the machine's clock.
    pub time_servers: bool,
    /// How it knows the acquirer's node; nothing over plain HTTP.
    pub link: Option<ReadyLink>,
}

impl fmt::Debug for ReadyTerminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadyTerminal")
            .field("setup", &self.setup)
            .field("listen", &self.listen)
            .field("acquirer_url", &self.acquirer_url)
            .field("journal", &self.journal)
            .field("link", &self.link)
            .finish_non_exhaustive()
    }
}

/// Maker and model that our own terminal gives itself.
pub const MODEL: [u8; 8] = *b"TONGTU-1";
/// Software version as records carry it.
pub const SOFTWARE: [u8; 10] = *b"0.1_261122";

/// What signs a terminal's records, and its requests.
type Signing = (Box<dyn Sam>, Box<dyn Signer + Send>);

impl TerminalFile {
    /// Reads the settings and everything they name.
    ///
    /// # Errors
    /// [`ConfigError`] naming file and setting.
    pub fn load(path: &Path) -> Result<ReadyTerminal, ConfigError> {
        let file: Self = parse_toml(path)?;
        let terminal = setting(path, "terminal", TerminalNumber::parse(&file.terminal))?;
        let serial = setting(path, "serial", hex_decode(&file.serial))?;
        let serial = <[u8; 4]>::try_from(serial.as_slice()).map_err(|_| "expected 4 bytes");
        let profile = Profile {
            acquirer: setting(path, "acquirer", InstitutionCode::parse(&file.acquirer))?,
            terminal,
            model: MODEL,
            terminal_id: terminal_id(terminal),
            software: SOFTWARE,
            serial: setting(path, "serial", serial)?,
            post: file.post.resolve(path)?,
        };
        let (sam, caller) = file.signing(path)?;
        let setup = Setup {
            profile,
            policy: Policy::default(),
            list_key: setting(path, "list_key", parse_public(&file.list_key))?,
            sam,
        };
        let link = resolve_link(path, file.link.as_ref(), file.plain, &file.listen)?;
        Ok(ReadyTerminal {
            setup,
            listen: file.listen,
            acquirer_url: file.acquirer_url,
            caller,
            journal: beside(path, &file.journal),
            clock: file.clock,
            time_servers: file.time_servers,
            link,
        })
    }

    /// What signs its records and its requests: a test key in a test, a key in a store anywhere.
    fn signing(&self, path: &Path) -> Result<Signing, ConfigError> {
        match (&self.sam_key, &self.sam) {
            (Some(file), None) if self.mode == Mode::Test => {
                let key = || read_key(&beside(path, file));
                Ok((Box::new(key()?), Box::new(key()?)))
            }
            (Some(file), None) => Err(ConfigError::TestKey {
                path: beside(path, file),
            }),
            (None, Some(sam)) => {
                let sam = sam.resolve(path, self.mode)?;
                Ok((Box::new(sam.clone()), Box::new(sam)))
            }
            _ => Err(ConfigError::Setting {
                path: path.to_path_buf(),
                setting: "sam",
                message: "expected one of sam_key and [sam]".to_owned(),
            }),
        }
    }

    /// Writes the settings.
    ///
    /// # Errors
    /// [`ConfigError::File`] when the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), ConfigError> {
        let text = toml::to_string(self).expect("settings are plain values");
        write(path, text.as_bytes())
    }
}

/// The terminal-side identifier: the last eight digits of the number.
#[must_use]
pub fn terminal_id(terminal: TerminalNumber) -> [u8; 8] {
    let mut id = [0; 8];
    id.copy_from_slice(&terminal.as_str().as_bytes()[4..]);
    id
}

impl PostFile {
    fn resolve(&self, path: &Path) -> Result<Post, ConfigError> {
        let line = |text: &str| setting(path, "post.line", LineCode::parse(text));
        let network = |text: &str| setting(path, "post.network", LineCode::parse(text));
        let station = |text: &str| setting(path, "post.station", StationCode::parse(text));
        Ok(match self {
            Self::Bus {
                line: code,
                vehicle,
            } => Post::Bus {
                line: line(code)?,
                vehicle: setting(path, "post.vehicle", VehicleCode::parse(vehicle))?,
            },
            Self::Entry {
                network: code,
                station: at,
            } => Post::Entry {
                network: network(code)?,
                station: station(at)?,
            },
            Self::Exit {
                network: code,
                station: at,
            } => Post::Exit {
                network: network(code)?,
                station: station(at)?,
            },
        })
    }
}
