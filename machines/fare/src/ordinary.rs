//! The ordinary fare of a ride with two taps, and the highest one from a stop on.

use alloc::vec::Vec;

use tongtu_types::{Fen, StationCode};

use crate::book::Service;
use crate::charge::Witness;
use crate::quote::Step;
use crate::rule::Occasion;
use crate::{
    Direction, Distance, FareBook, FareError, Journey, Network, Path, Route, Stop, VIA_MAX,
};

impl FareBook {
    /// The ordinary fare of a ride with two taps.
    pub(crate) fn ordinary_fare<W: Witness>(
        &self,
        journey: &Journey,
        occasion: &Occasion,
        service: Service<'_>,
        witness: &mut W,
    ) -> Result<Fen, FareError> {
        let (Some(entry), Some(exit)) = journey.ride.ends() else {
            return Ok(Fen::ZERO);
        };
        match service {
            Service::Flat(line) => Err(FareError::UnknownNetwork {
                network: line.code,
                version: self.version,
            }),
            Service::Network(network) => {
                self.network_fare(network, entry, exit, &journey.via, witness)
            }
            Service::Route(route) => {
                let stop = |code| self.stop(route, code);
                let (from, to) = (stop(entry)?, stop(exit)?);
                let fare = route.fare(from, to, journey.ride.stayed_s(), occasion);
                let (extent, fare) = fare.ok_or(FareError::NoFare {
                    line: route.code,
                    entry,
                    exit,
                    version: self.version,
                })?;
                witness.note(|| Step::Table {
                    line: route.name.clone(),
                    entry: from.name.clone(),
                    exit: to.name.clone(),
                    extent,
                    fare,
                });
                Ok(fare)
            }
        }
    }

    /// The highest fare from a stop on.
    pub(crate) fn fare_max_at(
        &self,
        service: Service<'_>,
        stop: StationCode,
        direction: Option<Direction>,
        occasion: &Occasion,
    ) -> Result<Fen, FareError> {
        let fare = match service {
            Service::Flat(line) => Some(line.fare),
            Service::Network(network) => network.fare_max_at(stop),
            Service::Route(route) => route.fare_max_from(stop, direction, occasion),
        };
        fare.ok_or(FareError::UnknownStation {
            network: occasion.line,
            station: stop,
            version: self.version,
        })
    }

    fn stop<'a>(&self, route: &'a Route, code: StationCode) -> Result<&'a Stop, FareError> {
        route.stop(code).ok_or(FareError::UnknownStation {
            network: route.code,
            station: code,
            version: self.version,
        })
    }

    fn network_fare<W: Witness>(
        &self,
        network: &Network,
        entry: StationCode,
        exit: StationCode,
        via: &[Option<StationCode>; VIA_MAX],
        witness: &mut W,
    ) -> Result<Fen, FareError> {
        let distance = self.distance(network, entry, exit, via)?;
        let ladder = network.ladder();
        witness.note(|| path_step(network, entry, exit, via, distance));
        witness.note(|| Step::Base {
            upto_m: ladder.base_m(),
            fare: ladder.base_fare(),
        });
        let mut fare = ladder.base_fare().get();
        for rung in ladder.rungs(distance.metres) {
            // At most 10^6 + 2^32 * 100 fen in all.
            fare += rung.fare.get();
            witness.note(|| Step::Rung(rung));
        }
        // UNSPECIFIED: a path ridden can be longer than any shortest one; the highest fare that
        // the operator publishes is the highest, whatever was ridden.
        let above = fare - network.fare_max().get();
        if network.path() == Path::Ridden && above > 0 {
            fare -= above;
            witness.note(|| Step::Highest {
                fare: Fen::new(-above),
            });
        }
        Ok(Fen::new(fare))
    }

    fn distance(
        &self,
        network: &Network,
        entry: StationCode,
        exit: StationCode,
        via: &[Option<StationCode>; VIA_MAX],
    ) -> Result<Distance, FareError> {
        let distance = network.distance_via(entry, exit, via);
        distance.ok_or_else(|| FareError::UnknownStation {
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

fn path_step(
    network: &Network,
    entry: StationCode,
    exit: StationCode,
    via: &[Option<StationCode>; VIA_MAX],
    distance: Distance,
) -> Step {
    let name = |code| {
        let station = network.station(code).expect("it has a distance");
        station.name.clone()
    };
    let mut legs = Vec::new();
    let mut here = entry;
    let seen = via.iter().flatten().copied();
    let seen =
        seen.filter(|code| network.path() == Path::Ridden && network.station(*code).is_some());
    for next in seen.chain([exit]) {
        legs.extend(network.legs(here, next).expect("both have a distance"));
        here = next;
    }
    Step::Path {
        entry: name(entry),
        exit: name(exit),
        distance,
        legs,
    }
}
