//! A terminal with a soft module and a journal on a device whose power can fail.

use std::sync::Arc;

use tongtu_card::RamMemory;
use tongtu_crypto::SecretKey;
use tongtu_fare::{BEIJING, FareBook, Tariff};
use tongtu_journal::{Journal, Limits, SimMedium, Survival};
use tongtu_psam::Psam as _;
use tongtu_purse::field::{Industry, Terminal as Number};
use tongtu_sam::{PsamProfile, SoftPsam};
use tongtu_tap_record::TapRecord;
use tongtu_terminal::RecordStore as _;
use tongtu_terminal::tap::{
    Answer, Ask, CardLink as _, CardTerminal, Circumstances, Gate, GroupNotice, PlainLists, Rules,
    Selection, Single, Snapshot, Tap, TapEnd, TapPost, TapProfile, Task, Versions, Way,
};
use tongtu_types::Timestamp;

use super::card::Rider;
use super::institution;
use crate::country::{BEIJING_CODE, Country, Terminal};

pub(super) struct Post {
    who: Terminal,
    terminal: CardTerminal,
    profile: TapProfile,
    psam: SoftPsam<RamMemory>,
    pub(super) medium: SimMedium,
    store: Journal<SimMedium>,
    sent: usize,
}

pub(super) fn bus() -> TapPost {
    TapPost::Single(Single {
        industry: Industry::BUS,
        line: "B00001".parse().unwrap(),
        card_line: [0, 1],
        stop: [0; 8],
        vehicle: *b"BJ-00017",
        leaves_trip: false,
    })
}

pub(super) fn gate(station: &str, way: Way) -> TapPost {
    TapPost::Gate(Gate {
        network: "METRO".parse().unwrap(),
        station: station.parse().unwrap(),
        card_line: 1,
        way,
    })
}

fn snapshot() -> Snapshot {
    let mut tariff = Tariff::default();
    let book = FareBook::parse(BEIJING.as_bytes()).unwrap();
    tariff.adopt(book).unwrap();
    let lists = PlainLists {
        local: vec![[0x01, 0x34, 0x10, 0x00]],
        versions: Versions {
            parameters: 1,
            white_list: 1,
            blacklist: 1,
        },
        ..PlainLists::default()
    };
    Snapshot {
        lists: Arc::new(lists),
        tariff: Arc::new(tariff),
    }
}

fn start(
    who: &Terminal,
    profile: &TapProfile,
    psam: &SoftPsam<RamMemory>,
    store: &Journal<SimMedium>,
) -> CardTerminal {
    let key = SecretKey::from_bytes(&who.key.danger_to_bytes()).unwrap();
    let sam = Arc::new(key);
    CardTerminal::recover(profile.clone(), snapshot(), *psam.identity(), sam, store).unwrap()
}

impl Post {
    pub(super) async fn new(country: &Country, number: u32, post: TapPost) -> Self {
        let who = country.terminal(BEIJING_CODE, number).await;
        let mut made = PsamProfile::test().numbered(u16::try_from(number).unwrap());
        let digits = tongtu_codec::hex_decode(who.number.as_str()).unwrap();
        made.identity.terminal = Number(digits.try_into().unwrap());
        let psam = SoftPsam::manufacture(RamMemory::default(), &made).unwrap();
        let profile = TapProfile {
            acceptor: institution(BEIJING_CODE),
            city: institution(BEIJING_CODE).city(),
            operator: [0, 1],
            software: *b"0.1_260101",
            post,
            selection: Selection::default(),
            rules: Rules::default(),
        };
        let medium = SimMedium::new();
        let store = Journal::recover(medium.clone(), Limits::default()).unwrap();
        Self {
            terminal: start(&who, &profile, &psam, &store),
            who,
            profile,
            psam,
            medium,
            store,
            sent: 0,
        }
    }

    /// The power comes back, or goes and comes back: what is left is on the device.
    pub(super) fn restart(&mut self, survival: &Survival) {
        self.medium = self.medium.reboot(survival);
        self.store = Journal::recover(self.medium.clone(), Limits::default()).unwrap();
        self.psam.reset();
        self.terminal = start(&self.who, &self.profile, &self.psam, &self.store);
    }

    /// A tap, unless the power fails in it.
    pub(super) fn tap(&mut self, rider: &mut Rider, now: Timestamp) -> Option<TapEnd> {
        let circumstances = Circumstances {
            now: Some(now),
            capacity: self.store.capacity(),
            task: Task::Ride,
        };
        let mut tap = Tap::begin(circumstances);
        let mut answer = Answer::Begin;
        loop {
            let (next, ask) = tap.handle(&mut self.terminal, answer);
            tap = next;
            answer = match ask {
                Ask::Card(apdu) => Answer::Card(rider.transmit(&apdu)),
                Ask::Psam(request) => Answer::Psam(self.psam.ask(&request)),
                Ask::KeepIntent { id, intent } => Answer::Kept(self.store.keep_intent(id, &intent)),
                Ask::DropIntent { id } => Answer::Kept(self.store.drop_intent(id)),
                Ask::Append { record, closes } => Answer::Appended(match closes {
                    Some(intent) => self.store.append_closing(&record, intent),
                    None => self.store.append(&record),
                }),
                Ask::Done(end) => {
                    if let Some(ride) = end.outcome.ride() {
                        let _ = self.terminal.told(ride.seq, &mut self.store);
                    }
                    return Some(*end);
                }
            };
            if self.medium.is_off() {
                return None;
            }
        }
    }

    pub(super) fn note(&mut self, notices: &[GroupNotice], now: Timestamp) {
        for notice in notices {
            let notice = notice.clone();
            self.terminal.note(notice, now, &mut self.store).unwrap();
        }
    }

    /// Intents that nobody came back for become grey records.
    pub(super) fn close(&mut self, now: Timestamp) {
        self.terminal.close_stale(now, &mut self.store).unwrap();
    }

    /// Uploads what is new; a batch at a time.
    pub(super) async fn upload(&mut self, country: &Country, now: Timestamp) {
        let records: Vec<Vec<u8>> = self.store.replay().map(|s| s.record.to_vec()).collect();
        for batch in records[self.sent..].chunks(50) {
            country.upload(&self.who, batch, now).await;
        }
        self.sent = records.len();
    }

    /// Whether the journal has such a ride's record, grey or not.
    pub(super) fn records(&self) -> Vec<TapRecord> {
        let replay = self.store.replay();
        replay
            .map(|stored| TapRecord::decode_signed(stored.record).unwrap())
            .collect()
    }
}
