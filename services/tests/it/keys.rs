//! The keys of the test country, and what happens when one may not be used.

use std::path::{Path, PathBuf};

use tongtu_crypto::{Algorithm, BlockKey, PublicKey, SecretKey, diversify};
use tongtu_ecash::test_card::cryptogram_master;
use tongtu_hsm::Work;
use tongtu_keycentre::{Given, KeyCentre, Store};
use tongtu_keyring::code::{KeyAlgorithm, Purpose};
use tongtu_keyring::{Extract, KeyNumber, Slot};
use tongtu_purse::field::Institution;
use tongtu_purse::keys::KeyUse;
use tongtu_purse::profile::test_keys;
use tongtu_services::NodeKeys;
use tongtu_types::Timestamp;

use crate::country::{CITIES, NATION, PROVINCE, code, day, key};

/// A master's key for a city: one city, one key.
pub(crate) fn of_city(city: &str, master: &BlockKey) -> BlockKey {
    diversify::one_level(master, &Institution::of(code(city)).0)
}

/// A city's master of e-cash cryptograms.
pub(crate) fn cash_master(city: &str, algorithm: Algorithm) -> BlockKey {
    of_city(city, &cryptogram_master(algorithm))
}

/// The key centre and the stores of cities, on files.
pub(crate) struct Keys {
    pub(crate) centre: KeyCentre,
    folder: PathBuf,
    extract: Vec<u8>,
    /// Every key given, in order.
    pub(crate) given: Vec<(Slot, KeyNumber)>,
    /// What stands around a city's custody, where something does.
    pub(crate) around: Option<Around>,
}

/// A custody as a node has it.
pub(crate) type Desk = Box<dyn tongtu_hsm::Custody + Send>;

/// Puts something around a city's custody.
pub(crate) type Around = Box<dyn Fn(&str, Desk) -> Desk>;

const SEED: &[u8] = b"services";

impl Keys {
    pub(crate) fn new(folder: &Path) -> Self {
        let at = day().start_in_china().plus_s(-60 * 86_400);
        let centre = KeyCentre::found(folder, SEED, at, Work::FOR_TESTS).unwrap();
        let mut keys = Self {
            centre,
            folder: folder.to_path_buf(),
            extract: Vec::new(),
            given: Vec::new(),
            around: None,
        };
        for city in CITIES {
            let holder = code(city);
            let province = match city {
                crate::country::BEIJING_CODE => NATION,
                _ => PROVINCE,
            };
            let centre = &mut keys.centre;
            centre.register(holder.city(), code(province)).unwrap();
            let mut store = centre.store(city).unwrap();
            for (purpose, algorithm, value) in values(city) {
                keys.give(city, (purpose, algorithm), &mut store, &value);
            }
        }
        keys.extract = keys.centre.extract().unwrap();
        keys
    }

    /// The books as they are now.
    pub(crate) fn extract(&self) -> Extract {
        let key: PublicKey = self.centre.extract_key().unwrap();
        Extract::open(&self.extract, &key).unwrap()
    }

    /// Gives a city a key, or a newer version of it, into a store.
    fn give(&mut self, city: &str, key: (Purpose, KeyAlgorithm), store: &mut Store, value: &[u8]) {
        let (purpose, algorithm) = key;
        let slot = Slot {
            city: code(city).city(),
            purpose,
            algorithm,
        };
        let what = Given {
            slot,
            holder: code(city),
            days: 3650,
            is_derived: false,
        };
        let number = self.centre.give_known(&what, store, value);
        self.given.push((slot, number.unwrap()));
    }

    /// A newer version of every key that a city's purses have, of other values; no node may have
    /// the store meanwhile.
    pub(crate) fn renew_purses(&mut self, city: &str, at: Timestamp, value: u8) {
        self.centre.wait_until(at);
        let mut store = Store::open(&self.folder, city, SEED).unwrap();
        for purpose in [Purpose::Purchase, Purpose::Tac] {
            let value = [value ^ purpose.byte(); 16];
            self.give(city, (purpose, KeyAlgorithm::Sm4), &mut store, &value);
        }
        self.extract = self.centre.extract().unwrap();
    }

    /// A newer version of a city's issuing key; no node may have the store meanwhile.
    pub(crate) fn renew_issuing(&mut self, city: &str, at: Timestamp, key: &SecretKey) {
        self.centre.wait_until(at);
        let mut store = Store::open(&self.folder, city, SEED).unwrap();
        let value = key.danger_to_bytes();
        let which = (Purpose::RideCode, KeyAlgorithm::Sm2);
        self.give(city, which, &mut store, &value[..]);
        self.extract = self.centre.extract().unwrap();
    }

    /// A key for a city's anchors; no node may have the store meanwhile.
    pub(crate) fn give_anchors(&mut self, city: &str) {
        let mut store = Store::open(&self.folder, city, SEED).unwrap();
        let value = key(&format!("anchors {city}")).danger_to_bytes();
        let which = (Purpose::AuditAnchor, KeyAlgorithm::Sm2);
        self.give(city, which, &mut store, &value[..]);
        self.extract = self.centre.extract().unwrap();
    }

    /// A newer version of a city's purchase key, in a store of whoever makes cards and modules.
    pub(crate) fn renew_purchase(&mut self, city: &str, at: Timestamp) {
        self.centre.wait_until(at);
        self.centre.overlap(60);
        let mut store = self.centre.store("personaliser").unwrap();
        let which = (Purpose::Purchase, KeyAlgorithm::Sm4);
        self.give(city, which, &mut store, &[0x52; 16]);
        self.extract = self.centre.extract().unwrap();
    }

    /// Certifies a city's issuing key at the centre, and takes the certificate away again; no node
    /// may have the store meanwhile. Gives its serial number.
    pub(crate) fn revoke_certificate(&mut self, city: &str, at: Timestamp) -> [u8; 3] {
        let root = "1240".parse().unwrap();
        self.centre.root(2, root).unwrap();
        let mut store = Store::open(&self.folder, city, SEED).unwrap();
        let month = "1230".parse().unwrap();
        let certificate = self
            .centre
            .certify(code(city), (2, month), &mut store, 1)
            .unwrap();
        self.centre.wait_until(at);
        self.centre.revoke_certificate(code(city)).unwrap();
        self.extract = self.centre.extract().unwrap();
        certificate.serial
    }

    /// Lets the centre do something at a moment; gives the books after it.
    pub(crate) fn after(&mut self, at: Timestamp, change: impl FnOnce(&mut KeyCentre)) -> Extract {
        self.centre.wait_until(at);
        change(&mut self.centre);
        self.extract = self.centre.extract().unwrap();
        self.extract()
    }

    /// The books as they are, said to have been made at a moment.
    pub(crate) fn said_to_be_of(&mut self, made_at: Timestamp) -> Extract {
        let mut bytes = self.centre.extract().unwrap();
        bytes.truncate(bytes.len() - 64);
        let at = b"TTKX".len() + 1;
        bytes[at..at + 8].copy_from_slice(&made_at.get().to_be_bytes());
        let key = key("whoever");
        bytes.extend(key.sign(&bytes).0);
        Extract::open(&bytes, key.public()).unwrap()
    }

    /// What a node is given.
    pub(crate) fn of(&self, text: &str) -> NodeKeys {
        let custody = CITIES.contains(&text).then(|| {
            let store = Store::open(&self.folder, text, SEED).unwrap();
            let custody: Desk = Box::new(store.custody);
            match &self.around {
                Some(around) => around(text, custody),
                None => custody,
            }
        });
        NodeKeys::new(code(text).city(), self.extract(), custody).unwrap()
    }

    /// The number of a city's key.
    pub(crate) fn number(&self, city: &str, purpose: Purpose) -> KeyNumber {
        let of = code(city).city();
        let is_it = |slot: &Slot| slot.city == of && slot.purpose == purpose;
        let mut given = self.given.iter().rev();
        given.find(|(slot, _)| is_it(slot)).unwrap().1
    }
}

/// Purpose, algorithm and value of every key of a city.
fn values(city: &str) -> Vec<(Purpose, KeyAlgorithm, Vec<u8>)> {
    let signing = |name: &str| -> Vec<u8> {
        let key: SecretKey = key(&format!("{name} {city}"));
        key.danger_to_bytes().to_vec()
    };
    let mut values = vec![
        (Purpose::RideCode, KeyAlgorithm::Sm2, signing("issuer")),
        (Purpose::ListSignature, KeyAlgorithm::Sm2, signing("list")),
    ];
    for (algorithm, kind) in [
        (Algorithm::Tdes, KeyAlgorithm::Tdes),
        (Algorithm::Sm4, KeyAlgorithm::Sm4),
    ] {
        let factor = Institution::of(code(city)).0;
        let derived = |master: &BlockKey| diversify::bytes(master, &[factor]).to_vec();
        let purse = |of| derived(&test_keys(algorithm).key(of, 1).unwrap());
        values.push((Purpose::Purchase, kind, purse(KeyUse::Purchase)));
        values.push((Purpose::Tac, kind, purse(KeyUse::Tac)));
        let cash = derived(&cryptogram_master(algorithm));
        values.push((Purpose::CashCryptogram, kind, cash));
    }
    values
}
