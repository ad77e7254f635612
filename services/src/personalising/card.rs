//! A card's keys: sealed for the card, and used for its proofs.

use tongtu_crypto::Algorithm;
use tongtu_ecash::cryptogram::{card_factor, file_factor};
use tongtu_hsm::{CardSession, Custody, CustodyError, Fill, KeyPath, Label, MacScheme, Wrapped};
use tongtu_keyring::Check;
use tongtu_keyring::code::{KeyAlgorithm, Purpose};
use tongtu_purse::field::{DateTime, Serial};
use tongtu_purse::keys::KeyUse;
use tongtu_purse::perso::{Group, single};
use tongtu_purse::profile::Profile;
use tongtu_purse::proof::{Code, Deal};
use tongtu_types::CardNumber;

use super::error::PersonalisingError;
use super::master::{CardIssuer, MASTERS, Master, master_label};

/// A group of personalisation data, ready to be carried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedGroup {
    /// Its identifier (DGI).
    pub id: u16,
    /// Its value.
    pub value: Vec<u8>,
    /// Whether the value is enciphered under the card's data key already.
    pub is_enciphered: bool,
}

/// The label of an issuer's master for a purse's key.
#[must_use]
pub fn purse_key(
    issuer: &CardIssuer,
    key: KeyUse,
    index: u8,
    algorithm: Algorithm,
    version: u8,
) -> Option<Label> {
    let master = MASTERS
        .iter()
        .find(|master| (master.of_purse, master.index) == (Some(key), index))?;
    Some(master_label(issuer.city(), master, algorithm, version))
}

/// The groups of a purse. Its keys are those that the issuer's masters give this card, each
/// enciphered under the card's data key, so that whoever carries the groups sees no key; every
/// other group is as the profile says, in the clear, the PIN too. Key sets of the profile are left
/// out.
///
/// The data key is one that the card has: AES or SM4, whose block is a whole key. SCP02 makes a new
/// data key for each channel out of one that only its domain has; it has no such groups.
///
/// # Errors
/// [`PersonalisingError`]: no masters here, another kind of data key, or a key that stays.
pub fn seal_purse(
    custody: &dyn Custody,
    profile: &Profile,
    version: u8,
    data_key: Label,
) -> Result<Vec<SealedGroup>, PersonalisingError> {
    must_be_data_key(custody, data_key)?;
    let seal = |label, factors: &[[u8; 8]]| match wrapped(custody, label, factors, data_key)? {
        Some(wrapped) => key_block(label, &wrapped).map(Some),
        None => Ok(None),
    };
    purse_groups(profile, version, seal, |_| None)
}

/// The same for the card at the other end of a channel, whatever its protocol: the custody has the
/// channel's data key. The PIN is enciphered too.
///
/// # Errors
/// [`PersonalisingError`]: no masters here, or a key that stays.
pub fn seal_purse_for(
    custody: &dyn Custody,
    profile: &Profile,
    version: u8,
    session: &CardSession,
) -> Result<Vec<SealedGroup>, PersonalisingError> {
    let seal = |label, factors: &[[u8; 8]]| {
        let path = KeyPath { label, factors };
        match custody.seal_for(&[path], Fill::Bare, session) {
            Ok(sealed) => {
                let found = sealed.bytes.len();
                let wrong = PersonalisingError::WrappedLength { label, found };
                match (<[u8; 16]>::try_from(sealed.bytes), &sealed.checks[..]) {
                    (Ok(bytes), [check]) => Ok(Some((bytes, *check))),
                    _ => Err(wrong),
                }
            }
            Err(CustodyError::Unknown { label: missing }) if missing == label => Ok(None),
            Err(error) => Err(error.into()),
        }
    };
    let is_pin = |group: &Group| group.id == tongtu_purse::perso::PIN;
    purse_groups(profile, version, seal, |group| {
        is_pin(group).then(|| session.encipher(&group.value))
    })
}

/// The groups of a purse: keys as `seal` gives them, and of the others those enciphered that
/// `encipher` says.
fn purse_groups(
    profile: &Profile,
    version: u8,
    seal: impl Fn(Label, &[[u8; 8]]) -> Result<Option<([u8; 16], [u8; 3])>, PersonalisingError>,
    encipher: impl Fn(&Group) -> Option<Vec<u8>>,
) -> Result<Vec<SealedGroup>, PersonalisingError> {
    let issuer = CardIssuer::of(profile.public.issuer)?;
    let factors = [profile.public.serial.factor()];
    let mut out: Vec<SealedGroup> = {
        let mut rest = profile.clone();
        rest.key_sets.clear();
        let groups = rest.groups().into_iter();
        groups
            .map(|group| {
                let enciphered = encipher(&group);
                SealedGroup {
                    id: group.id,
                    is_enciphered: enciphered.is_some(),
                    value: enciphered.unwrap_or_else(|| group.value.to_vec()),
                }
            })
            .collect()
    };
    let mut is_empty = true;
    for algorithm in [Algorithm::Tdes, Algorithm::Sm4] {
        let mut known = Vec::new();
        for (label, key, index) in purse_masters(&issuer, algorithm, version) {
            let Some((value, check)) = seal(label, &factors)? else {
                continue;
            };
            let id = single::single_id(algorithm, key, index)
                .expect("the table of masters has the places of a purse");
            known.push(((key, index), check));
            out.push(SealedGroup {
                id,
                value: value.to_vec(),
                is_enciphered: true,
            });
        }
        if known.is_empty() {
            continue;
        }
        is_empty = false;
        let checks = single::checks(algorithm, &known);
        out.push(SealedGroup {
            id: checks.id,
            value: checks.value.to_vec(),
            is_enciphered: false,
        });
    }
    if is_empty {
        return Err(PersonalisingError::NoMasters {
            city: issuer.city(),
            version,
        });
    }
    Ok(out)
}

/// The keys of an e-cash card (cryptograms, script MACs, script encipherment), each enciphered under
/// a transport key.
///
/// # Errors
/// [`PersonalisingError`]: a master that is not here, or that stays.
pub fn cash_keys(
    custody: &dyn Custody,
    issuer: &CardIssuer,
    number: &CardNumber,
    sequence: u8,
    algorithm: Algorithm,
    version: u8,
    transport: Label,
) -> Result<[Wrapped; 3], PersonalisingError> {
    let factors = [card_factor(number, sequence)];
    let key = |purpose| {
        let path = KeyPath {
            label: cash_label(issuer, purpose, algorithm, version),
            factors: &factors,
        };
        Ok::<_, PersonalisingError>(custody.wrap(path, transport)?)
    };
    Ok([
        key(Purpose::CashCryptogram)?,
        key(Purpose::CashMac)?,
        key(Purpose::CashCipher)?,
    ])
}

/// The opening keys of an e-cash's extension files, in the order of `files`, each enciphered under a
/// transport key.
///
/// # Errors
/// [`PersonalisingError`]: a master that is not here, or that stays.
pub fn cash_file_keys(
    custody: &dyn Custody,
    issuer: &CardIssuer,
    (number, sequence): (&CardNumber, u8),
    files: &[u8],
    (algorithm, version): (Algorithm, u8),
    transport: Label,
) -> Result<Vec<Wrapped>, PersonalisingError> {
    let label = cash_label(issuer, Purpose::CashFile, algorithm, version);
    let key = |sfi: &u8| {
        let factors = [card_factor(number, sequence), file_factor(*sfi)];
        let path = KeyPath {
            label,
            factors: &factors,
        };
        Ok(custody.wrap(path, transport)?)
    };
    files.iter().map(key).collect()
}

/// The label of an issuer's master for an e-cash.
pub(super) fn cash_label(
    issuer: &CardIssuer,
    purpose: Purpose,
    algorithm: Algorithm,
    version: u8,
) -> Label {
    let master = MASTERS.iter().find(|master| master.purpose == purpose);
    let master = master.expect("the table has the four of the e-cash");
    master_label(issuer.city(), master, algorithm, version)
}

/// Verifies the TAC of a purchase under the issuer's master for TACs.
///
/// # Errors
/// [`CustodyError::Mac`] when it does not hold; otherwise why it could not be verified.
pub fn verify_purchase_tac(
    custody: &dyn Custody,
    tac_master: Label,
    serial: Serial,
    deal: &Deal,
    terminal_sequence: u32,
    at: DateTime,
    tac: Code,
) -> Result<(), CustodyError> {
    let path = KeyPath {
        label: tac_master,
        factors: &[serial.factor()],
    };
    let message = deal.purchase_tac_message(terminal_sequence, at);
    custody.verify_mac(path, MacScheme::Tac, &message, &tac)
}

/// Labels of an issuer's masters for a purse, with the keys that they give.
fn purse_masters(
    issuer: &CardIssuer,
    algorithm: Algorithm,
    version: u8,
) -> impl Iterator<Item = (Label, KeyUse, u8)> + use<> {
    let city = issuer.city();
    MASTERS.iter().filter_map(move |master: &Master| {
        let label = master_label(city, master, algorithm, version);
        Some((label, master.of_purse?, master.index))
    })
}

/// The enciphered key, if its master is here.
pub(super) fn wrapped(
    custody: &dyn Custody,
    label: Label,
    factors: &[[u8; 8]],
    by: Label,
) -> Result<Option<Wrapped>, PersonalisingError> {
    match custody.wrap(KeyPath { label, factors }, by) {
        Ok(wrapped) => Ok(Some(wrapped)),
        Err(CustodyError::Unknown { label: missing }) if missing == label => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The sixteen bytes of an enciphered key, and its check value.
pub(super) fn key_block(
    label: Label,
    wrapped: &Wrapped,
) -> Result<([u8; 16], [u8; 3]), PersonalisingError> {
    let wrong = PersonalisingError::WrappedLength {
        label,
        found: wrapped.bytes.len(),
    };
    match (<[u8; 16]>::try_from(&wrapped.bytes[..]), wrapped.check) {
        (Ok(bytes), Check::Kcv(check)) => Ok((bytes, check)),
        _ => Err(wrong),
    }
}

fn must_be_data_key(custody: &dyn Custody, label: Label) -> Result<(), PersonalisingError> {
    let algorithm = custody.check(label)?.name.slot.algorithm;
    if matches!(algorithm, KeyAlgorithm::Aes | KeyAlgorithm::Sm4) {
        Ok(())
    } else {
        Err(PersonalisingError::DataKey { label, algorithm })
    }
}
