//! The chains over terminals' records, by the auditor's own reading of journals and rides.

use std::collections::{BTreeMap, BTreeSet};

use tongtu_crypto::sm3;
use tongtu_types::TerminalNumber;

use super::Finding;
use crate::country::{Country, NODES};
use crate::log::{Observed, ObservedChain};

/// What the chain must be at the last record of a journal: SM3 of a label, the value before, the
/// number and the record.
fn value_of(journal: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let mut value = vec![0; 32];
    for (number, record) in journal {
        let mut bytes = b"TTCHAIN1".to_vec();
        bytes.extend(&value);
        bytes.extend(number.to_be_bytes());
        bytes.extend(record);
        value = sm3::digest(&bytes).to_vec();
    }
    value
}

/// Every acquirer follows the chain of each terminal to its newest record, and all of it holds.
pub(super) fn chains(country: &Country, observed: &Observed) -> Finding {
    let cards = country.card_posts.iter().filter(|post| post.is_extra);
    let cards: BTreeSet<TerminalNumber> = cards.map(|post| post.number).collect();
    let mut differences = Vec::new();
    let mut compared = 0;
    for (city, chains) in &observed.chains {
        let mut stored: BTreeMap<TerminalNumber, u64> = BTreeMap::new();
        let codes = observed.rides.get(city).into_iter().flatten();
        let faces = observed.face_rides.get(city).into_iter().flatten();
        let records = codes.map(|ride| ride.record);
        for record in records.chain(faces.map(|ride| ride.record)) {
            *stored.entry(record.terminal()).or_default() += 1;
        }
        let mut tell = |terminal, what: String| {
            differences.push(format!("{} {terminal}: {what}", NODES[*city].en));
        };
        for chain in chains {
            compared += 1;
            let terminal = chain.terminal;
            if let Some(what) = fault_of(chain) {
                tell(terminal, what);
            }
            let of_codes = stored.remove(&terminal).unwrap_or(0);
            let (newest, value) = match observed.journals.get(&terminal) {
                Some(journal) => {
                    let newest = journal.last().map_or(0, |(number, _)| *number);
                    (newest, Some(value_of(journal)))
                }
                // A journal in another process: its records are known by what came of them.
                None => (of_codes, None),
            };
            if chain.tip != newest {
                tell(
                    terminal,
                    format!("followed to {}, expected {newest}", chain.tip),
                );
            }
            if value.is_some_and(|value| value != chain.value) {
                tell(terminal, "another chain than the journal's".to_owned());
            }
        }
        for (terminal, records) in stored {
            tell(terminal, format!("{records} records and no chain"));
        }
    }
    let followed = observed.chains.values().flatten().map(|c| c.terminal);
    let followed: BTreeSet<TerminalNumber> = followed.collect();
    for (terminal, journal) in &observed.journals {
        if cards.contains(terminal) && !journal.is_empty() && !followed.contains(terminal) {
            differences.push(format!(
                "{terminal}: {} records and no chain",
                journal.len()
            ));
        }
    }
    Finding {
        en: "every terminal's chain is followed to its newest record, without gap or fault",
        zh: "各终端记录链连续无缺、无异常",
        compared,
        differences,
    }
}

fn fault_of(chain: &ObservedChain) -> Option<String> {
    if let Some((first, last)) = chain.missing {
        return Some(format!("one of the records {first} to {last} is missing"));
    }
    if chain.waiting > 0 {
        return Some(format!("{} records wait", chain.waiting));
    }
    let fault = chain.faults.first()?;
    Some(format!("record {fault}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(tip: u64) -> ObservedChain {
        ObservedChain {
            terminal: TerminalNumber::parse("100060000001").unwrap(),
            tip,
            value: Vec::new(),
            missing: None,
            waiting: 0,
            faults: Vec::new(),
        }
    }

    #[test]
    fn a_gap_what_waits_and_a_fault_are_told() {
        assert_eq!(fault_of(&chain(1)), None);
        let gap = ObservedChain {
            missing: Some((2, 3)),
            ..chain(1)
        };
        let waiting = ObservedChain {
            waiting: 2,
            ..chain(1)
        };
        let fault = ObservedChain {
            faults: vec!["2: forked".to_owned()],
            ..chain(1)
        };
        for chain in [gap, waiting, fault] {
            assert!(fault_of(&chain).is_some(), "{chain:?}");
        }
    }

    #[test]
    fn a_journal_with_a_record_changed_has_another_value() {
        let journal = [(1, b"one".to_vec()), (2, b"two".to_vec())];
        let mut changed = journal.clone();
        changed[0].1[0] ^= 1;
        assert_ne!(value_of(&journal), value_of(&changed));
        assert_ne!(value_of(&journal), value_of(&journal[..1]));
    }
}
