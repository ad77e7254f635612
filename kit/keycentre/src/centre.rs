//! The officers' steps: from a city's registration to a key in use, and to its end.

use std::path::{Path, PathBuf};

use tongtu_audit::{Anchor, AuditLine, AuditLog, Entry, LogRefusal, Outcome, Word};
use tongtu_crypto::{PublicKey, SignerFault, sm3};
use tongtu_hsm::{
    Component, Custody as _, CustodyError, CustodySigner, KeyName, KeyPath, PublicPart, TestKey,
};
use tongtu_keyring::code::{Cause, CustodyKind, KeyAlgorithm, Purpose, Role, Step};
use tongtu_keyring::duty::Duty;
use tongtu_keyring::{
    Application, ApplicationLine, Check, Custody, Deed, DeviceName, Event, Extract, ExtractError,
    KeyBook, KeyNumber, Officer, OfficerNumber, Refusal, Signers, Slot, What, ca,
};
use tongtu_types::{CityCode, InstitutionCode, Timestamp};

use crate::{Store, entropy, key_name};

/// Why the centre could not do a step.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CentreError {
    /// The key book refuses it.
    #[error("the key book refuses the step")]
    Book(#[from] Refusal),
    /// The authority's book refuses it.
    #[error("the authority's book refuses the step")]
    Authority(#[from] ca::Refusal),
    /// A store refuses it.
    #[error("a store of keys refuses the step")]
    Custody(#[from] CustodyError),
    /// The audit log refuses it.
    #[error("the audit log refuses the step")]
    Audit(#[from] LogRefusal),
    /// The extract cannot be made.
    #[error("the extract cannot be made")]
    Extract(#[from] ExtractError),
    /// A certificate cannot be applied for.
    #[error("the certificate cannot be applied for")]
    Certificate(#[from] tongtu_ride_code::certificate::CertificateError),
    /// A key did not sign.
    #[error("a key did not sign")]
    Signer(#[from] SignerFault),
    /// A city that nobody registered.
    #[error("city {city} is not registered")]
    NoCity {
        /// The city.
        city: CityCode,
    },
    /// A file that cannot be written.
    #[error("cannot write `{}`", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
}

/// A key that is to be given to a city.
#[derive(Debug, Clone, Copy)]
pub struct Given {
    /// City, purpose, algorithm.
    pub slot: Slot,
    /// Who holds it.
    pub holder: InstitutionCode,
    /// Days that it lasts.
    pub days: i64,
    /// What the nation's key of the same purpose is derived by for it; none makes a key of its own.
    pub factor: Option<[u8; 8]>,
}

/// What the centre did, as it is verified: without the centre.
#[derive(Debug, Clone)]
pub struct AuditFiles {
    /// The lines, one behind the other.
    pub lines: Vec<u8>,
    /// The anchors.
    pub anchors: Vec<u8>,
    /// The number and the public half of the key that anchors verify under.
    pub key: (u32, PublicKey),
}

/// Days that an older version is still accepted.
const OVERLAP_DAYS: u16 = 30;
/// Key index of everything here.
const INDEX: u8 = 1;
const DAY_S: i64 = 86_400;

/// The nation's key centre, with everybody who acts in it.
#[derive(Debug)]
pub struct KeyCentre {
    seed: Vec<u8>,
    folder: PathBuf,
    pub(crate) now: Timestamp,
    overlap_days: u16,
    pub(crate) book: KeyBook,
    events: Vec<Event>,
    pub(crate) authority: ca::Authority,
    pub(crate) certificates: Vec<ca::Event>,
    pub(crate) nation: Store,
    batch: u32,
    log: AuditLog,
    lines: Vec<AuditLine>,
    anchors: Vec<Anchor>,
}

impl KeyCentre {
    /// Founds a centre: its store, its own keys for extracts and anchors.
    ///
    /// # Errors
    /// [`CentreError`] when a file cannot be written.
    pub fn found(folder: &Path, seed: &[u8], at: Timestamp) -> Result<Self, CentreError> {
        let mut centre = Self {
            seed: seed.to_vec(),
            folder: folder.to_path_buf(),
            now: at,
            overlap_days: OVERLAP_DAYS,
            book: KeyBook::new(),
            events: Vec::new(),
            authority: ca::Authority::new(),
            certificates: Vec::new(),
            nation: Store::make(folder, "nation-keys", seed)?,
            batch: 0,
            log: AuditLog::new(),
            lines: Vec::new(),
            anchors: Vec::new(),
        };
        let nation = InstitutionCode::national();
        centre.register(nation.city(), nation)?;
        for purpose in [Purpose::FileSignature, Purpose::AuditAnchor] {
            centre.own(purpose, KeyAlgorithm::Sm2)?;
        }
        Ok(centre)
    }

    /// Lets time pass, in seconds.
    pub const fn wait(&mut self, seconds: i64) {
        self.now = self.now.plus_s(seconds);
    }

    /// Lets time pass until a moment, if that is not past.
    pub fn wait_until(&mut self, at: Timestamp) {
        self.now = self.now.max(at);
    }

    /// From now on, older versions are accepted beside newer ones for so many days.
    pub const fn overlap(&mut self, days: u16) {
        self.overlap_days = days;
    }

    /// The centre's clock.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// The key book.
    #[must_use]
    pub const fn book(&self) -> &KeyBook {
        &self.book
    }

    /// The nation's own store, for whoever personalises with its keys.
    pub const fn nation_mut(&mut self) -> &mut Store {
        &mut self.nation
    }

    /// A new store for somebody who will hold keys.
    ///
    /// # Errors
    /// [`CentreError`] when there is one of this name.
    pub fn store(&self, name: &str) -> Result<Store, CentreError> {
        Store::make(&self.folder, name, &self.seed)
    }

    /// Registers a city with its province.
    ///
    /// # Errors
    /// [`CentreError::Book`].
    pub fn register(
        &mut self,
        city: CityCode,
        province: InstitutionCode,
    ) -> Result<(), CentreError> {
        let what = What::CityRegistered { city, province };
        let seats = Seats {
            province,
            holder: InstitutionCode::national(),
            city,
        };
        let signers = seats.signers(Step::CityRegistered);
        self.step(None, what, signers)
    }

    /// Gives a key to a holder: applied for, approved, made in the nation's store, handed over in
    /// a container, and in use from now on.
    ///
    /// # Errors
    /// [`CentreError`] naming who refuses.
    pub fn give(&mut self, given: &Given, to: &mut Store) -> Result<KeyNumber, CentreError> {
        let (key, seats) = self.apply(given)?;
        let name = self.name_of(key);
        let check = match given.factor {
            None => self.nation.custody.generate(&name)?,
            Some(factor) => {
                let upper = Slot {
                    city: InstitutionCode::national().city(),
                    ..given.slot
                };
                let upper = key_name(upper, INDEX, 1).label;
                let path = KeyPath {
                    label: upper,
                    factors: &[factor],
                };
                self.nation.custody.derive(path, &name)?
            }
        };
        self.made(key, seats, check)?;
        let by = self.transport(to)?;
        let container = self.nation.custody.export(name.label, by.label)?;
        let there = to.custody.take_in(&container, by.label)?.check;
        self.in_use(key, seats, there)?;
        Ok(key)
    }

    /// Gives a key whose value is known: for tests that have cards of published test keys.
    ///
    /// # Errors
    /// [`CentreError`] naming who refuses.
    pub fn give_known(
        &mut self,
        given: &Given,
        to: &mut Store,
        value: &[u8],
    ) -> Result<KeyNumber, CentreError> {
        let (key, seats) = self.apply(given)?;
        let name = self.name_of(key);
        let value = TestKey::new(value.to_vec());
        let check = to.custody.import_test(&name, value)?;
        self.made(key, seats, check)?;
        self.in_use(key, seats, check)?;
        Ok(key)
    }

    /// A key of the nation's own.
    ///
    /// # Errors
    /// [`CentreError`] naming who refuses.
    pub fn own(
        &mut self,
        purpose: Purpose,
        algorithm: KeyAlgorithm,
    ) -> Result<KeyNumber, CentreError> {
        let holder = InstitutionCode::national();
        let slot = Slot {
            city: holder.city(),
            purpose,
            algorithm,
        };
        let given = Given {
            slot,
            holder,
            days: 3650,
            factor: None,
        };
        let (key, seats) = self.apply(&given)?;
        let check = self.nation.custody.generate(&self.name_of(key))?;
        self.made(key, seats, check)?;
        self.in_use(key, seats, check)?;
        Ok(key)
    }

    /// The authority stops a key for good.
    ///
    /// # Errors
    /// [`CentreError::Book`].
    pub fn revoke(&mut self, key: KeyNumber) -> Result<(), CentreError> {
        self.by_supervisors(key, What::Revoked(Cause::Compromise))
    }

    /// The authority stops a key for a time.
    ///
    /// # Errors
    /// [`CentreError::Book`].
    pub fn suspend(&mut self, key: KeyNumber) -> Result<(), CentreError> {
        self.by_supervisors(key, What::Suspended(Cause::Misuse))
    }

    fn by_supervisors(&mut self, key: KeyNumber, what: What) -> Result<(), CentreError> {
        let request = self.book.key(key).map(|life| *life.request());
        let seats = request.map_or(Seats::nation(), |request| Seats {
            province: request.province,
            holder: request.holder,
            city: request.slot.city,
        });
        self.step(Some(key), what, seats.signers(what.step()))
    }

    fn apply(&mut self, given: &Given) -> Result<(KeyNumber, Seats), CentreError> {
        let city = given.slot.city;
        let province = self.book.cities().province_of(city);
        let province = province.ok_or(CentreError::NoCity { city })?;
        let seats = Seats {
            province,
            holder: given.holder,
            city,
        };
        self.batch += 1;
        let application = Application {
            batch: self.batch,
            province,
            lines: vec![ApplicationLine {
                holder: given.holder,
                slot: given.slot,
                index: INDEX,
                from: self.now,
                until: self.now.plus_s(given.days * DAY_S),
            }],
        };
        let signers = seats.signers(Step::Requested);
        let events = self
            .book
            .decide_application(&application, self.now, signers)?;
        let key = events.first().and_then(|event| event.key);
        for event in events {
            self.keep(event)?;
        }
        let key = key.expect("an application of one line is one event of a key");
        self.step(Some(key), What::Approved, seats.signers(Step::Approved))?;
        Ok((key, seats))
    }

    fn made(&mut self, key: KeyNumber, seats: Seats, check: Check) -> Result<(), CentreError> {
        let what = What::Generated(held_in("NATION", check));
        self.step(Some(key), what, seats.signers(Step::Generated))
    }

    fn in_use(&mut self, key: KeyNumber, seats: Seats, check: Check) -> Result<(), CentreError> {
        let device = format!("C-{}", seats.holder);
        let what = What::Distributed(held_in(&device, check));
        self.step(Some(key), what, seats.signers(Step::Distributed))?;
        let what = self.book.activation(key, self.now, self.overlap_days);
        self.step(Some(key), what, seats.signers(Step::Activated))
    }

    /// The transport key between the nation and a store: both take it in from the same two
    /// components.
    fn transport(&mut self, to: &mut Store) -> Result<KeyName, CentreError> {
        let slot = Slot {
            city: InstitutionCode::national().city(),
            purpose: Purpose::PersoTransport,
            algorithm: KeyAlgorithm::Sm4,
        };
        let number = format!("ZMK-{}", to.number());
        let name = KeyName {
            label: tongtu_hsm::Label::parse(&number).expect("letters, digits, hyphen"),
            ..key_name(slot, INDEX, 1)
        };
        if to.custody.check(name.label).is_ok() {
            return Ok(name);
        }
        let mut chance = entropy(&self.seed, &number);
        let mut parts = [[0; 16]; 2];
        for part in &mut parts {
            chance(part);
        }
        let kcv = |bytes: [u8; 16]| {
            tongtu_crypto::BlockKey::new(tongtu_crypto::Algorithm::Sm4, bytes).kcv()
        };
        let whole = core::array::from_fn(|at| parts[0][at] ^ parts[1][at]);
        for custody in [&mut self.nation.custody, &mut to.custody] {
            let components = parts.map(|part| Component::new(part.to_vec(), kcv(part)));
            custody.import(&name, components.into(), Check::Kcv(kcv(whole)))?;
        }
        Ok(name)
    }

    fn name_of(&self, key: KeyNumber) -> KeyName {
        let life = self.book.key(key).expect("it was applied for");
        let request = life.request();
        key_name(request.slot, request.index, request.version)
    }

    fn step(
        &mut self,
        key: Option<KeyNumber>,
        what: What,
        signers: Signers,
    ) -> Result<(), CentreError> {
        let event = self.book.decide(Deed {
            at: self.now,
            key,
            signers,
            what,
        })?;
        self.keep(event)
    }

    fn keep(&mut self, event: Event) -> Result<(), CentreError> {
        self.book.apply(&event);
        let key = event.key.map(KeyNumber::get);
        let deed = format!("key-{:02x}", event.what.step().byte());
        let about = event.encode().map_err(ExtractError::from)?;
        self.audit(event.signers, &deed, (key, event.number), &about)?;
        self.events.push(event);
        Ok(())
    }

    pub(crate) fn audit(
        &mut self,
        signers: Signers,
        deed: &str,
        (key, permit): (Option<u32>, u64),
        about: &[u8],
    ) -> Result<(), CentreError> {
        let [first, _] = signers.officers();
        let actor = first.map_or_else(|| "book".to_owned(), |officer| officer.number.to_string());
        let entry = Entry {
            institution: first.map_or_else(InstitutionCode::national, |o| o.institution),
            actor: Word::parse(&actor).expect("an officer number fits"),
            deed: Word::parse(deed).expect("a short word"),
            key,
            permit: Some(permit),
            outcome: Outcome::Done,
            about: Some(sm3::digest(about)),
        };
        let line = self.log.append(&entry, self.now)?;
        self.lines.push(line);
        Ok(())
    }

    /// Anchors every day that is over.
    ///
    /// # Errors
    /// [`CentreError`] when the anchor key does not sign.
    pub fn anchor(&mut self) -> Result<(), CentreError> {
        let slot = nation_slot(Purpose::AuditAnchor);
        let label = key_name(slot, INDEX, 1).label;
        let number = self.book.current(slot, self.now).map_or(0, KeyNumber::get);
        while let Some(day) = self.log.anchor_due(self.now) {
            let mut signer = CustodySigner::new(&mut self.nation.custody, label)?;
            let anchor = self.log.anchor(day, self.now, (number, &mut signer))?;
            self.anchors.push(anchor);
        }
        Ok(())
    }

    /// The centre's audit, for whoever verifies it.
    ///
    /// # Errors
    /// [`CentreError`] when one cannot be written.
    pub fn audit_files(&self) -> Result<AuditFiles, CentreError> {
        let (mut lines, mut anchors) = (Vec::new(), Vec::new());
        for line in &self.lines {
            lines.extend(line.encode().map_err(LogRefusal::from)?);
        }
        for anchor in &self.anchors {
            anchors.extend(anchor.encode().map_err(LogRefusal::from)?);
        }
        let slot = nation_slot(Purpose::AuditAnchor);
        let number = self.book.current(slot, self.now).map_or(0, KeyNumber::get);
        let key = self.public(Purpose::AuditAnchor)?;
        Ok(AuditFiles {
            lines,
            anchors,
            key: (number, key),
        })
    }

    /// Both books as nodes are given them.
    ///
    /// # Errors
    /// [`CentreError`] when the centre's key does not sign.
    pub fn extract(&mut self) -> Result<Vec<u8>, CentreError> {
        let label = key_name(nation_slot(Purpose::FileSignature), INDEX, 1).label;
        let mut signer = CustodySigner::new(&mut self.nation.custody, label)?;
        Ok(Extract::sign(
            &self.events,
            &self.certificates,
            self.now,
            &mut signer,
        )?)
    }

    /// The key that extracts verify under.
    ///
    /// # Errors
    /// [`CentreError`] when the store does not show it.
    pub fn extract_key(&self) -> Result<PublicKey, CentreError> {
        self.public(Purpose::FileSignature)
    }

    fn public(&self, purpose: Purpose) -> Result<PublicKey, CentreError> {
        let label = key_name(nation_slot(purpose), INDEX, 1).label;
        public_of(&self.nation, label)
    }
}

/// The SM2 half of a key that may be shown.
pub(crate) fn public_of(store: &Store, label: tongtu_hsm::Label) -> Result<PublicKey, CentreError> {
    match store.custody.public(label)? {
        PublicPart::Sm2(key) => Ok(key),
        PublicPart::Rsa(_) => Err(SignerFault::Wrong.into()),
    }
}

pub(crate) const fn slot_of(city: CityCode, purpose: Purpose) -> Slot {
    Slot {
        city,
        purpose,
        algorithm: KeyAlgorithm::Sm2,
    }
}

fn nation_slot(purpose: Purpose) -> Slot {
    slot_of(InstitutionCode::national().city(), purpose)
}

fn held_in(device: &str, check: Check) -> Custody {
    Custody {
        // What the demo and tests have is a file, and the book says so.
        kind: CustodyKind::TestFile,
        device: DeviceName::parse(device).expect("capital letters, digits, a hyphen"),
        check,
    }
}

/// Where the officers of a key sit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seats {
    pub(crate) province: InstitutionCode,
    pub(crate) holder: InstitutionCode,
    pub(crate) city: CityCode,
}

impl Seats {
    pub(crate) fn nation() -> Self {
        let nation = InstitutionCode::national();
        Self {
            province: nation,
            holder: nation,
            city: nation.city(),
        }
    }

    /// Officers who may take a step: for each role a person, and where the same role signs twice,
    /// two.
    fn signers(self, step: Step) -> Signers {
        let duty = Duty::of(step);
        self.signed(duty.first, duty.second)
    }

    pub(crate) fn signed(self, first: Option<Role>, second: Option<Role>) -> Signers {
        match (first, second) {
            (Some(first), Some(second)) => {
                Signers::Two(self.officer(first, 1), self.officer(second, 2))
            }
            (Some(first), None) => Signers::One(self.officer(first, 1)),
            (None, _) => Signers::System,
        }
    }

    fn officer(self, role: Role, person: u8) -> Officer {
        let institution = match role {
            Role::NationOfficer | Role::NationApprover | Role::NationCustodian => {
                InstitutionCode::national()
            }
            Role::ProvinceOfficer | Role::ProvinceApprover => self.province,
            Role::HolderCustodian => self.holder,
            Role::Supervisor => {
                InstitutionCode::parse(&format!("0000{}", self.city)).expect("eight digits")
            }
        };
        let number = format!("{:02}-{person}", role.byte());
        Officer {
            number: OfficerNumber::parse(&number).expect("digits and a hyphen"),
            role,
            institution,
        }
    }
}
