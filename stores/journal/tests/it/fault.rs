//! A device that refuses: the journal is as before, or says that only opening it can tell.

use tongtu_journal::{Fault, Journal, SimMedium, Survival};
use tongtu_terminal::{RecordStore as _, StoreError};

use crate::fixture::{held, open};

fn with_one() -> (SimMedium, Journal<SimMedium>) {
    let medium = SimMedium::new();
    let mut journal = open(&medium).unwrap();
    journal.append(b"first").unwrap();
    journal.mark_told(1, None).unwrap();
    (medium, journal)
}

#[test]
fn a_failed_append_or_sync_is_undone() {
    for fault in [
        Fault::Append(0),
        Fault::Append(9),
        Fault::Append(30),
        Fault::Sync,
    ] {
        let (medium, mut journal) = with_one();
        let before = held(&journal);
        medium.fail_next(fault);
        assert!(matches!(
            journal.append(b"second"),
            Err(StoreError::Device(_))
        ));
        assert_eq!(held(&journal), before, "{fault:?}");
        assert_eq!(journal.append(b"third"), Ok(2), "{fault:?}");
        // Nothing of the failed record survives, and the told mark before it does.
        let again = open(&medium.reboot(&Survival::Nothing)).unwrap();
        let third = (2, b"third".to_vec(), false, false);
        assert_eq!(held(&again), [before, vec![third]].concat(), "{fault:?}");
        assert_eq!(again.cut(), None);
    }
}

#[test]
fn a_fault_that_cannot_be_undone_breaks_the_journal_until_it_is_opened() {
    let (medium, mut journal) = with_one();
    medium.fail_next(Fault::Sync);
    medium.fail_next(Fault::Truncate);
    assert_eq!(journal.append(b"second"), Err(StoreError::Broken));
    assert_eq!(journal.append(b"third"), Err(StoreError::Broken));
    assert_eq!(journal.mark_told(1, None), Err(StoreError::Broken));
    assert_eq!(journal.acknowledge(&[1]), Err(StoreError::Broken));
    assert_eq!(journal.release(9), Err(StoreError::Broken));
    drop(journal);
    let again = open(&medium).unwrap();
    assert!(matches!(held(&again).len(), 1 | 2));
}

#[test]
fn a_failed_acknowledgement_leaves_the_record_waiting() {
    let (medium, mut journal) = with_one();
    medium.fail_next(Fault::Sync);
    assert!(journal.acknowledge(&[1]).is_err());
    assert_eq!(journal.capacity().waiting, 1);
    assert!(!held(&open(&medium).unwrap())[0].3);
}

#[test]
fn a_failed_rewrite_loses_nothing() {
    for (fault, is_broken) in [(Fault::ReplaceOld, false), (Fault::ReplaceUncertain, true)] {
        let (medium, mut journal) = with_one();
        journal.append(&[b'x'; 600]).unwrap();
        journal.acknowledge(&[2]).unwrap();
        medium.fail_next(fault);
        assert!(journal.release(9).is_err());
        let next = journal.append(b"next");
        assert_eq!(next == Err(StoreError::Broken), is_broken);
        drop(journal);
        let again = open(&medium.reboot(&Survival::Nothing)).unwrap();
        assert_eq!(held(&again)[0], (1, b"first".to_vec(), true, false));
        assert_eq!(again.next_seq(), if is_broken { 3 } else { 4 });
    }
}

#[test]
fn a_failed_intent_or_closing_is_as_though_it_had_not_been_tried() {
    for fault in [Fault::Append(0), Fault::Append(40), Fault::Sync] {
        let (medium, mut journal) = with_one();
        journal.keep_intent(7, b"asked").unwrap();
        let before = (held(&journal), journal.capacity());
        let mut refused = |one: &mut dyn FnMut(&mut Journal<SimMedium>) -> bool| {
            medium.fail_next(fault);
            assert!(one(&mut journal), "{fault:?}");
            let intents: Vec<_> = journal.intents().map(|(id, i)| (id, i.to_vec())).collect();
            assert_eq!(intents, [(7, b"asked".to_vec())], "{fault:?}");
            assert_eq!((held(&journal), journal.capacity()), before, "{fault:?}");
        };
        refused(&mut |journal| journal.keep_intent(7, b"asked again").is_err());
        refused(&mut |journal| journal.keep_intent(8, b"asked").is_err());
        refused(&mut |journal| journal.drop_intent(7).is_err());
        refused(&mut |journal| journal.append_closing(b"record", 7).is_err());
        assert_eq!(journal.append_closing(b"record", 7), Ok(2));
        let again = open(&medium.reboot(&Survival::Nothing)).unwrap();
        assert_eq!((held(&again).len(), again.intents().count()), (2, 0));
    }
}
