//! A terminal whose power fails at every byte of its journal: what a rider was told holds.

use std::collections::{BTreeMap, BTreeSet};

use tongtu_journal::{Journal, SimMedium};
use tongtu_ride_code::record::{RideRecord, check_signature};
use tongtu_ride_code::{RideCode, Verdict};
use tongtu_terminal::{RecordStore, ScanOutcome};

use crate::fixture::{City, T0, held, key, open, scan, survivals};

/// Codes of two riders; the third scan is one that must be refused.
struct Scene {
    city: City,
    codes: [RideCode; 3],
}

impl Scene {
    fn new() -> Self {
        let city = City::new();
        let codes = [
            city.rider(1).code_at(T0),
            city.rider(2).code_at(T0.plus_s(1)),
            city.rider(1).code_at(T0),
        ];
        Self { city, codes }
    }

    /// Scans all codes, one second apart, and uploads the first record. Returns which codes were
    /// told as accepted before the power failed.
    fn play(&self, journal: &mut Journal<SimMedium>) -> Vec<usize> {
        let mut told = Vec::new();
        let mut terminal = self.city.start(journal);
        for (at, (index, code)) in (2..).zip(self.codes.iter().enumerate()) {
            let outcome = scan(&mut terminal, journal, code, T0.plus_s(at));
            if let ScanOutcome::Accepted(ride) = outcome {
                assert_ne!(index, 2, "the same code twice");
                told.push(index);
                let _ = terminal.told(ride.seq, journal);
            }
            if index == 1 {
                let _ = terminal.acknowledge(&[1], journal);
            }
        }
        told
    }
}

fn whole_records(store: &dyn RecordStore) -> BTreeMap<Vec<u8>, usize> {
    let mut by_code = BTreeMap::new();
    for (_, raw, _, _) in held(store) {
        check_signature(&raw, key("sam").public()).unwrap();
        let record = RideRecord::decode(&raw).unwrap();
        *by_code.entry(record.code).or_insert(0) += 1;
    }
    by_code
}

#[test]
fn what_a_rider_was_told_survives_a_tear_at_every_byte() {
    let scene = Scene::new();
    let whole = SimMedium::new();
    assert_eq!(scene.play(&mut open(&whole).unwrap()), [0, 1]);
    let cost = whole.spent();
    assert!(cost > 1200, "{cost}: two records of some 600 bytes");
    // Most tears leave the same content as their neighbours; its riders need to try again once.
    let mut tried = BTreeSet::new();
    for units in 0..=cost {
        let medium = SimMedium::new();
        medium.set_power(units);
        let told = match open(&medium) {
            Ok(mut journal) => scene.play(&mut journal),
            Err(_) => Vec::new(),
        };
        let images: BTreeSet<Vec<u8>> = survivals().iter().map(|s| medium.survivors(s)).collect();
        for bytes in images {
            let mut journal = open(&SimMedium::holding(&bytes)).unwrap();
            let records = whole_records(&journal);
            for index in &told {
                let code = scene.codes[*index].as_bytes();
                assert_eq!(
                    records.get(code),
                    Some(&1),
                    "{units} of {cost}: told, {index}"
                );
            }
            assert!(
                records.len() <= told.len() + 1,
                "{units}: one may be in doubt"
            );
            if !tried.insert((told.clone(), held(&journal), journal.lists_mark().is_some())) {
                continue;
            }
            // Every rider tries again, and ends with exactly one record for one code.
            let mut terminal = scene.city.start(&mut journal);
            for index in 0..2 {
                let code = &scene.codes[index];
                let outcome = scan(&mut terminal, &mut journal, code, T0.plus_s(60));
                let stored = records.contains_key(code.as_bytes());
                match &outcome {
                    ScanOutcome::Accepted(_) => assert!(!stored, "{units}: a second record"),
                    ScanOutcome::Resumed(_) => assert!(stored),
                    ScanOutcome::Refused(refusal) => {
                        assert_eq!(refusal.verdict, Verdict::Duplicate);
                        assert!(told.contains(&index), "{units}: refused but never told");
                    }
                }
            }
            let records = whole_records(&journal);
            assert!(records.values().all(|n| *n == 1) && records.len() == 2);
        }
    }
}
