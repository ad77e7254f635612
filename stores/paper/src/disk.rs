//! What a file system does for a paper, one step at a time.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

/// A file system, as far as papers need one. Tests cut it off between any two steps.
pub trait Disk {
    /// What a file holds; nothing where there is none.
    ///
    /// # Errors
    /// What the system says.
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>>;

    /// Writes a file from its beginning; whatever was there is gone.
    ///
    /// # Errors
    /// What the system says; the file may hold any part of the bytes then.
    fn write(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()>;

    /// Returns once what was written to a file is on the device.
    ///
    /// # Errors
    /// What the system says.
    fn sync(&mut self, path: &Path) -> io::Result<()>;

    /// Puts a file under the name of another, which is gone then.
    ///
    /// # Errors
    /// What the system says; both are as they were then.
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()>;

    /// Returns once the names in a file's folder are on the device.
    ///
    /// # Errors
    /// What the system says.
    fn sync_folder(&mut self, path: &Path) -> io::Result<()>;
}

/// The machine's own file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct FolderDisk;

impl Disk for FolderDisk {
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        match fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn write(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = File::create(path)?;
        file.write_all(bytes)
    }

    fn sync(&mut self, path: &Path) -> io::Result<()> {
        OpenOptions::new().write(true).open(path)?.sync_all()
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_folder(&mut self, path: &Path) -> io::Result<()> {
        let parent = path.parent().filter(|parent| *parent != Path::new(""));
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
    }
}
