//! A terminal that takes the e-cash, with a journal on a device whose power can fail.

use std::sync::Arc;

use tongtu_crypto::{Algorithm, BlockKey, SecretKey};
use tongtu_ecash::cryptogram::composite_mac;
use tongtu_ecash::test_card;
use tongtu_fare::{BEIJING, FareBook, Tariff};
use tongtu_journal::{Journal, Limits, SimMedium, Survival};
use tongtu_psam::{PsamIdentity, PsamSerial};
use tongtu_purse::field::{Date, Terminal as Number};
use tongtu_tap_record::TapRecord;
use tongtu_terminal::RecordStore as _;
use tongtu_terminal::tap::{
    Answer, Ask, AuthorityKey, AuthorityTable, CardLink as _, CardTerminal, Cash, CashRules,
    Circumstances, GroupNotice, PlainLists, RecordKeys, RecordUpdate, Rules, Selection, Snapshot,
    Tap, TapEnd, TapPost, TapProfile, Task, Unpredictable, Versions,
};
use tongtu_types::Timestamp;

use super::super::institution;
use super::card::Rider;
use crate::country::{BEIJING_CODE, Country, Terminal};

/// The keys of the test cards' files.
#[derive(Debug)]
struct FileKeys;

impl RecordKeys for FileKeys {
    fn mac(&self, update: &RecordUpdate<'_>) -> Option<[u8; 4]> {
        let algorithm = match update.algorithm {
            4 => Algorithm::Sm4,
            _ => Algorithm::Tdes,
        };
        let key = BlockKey::new(algorithm, test_card::file_key(update.sfi));
        let (atc, header) = (update.atc, update.header);
        Some(composite_mac(&key, atc, header, update.record))
    }
}

fn authorities() -> Arc<AuthorityTable> {
    const RID: [u8; 5] = [0xA0, 0, 0, 6, 0x32];
    let mut table = AuthorityTable::default();
    for authority in test_card::authorities() {
        let key = AuthorityKey {
            rid: RID,
            version: 1,
            expires: Date([0x20, 0x35, 0x12, 0x31]),
            check: AuthorityKey::check_value(RID, &authority),
            authority,
        };
        table.take(key).unwrap();
    }
    Arc::new(table)
}

fn snapshot() -> Snapshot {
    let mut tariff = Tariff::default();
    let book = FareBook::parse(BEIJING.as_bytes()).unwrap();
    tariff.adopt(book).unwrap();
    let lists = PlainLists {
        local: vec![[0x01, 0x34, 0x10, 0x00]],
        listed: vec![[0x01, 0x34, 0x58, 0x10]],
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

pub(super) struct Post {
    who: Terminal,
    terminal: CardTerminal,
    profile: TapProfile,
    psam: PsamIdentity,
    pub(super) medium: SimMedium,
    store: Journal<SimMedium>,
    sent: usize,
    starts: u8,
}

impl Post {
    pub(super) async fn new(country: &Country, number: u32, post: TapPost) -> Self {
        let who = country.terminal(BEIJING_CODE, number).await;
        let digits = tongtu_codec::hex_decode(who.number.as_str()).unwrap();
        let made = tongtu_sam::PsamProfile::test();
        let psam = PsamIdentity {
            serial: PsamSerial([u8::try_from(number).unwrap(); 10]),
            terminal: Number(digits.try_into().unwrap()),
            ..made.identity
        };
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
            terminal: start(&who, &profile, psam, &store, 0),
            who,
            profile,
            psam,
            medium,
            store,
            sent: 0,
            starts: 0,
        }
    }

    /// The power comes back, or goes and comes back: what is left is on the device.
    pub(super) fn restart(&mut self, survival: &Survival) {
        self.medium = self.medium.reboot(survival);
        self.store = Journal::recover(self.medium.clone(), Limits::default()).unwrap();
        self.starts = self.starts.wrapping_add(1);
        self.terminal = start(
            &self.who,
            &self.profile,
            self.psam,
            &self.store,
            self.starts,
        );
    }

    /// A tap, unless the power fails in it.
    pub(super) fn tap(&mut self, rider: &mut Rider, now: Timestamp) -> Option<TapEnd> {
        let mut tap = Tap::begin(Circumstances {
            now: Some(now),
            capacity: self.store.capacity(),
            task: Task::Ride,
        });
        let mut answer = Answer::Begin;
        loop {
            let (next, ask) = tap.handle(&mut self.terminal, answer);
            tap = next;
            answer = match ask {
                Ask::Card(apdu) => Answer::Card(rider.transmit(&apdu)),
                Ask::Psam(_) => panic!("no module takes part in an e-cash's tap"),
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

    pub(super) fn records(&self) -> Vec<TapRecord> {
        let replay = self.store.replay();
        replay
            .map(|stored| TapRecord::decode_signed(stored.record).unwrap())
            .collect()
    }
}

fn start(
    who: &Terminal,
    profile: &TapProfile,
    psam: PsamIdentity,
    store: &Journal<SimMedium>,
    starts: u8,
) -> CardTerminal {
    let key = SecretKey::from_bytes(&who.key.danger_to_bytes()).unwrap();
    let (profile, sam) = (profile.clone(), Arc::new(key));
    let mut terminal = CardTerminal::recover(profile, snapshot(), psam, sam, store).unwrap();
    terminal.serve_cash(Cash {
        rules: CashRules {
            issuers: vec!["6217".into()],
            ..CashRules::default()
        },
        authorities: authorities(),
        records: Some(Arc::new(FileKeys)),
        unpredictable: Unpredictable::new([starts; 32]),
    });
    terminal
}
