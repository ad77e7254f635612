//! The fare before any rule: of a whole ride, of one that stayed too long, of one that is not
//! whole.

use tongtu_types::{Fen, StationCode};

use crate::book::Service;
use crate::charge::{Silent, Witness};
use crate::quote::Step;
use crate::rule::Occasion;
use crate::{
    Direction, FareBook, FareError, Journey, OverStay, Repair, RepairCharge, RepairKind, Ride,
};

/// The fare before any rule.
#[derive(Clone, Copy)]
pub(crate) struct Base {
    pub(crate) fare: Fen,
    pub(crate) penalty: Fen,
    /// Whether rules apply, and the ride counts in the counters.
    pub(crate) ordinary: bool,
    /// Whether it is a ride from one place to another, with both taps it needs.
    pub(crate) whole: bool,
    /// Whether the back office settles it.
    pub(crate) later: bool,
}

impl Base {
    const fn ordinary(fare: Fen) -> Self {
        Self {
            fare,
            penalty: Fen::ZERO,
            ordinary: true,
            whole: true,
            later: false,
        }
    }

    /// The fare of the ride before any rule.
    pub(crate) const fn sum(self) -> Fen {
        // Both are at most 4.3e13 fen.
        Fen::new(self.fare.get() + self.penalty.get())
    }
}

impl FareBook {
    /// The fare before any rule, of a whole ride or one that is not.
    pub(crate) fn base<W: Witness>(
        &self,
        journey: &Journey,
        occasion: &Occasion,
        service: Service<'_>,
        witness: &mut W,
    ) -> Result<Base, FareError> {
        match journey.ride {
            Ride::Flat { line } => {
                let line = self.flat_line(line)?;
                witness.note(|| Step::Flat {
                    line: line.name.clone(),
                    fare: line.fare,
                });
                Ok(Base::ordinary(line.fare))
            }
            Ride::Distance {
                entry,
                exit,
                stayed_s,
                ..
            } => self.two_taps(journey, occasion, service, (entry, exit, stayed_s), witness),
            Ride::MissingExit { entry, .. } => {
                let kind = RepairKind::MissingExit;
                self.one_tap(kind, entry, occasion, service, witness)
            }
            Ride::MissingEntry { exit, .. } => {
                let kind = RepairKind::MissingEntry;
                self.one_tap(kind, exit, occasion, service, witness)
            }
        }
    }

    fn two_taps<W: Witness>(
        &self,
        journey: &Journey,
        occasion: &Occasion,
        service: Service<'_>,
        (entry, exit, stayed_s): (StationCode, StationCode, u32),
        witness: &mut W,
    ) -> Result<Base, FareError> {
        let repair = match entry == exit {
            true => self.repair_for(RepairKind::SameStation, occasion),
            false => None,
        };
        let repair = repair.filter(|repair| stayed_s <= repair.limit_s);
        if let Some(repair) = repair.filter(|repair| repair.charge != RepairCharge::Ride) {
            // That the station is unknown is an error all the same.
            self.ordinary_fare(journey, occasion, service, &mut Silent)?;
            return self.repaired(repair, service, entry, occasion, witness);
        }
        let mut base = Base::ordinary(self.ordinary_fare(journey, occasion, service, witness)?);
        let Some((limit_s, charge)) = service.stay().filter(|(limit_s, _)| stayed_s > *limit_s)
        else {
            return Ok(base);
        };
        match charge {
            OverStay::MaxFare => {
                let above = service.fare_max().get() - base.fare.get();
                base.penalty = Fen::new(above.max(0));
                base.ordinary = false;
            }
            OverStay::More(fare) => base.penalty = fare,
        }
        witness.note(|| Step::OverStay {
            stayed_s,
            limit_s,
            charge,
            fare: base.penalty,
        });
        Ok(base)
    }

    fn one_tap<W: Witness>(
        &self,
        kind: RepairKind,
        stop: StationCode,
        occasion: &Occasion,
        service: Service<'_>,
        witness: &mut W,
    ) -> Result<Base, FareError> {
        // That the stop is unknown is an error whatever the book says of the kind.
        self.fare_max_at(service, stop, occasion.direction, occasion)?;
        let repair = self.repair_for(kind, occasion).ok_or(FareError::NoRepair {
            kind,
            line: occasion.line,
            version: self.version(),
        })?;
        self.repaired(repair, service, stop, occasion, witness)
    }

    fn repaired<W: Witness>(
        &self,
        repair: &Repair,
        service: Service<'_>,
        stop: StationCode,
        occasion: &Occasion,
        witness: &mut W,
    ) -> Result<Base, FareError> {
        let penalty = match repair.charge {
            // The direction of the way back is the other one: before an exit lies the way here.
            RepairCharge::Farthest => {
                let direction = match repair.kind {
                    RepairKind::MissingEntry => occasion.direction.map(Direction::other),
                    _ => occasion.direction,
                };
                self.fare_max_at(service, stop, direction, occasion)?
            }
            RepairCharge::Highest => service.fare_max(),
            RepairCharge::Exactly(fare) => fare,
            RepairCharge::Ride | RepairCharge::Later => Fen::ZERO,
        };
        witness.note(|| Step::Repair {
            kind: repair.kind,
            charge: repair.charge,
            corrector: repair.corrector,
            limit_s: repair.limit_s,
            fare: penalty,
        });
        Ok(Base {
            fare: Fen::ZERO,
            penalty,
            ordinary: false,
            whole: false,
            later: repair.charge == RepairCharge::Later,
        })
    }

    pub(crate) fn repair_for(&self, kind: RepairKind, occasion: &Occasion) -> Option<&Repair> {
        let mut repairs = self.repairs().iter();
        repairs.find(|repair| repair.kind == kind && repair.when.holds(occasion))
    }
}
