//! The signed lists that a terminal took last, in a file beside its journal.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// One file, replaced whole: temporary name, sync, rename, folder synced.
#[derive(Debug)]
pub struct ListsFile {
    path: PathBuf,
}

impl ListsFile {
    /// The file at `path`; it need not exist yet.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_path_buf(),
        }
    }

    /// Its content, if there is one.
    ///
    /// # Errors
    /// The system's.
    pub fn load(&self) -> io::Result<Option<Vec<u8>>> {
        match fs::read(&self.path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Puts `bytes` in its place; after a power cut the old or the new content is there.
    ///
    /// # Errors
    /// The system's; then the old content stays.
    pub fn keep(&self, bytes: &[u8]) -> io::Result<()> {
        let mut name = self.path.as_os_str().to_os_string();
        name.push(".new");
        let new = PathBuf::from(name);
        let mut file = fs::File::create(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        crate::medium::sync_folder(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_last_content_whole_whatever_lies_beside_it() {
        let name = format!("tongtu-lists-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("records.lists");
        let lists = ListsFile::new(&path);
        assert_eq!(lists.load().unwrap(), None);
        lists.keep(b"first").unwrap();
        // A power cut while the second was being written left half of it aside.
        fs::write(folder.join("records.lists.new"), b"sec").unwrap();
        assert_eq!(
            ListsFile::new(&path).load().unwrap(),
            Some(b"first".to_vec())
        );
        lists.keep(b"second").unwrap();
        assert_eq!(lists.load().unwrap(), Some(b"second".to_vec()));
        assert!(!folder.join("records.lists.new").exists());
        fs::remove_dir_all(&folder).unwrap();
        assert!(lists.keep(b"third").is_err());
    }
}
