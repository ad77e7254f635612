//! The file: read back as written, and refused by name when it is not.

use proptest::prelude::*;
use proptest::sample::Index;
use tongtu_crypto::sm3;
use tongtu_register::{
    Damage, Fingerprint, Institution, InstitutionRow, Link, LinkRow, Name, Register, RegisterError,
    RegisterHead, Roles, Standing,
};
use tongtu_types::{InstitutionCode, Timestamp};

use crate::fixture::*;

fn file(register: &Register) -> Vec<u8> {
    register.sign(&mut key(1)).unwrap()
}

fn trusted() -> [tongtu_crypto::PublicKey; 1] {
    [key(1).public().clone()]
}

#[test]
fn the_golden_register_keeps_its_bytes() {
    let bytes = file(&register());
    let rows = RegisterHead::LEN + 3 * InstitutionRow::LEN + 3 * LinkRow::LEN;
    assert_eq!(bytes.len(), rows + 64);
    assert_eq!(bytes[..4], *b"TTIR");
    // The signature is deterministic (RFC 6979), so the whole file is.
    assert_eq!(
        tongtu_codec::hex_encode(&sm3::digest(&bytes)),
        GOLDEN,
        "a change of the format needs a new format number"
    );
}

const GOLDEN: &str = "efb61b2aedaedd261f1d9c122422009ef5bf9b3d2b157486aa210a2ee156700c";

#[test]
fn a_register_of_an_unknown_format_is_named() {
    let mut bytes = file(&register());
    let end = bytes.len() - 64;
    bytes[4] = 2;
    let signature = key(1).sign(&bytes[..end]);
    bytes[end..].copy_from_slice(&signature.0);
    let error = RegisterError::Format {
        found: 2,
        expected: 1,
    };
    assert_eq!(Register::open(&bytes, &trusted()), Err(error));
}

#[test]
fn rows_out_of_order_are_refused_although_signed() {
    let mut bytes = file(&register());
    let end = bytes.len() - 64;
    let (first, second) = (RegisterHead::LEN, RegisterHead::LEN + InstitutionRow::LEN);
    let row = bytes[first..second].to_vec();
    bytes.copy_within(second..second + InstitutionRow::LEN, first);
    bytes[second..second + InstitutionRow::LEN].copy_from_slice(&row);
    let signature = key(1).sign(&bytes[..end]);
    bytes[end..].copy_from_slice(&signature.0);
    let error = Register::open(&bytes, &trusted()).unwrap_err();
    assert!(matches!(error, RegisterError::Order { .. }), "{error}");
}

#[test]
fn one_of_several_trusted_keys_is_enough_and_another_is_not() {
    let bytes = file(&register());
    let two = [key(2).public().clone(), key(1).public().clone()];
    assert!(Register::open(&bytes, &two).is_ok());
    let damage = Damage::Signature;
    let refused = Err(RegisterError::Signature { damage });
    assert_eq!(Register::open(&bytes, &two[..1]), refused);
    assert_eq!(Register::open(&bytes, &[]), refused);
}

fn code_of() -> impl Strategy<Value = InstitutionCode> {
    (0..10_000_000_u32).prop_map(|n| code(&format!("{n:08}")))
}

fn any_institution(code: InstitutionCode) -> impl Strategy<Value = Institution> {
    let roles = prop::sample::subsequence(Roles::WORDS, 0..=4).prop_map(|rows| {
        rows.iter()
            .fold(Roles::default(), |all, row| all.and(row.0))
    });
    let standing = prop::sample::select(Standing::ALL);
    let name = "[\\PC]{1,24}";
    (roles, standing, 0..i64::MAX, name, name).prop_map(
        move |(roles, standing, since, name_zh, name_en)| Institution {
            code,
            roles,
            standing,
            since: Timestamp::new(since),
            successor: None,
            name_zh: Name::parse(&name_zh).unwrap(),
            name_en: Name::parse(&name_en).unwrap(),
        },
    )
}

fn any_register() -> impl Strategy<Value = Register> {
    let institutions = prop::collection::btree_set(code_of(), 1..5)
        .prop_flat_map(|codes| codes.into_iter().map(any_institution).collect::<Vec<_>>());
    let links = prop::collection::btree_map(
        any::<[u8; 32]>(),
        (any::<Index>(), any::<u32>(), 1..u32::MAX),
        0..6,
    );
    (1..u64::MAX, 0..i64::MAX, institutions, links).prop_map(|(version, at, all, links)| {
        let link = |(print, (whose, from, term)): ([u8; 32], (Index, u32, u32))| Link {
            institution: whose.get(&all).code,
            fingerprint: Fingerprint(print),
            from: Timestamp::new(i64::from(from)),
            until: Timestamp::new(i64::from(from) + i64::from(term)),
        };
        let links: Vec<Link> = links.into_iter().map(link).collect();
        Register::new(version, Timestamp::new(at), all, links).unwrap()
    })
}

/// Where a byte of a register of these rows lies.
fn place(register: &Register, at: usize) -> Damage {
    let institutions = register.institutions().count() * InstitutionRow::LEN;
    let links = register.links().count() * LinkRow::LEN;
    if at < RegisterHead::LEN {
        return Damage::Head;
    }
    let at = at - RegisterHead::LEN;
    if at < institutions {
        return Damage::Institution(at / InstitutionRow::LEN + 1);
    }
    let at = at - institutions;
    if at < links {
        return Damage::Link(at / LinkRow::LEN + 1);
    }
    Damage::Signature
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_register_is_read_as_it_was_written(register in any_register()) {
        let bytes = file(&register);
        prop_assert_eq!(Register::open(&bytes, &trusted()), Ok(register));
    }

    #[test]
    fn a_changed_byte_is_refused_and_its_row_named(
        register in any_register(), at in any::<Index>(), flip in 1..=255_u8,
    ) {
        let mut bytes = file(&register);
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        let expected = if at < 4 {
            RegisterError::Magic
        } else {
            RegisterError::Signature { damage: place(&register, at) }
        };
        prop_assert_eq!(Register::open(&bytes, &trusted()), Err(expected));
    }

    #[test]
    fn a_register_cut_short_or_with_more_behind_is_refused(
        register in any_register(), at in any::<Index>(), more in 1..200_usize,
    ) {
        let bytes = file(&register);
        let cut = &bytes[..at.index(bytes.len())];
        prop_assert!(Register::open(cut, &trusted()).is_err());
        let longer = [bytes.clone(), vec![0; more]].concat();
        prop_assert!(Register::open(&longer, &trusted()).is_err());
    }

    #[test]
    fn signed_bytes_that_are_no_register_do_not_panic(
        rest in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let mut bytes = [b"TTIR\x01".to_vec(), rest].concat();
        let signature = key(1).sign(&bytes);
        bytes.extend(signature.0);
        let _ = Register::open(&bytes, &trusted());
    }

    #[test]
    fn a_fingerprint_is_read_as_it_is_written(bytes in any::<[u8; 32]>()) {
        let print = Fingerprint(bytes);
        prop_assert_eq!(print.to_string().parse(), Ok(print));
        let pairs: Vec<String> = bytes.iter().map(|b| format!("{b:02X}")).collect();
        prop_assert_eq!(pairs.join(":").parse(), Ok(print));
    }
}
