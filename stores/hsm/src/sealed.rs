//! A custody in a file: every key sealed, opened for one operation, and gone after it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use tongtu_apdu::Command;
use tongtu_crypto::{Entropy, sm3};
use tongtu_globalplatform::key::KeyBlock;
use tongtu_keyring::Check;
use tongtu_keyring::code::KeyAlgorithm;
use zeroize::Zeroizing;

use crate::card::{self, CardPair, CardSession, DomainKeys, Fill, Opening, SealedKeys};
use crate::custody::{
    Component, Custody, KeyPath, MacScheme, PublicPart, SignScheme, Signed, Source, TestKey, Vault,
    VaultState, Wrapped,
};
use crate::error::CustodyError;
use crate::file::{self, Lock, MAGIC, StoreHead, VERSION};
use crate::lent::LentKey;
use crate::material::{Material, public_part};
use crate::name::{Export, KeyInfo, KeyName, Label, Mark};
use crate::protection::{Guard, Protection};
use crate::rule::{Operation, admit, admit_kind, is_of_pos};
use crate::seal::{self, IV_LEN, SealKeys, Sealed};

/// Keys in one file, held by this process alone.
pub struct SealedCustody {
    path: PathBuf,
    head: StoreHead,
    guard: Guard,
    records: BTreeMap<Label, Sealed>,
    digest: sm3::Digest,
    entropy: Source,
    // Last, so that the file is free only when everything else is done.
    _lock: Lock,
}

impl SealedCustody {
    /// Makes an empty store.
    ///
    /// # Errors
    /// [`CustodyError`]: something is there already, or the protection is too weak.
    pub fn make(
        path: &Path,
        mark: Mark,
        protection: &Protection,
        entropy: impl Entropy + Send + 'static,
    ) -> Result<Self, CustodyError> {
        let mut entropy: Source = Box::new(entropy);
        let lock = Lock::take(path)?;
        if path.exists() {
            return Err(CustodyError::StoreExists {
                path: path.display().to_string(),
            });
        }
        let work = protection.work(mark)?;
        let mut head = StoreHead {
            magic: MAGIC,
            version: VERSION,
            mark,
            protection: protection.kind(),
            lanes: work.lanes,
            memory_kib: work.memory_kib,
            passes: work.passes,
            salt: [0; 16],
            iv: [0; 16],
            sealed: [0; 32],
            generation: 0,
            records: 0,
            digest: [0; 32],
            tag: [0; 32],
        };
        let mut secret = Zeroizing::new([0; 32]);
        entropy.fill(&mut head.salt);
        entropy.fill(&mut head.iv);
        entropy.fill(&mut secret[..]);
        let guard = protection.close(&mut head, secret)?;
        let mut custody = Self {
            path: path.to_path_buf(),
            head,
            guard,
            records: BTreeMap::new(),
            digest: [0; 32],
            entropy,
            _lock: lock,
        };
        custody.keep(BTreeMap::new())?;
        Ok(custody)
    }

    /// Opens a store, as what it was made; every record is verified first.
    ///
    /// # Errors
    /// [`CustodyError`]: no such store, another mark, another protection, or damaged somewhere.
    pub fn open(
        path: &Path,
        mark: Mark,
        protection: &Protection,
        entropy: impl Entropy + Send + 'static,
    ) -> Result<Self, CustodyError> {
        let lock = Lock::take(path)?;
        let bytes = file::read(path)?;
        let head = file::head(path, &bytes)?;
        let name = || path.display().to_string();
        if head.mark != mark {
            return Err(CustodyError::StoreMark {
                path: name(),
                found: head.mark,
                expected: mark,
            });
        }
        let other = || CustodyError::Protection {
            path: name(),
            protection: protection.word(),
        };
        if head.protection != protection.kind() {
            return Err(other());
        }
        let guard = protection.open(&head)?;
        let keys = guard.keys(&head.salt)?;
        if !file::is_opened_by(&bytes, &keys) {
            return Err(other());
        }
        let mut records = BTreeMap::new();
        for sealed in file::records(path, &head, &bytes, &keys)? {
            let key = sealed.info.name;
            // Authentic, but no program of ours writes it: a store takes only its own kind.
            admit_mark(&key, mark)?;
            if records.insert(key.label, sealed).is_some() {
                return Err(CustodyError::Exists { label: key.label });
            }
        }
        Ok(Self {
            path: path.to_path_buf(),
            head,
            guard,
            records,
            digest: sm3::digest(&bytes),
            entropy: Box::new(entropy),
            _lock: lock,
        })
    }

    /// Closes the store under another passphrase or key file; the records stay as they are.
    ///
    /// Copies of the file made before still open with the old one.
    ///
    /// # Errors
    /// [`CustodyError`] when the new protection is too weak, or the file cannot be written.
    pub fn protect_anew(&mut self, protection: &Protection) -> Result<(), CustodyError> {
        let secret = match &self.guard {
            Guard::Held(secret) => secret.clone(),
            #[cfg(feature = "pkcs11")]
            Guard::Token(token, iv, sealed) => token.unseal(iv, sealed)?,
        };
        let work = protection.work(self.head.mark)?;
        let mut head = self.head.clone();
        head.protection = protection.kind();
        (head.lanes, head.memory_kib, head.passes) = (work.lanes, work.memory_kib, work.passes);
        self.entropy.fill(&mut head.iv);
        let guard = protection.close(&mut head, secret)?;
        let (old_head, old_guard) = (
            std::mem::replace(&mut self.head, head),
            std::mem::replace(&mut self.guard, guard),
        );
        let kept = self.keep(self.records.clone());
        if kept.is_err() {
            (self.head, self.guard) = (old_head, old_guard);
        }
        kept
    }

    /// Writes the store with these records; only then are they the records.
    fn keep(&mut self, records: BTreeMap<Label, Sealed>) -> Result<(), CustodyError> {
        let mut head = self.head.clone();
        head.generation = head.generation.checked_add(1).ok_or(CustodyError::Full {
            what: "writes",
            limit: usize::MAX,
        })?;
        let bytes = file::write_out(&mut head, records.values(), &self.keys()?)?;
        file::replace(&self.path, &bytes)?;
        self.head = head;
        self.records = records;
        self.digest = sm3::digest(&bytes);
        Ok(())
    }

    /// Whether the store is for tests or for production.
    #[must_use]
    pub const fn mark(&self) -> Mark {
        self.head.mark
    }

    /// The bytes of a test key, for whoever looks for them where they must not be. Danger: they are
    /// in the clear then.
    ///
    /// # Errors
    /// [`CustodyError::StoreMark`] of a production store, whose keys nobody sees.
    pub fn danger_test_key(&self, label: Label) -> Result<Zeroizing<Vec<u8>>, CustodyError> {
        if self.head.mark != Mark::Test {
            return Err(CustodyError::StoreMark {
                path: self.path.display().to_string(),
                found: self.head.mark,
                expected: Mark::Test,
            });
        }
        let material = self.sealed(label)?.open(&self.keys()?)?;
        Ok(Zeroizing::new(material.danger_bytes().to_vec()))
    }

    pub(crate) fn insert(&mut self, sealed: Sealed) -> Result<(), CustodyError> {
        let label = sealed.info.name.label;
        let mut records = self.records.clone();
        if records.insert(label, sealed).is_some() {
            return Err(CustodyError::Exists { label });
        }
        self.keep(records)
    }

    pub(crate) fn remove(&mut self, label: Label) -> Result<(), CustodyError> {
        let mut records = self.records.clone();
        records
            .remove(&label)
            .ok_or(CustodyError::Unknown { label })?;
        self.keep(records)
    }

    pub(crate) fn sealed(&self, label: Label) -> Result<&Sealed, CustodyError> {
        self.records
            .get(&label)
            .ok_or(CustodyError::Unknown { label })
    }

    fn keys(&self) -> Result<SealKeys, CustodyError> {
        self.guard.keys(&self.head.salt)
    }

    /// The key itself, when its purpose includes the operation.
    fn material(&self, label: Label, operation: Operation) -> Result<Material, CustodyError> {
        let sealed = self.sealed(label)?;
        admit(&sealed.info.name, operation)?;
        sealed.open(&self.keys()?)
    }

    /// The key below, when its purpose includes the operation, and derivation where there is some.
    fn below(&self, path: KeyPath<'_>, operation: Operation) -> Result<Material, CustodyError> {
        if !path.factors.is_empty() {
            admit(&self.sealed(path.label)?.info.name, Operation::Derive)?;
        }
        self.material(path.label, operation)?.below(path.factors)
    }

    /// Whether a new key of this name may come in.
    pub(crate) fn admit_new(&self, name: &KeyName) -> Result<(), CustodyError> {
        admit_kind(name)?;
        admit_mark(name, self.head.mark)?;
        if self.records.contains_key(&name.label) {
            return Err(CustodyError::Exists { label: name.label });
        }
        Ok(())
    }

    pub(crate) fn fresh_iv(&mut self) -> [u8; IV_LEN] {
        let mut iv = [0; IV_LEN];
        self.entropy.fill(&mut iv);
        iv
    }

    fn add(&mut self, name: &KeyName, material: &Material) -> Result<Check, CustodyError> {
        let iv = self.fresh_iv();
        let sealed = self.keys()?.seal(name, material, iv)?;
        let check = sealed.info.check;
        self.insert(sealed)?;
        Ok(check)
    }

    /// A key that may leave in this way, and is not weaker in the store that it comes to.
    fn leaving(&self, path: KeyPath<'_>) -> Result<Material, CustodyError> {
        let name = self.sealed(path.label)?.info.name;
        let may = match name.export {
            Export::Never => false,
            Export::Below => !path.factors.is_empty(),
            Export::Whole => true,
        };
        if !may {
            return Err(CustodyError::Stays { label: path.label });
        }
        if !path.factors.is_empty() {
            admit(&name, Operation::Derive)?;
        }
        self.sealed(path.label)?
            .open(&self.keys()?)?
            .below(path.factors)
    }
}

impl Custody for SealedCustody {
    fn list(&self) -> Result<Vec<KeyInfo>, CustodyError> {
        Ok(self.records.values().map(|sealed| sealed.info).collect())
    }

    fn check(&self, label: Label) -> Result<KeyInfo, CustodyError> {
        let sealed = self.sealed(label)?;
        let found = sealed.open(&self.keys()?)?.check()?;
        seal::same(label, found, sealed.info.check)?;
        Ok(sealed.info)
    }

    fn long_check(&self, label: Label) -> Result<[u8; 4], CustodyError> {
        let sealed = self.sealed(label)?;
        if !is_of_pos(sealed.info.name.slot.purpose) {
            return Err(CustodyError::Stays { label });
        }
        sealed.open(&self.keys()?)?.long_check()
    }

    fn public(&self, label: Label) -> Result<PublicPart, CustodyError> {
        let sealed = self.sealed(label)?;
        let algorithm = sealed.info.name.slot.algorithm;
        public_part(algorithm, &sealed.public).ok_or(CustodyError::Algorithm {
            label,
            algorithm,
            operation: Operation::Sign,
        })
    }

    fn generate(&mut self, name: &KeyName) -> Result<Check, CustodyError> {
        self.admit_new(name)?;
        let material = Material::generate(name, &mut *self.entropy)?;
        self.add(name, &material)
    }

    fn import(
        &mut self,
        name: &KeyName,
        components: Vec<Component>,
        expected: Check,
    ) -> Result<(), CustodyError> {
        self.admit_new(name)?;
        let material = combine(name, &components)?;
        seal::same(name.label, material.check()?, expected)?;
        self.add(name, &material).map(drop)
    }

    fn import_test(&mut self, name: &KeyName, key: TestKey) -> Result<Check, CustodyError> {
        self.admit_new(name)?;
        admit_mark(name, Mark::Test)?;
        let material = Material::new(name, Zeroizing::new(key.bytes.clone()))?;
        self.add(name, &material)
    }

    fn derive(&mut self, from: KeyPath<'_>, name: &KeyName) -> Result<Check, CustodyError> {
        self.admit_new(name)?;
        let upper = self.sealed(from.label)?.info.name;
        admit_below(&upper, name, from.factors)?;
        let material = self.below(from, Operation::Derive)?.renamed(name)?;
        self.add(name, &material)
    }

    fn mac(
        &self,
        path: KeyPath<'_>,
        scheme: MacScheme,
        message: &[u8],
    ) -> Result<Vec<u8>, CustodyError> {
        self.below(path, Operation::Mac)?.mac(scheme, message)
    }

    fn lend(&self, label: Label) -> Result<LentKey, CustodyError> {
        let name = self.sealed(label)?.info.name;
        Ok(LentKey::new(name, self.material(label, Operation::Mac)?))
    }

    fn sign(
        &mut self,
        label: Label,
        scheme: SignScheme,
        message: &[u8],
    ) -> Result<Signed, CustodyError> {
        let material = self.material(label, Operation::Sign)?;
        material.sign(scheme, message, &mut *self.entropy)
    }

    fn wrap(&self, path: KeyPath<'_>, by: Label) -> Result<Wrapped, CustodyError> {
        let transport = self.material(by, Operation::Wrap)?;
        let key = self.leaving(path)?;
        let check = key.check()?;
        if !matches!(check, Check::Kcv(_)) {
            // A raw wrap is for block keys; key pairs travel in containers.
            return Err(CustodyError::Stays { label: path.label });
        }
        let mut bytes = Zeroizing::new(key.danger_bytes().to_vec());
        transport.encipher(&mut bytes)?;
        Ok(Wrapped {
            bytes: bytes.to_vec(),
            check,
        })
    }

    fn open_channel(
        &self,
        keys: DomainKeys<'_>,
        opening: &Opening<'_>,
    ) -> Result<(CardSession, Command), CustodyError> {
        let master = self.material(keys.label, Operation::Channel)?;
        card::open(
            &self.sealed(keys.label)?.info.name,
            &master,
            keys.card,
            opening,
        )
    }

    fn domain_keys(
        &self,
        keys: DomainKeys<'_>,
        session: &CardSession,
    ) -> Result<[KeyBlock; 3], CustodyError> {
        let name = self.sealed(keys.label)?.info.name;
        let may = match name.export {
            Export::Never => false,
            Export::Below => keys.card.is_some(),
            Export::Whole => true,
        };
        if !may {
            return Err(CustodyError::Stays { label: keys.label });
        }
        let master = self.material(keys.label, Operation::Channel)?;
        card::put(&name, &master, keys.card, session)
    }

    fn seal_for(
        &self,
        paths: &[KeyPath<'_>],
        fill: Fill,
        session: &CardSession,
    ) -> Result<SealedKeys, CustodyError> {
        let keys: Result<Vec<_>, _> = paths.iter().map(|path| self.leaving(*path)).collect();
        card::seal(&keys?, fill, session)
    }

    fn make_pair(
        &mut self,
        algorithm: KeyAlgorithm,
        session: &CardSession,
    ) -> Result<CardPair, CustodyError> {
        card::pair(algorithm, session, &mut self.entropy)
    }

    fn unwrap(&mut self, name: &KeyName, by: Label, wrapped: &Wrapped) -> Result<(), CustodyError> {
        self.admit_new(name)?;
        let transport = self.material(by, Operation::Wrap)?;
        let mut bytes = Zeroizing::new(wrapped.bytes.clone());
        transport.decipher(&mut bytes)?;
        let material = Material::new(name, bytes)?;
        seal::same(name.label, material.check()?, wrapped.check)?;
        self.add(name, &material).map(drop)
    }

    fn export(&mut self, label: Label, by: Label) -> Result<Vec<u8>, CustodyError> {
        let transport = self.material(by, Operation::Wrap)?;
        let key = self.leaving(KeyPath::of(label))?;
        let name = self.sealed(label)?.info.name;
        seal::pack(&name, &key, &transport, &mut *self.entropy)
    }

    fn take_in(&mut self, container: &[u8], by: Label) -> Result<KeyInfo, CustodyError> {
        let transport = self.material(by, Operation::Wrap)?;
        let (info, material) = seal::unpack(container, by, &transport)?;
        self.admit_new(&info.name)?;
        self.add(&info.name, &material)?;
        Ok(info)
    }

    fn destroy(&mut self, label: Label) -> Result<(), CustodyError> {
        self.remove(label)
    }
}

impl Vault for SealedCustody {
    fn state(&self) -> VaultState {
        VaultState {
            generation: self.head.generation,
            digest: self.digest,
        }
    }
}

impl fmt::Debug for SealedCustody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedCustody")
            .field("path", &self.path)
            .field("mark", &self.head.mark)
            .field("keys", &self.records.len())
            .finish_non_exhaustive()
    }
}

fn admit_mark(name: &KeyName, expected: Mark) -> Result<(), CustodyError> {
    if name.mark == expected {
        Ok(())
    } else {
        Err(CustodyError::Mark {
            label: name.label,
            found: name.mark,
            expected,
        })
    }
}

/// A derived key is for what its master is for, and may not leave where the master's keys may not.
fn admit_below(upper: &KeyName, name: &KeyName, factors: &[[u8; 8]]) -> Result<(), CustodyError> {
    let is_same_kind = (upper.slot.purpose, upper.slot.algorithm, upper.bits)
        == (name.slot.purpose, name.slot.algorithm, name.bits);
    if !is_same_kind {
        return Err(CustodyError::Kind {
            purpose: name.slot.purpose,
            algorithm: name.slot.algorithm,
            bits: name.bits,
        });
    }
    if factors.is_empty() {
        // That would be a copy under another name, with another rule.
        return Err(CustodyError::Stays { label: upper.label });
    }
    if upper.export == Export::Never && name.export != Export::Never {
        return Err(CustodyError::Stays { label: upper.label });
    }
    Ok(())
}

/// XOR of the components, each of which has the check value on its letter.
pub(crate) fn combine(name: &KeyName, components: &[Component]) -> Result<Material, CustodyError> {
    let expected = usize::from(name.bits) / 8;
    let refused = || CustodyError::Components {
        label: name.label,
        found: components.len(),
        expected,
    };
    if !(2..=9).contains(&components.len()) || !name.slot.algorithm.has_kcv() {
        return Err(refused());
    }
    let mut sum = Zeroizing::new(vec![0; expected]);
    for (at, component) in components.iter().enumerate() {
        if component.bytes.len() != expected {
            return Err(refused());
        }
        let one = Material::new(name, Zeroizing::new(component.bytes.clone()))?;
        if one.check()? != Check::Kcv(component.kcv) {
            return Err(CustodyError::Component {
                label: name.label,
                number: at + 1,
            });
        }
        for (slot, byte) in sum.iter_mut().zip(&component.bytes) {
            *slot ^= byte;
        }
    }
    if sum.iter().all(|byte| *byte == 0) {
        return Err(refused());
    }
    Material::new(name, sum)
}
