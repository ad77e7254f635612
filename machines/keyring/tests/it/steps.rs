//! Which step may follow, by whom, and what it must say.

use tongtu_keyring::code::{Cause, KeyAlgorithm, Purpose, Role, Stage, Step};
use tongtu_keyring::duty::{DUTIES, DutyFault};
use tongtu_keyring::{Application, Deed, KeyBook, KeyNumber, Overlap, Refusal, Signers, What};

use crate::fixture::*;

/// A scene with one key at each stage that is not reached by time alone.
fn at_stage(stage: Stage) -> (Scene, KeyNumber) {
    let mut scene = Scene::new();
    let slot = purchase();
    let key = scene.request(slot, 400).unwrap();
    let check = check(slot.algorithm, key.get());
    let steps = [
        What::Approved,
        What::Generated(custody("HSM-N", check)),
        What::Distributed(custody("HSM-C", check)),
        What::Activated(None),
    ];
    let reached = |stage| match stage {
        Stage::Requested | Stage::Rejected => 0,
        Stage::Approved => 1,
        Stage::Generated => 2,
        Stage::Distributed => 3,
        _ => 4,
    };
    for what in steps.into_iter().take(reached(stage)) {
        scene.step(key, what).unwrap();
    }
    match stage {
        Stage::Rejected => scene.step(key, What::Rejected(Cause::Application)).unwrap(),
        Stage::RenewalDue => {
            scene.wait(250);
            scene.settle();
        }
        Stage::Overlap => {
            scene.active(slot, 800);
        }
        Stage::Unused => {
            scene.wait(366);
            scene.settle();
        }
        Stage::Suspended => scene.step(key, What::Suspended(Cause::Misuse)).unwrap(),
        Stage::Retired => {
            scene.wait(400);
            scene.settle();
        }
        Stage::Revoked => scene.step(key, What::Revoked(Cause::Compromise)).unwrap(),
        Stage::Withdrawn => {
            scene.wait(366);
            scene.settle();
            scene.step(key, What::Withdrawn).unwrap();
        }
        _ => {}
    }
    assert_eq!(scene.book.key(key).unwrap().stage(), stage);
    (scene, key)
}

fn some_what(step: Step) -> What {
    let check = check(KeyAlgorithm::Sm4, 1);
    match step {
        Step::Approved => What::Approved,
        Step::Rejected => What::Rejected(Cause::Application),
        Step::Generated => What::Generated(custody("HSM-N", check)),
        Step::Distributed => What::Distributed(custody("HSM-C", check)),
        Step::Activated => What::Activated(None),
        Step::Used => What::Used,
        Step::Noticed => What::Noticed { days: 30 },
        Step::FlaggedUnused => What::FlaggedUnused,
        Step::Reviewed => What::Reviewed,
        Step::Suspended => What::Suspended(Cause::Misuse),
        Step::Resumed => What::Resumed,
        Step::Retired => What::Retired,
        Step::Revoked => What::Revoked(Cause::Misuse),
        Step::Withdrawn => What::Withdrawn,
        Step::CityRegistered | Step::Requested | Step::Misused => {
            panic!("{step} follows on no stage")
        }
    }
}

#[test]
fn a_step_after_a_stage_that_is_not_in_its_row_names_stage_step_and_row() {
    for stage in Stage::ALL {
        let (mut scene, key) = at_stage(*stage);
        for duty in DUTIES.iter().filter(|duty| !duty.after.is_empty()) {
            let refused = scene.book.decide(Deed {
                at: scene.now,
                key: Some(key),
                signers: signers(duty.step, scene.city_of(key)),
                what: some_what(duty.step),
            });
            let follows = matches!(
                refused,
                Err(Refusal::Follows { stage: s, step, .. }) if s == *stage && step == duty.step
            );
            let may = duty.after.contains(stage);
            assert_eq!(follows, !may, "{} after {stage}: {refused:?}", duty.step);
        }
        scene.wait(1);
    }
}

#[test]
fn every_step_refuses_every_other_set_of_officers() {
    for stage in Stage::ALL.iter().filter(|stage| !stage.is_final()) {
        let (scene, key) = at_stage(*stage);
        let of = scene.city_of(key);
        let rows = DUTIES.iter().filter(|duty| duty.after.contains(stage));
        for duty in rows {
            let roles = [None]
                .into_iter()
                .chain(Role::ALL.iter().copied().map(Some));
            for first in roles.clone() {
                for second in roles.clone() {
                    if (first, second) == (duty.first, duty.second)
                        || first.is_none() && second.is_some()
                    {
                        continue;
                    }
                    let refused = scene.book.decide(Deed {
                        at: scene.now,
                        key: Some(key),
                        signers: signed(first, second, of),
                        what: some_what(duty.step),
                    });
                    assert!(
                        matches!(refused, Err(Refusal::Duty { step, .. }) if step == duty.step),
                        "{} by {first:?} and {second:?}: {refused:?}",
                        duty.step
                    );
                }
            }
        }
    }
}

fn fault_of(refused: Result<(), Refusal>) -> DutyFault {
    match refused {
        Err(Refusal::Duty { fault, .. }) => fault,
        other => panic!("expected a fault of officers, found {other:?}"),
    }
}

#[test]
fn two_persons_are_two_whatever_their_capacity() {
    let (mut scene, key) = at_stage(Stage::Requested);
    let nation = seat(Role::NationOfficer, city("3010"));
    let signers = Signers::Two(
        officer("7", Role::NationOfficer, nation),
        officer("7", Role::NationApprover, nation),
    );
    let fault = fault_of(scene.by(Some(key), What::Approved, signers));
    assert!(matches!(fault, DutyFault::SamePerson { .. }), "{fault}");
}

#[test]
fn whoever_approved_a_key_does_not_make_it() {
    let (mut scene, key) = at_stage(Stage::Approved);
    let of = city("3010");
    let Signers::Two(_, approver) = signers(Step::Approved, of) else {
        panic!("two approve");
    };
    let custodian = officer("X", Role::NationCustodian, approver.institution);
    let also = officer(
        approver.number.as_str(),
        Role::NationCustodian,
        approver.institution,
    );
    let made = What::Generated(custody("HSM-N", check(KeyAlgorithm::Sm4, 1)));
    let fault = fault_of(scene.by(Some(key), made, Signers::Two(custodian, also)));
    assert!(
        matches!(
            fault,
            DutyFault::Apart {
                earlier: Step::Approved,
                ..
            }
        ),
        "{fault}"
    );
}

#[test]
fn an_officer_of_another_institution_is_named() {
    let (mut scene, key) = at_stage(Stage::Generated);
    let what = What::Distributed(custody("HSM-C", check(KeyAlgorithm::Sm4, 1)));
    let elsewhere = signers(Step::Distributed, city("5810"));
    let fault = fault_of(scene.by(Some(key), what, elsewhere));
    assert!(matches!(fault, DutyFault::Institution { .. }), "{fault}");
    let fault = fault_of(scene.by(
        Some(key),
        What::Revoked(Cause::Misuse),
        signers(Step::Revoked, city("3020")),
    ));
    assert!(matches!(fault, DutyFault::Institution { .. }), "{fault}");
}

#[test]
fn an_application_is_taken_whole_or_not_at_all() {
    let scene = Scene::new();
    let good = |name| scene.line(slot(name, Purpose::Tac, KeyAlgorithm::Sm4), 365);
    let application = |lines| Application {
        batch: 9,
        province: institution("00003000"),
        lines,
    };
    let by = signers(Step::Requested, city("3010"));
    let decide = |lines| {
        scene
            .book
            .decide_application(&application(lines), scene.now, by)
    };
    let events = decide(vec![good("3010"), good("3020")]).unwrap();
    let keys: Vec<_> = events
        .iter()
        .map(|event| event.key.unwrap().get())
        .collect();
    assert_eq!(keys, [1, 2], "each city has a key of its own");

    let twice = decide(vec![good("3010"), good("3010")]);
    assert!(matches!(twice, Err(Refusal::SlotTwice { .. })), "{twice:?}");
    let elsewhere = decide(vec![good("3010"), good("5810")]);
    assert!(
        matches!(elsewhere, Err(Refusal::CityElsewhere { .. })),
        "{elsewhere:?}"
    );
    assert!(matches!(decide(vec![]), Err(Refusal::BatchEmpty { .. })));
}

#[test]
fn an_application_is_refused_for_what_its_line_says() {
    let mut scene = Scene::new();
    let line = scene.line(purchase(), 365);
    let refused = |scene: &mut Scene, line| scene.request_line(line).unwrap_err().code();

    let mut other = line;
    other.holder = institution("01343020");
    assert_eq!(refused(&mut scene, other), "keyring.holder_elsewhere");
    let mut other = line;
    other.slot.algorithm = KeyAlgorithm::Sm2;
    assert_eq!(refused(&mut scene, other), "keyring.algorithm");
    for (from, until) in [(0, 0), (-20, -10), (0, 3654)] {
        let mut other = line;
        other.from = scene.now.plus_s(from * DAY);
        other.until = scene.now.plus_s(until * DAY);
        assert_eq!(refused(&mut scene, other), "keyring.term", "{from} {until}");
    }
    let mut book = KeyBook::new();
    std::mem::swap(&mut scene.book, &mut book);
    assert_eq!(refused(&mut scene, line), "keyring.city_unknown");
    scene.book = book;
    scene.request_line(line).unwrap();
    assert_eq!(refused(&mut scene, line), "keyring.slot_busy");
    scene.batch = 0;
    let mut other = line;
    other.slot.purpose = Purpose::Load;
    assert_eq!(refused(&mut scene, other), "keyring.batch_again");
}

#[test]
fn two_cities_never_have_one_key() {
    let mut scene = Scene::new();
    let here = scene.active(purchase(), 365);
    let there = slot("5810", Purpose::Purchase, KeyAlgorithm::Sm4);
    let key = scene.request(there, 365).unwrap();
    scene.step(key, What::Approved).unwrap();
    let same = check(KeyAlgorithm::Sm4, here.get());
    let refused = scene.step(key, What::Generated(custody("HSM-N", same)));
    let expected = Refusal::CheckAgain {
        key,
        other: here,
        city: city("3010"),
    };
    assert_eq!(refused, Err(expected));
}

#[test]
fn what_arrives_must_be_what_was_made() {
    let (mut scene, key) = at_stage(Stage::Generated);
    let other = custody("HSM-C", check(KeyAlgorithm::Sm4, 77));
    let refused = scene.step(key, What::Distributed(other)).unwrap_err();
    assert_eq!(refused.code(), "keyring.check_differs");
}

#[test]
fn a_key_is_told_as_its_algorithm_can_be() {
    let (mut scene, key) = at_stage(Stage::Approved);
    let digest = check(KeyAlgorithm::Sm2, 1);
    let refused = scene.step(key, What::Generated(custody("HSM-N", digest)));
    assert_eq!(refused.unwrap_err().code(), "keyring.check_kind");
}

#[test]
fn an_activation_names_the_version_before_and_leaves_terminals_their_days() {
    let mut scene = Scene::new();
    let old = scene.active(purchase(), 365);
    scene.wait(200);
    let new = scene.request(purchase(), 365).unwrap();
    scene.hand_over(new);
    let of = |key, days| {
        What::Activated(Some(Overlap {
            key,
            until: scene.now.plus_s(days * DAY),
        }))
    };
    let (forgotten, wrong) = (What::Activated(None), of(new, 30));
    let (short, long) = (of(old, 14), of(old, 166));
    let a_second_short = What::Activated(Some(Overlap {
        key: old,
        until: scene.now.plus_s(15 * DAY - 1),
    }));
    for (what, code) in [
        (a_second_short, "keyring.overlap_length"),
        (forgotten, "keyring.supersedes"),
        (wrong, "keyring.supersedes"),
        (short, "keyring.overlap_length"),
        (long, "keyring.overlap_length"),
    ] {
        assert_eq!(scene.step(new, what).unwrap_err().code(), code, "{what:?}");
    }
    scene.activate(new, 15).unwrap();
    assert_eq!(scene.book.key(old).unwrap().stage(), Stage::Overlap);
}

#[test]
fn a_late_renewal_overlaps_as_long_as_the_old_term_lasts() {
    let mut scene = Scene::new();
    let old = scene.active(purchase(), 365);
    scene.wait(360);
    let new = scene.request(purchase(), 365).unwrap();
    scene.hand_over(new);
    scene.activate(new, 90).unwrap();
    let superseded = scene.book.key(old).unwrap().superseded().unwrap();
    assert_eq!(superseded.until, START.plus_s(365 * DAY));
}

#[test]
fn a_suspended_key_that_was_superseded_goes_on_in_overlap() {
    let mut scene = Scene::new();
    let old = scene.active(purchase(), 365);
    scene.step(old, What::Suspended(Cause::DeviceLost)).unwrap();
    let new = scene.request(purchase(), 400).unwrap();
    scene.hand_over(new);
    scene.activate(new, 60).unwrap();
    scene.step(old, What::Resumed).unwrap();
    assert_eq!(scene.book.key(old).unwrap().stage(), Stage::Overlap);
    assert_eq!(scene.book.current(purchase(), scene.now), Some(new));
}

#[test]
fn a_rejected_version_is_asked_for_again_under_its_number() {
    let (mut scene, key) = at_stage(Stage::Rejected);
    let again = scene.request(purchase(), 365).unwrap();
    let version = |key| scene.book.key(key).unwrap().request().version;
    assert_eq!((version(key), version(again)), (1, 1));
}

#[test]
fn a_book_does_not_go_back_in_time() {
    let mut scene = Scene::new();
    scene.now = START.plus_s(-1);
    let refused = scene.request(purchase(), 365).unwrap_err();
    assert_eq!(refused.code(), "keyring.back_in_time");
}

#[test]
fn the_replay_names_the_first_event_that_cannot_follow() {
    let mut scene = Scene::new();
    let key = scene.active(purchase(), 365);
    scene.step(key, What::Used).unwrap();
    assert_eq!(KeyBook::replay(&scene.events).as_ref(), Ok(&scene.book));

    let mut cut = scene.events.clone();
    cut.remove(4);
    assert_eq!(KeyBook::replay(&cut).unwrap_err().number, 6);
    let mut forged = scene.events.clone();
    forged[4].signers = Signers::System;
    let error = KeyBook::replay(&forged).unwrap_err();
    assert_eq!((error.number, error.refusal.code()), (5, "keyring.duty"));
}

#[test]
fn the_nation_has_keys_of_its_own() {
    let mut scene = Scene::new();
    let slot = slot("0000", Purpose::FileSignature, KeyAlgorithm::Sm2);
    let key = scene.active(slot, 365);
    assert_eq!(scene.book.current(slot, scene.now), Some(key));
    let mut other = Scene::new();
    other.book = KeyBook::new();
    let taken = What::CityRegistered {
        city: city("0000"),
        province: institution("00003000"),
    };
    let by = signers(Step::CityRegistered, city("0000"));
    let refused = other.by(None, taken, by).unwrap_err();
    assert_eq!(refused.code(), "keyring.city_elsewhere");
}

#[test]
fn a_city_is_registered_once() {
    let mut scene = Scene::new();
    let again = What::CityRegistered {
        city: city("3010"),
        province: institution("00005000"),
    };
    let by = signers(Step::CityRegistered, city("3010"));
    let refused = scene.by(None, again, by).unwrap_err();
    assert_eq!(refused.code(), "keyring.city_registered");
}

#[test]
fn an_application_is_closed_by_whatever_follows_it() {
    let mut scene = Scene::new();
    let key = scene.request(purchase(), 365).unwrap();
    let of = |scene: &Scene, slot| {
        let mut request = *scene.book.key(key).unwrap().request();
        request.slot = slot;
        Deed {
            at: scene.now,
            key: KeyNumber::new(2),
            signers: signers(Step::Requested, slot.city),
            what: What::Requested(request),
        }
    };
    let load = slot("3010", Purpose::Load, KeyAlgorithm::Sm4);
    let joined = scene.book.decide(of(&scene, load));
    assert!(joined.is_ok(), "the next line of the same application");
    scene.step(key, What::Approved).unwrap();
    let late = scene.book.decide(of(&scene, load)).unwrap_err();
    assert_eq!(late.code(), "keyring.batch_again");
}

#[test]
fn a_newer_version_lasts_longer_than_the_one_in_use() {
    let mut scene = Scene::new();
    scene.active(purchase(), 365);
    let refused = scene.request(purchase(), 365).unwrap_err();
    assert_eq!(refused.code(), "keyring.term");
    scene.request(purchase(), 366).unwrap();
}
