//! Bytes changed at rest: named by file and record, or harmless.

use tongtu_keyroom::sim::SimMedium;
use tongtu_keyroom::{File, OpenError, Part, RoomFault};

use crate::fixture::{open, run, step};

const STEPS: u8 = 8;

fn whole() -> SimMedium {
    let medium = SimMedium::new();
    run(&medium, STEPS).1.unwrap();
    medium
}

/// The record of a file in which a byte lies, by the lengths of its entries.
fn record_of(part: Part, at: usize) -> u64 {
    let mut end = 0;
    let mut record = 0;
    for number in 1..=STEPS {
        for entry in step(number).entries.iter().filter(|e| e.part == part) {
            record += 1;
            end += entry.bytes.len();
            if at < end {
                return record;
            }
        }
    }
    panic!("byte {at} of {part:?} is in no record")
}

#[test]
fn every_flipped_bit_of_every_file_is_named() {
    let medium = whole();
    for file in File::ALL {
        let bytes = medium.bytes(file);
        assert!(!bytes.is_empty(), "{file:?}");
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let forged = whole_with(&medium, file, bad);
            match (file, open(forged)) {
                (File::Steps, Err(OpenError::Fault(RoomFault::Steps { .. }))) => {}
                (File::Of(part), Err(OpenError::Fault(RoomFault::Differs { file: f, record }))) => {
                    assert_eq!((f, record), (file, record_of(part, bit / 8)), "bit {bit}");
                }
                (_, other) => panic!("{file:?}, bit {bit}: {:?}", other.map(|_| "opened")),
            }
        }
    }
}

fn whole_with(medium: &SimMedium, file: File, bytes: Vec<u8>) -> SimMedium {
    let copy = medium.after_cut(&tongtu_keyroom::sim::Survival::Everything);
    copy.forge(file, bytes);
    copy
}

#[test]
fn a_flipped_bit_of_the_steps_is_named_by_its_frame() {
    let medium = whole();
    let bytes = medium.bytes(File::Steps);
    let mut named = Vec::new();
    for at in 0..bytes.len() {
        let mut bad = bytes.clone();
        bad[at] ^= 0x10;
        match open(whole_with(&medium, File::Steps, bad)) {
            Err(OpenError::Fault(RoomFault::Steps { record, .. })) => named.push(record),
            other => panic!("byte {at}: {:?}", other.map(|_| "opened")),
        }
    }
    assert!(named.is_sorted());
    // Head, eight steps each with its `done`, two intents.
    assert_eq!(named.last(), Some(&18));
    named.dedup();
    assert_eq!(named.len(), 19);
}

#[test]
fn frames_cut_off_are_found_by_what_the_files_have() {
    let medium = whole();
    let bytes = medium.bytes(File::Steps);
    let steps_of = |len: usize| {
        let opened = open(whole_with(&medium, File::Steps, bytes[..len].to_vec()));
        opened.map(|(_, steps)| steps.len())
    };
    // The last `done` may be gone, and nothing else.
    let done = 50 + 33;
    for len in 0..bytes.len() {
        let found = steps_of(len);
        if len >= bytes.len() - done {
            assert_eq!(found.unwrap(), usize::from(STEPS), "{len}");
        } else {
            assert!(found.is_err(), "{len}");
        }
    }
}

#[test]
fn what_stands_behind_a_file_is_named() {
    let medium = whole();
    for file in File::ALL {
        let mut bytes = medium.bytes(file);
        bytes.push(0x55);
        match (file, open(whole_with(&medium, file, bytes))) {
            (File::Of(_), Err(OpenError::Fault(RoomFault::Longer { file: f, .. }))) => {
                assert_eq!(f, file);
            }
            // A frame that was begun.
            (File::Steps, Ok((opened, _))) => assert_eq!(opened.cut, 1),
            (_, other) => panic!("{file:?}: {:?}", other.map(|_| "opened")),
        }
    }
}

#[test]
fn a_file_that_is_gone_is_named() {
    let medium = whole();
    for part in Part::ALL {
        let opened = open(whole_with(&medium, File::Of(part), Vec::new()));
        match opened {
            Err(OpenError::Fault(RoomFault::Differs { record: 1, .. })) => {}
            other => panic!("{part:?}: {:?}", other.map(|_| "opened")),
        }
    }
}
