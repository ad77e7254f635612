//! A file that only grows, for whoever writes a line before it does what the line says.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use crate::{CardFileError, io_error, keep_name, lock};

/// The most that such a file may have.
const SIZE_MAX: u64 = 1 << 30;

/// A file of lines of fixed length behind a head, or alone, held by this process alone. What lines mean is its
/// owner's business.
#[derive(Debug)]
pub struct LineFile {
    file: File,
    path: PathBuf,
}

impl LineFile {
    /// Opens the file and reads it; one that is not there, or is empty, is made with this head.
    ///
    /// # Errors
    /// [`CardFileError`] when it is in use, or the system refuses.
    pub fn open_or_make(path: &Path, head: &[u8]) -> Result<(Self, Vec<u8>), CardFileError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(path).map_err(io_error("open", path))?;
        lock(&file, path)?;
        let mut bytes = Vec::new();
        (&file)
            .take(SIZE_MAX)
            .read_to_end(&mut bytes)
            .map_err(io_error("read", path))?;
        let mut lines = Self {
            file,
            path: path.to_path_buf(),
        };
        // A head that was cut off was never followed by a line.
        if bytes.len() < head.len() && head.starts_with(&bytes[..bytes.len().min(4)]) {
            lines.cut(0)?;
            lines.append(head)?;
            keep_name(path)?;
            bytes = head.to_vec();
        } else if bytes.is_empty() {
            // Lines alone; the file may be new.
            keep_name(path)?;
        }
        Ok((lines, bytes))
    }

    /// Takes away what stands behind so many bytes: a line that was cut off.
    ///
    /// # Errors
    /// [`CardFileError::Io`].
    pub fn cut(&mut self, len: usize) -> Result<(), CardFileError> {
        let len = u64::try_from(len).unwrap_or(u64::MAX);
        let cut = self.file.set_len(len).and_then(|()| self.file.sync_data());
        cut.map_err(io_error("cut", &self.path))
    }

    /// Writes behind the end; safe when it returns.
    ///
    /// # Errors
    /// [`CardFileError::Io`].
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), CardFileError> {
        let written = (&self.file)
            .seek(SeekFrom::End(0))
            .and_then(|_| (&self.file).write_all(bytes))
            .and_then(|()| self.file.sync_data());
        written.map_err(io_error("write", &self.path))
    }
}
