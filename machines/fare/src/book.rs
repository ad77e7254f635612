//! The fare book: a city's rule set of one version, and the questions it answers.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use tongtu_types::{BusinessDay, CityCode, Fen, LineCode, StationCode};

use crate::quote::{Quote, Ride, Step};
use crate::{Distance, Name, Network, ParseError};

/// The city whose fares a book states.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct City {
    /// Its code.
    pub code: CityCode,
    /// Its name.
    pub name: Name,
}

/// A line with one fare for every ride (单一票制).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FlatLine {
    /// Its code, as the ride record carries it.
    pub code: LineCode,
    /// Its name.
    pub name: Name,
    /// The fare.
    pub fare: Fen,
}

/// A city's fares of one version, in force from one day on.
///
/// Read with [`FareBook::parse`]; it cannot be ill-formed. The currency is always CNY.
#[derive(Clone, Debug)]
pub struct FareBook {
    pub(crate) city: City,
    pub(crate) version: u32,
    pub(crate) effective: BusinessDay,
    pub(crate) flat_lines: BTreeMap<LineCode, FlatLine>,
    pub(crate) networks: BTreeMap<LineCode, Network>,
}

/// One row of a network's fare table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TableRow {
    /// Where the ride begins.
    pub entry: StationCode,
    /// Where it ends.
    pub exit: StationCode,
    /// The shortest path between the two.
    pub distance: Distance,
    /// What it costs.
    pub fare: Fen,
}

/// Why a book has no fare for a ride: the ride names something that the book does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FareError {
    /// No flat line has this code.
    #[error("no flat line {line} in fare book version {version}")]
    UnknownLine {
        /// The code.
        line: LineCode,
        /// The version of the book asked.
        version: u32,
    },
    /// No network has this code.
    #[error("no network {network} in fare book version {version}")]
    UnknownNetwork {
        /// The code.
        network: LineCode,
        /// The version of the book asked.
        version: u32,
    },
    /// The network has no station with this code.
    #[error("no station {station} in network {network} of fare book version {version}")]
    UnknownStation {
        /// The network asked.
        network: LineCode,
        /// The code.
        station: StationCode,
        /// The version of the book asked.
        version: u32,
    },
}

impl FareBook {
    /// Reads a book from its text and computes its distance tables.
    ///
    /// # Errors
    /// [`ParseError`] with the line's number, what was found and what was expected. The format
    /// is described in [`crate::parse`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        crate::parse::book(bytes)
    }

    /// The city whose fares these are.
    #[must_use]
    pub const fn city(&self) -> &City {
        &self.city
    }

    /// The book's version, 1 or more; a ride record names it.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// The first day on which the book counts.
    #[must_use]
    pub const fn effective(&self) -> BusinessDay {
        self.effective
    }

    /// The flat lines by rising code.
    pub fn flat_lines(&self) -> impl Iterator<Item = &FlatLine> {
        self.flat_lines.values()
    }

    /// The networks by rising code.
    pub fn networks(&self) -> impl Iterator<Item = &Network> {
        self.networks.values()
    }

    /// The flat line with that code.
    ///
    /// # Errors
    /// [`FareError::UnknownLine`].
    pub fn flat_line(&self, code: LineCode) -> Result<&FlatLine, FareError> {
        let unknown = FareError::UnknownLine {
            line: code,
            version: self.version,
        };
        self.flat_lines.get(&code).ok_or(unknown)
    }

    /// The network with that code.
    ///
    /// # Errors
    /// [`FareError::UnknownNetwork`].
    pub fn network(&self, code: LineCode) -> Result<&Network, FareError> {
        let unknown = FareError::UnknownNetwork {
            network: code,
            version: self.version,
        };
        self.networks.get(&code).ok_or(unknown)
    }

    /// What the ride costs: the amount of [`FareBook::quote`] without its reasons, and without
    /// any allocation.
    ///
    /// # Errors
    /// [`FareError`] when the ride names a line, network or station that the book lacks.
    pub fn fare(&self, ride: &Ride) -> Result<Fen, FareError> {
        match *ride {
            Ride::Flat { line } => Ok(self.flat_line(line)?.fare),
            Ride::Distance {
                network,
                entry,
                exit,
                stayed_s,
            } => {
                let network = self.network(network)?;
                let distance = self.distance(network, entry, exit)?;
                if stayed_s > network.stay_limit_s() {
                    return Ok(network.fare_max());
                }
                Ok(network.ladder().fare(distance.metres))
            }
        }
    }

    /// What the ride costs, and why.
    ///
    /// # Errors
    /// [`FareError`] when the ride names a line, network or station that the book lacks.
    pub fn quote(&self, ride: &Ride) -> Result<Quote, FareError> {
        let steps = match *ride {
            Ride::Flat { line } => {
                let line = self.flat_line(line)?;
                Vec::from([Step::Flat {
                    line: line.name.clone(),
                    fare: line.fare,
                }])
            }
            Ride::Distance {
                network,
                entry,
                exit,
                stayed_s,
            } => self.distance_steps(self.network(network)?, entry, exit, stayed_s)?,
        };
        let amount = Fen::new(steps.iter().map(|step| step.effect().get()).sum());
        debug_assert_eq!(
            Ok(amount),
            self.fare(ride),
            "the reasons add up to the fare"
        );
        Ok(Quote {
            amount,
            steps,
            city: self.city.name.clone(),
            version: self.version,
            effective: self.effective,
        })
    }

    /// The highest fare a ride in the network can cost: what an entry may have to be good for.
    ///
    /// # Errors
    /// [`FareError::UnknownNetwork`].
    pub fn max_fare(&self, network: LineCode) -> Result<Fen, FareError> {
        self.network(network).map(Network::fare_max)
    }

    /// The network's whole fare table, entry by entry in the book's order of stations, rides
    /// from a station to itself included.
    ///
    /// # Errors
    /// [`FareError::UnknownNetwork`].
    pub fn table(&self, network: LineCode) -> Result<Vec<TableRow>, FareError> {
        let network = self.network(network)?;
        let stations = network.stations();
        let mut rows = Vec::with_capacity(stations.len() * stations.len());
        for (entry_index, entry) in stations.iter().enumerate() {
            for (exit_index, exit) in stations.iter().enumerate() {
                let distance = network.between(entry_index, exit_index);
                let fare = network.ladder().fare(distance.metres);
                rows.push(TableRow {
                    entry: entry.code,
                    exit: exit.code,
                    distance,
                    fare,
                });
            }
        }
        Ok(rows)
    }

    fn distance_steps(
        &self,
        network: &Network,
        entry: StationCode,
        exit: StationCode,
        stayed_s: u32,
    ) -> Result<Vec<Step>, FareError> {
        let distance = self.distance(network, entry, exit)?;
        let ladder = network.ladder();
        let name = |code| {
            network
                .station(code)
                .expect("it has a distance")
                .name
                .clone()
        };
        let legs = network
            .legs(entry, exit)
            .expect("both stations have a distance");
        let mut steps = Vec::from([
            Step::Path {
                entry: name(entry),
                exit: name(exit),
                distance,
                legs,
            },
            Step::Base {
                upto_m: ladder.base_m(),
                fare: ladder.base_fare(),
            },
        ]);
        steps.extend(ladder.rungs(distance.metres).map(Step::Rung));
        let limit_s = network.stay_limit_s();
        if stayed_s > limit_s {
            let below = network.fare_max().get() - ladder.fare(distance.metres).get();
            steps.push(Step::OverStay {
                stayed_s,
                limit_s,
                fare: Fen::new(below),
            });
        }
        Ok(steps)
    }

    fn distance(
        &self,
        network: &Network,
        entry: StationCode,
        exit: StationCode,
    ) -> Result<Distance, FareError> {
        network
            .distance(entry, exit)
            .ok_or_else(|| FareError::UnknownStation {
                network: network.code(),
                station: if network.station(entry).is_none() {
                    entry
                } else {
                    exit
                },
                version: self.version,
            })
    }
}
