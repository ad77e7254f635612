//! The revocation list of a root: round trip, who may sign it, what it may not take back.

use proptest::prelude::*;
use tongtu_ride_code::revocation::{RevocationEntry, RevocationHead};
use tongtu_ride_code::{RevocationError, RevocationList, Root, RootTable};
use tongtu_types::{InstitutionCode, Timestamp};

use crate::fixture::{Fixture, T0, key};

fn issuer(text: &str) -> InstitutionCode {
    InstitutionCode::parse(text).unwrap()
}

fn sample() -> RevocationList {
    let revoked = [
        ((issuer("01341000"), [0, 0, 1]), T0),
        ((issuer("01341000"), [0, 0, 2]), T0.plus_s(60)),
        ((issuer("01345810"), [0, 0, 1]), T0.plus_s(-60)),
    ];
    RevocationList {
        ca_index: 2,
        version: 7,
        issued_at: T0.plus_s(3600),
        root_ended_at: None,
        revoked: revoked.into(),
    }
}

fn signed(list: &RevocationList, fixture: &Fixture) -> Vec<u8> {
    let sign = |bytes: &[u8]| Ok::<_, RevocationError>(fixture.root_key.sign(bytes));
    list.sign_with(&fixture.root, sign).unwrap()
}

fn roots(fixture: &Fixture) -> RootTable {
    RootTable::new([fixture.root.clone()])
}

#[test]
fn its_bytes_are_those_of_the_page() {
    let fixture = Fixture::new();
    let bytes = signed(&sample(), &fixture);
    let hex = tongtu_codec::hex_encode(&bytes[..bytes.len() - 64]);
    assert_eq!(
        hex.to_lowercase(),
        "5454524c01020000000000000007000000006956379000000000000000000000\
         00030134100000000100000000695629800134100000000200000000695629bc\
         013458100000010000000069562944"
    );
    assert_eq!(
        bytes.len(),
        RevocationHead::LEN + 3 * RevocationEntry::LEN + 64
    );
    assert_eq!(RevocationList::open(&bytes, &roots(&fixture)), Ok(sample()));
}

#[test]
fn only_the_root_that_it_names_signs_it() {
    let fixture = Fixture::new();
    let other = key("other root");
    let sign = |bytes: &[u8]| Ok::<_, RevocationError>(other.sign(bytes));
    let refused = sample().sign_with(&fixture.root, sign);
    assert_eq!(refused, Err(RevocationError::Signature { ca_index: 2 }));

    let mut forged = signed(&sample(), &fixture);
    let end = forged.len() - 64;
    let signature = other.sign(&forged[..end]);
    forged[end..].copy_from_slice(&signature.0);
    let opened = RevocationList::open(&forged, &roots(&fixture));
    assert_eq!(opened, Err(RevocationError::Signature { ca_index: 2 }));

    // Another root of the table cannot speak for this one either.
    let third = Root::self_sign(3, "1240".parse().unwrap(), &other).unwrap();
    let table = RootTable::new([third]);
    let opened = RevocationList::open(&signed(&sample(), &fixture), &table);
    assert_eq!(opened, Err(RevocationError::RootUnknown { ca_index: 2 }));
}

#[test]
fn every_flipped_bit_is_seen_and_named_as_the_revocation_lists() {
    let fixture = Fixture::new();
    let (good, roots) = (signed(&sample(), &fixture), roots(&fixture));
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        let error = RevocationList::open(&bytes, &roots).unwrap_err();
        assert!(
            error.to_string().contains("revocation list"),
            "byte {at}: {error}"
        );
    }
    for len in 0..good.len() {
        assert!(
            RevocationList::open(&good[..len], &roots).is_err(),
            "first {len} bytes"
        );
    }
    assert!(RevocationList::open(&[&good[..], &[0]].concat(), &roots).is_err());
}

#[test]
fn an_older_list_and_one_that_uses_a_root_again_do_not_follow() {
    let held = RevocationList {
        root_ended_at: Some(T0),
        ..sample()
    };
    let with = |version, root_ended_at| RevocationList {
        version,
        root_ended_at,
        ..sample()
    };
    let (over, again) = (Some(T0), None::<Timestamp>);
    assert_eq!(with(8, over).check_follows(&held), Ok(()));
    assert_eq!(
        with(7, over).check_follows(&held),
        Err(RevocationError::NotNewer {
            held: 7,
            offered: 7
        })
    );
    assert_eq!(
        with(8, again).check_follows(&held),
        Err(RevocationError::RootAgain {
            ca_index: 2,
            offered: 8
        })
    );
}

#[test]
fn a_certificate_rests_on_nothing_from_the_earlier_of_two_moments() {
    let mut list = sample();
    let (listed, other) = (
        (issuer("01341000"), [0, 0, 2]),
        (issuer("01349999"), [0, 0, 9]),
    );
    assert_eq!(list.revoked_since(&listed), Some(T0.plus_s(60)));
    assert_eq!(list.revoked_since(&other), None);
    list.root_ended_at = Some(T0.plus_s(30));
    assert_eq!(list.revoked_since(&listed), Some(T0.plus_s(30)));
    assert_eq!(list.revoked_since(&other), Some(T0.plus_s(30)));
}

proptest! {
    #[test]
    fn what_is_signed_opens_as_it_was(
        version in any::<u64>(),
        issued_at in 0..i64::MAX,
        ended in proptest::option::of(1..i64::MAX),
        entries in proptest::collection::btree_map((0u32..100_000_000, any::<[u8; 3]>()), 0..i64::MAX, 0..20),
    ) {
        let fixture = Fixture::new();
        let name = |(number, serial): (u32, [u8; 3])| {
            InstitutionCode::parse(&format!("{number:08}")).ok().map(|issuer| (issuer, serial))
        };
        let revoked = entries.into_iter().filter_map(|(n, at)| Some((name(n)?, Timestamp::new(at))));
        let list = RevocationList {
            ca_index: 2,
            version,
            issued_at: Timestamp::new(issued_at),
            root_ended_at: ended.map(Timestamp::new),
            revoked: revoked.collect(),
        };
        let bytes = signed(&list, &fixture);
        prop_assert_eq!(RevocationList::open(&bytes, &roots(&fixture)), Ok(list));
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let fixture = Fixture::new();
        let framed = [&b"TTRL\x01\x02"[..], &bytes].concat();
        let _ = RevocationList::open(&bytes, &roots(&fixture));
        let _ = RevocationList::open(&framed, &roots(&fixture));
    }
}
