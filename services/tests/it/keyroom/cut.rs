//! Power cuts while a step is taken, custody and all.

use tongtu_hsm::{Custody as _, Vault as _};
use tongtu_keyring::code::Purpose;
use tongtu_keyroom::sim::Survival;
use tongtu_services::keyroom::{Act, Hands, KeyRoom, Source, key_label};

use tongtu_hsm::SealedCustody;
use tongtu_keyroom::sim::SimMedium;
use tongtu_services::keyroom::{Approval, Done, RoomError};

use super::scene::{Safe, Scene, city, credential, institution, slot};

/// A room with an approved key, cut while it is generated after so many units of power: the room
/// and custody that the next process finds.
#[test]
fn a_key_cut_off_while_it_is_made_is_there_with_its_event_or_not_at_all() {
    // As few officers as it takes: the room is opened many times.
    let mut scene = Scene::small("cut");
    let key = scene.apply(slot("3010", Purpose::Load), "01343010");
    scene.by(Act::Approve { key }, &["N-01", "N-02"]).unwrap();
    let source = Source::Fresh;
    let approval = scene.approval(Act::Generate { key, source }, &["N-03", "N-04"]);
    let before = scene.safe.bytes();
    let disk = scene.room.medium().after_cut(&Survival::Everything);
    let cost = {
        let copy = disk.after_cut(&Survival::Everything);
        let mut room = KeyRoom::open(copy.clone()).unwrap();
        let spent = copy.spent();
        let hands = Hands {
            custody: Some(&mut scene.custody),
            ..Hands::default()
        };
        room.carry_out(&approval, hands, scene.now).unwrap();
        copy.spent() - spent
    };
    drop(scene.custody);
    let (mut undone, mut done, mut mended) = (0, 0, 0);
    let mut safe = Safe::new("cut-again");
    for units in (0..cost).step_by(5) {
        safe.put(&before);
        let mut custody = safe.open();
        let copy = disk.after_cut(&Survival::Everything);
        let mut room = KeyRoom::open(copy.clone()).unwrap();
        copy.set_power(units);
        let hands = Hands {
            custody: Some(&mut custody),
            ..Hands::default()
        };
        room.carry_out(&approval, hands, scene.now).unwrap_err();
        drop(custody);
        let survival = [
            Survival::Nothing,
            Survival::Everything,
            Survival::Prefix(40),
        ];
        let survival = &survival[usize::try_from(units % 3).unwrap()];
        let after = copy.after_cut(survival);
        let mut room = KeyRoom::open(after).unwrap();
        let mut custody = safe.open();
        room.check_vault(&custody.state()).unwrap();
        if room.unfinished().is_some() {
            room.mend(&mut custody, scene.now).unwrap();
            mended += 1;
        }
        let in_book = room
            .keys()
            .key(key)
            .unwrap()
            .custody()
            .map(|custody| custody.check);
        let in_custody = custody.check(key_label(key)).ok().map(|info| info.check);
        assert_eq!(in_book, in_custody, "{units} of {cost}");
        match in_book {
            Some(_) => done += 1,
            None => {
                undone += 1;
                // It is made when it is asked for again.
                let again = room.propose(approval.act.clone(), approval.until);
                assert_eq!(again.after, approval.after);
                let hands = Hands {
                    custody: Some(&mut custody),
                    ..Hands::default()
                };
                room.carry_out(&approval, hands, scene.now).unwrap();
            }
        }
        room.check_vault(&custody.state()).unwrap();
    }
    assert!(
        undone > 10 && done > 10 && mended > 10,
        "{undone} {done} {mended}"
    );
}

/// An approved act that uses a key and makes none, cut at every seventh unit of power. Whatever is
/// found afterwards, `is_done` says whether it was done, and it is done once: then or when it is
/// asked for again.
fn cut_everywhere(
    name: &str,
    scene: Scene,
    (approval, container): (&Approval, Option<Vec<u8>>),
    is_done: impl Fn(&KeyRoom<SimMedium>) -> bool,
) {
    let Scene {
        room,
        mut custody,
        safe,
        now,
        ..
    } = scene;
    let carry = |room: &mut KeyRoom<SimMedium>, custody: &mut SealedCustody| {
        let hands = Hands {
            custody: Some(custody),
            container: container.clone(),
            ..Hands::default()
        };
        room.carry_out(approval, hands, now)
    };
    let before = safe.bytes();
    let disk = room.medium().after_cut(&Survival::Everything);
    let cost = {
        let copy = disk.after_cut(&Survival::Everything);
        let mut room = KeyRoom::open(copy.clone()).unwrap();
        let spent = copy.spent();
        carry(&mut room, &mut custody).unwrap();
        assert!(is_done(&room));
        copy.spent() - spent
    };
    drop(custody);
    let (mut undone, mut done, mut mended) = (0, 0, 0);
    let mut safe = Safe::new(name);
    for units in (0..cost).step_by(7) {
        safe.put(&before);
        let mut custody = safe.open();
        let copy = disk.after_cut(&Survival::Everything);
        let mut room = KeyRoom::open(copy.clone()).unwrap();
        copy.set_power(units);
        carry(&mut room, &mut custody).unwrap_err();
        let survival = [
            Survival::Nothing,
            Survival::Everything,
            Survival::Prefix(40),
        ];
        let survival = &survival[usize::try_from(units % 3).unwrap()];
        let mut room = KeyRoom::open(copy.after_cut(survival)).unwrap();
        room.check_vault(&custody.state()).unwrap();
        if room.unfinished().is_some() {
            room.mend(&mut custody, now).unwrap();
            mended += 1;
        }
        let again: Result<Done, RoomError> = carry(&mut room, &mut custody);
        match again {
            Ok(_) => undone += 1,
            Err(error) => {
                let code = error.code();
                assert!(
                    ["approval.stale", "approval.used"].contains(&code),
                    "{code}"
                );
                done += 1;
            }
        }
        assert!(is_done(&room), "{units} of {cost}");
        // What a mended room left opens again.
        let reopened = KeyRoom::open(room.medium().clone()).unwrap();
        assert!(is_done(&reopened), "{units} of {cost}");
        reopened.check_vault(&custody.state()).unwrap();
    }
    assert!(
        undone > 10 && done > 10 && mended > 10,
        "{undone} {done} {mended}"
    );
}

#[test]
fn a_register_cut_off_while_it_is_signed_is_signed_once() {
    // As few officers as it takes, here and below.
    let mut scene = Scene::founded("cut-register");
    let (city, province) = (city("0000"), institution("00000000"));
    let act = Act::RegisterCity { city, province };
    scene.by(act, &["N-01", "N-02"]).unwrap();
    let key = scene.own(Purpose::Register);
    let bytes = b"a register, as it is signed".to_vec();
    let act = Act::SignRegister {
        key,
        version: 1,
        digest: tongtu_crypto::sm3::digest(&bytes),
    };
    let approval = scene.approval(act, &["N-03", "N-04"]);
    let is_done = |room: &KeyRoom<SimMedium>| room.keys().key(key).unwrap().used_at().is_some();
    let what = (&approval, Some(bytes));
    cut_everywhere("cut-register-again", scene, what, is_done);
}

#[test]
fn an_application_cut_off_while_it_is_made_is_handed_in_once() {
    let mut scene = Scene::small("cut-apply");
    let act = Act::Register(Box::new(credential("H-01")));
    scene.by(act, &["N-01", "N-02"]).unwrap();
    let (ca_index, expiry) = (0x02, "1240".parse().unwrap());
    let act = Act::IssueRoot { ca_index, expiry };
    scene.by(act, &["N-03", "N-04"]).unwrap();
    let key = scene.made(slot("3010", Purpose::RideCode), "01343010");
    let act = Act::Draft {
        issuer: institution("01343010"),
        ca_index,
        expiry: "1228".parse().unwrap(),
    };
    let certificate = scene.by(act, &["H-01"]).unwrap().certificate.unwrap();
    let approval = scene.approval(Act::SubmitOf { certificate, key }, &["H-01"]);
    let is_done = |room: &KeyRoom<SimMedium>| {
        let found = room.authority().certificate(certificate).unwrap();
        found.stage() == tongtu_keyring::ca::CertificateStage::Submitted
    };
    cut_everywhere("cut-apply-again", scene, (&approval, None), is_done);
}
