//! One tap, one whole ride (一票制): the purse or the second ticket pays.

use tongtu_purse::field::{Amount, Direction, TripKind};
use tongtu_tap_record::{RecordKind, Stage};

use super::plan::{NoPlan, Place, Plan, View};
use super::pricing::{self, Fare};
use super::profile::Single;

const fn place(post: &Single) -> Place {
    Place {
        industry: post.industry,
        line: post.line,
        card_line: post.card_line,
        station: post.stop,
        direction: Direction(0),
        vehicle: post.vehicle,
    }
}

/// A whole ride that an e-cash pays; it leaves no trip, and has no second ticket.
pub(super) fn cash(view: &View<'_>, post: &Single) -> Result<Plan, NoPlan> {
    let place = place(post);
    let charge = pricing::single(view.book, post.line, view.rider(&place))?;
    let record = view.draft(RecordKind::Cash, Stage::Single, &place);
    Ok(Plan::of(record, &charge.fare, Amount::ZERO)?)
}

pub(super) fn ride(view: &View<'_>, post: &Single) -> Result<Plan, NoPlan> {
    let place = place(post);
    let charge = pricing::single(view.book, post.line, view.rider(&place))?;
    let fare = charge.fare;
    let kind = match post.leaves_trip {
        true => RecordKind::Composite,
        false => RecordKind::Purse,
    };
    let mut plan = Plan::of(view.draft(kind, Stage::Single, &place), &fare, Amount::ZERO)?;
    if post.leaves_trip {
        let amount = plan.record.amount;
        plan.updates.trip = Some(view.trip(TripKind::SINGLE, &place, amount));
        plan.updates.local = view.remember(&charge.after);
    }
    let Some(ticket) = view.profile.rules.ticket else {
        return Ok(plan);
    };
    // UNSPECIFIED: how a terminal knows that a card has a second ticket. It asks under its key
    // index, and a card without one, or with none left, says so before anything happens.
    let units = Fare {
        base: ticket.units,
        version: fare.version,
        ..Fare::default()
    };
    let record = view.draft(RecordKind::Ticket, Stage::Single, &place);
    let mut first = Plan::of(record, &units, Amount::ZERO)?;
    first.record.key_index = ticket.key_index;
    first.instead = Some(plan.into());
    Ok(first)
}
