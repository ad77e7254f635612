//! What a tap costs: the seam between a card's files and the fare engine.
//!
//! Flows say what kind of ride it is; which rules apply to it is the fare book's. A book prices
//! a bus of segmented fares as a network of its stops.

use tongtu_fare::{
    Class, Direction, FareBook, FareError, History, Journey, Means, Ride, Rider as Payer,
};
use tongtu_purse::field::{self, Amount, CardKind, City};
use tongtu_types::{Fen, LineCode, StationCode, Timestamp};

use super::outcome::TapFault;

/// Who rides when and which way, as far as a fare depends on it.
///
/// The class is the kind of card: a book's classes carry the numbers that cards do, and a kind
/// that it does not name rides as the ordinary one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rider {
    /// The kind of card.
    pub(super) kind: CardKind,
    /// The city of the card.
    pub(super) home: City,
    /// When it is charged.
    pub(super) at: Timestamp,
    /// Which way, on a bus.
    pub(super) direction: Option<Direction>,
    /// What the card says of earlier rides.
    pub(super) history: History,
}

/// Up or down, where a bus says so.
pub(super) const fn way(direction: field::Direction) -> Option<Direction> {
    match direction {
        field::Direction::UP => Some(Direction::Up),
        field::Direction::DOWN => Some(Direction::Down),
        _ => None,
    }
}

/// A fare in the parts that a record has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Fare {
    pub(super) base: Amount,
    pub(super) discount: Amount,
    pub(super) transfer: Amount,
    pub(super) penalty: Amount,
    /// Version of the book.
    pub(super) version: u32,
}

impl Fare {
    /// What is charged, with arrears of an earlier ride.
    ///
    /// # Errors
    /// [`TapFault::Amount`] when no card can pay it in one piece.
    pub(super) fn with_arrears(&self, arrears: Amount) -> Result<Amount, TapFault> {
        let fen = |amount: Amount| i64::from(amount.get());
        // Five numbers below 2³² do not leave 64 bits.
        let sum = fen(self.base) - fen(self.discount) - fen(self.transfer)
            + fen(self.penalty)
            + fen(arrears);
        amount(Fen::new(sum))
    }
}

fn amount(fare: Fen) -> Result<Amount, TapFault> {
    Amount::from_fen(fare).ok_or(TapFault::Amount { fare })
}

/// A fare, and what the card's history is with the ride in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Charge {
    pub(super) fare: Fare,
    pub(super) after: History,
}

/// What the engine charges for a ride; nothing is allocated on the way.
///
/// UNSPECIFIED: a record's parts have no sign. What a minimum, a rounding or a transfer adds is
/// no discount below nothing but a part of what is charged beside the base.
fn charged(book: &FareBook, ride: Ride, rider: Rider) -> Result<Charge, TapFault> {
    let journey = Journey {
        direction: rider.direction,
        ..Journey::new(ride, rider.at)
    };
    let payer = Payer {
        class: Class(rider.kind.0),
        means: Means::Card,
        // A card of a city that is none rides as one of this city.
        home: rider.home.code().unwrap_or(book.city().code),
        age: None,
    };
    let charged = book.charge(&journey, &payer, &rider.history)?;
    let fare = charged.fare;
    let less = |part: Fen| part.max(Fen::ZERO);
    let more = |part: Fen| part.get().min(0).saturating_neg();
    let added = more(fare.discount).saturating_add(more(fare.transfer));
    Ok(Charge {
        fare: Fare {
            base: amount(fare.base)?,
            discount: amount(less(fare.discount))?,
            transfer: amount(less(fare.transfer))?,
            penalty: amount(Fen::new(fare.penalty.get().saturating_add(added)))?,
            version: fare.version,
        },
        after: charged.history,
    })
}

/// A whole ride for one fare.
pub(super) fn single(book: &FareBook, line: LineCode, rider: Rider) -> Result<Charge, TapFault> {
    charged(book, Ride::Flat { line }, rider)
}

/// A ride through a network or along a line, both ends known.
pub(super) fn between(
    book: &FareBook,
    network: LineCode,
    [entry, exit]: [StationCode; 2],
    stayed_s: i64,
    rider: Rider,
) -> Result<Charge, TapFault> {
    let ride = Ride::Distance {
        network,
        entry,
        exit,
        stayed_s: seconds(stayed_s),
    };
    charged(book, ride, rider)
}

/// A ride that came out here and went in nobody knows where, as the book's row for it says; none
/// where it has none.
pub(super) fn without_entry(
    book: &FareBook,
    line: LineCode,
    exit: StationCode,
    rider: Rider,
) -> Result<Option<Charge>, TapFault> {
    repaired(charged(book, Ride::MissingEntry { line, exit }, rider))
}

/// A ride that went in there and never came out, as the book's row for it says; none where it
/// has none.
pub(super) fn without_exit(
    book: &FareBook,
    line: LineCode,
    entry: StationCode,
    stayed_s: i64,
    rider: Rider,
) -> Result<Option<Charge>, TapFault> {
    let ride = Ride::MissingExit {
        line,
        entry,
        stayed_s: seconds(stayed_s),
    };
    repaired(charged(book, ride, rider))
}

fn repaired(charge: Result<Charge, TapFault>) -> Result<Option<Charge>, TapFault> {
    match charge {
        Ok(charge) => Ok(Some(charge)),
        Err(TapFault::Fare(FareError::NoRepair { .. })) => Ok(None),
        Err(fault) => Err(fault),
    }
}

fn seconds(stayed_s: i64) -> u32 {
    u32::try_from(stayed_s.max(0)).unwrap_or(u32::MAX)
}

/// The dearest ride that can begin here this way: what is marked on the card.
pub(super) fn dearest(
    book: &FareBook,
    line: LineCode,
    stop: StationCode,
    direction: Option<Direction>,
) -> Result<Amount, TapFault> {
    amount(book.max_fare_from(line, stop, direction)?)
}

/// A fare of the dearest ride, as a penalty: nothing is known of the ride itself.
pub(super) fn as_penalty(dearest: Amount, version: u32) -> Fare {
    Fare {
        penalty: dearest,
        version,
        ..Fare::default()
    }
}

/// A station as cards carry it: digits packed, anything else as letters, right-justified.
///
/// UNSPECIFIED: acceptors write what they like into these eight bytes; the form is ours.
pub(super) fn station_bytes(code: StationCode) -> [u8; 8] {
    let text = code.as_str().as_bytes();
    let mut out = [0; 8];
    if text.iter().all(u8::is_ascii_digit) {
        for (slot, pair) in out.iter_mut().rev().zip(text.rchunks(2)) {
            *slot = pair
                .iter()
                .fold(0, |packed, digit| packed << 4 | (digit - b'0'));
        }
    } else {
        for (slot, letter) in out.iter_mut().rev().zip(text.iter().rev()) {
            *slot = *letter;
        }
    }
    out
}

/// The station of a network that cards carry so; none of another acceptor's form.
///
/// # Errors
/// [`FareError`] when the book lacks the network.
pub(super) fn station_of(
    book: &FareBook,
    network: LineCode,
    bytes: [u8; 8],
) -> Result<Option<StationCode>, FareError> {
    let is_it = |code: &StationCode| station_bytes(*code) == bytes;
    if let Some(route) = book.route(network) {
        return Ok(route.stops().iter().map(|stop| stop.code).find(is_it));
    }
    let stations = book.network(network)?.stations().iter();
    Ok(stations.map(|station| station.code).find(is_it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stations_lie_packed_or_as_letters() {
        let bytes = |text: &str| station_bytes(StationCode::parse(text).expect("a code"));
        assert_eq!(bytes("0101"), [0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!(bytes("123"), [0, 0, 0, 0, 0, 0, 1, 0x23]);
        assert_eq!(bytes("A9"), [0, 0, 0, 0, 0, 0, b'A', b'9']);
        assert_eq!(bytes("12345678"), [0, 0, 0, 0, 0x12, 0x34, 0x56, 0x78]);
    }
}
