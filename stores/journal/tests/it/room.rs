//! Room in bytes: what is needed is never overwritten, what is dead makes room.

use tongtu_journal::{Journal, Limits, SimMedium, Survival};
use tongtu_terminal::{AlarmThresholds, Fill, Outlook, Pace, RecordStore as _, StoreError};

use crate::fixture::{T0, held, open};

const TIGHT: Limits = Limits {
    records_max: 1000,
    dead_bytes_max: 1000,
    bytes_max: 8000,
};

fn tight(medium: &SimMedium) -> Journal<SimMedium> {
    Journal::recover(medium.clone(), TIGHT).unwrap()
}

#[test]
fn a_journal_without_room_refuses_and_keeps_everything() {
    let medium = SimMedium::new();
    let mut journal = tight(&medium);
    let mut stored = 0;
    let fault = loop {
        match journal.append(&[b'x'; 143]) {
            Ok(_) => stored += 1,
            Err(fault) => break fault,
        }
        journal.mark_told(stored, None).unwrap();
    };
    // Each needs 200 bytes and 25 for its mark, the first 57 for the chain's beginning.
    assert_eq!(stored, (7000 - 57) / 225);
    let full = StoreError::FullBytes {
        bytes: 57 + 30 * 225,
        wanted: 200,
        max: 7000,
    };
    assert_eq!(fault, full);
    assert_eq!(journal.capacity().room(), 0);
    assert!(journal.len_bytes() <= TIGHT.bytes_max);
    assert_eq!(held(&tight(&medium)).len(), 30);
    // Acknowledging is always possible, and makes room.
    journal.acknowledge(&[1, 2]).unwrap();
    journal.release(3).unwrap();
    assert_eq!(journal.append(&[b'x'; 143]), Ok(31));
}

/// Days without a network: every tap leaves a dead intent, and nothing is acknowledged.
#[test]
fn dead_intents_make_room_without_an_acknowledgement() {
    let medium = SimMedium::new();
    let mut journal = tight(&medium);
    let mut stored = 0;
    while journal.keep_intent(7, &[b'i'; 300]).is_ok() {
        journal.append_closing(&[b'x'; 100], 7).unwrap();
        stored += 1;
        assert!(journal.len_bytes() <= TIGHT.bytes_max);
    }
    // Each record needs 157 bytes; the last intent wants 325 and a kilobyte for its record.
    assert_eq!(stored, (7000 - 57 - 325 - 1024) / 157 + 1);
    assert_eq!(held(&tight(&medium)).len(), stored);
}

#[test]
fn the_record_of_an_open_intent_is_never_refused() {
    let mut journal = tight(&SimMedium::new());
    journal.keep_intent(7, b"asked").unwrap();
    while journal.append(&[b'x'; 100]).is_ok() {}
    while journal.append(b"").is_ok() {}
    journal.append_closing(&[b'x'; 1000], 7).unwrap();
}

/// Taps until the file was rewritten for room twice; says how many records were promised, and
/// whether the intent of the next was.
fn taps(journal: &mut Journal<SimMedium>) -> (usize, bool) {
    let mut stored = 0;
    while stored < 28 {
        if journal.keep_intent(7, &[b'i'; 300]).is_err() {
            return (stored, false);
        }
        if journal.append_closing(&[b'x'; 100], 7).is_err() {
            return (stored, true);
        }
        stored += 1;
    }
    (stored, false)
}

#[test]
fn a_rewrite_for_room_loses_nothing_wherever_the_power_fails() {
    let whole = SimMedium::new();
    assert_eq!(taps(&mut tight(&whole)).0, 28);
    let appended = 28 * (325 + 165);
    assert!(whole.spent() > appended + 3000, "it was rewritten");
    for units in (0..whole.spent()).step_by(7) {
        let medium = SimMedium::new();
        medium.set_power(units);
        let journal = Journal::recover(medium.clone(), TIGHT);
        let (stored, is_open) = journal.map_or((0, false), |mut journal| taps(&mut journal));
        for survival in [Survival::Nothing, Survival::Everything] {
            let again = tight(&SimMedium::holding(&medium.survivors(&survival)));
            let (records, intents) = (held(&again).len(), again.intents().count());
            let promised = (stored, usize::from(is_open));
            // What was tried last may have come through: the intent, or the record for it.
            let tried = if is_open {
                (stored + 1, 0)
            } else {
                (stored, 1)
            };
            let found = (records, intents);
            assert!(found == promised || found == tried, "{units}: {found:?}");
        }
    }
}

#[test]
fn the_outlook_of_a_journal_is_in_records_bytes_and_days() {
    let mut journal = open(&SimMedium::new()).unwrap();
    let mut pace = Pace::default();
    for second in 0..30 {
        journal.append(b"record").unwrap();
        pace.noted(T0.plus_s(second));
    }
    let outlook = Outlook::of(&journal.capacity(), &pace, &AlarmThresholds::default());
    let used = 30 * (57 + 6) + 57;
    let expected = Outlook {
        records: 70,
        bytes: Some((1 << 20) - 400 - used),
        days: Some(2),
        fill: Fill::Low,
    };
    assert_eq!(outlook, expected);
}
