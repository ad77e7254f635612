//! The sections of a bundle that are about cards: one encoding, and nothing malformed.

use proptest::prelude::*;
use tongtu_purse::field::{Amount, CardKind, Institution};
use tongtu_terminal::lists::{
    AcceptedIssuer, CITIES_MAX, CardKinds, CardLists, GroupId, InteropRule, IssuerPattern,
    ListBundle, ListError, MASKS_MAX, Parameters, Permissions, Place, Service, Unverified,
};
use tongtu_types::{BusinessDay, TerminalNumber, Timestamp};

use crate::fixture::{City, card_lists, reseal};

fn bundle(city: &City, cards: CardLists) -> ListBundle {
    ListBundle {
        cards,
        fare_books: Vec::new(),
        ..city.bundle(1)
    }
}

/// A bundle of which only the sections of cards are of interest, and where they begin.
fn body(city: &City) -> (Vec<u8>, usize) {
    let bytes = bundle(city, card_lists()).sign(&city.list_key).unwrap();
    let cities_at = 25 + (6 + 144) + (6 + 4) + 4 * 6;
    assert_eq!(bytes[cities_at..cities_at + 2], [0, 8], "the city list");
    (bytes[..bytes.len() - 96].to_vec(), cities_at)
}

#[test]
fn names_what_is_wrong_in_a_genuine_list_of_cards() {
    let city = City::new();
    let (body, cities_at) = body(&city);
    let parameters_at = cities_at + 6 + 12 + 3 * 49;
    let groups_at = parameters_at + 6 + 2 * 291;
    let blacklist_at = groups_at + 6 + 3 * 11;
    assert_eq!(body.len(), blacklist_at + 6 + 8);
    let open = |body: &[u8]| ListBundle::open(&reseal(&city, body), city.list_key.public());
    let changed = |at: usize, bytes: &[u8]| {
        let mut body = body.clone();
        body[at..at + bytes.len()].copy_from_slice(bytes);
        open(&body).unwrap_err()
    };
    let fault = |list, index| ListError::Entry { list, index };
    let (entry, set, group) = (cities_at + 18, parameters_at + 6, groups_at + 6);
    for (name, at, bytes, expected) in [
        ("interop rule", entry + 48, &[2][..], fault("cities", 0)),
        ("bits beside the mask", entry + 7, &[1], fault("cities", 0)),
        (
            "same entry again",
            entry + 49,
            &body[entry..entry + 49],
            fault("cities", 1),
        ),
        (
            "no date",
            set,
            &[0x20, 0x26, 0x13, 0x01],
            fault("parameters", 0),
        ),
        ("no intents", set + 19, &[0], fault("parameters", 0)),
        ("policy", set + 20, &[2], fault("parameters", 0)),
        ("beyond time", set + 21, &[0xFF], fault("parameters", 0)),
        (
            "days do not rise",
            set + 291,
            &body[set..set + 4],
            fault("parameters", 1),
        ),
        ("place", group, &[0], fault("groups", 0)),
        (
            "terminal number",
            group + 22 + 5,
            &[0xFA],
            fault("groups", 2),
        ),
        (
            "terminal in two groups",
            group + 22 + 10,
            &[0x08],
            fault("groups", 2),
        ),
    ] {
        assert_eq!(changed(at, bytes), expected, "{name}");
    }
    let mut short = body.clone();
    short.truncate(blacklist_at + 6);
    short[blacklist_at + 5] = 0;
    assert_eq!(open(&short).unwrap_err(), fault("card_blacklist", 0));
}

#[test]
fn lists_of_cards_beyond_their_limits_are_not_made() {
    let city = City::new();
    let rule = AcceptedIssuer {
        kinds: CardKinds::ALL,
        interop: InteropRule::Any,
    };
    let mut cards = CardLists::default();
    for mask in 0..=u8::try_from(MASKS_MAX).unwrap() {
        let issuer = Institution([0xFF; 8]);
        let pattern = IssuerPattern::new(issuer, [mask, 0, 0, 0, 0, 0, 0, 0]);
        cards.cities.accept(pattern, rule);
    }
    let refused = |cards: CardLists| bundle(&city, cards).sign(&city.list_key).unwrap_err();
    let too_many = |list, max: usize| ListError::TooMany {
        list,
        found: max + 1,
        max,
    };
    assert_eq!(
        refused(cards),
        too_many("masks of the city list", MASKS_MAX)
    );
    let mut cards = CardLists::default();
    for n in 0..=u32::try_from(CITIES_MAX).unwrap() {
        let [a, b, c, d] = n.to_be_bytes();
        let pattern = IssuerPattern::of(Institution([a, b, c, d, 0, 0, 0, 0]));
        cards.cities.accept(pattern, rule);
    }
    assert_eq!(refused(cards), too_many("cities", CITIES_MAX));
    let cards = CardLists {
        parameters: vec![Parameters::DEFAULT; 2],
        ..CardLists::default()
    };
    let expected = ListError::Entry {
        list: "parameters",
        index: 1,
    };
    assert_eq!(refused(cards), expected);
}

#[test]
fn a_permission_is_one_kind_and_one_service() {
    let services = [
        Service::Bus,
        Service::Segmented,
        Service::Rail,
        Service::MakeUp,
        Service::Cash,
    ];
    for service in services {
        let only = Permissions::NONE.set(CardKind::ELDER, service, true);
        for other in services {
            assert_eq!(only.allow(CardKind::ELDER, other), other == service);
            assert!(!only.allow(CardKind::STUDENT, other));
        }
        assert_eq!(only.set(CardKind::ELDER, service, false), Permissions::NONE);
    }
}

prop_compose! {
    fn parameters()(
        numbers: (u16, u32, u32, u16, u8, u16),
        intents_max in 1u8..,
        vouch: bool,
        clock in 0i64..,
        bounds: (u16, u32),
        kinds: Vec<u8>,
    ) -> Parameters {
        let mut permissions = Permissions::ALL;
        for kind in kinds {
            permissions = permissions.set(CardKind(kind), Service::Rail, false);
        }
        Parameters {
            from: BusinessDay::from_days(0),
            retap_s: numbers.0,
            balance_max: Amount::new(numbers.1),
            balance_low: Amount::new(numbers.2),
            window_s: numbers.3,
            window_tries: numbers.4,
            grey_after_s: numbers.5,
            intents_max,
            unverified: if vouch { Unverified::Vouch } else { Unverified::Refuse },
            clock_least: Timestamp::new(clock),
            clock_back_s: bounds.0,
            clock_sync_s: bounds.1,
            permissions,
        }
    }
}

prop_compose! {
    fn cards()(
        head: (u32, i64, u64),
        issuers in prop::collection::vec((any::<[u8; 8]>(), 0usize..4, any::<Vec<u8>>(), any::<bool>()), 0..20),
        sets in prop::collection::vec(parameters(), 0..4),
        members in prop::collection::vec((0u64..50, 1u32..4, 0u8..3), 0..20),
    ) -> CardLists {
        let mut lists = CardLists { blacklist_version: head.2, ..CardLists::default() };
        lists.cities.version = head.0;
        lists.cities.noticed_at = Timestamp::new(head.1);
        for (issuer, mask, kinds, any) in issuers {
            let mask = u64::MAX << (16 * mask);
            let pattern = IssuerPattern::new(Institution(issuer), mask.to_be_bytes());
            let kinds = kinds.into_iter().fold(CardKinds::NONE, |k, n| k.with(CardKind(n)));
            let interop = if any { InteropRule::Any } else { InteropRule::Declared };
            lists.cities.accept(pattern, AcceptedIssuer { kinds, interop });
        }
        for (mut set, days) in sets.into_iter().zip(20_000..) {
            set.from = BusinessDay::from_days(days);
            lists.parameters.push(set);
        }
        for (terminal, number, place) in members {
            let place = [Place::Vehicle, Place::Station, Place::Line][usize::from(place)];
            let terminal = TerminalNumber::parse(&format!("{terminal:012}")).unwrap();
            lists.groups.put(terminal, GroupId { place, number });
        }
        lists
    }
}

proptest! {
    #[test]
    fn lists_of_cards_round_trip(cards in cards()) {
        let city = City::new();
        let bytes = bundle(&city, cards.clone()).sign(&city.list_key).unwrap();
        let opened = ListBundle::open(&bytes, city.list_key.public()).unwrap();
        prop_assert_eq!(&opened.cards, &cards);
        prop_assert_eq!(opened.sign(&city.list_key).unwrap(), bytes);
    }

    /// Genuine, but with a byte changed or the end missing: never a panic, and whatever opens has
    /// one encoding.
    #[test]
    fn what_opens_is_what_would_be_written(at in 0usize..900, byte: u8, cut in 0usize..60) {
        let city = City::new();
        let (mut body, _) = body(&city);
        let at = at % body.len();
        body[at] = byte;
        if cut < 10 {
            body.truncate(body.len() - cut);
        }
        let bytes = reseal(&city, &body);
        if let Ok(opened) = ListBundle::open(&bytes, city.list_key.public()) {
            prop_assert_eq!(opened.sign(&city.list_key).unwrap(), bytes);
        }
    }
}
