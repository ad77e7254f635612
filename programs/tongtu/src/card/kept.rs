//! Keys of cards that stay in a store: which store, and the codes of a transaction made there.
//!
//! Without a store there are the published test keys, which have no other use than trying things out.

use std::path::PathBuf;

use tongtu_crypto::mac::SessionKey;
use tongtu_crypto::{Algorithm, BlockKey, mac};
use tongtu_ecash::cryptogram::{self, card_factor, session_block};
use tongtu_ecash::test_card;
use tongtu_hsm::{Custody as _, KeyPath, Label, MacScheme};
use tongtu_keyring::code::Purpose;
use tongtu_purse::field::{Institution, Serial};
use tongtu_purse::keys::KeyUse;
use tongtu_purse::proof::Code;
use tongtu_services::personalising::{CardIssuer, MASTERS, master_label, purse_key};
use tongtu_types::CardNumber;

use super::transaction::{test_key, version_of};
use crate::custody::{StoreArgs, UsedCustody, refused};
use crate::exit::Failure;
use crate::lang::both;

/// The options of a verb that can work with a store.
#[derive(Debug, clap::Args)]
pub(crate) struct KeptArgs {
    /// A TEST key store: the issuer's masters there make and verify every code; by default the
    /// published test keys do
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,
    /// A file whose first line is the store's passphrase
    #[arg(long, value_name = "FILE", default_value = "test.passphrase")]
    passphrase_file: PathBuf,
    /// Version of the masters in the store
    #[arg(long, value_name = "N", default_value_t = 1)]
    master_version: u8,
}

impl KeptArgs {
    /// The keys; a store for production is refused.
    pub(crate) fn open(&self) -> Result<CardKeys, Failure> {
        let Some(store) = &self.store else {
            return Ok(CardKeys::Published);
        };
        let args = StoreArgs {
            store: store.clone(),
            passphrase_file: self.passphrase_file.clone(),
        };
        Ok(CardKeys::Kept {
            custody: Box::new(args.open()?),
            version: self.master_version,
        })
    }
}

/// Whose keys make and verify the codes.
pub(crate) enum CardKeys {
    /// The published test keys.
    Published,
    /// An issuer's masters in a store.
    Kept {
        custody: Box<UsedCustody>,
        version: u8,
    },
}

/// A purse whose codes are made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PurseCard {
    pub(crate) issuer: Institution,
    pub(crate) serial: Serial,
    pub(crate) algorithm: Algorithm,
}

/// An e-cash whose codes are made, in a transaction of this counter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CashCard<'a> {
    /// As the card tells it in its transport data.
    pub(crate) issuer: Option<Institution>,
    pub(crate) number: &'a CardNumber,
    pub(crate) sequence: u8,
    pub(crate) algorithm: Algorithm,
    pub(crate) atc: u16,
}

impl CardKeys {
    /// Whether the keys are those that everybody knows.
    pub(crate) const fn is_published(&self) -> bool {
        matches!(self, Self::Published)
    }

    /// MAC1 or MAC2 of a purse, under the session key of this block.
    pub(crate) fn session_mac(
        &self,
        card: &PurseCard,
        (key, index): (KeyUse, u8),
        block: [u8; 8],
        message: &[u8],
    ) -> Result<Code, Failure> {
        match self {
            Self::Published => {
                let key = test_key(card.algorithm, key, index)?;
                Ok(SessionKey::derive(&key, &block).mac(message))
            }
            Self::Kept { custody, version } => {
                let scheme = MacScheme::Session { block };
                purse_mac(custody, *version, card, (key, index), scheme, message)
            }
        }
    }

    /// The TAC of a purse.
    pub(crate) fn tac(&self, card: &PurseCard, message: &[u8]) -> Result<Code, Failure> {
        match self {
            Self::Published => {
                let key = test_key(card.algorithm, KeyUse::Tac, 1)?;
                Ok(SessionKey::for_tac(&key).mac(message))
            }
            Self::Kept { custody, version } => {
                let key = (KeyUse::Tac, 1);
                purse_mac(custody, *version, card, key, MacScheme::Tac, message)
            }
        }
    }

    /// An application cryptogram of the e-cash.
    pub(crate) fn cryptogram(
        &self,
        card: &CashCard<'_>,
        message: &[u8],
    ) -> Result<[u8; 8], Failure> {
        self.cash_mac(card, Purpose::CashCryptogram, message)
    }

    /// A MAC of the e-cash's scripts, or the one over its balance.
    pub(crate) fn cash_code(&self, card: &CashCard<'_>, message: &[u8]) -> Result<Code, Failure> {
        let [a, b, c, d, ..] = self.cash_mac(card, Purpose::CashMac, message)?;
        Ok([a, b, c, d])
    }

    /// The issuer's answer to a request.
    pub(crate) fn answer(
        &self,
        card: &CashCard<'_>,
        request: &[u8; 8],
        arc: [u8; 2],
    ) -> Result<[u8; 8], Failure> {
        match self {
            Self::Published => {
                let key = published_cash(card, Purpose::CashCryptogram);
                Ok(cryptogram::response_cryptogram(
                    &key, card.atc, request, arc,
                ))
            }
            Self::Kept { custody, version } => {
                let message = cryptogram::response_message(request, arc);
                let block = session_block(card.atc);
                let scheme = MacScheme::Answer { block };
                let purpose = Purpose::CashCryptogram;
                eight(kept_cash(
                    custody, *version, card, purpose, scheme, &message,
                )?)
            }
        }
    }

    fn cash_mac(
        &self,
        card: &CashCard<'_>,
        purpose: Purpose,
        message: &[u8],
    ) -> Result<[u8; 8], Failure> {
        match self {
            Self::Published => {
                let key = cryptogram::session_key(&published_cash(card, purpose), card.atc);
                Ok(mac::eight_bytes(&key, &[0; 8], message))
            }
            Self::Kept { custody, version } => {
                let block = session_block(card.atc);
                let scheme = MacScheme::Cryptogram { block };
                eight(kept_cash(
                    custody, *version, card, purpose, scheme, message,
                )?)
            }
        }
    }
}

fn purse_mac(
    custody: &UsedCustody,
    version: u8,
    card: &PurseCard,
    (key, index): (KeyUse, u8),
    scheme: MacScheme,
    message: &[u8],
) -> Result<Code, Failure> {
    let issuer = issuer_of(Some(card.issuer))?;
    let label = purse_key(&issuer, key, version_of(index), card.algorithm, version);
    let label = label.ok_or_else(|| no_such_key(index))?;
    let path = KeyPath {
        label,
        factors: &[card.serial.factor()],
    };
    let made = custody.mac(path, scheme, message);
    let made = made.map_err(|error| refused(&error))?;
    Code::try_from(made.as_slice()).map_err(|_| other_length())
}

/// A test key of the e-cash.
fn published_cash(card: &CashCard<'_>, purpose: Purpose) -> BlockKey {
    let [cryptogram, mac, _] = test_card::master_keys(card.algorithm);
    let master = match purpose {
        Purpose::CashCryptogram => cryptogram,
        _ => mac,
    };
    cryptogram::card_key(&master, card.number, card.sequence)
}

fn kept_cash(
    custody: &UsedCustody,
    version: u8,
    card: &CashCard<'_>,
    purpose: Purpose,
    scheme: MacScheme,
    message: &[u8],
) -> Result<Vec<u8>, Failure> {
    let path = KeyPath {
        label: cash_label(card, purpose, version)?,
        factors: &[card_factor(card.number, card.sequence)],
    };
    let made = custody.mac(path, scheme, message);
    made.map_err(|error| refused(&error))
}

fn cash_label(card: &CashCard<'_>, purpose: Purpose, version: u8) -> Result<Label, Failure> {
    let city = issuer_of(card.issuer)?.city();
    let master = MASTERS.iter().find(|master| master.purpose == purpose);
    let master = master.expect("the table has the three of the e-cash");
    Ok(master_label(city, master, card.algorithm, version))
}

/// The issuer that a card names.
fn issuer_of(id: Option<Institution>) -> Result<CardIssuer, Failure> {
    let issuer = id.and_then(|id| CardIssuer::of(id).ok());
    issuer.ok_or_else(|| {
        Failure::refused(both(
            "the card names no issuer of a city, whose masters could be looked for",
            "卡片未给出带城市代码的发卡机构，无法确定主密钥",
        ))
    })
}

fn eight(made: Vec<u8>) -> Result<[u8; 8], Failure> {
    made.try_into().map_err(|_| other_length())
}

fn other_length() -> Failure {
    Failure::fault(both(
        "the store made a code of another length",
        "密钥库给出的报文鉴别码长度不符",
    ))
}

pub(super) fn no_such_key(index: u8) -> Failure {
    Failure::usage(both(
        format!("there is no key of index {index}"),
        format!("没有索引为 {index} 的密钥"),
    ))
}
