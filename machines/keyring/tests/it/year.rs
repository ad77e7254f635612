//! A year and more of one province, day by day.

use tongtu_keyring::code::{Cause, Ground, KeyAlgorithm, Purpose, Stage, Usage};
use tongtu_keyring::{Application, Event, KeyBook, KeyNumber, Slot, Task, Use, What};

use crate::fixture::*;

/// Asks for a permit to make and one to accept, as a service does every day, and notes the use.
fn use_today(scene: &mut Scene, slot: Slot) -> KeyNumber {
    let key = scene.book.current(slot, scene.now).expect("a key to use");
    for usage in [Usage::Make, Usage::Accept] {
        let asked = Use {
            city: slot.city,
            purpose: slot.purpose,
            usage,
        };
        let permit = scene.book.permit(key, asked, scene.now);
        assert!(permit.is_ok(), "{}: {permit:?}", scene.now);
    }
    let event = scene.book.first_use_of_day(key, scene.now);
    scene.keep(event.expect("one use a day"));
    key
}

#[test]
fn a_year_of_two_cities() {
    let mut scene = Scene::new();
    let slots = ["3010", "3020"].map(|name| slot(name, Purpose::Purchase, KeyAlgorithm::Sm4));
    let idle = slot("3020", Purpose::Unload, KeyAlgorithm::Sm4);

    // One application of the province, a key for each line.
    let lines = [slots[0], slots[1], idle].map(|slot| scene.line(slot, 500));
    let application = Application {
        batch: 1,
        province: institution("00003000"),
        lines: lines.to_vec(),
    };
    let by = signers(tongtu_keyring::code::Step::Requested, city("3010"));
    let events = scene.book.decide_application(&application, scene.now, by);
    let keys: Vec<KeyNumber> = events
        .unwrap()
        .into_iter()
        .map(|event| {
            scene.book.admit(&event).unwrap();
            scene.keep(event);
            event.key.unwrap()
        })
        .collect();
    scene.batch = 1;
    for key in &keys {
        scene.hand_over(*key);
        scene.activate(*key, 30).unwrap();
    }

    let mut notices = Vec::new();
    let mut renewed = None;
    for day in 0..450 {
        for due in scene.book.due(scene.now) {
            if let Task::Notice { days } = due.task
                && due.key == keys[0]
            {
                notices.push((day, days));
            }
        }
        scene.settle();
        let used = use_today(&mut scene, slots[0]);
        if !(120..=140).contains(&day) {
            use_today(&mut scene, slots[1]);
        }
        match day {
            // The second city's key is used for the first city, and its authority acts.
            120 => {
                let asked = Use {
                    city: city("3010"),
                    purpose: Purpose::Purchase,
                    usage: Usage::Make,
                };
                let refused = scene.book.permit(keys[1], asked, scene.now).unwrap_err();
                assert_eq!(refused.ground, Ground::OutsideCity);
                scene.step(keys[1], refused.report()).unwrap();
                let suspended = What::Suspended(Cause::Misuse);
                scene.step(keys[1], suspended).unwrap();
                assert_eq!(scene.book.current(slots[1], scene.now), None);
            }
            140 => scene.step(keys[1], What::Resumed).unwrap(),
            // At the first notice the first city renews.
            325 => {
                let key = scene.request(slots[0], 500).unwrap();
                scene.hand_over(key);
                renewed = Some(key);
            }
            330 => scene.activate(renewed.unwrap(), 45).unwrap(),
            331 => assert_eq!(Some(used), renewed),
            _ => {}
        }
        scene.wait(1);
    }
    assert_eq!(notices, [(320, 180)], "once, and none after the renewal");
    let stage = |key: KeyNumber| scene.book.key(key).unwrap().stage();
    assert_eq!(stage(keys[0]), Stage::Retired, "its overlap is over");
    assert_eq!(stage(renewed.unwrap()), Stage::Active);
    assert_eq!(stage(keys[1]), Stage::RenewalDue);
    assert_eq!(stage(keys[2]), Stage::Unused);

    scene.step(keys[2], What::Withdrawn).unwrap();
    scene
        .step(keys[1], What::Revoked(Cause::Compromise))
        .unwrap();
    assert_eq!(scene.book.current(slots[1], scene.now), None);

    let bytes: Vec<u8> = (scene.events.iter())
        .flat_map(|event| event.encode().unwrap())
        .collect();
    let stored = Event::decode_all(&bytes).unwrap();
    assert_eq!(KeyBook::replay(&stored).unwrap(), scene.book);
}

#[test]
fn no_permit_is_refused_while_a_key_is_renewed_again_and_again() {
    let mut scene = Scene::new();
    let slot = purchase();
    let first = scene.active(slot, 90);
    let mut made_with = vec![first];
    for day in 1..900 {
        scene.wait(1);
        scene.settle();
        if day % 60 == 0 {
            made_with.push(scene.active(slot, 90));
        }
        use_today(&mut scene, slot);
        // What was made yesterday is accepted today, by whichever key it was made.
        let accepted: Vec<KeyNumber> = scene.book.accepted(slot, scene.now).collect();
        let at = |days: i64| scene.book.current(slot, scene.now.plus_s(-days * DAY));
        assert!(accepted.contains(&at(0).unwrap()));
        assert!((1..=2).contains(&accepted.len()), "day {day}: {accepted:?}");
    }
    let versions: Vec<u8> = (scene.book.versions(slot))
        .map(|life| life.request().version)
        .collect();
    assert_eq!(versions, (1..=15).collect::<Vec<u8>>());
    assert_eq!(made_with.len(), 15);
}
