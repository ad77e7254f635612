//! A gallery over time: led on, out of order, cut off, forgotten.

use std::collections::BTreeSet;

use proptest::prelude::*;
use tongtu_crypto::SecretKey;
use tongtu_fare::{FareBook, GUANGZHOU};
use tongtu_terminal::OpenEntries;
use tongtu_terminal::face::{
    Capture, Consent, ConsentStatement, Cosine, Engine as _, EngineId, Enrolled, FacePolicy,
    FaceRefusal, FaceScope, FaceSetup, FaceTerminal, GALLERY_AGE_MAX_S, Gallery, GalleryError,
    GalleryReport, GalleryUpdate, Handle, Liveness, Look, Probe, SealKey, Sight, UpdateHead,
};
use tongtu_types::{CardNumber, TerminalNumber, Timestamp};

use crate::fixture::{MemoryStore, T0, bus, institution, key, profile};

const DAY_S: i64 = 86_400;

fn handle(number: u8) -> Handle {
    Handle([number; 16])
}

/// A face that is like no other number's.
fn face(number: u8) -> [u8; 32] {
    let mut template = [0; 32];
    template[usize::from(number)] = 100;
    template
}

fn rider(number: u8) -> Enrolled {
    let consent = Consent {
        terms: 3,
        until: T0.plus_s(90 * DAY_S),
    };
    let account = CardNumber::parse(&format!("3104581000000000{number:03}")).unwrap();
    let issuer = institution("01345810");
    Enrolled::new(
        handle(number),
        account,
        issuer,
        consent,
        *b"0000",
        &face(number),
    )
    .unwrap()
}

fn head(base: u64, version: u64) -> UpdateHead {
    UpdateHead {
        acquirer: institution("11345810"),
        terminal: profile(bus()).terminal,
        base,
        version,
        issued_at: T0,
        valid_until: T0.plus_s(GALLERY_AGE_MAX_S),
        engine: Cosine.id(),
    }
}

fn update(base: u64, version: u64, forgotten: &[u8], riders: &[u8]) -> GalleryUpdate {
    let forgotten = forgotten.iter().copied().map(handle).collect();
    let riders = riders.iter().copied().map(rider).collect();
    GalleryUpdate::new(head(base, version), forgotten, riders).unwrap()
}

fn terminal() -> FaceTerminal {
    let setup = FaceSetup {
        profile: profile(bus()),
        policy: FacePolicy::plain(T0.plus_s(-1)),
        engine: Box::new(Cosine),
        sam: Box::new(key("sam")),
    };
    FaceTerminal::recover(setup, &MemoryStore::default())
}

/// Whom a terminal recognises.
fn known(terminal: &FaceTerminal) -> Vec<u8> {
    let riders = terminal.gallery().map(Gallery::riders).unwrap_or_default();
    riders.iter().map(|rider| rider.handle.0[0]).collect()
}

fn look(terminal: &mut FaceTerminal, number: u8, now: Timestamp) -> Look {
    let sight = Sight {
        now: Some(now),
        fares: Some(&FareBook::parse(GUANGZHOU.as_bytes()).unwrap()),
        inside: &OpenEntries::default(),
    };
    let template = face(number);
    let probe = Probe {
        template: &template,
        liveness: Liveness::Live,
        quality: 90,
    };
    terminal.look(Capture::One(probe), &sight, &mut MemoryStore::default())
}

fn refusal(look: Look) -> FaceRefusal {
    match look {
        Look::Refused(refusal, _) => refusal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_gallery_is_led_on_by_what_changed() {
    let mut terminal = terminal();
    assert_eq!(terminal.gallery_after(), 0);
    terminal.update(update(0, 3, &[], &[1, 2])).unwrap();
    terminal.update(update(3, 4, &[1], &[3])).unwrap();
    assert_eq!(
        (known(&terminal), terminal.gallery_after()),
        (vec![2, 3], 4)
    );
    // It goes on from an earlier version too, when the answer before was lost.
    terminal.update(update(3, 6, &[1, 2], &[3, 4])).unwrap();
    assert_eq!(
        (known(&terminal), terminal.gallery_after()),
        (vec![3, 4], 6)
    );
    // A whole one replaces everything.
    terminal.update(update(0, 7, &[], &[5])).unwrap();
    assert_eq!(known(&terminal), [5]);
    assert!(matches!(look(&mut terminal, 5, T0), Look::Ride(_)));
    assert_eq!(refusal(look(&mut terminal, 4, T0)), FaceRefusal::Unknown);
}

#[test]
fn a_version_never_goes_back_and_an_old_word_renews_nothing() {
    let mut terminal = terminal();
    terminal.update(update(0, 5, &[], &[1])).unwrap();
    for old in [update(0, 4, &[], &[2]), update(3, 4, &[1], &[])] {
        let refused = terminal.update(old);
        assert_eq!(refused, Err(GalleryError::NotNewer { found: 4, held: 5 }));
    }
    assert_eq!(known(&terminal), [1]);
    let later = UpdateHead {
        issued_at: T0.plus_s(DAY_S),
        valid_until: T0.plus_s(DAY_S + GALLERY_AGE_MAX_S),
        ..head(5, 5)
    };
    let renewal = |head| GalleryUpdate::new(head, vec![], vec![]).unwrap();
    terminal.update(renewal(later)).unwrap();
    assert_eq!(terminal.gallery().unwrap().valid_until, later.valid_until);
    let old = terminal.update(renewal(head(5, 5)));
    assert_eq!(old, Err(GalleryError::NotNewer { found: 5, held: 5 }));
    assert_eq!(terminal.gallery().unwrap().valid_until, later.valid_until);
}

#[test]
fn who_is_to_be_forgotten_is_forgotten_whatever_else_is_wrong() {
    let mut terminal = terminal();
    terminal.update(update(0, 3, &[], &[1, 2])).unwrap();
    // Version 4 was lost: nothing of version 6 can be taken but this.
    let gap = terminal.update(update(5, 6, &[1, 7], &[8]));
    assert_eq!(gap, Err(GalleryError::Gap { base: 5, held: 3 }));
    assert_eq!((known(&terminal), terminal.gallery_after()), (vec![2], 3));
    // The addition comes late, and comes to nothing: here of a whole gallery, there of a step.
    for late in [update(0, 4, &[], &[1, 2, 7]), update(4, 5, &[], &[7])] {
        terminal.update(late).unwrap();
        assert_eq!(known(&terminal), [2]);
    }
    // Newer than the forgetting, it is another matter.
    terminal.update(update(5, 8, &[], &[7])).unwrap();
    assert_eq!(known(&terminal), [2, 7]);
}

#[test]
fn whoever_withdrew_here_does_not_come_back_with_the_version_held() {
    let own = SealKey::new(&[3; 16]);
    let mut terminal = terminal();
    terminal.update(update(0, 3, &[], &[1, 2])).unwrap();
    assert_eq!(terminal.withdraw(&[handle(1), handle(9)]), 1);
    for _ in 0..2 {
        terminal.update(update(0, 3, &[], &[1, 2])).unwrap();
        assert_eq!(known(&terminal), [2]);
    }
    let held = terminal.gallery().unwrap();
    let at_rest = held
        .at_rest(&own, &mut |out: &mut [u8]| out.fill(5))
        .unwrap();
    let mut gallery = Gallery::from_rest(&at_rest, &own).unwrap();
    gallery.apply(update(0, 3, &[], &[1, 2])).unwrap();
    assert_eq!(gallery.riders().len(), 1);
    // Whoever enrols anew comes by something newer.
    terminal.update(update(3, 4, &[], &[1])).unwrap();
    assert_eq!(known(&terminal), [1, 2]);
}

#[test]
fn what_was_forgotten_stays_so_over_a_restart() {
    let own = SealKey::new(&[3; 16]);
    let mut first = terminal();
    first.update(update(0, 3, &[], &[1, 2])).unwrap();
    assert!(first.update(update(5, 6, &[1], &[])).is_err());
    let held = first.gallery().unwrap();
    let at_rest = held
        .at_rest(&own, &mut |out: &mut [u8]| out.fill(5))
        .unwrap();
    let mut second = terminal();
    second
        .take(Gallery::from_rest(&at_rest, &own).unwrap())
        .unwrap();
    assert_eq!(second.gallery(), Some(held));
    second.update(update(3, 5, &[], &[1])).unwrap();
    assert_eq!(known(&second), [2]);
    for cut in 0..at_rest.len() {
        assert!(Gallery::from_rest(&at_rest[..cut], &own).is_err(), "{cut}");
    }
}

#[test]
fn without_contact_the_gallery_ends_and_nothing_of_it_is_kept() {
    let own = SealKey::new(&[3; 16]);
    let end = T0.plus_s(GALLERY_AGE_MAX_S);
    let mut terminal = terminal();
    terminal.update(update(0, 3, &[], &[1, 2])).unwrap();
    assert_eq!(terminal.expire(end.plus_s(-1)), 0);
    assert!(matches!(
        look(&mut terminal, 1, end.plus_s(-1)),
        Look::Ride(_)
    ));
    assert_eq!(refusal(look(&mut terminal, 2, end)), FaceRefusal::NoGallery);
    assert_eq!(terminal.expire(end), 2);
    assert_eq!(terminal.gallery_after(), 0, "only a whole gallery helps");
    let held = terminal.gallery().unwrap();
    let at_rest = held
        .at_rest(&own, &mut |out: &mut [u8]| out.fill(5))
        .unwrap();
    assert!(at_rest.len() < 100, "no rider is at rest");
    // A clock that is put back brings nobody back.
    assert_eq!(
        refusal(look(&mut terminal, 2, end.plus_s(-1))),
        FaceRefusal::NoGallery
    );
    // Nothing goes on from it, not even the word that nothing is newer; nor goes the version back.
    let gap = terminal.update(update(3, 3, &[], &[]));
    assert_eq!(gap, Err(GalleryError::Gap { base: 3, held: 0 }));
    let old = terminal.update(update(0, 2, &[], &[1]));
    assert_eq!(old, Err(GalleryError::NotNewer { found: 2, held: 3 }));
    let again = UpdateHead {
        issued_at: end,
        valid_until: end.plus_s(GALLERY_AGE_MAX_S),
        ..head(0, 3)
    };
    let again = GalleryUpdate::new(again, vec![], vec![rider(2)]).unwrap();
    terminal.update(again).unwrap();
    assert_eq!(known(&terminal), [2]);
}

#[test]
fn a_consent_that_ends_is_forgotten_without_any_word() {
    let mut terminal = terminal();
    let mut short = rider(1);
    short.consent.until = T0.plus_s(60);
    let update = GalleryUpdate::new(head(0, 1), vec![], vec![short, rider(2)]);
    terminal.update(update.unwrap()).unwrap();
    assert_eq!(terminal.expire(T0.plus_s(59)), 0);
    assert_eq!(terminal.expire(T0.plus_s(60)), 1);
    assert_eq!(known(&terminal), [2]);
}

#[test]
fn an_update_is_genuine_whole_and_for_this_terminal_or_not_taken() {
    let seal = SealKey::new(&[1; 16]);
    let list_key: SecretKey = key("list");
    let list = update(2, 5, &[7, 8], &[1, 2]);
    let bytes = list
        .signed(&seal, &list_key, &mut |out: &mut [u8]| out.fill(8))
        .unwrap();
    let open = |bytes: &[u8]| GalleryUpdate::open(bytes, &seal, list_key.public());
    assert_eq!(open(&bytes).unwrap(), list);
    let shows = |needle: &[u8]| bytes.windows(needle.len()).any(|w| w == needle);
    assert!(!shows(&face(1)) && !shows(b"0000"), "nothing in clear");
    for cut in 0..bytes.len() {
        assert!(open(&bytes[..cut]).is_err(), "{cut}");
    }
    for bit in (0..bytes.len() * 8).step_by(7) {
        let mut bad = bytes.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(open(&bad).is_err(), "bit {bit}");
    }
    let other = GalleryUpdate::open(&bytes, &SealKey::new(&[2; 16]), list_key.public());
    assert_eq!(other, Err(GalleryError::Seal { index: 0 }));

    let mut terminal = terminal();
    let mut foreign = update(0, 9, &[], &[1]);
    foreign.head.terminal = TerminalNumber::parse("581000000008").unwrap();
    let refused = terminal.update(foreign);
    assert!(matches!(refused, Err(GalleryError::OtherTerminal { .. })));
    let mut foreign = update(0, 9, &[], &[1]);
    foreign.head.acquirer = institution("11341000");
    let refused = terminal.update(foreign);
    assert!(matches!(refused, Err(GalleryError::OtherAcquirer { .. })));
    let mut foreign = update(0, 9, &[], &[1]);
    foreign.head.engine = EngineId(*b"OTHER_02");
    let refused = terminal.update(foreign);
    assert!(matches!(refused, Err(GalleryError::OtherEngine { .. })));
    assert!(known(&terminal).is_empty());
}

#[test]
fn an_update_that_contradicts_itself_is_none() {
    let new = |head, forgotten: &[u8], riders: &[u8]| {
        let forgotten = forgotten.iter().copied().map(handle).collect();
        let riders = riders.iter().copied().map(rider).collect();
        GalleryUpdate::new(head, forgotten, riders).unwrap_err()
    };
    let versions = |base, version| GalleryError::Versions { base, version };
    assert_eq!(new(head(6, 5), &[], &[]), versions(6, 5));
    assert_eq!(new(head(5, 5), &[], &[1]), versions(5, 5));
    assert_eq!(new(head(5, 5), &[1], &[]), versions(5, 5));
    assert_eq!(
        new(head(5, 6), &[2], &[1, 2]),
        GalleryError::Order { index: 1 }
    );
    assert_eq!(
        new(head(5, 6), &[], &[1, 1]),
        GalleryError::Order { index: 1 }
    );
    let long = UpdateHead {
        valid_until: T0.plus_s(GALLERY_AGE_MAX_S + 1),
        ..head(5, 6)
    };
    let found_s = GALLERY_AGE_MAX_S + 1;
    assert_eq!(new(long, &[], &[]), GalleryError::Age { found_s });
}

#[test]
fn a_terminal_reports_its_gallery_and_nobody_else_does() {
    let mut terminal = terminal();
    terminal.update(update(0, 3, &[], &[1, 2])).unwrap();
    let report = terminal.gallery_report(T0).unwrap();
    let found = GalleryReport::open(&report, key("sam").public()).unwrap();
    let expected = GalleryReport {
        acquirer: institution("11345810"),
        terminal: profile(bus()).terminal,
        at: T0,
        version: 3,
        engine: Cosine.id(),
        riders: 2,
    };
    assert_eq!(found, expected);
    let other = GalleryReport::open(&report, key("another").public());
    assert_eq!(other, Err(GalleryError::Report));
    for bit in 0..report.len() * 8 {
        let mut bad = report.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(GalleryReport::open(&bad, key("sam").public()).is_err());
    }
}

#[test]
fn a_consent_has_one_form_and_names_somebody() {
    let scope = |operator, line: Option<&str>| FaceScope {
        acquirer: institution("11345810"),
        operator,
        line: line.map(|line| line.parse().unwrap()),
    };
    let mut statement = ConsentStatement {
        account: CardNumber::parse("3104581000000000017").unwrap(),
        issuer: institution("01345810"),
        terms: 3,
        digest: [0xAA; 32],
        at: T0,
        until: T0.plus_s(DAY_S),
        request: "e1".into(),
        scopes: BTreeSet::from([scope(7, Some("B1")), scope(7, None)]),
    };
    let hex = tongtu_codec::hex_encode(&statement.to_bytes().unwrap());
    let expected = [
        "5454464301",
        "03104581000000000017",
        "01345810",
        "00000003",
        &"aa".repeat(32),
        "0000000069562980",
        "0000000069577b00",
        "026531",
        "02",
        "113458100007000000000000",
        "113458100007423100000000",
    ];
    assert_eq!(hex.to_lowercase(), expected.concat());
    statement.request = "e".repeat(256);
    let long = statement.to_bytes();
    assert_eq!(long, Err(GalleryError::Request { length: 256 }));
    statement.request = "e2".into();
    statement.scopes = BTreeSet::new();
    let nobody = statement.to_bytes();
    assert_eq!(nobody, Err(GalleryError::Scopes { found: 0 }));
    statement.scopes = (0..65).map(|operator| scope(operator, None)).collect();
    let many = statement.to_bytes();
    assert_eq!(many, Err(GalleryError::Scopes { found: 65 }));
}

/// What the acquirer knows: at which version each rider came and went, several times.
#[derive(Debug, Clone)]
struct Node {
    /// Changes by version, from 1: whom it adds and whom it takes out.
    changes: Vec<(u8, bool)>,
}

impl Node {
    fn at(&self, version: u64) -> BTreeSet<u8> {
        let mut there = BTreeSet::new();
        for (number, comes) in self.changes.iter().take(usize::try_from(version).unwrap()) {
            if *comes {
                there.insert(*number);
            } else {
                there.remove(number);
            }
        }
        there
    }

    /// What the node would have answered at `version` to a terminal that holds `base`.
    fn update(&self, base: u64, version: u64) -> GalleryUpdate {
        let there = self.at(version);
        let range = usize::try_from(base).unwrap()..usize::try_from(version).unwrap();
        let touched: BTreeSet<u8> = match base {
            0 => there.clone(),
            _ => self.changes[range]
                .iter()
                .map(|(number, _)| *number)
                .collect(),
        };
        let (riders, gone): (Vec<u8>, Vec<u8>) = touched.iter().partition(|n| there.contains(n));
        update(base, version, &gone, &riders)
    }
}

proptest! {
    #[test]
    fn in_any_order_nobody_stays_who_was_seen_to_go_and_a_whole_way_ends_where_the_node_is(
        changes in proptest::collection::vec((1u8..6, any::<bool>()), 1..12),
        steps in proptest::collection::vec((any::<proptest::sample::Index>(), any::<proptest::sample::Index>()), 1..12),
    ) {
        let node = Node { changes };
        let newest = u64::try_from(node.changes.len()).unwrap();
        let mut terminal = terminal();
        // The newest version at which each rider was seen to go.
        let mut gone: Vec<(u8, u64)> = Vec::new();
        for (a, b) in steps {
            let version = 1 + u64::try_from(a.index(node.changes.len())).unwrap();
            let base = u64::try_from(b.index(usize::try_from(version).unwrap())).unwrap();
            let before = terminal.gallery().map_or(0, |held| held.version);
            let offered = node.update(base, version);
            let forgets: Vec<u8> = offered.forgotten().iter().map(|h| h.0[0]).collect();
            let taken = terminal.update(offered);
            let held = terminal.gallery().map_or(0, |held| held.version);
            prop_assert!(held >= before, "never back");
            if version >= before {
                gone.extend(forgets.into_iter().map(|number| (number, version)));
            }
            if taken.is_ok() {
                prop_assert_eq!(held, version);
            }
            for number in known(&terminal) {
                let last = gone.iter().filter(|g| g.0 == number).map(|g| g.1).max();
                prop_assert!(last.is_none_or(|last| last < held), "{} came back", number);
            }
        }
        let after = terminal.gallery_after();
        if after < newest {
            terminal.update(node.update(after, newest)).unwrap();
        }
        let there: Vec<u8> = node.at(newest).into_iter().collect();
        prop_assert_eq!(known(&terminal), there);
    }

    #[test]
    fn no_bytes_open_as_an_update_or_a_report(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        rest in any::<bool>(),
    ) {
        let seal = SealKey::new(&[1; 16]);
        let mut bytes = bytes;
        if rest {
            // Signed by the right key, so that what is inside is read.
            bytes.splice(0..0, *b"TTFU\x01");
            let signature = key("list").sign(&bytes);
            bytes.extend(signature.0);
        }
        prop_assert!(GalleryUpdate::open(&bytes, &seal, key("list").public()).is_err());
        prop_assert!(GalleryReport::open(&bytes, key("sam").public()).is_err());
    }

    #[test]
    fn whatever_is_written_is_read_again(
        riders in proptest::collection::btree_set(0u8..30, 0..6),
        forgotten in proptest::collection::btree_set(30u8..60, 0..6),
        base in 1u64..1000,
        more in 1u64..1000,
    ) {
        let (seal, list_key) = (SealKey::new(&[1; 16]), key("list"));
        let riders: Vec<u8> = riders.into_iter().collect();
        let forgotten: Vec<u8> = forgotten.into_iter().collect();
        let made = update(base, base + more, &forgotten, &riders);
        let bytes = made.signed(&seal, &list_key, &mut |out: &mut [u8]| out.fill(9)).unwrap();
        prop_assert_eq!(GalleryUpdate::open(&bytes, &seal, list_key.public()).unwrap(), made);
    }
}
