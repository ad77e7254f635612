//! Extracts: believed from the key centre alone, and true of every moment that is past.

use proptest::prelude::*;
use tongtu_crypto::SecretKey;
use tongtu_keyring::code::{Cause, KeyAlgorithm, Purpose, Usage};
use tongtu_keyring::{Event, Extract, ExtractError, KeyBook, Use, What};
use tongtu_types::Timestamp;

use crate::fixture::{DAY, START, Scene, slot};

fn centre() -> SecretKey {
    SecretKey::from_bytes(&[0x3C; 32]).unwrap()
}

/// A year of a few keys: renewed, stopped, resumed, taken away, used in between.
fn year() -> Scene {
    let mut scene = Scene::new();
    let purchase = slot("3010", Purpose::Purchase, KeyAlgorithm::Sm4);
    let tac = slot("3020", Purpose::Tac, KeyAlgorithm::Tdes);
    let issuing = slot("5810", Purpose::RideCode, KeyAlgorithm::Sm2);
    let first = scene.active(purchase, 200);
    let second = scene.active(tac, 365);
    scene.wait(10);
    let third = scene.active(issuing, 365);
    scene.step(first, What::Used).unwrap();
    scene.wait(20);
    scene.step(second, What::Suspended(Cause::Misuse)).unwrap();
    scene.wait(5);
    scene.settle();
    scene.step(second, What::Resumed).unwrap();
    scene.wait(60);
    scene.active(purchase, 300);
    scene.wait(10);
    scene.step(third, What::Revoked(Cause::Compromise)).unwrap();
    scene.wait(80);
    scene.settle();
    scene
}

/// Every answer of a book at a moment.
fn answers(book: &KeyBook, of: &KeyBook, at: Timestamp) -> Vec<bool> {
    let mut answers = Vec::new();
    for life in of.keys() {
        for usage in [Usage::Make, Usage::Accept] {
            let slot = life.request().slot;
            let asked = Use {
                city: slot.city,
                purpose: slot.purpose,
                usage,
            };
            answers.push(book.permit(life.number(), asked, at).is_ok());
        }
    }
    answers
}

#[test]
fn an_extract_comes_back_as_it_was_signed() {
    let scene = year();
    let bytes = Extract::sign(&scene.events, &[], scene.now, &mut centre()).unwrap();
    let opened = Extract::open(&bytes, centre().public()).unwrap();
    assert_eq!(opened.book(), &scene.book);
    assert_eq!(opened.made_at(), scene.now);
    let other = SecretKey::from_bytes(&[0x3D; 32]).unwrap();
    let refused = Extract::open(&bytes, other.public());
    assert_eq!(refused.unwrap_err(), ExtractError::Signature);
}

#[test]
fn an_extract_is_followed_by_newer_ones_only() {
    let scene = year();
    let part = |count: usize| {
        let events: Vec<Event> = scene.events[..count].to_vec();
        Extract::of(events, &[], scene.now).unwrap()
    };
    let (older, newer) = (part(20), part(25));
    assert_eq!(newer.follows(&older), Ok(()));
    assert_eq!(newer.follows(&newer), Ok(()));
    let back = older.follows(&newer);
    assert_eq!(
        back,
        Err(ExtractError::Older {
            offered: 20,
            held: 25
        })
    );
}

#[test]
fn signed_events_that_cannot_follow_each_other_are_no_book() {
    let scene = year();
    let mut events = scene.events.clone();
    events.remove(10);
    let bytes = Extract::sign(&events, &[], scene.now, &mut centre()).unwrap();
    let refused = Extract::open(&bytes, centre().public()).unwrap_err();
    assert!(matches!(refused, ExtractError::Book(_)), "{refused}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// What was recorded later does not undo what was permitted before: the book as of a moment
    /// answers as the book did then.
    #[test]
    fn the_book_as_of_a_moment_answers_as_it_did_then(days in -5_i64..220, seconds in 0..DAY) {
        let scene = year();
        let extract = Extract::of(scene.events.clone(), &[], scene.now).unwrap();
        let at = START.plus_s(days * DAY + seconds);
        let until: Vec<Event> = scene.events.iter().filter(|e| e.at <= at).copied().collect();
        let then = KeyBook::replay(&until).unwrap();
        let found = extract.book_after(extract.events_until(at));
        prop_assert_eq!(answers(&found, &scene.book, at), answers(&then, &scene.book, at));
    }

    #[test]
    fn a_flip_anywhere_is_found(place in any::<proptest::sample::Index>(), bit in 0..8_u8) {
        let scene = year();
        let mut bytes = Extract::sign(&scene.events, &[], scene.now, &mut centre()).unwrap();
        let at = place.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let refused = Extract::open(&bytes, centre().public()).unwrap_err();
        let expected = if at < 5 { ExtractError::Form } else { ExtractError::Signature };
        prop_assert_eq!(refused, expected);
    }

    #[test]
    fn a_part_is_no_extract(place in any::<proptest::sample::Index>()) {
        let scene = year();
        let bytes = Extract::sign(&scene.events, &[], scene.now, &mut centre()).unwrap();
        let part = &bytes[..place.index(bytes.len())];
        prop_assert!(Extract::open(part, centre().public()).is_err());
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Extract::open(&bytes, centre().public());
        let mut own = b"TTKX\x01".to_vec();
        own.extend(bytes);
        // Even signed by the centre itself.
        let signature = centre().sign(&own).0;
        own.extend(signature);
        let _ = Extract::open(&own, centre().public());
    }
}
