//! Random days against a naive model: scans, tears, restarts, uploads in any order.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use tongtu_journal::{Journal, SimMedium, Survival};
use tongtu_ride_code::RideCode;
use tongtu_ride_code::record::{RideRecord, check_signature};
use tongtu_terminal::{RecordStore as _, ScanOutcome, ScanTerminal};
use tongtu_types::Timestamp;

use crate::fixture::{City, Rider, T0, key, open, scan};

#[derive(Debug, Clone)]
enum Event {
    /// Seconds pass.
    Wait(i64),
    /// A rider shows a fresh code; the beep may never come.
    Fresh { rider: usize, is_told: bool },
    /// A rider shows the last code again.
    Again { rider: usize },
    /// The power will fail after so many units; it does so in the middle of what follows.
    Power(u64),
    /// The power fails now, and the terminal starts again.
    Restart(Survival),
    /// Up to so many records go out; the answer may be lost.
    Upload { count: usize, is_answered: bool },
}

fn event() -> impl Strategy<Value = Event> {
    let survival = prop_oneof![
        Just(Survival::Nothing),
        Just(Survival::Everything),
        (0..900usize).prop_map(Survival::Prefix),
        (1..200usize, prop::collection::vec(any::<bool>(), 0..8))
            .prop_map(|(len, written)| Survival::Sectors { len, written }),
    ];
    prop_oneof![
        2 => (1..900i64).prop_map(Event::Wait),
        6 => (0..3usize, prop::bool::weighted(0.8))
            .prop_map(|(rider, is_told)| Event::Fresh { rider, is_told }),
        2 => (0..3usize).prop_map(|rider| Event::Again { rider }),
        2 => (0..1500u64).prop_map(Event::Power),
        2 => survival.prop_map(Event::Restart),
        2 => (0..4usize, any::<bool>())
            .prop_map(|(count, is_answered)| Event::Upload { count, is_answered }),
    ]
}

/// The world around one terminal, and everything that must be true of it.
struct Day {
    city: City,
    riders: Vec<Rider>,
    medium: SimMedium,
    journal: Journal<SimMedium>,
    terminal: ScanTerminal,
    now: Timestamp,
    shown: BTreeMap<usize, RideCode>,
    /// Records of rides that a rider was told of, by id.
    told: BTreeMap<String, Vec<u8>>,
    /// Codes that were accepted as new rides.
    accepted: BTreeSet<Vec<u8>>,
    /// What the acquirer has, by record id.
    acquirer: BTreeMap<String, Vec<u8>>,
    /// Numbers whose acknowledgement the terminal confirmed.
    acknowledged: BTreeSet<u64>,
    /// Scans that ended in the dark: their records may or may not be there.
    in_doubt: usize,
}

impl Day {
    fn new() -> Self {
        let city = City::new();
        let medium = SimMedium::new();
        let mut journal = open(&medium).unwrap();
        let terminal = city.start(&mut journal);
        Self {
            riders: (1..=3).map(|number| city.rider(number)).collect(),
            city,
            medium,
            journal,
            terminal,
            now: T0,
            shown: BTreeMap::new(),
            told: BTreeMap::new(),
            accepted: BTreeSet::new(),
            acquirer: BTreeMap::new(),
            acknowledged: BTreeSet::new(),
            in_doubt: 0,
        }
    }

    fn play(&mut self, event: &Event) {
        match event {
            Event::Wait(seconds) => self.now = self.now.plus_s(*seconds),
            Event::Fresh { rider, is_told } => {
                let code = self.riders[*rider].code_at(self.now);
                self.shown.insert(*rider, code);
                self.scan(*rider, *is_told);
            }
            Event::Again { rider } => self.scan(*rider, true),
            Event::Power(units) => self.medium.set_power(*units),
            Event::Restart(survival) => self.restart(survival),
            Event::Upload { count, is_answered } => self.upload(*count, *is_answered),
        }
    }

    fn scan(&mut self, rider: usize, is_told: bool) {
        let Some(code) = self.shown.get(&rider) else {
            return;
        };
        let was_on = !self.medium.is_off();
        let outcome = scan(&mut self.terminal, &mut self.journal, code, self.now);
        if was_on && self.medium.is_off() {
            self.in_doubt += 1;
        }
        if let ScanOutcome::Accepted(_) = outcome {
            let is_new = self.accepted.insert(code.as_bytes().to_vec());
            assert!(is_new, "one code, two rides");
        }
        let Some(ride) = outcome.ride() else {
            return;
        };
        let id = ride.record.id.to_string();
        if is_told {
            self.told.insert(id, ride.raw.clone());
            // The mark may fail with the power; the rider has heard the beep all the same.
            let _ = self.terminal.told(ride.seq, &mut self.journal);
        }
    }

    fn restart(&mut self, survival: &Survival) {
        self.medium = self.medium.reboot(survival);
        self.journal = open(&self.medium).unwrap();
        self.terminal = self.city.start(&mut self.journal);
        self.now = self.now.plus_s(20);
    }

    fn upload(&mut self, count: usize, is_answered: bool) {
        if self.medium.is_off() {
            return;
        }
        let batch = self.terminal.pending(count, &self.journal);
        for (seq, raw) in &batch {
            assert!(
                !self.acknowledged.contains(seq),
                "sent after acknowledgement"
            );
            let id = RideRecord::decode(raw).unwrap().id.to_string();
            let known = self.acquirer.entry(id).or_insert_with(|| raw.clone());
            assert_eq!(known, raw, "one id, two records");
        }
        let seqs: Vec<u64> = batch.iter().map(|(seq, _)| *seq).collect();
        if is_answered && self.terminal.acknowledge(&seqs, &mut self.journal).is_ok() {
            self.acknowledged.extend(seqs);
        }
    }

    fn check(&self) {
        let mut here = BTreeMap::new();
        for stored in self.journal.replay() {
            check_signature(stored.record, key("sam").public()).unwrap();
            let record = RideRecord::decode(stored.record).unwrap();
            let again = here.insert(record.id.to_string(), stored.record.to_vec());
            assert_eq!(again, None, "one id twice in the store");
        }
        // Wherever a record is, it is the same; each told ride has its one record somewhere.
        let mut all = self.acquirer.clone();
        for (id, raw) in here {
            assert_eq!(all.entry(id).or_insert_with(|| raw.clone()), &raw);
        }
        for (id, raw) in &self.told {
            assert_eq!(all.get(id), Some(raw), "a ride that was told is lost");
        }
        let mut codes = BTreeSet::new();
        for raw in all.values() {
            let code = RideRecord::decode(raw).unwrap().code;
            assert!(codes.insert(code), "one code, two records");
        }
        let unexplained = codes.difference(&self.accepted).count();
        assert!(unexplained <= self.in_doubt, "a record from nowhere");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn a_random_day_keeps_every_promise(events in prop::collection::vec(event(), 1..40)) {
        let mut day = Day::new();
        for event in &events {
            day.play(event);
            day.check();
        }
        // At last the line is up and everything comes through, once.
        day.restart(&Survival::Nothing);
        day.upload(usize::MAX, true);
        day.check();
        prop_assert_eq!(day.journal.capacity().waiting, 0);
        for (id, raw) in &day.told {
            prop_assert_eq!(day.acquirer.get(id), Some(raw));
        }
    }
}
