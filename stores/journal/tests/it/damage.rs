//! Damage to what was promised is an error that names the place; it is never skipped.

use tongtu_journal::{JournalError, SimMedium, Survival};
use tongtu_terminal::RecordStore as _;

use crate::fixture::{held, open};

/// Three records, each told, so that all of them are known to be durable; offsets of frames.
fn three() -> (Vec<u8>, Vec<u64>) {
    let medium = SimMedium::new();
    let mut journal = open(&medium).unwrap();
    let mut offsets = vec![8];
    for text in ["first", "second", "third"] {
        offsets.push(journal.len_bytes());
        let seq = journal.append(text.as_bytes()).unwrap();
        offsets.push(journal.len_bytes());
        journal.mark_told(seq, None).unwrap();
    }
    (medium.survivors(&Survival::Everything), offsets)
}

#[test]
fn every_flipped_bit_in_what_was_durable_is_an_error_at_its_frame() {
    let (good, offsets) = three();
    let last_told = *offsets.last().unwrap();
    for at in 8..usize::try_from(last_told).unwrap() {
        for bit in 0..8 {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << bit;
            let frame = *offsets.iter().rfind(|o| **o <= at as u64).unwrap();
            match open(&SimMedium::holding(&bytes)) {
                Err(JournalError::Damaged { offset, .. }) => {
                    assert_eq!(offset, frame, "byte {at} bit {bit}");
                }
                other => panic!("byte {at} bit {bit}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_damaged_told_mark_at_the_end_is_a_torn_end() {
    let (good, offsets) = three();
    let last_told = usize::try_from(*offsets.last().unwrap()).unwrap();
    for at in last_told..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 0x10;
        let journal = open(&SimMedium::holding(&bytes)).unwrap();
        assert_eq!(journal.cut().unwrap().offset, *offsets.last().unwrap());
        assert_eq!(held(&journal).len(), 3);
    }
}

#[test]
fn every_flipped_bit_of_a_rewritten_journal_is_an_error() {
    let medium = SimMedium::new();
    let mut journal = open(&medium).unwrap();
    for _ in 0..12 {
        journal.append(&[b'x'; 60]).unwrap();
    }
    journal.acknowledge(&(1..=11).collect::<Vec<_>>()).unwrap();
    journal.release(11).unwrap();
    let image = medium.survivors(&Survival::Nothing);
    assert!(image.len() < 400, "it was rewritten");
    for at in 0..image.len() {
        let mut bytes = image.clone();
        bytes[at] ^= 1 << (at % 8);
        let opened = open(&SimMedium::holding(&bytes));
        match opened {
            Err(JournalError::NotJournal) => assert!(at < 8),
            Err(JournalError::Damaged { .. }) => assert!(at >= 8),
            other => panic!("byte {at}: {other:?}"),
        }
    }
}

#[test]
fn other_files_are_no_journals() {
    for bytes in [&b"TTJRNL0"[..], b"TTJRNL03 and more", b"{}"] {
        let error = open(&SimMedium::holding(bytes)).unwrap_err();
        assert!(matches!(error, JournalError::NotJournal));
    }
    let error = open(&SimMedium::holding(b"TTJRNL01")).unwrap_err();
    assert!(matches!(error, JournalError::Damaged { offset: 8, .. }));
}

/// Sectors reach a device in any order: the told mark before a record may be torn while the
/// record behind it is whole. If its append had returned, it was promised; so it is kept.
#[test]
fn a_whole_record_behind_a_torn_mark_is_kept() {
    let medium = SimMedium::new();
    let mut journal = open(&medium).unwrap();
    journal.append(b"first").unwrap();
    let mark_at = journal.len_bytes();
    journal.mark_told(1, None).unwrap();
    let record_at = journal.len_bytes();
    journal.append(b"second").unwrap();
    let mut bytes = medium.survivors(&Survival::Nothing);
    for at in mark_at..record_at {
        bytes[usize::try_from(at).unwrap()] = 0;
    }
    let disk = SimMedium::holding(&bytes);
    let mut journal = open(&disk).unwrap();
    let cut = journal.cut().unwrap();
    assert_eq!(
        (cut.offset, cut.bytes, cut.kept),
        (mark_at, record_at - mark_at, 1)
    );
    let expected = [
        (1, b"first".to_vec(), false, false),
        (2, b"second".to_vec(), false, false),
    ];
    assert_eq!(held(&journal), expected);
    assert_eq!(journal.append(b"third"), Ok(3));
    drop(journal);
    let again = open(&disk).unwrap();
    assert_eq!(
        (again.cut(), held(&again).len()),
        (None, 3),
        "it was mended"
    );
}

/// Two files run together are no torn end.
#[test]
fn a_second_head_is_damage() {
    let (good, _) = three();
    let head = SimMedium::new();
    drop(open(&head).unwrap());
    let head = head.survivors(&Survival::Nothing)[8..].to_vec();
    for torn in [&b""[..], b"\0"] {
        let bytes = [&good[..], torn, &head].concat();
        let error = open(&SimMedium::holding(&bytes)).unwrap_err();
        let JournalError::Damaged { offset, .. } = error else {
            panic!("{error}");
        };
        assert_eq!(offset, good.len() as u64);
    }
}
