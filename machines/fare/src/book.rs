//! The fare book: a city's rule set of one version, and the questions it answers.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use tongtu_types::{BusinessDay, CityCode, Fen, LineCode, StationCode};

use crate::charge::{Silent, Witness};
use crate::quote::{Quote, Ride, Step};
use crate::{
    Class, Counter, Direction, Distance, Fare, Journey, Means, Mode, Name, Network, OverStay,
    ParseError, Product, Repair, RepairKind, Rider, Rounding, Route, Rule, RuleKind,
};

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
    /// Its mode.
    pub mode: Mode,
    /// The fare.
    pub fare: Fen,
}

/// A class of riders that a book names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClassRow {
    /// The word for it in the book's conditions.
    pub key: String,
    /// What people call it.
    pub name: Name,
    /// Its number.
    pub class: Class,
}

/// What is ridden: a line or network of any kind.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Service<'a> {
    Flat(&'a FlatLine),
    Network(&'a Network),
    Route(&'a Route),
}

impl Service<'_> {
    pub(crate) const fn mode(self) -> Mode {
        match self {
            Self::Flat(line) => line.mode,
            Self::Network(network) => network.mode(),
            Self::Route(route) => route.mode(),
        }
    }

    pub(crate) fn stay(self) -> Option<(u32, OverStay)> {
        match self {
            Self::Flat(_) => None,
            Self::Network(network) => Some((network.stay_limit_s(), network.over_stay())),
            Self::Route(route) => route.stay,
        }
    }

    pub(crate) fn fare_max(self) -> Fen {
        match self {
            Self::Flat(line) => line.fare,
            Self::Network(network) => network.fare_max(),
            Self::Route(route) => route.fare_max(),
        }
    }

    /// The ordinary fare of so many metres, where it goes by them.
    pub(crate) fn fare_of_metres(self, metres: u32) -> Fen {
        match self {
            Self::Network(network) => network.ladder().fare(metres),
            Self::Route(route) => route.fare_of_metres(metres),
            Self::Flat(_) => Fen::ZERO,
        }
    }
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
    pub(crate) routes: BTreeMap<LineCode, Route>,
    pub(crate) classes: Vec<ClassRow>,
    /// Rules of every kind, by kind and then in the book's order.
    pub(crate) rules: Vec<Rule>,
    pub(crate) counters: Vec<Counter>,
    pub(crate) products: BTreeMap<u8, Product>,
    pub(crate) repairs: Vec<Repair>,
    pub(crate) roundings: Vec<Rounding>,
    /// Days that are not what their weekday says: whether one works on them.
    pub(crate) calendar: BTreeMap<BusinessDay, bool>,
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
    /// The tables of a route have no fare for the two stops.
    #[error("no fare from {entry} to {exit} on {line} in fare book version {version}")]
    NoFare {
        /// The route asked.
        line: LineCode,
        /// Where the ride begins.
        entry: StationCode,
        /// Where it ends.
        exit: StationCode,
        /// The version of the book asked.
        version: u32,
    },
    /// The book does not say what such an unwhole ride costs.
    #[error("no rule for {} on {line} in fare book version {version}", kind.name().0)]
    NoRepair {
        /// How the ride is not whole.
        kind: RepairKind,
        /// The line or network.
        line: LineCode,
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

    /// The routes by rising code.
    pub fn routes(&self) -> impl Iterator<Item = &Route> {
        self.routes.values()
    }

    /// The route with that code.
    #[must_use]
    pub fn route(&self, code: LineCode) -> Option<&Route> {
        self.routes.get(&code)
    }

    /// The classes, in the book's order.
    #[must_use]
    pub fn classes(&self) -> &[ClassRow] {
        &self.classes
    }

    /// All rules, by kind, then in the book's order.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rules of one kind, in the book's order.
    pub fn rules_of(&self, kind: RuleKind) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(move |rule| rule.kind == kind)
    }

    /// The counters by rising number.
    #[must_use]
    pub fn counters(&self) -> &[Counter] {
        &self.counters
    }

    /// The counter with that number.
    #[must_use]
    pub fn counter(&self, number: u8) -> Option<&Counter> {
        let mut counters = self.counters.iter();
        counters.find(|counter| counter.number == number)
    }

    /// The products by rising number.
    pub fn products(&self) -> impl Iterator<Item = &Product> {
        self.products.values()
    }

    /// The product with that number.
    #[must_use]
    pub fn product(&self, number: u8) -> Option<&Product> {
        self.products.get(&number)
    }

    /// What is said of rides that are not whole, in the book's order.
    #[must_use]
    pub fn repairs(&self) -> &[Repair] {
        &self.repairs
    }

    /// How amounts are rounded, in the book's order.
    #[must_use]
    pub fn roundings(&self) -> &[Rounding] {
        &self.roundings
    }

    /// Whether one works on that day: Monday to Friday, but for the book's calendar.
    #[must_use]
    pub fn is_workday(&self, day: BusinessDay) -> bool {
        let named = self.calendar.get(&day).copied();
        named.unwrap_or_else(|| crate::rule::weekday(day) < 5)
    }

    /// What the ride costs an ordinary rider before any rule: the amount of [`FareBook::quote`]
    /// without its reasons, and without any allocation.
    ///
    /// Where a route has tables for times or classes, it is the ordinary rider's with a card at
    /// the beginning of the book's first day.
    ///
    /// # Errors
    /// [`FareError`] when the ride names a line, network or station that the book lacks.
    pub fn fare(&self, ride: &Ride) -> Result<Fen, FareError> {
        self.plain(ride, &mut Silent)
    }

    /// What the ride costs an ordinary rider before any rule, and why.
    ///
    /// # Errors
    /// [`FareError`] when the ride names a line, network or station that the book lacks.
    pub fn quote(&self, ride: &Ride) -> Result<Quote, FareError> {
        let mut steps = Vec::new();
        let amount = self.plain(ride, &mut steps)?;
        let penalty = steps.iter().filter_map(|step| match step {
            Step::OverStay { fare, .. } | Step::Repair { fare, .. } => Some(fare.get()),
            _ => None,
        });
        let penalty = penalty.sum();
        Ok(Quote {
            amount,
            steps,
            city: self.city.name.clone(),
            version: self.version,
            effective: self.effective,
            fare: Fare {
                amount,
                base: Fen::new(amount.get() - penalty),
                discount: Fen::ZERO,
                transfer: Fen::ZERO,
                penalty: Fen::new(penalty),
                later: false,
                version: self.version,
            },
        })
    }

    fn plain<W: Witness>(&self, ride: &Ride, witness: &mut W) -> Result<Fen, FareError> {
        let journey = Journey::new(*ride, self.effective.start_in_china());
        let service = self.service_of(ride)?;
        let rider = Rider::ordinary(Means::Card, self.city.code);
        let occasion = self.occasion(&journey, &rider, service);
        Ok(self.base(&journey, &occasion, service, witness)?.sum())
    }

    /// The highest fare a ride on the network, route or line can cost before any rule: what an
    /// entry may have to be good for.
    ///
    /// # Errors
    /// [`FareError::UnknownNetwork`].
    pub fn max_fare(&self, network: LineCode) -> Result<Fen, FareError> {
        match (self.networks.get(&network), self.routes.get(&network)) {
            (Some(network), _) => Ok(network.fare_max()),
            (None, Some(route)) => Ok(route.fare_max()),
            (None, None) => self.network(network).map(Network::fare_max),
        }
    }

    /// The highest fare of a ride that begins at a stop, for the rest of the line in that
    /// direction or in either: the amount to mark at boarding (标注金额).
    ///
    /// # Errors
    /// [`FareError`] when the book lacks the line or the stop.
    pub fn max_fare_from(
        &self,
        line: LineCode,
        stop: StationCode,
        direction: Option<Direction>,
    ) -> Result<Fen, FareError> {
        let ride = Ride::MissingExit {
            line,
            entry: stop,
            stayed_s: 0,
        };
        let journey = Journey::new(ride, self.effective.start_in_china());
        let rider = Rider::ordinary(Means::Card, self.city.code);
        self.max_fare_of(&journey, &rider, direction)
    }

    /// The same for one rider at one moment, where a route has tables for them.
    ///
    /// # Errors
    /// [`FareError`] when the book lacks the line or the stop.
    pub fn max_fare_of(
        &self,
        journey: &Journey,
        rider: &Rider,
        direction: Option<Direction>,
    ) -> Result<Fen, FareError> {
        let service = self.service(journey.ride.line())?;
        let occasion = self.occasion(journey, rider, service);
        match journey.ride.ends() {
            (Some(stop), _) | (None, Some(stop)) => {
                self.fare_max_at(service, stop, direction, &occasion)
            }
            (None, None) => Ok(service.fare_max()),
        }
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

    /// The service that a ride names, of the kind that the ride is made on.
    pub(crate) fn service_of(&self, ride: &Ride) -> Result<Service<'_>, FareError> {
        match *ride {
            Ride::Flat { line } => self.flat_line(line).map(Service::Flat),
            _ => self.service(ride.line()),
        }
    }

    /// What has this code; a network's error when nothing has.
    pub(crate) fn service(&self, code: LineCode) -> Result<Service<'_>, FareError> {
        if let Some(network) = self.networks.get(&code) {
            return Ok(Service::Network(network));
        }
        if let Some(line) = self.flat_lines.get(&code) {
            return Ok(Service::Flat(line));
        }
        match self.routes.get(&code) {
            Some(route) => Ok(Service::Route(route)),
            None => Err(FareError::UnknownNetwork {
                network: code,
                version: self.version,
            }),
        }
    }

    pub(crate) fn class_bit(&self, class: Class) -> u32 {
        let place = |class| self.classes.iter().position(|row| row.class == class);
        // A class that the book does not name rides as the ordinary one.
        let place = place(class).or_else(|| place(Class::ORDINARY));
        place.map_or(0, |place| 1 << place)
    }
}
