//! What each tap must cost, by the auditor's own map and table of terms.

use std::collections::BTreeMap;

use tongtu_terminal::tap::Say;
use tongtu_types::{Fen, Timestamp};

use super::log::TapLog;
use super::people::Medium;
use super::plan::Due;
use super::posts::CardPlace;
use crate::audit::Metres;
use crate::books::SUBURB_STOPS;
use crate::country::{CITIES, Country};
use crate::terms::{Charged, Kept, Memory, Ridden};

/// Goes through the taps in order of time and remembers what each card has to.
pub(super) struct Reckoning<'a> {
    country: &'a Country,
    metros: BTreeMap<usize, Metres>,
    /// By card and city.
    kept: BTreeMap<(usize, usize), Kept>,
    /// When the ride under way began.
    begun: BTreeMap<usize, Timestamp>,
}

impl<'a> Reckoning<'a> {
    pub(super) fn new(country: &'a Country) -> Self {
        let mut kept: BTreeMap<(usize, usize), Kept> = BTreeMap::new();
        for (index, holder) in country.cardholders.iter().enumerate() {
            if let Some((day, sum)) = holder.ridden {
                let of_card = kept.entry((index, holder.home)).or_default();
                of_card.ridden(day, sum);
            }
        }
        Self {
            country,
            metros: CITIES
                .into_iter()
                .map(|city| (city, Metres::of(country, city)))
                .collect(),
            kept,
            begun: BTreeMap::new(),
        }
    }

    /// What the card must pay at this tap.
    pub(super) fn due(&mut self, log: &TapLog) -> Option<Fen> {
        let (holder, at) = (log.tap.holder, log.tap.at);
        let post = &self.country.card_posts[log.tap.post];
        let city = post.city;
        let yuan = |yuan: u8| Fen::new(i64::from(yuan) * 100);
        let begun_at = self.begun.get(&holder).copied().unwrap_or(at);
        if matches!(log.tap.say, Some(Say::Enter | Say::Boarded)) {
            self.begun.insert(holder, at);
        }
        let metro = &self.metros[&city];
        let (line, is_bus, begun_at, fare) = match (log.tap.due, post.place) {
            (Due::Nothing, _) => return Some(Fen::ZERO),
            // What is charged for a ride that was never ended is the dearest there is, whoever
            // rode, and no ride to change from.
            (Due::MetroFrom { from }, _) => return metro.dearest_from(city, from.as_str()),
            (Due::SuburbFrom { from }, _) => {
                return Some(yuan((from - 1).max(SUBURB_STOPS - from)));
            }
            (Due::Bus, CardPlace::Bus { line, .. }) => (line.to_string(), true, at, Fen::new(200)),
            (Due::Bus, _) => return None,
            (Due::Suburb { from, to }, _) => {
                // Four kilometres from stop to stop, a yuan for each four.
                ("suburb".to_owned(), true, begun_at, yuan(to - from))
            }
            (Due::Metro { from, to }, _) => {
                let fare = metro.fare(city, from.as_str(), to.as_str())?;
                ("metro".to_owned(), false, begun_at, fare)
            }
            (Due::MetroMax, _) => ("metro".to_owned(), false, begun_at, metro.dearest(city)?),
        };
        let rider = &self.country.cardholders[holder];
        let charged = Charged {
            ridden: Ridden {
                city,
                by_card: true,
                is_bus,
                class: rider.class,
            },
            line: &line,
            memory: match rider.medium {
                Medium::Cash => Memory::None,
                Medium::Purse if rider.home == city => Memory::File,
                Medium::Purse => Memory::Trip,
            },
            begun_at,
            paid_at: at,
        };
        let kept = self.kept.entry((holder, city)).or_default();
        if log.tap.due == Due::MetroMax {
            kept.over_stayed(&charged);
            return Some(fare);
        }
        Some(kept.charge(&charged, fare))
    }
}
