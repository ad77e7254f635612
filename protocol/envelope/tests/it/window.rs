//! Each request once.

use std::collections::BTreeSet;

use proptest::prelude::*;
use tongtu_envelope::{Draft, Envelope, Limits, REACH_S, Window, WindowRefusal};

use crate::{LIFE, NOW, draft};

/// The window looks at no signature.
fn unsigned(draft: Draft) -> Envelope {
    let mut envelope = crate::sealed(0);
    envelope.made_at = draft.made_at;
    envelope.message = draft.message;
    envelope.life = draft.life;
    envelope.caller = draft.caller;
    envelope
}

fn at(message: u8, made_after_s: i64) -> Envelope {
    unsigned(Draft {
        made_at: NOW.plus_s(made_after_s),
        ..draft(message)
    })
}

fn window(kept: usize, held_max: usize) -> Window {
    Window::new(LIFE, Limits { kept, held_max })
}

#[test]
fn a_request_is_taken_once() {
    let mut window = window(0, 100);
    assert_eq!(window.admit(&at(1, 0), NOW), Ok(()));
    for later_s in [0, 1, REACH_S] {
        let again = window.admit(&at(1, 0), NOW.plus_s(later_s));
        assert_eq!(again, Err(WindowRefusal::Replayed));
    }
    let later = window.admit(&at(1, 0), NOW.plus_s(REACH_S + 1));
    assert_eq!(later, Err(WindowRefusal::Stale { away_s: 301 }));
    assert_eq!(window.admit(&at(2, 0), NOW), Ok(()));
}

#[test]
fn the_window_reaches_300_seconds_both_ways() {
    for (made_after_s, holds) in [(-301, false), (-300, true), (300, true), (301, false)] {
        let taken = window(0, 9).admit(&at(1, made_after_s), NOW);
        assert_eq!(taken.is_ok(), holds, "{made_after_s}");
    }
}

#[test]
fn a_request_of_an_earlier_life_is_not_taken() {
    let mut before = window(0, 9);
    // From a clock that is ahead: an age alone would let it in for ten minutes.
    let request = at(1, REACH_S);
    assert_eq!(before.admit(&request, NOW), Ok(()));
    let mut restarted = Window::new([1; 8], Limits::default());
    let replayed = restarted.admit(&request, NOW.plus_s(5));
    assert_eq!(replayed, Err(WindowRefusal::Life));
}

#[test]
fn one_callers_ids_are_not_anothers() {
    let mut window = window(0, 9);
    let mut other = at(1, 0);
    other.caller = "OP-2".parse().unwrap();
    assert_eq!(window.admit(&at(1, 0), NOW), Ok(()));
    assert_eq!(window.admit(&other, NOW), Ok(()));
}

#[test]
fn memory_is_bounded_and_nothing_needed_is_forgotten() {
    let mut window = window(0, 3);
    for message in 0..3 {
        assert_eq!(window.admit(&at(message, 0), NOW), Ok(()));
    }
    assert_eq!(window.admit(&at(3, 0), NOW), Err(WindowRefusal::Full));
    let later_s = REACH_S + 1;
    assert_eq!(window.admit(&at(3, later_s), NOW.plus_s(later_s)), Ok(()));
    assert_eq!(window.len(), 1);
}

#[test]
fn a_clock_set_back_takes_nothing_twice() {
    let mut window = window(0, 9);
    assert_eq!(window.admit(&at(1, 0), NOW), Ok(()));
    assert_eq!(window.admit(&at(2, 1000), NOW.plus_s(1000)), Ok(()));
    // The first is forgotten, and the clock goes back to it.
    let again = window.admit(&at(1, 0), NOW);
    assert_eq!(again, Err(WindowRefusal::Stale { away_s: 0 }));
}

proptest! {
    /// Whatever the clock does and however little is kept, no message is taken twice.
    #[test]
    fn no_message_is_taken_twice(
        steps in prop::collection::vec((0_u8..6, -700_i64..700, -700_i64..700), 1..60),
        kept in 0_usize..4,
    ) {
        let mut window = window(kept, 8);
        let mut taken = BTreeSet::new();
        for (message, made_after_s, now_after_s) in steps {
            let request = at(message, made_after_s);
            if window.admit(&request, NOW.plus_s(now_after_s)).is_ok() {
                prop_assert!(taken.insert((message, made_after_s)));
            }
            prop_assert!(window.len() <= 8);
        }
    }
}
