//! What a room asks of the device below it, and the folder that is one.

use std::fs::{self, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use crate::frame::Part;

/// A file of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum File {
    /// The frames.
    Steps,
    /// The entries of one kind.
    Of(Part),
}

impl File {
    /// Every file, the frames first.
    pub const ALL: [Self; 9] = [
        Self::Steps,
        Self::Of(Part::Approval),
        Self::Of(Part::Key),
        Self::Of(Part::Authority),
        Self::Of(Part::Officer),
        Self::Of(Part::AnchorKey),
        Self::Of(Part::Line),
        Self::Of(Part::Anchor),
        Self::Of(Part::Cash),
    ];

    /// Its name in the folder.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Steps => "steps",
            Self::Of(Part::Approval) => "approvals",
            Self::Of(Part::Key) => "key-events",
            Self::Of(Part::Authority) => "authority-events",
            Self::Of(Part::Officer) => "officer-events",
            Self::Of(Part::AnchorKey) => "anchor-keys",
            Self::Of(Part::Line) => "audit-lines",
            Self::Of(Part::Anchor) => "audit-anchors",
            Self::Of(Part::Cash) => "cash-events",
        }
    }
}

/// A device that holds a room's files.
pub trait Medium {
    /// How much there is; nothing for a file that is not there.
    ///
    /// # Errors
    /// The device's.
    fn len(&self, file: File) -> io::Result<u64>;

    /// Fills `out` with what lies from `at` on, as far as there is any; says how much.
    ///
    /// # Errors
    /// The device's.
    fn read_at(&self, file: File, at: u64, out: &mut [u8]) -> io::Result<usize>;

    /// Adds bytes at the end; after a power cut any part of them may be missing.
    ///
    /// # Errors
    /// The device's; some of the bytes may have been added.
    fn append(&mut self, file: File, bytes: &[u8]) -> io::Result<()>;

    /// Returns once everything appended survives a power cut.
    ///
    /// # Errors
    /// The device's; it is then unknown what survives.
    fn sync(&mut self, file: File) -> io::Result<()>;

    /// Cuts the end off; the cut survives a power cut once this returns.
    ///
    /// # Errors
    /// The device's.
    fn truncate(&mut self, file: File, len: u64) -> io::Result<()>;
}

/// A folder, held by this process alone (`lock` in it).
#[derive(Debug)]
pub struct FolderMedium {
    folder: PathBuf,
    _lock: fs::File,
}

impl FolderMedium {
    /// Takes the folder, which must be there.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when another process has it; otherwise the system's.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let lock = options().open(folder.join("lock"))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::from(io::ErrorKind::WouldBlock),
            TryLockError::Error(error) => error,
        })?;
        Ok(Self {
            folder: folder.to_path_buf(),
            _lock: lock,
        })
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn path(&self, file: File) -> PathBuf {
        self.folder.join(file.name())
    }
}

/// What an officer signed and who did what is nobody else's business.
fn options() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true).mode(0o600);
    options
}

impl Medium for FolderMedium {
    fn len(&self, file: File) -> io::Result<u64> {
        match fs::metadata(self.path(file)) {
            Ok(metadata) => Ok(metadata.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error),
        }
    }

    fn read_at(&self, file: File, at: u64, out: &mut [u8]) -> io::Result<usize> {
        let mut file = match fs::File::open(self.path(file)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(error),
        };
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

    fn append(&mut self, file: File, bytes: &[u8]) -> io::Result<()> {
        let path = self.path(file);
        let is_new = !path.exists();
        let mut opened = options().open(&path)?;
        if is_new {
            // A file's name is safe once its folder is.
            fs::File::open(&self.folder)?.sync_all()?;
        }
        opened.seek(SeekFrom::End(0))?;
        opened.write_all(bytes)
    }

    fn sync(&mut self, file: File) -> io::Result<()> {
        fs::File::open(self.path(file))?.sync_data()
    }

    fn truncate(&mut self, file: File, len: u64) -> io::Result<()> {
        let opened = options().open(self.path(file))?;
        opened.set_len(len)?;
        opened.sync_all()
    }
}
