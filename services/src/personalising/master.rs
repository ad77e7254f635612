//! The masters of cards' keys: the nation's, and each issuer's below them.
//!
//! Levels: the issuer's identifier (8 bytes of file 0x15), then the card. An issuer's master is the
//! nation's diversified once, so that a module with the nation's and an issuer with its own give a
//! card the same key. UNSPECIFIED: that e-cash masters of issuers come from the nation's in the
//! same way; payment schemes let each issuer make its own, and one that did imports it.

use tongtu_crypto::Algorithm;
use tongtu_hsm::{Custody, CustodyError, Export, KeyInfo, KeyName, KeyPath, Label, Mark, TestKey};
use tongtu_keyring::Slot;
use tongtu_keyring::code::{KeyAlgorithm, Purpose};
use tongtu_purse::field::Institution;
use tongtu_purse::keys::KeyUse;
use tongtu_purse::profile::TEST_KEYS;
use tongtu_types::CityCode;

use super::error::PersonalisingError;

/// One kind of master: what its keys are for, and which of several they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Master {
    /// What for.
    pub purpose: Purpose,
    /// Which of a purse's keys of that purpose, from 1.
    pub index: u8,
    /// The word in its label, as the field abbreviates it.
    pub word: &'static str,
    /// Its key on a purse, if it is a purse's.
    pub of_purse: Option<KeyUse>,
}

const fn purse(purpose: Purpose, index: u8, word: &'static str, key: KeyUse) -> Master {
    Master {
        purpose,
        index,
        word,
        of_purse: Some(key),
    }
}

const fn cash(purpose: Purpose, word: &'static str) -> Master {
    Master {
        purpose,
        index: 1,
        word,
        of_purse: None,
    }
}

/// Every master of cards: those of the purse, then the four of the e-cash.
pub const MASTERS: &[Master] = &[
    purse(Purpose::Purchase, 1, "DPK", KeyUse::Purchase),
    purse(Purpose::Purchase, 2, "DPK", KeyUse::Purchase),
    purse(Purpose::Purchase, 3, "DPK", KeyUse::Purchase),
    purse(Purpose::Purchase, 4, "DPK", KeyUse::Purchase),
    purse(Purpose::Load, 1, "DLK", KeyUse::Load),
    purse(Purpose::Load, 2, "DLK", KeyUse::Load),
    purse(Purpose::Unload, 1, "DULK", KeyUse::Unload),
    purse(Purpose::Unload, 2, "DULK", KeyUse::Unload),
    purse(Purpose::Tac, 1, "DTK", KeyUse::Tac),
    purse(Purpose::Overdraft, 1, "DUK", KeyUse::Overdraft),
    purse(Purpose::Maintenance, 1, "DAMK", KeyUse::Maintenance),
    purse(Purpose::ReloadPin, 1, "DRPK", KeyUse::ReloadPin),
    purse(Purpose::UnblockPin, 1, "DPUK", KeyUse::UnblockPin),
    purse(Purpose::External, 1, "DACK", KeyUse::External),
    purse(Purpose::Internal, 1, "DIACK", KeyUse::Internal),
    purse(Purpose::QuickUpdate, 1, "QUICK", KeyUse::QuickUpdate),
    cash(Purpose::CashCryptogram, "MKAC"),
    cash(Purpose::CashMac, "MKSMI"),
    cash(Purpose::CashCipher, "MKSMC"),
    cash(Purpose::CashFile, "MKFILE"),
];

/// First byte of the published run of sixteen that is a test master of the e-cash.
const TEST_CASH: [(Purpose, u8); 4] = [
    (Purpose::CashCryptogram, 0x40),
    (Purpose::CashMac, 0x50),
    (Purpose::CashCipher, 0x60),
    (Purpose::CashFile, 0x70),
];

/// The nation's own region.
pub(super) fn nation() -> CityCode {
    CityCode::parse("0000").expect("four digits")
}

/// What a master is called: region, kind, algorithm, index, version.
///
/// # Panics
/// Never: the longest has 24 characters.
#[must_use]
pub fn master_label(city: CityCode, master: &Master, algorithm: Algorithm, version: u8) -> Label {
    let set = match algorithm {
        Algorithm::Tdes => "3DES",
        Algorithm::Sm4 => "SM4",
    };
    let (word, index) = (master.word, master.index);
    Label::parse(&format!("{city}-{word}-{set}-{index}-V{version}"))
        .expect("four digits, a short word and small numbers")
}

pub(super) const fn book_algorithm(algorithm: Algorithm) -> KeyAlgorithm {
    match algorithm {
        Algorithm::Tdes => KeyAlgorithm::Tdes,
        Algorithm::Sm4 => KeyAlgorithm::Sm4,
    }
}

/// Label and attributes of a master.
#[must_use]
pub fn master_name(
    city: CityCode,
    master: &Master,
    algorithm: Algorithm,
    version: u8,
    mark: Mark,
) -> KeyName {
    // Modules of terminals have masters themselves, of these purposes only.
    let is_held = matches!(
        master.purpose,
        Purpose::Purchase | Purpose::Maintenance | Purpose::QuickUpdate | Purpose::Internal
    );
    KeyName {
        label: master_label(city, master, algorithm, version),
        slot: Slot {
            city,
            purpose: master.purpose,
            algorithm: book_algorithm(algorithm),
        },
        bits: 128,
        index: master.index,
        version,
        mark,
        export: if is_held {
            Export::Whole
        } else {
            Export::Below
        },
    }
}

/// An issuer of cards: its city, and its identifier as its cards carry it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CardIssuer {
    city: CityCode,
    id: Institution,
}

impl CardIssuer {
    /// Takes an issuer.
    ///
    /// # Errors
    /// [`PersonalisingError::IssuerCity`] when the identifier names another city.
    pub fn new(city: CityCode, id: Institution) -> Result<Self, PersonalisingError> {
        if id.city().code() == Some(city) {
            Ok(Self { city, id })
        } else {
            Err(PersonalisingError::IssuerCity { issuer: id, city })
        }
    }

    /// The issuer that a card names.
    ///
    /// # Errors
    /// [`PersonalisingError::Value`] when the identifier names no city.
    pub fn of(id: Institution) -> Result<Self, PersonalisingError> {
        let [a, b] = id.city().0;
        let city = CityCode::parse(&format!("{a:02X}{b:02X}"))?;
        Ok(Self { city, id })
    }

    /// Its city.
    #[must_use]
    pub const fn city(&self) -> CityCode {
        self.city
    }

    /// Its identifier.
    #[must_use]
    pub const fn id(&self) -> Institution {
        self.id
    }
}

/// Puts the published test keys into a test store as the nation's masters; those that are there
/// stay.
///
/// # Errors
/// [`PersonalisingError`]; a production store takes none of them.
pub fn found_test_nation(custody: &mut dyn Custody) -> Result<Vec<KeyInfo>, PersonalisingError> {
    let first_of = |master: &Master| match master.of_purse {
        Some(key) => TEST_KEYS
            .iter()
            .find(|(known, index, _)| (*known, *index) == (key, master.index))
            .map(|(_, _, first)| *first),
        None => TEST_CASH
            .iter()
            .find(|(purpose, _)| *purpose == master.purpose)
            .map(|(_, first)| *first),
    };
    each(&[Algorithm::Tdes, Algorithm::Sm4], |master, algorithm| {
        let Some(first) = first_of(master) else {
            return Ok(None);
        };
        let name = master_name(nation(), master, algorithm, 1, Mark::Test);
        let run = (0..16_u8).map(|at| first.wrapping_add(at));
        once(custody, &name, |custody| {
            custody
                .import_test(&name, TestKey::new(run.collect()))
                .map(drop)
        })
        .map(Some)
    })
}

/// Makes masters of the nation of fresh randomness; those that are there stay.
///
/// # Errors
/// [`PersonalisingError`]; what was made until then is there.
pub fn generate_nation(
    custody: &mut dyn Custody,
    algorithms: &[Algorithm],
    version: u8,
    mark: Mark,
) -> Result<Vec<KeyInfo>, PersonalisingError> {
    each(algorithms, |master, algorithm| {
        let name = master_name(nation(), master, algorithm, version, mark);
        once(custody, &name, |custody| custody.generate(&name).map(drop)).map(Some)
    })
}

/// Derives an issuer's masters from those of the nation that are here, and says each with its check
/// value, for the key book. Those that are there stay: asked again, the answer is the same.
///
/// # Errors
/// [`PersonalisingError`]; what was derived until then is there.
pub fn derive_masters(
    custody: &mut dyn Custody,
    issuer: &CardIssuer,
    version: u8,
) -> Result<Vec<KeyInfo>, PersonalisingError> {
    let known = custody.list()?;
    let derived = each(&[Algorithm::Tdes, Algorithm::Sm4], |master, algorithm| {
        let above = master_label(nation(), master, algorithm, version);
        let Some(upper) = known.iter().find(|key| key.name.label == above) else {
            return Ok(None);
        };
        let mut name = master_name(issuer.city(), master, algorithm, version, upper.name.mark);
        if upper.name.export == Export::Never {
            name.export = Export::Never;
        }
        let from = KeyPath {
            label: above,
            factors: &[issuer.id().0],
        };
        once(custody, &name, |custody| {
            custody.derive(from, &name).map(drop)
        })
        .map(Some)
    })?;
    if derived.is_empty() {
        return Err(PersonalisingError::NoMasters {
            city: nation(),
            version,
        });
    }
    Ok(derived)
}

/// Every master in these algorithms, whatever comes of it.
fn each(
    algorithms: &[Algorithm],
    mut make: impl FnMut(&Master, Algorithm) -> Result<Option<KeyInfo>, PersonalisingError>,
) -> Result<Vec<KeyInfo>, PersonalisingError> {
    let mut made = Vec::new();
    for algorithm in algorithms {
        for master in MASTERS {
            made.extend(make(master, *algorithm)?);
        }
    }
    Ok(made)
}

/// Makes a key unless it is there; one of the same label that is something else is a fault.
pub(super) fn once(
    custody: &mut dyn Custody,
    name: &KeyName,
    make: impl FnOnce(&mut dyn Custody) -> Result<(), CustodyError>,
) -> Result<KeyInfo, PersonalisingError> {
    // Looked for first: a use that makes nothing would be told of in an audit chain all the same.
    if let Err(CustodyError::Unknown { .. }) = custody.check(name.label) {
        make(custody)?;
    }
    let info = custody.check(name.label)?;
    if info.name == *name {
        Ok(info)
    } else {
        Err(PersonalisingError::Occupied {
            label: name.label,
            expected: Box::new(*name),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_of_a_purse_has_a_master_and_every_label_is_its_own() {
        let mut labels = Vec::new();
        for algorithm in [Algorithm::Tdes, Algorithm::Sm4] {
            for master in MASTERS {
                labels.push(master_label(nation(), master, algorithm, 255));
            }
        }
        let count = labels.len();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), count);
        for at in 0..tongtu_purse::perso::single::PLACES {
            let place = tongtu_purse::perso::single::place(at);
            let masters = MASTERS
                .iter()
                .filter(|master| master.of_purse.map(|key| (key, master.index)) == place);
            assert_eq!(masters.count(), 1, "{place:?}");
        }
    }

    #[test]
    fn an_issuer_of_another_city_is_refused() {
        let city = CityCode::parse("2900").expect("four digits");
        let id = Institution([0x01, 0x01, 0x10, 0x00, 0xFF, 0xFF, 0xFF, 0xFF]);
        let refused = CardIssuer::new(city, id).map_err(|error| error.to_string());
        let expected = "issuer 01011000FFFFFFFF is not of city 2900";
        assert_eq!(refused, Err(expected.into()));
        let own = CardIssuer::of(id).expect("city 1000");
        assert_eq!(own.city().as_str(), "1000");
    }
}
