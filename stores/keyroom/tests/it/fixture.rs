//! A room of plain bytes: what entries mean is nothing to the store.

use std::convert::Infallible;

use tongtu_hsm::{Mark, VaultState};
use tongtu_keyroom::sim::SimMedium;
use tongtu_keyroom::{Head, Intent, Medium, OpenError, Opened, Part, RoomStore, Step, StoreError};

pub(crate) fn head() -> Head {
    Head {
        room: [7; 16],
        mark: Mark::Test,
        device: String::from("HSM-N"),
        token: None,
    }
}

/// A step with a line, and by its number with other entries; every third one writes a custody.
pub(crate) fn step(number: u8) -> Step {
    let mut step = Step::default();
    if number.is_multiple_of(3) {
        step.vault = Some(VaultState {
            generation: u64::from(number),
            digest: [number; 32],
        });
    }
    for part in Part::ALL {
        if part == Part::Line || number.is_multiple_of((part as u8 + 1).min(8)) {
            step.push(part, vec![number | 0x80; 9 + usize::from(part as u8)]);
        }
    }
    step.push(Part::Line, vec![number | 0xC0; 12]);
    step
}

/// Runs steps 1 to `last`; the intent stands before every third one. Says how many were safe.
pub(crate) fn run(medium: &SimMedium, last: u8) -> (u64, Result<(), StoreError>) {
    let mut safe = 0;
    let mut go = || {
        let mut store = RoomStore::make(medium.clone(), head())?;
        for number in 1..=last {
            let step = step(number);
            if step.vault.is_some() {
                store.intend(Intent {
                    deed: String::from("generate"),
                    labels: vec![format!("KEY-{number}")],
                })?;
            }
            store.commit(&step)?;
            safe += 1;
        }
        Ok(())
    };
    let result = go();
    (safe, result)
}

/// Opens the room and says which steps it has.
pub(crate) fn open<M: Medium>(medium: M) -> Result<(Opened<M>, Vec<Step>), OpenError<Infallible>> {
    let mut steps = Vec::new();
    let opened = RoomStore::open(medium, |_, step| {
        steps.push(step.clone());
        Ok(())
    })?;
    Ok((opened, steps))
}
