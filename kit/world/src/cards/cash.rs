//! E-cashes (电子现金): cards that pay without a purse, and what terminals need to take them.
//!
//! Each city's key certifies its own, one with RSA and one with SM2, and the nation's e-cash authority
//! certifies the cities': all of these keys are of the key room. Of `tongtu-ecash`'s test card there is
//! the profile that is no key: limits, lists and files.

use std::sync::Arc;

use tongtu_apdu::select::E_CASH;
use tongtu_card::factory::{Module, Preinstalled};
use tongtu_crypto::{Algorithm, RsaSecretKey, SecretKey};
use tongtu_ecash::cryptogram::{card_factor, composite_iv, file_factor};
use tongtu_ecash::oda::SigningKey;
use tongtu_ecash::{Amount, test_card};
use tongtu_hsm::{Custody as _, LentKey, MacScheme};
use tongtu_keyring::code::Purpose;
use tongtu_services::personalising::{MASTERS, master_label};
use tongtu_terminal::tap::{
    AuthorityKey, AuthorityTable, Cash, CashRules, RecordKeys, RecordUpdate, Unpredictable,
};
use tongtu_types::{InstitutionCode, TerminalNumber};

use super::people::Cardholder;
use crate::country::{CITIES, NODES};
use crate::keys::{CountryKeys, cash_head};
use crate::perso::VERSION;
use crate::seed::Seed;
use crate::{Country, WorldError};

/// Bits of a card's RSA key: the longest that a tap's answer has room for.
const CARD_RSA_BITS: usize = 1024;

/// A rider's e-cash as its issuer hands it out, with money on it. Its own key that signs is made on its
/// way, and nobody keeps a copy.
///
/// # Errors
/// [`WorldError::Personalising`] when the issuer's desk has no keys for it.
///
/// # Panics
/// Never: what is dealt fits a card.
pub fn application(
    holder: &Cardholder,
    country: &Country,
    index: usize,
) -> Result<Preinstalled, WorldError> {
    let keys = &country.keys;
    let mut profile = test_card::profile(holder.algorithm);
    profile.number = holder.number;
    let issuer = holder.issuer();
    let desk = keys.desk(issuer).expect("every city has a desk");
    let card = (&holder.number, profile.sequence);
    profile.keys = desk.cash(issuer, card, holder.algorithm)?;
    let files: Vec<u8> = profile.files.iter().map(|file| file.entry.sfi).collect();
    let opening = desk.cash_files(issuer, card, &files, holder.algorithm)?;
    for (file, key) in profile.files.iter_mut().zip(opening) {
        file.key = key;
    }
    let mut dice = country.seed.dice(&format!("card {index} makes its key"));
    let mut chance = |out: &mut [u8]| dice.fill(out);
    profile.signing_key = match holder.algorithm {
        Algorithm::Tdes => SigningKey::Rsa(
            RsaSecretKey::generate(CARD_RSA_BITS, &mut chance).expect("1024 bits are a key"),
        ),
        Algorithm::Sm4 => SigningKey::Sm2(SecretKey::generate(&mut chance)),
    };
    profile.balance = Amount::new(holder.loaded).expect("some hundred yuan");
    let city = issuer.city();
    if let Some(transport) = &mut profile.transport {
        transport.issuer = issuer.0;
        (transport.province, transport.city) = (city.0, city.0);
        transport.number = holder.number;
        transport.kind = holder.class.card_kind().0;
    }
    let region = NODES[holder.home].institution().city();
    let certificate = keys.cash_issuer(region, holder.algorithm).elements();
    let groups = desk.cash_groups(&profile, &certificate)?;
    Ok(Preinstalled {
        module: Module::Ecash,
        aid: E_CASH,
        label: b"MOT_T_CASH".to_vec(),
        priority: 1,
        parameters: Vec::new(),
        groups: groups.into_iter().map(Into::into).collect(),
    })
}

/// What makes a terminal take e-cashes of the country's issuers.
///
/// # Errors
/// [`WorldError::Personalising`] when the nation's desk has no keys of extension files.
///
/// # Panics
/// Never: what the authority hands out holds.
pub fn accepting(
    seed: Seed,
    keys: &CountryKeys,
    terminal: TerminalNumber,
) -> Result<Cash, WorldError> {
    let mut table = AuthorityTable::default();
    for paper in keys.cash_authorities() {
        table
            .take(AuthorityKey::of(paper))
            .expect("an authority's own paper holds");
    }
    let mut unpredictable = [0; 32];
    seed.dice(&format!("unpredictable {terminal}"))
        .fill(&mut unpredictable);
    let heads = CITIES.map(|node| cash_head(NODES[node].institution().city()).digits());
    Ok(Cash {
        rules: CashRules {
            issuers: heads.to_vec(),
            ..CashRules::default()
        },
        authorities: Arc::new(table),
        records: Some(Arc::new(FileKeys::of(keys)?)),
        unpredictable: Unpredictable::new(unpredictable),
    })
}

/// The nation's masters of extension files, as a terminal has them: lent, and never shown.
#[derive(Debug)]
struct FileKeys {
    tdes: LentKey,
    sm4: LentKey,
}

impl FileKeys {
    fn of(keys: &CountryKeys) -> Result<Self, WorldError> {
        let master = MASTERS
            .iter()
            .find(|master| master.purpose == Purpose::CashFile)
            .expect("the table has the four of the e-cash");
        let nation = InstitutionCode::national().city();
        let lent = |algorithm| {
            let label = master_label(nation, master, algorithm, VERSION);
            let lent = keys.module_desk().custody().lend(label);
            lent.map_err(|error| WorldError::Personalising(Box::new(error.into())))
        };
        Ok(Self {
            tdes: lent(Algorithm::Tdes)?,
            sm4: lent(Algorithm::Sm4)?,
        })
    }
}

impl RecordKeys for FileKeys {
    fn mac(&self, update: &RecordUpdate<'_>) -> Option<[u8; 4]> {
        let key = match update.algorithm {
            4 => &self.sm4,
            _ => &self.tdes,
        };
        // Every card here has sequence number 0.
        let card = card_factor(&update.serial.card_number()?, 0);
        let factors = [update.issuer.0, card, file_factor(update.sfi)];
        let iv = composite_iv(update.atc);
        let message = [&update.header[..], update.record].concat();
        let mac = key.mac(&factors, MacScheme::Whole { iv }, &message).ok()?;
        mac.first_chunk().copied()
    }
}
