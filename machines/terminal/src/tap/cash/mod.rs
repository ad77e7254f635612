//! The e-cash (电子现金, qPBOC) at the terminal.
//!
//! ```text
//!  FCI ─► [GET TRANS PROVE, if something of this card is open] ─► [READ CAPP DATA] ─► plan
//!      ─► GPO ─► READ RECORD … all but the last ─► certificates, dates, lists
//!      ─► [UPDATE CAPP DATA CACHE] ─► intent kept ─► last READ RECORD ─► signature ─► record
//! ```
//!
//! The last READ RECORD is what pays, so everything that can be checked is checked before it; a
//! card that leaves earlier has paid nothing. What comes after it is recorded, whatever it is.
//! No module takes part: the card shows that it is genuine by certificates and a signature over
//! the tap (fDDA), and what it owes by a cryptogram that its issuer verifies. No terminal can: it
//! has no key for it, and the signature does not cover it.
//!
//! Here: what a terminal needs for it ([`Cash`]). The machine is in `cashing.rs` and
//! `paying.rs`, what is asked of a card's answers in `offer.rs`, cards that were here before in `again.rs`, authorities in
//! `authority.rs`, unpredictable numbers in `unpredictable.rs`.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use tongtu_ecash::Ttq;
use tongtu_purse::field::{Amount, Institution, Serial};

mod again;
mod authority;
mod cashing;
mod offer;
mod paying;
mod unpredictable;

pub use authority::{AuthorityError, AuthorityKey, AuthorityTable};
pub(super) use cashing::{CashEnd, Cashing};
pub use unpredictable::Unpredictable;

/// The rules of a terminal that takes the e-cash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CashRules {
    /// The most that one tap pays (终端非接触交易限额). What costs more is left to the card's
    /// other application.
    pub limit: Amount,
    /// Leftmost digits of the card numbers (PAN) that are taken. With none, the issuer in the
    /// FCI (DF11) alone decides, and cards without one are refused.
    pub issuers: Vec<String>,
    /// What the terminal says of itself (TTQ, 9F66).
    pub qualifiers: Ttq,
    /// Name of the merchant (9F4E).
    pub merchant: [u8; 20],
}

impl CashRules {
    /// qPBOC, offline only, fDDA version 01: the terminal of a bus or a gate.
    pub const OFFLINE: Ttq = Ttq([0x28, 0x00, 0x00, 0x80]);
}

impl Default for CashRules {
    /// UNSPECIFIED: the limit; twenty yuan is what the conformance profile's cards allow.
    fn default() -> Self {
        Self {
            limit: Amount::new(2_000),
            issuers: Vec::new(),
            qualifiers: Self::OFFLINE,
            merchant: [b' '; 20],
        }
    }
}

/// A record that a composite payment (分段扣费) wants to write, and for which a MAC is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordUpdate<'a> {
    /// Issuer of the card, as in its FCI.
    pub issuer: Institution,
    /// Card number (PAN).
    pub serial: Serial,
    /// Algorithm byte of the card's issuer application data, 01 or 04.
    pub algorithm: u8,
    /// The extension file.
    pub sfi: u8,
    /// The card's counter, which begins the MAC.
    pub atc: u16,
    /// Header of the command, Lc included.
    pub header: [u8; 5],
    /// The whole new record.
    pub record: &'a [u8],
}

/// Who holds the keys of extension records and makes the MAC of UPDATE CAPP DATA CACHE.
///
/// UNSPECIFIED: by which module, and from which master key; this is the seam.
pub trait RecordKeys: fmt::Debug + Send + Sync {
    /// The MAC; none when there is no key for this file or card.
    fn mac(&self, update: &RecordUpdate<'_>) -> Option<[u8; 4]>;
}

/// All that a terminal needs to take the e-cash; hand it to
/// [`super::CardTerminal::serve_cash`].
#[derive(Debug, Clone)]
pub struct Cash {
    /// The rules.
    pub rules: CashRules,
    /// The authorities whose cards are believed.
    pub authorities: Arc<AuthorityTable>,
    /// The keys of extension records; without them only whole rides are paid.
    pub records: Option<Arc<dyn RecordKeys>>,
    /// The numbers that cards cannot foresee.
    pub unpredictable: Unpredictable,
}
