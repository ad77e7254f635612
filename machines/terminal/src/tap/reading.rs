//! Everything that is read before a card is asked to pay. Machine: `Reading`.
//!
//! The FCI has told file 0x15. What else is needed depends on the post, and every file costs a
//! command: 0x17 always, the composite record of the own industry; where a ride is charged, the
//! newest trip if transfers count and the city's own record if sums do. At the end of a ride of
//! two taps the newest trip is its own beginning, and the one before it is read. A reading after
//! INITIALIZE would end it.

use tongtu_apdu::{CardCommand as _, Le, StatusWord};
use tongtu_purse::command::{ReadBinary, ReadRecord, RecordBy, Sfi};
use tongtu_purse::field::{BusState, CardKind, City, TripKind};
use tongtu_purse::layout::{BUS_ID, BusRecord, LocalHistory, RAIL_ID, RailRecord, Trip};

use super::ask::Ask;
use super::line::Reply;
use super::outcome::Refusal;
use super::plan::{Files, Slot};
use super::profile::{Gate, TapPost, TapProfile, Way};
use super::{Turn, card};

/// What can be read, in the order in which it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Transit,
    Rail,
    Bus,
    Trip,
    /// The trip before the entry of the ride under way.
    Before,
    Local,
}

impl Wanted {
    const ALL: [Self; 6] = [
        Self::Transit,
        Self::Rail,
        Self::Bus,
        Self::Trip,
        Self::Before,
        Self::Local,
    ];

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Waits for the answer to a reading.
#[derive(Debug)]
pub(super) struct Reading {
    now: Wanted,
    /// What is still to be read, a bit each.
    rest: u8,
    /// What more is read if the card's ride ends here.
    at_end: u8,
    /// Whose sums are looked for.
    city: City,
    files: Files,
}

impl Reading {
    pub(super) fn begin(profile: &TapProfile) -> (Self, Ask) {
        use Wanted::{Bus, Local, Rail, Trip};
        let rules = &profile.rules;
        let mut history = 0;
        if rules.transfers {
            history |= Trip.bit();
        }
        if rules.history {
            history |= Local.bit();
        }
        let (rest, at_end) = match profile.post {
            TapPost::Single(_) => (history, 0),
            // Whether it boards or alights is in the record.
            TapPost::Segmented(_) => (Bus.bit(), history),
            TapPost::Gate(Gate { way: Way::Exit, .. }) => (Rail.bit() | history, history),
            TapPost::Gate(_) => (Rail.bit(), 0),
            TapPost::Counter(_) => (Rail.bit() | Bus.bit(), 0),
        };
        let machine = Self {
            now: Wanted::Transit,
            rest,
            at_end,
            city: profile.city,
            files: Files::default(),
        };
        let ask = read(Wanted::Transit);
        (machine, ask)
    }

    pub(super) fn handle(mut self, reply: Reply) -> Turn<Self, Result<Files, Refusal>> {
        let now = self.now;
        let command = match now {
            Wanted::Transit => ReadBinary::NAME,
            _ => ReadRecord::NAME,
        };
        let data = match reply {
            Reply::Ok(data) => Some(data),
            Reply::Status(
                StatusWord::NOT_FOUND | StatusWord::RECORD_NOT_FOUND | StatusWord::FILE_TYPE,
                _,
            ) => None,
            // The city's own file: a card that keeps it to itself has no history for us.
            Reply::Status(..) if now == Wanted::Local => None,
            Reply::Status(sw, _) => {
                return Turn::Done(Err(super::paying::refusal_of(command, sw)));
            }
            Reply::Garbled => return Turn::Done(Err(Refusal::Garbled { command })),
            Reply::Lost => return Turn::Done(Err(Refusal::Lost)),
        };
        if let Some(data) = data
            && let Err(refusal) = self.take(now, &data)
        {
            return Turn::Done(Err(refusal));
        }
        let mut all = Wanted::ALL.into_iter();
        match all.find(|wanted| self.rest & wanted.bit() != 0) {
            Some(next) => {
                self.now = next;
                self.rest &= !next.bit();
                Turn::Ask(self, read(next))
            }
            None => Turn::Done(Ok(self.files)),
        }
    }

    fn take(&mut self, what: Wanted, data: &[u8]) -> Result<(), Refusal> {
        match what {
            Wanted::Transit => {
                // 00000156, province, city, class, kind; what follows is reserved.
                let [_, _, _, _, _, _, a, b, high, low, kind, ..] = *data else {
                    let sfi = Sfi::TRANSIT;
                    return Err(Refusal::BadFile { sfi });
                };
                let interop = u16::from_be_bytes([high, low]);
                self.files.transit = Some((City([a, b]), interop, CardKind(kind)));
            }
            Wanted::Rail => {
                self.files.rail = match RailRecord::decode(data) {
                    Ok(rail) if is_ours(data, RAIL_ID) => Slot::There(rail.into()),
                    _ => Slot::Bad,
                };
            }
            Wanted::Bus => {
                self.files.bus = match BusRecord::decode(data) {
                    Ok(bus) if is_ours(data, BUS_ID) => {
                        if bus.state == BusState::ON_BOARD {
                            self.rest |= self.at_end;
                        }
                        Slot::There(bus.into())
                    }
                    _ => Slot::Bad,
                };
            }
            Wanted::Trip => match Trip::decode(data) {
                Ok(trip) if self.at_end != 0 && trip.kind == TripKind::ENTRY => {
                    self.rest |= Wanted::Before.bit();
                }
                trip => self.files.trip = trip.ok().map(Into::into),
            },
            Wanted::Before => self.files.trip = Trip::decode(data).ok().map(Into::into),
            Wanted::Local => {
                self.files.local = match LocalHistory::of_city(self.city, data) {
                    Some(local) => Slot::There(local.into()),
                    None => Slot::Bad,
                };
            }
        }
        Ok(())
    }
}

/// Whether a record has this id, or none and nothing else either.
pub(super) fn is_ours(data: &[u8], id: [u8; 2]) -> bool {
    data.starts_with(&id) || data.iter().all(|byte| *byte == 0)
}

fn read(wanted: Wanted) -> Ask {
    let record = |sfi, number, le| {
        card(&ReadRecord {
            sfi,
            record: RecordBy::Number(number),
            le: Le::from_byte(le),
        })
    };
    match wanted {
        Wanted::Transit => card(&ReadBinary {
            sfi: Sfi::TRANSIT,
            offset: 0,
            le: Le::from_byte(11),
        }),
        Wanted::Rail => record(Sfi::COMPOSITE, 1, 0x80),
        Wanted::Bus => record(Sfi::COMPOSITE, 2, 0x80),
        Wanted::Trip => record(Sfi::TRIPS, 1, 0x30),
        Wanted::Before => record(Sfi::TRIPS, 2, 0x30),
        Wanted::Local => record(Sfi::LOCAL, 1, 0x30),
    }
}
