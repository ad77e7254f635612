//! A batch of PSAMs: the keys of terminals' modules, enciphered for the modules.

use tongtu_crypto::Algorithm;
use tongtu_hsm::{Custody, Label, Mark};
use tongtu_keyring::Check;
use tongtu_keyring::code::{KeyAlgorithm, Purpose};
use tongtu_perso::{Batch, Module, Transport};
use tongtu_psam::PsamIdentity;
use tongtu_psam::command::{KeyPurpose, MacKeys};
use tongtu_psam::layout::{Finish, KeySlot, SlotRole};
use tongtu_types::{CityCode, InstitutionCode, Timestamp};

use super::card::{key_block, wrapped};
use super::error::PersonalisingError;
use super::master::{MASTERS, Master, master_label, nation};

/// Whose cards the modules of a batch serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Every city's: the nation's masters, two levels above a card.
    Nation,
    /// Those of the batch's own city: its issuer's masters, one level above a card. Such a module is
    /// told the card alone, without its issuer; our terminals name both, so these modules are for
    /// terminals of others.
    City,
}

/// What a batch is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchOrder {
    /// Its number at the sender.
    pub number: u32,
    /// The city that the modules are for.
    pub city: CityCode,
    /// Who sends it.
    pub sender: InstitutionCode,
    /// When it is made.
    pub made_at: Timestamp,
    /// Whose cards the modules serve.
    pub scope: Scope,
    /// Version of the masters.
    pub version: u8,
    /// The key that the blank modules have.
    pub transport: Label,
    /// Wrong MAC2 in a row that lock a module.
    pub mac2_failures_max: u8,
}

/// Makes a batch of these modules, every one with the same keys; each begins its terminal sequence
/// at 1.
///
/// # Errors
/// [`PersonalisingError`]: no masters here, masters that stay, or another kind of transport key.
pub fn make_batch(
    custody: &dyn Custody,
    order: &BatchOrder,
    modules: &[PsamIdentity],
) -> Result<Batch, PersonalisingError> {
    let transport = custody.check(order.transport)?;
    let algorithm = match transport.name.slot.algorithm {
        KeyAlgorithm::Tdes => Algorithm::Tdes,
        KeyAlgorithm::Sm4 => Algorithm::Sm4,
        algorithm => {
            return Err(PersonalisingError::TransportKey {
                label: order.transport,
                algorithm,
            });
        }
    };
    let kcv = match transport.check {
        Check::Kcv(kcv) => kcv,
        Check::Fingerprint(_) => [0; 3],
    };
    let keys = slots(custody, order)?;
    let modules = modules.iter().map(|identity| Module {
        identity: *identity,
        finish: Finish {
            first_sequence: 1,
            mac2_failures_max: order.mac2_failures_max,
        },
        keys: keys.clone(),
    });
    Ok(Batch {
        mark: match transport.name.mark {
            Mark::Test => tongtu_perso::Mark::Test,
            Mark::Production => tongtu_perso::Mark::Production,
        },
        number: order.number,
        city: order.city,
        sender: order.sender,
        made_at: order.made_at,
        transport: Transport { algorithm, kcv },
        modules: modules.collect(),
    })
}

/// The keys of every module of a batch, as far as their masters are here.
fn slots(custody: &dyn Custody, order: &BatchOrder) -> Result<Vec<KeySlot>, PersonalisingError> {
    let (city, levels) = match order.scope {
        Scope::Nation => (nation(), 2),
        Scope::City => (order.city, 1),
    };
    let mut out = Vec::new();
    let mut purchases = 0_usize;
    for algorithm in [Algorithm::Tdes, Algorithm::Sm4] {
        for master in MASTERS {
            let Some((role, purpose, index, version)) = place(master, algorithm, order.version)
            else {
                continue;
            };
            let label = master_label(city, master, algorithm, order.version);
            let Some(found) = wrapped(custody, label, &[], order.transport)? else {
                continue;
            };
            let (key, kcv) = key_block(label, &found)?;
            purchases += usize::from(role == SlotRole::Purchase);
            out.push(KeySlot {
                role,
                purpose,
                index,
                version,
                levels,
                algorithm: match algorithm {
                    Algorithm::Tdes => 0x00,
                    Algorithm::Sm4 => 0x04,
                },
                key,
                kcv,
            });
        }
    }
    if purchases == 0 {
        return Err(PersonalisingError::NoMasters {
            city,
            version: order.version,
        });
    }
    Ok(out)
}

/// Where a module has a master, if it has it: role, purpose of DELIVERY KEY, index, version.
///
/// UNSPECIFIED: how a module tells several keys for purchases apart. What a card answers in its
/// initialisation is the key's number in its set, so that is the version here.
fn place(master: &Master, algorithm: Algorithm, version: u8) -> Option<(SlotRole, u8, u8, u8)> {
    const IDS: MacKeys = MacKeys::USUAL;
    let crypt = |purpose: KeyPurpose, tdes: u8, sm4: u8| {
        let id = match algorithm {
            Algorithm::Tdes => tdes,
            Algorithm::Sm4 => sm4,
        };
        Some((SlotRole::Crypt, purpose.get(), id, version))
    };
    match master.purpose {
        Purpose::Purchase => Some((SlotRole::Purchase, 0, master.index, master.index)),
        Purpose::Maintenance => crypt(KeyPurpose::MAC, IDS.lock_tdes, IDS.lock_sm4),
        Purpose::QuickUpdate => crypt(KeyPurpose::MAC, IDS.update_tdes, IDS.update_sm4),
        Purpose::Internal => crypt(KeyPurpose::INTERNAL, 0x01, 0x41),
        _ => None,
    }
}
