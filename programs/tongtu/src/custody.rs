//! Key stores on the command line: a TEST store in a file, opened by a passphrase in another.
//!
//! Here: opening and making one, and the test keys that every side of a try-out has. Not here:
//! production stores; no command of personalisation opens one yet.

mod used;

use std::path::{Path, PathBuf};

use tongtu_crypto::PublicKey;
use tongtu_hsm::{
    Custody, CustodyError, Export, KeyName, Label, Mark, Protection, PublicPart, SealedCustody,
    TestKey,
};
use tongtu_keyring::code::{KeyAlgorithm, Purpose};
use tongtu_types::CityCode;

use self::used::UseChain;
pub(crate) use self::used::UsedCustody;
use crate::exit::Failure;
use crate::lang::both;
use crate::room::{entropy, passphrase};

/// The issuer's key that signs batches.
pub(crate) const SIGNER: &str = "BATCH-SIGN";

/// The key that public tools try first: data key of our virtual cards, transport key of our blank
/// modules and terminals. No real one has it.
pub(crate) const TEST_TRANSPORT: [u8; 16] = [
    0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4A, 0x4B, 0x4C, 0x4D, 0x4E, 0x4F,
];

/// The labels of that key, by what it opens.
const TRANSPORTS: [(&str, KeyAlgorithm); 6] = [
    ("CARD-DATA-AES", KeyAlgorithm::Aes),
    ("CARD-DATA-SM4", KeyAlgorithm::Sm4),
    ("SAM-LOT-3DES", KeyAlgorithm::Tdes),
    ("SAM-LOT-SM4", KeyAlgorithm::Sm4),
    ("POS-INJECT-3DES", KeyAlgorithm::Tdes),
    ("POS-INJECT-SM4", KeyAlgorithm::Sm4),
];

/// What opens blank cards, by the algorithm of the channel.
const BLANKS: [(&str, KeyAlgorithm); 3] = [
    ("CARD-BLANK-3DES", KeyAlgorithm::Tdes),
    ("CARD-BLANK-AES", KeyAlgorithm::Aes),
    ("CARD-BLANK-SM4", KeyAlgorithm::Sm4),
];

/// The key by which the book of cards names numbers.
pub(crate) const BOOK_KEY: &str = "CARD-BOOK";

/// The label of what opens a blank card.
pub(crate) fn blank_key(algorithm: KeyAlgorithm) -> Result<Label, Failure> {
    let found = BLANKS.iter().find(|(_, known)| *known == algorithm);
    label(found.map_or(BLANKS[0].0, |(text, _)| *text))
}

/// What a store for cards has beside masters: keys of blank cards, and the book's. Those that are
/// there stay.
pub(crate) fn ready_for_cards(custody: &mut UsedCustody) -> Result<(), Failure> {
    let nation = CityCode::parse("0000").expect("four digits");
    let stays = |name: KeyName| KeyName {
        export: Export::Never,
        ..name
    };
    for (text, algorithm) in BLANKS {
        let name = KeyName::test(label(text)?, nation, Purpose::SecurityDomain, algorithm);
        if is_new(custody, name.label) {
            let key = TestKey::new(TEST_TRANSPORT.to_vec());
            let taken = custody.import_test(&stays(name), key);
            taken.map_err(|error| refused(&error))?;
        }
    }
    let name = KeyName::test(label(BOOK_KEY)?, nation, Purpose::Token, KeyAlgorithm::Sm4);
    if is_new(custody, name.label) {
        let made = custody.generate(&stays(name));
        made.map_err(|error| refused(&error))?;
    }
    Ok(())
}

/// Whether there is no such key yet. To try to make it would be told of as a use.
fn is_new(custody: &UsedCustody, label: Label) -> bool {
    matches!(custody.check(label), Err(CustodyError::Unknown { .. }))
}

/// Which store, and what opens it.
#[derive(Debug, clap::Args)]
pub(crate) struct StoreArgs {
    /// The TEST key store
    #[arg(long, value_name = "FILE", default_value = "test.keys")]
    pub(crate) store: PathBuf,
    /// A file whose first line is the store's passphrase
    #[arg(long, value_name = "FILE", default_value = "test.passphrase")]
    pub(crate) passphrase_file: PathBuf,
}

impl StoreArgs {
    /// The store, which must be there. Each of its keys is opened by an audit line before it is used.
    pub(crate) fn open(&self) -> Result<UsedCustody, Failure> {
        let protection = protection(&self.passphrase_file)?;
        let opened = SealedCustody::open(&self.store, Mark::Test, &protection, entropy());
        let custody = opened.map_err(|error| {
            let failure = refused(&error);
            match self.store.exists() {
                true => failure,
                false => failure.hint(both(
                    "`tongtu card masters` makes a TEST store",
                    "`tongtu card masters` 可新建测试密钥库",
                )),
            }
        })?;
        Ok(UseChain::open(&self.store)?.of(custody))
    }

    /// The store; one that is not there is made, with the test keys that others have too.
    pub(crate) fn open_or_make(&self) -> Result<UsedCustody, Failure> {
        if self.store.exists() {
            return self.open();
        }
        let protection = protection(&self.passphrase_file)?;
        // First, so that no store is left without its keys where the chain does not hold.
        let chain = UseChain::open(&self.store)?;
        let made = SealedCustody::make(&self.store, Mark::Test, &protection, entropy());
        let mut custody = chain.of(made.map_err(|error| refused(&error))?);
        let nation = CityCode::parse("0000").expect("four digits");
        let label = |text| Label::parse(text).expect("written here as labels");
        for (text, algorithm) in TRANSPORTS {
            let name = KeyName::test(label(text), nation, Purpose::PersoTransport, algorithm);
            let name = KeyName {
                export: Export::Never,
                ..name
            };
            let key = TestKey::new(TEST_TRANSPORT.to_vec());
            let taken = custody.import_test(&name, key);
            taken.map_err(|error| refused(&error))?;
        }
        let name = KeyName::test(
            label(SIGNER),
            nation,
            Purpose::FileSignature,
            KeyAlgorithm::Sm2,
        );
        let name = KeyName {
            export: Export::Never,
            ..name
        };
        custody.generate(&name).map_err(|error| refused(&error))?;
        Ok(custody)
    }
}

/// The verifying key of batches that this store signs.
pub(crate) fn signer_key(custody: &dyn Custody) -> Result<PublicKey, Failure> {
    match custody.public(label(SIGNER)?) {
        Ok(PublicPart::Sm2(key)) => Ok(key),
        Ok(PublicPart::Rsa(_)) => Err(Failure::fault(both(
            "the signing key is no SM2 key",
            "签名密钥不是 SM2 密钥",
        ))),
        Err(error) => Err(refused(&error)),
    }
}

/// A label as it was typed.
pub(crate) fn label(text: &str) -> Result<Label, Failure> {
    Label::parse(text).map_err(|error| {
        Failure::usage(both("the label is no key's", "密钥标签无效")).because(error)
    })
}

/// A refusal of a custody, or of what works with one.
pub(crate) fn refused(error: &dyn std::fmt::Display) -> Failure {
    Failure::refused(both("the key store refuses", "密钥库拒绝")).because(error)
}

/// What the passphrase in the first line of a file opens.
fn protection(path: &Path) -> Result<Protection, Failure> {
    let asked = both("passphrase of the store", "密钥库口令");
    passphrase::protection(passphrase::read(Some(path), &asked)?, Mark::Test)
}
