//! What a charge has to know of the rides before it, as one small value.
//!
//! A terminal fills it from a card's files or an account and writes back what the charge
//! returns. It belongs to one card *or* one account: sums are never joined across them.

use tongtu_types::{Fen, LineCode, StationCode, Timestamp};

use crate::{Direction, Mode};

/// How many counters a book may have.
pub const COUNTERS_MAX: usize = 4;

/// How many tickets a history holds.
pub const TICKETS_MAX: usize = 2;

/// Sums, the last ride and tickets of one card or one account.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct History {
    /// Counter `n` of the book at index `n - 1`.
    pub counters: [Tally; COUNTERS_MAX],
    /// The last ride charged, if there was one.
    pub last: Option<LastRide>,
    /// Tickets (票卡产品), tried in this order.
    pub tickets: [Option<Ticket>; TICKETS_MAX],
}

/// What one counter (累计) holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// The period that the sum belongs to, as [`crate::Window`] numbers it; in any other period
    /// the sum is nothing.
    pub period: u32,
    /// Fen, or rides, as the book says.
    pub sum: u32,
}

/// The last ride that was charged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LastRide {
    /// The line or network.
    pub line: LineCode,
    /// Its mode.
    pub mode: Mode,
    /// Which way, where it is known.
    pub direction: Option<Direction>,
    /// Where it ended, where that is known.
    pub exit: Option<StationCode>,
    /// When it began.
    pub begun_at: Timestamp,
    /// When it was paid.
    pub paid_at: Timestamp,
    /// What was paid.
    pub paid: Fen,
    /// When the first ride of its chain of transfers began.
    pub chain_begun_at: Timestamp,
    /// How many transfers the chain has had.
    pub chain: u8,
}

/// A ticket (计次票、定期票): a product of the book in the rider's hand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ticket {
    /// The product's number in the book.
    pub product: u8,
    /// The first moment at which it counts.
    pub from: Timestamp,
    /// The first moment at which it does not any more; a ticket that runs from its first ride
    /// gets a nearer one then.
    pub until: Timestamp,
    /// Whether it was ridden on.
    pub used: bool,
    /// Rides left on it; `None` for any number.
    pub rides_left: Option<u16>,
}
