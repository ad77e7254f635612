//! A node's keys: what it signs and proves with, behind the book that permits it and the custody
//! that has it.
//!
//! ```text
//! call ──► permit of the book (city, purpose, version, moment) ──► line ──► custody: sign ──► answer
//!               │ refused                                                     │ first use of a day
//!               └──► KeyFault, alarm keys.refused, note ◄─────────────────────┘ note
//! ```
//! No service has a key: it asks for what the key would do. The book is an extract that the key
//! centre signed; custody is a sealed store or a token. Notes go to the node's store and from there
//! back into the book: uses once a day, refused uses as events that the authority looks at. Every use
//! of a key is under a line of the node's own audit chain ([`KeyUses`]).
//!
//! What is here: [`NodeKeys`], and [`CardKeys`], which are lent for one run over many proofs.
//! What is not here: the life of keys (`tongtu-keyring`), where they are (`tongtu-hsm`), who is let
//! in to use the node.

mod age;
mod cards;
mod error;
mod noting;
mod reports;
mod using;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use tongtu_crypto::{PublicKey, Signature, Signer, SignerFault, sm3};
use tongtu_hsm::{Custody, KeyInfo, PublicPart, SignScheme, Signed};
use tongtu_keyring::code::{Ground, KeyAlgorithm, Purpose, Usage};
use tongtu_keyring::{Check, Extract, KeyBook, KeyNumber, Permit, RefusedUse, Slot, Use};
use tongtu_types::{CityCode, Timestamp};

use crate::FaceKeys;

pub use age::{BookAge, BookStanding};
pub use cards::CardKeys;
pub(crate) use cards::{Claim, Held, KeyObjection, Moments, card_slot};
pub use error::KeyFault;
use noting::Notes;
pub use noting::{KeyNote, KeyNoteKind};
pub use reports::{KeyReport, ReportsTaken};
pub(crate) use using::{Allowed, Opened, Uses};
pub use using::{KeyUses, OPEN_S};

/// Where a node's keys are. One thing is done after the other.
type Desk = Mutex<Box<dyn Custody + Send>>;

/// The keys of one node. Shows no key and has none: `Debug` says whose they are.
pub struct NodeKeys {
    city: CityCode,
    extract: Option<RwLock<Arc<Extract>>>,
    desk: Option<Desk>,
    held: BTreeMap<(Slot, u8), KeyInfo>,
    /// How old the books may be; any age where nothing is said.
    age: Option<BookAge>,
    notes: Mutex<Notes>,
}

impl fmt::Debug for NodeKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeKeys({}, {} held)", self.city, self.held.len())
    }
}

impl NodeKeys {
    /// The keys of a node of this city, by the books it was given and the custody it has. A node
    /// without a custody looks at others' keys and uses none.
    ///
    /// # Errors
    /// [`KeyFault`] when a key in custody is not the one that the book has under its name.
    pub fn new(
        city: CityCode,
        extract: Extract,
        custody: Option<Box<dyn Custody + Send>>,
    ) -> Result<Self, KeyFault> {
        let mut held = BTreeMap::new();
        if let Some(custody) = &custody {
            for info in custody.list()? {
                held.insert((info.name.slot, info.name.version), info);
            }
        }
        let keys = Self {
            city,
            extract: Some(RwLock::new(Arc::new(extract))),
            desk: custody.map(Mutex::new),
            held,
            age: None,
            notes: Mutex::default(),
        };
        let books = keys.books().ok_or(KeyFault::NoBook)?;
        keys.compare(books.book())?;
        Ok(keys)
    }

    /// No key and no book: a node that signs nothing and judges no key. For tests.
    #[must_use]
    pub fn none(city: CityCode) -> Self {
        Self {
            city,
            extract: None,
            desk: None,
            held: BTreeMap::new(),
            age: None,
            notes: Mutex::default(),
        }
    }

    /// Takes a newer extract: from now on its permits count.
    ///
    /// # Errors
    /// [`KeyFault`] when it is older than the one held, or differs from the custody.
    pub fn renew(&self, extract: Extract) -> Result<(), KeyFault> {
        let lock = self.extract.as_ref().ok_or(KeyFault::NoBook)?;
        self.compare(extract.book())?;
        let mut held = lock.write().unwrap_or_else(PoisonError::into_inner);
        Self::follows(&extract, &held)?;
        *held = Arc::new(extract);
        Ok(())
    }

    /// Whether [`NodeKeys::renew`] would take this extract.
    ///
    /// # Errors
    /// As [`NodeKeys::renew`]; nothing is changed either way.
    pub fn check_renewal(&self, extract: &Extract) -> Result<(), KeyFault> {
        let held = self.books().ok_or(KeyFault::NoBook)?;
        self.compare(extract.book())?;
        Self::follows(extract, &held)
    }

    fn follows(extract: &Extract, held: &Extract) -> Result<(), KeyFault> {
        extract.follows(held)?;
        // The same events again, signed on another day: only a later day says more.
        if extract.made_at() < held.made_at() {
            return Err(KeyFault::BookEarlier {
                offered: extract.made_at(),
                held: held.made_at(),
            });
        }
        Ok(())
    }

    /// The books that count now.
    pub(crate) fn books(&self) -> Option<Arc<Extract>> {
        let lock = self.extract.as_ref()?;
        Some(Arc::clone(
            &lock.read().unwrap_or_else(PoisonError::into_inner),
        ))
    }

    /// Whether what is in custody is what the book says, key by key.
    fn compare(&self, book: &KeyBook) -> Result<(), KeyFault> {
        for info in self.held.values() {
            let life = version_of(book, info.name.slot, info.name.version);
            let expected = life.and_then(|life| life.custody().copied());
            if let Some(expected) = expected.filter(|custody| custody.check != info.check) {
                return Err(KeyFault::Differs {
                    label: info.name.label,
                    found: info.check,
                    expected: expected.check,
                });
            }
        }
        Ok(())
    }

    /// That the key of this city that is in use for a purpose may sign now.
    ///
    /// # Errors
    /// [`KeyFault`]; a refused use is noted.
    pub(crate) fn allow(&self, purpose: Purpose, now: Timestamp) -> Result<Allowed, KeyFault> {
        self.allowed(self.permit(self.slot(purpose, KeyAlgorithm::Sm2), now)?)
    }

    /// The same of the key of this public half, which is the one in a certificate.
    ///
    /// # Errors
    /// [`KeyFault`]; a refused use is noted.
    pub(crate) fn allow_as(
        &self,
        public: &[u8; 33],
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Allowed, KeyFault> {
        let slot = self.slot(purpose, KeyAlgorithm::Sm2);
        let books = self.books().ok_or(KeyFault::NoBook)?;
        let check = Check::Fingerprint(sm3::digest(public));
        let key = books.book().key_of(purpose, KeyAlgorithm::Sm2, check);
        let key = key.ok_or(KeyFault::Missing { slot })?;
        self.allowed(self.permit_of(books.book(), key, purpose, Usage::Make, now)?)
    }

    /// The same of the key for anchors, with its public half; nothing where the node has none.
    pub(crate) fn allow_anchors(
        &self,
        now: Timestamp,
    ) -> Result<Option<(Allowed, PublicKey)>, KeyFault> {
        let slot = self.slot(Purpose::AuditAnchor, KeyAlgorithm::Sm2);
        let Some(books) = self.books() else {
            return Ok(None);
        };
        let held = books.book().current(slot, now);
        if held.is_none_or(|key| self.label_of(books.book(), key).is_err()) {
            return Ok(None);
        }
        let public = self.public(Purpose::AuditAnchor, now)?;
        Ok(Some((self.allow(Purpose::AuditAnchor, now)?, public)))
    }

    fn allowed(&self, permit: Permit) -> Result<Allowed, KeyFault> {
        let info = self.label(&permit)?;
        Ok(Allowed { permit, info })
    }

    /// An opened key as one that signs, with its public half.
    pub(crate) const fn signer<'a>(
        &'a self,
        opened: &'a Opened,
        public: PublicKey,
    ) -> OpenedSigner<'a> {
        OpenedSigner {
            keys: self,
            opened,
            public,
        }
    }

    /// Whether the secret half of this key is in the node's custody.
    #[must_use]
    pub fn holds(&self, public: &[u8; 33]) -> bool {
        let check = Check::Fingerprint(sm3::digest(public));
        self.held.values().any(|info| info.check == check)
    }

    /// That the key of faces may be used now.
    pub(crate) fn allow_faces(&self, now: Timestamp) -> Result<Allowed, KeyFault> {
        self.allowed(self.permit(self.slot(Purpose::FaceSeal, KeyAlgorithm::Sm4), now)?)
    }

    /// The keys of faces that an opened key makes.
    pub(crate) fn face_keys(&self, opened: &Opened) -> Result<FaceKeys, KeyFault> {
        let noted = |message: &[u8]| opened.used("mac", message);
        let keys = FaceKeys::made_noting(&**self.desk()?, opened.label, noted)?;
        self.noted_use(opened.key, opened.at);
        Ok(keys)
    }

    /// Those that it made before are used once more.
    pub(crate) fn face_keys_held(&self, opened: &Opened) {
        opened.used("hold", &[]);
        self.noted_use(opened.key, opened.at);
    }

    /// The public half of the key of this city that is in use for a purpose.
    ///
    /// # Errors
    /// [`KeyFault`] when none is, or it is not here. Looking is no use and is not noted.
    pub fn public(&self, purpose: Purpose, now: Timestamp) -> Result<PublicKey, KeyFault> {
        let slot = self.slot(purpose, KeyAlgorithm::Sm2);
        let books = self.books().ok_or(KeyFault::NoBook)?;
        let key = books.book().current(slot, now);
        let key = key.ok_or(KeyFault::Missing { slot })?;
        let label = self.label_of(books.book(), key)?.name.label;
        match self.desk()?.public(label)? {
            PublicPart::Sm2(public) => Ok(public),
            PublicPart::Rsa(_) => Err(KeyFault::NotHeld { key }),
        }
    }

    /// Signs with an opened key, and verifies what came back.
    pub(crate) fn sign(&self, opened: &Opened, message: &[u8]) -> Result<Signature, KeyFault> {
        let label = opened.label;
        let mut desk = self.desk()?;
        // Counted in the order in which the custody is asked, and before it is.
        opened.used("sign", message);
        let signed = desk.sign(label, SignScheme::Sm2, message)?;
        desk.verify(label, SignScheme::Sm2, message, &signed)?;
        drop(desk);
        self.noted_use(opened.key, opened.at);
        match signed {
            Signed::Sm2(signature) => Ok(signature),
            Signed::Rsa(_) => Err(KeyFault::NotHeld { key: opened.key }),
        }
    }

    /// That the key of a slot may make something now.
    pub(crate) fn permit(&self, slot: Slot, now: Timestamp) -> Result<Permit, KeyFault> {
        self.fresh(now)?;
        let books = self.books().ok_or(KeyFault::NoBook)?;
        let book = books.book();
        // Where none makes, the newest says why.
        let newest = || {
            book.versions(slot)
                .next_back()
                .map(tongtu_keyring::KeyLife::number)
        };
        let Some(key) = book.current(slot, now).or_else(newest) else {
            self.noted_missing(slot, now);
            return Err(KeyFault::Missing { slot });
        };
        self.permit_of(book, key, slot.purpose, Usage::Make, now)
    }

    fn permit_of(
        &self,
        book: &KeyBook,
        key: KeyNumber,
        purpose: Purpose,
        usage: Usage,
        now: Timestamp,
    ) -> Result<Permit, KeyFault> {
        self.fresh(now)?;
        let asked = Use {
            city: self.city,
            purpose,
            usage,
        };
        book.permit(key, asked, now).map_err(|refused| {
            self.noted_refusal(refused);
            KeyFault::Refused(refused)
        })
    }

    /// The key in custody that a permit is for.
    fn label(&self, permit: &Permit) -> Result<KeyInfo, KeyFault> {
        let books = self.books().ok_or(KeyFault::NoBook)?;
        self.label_of(books.book(), permit.key())
    }

    fn label_of(&self, book: &KeyBook, key: KeyNumber) -> Result<KeyInfo, KeyFault> {
        let life = book.key(key).ok_or(KeyFault::NotHeld { key })?;
        let request = life.request();
        let held = self.held.get(&(request.slot, request.version));
        held.copied().ok_or(KeyFault::NotHeld { key })
    }

    pub(crate) const fn slot(&self, purpose: Purpose, algorithm: KeyAlgorithm) -> Slot {
        Slot {
            city: self.city,
            purpose,
            algorithm,
        }
    }

    fn desk(&self) -> Result<MutexGuard<'_, Box<dyn Custody + Send>>, KeyFault> {
        let desk = self.desk.as_ref().ok_or(KeyFault::NoCustody)?;
        // Whoever panicked holding it left no half done work: every call is whole by itself.
        Ok(desk.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn noted_use(&self, key: KeyNumber, at: Timestamp) {
        let books = self.books();
        let life = books.as_ref().and_then(|books| books.book().key(key));
        if let Some(life) = life {
            self.notes().used(key, life.request().slot, at);
        }
    }

    pub(crate) fn noted_refusal(&self, refused: RefusedUse) {
        self.notes().refused(refused);
    }

    /// What a run over many rides found of one of them.
    pub(crate) fn noted_in_run(
        &self,
        objection: Option<KeyObjection>,
        proved: Option<(KeyNumber, Timestamp)>,
    ) {
        match objection {
            Some(KeyObjection::Refused(refused)) => self.noted_refusal(refused),
            Some(KeyObjection::Unknown(asked, at)) => self.notes().unknown(asked, at),
            // The certificate's fault, which its own book knows; no key was misused.
            Some(KeyObjection::Revoked(_)) | None => {}
        }
        if let Some((key, at)) = proved {
            self.noted_use(key, at);
        }
    }

    fn noted_missing(&self, slot: Slot, at: Timestamp) {
        let asked = Use {
            city: slot.city,
            purpose: slot.purpose,
            usage: Usage::Make,
        };
        self.notes().unknown(asked, at);
    }

    /// What was noted since it was last asked.
    pub(crate) fn notes_take(&self) -> Vec<KeyNote> {
        self.notes().take()
    }

    /// Brings back what could not be kept.
    pub(crate) fn notes_return(&self, notes: Vec<KeyNote>) {
        self.notes().put_back(notes);
    }
}

/// An opened key as a [`Signer`].
pub(crate) struct OpenedSigner<'a> {
    keys: &'a NodeKeys,
    opened: &'a Opened,
    public: PublicKey,
}

impl Signer for OpenedSigner<'_> {
    fn public(&self) -> PublicKey {
        self.public.clone()
    }

    fn sign(&mut self, message: &[u8]) -> Result<Signature, SignerFault> {
        let signed = self.keys.sign(self.opened, message);
        signed.map_err(|_| SignerFault::Refused)
    }
}

/// A version of a slot that was not turned down.
pub(crate) fn version_of(
    book: &KeyBook,
    slot: Slot,
    version: u8,
) -> Option<&tongtu_keyring::KeyLife> {
    let mut newest_first = book.versions(slot).rev();
    newest_first.find(|life| {
        life.request().version == version && life.stage() != tongtu_keyring::code::Stage::Rejected
    })
}

/// In a sentence of an alarm.
fn ground_text(ground: Option<Ground>) -> String {
    ground.map_or_else(|| "no such key in the book".to_owned(), |g| g.to_string())
}
