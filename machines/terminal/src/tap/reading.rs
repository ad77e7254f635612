//! Everything that is read before a card is asked to pay. Machine: `Reading`.
//!
//! The FCI has told file 0x15. What else is needed depends on the post, and every file costs a
//! command: 0x17 always, the composite record of the own industry, the newest trip where
//! transfers count. A reading after INITIALIZE would end it.

use tongtu_apdu::{CardCommand as _, Le, StatusWord};
use tongtu_purse::command::{ReadBinary, ReadRecord, RecordBy, Sfi};
use tongtu_purse::field::{CardKind, City};
use tongtu_purse::layout::{BUS_ID, BusRecord, RAIL_ID, RailRecord, Trip};

use super::ask::Ask;
use super::line::Reply;
use super::outcome::Refusal;
use super::plan::{Files, Slot};
use super::profile::TapPost;
use super::{Turn, card};

/// What can be read, in the order in which it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Transit,
    Rail,
    Bus,
    Trip,
}

/// Waits for the answer to a reading.
#[derive(Debug)]
pub(super) struct Reading {
    wanted: &'static [Wanted],
    files: Files,
}

impl Reading {
    pub(super) fn begin(post: &TapPost, transfers: bool) -> (Self, Ask) {
        use Wanted::{Bus, Rail, Transit, Trip};
        let wanted: &'static [Wanted] = match (post, transfers) {
            (TapPost::Single(_), false) => &[Transit],
            (TapPost::Single(_), true) => &[Transit, Trip],
            (TapPost::Segmented(_), false) => &[Transit, Bus],
            (TapPost::Segmented(_), true) => &[Transit, Bus, Trip],
            (TapPost::Gate(_), false) => &[Transit, Rail],
            (TapPost::Gate(_), true) => &[Transit, Rail, Trip],
            (TapPost::Counter(_), _) => &[Transit, Rail, Bus],
        };
        let machine = Self {
            wanted,
            files: Files::default(),
        };
        let ask = read(Transit);
        (machine, ask)
    }

    pub(super) fn handle(mut self, reply: Reply) -> Turn<Self, Result<Files, Refusal>> {
        let Some((now, rest)) = self.wanted.split_first() else {
            return Turn::Done(Ok(self.files));
        };
        let command = match now {
            Wanted::Transit => ReadBinary::NAME,
            Wanted::Rail | Wanted::Bus | Wanted::Trip => ReadRecord::NAME,
        };
        let data = match reply {
            Reply::Ok(data) => Some(data),
            Reply::Status(
                StatusWord::NOT_FOUND | StatusWord::RECORD_NOT_FOUND | StatusWord::FILE_TYPE,
                _,
            ) => None,
            Reply::Status(sw, _) => {
                return Turn::Done(Err(super::paying::refusal_of(command, sw)));
            }
            Reply::Garbled => return Turn::Done(Err(Refusal::Garbled { command })),
            Reply::Lost => return Turn::Done(Err(Refusal::Lost)),
        };
        if let Some(data) = data
            && let Err(refusal) = self.take(*now, &data)
        {
            return Turn::Done(Err(refusal));
        }
        self.wanted = rest;
        match rest.first() {
            Some(next) => Turn::Ask(self, read(*next)),
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
                    Ok(bus) if is_ours(data, BUS_ID) => Slot::There(bus.into()),
                    _ => Slot::Bad,
                };
            }
            Wanted::Trip => self.files.trip = Trip::decode(data).ok().map(Into::into),
        }
        Ok(())
    }
}

/// Whether a record has this id, or none and nothing else either.
fn is_ours(data: &[u8], id: [u8; 2]) -> bool {
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
    }
}
