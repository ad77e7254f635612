//! What a flow has decided before the card is asked to pay, and what a flow decides from.
//!
//! A flow (single ride, rail, bus, make-up) is a function from [`View`] to [`Plan`]: all reading
//! is over, nothing has been asked of card or module. How a plan is carried out, torn and
//! recovered is the same for all flows.

use alloc::boxed::Box;

use tongtu_apdu::StatusWord;
use tongtu_fare::FareBook;
use tongtu_psam::PsamIdentity;
use tongtu_purse::command::{Sfi, UpdateCache};
use tongtu_purse::field::{
    Amount, Balance, CardKind, City, DateTime, Direction, Industry, Institution, Kind, Limit,
    Terminal8, TripKind,
};
use tongtu_purse::layout::{BusRecord, LocalHistory, PublicInfo, RailRecord, Trip};
use tongtu_tap_record::{Mac2State, Magic, RecordKind, Recovery, Stage, TapRecord, Version};
use tongtu_types::{Fen, LineCode, Timestamp};

use super::lists::Versions;
use super::outcome::{Refusal, TapFault};
use super::pricing::{self, Fare, Rider};
use super::profile::TapProfile;

/// Why there is no plan: the card's fault or the terminal's.
#[derive(Debug)]
pub(super) enum NoPlan {
    Refused(Refusal),
    Fault(TapFault),
}

impl From<Refusal> for NoPlan {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl<E: Into<TapFault>> From<E> for NoPlan {
    fn from(fault: E) -> Self {
        Self::Fault(fault.into())
    }
}

/// A composite record as it was read.
#[derive(Debug, Clone, Default)]
pub(super) enum Slot<T> {
    /// The card has no such file or record.
    #[default]
    Absent,
    /// It is there and cannot be what it says.
    Bad,
    /// As it stands.
    There(Box<T>),
}

/// What was read from the card after its FCI.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// City, interoperability class and kind, of file 0x17; none where the card has no such file.
    pub(super) transit: Option<(City, u16, CardKind)>,
    pub(super) rail: Slot<RailRecord>,
    pub(super) bus: Slot<BusRecord>,
    /// The newest trip that is not the beginning of the ride under way.
    pub(super) trip: Option<Box<Trip>>,
    /// The city's record of sums and last ride; bad where its form is not ours.
    pub(super) local: Slot<LocalHistory>,
}

/// Everything a flow decides from.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) profile: &'a TapProfile,
    pub(super) psam: &'a PsamIdentity,
    pub(super) book: &'a FareBook,
    pub(super) versions: Versions,
    pub(super) now: Timestamp,
    pub(super) at: DateTime,
    pub(super) public: &'a PublicInfo,
    pub(super) files: &'a Files,
}

/// Where a ride began, for the record of its end or of its arrears.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin {
    pub(super) institution: Institution,
    pub(super) city: City,
    pub(super) line: [u8; 2],
    pub(super) station: [u8; 8],
    pub(super) terminal: Terminal8,
    pub(super) at: DateTime,
}

/// The place and means of a record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) industry: Industry,
    pub(super) line: LineCode,
    pub(super) card_line: [u8; 2],
    pub(super) station: [u8; 8],
    pub(super) direction: Direction,
    pub(super) vehicle: [u8; 8],
}

impl View<'_> {
    pub(super) fn kind(&self) -> CardKind {
        self.files
            .transit
            .map_or(CardKind::UNSTATED, |(_, _, kind)| kind)
    }

    /// The rider, for a fare at this place.
    pub(super) fn rider(&self, place: &Place) -> Rider {
        Rider {
            kind: self.kind(),
            home: self.home(),
            at: self.now,
            direction: pricing::way(place.direction),
            history: self.history(place),
        }
    }

    /// The city of the card.
    pub(super) fn home(&self) -> City {
        let issuer = self.public.issuer.city();
        self.files.transit.map_or(issuer, |(city, ..)| city)
    }

    /// A record of this tap, with everything that is known before the card is asked.
    pub(super) fn draft(&self, kind: RecordKind, stage: Stage, place: &Place) -> Box<TapRecord> {
        let (card_city, interop, card_kind) =
            self.files
                .transit
                .unwrap_or((self.public.issuer.city(), 0, CardKind::UNSTATED));
        draft(self.profile, self.psam, self.at, self.public, |record| {
            (record.kind, record.stage) = (kind, stage);
            (record.card_city, record.interop, record.card_kind) = (card_city, interop, card_kind);
            record.industry = place.industry;
            record.line = place.line;
            record.station = place.station;
            record.direction = place.direction;
            record.vehicle = place.vehicle;
            self.stamp(record);
        })
    }

    fn stamp(&self, record: &mut TapRecord) {
        record.fares = self.book.version();
        record.parameters = self.versions.parameters;
        record.white_list = self.versions.white_list;
        record.blacklist = self.versions.blacklist;
    }

    /// The trip that a composite purchase leaves on the card; its balance comes later.
    pub(super) fn trip(&self, kind: TripKind, place: &Place, amount: Amount) -> Box<Trip> {
        let [.., high, low] = place.station;
        Box::new(Trip {
            kind,
            terminal: self.psam.terminal.into(),
            industry: place.industry,
            line: place.card_line,
            station: [high, low],
            operator: self.profile.operator,
            reserved: 0,
            amount,
            balance: Balance::default(),
            at: self.at,
            city: self.profile.city,
            institution: self.profile.acceptor,
            own: [0; 6],
        })
    }

    /// Whether a ride that began in a city may end here.
    pub(super) fn is_connected(&self, city: City) -> bool {
        city == self.profile.city || self.profile.rules.through.contains(&city)
    }
}

/// A record of which only terminal and card are known.
pub(super) fn draft(
    profile: &TapProfile,
    psam: &PsamIdentity,
    at: DateTime,
    public: &PublicInfo,
    fill: impl FnOnce(&mut TapRecord),
) -> Box<TapRecord> {
    let line = match profile.post {
        super::TapPost::Single(post) => post.line,
        super::TapPost::Segmented(post) => post.line,
        super::TapPost::Gate(post) => post.network,
        super::TapPost::Counter(post) => post.network,
    };
    let mut record = Box::new(TapRecord {
        magic: Magic,
        version: Version::One,
        kind: RecordKind::Composite,
        stage: Stage::None,
        mac2: Mac2State::None,
        recovery: Recovery::Grey,
        status: StatusWord::OK,
        acceptor: profile.acceptor,
        city: profile.city,
        psam: psam.serial,
        terminal: psam.terminal,
        terminal_sequence: 0,
        at,
        recorder: psam.terminal,
        recorded_at: at,
        serial: public.serial,
        issuer: public.issuer,
        card_city: public.issuer.city(),
        interop: 0,
        card_kind: CardKind::UNSTATED,
        sequence: 0,
        transaction: Kind::COMPOSITE,
        key_index: psam.key_index,
        key_version: 0,
        algorithm: 0,
        random: [0; 4],
        amount: Amount::ZERO,
        before: Balance::default(),
        after: Balance::default(),
        overdraft: Limit::ZERO,
        tac: [0; 4],
        mac2_code: [0; 4],
        base: Amount::ZERO,
        discount: Amount::ZERO,
        transfer: Amount::ZERO,
        penalty: Amount::ZERO,
        arrears: Amount::ZERO,
        marked: Amount::ZERO,
        industry: Industry(0),
        operator: profile.operator,
        line,
        station: [0; 8],
        direction: Direction(0),
        vehicle: [0; 8],
        origin_institution: Institution([0; 8]),
        origin_city: City([0; 2]),
        origin_line: [0; 2],
        origin_station: [0; 8],
        origin_terminal: Terminal8([0; 8]),
        origin_at: DateTime([0; 7]),
        software: profile.software,
        fares: 0,
        parameters: 0,
        white_list: 0,
        blacklist: 0,
        own: [0; 80],
    });
    fill(&mut record);
    record
}

/// What a composite purchase writes beside the debit.
#[derive(Debug, Default)]
pub(super) struct Updates {
    pub(super) rail: Option<Box<RailRecord>>,
    pub(super) bus: Option<Box<BusRecord>>,
    pub(super) local: Option<Box<LocalHistory>>,
    pub(super) trip: Option<Box<Trip>>,
}

impl Updates {
    /// Fills in what only the card and the module could say.
    pub(super) fn complete(&mut self, before: Balance, after: Balance, terminal_sequence: u32) {
        let serial = bcd(terminal_sequence);
        if let Some(rail) = &mut self.rail {
            rail.serial = serial;
            let is_entry = rail.exit_at == DateTime([0; 7]);
            if is_entry {
                rail.entry_balance = before;
            }
        }
        if let Some(bus) = &mut self.bus {
            bus.serial = serial;
        }
        if let Some(trip) = &mut self.trip {
            trip.balance = after;
        }
    }

    /// Whether a composite record is written.
    pub(super) const fn has_record(&self) -> bool {
        self.rail.is_some() || self.bus.is_some()
    }

    /// The next record for the card's cache.
    pub(super) fn next(&mut self) -> Option<UpdateCache> {
        const WIDE: &str = "every field is as wide as its value";
        let (sfi, record, data) = if let Some(rail) = self.rail.take() {
            (Sfi::COMPOSITE, 1, rail.encode().expect(WIDE))
        } else if let Some(bus) = self.bus.take() {
            (Sfi::COMPOSITE, 2, bus.encode().expect(WIDE))
        } else if let Some(local) = self.local.take() {
            (Sfi::LOCAL, 1, local.sealed())
        } else {
            let trip = self.trip.take()?;
            (Sfi::TRIPS, 0, trip.encode().expect(WIDE))
        };
        Some(UpdateCache { sfi, record, data })
    }
}

/// UNSPECIFIED: what a composite record's transaction serial is; we write the terminal sequence
/// in decimal.
fn bcd(mut number: u32) -> [u8; 8] {
    let mut out = [0; 8];
    for slot in out.iter_mut().rev() {
        let pair = u8::try_from(number % 100).expect("below 100");
        *slot = ((pair / 10) << 4) | (pair % 10);
        number /= 100;
    }
    out
}

/// A decided transaction.
#[derive(Debug)]
pub(super) struct Plan {
    /// The record, with everything but what card and module will say.
    pub(super) record: Box<TapRecord>,
    /// What must be there beyond the amount: a ride that may become dearer.
    pub(super) reserve: Amount,
    pub(super) updates: Updates,
    /// What is tried when the card has not this wallet, or nothing in it.
    pub(super) instead: Option<Box<Self>>,
}

impl Plan {
    /// A plan for a fare.
    ///
    /// # Errors
    /// [`TapFault::Amount`] when no card can pay it in one piece.
    pub(super) fn of(
        mut record: Box<TapRecord>,
        fare: &Fare,
        arrears: Amount,
    ) -> Result<Self, TapFault> {
        record.amount = fare.with_arrears(arrears)?;
        record.base = fare.base;
        record.discount = fare.discount;
        record.transfer = fare.transfer;
        record.penalty = fare.penalty;
        record.arrears = arrears;
        record.fares = fare.version;
        record.transaction = match record.kind {
            RecordKind::Purse | RecordKind::Ticket => Kind::PURCHASE,
            _ => Kind::COMPOSITE,
        };
        Ok(Self {
            record,
            reserve: Amount::ZERO,
            updates: Updates::default(),
            instead: None,
        })
    }

    /// The plan of a card that shows that it has the key, and pays nothing.
    pub(super) fn vouching(record: Box<TapRecord>) -> Self {
        Self {
            record,
            reserve: Amount::ZERO,
            updates: Updates::default(),
            instead: None,
        }
    }

    pub(super) fn from(mut self, origin: &Origin) -> Self {
        self.record.origin_institution = origin.institution;
        self.record.origin_city = origin.city;
        self.record.origin_line = origin.line;
        self.record.origin_station = origin.station;
        self.record.origin_terminal = origin.terminal;
        self.record.origin_at = origin.at;
        self
    }

    pub(super) const fn is_composite(&self) -> bool {
        self.record.transaction.0 == Kind::COMPOSITE.0
    }

    /// What must be on the card.
    pub(super) fn needed(&self) -> Fen {
        // Two numbers below 2³² do not leave 64 bits.
        Fen::new(i64::from(self.record.amount.get()) + i64::from(self.reserve.get()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_sequence_is_written_in_decimal() {
        assert_eq!(bcd(65_292), [0, 0, 0, 0, 0, 0x06, 0x52, 0x92]);
        assert_eq!(bcd(u32::MAX), [0, 0, 0, 0x42, 0x94, 0x96, 0x72, 0x95]);
    }
}
