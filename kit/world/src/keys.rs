//! The country's keys: every one went through its whole life in the key book, and none is known by
//! a word of the seed.
//!
//! The nation registers cities, provinces apply, two officers sign each step, the nation's store
//! makes the key or derives it from the nation's, and the city's store takes it in from a
//! container. Whoever personalises cards and modules has masters under a transport key of its own.
//! Riders' phones and terminals make their own keys, which no book has.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tongtu_codec::hex_encode;
use tongtu_crypto::{Algorithm, BlockKey, PublicKey, SecretKey, Signer as _, diversify};
use tongtu_ecash::perso::CardKeys;
use tongtu_hsm::{Component, Custody, CustodySigner, KeyPath, Label, PublicPart, SealedCustody};
use tongtu_keycentre::{AuditFiles, CentreError, Given, KeyCentre, Store, entropy, key_name};
use tongtu_keyring::code::{KeyAlgorithm, Purpose};
use tongtu_keyring::{Check, Extract, Slot};
use tongtu_purse::field::{Institution, Serial};
use tongtu_purse::keys::{KeySet, KeyUse};
use tongtu_ride_code::layout::IssuerCertificate;
use tongtu_ride_code::{Root, UserCertificate, UserTerms};
use tongtu_services::{FaceKeys, NodeKeys};
use tongtu_types::{BusinessDay, InstitutionCode};
use zeroize::Zeroizing;

use crate::WorldError;
use crate::country::{CA_INDEX, CITIES, NODES, STRANGER};
use crate::seed::Seed;

/// Days that a key lasts.
const TERM_DAYS: i64 = 3650;
/// Founded so long before the first day, seconds: the founding day is anchored by then.
const FOUNDED_BEFORE_S: i64 = 2 * 86_400;

/// Every purpose of a purse, with what the card calls it.
const PURSE: [(Purpose, KeyUse); 11] = [
    (Purpose::Purchase, KeyUse::Purchase),
    (Purpose::Load, KeyUse::Load),
    (Purpose::Unload, KeyUse::Unload),
    (Purpose::Overdraft, KeyUse::Overdraft),
    (Purpose::Tac, KeyUse::Tac),
    (Purpose::Maintenance, KeyUse::Maintenance),
    (Purpose::ReloadPin, KeyUse::ReloadPin),
    (Purpose::UnblockPin, KeyUse::UnblockPin),
    (Purpose::External, KeyUse::External),
    (Purpose::Internal, KeyUse::Internal),
    (Purpose::QuickUpdate, KeyUse::QuickUpdate),
];
/// Every purpose of an e-cash.
const CASH: [Purpose; 3] = [
    Purpose::CashCryptogram,
    Purpose::CashMac,
    Purpose::CashCipher,
];
/// What a city signs with.
const SIGNING: [Purpose; 3] = [
    Purpose::RideCode,
    Purpose::ListSignature,
    Purpose::FileSignature,
];
const BOTH: [(Algorithm, KeyAlgorithm); 2] = [
    (Algorithm::Tdes, KeyAlgorithm::Tdes),
    (Algorithm::Sm4, KeyAlgorithm::Sm4),
];

/// A store's file and the key file that opens it.
#[derive(Clone)]
pub struct StoreFiles {
    /// The sealed keys.
    pub store: Vec<u8>,
    /// The secret that opens it. A test secret, which the seed gives.
    pub open: Vec<u8>,
}

/// Masters in the hands of whoever personalises.
type Masters = BTreeMap<(Purpose, KeyAlgorithm), Zeroizing<[u8; 16]>>;

/// The country's keys, as they stand on its first day.
pub struct CountryKeys {
    /// Both books, signed by the key centre.
    pub extract: Vec<u8>,
    /// The key that the centre signs with.
    pub centre: PublicKey,
    /// What the centre did, for whoever verifies it.
    pub audit: AuditFiles,
    stores: BTreeMap<usize, StoreFiles>,
    lists: BTreeMap<usize, PublicKey>,
    faces: BTreeMap<usize, Arc<FaceKeys>>,
    issuers: BTreeMap<usize, Masters>,
    nation: Masters,
    /// The neighbour that nobody here accepts is played by the demo itself.
    stranger: SecretKey,
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
    /// Founds the key centre and gives every city its keys.
    pub(crate) fn found(
        seed: Seed,
        first_day: BusinessDay,
    ) -> Result<(Self, Certified), WorldError> {
        let scratch = Scratch::new()?;
        let at = first_day
            .start_in_china()
            .plus_s(9 * 3600 - FOUNDED_BEFORE_S);
        let word = seed.0.to_be_bytes();
        let mut centre = KeyCentre::found(&scratch.0, &word, at)?;
        let expiry = "1240".parse().expect("a month");
        let root = centre.root(CA_INDEX, expiry)?;
        for (purpose, _) in PURSE {
            for (_, algorithm) in BOTH {
                centre.own(purpose, algorithm)?;
            }
        }
        let stranger = seed.key("neighbour");
        let mut keys = Self {
            extract: Vec::new(),
            centre: centre.extract_key()?,
            audit: centre.audit_files()?,
            stores: BTreeMap::new(),
            lists: BTreeMap::new(),
            faces: BTreeMap::new(),
            issuers: BTreeMap::new(),
            nation: personalising(centre.nation_mut(), &word, |_| {
                InstitutionCode::national().city()
            })?,
            stranger,
        };
        let certificates = keys.give_cities(&mut centre, &word)?;
        let neighbour = keys.give_neighbour(&mut centre)?;
        centre.wait(FOUNDED_BEFORE_S / 2);
        centre.anchor()?;
        keys.extract = centre.extract()?;
        keys.audit = centre.audit_files()?;
        let certified = Certified {
            root,
            cities: certificates,
            stranger: neighbour,
        };
        Ok((keys, certified))
    }

    fn give_cities(
        &mut self,
        centre: &mut KeyCentre,
        word: &[u8],
    ) -> Result<Vec<IssuerCertificate>, WorldError> {
        let mut certificates = Vec::new();
        for node in CITIES {
            let holder = NODES[node].institution();
            let province = NODES[node]
                .parent
                .expect("a city has a province or the nation");
            let province = InstitutionCode::parse(province).expect("eight digits");
            centre.register(holder.city(), province)?;
            let mut store = centre.store(NODES[node].id)?;
            let factor = Institution::of(holder).0;
            for (slot, factor) in city_slots(holder, factor) {
                let given = Given {
                    slot,
                    holder,
                    days: TERM_DAYS,
                    factor,
                };
                centre.give(&given, &mut store)?;
            }
            let expiry = "1230".parse().expect("a month");
            certificates.push(centre.certify(holder, (CA_INDEX, expiry), &mut store, 1)?);
            let label = |purpose, algorithm| {
                let city = holder.city();
                let slot = Slot {
                    city,
                    purpose,
                    algorithm,
                };
                key_name(slot, 1, 1).label
            };
            let list = label(Purpose::ListSignature, KeyAlgorithm::Sm2);
            if let PublicPart::Sm2(key) = store.custody.public(list).map_err(CentreError::from)? {
                self.lists.insert(node, key);
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
            let masters = personalising(&mut store, word, |_| holder.city())?;
            self.issuers.insert(node, masters);
        }
        Ok(certificates)
    }

    /// A neighbour under the same root: its key is known here, because the demo plays it.
    fn give_neighbour(&self, centre: &mut KeyCentre) -> Result<IssuerCertificate, WorldError> {
        let holder = InstitutionCode::parse(STRANGER).expect("eight digits");
        let province = NODES[1].institution();
        centre.register(holder.city(), province)?;
        let mut store = centre.store("neighbour")?;
        let given = Given {
            slot: Slot {
                city: holder.city(),
                purpose: Purpose::RideCode,
                algorithm: KeyAlgorithm::Sm2,
            },
            holder,
            days: TERM_DAYS,
            factor: None,
        };
        centre.give_known(&given, &mut store, &self.stranger.danger_to_bytes()[..])?;
        let expiry = "1230".parse().expect("a month");
        Ok(centre.certify(holder, (CA_INDEX, expiry), &mut store, 1)?)
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

    /// Writes what the key centre did, for anybody to verify: lines, anchors, and the key that
    /// anchors verify under, a number and 33 bytes in hex.
    ///
    /// # Errors
    /// [`WorldError`] when a file cannot be written.
    pub fn write_audit(&self, folder: &Path) -> Result<(), WorldError> {
        let (number, key) = &self.audit.key;
        let key = format!("{number} {}\n", hex_encode(&key.to_compressed()));
        for (name, bytes) in [
            ("audit-lines", &self.audit.lines[..]),
            ("audit-anchors", &self.audit.anchors),
            ("anchor-keys", key.as_bytes()),
        ] {
            let path = folder.join(name);
            std::fs::write(&path, bytes).map_err(|e| WorldError::file(&path, e))?;
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
    #[must_use]
    pub fn label(&self, node: usize, purpose: Purpose, algorithm: KeyAlgorithm) -> Label {
        let city = NODES[node].institution().city();
        let slot = Slot {
            city,
            purpose,
            algorithm,
        };
        key_name(slot, 1, 1).label
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
        let slot = Slot {
            city: issuer.issuer.city(),
            purpose: Purpose::RideCode,
            algorithm: KeyAlgorithm::Sm2,
        };
        let label = key_name(slot, 1, 1).label;
        self.with_store(node, |custody| {
            let mut signer = CustodySigner::new(custody, label).map_err(CentreError::from)?;
            let issued = terms.iter().map(|terms| {
                UserCertificate::issue_with(issuer, terms, |bytes| {
                    Ok::<_, WorldError>(signer.sign(bytes).map_err(CentreError::from)?)
                })
            });
            issued.collect()
        })?
    }

    /// The key that a city's lists verify under.
    ///
    /// # Panics
    /// When the node is no city.
    #[must_use]
    pub fn list_key(&self, node: usize) -> &PublicKey {
        self.lists.get(&node).expect("asked for a city's node only")
    }

    /// A city's keys of faces.
    ///
    /// # Panics
    /// When the node is no city.
    #[must_use]
    pub fn faces(&self, node: usize) -> &FaceKeys {
        self.faces.get(&node).expect("asked for a city's node only")
    }

    /// The neighbour's key.
    #[must_use]
    pub const fn stranger(&self) -> &SecretKey {
        &self.stranger
    }

    /// The keys of a card of a city, one step below the city's; of a neighbour's card, two steps
    /// below the nation's.
    #[must_use]
    pub fn card(&self, home: usize, issuer: Institution, serial: Serial) -> [KeySet; 2] {
        let own = Institution::of(NODES[home].institution()) == issuer;
        let (masters, factors): (_, &[[u8; 8]]) = match self.issuers.get(&home) {
            Some(masters) if own => (masters, &[serial.factor()]),
            _ => (&self.nation, &[issuer.0, serial.factor()]),
        };
        BOTH.map(|(algorithm, kind)| {
            PURSE
                .iter()
                .fold(KeySet::new(algorithm), |set, (purpose, use_)| {
                    let master = masters.get(&(*purpose, kind));
                    let derived = master.map(|master| {
                        *diversify::bytes(&BlockKey::new(algorithm, **master), factors)
                    });
                    derived.map_or(set.clone(), |key| set.with(*use_, 1, key))
                })
        })
    }

    /// The keys of an e-cash of a city.
    ///
    /// # Panics
    /// When the node is no city.
    #[must_use]
    pub fn cash(&self, home: usize, algorithm: Algorithm, factor: [u8; 8]) -> CardKeys {
        let masters = self
            .issuers
            .get(&home)
            .expect("asked for a city's node only");
        let kind = match algorithm {
            Algorithm::Tdes => KeyAlgorithm::Tdes,
            Algorithm::Sm4 => KeyAlgorithm::Sm4,
        };
        let [cryptogram, mac, encipher] = CASH.map(|purpose| {
            let master = masters.get(&(purpose, kind)).expect("given to every city");
            *diversify::bytes(&BlockKey::new(algorithm, **master), &[factor])
        });
        CardKeys {
            cryptogram,
            mac,
            encipher,
        }
    }

    /// A master that modules are made with.
    #[must_use]
    pub fn module(&self, purpose: Purpose, algorithm: Algorithm) -> Option<Zeroizing<[u8; 16]>> {
        let kind = match algorithm {
            Algorithm::Tdes => KeyAlgorithm::Tdes,
            Algorithm::Sm4 => KeyAlgorithm::Sm4,
        };
        self.nation.get(&(purpose, kind)).cloned()
    }
}

fn open(folder: &Path, name: &str) -> Result<SealedCustody, WorldError> {
    let store = Store::open(folder, name, b"node").map_err(CentreError::from)?;
    Ok(store.custody)
}

/// Every key of a city, and by what those are derived that come from the nation's.
fn city_slots(holder: InstitutionCode, factor: [u8; 8]) -> Vec<(Slot, Option<[u8; 8]>)> {
    let slot = |purpose, algorithm| Slot {
        city: holder.city(),
        purpose,
        algorithm,
    };
    let mut slots = Vec::new();
    for (_, algorithm) in BOTH {
        slots.extend(PURSE.map(|(purpose, _)| (slot(purpose, algorithm), Some(factor))));
        slots.extend(CASH.map(|purpose| (slot(purpose, algorithm), None)));
    }
    slots.extend(SIGNING.map(|purpose| (slot(purpose, KeyAlgorithm::Sm2), None)));
    slots.push((slot(Purpose::FaceSeal, KeyAlgorithm::Sm4), None));
    slots
}

/// Hands the masters of a store to whoever personalises: enciphered under its transport key, and
/// deciphered in its machine.
fn personalising(
    store: &mut Store,
    word: &[u8],
    city: impl Fn(Purpose) -> tongtu_types::CityCode,
) -> Result<Masters, WorldError> {
    let transport = tongtu_hsm::KeyName {
        label: Label::parse("PERSO").expect("five capital letters"),
        ..key_name(
            Slot {
                city: InstitutionCode::national().city(),
                purpose: Purpose::PersoTransport,
                algorithm: KeyAlgorithm::Sm4,
            },
            1,
            1,
        )
    };
    let mut chance = entropy(word, "personalising");
    let mut parts = [[0; 16]; 2];
    parts.iter_mut().for_each(|part| chance(part));
    let kcv = |bytes| BlockKey::new(Algorithm::Sm4, bytes).kcv();
    let whole: [u8; 16] = core::array::from_fn(|at| parts[0][at] ^ parts[1][at]);
    let components = parts.map(|part| Component::new(part.to_vec(), kcv(part)));
    let check = Check::Kcv(kcv(whole));
    let imported = store.custody.import(&transport, components.into(), check);
    imported.map_err(CentreError::from)?;
    let machine = BlockKey::new(Algorithm::Sm4, whole);
    let mut masters = Masters::new();
    for purpose in PURSE.map(|(purpose, _)| purpose).into_iter().chain(CASH) {
        for (_, algorithm) in BOTH {
            let slot = Slot {
                city: city(purpose),
                purpose,
                algorithm,
            };
            let label = key_name(slot, 1, 1).label;
            if store.custody.check(label).is_err() {
                continue;
            }
            let wrapped = store.custody.wrap(KeyPath::of(label), transport.label);
            let wrapped = wrapped.map_err(CentreError::from)?;
            let mut bytes = Zeroizing::new([0; 16]);
            bytes.copy_from_slice(&wrapped.bytes);
            machine
                .decrypt_blocks(&mut bytes[..])
                .expect("sixteen bytes are a whole block");
            masters.insert((purpose, algorithm), bytes);
        }
    }
    Ok(masters)
}
