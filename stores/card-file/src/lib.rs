//! A virtual card at rest: its non-volatile memory in one file.
//!
//! ```text
//! make ──► name.new: head, then what the factory writes ──► synced, renamed, folder synced
//! open ──► head read and checked, file locked, bytes kept
//! write ─► to the file, synced ──► only now does the card go on
//! ```
//!
//! What is here: [`CardFile`], a [`Memory`] whose first line says that it is a test card, locked
//! against a second process; [`NewCardFile`], one that is being made; [`LineFile`], a file that only
//! grows, for whoever keeps a book of cards. What is not here: what the
//! bytes mean and how they survive a torn write (the card's journal). Start with
//! [`CardFile::open`].
//!
//! Form: a head of [`HEAD_LEN`] bytes of text, one line padded with spaces, then the memory.

mod lines;

pub use lines::LineFile;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use tongtu_card::{Memory, Torn};

/// Bytes before the memory.
pub const HEAD_LEN: usize = 128;

/// What the first line begins with.
const MARK: &str = "Tongtu TEST card, version 1; profile ";

/// What a card made by us has, and the most that a file may say.
const SIZE_MAX: usize = 64 << 20;

/// Why a file is not a card that can be used now.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CardFileError {
    /// The file is something else.
    #[error("`{path}` is no test card: the first line is not `{MARK}…`")]
    NotACard {
        /// Its name.
        path: String,
    },
    /// The file is shorter or longer than its head says.
    #[error("`{path}` has {found} bytes of memory, its first line says {expected}")]
    Size {
        /// Its name.
        path: String,
        /// Bytes there.
        found: usize,
        /// Bytes announced.
        expected: usize,
    },
    /// A card of this name is there already.
    #[error("`{path}` exists already")]
    Exists {
        /// Its name.
        path: String,
    },
    /// Another process has it open.
    #[error("`{path}` is in use by another process")]
    InUse {
        /// Its name.
        path: String,
    },
    /// The name of a profile does not fit the head.
    #[error("profile name `{name}` is not 1 to 32 letters, digits, `-` or `_`")]
    ProfileName {
        /// The name.
        name: String,
    },
    /// The system refused.
    #[error("cannot {doing} `{path}`")]
    Io {
        /// What we asked for.
        doing: &'static str,
        /// Its name.
        path: String,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
}

fn io_error(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CardFileError {
    let path = path.display().to_string();
    move |source| CardFileError::Io {
        doing,
        path,
        source,
    }
}

/// The memory of a virtual card, in a file held by this process alone.
///
/// A write that the system refuses is power lost ([`Torn`]); [`CardFile::fault`] has the reason.
#[derive(Debug)]
pub struct CardFile {
    file: File,
    profile: String,
    /// What the file holds, so that reading cannot fail.
    bytes: Vec<u8>,
    /// Whether a write returns only once it survives a power cut.
    is_synced: bool,
    fault: Option<io::Error>,
}

impl CardFile {
    /// Opens the card in a file.
    ///
    /// # Errors
    /// [`CardFileError`]: no such file, no card, or in use.
    pub fn open(path: &Path) -> Result<Self, CardFileError> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .map_err(io_error("open", path))?;
        lock(&file, path)?;
        let mut bytes = Vec::new();
        let limit = u64::try_from(HEAD_LEN + SIZE_MAX + 1).expect("64 MiB fit");
        (&mut file)
            .take(limit)
            .read_to_end(&mut bytes)
            .map_err(io_error("read", path))?;
        let name = || path.display().to_string();
        let head = bytes.get(..HEAD_LEN).and_then(read_head);
        let (profile, expected) = head.ok_or_else(|| CardFileError::NotACard { path: name() })?;
        bytes.drain(..HEAD_LEN);
        if bytes.len() != expected {
            return Err(CardFileError::Size {
                path: name(),
                found: bytes.len(),
                expected,
            });
        }
        Ok(Self {
            file,
            profile,
            bytes,
            is_synced: true,
            fault: None,
        })
    }

    /// The name of the profile that the card was made with.
    #[must_use]
    pub fn profile(&self) -> &str {
        &self.profile
    }

    /// Why a write failed.
    #[must_use]
    pub const fn fault(&self) -> Option<&io::Error> {
        self.fault.as_ref()
    }

    fn write_through(&mut self, at: usize, bytes: &[u8]) -> io::Result<()> {
        let at = u64::try_from(HEAD_LEN + at).map_err(io::Error::other)?;
        self.file.seek(SeekFrom::Start(at))?;
        self.file.write_all(bytes)?;
        if self.is_synced {
            self.file.sync_data()?;
        }
        Ok(())
    }
}

impl Memory for CardFile {
    fn size(&self) -> usize {
        self.bytes.len()
    }

    fn read(&self, at: usize, out: &mut [u8]) {
        out.copy_from_slice(&self.bytes[at..at + out.len()]);
    }

    fn write(&mut self, at: usize, bytes: &[u8]) -> Result<(), Torn> {
        self.write_through(at, bytes).map_err(|error| {
            self.fault = Some(error);
            Torn
        })?;
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }
}

/// A card file that is being made: nobody sees it before [`NewCardFile::keep`].
#[derive(Debug)]
pub struct NewCardFile {
    path: PathBuf,
    new: PathBuf,
    memory: CardFile,
}

impl NewCardFile {
    /// Begins a card of blank memory that will be at `path`.
    ///
    /// # Errors
    /// [`CardFileError`]: something is there already, or is being made by another process.
    pub fn begin(path: &Path, profile: &str, size: usize) -> Result<Self, CardFileError> {
        let head = head(profile, size)?;
        let mut new = path.as_os_str().to_os_string();
        new.push(".new");
        let new = PathBuf::from(new);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&new)
            .map_err(io_error("make", &new))?;
        lock(&file, &new)?;
        if path.exists() {
            let path = path.display().to_string();
            return Err(CardFileError::Exists { path });
        }
        let mut memory = CardFile {
            file,
            profile: profile.to_owned(),
            bytes: vec![0xFF; size],
            is_synced: false,
            fault: None,
        };
        // What a killed process left of a card that was never finished.
        let file = &mut memory.file;
        file.set_len(0).map_err(io_error("empty", &new))?;
        file.write_all(&head)
            .and_then(|()| file.write_all(&memory.bytes))
            .map_err(io_error("write", &new))?;
        Ok(Self {
            path: path.to_path_buf(),
            new,
            memory,
        })
    }

    /// Puts the finished card at its place.
    ///
    /// # Errors
    /// [`CardFileError::Io`] when the system refuses; there is then no card.
    pub fn keep(self) -> Result<CardFile, CardFileError> {
        let Self {
            path,
            new,
            mut memory,
        } = self;
        memory.file.sync_all().map_err(io_error("keep", &new))?;
        fs::rename(&new, &path).map_err(io_error("name", &path))?;
        keep_name(&path)?;
        memory.is_synced = true;
        Ok(memory)
    }
}

impl Memory for NewCardFile {
    fn size(&self) -> usize {
        self.memory.size()
    }

    fn read(&self, at: usize, out: &mut [u8]) {
        self.memory.read(at, out);
    }

    /// Not durable before [`NewCardFile::keep`].
    fn write(&mut self, at: usize, bytes: &[u8]) -> Result<(), Torn> {
        self.memory.write(at, bytes)
    }
}

/// A file's name is safe once its folder is.
fn keep_name(path: &Path) -> Result<(), CardFileError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(io_error("keep", folder))
}

fn lock(file: &File, path: &Path) -> Result<(), CardFileError> {
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => CardFileError::InUse {
            path: path.display().to_string(),
        },
        TryLockError::Error(error) => io_error("lock", path)(error),
    })
}

fn head(profile: &str, size: usize) -> Result<Vec<u8>, CardFileError> {
    let fits = (1..=32).contains(&profile.len())
        && profile
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if !fits {
        return Err(CardFileError::ProfileName {
            name: profile.to_owned(),
        });
    }
    let line = format!("{MARK}{profile}; {size} bytes");
    let text = format!("{line:<width$}\n", width = HEAD_LEN - 1);
    Ok(text.into_bytes())
}

fn read_head(head: &[u8]) -> Option<(String, usize)> {
    let line = std::str::from_utf8(head).ok()?.strip_suffix('\n')?;
    let (profile, size) = line.strip_prefix(MARK)?.split_once("; ")?;
    let size: usize = size.trim_end().strip_suffix(" bytes")?.parse().ok()?;
    (size <= SIZE_MAX).then(|| (profile.to_owned(), size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_says_what_it_is_and_is_read_back() {
        let head = head("sm4", 4096).unwrap();
        assert_eq!(head.len(), HEAD_LEN);
        assert!(head.starts_with(b"Tongtu TEST card, version 1; profile sm4; 4096 bytes "));
        assert_eq!(read_head(&head), Some((String::from("sm4"), 4096)));
        assert_eq!(read_head(&[0; HEAD_LEN]), None);
        for name in ["", "a b", "卡", "a;b"] {
            assert!(super::head(name, 1).is_err(), "{name}");
        }
    }

    #[test]
    fn a_size_beyond_every_card_is_refused_before_it_is_believed() {
        assert_eq!(read_head(&head("x", SIZE_MAX + 1).unwrap()), None);
    }
}
