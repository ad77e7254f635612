//! A room in a real folder.

use std::convert::Infallible;

use tongtu_foreign::Scratch;
use tongtu_keyroom::{File, FolderMedium, RoomFault, RoomStore, Step, StoreError};

use crate::fixture::{head, open, step};

fn folder(name: &str) -> Scratch {
    let scratch = Scratch::new(&format!("keyroom-{name}"));
    for file in File::ALL {
        let _ = std::fs::remove_file(scratch.path().join(file.name()));
    }
    scratch
}

#[test]
fn what_was_committed_is_there_for_the_next_process() {
    let scratch = folder("next");
    let medium = FolderMedium::open(scratch.path()).unwrap();
    let mut store = RoomStore::make(medium, head()).unwrap();
    for number in 1..=4 {
        store.commit(&step(number)).unwrap();
    }
    drop(store);
    let (opened, steps) = open(FolderMedium::open(scratch.path()).unwrap()).unwrap();
    assert_eq!(steps, (1..=4).map(step).collect::<Vec<_>>());
    assert_eq!(*opened.store.head(), head());
    assert_eq!(opened.store.vault().map(|state| state.generation), Some(3));
}

#[test]
fn two_processes_do_not_have_it_at_once() {
    let scratch = folder("lock");
    let _first = FolderMedium::open(scratch.path()).unwrap();
    let second = FolderMedium::open(scratch.path()).unwrap_err();
    assert_eq!(second.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn a_room_is_not_made_over_another() {
    let scratch = folder("over");
    let medium = FolderMedium::open(scratch.path()).unwrap();
    drop(RoomStore::make(medium, head()).unwrap());
    let medium = FolderMedium::open(scratch.path()).unwrap();
    let again = RoomStore::make(medium, head());
    assert!(matches!(again, Err(StoreError::Fault(RoomFault::Exists))));
}

#[test]
fn a_step_that_leaves_no_line_is_not_taken() {
    let scratch = folder("line");
    let medium = FolderMedium::open(scratch.path()).unwrap();
    let mut store = RoomStore::make(medium, head()).unwrap();
    assert!(matches!(
        store.commit(&Step::default()),
        Err(StoreError::NoLine)
    ));
    drop(store);
    let medium = FolderMedium::open(scratch.path()).unwrap();
    let opened = RoomStore::open(medium, |_, _| Ok::<(), Infallible>(())).unwrap();
    assert_eq!(opened.store.steps(), 0);
}
