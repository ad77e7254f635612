//! What a terminal asks of its PSAM, as values: no APDU, no key, no module in particular.

use alloc::vec::Vec;
use core::fmt;

use tongtu_purse::field::{Amount, DateTime, Institution, Kind, Serial};
use tongtu_purse::proof::Code;

use crate::{PsamFault, PsamIdentity};

/// The diversification factor of a card (分散因子): the last 16 digits of its serial number.
///
/// `Debug` shows the last four only.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CardFactor(pub [u8; 8]);

impl From<Serial> for CardFactor {
    fn from(serial: Serial) -> Self {
        Self(serial.factor())
    }
}

impl fmt::Display for CardFactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [.., a, b] = self.0;
        write!(f, "****{a:02X}{b:02X}")
    }
}

impl fmt::Debug for CardFactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One purchase, for which the terminal wants MAC1.
///
/// The terminal number is not here: the module has its own, [`PsamIdentity::terminal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PurchaseRequest {
    /// Random of the card, from the answer to INITIALIZE.
    pub random: [u8; 4],
    /// Offline sequence number, from the answer to INITIALIZE.
    pub sequence: u16,
    /// Amount.
    pub amount: Amount,
    /// Transaction type: [`Kind::PURCHASE`] or [`Kind::COMPOSITE`].
    pub kind: Kind,
    /// Date and time, as they will go to the card in DEBIT.
    pub at: DateTime,
    /// Key version, from the answer to INITIALIZE.
    pub key_version: u8,
    /// Algorithm identifier, from the answer to INITIALIZE.
    pub algorithm: u8,
    /// The card.
    pub card: CardFactor,
    /// The card's issuer, file 0x15 bytes 0 to 7.
    pub issuer: Institution,
}

impl PurchaseRequest {
    /// Refuses what no module should be asked: another type, or a day outside its dates.
    ///
    /// # Errors
    /// [`PsamFault::Request`], [`PsamFault::Dates`].
    pub fn check(&self, identity: &PsamIdentity) -> Result<(), PsamFault> {
        if !matches!(self.kind, Kind::PURCHASE | Kind::COMPOSITE) {
            return Err(PsamFault::Request {
                what: "the transaction type is no purchase",
                expected: "06 or 09",
            });
        }
        identity.trades_on(self.at.date())
    }
}

/// MAC2 of a card, to be verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreditRequest {
    /// Terminal sequence of the purchase: what [`PsamAnswer::Permit`] said. A module verifies MAC2
    /// of its latest purchase only and does not know which one is meant; the number lets
    /// whoever serves this say [`PsamFault::Superseded`] instead of a false "MAC2 is wrong".
    pub terminal_sequence: u32,
    /// MAC2, from the answer to DEBIT or GET TRANSACTION PROVE.
    pub mac2: Code,
}

/// The MAC of a command that locks a card's application (`841E`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockRequest {
    /// The card.
    pub card: CardFactor,
    /// The card's issuer.
    pub issuer: Institution,
    /// Challenge of the card, from GET CHALLENGE.
    pub challenge: [u8; 4],
    /// The command's header and Lc, `84 1E 00 P2 04`.
    pub head: [u8; 5],
    /// Algorithm identifier of the card's key set.
    pub algorithm: u8,
}

/// The MAC of a quick record update (快速更新, `04DC`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateRequest {
    /// The card.
    pub card: CardFactor,
    /// The card's issuer.
    pub issuer: Institution,
    /// Challenge of the card, from GET CHALLENGE.
    pub challenge: [u8; 4],
    /// The command's header and Lc, the four bytes of MAC counted: `04 DC 02 D4 84`.
    pub head: [u8; 5],
    /// The record.
    pub data: Vec<u8>,
    /// Algorithm identifier of the card's key set.
    pub algorithm: u8,
}

/// What a terminal asks of its PSAM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PsamRequest {
    /// MAC1 of a purchase; answered [`PsamAnswer::Permit`].
    Purchase(PurchaseRequest),
    /// Verification of MAC2; answered [`PsamAnswer::Credited`].
    Credit(CreditRequest),
    /// MAC of an application lock; answered [`PsamAnswer::Mac`].
    Lock(LockRequest),
    /// MAC of a quick record update; answered [`PsamAnswer::Mac`].
    UpdateMac(UpdateRequest),
}

/// What a PSAM answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PsamAnswer {
    /// The terminal may debit the card.
    Permit {
        /// Terminal sequence number (终端交易序号): never the same twice from one module.
        terminal_sequence: u32,
        /// MAC1, for the card.
        mac1: Code,
    },
    /// MAC2 is right: the card has the key and took this amount.
    Credited,
    /// A MAC for a command to the card.
    Mac(Code),
}

/// Whatever has the keys: a module in a slot, a soft one, a pool of them somewhere else.
pub trait Psam {
    /// Who it is; read it before INITIALIZE goes to a card, for its terminal number goes along.
    fn identity(&self) -> &PsamIdentity;

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// [`PsamFault`].
    fn ask(&mut self, request: &PsamRequest) -> Result<PsamAnswer, PsamFault>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_masked_in_debug() {
        let serial = Serial([0x03, 0x10, 0x48, 0x99, 0x99, 0x99, 0x00, 0x00, 0x00, 0x17]);
        assert_eq!(format!("{:?}", CardFactor::from(serial)), "****0017");
    }

    #[test]
    fn a_psam_is_used_as_an_object() {
        fn takes(_: Option<&mut dyn Psam>) {}
        takes(None);
    }
}
