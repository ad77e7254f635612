//! A network priced by distance: stations, lines, links, and the shortest path between any two.

use alloc::collections::{BTreeMap, BinaryHeap};
use alloc::vec;
use alloc::vec::Vec;
use core::cmp::Reverse;

use tongtu_types::{Fen, LineCode, StationCode};

use crate::{Ladder, Mode, Name, OverStay, VIA_MAX};

/// How many stations a network may have; the distance table has the square of it in entries
/// of 8 bytes. The largest real network has about 500.
pub const STATIONS_MAX: usize = 1024;

/// The longest link between two adjacent stations, in metres.
pub const LINK_MAX_M: u32 = 100_000;

/// Stands for "not reached"; a real path has at most 1023 links of at most 100 km.
const FAR: Distance = Distance {
    metres: u32::MAX,
    derived_count: u32::MAX,
};

/// Where a distance comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Certainty {
    /// The operator published it.
    Published,
    /// Taken from a secondary source or computed; marked `?` in the book.
    Derived,
}

/// A station (车站) of a network.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Station {
    /// Its code, as the ride record carries it.
    pub code: StationCode,
    /// Its name.
    pub name: Name,
}

/// A line (线路) of a network.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// Its code.
    pub code: LineCode,
    /// Its name.
    pub name: Name,
}

/// A stretch of track between two adjacent stations; it can be ridden both ways.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Link {
    /// Index of its line in [`Network::lines`].
    pub line_index: usize,
    /// Indices of its two stations in [`Network::stations`].
    pub station_indices: [usize; 2],
    /// Its length in metres, 1 to [`LINK_MAX_M`].
    pub metres: u32,
    /// Where the length comes from.
    pub certainty: Certainty,
}

/// The length of the shortest path between two stations.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Distance {
    /// Metres. Compared first.
    pub metres: u32,
    /// How many links of the path are [`Certainty::Derived`]; of two paths of one length the
    /// one with fewer is taken.
    pub derived_count: u32,
}

/// A part of a path on one line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Leg {
    /// The line ridden.
    pub line: Name,
    /// Where the rider leaves it.
    pub to: Name,
    /// Its length.
    pub metres: u32,
}

/// Which path between two stations is paid for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Path {
    /// The shortest one, whichever was ridden.
    Shortest,
    /// The shortest one through the stations at which the rider was seen on the way, in order.
    Ridden,
}

/// What a book says of a network, before the distance table is made.
pub(crate) struct Plan {
    pub(crate) code: LineCode,
    pub(crate) name: Name,
    pub(crate) mode: Mode,
    pub(crate) stay_limit_s: u32,
    pub(crate) over_stay: OverStay,
    pub(crate) path: Path,
    pub(crate) ladder: Ladder,
    pub(crate) stations: Vec<Station>,
    pub(crate) lines: Vec<Line>,
    pub(crate) links: Vec<Link>,
}

/// A network (线网) priced by a ladder on the shortest path.
#[derive(Clone, Debug)]
pub struct Network {
    code: LineCode,
    name: Name,
    mode: Mode,
    stay_limit_s: u32,
    over_stay: OverStay,
    path: Path,
    ladder: Ladder,
    stations: Vec<Station>,
    lines: Vec<Line>,
    links: Vec<Link>,
    index_by_code: BTreeMap<StationCode, usize>,
    /// For each station its links: (other end, link), in the book's order.
    neighbours: Vec<Vec<(usize, usize)>>,
    /// Row by row, one entry for each ordered pair of stations.
    distances: Vec<Distance>,
    fare_max: Fen,
}

impl Certainty {
    const fn derived_count(self) -> u32 {
        match self {
            Self::Published => 0,
            Self::Derived => 1,
        }
    }
}

impl Distance {
    const ZERO: Self = Self {
        metres: 0,
        derived_count: 0,
    };

    const fn plus(self, link: &Link) -> Self {
        Self {
            metres: self.metres + link.metres,
            derived_count: self.derived_count + link.certainty.derived_count(),
        }
    }

    /// Both, one after the other. Each is at most 1023 links of 100 km, and there are few.
    const fn joined(self, other: Self) -> Self {
        Self {
            metres: self.metres + other.metres,
            derived_count: self.derived_count + other.derived_count,
        }
    }

    /// Published only if every link of the path is.
    #[must_use]
    pub const fn certainty(self) -> Certainty {
        match self.derived_count {
            0 => Certainty::Published,
            _ => Certainty::Derived,
        }
    }
}

impl Network {
    /// Computes the distance table.
    ///
    /// The plan's codes are unique and its links name stations and lines that exist.
    ///
    /// # Errors
    /// The index of the first station that the first one cannot reach.
    pub(crate) fn build(plan: Plan) -> Result<Self, usize> {
        let count = plan.stations.len();
        let mut neighbours = vec![Vec::new(); count];
        for (link_index, link) in plan.links.iter().enumerate() {
            let [a, b] = link.station_indices;
            neighbours[a].push((b, link_index));
            neighbours[b].push((a, link_index));
        }
        let mut distances = Vec::with_capacity(count * count);
        for source in 0..count {
            let row = distances_from(source, &neighbours, &plan.links);
            // Links run both ways, so what the first station reaches, all reach.
            if let Some(unreached) = row.iter().position(|distance| *distance == FAR) {
                return Err(unreached);
            }
            distances.extend(row);
        }
        let longest_m = distances
            .iter()
            .map(|distance| distance.metres)
            .max()
            .unwrap_or(0);
        let codes = plan.stations.iter().enumerate();
        Ok(Self {
            index_by_code: codes
                .map(|(index, station)| (station.code, index))
                .collect(),
            fare_max: plan.ladder.fare(longest_m),
            code: plan.code,
            name: plan.name,
            mode: plan.mode,
            stay_limit_s: plan.stay_limit_s,
            over_stay: plan.over_stay,
            path: plan.path,
            ladder: plan.ladder,
            stations: plan.stations,
            lines: plan.lines,
            links: plan.links,
            neighbours,
            distances,
        })
    }

    /// Its code, unique in the book among networks and flat lines.
    #[must_use]
    pub const fn code(&self) -> LineCode {
        self.code
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.name
    }

    /// How long a rider may stay between entry and exit, in seconds, inclusive.
    #[must_use]
    pub const fn stay_limit_s(&self) -> u32 {
        self.stay_limit_s
    }

    /// Its mode.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// What a longer stay costs.
    #[must_use]
    pub const fn over_stay(&self) -> OverStay {
        self.over_stay
    }

    /// Which path is paid for.
    #[must_use]
    pub const fn path(&self) -> Path {
        self.path
    }

    /// Its ladder.
    #[must_use]
    pub const fn ladder(&self) -> &Ladder {
        &self.ladder
    }

    /// Its stations in the book's order.
    #[must_use]
    pub fn stations(&self) -> &[Station] {
        &self.stations
    }

    /// Its lines in the book's order.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Its links in the book's order.
    #[must_use]
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// The fare between the two stations that are farthest apart.
    #[must_use]
    pub const fn fare_max(&self) -> Fen {
        self.fare_max
    }

    /// The station with that code.
    #[must_use]
    pub fn station(&self, code: StationCode) -> Option<&Station> {
        self.index(code).map(|index| &self.stations[index])
    }

    /// The length of the shortest path, `None` when a code is not of this network.
    #[must_use]
    pub fn distance(&self, entry: StationCode, exit: StationCode) -> Option<Distance> {
        Some(self.between(self.index(entry)?, self.index(exit)?))
    }

    /// The length of the path that is paid for: through the stations of `via` where the path
    /// ridden counts.
    pub(crate) fn distance_via(
        &self,
        entry: StationCode,
        exit: StationCode,
        via: &[Option<StationCode>; VIA_MAX],
    ) -> Option<Distance> {
        let (mut here, exit) = (self.index(entry)?, self.index(exit)?);
        let mut length = Distance::ZERO;
        if self.path == Path::Ridden {
            for station in via.iter().flatten() {
                // A station that the network does not have says nothing about the path.
                let Some(next) = self.index(*station) else {
                    continue;
                };
                length = length.joined(self.between(here, next));
                here = next;
            }
        }
        Some(length.joined(self.between(here, exit)))
    }

    /// The highest fare of a ride that begins or ends there.
    pub(crate) fn fare_max_at(&self, code: StationCode) -> Option<Fen> {
        let index = self.index(code)?;
        let count = self.stations.len();
        let row = &self.distances[index * count..(index + 1) * count];
        let farthest_m = row.iter().map(|distance| distance.metres).max();
        Some(self.ladder.fare(farthest_m.unwrap_or(0)))
    }

    /// One shortest path, leg by leg; empty from a station to itself.
    ///
    /// Of several paths of the same length it stays on its line where it can and else takes the
    /// link that comes first in the book, so every terminal names the same path.
    #[must_use]
    pub fn legs(&self, entry: StationCode, exit: StationCode) -> Option<Vec<Leg>> {
        let (mut here, goal) = (self.index(entry)?, self.index(exit)?);
        let mut legs: Vec<Leg> = Vec::new();
        let mut line_index = None;
        while here != goal {
            let left = self.between(here, goal);
            let (next, link) = self.neighbours[here]
                .iter()
                .map(|(next, link_index)| (*next, self.links[*link_index]))
                .filter(|(next, link)| self.between(*next, goal).plus(link) == left)
                .min_by_key(|(_, link)| Some(link.line_index) != line_index)
                .expect("a shortest path begins with some link");
            let to = self.stations[next].name.clone();
            match legs
                .last_mut()
                .filter(|_| line_index == Some(link.line_index))
            {
                Some(leg) => (leg.to, leg.metres) = (to, leg.metres + link.metres),
                None => {
                    let line = self.lines[link.line_index].name.clone();
                    legs.push(Leg {
                        line,
                        to,
                        metres: link.metres,
                    });
                }
            }
            (here, line_index) = (next, Some(link.line_index));
        }
        Some(legs)
    }

    pub(crate) fn between(&self, entry: usize, exit: usize) -> Distance {
        self.distances[entry * self.stations.len() + exit]
    }

    fn index(&self, code: StationCode) -> Option<usize> {
        self.index_by_code.get(&code).copied()
    }
}

/// Dijkstra's shortest paths from one station; the length alone decides, so any order of the
/// queue gives the same table.
fn distances_from(
    source: usize,
    neighbours: &[Vec<(usize, usize)>],
    links: &[Link],
) -> Vec<Distance> {
    let mut row = vec![FAR; neighbours.len()];
    row[source] = Distance::ZERO;
    let mut queue = BinaryHeap::from([Reverse((Distance::ZERO, source))]);
    while let Some(Reverse((distance, here))) = queue.pop() {
        if distance > row[here] {
            continue; // a shorter way here was found after this one was queued
        }
        for (next, link_index) in &neighbours[here] {
            let through = distance.plus(&links[*link_index]);
            if through < row[*next] {
                row[*next] = through;
                queue.push(Reverse((through, *next)));
            }
        }
    }
    row
}
