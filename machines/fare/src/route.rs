//! A line or a system of zones whose stops are known: any two stops have a fare.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use tongtu_types::{Fen, LineCode, StationCode};

use crate::rule::Occasion;
use crate::{Direction, Ladder, Mode, Name, OverStay, When};

/// How many stops a route may have.
pub const STOPS_MAX: usize = 4096;

/// A fare by number: of segments, of zones, of seconds. A boundary belongs to the cheaper side.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tiers {
    /// Up to which number, inclusive, and the fare; by rising number and fare.
    pub(crate) steps: Vec<(u32, Fen)>,
    /// The fare above all of them.
    pub(crate) beyond: Fen,
}

impl Tiers {
    /// The fare for that number.
    #[must_use]
    pub fn fare(&self, number: u32) -> Fen {
        let step = self.steps.iter().find(|(upto, _)| number <= *upto);
        step.map_or(self.beyond, |(_, fare)| *fare)
    }
}

/// Fares between zones.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Pairs {
    pub(crate) fares: BTreeMap<(StationCode, StationCode), Fen>,
}

impl Pairs {
    /// The cheapest of the fares between zones of the two stops.
    fn fare(&self, from: &Stop, to: &Stop) -> Option<Fen> {
        let pairs = from
            .zones
            .iter()
            .flat_map(|a| to.zones.iter().map(|b| (*a, *b)));
        pairs
            .filter_map(|pair| self.fares.get(&pair).copied())
            .min()
    }
}

/// What a route's fare goes by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Scale {
    /// Metres between the marks of the stops (里程).
    Distance(Ladder),
    /// Segments touched (分段).
    Segments(Tiers),
    /// Numbered zones touched, as rings around the middle (分区).
    Zones(Tiers),
    /// The zones of the two stops (区间票价).
    Pairs(Pairs),
    /// Seconds between the two taps (计时).
    Time(Tiers),
}

/// One table of a route; the first whose condition holds counts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Table {
    /// When it counts.
    pub when: When,
    /// What it goes by.
    pub scale: Scale,
}

/// A stop (站点) of a route.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stop {
    /// Its code.
    pub code: StationCode,
    /// Its name.
    pub name: Name,
    /// Its mark in metres, or the number of its segment or zone.
    pub mark: u32,
    /// Its zones, for [`Scale::Pairs`].
    pub zones: Vec<StationCode>,
}

/// What a fare of a route was looked up by, for the explanation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extent {
    /// So many metres.
    Metres(u32),
    /// So many segments.
    Segments(u32),
    /// So many zones.
    Zones(u32),
    /// The two stops' zones.
    Pair,
    /// So many seconds.
    Seconds(u32),
}

/// A line or a system of zones with two taps.
#[derive(Clone, Debug)]
pub struct Route {
    pub(crate) code: LineCode,
    pub(crate) name: Name,
    pub(crate) mode: Mode,
    pub(crate) stay: Option<(u32, OverStay)>,
    pub(crate) stops: Vec<Stop>,
    pub(crate) index_by_code: BTreeMap<StationCode, usize>,
    pub(crate) tables: Vec<Table>,
    /// The index of the stop `*`.
    pub(crate) others: Option<usize>,
}

impl Route {
    /// Its code, unique in the book.
    #[must_use]
    pub const fn code(&self) -> LineCode {
        self.code
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.name
    }

    /// Its mode.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Its stops, in the order of the direction up.
    #[must_use]
    pub fn stops(&self) -> &[Stop] {
        &self.stops
    }

    /// Its tables.
    #[must_use]
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// The stop with that code, or the one that stands for all others, `*`, where there is one.
    #[must_use]
    pub fn stop(&self, code: StationCode) -> Option<&Stop> {
        self.index(code).map(|index| &self.stops[index])
    }

    fn index(&self, code: StationCode) -> Option<usize> {
        let index = self.index_by_code.get(&code).copied();
        index.or(self.others)
    }

    /// The fare between two stops, and by what it goes; `None` when the table has no such pair.
    pub(crate) fn fare(
        &self,
        from: &Stop,
        to: &Stop,
        stayed_s: u32,
        ride: &Occasion,
    ) -> Option<(Extent, Fen)> {
        let table = self.table(ride)?;
        let apart = from.mark.abs_diff(to.mark);
        // Marks are at most 4,294,967; one more fits.
        let touched = apart + 1;
        Some(match &table.scale {
            Scale::Distance(ladder) => (Extent::Metres(apart), ladder.fare(apart)),
            Scale::Segments(tiers) => (Extent::Segments(touched), tiers.fare(touched)),
            Scale::Zones(tiers) => (Extent::Zones(touched), tiers.fare(touched)),
            Scale::Pairs(pairs) => (Extent::Pair, pairs.fare(from, to)?),
            Scale::Time(tiers) => (Extent::Seconds(stayed_s), tiers.fare(stayed_s)),
        })
    }

    /// The fare of so many metres, where the route has a ladder.
    pub(crate) fn fare_of_metres(&self, metres: u32) -> Fen {
        let ladder = self.tables.iter().find_map(|table| match &table.scale {
            Scale::Distance(ladder) => Some(ladder),
            _ => None,
        });
        ladder.map_or(Fen::ZERO, |ladder| ladder.fare(metres))
    }

    fn table(&self, ride: &Occasion) -> Option<&Table> {
        self.tables.iter().find(|table| table.when.holds(ride))
    }

    /// The highest fare from that stop on in that direction, or in either.
    pub(crate) fn fare_max_from(
        &self,
        code: StationCode,
        direction: Option<Direction>,
        ride: &Occasion,
    ) -> Option<Fen> {
        let index = self.index(code)?;
        // Where stops are not all named, no direction leaves some of them behind.
        let left = match direction.filter(|_| self.others.is_none()) {
            Some(Direction::Up) => &self.stops[index..],
            Some(Direction::Down) => &self.stops[..=index],
            None => &self.stops[..],
        };
        let from = &self.stops[index];
        let fares = left
            .iter()
            .filter_map(|to| self.fare(from, to, u32::MAX, ride));
        Some(fares.map(|(_, fare)| fare).max().unwrap_or(Fen::ZERO))
    }

    /// The highest fare of any ride on it, by any of its tables.
    #[must_use]
    pub fn fare_max(&self) -> Fen {
        let of_table = |table: &Table| match &table.scale {
            Scale::Distance(ladder) => {
                let marks = || self.stops.iter().map(|stop| stop.mark);
                let (low, high) = (marks().min().unwrap_or(0), marks().max().unwrap_or(0));
                ladder.fare(high - low)
            }
            Scale::Segments(tiers) | Scale::Zones(tiers) => {
                let marks = || self.stops.iter().map(|stop| stop.mark);
                let (low, high) = (marks().min().unwrap_or(0), marks().max().unwrap_or(0));
                tiers.fare(high - low + 1)
            }
            Scale::Pairs(pairs) => pairs.fares.values().copied().max().unwrap_or(Fen::ZERO),
            Scale::Time(tiers) => tiers.beyond,
        };
        self.tables.iter().map(of_table).max().unwrap_or(Fen::ZERO)
    }
}
