//! What a settlement run gives: lines, totals and net positions.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use tongtu_ledger::SumE7;
use tongtu_types::{BusinessDay, Fen, InstitutionCode, MoneyError};

use crate::{ClearedInput, ClearingSerial, Fees, Party, Service, Side};

/// One settled ride with its serial.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClearedLine {
    /// The clearing serial (清分流水号).
    pub serial: ClearingSerial,
    /// The ride.
    pub ride: ClearedInput,
}

/// What own totals are kept by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PairKey {
    /// Who accepted the rides.
    pub acquirer: Party,
    /// Whose codes they were.
    pub issuer: Party,
    /// The kind of service.
    pub service: Service,
}

/// What totals of an upper hub's lines are kept by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RelayKey {
    /// Our member.
    pub member: InstitutionCode,
    /// Which side our member was on.
    pub side: Side,
    /// Who accepted the rides.
    pub acquirer: InstitutionCode,
    /// Whose codes they were.
    pub issuer: InstitutionCode,
    /// The kind of service.
    pub service: Service,
}

/// Totals of some rides; exact.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PairTotal {
    /// How many rides.
    pub count: u64,
    /// Their gross amount, in whole fen.
    pub amount: SumE7,
    /// The fees.
    pub fee: SumE7,
    /// The acquirers' shares of the fees.
    pub acquirer_share: SumE7,
    /// The issuers' shares of the fees.
    pub issuer_share: SumE7,
    /// The hub's shares of the fees.
    pub hub_share: SumE7,
}

impl PairTotal {
    /// Counts one more ride; `None` when a sum leaves its range.
    pub(crate) fn add(&mut self, amount: Fen, fees: &Fees) -> Option<()> {
        self.count = self.count.checked_add(1)?;
        self.amount = self.amount.checked_add(SumE7::from_fen(amount))?;
        self.fee = self.fee.checked_add(fees.fee())?;
        self.acquirer_share = self.acquirer_share.checked_add(fees.acquirer_share())?;
        self.issuer_share = self.issuer_share.checked_add(fees.issuer_share())?;
        self.hub_share = self.hub_share.checked_add(fees.hub_share())?;
        Some(())
    }

    /// What the acquirers get: amount − fee + acquirer share.
    #[must_use]
    pub fn income(&self) -> SumE7 {
        let Self {
            amount,
            fee,
            acquirer_share,
            ..
        } = self;
        SumE7::new(amount.get() - fee.get() + acquirer_share.get())
    }

    /// What the issuers pay: amount − issuer share.
    #[must_use]
    pub fn outgo(&self) -> SumE7 {
        SumE7::new(self.amount.get() - self.issuer_share.get())
    }
}

/// The net position (收支轧差) of one member on one day.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Position {
    /// Rides it accepted.
    pub acquired_count: u64,
    /// Rides by its codes.
    pub issued_count: u64,
    /// Income as acquirer: Σ (amount − fee + acquirer share), exact.
    pub income: SumE7,
    /// Outgo as issuer: Σ (amount − issuer share), exact.
    pub outgo: SumE7,
    /// Income − outgo, each rounded once, half to even: positive is to receive, negative to pay.
    pub net: Fen,
}

impl Position {
    /// Income − outgo, exact.
    #[must_use]
    pub fn exact(&self) -> SumE7 {
        SumE7::new(self.income.get() - self.outgo.get())
    }

    /// Income and outgo in whole fen, each rounded once, half to even.
    ///
    /// # Errors
    /// [`MoneyError`] when one leaves 64 bits.
    pub fn rounded(&self) -> Result<(Fen, Fen), MoneyError> {
        // UNSPECIFIED: a net position file (BP) has income, outgo and their difference in whole
        // fen, of exact sums in 10^-7 fen; which of them is rounded is nowhere said. We round
        // income and outgo, because a member can then find each in its own lines. What that
        // leaves, up to half a fen each, goes to the hub's rounding account.
        Ok((
            self.income.round_half_even()?,
            self.outgo.round_half_even()?,
        ))
    }

    /// The net position of the rounded sums.
    pub(crate) fn rounded_net(&self) -> Result<Fen, MoneyError> {
        let (income, outgo) = self.rounded()?;
        income.checked_sub(outgo)
    }

    /// What rounding took from the member: exact − net, at most one fen either way.
    #[must_use]
    pub fn rest(&self) -> SumE7 {
        SumE7::new(self.exact().get() - SumE7::from_fen(self.net).get())
    }
}

/// What an upper hub settled with this one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UpperNet {
    /// The upper hub.
    pub hub: InstitutionCode,
    /// The exact sum of its lines: positive is to receive.
    pub exact: SumE7,
    /// Its net position for us, in whole fen.
    pub net: Fen,
}

/// The result of one run. Only a run makes it, and it sums to zero:
/// Σ net + hub fee + rounding − the upper hub's net = 0.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DayResult {
    pub(crate) day: BusinessDay,
    pub(crate) hub: InstitutionCode,
    pub(crate) lines: Vec<ClearedLine>,
    pub(crate) totals: BTreeMap<PairKey, PairTotal>,
    pub(crate) relayed: BTreeMap<RelayKey, PairTotal>,
    pub(crate) positions: BTreeMap<InstitutionCode, Position>,
    pub(crate) hub_fee: SumE7,
    pub(crate) rounding: SumE7,
    pub(crate) upper: Option<UpperNet>,
}

impl DayResult {
    /// The settlement day.
    #[must_use]
    pub const fn day(&self) -> BusinessDay {
        self.day
    }

    /// The hub.
    #[must_use]
    pub const fn hub(&self) -> InstitutionCode {
        self.hub
    }

    /// The rides cleared here, in the order of their serials.
    #[must_use]
    pub fn lines(&self) -> &[ClearedLine] {
        &self.lines
    }

    /// Totals of the rides cleared here, per acquirer, issuer and service.
    #[must_use]
    pub const fn totals(&self) -> &BTreeMap<PairKey, PairTotal> {
        &self.totals
    }

    /// Totals of the upper hub's lines; empty without an upper hub.
    #[must_use]
    pub const fn relayed(&self) -> &BTreeMap<RelayKey, PairTotal> {
        &self.relayed
    }

    /// The net position of every member, those without traffic too.
    #[must_use]
    pub const fn positions(&self) -> &BTreeMap<InstitutionCode, Position> {
        &self.positions
    }

    /// The hub's own share of the fees, exact.
    #[must_use]
    pub const fn hub_fee(&self) -> SumE7 {
        self.hub_fee
    }

    /// What rounding left with the hub, exact; negative when the hub pays it.
    #[must_use]
    pub const fn rounding(&self) -> SumE7 {
        self.rounding
    }

    /// What the upper hub settled with this one, if this is a relay.
    #[must_use]
    pub const fn upper(&self) -> Option<UpperNet> {
        self.upper
    }

    /// Σ net + hub fee + rounding − upper net, added up anew; zero, or the run is wrong.
    #[must_use]
    pub fn control_sum(&self) -> SumE7 {
        let nets = self.positions.values().map(|p| p.net);
        let nets: i128 = nets.map(|net| SumE7::from_fen(net).get()).sum();
        let upper = self.upper.map_or(0, |u| SumE7::from_fen(u.net).get());
        SumE7::new(nets + self.hub_fee.get() + self.rounding.get() - upper)
    }

    /// Writes the whole result as text that is the same for the same result, for a digest.
    ///
    /// One line per item, every number in full, in the order of serials and keys.
    ///
    /// # Errors
    /// Those of `out` only.
    pub fn write_canonical(&self, out: &mut impl fmt::Write) -> fmt::Result {
        writeln!(out, "day {} hub {}", self.day, self.hub)?;
        for ClearedLine { serial, ride } in &self.lines {
            let (acquirer, issuer) = (ride.acquirer, ride.issuer);
            write!(
                out,
                "line {serial} {} {}/{} ",
                ride.record, acquirer.member, acquirer.institution
            )?;
            write!(
                out,
                "{}/{} {} ",
                issuer.member,
                issuer.institution,
                ride.service.as_str()
            )?;
            let fees = ride.fees;
            write!(out, "{} {} ", ride.amount.get(), fees.fee())?;
            writeln!(out, "{} {}", fees.acquirer_share(), fees.issuer_share())?;
        }
        for (key, total) in &self.relayed {
            write!(out, "relayed {} {} ", key.member, key.side.as_str())?;
            write!(
                out,
                "{} {} {} ",
                key.acquirer,
                key.issuer,
                key.service.as_str()
            )?;
            write!(out, "{} {} {} ", total.count, total.amount, total.fee)?;
            writeln!(out, "{} {}", total.acquirer_share, total.issuer_share)?;
        }
        for (member, p) in &self.positions {
            write!(
                out,
                "position {member} {} {} ",
                p.acquired_count, p.issued_count
            )?;
            writeln!(out, "{} {} {}", p.income, p.outgo, p.net.get())?;
        }
        if let Some(upper) = self.upper {
            writeln!(
                out,
                "upper {} {} {}",
                upper.hub,
                upper.exact,
                upper.net.get()
            )?;
        }
        writeln!(out, "hub-fee {} rounding {}", self.hub_fee, self.rounding)
    }
}
