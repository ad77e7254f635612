//! Random acts by random officers against the duty table, written again here.

use proptest::prelude::*;
use tongtu_keyring::Officer;
use tongtu_keyring::code::{Cause, Purpose, Role, Stage};
use tongtu_services::keyroom::{Act, Source};

use super::scene::{STAFF, Scene, institution, officer, slot};

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

/// Whether an officer sits where one of this role must, for keys of 3010.
fn sits(officer: &Officer) -> bool {
    let seats: &[&str] = match officer.role {
        Role::NationOfficer | Role::NationApprover | Role::NationCustodian => &["00000000"],
        Role::ProvinceOfficer | Role::ProvinceApprover => &["00003000"],
        Role::HolderCustodian => &["01343010"],
        // The authority of the city, of its province or of the nation.
        Role::Supervisor => &["00003010", "00003000", "00000000"],
    };
    seats
        .iter()
        .any(|at| officer.institution == institution(at))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_room_takes_exactly_the_steps_of_the_table(
        attempts in prop::collection::vec(
            (0..9u8, 0..STAFF.len(), prop::option::weighted(0.8, 0..STAFF.len())),
            20,
        ),
        aims in prop::collection::vec(aim(), 20),
        seed in any::<u32>(),
    ) {
        let mut scene = Scene::staffed(&format!("random-{seed}"));
        let key = scene.apply(slot("3010", Purpose::Load), "01343010");
        for ((attempt, aim), turn) in attempts.into_iter().zip(aims).zip(0..) {
            let (which, first, second) = aimed(attempt, aim, &scene, key, turn);
            let stage = scene.room.keys().key(key).unwrap().stage();
            let Some(act) = act_of(which, &scene, key) else { continue };
            let by: Vec<&str> = [Some(first), second]
                .into_iter()
                .flatten()
                .map(|at| STAFF[at].0)
                .collect();
            let officers: Vec<Officer> = by.iter().map(|number| officer(number)).collect();
            let roles: Vec<Role> = officers.iter().map(|officer| officer.role).collect();
            let (signers, after) = table(which);
            let distinct = by.len() < 2 || by[0] != by[1];
            let expected = signers.contains(&&roles[..])
                && distinct
                && officers.iter().all(sits)
                && after.contains(&stage);
            let done = scene.by(act.clone(), &by);
            prop_assert_eq!(done.is_ok(), expected, "{} by {:?} after {}: {:?}", act, by, stage, done);
        }
        let reopened = scene.reopened().unwrap();
        prop_assert_eq!(reopened.keys(), scene.room.keys());
        prop_assert_eq!(reopened.log(), scene.room.log());
    }
}

/// How well somebody aims.
#[derive(Clone, Copy, Debug)]
enum Aim {
    /// At the next step, by those who may take it, so that keys get on.
    Good,
    /// The same, but somebody else sits in one of the seats.
    Seat(u8),
    Wild,
}

fn aim() -> impl Strategy<Value = Aim> {
    prop_oneof![
        2 => Just(Aim::Good),
        1 => (0..2u8).prop_map(Aim::Seat),
        1 => Just(Aim::Wild),
    ]
}

fn aimed(
    wild: Attempt,
    aim: Aim,
    scene: &Scene,
    key: tongtu_keyring::KeyNumber,
    turn: usize,
) -> Attempt {
    let (which, first, second) = match scene.room.keys().key(key).unwrap().stage() {
        Stage::Requested => (0, 0, Some(1)),
        Stage::Approved => (1, 2, Some(3)),
        Stage::Generated => (2, 4, Some(6)),
        Stage::Distributed => (3, 6, Some(7)),
        Stage::Active => (4, 8, None),
        Stage::Suspended if turn.is_multiple_of(2) => (5, 8, Some(9)),
        _ => return wild,
    };
    match aim {
        Aim::Good => (which, first, second),
        Aim::Seat(0) => (which, wild.1, second),
        Aim::Seat(_) => (which, first, wild.2),
        Aim::Wild => wild,
    }
}
