//! The officers' steps: from a city's registration to a key in use, and to its end.

use std::fmt;
use std::path::{Path, PathBuf};

use tongtu_audit::Word;
use tongtu_crypto::{Algorithm, BlockKey, PublicKey, SecretKey, Signature, SignerFault};
use tongtu_ecash::oda::paper::PaperError;
use tongtu_hsm::{
    Component, Custody as _, CustodyError, Export, KeyName, Mark, Passphrase, Protection,
    PublicPart, SealedCustody, SignScheme, Signed, TestKey, Work,
};
use tongtu_keyring::code::{Cause, CustodyKind, KeyAlgorithm, Purpose, Role, Step, Usage};
use tongtu_keyring::duty::Duty;
use tongtu_keyring::{
    Application, ApplicationLine, Check, Custody, DeviceName, KeyBook, KeyNumber, Officer, Slot,
    Use,
};
use tongtu_keyroom::sim::SimMedium;
use tongtu_keyroom::{File, Head, Part};
use tongtu_services::keyroom::{
    Act, CUSTODY_FILE, Done, Hands, KeyRoom, OnBehalf, RoomError, Source, key_label,
};
use tongtu_types::{CityCode, InstitutionCode, Timestamp};

use crate::officers::{Cast, FOUNDERS, Seats};
use crate::{Store, entropy, key_name};

/// Why the centre could not do a step.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CentreError {
    /// The key room refuses it.
    #[error("the key room refuses the step")]
    Room(#[from] RoomError),
    /// A holder's store refuses it.
    #[error("a store of keys refuses the step")]
    Custody(#[from] CustodyError),
    /// The extract does not open.
    #[error("the extract does not open")]
    Extract(#[from] tongtu_keyring::ExtractError),
    /// A certificate cannot be applied for.
    #[error("the certificate cannot be applied for")]
    Certificate(#[from] tongtu_ride_code::certificate::CertificateError),
    /// A key did not sign.
    #[error("a key did not sign")]
    Signer(#[from] SignerFault),
    /// A paper of the e-cash authority that is none.
    #[error("what the e-cash authority gave is not as it should be")]
    Paper(#[from] PaperError),
    /// A city that nobody registered.
    #[error("city {city} is not registered")]
    NoCity {
        /// The city.
        city: CityCode,
    },
    /// A key that no slot of the book has.
    #[error("there is no key {slot} in use")]
    NoKey {
        /// City, purpose, algorithm.
        slot: Slot,
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
    /// Whether it is derived from the nation's key of the same purpose; otherwise it is of fresh
    /// randomness.
    pub is_derived: bool,
}

/// The files of the centre's key room, by name.
#[derive(Debug, Clone)]
pub struct RoomFiles {
    /// Name and bytes of each, the custody's among them.
    pub files: Vec<(&'static str, Vec<u8>)>,
    /// The number and the public half of the key that anchors verify under.
    pub anchor_key: (u32, PublicKey),
}

impl RoomFiles {
    /// What a file holds; nothing for one that is not there.
    #[must_use]
    pub fn file(&self, name: &str) -> &[u8] {
        let found = self.files.iter().find(|(known, _)| *known == name);
        found.map_or(&[], |(_, bytes)| bytes)
    }

    /// The audit lines, one behind the other.
    #[must_use]
    pub fn lines(&self) -> &[u8] {
        self.file(File::Of(Part::Line).name())
    }

    /// The anchors.
    #[must_use]
    pub fn anchors(&self) -> &[u8] {
        self.file(File::Of(Part::Anchor).name())
    }
}

/// The words that open the room's custody. It has test keys only, so the words are no secret.
pub const PASSPHRASE: &str = "a passphrase for tests";

/// Days that an older version is still accepted.
const OVERLAP_DAYS: u16 = 30;
/// Key index of everything here.
const INDEX: u8 = 1;
const DAY_S: i64 = 86_400;
/// Days that a key of the nation's own, or for transport, lasts.
const OWN_DAYS: i64 = 3650;
/// The nation's device in the books.
const DEVICE: &str = "NATION";

/// The nation's key room, with everybody who acts in it.
pub struct KeyCentre {
    seed: Vec<u8>,
    folder: PathBuf,
    pub(crate) now: Timestamp,
    overlap_days: u16,
    pub(crate) room: KeyRoom<SimMedium>,
    custody: SealedCustody,
    cast: Cast,
    batch: u32,
}

impl fmt::Debug for KeyCentre {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What every key is made from is not said.
        let mut said = f.debug_struct("KeyCentre");
        said.field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl KeyCentre {
    /// Founds a room: its officers, its custody in `folder`, the nation's keys for extracts and
    /// anchors. `work` is what a guess at the custody's passphrase costs.
    ///
    /// # Errors
    /// [`CentreError`] when a file cannot be written.
    pub fn found(
        folder: &Path,
        seed: &[u8],
        at: Timestamp,
        work: Work,
    ) -> Result<Self, CentreError> {
        let mut number = [0; 16];
        entropy(seed, "the room's number")(&mut number);
        let head = Head {
            room: number,
            mark: Mark::Test,
            device: DEVICE.to_owned(),
            token: None,
        };
        let words = Passphrase::new(PASSPHRASE.to_owned())?;
        let custody = SealedCustody::make(
            &folder.join(CUSTODY_FILE),
            Mark::Test,
            &Protection::Passphrase(words, work),
            entropy(seed, "the room's custody"),
        )?;
        let mut centre = Self {
            seed: seed.to_vec(),
            folder: folder.to_path_buf(),
            now: at,
            overlap_days: OVERLAP_DAYS,
            room: KeyRoom::make(SimMedium::new(), head)?,
            custody,
            cast: Cast::new(seed),
            batch: 0,
        };
        let founders = FOUNDERS.map(|(role, person)| Seats::nation().officer(role, person));
        let credentials = founders.map(|founder| centre.cast.enlist(founder, at));
        centre.act(Act::Found(Box::new(credentials)), &founders)?;
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
        self.room.keys()
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
    /// [`CentreError::Room`].
    pub fn register(
        &mut self,
        city: CityCode,
        province: InstitutionCode,
    ) -> Result<(), CentreError> {
        let officers = Seats::nation().of_step(Step::CityRegistered);
        self.act(Act::RegisterCity { city, province }, &officers)
            .map(drop)
    }

    /// Gives a key to a holder: applied for, approved, made in the room's custody, handed over in
    /// a container, and in use from now on.
    ///
    /// # Errors
    /// [`CentreError`] naming who refuses.
    pub fn give(&mut self, given: &Given, to: &mut Store) -> Result<KeyNumber, CentreError> {
        let source = if given.is_derived {
            let slot = Slot {
                city: InstitutionCode::national().city(),
                ..given.slot
            };
            let upper = self.book().current(slot, self.now);
            Source::Derived(upper.ok_or(CentreError::NoKey { slot })?)
        } else {
            Source::Fresh
        };
        let transport = self.transport(given.holder, to)?;
        let (key, seats) = self.apply(given, INDEX)?;
        self.generate(key, seats, source, Hands::default())?;
        self.hand_over(key, transport, to)?;
        self.in_use(key, seats)?;
        Ok(key)
    }

    /// Hands a key that was made to somebody's store, in a container.
    fn hand_over(
        &mut self,
        key: KeyNumber,
        transport: KeyNumber,
        to: &mut Store,
    ) -> Result<(), CentreError> {
        let custodians = FOUNDERS.map(|(role, person)| Seats::nation().officer(role, person));
        let done = self.act(Act::Export { key, transport }, &custodians[2..])?;
        let container = done.container.unwrap_or_default();
        to.custody.take_in(&container, key_label(transport))?;
        Ok(())
    }

    /// Hands a key of the nation's own to a store of whoever makes modules for it.
    ///
    /// # Errors
    /// [`CentreError`]: of keys that stay too.
    pub fn lend(&mut self, key: KeyNumber, to: &mut Store) -> Result<(), CentreError> {
        let transport = self.transport(InstitutionCode::national(), to)?;
        self.hand_over(key, transport, to)
    }

    /// Gives a key whose value is known, for tests that have cards of published test keys: its
    /// holder has it, and the room takes it in from the holder's container.
    ///
    /// # Errors
    /// [`CentreError`] naming who refuses.
    pub fn give_known(
        &mut self,
        given: &Given,
        to: &mut Store,
        value: &[u8],
    ) -> Result<KeyNumber, CentreError> {
        let transport = self.transport(given.holder, to)?;
        let (key, seats) = self.apply(given, INDEX)?;
        let name = self.name_of(key);
        to.custody
            .import_test(&name, TestKey::new(value.to_vec()))?;
        let container = to.custody.export(name.label, key_label(transport))?;
        let hands = Hands {
            container: Some(container),
            ..Hands::default()
        };
        self.generate(key, seats, Source::Container(transport), hands)?;
        self.in_use(key, seats)?;
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
        self.own_under(INDEX, purpose, algorithm)
    }

    /// The same under another key index.
    pub(crate) fn own_under(
        &mut self,
        index: u8,
        purpose: Purpose,
        algorithm: KeyAlgorithm,
    ) -> Result<KeyNumber, CentreError> {
        let holder = InstitutionCode::national();
        let slot = Slot {
            city: holder.city(),
            purpose,
            algorithm,
        };
        let (key, seats) = self.apply(&lasting(slot, holder), index)?;
        self.generate(key, seats, Source::Fresh, Hands::default())?;
        self.in_use(key, seats)?;
        Ok(key)
    }

    /// The authority stops a key for good.
    ///
    /// # Errors
    /// [`CentreError::Room`].
    pub fn revoke(&mut self, key: KeyNumber) -> Result<(), CentreError> {
        let cause = Cause::Compromise;
        self.by_supervisors(key, Step::Revoked, Act::Revoke { key, cause })
    }

    /// The authority stops a key for a time.
    ///
    /// # Errors
    /// [`CentreError::Room`].
    pub fn suspend(&mut self, key: KeyNumber) -> Result<(), CentreError> {
        let cause = Cause::Misuse;
        self.by_supervisors(key, Step::Suspended, Act::Suspend { key, cause })
    }

    fn by_supervisors(&mut self, key: KeyNumber, step: Step, act: Act) -> Result<(), CentreError> {
        let request = self.book().key(key).map(|life| *life.request());
        let seats = request.map_or(Seats::nation(), |request| Seats {
            province: request.province,
            holder: request.holder,
            city: request.slot.city,
        });
        self.act(act, &seats.of_step(step)).map(drop)
    }

    fn apply(&mut self, given: &Given, index: u8) -> Result<(KeyNumber, Seats), CentreError> {
        let city = given.slot.city;
        let province = self.book().cities().province_of(city);
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
                index,
                from: self.now,
                until: self.now.plus_s(given.days * DAY_S),
            }],
        };
        let done = self.act(Act::Apply(application), &seats.of_step(Step::Requested))?;
        let [key] = done.keys[..] else {
            unreachable!("an application of one line is for one key");
        };
        self.act(Act::Approve { key }, &seats.of_step(Step::Approved))?;
        Ok((key, seats))
    }

    fn generate(
        &mut self,
        key: KeyNumber,
        seats: Seats,
        source: Source,
        hands: Hands<'_>,
    ) -> Result<(), CentreError> {
        let act = Act::Generate { key, source };
        let officers = seats.of_step(Step::Generated);
        self.act_with(act, &officers, hands).map(drop)
    }

    fn in_use(&mut self, key: KeyNumber, seats: Seats) -> Result<(), CentreError> {
        let made = self
            .book()
            .key(key)
            .and_then(|life| life.custody().copied());
        let device = format!("C-{}", seats.holder);
        let custody = Custody {
            // What the demo and tests have is a file, and the book says so.
            kind: CustodyKind::TestFile,
            device: DeviceName::parse(&device).expect("capital letters, digits, a hyphen"),
            check: made.map_or(Check::Kcv([0; 3]), |custody| custody.check),
        };
        let act = Act::Distribute { key, custody };
        self.act(act, &seats.of_step(Step::Distributed))?;
        let overlap_days = self.overlap_days;
        let act = Act::Activate { key, overlap_days };
        self.act(act, &seats.of_step(Step::Activated)).map(drop)
    }

    /// The transport key between the room and a holder, which a store of the holder's has too: both
    /// take it in from the same two components.
    fn transport(
        &mut self,
        holder: InstitutionCode,
        to: &mut Store,
    ) -> Result<KeyNumber, CentreError> {
        let slot = Slot {
            city: holder.city(),
            purpose: Purpose::PersoTransport,
            algorithm: KeyAlgorithm::Sm4,
        };
        let key = if let Some(key) = self.book().current(slot, self.now) {
            key
        } else {
            let (key, seats) = self.apply(&lasting(slot, holder), INDEX)?;
            let (components, check) = components(&self.seed, key);
            let hands = Hands {
                components,
                ..Hands::default()
            };
            self.generate(key, seats, Source::Components(check), hands)?;
            self.in_use(key, seats)?;
            key
        };
        if to.custody.check(key_label(key)).is_err() {
            let (components, check) = components(&self.seed, key);
            to.custody.import(&self.name_of(key), components, check)?;
        }
        Ok(key)
    }

    /// What a key is called in its holder's store.
    fn name_of(&self, key: KeyNumber) -> KeyName {
        let life = self.book().key(key).expect("it was applied for");
        let request = life.request();
        KeyName {
            label: key_label(key),
            export: if request.holder == InstitutionCode::national() {
                Export::Never
            } else {
                Export::Whole
            },
            ..key_name(request.slot, request.index, request.version)
        }
    }

    /// Carries an act out that these officers sign.
    pub(crate) fn act(&mut self, act: Act, officers: &[Officer]) -> Result<Done, CentreError> {
        self.act_with(act, officers, Hands::default())
    }

    fn act_with(
        &mut self,
        act: Act,
        officers: &[Officer],
        hands: Hands<'_>,
    ) -> Result<Done, CentreError> {
        for officer in officers {
            self.admit(officer)?;
        }
        let mut approval = self.room.propose(act, self.now.plus_s(DAY_S));
        for officer in officers {
            // The room verifies it; an officer in this process does not look twice.
            let signature = self.cast.key(officer).sign(&approval.signed_bytes(officer));
            approval.by.push((*officer, signature));
        }
        let hands = Hands {
            custody: Some(&mut self.custody),
            components: hands.components,
            container: hands.container,
        };
        Ok(self.room.carry_out(&approval, hands, self.now)?)
    }

    /// Registers an officer who is not yet in the register.
    fn admit(&mut self, officer: &Officer) -> Result<(), CentreError> {
        if self.cast.knows(officer) {
            return Ok(());
        }
        let credential = self.cast.enlist(*officer, self.now);
        let by = [Role::NationOfficer, Role::NationApprover];
        let by = by.map(|role| Seats::nation().officer(role, 1));
        self.act(Act::Register(Box::new(credential)), &by).map(drop)
    }

    /// Anchors every day that is over.
    ///
    /// # Errors
    /// [`CentreError`] when the anchor key does not sign.
    pub fn anchor(&mut self) -> Result<(), CentreError> {
        self.room.anchor(&mut self.custody, self.now)?;
        Ok(())
    }

    /// Everything that the room has written down, its custody too.
    ///
    /// # Errors
    /// [`CentreError`] when the custody cannot be read.
    pub fn files(&self) -> Result<RoomFiles, CentreError> {
        let medium = self.room.medium();
        let mut files: Vec<_> = File::ALL
            .iter()
            .map(|file| (file.name(), medium.bytes(*file)))
            .collect();
        let path = self.folder.join(CUSTODY_FILE);
        let custody = std::fs::read(&path).map_err(|source| CentreError::File { path, source })?;
        files.push((CUSTODY_FILE, custody));
        let slot = crate::nation_slot(Purpose::AuditAnchor);
        let number = self.book().current(slot, self.now);
        Ok(RoomFiles {
            files,
            anchor_key: (
                number.map_or(0, KeyNumber::get),
                self.public(Purpose::AuditAnchor)?,
            ),
        })
    }

    /// Both books as nodes are given them.
    ///
    /// # Errors
    /// [`CentreError`] when the centre's key does not sign.
    pub fn extract(&mut self) -> Result<Vec<u8>, CentreError> {
        Ok(self.room.extract(&mut self.custody, self.now)?)
    }

    /// The key that extracts verify under.
    ///
    /// # Errors
    /// [`CentreError`] when the custody does not show it.
    pub fn extract_key(&self) -> Result<PublicKey, CentreError> {
        self.public(Purpose::FileSignature)
    }

    /// The public half of an SM2 key of the nation's own that is in use.
    ///
    /// # Errors
    /// [`CentreError`] when none is, or the custody does not show it.
    pub fn public(&self, purpose: Purpose) -> Result<PublicKey, CentreError> {
        let slot = crate::nation_slot(purpose);
        let key = self.book().current(slot, self.now);
        let key = key.ok_or(CentreError::NoKey { slot })?;
        match self.custody.public(key_label(key))? {
            PublicPart::Sm2(key) => Ok(key),
            PublicPart::Rsa(_) => Err(SignerFault::Wrong.into()),
        }
    }
}

impl KeyCentre {
    /// The nation's clerk signs with a key of the nation's own that is in use: by permit, and with
    /// a line for it.
    ///
    /// # Errors
    /// [`SignerFault`] when there is no permit, or the custody does not sign.
    ///
    /// # Panics
    /// Never: the clerk's name is a short word.
    pub fn sign(&mut self, purpose: Purpose, message: &[u8]) -> Result<Signature, SignerFault> {
        let slot = crate::nation_slot(purpose);
        let asked = Use {
            city: slot.city,
            purpose,
            usage: Usage::Make,
        };
        let key = self.book().current(slot, self.now);
        let key = key.ok_or(SignerFault::Refused)?;
        let permit = self.room.permit(key, asked, self.now);
        let permit = permit.map_err(|_| SignerFault::Refused)?;
        let who = OnBehalf {
            institution: InstitutionCode::national(),
            actor: Word::parse("clerk").expect("a short word"),
            permit: Some(permit.rests_on()),
        };
        let (label, custody, now) = (key_label(key), &mut self.custody, self.now);
        let signed = self
            .room
            .use_keys(("file.sign", &[]), who, custody, now, |custody| {
                custody.sign(label, SignScheme::Sm2, message)
            });
        match signed {
            Ok(Signed::Sm2(signature)) => Ok(signature),
            Ok(Signed::Rsa(_)) => Err(SignerFault::Wrong),
            Err(_) => Err(SignerFault::Unreachable),
        }
    }

    /// An SM2 key of the nation's own. Danger: it is in the clear then.
    ///
    /// # Errors
    /// [`CentreError`] when none is in use, or the custody does not open it.
    ///
    /// # Panics
    /// Never: what is in a custody under SM2 is an SM2 key.
    pub fn danger_own_key(&self, purpose: Purpose) -> Result<SecretKey, CentreError> {
        let slot = crate::nation_slot(purpose);
        let key = self.book().current(slot, self.now);
        let key = key.ok_or(CentreError::NoKey { slot })?;
        let bytes = self.custody.danger_test_key(key_label(key))?;
        let bytes = bytes[..].try_into().expect("32 bytes");
        Ok(SecretKey::from_bytes(bytes).expect("a key of a custody"))
    }
}

impl Seats {
    /// Officers who may take a step of a key.
    fn of_step(self, step: Step) -> Vec<Officer> {
        let duty = Duty::of(step);
        self.officers(duty.first, duty.second)
    }
}

/// What is held for as long as anything here.
const fn lasting(slot: Slot, holder: InstitutionCode) -> Given {
    Given {
        slot,
        holder,
        days: OWN_DAYS,
        is_derived: false,
    }
}

/// The two letters with which a transport key is carried, and the check value of the whole.
fn components(seed: &[u8], key: KeyNumber) -> (Vec<Component>, Check) {
    let mut chance = entropy(seed, &format!("components of key {key}"));
    let mut parts = [[0; 16]; 2];
    for part in &mut parts {
        chance(part);
    }
    let kcv = |bytes: [u8; 16]| BlockKey::new(Algorithm::Sm4, bytes).kcv();
    let whole = core::array::from_fn(|at| parts[0][at] ^ parts[1][at]);
    let letters = parts.map(|part| Component::new(part.to_vec(), kcv(part)));
    (letters.into(), Check::Kcv(kcv(whole)))
}
