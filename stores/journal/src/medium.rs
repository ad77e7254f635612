//! What a journal asks of the device below it, and the file that is one.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// A device that holds one string of bytes.
pub trait Medium {
    /// Everything there is.
    ///
    /// # Errors
    /// The device's.
    fn read_all(&self) -> io::Result<Vec<u8>>;

    /// How much there is.
    ///
    /// # Errors
    /// The device's.
    fn len(&self) -> io::Result<u64>;

    /// Whether there is nothing.
    ///
    /// # Errors
    /// The device's.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Fills `out` with what lies from `at` on, as far as there is any; says how much.
    ///
    /// # Errors
    /// The device's.
    fn read_at(&self, at: u64, out: &mut [u8]) -> io::Result<usize> {
        let all = self.read_all()?;
        let from = usize::try_from(at).unwrap_or(usize::MAX).min(all.len());
        let len = out.len().min(all.len() - from);
        out[..len].copy_from_slice(&all[from..from + len]);
        Ok(len)
    }

    /// Adds bytes at the end; after a power cut any part of them may be missing.
    ///
    /// # Errors
    /// The device's; some of the bytes may have been added.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Returns once everything appended survives a power cut.
    ///
    /// # Errors
    /// The device's; it is then unknown what survives.
    fn sync(&mut self) -> io::Result<()>;

    /// Cuts the end off; the cut survives a power cut once this returns.
    ///
    /// # Errors
    /// The device's.
    fn truncate(&mut self, len: u64) -> io::Result<()>;

    /// Puts `bytes` in the place of everything, whole or not at all; survives a power cut once
    /// this returns.
    ///
    /// # Errors
    /// [`ReplaceError`] says whether the old content is certainly still there.
    fn replace(&mut self, bytes: &[u8]) -> Result<(), ReplaceError>;
}

/// How far a replacement came.
#[derive(Debug, thiserror::Error)]
pub enum ReplaceError {
    /// The old content is in place and may be added to.
    #[error("replacement not made, the old content stays: {0}")]
    Old(io::Error),
    /// Old or new content, a power cut would decide.
    #[error("replacement made but not certain: {0}")]
    Uncertain(io::Error),
}

/// A file, held by this process alone.
///
/// The lock is on a file beside it, `<name>.lock`, because the journal itself is replaced when
/// it is compacted; a replacement is written as `<name>.new`.
#[derive(Debug)]
pub struct FileMedium {
    path: PathBuf,
    file: File,
    len: u64,
    _lock: File,
}

impl FileMedium {
    /// Opens the file at `path` or makes an empty one.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when another process holds it; otherwise the system's.
    pub fn open(path: &Path) -> io::Result<Self> {
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(beside(path, ".lock"))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::from(io::ErrorKind::WouldBlock),
            TryLockError::Error(error) => error,
        })?;
        // What a power cut left of a replacement that never took place.
        match fs::remove_file(beside(path, ".new")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let is_new = !path.exists();
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        if is_new {
            sync_folder(path)?;
        }
        let len = file.metadata()?.len();
        Ok(Self {
            path: path.to_path_buf(),
            file,
            len,
            _lock: lock,
        })
    }

    fn write_new(&self, bytes: &[u8]) -> io::Result<File> {
        let new = beside(&self.path, ".new");
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().create(true).append(true).open(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        Ok(file)
    }
}

impl Medium for FileMedium {
    fn read_all(&self) -> io::Result<Vec<u8>> {
        fs::read(&self.path)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.len)
    }

    fn read_at(&self, at: u64, out: &mut [u8]) -> io::Result<usize> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(at))?;
        let mut len = 0;
        while len < out.len() {
            match file.read(&mut out[len..]) {
                Ok(0) => break,
                Ok(more) => len += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(len)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.len += u64::try_from(bytes.len()).expect("a length in memory");
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.file.set_len(len)?;
        self.file.sync_all()?;
        self.len = len;
        Ok(())
    }

    fn replace(&mut self, bytes: &[u8]) -> Result<(), ReplaceError> {
        self.file = self.write_new(bytes).map_err(ReplaceError::Old)?;
        self.len = u64::try_from(bytes.len()).expect("a length in memory");
        sync_folder(&self.path).map_err(ReplaceError::Uncertain)
    }
}

pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(suffix);
    PathBuf::from(name)
}

/// A file's name is safe once its folder is.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)?.sync_all()
}
