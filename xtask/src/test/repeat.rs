//! Same seed, same files: two folders compared byte for byte.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;

use anyhow::{Context as _, Result, bail};

/// A folder of our own in the system's temporary folder, removed when dropped.
pub(super) struct TempFolder(PathBuf);

impl TempFolder {
    /// Makes a new, empty folder that only its owner can enter.
    pub(super) fn make(name: &str) -> Result<Self> {
        // Numbers until one is free: a killed run may have left its folder behind.
        for number in 0..1000 {
            let path = env::temp_dir().join(format!("{name}-{}-{number}", process::id()));
            match create_private(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    return Err(error).with_context(|| format!("cannot make {}", path.display()));
                }
            }
        }
        bail!(
            "no free name for a folder {name}-… in {}",
            env::temp_dir().display()
        )
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        // Best effort: the server's keeper may have removed it already.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(unix)]
fn create_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().mode(0o700).create(path)
}

#[cfg(not(unix))]
fn create_private(path: &Path) -> io::Result<()> {
    fs::create_dir(path)
}

/// Compares two folders with everything below them; returns how many files there are in each.
///
/// Errors: names the first files that differ, are missing or were not expected.
pub(super) fn compare(first: &Path, second: &Path) -> Result<usize> {
    let (left, right) = (files_below(first)?, files_below(second)?);
    if left.is_empty() {
        bail!("{} holds no files", first.display());
    }
    let mut findings = Vec::new();
    for (name, bytes) in &left {
        match right.get(name) {
            None => findings.push(format!("{}: only in the first", name.display())),
            Some(other) if bytes != other => {
                let offset = bytes.iter().zip(other).take_while(|(a, b)| a == b).count();
                findings.push(format!("{}: differs from byte {offset} on", name.display()));
            }
            Some(_) => {}
        }
    }
    let added = right.keys().filter(|name| !left.contains_key(*name));
    findings.extend(added.map(|name| format!("{}: only in the second", name.display())));
    if findings.is_empty() {
        return Ok(left.len());
    }
    bail!("{} files differ: {}", findings.len(), findings.join("; "))
}

fn files_below(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut files = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(current) = open.pop() {
        let entries = fs::read_dir(&current)
            .with_context(|| format!("cannot read the folder {}", current.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let bytes =
                fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let name = path
                .strip_prefix(folder)
                .expect("found below the folder")
                .to_owned();
            files.insert(name, bytes);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_folders() -> (TempFolder, PathBuf, PathBuf) {
        let folder = TempFolder::make("tongtu-compare").expect("a temporary folder");
        let (first, second) = (folder.path().join("1"), folder.path().join("2"));
        for side in [&first, &second] {
            fs::create_dir_all(side.join("deep")).expect("a folder");
            fs::write(side.join("deep/a.txt"), "same").expect("a file");
        }
        (folder, first, second)
    }

    #[test]
    fn equal_folders_agree() {
        let (_folder, first, second) = two_folders();
        assert_eq!(compare(&first, &second).expect("they are equal"), 1);
    }

    #[test]
    fn names_what_differs() {
        let (_folder, first, second) = two_folders();
        fs::write(second.join("deep/a.txt"), "sane").expect("a file");
        fs::write(second.join("b.txt"), "new").expect("a file");
        let error = compare(&first, &second)
            .expect_err("they differ")
            .to_string();
        assert!(error.contains("a.txt: differs from byte 2 on"), "{error}");
        assert!(error.contains("b.txt: only in the second"), "{error}");
    }

    #[test]
    fn two_empty_folders_prove_nothing() {
        let folder = TempFolder::make("tongtu-compare").expect("a temporary folder");
        compare(folder.path(), folder.path()).expect_err("nothing to compare");
    }

    #[test]
    fn a_temporary_folder_goes_with_its_owner() {
        // A name that no other test uses: theirs would take the same number at once.
        let folder = TempFolder::make("tongtu-goes").expect("a temporary folder");
        let path = folder.path().to_owned();
        assert!(path.is_dir());
        drop(folder);
        assert!(!path.exists());
    }
}
