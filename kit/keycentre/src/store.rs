//! Test stores with the key files that open them.

use std::path::{Path, PathBuf};

use tongtu_crypto::{Entropy, sm3};
use tongtu_hsm::{CustodyError, Export, KeyName, Label, Mark, Protection, SealedCustody};
use tongtu_keyring::Slot;

use crate::CentreError;

/// A test store in a folder: `NAME.store`, and `NAME.open`, the key file that opens it.
#[derive(Debug)]
pub struct Store {
    /// The keys.
    pub custody: SealedCustody,
    folder: PathBuf,
    name: String,
}

impl Store {
    /// Makes an empty one.
    ///
    /// # Errors
    /// [`CentreError`] when a file is there already or cannot be written.
    pub fn make(folder: &Path, name: &str, seed: &[u8]) -> Result<Self, CentreError> {
        let mut chance = entropy(seed, name);
        let mut secret = [0; 32];
        chance.fill(&mut secret);
        let (store, key) = Self::paths(folder, name);
        std::fs::write(&key, secret).map_err(|source| CentreError::File { path: key, source })?;
        let protection = Protection::KeyFile(Self::paths(folder, name).1);
        let custody = SealedCustody::make(&store, Mark::Test, &protection, chance)?;
        Ok(Self {
            custody,
            folder: folder.to_path_buf(),
            name: name.to_owned(),
        })
    }

    /// Opens one; what it does at random from now on comes from `seed`.
    ///
    /// # Errors
    /// [`CustodyError`].
    pub fn open(folder: &Path, name: &str, seed: &[u8]) -> Result<Self, CustodyError> {
        let (store, key) = Self::paths(folder, name);
        let protection = Protection::KeyFile(key);
        let chance = entropy(seed, &format!("{name} again"));
        Ok(Self {
            custody: SealedCustody::open(&store, Mark::Test, &protection, chance)?,
            folder: folder.to_path_buf(),
            name: name.to_owned(),
        })
    }

    /// The store's file and the key file that opens it.
    #[must_use]
    pub fn files(&self) -> (PathBuf, PathBuf) {
        Self::paths(&self.folder, &self.name)
    }

    fn paths(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
        let file = |ending| folder.join(format!("{name}.{ending}"));
        (file("store"), file("open"))
    }
}

/// Randomness that is the same for the same seed and use. Anyone who knows the seed knows it.
pub fn entropy(seed: &[u8], use_: &str) -> impl FnMut(&mut [u8]) + Send + 'static {
    let start = sm3::digest_parts(&[b"tongtu key centre", seed, &[0], use_.as_bytes()]);
    let mut count = 0_u64;
    move |out: &mut [u8]| {
        for chunk in out.chunks_mut(32) {
            count += 1;
            let block = sm3::digest_parts(&[&start, &count.to_be_bytes()]);
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
    }
}

/// The name of a test key in every store that has it: city, purpose and algorithm, version.
///
/// # Panics
/// Never: the label has 12 characters of those that labels have.
#[must_use]
pub fn key_name(slot: Slot, index: u8, version: u8) -> KeyName {
    let (purpose, algorithm) = (slot.purpose.byte(), slot.algorithm.byte());
    let label = format!("{}-{purpose:02X}{algorithm:02X}-{version:02X}", slot.city);
    let label = Label::parse(&label).expect("digits, capital letters and hyphens");
    KeyName {
        index,
        version,
        export: Export::Whole,
        ..KeyName::test(label, slot.city, slot.purpose, slot.algorithm)
    }
}
