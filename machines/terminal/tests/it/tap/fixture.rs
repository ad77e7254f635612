//! A card of silicon's kind in the field, modules with the test masters, terminals of one city.
//!
//! The module here is a double that knows nothing but `tongtu_purse::proof`.

use std::sync::Arc;

use tongtu_apdu::{CardCommand, Response, StatusWord};
use tongtu_card::factory::{Blueprint, Preinstalled};
use tongtu_card::{Card, Env, Interface, Memory, Torn};
use tongtu_crypto::diversify;
use tongtu_crypto::{Algorithm, BlockKey};
use tongtu_fare::{FareBook, GUANGZHOU, Tariff};
use tongtu_psam::{
    CardFactor, CreditRequest, Psam, PsamAnswer, PsamFault, PsamIdentity, PsamRequest, PsamSerial,
    PurchaseRequest,
};
use tongtu_purse::command::BalanceKind;
use tongtu_purse::command::{
    CreditForLoad, GetBalance, InitLoad, LoadInit, ReadRecord, RecordBy, Sfi,
};
use tongtu_purse::field::{Amount, City, Date, DateTime, Institution, Kind, Serial, Terminal};
use tongtu_purse::keys::{KeySet, KeyUse};
use tongtu_purse::layout::Transaction;
use tongtu_purse::profile::{Profile, test_keys};
use tongtu_purse::proof::{self, Deal, purchase_session};
use tongtu_tap_record::{Mac2State, RecordKind, Recovery, TapRecord};
use tongtu_terminal::tap::{
    CardLink, CardTerminal, Circumstances, Gate, GroupNotice, Lost, PlainLists, Rules, Segmented,
    Selection, Single, Snapshot, TapEnd, TapPost, TapProfile, Task, Versions, Way, drive,
};
use tongtu_terminal::{RecordStore as _, StoreError};
use tongtu_testkit::tear::{Chip, Exchange, Line};
use tongtu_types::Timestamp;

use crate::fixture::MemoryStore;

pub(crate) fn array<const N: usize>(hex: &str) -> [u8; N] {
    tongtu_codec::hex_decode(hex).unwrap().try_into().unwrap()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    tongtu_codec::hex_encode(bytes).to_ascii_uppercase()
}

/// 2025-06-01 08:00:00 in China.
pub(crate) const T0: Timestamp = Timestamp::new(1_748_736_000);

/// The issuer and the card of the derived chain.
pub(crate) const ISSUER: Institution =
    Institution([0x02, 0x90, 0x58, 0x10, 0xFF, 0xFF, 0xFF, 0xFF]);
pub(crate) const SERIAL: Serial =
    Serial([0x03, 0x10, 0x48, 0x99, 0x99, 0x99, 0x00, 0x00, 0x00, 0x17]);

/// Master keys of the derived chain, the rest from the test set.
pub(crate) fn masters(algorithm: Algorithm) -> KeySet {
    test_keys(algorithm)
        .with(
            KeyUse::Purchase,
            1,
            array("32D464AC81F1640A687D023BF99E35DF"),
        )
        .with(KeyUse::Load, 1, array("32D464AC81F1640A687D023BF99E35DF"))
        .with(KeyUse::Tac, 1, array("0F1E2D3C4B5A69788796A5B4C3D2E1F0"))
}

/// A purse of the city with this serial's last byte.
pub(crate) fn profile(last: u8, algorithm: Algorithm) -> Profile {
    let mut profile = Profile::test_with(algorithm);
    profile.public.issuer = ISSUER;
    profile.transit.city = City([0x58, 0x10]);
    let mut serial = SERIAL;
    serial.0[9] = last;
    profile.for_card(serial, &[masters(Algorithm::Tdes), masters(Algorithm::Sm4)])
}

/// Dice: the same throws in every run; some throws can be laid down.
#[derive(Clone, Debug)]
pub(crate) struct Dice {
    state: u64,
    pub(crate) laid: Option<[u8; 4]>,
}

impl Dice {
    pub(crate) const fn new() -> Self {
        Self {
            state: 0x0123_4567_89AB_CDEF,
            laid: None,
        }
    }

    fn fill(&mut self, out: &mut [u8]) {
        if let (Some(laid), 4) = (self.laid, out.len()) {
            out.copy_from_slice(&laid);
            self.laid = None;
            return;
        }
        for byte in out {
            self.state ^= self.state << 13;
            self.state ^= self.state >> 7;
            self.state ^= self.state << 17;
            *byte = self.state.to_be_bytes()[3];
        }
    }
}

/// The harness's chip in the shape that the card asks for.
#[derive(Clone, Debug)]
struct Cells(Chip);

impl Memory for Cells {
    fn size(&self) -> usize {
        self.0.size()
    }

    fn read(&self, at: usize, out: &mut [u8]) {
        self.0.read(at, out);
    }

    fn write(&mut self, at: usize, bytes: &[u8]) -> Result<(), Torn> {
        self.0.write(at, bytes).map_err(|_| Torn)
    }
}

/// A card, in or out of the field.
pub(crate) struct Rider {
    chip: Chip,
    card: Card<Cells>,
    pub(crate) dice: Dice,
    pub(crate) line: Line,
    /// Commands and answers of the last tap.
    pub(crate) log: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) profile: Profile,
}

impl Clone for Rider {
    fn clone(&self) -> Self {
        let chip = self.chip.copy();
        Self {
            card: Card::power_up(Cells(chip.clone())).unwrap(),
            chip,
            dice: self.dice.clone(),
            line: self.line,
            log: self.log.clone(),
            profile: self.profile.clone(),
        }
    }
}

impl Rider {
    /// A card with so much money on it.
    pub(crate) fn with(profile: &Profile, fen: u32) -> Self {
        Self::of(vec![Preinstalled::purse(profile)], profile, fen)
    }

    pub(crate) fn of(applications: Vec<Preinstalled>, profile: &Profile, fen: u32) -> Self {
        let blueprint = Blueprint {
            applications,
            ..Blueprint::default()
        };
        let mut dice = Dice::new();
        let chip = Chip::new(24 * 1024);
        let mut entropy = |out: &mut [u8]| dice.fill(out);
        let card = Card::manufacture(Cells(chip.clone()), &blueprint, &mut entropy);
        let mut rider = Self {
            card: card.unwrap(),
            chip,
            dice,
            line: Line::breaking_after(usize::MAX),
            log: Vec::new(),
            profile: profile.clone(),
        };
        if fen > 0 {
            rider.load(fen);
        }
        rider
    }

    /// The card comes into the field: powered up, nothing selected.
    pub(crate) fn present(&mut self) {
        self.card.reset();
        self.line = Line::breaking_after(usize::MAX);
        self.log.clear();
    }

    pub(crate) fn raw(&mut self, apdu: &[u8]) -> Vec<u8> {
        let dice = &mut self.dice;
        let mut entropy = |out: &mut [u8]| dice.fill(out);
        let mut env = Env {
            entropy: &mut entropy,
            interface: Interface::Contactless,
        };
        self.card.transmit(&mut env, apdu).unwrap()
    }

    /// A command outside any tap.
    pub(crate) fn call<C: CardCommand>(&mut self, command: &C) -> Result<C::Answer, StatusWord> {
        let answer = self.raw(&command.to_command().encode().unwrap());
        let answer = Response::parse(&answer).unwrap();
        if answer.sw.is_ok() {
            Ok(C::answer(&answer.data).unwrap())
        } else {
            Err(answer.sw)
        }
    }

    pub(crate) fn select(&mut self) {
        let aid = self.profile.aid;
        let select = tongtu_apdu::select::Select::by_name(aid.as_bytes());
        self.call(&select).unwrap();
    }

    fn load(&mut self, fen: u32) {
        self.present();
        self.select();
        let init = InitLoad {
            key: 1,
            amount: Amount::new(fen),
            terminal: Terminal([0x31; 6]),
        };
        let LoadInit {
            sequence, random, ..
        } = self.call(&init).unwrap();
        let key = self.profile.transaction_key(KeyUse::Load, 1).unwrap();
        let session = proof::load_session(&key, random, sequence);
        let at = DateTime::of(T0.plus_s(-86_400));
        let mac2 = init.deal().load_mac2(&session, at);
        self.call(&CreditForLoad { at, mac2 }).unwrap();
    }

    /// A top-up at a counter of somebody else.
    pub(crate) fn top_up(&mut self, fen: u32) {
        self.load(fen);
    }

    pub(crate) fn balance(&mut self) -> i64 {
        self.present();
        self.select();
        let get = GetBalance {
            kind: BalanceKind::Real,
        };
        self.call(&get).unwrap().fen().get()
    }

    /// The card's own log of purchases, oldest first.
    pub(crate) fn debits(&mut self) -> Vec<Transaction> {
        self.present();
        self.select();
        let mut out = Vec::new();
        for number in 1..=10 {
            let read = ReadRecord {
                sfi: Sfi::TRANSACTIONS,
                record: RecordBy::Number(number),
                le: tongtu_apdu::Le::ALL,
            };
            let Ok(bytes) = self.call(&read) else { break };
            out.push(Transaction::decode(&bytes).unwrap());
        }
        out.retain(|detail| matches!(detail.kind, Kind::PURCHASE | Kind::COMPOSITE));
        out.reverse();
        out
    }

    /// A record of the composite file.
    pub(crate) fn composite(&mut self, number: u8) -> Vec<u8> {
        self.record(Sfi::COMPOSITE, number)
    }

    pub(crate) fn record(&mut self, sfi: Sfi, number: u8) -> Vec<u8> {
        self.present();
        self.select();
        let read = ReadRecord {
            sfi,
            record: RecordBy::Number(number),
            le: tongtu_apdu::Le::ALL,
        };
        self.call(&read).unwrap()
    }

    /// Instructions of the last tap, as bytes.
    pub(crate) fn instructions(&self) -> Vec<u8> {
        self.log.iter().map(|(command, _)| command[1]).collect()
    }

    pub(crate) fn tac_key(&self) -> BlockKey {
        let set = self.profile.key_set(Algorithm::Tdes).unwrap();
        set.key(KeyUse::Tac, 1).unwrap()
    }
}

impl CardLink for Rider {
    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, Lost> {
        let mut line = self.line;
        let exchange = line.exchange(apdu, |apdu| self.raw(apdu));
        self.line = line;
        match exchange {
            Exchange::Answered(answer) => {
                self.log.push((apdu.to_vec(), answer.clone()));
                Ok(answer)
            }
            Exchange::Undelivered | Exchange::Unanswered(_) => {
                // What follows finds no card: the rider has to come back.
                self.line = Line::breaking_after(0);
                Err(Lost)
            }
        }
    }
}

/// A module that has the master keys and knows its latest purchase.
#[derive(Clone)]
pub(crate) struct TestPsam {
    pub(crate) identity: PsamIdentity,
    pub(crate) sequence: u32,
    /// Terminal sequence of the latest purchase, and its MAC2.
    awaited: Option<(u32, proof::Code)>,
    pub(crate) fails: Option<PsamFault>,
    /// Fails at MAC2 only.
    pub(crate) fails_credit: Option<PsamFault>,
}

impl TestPsam {
    pub(crate) fn new(number: u8) -> Self {
        Self {
            identity: PsamIdentity {
                serial: PsamSerial([number; 10]),
                terminal: Terminal([0x58, 0x10, 0, 0, 0, number]),
                key_index: 1,
                issuer: ISSUER,
                receiver: ISSUER,
                starts: Date([0x20, 0x20, 0x01, 0x01]),
                expires: Date([0x20, 0x40, 0x12, 0x31]),
            },
            sequence: 0x100,
            awaited: None,
            fails: None,
            fails_credit: None,
        }
    }

    fn key(&self, algorithm: u8, purpose: KeyUse, card: CardFactor) -> BlockKey {
        let algorithm = if algorithm == 4 {
            Algorithm::Sm4
        } else {
            Algorithm::Tdes
        };
        let master = masters(algorithm).key(purpose, 1).unwrap();
        diversify::levels(&master, &[ISSUER.0, card.0])
    }

    fn permit(&mut self, purchase: &PurchaseRequest) -> PsamAnswer {
        self.sequence += 1;
        let deal = Deal {
            amount: purchase.amount,
            kind: purchase.kind,
            terminal: self.identity.terminal,
        };
        let key = self.key(purchase.algorithm, KeyUse::Purchase, purchase.card);
        let session = purchase_session(&key, purchase.random, purchase.sequence, self.sequence);
        let mac1 = deal.purchase_mac1(&session, purchase.at);
        self.awaited = Some((self.sequence, deal.purchase_mac2(&session)));
        PsamAnswer::Permit {
            terminal_sequence: self.sequence,
            mac1,
        }
    }

    fn credit(&mut self, credit: &CreditRequest) -> Result<PsamAnswer, PsamFault> {
        if let Some(fault) = &self.fails_credit {
            return Err(fault.clone());
        }
        let asked = credit.terminal_sequence;
        let awaited = self.awaited.map(|(sequence, _)| sequence);
        let (_, mac2) = self
            .awaited
            .take_if(|(sequence, _)| *sequence == asked)
            .ok_or(PsamFault::Superseded { asked, awaited })?;
        if proof::same(&mac2, &credit.mac2) {
            Ok(PsamAnswer::Credited)
        } else {
            Err(PsamFault::Mac2 {
                tries_left: Some(2),
            })
        }
    }
}

impl Psam for TestPsam {
    fn identity(&self) -> &PsamIdentity {
        &self.identity
    }

    fn ask(&mut self, request: &PsamRequest) -> Result<PsamAnswer, PsamFault> {
        if let Some(fault) = &self.fails {
            return Err(fault.clone());
        }
        match request {
            PsamRequest::Purchase(purchase) => Ok(self.permit(purchase)),
            PsamRequest::Credit(credit) => self.credit(credit),
            PsamRequest::Lock(lock) => {
                let key = self.key(lock.algorithm, KeyUse::Maintenance, lock.card);
                let [cla, ins, p1, p2, _] = lock.head;
                let command = tongtu_apdu::Command::new(cla, ins, p1, p2);
                Ok(PsamAnswer::Mac(tongtu_purse::secure::mac(
                    &key,
                    &lock.challenge,
                    &command,
                )))
            }
            PsamRequest::UpdateMac(_) => Err(PsamFault::Absent),
        }
    }
}

/// A terminal with its module and its store.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    pub(crate) terminal: CardTerminal,
    pub(crate) psam: TestPsam,
    pub(crate) store: MemoryStore,
    pub(crate) profile: TapProfile,
    pub(crate) lists: PlainLists,
    pub(crate) tariff: Arc<Tariff>,
}

impl std::fmt::Debug for TestPsam {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TestPsam({})", self.identity.serial)
    }
}

impl Post {
    pub(crate) fn start(
        profile: TapProfile,
        lists: PlainLists,
        tariff: Arc<Tariff>,
        psam: TestPsam,
        store: MemoryStore,
    ) -> Self {
        let held = Snapshot {
            lists: Arc::new(lists.clone()),
            tariff: tariff.clone(),
        };
        let terminal = CardTerminal::recover(profile.clone(), held, psam.identity, &store).unwrap();
        Self {
            terminal,
            psam,
            store,
            profile,
            lists,
            tariff,
        }
    }

    pub(crate) fn new(number: u8, post: TapPost) -> Self {
        Self::with_rules(number, post, Rules::default())
    }

    pub(crate) fn with_rules(number: u8, post: TapPost, rules: Rules) -> Self {
        Self::start(
            tap_profile(post, rules),
            lists(),
            tariff(),
            TestPsam::new(number),
            MemoryStore::default(),
        )
    }

    /// Power off and on; the module forgets what MAC2 it awaited.
    pub(crate) fn restart(&mut self) {
        self.psam.awaited = None;
        *self = self.started();
    }

    /// The same terminal with the same store, just started.
    pub(crate) fn started(&self) -> Self {
        Self::start(
            self.profile.clone(),
            self.lists.clone(),
            self.tariff.clone(),
            self.psam.clone(),
            self.store.clone(),
        )
    }

    /// The same with other rules or lists.
    pub(crate) fn changed(mut self, change: impl FnOnce(&mut TapProfile, &mut PlainLists)) -> Self {
        change(&mut self.profile, &mut self.lists);
        self.started()
    }

    pub(crate) fn circumstances(&self, now: Timestamp, task: Task) -> Circumstances {
        Circumstances {
            now: Some(now),
            capacity: self.store.capacity(),
            task,
        }
    }

    /// A tap; the rider is told.
    pub(crate) fn tap(&mut self, rider: &mut Rider, now: Timestamp) -> TapEnd {
        rider.present();
        self.tap_on(rider, now, Task::Ride)
    }

    /// A tap on a line as it is.
    pub(crate) fn tap_on(
        &mut self,
        rider: &mut dyn CardLink,
        now: Timestamp,
        task: Task,
    ) -> TapEnd {
        let circumstances = self.circumstances(now, task);
        let end = drive(
            &mut self.terminal,
            circumstances,
            rider,
            &mut self.psam,
            &mut self.store,
        );
        if let Some(ride) = end.outcome.ride() {
            self.terminal.told(ride.seq, &mut self.store).unwrap();
        }
        end
    }

    pub(crate) fn note(&mut self, notices: &[GroupNotice], now: Timestamp) {
        for notice in notices {
            let travelled = GroupNotice::decode(&notice.encode()).unwrap();
            self.terminal.note(travelled, now, &mut self.store).unwrap();
        }
    }

    /// Every card record in the store.
    pub(crate) fn records(&self) -> Vec<TapRecord> {
        let replay = self.store.replay();
        replay
            .map(|stored| TapRecord::decode(stored.record).unwrap())
            .collect()
    }

    /// Every intent that nobody came back for becomes grey.
    pub(crate) fn close(&mut self, now: Timestamp) -> Result<Vec<u64>, StoreError> {
        self.terminal.close_stale(now, &mut self.store)
    }
}

pub(crate) fn tap_profile(post: TapPost, rules: Rules) -> TapProfile {
    TapProfile {
        acceptor: Institution([0x12, 0x90, 0x58, 0x10, 0xFF, 0xFF, 0xFF, 0xFF]),
        city: City([0x58, 0x10]),
        operator: [0x30, 0x00],
        software: *b"0.1_250601",
        post,
        selection: Selection::default(),
        rules,
    }
}

pub(crate) fn lists() -> PlainLists {
    PlainLists {
        local: vec![[0x02, 0x90, 0x58, 0x10]],
        listed: vec![[0x01, 0x01, 0x10, 0x00]],
        versions: Versions {
            parameters: 3,
            white_list: 4,
            blacklist: 5,
        },
        ..PlainLists::default()
    }
}

pub(crate) fn tariff() -> Arc<Tariff> {
    let mut tariff = Tariff::default();
    tariff
        .adopt(FareBook::parse(GUANGZHOU.as_bytes()).unwrap())
        .unwrap();
    Arc::new(tariff)
}

pub(crate) fn bus() -> TapPost {
    TapPost::Single(Single {
        industry: tongtu_purse::field::Industry::BUS,
        line: "B00001".parse().unwrap(),
        card_line: [0, 1],
        stop: [0; 8],
        vehicle: *b"GD-00017",
        leaves_trip: false,
    })
}

pub(crate) fn gate(station: &str, way: Way) -> TapPost {
    TapPost::Gate(Gate {
        network: "METRO".parse().unwrap(),
        station: station.parse().unwrap(),
        card_line: 1,
        way,
    })
}

/// A bus of segmented fares whose stops are those of line 2.
pub(crate) fn segmented(stop: u8, vehicle: u8) -> TapPost {
    TapPost::Segmented(Segmented {
        line: "LONG".parse().unwrap(),
        card_line: [0, 9],
        stop: format!("{stop:02}").parse().unwrap(),
        card_stop: stop,
        direction: tongtu_purse::field::Direction::UP,
        vehicle: [vehicle; 8],
    })
}

/// The city's fares with a bus of segmented fares: 1 yuan for 4 km, 1 more for each 4.
pub(crate) fn long_line() -> Arc<Tariff> {
    let text = "fare-book 1\ncity 5810 | 广州 | Guangzhou\nversion 2\neffective 2018-01-01\n\
        currency CNY\n\nnetwork LONG | 长线 | Long Line\nstay 14400 | max-fare\n\
        ladder 4000 | 1.00\nstep inf | 4000\n\nline 9 | 9路 | Bus 9\n\
        station 01 | 甲 | A\nstation 02 | 乙 | B\nstation 03 | 丙 | C\nstation 04 | 丁 | D\n\
        link 01 | 02 | 4000\nlink 02 | 03 | 4000\nlink 03 | 04 | 4000\n";
    let mut tariff = Tariff::default();
    tariff
        .adopt(FareBook::parse(text.as_bytes()).unwrap())
        .unwrap();
    Arc::new(tariff)
}

/// What the property is: every debit of the card is one ride in somebody's records, nothing
/// else is, and the money agrees.
pub(crate) fn audit(
    what: &str,
    rider: &mut Rider,
    loaded: i64,
    posts: &mut [&mut Post],
    now: Timestamp,
) {
    for post in posts.iter_mut() {
        post.close(now.plus_s(100_000)).unwrap();
        assert_eq!(
            post.terminal.open_intents(),
            0,
            "{what}: an intent stays open"
        );
    }
    let debits = rider.debits();
    let key = rider.tac_key();
    let mut rides: Vec<(u16, i64)> = Vec::new();
    let serial = rider.profile.public.serial;
    for record in posts.iter().flat_map(|post| post.records()) {
        if record.kind == RecordKind::Lock || record.serial != serial {
            continue;
        }
        assert_eq!(record.check(), Ok(()), "{what}");
        let detail = debits.iter().find(|d| {
            d.sequence == record.sequence + 1 && d.terminal == record.terminal && d.at == record.at
        });
        if record.recovery == Recovery::Grey {
            // The back office: the card's next number tells, and so does its log here.
            if detail.is_none() {
                continue;
            }
        } else {
            let detail = detail.unwrap_or_else(|| panic!("{what}: a ride that no card paid"));
            assert_eq!(detail.amount, record.amount, "{what}");
            assert!(record.tac_holds(&key), "{what}: TAC");
            assert_ne!(record.mac2, Mac2State::Failed, "{what}");
        }
        rides.push((record.sequence, record.amount.fen().get()));
    }
    rides.sort_unstable();
    rides.dedup();
    let paid: Vec<_> = debits
        .iter()
        .map(|d| (d.sequence - 1, d.amount.fen().get()))
        .collect();
    assert_eq!(rides, paid, "{what}: rides recorded and debits of the card");
    let total: i64 = rides.iter().map(|(_, amount)| amount).sum();
    assert_eq!(rider.balance(), loaded - total, "{what}: money");
}
