//! The signed lists that a terminal took last, in two files beside its journal.

use std::io;
use std::path::{Path, PathBuf};

use crate::medium::{FileMedium, beside};
use crate::twin::Twin;

/// A small content in two files, `<name>.a` and `<name>.b`: see [`Twin`].
///
/// The files are opened for each call, and locked against a second process while it lasts.
#[derive(Debug)]
pub struct ListsFile {
    path: PathBuf,
}

impl ListsFile {
    /// The files at `path`; they need not exist yet.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_path_buf(),
        }
    }

    /// The content that was kept last, if there is one and a copy of it is whole.
    ///
    /// # Errors
    /// The system's.
    pub fn load(&self) -> io::Result<Option<Vec<u8>>> {
        if !self.slot(".a").exists() && !self.slot(".b").exists() {
            return Ok(None);
        }
        self.open()?.load()
    }

    /// Puts `bytes` in its place; after a power cut the old or the new content is there.
    ///
    /// # Errors
    /// The system's; then the old content stays.
    pub fn keep(&self, bytes: &[u8]) -> io::Result<()> {
        self.open()?.keep(bytes)
    }

    fn slot(&self, suffix: &str) -> PathBuf {
        beside(&self.path, suffix)
    }

    fn open(&self) -> io::Result<Twin<FileMedium>> {
        open_slots(&self.path)
    }
}

/// The two files of a content.
pub(crate) fn open_slots(path: &Path) -> io::Result<Twin<FileMedium>> {
    let slot = |suffix| FileMedium::open(&beside(path, suffix));
    Twin::open([slot(".a")?, slot(".b")?])
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn keeps_the_last_content_whole_whatever_lies_beside_it() {
        let name = format!("tongtu-lists-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("records.lists");
        let lists = ListsFile::new(&path);
        assert_eq!(lists.load().unwrap(), None);
        for content in [&b"first"[..], b"second", b"third"] {
            lists.keep(content).unwrap();
            let again = ListsFile::new(&path).load().unwrap();
            assert_eq!(again.as_deref(), Some(content));
        }
        // The third lies in the first file again. Cut short or bent, the second counts.
        let newest = beside(&path, ".a");
        let whole = fs::read(&newest).unwrap();
        for spoilt in [&whole[..whole.len() - 1], &[]] {
            fs::write(&newest, spoilt).unwrap();
            let left = lists.load().unwrap();
            assert_eq!(left.as_deref(), Some(&b"second"[..]));
        }
        fs::remove_dir_all(&folder).unwrap();
        assert!(lists.keep(b"fourth").is_err());
    }
}
