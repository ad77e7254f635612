//! What a tap costs: the seam between a card's files and the fare engine.
//!
//! Flows say what kind of ride it is; which rules apply to it is the fare book's. A book prices
//! a bus of segmented fares as a network of its stops.

use tongtu_fare::{FareBook, FareError, Ride};
use tongtu_purse::field::{Amount, CardKind};
use tongtu_purse::layout::Trip;
use tongtu_types::{Fen, LineCode, StationCode};

use super::lists::Standing;
use super::outcome::TapFault;

/// Who rides, as far as a fare depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rider<'a> {
    /// The kind of card.
    pub(super) kind: CardKind,
    /// Of this city or another.
    pub(super) standing: Standing,
    /// The last trip on the card, for transfers.
    pub(super) last: Option<&'a Trip>,
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

fn plain(book: &FareBook, ride: &Ride) -> Result<Fare, TapFault> {
    Ok(Fare {
        base: amount(book.fare(ride)?)?,
        version: book.version(),
        ..Fare::default()
    })
}

/// A whole ride for one fare.
pub(super) fn single(book: &FareBook, line: LineCode, _: Rider<'_>) -> Result<Fare, TapFault> {
    plain(book, &Ride::Flat { line })
}

/// A ride through a network, entry and exit known.
pub(super) fn between(
    book: &FareBook,
    network: LineCode,
    [entry, exit]: [StationCode; 2],
    stayed_s: i64,
    _: Rider<'_>,
) -> Result<Fare, TapFault> {
    let stayed_s = u32::try_from(stayed_s.max(0)).unwrap_or(u32::MAX);
    plain(
        book,
        &Ride::Distance {
            network,
            entry,
            exit,
            stayed_s,
        },
    )
}

/// The dearest ride that can begin here: what is marked on the card.
pub(super) fn dearest(
    book: &FareBook,
    network: LineCode,
    station: StationCode,
) -> Result<Amount, TapFault> {
    // That the station is unknown is this terminal's fault, and is said before a card pays.
    book.fare(&Ride::Distance {
        network,
        entry: station,
        exit: station,
        stayed_s: 0,
    })?;
    amount(book.max_fare(network)?)
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
    let stations = book.network(network)?.stations().iter();
    Ok(stations
        .map(|station| station.code)
        .find(|code| station_bytes(*code) == bytes))
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
