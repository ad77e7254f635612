//! What a room does not do.

use tongtu_hsm::Vault as _;
use tongtu_keyring::code::{Cause, Purpose};
use tongtu_keyring::register::FAILURES_MAX;
use tongtu_keyroom::Part;
use tongtu_services::keyroom::{Act, Approval, KeyRoom, RoomError, Source};

use super::scene::{DAY, Scene, credential, founding, officer, secret, slot};

#[test]
fn one_person_does_not_pass_for_two() {
    let mut scene = Scene::staffed("two");
    let key = scene.apply(slot("3010", Purpose::Load), "01343010");
    for by in [
        &["N-01"][..],
        &["N-01", "N-01"],
        &["N-02", "N-01"],
        &["N-01", "N-03"],
    ] {
        let refused = scene.by(Act::Approve { key }, by).unwrap_err();
        assert_eq!(refused.code(), "keyring.duty", "{by:?}");
    }
    scene.by(Act::Approve { key }, &["N-01", "N-02"]).unwrap();
    let source = Source::Fresh;
    for by in [&["N-03"][..], &["N-03", "N-03"], &["N-01", "N-02"]] {
        let refused = scene.by(Act::Generate { key, source }, by).unwrap_err();
        assert_eq!(refused.code(), "keyring.duty", "{by:?}");
    }
    assert!(scene.reopened().is_ok());
}

#[test]
fn the_key_of_one_officer_is_not_registered_for_another() {
    let mut scene = Scene::staffed("same-key");
    let mut twin = credential("H-01");
    twin.officer.number = tongtu_keyring::OfficerNumber::parse("H-09").unwrap();
    let refused = scene
        .by(Act::Register(Box::new(twin)), &["N-01", "N-02"])
        .unwrap_err();
    assert_eq!(refused.code(), "register.key_again");
}

#[test]
fn an_approval_is_good_once() {
    let mut scene = Scene::staffed("replay");
    let key = scene.active(Purpose::Purchase);
    let cause = Cause::Misuse;
    let suspend = scene.approval(Act::Suspend { key, cause }, &["S-01"]);
    scene.carry(&suspend).unwrap();
    scene.by(Act::Resume { key }, &["S-01", "S-02"]).unwrap();
    assert_eq!(scene.carry(&suspend).unwrap_err().code(), "approval.stale");
}

#[test]
fn an_approval_for_another_room_time_or_act_is_none() {
    let mut scene = Scene::staffed("others");
    let key = scene.active(Purpose::Purchase);
    let cause = Cause::Misuse;
    let good = scene.approval(Act::Suspend { key, cause }, &["S-01"]);
    let refused = |scene: &mut Scene, approval: &Approval| {
        let code = scene.carry(approval).unwrap_err().code();
        assert!(
            scene.room.keys().key(key).unwrap().stage() != tongtu_keyring::code::Stage::Suspended
        );
        code
    };
    let mut room = good.clone();
    room.room[0] ^= 1;
    assert_eq!(refused(&mut scene, &room), "approval.room");
    let mut act = good.clone();
    act.act = Act::Suspend {
        key,
        cause: Cause::Closure,
    };
    assert_eq!(refused(&mut scene, &act), "approval.signature");
    let mut longer = good.clone();
    longer.until = longer.until.plus_s(1);
    assert_eq!(refused(&mut scene, &longer), "approval.signature");
    let mut ever = scene
        .room
        .propose(good.act.clone(), scene.now.plus_s(8 * DAY));
    ever.sign(officer("S-01"), &mut secret("S-01")).unwrap();
    assert_eq!(refused(&mut scene, &ever), "approval.too_long");
    scene.now = scene.now.plus_s(DAY);
    assert_eq!(refused(&mut scene, &good), "approval.over");
    let mut other = scene.room.propose(good.act.clone(), scene.now.plus_s(DAY));
    other.sign(officer("S-01"), &mut secret("S-02")).unwrap();
    assert_eq!(refused(&mut scene, &other), "approval.signature");
}

#[test]
fn too_many_wrong_passphrases_make_a_wait_that_two_end_and_no_signature_waits() {
    let mut scene = Scene::staffed("waits");
    let key = scene.active(Purpose::Purchase);
    let cause = Cause::Misuse;
    let who = officer("S-01");
    for _ in 0..FAILURES_MAX {
        scene.room.report_passphrase(&who, scene.now).unwrap();
    }
    let waits = |scene: &Scene| scene.room.officers().admit_passphrase(&who, scene.now);
    assert_eq!(waits(&scene).unwrap_err().code(), "register.waits");
    let more = scene.room.report_passphrase(&who, scene.now).unwrap_err();
    assert_eq!(more.code(), "register.follows");
    let entry = scene.room.officers().find(&who).unwrap().entry();
    let alone = scene.by(Act::Unlock { entry }, &["N-01"]).unwrap_err();
    assert_eq!(alone.code(), "register.signers");
    scene.by(Act::Unlock { entry }, &["N-01", "N-02"]).unwrap();
    assert!(waits(&scene).is_ok());
    for _ in 0..FAILURES_MAX {
        scene.room.report_passphrase(&who, scene.now).unwrap();
    }
    // What the officer signed elsewhere holds, and says that it is the officer.
    scene.by(Act::Suspend { key, cause }, &["S-01"]).unwrap();
    assert!(waits(&scene).is_ok());
    assert!(scene.reopened().is_ok());
}

#[test]
fn signatures_that_others_put_in_an_officers_name_hold_nobody_up() {
    let mut scene = Scene::staffed("forged");
    let key = scene.active(Purpose::Purchase);
    let act = || Act::Suspend {
        key,
        cause: Cause::Misuse,
    };
    let before = scene.room.log().tip().0;
    for _ in 0..2 * FAILURES_MAX {
        let mut wrong = scene.room.propose(act(), scene.now.plus_s(DAY));
        wrong
            .sign(officer("S-01"), &mut secret("somebody"))
            .unwrap();
        assert_eq!(
            scene.carry(&wrong).unwrap_err().code(),
            "approval.signature"
        );
    }
    let lines = scene.room.log().tip().0 - before;
    assert_eq!(lines, 2 * u64::from(FAILURES_MAX), "each leaves a line");
    let member = scene.room.officers().find(&officer("S-01")).unwrap();
    assert_eq!(member.failures(), 0);
    scene.by(act(), &["S-01"]).unwrap();
    assert!(scene.reopened().is_ok());
}

#[test]
fn one_failure_is_forgotten_when_the_next_approval_holds() {
    let mut scene = Scene::staffed("cleared");
    let key = scene.active(Purpose::Purchase);
    let cause = Cause::Misuse;
    scene
        .room
        .report_passphrase(&officer("S-01"), scene.now)
        .unwrap();
    let failures = |scene: &Scene| {
        scene
            .room
            .officers()
            .find(&officer("S-01"))
            .unwrap()
            .failures()
    };
    assert_eq!(failures(&scene), 1);
    scene.by(Act::Suspend { key, cause }, &["S-01"]).unwrap();
    assert_eq!(failures(&scene), 0);
    assert!(scene.reopened().is_ok());
}

#[test]
fn a_new_key_of_an_officer_takes_the_old_ones_place() {
    let mut scene = Scene::staffed("rotate");
    let key = scene.active(Purpose::Purchase);
    let entry = scene
        .room
        .officers()
        .find(&officer("S-01"))
        .unwrap()
        .entry();
    let public_key = secret("S-01 again").public().to_compressed();
    let rotate = Act::Rotate { entry, public_key };
    let alone = scene.by(rotate.clone(), &["S-01"]).unwrap_err();
    assert_eq!(alone.code(), "register.signers");
    scene.by(rotate, &["S-01", "N-02"]).unwrap();
    let cause = Cause::Misuse;
    let old = scene
        .by(Act::Suspend { key, cause }, &["S-01"])
        .unwrap_err();
    assert_eq!(old.code(), "approval.signature");
    let mut new = scene
        .room
        .propose(Act::Suspend { key, cause }, scene.now.plus_s(DAY));
    new.sign(officer("S-01"), &mut secret("S-01 again"))
        .unwrap();
    scene.carry(&new).unwrap();
    assert!(scene.reopened().is_ok());
}

#[test]
fn an_officer_who_ended_signs_nothing_more() {
    let mut scene = Scene::staffed("ended");
    let key = scene.active(Purpose::Purchase);
    let entry = scene
        .room
        .officers()
        .find(&officer("S-01"))
        .unwrap()
        .entry();
    let cause = Cause::Closure;
    scene
        .by(Act::End { entry, cause }, &["N-01", "N-02"])
        .unwrap();
    let cause = Cause::Misuse;
    let refused = scene
        .by(Act::Suspend { key, cause }, &["S-01"])
        .unwrap_err();
    assert_eq!(refused.code(), "register.ended");
}

#[test]
fn a_room_is_founded_by_all_four_or_not_at_all() {
    let mut scene = Scene::empty("founding");
    let mut three = founding(&scene.room, scene.now);
    three.by.pop();
    assert_eq!(
        scene.carry(&three).unwrap_err().code(),
        "approval.signatures"
    );
    let mut swapped = founding(&scene.room, scene.now);
    swapped.by.swap(2, 3);
    assert_eq!(
        scene.carry(&swapped).unwrap_err().code(),
        "approval.founder"
    );
    let other = scene
        .by(Act::Unlock { entry: 1 }, &["N-01", "N-02"])
        .unwrap_err();
    assert_eq!(other.code(), "register.unknown");
    let good = founding(&scene.room, scene.now);
    scene.carry(&good).unwrap();
    let again = founding(&scene.room, scene.now);
    assert_eq!(scene.carry(&again).unwrap_err().code(), "register.founding");
    assert!(scene.reopened().is_ok());
}

#[test]
fn an_older_custody_put_back_is_named() {
    let mut scene = Scene::staffed("rollback");
    let older = scene.safe.bytes();
    let old_state = scene.custody.state();
    scene.made(slot("3010", Purpose::Load), "01343010");
    let newer = scene.safe.state();
    scene.safe.put(&older);
    let room = KeyRoom::open(scene.room.medium().clone()).unwrap();
    match room.check_vault(&scene.safe.state()).unwrap_err() {
        RoomError::RolledBack { found, expected } => {
            assert_eq!((found, expected), (old_state.generation, newer.generation));
        }
        other => panic!("{other}"),
    }
}

#[test]
fn every_changed_byte_of_the_custodys_file_is_named() {
    let mut scene = Scene::staffed("custody-bytes");
    scene.made(slot("3010", Purpose::Load), "01343010");
    let whole = scene.safe.bytes();
    let copy = super::scene::Safe::new("custody-bytes-copy");
    for at in 0..whole.len() {
        let mut bad = whole.clone();
        bad[at] ^= 0x10;
        copy.put(&bad);
        // A head that says so itself, or a digest that the last step did not leave.
        let found = copy.try_state();
        let named = found.map_or(true, |state| scene.room.check_vault(&state).is_err());
        assert!(named, "byte {at}");
    }
}

#[test]
fn a_custody_written_outside_the_room_is_named() {
    let mut scene = Scene::staffed("outside");
    let name = tongtu_hsm::KeyName::test(
        tongtu_hsm::Label::parse("SIDE-DOOR").unwrap(),
        slot("3010", Purpose::Load).city,
        Purpose::Load,
        tongtu_keyring::code::KeyAlgorithm::Sm4,
    );
    tongtu_hsm::Custody::generate(&mut scene.custody, &name).unwrap();
    let key = scene.apply_refused();
    assert_eq!(key.code(), "room.ahead");
}

impl Scene {
    fn apply_refused(&mut self) -> RoomError {
        let act = Act::Unlock { entry: 1 };
        self.by(act, &["N-01", "N-02"]).unwrap_err()
    }
}

#[test]
fn a_refusal_changes_no_book_and_leaves_a_line() {
    let mut scene = Scene::staffed("lines");
    let key = scene.apply(slot("3010", Purpose::Load), "01343010");
    let before = scene.room.keys().clone();
    let lines = scene.room.log().tip().0;
    scene
        .by(Act::Resume { key }, &["S-01", "S-02"])
        .unwrap_err();
    assert_eq!(*scene.room.keys(), before);
    assert_eq!(scene.room.log().tip().0, lines + 2);
}

#[test]
fn an_event_that_nobody_approved_does_not_open() {
    let mut scene = Scene::staffed("forged");
    let key = scene.active(Purpose::Purchase);
    let forged = tongtu_keyring::Deed {
        at: scene.now,
        key: Some(key),
        signers: tongtu_keyring::Signers::Two(officer("S-01"), officer("S-02")),
        what: tongtu_keyring::What::Revoked(Cause::Misuse),
    };
    let event = scene.room.keys().decide(forged).unwrap();
    // Whoever has the disk can write frames that hold together, and cannot sign.
    let medium = scene
        .room
        .medium()
        .after_cut(&tongtu_keyroom::sim::Survival::Everything);
    let opened = tongtu_keyroom::RoomStore::open(medium.clone(), |_, _| Ok::<(), ()>(()));
    let mut store = opened.unwrap().store;
    let mut log = scene.room.log().clone();
    let entry = tongtu_audit::Entry {
        institution: officer("S-01").institution,
        actor: tongtu_audit::Word::parse("S-01").unwrap(),
        deed: tongtu_audit::Word::parse("key.revoke").unwrap(),
        key: Some(key.get()),
        permit: None,
        outcome: tongtu_audit::Outcome::Done,
        about: None,
    };
    let mut step = tongtu_keyroom::Step::default();
    step.push(Part::Key, event.encode().unwrap());
    let line = log.append(&entry, scene.now).unwrap();
    step.push(Part::Line, line.encode().unwrap());
    store.commit(&step).unwrap();
    let opened = KeyRoom::open(medium);
    let error = opened.unwrap_err().to_string();
    assert!(error.contains("approved by nobody"), "{error}");
    assert!(error.contains("`steps`, record"), "{error}");
}
