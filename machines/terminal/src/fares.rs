//! What a scan costs at a post.

use tongtu_fare::{Class, FareBook, FareError, History, Journey, Means, Ride as FareRide, Rider};
use tongtu_ride_code::RideCode;
use tongtu_types::{Fen, Timestamp};

use crate::{Notice, OpenEntry, Post};

/// The fare of one scan, before the code's own limit is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Charge {
    pub(crate) amount: Fen,
    pub(crate) fare_version: u32,
    /// What the network's dearest ride costs; only at an entry.
    pub(crate) fare_max: Option<Fen>,
    pub(crate) notice: Option<Notice>,
}

/// Who shows a code, as far as a fare depends on it. What is no code is refused anyway, and costs
/// whatever it costs a rider of this city.
///
/// The issuer signs the account's type, so a phone cannot choose its class.
pub(crate) fn rider(bytes: &[u8], book: &FareBook) -> Rider {
    let code = RideCode::frame(bytes).ok();
    let code = code.as_ref();
    let certificate = code.and_then(|code| code.certificate().ok());
    let home = certificate.map_or(book.city().code, |certificate| certificate.issuer.city());
    let user = code.and_then(|code| code.user().ok());
    Rider {
        class: user.map_or(Class::ORDINARY, |user| account_class(user.account_type)),
        ..Rider::ordinary(Means::Code, home)
    }
}

/// The class of an account's rider, by the type in its codes (用户账户类型).
///
/// UNSPECIFIED: how a type says of what class its rider is; its table is not public, and real
/// codes carry 01. We read it as the kind of a card (卡种类型) that means the same in every city:
/// 02 student, 03 elder, 05 military. Every other rides as an ordinary one.
#[must_use]
pub const fn account_class(account_type: u8) -> Class {
    match Class(account_type) {
        class @ (Class::STUDENT | Class::ELDER | Class::MILITARY) => class,
        _ => Class::ORDINARY,
    }
}

/// Prices a scan by the whole fare engine.
///
/// UNSPECIFIED: a terminal does not know what an account rode before; sums and transfers are the
/// back office's, which has the account's rides.
/// UNSPECIFIED: an exit without a known entry, or with an entry at a station that the book does
/// not have. The rider is never trapped: we let out with amount 0 and direction exit, which no
/// complete ride has, and leave the fare to the back office, which sees all gates' records.
pub(crate) fn charge(
    post: &Post,
    book: &FareBook,
    rider: &Rider,
    entry: Option<&OpenEntry>,
    now: Timestamp,
) -> Result<Charge, FareError> {
    let fare = |ride| {
        let charged = book.charge(&Journey::new(ride, now), rider, &History::default())?;
        Ok::<_, FareError>(charged.fare.amount)
    };
    let mut charge = Charge {
        amount: Fen::ZERO,
        fare_version: book.version(),
        fare_max: None,
        notice: None,
    };
    match *post {
        Post::Bus { line, .. } => charge.amount = fare(FareRide::Flat { line })?,
        Post::Entry { network, station } => {
            book.fare(&stay(network, station, station, 0))?;
            charge.fare_max = Some(book.max_fare(network)?);
        }
        Post::Exit { network, station } => {
            // First with this station alone: that it is unknown would be the terminal's fault.
            book.fare(&stay(network, station, station, 0))?;
            let priced = entry.and_then(|entry| {
                let stayed_s = u32::try_from(now.since_s(entry.at).max(0)).unwrap_or(u32::MAX);
                fare(stay(network, entry.station, station, stayed_s)).ok()
            });
            match priced {
                Some(amount) => charge.amount = amount,
                None => charge.notice = Some(Notice::NoEntry),
            }
        }
    }
    Ok(charge)
}

const fn stay(
    network: tongtu_types::LineCode,
    entry: tongtu_types::StationCode,
    exit: tongtu_types::StationCode,
    stayed_s: u32,
) -> FareRide {
    FareRide::Distance {
        network,
        entry,
        exit,
        stayed_s,
    }
}
