//! Names, randomness and stores for the tests. All keys and passphrases are test values.

use std::path::{Path, PathBuf};

use tongtu_crypto::sm3;
use tongtu_foreign::Scratch;
use tongtu_hsm::{
    Custody, CustodyError, Export, KeyName, Label, Mark, Passphrase, Protection, SealedCustody,
    Work,
};
use tongtu_keyring::code::{KeyAlgorithm, Purpose};
use tongtu_types::CityCode;

/// Randomness that is the same in every run.
pub(crate) fn seeded(seed: u64) -> impl FnMut(&mut [u8]) + Send + 'static {
    let mut count = 0_u64;
    move |out: &mut [u8]| {
        for chunk in out.chunks_mut(32) {
            count += 1;
            let block = sm3::digest_parts(&[&seed.to_be_bytes(), &count.to_be_bytes()]);
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
    }
}

pub(crate) fn label(text: &str) -> Label {
    Label::parse(text).unwrap()
}

pub(crate) fn name(text: &str, purpose: Purpose, algorithm: KeyAlgorithm) -> KeyName {
    let city = CityCode::parse("1000").unwrap();
    KeyName::test(label(text), city, purpose, algorithm)
}

pub(crate) fn staying(text: &str, purpose: Purpose, algorithm: KeyAlgorithm) -> KeyName {
    KeyName {
        export: Export::Never,
        ..name(text, purpose, algorithm)
    }
}

pub(crate) fn passphrase(text: &str) -> Protection {
    Protection::Passphrase(Passphrase::new(text.into()).unwrap(), Work::FOR_TESTS)
}

pub(crate) const WORDS: &str = "a passphrase for tests";

/// A folder with stores that open with [`WORDS`].
pub(crate) struct Stores {
    scratch: Scratch,
    made: u64,
}

impl Stores {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            scratch: Scratch::new(&format!("hsm-{name}")),
            made: 0,
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.scratch.path()
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder().join(format!("keys-{}", self.made))
    }

    pub(crate) fn make(&mut self, mark: Mark) -> SealedCustody {
        self.made += 1;
        SealedCustody::make(&self.path(), mark, &passphrase(WORDS), seeded(self.made)).unwrap()
    }

    pub(crate) fn open(&self) -> Result<SealedCustody, CustodyError> {
        SealedCustody::open(
            &self.path(),
            Mark::Test,
            &passphrase(WORDS),
            seeded(self.made + 100),
        )
    }
}

/// A backend under test.
pub(crate) trait Bench {
    /// A new, empty custody.
    fn fresh(&mut self) -> Box<dyn Custody>;
    /// The last one, closed and opened again.
    fn reopen(&mut self, old: Box<dyn Custody>) -> Box<dyn Custody>;
}

impl Bench for Stores {
    fn fresh(&mut self) -> Box<dyn Custody> {
        Box::new(self.make(Mark::Test))
    }

    fn reopen(&mut self, old: Box<dyn Custody>) -> Box<dyn Custody> {
        drop(old);
        Box::new(self.open().unwrap())
    }
}
