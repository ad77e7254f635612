//! What a card says of earlier rides, as the fare engine takes it, and how it is written back.
//!
//! Sums of a month and the last ride lie in the city's own record of the card ([`LocalHistory`],
//! file 0x19), where the rules have it read ([`super::Rules::history`]) and the card is of this
//! city; it is written by the same composite purchase that pays the ride, so that card and sums
//! cannot disagree. Of any other card the newest trip of file 0x1E tells the last ride, where the
//! rules have that read.
//!
//! UNSPECIFIED: a card of another city, or one whose record has a form that is not ours, has no
//! history but its newest trip, and its record is left as it is. A purchase that is not composite
//! cannot write: such a ride is priced by what the card says and leaves it as it was, so that it
//! is not counted and the ride before it stays the last one. A counter keeps its meaning from one
//! version of a book to the next.

use alloc::boxed::Box;

use tongtu_fare::{COUNTERS_MAX, Direction, FareBook, History, LastRide, Mode, Tally};
use tongtu_purse::field::{Industry, Limit, TripKind};
use tongtu_purse::layout::{LocalHistory, Trip};
use tongtu_types::{BusinessDay, Fen, LineCode, Timestamp};

use super::plan::{Place, Slot, View};

impl View<'_> {
    /// What the card says of earlier rides.
    pub(super) fn history(&self, place: &Place) -> History {
        if let Some(local) = self.local() {
            return read(local, self.book);
        }
        let trip = self.files.trip.as_deref();
        History {
            last: trip.and_then(|trip| self.last_by_trip(trip, place)),
            ..History::default()
        }
    }

    /// The city's record with this ride in it, where the card has one that is ours to write.
    pub(super) fn remember(&self, after: &History) -> Option<Box<LocalHistory>> {
        let old = self.local()?;
        Some(Box::new(written(old, after, self.book, self.now)))
    }

    fn local(&self) -> Option<&LocalHistory> {
        let is_local = self.home() == self.profile.city;
        match &self.files.local {
            Slot::There(local) if is_local => Some(local),
            _ => None,
        }
    }

    /// What a trip on the card says to the rules of transfers.
    ///
    /// UNSPECIFIED: a trip names its line in two bytes of the operator's own; a line that is not
    /// this terminal's own is told apart, not known. When a ride began and how many transfers
    /// came before it is not in it.
    fn last_by_trip(&self, trip: &Trip, place: &Place) -> Option<LastRide> {
        let mode = match trip.industry {
            Industry::RAIL => Mode::Metro,
            Industry::BUS => Mode::Bus,
            Industry::FERRY => Mode::Ferry,
            Industry::SUBURBAN => Mode::Rail,
            _ => return None,
        };
        // An entry has not been charged yet, and what is no ride is none to change from.
        let is_ride = matches!(trip.kind, TripKind::EXIT | TripKind::SINGLE);
        if !is_ride || trip.place() != self.profile.city {
            return None;
        }
        // A rail network is one line here, whatever line of it a gate stands at.
        let is_own = trip.institution == self.profile.acceptor
            && trip.industry == place.industry
            && (trip.line == place.card_line || trip.industry == Industry::RAIL);
        let line = match is_own {
            true => place.line,
            false => other_line(trip.line)?,
        };
        let at = trip.at.instant()?;
        Some(LastRide {
            line,
            mode,
            direction: None,
            exit: None,
            begun_at: at,
            paid_at: at,
            paid: trip.amount.fen(),
            chain_begun_at: at,
            chain: 0,
        })
    }
}

/// A line of which two bytes are known, as no book names one.
fn other_line([high, low]: [u8; 2]) -> Option<LineCode> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let nibbles = [high >> 4, high & 15, low >> 4, low & 15];
    let mut text = *b"~0000";
    for (slot, nibble) in text[1..].iter_mut().zip(nibbles) {
        *slot = DIGITS[usize::from(nibble)];
    }
    LineCode::parse(core::str::from_utf8(&text).ok()?).ok()
}

fn counters(local: &LocalHistory) -> [(u16, Limit); COUNTERS_MAX] {
    [
        (local.day_1, local.sum_1),
        (local.day_2, local.sum_2),
        (local.day_3, local.sum_3),
        (local.day_4, local.sum_4),
    ]
}

fn read(local: &LocalHistory, book: &FareBook) -> History {
    let mut history = History::default();
    let held = counters(local);
    for counter in book.counters() {
        let at = usize::from(counter.number) - 1;
        let (day, sum) = held[at];
        let day = BusinessDay::from_days(day.into());
        history.counters[at] = Tally {
            period: counter.window.period(day),
            sum: u32::try_from(sum.fen().get()).unwrap_or(u32::MAX),
        };
    }
    history.last = last(local);
    history
}

fn last(local: &LocalHistory) -> Option<LastRide> {
    let mode = usize::from(local.mode >> 4).checked_sub(1)?;
    let mode = *Mode::ALL.get(mode)?;
    let direction = match local.mode & 0x0F {
        1 => Some(Direction::Up),
        2 => Some(Direction::Down),
        _ => None,
    };
    let letters = local.line.iter().position(|byte| *byte == 0).unwrap_or(6);
    let line = core::str::from_utf8(&local.line[..letters]).ok()?;
    let paid_at = Timestamp::new(local.paid_at.into());
    Some(LastRide {
        line: LineCode::parse(line).ok()?,
        mode,
        direction,
        exit: None,
        begun_at: paid_at.plus_s(-i64::from(local.rode_s)),
        paid_at,
        paid: local.paid.fen(),
        chain_begun_at: paid_at.plus_s(-i64::from(local.chain_s)),
        chain: local.chain,
    })
}

/// Money or rides in three bytes; beyond them it stays at the most there is.
fn limit(value: u32) -> Limit {
    Limit::new(value).unwrap_or(Limit::from_bytes([0xFF; 3]))
}

fn written(old: &LocalHistory, after: &History, book: &FareBook, now: Timestamp) -> LocalHistory {
    let today = now.china().day;
    let mut held = counters(old);
    for counter in book.counters() {
        let at = usize::from(counter.number) - 1;
        let tally = after.counters[at];
        // A counter that does not count this ride keeps the day of the one that it counted last.
        if tally.period == counter.window.period(today)
            && let Ok(day) = u16::try_from(today.days())
        {
            held[at] = (day, limit(tally.sum));
        }
    }
    let [
        (day_1, sum_1),
        (day_2, sum_2),
        (day_3, sum_3),
        (day_4, sum_4),
    ] = held;
    let mut new = LocalHistory {
        day_1,
        sum_1,
        day_2,
        sum_2,
        day_3,
        sum_3,
        day_4,
        sum_4,
        ..LocalHistory::blank(old.city)
    };
    if let Some(last) = after.last {
        put_last(&mut new, &last);
    }
    new
}

/// A last ride of a time that four bytes do not hold is none.
fn put_last(new: &mut LocalHistory, last: &LastRide) {
    let Ok(paid_at) = u32::try_from(last.paid_at.get()) else {
        return;
    };
    let before = |at: Timestamp| {
        let seconds = last.paid_at.since_s(at).max(0);
        u16::try_from(seconds).unwrap_or(u16::MAX)
    };
    let mode = Mode::ALL.iter().position(|mode| *mode == last.mode);
    let mode = mode.and_then(|mode| u8::try_from(mode + 1).ok());
    let direction = match last.direction {
        None => 0,
        Some(Direction::Up) => 1,
        Some(Direction::Down) => 2,
    };
    for (slot, letter) in new.line.iter_mut().zip(last.line.as_str().bytes()) {
        *slot = letter;
    }
    new.mode = (mode.unwrap_or(0) << 4) | direction;
    new.paid_at = paid_at;
    new.rode_s = before(last.begun_at);
    new.chain_s = before(last.chain_begun_at);
    let paid = last.paid.max(Fen::ZERO).get();
    new.paid = limit(u32::try_from(paid).unwrap_or(u32::MAX));
    new.chain = last.chain;
}
