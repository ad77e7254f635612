//! Records leave only when acknowledged; failures wait longer each time.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use tongtu_crypto::Algorithm;
use tongtu_terminal::tap::Way;
use tongtu_terminal::{
    Audited, Backoff, ChainAudit, ChainedRecord, RecordStore as _, TELLING_S, Upload, UploadStep,
};
use tongtu_types::TerminalNumber;

use crate::fixture::{MemoryStore, Street, T0, bus};
use crate::tap::card::Rider;
use crate::tap::fixture::{Post, bus as tap_bus, gate, profile};
use crate::tap::untold::dark;

fn ridden(rides: u8) -> (Street, Upload) {
    let mut street = Street::new(bus());
    for number in 1..=rides {
        street.ride(&street.city.rider(number).code_at(T0), T0);
    }
    let number = street.terminal.profile().terminal;
    (street, Upload::new(number, 2, Backoff::default()))
}

fn sent(step: UploadStep) -> Vec<u64> {
    match step {
        UploadStep::Send { records } => records.iter().map(|sent| sent.seq).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn batches_go_out_in_order_until_nothing_waits() {
    let (mut street, mut upload) = ridden(3);
    assert_eq!(street.terminal.pending(9, &street.store).len(), 3);
    assert_eq!(sent(upload.poll(T0, &street.store)), [1, 2]);
    assert_eq!(upload.poll(T0, &street.store), UploadStep::Sent);
    assert_eq!(
        street.store.capacity().waiting,
        3,
        "sent is not acknowledged"
    );
    let (terminal, store) = (&mut street.terminal, &mut street.store);
    terminal
        .acknowledge(&upload.answered(&[1, 2]), store)
        .unwrap();
    assert_eq!(sent(upload.poll(T0, store)), [3]);
    terminal.acknowledge(&upload.answered(&[3]), store).unwrap();
    assert_eq!(upload.poll(T0, store), UploadStep::Idle);
    assert_eq!(store.capacity().waiting, 0);
}

#[test]
fn an_answer_for_a_part_acknowledges_that_part() {
    let (mut street, mut upload) = ridden(3);
    sent(upload.poll(T0, &street.store));
    let (terminal, store) = (&mut street.terminal, &mut street.store);
    terminal.acknowledge(&upload.answered(&[1]), store).unwrap();
    assert_eq!(sent(upload.poll(T0, store)), [2, 3]);
}

/// A paid ride by card whose rider was perhaps not told stays until nobody comes back for it any
/// more, and what came after it with it.
#[test]
fn a_ride_that_was_perhaps_not_told_goes_out_with_what_is_noted_of_it() {
    let mut rider = Rider::with(&profile(0x17, Algorithm::Tdes), 5_000);
    let mut post = Post::new(1, tap_bus());
    dark(&mut post, &mut rider, T0);
    let mut other = Rider::with(&profile(0x18, Algorithm::Tdes), 5_000);
    post.tap(&mut other, T0.plus_s(60));
    let terminal = TerminalNumber::parse("110000000001").unwrap();
    let mut upload = Upload::new(terminal, 64, Backoff::default());
    let until = T0.plus_s(TELLING_S + 1);
    for seconds in [0, 60, TELLING_S] {
        let step = upload.poll(T0.plus_s(seconds), &post.store);
        assert_eq!(step, UploadStep::Waiting { until }, "{seconds}");
    }
    post.close(until).unwrap();
    assert_eq!(sent(upload.poll(until, &post.store)), [1, 2, 3]);
}

#[test]
fn a_ride_that_was_told_or_moved_no_money_goes_out_at_once() {
    let mut rider = Rider::with(&profile(0x17, Algorithm::Tdes), 5_000);
    let mut post = Post::new(1, tap_bus());
    post.tap(&mut rider, T0);
    let mut gate = Post::new(2, gate("0101", Way::Entry));
    dark(&mut gate, &mut rider, T0.plus_s(60));
    let terminal = TerminalNumber::parse("110000000001").unwrap();
    for post in [&post, &gate] {
        let mut upload = Upload::new(terminal, 64, Backoff::default());
        assert_eq!(sent(upload.poll(T0.plus_s(60), &post.store)), [1]);
    }
    // Nor does a clock that jumped back keep anything.
    let mut post = Post::new(3, tap_bus());
    dark(&mut post, &mut rider, T0.plus_s(120));
    let mut upload = Upload::new(terminal, 64, Backoff::default());
    assert_eq!(sent(upload.poll(T0.plus_s(-9_000), &post.store)), [1]);
}

/// The answer was lost, not the upload: the same bytes go out again and are acknowledged once.
#[test]
fn a_lost_answer_sends_the_same_records_again() {
    let (mut street, mut upload) = ridden(2);
    let UploadStep::Send { records } = upload.poll(T0, &street.store) else {
        panic!("nothing to send");
    };
    let until = upload.failed(T0);
    assert_eq!(
        upload.poll(until.plus_s(-1), &street.store),
        UploadStep::Waiting { until }
    );
    let again = upload.poll(until, &street.store);
    assert_eq!(again, UploadStep::Send { records });
    let (terminal, store) = (&mut street.terminal, &mut street.store);
    terminal
        .acknowledge(&upload.answered(&[1, 2]), store)
        .unwrap();
    terminal.acknowledge(&[1, 2], store).unwrap();
    assert_eq!(upload.poll(until, store), UploadStep::Idle);
    assert_eq!(upload.failures(), 0);
}

#[test]
fn waits_double_up_to_a_limit_and_differ_between_terminals() {
    let backoff = Backoff::default();
    let number = |n: u32| TerminalNumber::parse(&format!("{n:012}")).unwrap();
    for (failures, full) in [
        (1, 2),
        (2, 4),
        (3, 8),
        (8, 256),
        (9, 300),
        (4_000_000_000, 300),
    ] {
        for n in 0..50 {
            let delay = backoff.delay_s(failures, number(n));
            assert!(
                delay <= full && delay >= full - full / 4,
                "{failures}: {delay}"
            );
        }
    }
    let delays: BTreeSet<_> = (0..50).map(|n| backoff.delay_s(9, number(n))).collect();
    assert!(delays.len() > 20, "a city does not come back in one second");
}

#[test]
fn a_clock_that_jumps_back_does_not_hold_records() {
    let (street, mut upload) = ridden(1);
    upload.poll(T0, &street.store);
    upload.failed(T0.plus_s(1_000_000));
    assert_eq!(sent(upload.poll(T0, &street.store)), [1]);
}

/// A server that answers a batch again does not acknowledge the batch after it.
#[test]
fn an_answer_that_comes_again_acknowledges_nothing_else() {
    let (mut street, mut upload) = ridden(4);
    sent(upload.poll(T0, &street.store));
    let (terminal, store) = (&mut street.terminal, &mut street.store);
    terminal
        .acknowledge(&upload.answered(&[1, 2]), store)
        .unwrap();
    assert_eq!(sent(upload.poll(T0, store)), [3, 4]);
    terminal
        .acknowledge(&upload.answered(&[1, 2]), store)
        .unwrap();
    assert_eq!(store.capacity().waiting, 2);
    assert_eq!(upload.poll(T0, store), UploadStep::Sent, "still out");
    assert_eq!(upload.answered(&[]), [0u64; 0]);
    assert_eq!(upload.answered(&[5, 99]), [0u64; 0], "never sent");
    assert_eq!(upload.poll(T0, store), UploadStep::Sent, "still out");
}

#[derive(Debug, Clone)]
enum Event {
    /// A record is stored.
    Record(u8),
    /// The terminal looks whether to send.
    Poll,
    /// A batch that was ever sent reaches the acquirer, once more perhaps; it answers for the
    /// first so many of its records.
    Arrive { batch: usize, count: usize },
    /// An answer that was ever given reaches the terminal, once more perhaps; what it
    /// acknowledges is kept or not.
    Answer { answer: usize, is_kept: bool },
    /// The terminal gives up waiting.
    Fail,
    /// The terminal starts again.
    Restart,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => any::<u8>().prop_map(Event::Record),
        4 => Just(Event::Poll),
        4 => (0..8usize, 0..5usize).prop_map(|(batch, count)| Event::Arrive { batch, count }),
        4 => (0..8usize, prop::bool::weighted(0.8))
            .prop_map(|(answer, is_kept)| Event::Answer { answer, is_kept }),
        2 => Just(Event::Fail),
        1 => Just(Event::Restart),
    ]
}

/// An acquirer that writes everything down.
#[derive(Default)]
struct Acquirer {
    records: BTreeMap<u64, Vec<u8>>,
    audit: ChainAudit,
    counted: u64,
}

impl Acquirer {
    fn take(&mut self, sent: &ChainedRecord) {
        let audited = self.audit.take(sent).unwrap();
        match self.records.insert(sent.seq, sent.record.clone()) {
            None => {
                assert!(matches!(audited, Audited::Next | Audited::Ahead));
                self.counted += 1;
            }
            Some(there) => {
                assert_eq!(there, sent.record, "one number, two records");
                assert_eq!(audited, Audited::Again);
            }
        }
    }
}

fn uplink() -> Upload {
    let number = TerminalNumber::parse("581000000007").unwrap();
    Upload::new(number, 4, Backoff::default())
}

proptest! {
    /// Batches and answers are lost, late, repeated and in any order; the terminal restarts and
    /// forgets what it sent: nothing is acknowledged that the acquirer does not have, nothing
    /// counts twice, nothing is missing in the chain, and at last everything is there.
    #[test]
    fn every_record_arrives_and_counts_once(events in prop::collection::vec(event(), 1..80)) {
        let mut store = MemoryStore::default();
        let mut upload = uplink();
        let mut acquirer = Acquirer::default();
        let mut batches: Vec<Vec<ChainedRecord>> = Vec::new();
        let mut answers: Vec<Vec<u64>> = Vec::new();
        let mut now = T0;
        for event in events {
            now = now.plus_s(100);
            match event {
                Event::Record(byte) => {
                    store.append(&[byte]).unwrap();
                }
                Event::Poll => match upload.poll(now, &store) {
                    UploadStep::Send { records } => batches.push(records),
                    UploadStep::Idle => prop_assert_eq!(store.capacity().waiting, 0),
                    UploadStep::Sent | UploadStep::Waiting { .. } => {}
                },
                Event::Arrive { batch, count } => {
                    // Counted from the newest.
                    if let Some(batch) = batches.iter().rev().nth(batch) {
                        let taken = &batch[..count.min(batch.len())];
                        taken.iter().for_each(|sent| acquirer.take(sent));
                        answers.push(taken.iter().map(|sent| sent.seq).collect());
                    }
                }
                Event::Answer { answer, is_kept } => {
                    if let Some(answer) = answers.iter().rev().nth(answer) {
                        let acknowledged = upload.answered(answer);
                        if is_kept {
                            store.acknowledge(&acknowledged).unwrap();
                        }
                    }
                }
                Event::Fail => {
                    upload.failed(now);
                }
                Event::Restart => upload = uplink(),
            }
            let acknowledged = store.replay().filter(|stored| stored.acknowledged);
            let acknowledged: BTreeSet<u64> = acknowledged.map(|stored| stored.seq).collect();
            prop_assert!(acknowledged.iter().all(|seq| acquirer.records.contains_key(seq)));
        }
        upload.failed(now);
        loop {
            now = now.plus_s(1000);
            let UploadStep::Send { records } = upload.poll(now, &store) else {
                break;
            };
            records.iter().for_each(|sent| acquirer.take(sent));
            let seqs: Vec<u64> = records.iter().map(|sent| sent.seq).collect();
            store.acknowledge(&upload.answered(&seqs)).unwrap();
        }
        prop_assert_eq!(store.capacity().waiting, 0);
        prop_assert_eq!(acquirer.counted, store.capacity().held);
        prop_assert!(store.replay().all(|s| acquirer.records[&s.seq] == s.record));
        prop_assert_eq!(acquirer.audit.missing(), None);
        prop_assert_eq!(acquirer.audit.tip().0, store.capacity().held);
    }
}
