//! How a tap ends.

use alloc::boxed::Box;
use alloc::vec::Vec;

use tongtu_apdu::StatusWord;
use tongtu_apdu::tlv::Tag;
use tongtu_ecash::oda::OdaError;
use tongtu_fare::FareError;
use tongtu_psam::PsamFault;
use tongtu_purse::command::Sfi;
use tongtu_purse::field::{Amount, CardKind};
use tongtu_tap_record::TapRecord;
use tongtu_types::{BusinessDay, Fen, Timestamp};

use super::group::GroupNotice;
use super::module::ModuleFault;
use super::prompt::TapPrompt;
use crate::StoreError;

/// Everything that is left to do after a tap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TapEnd {
    /// What became of it.
    pub outcome: TapOutcome,
    /// What the rider hears and sees.
    pub prompt: TapPrompt,
    /// What the other terminals of the group should know.
    pub notices: Vec<GroupNotice>,
    /// Numbers of the records stored on the way, oldest first: rides, locks, grey records.
    pub stored: Vec<u64>,
    /// How much was said to card and module.
    pub exchanges: Exchanges,
}

/// Commands that went out in one tap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exchanges {
    /// To the card.
    pub card: u16,
    /// To the module.
    pub psam: u16,
}

/// What became of a tap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TapOutcome {
    /// A ride, or a part of one; its record is stored and its MAC2 verified, or an e-cash's
    /// signature.
    Accepted(Box<TapRide>),
    /// A ride that was torn before is complete now. Nothing was charged again.
    Recovered(Box<TapRide>),
    /// The ride was complete before, and the rider is let through once more.
    Reopened(Box<TapRide>),
    /// No ride.
    Refused(Refusal),
    /// The card left too early. The rider taps again.
    Torn {
        /// Whether an intent is open: the card may have been debited.
        in_doubt: bool,
        /// How often this ride was torn, this time counted.
        tries: u8,
    },
    /// The terminal cannot serve.
    OutOfService(TapFault),
}

impl TapOutcome {
    /// The ride, where the rider goes on.
    #[must_use]
    pub fn ride(&self) -> Option<&TapRide> {
        match self {
            Self::Accepted(ride) | Self::Recovered(ride) | Self::Reopened(ride) => Some(ride),
            Self::Refused(_) | Self::Torn { .. } | Self::OutOfService(_) => None,
        }
    }
}

/// An accepted ride.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TapRide {
    /// Number of its record in the store; 0 where another terminal of the group has it.
    pub seq: u64,
    /// The record.
    pub record: TapRecord,
}

/// Why there is no ride; the card and its balance are as before, unless it says otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// Nothing on the card that any terminal of ours takes.
    NoTransitCard,
    /// The card has a city card's application of the other union only.
    CityUnion,
    /// The card has an e-cash only, and this terminal takes none.
    CashNotServed,
    /// The application is blocked.
    Blocked {
        /// For ever.
        permanently: bool,
    },
    /// The application type or version says that it is not in use.
    NotEnabled,
    /// The issuer is on no list of ours.
    IssuerNotListed,
    /// A card of another city that is not interoperable (互通卡种 0000).
    NotInteroperable,
    /// This kind of card does not ride here.
    KindNotPermitted {
        /// The kind.
        kind: CardKind,
    },
    /// Before the card's start date.
    NotStarted,
    /// After the card's expiry date.
    Expired,
    /// On the blacklist. The terminal has tried to lock the card.
    Blacklisted {
        /// Whether it did.
        locked: bool,
    },
    /// The same card, too soon.
    ReTap,
    /// A balance that no card may have.
    Damaged,
    /// Not enough money.
    Insufficient {
        /// What there is, if the card told.
        balance: Option<Fen>,
        /// What is needed.
        needed: Fen,
    },
    /// The rider is inside already, by the card.
    AlreadyInside,
    /// The rider is not inside, by the card.
    NotInside,
    /// The rider stayed too long and sees the counter.
    OverStay,
    /// The ride began in a city or institution that is not connected with this one.
    NotConnected,
    /// The composite record is locked (应用锁定标志).
    RecordLocked,
    /// A file or record of the card cannot be what it says: wrong id, state, date or length.
    BadFile {
        /// The file.
        sfi: Sfi,
    },
    /// The card has no composite records, and this post cannot do without.
    NoComposite,
    /// The card's sequence is used up (`9402`).
    UsedUp,
    /// The card or the module has no such key (`9403`).
    NoKey,
    /// There is nothing to make up for.
    NothingToMakeUp,
    /// The fare is above what one contactless tap pays here.
    OverLimit {
        /// The limit.
        limit: Amount,
    },
    /// There is nothing to pay, and an e-cash cannot be asked to pay nothing.
    NothingToPay,
    /// The e-cash declined (AAC).
    Declined,
    /// The e-cash wants its issuer, a signature or a PIN, and nobody is here to ask.
    OnlineWanted,
    /// An element of the e-cash is missing, twice there, of a wrong form, or contradicts
    /// another.
    CashData {
        /// The element, or the template around it.
        tag: Tag,
    },
    /// The e-cash's certificates or signature do not hold, or its authority is not known.
    NotAuthentic(OdaError),
    /// The e-cash's issuer has a certificate that its authority took back.
    IssuerRevoked {
        /// Index of the authority's key (8F).
        index: u8,
        /// Serial number of the certificate.
        serial: [u8; 3],
    },
    /// The card refused a command otherwise.
    Card {
        /// The command.
        command: &'static str,
        /// The status word.
        sw: StatusWord,
    },
    /// The card answered bytes that are no answer to this command.
    Garbled {
        /// The command.
        command: &'static str,
    },
    /// The card left before anything was asked of it that counts.
    Lost,
    /// The card took the money, perhaps, but its MAC2 is wrong: it may be false. The record
    /// says so; the fare is not counted as good.
    Mac2Wrong,
    /// MAC2 could not be verified, and the card did not vouch for itself. The record says so.
    Unverified,
}

impl Refusal {
    /// What a refusal of offline data authentication says in the terminal verification results (TVR,
    /// 95), for a terminal that reports them; none for another one.
    #[must_use]
    pub const fn results(&self) -> Option<[u8; 5]> {
        match self {
            Self::NotAuthentic(error) => Some(error.results()),
            Self::IssuerRevoked { index, serial } => {
                let (index, serial) = (*index, *serial);
                Some(OdaError::Revoked { index, serial }.results())
            }
            _ => None,
        }
    }
}

/// Why a terminal serves no card.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TapFault {
    /// No clock that can be trusted.
    #[error("no trusted clock")]
    NoClock,
    /// The clock is behind what this terminal itself has recorded.
    #[error("clock says {now}, but a record was made at {last}")]
    ClockBack {
        /// The clock.
        now: Timestamp,
        /// The newest record's time.
        last: Timestamp,
    },
    /// The module is not one of this terminal's.
    #[error(transparent)]
    Module(#[from] ModuleFault),
    /// The module.
    #[error(transparent)]
    Psam(#[from] PsamFault),
    /// The record store is full or does not work.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No fare book has begun on this day.
    #[error("no fare book in force on {day}")]
    NoFareBook {
        /// The day in China.
        day: BusinessDay,
    },
    /// The fare book lacks this terminal's line, network or station.
    #[error(transparent)]
    Fare(#[from] FareError),
    /// A fare that no card can pay in one piece.
    #[error("fare of {fare} does not fit a card's amount, expected 0 to 2^32-1 fen")]
    Amount {
        /// The fare.
        fare: Fen,
    },
    /// The driver answered something that was not asked.
    #[error("the driver answered {found}, expected an answer to {expected}")]
    Driver {
        /// What it answered.
        found: &'static str,
        /// What was asked.
        expected: &'static str,
    },
}
