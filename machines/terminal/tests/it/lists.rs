//! The bundle's bytes: one encoding, one signature, nothing taken that is not the acquirer's.

use proptest::prelude::*;
use tongtu_ride_code::{Root, RootTable};
use tongtu_terminal::lists::{
    ACCOUNTS_MAX, BUNDLE_LEN_MAX, CardLists, FARE_BOOKS_MAX, ISSUERS_MAX, ListBundle, ListError,
    Section,
};
use tongtu_types::CardNumber;

use crate::fixture::{City, T0, card_lists, institution, key, reseal};

/// What format 1 was when it was the only one, with something in every list.
const FORMAT_1: &str = include_str!("data/bundle-format-1.hex");

/// A bundle with something in every list and a short book, so that every bit can be tried.
fn full(city: &City) -> ListBundle {
    let mut bundle = city.bundle(7);
    bundle.fare_books = vec!["fare-book 1\n".to_string(), "fare-book 2\n".to_string()];
    bundle.cards = card_lists();
    bundle.issuers.insert(institution("01341000"));
    let account = |text: &str| CardNumber::parse(text).unwrap();
    bundle.blacklists.accounts.extend([
        account("3104581000000000001"),
        account("31045810000000000012"),
    ]);
    bundle.blacklists.user_certificates.insert([9; 32]);
    let serials = [[0, 0, 1], [0, 0, 2]].map(|serial| (institution("01341000"), serial));
    bundle.blacklists.issuer_certificates.extend(serials);
    bundle
}

#[test]
fn round_trips() {
    let city = City::new();
    let bytes = full(&city).sign(&city.list_key).unwrap();
    let opened = ListBundle::open(&bytes, city.list_key.public()).unwrap();
    assert_eq!(opened.acquirer, institution("11345810"));
    assert_eq!((opened.version, opened.issued_at), (7, T0));
    assert_eq!(opened.issuers, full(&city).issuers);
    assert_eq!(opened.blacklists, full(&city).blacklists);
    assert_eq!(opened.fare_books, full(&city).fare_books);
    assert_eq!(opened.cards, card_lists());
    let counts: Vec<u64> = opened.counts().into_iter().map(|(_, n)| n).collect();
    assert_eq!(counts, [1, 2, 2, 1, 2, 2, 3, 2, 3, 17]);
    assert_eq!(
        opened.sign(&city.list_key).unwrap(),
        bytes,
        "one content has one encoding"
    );
}

#[test]
fn a_bundle_of_format_1_opens_with_its_one_book_and_no_lists_for_cards() {
    let city = City::new();
    let bytes = tongtu_codec::hex_decode(FORMAT_1.trim()).unwrap();
    assert_eq!(bytes[4], 1);
    let opened = ListBundle::open(&bytes, city.list_key.public()).unwrap();
    let expected = full(&city);
    assert_eq!((opened.version, opened.issued_at), (7, T0));
    assert_eq!(opened.issuers, expected.issuers);
    assert_eq!(opened.blacklists, expected.blacklists);
    assert_eq!(opened.fare_books, expected.fare_books[..1]);
    assert_eq!(opened.cards, CardLists::default());
    // Every section of format 1 is there; none of format 2 takes its place.
    let body = &bytes[..bytes.len() - 96];
    let mut as_2 = body.to_vec();
    as_2[4] = 2;
    let open = |body: &[u8]| ListBundle::open(&reseal(&city, body), city.list_key.public());
    let at = body.len() - 6 - 12;
    let (found, expected) = (6, 7);
    let error = ListError::Section {
        at,
        found,
        expected,
    };
    assert_eq!(open(&as_2).unwrap_err(), error);
    let again = full(&city).sign(&city.list_key).unwrap();
    let mut as_1 = again[..again.len() - 96].to_vec();
    as_1[4] = 1;
    let (found, expected) = (7, 6);
    let error = ListError::Section {
        at,
        found,
        expected,
    };
    assert_eq!(open(&as_1).unwrap_err(), error);
}

#[test]
fn every_flipped_bit_is_refused() {
    let city = City::new();
    let good = full(&city).sign(&city.list_key).unwrap();
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << bit;
            let error = ListBundle::open(&bytes, city.list_key.public()).unwrap_err();
            let expected = if at < 4 {
                ListError::Magic
            } else {
                ListError::Signature
            };
            assert_eq!(error, expected, "byte {at} bit {bit}");
        }
    }
}

#[test]
fn every_cut_and_every_addition_is_refused() {
    let city = City::new();
    let good = full(&city).sign(&city.list_key).unwrap();
    for len in 0..good.len() {
        assert!(ListBundle::open(&good[..len], city.list_key.public()).is_err());
    }
    let mut longer = good;
    longer.push(0);
    assert!(ListBundle::open(&longer, city.list_key.public()).is_err());
}

#[test]
fn another_key_is_refused() {
    let city = City::new();
    let forged = full(&city).sign(&key("thief")).unwrap();
    assert_eq!(
        ListBundle::open(&forged, city.list_key.public()).unwrap_err(),
        ListError::Signature
    );
}

/// Even the acquirer's own key cannot make a terminal take what is malformed.
#[test]
fn names_what_is_wrong_in_a_genuine_bundle() {
    let city = City::new();
    let good = full(&city).sign(&city.list_key).unwrap();
    let body = &good[..good.len() - 96];
    let open = |body: &[u8]| ListBundle::open(&reseal(&city, body), city.list_key.public());
    assert!(open(body).is_ok());
    let changed = |at: usize, value: u8| {
        let mut body = body.to_vec();
        body[at] = value;
        open(&body).unwrap_err()
    };
    assert_eq!(changed(4, 3), ListError::Format { found: 3 });
    assert_eq!(changed(4, 0), ListError::Format { found: 0 });
    assert!(matches!(changed(5, 0xAA), ListError::Decode(_)));
    let section = |at, found, expected| ListError::Section {
        at,
        found,
        expected,
    };
    assert_eq!(changed(26, 2), section(25, 2, 1));
    // The root's serial bytes: its self-signature no longer holds.
    assert!(matches!(
        changed(31 + 20, 0),
        ListError::Root { index: 0, .. }
    ));
    let issuers_at = 25 + 6 + 144;
    let entry = |list, index| ListError::Entry { list, index };
    assert_eq!(changed(issuers_at + 6, 0x09), entry("issuers", 1));
    assert_eq!(changed(issuers_at + 6 + 7, 0x0A), entry("issuers", 1));
    assert!(matches!(
        changed(issuers_at + 5, 7),
        ListError::Partial {
            list: "issuers",
            found: 7,
            entry_len: 4
        }
    ));
    let accounts_at = issuers_at + 6 + 8;
    assert_eq!(
        changed(accounts_at + 6 + 9, 0x1F),
        entry("accounts", 0),
        "a trailing F names an account twice"
    );
    let books_at = accounts_at + 6 + 20 + 6 + 32 + 6 + 14;
    assert_eq!(
        changed(books_at + 6 + 4 + 11, 0xFF),
        ListError::FareText { at: 11 }
    );
    assert!(matches!(
        changed(books_at + 6 + 3, 13),
        ListError::Decode(_)
    ));
    let mut longer = body.to_vec();
    longer.push(0);
    assert!(matches!(open(&longer).unwrap_err(), ListError::Decode(_)));
}

#[test]
fn roots_rise_by_index() {
    let city = City::new();
    let mut bundle = city.bundle(1);
    let root = |index| Root::self_sign(index, "1240".parse().unwrap(), &key("other")).unwrap();
    bundle.roots = RootTable::new([root(5), root(3), city.root.clone()]);
    let bytes = bundle.sign(&city.list_key).unwrap();
    let opened = ListBundle::open(&bytes, city.list_key.public()).unwrap();
    let indices: Vec<u8> = opened
        .roots
        .iter()
        .map(|r| r.certificate().ca_index)
        .collect();
    assert_eq!(indices, [2, 3, 5]);
    let mut body = bytes[..bytes.len() - 96].to_vec();
    let (first, second) = (31..31 + 144, 31 + 144..31 + 288);
    let swapped = [&bytes[second], &bytes[first]].concat();
    body[31..31 + 288].copy_from_slice(&swapped);
    assert!(matches!(
        ListBundle::open(&reseal(&city, &body), city.list_key.public()).unwrap_err(),
        ListError::Entry {
            list: "roots",
            index: 1
        }
    ));
}

#[test]
fn lists_beyond_their_limits_are_not_made() {
    let city = City::new();
    let mut bundle = city.bundle(1);
    bundle.issuers = (0..=ISSUERS_MAX)
        .map(|n| institution(&format!("{n:08}")))
        .collect();
    assert_eq!(
        bundle.sign(&city.list_key).unwrap_err(),
        ListError::TooMany {
            list: "issuers",
            found: ISSUERS_MAX + 1,
            max: ISSUERS_MAX
        }
    );
    // A full bundle may be opened.
    const { assert!(BUNDLE_LEN_MAX > ACCOUNTS_MAX * 10) };
    assert_eq!(Section::ALL.len(), 11);
    let mut bundle = city.bundle(1);
    bundle.fare_books = vec![String::new(); FARE_BOOKS_MAX + 1];
    assert_eq!(
        bundle.sign(&city.list_key).unwrap_err(),
        ListError::TooMany {
            list: "fare_books",
            found: FARE_BOOKS_MAX + 1,
            max: FARE_BOOKS_MAX
        }
    );
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), genuine in any::<bool>()) {
        let city = City::new();
        let mut body = b"TTLB".to_vec();
        body.extend(bytes);
        let bytes = if genuine { reseal(&city, &body) } else { body };
        prop_assert!(ListBundle::open(&bytes, city.list_key.public()).is_err());
    }
}
