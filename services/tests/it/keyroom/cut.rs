//! Power cuts while a step is taken, custody and all.

use tongtu_hsm::{Custody as _, Vault as _};
use tongtu_keyring::code::Purpose;
use tongtu_keyroom::sim::Survival;
use tongtu_services::keyroom::{Act, Hands, KeyRoom, Source, key_label};

use super::scene::{Safe, Scene, slot};

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
