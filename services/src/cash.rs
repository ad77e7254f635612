//! What an e-cash's cryptogram covers, out of a terminal's record or out of a file, and whether it
//! is the card's.

use tongtu_crypto::Algorithm;
use tongtu_ecash::Iad;
use tongtu_ecash::cryptogram::{card_factor, session_block};
use tongtu_exchange_file::{CashItems, CdCash, Currency};
use tongtu_hsm::MacScheme;
use tongtu_keyring::code::Purpose;
use tongtu_tap_record::{CashCheck, CashDeal, CashProof, TapRecord, Told};
use tongtu_types::{BusinessDay, CardNumber, Fen, InstitutionCode, Timestamp};

use crate::keys::{Claim, card_slot};

/// What a cryptogram covers, and itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct CashClaim {
    /// Nothing in it but what the issuer verifies by.
    proof: CashProof,
    deal: CashDeal,
}

impl CashClaim {
    /// Of a terminal's record; the reason says what does not hold.
    pub(crate) fn of_record(record: &TapRecord) -> Result<Self, String> {
        let proof = record.cash().map_err(|error| error.to_string())?;
        Iad::parse(proof.issuer_application_data().unwrap_or_default())
            .map_err(|error| error.to_string())?;
        for balance in [record.before, record.after] {
            if balance.fen() < Fen::ZERO {
                return Err(format!(
                    "balance {} of an e-cash, expected none below zero",
                    balance.fen()
                ));
            }
        }
        let claim = Self {
            proof: CashProof {
                cid: 0,
                name_len: 0,
                name: [0; 16],
                expiry: [0; 2],
                authority: 0,
                check: CashCheck::None,
                ..proof
            },
            deal: record.cash_deal(),
        };
        // A file has digits where the record has bytes.
        claim
            .block(record)
            .ok_or("sequence number, currency, country or date of the e-cash are not digits")?;
        Ok(claim)
    }

    /// Of the block of a file.
    pub(crate) fn of_block(cash: &CdCash, told: u8) -> Option<Self> {
        let mut issuer_data = [0; 32];
        let len = cash.issuer_data.len();
        issuer_data
            .get_mut(..len)?
            .copy_from_slice(&cash.issuer_data);
        let (year, month, day) = cash.day.ymd();
        let two = |number: i64| bcd(u64::try_from(number % 100).ok()?);
        let four = |number: u64| Some([bcd(number / 100)?, bcd(number % 100)?]);
        Some(Self {
            proof: CashProof {
                cryptogram: cash.cryptogram,
                issuer_len: u8::try_from(len).ok()?,
                issuer_data,
                unpredictable: cash.unpredictable,
                tvr: cash.tvr,
                cid: 0,
                aip: cash.aip,
                pan_sequence: bcd(cash.pan_sequence)?,
                currency: four(cash.currency.get().into())?,
                country: four(cash.country)?,
                told: Told(told),
                name_len: 0,
                name: [0; 16],
                expiry: [0; 2],
                authority: 0,
                check: CashCheck::None,
            },
            deal: CashDeal {
                amount: cash.amount,
                day: [two(year)?, two(month)?, two(day)?],
                transaction: u8::try_from(cash.kind).ok()?,
                atc: u16::try_from(cash.atc).ok()?,
            },
        })
    }

    /// The block of a file, with what the record says beside what the cryptogram covers.
    pub(crate) fn block(&self, record: &TapRecord) -> Option<CdCash> {
        let (proof, deal) = (&self.proof, &self.deal);
        let whole = record.cash().ok()?;
        let [year, month, day] = deal.day;
        let two = |byte| digits(byte).map(i64::from);
        let four = |bytes: [u8; 2]| {
            let [high, low] = bytes.map(digits);
            Some(u64::from(high?) * 100 + u64::from(low?))
        };
        let day = BusinessDay::from_ymd(2000 + two(year)?, two(month)?, two(day)?)?;
        Some(CdCash {
            cryptogram: proof.cryptogram,
            entry_mode: CdCash::ENTRY_MODE,
            pan_sequence: digits(proof.pan_sequence)?.into(),
            reader: CdCash::READER,
            condition: 0,
            capability: [0; 3],
            tvr: proof.tvr,
            unpredictable: proof.unpredictable,
            device: String::new(),
            issuer_data: proof.issuer_application_data().ok()?.to_vec(),
            atc: deal.atc.into(),
            aip: proof.aip,
            day,
            country: four(proof.country)?,
            response: CdCash::RESPONSE.into(),
            kind: deal.transaction.into(),
            amount: deal.amount,
            currency: Currency::new(u16::try_from(four(proof.currency)?).ok()?),
            check: CdCash::UNCHECKED,
            expiry: four(whole.expiry)?,
            information: whole.cid.into(),
            other: Fen::ZERO,
            cvm: [0; 3],
            terminal_type: CdCash::TERMINAL_TYPE,
            name: whole.application().ok()?.to_vec(),
            counter: u64::from(record.terminal_sequence) % 10_000,
            authorization: String::new(),
            product: String::new(),
            version: 0,
        })
    }

    /// What the block does not say.
    pub(crate) fn items(&self, record: &TapRecord, of: Ridden) -> CashItems {
        CashItems {
            ridden_at: of.at,
            card: of.card,
            balance_after: record.after.fen(),
            told: self.proof.told.0,
        }
    }

    /// The algorithm of the cryptogram, as the card names it.
    pub(crate) fn algorithm(&self) -> Option<Algorithm> {
        let iad = Iad::parse(self.proof.issuer_application_data().ok()?).ok()?;
        Some(algorithm(iad.algorithm))
    }

    /// Whether the card says that it has paid; anybody can see that, if it is the card's word.
    pub(crate) fn is_payment(&self) -> bool {
        self.proof.is_payment() == Ok(true)
    }

    /// What is to be asked of its issuer's keys; nothing where the cryptogram can be nobody's
    /// payment.
    pub(crate) fn claim(
        &self,
        card: &CardNumber,
        (issuer, at): (InstitutionCode, Timestamp),
    ) -> Option<Claim> {
        let algorithm = self.algorithm().filter(|_| self.is_payment())?;
        Some(Claim {
            slot: card_slot(issuer.city(), Purpose::CashCryptogram, algorithm),
            factors: [card_factor(card, self.proof.pan_sequence)],
            scheme: MacScheme::Cryptogram {
                block: session_block(self.deal.atc),
            },
            message: self.proof.cryptogram_message(&self.deal).ok()?,
            proof: self.proof.cryptogram.to_vec(),
            version: None,
            at,
        })
    }
}

/// Whose ride, and when.
#[derive(Clone, Copy)]
pub(crate) struct Ridden {
    pub(crate) card: CardNumber,
    pub(crate) at: Timestamp,
}

/// The algorithm that a card's byte names.
// UNSPECIFIED: the identifiers' values; 04 is SM4 as in e-cash, everything else seen 3DES.
pub(crate) const fn algorithm(byte: u8) -> Algorithm {
    match byte {
        0x04 => Algorithm::Sm4,
        _ => Algorithm::Tdes,
    }
}

/// Two packed digits.
fn digits(byte: u8) -> Option<u8> {
    let (high, low) = (byte >> 4, byte & 15);
    (high < 10 && low < 10).then_some(high * 10 + low)
}

/// The sequence number of a card in a file, as the card has it. What is none names no card: the
/// line does not agree with its record then.
pub(crate) fn card_sequence(number: u64) -> u8 {
    bcd(number).unwrap_or(u8::MAX)
}

/// Two digits packed.
fn bcd(number: u64) -> Option<u8> {
    let number = u8::try_from(number).ok().filter(|n| *n < 100)?;
    Some(((number / 10) << 4) | (number % 10))
}
