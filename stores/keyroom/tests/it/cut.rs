//! Power cuts at every byte.

use tongtu_keyroom::sim::{SimMedium, Survival};
use tongtu_keyroom::{File, OpenError, Part, RoomFault};

use crate::fixture::{open, run, step};

const STEPS: u8 = 8;

const SURVIVALS: [Survival; 5] = [
    Survival::Nothing,
    Survival::Everything,
    Survival::Prefix(3),
    Survival::Prefix(60),
    Survival::Zeros,
];

/// Opens what is left, and checks that it is so many steps and that every file says the same.
fn check(after: &SimMedium, safe: u64, at: u64, survival: &Survival) {
    let context = format!("{at} units, {survival:?}, {safe} steps safe");
    let steps = match open(after.clone()) {
        Ok((_, steps)) => steps,
        // Before the room was made there is none.
        Err(OpenError::Fault(RoomFault::NoRoom)) if safe == 0 => return,
        Err(OpenError::Fault(RoomFault::Steps { record: 0, .. })) if safe == 0 => return,
        Err(other) => panic!("{context}: {other}"),
    };
    let count = u64::try_from(steps.len()).unwrap();
    assert!(
        count == safe || count == safe + 1,
        "{context}: {count} steps"
    );
    for (number, found) in (1..).zip(&steps) {
        assert_eq!(*found, step(number), "{context}: step {number}");
    }
    for part in Part::ALL {
        let entries = steps.iter().flat_map(|step| &step.entries);
        let of_part = entries.filter(|entry| entry.part == part);
        let whole: Vec<u8> = of_part.flat_map(|entry| entry.bytes.clone()).collect();
        assert_eq!(after.bytes(File::Of(part)), whole, "{context}: {part:?}");
    }
    // Once opened it opens again, and has nothing left to do.
    let (opened, again) = open(after.clone()).unwrap();
    assert_eq!((again.len(), opened.cut), (steps.len(), 0), "{context}");
    assert!(opened.completed.is_empty(), "{context}");
}

#[test]
fn after_a_cut_at_any_byte_the_room_is_before_a_step_or_after_it() {
    let whole = SimMedium::new();
    run(&whole, STEPS).1.unwrap();
    for units in 0..whole.spent() {
        let medium = SimMedium::new();
        medium.set_power(units);
        let (safe, result) = run(&medium, STEPS);
        assert!(result.is_err(), "{units}");
        for survival in SURVIVALS {
            check(&medium.after_cut(&survival), safe, units, &survival);
        }
    }
}

#[test]
fn a_cut_while_the_room_is_completed_is_completed_the_next_time() {
    let whole = SimMedium::new();
    run(&whole, 3).1.unwrap();
    for units in (0..whole.spent()).step_by(7) {
        let first = SimMedium::new();
        first.set_power(units);
        let (safe, _) = run(&first, 3);
        for survival in SURVIVALS {
            for more in 0..40 {
                let second = first.after_cut(&survival);
                second.set_power(more);
                let _ = open(second.clone());
                check(&second.after_cut(&survival), safe, units, &survival);
            }
        }
    }
}

#[test]
fn an_intent_without_its_step_is_told_after_a_cut() {
    let medium = SimMedium::new();
    let (safe, _) = run(&medium, 2);
    assert_eq!(safe, 2);
    let before = medium.spent();
    // Enough power for the intent of step 3 and for no step.
    let third = SimMedium::new();
    third.set_power(before + 90);
    run(&third, 3).1.unwrap_err();
    let (opened, steps) = open(third.after_cut(&Survival::Everything)).unwrap();
    let labels = opened
        .store
        .open_intent()
        .map(|intent| intent.labels.clone());
    assert_eq!(steps.len(), 2);
    assert!(labels.is_none() || labels == Some(vec![String::from("KEY-3")]));
    let fourth = SimMedium::new();
    fourth.set_power(before + 170);
    run(&fourth, 3).1.unwrap_err();
    let (opened, _) = open(fourth.after_cut(&Survival::Nothing)).unwrap();
    let intent = opened.store.open_intent().unwrap();
    assert_eq!(intent.labels, ["KEY-3"]);
}

#[test]
fn a_room_half_made_is_made_anew() {
    let whole = SimMedium::new();
    run(&whole, 0).1.unwrap();
    for units in 0..whole.spent() - 1 {
        let medium = SimMedium::new();
        medium.set_power(units);
        run(&medium, 1).1.unwrap_err();
        let after = medium.after_cut(&Survival::Prefix(40));
        assert_eq!(run(&after, 1).0, 1, "{units}");
    }
}
