//! What a tap costs: the seam between a card's files and the fare engine.
//!
//! Flows say what kind of ride it is; which rules apply to it is the fare book's. A book prices
//! a bus of segmented fares as a network of its stops.

use tongtu_fare::{
    Class, Direction, FareBook, FareError, History, Journey, LastRide, Means, Mode, Ride,
    Rider as Payer,
};
use tongtu_purse::field::{self, Amount, CardKind, City, Industry, TripKind};
use tongtu_purse::layout::Trip;
use tongtu_types::{Fen, LineCode, StationCode, Timestamp};

use super::outcome::TapFault;
use super::terminal::instant;

/// Who rides when and which way, as far as a fare depends on it.
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

/// What the newest trip on a card says to the rules of transfers.
///
/// UNSPECIFIED: a trip names its line in two bytes of the operator's own; a line that is not
/// this terminal's own is told apart, not known. How many transfers came before is not on the
/// card, and neither are sums of a month.
pub(super) fn history(trip: Option<&Trip>, own: (LineCode, [u8; 2])) -> History {
    let mut history = History::default();
    let Some(trip) = trip else {
        return history;
    };
    let mode = match trip.industry {
        Industry::RAIL => Mode::Metro,
        Industry::BUS => Mode::Bus,
        Industry::FERRY => Mode::Ferry,
        Industry::SUBURBAN => Mode::Rail,
        _ => return history,
    };
    // An entry has not been charged yet; what is no ride changes nothing.
    if !matches!(trip.kind, TripKind::EXIT | TripKind::SINGLE) {
        return history;
    }
    let line = match trip.line == own.1 {
        true => Some(own.0),
        false => LineCode::parse(&tongtu_codec::hex_encode(&trip.line)).ok(),
    };
    if let (Some(line), Some(at)) = (line, instant(trip.at)) {
        history.last = Some(LastRide {
            line,
            mode,
            direction: None,
            exit: None,
            begun_at: at,
            paid_at: at,
            paid: trip.amount.fen(),
            chain_begun_at: at,
            chain: 0,
        });
    }
    history
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

fn charged(book: &FareBook, ride: Ride, rider: Rider) -> Result<Fare, TapFault> {
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
    let fare = book.charge(&journey, &payer, &rider.history)?.fare;
    // A minimum or a rounding that adds is a discount below nothing; a record adds it instead.
    let (discount, added) = if fare.discount < Fen::ZERO {
        (Fen::ZERO, fare.discount.get().unsigned_abs())
    } else {
        (fare.discount, 0)
    };
    let added = i64::try_from(added).unwrap_or(i64::MAX);
    let penalty = Fen::new(fare.penalty.get().saturating_add(added));
    Ok(Fare {
        base: amount(fare.base)?,
        discount: amount(discount)?,
        transfer: amount(fare.transfer)?,
        penalty: amount(penalty)?,
        version: fare.version,
    })
}

/// A whole ride for one fare.
pub(super) fn single(book: &FareBook, line: LineCode, rider: Rider) -> Result<Fare, TapFault> {
    charged(book, Ride::Flat { line }, rider)
}

/// A ride through a network or along a line, both ends known.
pub(super) fn between(
    book: &FareBook,
    network: LineCode,
    [entry, exit]: [StationCode; 2],
    stayed_s: i64,
    rider: Rider,
) -> Result<Fare, TapFault> {
    let stayed_s = u32::try_from(stayed_s.max(0)).unwrap_or(u32::MAX);
    let ride = Ride::Distance {
        network,
        entry,
        exit,
        stayed_s,
    };
    charged(book, ride, rider)
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
