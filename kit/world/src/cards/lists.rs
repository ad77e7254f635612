//! What a city's acquirer tells its terminals of cards: whose are taken, by which limits, which
//! terminals stand together, and which cards are refused.
//!
//! All of it goes to the acquirer's node, and from there to each terminal over its door, signed.

use std::collections::BTreeMap;

use tongtu_blacklist::{ListedNumber, Span};
use tongtu_purse::field::{Amount, Institution};
use tongtu_terminal::CardLists;
use tongtu_terminal::lists::{
    AcceptedIssuer, CardKinds, GroupId, InteropRule, IssuerPattern, Parameters, Place,
};
use tongtu_types::{BusinessDay, StationCode, Timestamp};

use super::people::Flaw;
use super::posts::CardPlace;
use crate::country::{CITIES, Country, NODES};

/// The lists of a city, but its blacklist.
///
/// # Panics
/// Never: what is numbered is small.
#[must_use]
pub fn lists_of(country: &Country, city: usize) -> CardLists {
    let mut lists = CardLists::default();
    if country.card_posts.is_empty() {
        return lists;
    }
    lists.cities.version = 1;
    lists.cities.noticed_at = Timestamp::new(0);
    for other in CITIES.iter().filter(|other| **other != city) {
        let issuer = Institution::of(NODES[*other].institution());
        lists.cities.accept(
            IssuerPattern::of(issuer),
            AcceptedIssuer {
                kinds: CardKinds::ALL,
                interop: InteropRule::Declared,
            },
        );
    }
    lists.parameters = vec![Parameters {
        from: BusinessDay::from_days(0),
        // Riders with less than a long ride costs are told.
        balance_low: Amount::new(1_000),
        ..Parameters::DEFAULT
    }];
    let mut stations: BTreeMap<StationCode, u32> = BTreeMap::new();
    for post in country.card_posts.iter().filter(|post| post.city == city) {
        let (place, number) = match post.place {
            CardPlace::Bus { bus, .. } => (Place::Vehicle, u32::try_from(bus)),
            // The city's only bus of its kind.
            CardPlace::Suburb => (Place::Vehicle, Ok(u32::MAX)),
            CardPlace::Gate { station, .. } | CardPlace::HandHeld { station } => {
                let next = u32::try_from(stations.len());
                let next = next.expect("some dozen stations");
                (Place::Station, Ok(*stations.entry(station).or_insert(next)))
            }
        };
        let number = number.expect("some dozen buses");
        lists.groups.put(post.number, GroupId { place, number });
    }
    lists
}

/// The cards that are on every blacklist before the first day.
#[must_use]
pub fn listed_at_first(country: &Country) -> Vec<Span> {
    spans(country, |flaw| {
        matches!(flaw, Flaw::Blacklisted | Flaw::Found)
    })
}

/// The cards reported lost on the first morning, and those found again.
#[must_use]
pub fn reported(country: &Country) -> [Vec<Span>; 2] {
    [Flaw::Lost, Flaw::Found].map(|wanted| spans(country, |flaw| flaw == wanted))
}

fn spans(country: &Country, wanted: impl Fn(Flaw) -> bool) -> Vec<Span> {
    let holders = country.cardholders.iter();
    let numbers = holders.filter(|holder| wanted(holder.flaw));
    numbers
        .map(|holder| Span::single(ListedNumber::of(&holder.number)))
        .collect()
}
