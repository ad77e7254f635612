//! The files: one encoding, one signature, and nothing taken that is bent or out of order.

use proptest::prelude::*;
use tongtu_blacklist::file::HEAD_LEN;
use tongtu_blacklist::{
    Blacklist, BlacklistError, Change, Head, Kind, Loader, MARKS_MAX, OVERLAY_MAX, Span, State,
    Tally,
};
use tongtu_crypto::{PublicKey, sm3};
use tongtu_types::InstitutionCode;

use crate::fixture::{T0, acquirer, delta, full, issue, key, list, load, number, span, spans};

const CARDS: [u128; 3] = [
    3_104_581_099_999_000_017,
    3_104_581_099_999_000_018,
    3_104_581_099_999_000_125,
];

fn singles() -> Vec<Span> {
    CARDS.map(|card| Span::single(number(card))).to_vec()
}

fn first() -> Blacklist {
    list(1, &singles())
}

/// Puts a right digest and signature on a changed head and content.
fn reseal(mut file: Vec<u8>, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    change(&mut file);
    let len = u64::try_from(file.len() - HEAD_LEN).unwrap();
    file[98..106].copy_from_slice(&len.to_be_bytes());
    let digest = sm3::digest(&file[HEAD_LEN..]);
    file[106..138].copy_from_slice(&digest);
    resign(file)
}

fn resign(mut file: Vec<u8>) -> Vec<u8> {
    let signature = key("list").sign(&file[..138]);
    file[138..HEAD_LEN].copy_from_slice(&signature.0);
    file
}

/// The layout as documented, byte by byte.
#[test]
fn a_full_file_has_the_documented_bytes() {
    let file = full(7, &[span(CARDS[0], CARDS[1]), span(CARDS[2], CARDS[2])]);
    let mut expected = b"TTBL\x01\x00\x11\x34\x58\x10".to_vec();
    expected.extend(7u64.to_be_bytes());
    expected.extend(T0.get().to_be_bytes());
    expected.extend([0; 40]);
    expected.extend(3u128.to_be_bytes());
    expected.extend(CARDS.iter().sum::<u128>().to_be_bytes());
    expected.extend(32u64.to_be_bytes());
    let mut content = b"\x02\x03\x10\x45\x81\x09\x99\x99\x00\x00\x17".to_vec();
    content.extend(b"\x03\x10\x45\x81\x09\x99\x99\x00\x00\x18");
    content.extend(b"\x01\x03\x10\x45\x81\x09\x99\x99\x00\x01\x25");
    expected.extend(sm3::digest(&content));
    expected.extend(key("list").sign(&expected).0);
    expected.extend(content);
    assert_eq!(file, expected);
}

#[test]
fn a_full_file_gives_its_list_whatever_the_pieces() {
    let entries = [span(5, 5), span(7, 900), span(CARDS[0], CARDS[2])];
    let file = full(3, &entries);
    for piece in [1, 2, 10, 11, 21, 200, 201, 202, 203, 10_000] {
        let list = load(&Blacklist::default(), &file, piece).unwrap();
        assert_eq!((list.version(), list.issued_at()), (3, T0));
        assert_eq!(spans(&list), entries);
    }
}

#[test]
fn a_delta_leads_on_and_states_its_base() {
    let held = first();
    let changes = [
        Change::Removed(singles()[0]),
        Change::Listed(span(CARDS[2] + 1, CARDS[2] + 9)),
    ];
    let file = delta(2, held.state(), &changes);
    let head = Head::open(file.first_chunk().unwrap(), key("list").public()).unwrap();
    assert_eq!(head.kind, Kind::Delta { base: held.state() });
    for piece in [1, 13, 4096] {
        let list = load(&held, &file, piece).unwrap();
        assert_eq!(list.state(), head.state);
        let expected = [span(CARDS[1], CARDS[1]), span(CARDS[2], CARDS[2] + 9)];
        assert_eq!(spans(&list), expected);
    }
    assert_eq!(
        spans(&held),
        [span(CARDS[0], CARDS[1]), span(CARDS[2], CARDS[2])]
    );
}

#[test]
fn deltas_are_taken_in_their_order_only() {
    let mut states = vec![first().state()];
    let mut lists = vec![first()];
    let mut files = Vec::new();
    for version in 2..=4 {
        let change = Change::Listed(span(u128::from(version), u128::from(version)));
        files.push(delta(version, *states.last().unwrap(), &[change]));
        lists.push(load(lists.last().unwrap(), files.last().unwrap(), 999).unwrap());
        states.push(lists.last().unwrap().state());
    }
    for (at, list) in lists.iter().enumerate() {
        for (delta_at, file) in files.iter().enumerate() {
            let (held, base) = (list.version(), states[delta_at].version);
            let offered = base + 1;
            let outcome = load(list, file, 50).map(|l| l.version());
            let expected = if delta_at == at {
                Ok(offered)
            } else if offered <= held {
                Err(BlacklistError::NotNewer { held, offered })
            } else {
                Err(BlacklistError::OutOfOrder {
                    held,
                    base,
                    offered,
                })
            };
            assert_eq!(outcome, expected);
        }
    }
    // One delta may also lead over several versions.
    let far = delta(9, states[1], &[Change::Listed(span(77, 77))]);
    assert_eq!(load(&lists[1], &far, 50).unwrap().version(), 9);
}

#[test]
fn a_delta_may_follow_a_full_file_or_deltas_alike() {
    let by_delta = load(
        &first(),
        &delta(2, first().state(), &[Change::Listed(span(6, 8))]),
        64,
    )
    .unwrap();
    let mut all = vec![span(6, 6), span(7, 8)];
    all.extend(singles());
    let by_full = list(2, &all);
    let next = delta(3, by_full.state(), &[Change::Removed(span(7, 7))]);
    let lists = [by_delta, by_full].map(|held| spans(&load(&held, &next, 64).unwrap()));
    assert_eq!(lists[0], lists[1]);
}

#[test]
fn a_delta_for_another_list_of_that_version_is_refused() {
    let other = list(1, &singles()[1..]);
    let file = delta(2, other.state(), &[Change::Removed(singles()[1])]);
    let error = load(&first(), &file, 64).unwrap_err();
    assert_eq!(error, BlacklistError::Diverged { version: 1 });
}

#[test]
fn a_delta_must_be_true() {
    let held = list(1, &[span(10, 20), span(21, 30), span(40, 40)]);
    let refused = |changes: &[Change]| load(&held, &delta(2, held.state(), changes), 64);
    for listed in [
        span(10, 10),
        span(1, 10),
        span(30, 35),
        span(31, 50),
        span(0, 99),
    ] {
        let number = listed.low();
        let expected = BlacklistError::AlreadyListed { number };
        assert_eq!(refused(&[Change::Listed(listed)]).unwrap_err(), expected);
    }
    for removed in [
        span(9, 9),
        span(9, 10),
        span(20, 31),
        span(30, 40),
        span(41, 41),
    ] {
        let number = removed.low();
        let expected = BlacklistError::NotListed { number };
        assert_eq!(refused(&[Change::Removed(removed)]).unwrap_err(), expected);
    }
    let list = refused(&[Change::Removed(span(15, 25)), Change::Listed(span(31, 39))]).unwrap();
    assert_eq!(spans(&list), [span(10, 14), span(26, 40)]);
}

#[test]
fn another_acquirers_or_a_thiefs_file_is_refused_at_its_head() {
    let file = full(2, &singles());
    let mut loader = Loader::new(
        key("list").public().clone(),
        InstitutionCode::parse("11341000").unwrap(),
        &Blacklist::default(),
    );
    let error = loader.feed(&file[..HEAD_LEN]).unwrap_err();
    assert!(matches!(error, BlacklistError::OtherAcquirer { .. }));
    assert_eq!(
        loader.feed(&file[HEAD_LEN..]).unwrap_err(),
        error,
        "refused to the end"
    );
    assert_eq!(loader.finish().unwrap_err(), error);
    let forged = tongtu_blacklist::file::full(issue(2), singles(), &key("thief")).unwrap();
    let error = load(&Blacklist::default(), &forged, HEAD_LEN).unwrap_err();
    assert_eq!(error, BlacklistError::Signature);
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_refused() {
    let file = delta(
        2,
        first().state(),
        &[Change::Listed(span(1, 3)), Change::Listed(span(5, 5))],
    );
    for len in 0..file.len() {
        let error = load(&first(), &file[..len], 16).unwrap_err();
        assert!(
            matches!(error, BlacklistError::Length { .. }),
            "{len}: {error}"
        );
    }
    let mut longer = file;
    longer.push(1);
    assert!(matches!(
        load(&first(), &longer, 16),
        Err(BlacklistError::Length { .. })
    ));
}

#[test]
fn every_flipped_bit_is_noticed() {
    let file = full(2, &[span(1, 3), span(5, 5)]);
    for bit in 0..file.len() * 8 {
        let mut bad = file.clone();
        bad[bit / 8] ^= 0x80 >> (bit % 8);
        let error = load(&first(), &bad, 16).unwrap_err();
        if bit / 8 < 4 {
            assert_eq!(error, BlacklistError::Magic, "bit {bit}");
        } else if bit / 8 < HEAD_LEN {
            assert_eq!(error, BlacklistError::Signature, "bit {bit}");
        } else {
            let expected = matches!(
                error,
                BlacklistError::Digest
                    | BlacklistError::Entry { .. }
                    | BlacklistError::Length { .. }
            );
            assert!(expected, "bit {bit}: {error}");
        }
    }
}

/// What only the list key's owner can do wrong.
#[test]
fn signed_nonsense_is_refused_with_its_place() {
    let good = full(2, &[span(1, 3), span(5, 5)]);
    let entry = |index, at| BlacklistError::Entry { index, at };
    let cases: [(&str, Vec<u8>, BlacklistError); 8] = [
        (
            "tag",
            reseal(good.clone(), |f| f[HEAD_LEN + 21] = 9),
            entry(1, 21),
        ),
        (
            "not digits",
            reseal(good.clone(), |f| f[HEAD_LEN + 22] = 0xFF),
            entry(1, 21),
        ),
        (
            "backwards",
            reseal(good.clone(), |f| f[HEAD_LEN + 20] = 0),
            entry(0, 0),
        ),
        (
            "range of one",
            reseal(good.clone(), |f| f[HEAD_LEN + 20] = 1),
            entry(0, 0),
        ),
        (
            "twice",
            reseal(good.clone(), |f| f[HEAD_LEN + 31] = 3),
            entry(1, 21),
        ),
        (
            "taken off a full list",
            reseal(good.clone(), |f| f[HEAD_LEN + 21] = 3),
            entry(1, 21),
        ),
        (
            "half an entry",
            reseal(good.clone(), |f| f.truncate(HEAD_LEN + 30)),
            entry(1, 21),
        ),
        (
            "other numbers",
            reseal(good.clone(), |f| f[HEAD_LEN + 31] = 6),
            BlacklistError::Tally,
        ),
    ];
    for (name, file, expected) in cases {
        for piece in [1, 25, 4096] {
            let error = load(&first(), &file, piece).unwrap_err();
            assert_eq!(error, expected, "{name} in pieces of {piece}");
        }
    }
    let set = |at: usize, byte| {
        let mut file = good.clone();
        file[at] = byte;
        load(&first(), &resign(file), 4096).unwrap_err()
    };
    assert_eq!(
        set(4, 2),
        BlacklistError::Format {
            found: 2,
            expected: 1
        }
    );
    assert_eq!(set(5, 2), BlacklistError::Kind { found: 2 });
    assert!(matches!(set(6, 0xAA), BlacklistError::Decode(_)));
    assert!(matches!(set(98, 1), BlacklistError::TooMany { .. }));
}

#[test]
fn a_maker_is_told_what_no_terminal_would_take() {
    let list_key = key("list");
    let overlap = [span(1, 5), span(5, 6)];
    let error = tongtu_blacklist::file::full(issue(1), overlap, &list_key).unwrap_err();
    assert_eq!(error, BlacklistError::Overlap { number: number(5) });
    let base = State {
        version: 4,
        tally: Tally::default(),
    };
    let error = tongtu_blacklist::file::delta(issue(4), base, [], &list_key).unwrap_err();
    assert_eq!(
        error,
        BlacklistError::NotNewer {
            held: 4,
            offered: 4
        }
    );
    let many = (0..u128::try_from(OVERLAY_MAX).unwrap() + 1)
        .map(|n| Change::Listed(Span::single(number(2 * n))));
    let error = tongtu_blacklist::file::delta(issue(5), base, many, &list_key).unwrap_err();
    assert!(matches!(error, BlacklistError::TooMany { .. }));
    let ranges = (0..u128::try_from(MARKS_MAX / 2).unwrap() + 1).map(|n| span(3 * n, 3 * n + 1));
    let error = tongtu_blacklist::file::full(issue(1), ranges, &list_key).unwrap_err();
    assert!(matches!(error, BlacklistError::TooMany { .. }));
}

#[test]
fn a_delta_that_the_overlay_has_no_room_for_makes_room() {
    let each = u128::try_from(OVERLAY_MAX / 2).unwrap();
    let wave = |at: u128| -> Vec<Change> {
        let numbers = (0..each).map(|n| number(3 * (each * at + n)));
        numbers.map(|n| Change::Listed(Span::single(n))).collect()
    };
    let mut held = first();
    for at in 0..2 {
        let file = delta(held.version() + 1, held.state(), &wave(at));
        held = load(&held, &file, 1 << 16).unwrap();
    }
    assert_eq!(held.waiting(), OVERLAY_MAX);
    let third = delta(4, held.state(), &wave(2));
    let held = load(&held, &third, 1 << 16).unwrap();
    assert_eq!(held.numbers(), 3 * each + 3);
    assert_eq!(
        held.waiting(),
        OVERLAY_MAX / 2,
        "only what the third brought"
    );
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, piece in 1usize..40) {
        let outcome = load(&Blacklist::default(), &bytes, piece);
        prop_assert!(outcome.is_err());
    }

    #[test]
    fn no_signed_content_panics(content: Vec<u8>, is_delta: bool, piece in 1usize..40) {
        let file = if is_delta { delta(2, first().state(), &[]) } else { full(2, &[]) };
        let file = reseal(file, |f| f.extend(&content));
        if let Ok(list) = load(&first(), &file, piece) {
            prop_assert!(is_delta || content.is_empty());
            prop_assert_eq!(list.version(), 2);
        }
    }
}

#[test]
fn the_keys_owner_is_whoever_the_terminal_was_told() {
    let other: PublicKey = key("thief").public().clone();
    let mut loader = Loader::new(other, acquirer(), &Blacklist::default());
    assert_eq!(
        loader.feed(&full(1, &singles())).unwrap_err(),
        BlacklistError::Signature
    );
}
