//! Which key holds when.

use tongtu_callers::{KEYS_MAX, KeyRefusal, OVERLAP_MAX_S, Role};
use tongtu_crypto::{SecretKey, sm3};

use crate::{NOW, caller, key};

#[test]
fn a_key_holds_in_its_time_and_its_callers() {
    let mut one = caller("01341000.OP-1", Role::Operator);
    assert_eq!(one.key(1, NOW.plus_s(-1)), Err(KeyRefusal::OutsideTime));
    assert!(one.key(1, NOW).is_ok());
    assert_eq!(one.key(2, NOW), Err(KeyRefusal::UnknownKey(2)));
    one.until = Some(NOW.plus_s(10));
    assert!(one.key(1, NOW.plus_s(9)).is_ok());
    assert_eq!(one.key(1, NOW.plus_s(10)), Err(KeyRefusal::OutsideTime));
    one.is_disabled = true;
    assert_eq!(one.key(1, NOW), Err(KeyRefusal::Disabled));
}

#[test]
fn both_keys_hold_in_the_overlap_and_one_after_it() {
    let mut one = caller("01341000.OP-1", Role::Operator);
    assert_eq!(one.rotate(key(2).public().clone(), NOW, 60), Ok(2));
    for (after_s, old) in [(0, true), (59, true), (60, false)] {
        let now = NOW.plus_s(after_s);
        assert_eq!(one.key(1, now).is_ok(), old, "{after_s}");
        assert!(one.key(2, now).is_ok());
    }
}

#[test]
fn a_later_rotation_gives_an_old_key_no_more_time() {
    let mut one = caller("01341000.OP-1", Role::Operator);
    one.rotate(key(2).public().clone(), NOW, 60).unwrap();
    one.rotate(key(3).public().clone(), NOW.plus_s(10), 600)
        .unwrap();
    assert!(one.key(1, NOW.plus_s(61)).is_err());
    assert!(one.key(2, NOW.plus_s(61)).is_ok());
}

#[test]
fn no_key_comes_twice_and_no_overlap_is_endless() {
    let mut one = caller("01341000.OP-1", Role::Operator);
    let again = one.rotate(key(1).public().clone(), NOW, 0);
    assert_eq!(again, Err(KeyRefusal::KeyAgain(1)));
    for overlap_s in [-1, OVERLAP_MAX_S + 1] {
        let refused = one.rotate(key(2).public().clone(), NOW, overlap_s);
        assert_eq!(refused, Err(KeyRefusal::Overlap(overlap_s)));
    }
    for count in 1..KEYS_MAX {
        let digest = sm3::digest(&count.to_be_bytes());
        let key = SecretKey::from_bytes(&digest).unwrap();
        one.rotate(key.public().clone(), NOW, 0).unwrap();
    }
    let more = one.rotate(key(9).public().clone(), NOW, 0);
    assert_eq!(more, Err(KeyRefusal::TooManyKeys));
}
