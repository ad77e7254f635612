//! What one version may make of the one before.

use tongtu_register::{Institution, Link, Register, RegisterError, Standing};
use tongtu_types::Timestamp;

use crate::fixture::*;

fn of(version: u64, at: Timestamp, institutions: Vec<Institution>, links: Vec<Link>) -> Register {
    Register::new(version, at, institutions, links).unwrap()
}

#[test]
fn a_register_gives_way_to_itself_and_to_later_ones_only() {
    let held = of(5, T0, institutions(), links());
    assert_eq!(held.check_newer(&held), Ok(()));
    let later = of(6, T0, institutions(), vec![]);
    assert_eq!(later.check_newer(&held), Ok(()));
    for version in [4, 5] {
        let other = of(version, T0, institutions(), vec![]);
        let refused = RegisterError::NotNewer {
            held: 5,
            offered: version,
        };
        assert_eq!(other.check_newer(&held), Err(refused));
    }
}

#[test]
fn the_nation_publishes_what_follows_from_the_version_before() {
    let mut removed = institutions();
    removed[2].standing = Standing::Removed;
    removed[2].successor = Some(code("01341000"));
    let before = of(1, T0, removed.clone(), links());
    let after = |version, at, institutions, links| {
        of(version, at, institutions, links).check_after(&before)
    };
    assert_eq!(after(2, T0, removed.clone(), vec![]), Ok(()));
    let not_newer = RegisterError::NotNewer {
        held: 1,
        offered: 1,
    };
    assert_eq!(after(1, T0, removed.clone(), links()), Err(not_newer));
    let back_in_time = RegisterError::BackInTime {
        held: 1,
        offered: 2,
    };
    let earlier = T0.plus_s(-1);
    assert_eq!(
        after(2, earlier, removed.clone(), links()),
        Err(back_in_time)
    );
    let returned = RegisterError::Returned(code("01345810"));
    assert_eq!(after(2, T0, institutions(), links()), Err(returned));
    let vanished = RegisterError::Vanished(code("01345810"));
    let fewer = institutions()[..2].to_vec();
    assert_eq!(after(2, T0, fewer, links()), Err(vanished));
    let mut moved = links();
    moved[0].institution = code("01341000");
    let refused = RegisterError::Moved {
        fingerprint: print(1),
        was: code("00000000"),
    };
    assert_eq!(after(2, T0, removed, moved), Err(refused));
}

#[test]
fn what_is_nobodys_or_there_twice_makes_no_register() {
    let make = |institutions, links| Register::new(1, T0, institutions, links).unwrap_err();
    let twice = [institutions(), institutions()].concat();
    assert!(matches!(make(twice, vec![]), RegisterError::Order { .. }));
    let twice = [links(), links()].concat();
    assert!(matches!(
        make(institutions(), twice),
        RegisterError::Order { .. }
    ));
    let nobodys = vec![link("09999999", 7, 0, 1)];
    assert!(matches!(
        make(institutions(), nobodys),
        RegisterError::Nobodys { .. }
    ));
    let empty = vec![link("01341000", 7, 5, 5)];
    assert!(matches!(
        make(institutions(), empty),
        RegisterError::Term { .. }
    ));
    let mut digit = institutions();
    digit[1].code = code("11341000");
    assert_eq!(
        make(digit, vec![]),
        RegisterError::RoleDigit(code("11341000"))
    );
    for heir in ["01345810", "09999999"] {
        let mut own = institutions();
        own[2].successor = Some(code(heir));
        assert_eq!(
            make(own, vec![]),
            RegisterError::Successor(code("01345810"))
        );
    }
    let zero = Register::new(0, T0, institutions(), links());
    assert_eq!(zero.unwrap_err(), RegisterError::Version);
}
