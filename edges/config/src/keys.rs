//! Where a node's keys are, and by which book they may be used.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tongtu_crypto::{Algorithm, PublicKey, Signature, Signer, SignerFault};
use tongtu_ecash::test_card::master_keys;
use tongtu_hsm::{
    Custody, CustodyError, CustodySigner, Label, Mark, Passphrase, Protection, SealedCustody,
    SignScheme, Signed, Token, TokenConfig, TokenCustody, VendorCipher, Work,
};
use tongtu_keyring::{Check, Extract};
use tongtu_purse::keys::KeySet;
use tongtu_purse::profile::{TEST_KEYS, test_keys};
use tongtu_services::{BookAge, NodeKeys};
use tongtu_types::CityCode;
use zeroize::Zeroizing;

use crate::{ConfigError, KEY_HEADER, beside, parse_public, read, read_text, setting};

/// Whether something is for tests or for real cards and money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// For real: no test key, no test store. What says nothing is for real.
    #[default]
    Production,
    /// For tests and the demo.
    Test,
}

impl Mode {
    /// What its stores of keys say of themselves.
    #[must_use]
    pub const fn mark(self) -> Mark {
        match self {
            Self::Production => Mark::Production,
            Self::Test => Mark::Test,
        }
    }

    /// Whether it is for real.
    #[must_use]
    pub fn is_production(&self) -> bool {
        *self == Self::Production
    }
}

/// `[keys]`. Paths count from the file's own folder. A store is opened by a key file, by a
/// passphrase in a file, or by a token: by one of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysFile {
    /// Extract of the key book.
    pub book: String,
    /// The key centre's key that the extract is signed by: a compressed public key in hex.
    pub centre: String,
    /// Store of keys; a node without one uses no key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custody: Option<String>,
    /// How many days old the extract may be; as long as is usual where nothing is said, and never
    /// longer but in tests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub book_days: Option<u16>,
    /// Key file that opens the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_file: Option<String>,
    /// File with the passphrase that opens it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase_file: Option<String>,
    /// Token that opens it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenFile>,
}

/// `[keys.token]`: a PKCS#11 token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenFile {
    /// The vendor's library.
    pub module: PathBuf,
    /// Label of the token.
    pub token: String,
    /// Serial number of the token, where no other of this label will do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Label of the wrapping key on it.
    pub wrapping_key: String,
    /// File with the PIN.
    pub pin_file: String,
    /// Numbers of a vendor's cipher where the wrapping key is not AES.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<VendorFile>,
}

/// `[keys.token.vendor]`: numbers of the vendor's own, as decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VendorFile {
    /// Key type.
    pub key_type: u64,
    /// Mechanism that makes such a key.
    pub key_gen: u64,
    /// Mechanism of CBC.
    pub cbc: u64,
}

/// A signing key in a store: `[sam]` of a terminal, which signs records and requests, `[link]` of a
/// node's `callers.toml`, and `[store]` of a caller's credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SamFile {
    /// Store of keys.
    pub custody: String,
    /// Its label there.
    pub label: String,
    /// Key file that opens the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_file: Option<String>,
    /// File with the passphrase that opens it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase_file: Option<String>,
    /// Token that opens it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenFile>,
}

impl KeysFile {
    /// Opens book and store.
    pub(crate) fn resolve(
        &self,
        path: &Path,
        mode: Mode,
        city: CityCode,
    ) -> Result<NodeKeys, ConfigError> {
        let custody = match &self.custody {
            None => None,
            Some(custody) => {
                let opener = Opener {
                    key_file: self.key_file.as_deref(),
                    passphrase_file: self.passphrase_file.as_deref(),
                    token: self.token.as_ref(),
                    typed: None,
                };
                Some(opener.open(path, custody, mode)?)
            }
        };
        let age = self.age(path, mode)?;
        let extract = self.extract(path)?;
        let keys = NodeKeys::new(city, extract, custody).map(|keys| keys.aging(age));
        keys.map_err(|source| ConfigError::NodeKeys {
            path: path.to_path_buf(),
            source: Box::new(source),
        })
    }

    /// How old the extract may be.
    fn age(&self, path: &Path, mode: Mode) -> Result<BookAge, ConfigError> {
        let Some(days) = self.book_days else {
            return Ok(BookAge::USUAL);
        };
        let age = BookAge::of_days(days);
        if mode == Mode::Production && (days == 0 || age.good_s > BookAge::USUAL.good_s) {
            let most = BookAge::USUAL.good_s / 86_400;
            return Err(ConfigError::Setting {
                path: path.to_path_buf(),
                setting: "keys.book_days",
                message: format!("{days}, expected 1 to {most}"),
            });
        }
        Ok(age)
    }

    /// Reads the extract of the book: once more whenever the key centre has sent a newer one.
    ///
    /// # Errors
    /// [`ConfigError`] naming the file.
    pub fn extract(&self, path: &Path) -> Result<Extract, ConfigError> {
        self.extract_of(path, &read(&beside(path, &self.book))?)
    }

    /// The extract that these bytes are.
    pub(crate) fn extract_of(&self, path: &Path, bytes: &[u8]) -> Result<Extract, ConfigError> {
        let centre = setting(path, "keys.centre", parse_public(&self.centre))?;
        let extract = Extract::open(bytes, &centre);
        extract.map_err(|source| ConfigError::Extract {
            path: beside(path, &self.book),
            source: Box::new(source),
        })
    }
}

/// With what a store is opened.
struct Opener<'a> {
    key_file: Option<&'a str>,
    passphrase_file: Option<&'a str>,
    token: Option<&'a TokenFile>,
    /// A passphrase that somebody gave, in place of these.
    typed: Option<&'a Protection>,
}

impl Opener<'_> {
    fn open(
        &self,
        path: &Path,
        custody: &str,
        mode: Mode,
    ) -> Result<Box<dyn Custody + Send>, ConfigError> {
        let store = beside(path, custody);
        refuse_test_key(&store)?;
        let fault = |source: CustodyError| ConfigError::Custody {
            path: store.clone(),
            source: Box::new(source),
        };
        let opened: Box<dyn Custody + Send> =
            match (self.key_file, self.passphrase_file, self.token, self.typed) {
                (None, None, None, Some(typed)) => {
                    Box::new(sealed(&store, mode, typed).map_err(fault)?)
                }
                (Some(file), None, None, _) => {
                    let protection = Protection::KeyFile(beside(path, file));
                    Box::new(sealed(&store, mode, &protection).map_err(fault)?)
                }
                (None, Some(file), None, _) => {
                    let words = secret_line(&beside(path, file))?;
                    let words = Passphrase::new(words.to_string()).map_err(fault)?;
                    let protection = Protection::Passphrase(words, Work::USUAL);
                    Box::new(sealed(&store, mode, &protection).map_err(fault)?)
                }
                (None, None, Some(token), _) => {
                    let pin = secret_line(&beside(path, &token.pin_file))?;
                    let token = Token::open(token.config(), &pin).map_err(fault)?;
                    let opened = TokenCustody::open(&store, mode.mark(), token, system_entropy);
                    Box::new(opened.map_err(fault)?)
                }
                _ => {
                    return Err(ConfigError::Setting {
                        path: path.to_path_buf(),
                        setting: "keys.custody",
                        message: "opened by one of key_file, passphrase_file and token".to_owned(),
                    });
                }
            };
        if mode == Mode::Production {
            refuse_published(&store, &*opened)?;
        }
        Ok(opened)
    }
}

impl TokenFile {
    /// Which token it is, as a session with it is opened.
    #[must_use]
    pub fn config(&self) -> TokenConfig {
        TokenConfig {
            module: self.module.clone(),
            token: self.token.clone(),
            serial: self.serial.clone(),
            wrapping_key: self.wrapping_key.clone(),
            vendor: self.vendor.map(|vendor| VendorCipher {
                key_type: vendor.key_type,
                key_gen: vendor.key_gen,
                cbc: vendor.cbc,
            }),
        }
    }
}

impl SamFile {
    pub(crate) fn resolve(&self, path: &Path, mode: Mode) -> Result<CustodySam, ConfigError> {
        self.resolve_typed(path, mode, None)
    }

    /// Whether nothing that is named here opens the store.
    #[must_use]
    pub const fn asks_passphrase(&self) -> bool {
        self.key_file.is_none() && self.passphrase_file.is_none() && self.token.is_none()
    }

    /// The same, with what somebody typed where nothing else opens the store.
    pub(crate) fn resolve_typed(
        &self,
        path: &Path,
        mode: Mode,
        typed: Option<&Protection>,
    ) -> Result<CustodySam, ConfigError> {
        let label = setting(path, "label", Label::parse(&self.label))?;
        let opener = Opener {
            key_file: self.key_file.as_deref(),
            passphrase_file: self.passphrase_file.as_deref(),
            token: self.token.as_ref(),
            typed,
        };
        let custody = opener.open(path, &self.custody, mode)?;
        CustodySam::new(custody, label).map_err(|source| ConfigError::Custody {
            path: beside(path, &self.custody),
            source: Box::new(source),
        })
    }
}

/// A key that signs where it is kept: a terminal's, or a node's towards others. Clones sign with
/// the one custody.
#[derive(Clone)]
pub(crate) struct CustodySam {
    custody: Arc<Mutex<Box<dyn Custody + Send>>>,
    label: Label,
    public: PublicKey,
}

impl CustodySam {
    fn new(mut custody: Box<dyn Custody + Send>, label: Label) -> Result<Self, CustodyError> {
        // Whether it signs at all shows now, not at the first ride.
        let public = CustodySigner::new(&mut *custody, label)?.public();
        Ok(Self {
            custody: Arc::new(Mutex::new(custody)),
            label,
            public,
        })
    }
}

impl Signer for CustodySam {
    fn public(&self) -> PublicKey {
        self.public.clone()
    }

    fn sign(&mut self, message: &[u8]) -> Result<Signature, SignerFault> {
        let mut custody = self.custody.lock().unwrap_or_else(PoisonError::into_inner);
        let signer = CustodySigner::new(&mut **custody, self.label);
        signer.map_err(|_| SignerFault::Refused)?.sign(message)
    }
}

impl tongtu_terminal::Sam for CustodySam {
    fn sign(&self, message: &[u8]) -> Signature {
        let mut custody = self.custody.lock().unwrap_or_else(PoisonError::into_inner);
        match custody.sign(self.label, SignScheme::Sm2, message) {
            Ok(Signed::Sm2(signature)) => signature,
            // The machine has no word for a module that does not sign; a signature that verifies
            // under no key makes no ride.
            Ok(Signed::Rsa(_)) | Err(_) => Signature([0; 64]),
        }
    }
}

fn sealed(
    store: &Path,
    mode: Mode,
    protection: &Protection,
) -> Result<SealedCustody, CustodyError> {
    SealedCustody::open(store, mode.mark(), protection, system_entropy)
}

/// The first line of a file with a secret.
fn secret_line(path: &Path) -> Result<Zeroizing<String>, ConfigError> {
    let text = Zeroizing::new(read_text(path)?);
    let line = text.lines().next().unwrap_or_default();
    Ok(Zeroizing::new(line.to_owned()))
}

/// What a store draws for what it makes. A node makes no keys; a system without randomness is one
/// on which nothing of this can be had.
fn system_entropy(out: &mut [u8]) {
    getrandom::fill(out).expect("the system gives randomness");
}

/// A test key's file where a store of keys is expected.
fn refuse_test_key(path: &Path) -> Result<(), ConfigError> {
    if read(path)?.starts_with(KEY_HEADER.as_bytes()) {
        return Err(ConfigError::TestKey {
            path: path.to_path_buf(),
        });
    }
    Ok(())
}

/// A key that everybody knows: one of the published test masters.
fn refuse_published(path: &Path, custody: &dyn Custody) -> Result<(), ConfigError> {
    let held = custody.list().map_err(|source| ConfigError::Custody {
        path: path.to_path_buf(),
        source: Box::new(source),
    })?;
    let published = published();
    match held.iter().find(|info| published.contains(&info.check)) {
        None => Ok(()),
        Some(info) => Err(ConfigError::Published {
            path: path.to_path_buf(),
            label: info.name.label.to_string(),
        }),
    }
}

/// The check values of the published test masters.
fn published() -> Vec<Check> {
    let both = [Algorithm::Tdes, Algorithm::Sm4];
    let purse = both.into_iter().flat_map(|algorithm| {
        let set: KeySet = test_keys(algorithm);
        let keys = TEST_KEYS
            .iter()
            .filter_map(move |(use_, version, _)| set.key(*use_, *version));
        keys.collect::<Vec<_>>()
    });
    let cash = both.into_iter().flat_map(master_keys);
    purse.chain(cash).map(|key| Check::Kcv(key.kcv())).collect()
}
