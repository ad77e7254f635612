//! The settlement run: multilateral netting, exact, independent of the order of its inputs.
//!
//! [`clear`] is for a hub that clears rides itself. [`relay`] is for one that also hands an
//! upper hub's results on to its members: a province between its cities and the nation.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::fmt;

use tongtu_ledger::SumE7;
use tongtu_types::{BusinessDay, Fen, InstitutionCode, MoneyError, RecordId};

use crate::{
    ClearedLine, DayResult, Fees, PairKey, PairTotal, Party, Position, RelayKey, Service, Topology,
    UpperNet,
};

/// A clearing serial (清分流水号): twelve digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ClearingSerial(u64);

impl ClearingSerial {
    /// The largest number that twelve digits hold.
    pub const MAX: u64 = 999_999_999_999;
    /// How many serials a day has.
    const PER_DAY: u64 = 1_000_000_000;

    /// Takes a number of at most twelve digits.
    #[must_use]
    pub const fn new(number: u64) -> Option<Self> {
        if number <= Self::MAX {
            Some(Self(number))
        } else {
            None
        }
    }

    /// The first serial of a settlement day.
    // UNSPECIFIED: only the width is known. We take the day's number modulo 1000 as the first
    // three digits: a thousand million rides a day, no serial twice in 1000 days, and nothing
    // to remember between days, so that a rerun gives the same serials.
    #[must_use]
    pub fn first_of(day: BusinessDay) -> Self {
        let thousandth = day.days().rem_euclid(1000);
        let thousandth = u64::try_from(thousandth).expect("a remainder of 1000 is not negative");
        Self(thousandth * Self::PER_DAY + 1)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ClearingSerial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012}", self.0)
    }
}

/// Which run is made: the hub, its day and its members.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Run {
    /// The settlement day.
    pub day: BusinessDay,
    /// The hub.
    pub hub: InstitutionCode,
    /// The hub's members; one without traffic gets a position of zeros.
    pub members: BTreeSet<InstitutionCode>,
    /// The serial of the first line.
    pub first_serial: ClearingSerial,
}

impl Run {
    /// The run of a hub for a day, with the members that the topology gives it.
    #[must_use]
    pub fn new(topology: &Topology, hub: InstitutionCode, day: BusinessDay) -> Self {
        Self {
            day,
            hub,
            members: topology.members_of(hub).collect(),
            first_serial: ClearingSerial::first_of(day),
        }
    }
}

/// A ride that is to be settled: judged, and its fees known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClearedInput {
    /// The record's id.
    pub record: RecordId,
    /// Who accepted it.
    pub acquirer: Party,
    /// Whose code it was.
    pub issuer: Party,
    /// The kind of service.
    pub service: Service,
    /// The amount, 0 or more.
    pub amount: Fen,
    /// Its fees.
    pub fees: Fees,
}

/// Which side of a ride our member is on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Side {
    /// Ours accepted, others issued: a line of a feedback file (清算反馈, FB).
    Acquired,
    /// Others accepted, ours issued: a line of a clearing detail file (清算明细, CL).
    Issued,
}

impl Side {
    /// The stable word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Acquired => "acquired",
            Self::Issued => "issued",
        }
    }
}

/// One settled line of an upper hub's feedback or detail file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UpperLine {
    /// The upper hub's clearing serial.
    pub serial: ClearingSerial,
    /// Which side our member is on.
    pub side: Side,
    /// Our member.
    pub member: InstitutionCode,
    /// Who accepted the ride.
    pub acquirer: InstitutionCode,
    /// Whose code it was.
    pub issuer: InstitutionCode,
    /// The kind of service.
    pub service: Service,
    /// The amount, 0 or more.
    pub amount: Fen,
    /// Its fees; the hub's share is the upper hub's.
    pub fees: Fees,
}

/// An upper hub's result for this hub and this day.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UpperResult {
    /// The upper hub.
    pub hub: InstitutionCode,
    /// The net position it published for us (BP): positive is to receive.
    pub net: Fen,
    /// Its lines, in any order.
    pub lines: Vec<UpperLine>,
}

/// Why a run gives no result. Nothing may be published then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClearError {
    /// One ride comes twice.
    #[error("record {record} is in the inputs twice")]
    RecordTwice {
        /// Its id.
        record: RecordId,
    },
    /// One line of the upper hub comes twice.
    #[error("line {serial} ({side}) of the upper hub is there twice", side = side.as_str())]
    UpperLineTwice {
        /// Its serial.
        serial: ClearingSerial,
        /// Our side of it.
        side: Side,
    },
    /// A record's id names another acquirer.
    #[error("record {record} does not belong to acquirer {acquirer}")]
    AcquirerDiffers {
        /// Its id.
        record: RecordId,
        /// The acquirer given.
        acquirer: InstitutionCode,
    },
    /// A party that is no member of the hub.
    #[error("{member} is not a member of {hub}")]
    NotMember {
        /// The party.
        member: InstitutionCode,
        /// The hub.
        hub: InstitutionCode,
    },
    /// One institution stands under two members.
    #[error("{institution} stands under the members {first} and {second}")]
    TwoMembers {
        /// The institution.
        institution: InstitutionCode,
        /// One member.
        first: InstitutionCode,
        /// The other one.
        second: InstitutionCode,
    },
    /// A ride with a negative amount.
    #[error("an amount of {amount_fen} fen, expected 0 or more")]
    NegativeAmount {
        /// The amount.
        amount_fen: i64,
    },
    /// More rides than serials.
    #[error("the day's clearing serials are used up")]
    SerialsExhausted,
    /// The upper hub's net position is not that of its lines.
    #[error("{hub} published {published} yuan for us, but its lines give {computed}")]
    UpperNetDiffers {
        /// The upper hub.
        hub: InstitutionCode,
        /// What it published.
        published: Fen,
        /// What its lines give.
        computed: Fen,
    },
    /// A sum left its range.
    #[error("a total is out of range")]
    Overflow,
    /// A net position left its range.
    #[error("a net position is out of range")]
    Money(#[from] MoneyError),
}

/// Clears a day: totals, net positions and serials, from rides in any order.
///
/// # Errors
/// [`ClearError`] naming what is wrong with the inputs.
///
/// # Panics
/// When the result does not sum to zero: a fault of the program, checked before anyone sees it.
pub fn clear(
    run: &Run,
    rides: impl IntoIterator<Item = ClearedInput>,
) -> Result<DayResult, ClearError> {
    let mut fold = Fold::new(run);
    fold.clear_own(rides)?;
    fold.finish(None)
}

/// Clears a hub's own rides and hands an upper hub's result on to its members.
///
/// The members' positions are those of both together, their income and outgo rounded once. The upper hub's lines
/// must give the net position that it published.
///
/// # Errors
/// [`ClearError`] naming what is wrong with the inputs.
///
/// # Panics
/// As [`clear`].
pub fn relay(
    run: &Run,
    rides: impl IntoIterator<Item = ClearedInput>,
    upper: &UpperResult,
) -> Result<DayResult, ClearError> {
    let mut fold = Fold::new(run);
    fold.clear_own(rides)?;
    let sums = fold.hand_on(&upper.lines)?;
    let (hub, net) = (upper.hub, upper.net);
    let (exact, computed) = (sums.exact(), sums.rounded_net()?);
    if computed != net {
        return Err(ClearError::UpperNetDiffers {
            hub,
            published: net,
            computed,
        });
    }
    fold.finish(Some(UpperNet { hub, exact, net }))
}

struct Fold<'a> {
    run: &'a Run,
    lines: Vec<ClearedLine>,
    totals: BTreeMap<PairKey, PairTotal>,
    relayed: BTreeMap<RelayKey, PairTotal>,
    positions: BTreeMap<InstitutionCode, Position>,
    /// Under which member each institution was met.
    homes: BTreeMap<InstitutionCode, InstitutionCode>,
}

impl<'a> Fold<'a> {
    fn new(run: &'a Run) -> Self {
        let none = |member: &InstitutionCode| (*member, Position::default());
        Self {
            run,
            lines: Vec::new(),
            totals: BTreeMap::new(),
            relayed: BTreeMap::new(),
            positions: run.members.iter().map(none).collect(),
            homes: BTreeMap::new(),
        }
    }

    fn clear_own(
        &mut self,
        rides: impl IntoIterator<Item = ClearedInput>,
    ) -> Result<(), ClearError> {
        let mut rides: Vec<ClearedInput> = rides.into_iter().collect();
        // A record's id begins with its acquirer: this is the order of acquirer and record.
        rides.sort_unstable_by_key(|ride| ride.record);
        let twice = rides
            .windows(2)
            .find(|pair| pair[0].record == pair[1].record);
        if let Some(pair) = twice {
            let record = pair[0].record;
            return Err(ClearError::RecordTwice { record });
        }
        let first = self.run.first_serial.get();
        for (ride, number) in rides.into_iter().zip(first..) {
            let serial = ClearingSerial::new(number).ok_or(ClearError::SerialsExhausted)?;
            self.clear_ride(&ride)?;
            self.lines.push(ClearedLine { serial, ride });
        }
        Ok(())
    }

    fn clear_ride(&mut self, ride: &ClearedInput) -> Result<(), ClearError> {
        let (acquirer, issuer) = (ride.acquirer, ride.issuer);
        if ride.record.acquirer().home() != acquirer.institution.home() {
            return Err(ClearError::AcquirerDiffers {
                record: ride.record,
                acquirer: acquirer.institution,
            });
        }
        self.settle_home(acquirer)?;
        self.settle_home(issuer)?;
        self.earn(acquirer.member, ride.amount, &ride.fees)?;
        self.owe(issuer.member, ride.amount, &ride.fees)?;
        let key = PairKey {
            acquirer,
            issuer,
            service: ride.service,
        };
        let total = self.totals.entry(key).or_default();
        total
            .add(ride.amount, &ride.fees)
            .ok_or(ClearError::Overflow)
    }

    /// Enters the upper hub's lines; gives the position that they make with the upper hub.
    fn hand_on(&mut self, lines: &[UpperLine]) -> Result<Position, ClearError> {
        let mut seen = BTreeSet::new();
        let mut sums = Position::default();
        for line in lines {
            let UpperLine { serial, side, .. } = *line;
            if !seen.insert((serial, side)) {
                return Err(ClearError::UpperLineTwice { serial, side });
            }
            let (member, amount) = (line.member, line.amount);
            match side {
                Side::Acquired => {
                    self.earn(member, amount, &line.fees)?;
                    sums.earn(line.fees.acquirer_income(amount))?;
                }
                Side::Issued => {
                    self.owe(member, amount, &line.fees)?;
                    sums.owe(line.fees.issuer_outgo(amount))?;
                }
            }
            let key = RelayKey {
                member,
                side,
                acquirer: line.acquirer,
                issuer: line.issuer,
                service: line.service,
            };
            let total = self.relayed.entry(key).or_default();
            total.add(amount, &line.fees).ok_or(ClearError::Overflow)?;
        }
        Ok(sums)
    }

    fn settle_home(&mut self, party: Party) -> Result<(), ClearError> {
        let second = party.member;
        let first = *self.homes.entry(party.institution).or_insert(second);
        if first == second {
            return Ok(());
        }
        Err(ClearError::TwoMembers {
            institution: party.institution,
            first,
            second,
        })
    }

    /// Adds a ride to a member's income.
    fn earn(
        &mut self,
        member: InstitutionCode,
        amount: Fen,
        fees: &Fees,
    ) -> Result<(), ClearError> {
        let position = self.position(member, amount)?;
        position.earn(fees.acquirer_income(amount))
    }

    /// Adds a ride to a member's outgo.
    fn owe(&mut self, member: InstitutionCode, amount: Fen, fees: &Fees) -> Result<(), ClearError> {
        let position = self.position(member, amount)?;
        position.owe(fees.issuer_outgo(amount))
    }

    fn position(
        &mut self,
        member: InstitutionCode,
        amount: Fen,
    ) -> Result<&mut Position, ClearError> {
        if amount < Fen::ZERO {
            let amount_fen = amount.get();
            return Err(ClearError::NegativeAmount { amount_fen });
        }
        let hub = self.run.hub;
        let position = self.positions.get_mut(&member);
        position.ok_or(ClearError::NotMember { member, hub })
    }

    fn finish(mut self, upper: Option<UpperNet>) -> Result<DayResult, ClearError> {
        let add = |sum: SumE7, part: SumE7| sum.checked_add(part).ok_or(ClearError::Overflow);
        // What the upper hub rounded away from us is ours to bear, like what we round.
        let mut rounding = upper.map_or(Some(SumE7::ZERO), |u| {
            SumE7::from_fen(u.net).checked_sub(u.exact)
        });
        for position in self.positions.values_mut() {
            position.net = position.rounded_net()?;
            rounding = rounding.and_then(|sum| sum.checked_add(position.rest()));
        }
        let shares = self.totals.values().map(|total| total.hub_share);
        let hub_fee = shares.into_iter().try_fold(SumE7::ZERO, add)?;
        let result = DayResult {
            day: self.run.day,
            hub: self.run.hub,
            lines: self.lines,
            totals: self.totals,
            relayed: self.relayed,
            positions: self.positions,
            hub_fee,
            rounding: rounding.ok_or(ClearError::Overflow)?,
            upper,
        };
        let control = result.control_sum();
        assert!(
            control.is_zero(),
            "day {} of {} is out of balance by {control} fen",
            result.day,
            result.hub
        );
        Ok(result)
    }
}

impl Position {
    fn earn(&mut self, income: SumE7) -> Result<(), ClearError> {
        self.acquired_count += 1;
        let sum = self.income.checked_add(income);
        self.income = sum.ok_or(ClearError::Overflow)?;
        Ok(())
    }

    fn owe(&mut self, outgo: SumE7) -> Result<(), ClearError> {
        self.issued_count += 1;
        let sum = self.outgo.checked_add(outgo);
        self.outgo = sum.ok_or(ClearError::Overflow)?;
        Ok(())
    }
}
