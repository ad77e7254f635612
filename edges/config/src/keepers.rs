//! Whoever keeps a node's papers: its extract of the key book and its register, in their places.
//!
//! A paper comes over a link ([`Keeper::take`]) or is put into its place by hand ([`BookKeeper::look`];
//! a register's place the link looks at itself). Either way it is judged the same, and only what
//! holds and is newer is gone by.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tongtu_crypto::sm3;
use tongtu_keyring::{Extract, ExtractError};
use tongtu_link::{Link, LinkError, LinkFiles};
use tongtu_paper::PaperFile;
use tongtu_register::{Register, RegisterError};
use tongtu_services::{Edition, Keeper, KeyFault, NodeKeys, Paper, PaperFault};

use crate::{ConfigError, KeysFile, beside, read};

/// Keeps the extract of the key book: the key centre makes a newer one, and what it took away must
/// not wait for a restart.
#[derive(Debug)]
pub struct BookKeeper {
    settings: KeysFile,
    path: PathBuf,
    keys: Arc<NodeKeys>,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    in_force: Edition,
    /// What lay in the place at the last look, good or not.
    seen: sm3::Digest,
}

impl BookKeeper {
    pub(crate) fn new(
        settings: KeysFile,
        path: &Path,
        keys: Arc<NodeKeys>,
    ) -> Result<Self, ConfigError> {
        let bytes = read(&beside(path, &settings.book))?;
        let extract = settings.extract_of(path, &bytes)?;
        let held = Held {
            seen: sm3::digest(&bytes),
            in_force: edition(&extract, &bytes),
        };
        Ok(Self {
            path: path.to_path_buf(),
            settings,
            keys,
            held: Mutex::new(held),
        })
    }

    fn place(&self) -> PathBuf {
        beside(&self.path, &self.settings.book)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // What is in force is changed in one step.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the place, and goes by what was put there by hand, if it holds and is newer. Gives
    /// its version where it does.
    ///
    /// # Errors
    /// [`ConfigError`] when what lies there does not hold; it is not looked at again until it
    /// changes, and the extract before stays in force.
    pub fn look(&self) -> Result<Option<u64>, ConfigError> {
        let mut held = self.held();
        let bytes = read(&self.place())?;
        let found = sm3::digest(&bytes);
        if found == held.seen {
            return Ok(None);
        }
        held.seen = found;
        let extract = self.settings.extract_of(&self.path, &bytes)?;
        let edition = edition(&extract, &bytes);
        let version = edition.version;
        let renewed = self.keys.renew(extract);
        renewed.map_err(|source| ConfigError::NodeKeys {
            path: self.place(),
            source: Box::new(source),
        })?;
        held.in_force = edition;
        Ok(Some(version))
    }

    fn fault(&self, fault: KeyFault, offered: u64, held: u64) -> PaperFault {
        let paper = Paper::KeyBook;
        match fault {
            KeyFault::BookEarlier { .. } | KeyFault::Extract(ExtractError::Older { .. }) => {
                PaperFault::NotNewer {
                    paper,
                    offered,
                    held,
                }
            }
            other => PaperFault::Unfit {
                paper,
                source: Box::new(other),
            },
        }
    }
}

/// The version of an extract is the second in which it was made: the same events signed again on a
/// later day say that nothing was added until then.
fn edition(extract: &Extract, bytes: &[u8]) -> Edition {
    let made_at = extract.made_at();
    Edition {
        version: u64::try_from(made_at.get()).unwrap_or(0),
        made_at,
        bytes: bytes.into(),
    }
}

impl Keeper for BookKeeper {
    fn in_force(&self) -> Option<Edition> {
        Some(self.held().in_force.clone())
    }

    fn take(&self, bytes: &[u8]) -> Result<Edition, PaperFault> {
        let paper = Paper::KeyBook;
        let mut held = self.held();
        let extract = self.settings.extract_of(&self.path, bytes);
        let extract = extract.map_err(|error| PaperFault::Broken {
            paper,
            source: Box::new(error),
        })?;
        let edition = edition(&extract, bytes);
        let versions = (edition.version, held.in_force.version);
        let fault = |fault| self.fault(fault, versions.0, versions.1);
        self.keys.check_renewal(&extract).map_err(fault)?;
        // Kept first: what was gone by once must be there after a power cut.
        let kept = PaperFile::new(&self.place()).replace(bytes);
        kept.map_err(|error| PaperFault::NotKept {
            paper,
            source: Box::new(error),
        })?;
        held.seen = sm3::digest(bytes);
        self.keys.renew(extract).map_err(fault)?;
        held.in_force = edition.clone();
        Ok(edition)
    }
}

/// Keeps the institution register that a node's links go by.
#[derive(Debug)]
pub struct RegisterKeeper {
    files: LinkFiles,
    link: Arc<Link>,
    /// One register is taken after the other; and what was read last, by its version.
    read: Mutex<Option<Edition>>,
}

impl RegisterKeeper {
    /// Keeps the register of this link in its place among these files.
    #[must_use]
    pub fn new(files: LinkFiles, link: &Arc<Link>) -> Self {
        Self {
            files,
            link: Arc::clone(link),
            read: Mutex::new(None),
        }
    }
}

fn registered(register: &Register, bytes: &[u8]) -> Edition {
    Edition {
        version: register.version(),
        made_at: register.published_at(),
        bytes: bytes.into(),
    }
}

impl Keeper for RegisterKeeper {
    fn in_force(&self) -> Option<Edition> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let version = self.link.register_version();
        if read.as_ref().is_none_or(|held| held.version != version) {
            let found = self.files.register_in_force(&self.link);
            *read = found.map(|(register, bytes)| registered(&register, &bytes));
        }
        read.clone()
    }

    fn take(&self, bytes: &[u8]) -> Result<Edition, PaperFault> {
        let paper = Paper::Register;
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = self.files.take_register(&self.link, bytes);
        let register = taken.map_err(|error| match error {
            LinkError::Register {
                source: RegisterError::NotNewer { held, offered },
                ..
            } => PaperFault::NotNewer {
                paper,
                offered,
                held,
            },
            LinkError::Register { source, .. } => PaperFault::Broken {
                paper,
                source: Box::new(source),
            },
            other => PaperFault::NotKept {
                paper,
                source: Box::new(io::Error::other(other)),
            },
        })?;
        let edition = registered(&register, bytes);
        *read = Some(edition.clone());
        Ok(edition)
    }
}
