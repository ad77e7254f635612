//! The settings of one node.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tongtu_clearing::{CutOff, FeeRules, Topology};
use tongtu_codec::{hex_decode, hex_encode};
use tongtu_ride_code::layout::IssuerCertificate;
use tongtu_ride_code::{Policy, Root, RootTable};
use tongtu_services::{AcquirerConfig, IssuerConfig, NodeConfig};
use tongtu_sql::Sealing;
use tongtu_types::{Fen, InstitutionCode};

use crate::link::resolve_link;
use crate::{
    BookKeeper, CallersFile, CardsFile, ConfigError, FacesFile, KeysFile, LinkFile, Mode,
    ReadyCallers, ReadyLink, beside, parse_toml, read, read_text, setting, store_key, write,
};

/// Whose clock a node goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClockKind {
    /// The machine's.
    #[default]
    System,
    /// Each request's own; for tests and the demo.
    Simulated,
}

/// `node.toml`. Paths count from the file's own folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeFile {
    /// Institution code, eight digits, role digit 0.
    pub code: String,
    /// Chinese name.
    pub name_zh: String,
    /// English name.
    pub name_en: String,
    /// Whether it is for tests; production when it is not said.
    #[serde(default)]
    pub mode: Mode,
    /// Address to listen on, `127.0.0.1:7300`; port 0 takes any.
    pub listen: String,
    /// Store: `sqlite:FILE` (beside this file) or `postgres://…`.
    pub store: String,
    /// File with the key that the store is sealed with; made at the first start.
    pub store_key: String,
    /// Base URL of the node above, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Seconds between two looks at the node above for newer registers, books and lists; a minute
    /// where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetch_every_s: Option<u32>,
    /// Whose clock.
    #[serde(default)]
    pub clock: ClockKind,
    /// Plain HTTP instead of `[link]`; for tests on one machine.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub plain: bool,
    /// File with the topology.
    pub topology: String,
    /// File with the fee rules.
    pub fee_rules: String,
    /// Root certificate files.
    pub roots: Vec<String>,
    /// Accepted issuers, eight digits each.
    pub accepted_issuers: Vec<String>,
    /// How it links with others over TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkFile>,
    /// Where its keys are, and by which book they may be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<KeysFile>,
    /// File with who may call and the node's own link key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callers: Option<String>,
    /// Present when the node issues codes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<IssuerFile>,
    /// Present when the node has terminals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acquirer: Option<AcquirerFile>,
    /// Present when its riders may ride by face.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub faces: Option<FacesFile>,
}

/// `[issuer]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerFile {
    /// Issuer certificate file; the key in it is in the node's store.
    pub certificate: String,
    /// Single-ride limit, fen.
    pub limit_fen: i64,
    /// Validity of each code, seconds.
    pub validity_s: u16,
    /// Lifetime of a user certificate, seconds.
    pub lifetime_s: i64,
    /// Code platform number, four bytes in hex.
    pub platform: String,
    /// Issuer-defined data, up to 16 printable characters.
    pub issuer_data: String,
}

/// `[acquirer]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcquirerFile {
    /// Fare book file.
    pub fare_book: String,
    /// Fare book files that are to follow, by rising version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub later_fare_books: Vec<String>,
    /// File with the lists of cards; without it, terminals take local cards only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cards: Option<String>,
}

/// Everything that `tongtu serve` needs.
#[derive(Debug)]
pub struct ReadyNode {
    /// The node's configuration.
    pub config: NodeConfig,
    /// Address to listen on.
    pub listen: String,
    /// Store URL, file paths made absolute to the settings' folder.
    pub store_url: String,
    /// The key that the store is sealed with.
    pub sealing: Sealing,
    /// Base URL of the node above.
    pub parent: Option<String>,
    /// Between two looks at the node above for what is newer there.
    pub fetch_every: Duration,
    /// Whose clock.
    pub clock: ClockKind,
    /// How it links with others; nothing when it speaks plain HTTP.
    pub link: Option<ReadyLink>,
    /// Whoever keeps the extract of the key book.
    pub book: BookKeeper,
    /// Who may call, and the link key.
    pub callers: Option<ReadyCallers>,
}

impl NodeFile {
    /// Reads the settings and everything they name.
    ///
    /// # Errors
    /// [`ConfigError`] naming file and setting.
    pub fn load(path: &Path) -> Result<ReadyNode, ConfigError> {
        let file: Self = parse_toml(path)?;
        file.resolve(path)
    }

    /// Writes the settings.
    ///
    /// # Errors
    /// [`ConfigError::File`] when the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), ConfigError> {
        let text = toml::to_string(self).expect("settings are plain values");
        write(path, text.as_bytes())
    }

    fn resolve(self, path: &Path) -> Result<ReadyNode, ConfigError> {
        let code = setting(path, "code", InstitutionCode::parse(&self.code))?;
        let topology_text = read_text(&beside(path, &self.topology))?;
        let topology = setting(path, "topology", Topology::parse(&topology_text))?;
        let fee_text = read_text(&beside(path, &self.fee_rules))?;
        let fee_rules = setting(path, "fee_rules", FeeRules::parse(&fee_text))?;
        let roots = self
            .roots
            .iter()
            .map(|name| setting(path, "roots", Root::verify(&read(&beside(path, name))?)))
            .collect::<Result<Vec<_>, _>>()?;
        let accepted_issuers = self
            .accepted_issuers
            .iter()
            .map(|text| setting(path, "accepted_issuers", InstitutionCode::parse(text)))
            .collect::<Result<Vec<_>, _>>()?;
        let issuer = self.issuer.as_ref().map(|i| i.resolve(path)).transpose()?;
        let acquirer = match &self.acquirer {
            None => None,
            Some(acquirer) => Some(acquirer.resolve(path)?),
        };
        let faces = self.faces.as_ref().map(|f| f.resolve(path)).transpose()?;
        let link = resolve_link(path, self.link.as_ref(), self.plain, &self.listen)?;
        let store_url = match self.store.strip_prefix("sqlite:") {
            Some(file) => format!("sqlite:{}", beside(path, file).display()),
            None => self.store,
        };
        let (keys, book) = match self.keys {
            Some(keys) => {
                let opened = Arc::new(keys.resolve(path, self.mode, code.city())?);
                let book = BookKeeper::new(keys, path, Arc::clone(&opened))?;
                (opened, book)
            }
            // What it does with a ride that a key outside its permit made, nobody could say.
            None => {
                return Err(ConfigError::Setting {
                    path: path.to_path_buf(),
                    setting: "keys",
                    message: "missing, expected the extract of the key book".to_owned(),
                });
            }
        };
        let fetch_every = fetch_every(path, self.fetch_every_s)?;
        let callers = self.callers.as_ref();
        let callers = callers.map(|file| CallersFile::load(&beside(path, file), self.mode));
        let config = NodeConfig {
            code,
            keys,
            name_zh: self.name_zh,
            name_en: self.name_en,
            topology,
            fee_rules,
            cut_off: CutOff::default(),
            policy: Policy::default(),
            roots: RootTable::new(roots),
            accepted_issuers,
            issuer,
            acquirer,
            faces,
        };
        Ok(ReadyNode {
            config,
            listen: self.listen,
            store_url,
            sealing: store_key(&beside(path, &self.store_key))?,
            parent: self.parent,
            fetch_every,
            clock: self.clock,
            link,
            book,
            callers: callers.transpose()?,
        })
    }
}

/// Seconds between two looks at the node above, where the settings say nothing.
const FETCH_EVERY_S: u32 = 60;
/// A day: an extract of the key book must not grow old because nobody asked for a newer one.
const FETCH_EVERY_MOST_S: u32 = 86_400;

fn fetch_every(path: &Path, said: Option<u32>) -> Result<Duration, ConfigError> {
    let seconds = said.unwrap_or(FETCH_EVERY_S);
    if seconds == 0 || seconds > FETCH_EVERY_MOST_S {
        return Err(ConfigError::Setting {
            path: path.to_path_buf(),
            setting: "fetch_every_s",
            message: format!("{seconds}, expected 1 to {FETCH_EVERY_MOST_S}"),
        });
    }
    Ok(Duration::from_secs(seconds.into()))
}

impl AcquirerFile {
    fn resolve(&self, path: &Path) -> Result<AcquirerConfig, ConfigError> {
        let books = std::iter::once(&self.fare_book).chain(&self.later_fare_books);
        let books = books.map(|book| read_text(&beside(path, book)));
        let cards = self.cards.as_ref();
        let cards = cards.map(|cards| CardsFile::load(&beside(path, cards)));
        Ok(AcquirerConfig {
            fare_books: books.collect::<Result<_, _>>()?,
            cards: cards.transpose()?.unwrap_or_default(),
        })
    }
}

impl IssuerFile {
    fn resolve(&self, path: &Path) -> Result<IssuerConfig, ConfigError> {
        let bytes = read(&beside(path, &self.certificate))?;
        let certificate = setting(
            path,
            "issuer.certificate",
            IssuerCertificate::decode(&bytes),
        )?;
        let platform = setting(path, "issuer.platform", hex_decode(&self.platform))?;
        let found = platform.len();
        let platform = platform.try_into().map_err(|_| ConfigError::Setting {
            path: PathBuf::from(path),
            setting: "issuer.platform",
            message: format!("{found} bytes, expected 4"),
        })?;
        Ok(IssuerConfig {
            certificate,
            limit: Fen::new(self.limit_fen),
            validity_s: self.validity_s,
            lifetime_s: self.lifetime_s,
            platform,
            issuer_data: self.issuer_data.clone().into_bytes(),
        })
    }

    /// The four bytes of a platform number as the file has them.
    #[must_use]
    pub fn platform_text(platform: [u8; 4]) -> String {
        hex_encode(&platform)
    }
}
