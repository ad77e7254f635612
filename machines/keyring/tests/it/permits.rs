//! Permits and refused uses.

use tongtu_keyring::code::{Cause, Ground, KeyAlgorithm, Purpose, Stage, Usage};
use tongtu_keyring::{Due, KeyBook, KeyNumber, Task, Use, What};

use crate::fixture::*;

fn make() -> Use {
    Use {
        city: city("3010"),
        purpose: Purpose::Purchase,
        usage: Usage::Make,
    }
}

fn accept() -> Use {
    Use {
        usage: Usage::Accept,
        ..make()
    }
}

fn ground(scene: &Scene, key: KeyNumber, asked: Use) -> Option<Ground> {
    let refused = scene.book.permit(key, asked, scene.now).err();
    refused.map(|refused| refused.ground)
}

#[test]
fn a_permit_says_what_it_is_for_and_on_what_it_rests() {
    let mut scene = Scene::new();
    let key = scene.active(purchase(), 365);
    let permit = scene.book.permit(key, make(), scene.now).unwrap();
    assert_eq!(permit.key(), key);
    assert_eq!(
        (permit.city(), permit.purpose()),
        (city("3010"), Purpose::Purchase)
    );
    assert_eq!((permit.usage(), permit.at()), (Usage::Make, scene.now));
    assert_eq!(permit.rests_on(), scene.book.last_number());
}

#[test]
fn a_key_is_not_used_in_another_city_or_for_another_purpose() {
    let mut scene = Scene::new();
    let key = scene.active(purchase(), 365);
    let mut elsewhere = make();
    elsewhere.city = city("3020");
    assert_eq!(ground(&scene, key, elsewhere), Some(Ground::OutsideCity));
    let mut other = make();
    other.purpose = Purpose::Load;
    assert_eq!(ground(&scene, key, other), Some(Ground::OutsidePurpose));
    let unknown = KeyNumber::new(99).unwrap();
    assert_eq!(ground(&scene, unknown, make()), Some(Ground::Unknown));
}

#[test]
fn a_term_begins_and_ends_to_the_second() {
    let mut scene = Scene::new();
    let key = scene.active(purchase(), 365);
    let life = scene.book.key(key).unwrap().request();
    let (from, until) = (life.from, life.until);
    let at = |at| scene.book.permit(key, make(), at).err().map(|r| r.ground);
    assert_eq!(at(from.plus_s(-1)), Some(Ground::NotYet));
    assert_eq!(at(from), None);
    assert_eq!(at(until.plus_s(-1)), None);
    assert_eq!(at(until), Some(Ground::Over));
}

#[test]
fn in_overlap_the_old_is_accepted_and_the_new_makes() {
    let mut scene = Scene::new();
    let old = scene.active(purchase(), 365);
    scene.wait(100);
    let new = scene.active(purchase(), 365);
    let grounds = |scene: &Scene, key| (ground(scene, key, make()), ground(scene, key, accept()));
    assert_eq!(grounds(&scene, old), (Some(Ground::Superseded), None));
    assert_eq!(grounds(&scene, new), (None, None));
    scene.wait(30);
    let over = Some(Ground::OverlapOver);
    assert_eq!(grounds(&scene, old), (Some(Ground::Superseded), over));
    scene.settle();
    assert_eq!(grounds(&scene, old), (over, over), "retired");
    assert_eq!(grounds(&scene, new), (None, None));
}

#[test]
fn no_permit_before_activation_or_after_an_end() {
    let mut scene = Scene::new();
    let key = scene.request(purchase(), 365).unwrap();
    assert_eq!(ground(&scene, key, make()), Some(Ground::NotActive));
    scene.hand_over(key);
    assert_eq!(ground(&scene, key, make()), Some(Ground::NotActive));
    scene.activate(key, 0).unwrap();
    assert_eq!(ground(&scene, key, make()), None);
    scene.step(key, What::Suspended(Cause::Misuse)).unwrap();
    assert_eq!(ground(&scene, key, accept()), Some(Ground::Suspended));
    scene.step(key, What::Resumed).unwrap();
    assert_eq!(ground(&scene, key, make()), None);
    scene.step(key, What::Revoked(Cause::Misuse)).unwrap();
    assert_eq!(ground(&scene, key, accept()), Some(Ground::Revoked));
}

#[test]
fn a_refused_use_is_reported_reviewed_or_punished() {
    let mut scene = Scene::new();
    let key = scene.active(purchase(), 365);
    let mut elsewhere = make();
    elsewhere.city = city("5810");
    let refused = scene.book.permit(key, elsewhere, scene.now).unwrap_err();
    for _ in 0..2 {
        scene.step(key, refused.report()).unwrap();
    }
    let review = Due {
        key,
        task: Task::Review { uses: 2 },
        since: scene.now,
    };
    assert_eq!(scene.book.due(scene.now), [review]);
    scene.step(key, What::Reviewed).unwrap();
    assert_eq!(scene.book.due(scene.now), []);
    scene.step(key, refused.report()).unwrap();
    scene.step(key, What::Suspended(Cause::Misuse)).unwrap();
    assert_eq!(scene.book.due(scene.now), []);
    assert_eq!(scene.book.key(key).unwrap().stage(), Stage::Suspended);
}

#[test]
fn a_use_that_is_permitted_is_not_reported_as_refused() {
    let mut scene = Scene::new();
    let key = scene.active(purchase(), 365);
    let what = What::Misused {
        asked: make(),
        ground: Ground::OutsideCity,
    };
    let refused = scene.step(key, what).unwrap_err();
    assert_eq!(refused.code(), "keyring.ground");
    let mut elsewhere = make();
    elsewhere.city = city("3020");
    let what = What::Misused {
        asked: elsewhere,
        ground: Ground::Over,
    };
    let refused = scene.step(key, what).unwrap_err();
    assert_eq!(
        refused.code(),
        "keyring.ground",
        "refused, but not for this"
    );
    // A use of a key that does not exist is an event all the same.
    let unknown = KeyNumber::new(99).unwrap();
    let report = scene.book.permit(unknown, make(), scene.now).unwrap_err();
    scene.step(unknown, report.report()).unwrap();
}

#[test]
fn a_use_is_noted_once_a_day_and_clears_the_mark() {
    let mut scene = Scene::new();
    let slot = slot("3010", Purpose::RideCode, KeyAlgorithm::Sm2);
    let key = scene.active(slot, 3000);
    let event = scene.book.first_use_of_day(key, scene.now).unwrap();
    scene.keep(event);
    assert_eq!(scene.book.first_use_of_day(key, scene.now), None);
    scene.wait(365);
    scene.settle();
    assert_eq!(scene.book.key(key).unwrap().stage(), Stage::Unused);
    let tasks: Vec<Task> = scene.book.due(scene.now).iter().map(|d| d.task).collect();
    assert_eq!(tasks, [Task::Withdraw]);
    let event = scene.book.first_use_of_day(key, scene.now).unwrap();
    scene.keep(event);
    assert_eq!(scene.book.key(key).unwrap().stage(), Stage::Active);
    assert_eq!(scene.book.due(scene.now), []);
}

#[test]
fn a_key_that_was_handed_out_and_never_used_is_withdrawn() {
    let mut scene = Scene::new();
    let key = scene.request(purchase(), 3000).unwrap();
    scene.hand_over(key);
    scene.wait(364);
    assert_eq!(scene.settle(), []);
    scene.wait(1);
    assert_eq!(scene.settle().len(), 1);
    assert_eq!(scene.settle(), [], "once");
    scene.step(key, What::Withdrawn).unwrap();
    assert_eq!(ground(&scene, key, make()), Some(Ground::Withdrawn));
}

#[test]
fn an_unused_key_that_is_suspended_is_not_withdrawn() {
    let mut scene = Scene::new();
    let key = scene.active(purchase(), 3000);
    scene.wait(365);
    scene.settle();
    assert_eq!(scene.book.due(scene.now).len(), 1);
    scene.step(key, What::Suspended(Cause::Misuse)).unwrap();
    assert_eq!(scene.book.due(scene.now), []);
    assert!(scene.step(key, What::Withdrawn).is_err());
    scene.step(key, What::Resumed).unwrap();
    scene.step(key, What::Withdrawn).unwrap();
}

#[test]
fn a_permit_of_an_earlier_moment_goes_by_what_was_in_use_then() {
    let mut scene = Scene::new();
    let old = scene.active(purchase(), 365);
    let before = scene.now;
    scene.wait(100);
    let new = scene.active(purchase(), 365);
    let at = |key, at| scene.book.permit(key, make(), at).is_ok();
    assert!(at(old, before) && !at(new, before));
    assert!(!at(old, scene.now) && at(new, scene.now));
}

/// An audit line keeps the key and what the permit rests on; whoever has the book asks again.
#[test]
fn a_permit_in_an_audit_line_can_be_asked_for_again() {
    let mut scene = Scene::new();
    let key = scene.active(purchase(), 365);
    let permit = scene.book.permit(key, make(), scene.now).unwrap();
    let entry = tongtu_audit::Entry {
        institution: holder_of(permit.city()),
        actor: tongtu_audit::Word::parse("loader").unwrap(),
        deed: tongtu_audit::Word::parse("mac").unwrap(),
        key: Some(permit.key().get()),
        permit: Some(permit.rests_on()),
        outcome: tongtu_audit::Outcome::Done,
        about: None,
    };
    let line = tongtu_audit::AuditLog::new()
        .append(&entry, scene.now)
        .unwrap();
    scene.step(key, What::Revoked(Cause::Misuse)).unwrap();

    let rests_on = usize::try_from(line.permit).unwrap();
    let then = KeyBook::replay(&scene.events[..rests_on]).unwrap();
    let key = KeyNumber::new(line.key).unwrap();
    assert!(then.permit(key, make(), line.at).is_ok());
    assert!(scene.book.permit(key, make(), line.at).is_err());
}
