//! The engine: a journey, a rider and a history in, a fare and the next history out.
//!
//! There is one path through it. [`FareBook::charge`] walks it in silence and allocates nothing;
//! [`FareBook::explain`] walks it with a witness that notes every step. So the reasons cannot
//! disagree with the amount.
//!
//! The order is: ordinary fare, over-stay or repair, surcharges, ticket, concession, means,
//! transfer, accumulation, caps, rounding. Between the steps the amount is exact to 10⁻⁸ fen,
//! which four rules of whole hundredths cannot exceed; it is rounded once. A step's effect in
//! the explanation is the difference of the rounded amounts after and before it, so that the
//! effects add up.

use alloc::vec::Vec;

use tongtu_types::{Fen, Timestamp};

use crate::base::Base;
use crate::book::Service;
use crate::quote::{Given, Step};
use crate::rule::{Home, Moment, Occasion};
use crate::{
    Action, Class, Counter, Effect, Fare, FareBook, FareError, History, Journey, LastRide, Measure,
    Quote, Repair, RepairKind, Ride, Rider, RoundMode, RuleKind, Tally, Ticket,
};

/// One fen in the exact amount.
const ONE: i128 = 100_000_000;

/// A fare and what the history is after it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Charged {
    /// The fare.
    pub fare: Fare,
    /// The history with this ride in it.
    pub history: History,
}

/// Whoever wants to know the steps.
pub(crate) trait Witness {
    fn note(&mut self, step: impl FnOnce() -> Step);
}

/// Nobody.
pub(crate) struct Silent;

impl Witness for Silent {
    fn note(&mut self, _: impl FnOnce() -> Step) {}
}

impl Witness for Vec<Step> {
    fn note(&mut self, step: impl FnOnce() -> Step) {
        self.push(step());
    }
}

/// The amount on its way.
struct Running<'w, W> {
    exact: i128,
    /// The exact amount, rounded half up.
    shown: i64,
    ceiling: i64,
    floor: i64,
    witness: &'w mut W,
}

impl<W: Witness> Running<'_, W> {
    /// Moves the amount and gives the effect in fen.
    fn become_exact(&mut self, exact: i128) -> Fen {
        self.exact = exact.max(0);
        let shown = self.exact.saturating_add(ONE / 2) / ONE;
        let shown = i64::try_from(shown).unwrap_or(i64::MAX);
        let effect = shown - self.shown;
        self.shown = shown;
        Fen::new(effect)
    }
}

impl FareBook {
    /// What the journey costs this rider after those rides. Allocates nothing.
    ///
    /// # Errors
    /// [`FareError`] when the book lacks what the journey names.
    pub fn charge(
        &self,
        journey: &Journey,
        rider: &Rider,
        history: &History,
    ) -> Result<Charged, FareError> {
        self.walk(journey, rider, history, &mut Silent)
    }

    /// What the journey costs, and why: the same amount as [`FareBook::charge`], with every
    /// step's effect.
    ///
    /// # Errors
    /// [`FareError`] when the book lacks what the journey names.
    pub fn explain(
        &self,
        journey: &Journey,
        rider: &Rider,
        history: &History,
    ) -> Result<Quote, FareError> {
        let mut steps = Vec::new();
        let charged = self.walk(journey, rider, history, &mut steps)?;
        Ok(Quote {
            amount: charged.fare.amount,
            steps,
            city: self.city().name.clone(),
            version: self.version(),
            effective: self.effective(),
            fare: charged.fare,
        })
    }

    /// What this kind of unwhole ride falls under, for the caller to act on.
    #[must_use]
    pub fn repair(&self, kind: RepairKind, journey: &Journey, rider: &Rider) -> Option<&Repair> {
        let service = self.service(journey.ride.line()).ok()?;
        let occasion = self.occasion(journey, rider, service);
        self.repair_for(kind, &occasion)
    }

    fn walk<W: Witness>(
        &self,
        journey: &Journey,
        rider: &Rider,
        history: &History,
        witness: &mut W,
    ) -> Result<Charged, FareError> {
        let service = self.service_of(&journey.ride)?;
        let occasion = self.occasion(journey, rider, service);
        let base = self.base(journey, &occasion, service, witness)?;
        let mut next = *history;
        let mut running = Running {
            exact: i128::from(base.fare.get()) * ONE,
            shown: base.fare.get(),
            ceiling: i64::MAX,
            floor: 0,
            witness,
        };
        let (mut surcharge, mut transfer, mut transferred) = (0, 0, false);
        if base.ordinary {
            surcharge = self.surcharges(&mut running, &occasion, service, journey);
            let ticket = self.ticket(&mut running, &occasion, &mut next, base);
            if !ticket {
                let kind = RuleKind::Concession;
                let conceded = self.first(kind, &mut running, &occasion, history, false);
                let conceded = conceded.is_some();
                let mut apply = |kind| self.first(kind, &mut running, &occasion, history, conceded);
                apply(RuleKind::Means);
                let effect = apply(RuleKind::Transfer);
                if let Some(effect) = effect {
                    (transfer, transferred) = (-effect.get(), true);
                }
                apply(RuleKind::Accumulation);
            }
            self.caps(&mut running, &occasion, history);
            self.round(&mut running, &occasion);
        }
        let own = Fen::new(running.shown);
        if base.ordinary {
            self.count(&mut next, &occasion, own, base);
        }
        // What is paid for an over-stay or a missing tap is neither discounted nor counted.
        let amount = Fen::new(own.get().saturating_add(base.penalty.get()));
        if base.whole {
            next.last = Some(last_ride(journey, &occasion, amount, history, transferred));
        } else if !matches!(journey.ride, Ride::Distance { .. }) {
            // UNSPECIFIED: a ride without one of its ends is none to change from. One that ended
            // where it began is no ride, and leaves the one before it as it was.
            next.last = None;
        }
        let full = base.fare.get().saturating_add(surcharge);
        let fare = Fare {
            amount,
            base: Fen::new(full),
            discount: Fen::new(full.saturating_sub(transfer).saturating_sub(own.get())),
            transfer: Fen::new(transfer),
            penalty: base.penalty,
            later: base.later,
            version: self.version(),
        };
        Ok(Charged {
            fare,
            history: next,
        })
    }

    /// How rules see a journey.
    pub(crate) fn occasion(
        &self,
        journey: &Journey,
        rider: &Rider,
        service: Service<'_>,
    ) -> Occasion {
        let local = rider.home == self.city().code;
        // What a class above the common ones means is known in its own city only.
        let class = match rider.class > Class::COMMON_MAX && !local {
            true => Class::ORDINARY,
            false => rider.class,
        };
        let (entry, exit) = journey.ride.ends();
        Occasion {
            class: self.class_bit(class),
            means: rider.means,
            mode: service.mode(),
            line: journey.ride.line(),
            direction: journey.direction,
            stops: [entry, exit],
            home: if local { Home::Local } else { Home::Visitor },
            age: rider.age,
            begun: self.moment(journey.begun_at()),
            paid: self.moment(journey.at),
        }
    }

    fn moment(&self, at: Timestamp) -> Moment {
        let china = at.china();
        let (h, m, s) = china.hms();
        let second_of_day = u32::try_from(h * 3600 + m * 60 + s).expect("less than 86,400");
        Moment {
            unix_s: at.get(),
            day: china.day,
            second_of_day,
            work: self.is_workday(china.day),
        }
    }

    fn surcharges<W: Witness>(
        &self,
        running: &mut Running<'_, W>,
        occasion: &Occasion,
        service: Service<'_>,
        journey: &Journey,
    ) -> i64 {
        let mut sum = 0_i64;
        for rule in self.rules_of(RuleKind::Surcharge) {
            let (true, Action::Always(effect)) = (rule.when.holds(occasion), &rule.action) else {
                continue;
            };
            let more = match effect {
                Effect::More(fare) => fare.get(),
                Effect::Premium(times) if journey.premium_m > 0 => {
                    let fare = service.fare_of_metres(journey.premium_m).get();
                    fare.saturating_mul(i64::from(*times))
                }
                _ => continue,
            };
            let effect_fen = running.become_exact(running.exact + i128::from(more) * ONE);
            sum = sum.saturating_add(effect_fen.get());
            running.witness.note(|| Step::Rule {
                kind: RuleKind::Surcharge,
                name: rule.name.clone(),
                effect: *effect,
                given: Given::Nothing,
                fare: effect_fen,
            });
        }
        sum
    }

    /// Rides on a ticket if one of the history covers the ride: it pays the ordinary fare, and
    /// surcharges remain.
    fn ticket<W: Witness>(
        &self,
        running: &mut Running<'_, W>,
        occasion: &Occasion,
        next: &mut History,
        base: Base,
    ) -> bool {
        let begun = Timestamp::new(occasion.begun.unix_s);
        let covers = |ticket: &Ticket| {
            let product = self.product(ticket.product);
            let product = product.filter(|product| product.when.holds(occasion));
            let in_time = ticket.from <= begun && begun < ticket.until;
            product.filter(|_| in_time && ticket.rides_left != Some(0))
        };
        let tickets = next.tickets.iter_mut().flatten();
        let mut tickets = tickets.filter_map(|ticket| covers(ticket).map(|p| (ticket, p)));
        let Some((ticket, product)) = tickets.next() else {
            return false;
        };
        if let Some(hours) = product.hours.filter(|_| !ticket.used) {
            ticket.until = ticket.until.min(begun.plus_s(i64::from(hours) * 3600));
        }
        ticket.used = true;
        ticket.rides_left = ticket.rides_left.map(|left| left.saturating_sub(1));
        let rides_left = ticket.rides_left;
        let fare = running.become_exact(running.exact - i128::from(base.fare.get()) * ONE);
        running.witness.note(|| Step::Ticket {
            name: product.name.clone(),
            rides_left,
            fare,
        });
        true
    }

    /// Applies the first rule of that kind that holds; its effect, if it had one.
    fn first<W: Witness>(
        &self,
        kind: RuleKind,
        running: &mut Running<'_, W>,
        occasion: &Occasion,
        history: &History,
        conceded: bool,
    ) -> Option<Fen> {
        let rules = self.rules_of(kind);
        for rule in rules.filter(|rule| !(conceded && rule.when.no_concession)) {
            let mut given = Given::Nothing;
            if kind == RuleKind::Transfer {
                let Some(last) = history.last.as_ref() else {
                    continue;
                };
                let Some(between_s) = rule.when.holds_after(occasion, last) else {
                    continue;
                };
                given = Given::After {
                    mode: last.mode,
                    between_s,
                };
            } else if !rule.when.holds(occasion) {
                continue;
            }
            let effect = match &rule.action {
                Action::Always(effect) => *effect,
                Action::Tiers { counter, tiers } => {
                    let counter = self.counter(*counter)?;
                    let sum = tally(counter, occasion, history).sum;
                    let reached = tiers.iter().rev().find(|(from, _)| sum >= *from);
                    // Below its first threshold the rule does not apply, and the next is tried.
                    let Some((from, effect)) = reached.copied() else {
                        continue;
                    };
                    given = Given::Sum {
                        window: counter.window,
                        measure: counter.measure,
                        sum,
                        from,
                    };
                    effect
                }
            };
            let fare = running.become_exact(applied(effect, running.exact, history));
            running.witness.note(|| Step::Rule {
                kind,
                name: rule.name.clone(),
                effect,
                given,
                fare,
            });
            return Some(fare);
        }
        None
    }

    fn caps<W: Witness>(
        &self,
        running: &mut Running<'_, W>,
        occasion: &Occasion,
        history: &History,
    ) {
        for rule in self.rules_of(RuleKind::Cap) {
            let (true, Action::Always(effect)) = (rule.when.holds(occasion), &rule.action) else {
                continue;
            };
            let mut given = Given::Nothing;
            let exact = match *effect {
                Effect::AtMost(fare) => {
                    running.ceiling = running.ceiling.min(fare.get());
                    running.exact.min(i128::from(fare.get()) * ONE)
                }
                // A ride that is free stays free.
                Effect::AtLeast(fare) if running.exact > 0 => {
                    running.floor = running.floor.max(fare.get());
                    running.exact.max(i128::from(fare.get()) * ONE)
                }
                Effect::TotalAtMost(number, fare) => {
                    let Some(counter) = self.counter(number) else {
                        continue;
                    };
                    let sum = tally(counter, occasion, history).sum;
                    given = Given::Sum {
                        window: counter.window,
                        measure: counter.measure,
                        sum,
                        from: 0,
                    };
                    let left = (fare.get() - i64::from(sum)).max(0);
                    running.ceiling = running.ceiling.min(left);
                    running.exact.min(i128::from(left) * ONE)
                }
                _ => continue,
            };
            if exact == running.exact {
                continue;
            }
            let fare = running.become_exact(exact);
            running.witness.note(|| Step::Rule {
                kind: RuleKind::Cap,
                name: rule.name.clone(),
                effect: *effect,
                given,
                fare,
            });
        }
    }

    /// Rounds once. A cap and a minimum hold against it.
    fn round<W: Witness>(&self, running: &mut Running<'_, W>, occasion: &Occasion) {
        let rule = self
            .roundings()
            .iter()
            .find(|rule| rule.when.holds(occasion));
        let (unit, mode) = rule.map_or((Fen::new(1), RoundMode::HalfUp), |r| (r.unit, r.mode));
        let unit = i128::from(unit.get()) * ONE;
        let units = match mode {
            RoundMode::HalfUp => running.exact.saturating_add(unit / 2) / unit,
            RoundMode::Up => running.exact.saturating_add(unit - 1) / unit,
            RoundMode::Down => running.exact / unit,
        };
        let rounded = (units * unit)
            .max(i128::from(running.floor) * ONE)
            .min(i128::from(running.ceiling) * ONE);
        let fare = running.become_exact(rounded);
        if !fare.is_zero() {
            running.witness.note(|| Step::Round {
                unit: Fen::new(i64::try_from(unit / ONE).unwrap_or(1)),
                mode,
                fare,
            });
        }
    }

    fn count(&self, next: &mut History, occasion: &Occasion, paid: Fen, base: Base) {
        for counter in self.counters() {
            if !counter.when.holds(occasion) {
                continue;
            }
            let more = match counter.measure {
                Measure::Paid => paid.get(),
                Measure::Full => base.fare.get(),
                Measure::Rides => 1,
            };
            let mut held = tally(counter, occasion, next);
            held.sum = held
                .sum
                .saturating_add(u32::try_from(more).unwrap_or(u32::MAX));
            next.counters[usize::from(counter.number) - 1] = held;
        }
    }
}

/// What a counter holds in the period of the payment.
fn tally(counter: &Counter, occasion: &Occasion, history: &History) -> Tally {
    let period = counter.window.period(occasion.paid.day);
    let held = history.counters[usize::from(counter.number) - 1];
    match held.period == period {
        true => held,
        false => Tally { period, sum: 0 },
    }
}

/// The exact amount after an effect of a concession, means, transfer or accumulation.
fn applied(effect: Effect, exact: i128, history: &History) -> i128 {
    let fen = |fare: Fen| i128::from(fare.get()) * ONE;
    match effect {
        Effect::Percent(percent) => exact * i128::from(percent) / 100,
        Effect::Less(fare) => exact - fen(fare),
        Effect::More(fare) => exact + fen(fare),
        Effect::Exactly(fare) => fen(fare),
        Effect::Together(fare) => {
            let paid = history.last.map_or(Fen::ZERO, |last| last.paid);
            // A transfer never makes a ride dearer.
            exact.min((fen(fare) - fen(paid)).max(0))
        }
        Effect::AtMost(fare) => exact.min(fen(fare)),
        Effect::AtLeast(fare) => exact.max(fen(fare)),
        // The parser keeps these two to surcharges and caps.
        Effect::Premium(_) | Effect::TotalAtMost(..) => exact,
    }
}

fn last_ride(
    journey: &Journey,
    occasion: &Occasion,
    paid: Fen,
    history: &History,
    transferred: bool,
) -> LastRide {
    let begun_at = journey.begun_at();
    let chain = history.last.filter(|_| transferred);
    LastRide {
        line: occasion.line,
        mode: occasion.mode,
        direction: occasion.direction,
        exit: occasion.stops[1],
        begun_at,
        paid_at: journey.at,
        paid,
        chain_begun_at: chain.map_or(begun_at, |last| last.chain_begun_at),
        chain: chain.map_or(0, |last| last.chain.saturating_add(1)),
    }
}
