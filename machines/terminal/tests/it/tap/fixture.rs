//! Terminals of one city with their lists and fares, and cards of its issuer.

use std::sync::Arc;

use tongtu_crypto::Algorithm;
use tongtu_fare::{FareBook, GUANGZHOU, Tariff};
use tongtu_purse::field::{City, Institution, Serial};
use tongtu_purse::keys::{KeySet, KeyUse};
use tongtu_purse::profile::{Profile, test_keys};
use tongtu_tap_record::TapRecord;
use tongtu_terminal::tap::{
    CardLink, CardTerminal, Circumstances, Gate, GroupNotice, ModuleRule, PlainLists, Rules,
    Segmented, Selection, Single, Snapshot, TapEnd, TapPost, TapProfile, Task, Versions, Way,
    drive,
};
use tongtu_terminal::{RecordStore as _, StoreError};
use tongtu_types::Timestamp;

use crate::fixture::MemoryStore;

pub(crate) use super::audit::audit;
pub(crate) use super::card::{Liar, Rider};
pub(crate) use super::module::TestPsam;

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
        let sam = Arc::new(crate::fixture::key("sam"));
        let recovered = CardTerminal::recover(profile.clone(), held, psam.identity, sam, &store);
        let terminal = recovered.unwrap();
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
        // As a maker's program does: of what another terminal recorded there is nothing to mark.
        if let Some(ride) = end.outcome.ride().filter(|ride| ride.seq != 0) {
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
            .filter(|stored| TapRecord::is_one(stored.record))
            .map(|stored| TapRecord::decode_signed(stored.record).unwrap())
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
        module: ModuleRule::default(),
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
