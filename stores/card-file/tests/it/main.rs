//! A card in a file: made whole or not at all, held by one process, the same after it was closed.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use tongtu_card::Memory as _;
use tongtu_card_file::{CardFile, CardFileError, HEAD_LEN, NewCardFile};

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn made(path: &Path) -> CardFile {
    let mut new = NewCardFile::begin(path, "default", 256).unwrap();
    new.write(3, b"abc").unwrap();
    assert!(!path.exists(), "seen before it is finished");
    new.keep().unwrap()
}

#[test]
fn what_was_written_is_there_when_opened_again() {
    let path = folder("again").join("card");
    let mut card = made(&path);
    card.write(250, b"to the").unwrap();
    drop(card);
    let card = CardFile::open(&path).unwrap();
    assert_eq!((card.profile(), card.size()), ("default", 256));
    let mut bytes = [0; 256];
    card.read(0, &mut bytes);
    assert_eq!(&bytes[..6], b"\xFF\xFF\xFFabc");
    assert_eq!(&bytes[250..], b"to the");
    assert_eq!(fs::read(&path).unwrap().len(), HEAD_LEN + 256);
}

#[test]
fn two_processes_do_not_share_a_card() {
    let path = folder("shared").join("card");
    let card = made(&path);
    let second = CardFile::open(&path);
    assert!(matches!(second, Err(CardFileError::InUse { .. })));
    drop(card);
    CardFile::open(&path).unwrap();
    let one = NewCardFile::begin(&path.with_extension("2"), "default", 256).unwrap();
    let other = NewCardFile::begin(&path.with_extension("2"), "default", 256);
    assert!(matches!(other, Err(CardFileError::InUse { .. })));
    drop(one);
}

#[test]
fn a_card_is_never_made_over_another_and_a_half_made_one_is_forgotten() {
    let path = folder("over").join("card");
    fs::write(
        path.with_extension("new"),
        b"left by a process that was killed",
    )
    .unwrap();
    drop(made(&path));
    let again = NewCardFile::begin(&path, "default", 256);
    assert!(matches!(again, Err(CardFileError::Exists { .. })));
    assert_eq!(CardFile::open(&path).unwrap().size(), 256);
}

#[test]
fn what_is_no_card_is_named() {
    let folder = folder("other");
    let path = folder.join("other");
    fs::write(&path, "a diary").unwrap();
    assert!(matches!(
        CardFile::open(&path),
        Err(CardFileError::NotACard { .. })
    ));
    drop(made(&folder.join("card")));
    let bytes = fs::read(folder.join("card")).unwrap();
    for (count, found) in [(bytes.len() - 1, 255), (HEAD_LEN, 0)] {
        fs::write(&path, &bytes[..count]).unwrap();
        match CardFile::open(&path) {
            Err(CardFileError::Size {
                found: there,
                expected: 256,
                ..
            }) => {
                assert_eq!(there, found);
            }
            other => panic!("{other:?}"),
        }
    }
    let missing = CardFile::open(&folder.join("missing"));
    assert!(matches!(
        missing,
        Err(CardFileError::Io { doing: "open", .. })
    ));
}
