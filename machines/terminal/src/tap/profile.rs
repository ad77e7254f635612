//! Which terminal it is and by which rules it taps: data, told once or by parameter lists.

use alloc::vec::Vec;

use tongtu_purse::field::{Amount, City, Direction, Industry, Institution};
use tongtu_types::{LineCode, StationCode};

use super::module::ModuleRule;
use super::select::Selection;
use crate::lists::{self, Parameters, Service};
use tongtu_tap_record::Stage;

/// What a terminal is told when it is put up. Its terminal number is its module's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TapProfile {
    /// The acceptor (受理机构), as cards carry it.
    pub acceptor: Institution,
    /// The city it stands in.
    pub city: City,
    /// The operator.
    pub operator: [u8; 2],
    /// Software version, 10 printable characters.
    pub software: [u8; 10],
    /// Where it stands.
    pub post: TapPost,
    /// Which modules it takes money with.
    pub module: ModuleRule,
    /// How it looks for the application.
    pub selection: Selection,
    /// Its rules.
    pub rules: Rules,
}

/// Where a terminal stands, and so what a tap at it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TapPost {
    /// One tap pays the whole ride.
    Single(Single),
    /// In a bus of segmented fares (分段): one tap boards, the other alights.
    Segmented(Segmented),
    /// A gate of a rail network.
    Gate(Gate),
    /// A counter or a hand-held terminal: makes up for incomplete rides.
    Counter(Counter),
}

/// A post where one tap pays a whole ride.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Single {
    /// What kind of transport it is.
    pub industry: Industry,
    /// The line, in the fare book.
    pub line: LineCode,
    /// The line, on cards.
    pub card_line: [u8; 2],
    /// The stop, on cards.
    pub stop: [u8; 8],
    /// The vehicle, on cards.
    pub vehicle: [u8; 8],
    /// Pays by a composite purchase that leaves a trip on the card, so that the next line knows
    /// of a transfer. One command more than a plain purchase.
    pub leaves_trip: bool,
}

/// A bus of segmented fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segmented {
    /// The line; the fare book has it as a network of its stops.
    pub line: LineCode,
    /// The line, on cards.
    pub card_line: [u8; 2],
    /// The stop where the bus is now.
    pub stop: StationCode,
    /// The stop, on cards.
    pub card_stop: u8,
    /// Which way it goes.
    pub direction: Direction,
    /// The vehicle, on cards.
    pub vehicle: [u8; 8],
}

/// A gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gate {
    /// The network.
    pub network: LineCode,
    /// The station.
    pub station: StationCode,
    /// The line, on cards.
    pub card_line: u8,
    /// Which way it lets.
    pub way: Way,
}

/// Which way a gate lets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// In.
    Entry,
    /// Out.
    Exit,
}

/// A counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counter {
    /// The network whose incomplete rides it makes up for.
    pub network: LineCode,
    /// The station where it is.
    pub station: StationCode,
    /// The line, on cards.
    pub card_line: u8,
}

impl TapPost {
    /// What a card is used for here, as permissions speak of it.
    pub(super) const fn service(&self) -> Service {
        match self {
            Self::Single(_) => Service::Bus,
            Self::Segmented(_) => Service::Segmented,
            Self::Gate(_) => Service::Rail,
            Self::Counter(_) => Service::MakeUp,
        }
    }

    /// Whether a ride recovered in this stage lets the rider go on here.
    #[must_use]
    pub const fn serves(&self, stage: Stage) -> bool {
        matches!(
            (self, stage),
            (Self::Single(_), Stage::Single)
                | (
                    Self::Segmented(_),
                    Stage::Boarding | Stage::Alighting | Stage::Single
                )
                | (
                    Self::Gate(Gate {
                        way: Way::Entry,
                        ..
                    }),
                    Stage::Entry
                )
                | (Self::Gate(Gate { way: Way::Exit, .. }), Stage::Exit)
                | (Self::Counter(_), Stage::Renewal | Stage::Closing)
        )
    }
}

/// What a card must do after a recovery whose MAC2 the module can no longer verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unverified {
    /// Pay nothing in a fresh transaction: a MAC2 that verifies shows that it has the key.
    Vouch,
    /// See the counter.
    Refuse,
}

/// What a gate does with a card that is inside already, or a bus with one that never alighted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenRide {
    /// The marked amount is recovered with the new ride.
    Settle,
    /// What the fare book says of a ride without its exit is recovered with the new ride; nothing
    /// where the back office settles it. The rider sees the counter where the book says nothing.
    ByBook,
    /// The rider sees the counter.
    Counter,
}

/// What an exit gate does with a card that is not inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoEntry {
    /// The rider sees the counter.
    Counter,
    /// The network's highest fare is charged.
    ChargeMax,
    /// What the fare book says of a ride without its entry is charged; nothing where the back
    /// office settles it. The rider sees the counter where the book says nothing.
    ByBook,
}

/// What happens to an exit after too long a stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverStay {
    /// The fare book's rule is charged.
    Charge,
    /// The rider sees the counter.
    Counter,
}

/// What a bus of segmented fares does with a card that has no composite records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoComposite {
    /// Refuses it.
    Refuse,
    /// Charges the dearest ride at once.
    ChargeMax,
}

/// The second ticket (第二票种), where a line takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    /// Key index that stands for it on cards; none of theirs may stand for the purse.
    pub key_index: u8,
    /// How many of its units a ride takes.
    pub units: Amount,
}

/// How a card on the blacklist is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lock {
    /// For ever.
    pub permanently: bool,
    /// Algorithm identifier of the key that makes the MAC where a card does not say its own.
    pub algorithm: u8,
}

/// The rules of a terminal.
///
/// UNSPECIFIED: most numbers; the comments say where one was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Seconds in which the same card is not taken again; buses are seen with 3 to 10.
    pub retap_s: i64,
    /// Seconds in which a gate opens once more for a ride it has recorded.
    pub reopen_s: i64,
    /// Balance above which a card is damaged; 1000.00 yuan is seen.
    pub balance_max: Amount,
    /// Balance below which the rider is told to load.
    pub balance_hint: Amount,
    /// Balance that an entry wants.
    pub entry_min: Amount,
    /// Torn taps of one ride after which the rider is sent to the staff; 10 is seen.
    pub tries_max: u8,
    /// Seconds after which an open intent becomes a grey record; 120 is seen.
    pub grey_after_s: i64,
    /// Intents open at once; the oldest becomes grey when one more is needed.
    pub intents_max: usize,
    /// What a card must do after a recovery that cannot be verified.
    pub unverified: Unverified,
    /// What happens to a ride that was never ended.
    pub open_ride: OpenRide,
    /// What happens to an exit without an entry.
    pub no_entry: NoEntry,
    /// What happens to an exit after too long.
    pub over_stay: OverStay,
    /// Seconds in a rail network after which `over_stay` counts.
    pub stay_max_s: i64,
    /// Seconds in a bus after which the rider must have alighted somewhere.
    pub bus_max_s: i64,
    /// Seconds in which a gate lets out a card whose ride was closed at a counter.
    pub closed_s: i64,
    /// Seconds by which a card's last entry may be ahead of this clock.
    pub skew_s: i64,
    /// The highest marked amount that is believed.
    pub arrears_max: Amount,
    /// Cities whose rides may end here.
    pub through: Vec<City>,
    /// Whether the newest trip on the card is read, because transfers (换乘) count here; one
    /// command more.
    pub transfers: bool,
    /// Whether the city's record of sums (累计) and last ride on the card is read and written,
    /// because months or chains of transfers count here; two commands more.
    pub history: bool,
    /// What happens to a card without composite records.
    pub no_composite: NoComposite,
    /// The second ticket, where it is taken.
    pub ticket: Option<Ticket>,
    /// How blacklisted cards are locked; none only refuses them.
    pub lock: Option<Lock>,
}

/// The part of the rules that an acquirer's parameters replace for a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    retap_s: i64,
    balance_max: Amount,
    balance_hint: Amount,
    tries_max: u8,
    grey_after_s: i64,
    intents_max: usize,
    unverified: Unverified,
}

impl From<&Parameters> for Limits {
    fn from(parameters: &Parameters) -> Self {
        Self {
            retap_s: parameters.retap_s.into(),
            balance_max: parameters.balance_max,
            balance_hint: parameters.balance_low,
            tries_max: parameters.window_tries,
            grey_after_s: parameters.grey_after_s.into(),
            intents_max: parameters.intents_max.into(),
            unverified: match parameters.unverified {
                lists::Unverified::Refuse => Unverified::Refuse,
                lists::Unverified::Vouch => Unverified::Vouch,
            },
        }
    }
}

impl Rules {
    /// The limits that these rules state themselves.
    pub(super) const fn limits(&self) -> Limits {
        Limits {
            retap_s: self.retap_s,
            balance_max: self.balance_max,
            balance_hint: self.balance_hint,
            tries_max: self.tries_max,
            grey_after_s: self.grey_after_s,
            intents_max: self.intents_max,
            unverified: self.unverified,
        }
    }

    /// Takes over the limits of a day.
    pub(super) const fn follow(&mut self, limits: Limits) {
        self.retap_s = limits.retap_s;
        self.balance_max = limits.balance_max;
        self.balance_hint = limits.balance_hint;
        self.tries_max = limits.tries_max;
        self.grey_after_s = limits.grey_after_s;
        self.intents_max = limits.intents_max;
        self.unverified = limits.unverified;
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            retap_s: 5,
            reopen_s: 20,
            balance_max: Amount::new(100_000),
            balance_hint: Amount::new(1_000),
            entry_min: Amount::ZERO,
            tries_max: 10,
            grey_after_s: 120,
            intents_max: 16,
            unverified: Unverified::Vouch,
            open_ride: OpenRide::Counter,
            no_entry: NoEntry::Counter,
            over_stay: OverStay::Charge,
            stay_max_s: 4 * 3600,
            bus_max_s: 3 * 3600,
            closed_s: 20 * 60,
            skew_s: 120,
            arrears_max: Amount::new(20_000),
            through: Vec::new(),
            transfers: false,
            history: false,
            no_composite: NoComposite::Refuse,
            ticket: None,
            lock: Some(Lock {
                permanently: true,
                algorithm: 0,
            }),
        }
    }
}
