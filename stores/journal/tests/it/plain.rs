//! Plain use: what is put in is there after every opening, until it is released.

use tongtu_journal::SimMedium;
use tongtu_terminal::{Capacity, ListsMark, RecordStore, StoreError};

use crate::fixture::{SMALL, T0, held, open};

#[test]
fn everything_is_there_after_opening_again() {
    let medium = SimMedium::new();
    let mut journal = open(&medium).unwrap();
    assert_eq!(journal.next_seq(), 1);
    for (seq, record) in [(1, &b"one"[..]), (2, b""), (3, b"three")] {
        assert_eq!(journal.append(record), Ok(seq));
    }
    journal.mark_told(1, None).unwrap();
    journal.mark_told(1, None).unwrap();
    journal.acknowledge(&[1, 3, 3, 99]).unwrap();
    let mark = ListsMark {
        version: 7,
        digest: [5; 32],
        applied_at: T0,
    };
    journal.remember_lists(mark).unwrap();
    let expected = vec![
        (1, b"one".to_vec(), true, true),
        (2, Vec::new(), false, false),
        (3, b"three".to_vec(), false, true),
    ];
    assert_eq!(held(&journal), expected);
    let capacity = Capacity {
        held: 3,
        waiting: 1,
        intents: 0,
        max: SMALL.records_max,
        // Three records of 8 bytes together, a told mark, two numbers, the chain's beginning.
        bytes: 3 * 57 + 8 + 25 + 2 * 8 + 57,
        bytes_max: Some(SMALL.bytes_max - SMALL.dead_bytes_max),
    };
    assert_eq!(journal.capacity(), capacity);
    for _ in 0..3 {
        let again = open(&medium).unwrap();
        assert_eq!(held(&again), expected);
        assert_eq!(again.capacity(), capacity);
        assert_eq!((again.next_seq(), again.lists_mark()), (4, Some(mark)));
        assert_eq!(again.cut(), None);
    }
}

#[test]
fn a_completing_code_is_kept_through_faults_and_rewrites() {
    let medium = SimMedium::new();
    let mut journal = open(&medium).unwrap();
    journal.append(b"record").unwrap();
    journal.mark_told(1, Some(b"fresh code")).unwrap();
    let completed = |journal: &dyn RecordStore| {
        let first = journal.replay().next().unwrap();
        first.completed_by.map(<[u8]>::to_vec)
    };
    medium.fail_next(tongtu_journal::Fault::Sync);
    assert!(journal.append(b"fails").is_err());
    for _ in 0..9 {
        journal.append(&[b'x'; 90]).unwrap();
    }
    assert_eq!(
        completed(&open(&medium).unwrap()),
        Some(b"fresh code".to_vec())
    );
    journal.acknowledge(&(2..=10).collect::<Vec<_>>()).unwrap();
    let long = journal.len_bytes();
    journal.release(11).unwrap();
    assert!(journal.len_bytes() < long);
    assert_eq!(
        completed(&open(&medium).unwrap()),
        Some(b"fresh code".to_vec())
    );
}

#[test]
fn unknown_numbers_are_refused_where_they_matter() {
    let mut journal = open(&SimMedium::new()).unwrap();
    assert_eq!(
        journal.mark_told(1, None),
        Err(StoreError::Unknown { seq: 1 })
    );
    assert_eq!(journal.acknowledge(&[1, 2]), Ok(()));
    assert!(matches!(
        journal.append(&[0; 9000]),
        Err(StoreError::TooLong { found: 9000, .. })
    ));
}

#[test]
fn a_full_journal_refuses_until_something_is_released() {
    let mut journal = open(&SimMedium::new()).unwrap();
    for _ in 0..SMALL.records_max {
        journal.append(b"record").unwrap();
    }
    let before = held(&journal);
    let full = StoreError::Full {
        held: 100,
        max: 100,
    };
    assert_eq!(journal.append(b"one more"), Err(full.clone()));
    assert_eq!(held(&journal), before);
    journal.acknowledge(&[1, 2, 3]).unwrap();
    assert_eq!(
        journal.append(b"one more"),
        Err(full),
        "acknowledged, but still needed"
    );
    journal.release(3).unwrap();
    assert_eq!(journal.append(b"one more"), Ok(101));
    assert_eq!(held(&journal)[0].0, 3, "3 was not released");
}

#[test]
fn only_acknowledged_records_are_released() {
    let medium = SimMedium::new();
    let mut journal = open(&medium).unwrap();
    for _ in 0..4 {
        journal.append(b"record").unwrap();
    }
    journal.acknowledge(&[2, 4]).unwrap();
    journal.release(u64::MAX).unwrap();
    let seqs = |journal: &_| held(journal).iter().map(|e| e.0).collect::<Vec<_>>();
    assert_eq!(seqs(&journal), [1, 3]);
}

#[test]
fn a_rewritten_journal_keeps_what_is_needed_and_its_numbers() {
    let medium = SimMedium::new();
    let mut journal = open(&medium).unwrap();
    let mark = ListsMark {
        version: 7,
        digest: [5; 32],
        applied_at: T0,
    };
    journal.remember_lists(mark).unwrap();
    for _ in 0..20 {
        let seq = journal.append(&[b'x'; 50]).unwrap();
        journal.mark_told(seq, None).unwrap();
    }
    let all: Vec<u64> = (1..=20).filter(|seq| *seq != 5).collect();
    journal.acknowledge(&all).unwrap();
    let long = journal.len_bytes();
    journal.release(20).unwrap();
    assert!(journal.len_bytes() < long / 4);
    let expected = vec![
        (5, vec![b'x'; 50], true, false),
        (20, vec![b'x'; 50], true, true),
    ];
    assert_eq!(held(&journal), expected);
    let mut again = open(&medium).unwrap();
    assert_eq!(held(&again), expected);
    assert_eq!(again.lists_mark(), Some(mark));
    assert_eq!(again.append(b"next"), Ok(21), "no number is given twice");
    again.acknowledge(&[5, 20, 21]).unwrap();
    again.release(u64::MAX).unwrap();
    drop(again);
    // Even when nothing is held any more.
    let mut empty = open(&medium).unwrap();
    empty.release(u64::MAX).unwrap();
    assert_eq!(empty.append(b"after"), Ok(22));
}

/// Intents that are open: id and bytes.
fn intents(store: &dyn RecordStore) -> Vec<(u64, Vec<u8>)> {
    store.intents().map(|(id, i)| (id, i.to_vec())).collect()
}

#[test]
fn an_intent_stays_until_its_record_takes_its_place_or_it_is_dropped() {
    let medium = SimMedium::new();
    let mut journal = open(&medium).unwrap();
    journal.keep_intent(7, b"seven").unwrap();
    journal.keep_intent(3, b"three").unwrap();
    journal.keep_intent(9, b"nine").unwrap();
    journal.keep_intent(7, b"seven, asked again").unwrap();
    journal.drop_intent(9).unwrap();
    journal.drop_intent(9).unwrap();
    let open_ones = vec![(3, b"three".to_vec()), (7, b"seven, asked again".to_vec())];
    assert_eq!(intents(&journal), open_ones);
    let mut journal = open(&medium).unwrap();
    assert_eq!(intents(&journal), open_ones);
    assert_eq!(journal.append_closing(b"record", 7), Ok(1));
    let no_intent = StoreError::NoIntent { id: 7 };
    assert_eq!(journal.append_closing(b"record", 7), Err(no_intent));
    let journal = open(&medium).unwrap();
    assert_eq!(intents(&journal), [(3, b"three".to_vec())]);
    assert_eq!(held(&journal), [(1, b"record".to_vec(), false, false)]);
}

#[test]
fn an_intent_survives_a_rewrite() {
    let medium = SimMedium::new();
    let mut journal = open(&medium).unwrap();
    journal.keep_intent(1, b"open").unwrap();
    for id in 2..20 {
        journal.keep_intent(id, &[b'x'; 50]).unwrap();
        let seq = journal.append_closing(&[b'x'; 50], id).unwrap();
        journal.acknowledge(&[seq]).unwrap();
    }
    let long = journal.len_bytes();
    journal.release(u64::MAX).unwrap();
    assert!(journal.len_bytes() < long / 4);
    let mut journal = open(&medium).unwrap();
    assert_eq!(intents(&journal), [(1, b"open".to_vec())]);
    assert_eq!(journal.append_closing(b"closed", 1), Ok(19));
}

#[test]
fn an_open_intent_keeps_the_room_of_its_record() {
    let mut journal = open(&SimMedium::new()).unwrap();
    for _ in 1..SMALL.records_max {
        journal.append(b"record").unwrap();
    }
    journal.keep_intent(5, b"asked").unwrap();
    assert!(journal.capacity().is_full());
    let full = StoreError::Full { held: 99, max: 100 };
    assert_eq!(journal.append(b"other"), Err(full.clone()));
    assert_eq!(journal.keep_intent(6, b"asked"), Err(full));
    journal.keep_intent(5, b"asked again").unwrap();
    assert_eq!(journal.append_closing(b"record", 5), Ok(100));
}
