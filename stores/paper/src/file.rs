//! One paper in its place.

use std::io;
use std::path::{Path, PathBuf};

use crate::{Disk, FolderDisk};

/// Why a paper was not read or replaced.
#[derive(Debug, thiserror::Error)]
#[error("{path}: cannot be {doing}: {source}")]
pub struct PaperError {
    /// Which file.
    pub path: PathBuf,
    /// What was not done: `read`, `written`, `kept`, `put in its place`.
    pub doing: &'static str,
    /// What the system said.
    pub source: io::Error,
}

/// The place of one paper.
#[derive(Debug, Clone)]
pub struct PaperFile<D = FolderDisk> {
    disk: D,
    path: PathBuf,
}

impl PaperFile {
    /// A place on the machine's own file system.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self::on(FolderDisk, path)
    }
}

impl<D: Disk> PaperFile<D> {
    /// A place on a disk.
    #[must_use]
    pub fn on(disk: D, path: &Path) -> Self {
        let path = path.to_path_buf();
        Self { disk, path }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What lies there; nothing where there is nothing.
    ///
    /// # Errors
    /// [`PaperError`].
    pub fn read(&self) -> Result<Option<Vec<u8>>, PaperError> {
        let read = self.disk.read(&self.path);
        read.map_err(|source| error(&self.path, "read", source))
    }

    /// Puts a paper in the place of what lies there. Once it returns, the new one lies there after
    /// a power cut too; until then, and where it fails, the old one or the new one does.
    ///
    /// # Errors
    /// [`PaperError`].
    pub fn replace(&mut self, bytes: &[u8]) -> Result<(), PaperError> {
        let new = self.beside();
        let disk = &mut self.disk;
        disk.write(&new, bytes)
            .map_err(|source| error(&new, "written", source))?;
        // Renamed before it is on the device, a power cut could leave half of it under the name.
        disk.sync(&new)
            .map_err(|source| error(&new, "kept", source))?;
        disk.rename(&new, &self.path)
            .and_then(|()| disk.sync_folder(&self.path))
            .map_err(|source| error(&self.path, "put in its place", source))
    }

    fn beside(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(".new");
        PathBuf::from(name)
    }
}

fn error(path: &Path, doing: &'static str, source: io::Error) -> PaperError {
    let path = path.to_path_buf();
    PaperError {
        path,
        doing,
        source,
    }
}
