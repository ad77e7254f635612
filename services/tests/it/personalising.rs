//! Cards, modules and terminals with keys out of a custody. All keys are test values.

mod card;
mod keys;
mod terminal;

use tongtu_crypto::sm3;
use tongtu_foreign::Scratch;
use tongtu_hsm::{
    Custody as _, Export, KeyName, Label, Mark, Passphrase, Protection, SealedCustody, TestKey,
    Work,
};
use tongtu_keyring::code::{KeyAlgorithm, Purpose};
use tongtu_types::CityCode;

/// Randomness that is the same in every run.
fn seeded(seed: u64) -> impl FnMut(&mut [u8]) + Send + 'static {
    let mut count = 0_u64;
    move |out: &mut [u8]| {
        for chunk in out.chunks_mut(32) {
            count += 1;
            let block = sm3::digest_parts(&[&seed.to_be_bytes(), &count.to_be_bytes()]);
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
    }
}

/// A custody in a folder of this test, empty.
struct Room {
    custody: SealedCustody,
    _scratch: Scratch,
}

impl Room {
    fn new(name: &str) -> Self {
        let scratch = Scratch::new(&format!("personalising-{name}"));
        let words = Passphrase::new("a passphrase for tests".into()).unwrap();
        let protection = Protection::Passphrase(words, Work::FOR_TESTS);
        let path = scratch.path().join("keys");
        let custody = SealedCustody::make(&path, Mark::Test, &protection, seeded(1)).unwrap();
        Self {
            custody,
            _scratch: scratch,
        }
    }

    /// A transport key whose value is known, for the other side to have too.
    fn transport(&mut self, text: &str, algorithm: KeyAlgorithm, bytes: [u8; 16]) -> Label {
        let label = label(text);
        let name = KeyName {
            bits: 128,
            export: Export::Never,
            ..KeyName::test(label, city(), Purpose::PersoTransport, algorithm)
        };
        let key = TestKey::new(bytes.to_vec());
        self.custody.import_test(&name, key).unwrap();
        label
    }
}

fn label(text: &str) -> Label {
    Label::parse(text).unwrap()
}

fn city() -> CityCode {
    CityCode::parse("1000").unwrap()
}
