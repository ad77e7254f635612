//! The power fails at every byte and at every step of a whole life of a journal, with every way
//! in which unsynced bytes may survive; and once more while the journal is being opened again.

use std::collections::BTreeMap;

use tongtu_journal::{Journal, SimMedium, Survival};
use tongtu_terminal::{CHAIN_START, ListsMark, RecordStore as _, chained};

use crate::fixture::{T0, held, open, survivals};

/// What the outside was promised before the power failed.
#[derive(Debug, Default, Clone)]
struct Promised {
    stored: Vec<u64>,
    acknowledged: Vec<u64>,
    lists: Option<ListsMark>,
    /// One more record, acknowledgement or list may have come through unsaid.
    tried: u64,
    intents: BTreeMap<u64, Vec<u8>>,
    /// The intents as they are if what was tried last came through unsaid.
    intents_tried: Option<BTreeMap<u64, Vec<u8>>>,
    /// Whether the record tried last closes an intent.
    is_closing: bool,
}

impl Promised {
    fn try_intents(&mut self, change: impl FnOnce(&mut BTreeMap<u64, Vec<u8>>)) {
        let mut intents = self.intents.clone();
        change(&mut intents);
        self.intents_tried = Some(intents);
    }

    fn intents_done(&mut self) {
        self.intents = self.intents_tried.take().unwrap();
    }
}

fn record(seq: u64) -> Vec<u8> {
    format!("record {seq} {}", "·".repeat(20)).into_bytes()
}

fn mark(version: u64) -> ListsMark {
    ListsMark {
        version,
        digest: [7; 32],
        applied_at: T0,
    }
}

/// The chain's value at a record; every record of this life is known by its number.
fn chain_at(seq: u64) -> [u8; 32] {
    (1..=seq).fold(CHAIN_START, |before, seq| {
        chained(&before, seq, &record(seq))
    })
}

/// One intent is asked again, one is dropped, one closed by its record; one stays open.
fn cards(journal: &mut Journal<SimMedium>, promised: &mut Promised, round: u64) -> Option<()> {
    let base = 10 * round;
    for (id, text) in [
        (base, "asked"),
        (base + 1, "asked"),
        (base, "asked again"),
        (base + 2, "left open"),
    ] {
        let intent = format!("intent {id} {text}").into_bytes();
        promised.try_intents(|intents| drop(intents.insert(id, intent.clone())));
        journal.keep_intent(id, &intent).ok()?;
        promised.intents_done();
    }
    promised.try_intents(|intents| drop(intents.remove(&(base + 1))));
    journal.drop_intent(base + 1).ok()?;
    promised.intents_done();
    promised.try_intents(|intents| drop(intents.remove(&base)));
    let seq = journal.next_seq();
    (promised.tried, promised.is_closing) = (seq, true);
    journal.append_closing(&record(seq), base).ok()?;
    promised.intents_done();
    promised.is_closing = false;
    promised.stored.push(seq);
    Some(())
}

/// Records, intents, marks, lists, acknowledgements, two rewrites; ends where the power does.
fn life(journal: &mut Journal<SimMedium>, promised: &mut Promised) -> Option<()> {
    for round in 0..3 {
        cards(journal, promised, round)?;
        for _ in 0..4 {
            let seq = journal.next_seq();
            promised.tried = seq;
            journal.append(&record(seq)).ok()?;
            promised.stored.push(seq);
            journal.mark_told(seq, None).ok()?;
        }
        journal.remember_lists(mark(round)).ok()?;
        promised.lists = Some(mark(round));
        let newest = journal.next_seq() - 1;
        let all_but_two: Vec<u64> = promised
            .stored
            .iter()
            .copied()
            .filter(|s| *s < newest - 1)
            .collect();
        journal.acknowledge(&all_but_two).ok()?;
        promised.acknowledged = all_but_two;
        journal.release(newest - 2).ok()?;
    }
    Some(())
}

/// Every promise holds, and nothing is half there.
fn check(journal: &Journal<SimMedium>, promised: &Promised, what: &str) {
    let held = held(journal);
    for (seq, bytes, _, _) in &held {
        assert_eq!(*bytes, record(*seq), "{what}: record {seq} is not whole");
        assert!(
            promised.stored.contains(seq) || *seq == promised.tried,
            "{what}: record {seq} comes from nowhere"
        );
    }
    for seq in &promised.stored {
        let found = held.iter().filter(|e| e.0 == *seq).count();
        assert!(found <= 1, "{what}: record {seq} {found} times");
        if !promised.acknowledged.contains(seq) {
            // An acknowledgement in flight may have come through; the record is then released
            // only by a rewrite after it, which cannot have been promised either.
            assert_eq!(found, 1, "{what}: record {seq} is lost");
        }
    }
    for (seq, _, _, acknowledged) in &held {
        if promised.acknowledged.contains(seq) {
            assert!(acknowledged, "{what}: {seq} forgot its acknowledgement");
        }
    }
    for stored in journal.replay() {
        let (before, chain) = (chain_at(stored.seq - 1), chain_at(stored.seq));
        let there = (stored.before, stored.chain);
        assert_eq!(
            there,
            (before, chain),
            "{what}: the chain at {}",
            stored.seq
        );
    }
    let intents: BTreeMap<u64, Vec<u8>> =
        journal.intents().map(|(id, i)| (id, i.to_vec())).collect();
    let came_through = promised.intents_tried.as_ref() == Some(&intents);
    assert!(
        intents == promised.intents || came_through,
        "{what}: intents {intents:?}"
    );
    if promised.is_closing {
        let is_there = held.iter().any(|e| e.0 == promised.tried);
        assert_eq!(is_there, came_through, "{what}: half a closing");
    }
    let version = |mark: Option<ListsMark>| mark.map(|m| m.version);
    assert!(
        version(journal.lists_mark()) >= version(promised.lists),
        "{what}: an older list could come in"
    );
    let highest = promised.stored.last().copied().unwrap_or(0);
    assert!(journal.next_seq() > highest, "{what}: a number again");
}

fn run(units: Option<u64>) -> (SimMedium, Promised) {
    let medium = SimMedium::new();
    if let Some(units) = units {
        medium.set_power(units);
    }
    let mut promised = Promised::default();
    if let Ok(mut journal) = open(&medium) {
        let done = life(&mut journal, &mut promised);
        assert_eq!(done.is_none(), medium.is_off());
    }
    (medium, promised)
}

#[test]
fn every_promise_survives_a_tear_at_every_byte() {
    let (whole, _) = run(None);
    let cost = whole.spent();
    assert!(
        cost > 1500,
        "{cost}: the life is long enough to be worth tearing"
    );
    for units in 0..cost {
        let (medium, promised) = run(Some(units));
        for survival in survivals() {
            let what = format!("{units} of {cost}, {survival:?}");
            let bytes = medium.survivors(&survival);
            let disk = SimMedium::holding(&bytes);
            let mut journal = open(&disk).unwrap_or_else(|e| panic!("{what}: {e}"));
            check(&journal, &promised, &what);
            // It goes on, and what it then promises is kept too.
            let seq = journal.append(b"after").unwrap();
            drop(journal);
            let again = open(&disk.reboot(&Survival::Nothing)).unwrap();
            assert_eq!(again.cut(), None, "{what}: cut once");
            assert!(held(&again).iter().any(|e| e.0 == seq && e.1 == b"after"));
        }
    }
}

/// A second cut while the journal recovers from the first changes nothing.
#[test]
fn every_promise_survives_a_tear_during_recovery() {
    let (whole, _) = run(None);
    // Every 7th tear, each torn again at every step of its recovery.
    for units in (0..whole.spent()).step_by(7) {
        let (medium, promised) = run(Some(units));
        for survival in survivals() {
            let bytes = medium.survivors(&survival);
            let disk = SimMedium::holding(&bytes);
            drop(open(&disk).unwrap());
            let cost = disk.spent();
            for second in (0..cost).step_by(11).chain(cost.checked_sub(1)) {
                let disk = SimMedium::holding(&bytes);
                disk.set_power(second);
                assert!(open(&disk).is_err(), "the power failed");
                let journal = open(&disk.reboot(&survival)).unwrap();
                check(&journal, &promised, &format!("{units} then {second}"));
            }
        }
    }
}

/// An acknowledged record is not sent again even if the tear comes right after.
#[test]
fn a_cut_is_reported() {
    let medium = SimMedium::new();
    let mut journal = open(&medium).unwrap();
    journal.append(b"first").unwrap();
    let whole = journal.len_bytes();
    medium.set_power(10);
    assert!(journal.append(b"second").is_err());
    let journal = open(&medium.reboot(&Survival::Everything)).unwrap();
    let cut = journal.cut().unwrap();
    assert_eq!((cut.offset, cut.bytes, cut.kept), (whole, 10, 0));
    assert_eq!(held(&journal).len(), 1);
}
