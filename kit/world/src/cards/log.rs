//! What was seen of cards: at the terminals, on the cards, and afterwards at the nodes.

use tongtu_terminal::tap::Say;
use tongtu_types::{CardNumber, Fen, RecordId};

use super::plan::PlannedTap;
use crate::hardware::Shown;
use crate::log::RideState;

/// One tap: what the device showed, what the card paid, what was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TapLog {
    /// What was planned.
    pub tap: PlannedTap,
    /// What was said; none where no terminal spoke.
    pub say: Option<Say>,
    /// What the rider saw and heard; none at a counter for loads.
    pub shown: Option<Shown>,
    /// Whether the rider went on: through the gate, into the bus.
    pub went_on: bool,
    /// What left the card, by the card.
    pub debit: Fen,
    /// What came onto it.
    pub load: Fen,
}

/// A card's ride as a node shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedCardRide {
    /// Its record.
    pub record: RecordId,
    /// The card.
    pub card: CardNumber,
    /// What became of it.
    pub state: RideState,
    /// Result code, six digits; zero when correct.
    pub result: u32,
    /// Its amount.
    pub amount: Fen,
}

/// A card at the end: by itself, and by its issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedCard {
    /// What is on it, by the card; what was last read before it was locked.
    pub balance: Fen,
    /// All that was ever put on it.
    pub loaded: Fen,
    /// What its issuer believes; none of a card that nobody issued.
    pub issuer: Option<ObservedMirror>,
}

/// What an issuer believes of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObservedMirror {
    /// What should be on it.
    pub mirror: Fen,
    /// What is owed to its holder.
    pub refund_due: Fen,
    /// What rides took beyond what was ever put on it.
    pub short: Fen,
}
