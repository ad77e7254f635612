//! The auditor's own table of terms: what classes, means, transfers and sums take off a fare.
//!
//! Written down once more from the published rules and from what the demo adds to them, in
//! hundredths of a percent of a fen, and not from the books that terminals charge by.

use std::collections::BTreeMap;

use tongtu_types::{BusinessDay, Fen, Timestamp};

use crate::class::Class;
use crate::country::CITIES;

/// What a ride is, as far as terms depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ridden {
    /// Index into the nodes.
    pub(crate) city: usize,
    /// Whether a card paid.
    pub(crate) by_card: bool,
    /// Whether it was a bus.
    pub(crate) is_bus: bool,
    /// The rider's class.
    pub(crate) class: Class,
}

impl Ridden {
    /// The percentage that the class pays, where it has terms of its own.
    ///
    /// The terms are those of the city ridden in, for its own riders and all others.
    const fn conceded(&self) -> Option<i64> {
        let is_beijing = self.city == CITIES[0];
        match self.class {
            Class::Military if is_beijing => Some(0),
            Class::Elder if self.is_bus || !is_beijing => Some(0),
            Class::Student if !is_beijing => Some(50),
            Class::Student if self.is_bus && self.by_card => Some(25),
            _ => None,
        }
    }

    /// What is paid before transfers and sums: the class's part, or the card's.
    pub(crate) fn own(&self, fare: Fen) -> (Exact, bool) {
        let exact = Exact::of(fare);
        match self.conceded() {
            Some(percent) => (exact.percent(percent), true),
            // Cards pay half on Beijing's buses.
            None if self.city == CITIES[0] && self.is_bus && self.by_card => {
                (exact.percent(50), false)
            }
            None => (exact, false),
        }
    }
}

/// Money in ten-thousandths of a fen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Exact(i64);

impl Exact {
    pub(crate) const fn of(fen: Fen) -> Self {
        Self(fen.get() * 10_000)
    }

    const fn percent(self, percent: i64) -> Self {
        Self(self.0 * percent / 100)
    }

    fn less(self, fen: i64) -> Self {
        Self((self.0 - fen * 10_000).max(0))
    }

    /// Whole fen, half a fen up.
    pub(crate) const fn fen(self) -> Fen {
        Fen::new((self.0 + 5_000).div_euclid(10_000))
    }
}

/// A ride that somebody may change from.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Before {
    line: String,
    is_bus: bool,
    paid_at: Timestamp,
    /// Transfers in a row up to it.
    chain: u8,
}

/// What is to be known of one card's rides in one city.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    month: BTreeMap<(i64, i64), i64>,
    day: BTreeMap<BusinessDay, i64>,
    before: Option<Before>,
}

/// What a card remembers of a ride.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Memory {
    /// Nothing: an e-cash.
    None,
    /// The ride itself, in its list of trips: a card of another city.
    Trip,
    /// Sums and chains too, in the city's own file.
    File,
}

/// A charge as it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Charged<'a> {
    pub(crate) ridden: Ridden,
    /// The line or network.
    pub(crate) line: &'a str,
    /// What the card remembers of it.
    pub(crate) memory: Memory,
    pub(crate) begun_at: Timestamp,
    pub(crate) paid_at: Timestamp,
}

/// Seconds between two rides of a transfer, at most.
const TRANSFER_S: i64 = 3600;
/// What it takes off, in fen.
const TRANSFER_FEN: i64 = 50;
/// Transfers in a row, at most.
const TRANSFERS_MAX: u8 = 2;
/// What a day in Guangzhou costs at most, in fen.
const DAY_FEN_MAX: i64 = 1000;
/// From which sum of a month on which percentage is paid, from the highest down.
const BEIJING_MONTH: [(i64, i64); 3] = [(40_000, 100), (15_000, 50), (10_000, 80)];
const GUANGZHOU_MONTH: [(i64, i64); 2] = [(20_000, 50), (8_000, 80)];

impl Kept {
    /// So much was ridden in the month of a day, before anybody looked.
    pub(crate) fn ridden(&mut self, day: BusinessDay, fen: Fen) {
        *self.month.entry(month_of(day)).or_default() += fen.get();
    }

    /// What a card pays for a whole ride, and is kept of it.
    pub(crate) fn charge(&mut self, charged: &Charged<'_>, fare: Fen) -> Fen {
        let day = charged.paid_at.china().day;
        let is_beijing = charged.ridden.city == CITIES[0];
        let (mut exact, is_conceded) = charged.ridden.own(fare);
        let chain = self.chain_of(charged);
        if chain.is_some() {
            exact = exact.less(TRANSFER_FEN);
        }
        let counts = charged.memory == Memory::File && !(is_beijing && charged.ridden.is_bus);
        let month = self.month.get(&month_of(day)).copied().unwrap_or(0);
        let ladder: &[(i64, i64)] = match is_beijing {
            true => &BEIJING_MONTH,
            false => &GUANGZHOU_MONTH,
        };
        let reached = ladder.iter().find(|(from, _)| month >= *from);
        // Guangzhou's students and elders are not in its discounts of the month.
        if let Some((_, percent)) = reached
            && counts
            && (is_beijing || !is_conceded)
        {
            exact = exact.percent(*percent);
        }
        if !is_beijing {
            let today = self.day.get(&day).copied().unwrap_or(0);
            exact = exact.min(Exact::of(Fen::new((DAY_FEN_MAX - today).max(0))));
        }
        let fen = exact.fen();
        if counts {
            *self.month.entry(month_of(day)).or_default() += fen.get();
            *self.day.entry(day).or_default() += fen.get();
        }
        self.changed_from(charged, chain);
        fen
    }

    /// A ride that is no longer ordinary, because the rider stayed too long: it counts in no sum,
    /// and one may change from it.
    pub(crate) fn over_stayed(&mut self, charged: &Charged<'_>) {
        self.changed_from(charged, None);
    }

    fn changed_from(&mut self, charged: &Charged<'_>, chain: Option<u8>) {
        if charged.memory == Memory::None {
            return;
        }
        self.before = Some(Before {
            line: charged.line.to_owned(),
            is_bus: charged.ridden.is_bus,
            paid_at: charged.paid_at,
            // Of another city's card only the ride itself is known.
            chain: chain
                .filter(|_| charged.memory == Memory::File)
                .unwrap_or(0),
        });
    }

    /// How many transfers in a row this ride is, where it is one.
    fn chain_of(&self, charged: &Charged<'_>) -> Option<u8> {
        let before = self.before.as_ref()?;
        let waited_s = charged.begun_at.since_s(before.paid_at);
        let is_one = charged.ridden.city == CITIES[1]
            && charged.ridden.by_card
            && (0..=TRANSFER_S).contains(&waited_s)
            && before.line != charged.line
            && (before.is_bus || charged.ridden.is_bus)
            && before.chain < TRANSFERS_MAX;
        is_one.then_some(before.chain + 1)
    }
}

fn month_of(day: BusinessDay) -> (i64, i64) {
    let (year, month, _) = day.ymd();
    (year, month)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MORNING: Timestamp = Timestamp::new(1_774_224_000);

    fn bus(line: &str, minute: i64) -> Charged<'_> {
        let at = MORNING.plus_s(minute * 60);
        Charged {
            ridden: Ridden {
                city: CITIES[1],
                by_card: true,
                is_bus: true,
                class: Class::Ordinary,
            },
            line,
            memory: Memory::File,
            begun_at: at,
            paid_at: at,
        }
    }

    #[test]
    fn a_third_transfer_in_a_row_costs_the_whole_fare() {
        let mut card = Kept::default();
        let fen = [("1", 0), ("2", 60), ("1", 120), ("2", 150), ("1", 160)];
        let fen = fen.map(|(line, minute)| card.charge(&bus(line, minute), Fen::new(200)).get());
        assert_eq!(fen, [200, 150, 150, 200, 150]);
        assert_eq!(
            card.charge(&bus("2", 221), Fen::new(200)).get(),
            150,
            "capped at ten yuan"
        );
    }

    #[test]
    fn the_month_counts_from_its_thresholds_on() {
        let mut card = Kept::default();
        card.ridden(MORNING.china().day, Fen::new(7_900));
        let fen = [0, 90, 180].map(|minute| card.charge(&bus("1", minute), Fen::new(200)).get());
        assert_eq!(fen, [200, 160, 160]);
    }

    #[test]
    fn classes_pay_by_the_city_they_ride_in() {
        let pays = |city: usize, class, by_card, is_bus| {
            let ridden = Ridden {
                city,
                by_card,
                is_bus,
                class,
            };
            ridden.own(Fen::new(200)).0.fen().get()
        };
        let [beijing, guangzhou] = CITIES;
        for (city, class, by_card, is_bus, fen) in [
            (beijing, Class::Ordinary, true, true, 100),
            (beijing, Class::Ordinary, false, true, 200),
            (beijing, Class::Student, true, true, 50),
            (beijing, Class::Student, false, true, 200),
            (beijing, Class::Student, true, false, 200),
            (beijing, Class::Elder, false, true, 0),
            (beijing, Class::Elder, true, false, 200),
            (beijing, Class::Military, false, false, 0),
            (guangzhou, Class::Student, false, false, 100),
            (guangzhou, Class::Elder, true, false, 0),
            (guangzhou, Class::Military, true, true, 200),
        ] {
            assert_eq!(pays(city, class, by_card, is_bus), fen, "{city} {class:?}");
        }
    }
}
