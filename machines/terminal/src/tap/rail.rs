//! Rail entry and exit (进站、出站): the state machine of the rail record.
//!
//! ```text
//!   blank 00, exited 02, closed 04 ── entry ──► entered 01 ── exit ──► exited 02
//!            counter: ── entry written ──► 03 ── exit ──► exited 02
//!   entered 01, 03 ── counter: ride closed ──► 04 ── let out at this station ──► exited 02
//! ```

use alloc::boxed::Box;

use tongtu_purse::command::Sfi;
use tongtu_purse::field::{
    Amount, Balance, City, DateTime, Direction, Industry, Institution, LockFlag, RailState,
    RideFlag, Terminal8, TripKind,
};
use tongtu_purse::layout::{RAIL_ID, RailRecord};
use tongtu_tap_record::{RecordKind, Stage};

use super::outcome::Refusal;
use super::plan::{NoPlan, Origin, Place, Plan, Slot, View};
use super::pricing::{self, Charge, Fare, station_bytes};
use super::profile::{Gate, NoEntry, OpenRide, OverStay, Way};

const BAD: Refusal = Refusal::BadFile {
    sfi: Sfi::COMPOSITE,
};

/// A gate's decision.
pub(super) fn gate(view: &View<'_>, post: &Gate) -> Result<Plan, NoPlan> {
    let rail = readable(&view.files.rail)?;
    match post.way {
        Way::Entry => entry(view, post, rail),
        Way::Exit => exit(view, post, rail),
    }
}

/// The rail record, if a ride may change it.
pub(super) fn readable(slot: &Slot<RailRecord>) -> Result<&RailRecord, NoPlan> {
    let rail = match slot {
        Slot::Absent => return Err(Refusal::NoComposite.into()),
        Slot::Bad => return Err(BAD.into()),
        Slot::There(rail) => &**rail,
    };
    if rail.lock == LockFlag::LOCKED {
        return Err(Refusal::RecordLocked.into());
    }
    if rail.state > RailState::EXIT_UPDATED {
        return Err(BAD.into());
    }
    Ok(rail)
}

pub(super) fn place(gate: &Gate) -> Place {
    Place {
        industry: Industry::RAIL,
        line: gate.network,
        card_line: [0, gate.card_line],
        station: station_bytes(gate.station),
        direction: Direction(0),
        vehicle: [0; 8],
    }
}

/// Where the open ride of a record began.
pub(super) fn origin(rail: &RailRecord) -> Origin {
    Origin {
        institution: rail.entry_institution,
        city: rail.entry_city,
        line: [0, rail.entry_line],
        station: rail.entry_station,
        terminal: rail.entry_terminal,
        at: rail.entry_at,
    }
}

fn entry(view: &View<'_>, post: &Gate, rail: &RailRecord) -> Result<Plan, NoPlan> {
    let is_open = matches!(rail.state, RailState::ENTERED | RailState::ENTRY_UPDATED);
    let rules = &view.profile.rules;
    let mut arrears = Amount::ZERO;
    if is_open {
        // Whoever begins a second ride without having ended the first sees the counter, or
        // pays what was marked, as the operator decides; for rides of others, the counter.
        let ours = rail.entry_institution == view.profile.acceptor;
        let believed = rail.marked <= rules.arrears_max;
        if !ours || !believed || entered_just_now(view, post, rail) {
            return Err(Refusal::AlreadyInside.into());
        }
        arrears = match rules.open_ride {
            OpenRide::Counter => return Err(Refusal::AlreadyInside.into()),
            OpenRide::Settle => rail.marked,
            OpenRide::ByBook => never_left(view, post, rail)?,
        };
    }
    let marked = pricing::dearest(view.book, post.network, post.station, None)?;
    let place = place(post);
    let fare = Fare {
        version: view.book.version(),
        ..Fare::default()
    };
    let record = view.draft(RecordKind::Composite, Stage::Entry, &place);
    let mut plan = Plan::of(record, &fare, arrears)?;
    if is_open {
        plan = plan.from(&origin(rail));
    }
    plan.reserve = rules.entry_min;
    plan.record.marked = marked;
    plan.updates.rail = Some(entered(view, &place, rail, RailState::ENTERED, marked));
    if let Some(rail) = &mut plan.updates.rail {
        rail.entry_amount = plan.record.amount;
    }
    plan.updates.trip = Some(view.trip(TripKind::ENTRY, &place, plan.record.amount));
    Ok(plan)
}

/// Whether the open ride began at this station while a torn tap of it may still be open at the
/// gate beside: nobody has missed an exit within it.
fn entered_just_now(view: &View<'_>, post: &Gate, rail: &RailRecord) -> bool {
    let grey_after_s = view.profile.rules.grey_after_s;
    let entered = rail.entry_at.instant();
    rail.entry_station == station_bytes(post.station)
        && entered.is_some_and(|at| view.now.since_s(at) <= grey_after_s)
}

/// What the book says that a ride costs whose exit is not known.
fn never_left(view: &View<'_>, post: &Gate, rail: &RailRecord) -> Result<Amount, NoPlan> {
    let entry = pricing::station_of(view.book, post.network, rail.entry_station)?;
    let entry = entry.ok_or(Refusal::AlreadyInside)?;
    let entered = rail.entry_at.instant().ok_or(BAD)?;
    let stayed_s = view.now.since_s(entered);
    let rider = view.rider(&place(post));
    let charge = pricing::without_exit(view.book, post.network, entry, stayed_s, rider)?;
    let charge = charge.ok_or(Refusal::AlreadyInside)?;
    Ok(charge.fare.with_arrears(Amount::ZERO)?)
}

/// The record with an entry here and now.
pub(super) fn entered(
    view: &View<'_>,
    place: &Place,
    old: &RailRecord,
    state: RailState,
    marked: Amount,
) -> Box<RailRecord> {
    let [_, line] = place.card_line;
    Box::new(RailRecord {
        id: RAIL_ID,
        length: 0x7D,
        valid: 1,
        flag: RideFlag::SEGMENTED,
        lock: LockFlag::FREE,
        serial: old.serial,
        state,
        entry_city: view.profile.city,
        exit_city: City([0; 2]),
        entry_institution: view.profile.acceptor,
        exit_institution: Institution([0; 8]),
        entry_station: place.station,
        exit_station: [0; 8],
        entry_terminal: view.psam.terminal.into(),
        exit_terminal: Terminal8([0; 8]),
        entry_at: view.at,
        exit_at: DateTime([0; 7]),
        marked,
        entry_line: line,
        exit_line: 0,
        entry_amount: Amount::ZERO,
        entry_balance: Balance::default(),
        exit_amount: Amount::ZERO,
        own: old.own,
    })
}

/// The record with an exit here and now.
pub(super) fn exited(
    view: &View<'_>,
    place: &Place,
    old: &RailRecord,
    state: RailState,
    amount: Amount,
) -> Box<RailRecord> {
    let [_, line] = place.card_line;
    Box::new(RailRecord {
        flag: RideFlag::SEGMENTED,
        state,
        exit_city: view.profile.city,
        exit_institution: view.profile.acceptor,
        exit_station: place.station,
        exit_terminal: view.psam.terminal.into(),
        exit_at: view.at,
        exit_line: line,
        exit_amount: amount,
        ..old.clone()
    })
}

fn exit(view: &View<'_>, post: &Gate, rail: &RailRecord) -> Result<Plan, NoPlan> {
    let place = place(post);
    let mut after = None;
    let mut remembered = |charge: Charge| {
        after = Some(charge.after);
        charge.fare
    };
    let fare = match rail.state {
        RailState::ENTERED | RailState::ENTRY_UPDATED => remembered(ride_fare(view, post, rail)?),
        RailState::EXIT_UPDATED if was_closed_here(view, &place, rail) => Fare {
            version: view.book.version(),
            ..Fare::default()
        },
        _ => match view.profile.rules.no_entry {
            NoEntry::Counter => return Err(Refusal::NotInside.into()),
            NoEntry::ChargeMax => {
                let dearest = pricing::dearest(view.book, post.network, post.station, None)?;
                pricing::as_penalty(dearest, view.book.version())
            }
            NoEntry::ByBook => {
                let rider = view.rider(&place);
                let charge = pricing::without_entry(view.book, post.network, post.station, rider)?;
                remembered(charge.ok_or(Refusal::NotInside)?)
            }
        },
    };
    let is_open = matches!(rail.state, RailState::ENTERED | RailState::ENTRY_UPDATED);
    let record = view.draft(RecordKind::Composite, Stage::Exit, &place);
    let mut plan = Plan::of(record, &fare, Amount::ZERO)?;
    if is_open {
        plan = plan.from(&origin(rail));
    }
    let amount = plan.record.amount;
    let mut written = exited(view, &place, rail, RailState::EXITED, amount);
    // A blank record, or one of another make, becomes one of ours.
    (written.id, written.length, written.valid) = (RAIL_ID, 0x7D, 1);
    plan.updates.rail = Some(written);
    plan.updates.local = after.and_then(|after| view.remember(&after));
    plan.updates.trip = Some(view.trip(TripKind::EXIT, &place, amount));
    Ok(plan)
}

/// A ride closed at a counter of this station a moment ago is let out for nothing, once.
fn was_closed_here(view: &View<'_>, place: &Place, rail: &RailRecord) -> bool {
    let age_s = rail.exit_at.instant().map(|at| view.now.since_s(at));
    let rules = &view.profile.rules;
    rail.exit_institution == view.profile.acceptor
        && rail.exit_station == place.station
        && age_s.is_some_and(|age_s| (-rules.skew_s..=rules.closed_s).contains(&age_s))
}

fn ride_fare(view: &View<'_>, post: &Gate, rail: &RailRecord) -> Result<Charge, NoPlan> {
    let rules = &view.profile.rules;
    let connected = view.is_connected(rail.entry_city)
        && (rail.entry_institution == view.profile.acceptor
            || rules.through.contains(&rail.entry_city));
    if !connected {
        return Err(Refusal::NotConnected.into());
    }
    let stayed_s = match rail.entry_at.instant() {
        Some(entered) => view.now.since_s(entered),
        None => return Err(BAD.into()),
    };
    if stayed_s < -rules.skew_s {
        return Err(BAD.into());
    }
    if stayed_s > rules.stay_max_s && rules.over_stay == OverStay::Counter {
        return Err(Refusal::OverStay.into());
    }
    let entry = pricing::station_of(view.book, post.network, rail.entry_station)?;
    // A station that the book does not have is another network's.
    let entry = entry.ok_or(Refusal::NotConnected)?;
    let ends = [entry, post.station];
    Ok(pricing::between(
        view.book,
        post.network,
        ends,
        stayed_s,
        view.rider(&place(post)),
    )?)
}
