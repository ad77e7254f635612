//! Taps by the lists that a terminal holds: cities, kinds, limits by day, groups, blacklist.

use std::sync::Arc;

use tongtu_blacklist::{Blacklist, ListedNumber, Span};
use tongtu_crypto::Algorithm;
use tongtu_psam::Psam as _;
use tongtu_purse::field::{Amount, CardKind, City, Institution, Serial};
use tongtu_terminal::lists::{
    AcceptedIssuer, CardKinds, GroupId, InteropRule, IssuerPattern, Parameters, Permissions, Place,
    Service,
};
use tongtu_terminal::tap::{
    Answer, Ask, CardLink as _, PlainLists, Refusal, Rules, Snapshot, Tap, TapEnd, TapOutcome,
    TapPost, Task, Versions, Way,
};
use tongtu_terminal::{CardLists, Held, ListBook, ListBundle, RecordStore as _};
use tongtu_types::{TerminalNumber, Timestamp};

use super::fixture::{ISSUER, Post, Rider, T0, bus, gate, profile};
use super::recovery::tear_paid;
use super::untold::dark;
use crate::fixture::{self, MemoryStore, institution};

const ELSEWHERE: Institution = Institution([0x01, 0x01, 0x10, 0x00, 0xFF, 0xFF, 0xFF, 0xFF]);
const NOWHERE: Institution = Institution([0x01, 0x02, 0x10, 0x00, 0xFF, 0xFF, 0xFF, 0xFF]);

/// A book that has taken one signed bundle with these lists.
fn book(cards: CardLists) -> ListBook {
    let city = fixture::City::new();
    let mut book = ListBook::new(institution("11345810"), city.list_key.public().clone());
    let bundle = ListBundle {
        cards,
        ..city.bundle(3)
    };
    let bytes = bundle.sign(&city.list_key).unwrap();
    let mut store = MemoryStore::default();
    book.apply_bundle(&bytes, T0, &mut store).unwrap();
    book
}

fn held(cards: CardLists) -> Arc<Held> {
    Arc::clone(book(cards).held().unwrap())
}

/// The lists of the fixture, as a city's acquirer would write them.
fn cards() -> CardLists {
    let mut cards = CardLists::default();
    cards.cities.version = 4;
    let kinds = [CardKind::ORDINARY, CardKind::STUDENT, CardKind::ELDER];
    let kinds = kinds.into_iter().fold(CardKinds::NONE, CardKinds::with);
    let interop = InteropRule::Declared;
    for issuer in [ISSUER, ELSEWHERE] {
        let pattern = IssuerPattern::of(issuer);
        cards
            .cities
            .accept(pattern, AcceptedIssuer { kinds, interop });
    }
    cards.parameters = vec![limits()];
    cards
}

/// What the rules say by themselves, as parameters.
fn limits() -> Parameters {
    let rules = Rules::default();
    Parameters {
        retap_s: u16::try_from(rules.retap_s).unwrap(),
        balance_max: rules.balance_max,
        balance_low: rules.balance_hint,
        window_tries: rules.tries_max,
        grey_after_s: u16::try_from(rules.grey_after_s).unwrap(),
        ..Parameters::DEFAULT
    }
}

/// A card that says to be of an issuer and a kind; its keys are those of the city.
fn card(last: u8, issuer: Institution, kind: CardKind, interop: u16) -> Rider {
    let mut made = profile(last, Algorithm::Tdes);
    made.public.issuer = issuer;
    (made.transit.kind, made.transit.interop) = (kind, interop);
    Rider::with(&made, 5_000)
}

fn listed(serials: &[Serial]) -> Blacklist {
    let mut numbers: Vec<_> = serials
        .iter()
        .map(|serial| ListedNumber::from_bcd(&serial.0).unwrap())
        .collect();
    numbers.sort_unstable();
    Blacklist::from_spans(7, T0, numbers.into_iter().map(Span::single)).unwrap()
}

fn taking(mut post: Post, held: &Arc<Held>) -> Post {
    post.terminal.take(Snapshot::of(held));
    post
}

fn refusal(end: &TapEnd) -> &Refusal {
    match &end.outcome {
        TapOutcome::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_same_taps_end_the_same_under_plain_lists_and_under_a_signed_bundle() {
    let bad = profile(0x20, Algorithm::Tdes).public.serial;
    let mut signed = book(cards());
    signed.apply_card_blacklist(listed(&[bad]), T0).unwrap();
    let signed = signed.held().unwrap();
    let plain = |_: &mut _, lists: &mut PlainLists| {
        let others = (0..=255).map(CardKind);
        let named = [CardKind::ORDINARY, CardKind::STUDENT, CardKind::ELDER];
        *lists = PlainLists {
            barred: others.filter(|kind| !named.contains(kind)).collect(),
            blacklist: [bad.0].into(),
            versions: Versions {
                parameters: 3,
                white_list: 4,
                blacklist: 7,
            },
            ..lists.clone()
        };
    };
    let posts: [fn() -> TapPost; 3] =
        [bus, || gate("0101", Way::Entry), || gate("0109", Way::Exit)];
    let people = [
        (0x17, ISSUER, CardKind::ORDINARY, 0),
        (0x18, ISSUER, CardKind::ELDER, 1),
        (0x19, ISSUER, CardKind::TEST, 1),
        (0x20, ISSUER, CardKind::ORDINARY, 1),
        (0x21, ELSEWHERE, CardKind::STUDENT, 1),
        (0x22, ELSEWHERE, CardKind::ORDINARY, 0),
        (0x23, ELSEWHERE, CardKind::MILITARY, 1),
        (0x24, NOWHERE, CardKind::ORDINARY, 1),
    ];
    let mut accepted = 0;
    for (last, issuer, kind, interop) in people {
        let mut pair = [(); 2].map(|()| card(last, issuer, kind, interop));
        let mut number = 0;
        for post in posts {
            number += 1;
            let mut under = [
                Post::new(number, post()).changed(plain),
                taking(Post::new(number, post()), signed),
            ];
            for again_s in [0, 2, 40] {
                let now = T0.plus_s(i64::from(number) * 1_000 + again_s);
                let [one, other] = [0, 1].map(|which: usize| {
                    let end = under[which].tap(&mut pair[which], now);
                    (end, under[which].records())
                });
                assert_eq!(one, other, "card {last:02X} at post {number}");
                accepted += usize::from(one.0.outcome.ride().is_some());
            }
        }
    }
    assert!(accepted > 6, "{accepted} rides");
}

#[test]
fn the_record_names_the_versions_of_the_bundle_and_of_both_lists() {
    let mut book = book(cards());
    book.apply_card_blacklist(listed(&[]), T0).unwrap();
    let mut post = taking(Post::new(1, bus()), book.held().unwrap());
    let end = post.tap(&mut card(0x17, ISSUER, CardKind::ORDINARY, 1), T0);
    let record = &end.outcome.ride().unwrap().record;
    let versions = (record.parameters, record.white_list, record.blacklist);
    assert_eq!(versions, (3, 4, 7));
}

#[test]
fn a_tap_under_way_keeps_the_lists_with_which_it_began() {
    let later = CardLists {
        parameters: vec![Parameters {
            balance_max: Amount::new(100),
            ..limits()
        }],
        ..CardLists::default()
    };
    let (begun, later) = (held(cards()), held(later));
    let mut rider = card(0x17, ELSEWHERE, CardKind::ORDINARY, 1);
    let mut questions = 0;
    // The lists change before the n-th question: they no longer have the card's issuer, and a
    // balance such as its is damage.
    for change in 0.. {
        let mut post = taking(Post::new(1, bus()), &begun);
        rider.present();
        let now = T0.plus_s(100 * change);
        let mut tap = Tap::begin(post.circumstances(now, Task::Ride));
        let mut answer = Answer::Begin;
        let mut asked = 0;
        let end = loop {
            if asked == change + 1 {
                post.terminal.take(Snapshot::of(&later));
            }
            asked += 1;
            let (next, ask) = tap.handle(&mut post.terminal, answer);
            tap = next;
            answer = match ask {
                Ask::Card(apdu) => Answer::Card(rider.transmit(&apdu)),
                Ask::Psam(request) => Answer::Psam(post.psam.ask(&request)),
                Ask::KeepIntent { id, intent } => Answer::Kept(post.store.keep_intent(id, &intent)),
                Ask::DropIntent { id } => Answer::Kept(post.store.drop_intent(id)),
                Ask::Append { record, closes } => Answer::Appended(match closes {
                    Some(id) => post.store.append_closing(&record, id),
                    None => post.store.append(&record),
                }),
                Ask::Done(end) => break end,
            };
        };
        let ride = end.outcome.ride();
        let ride = ride.unwrap_or_else(|| panic!("before {change}: {end:?}"));
        assert_eq!(ride.record.white_list, 4);
        post.terminal.told(ride.seq, &mut post.store).unwrap();
        if change > asked {
            break;
        }
        questions += 1;
        if change + 1 < asked {
            let end = post.tap(&mut rider, now.plus_s(50));
            assert_eq!(refusal(&end), &Refusal::IssuerNotListed);
        }
    }
    assert!(questions > 8, "{questions} questions");
}

#[test]
fn a_permission_is_asked_for_what_the_card_is_used_for() {
    let mut lists = cards();
    let elder = CardKind::ELDER;
    lists.parameters[0].permissions = Permissions::ALL.set(elder, Service::Rail, false);
    let held = held(lists);
    let mut rider = card(0x17, ISSUER, elder, 1);
    let end = taking(Post::new(1, gate("0101", Way::Entry)), &held).tap(&mut rider, T0);
    assert_eq!(refusal(&end), &Refusal::KindNotPermitted { kind: elder });
    let end = taking(Post::new(2, bus()), &held).tap(&mut rider, T0.plus_s(10));
    assert!(end.outcome.ride().is_some());
}

#[test]
fn the_limits_of_a_day_count_for_the_taps_of_that_day_and_the_own_before_any() {
    let june = |day: i64| T0.plus_s((day - 1) * 86_400);
    let mut lists = cards();
    lists.parameters = [(2, 20, 100_000), (3, 3, 4_000)]
        .map(|(day, retap_s, cap)| Parameters {
            from: june(day).china().day,
            retap_s,
            balance_max: Amount::new(cap),
            ..limits()
        })
        .to_vec();
    let held = held(lists);
    // Ten seconds after a ride: later than the five of the rules, sooner than twenty.
    for (day, taken) in [
        (1, Ok(())),
        (2, Err(Refusal::ReTap)),
        (3, Err(Refusal::Damaged)),
    ] {
        let mut post = taking(Post::new(1, bus()), &held);
        let mut rider = card(0x17, ISSUER, CardKind::ORDINARY, 1);
        let first = post.tap(&mut rider, june(day));
        let again = post.tap(&mut rider, june(day).plus_s(10));
        match (taken, first.outcome.ride()) {
            (Ok(()), _) => assert!(again.outcome.ride().is_some(), "day {day}"),
            (Err(expected), _) => assert_eq!(refusal(&again), &expected, "day {day}"),
        }
    }
    // Lists without parameters: the rules as they were told.
    let mut post = taking(Post::new(1, bus()), &held);
    let mut rider = card(0x17, ISSUER, CardKind::ORDINARY, 1);
    assert_eq!(refusal(&post.tap(&mut rider, june(3))), &Refusal::Damaged);
    let bare = CardLists {
        parameters: Vec::new(),
        ..cards()
    };
    let mut post = taking(post, &self::held(bare));
    assert!(post.tap(&mut rider, june(3)).outcome.ride().is_some());
}

#[test]
fn a_card_on_the_blacklist_is_locked_at_any_post_from_the_next_tap_on() {
    let mut book = book(cards());
    let mut rider = card(0x17, ISSUER, CardKind::ORDINARY, 1);
    let mut post = taking(Post::new(1, gate("0101", Way::Entry)), book.held().unwrap());
    assert!(post.tap(&mut rider, T0).outcome.ride().is_some());
    let list = listed(&[rider.profile.public.serial]);
    book.apply_card_blacklist(list, T0).unwrap();
    let mut post = taking(post, book.held().unwrap());
    let end = post.tap(&mut rider, T0.plus_s(60));
    assert_eq!(refusal(&end), &Refusal::Blacklisted { locked: true });
    assert_eq!(post.records()[1].blacklist, 7);
}

#[test]
fn only_terminals_of_the_group_are_heard() {
    let number = |n: u8| TerminalNumber::parse(&format!("5810000000{n:02}")).unwrap();
    let group = |number| GroupId {
        place: Place::Vehicle,
        number,
    };
    let mut lists = cards();
    for (terminal, vehicle) in [(1, 7), (2, 7), (3, 8)] {
        lists.groups.put(number(terminal), group(vehicle));
    }
    let held = held(lists);
    for (second, is_recovered) in [(2, true), (3, false), (4, false)] {
        let mut rider = card(0x17, ISSUER, CardKind::ORDINARY, 1);
        let mut first = taking(Post::new(1, bus()), &held);
        let mut other = taking(Post::new(second, bus()), &held);
        let torn = tear_paid(&mut first, &mut rider, T0);
        other.note(&torn.notices, T0);
        let end = other.tap(&mut rider, T0.plus_s(5));
        let recovered = matches!(end.outcome, TapOutcome::Recovered(_));
        assert_eq!(recovered, is_recovered, "terminal {second}: {end:?}");
        first.note(&end.notices, T0);
        assert_eq!(first.terminal.open_intents(), usize::from(!is_recovered));
        // The same of a rider whom nobody told.
        let mut rider = card(0x18, ISSUER, CardKind::ORDINARY, 1);
        let mut first = taking(Post::new(1, bus()), &held);
        dark(&mut first, &mut rider, T0.plus_s(60));
        other.note(&first.terminal.torn(), T0.plus_s(60));
        let end = other.tap(&mut rider, T0.plus_s(65));
        let recovered = matches!(end.outcome, TapOutcome::Recovered(_));
        assert_eq!(recovered, is_recovered, "terminal {second}: {end:?}");
    }
    // A terminal that leaves the group takes what it said with it.
    let mut rider = card(0x17, ISSUER, CardKind::ORDINARY, 1);
    let mut first = taking(Post::new(1, bus()), &held);
    let mut other = taking(Post::new(2, bus()), &held);
    let torn = tear_paid(&mut first, &mut rider, T0);
    other.note(&torn.notices, T0);
    let mut alone = taking(other, &self::held(cards()));
    let end = alone.tap(&mut rider, T0.plus_s(5));
    assert!(matches!(end.outcome, TapOutcome::Accepted(_)), "{end:?}");
}

#[test]
fn a_card_of_the_city_rides_unlisted_where_the_list_does_not_name_its_issuer() {
    let held = held(CardLists::default());
    let home: Timestamp = T0;
    let mut post = taking(Post::new(1, bus()), &held);
    let mut rider = card(0x17, ISSUER, CardKind::ORDINARY, 0);
    assert_eq!(ISSUER.city(), City([0x58, 0x10]));
    assert!(post.tap(&mut rider, home).outcome.ride().is_some());
    let end = post.tap(&mut card(0x18, ELSEWHERE, CardKind::ORDINARY, 1), home);
    assert_eq!(refusal(&end), &Refusal::IssuerNotListed);
}
