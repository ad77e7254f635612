//! E-cashes (电子现金): cards that pay without a purse, and what terminals need to take them.
//!
//! All are certified by the test issuers of `tongtu-ecash`, one with RSA and one with SM2; which
//! city issued a card stands in its transport data.

use std::sync::Arc;

use tongtu_apdu::select::E_CASH;
use tongtu_card::factory::{Module, Preinstalled};
use tongtu_crypto::{Algorithm, BlockKey};
use tongtu_ecash::cryptogram::composite_mac;
use tongtu_ecash::{Amount, perso, test_card};
use tongtu_purse::field::Date;
use tongtu_terminal::tap::{
    AuthorityKey, AuthorityTable, Cash, CashRules, RecordKeys, RecordUpdate, Unpredictable,
};
use tongtu_types::TerminalNumber;

use super::people::Cardholder;
use crate::WorldError;
use crate::keys::CountryKeys;
use crate::seed::{Dice, Seed};

/// What all card numbers (PAN) of the test issuers begin with; their certificates say so.
pub const HEAD: &str = "621700";
/// The application's registered provider.
const RID: [u8; 5] = [0xA0, 0, 0, 6, 0x32];

/// A rider's e-cash as its issuer hands it out, with money on it.
///
/// # Errors
/// [`WorldError::Personalising`] when the issuer's desk has no keys for it.
///
/// # Panics
/// Never: what is dealt fits a card.
pub fn application(
    holder: &Cardholder,
    keys: &CountryKeys,
    chance: &mut Dice,
) -> Result<Preinstalled, WorldError> {
    let mut entropy = |out: &mut [u8]| chance.fill(out);
    let mut profile = test_card::profile(holder.algorithm);
    profile.number = holder.number;
    let issuer = holder.issuer();
    let desk = keys.desk(issuer).expect("every city has a desk");
    let card = (&holder.number, profile.sequence);
    profile.keys = desk.cash(issuer, card, holder.algorithm)?;
    profile.balance = Amount::new(holder.loaded).expect("some hundred yuan");
    if let Some(transport) = &mut profile.transport {
        let city = issuer.city().0;
        transport.issuer = issuer.0;
        (transport.province, transport.city) = (city, city);
        transport.number = holder.number;
        transport.kind = holder.class.card_kind().0;
    }
    let issuer = test_card::issuer(holder.algorithm, &mut entropy);
    let groups = perso::groups(&profile, &issuer, &mut entropy);
    let groups = groups.expect("the test profile with another number");
    Ok(Preinstalled {
        module: Module::Ecash,
        aid: E_CASH,
        label: b"MOT_T_CASH".to_vec(),
        priority: 1,
        parameters: Vec::new(),
        groups: groups.into_iter().map(Into::into).collect(),
    })
}

/// What makes a terminal take e-cashes of the test issuers.
///
/// # Panics
/// Never: the test authorities hold.
#[must_use]
pub fn accepting(seed: Seed, terminal: TerminalNumber) -> Cash {
    let mut table = AuthorityTable::default();
    for authority in test_card::authorities() {
        let key = AuthorityKey {
            rid: RID,
            version: 1,
            expires: Date([0x20, 0x35, 0x12, 0x31]),
            check: AuthorityKey::check_value(RID, &authority),
            authority,
        };
        table.take(key).expect("a test authority holds");
    }
    let mut unpredictable = [0; 32];
    seed.dice(&format!("unpredictable {terminal}"))
        .fill(&mut unpredictable);
    Cash {
        rules: CashRules {
            issuers: vec![HEAD.to_owned()],
            ..CashRules::default()
        },
        authorities: Arc::new(table),
        records: Some(Arc::new(FileKeys)),
        unpredictable: Unpredictable::new(unpredictable),
    }
}

/// The keys of the test cards' files.
#[derive(Debug)]
struct FileKeys;

impl RecordKeys for FileKeys {
    fn mac(&self, update: &RecordUpdate<'_>) -> Option<[u8; 4]> {
        let algorithm = match update.algorithm {
            4 => Algorithm::Sm4,
            _ => Algorithm::Tdes,
        };
        let key = BlockKey::new(algorithm, test_card::file_key(update.sfi));
        let mac = composite_mac(&key, update.atc, update.header, update.record);
        Some(mac)
    }
}
