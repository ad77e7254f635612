//! Random acts by random officers against the duty table, written again here.

use proptest::prelude::*;
use tongtu_keyring::code::{Cause, Purpose, Role, Stage};
use tongtu_services::keyroom::{Act, Source};

use super::scene::{STAFF, Scene, officer, slot};

/// What somebody tries: which act, and which two of the staff.
type Attempt = (u8, usize, Option<usize>);

/// By whom an act must be signed, and after which stages: from docs/keys.md, not from our code.
fn table(which: u8) -> (&'static [&'static [Role]], &'static [Stage]) {
    use Role::{
        HolderCustodian as H, NationApprover as A, NationCustodian as C, NationOfficer as N,
        ProvinceApprover as PA, ProvinceOfficer as PO, Supervisor as S,
    };
    use Stage::{Active, Approved, Distributed, Generated, Requested, Suspended, Unused};
    match which {
        0 => (&[&[N, A]], &[Requested]),
        1 => (&[&[C, C]], &[Approved]),
        2 => (&[&[PO, H]], &[Generated]),
        3 => (&[&[H, H]], &[Distributed]),
        4 => (&[&[S]], &[Active]),
        5 => (&[&[S, S]], &[Suspended]),
        6 => (&[&[S, S]], &[Generated, Distributed, Active, Suspended]),
        7 => (&[&[PO, PA]], &[Unused]),
        _ => (&[&[A]], &[Requested, Approved]),
    }
}

fn act_of(which: u8, scene: &Scene, key: tongtu_keyring::KeyNumber) -> Option<Act> {
    let cause = Cause::Misuse;
    Some(match which {
        0 => Act::Approve { key },
        1 => Act::Generate {
            key,
            source: Source::Fresh,
        },
        2 => Act::Distribute {
            key,
            custody: *scene.room.keys().key(key)?.custody()?,
        },
        3 => Act::Activate {
            key,
            overlap_days: 15,
        },
        4 => Act::Suspend { key, cause },
        5 => Act::Resume { key },
        6 => Act::Revoke { key, cause },
        7 => Act::Withdraw { key },
        _ => Act::Reject { key, cause },
    })
}

/// Whether an officer of 3010's keys may sit there.
fn sits(number: &str) -> bool {
    !["K-01", "K-02", "Q-01"].contains(&number)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_room_takes_exactly_the_steps_of_the_table(
        attempts in prop::collection::vec(
            (0..9u8, 0..STAFF.len(), prop::option::weighted(0.8, 0..STAFF.len())),
            20,
        ),
        bias in prop::collection::vec(any::<bool>(), 20),
        seed in any::<u32>(),
    ) {
        let mut scene = Scene::staffed(&format!("random-{seed}"));
        let key = scene.apply(slot("3010", Purpose::Load), "01343010");
        for ((attempt, is_biased), turn) in attempts.into_iter().zip(bias).zip(0..) {
            let (which, first, second) = good_or(attempt, is_biased, &scene, key, turn);
            let stage = scene.room.keys().key(key).unwrap().stage();
            let Some(act) = act_of(which, &scene, key) else { continue };
            let by: Vec<&str> = [Some(first), second]
                .into_iter()
                .flatten()
                .map(|at| STAFF[at].0)
                .collect();
            let roles: Vec<Role> = by.iter().map(|number| officer(number).role).collect();
            let (signers, after) = table(which);
            let distinct = by.len() < 2 || by[0] != by[1];
            let expected = signers.contains(&&roles[..])
                && distinct
                && by.iter().all(|number| sits(number))
                && after.contains(&stage);
            let done = scene.by(act.clone(), &by);
            prop_assert_eq!(done.is_ok(), expected, "{} by {:?} after {}: {:?}", act, by, stage, done);
        }
        let reopened = scene.reopened().unwrap();
        prop_assert_eq!(reopened.keys(), scene.room.keys());
        prop_assert_eq!(reopened.log(), scene.room.log());
    }
}

/// Half of the attempts are of those who may, so that keys get on.
fn good_or(
    attempt: Attempt,
    is_biased: bool,
    scene: &Scene,
    key: tongtu_keyring::KeyNumber,
    turn: usize,
) -> Attempt {
    if !is_biased {
        return attempt;
    }
    match scene.room.keys().key(key).unwrap().stage() {
        Stage::Requested => (0, 0, Some(1)),
        Stage::Approved => (1, 2, Some(3)),
        Stage::Generated => (2, 4, Some(6)),
        Stage::Distributed => (3, 6, Some(7)),
        Stage::Active => (4, 8, None),
        Stage::Suspended if turn.is_multiple_of(2) => (5, 8, Some(9)),
        _ => attempt,
    }
}
