//! A link's files at rest, and how a running node notices that they changed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tongtu_crypto::{PublicKey, sha2};
use tongtu_paper::PaperFile;
use tongtu_register::{Register, RegisterError};
use tongtu_types::InstitutionCode;

use crate::{Identity, Link, LinkClock, LinkError};

/// Where a link's certificates and its register lie.
#[derive(Debug, Clone)]
pub struct LinkFiles {
    /// Certificates with their keys, in any order: the own ones.
    pub certificates: Vec<PathBuf>,
    /// The register.
    pub register: PathBuf,
    /// The nation's keys; one of them signed the register.
    pub register_keys: Vec<PublicKey>,
}

/// What a look at the files found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// What was there before.
    Same,
    /// Something else, which is in force from the next connection on.
    Changed {
        /// The register's version now.
        register: u64,
    },
}

/// Looks at a link's files again and again.
#[derive(Debug)]
pub struct LinkWatch {
    files: LinkFiles,
    link: Arc<Link>,
    stamps: Vec<Stamp>,
}

/// What a file holds. Its date would not do: two versions may be written within one tick of a clock.
type Stamp = Option<[u8; 32]>;

impl LinkFiles {
    /// Reads the files; `own` has certificates, and is nobody at a terminal.
    ///
    /// # Errors
    /// [`LinkError`] naming the file; also for a register older than one that was followed from
    /// here before.
    pub fn open(
        self,
        own: Option<InstitutionCode>,
        clock: LinkClock,
    ) -> Result<(Arc<Link>, LinkWatch), LinkError> {
        let stamps = self.stamps();
        let identities = self.identities(own)?;
        let register = self.read_register()?;
        self.keep_mark(&register)?;
        let link = match own {
            Some(own) => Link::new(own, identities, register, clock),
            None => Link::without_certificate(register, clock),
        };
        let watch = LinkWatch {
            files: self,
            link: Arc::clone(&link),
            stamps,
        };
        Ok((link, watch))
    }

    /// Takes a newer register that came from wherever: judged, kept durably in the place of the
    /// one before, and followed from the next connection on.
    ///
    /// # Errors
    /// [`LinkError`]; the register before stays in force, and in its place unless the new one was
    /// kept already: then it is in force at the next look.
    pub fn take_register(&self, link: &Link, bytes: &[u8]) -> Result<Register, LinkError> {
        let register = Register::open(bytes, &self.register_keys);
        let register = register.map_err(|source| self.register_fault(source))?;
        let newer = link.check_newer(&register);
        newer.map_err(|source| self.register_fault(source))?;
        PaperFile::new(&self.register).replace(bytes)?;
        self.keep_mark(&register)?;
        let followed = link.follow(register.clone());
        followed.map_err(|source| self.register_fault(source))?;
        Ok(register)
    }

    /// The register that lies in its place, if it is the one that `link` goes by, and its bytes.
    #[must_use]
    pub fn register_in_force(&self, link: &Link) -> Option<(Register, Vec<u8>)> {
        let bytes = fs::read(&self.register).ok()?;
        let register = Register::open(&bytes, &self.register_keys).ok()?;
        (register.version() == link.register_version()).then_some((register, bytes))
    }

    fn stamps(&self) -> Vec<Stamp> {
        let files = self.certificates.iter().chain([&self.register]);
        let stamp = |file| Some(sha2::sha256(&fs::read(file).ok()?));
        files.map(stamp).collect()
    }

    fn identities(&self, own: Option<InstitutionCode>) -> Result<Vec<Identity>, LinkError> {
        let Some(own) = own else {
            return Ok(Vec::new());
        };
        let read = |path: &PathBuf| {
            let pem = fs::read(path).map_err(|source| file(path, source))?;
            Identity::from_pem(&pem, own).map_err(|fault| LinkError::Certificate {
                path: path.clone(),
                fault,
            })
        };
        self.certificates.iter().map(read).collect()
    }

    fn read_register(&self) -> Result<Register, LinkError> {
        let path = &self.register;
        let bytes = fs::read(path).map_err(|source| file(path, source))?;
        let register = Register::open(&bytes, &self.register_keys);
        let register = register.map_err(|source| self.register_fault(source))?;
        let held = self.mark()?;
        let offered = register.version();
        if offered < held {
            return Err(self.register_fault(RegisterError::NotNewer { held, offered }));
        }
        Ok(register)
    }

    fn register_fault(&self, source: RegisterError) -> LinkError {
        LinkError::Register {
            path: self.register.clone(),
            source,
        }
    }

    /// The latest version that was followed from here; 0 for none.
    ///
    /// It stops an older file that was put back by mistake, with a backup say. Who may write here
    /// can change it too.
    fn mark(&self) -> Result<u64, LinkError> {
        let path = self.mark_path();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(source) => return Err(file(&path, source)),
        };
        text.trim().parse().map_err(|_| {
            let what = "expected the number of a version";
            file(&path, io::Error::new(io::ErrorKind::InvalidData, what))
        })
    }

    fn keep_mark(&self, register: &Register) -> Result<(), LinkError> {
        let version = register.version();
        if version == self.mark()? {
            return Ok(());
        }
        let mark = format!("{version}\n");
        Ok(PaperFile::new(&self.mark_path()).replace(mark.as_bytes())?)
    }

    fn mark_path(&self) -> PathBuf {
        let mut name = self.register.clone().into_os_string();
        name.push(".version");
        PathBuf::from(name)
    }
}

impl LinkWatch {
    /// Looks at the files, and goes by them if they changed and hold.
    ///
    /// A file that was replaced by renaming another over it is never seen half.
    ///
    /// # Errors
    /// [`LinkError`] naming the file; the link stays as it was, and the next look tries again.
    pub fn look(&mut self) -> Result<Seen, LinkError> {
        let stamps = self.files.stamps();
        if stamps == self.stamps {
            return Ok(Seen::Same);
        }
        let identities = self.files.identities(self.link.own())?;
        let register = self.files.read_register()?;
        let version = register.version();
        self.files.keep_mark(&register)?;
        let changed = self.link.change(identities, register);
        changed.map_err(|source| self.files.register_fault(source))?;
        self.stamps = stamps;
        Ok(Seen::Changed { register: version })
    }
}

fn file(path: &Path, source: io::Error) -> LinkError {
    LinkError::File {
        path: path.to_path_buf(),
        source,
    }
}
