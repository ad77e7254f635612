//! Whose a certificate is, and when.

use tongtu_register::{LinkRefusal, Register, Standing};

use crate::fixture::*;

#[test]
fn a_certificate_links_from_its_first_moment_to_its_last() {
    let register = register();
    let whose = |byte, at| register.judge(print(byte), T0.plus_s(at)).map(|i| i.code);
    let beijing = Ok(code("01341000"));
    for (byte, at, expected) in [
        (2, 0, beijing),
        (2, 999, beijing),
        (3, 800, beijing),
        (3, 1999, beijing),
    ] {
        assert_eq!(whose(byte, at), expected, "{byte} at {at}");
    }
    let refused = |byte, at| whose(byte, at).unwrap_err();
    assert!(matches!(refused(2, -1), LinkRefusal::NotYet { .. }));
    assert!(matches!(refused(2, 1000), LinkRefusal::Ended { .. }));
    assert!(matches!(refused(3, 799), LinkRefusal::NotYet { .. }));
    assert_eq!(refused(9, 0), LinkRefusal::Unknown(print(9)));
}

#[test]
fn who_is_suspended_or_removed_does_not_link() {
    for standing in [Standing::Suspended, Standing::Removed] {
        let mut institutions = institutions();
        institutions[1].standing = standing;
        let register = Register::new(2, T0, institutions, links()).unwrap();
        let institution = code("01341000");
        let refusal = LinkRefusal::Standing {
            institution,
            standing,
        };
        assert_eq!(register.judge(print(2), T0), Err(refusal));
        assert_eq!(register.admitted(institution), Err(refusal));
        assert!(register.judge(print(1), T0).is_ok(), "the others link");
    }
}

#[test]
fn an_institution_is_found_in_either_of_its_roles() {
    let register = register();
    let found = register.admitted(code("11341000")).unwrap();
    assert_eq!(found.code, code("01341000"));
    let stranger = code("09999999");
    assert_eq!(
        register.admitted(stranger),
        Err(LinkRefusal::NoInstitution(stranger))
    );
}
