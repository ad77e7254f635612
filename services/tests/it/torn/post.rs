//! A terminal with a soft module and a journal on a device whose power can fail.

use std::collections::BTreeSet;
use std::sync::Arc;

use tongtu_card::RamMemory;
use tongtu_crypto::SecretKey;
use tongtu_fare::{BEIJING, FareBook, Tariff};
use tongtu_journal::{Journal, Limits, SimMedium, Survival};
use tongtu_psam::Psam as _;
use tongtu_purse::field::{Industry, Serial, Terminal as Number};
use tongtu_sam::{PsamProfile, SoftPsam};
use tongtu_tap_record::TapRecord;
use tongtu_terminal::RecordStore as _;
use tongtu_terminal::tap::{
    Answer, Ask, CardLink, CardTerminal, Circumstances, Gate, GroupNotice, ModuleRule, PlainLists,
    Rules, Selection, Single, Snapshot, Tap, TapEnd, TapPost, TapProfile, Task, Versions, Way,
};
use tongtu_types::{CardNumber, Timestamp};

use super::cash;
use super::flow::LONG_BOOK;
use super::institution;
use crate::country::{BEIJING_CODE, Country, Terminal};

/// Where a terminal stands, and its rules.
pub(super) type Place = (TapPost, Rules);

pub(super) struct Post {
    who: Terminal,
    terminal: CardTerminal,
    profile: TapProfile,
    psam: SoftPsam<RamMemory>,
    pub(super) medium: SimMedium,
    store: Journal<SimMedium>,
    sent: usize,
    /// How often a terminal that takes the e-cash began; `None` for one that does not.
    cash: Option<u8>,
    tariff: Arc<Tariff>,
    blacklist: BTreeSet<[u8; 10]>,
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

/// The fares of a city; a bus of segmented fares has its own book.
fn tariff(post: &TapPost) -> Arc<Tariff> {
    let book = match post {
        TapPost::Segmented(_) => LONG_BOOK,
        _ => BEIJING,
    };
    let mut tariff = Tariff::default();
    let book = FareBook::parse(book.as_bytes()).unwrap();
    tariff.adopt(book).unwrap();
    Arc::new(tariff)
}

fn snapshot(tariff: &Arc<Tariff>, blacklist: &BTreeSet<[u8; 10]>) -> Snapshot {
    let lists = PlainLists {
        local: vec![[0x01, 0x34, 0x10, 0x00]],
        listed: vec![[0x01, 0x34, 0x58, 0x10]],
        blacklist: blacklist.clone(),
        versions: Versions {
            parameters: 1,
            white_list: 1,
            blacklist: 1,
        },
        ..PlainLists::default()
    };
    Snapshot {
        lists: Arc::new(lists),
        tariff: tariff.clone(),
    }
}

fn start(
    who: &Terminal,
    profile: &TapProfile,
    held: Snapshot,
    psam: &SoftPsam<RamMemory>,
    store: &Journal<SimMedium>,
) -> CardTerminal {
    let key = SecretKey::from_bytes(&who.key.danger_to_bytes()).unwrap();
    let sam = Arc::new(key);
    CardTerminal::recover(profile.clone(), held, *psam.identity(), sam, store).unwrap()
}

impl Post {
    pub(super) async fn new(country: &Country, number: u32, (post, rules): Place) -> Self {
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
            module: ModuleRule::default(),
            selection: Selection::default(),
            rules,
        };
        let medium = SimMedium::new();
        let store = Journal::recover(medium.clone(), Limits::default()).unwrap();
        let (tariff, blacklist) = (tariff(&post), BTreeSet::new());
        let held = snapshot(&tariff, &blacklist);
        Self {
            terminal: start(&who, &profile, held, &psam, &store),
            who,
            profile,
            psam,
            medium,
            store,
            sent: 0,
            cash: None,
            tariff,
            blacklist,
        }
    }

    /// The vehicle goes on, and what is written on its terminals with it.
    pub(super) fn stand_at(&mut self, post: TapPost) {
        self.profile.post = post;
        self.terminal.stand_at(post);
    }

    /// One card more on the blacklist.
    pub(super) fn blacklist(&mut self, card: CardNumber) {
        self.blacklist.insert(Serial::of(&card).0);
        self.begin();
    }

    /// The same, for riders by e-cash.
    pub(super) fn taking_cash(mut self) -> Self {
        self.cash = Some(0);
        self.begin();
        self
    }

    /// The terminal begins with what is on its device.
    fn begin(&mut self) {
        let held = snapshot(&self.tariff, &self.blacklist);
        self.terminal = start(&self.who, &self.profile, held, &self.psam, &self.store);
        if let Some(starts) = &mut self.cash {
            self.terminal.serve_cash(cash::served(*starts));
            *starts = starts.wrapping_add(1);
        }
    }

    /// The power comes back, or goes and comes back: what is left is on the device.
    pub(super) fn restart(&mut self, survival: &Survival) {
        self.medium = self.medium.reboot(survival);
        self.store = Journal::recover(self.medium.clone(), Limits::default()).unwrap();
        self.psam.reset();
        self.begin();
    }

    /// A tap, unless the power fails in it.
    pub(super) fn tap(
        &mut self,
        rider: &mut impl CardLink,
        task: Task,
        now: Timestamp,
    ) -> Option<TapEnd> {
        let circumstances = Circumstances {
            now: Some(now),
            capacity: self.store.capacity(),
            task,
        };
        let mut tap = Tap::begin(circumstances);
        let mut answer = Answer::Begin;
        loop {
            let (next, ask) = tap.handle(&mut self.terminal, answer);
            tap = next;
            answer = match ask {
                Ask::Card(apdu) => Answer::Card(rider.transmit(&apdu)),
                Ask::Psam(request) => {
                    assert!(
                        self.cash.is_none(),
                        "no module takes part in an e-cash's tap"
                    );
                    Answer::Psam(self.psam.ask(&request))
                }
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

    /// What a terminal that begins again has to say to its group.
    pub(super) fn torn(&self) -> Vec<GroupNotice> {
        self.terminal.torn()
    }

    pub(super) fn note(&mut self, notices: &[GroupNotice], now: Timestamp) {
        for notice in notices {
            let notice = GroupNotice::decode(&notice.encode()).unwrap();
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
