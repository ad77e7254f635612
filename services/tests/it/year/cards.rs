//! A bus for cards with its module, and cards whose keys are of one version or the next.

use std::sync::Arc;

use tongtu_apdu::select::Select;
use tongtu_apdu::{CardCommand, Response};
use tongtu_card::factory::{Blueprint, Preinstalled};
use tongtu_card::{Card, Env, Interface, RamMemory};
use tongtu_crypto::Algorithm;
use tongtu_fare::{FareBook, GUANGZHOU, Tariff};
use tongtu_journal::{Journal, Limits, SimMedium};
use tongtu_psam::Psam as _;
use tongtu_purse::command::{CreditForLoad, InitLoad, LoadInit};
use tongtu_purse::field::{Amount, DateTime, Industry, Serial, Terminal as Number};
use tongtu_purse::keys::KeyUse;
use tongtu_purse::profile::{KeyIndex, Profile, test_keys};
use tongtu_purse::proof;
use tongtu_sam::{KeyRole, PsamProfile, SoftPsam};
use tongtu_services::{Node, UploadKind};
use tongtu_terminal::RecordStore as _;
use tongtu_terminal::tap::{
    CardLink, CardTerminal, Circumstances, Lost, ModuleRule, PlainLists, Rules, Selection, Single,
    Snapshot, TapEnd, TapPost, TapProfile, Task, drive,
};
use tongtu_types::{CardNumber, Fen, Timestamp};

use crate::card::institution;
use crate::country::{Country, GUANGZHOU_CODE, Terminal};

const LOADED: u32 = 50_000;
/// The key index by which cards are loaded: that key is not renewed.
const LOAD: u8 = 3;

/// A rider's card.
pub(super) struct Pass {
    card: Card<RamMemory>,
    dice: u64,
}

impl Pass {
    /// A card of the city whose purchase key has this version.
    pub(super) async fn new(country: &Country, number: u32, version: u8, now: Timestamp) -> Self {
        let text = format!("310{}{number:012}", &GUANGZHOU_CODE[4..]);
        let number = CardNumber::parse(&text).unwrap();
        let node = country.node(GUANGZHOU_CODE);
        node.card_issue(number, now).await.unwrap();
        let loaded = Fen::new(LOADED.into());
        node.card_load(number, &text, loaded, now).await.unwrap();
        let mut profile = Profile::test_with(Algorithm::Sm4);
        profile.public.issuer = institution(GUANGZHOU_CODE);
        profile.transit.city = institution(GUANGZHOU_CODE).city();
        for row in profile.indexes.iter_mut().filter(|row| row.index == 1) {
            (row.slot, row.version) = (version, version);
        }
        profile
            .indexes
            .push(KeyIndex::purse(LOAD, Algorithm::Sm4, 1));
        let masters = [test_keys(Algorithm::Tdes), test_keys(Algorithm::Sm4)];
        let profile = profile.for_card(Serial::of(&number), &masters);
        let blueprint = Blueprint {
            applications: vec![Preinstalled::purse(&profile)],
            ..Blueprint::default()
        };
        let mut dice = 1 + u64::from(version);
        let mut entropy = |out: &mut [u8]| throw(&mut dice, out);
        let memory = RamMemory::new(24 * 1024);
        let card = Card::manufacture(memory, &blueprint, &mut entropy).unwrap();
        let mut pass = Self { card, dice };
        pass.load(&profile, now);
        pass
    }

    fn load(&mut self, profile: &Profile, now: Timestamp) {
        self.call(&Select::by_name(profile.aid.as_bytes()));
        let init = InitLoad {
            key: LOAD,
            amount: Amount::new(LOADED),
            terminal: Number([0x31; 6]),
        };
        let LoadInit {
            sequence, random, ..
        } = self.call(&init);
        let key = profile.transaction_key(KeyUse::Load, LOAD).unwrap();
        let session = proof::load_session(&key, random, sequence);
        let at = DateTime::of(now);
        let mac2 = init.deal().load_mac2(&session, at);
        self.call(&CreditForLoad { at, mac2 });
    }

    fn raw(&mut self, apdu: &[u8]) -> Vec<u8> {
        let dice = &mut self.dice;
        let mut entropy = |out: &mut [u8]| throw(dice, out);
        let mut env = Env {
            entropy: &mut entropy,
            interface: Interface::Contactless,
        };
        self.card.transmit(&mut env, apdu).unwrap()
    }

    fn call<C: CardCommand>(&mut self, command: &C) -> C::Answer {
        let answer = self.raw(&command.to_command().encode().unwrap());
        let answer = Response::parse(&answer).unwrap();
        assert!(answer.sw.is_ok(), "{}", answer.sw);
        C::answer(&answer.data).unwrap()
    }
}

impl CardLink for Pass {
    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, Lost> {
        Ok(self.raw(apdu))
    }
}

fn throw(dice: &mut u64, out: &mut [u8]) {
    for byte in out {
        *dice ^= *dice << 13;
        *dice ^= *dice >> 7;
        *dice ^= *dice << 17;
        *byte = dice.to_be_bytes()[3];
    }
}

/// A bus terminal for cards.
pub(super) struct Bus {
    pub(super) who: Terminal,
    terminal: CardTerminal,
    psam: SoftPsam<RamMemory>,
    store: Journal<SimMedium>,
    sent: u64,
    /// How many sequences modules here gave at most, so that the next one goes on above.
    modules: u32,
}

/// A module of the city for this terminal, with these versions of the purchase key.
pub(super) fn module(who: &Terminal, versions: &[u8], first_sequence: u32) -> PsamProfile {
    let mut made = PsamProfile::test();
    let digits = tongtu_codec::hex_decode(who.number.as_str()).unwrap();
    made.identity.terminal = Number(digits.try_into().unwrap());
    made.identity.receiver = institution(&who.city);
    made.identity.issuer = institution(&who.city);
    made.first_sequence = first_sequence;
    let stays = |role, name: &u8| role != KeyRole::Purchase || versions.contains(name);
    made.keys.retain(|key| stays(key.role, &key.name));
    made
}

impl Bus {
    pub(super) async fn new(country: &Country, number: u32, versions: &[u8]) -> Self {
        let who = country.terminal(GUANGZHOU_CODE, number).await;
        let made = module(&who, versions, 1);
        let psam = SoftPsam::manufacture(RamMemory::default(), &made).unwrap();
        let store = Journal::recover(SimMedium::new(), Limits::default()).unwrap();
        let mut tariff = Tariff::default();
        tariff
            .adopt(FareBook::parse(GUANGZHOU.as_bytes()).unwrap())
            .unwrap();
        let held = Snapshot {
            lists: Arc::new(PlainLists {
                local: vec![[0x01, 0x34, 0x58, 0x10]],
                ..PlainLists::default()
            }),
            tariff: Arc::new(tariff),
        };
        let profile = TapProfile {
            acceptor: institution(GUANGZHOU_CODE),
            city: institution(GUANGZHOU_CODE).city(),
            operator: [0, 1],
            software: *b"0.1_260101",
            post: TapPost::Single(Single {
                industry: Industry::BUS,
                line: "B00001".parse().unwrap(),
                card_line: [0, 1],
                stop: [0; 8],
                vehicle: *b"GZ-00017",
                leaves_trip: false,
            }),
            module: ModuleRule::default().of_terminal(who.number),
            selection: Selection::default(),
            rules: Rules::default(),
        };
        let sam = Arc::new(crate::country::key(&format!(
            "terminal {GUANGZHOU_CODE} {number}"
        )));
        let identity = *psam.identity();
        let terminal = CardTerminal::recover(profile, held, identity, sam, &store).unwrap();
        Self {
            who,
            terminal,
            psam,
            store,
            sent: 0,
            modules: 1,
        }
    }

    /// Another module is put in: new keys, or somebody else's.
    pub(super) fn fit(&mut self, change: impl FnOnce(&Terminal, u32) -> PsamProfile) {
        self.modules += 1;
        let made = change(&self.who, self.modules * 10_000);
        self.psam = SoftPsam::manufacture(RamMemory::default(), &made).unwrap();
        self.terminal.take_psam(*self.psam.identity());
    }

    /// One tap; the rider is told.
    pub(super) fn tap(&mut self, pass: &mut Pass, now: Timestamp) -> TapEnd {
        let circumstances = Circumstances {
            now: Some(now),
            capacity: self.store.capacity(),
            task: Task::Ride,
        };
        let (terminal, psam, store) = (&mut self.terminal, &mut self.psam, &mut self.store);
        let end = drive(terminal, circumstances, pass, psam, store);
        if let Some(ride) = end.outcome.ride() {
            self.terminal.told(ride.seq, &mut self.store).unwrap();
        }
        end
    }

    /// What became of what was not uploaded yet.
    pub(super) async fn upload(&mut self, node: &Node, now: Timestamp) -> Vec<UploadKind> {
        self.terminal.close_stale(now, &mut self.store).unwrap();
        let waiting = self.store.replay().filter(|stored| stored.seq > self.sent);
        let (mut records, mut last) = (Vec::new(), self.sent);
        for stored in waiting {
            records.push(stored.record.to_vec());
            last = stored.seq;
        }
        self.sent = last;
        let outcomes = node.records_upload(self.who.number, &records, now).await;
        outcomes
            .unwrap()
            .into_iter()
            .map(|outcome| outcome.kind)
            .collect()
    }
}
