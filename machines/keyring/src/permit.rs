//! Permits: what a service must hold to use a key.

use tongtu_types::{CityCode, Timestamp};

use crate::KeyBook;
use crate::code::{Ground, Purpose, Stage, Usage};
use crate::event::{Use, What};
use crate::life::KeyLife;
use crate::name::KeyNumber;

/// That a key may be used once, so, at this moment.
///
/// Only [`KeyBook::permit`] makes one, and it cannot be copied: whoever uses a key takes a permit
/// by value and gives it up. What it rests on is the book up to an event, so anybody who has the
/// book can ask again and must get the same answer.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a permit is asked for in order to use a key"]
pub struct Permit {
    key: KeyNumber,
    asked: Use,
    at: Timestamp,
    rests_on: u64,
}

impl Permit {
    /// The key.
    #[must_use]
    pub const fn key(&self) -> KeyNumber {
        self.key
    }

    /// For which city.
    #[must_use]
    pub const fn city(&self) -> CityCode {
        self.asked.city
    }

    /// For what.
    #[must_use]
    pub const fn purpose(&self) -> Purpose {
        self.asked.purpose
    }

    /// To make or to accept.
    #[must_use]
    pub const fn usage(&self) -> Usage {
        self.asked.usage
    }

    /// At which moment.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// The number of the book's last event when it was given: what an audit line keeps of it.
    #[must_use]
    pub const fn rests_on(&self) -> u64 {
        self.rests_on
    }
}

/// A use that is not permitted. It can be reported: [`RefusedUse::report`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "key {key} is not given to {} for {} of city {} at {at}: {ground}",
    asked.usage, asked.purpose, asked.city
)]
pub struct RefusedUse {
    /// The key.
    pub key: KeyNumber,
    /// What was asked for.
    pub asked: Use,
    /// When.
    pub at: Timestamp,
    /// Why not: of several grounds, the first in their order.
    pub ground: Ground,
}

impl RefusedUse {
    /// The event that reports it.
    #[must_use]
    pub const fn report(&self) -> What {
        What::Misused {
            asked: self.asked,
            ground: self.ground,
        }
    }
}

impl KeyBook {
    /// Whether a key may be used so at `at`, by what the book says now.
    ///
    /// The limits are those of the service rules draft §10: the granted city, the granted purpose,
    /// the term. A key in overlap accepts and does not make.
    ///
    /// # Errors
    /// [`RefusedUse`] with the first ground that applies.
    pub fn permit(&self, key: KeyNumber, asked: Use, at: Timestamp) -> Result<Permit, RefusedUse> {
        let ground = match self.key(key) {
            None => Some(Ground::Unknown),
            Some(life) => ground_against(life, asked, at),
        };
        match ground {
            None => Ok(Permit {
                key,
                asked,
                at,
                rests_on: self.last_number(),
            }),
            Some(ground) => Err(RefusedUse {
                key,
                asked,
                at,
                ground,
            }),
        }
    }
}

/// The first ground against a use, in the order of [`Ground`] but for the stage, which is asked
/// before the clock: a key that was taken away is not "not yet".
fn ground_against(life: &KeyLife, asked: Use, at: Timestamp) -> Option<Ground> {
    let request = life.request();
    if asked.city != request.slot.city {
        return Some(Ground::OutsideCity);
    }
    if asked.purpose != request.slot.purpose {
        return Some(Ground::OutsidePurpose);
    }
    let over = match life.superseded() {
        Some(_) => Ground::OverlapOver,
        None => Ground::Over,
    };
    match life.stage() {
        Stage::Revoked => return Some(Ground::Revoked),
        Stage::Withdrawn => return Some(Ground::Withdrawn),
        Stage::Suspended => return Some(Ground::Suspended),
        Stage::Retired if life.activated_at().is_some() => return Some(over),
        _ => {}
    }
    let Some(activated_at) = life.activated_at() else {
        return Some(Ground::NotActive);
    };
    if at < activated_at.max(request.from) {
        return Some(Ground::NotYet);
    }
    if at >= request.until {
        return Some(Ground::Over);
    }
    let newer = life.superseded().filter(|s| at >= s.at)?;
    match asked.usage {
        Usage::Make => Some(Ground::Superseded),
        Usage::Accept => (at >= newer.until).then_some(Ground::OverlapOver),
    }
}
