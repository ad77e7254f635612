//! The register of officers: its bytes, and who may change it, against a naive model.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tongtu_codec::hex_encode;
use tongtu_keyring::code::{Cause, Role};
use tongtu_keyring::register::{
    Credential, Event, FAILURES_MAX, FOUNDERS, Register, RegisterRefusal, Step, What,
};
use tongtu_keyring::{Officer, Signers};
use tongtu_types::{InstitutionCode, Timestamp};

use crate::fixture::{DAY, START, institution, officer};

fn nation() -> InstitutionCode {
    InstitutionCode::national()
}

fn credential(number: &str, role: Role, at: InstitutionCode, key: u8) -> Credential {
    Credential {
        officer: officer(number, role, at),
        public_key: [key; 33],
        from: START,
        until: START.plus_s(365 * DAY),
    }
}

/// A register with its founders N1 to N4, whose keys are 1 to 4.
fn founded() -> (Register, Vec<Event>) {
    let mut register = Register::new();
    let mut events = Vec::new();
    for (role, key) in FOUNDERS.into_iter().zip(1..) {
        let what = What::Founded(credential(&format!("N{key}"), role, nation(), key));
        let entry = register.next_entry();
        let event = register
            .decide(entry, START, Signers::System, what)
            .unwrap();
        register.apply(&event);
        events.push(event);
    }
    (register, events)
}

fn founder(number: usize) -> Officer {
    officer(&format!("N{number}"), FOUNDERS[number - 1], nation())
}

fn two(first: usize, second: usize) -> Signers {
    Signers::Two(founder(first), founder(second))
}

#[test]
fn founders_come_first_and_in_their_roles() {
    let (register, events) = founded();
    let fifth = What::Founded(credential("N5", Role::NationCustodian, nation(), 5));
    let refused = register.decide(5, START, Signers::System, fifth);
    assert!(matches!(
        refused,
        Err(RegisterRefusal::Founding { found: 4, .. })
    ));
    let none = Register::new();
    let other = What::Founded(credential("N1", Role::NationApprover, nation(), 1));
    let refused = none.decide(1, START, Signers::System, other);
    assert!(matches!(
        refused,
        Err(RegisterRefusal::Founder { number: 1, .. })
    ));
    let early = none.decide(1, START, two(1, 2), What::Unlocked);
    assert!(matches!(
        early,
        Err(RegisterRefusal::Founding { found: 0, .. })
    ));
    assert_eq!(Register::replay(&events).unwrap(), register);
}

#[test]
fn the_register_changes_only_by_two_of_the_nation_in_two_roles() {
    let (register, _) = founded();
    let new = What::Registered(credential(
        "H1",
        Role::HolderCustodian,
        institution("01343010"),
        9,
    ));
    let by = |signers| {
        register
            .decide(5, START, signers, new)
            .map(|event| event.number)
    };
    let outsider = officer("S1", Role::Supervisor, nation());
    for (signers, is_done) in [
        (two(1, 2), true),
        (two(2, 3), true),
        (two(3, 1), true),
        (two(3, 4), false),
        (two(1, 1), false),
        (Signers::One(founder(1)), false),
        (Signers::System, false),
        (Signers::Two(founder(1), outsider), false),
    ] {
        assert_eq!(by(signers).is_ok(), is_done, "{signers:?}");
    }
}

#[test]
fn nobody_ends_or_unlocks_oneself() {
    let (register, _) = founded();
    let end = |entry, signers| register.decide(entry, START, signers, What::Ended(Cause::Closure));
    assert!(end(1, two(1, 2)).is_err());
    assert!(end(2, two(1, 2)).is_err());
    assert!(end(3, two(1, 2)).is_ok());
}

#[test]
fn a_key_is_one_officers_for_ever() {
    let (mut register, _) = founded();
    let at = institution("01343010");
    let twin = What::Registered(credential("H1", Role::HolderCustodian, at, 3));
    let refused = register.decide(5, START, two(1, 2), twin);
    assert_eq!(refused, Err(RegisterRefusal::KeyAgain { entry: 3 }));
    let rotated = What::Rotated {
        public_key: [30; 33],
    };
    let event = register.decide(3, START, two(3, 1), rotated).unwrap();
    register.apply(&event);
    // The old key stays taken.
    let refused = register.decide(5, START, two(1, 2), twin);
    assert_eq!(refused, Err(RegisterRefusal::KeyAgain { entry: 3 }));
}

#[test]
fn a_credential_is_good_in_its_role_and_term_alone() {
    let (register, _) = founded();
    let at = START.plus_s(DAY);
    assert_eq!(register.credential(&founder(1), at).unwrap().entry(), 1);
    let role = officer("N1", Role::NationApprover, nation());
    assert!(matches!(
        register.credential(&role, at),
        Err(RegisterRefusal::Role { .. })
    ));
    let stranger = officer("N9", Role::NationApprover, nation());
    assert!(matches!(
        register.credential(&stranger, at),
        Err(RegisterRefusal::Unknown { .. })
    ));
    for late in [START.plus_s(-1), START.plus_s(365 * DAY)] {
        let found = register.credential(&founder(1), late);
        assert!(
            matches!(found, Err(RegisterRefusal::OutsideTerm { .. })),
            "{late}"
        );
    }
}

fn fail(register: &mut Register, at: Timestamp) {
    let event = register
        .decide(3, at, Signers::System, What::Failed)
        .unwrap();
    register.apply(&event);
}

#[test]
fn five_failures_in_a_row_make_a_wait_that_doubles_to_an_hour_and_ends_by_itself() {
    let (mut register, _) = founded();
    let mut at = START;
    for _ in 1..FAILURES_MAX {
        fail(&mut register, at);
    }
    for wait_s in [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600] {
        assert!(register.admit_passphrase(&founder(3), at).is_ok());
        fail(&mut register, at);
        let until = at.plus_s(wait_s);
        for within in [at, until.plus_s(-1)] {
            let waits = register.admit_passphrase(&founder(3), within);
            let officer = founder(3);
            assert_eq!(waits, Err(RegisterRefusal::Waits { officer, until }));
            // What was not looked at makes no wait longer.
            let again = register.decide(3, within, Signers::System, What::Failed);
            assert!(matches!(again, Err(RegisterRefusal::Follows { .. })));
        }
        at = until;
    }
}

#[test]
fn a_wait_holds_up_no_signature_and_is_over_with_one_that_holds() {
    let (mut register, _) = founded();
    for _ in 0..FAILURES_MAX {
        fail(&mut register, START);
    }
    assert!(register.credential(&founder(3), START).is_ok());
    let cleared = register.decide(3, START, Signers::System, What::Cleared);
    register.apply(&cleared.unwrap());
    assert!(register.admit_passphrase(&founder(3), START).is_ok());
    for _ in 1..FAILURES_MAX {
        fail(&mut register, START);
        assert!(register.admit_passphrase(&founder(3), START).is_ok());
    }
}

#[test]
fn two_others_end_a_wait_and_there_must_be_one() {
    let (mut register, _) = founded();
    let end = |register: &Register| register.decide(3, START, two(1, 2), What::Unlocked);
    assert!(matches!(
        end(&register),
        Err(RegisterRefusal::Follows { .. })
    ));
    for _ in 0..FAILURES_MAX {
        fail(&mut register, START);
    }
    let event = end(&register).unwrap();
    register.apply(&event);
    assert!(register.admit_passphrase(&founder(3), START).is_ok());
}

/// Derived by hand from the tables in docs/formats.md.
#[test]
fn a_registration_has_these_bytes() {
    let event = Event {
        number: 5,
        at: Timestamp::new(1_767_196_800),
        entry: 5,
        signers: two(1, 2),
        what: What::Registered(credential(
            "P1",
            Role::ProvinceOfficer,
            institution("00003000"),
            2,
        )),
    };
    let expected = concat!(
        "54544f45",
        "01",
        "10",
        "003e",
        "0000000000000005",
        "0000000069554880",
        "00000005",
        "4e31202020202020",
        "01",
        "00000000",
        "4e32202020202020",
        "02",
        "00000000",
        "5031202020202020",
        "04",
        "00003000",
        "020202020202020202020202020202020202020202020202020202020202020202",
        "0000000069554880",
        "000000006b367c00",
    );
    assert_eq!(hex_encode(&event.encode().unwrap()), expected);
}

fn person() -> impl Strategy<Value = Officer> {
    (1..9_u8, prop::sample::select(Role::ALL), prop::bool::ANY).prop_map(|(n, role, is_nation)| {
        let at = if is_nation {
            nation()
        } else {
            institution("01343010")
        };
        officer(&format!("N{n}"), role, at)
    })
}

fn signers() -> impl Strategy<Value = Signers> {
    prop_oneof![
        Just(Signers::System),
        person().prop_map(Signers::One),
        (person(), person()).prop_map(|(a, b)| Signers::Two(a, b)),
    ]
}

fn what() -> impl Strategy<Value = What> {
    let fresh = || {
        (person(), any::<[u8; 33]>(), 0..1_000_000_i64).prop_map(|(officer, public_key, len)| {
            Credential {
                officer,
                public_key,
                from: START,
                until: START.plus_s(len),
            }
        })
    };
    prop_oneof![
        fresh().prop_map(What::Founded),
        fresh().prop_map(What::Registered),
        any::<[u8; 33]>().prop_map(|public_key| What::Rotated { public_key }),
        prop::sample::select(Cause::ALL).prop_map(What::Ended),
        Just(What::Unlocked),
        Just(What::Failed),
        Just(What::Cleared),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    (
        any::<u64>(),
        0..i64::from(u32::MAX),
        1..=u32::MAX,
        signers(),
        what(),
    )
        .prop_map(|(number, at, entry, signers, what)| Event {
            number,
            at: Timestamp::new(at),
            entry,
            signers,
            what,
        })
}

/// The register as its rules are written in docs/keys.md: failures by entry, until when there is a
/// wait, and who is there.
#[derive(Default)]
struct Naive(BTreeMap<u32, (Officer, u32, bool, Timestamp)>);

impl Naive {
    fn may(&self, event: &Event) -> bool {
        let own = self.0.get(&event.entry).filter(|own| !own.2);
        let nations = |o: &Officer| {
            matches!(
                o.role,
                Role::NationOfficer | Role::NationApprover | Role::NationCustodian
            )
        };
        match (event.what.step(), event.signers) {
            (Step::Failed, Signers::System) => own.is_some_and(|own| event.at >= own.3),
            (Step::Cleared, Signers::System) => own.is_some_and(|own| own.1 > 0),
            (Step::Ended | Step::Unlocked, Signers::Two(a, b)) => {
                let right =
                    event.what.step() != Step::Unlocked || own.is_some_and(|own| own.1 >= 5);
                nations(&a)
                    && nations(&b)
                    && a.role != b.role
                    && right
                    && own.is_some_and(|own| !own.0.is_same_person(&a) && !own.0.is_same_person(&b))
            }
            _ => false,
        }
    }

    fn take(&mut self, event: &Event) {
        let own = self.0.get_mut(&event.entry).unwrap();
        match event.what {
            What::Failed => {
                own.1 += 1;
                if own.1 >= 5 {
                    let wait_s = 60 * 2_i64.pow(own.1 - 5);
                    own.3 = event.at.plus_s(wait_s.min(3_600));
                }
            }
            What::Cleared | What::Unlocked => (own.1, own.3) = (0, START),
            What::Ended(_) => own.2 = true,
            _ => {}
        }
    }
}

proptest! {
    #[test]
    fn an_event_comes_back(event in event()) {
        prop_assert_eq!(Event::decode(&event.encode().unwrap()), Ok(event));
    }

    #[test]
    fn a_cut_event_is_none(event in event(), cut in any::<prop::sample::Index>()) {
        let bytes = event.encode().unwrap();
        let cut = cut.index(bytes.len());
        prop_assert!(Event::decode(&bytes[..cut]).is_err());
        let mut longer = bytes;
        longer.push(0);
        prop_assert!(Event::decode(&longer).is_err());
    }

    #[test]
    fn whatever_is_read_is_written_the_same(
        event in event(),
        at in any::<prop::sample::Index>(),
        flip in 1..=255_u8,
    ) {
        let mut bytes = event.encode().unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        if let Ok(read) = Event::decode(&bytes) {
            prop_assert_ne!(&read, &event);
            prop_assert_eq!(read.encode().unwrap(), bytes);
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Event::decode_all(&bytes);
    }

    #[test]
    fn the_register_does_what_the_naive_one_does(
        tries in prop::collection::vec(
            (1..6_u32, signers(), 0..4_usize, prop::bool::weighted(0.6), 0..120_i64),
            0..60,
        ),
    ) {
        let (mut register, events) = founded();
        let mut naive = Naive::default();
        for event in &events {
            if let What::Founded(founder) = event.what {
                naive.0.insert(event.entry, (founder.officer, 0, false, START));
            }
        }
        let mut all = events;
        let mut at = START;
        for (entry, signers, which, is_own, later_s) in tries {
            at = at.plus_s(later_s);
            let what = [
                What::Failed,
                What::Cleared,
                What::Unlocked,
                What::Ended(Cause::Closure),
            ][which];
            let signers = if is_own && which < 2 { Signers::System } else { signers };
            let number = register.last_number() + 1;
            let event = Event { number, at, entry, signers, what };
            let admitted = register.admit(&event);
            prop_assert_eq!(admitted.is_ok(), naive.may(&event), "{:?}: {:?}", event, admitted);
            if admitted.is_ok() {
                register.apply(&event);
                naive.take(&event);
                all.push(event);
            }
        }
        prop_assert_eq!(Register::replay(&all).unwrap(), register);
    }
}
