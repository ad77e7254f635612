//! Segmented bus fares (分段): one tap boards and marks the dearest ride, the other alights and
//! pays. Whoever did not alight pays the marked amount with the next boarding (补扣).
//!
//! UNSPECIFIED: another direction of the same vehicle ends the ride like another vehicle does.
//! A terminal has no load key, so it never debits more and gives back.

use alloc::boxed::Box;

use tongtu_purse::command::Sfi;
use tongtu_purse::field::{
    Amount, BusState, City, DateTime, Direction, Industry, Institution, LockFlag, RideFlag,
    Terminal8, TripKind,
};
use tongtu_purse::layout::{BUS_ID, BusRecord};
use tongtu_tap_record::{RecordKind, Stage};

use super::outcome::Refusal;
use super::plan::{NoPlan, Origin, Place, Plan, Slot, View};
use super::pricing::{self, Fare};
use super::profile::{NoComposite, OpenRide, Segmented};

const BAD: Refusal = Refusal::BadFile {
    sfi: Sfi::COMPOSITE,
};

pub(super) fn tap(view: &View<'_>, post: &Segmented) -> Result<Plan, NoPlan> {
    let place = Place {
        industry: Industry::BUS,
        line: post.line,
        card_line: post.card_line,
        station: [0, 0, 0, 0, 0, 0, 0, post.card_stop],
        direction: post.direction,
        vehicle: post.vehicle,
    };
    let bus = match &view.files.bus {
        Slot::Absent => return without_records(view, post, &place),
        Slot::Bad => return Err(BAD.into()),
        Slot::There(bus) => &**bus,
    };
    readable(bus)?;
    if bus.state != BusState::ON_BOARD {
        return board(view, post, &place, bus, None);
    }
    let boarded = bus.on_at.instant().ok_or(BAD)?;
    let rode_s = view.now.since_s(boarded);
    let rules = &view.profile.rules;
    if rode_s < -rules.skew_s {
        return Err(BAD.into());
    }
    let is_this_ride = bus.on_institution == view.profile.acceptor
        && bus.on_vehicle == post.vehicle
        && bus.on_line == post.card_line
        && bus.direction == post.direction
        && rode_s <= rules.bus_max_s;
    if is_this_ride {
        return alight(view, post, &place, bus, rode_s);
    }
    board(view, post, &place, bus, Some(missed(view, post, bus)?))
}

/// Refuses a record that no ride may change.
pub(super) fn readable(bus: &BusRecord) -> Result<(), NoPlan> {
    if bus.lock == LockFlag::LOCKED {
        return Err(Refusal::RecordLocked.into());
    }
    if bus.state > BusState::ALIGHTED {
        return Err(BAD.into());
    }
    Ok(())
}

/// What a ride without alighting owes.
///
/// UNSPECIFIED: a ride of another city is left to it; the next boarding overwrites it.
fn missed(view: &View<'_>, post: &Segmented, bus: &BusRecord) -> Result<Amount, NoPlan> {
    let rules = &view.profile.rules;
    if !view.is_connected(bus.on_city) {
        return Ok(Amount::ZERO);
    }
    if bus.marked > rules.arrears_max {
        return Err(BAD.into());
    }
    match rules.open_ride {
        OpenRide::Settle => Ok(bus.marked),
        OpenRide::Counter => Err(Refusal::AlreadyInside.into()),
        OpenRide::ByBook => never_alighted(view, post, bus),
    }
}

/// What the book says that a ride costs whose alighting is not known; the marked amount where it
/// was on another line, whose name in the book is not on the card.
fn never_alighted(view: &View<'_>, post: &Segmented, bus: &BusRecord) -> Result<Amount, NoPlan> {
    let is_own_line = bus.on_institution == view.profile.acceptor && bus.on_line == post.card_line;
    let boarded_at = [0, 0, 0, 0, 0, 0, 0, bus.on_station];
    let (true, Some(on)) = (
        is_own_line,
        pricing::station_of(view.book, post.line, boarded_at)?,
    ) else {
        return Ok(bus.marked);
    };
    let boarded = bus.on_at.instant().ok_or(BAD)?;
    let rode_s = view.now.since_s(boarded);
    let there = Place {
        industry: Industry::BUS,
        line: post.line,
        card_line: bus.on_line,
        station: boarded_at,
        direction: bus.direction,
        vehicle: bus.on_vehicle,
    };
    let rider = view.rider(&there);
    let charge = pricing::without_exit(view.book, post.line, on, rode_s, rider)?;
    let charge = charge.ok_or(Refusal::AlreadyInside)?;
    Ok(charge.fare.with_arrears(Amount::ZERO)?)
}

pub(super) fn origin(bus: &BusRecord) -> Origin {
    Origin {
        institution: bus.on_institution,
        city: bus.on_city,
        line: bus.on_line,
        station: [0, 0, 0, 0, 0, 0, 0, bus.on_station],
        terminal: bus.on_terminal,
        at: bus.on_at,
    }
}

fn board(
    view: &View<'_>,
    post: &Segmented,
    place: &Place,
    old: &BusRecord,
    arrears: Option<Amount>,
) -> Result<Plan, NoPlan> {
    let marked = pricing::dearest(
        view.book,
        post.line,
        post.stop,
        pricing::way(post.direction),
    )?;
    let record = view.draft(RecordKind::Composite, Stage::Boarding, place);
    let fare = Fare {
        version: view.book.version(),
        ..Fare::default()
    };
    let mut plan = Plan::of(record, &fare, arrears.unwrap_or_default())?;
    if arrears.is_some() {
        plan = plan.from(&origin(old));
    }
    plan.reserve = marked;
    plan.record.marked = marked;
    plan.updates.bus = Some(Box::new(BusRecord {
        id: BUS_ID,
        length: 0x7D,
        valid: 1,
        flag: RideFlag::SEGMENTED,
        lock: LockFlag::FREE,
        serial: old.serial,
        state: BusState::ON_BOARD,
        on_city: view.profile.city,
        on_institution: view.profile.acceptor,
        on_operator: view.profile.operator,
        on_line: post.card_line,
        on_station: post.card_stop,
        on_vehicle: post.vehicle,
        on_terminal: view.psam.terminal.into(),
        on_at: view.at,
        marked,
        direction: post.direction,
        off_city: City([0; 2]),
        off_institution: Institution([0; 8]),
        off_operator: [0; 2],
        off_line: [0; 2],
        off_station: 0,
        off_vehicle: [0; 8],
        off_terminal: Terminal8([0; 8]),
        off_at: DateTime([0; 7]),
        amount: Amount::ZERO,
        mileage: 0,
        own: old.own,
    }));
    plan.updates.trip = Some(view.trip(TripKind::ENTRY, place, plan.record.amount));
    Ok(plan)
}

/// The record with an alighting here and now.
pub(super) fn alighted(
    view: &View<'_>,
    place: &Place,
    old: &BusRecord,
    amount: Amount,
) -> Box<BusRecord> {
    let [.., stop] = place.station;
    Box::new(BusRecord {
        flag: RideFlag::SEGMENTED,
        state: BusState::ALIGHTED,
        off_city: view.profile.city,
        off_institution: view.profile.acceptor,
        off_operator: view.profile.operator,
        off_line: place.card_line,
        off_station: stop,
        off_vehicle: place.vehicle,
        off_terminal: view.psam.terminal.into(),
        off_at: view.at,
        amount,
        ..old.clone()
    })
}

fn alight(
    view: &View<'_>,
    post: &Segmented,
    place: &Place,
    bus: &BusRecord,
    rode_s: i64,
) -> Result<Plan, NoPlan> {
    let boarded_at = [0, 0, 0, 0, 0, 0, 0, bus.on_station];
    let on = pricing::station_of(view.book, post.line, boarded_at)?;
    let mut after = None;
    let fare = match on {
        Some(on) => {
            let ends = [on, post.stop];
            let rider = view.rider(place);
            let charge = pricing::between(view.book, post.line, ends, rode_s, rider)?;
            after = Some(charge.after);
            charge.fare
        }
        // A stop that the book no longer has: what was marked is the most it can cost.
        None if bus.marked <= view.profile.rules.arrears_max => {
            pricing::as_penalty(bus.marked, view.book.version())
        }
        None => return Err(BAD.into()),
    };
    let record = view.draft(RecordKind::Composite, Stage::Alighting, place);
    let mut plan = Plan::of(record, &fare, Amount::ZERO)?.from(&origin(bus));
    let amount = plan.record.amount;
    plan.updates.bus = Some(alighted(view, place, bus, amount));
    plan.updates.local = after.and_then(|after| view.remember(&after));
    plan.updates.trip = Some(view.trip(TripKind::EXIT, place, amount));
    Ok(plan)
}

/// A card without composite records cannot say where it boards.
fn without_records(view: &View<'_>, post: &Segmented, place: &Place) -> Result<Plan, NoPlan> {
    if view.profile.rules.no_composite == NoComposite::Refuse {
        return Err(Refusal::NoComposite.into());
    }
    let dearest = pricing::dearest(
        view.book,
        post.line,
        post.stop,
        pricing::way(post.direction),
    )?;
    let fare = Fare {
        base: dearest,
        version: view.book.version(),
        ..Fare::default()
    };
    let place = Place {
        direction: Direction(post.direction.0),
        ..*place
    };
    let record = view.draft(RecordKind::Purse, Stage::Single, &place);
    Ok(Plan::of(record, &fare, Amount::ZERO)?)
}
