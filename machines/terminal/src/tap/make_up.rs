//! Make-up (补登、补票) at a counter or a hand-held terminal: incomplete rides become whole.
//!
//! The staff says what happened; here is whether the card agrees, what it costs at most, and
//! what is written. A trip of type 08 stays on the card.

use tongtu_purse::field::{Amount, BusState, Direction, Industry, RailState, TripKind};
use tongtu_tap_record::{RecordKind, Stage};
use tongtu_types::StationCode;

use super::outcome::Refusal;
use super::plan::{NoPlan, Place, Plan, Slot, View};
use super::pricing::{self, Fare, station_bytes};
use super::profile::Counter;
use super::{bus, rail};

/// What is to be made up for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MakeUp {
    /// The rider came out without the card knowing: the rail ride ends, for this fare.
    CloseRail {
        /// What is charged; the marked amount where none is claimed.
        amount: Option<Amount>,
    },
    /// The rider is inside too long: the entry counts from now, for this penalty.
    RenewEntry {
        /// What is charged.
        penalty: Amount,
    },
    /// The rider is inside without the card knowing: an entry is written.
    WriteEntry {
        /// Where the rider says to have entered.
        station: StationCode,
        /// What is charged.
        penalty: Amount,
    },
    /// The rider left a bus without alighting at its terminal.
    CloseBus {
        /// What is charged; the marked amount where none is claimed.
        amount: Option<Amount>,
    },
}

pub(super) fn make_up(view: &View<'_>, post: &Counter, what: MakeUp) -> Result<Plan, NoPlan> {
    match what {
        MakeUp::CloseRail { amount } => close_rail(view, post, amount),
        MakeUp::RenewEntry { penalty } => renew(view, post, None, penalty),
        MakeUp::WriteEntry { station, penalty } => renew(view, post, Some(station), penalty),
        MakeUp::CloseBus { amount } => close_bus(view, post, amount),
    }
}

fn place(post: &Counter, station: StationCode, industry: Industry) -> Place {
    Place {
        industry,
        line: post.network,
        card_line: [0, post.card_line],
        station: station_bytes(station),
        direction: Direction(0),
        vehicle: [0; 8],
    }
}

/// What the staff charges, or what was marked if that can be believed.
fn charged(view: &View<'_>, claimed: Option<Amount>, marked: Amount) -> Result<Fare, NoPlan> {
    let amount = match claimed {
        Some(amount) => amount,
        None if marked <= view.profile.rules.arrears_max => marked,
        None => return Err(Refusal::NothingToMakeUp.into()),
    };
    Ok(pricing::as_penalty(amount, view.book.version()))
}

fn close_rail(view: &View<'_>, post: &Counter, claimed: Option<Amount>) -> Result<Plan, NoPlan> {
    let old = rail::readable(&view.files.rail)?;
    if !matches!(old.state, RailState::ENTERED | RailState::ENTRY_UPDATED) {
        return Err(Refusal::NothingToMakeUp.into());
    }
    let place = place(post, post.station, Industry::RAIL);
    let fare = charged(view, claimed, old.marked)?;
    let record = view.draft(RecordKind::MakeUp, Stage::Closing, &place);
    let mut plan = Plan::of(record, &fare, Amount::ZERO)?.from(&rail::origin(old));
    let amount = plan.record.amount;
    plan.updates.rail = Some(rail::exited(
        view,
        &place,
        old,
        RailState::EXIT_UPDATED,
        amount,
    ));
    plan.updates.trip = Some(view.trip(TripKind::MAKE_UP, &place, amount));
    Ok(plan)
}

/// An entry that counts from now, where it was or where the rider says.
fn renew(
    view: &View<'_>,
    post: &Counter,
    claimed: Option<StationCode>,
    penalty: Amount,
) -> Result<Plan, NoPlan> {
    let old = rail::readable(&view.files.rail)?;
    let is_open = matches!(old.state, RailState::ENTERED | RailState::ENTRY_UPDATED);
    if is_open != claimed.is_none() {
        return Err(match is_open {
            true => Refusal::AlreadyInside.into(),
            false => Refusal::NothingToMakeUp.into(),
        });
    }
    let marked = pricing::dearest(
        view.book,
        post.network,
        claimed.unwrap_or(post.station),
        None,
    )?;
    let here = place(post, post.station, Industry::RAIL);
    let mut record = view.draft(RecordKind::MakeUp, Stage::Renewal, &here);
    record.marked = marked;
    let fare = pricing::as_penalty(penalty, view.book.version());
    let mut plan = Plan::of(record, &fare, Amount::ZERO)?;
    let mut after = match claimed {
        Some(station) => {
            let place = place(post, station, Industry::RAIL);
            rail::entered(view, &place, old, RailState::ENTRY_UPDATED, marked)
        }
        None => {
            plan = plan.from(&rail::origin(old));
            old.clone().into()
        }
    };
    after.state = RailState::ENTRY_UPDATED;
    after.entry_at = view.at;
    after.entry_amount = plan.record.amount;
    plan.updates.rail = Some(after);
    plan.updates.trip = Some(view.trip(TripKind::MAKE_UP, &here, plan.record.amount));
    Ok(plan)
}

fn close_bus(view: &View<'_>, post: &Counter, claimed: Option<Amount>) -> Result<Plan, NoPlan> {
    let old = match &view.files.bus {
        Slot::There(old) => &**old,
        Slot::Absent => return Err(Refusal::NoComposite.into()),
        Slot::Bad => {
            return Err(Refusal::BadFile {
                sfi: tongtu_purse::command::Sfi::COMPOSITE,
            }
            .into());
        }
    };
    bus::readable(old)?;
    if old.state != BusState::ON_BOARD {
        return Err(Refusal::NothingToMakeUp.into());
    }
    let place = place(post, post.station, Industry::BUS);
    let fare = charged(view, claimed, old.marked)?;
    let record = view.draft(RecordKind::MakeUp, Stage::Closing, &place);
    let mut plan = Plan::of(record, &fare, Amount::ZERO)?.from(&bus::origin(old));
    let amount = plan.record.amount;
    plan.updates.bus = Some(bus::alighted(view, &place, old, amount));
    plan.updates.trip = Some(view.trip(TripKind::MAKE_UP, &place, amount));
    Ok(plan)
}
