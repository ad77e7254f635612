//! The journal in a real file: kept, locked, torn, tidied.

use std::fs;
use std::path::PathBuf;

use tongtu_journal::{FileJournal, JournalError};
use tongtu_terminal::RecordStore as _;

use crate::fixture::{SMALL, held};

fn fresh(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("tongtu-journal");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    for suffix in ["", ".lock", ".new"] {
        let _ = fs::remove_file(folder.join(format!("{name}{suffix}")));
    }
    path
}

#[test]
fn keeps_records_and_survives_being_killed() {
    let path = fresh("kept");
    let mut journal = FileJournal::open(&path, SMALL).unwrap();
    journal.append(b"first").unwrap();
    journal.mark_told(1, None).unwrap();
    journal.append(b"second").unwrap();
    let expected = held(&journal);
    // As a process that is killed: nothing is closed in order, the lock goes with it.
    drop(journal);
    let journal = FileJournal::open(&path, SMALL).unwrap();
    assert_eq!(held(&journal), expected);
    assert_eq!(journal.len_bytes(), fs::metadata(&path).unwrap().len());
}

#[test]
fn a_second_opening_is_refused_while_the_first_lives() {
    let path = fresh("locked");
    let first = FileJournal::open(&path, SMALL).unwrap();
    assert!(matches!(
        FileJournal::open(&path, SMALL),
        Err(JournalError::Locked)
    ));
    drop(first);
    FileJournal::open(&path, SMALL).unwrap();
}

#[test]
fn a_torn_end_is_cut_in_the_file() {
    let path = fresh("torn");
    let mut journal = FileJournal::open(&path, SMALL).unwrap();
    journal.append(b"first").unwrap();
    let whole = journal.len_bytes();
    journal.append(b"second").unwrap();
    drop(journal);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let mut journal = FileJournal::open(&path, SMALL).unwrap();
    assert_eq!(journal.cut().unwrap().offset, whole);
    assert_eq!(fs::metadata(&path).unwrap().len(), whole);
    assert_eq!(journal.append(b"again"), Ok(2));
    drop(journal);
    let journal = FileJournal::open(&path, SMALL).unwrap();
    assert_eq!(held(&journal)[1].1, b"again");
}

#[test]
fn a_rewrite_replaces_the_file_and_a_leftover_is_removed() {
    let path = fresh("rewritten");
    let mut journal = FileJournal::open(&path, SMALL).unwrap();
    for _ in 0..9 {
        journal.append(&[b'x'; 100]).unwrap();
    }
    journal.acknowledge(&[1, 2, 3, 4, 5, 6, 7]).unwrap();
    let long = fs::metadata(&path).unwrap().len();
    journal.release(8).unwrap();
    assert!(fs::metadata(&path).unwrap().len() < long / 2);
    assert_eq!(journal.append(b"behind"), Ok(10));
    drop(journal);
    let leftover = path.with_extension("new");
    fs::write(&leftover, b"half a rewrite").unwrap();
    let journal = FileJournal::open(&path, SMALL).unwrap();
    let seqs: Vec<u64> = held(&journal).iter().map(|e| e.0).collect();
    assert_eq!(seqs, [8, 9, 10]);
    assert!(!leftover.exists());
}

#[test]
fn a_folder_that_is_not_there_is_named_as_a_fault() {
    let path = fresh("gone").join("below").join("journal");
    assert!(matches!(
        FileJournal::open(&path, SMALL),
        Err(JournalError::Device { .. })
    ));
}
