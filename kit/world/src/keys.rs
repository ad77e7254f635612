//! The country's keys: every one went through its whole life in the nation's key room, and none is
//! known by a word of the seed.
//!
//! The nation registers cities, provinces apply, two officers sign each step, the room's custody
//! makes the key or derives it from the nation's, and the holder's store takes it in from a
//! container. Whoever personalises cards and modules has masters in a store of its own
//! ([`crate::perso`]). Riders' phones, terminals and callers make their own keys, which no book has.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tongtu_codec::hex_encode;
use tongtu_crypto::{Algorithm, PublicKey, SecretKey, Signature, Signer as _};
use tongtu_ecash::oda::NumberHead;
use tongtu_ecash::oda::paper::{AuthorityPaper, IssuerPaper};
use tongtu_hsm::{Custody, CustodySigner, Label, PublicPart, SealedCustody, Work};
use tongtu_keycentre::{CentreError, Given, KeyCentre, RoomFiles, Store};
use tongtu_keyring::code::{KeyAlgorithm, Purpose};
use tongtu_keyring::{Extract, Slot};
use tongtu_purse::field::Institution;
use tongtu_ride_code::layout::IssuerCertificate;
use tongtu_ride_code::{Root, UserCertificate, UserTerms};
use tongtu_services::keyroom::key_label;
use tongtu_services::{FaceKeys, NodeKeys};
use tongtu_types::{BusinessDay, CityCode, InstitutionCode};

use crate::WorldError;
use crate::country::{CA_INDEX, CITIES, NODES, STRANGER};
use crate::perso::Desk;
use crate::seed::Seed;

/// Days that a key lasts.
const TERM_DAYS: i64 = 3650;
/// Founded so long before the first day, seconds: the founding day is anchored by then.
const FOUNDED_BEFORE_S: i64 = 2 * 86_400;

/// Every purpose of a purse.
const PURSE: [Purpose; 11] = [
    Purpose::Purchase,
    Purpose::Load,
    Purpose::Unload,
    Purpose::Overdraft,
    Purpose::Tac,
    Purpose::Maintenance,
    Purpose::ReloadPin,
    Purpose::UnblockPin,
    Purpose::External,
    Purpose::Internal,
    Purpose::QuickUpdate,
];
/// What the neighbour's cards need before a terminal here refuses them.
const STRANGE: [Purpose; 3] = [Purpose::Purchase, Purpose::Load, Purpose::Tac];
/// The nation's masters that are in terminals' modules.
const MODULE: [Purpose; 4] = [
    Purpose::Purchase,
    Purpose::Maintenance,
    Purpose::QuickUpdate,
    Purpose::Internal,
];
/// Every purpose of an e-cash whose keys issuers make for themselves.
const CASH: [Purpose; 3] = [
    Purpose::CashCryptogram,
    Purpose::CashMac,
    Purpose::CashCipher,
];
/// With what the e-cash authority certifies, and the indices under which terminals know its keys.
const AUTHORITIES: [(KeyAlgorithm, u8); 2] = [(KeyAlgorithm::Rsa, 0x03), (KeyAlgorithm::Sm2, 0x59)];
/// What a city signs with.
const SIGNING: [Purpose; 4] = [
    Purpose::RideCode,
    Purpose::ListSignature,
    Purpose::FileSignature,
    Purpose::AuditAnchor,
];
/// What all of the country's e-cash numbers begin with.
const CASH_HEAD: &str = "6299";
const BOTH: [KeyAlgorithm; 2] = [KeyAlgorithm::Tdes, KeyAlgorithm::Sm4];

/// A store's file and the key file that opens it.
#[derive(Clone)]
pub struct StoreFiles {
    /// The sealed keys.
    pub store: Vec<u8>,
    /// The secret that opens it. A test secret, which the seed gives.
    pub open: Vec<u8>,
}

/// The country's keys, as they stand on its first day.
pub struct CountryKeys {
    /// Both books, signed by the key room.
    pub extract: Vec<u8>,
    /// The key that the room signs with.
    pub centre: PublicKey,
    /// The room as it was when the country was founded, for whoever verifies it.
    pub room: RoomFiles,
    /// The key that the institution register verifies under.
    pub register: PublicKey,
    // The room itself, which signs registers; before the folder, so that its files are closed first.
    open: Mutex<KeyCentre>,
    /// The neighbour that nobody here accepts: its issuing key is used where it is.
    neighbour: Mutex<Store>,
    labels: BTreeMap<Slot, Label>,
    stores: BTreeMap<usize, StoreFiles>,
    lists: BTreeMap<usize, PublicKey>,
    anchors: BTreeMap<usize, PublicKey>,
    faces: BTreeMap<usize, Arc<FaceKeys>>,
    desks: BTreeMap<CityCode, Desk>,
    cash: CashPapers,
    _scratch: Scratch,
}

/// What the e-cash authority gave out.
#[derive(Debug, Default)]
struct CashPapers {
    /// Its public keys, as terminals take them.
    authorities: Vec<AuthorityPaper>,
    /// Issuers' certificates, by city.
    issuers: BTreeMap<(CityCode, KeyAlgorithm), IssuerPaper>,
}

impl fmt::Debug for CountryKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CountryKeys({} stores)", self.stores.len())
    }
}

/// The root and the certificates that came with the keys.
pub(crate) struct Certified {
    pub(crate) root: Root,
    pub(crate) cities: Vec<IssuerCertificate>,
    pub(crate) stranger: IssuerCertificate,
}

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A folder that is gone when it is not used any more.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self, WorldError> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tongtu-keys-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).map_err(|e| WorldError::file(&path, e))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is the system's to sweep.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl CountryKeys {
    /// Founds the key room and gives every city its keys.
    pub(crate) fn found(
        seed: Seed,
        first_day: BusinessDay,
    ) -> Result<(Self, Certified), WorldError> {
        let scratch = Scratch::new()?;
        let at = first_day
            .start_in_china()
            .plus_s(9 * 3600 - FOUNDED_BEFORE_S);
        let word = seed.0.to_be_bytes();
        // The words that open the custody are no secret: a guess may be cheap.
        let mut centre = KeyCentre::found(&scratch.0, &word, at, Work::FOR_TESTS)?;
        let expiry = "1240".parse().expect("a month");
        let root = centre.root(CA_INDEX, expiry)?;
        let mut modules = centre.store("modules")?;
        for purpose in PURSE {
            for algorithm in BOTH {
                let key = centre.own(purpose, algorithm)?;
                if MODULE.contains(&purpose) {
                    centre.lend(key, &mut modules)?;
                }
            }
        }
        for algorithm in BOTH {
            let key = centre.own(Purpose::CashFile, algorithm)?;
            centre.lend(key, &mut modules)?;
        }
        let mut authorities = Vec::new();
        for (algorithm, index) in AUTHORITIES {
            authorities.push(centre.cash_authority(algorithm, index)?);
        }
        centre.own(REGISTER.0, REGISTER.1)?;
        let mut neighbour = centre.store("neighbour")?;
        let mut given = Gifts::default();
        let mut cities = Vec::new();
        for node in CITIES {
            cities.push(given.city(&mut centre, node, &word)?);
        }
        let stranger = given.neighbour(&mut centre, &mut neighbour, &word)?;
        let nation = InstitutionCode::national().city();
        let desk = centre.store("modules-desk")?;
        let desk = Desk::set_up(nation, &mut modules, desk, &word)?;
        given.desks.insert(nation, desk);
        centre.wait(FOUNDED_BEFORE_S / 2);
        let extract = centre.extract()?;
        // The day of the founding is over, and its lines are anchored.
        centre.wait(DAY_S);
        centre.anchor()?;
        let keys = Self {
            extract,
            centre: centre.extract_key()?,
            room: centre.files()?,
            register: centre.public(REGISTER.0)?,
            open: Mutex::new(centre),
            neighbour: Mutex::new(neighbour),
            labels: given.labels,
            stores: given.stores,
            lists: given.lists,
            anchors: given.anchors,
            faces: given.faces,
            desks: given.desks,
            cash: CashPapers {
                authorities,
                issuers: given.issuers,
            },
            _scratch: scratch,
        };
        let certified = Certified {
            root,
            cities,
            stranger,
        };
        Ok((keys, certified))
    }

    /// The files of a city's store; none of a hub, which has no keys of its own.
    #[must_use]
    pub fn store(&self, node: usize) -> Option<&StoreFiles> {
        self.stores.get(&node)
    }

    /// Writes a node's store and book into a folder, under names that begin with `name`.
    ///
    /// # Errors
    /// [`WorldError`] when a file cannot be written.
    pub fn write(&self, node: usize, folder: &Path, name: &str) -> Result<(), WorldError> {
        let put = |ending: &str, bytes: &[u8]| {
            let path = folder.join(format!("{name}.{ending}"));
            std::fs::write(&path, bytes).map_err(|e| WorldError::file(&path, e))
        };
        put("book", &self.extract)?;
        if let Some(files) = self.stores.get(&node) {
            put("store", &files.store)?;
            put("open", &files.open)?;
        }
        Ok(())
    }

    /// Writes what the key room did, for anybody to verify: lines, anchors, and the key that
    /// anchors verify under, a number and 33 bytes in hex.
    ///
    /// # Errors
    /// [`WorldError`] when a file cannot be written.
    pub fn write_audit(&self, folder: &Path) -> Result<(), WorldError> {
        let (number, key) = &self.room.anchor_key;
        let key = format!("{number} {}\n", hex_encode(&key.to_compressed()));
        for (name, bytes) in [
            ("audit-lines", self.room.lines()),
            ("audit-anchors", self.room.anchors()),
            ("anchor-keys", key.as_bytes()),
        ] {
            put(folder, name, bytes)?;
        }
        Ok(())
    }

    /// Writes the whole key room, as `tongtu key room show` opens it: steps, approvals, events,
    /// audit chain and custody.
    ///
    /// # Errors
    /// [`WorldError`] when a file cannot be written.
    pub fn write_room(&self, folder: &Path) -> Result<(), WorldError> {
        for (name, bytes) in &self.room.files {
            put(folder, name, bytes)?;
        }
        Ok(())
    }

    /// What a node of the country signs and proves with, its store written into a folder.
    ///
    /// # Errors
    /// [`WorldError`] when the store does not open, or a key in it is not the book's.
    pub fn of_node(&self, node: usize, folder: &Path) -> Result<NodeKeys, WorldError> {
        let name = NODES[node].id;
        self.write(node, folder, name)?;
        let extract = Extract::open(&self.extract, &self.centre).map_err(CentreError::from)?;
        let custody = match self.stores.contains_key(&node) {
            true => Some(open(folder, name)?),
            false => None,
        };
        let city = NODES[node].institution().city();
        NodeKeys::new(city, extract, custody.map(|c| Box::new(c) as _))
            .map_err(|e| WorldError::node(node, e))
    }

    /// Opens a city's store in a folder that is gone afterwards, for whoever acts for the city
    /// outside its node.
    ///
    /// # Errors
    /// [`WorldError`] when the store does not open.
    pub fn with_store<T>(
        &self,
        node: usize,
        act: impl FnOnce(&mut SealedCustody) -> T,
    ) -> Result<T, WorldError> {
        let scratch = Scratch::new()?;
        self.write(node, &scratch.0, "city")?;
        Ok(act(&mut open(&scratch.0, "city")?))
    }

    /// What a city's key is called in its store.
    ///
    /// # Panics
    /// When nobody gave the city such a key.
    #[must_use]
    pub fn label(&self, node: usize, purpose: Purpose, algorithm: KeyAlgorithm) -> Label {
        let city = NODES[node].institution().city();
        let slot = Slot {
            city,
            purpose,
            algorithm,
        };
        *self.labels.get(&slot).expect("asked for a key of a city's")
    }

    /// User certificates that a city's issuing key signs, outside its node: for who measures.
    ///
    /// # Errors
    /// [`WorldError`] when the store does not open or sign.
    pub fn certify_users(
        &self,
        node: usize,
        issuer: &IssuerCertificate,
        terms: &[UserTerms],
    ) -> Result<Vec<UserCertificate>, WorldError> {
        let label = self.label(node, Purpose::RideCode, KeyAlgorithm::Sm2);
        self.with_store(node, |custody| {
            let issued = terms
                .iter()
                .map(|terms| issue(custody, label, issuer, terms));
            issued.collect()
        })?
    }

    /// A user certificate of the neighbour's.
    ///
    /// # Errors
    /// [`WorldError`] when its store does not sign.
    pub fn certify_stranger(
        &self,
        issuer: &IssuerCertificate,
        terms: &UserTerms,
    ) -> Result<UserCertificate, WorldError> {
        let slot = ride_code_slot(issuer.issuer.city());
        let label = self.labels.get(&slot).expect("given at the founding");
        issue(&mut self.neighbour().custody, *label, issuer, terms)
    }

    /// The neighbour's store of keys.
    pub fn neighbour(&self) -> MutexGuard<'_, Store> {
        // A test that failed elsewhere left it as it was.
        self.neighbour
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The nation signs the institution register, in its key room.
    pub(crate) fn register_signer(&self) -> RegisterSigner<'_> {
        RegisterSigner(self)
    }

    /// The register's key itself. Danger: it is in the clear then, for tests that sign registers with
    /// the program or look for the key where it must not be.
    ///
    /// # Errors
    /// [`WorldError`] when the custody does not open it.
    pub fn danger_register_key(&self) -> Result<SecretKey, WorldError> {
        Ok(self.open().danger_own_key(REGISTER.0)?)
    }

    fn open(&self) -> MutexGuard<'_, KeyCentre> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The desk that personalises for an issuer of cards; the nation's is that of modules.
    #[must_use]
    pub fn desk(&self, issuer: Institution) -> Option<&Desk> {
        let city = issuer.city().code()?;
        self.desks.get(&city)
    }

    /// The e-cash authority's public keys, as terminals take them.
    #[must_use]
    pub fn cash_authorities(&self) -> &[AuthorityPaper] {
        &self.cash.authorities
    }

    /// The certificate of a city's key that certifies e-cashes of an algorithm set.
    ///
    /// # Panics
    /// When the city has none: the neighbour issues no e-cashes.
    #[must_use]
    pub fn cash_issuer(&self, city: CityCode, algorithm: Algorithm) -> &IssuerPaper {
        let algorithm = match algorithm {
            Algorithm::Tdes => KeyAlgorithm::Rsa,
            Algorithm::Sm4 => KeyAlgorithm::Sm2,
        };
        let found = self.cash.issuers.get(&(city, algorithm));
        found.expect("asked for a city of the country only")
    }

    /// Writes what the e-cash authority gave out: its public keys and the issuers' certificates.
    ///
    /// # Errors
    /// [`WorldError`] when a file cannot be written.
    pub fn write_cash(&self, folder: &Path) -> Result<(), WorldError> {
        for paper in &self.cash.authorities {
            let name = format!("cash-authority-{:02x}", paper.authority.index);
            put(folder, &name, paper.text().as_bytes())?;
        }
        for ((city, algorithm), paper) in &self.cash.issuers {
            let name = format!("cash-issuer-{city}-{}", algorithm.en().to_ascii_lowercase());
            put(folder, &name, paper.text().as_bytes())?;
        }
        Ok(())
    }

    /// The nation's desk, which makes modules.
    ///
    /// # Panics
    /// Never: it is set up at the founding.
    #[must_use]
    pub fn module_desk(&self) -> &Desk {
        let nation = InstitutionCode::national().city();
        self.desks.get(&nation).expect("set up at the founding")
    }

    /// The key that a city's lists verify under.
    ///
    /// # Panics
    /// When the node is no city.
    #[must_use]
    pub fn list_key(&self, node: usize) -> &PublicKey {
        self.lists.get(&node).expect("asked for a city's node only")
    }

    /// The key that anchors of what a city's keys were used for verify under.
    ///
    /// # Panics
    /// When the node is no city.
    #[must_use]
    pub fn anchor_key(&self, node: usize) -> &PublicKey {
        let found = self.anchors.get(&node);
        found.expect("asked for a city's node only")
    }

    /// A city's keys of faces.
    ///
    /// # Panics
    /// When the node is no city.
    #[must_use]
    pub fn faces(&self, node: usize) -> &FaceKeys {
        self.faces.get(&node).expect("asked for a city's node only")
    }
}

/// Signs the institution register, where its key is.
pub(crate) struct RegisterSigner<'a>(&'a CountryKeys);

impl tongtu_crypto::Signer for RegisterSigner<'_> {
    fn public(&self) -> PublicKey {
        self.0.register.clone()
    }

    fn sign(&mut self, message: &[u8]) -> Result<Signature, tongtu_crypto::SignerFault> {
        self.0.open().sign(REGISTER.0, message)
    }
}

/// What the nation signs the institution register with.
const REGISTER: (Purpose, KeyAlgorithm) = (Purpose::ListSignature, KeyAlgorithm::Sm2);
const DAY_S: i64 = 86_400;

/// What was given so far.
#[derive(Default)]
struct Gifts {
    labels: BTreeMap<Slot, Label>,
    stores: BTreeMap<usize, StoreFiles>,
    lists: BTreeMap<usize, PublicKey>,
    anchors: BTreeMap<usize, PublicKey>,
    faces: BTreeMap<usize, Arc<FaceKeys>>,
    desks: BTreeMap<CityCode, Desk>,
    issuers: BTreeMap<(CityCode, KeyAlgorithm), IssuerPaper>,
}

impl Gifts {
    fn city(
        &mut self,
        centre: &mut KeyCentre,
        node: usize,
        word: &[u8],
    ) -> Result<IssuerCertificate, WorldError> {
        let holder = NODES[node].institution();
        let province = NODES[node]
            .parent
            .expect("a city has a province or the nation");
        let province = InstitutionCode::parse(province).expect("eight digits");
        centre.register(holder.city(), province)?;
        let mut store = centre.store(NODES[node].id)?;
        self.give(centre, holder, &mut store, &city_slots(holder.city()))?;
        let certificate = certify(centre, holder, &mut store)?;
        for (algorithm, _) in AUTHORITIES {
            let wanted = (cash_head(holder.city()), "1230".parse().expect("a month"));
            let paper = centre.certify_cash(holder, algorithm, wanted, &mut store)?;
            self.issuers.insert((holder.city(), algorithm), paper);
        }
        let labels = &self.labels;
        let label = |purpose, algorithm| {
            let city = holder.city();
            labels[&Slot {
                city,
                purpose,
                algorithm,
            }]
        };
        for (purpose, keys) in [
            (Purpose::ListSignature, &mut self.lists),
            (Purpose::AuditAnchor, &mut self.anchors),
        ] {
            let label = label(purpose, KeyAlgorithm::Sm2);
            if let PublicPart::Sm2(key) = store.custody.public(label).map_err(CentreError::from)? {
                keys.insert(node, key);
            }
        }
        let face = label(Purpose::FaceSeal, KeyAlgorithm::Sm4);
        let faces = FaceKeys::made_by(&store.custody, face).map_err(CentreError::from)?;
        self.faces.insert(node, Arc::new(faces));
        // The node's store is what it is before anybody personalises with it.
        let (file, open) = store.files();
        let read = |path: &Path| std::fs::read(path).map_err(|e| WorldError::file(path, e));
        let files = StoreFiles {
            store: read(&file)?,
            open: read(&open)?,
        };
        self.stores.insert(node, files);
        let desk = centre.store(&format!("{}-desk", NODES[node].id))?;
        let desk = Desk::set_up(holder.city(), &mut store, desk, word)?;
        self.desks.insert(holder.city(), desk);
        Ok(certificate)
    }

    /// A neighbour under the same root, whose riders and cards come here.
    fn neighbour(
        &mut self,
        centre: &mut KeyCentre,
        store: &mut Store,
        word: &[u8],
    ) -> Result<IssuerCertificate, WorldError> {
        let holder = InstitutionCode::parse(STRANGER).expect("eight digits");
        let city = holder.city();
        centre.register(city, NODES[1].institution())?;
        let mut slots = vec![(ride_code_slot(city), false)];
        for algorithm in BOTH {
            slots.extend(STRANGE.map(|purpose| {
                let slot = Slot {
                    city,
                    purpose,
                    algorithm,
                };
                (slot, true)
            }));
        }
        self.give(centre, holder, store, &slots)?;
        let certificate = certify(centre, holder, store)?;
        let desk = centre.store("neighbour-desk")?;
        self.desks
            .insert(city, Desk::set_up(city, store, desk, word)?);
        Ok(certificate)
    }

    fn give(
        &mut self,
        centre: &mut KeyCentre,
        holder: InstitutionCode,
        store: &mut Store,
        slots: &[(Slot, bool)],
    ) -> Result<(), WorldError> {
        for (slot, is_derived) in slots {
            let given = Given {
                slot: *slot,
                holder,
                days: TERM_DAYS,
                is_derived: *is_derived,
            };
            let key = centre.give(&given, store)?;
            self.labels.insert(*slot, key_label(key));
        }
        Ok(())
    }
}

/// What the card numbers (PAN) of a city's e-cashes begin with; its certificates say so.
///
/// # Panics
/// Never: six or eight digits are a head.
#[must_use]
pub fn cash_head(city: CityCode) -> NumberHead {
    let digits = format!("{CASH_HEAD}{city}");
    digits.parse().expect("eight digits are a head")
}

fn certify(
    centre: &mut KeyCentre,
    holder: InstitutionCode,
    store: &mut Store,
) -> Result<IssuerCertificate, WorldError> {
    let expiry = "1230".parse().expect("a month");
    Ok(centre.certify(holder, (CA_INDEX, expiry), store, 1)?)
}

fn issue(
    custody: &mut SealedCustody,
    label: Label,
    issuer: &IssuerCertificate,
    terms: &UserTerms,
) -> Result<UserCertificate, WorldError> {
    let mut signer = CustodySigner::new(custody, label).map_err(CentreError::from)?;
    UserCertificate::issue_with(issuer, terms, |bytes| {
        Ok::<_, WorldError>(signer.sign(bytes).map_err(CentreError::from)?)
    })
}

fn put(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), WorldError> {
    let path = folder.join(name);
    std::fs::write(&path, bytes).map_err(|e| WorldError::file(&path, e))
}

fn open(folder: &Path, name: &str) -> Result<SealedCustody, WorldError> {
    let store = Store::open(folder, name, b"node").map_err(CentreError::from)?;
    Ok(store.custody)
}

const fn ride_code_slot(city: CityCode) -> Slot {
    Slot {
        city,
        purpose: Purpose::RideCode,
        algorithm: KeyAlgorithm::Sm2,
    }
}

/// Every key of a city, and whether it is derived from the nation's.
fn city_slots(city: CityCode) -> Vec<(Slot, bool)> {
    let slot = |purpose, algorithm| Slot {
        city,
        purpose,
        algorithm,
    };
    let mut slots = Vec::new();
    for algorithm in BOTH {
        slots.extend(PURSE.map(|purpose| (slot(purpose, algorithm), true)));
        slots.extend(CASH.map(|purpose| (slot(purpose, algorithm), false)));
        slots.push((slot(Purpose::CashFile, algorithm), true));
    }
    slots.extend(AUTHORITIES.map(|(algorithm, _)| (slot(Purpose::CashIssuer, algorithm), false)));
    slots.extend(SIGNING.map(|purpose| (slot(purpose, KeyAlgorithm::Sm2), false)));
    slots.push((slot(Purpose::FaceSeal, KeyAlgorithm::Sm4), false));
    slots
}
