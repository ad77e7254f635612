//! The lists a terminal holds: one value that a tap takes at its beginning and keeps to its end.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

use tongtu_blacklist::Blacklist;
use tongtu_crypto::sm3;
use tongtu_fare::{FareBook, Tariff};
use tongtu_purse::field::City;
use tongtu_ride_code::{BlackLists, RootTable};
use tongtu_types::{BusinessDay, InstitutionCode, Timestamp};

use crate::lists::{CardLists, Parameters, parameters};

/// All lists of one moment (名单快照). It never changes: newer lists are another value, so no tap
/// sees half of one version and half of another.
#[derive(Debug)]
pub struct Held {
    pub(crate) acquirer: InstitutionCode,
    pub(crate) version: u64,
    pub(crate) digest: sm3::Digest,
    pub(crate) issued_at: Timestamp,
    pub(crate) applied_at: Timestamp,
    pub(crate) cities_applied_at: Timestamp,
    pub(crate) roots: Arc<RootTable>,
    pub(crate) issuers: Arc<BTreeSet<InstitutionCode>>,
    pub(crate) code_blacklists: Arc<BlackLists>,
    pub(crate) cards: Arc<CardLists>,
    pub(crate) tariff: Arc<Tariff>,
    /// SM3 of the texts of the tariff's books.
    pub(crate) fare_texts: Vec<sm3::Digest>,
    pub(crate) card_blacklist: Blacklist,
}

impl Held {
    /// The bundle's version.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// SM3 of the bundle's bytes.
    #[must_use]
    pub const fn digest(&self) -> &sm3::Digest {
        &self.digest
    }

    /// The roots that ride codes may rest on.
    #[must_use]
    pub fn roots(&self) -> &RootTable {
        &self.roots
    }

    /// The issuers whose codes are accepted.
    #[must_use]
    pub fn issuers(&self) -> &BTreeSet<InstitutionCode> {
        &self.issuers
    }

    /// Whose ride code is refused although it is genuine.
    #[must_use]
    pub fn code_blacklists(&self) -> &BlackLists {
        &self.code_blacklists
    }

    /// City list, parameters, groups.
    #[must_use]
    pub fn cards(&self) -> &CardLists {
        &self.cards
    }

    /// Which cards are refused and locked.
    #[must_use]
    pub const fn card_blacklist(&self) -> &Blacklist {
        &self.card_blacklist
    }

    /// The fare books, by rising version.
    #[must_use]
    pub fn tariff(&self) -> &Tariff {
        &self.tariff
    }

    /// The terminal's own city, as cards carry it.
    #[must_use]
    pub fn home(&self) -> City {
        let city = self.acquirer.city();
        let digits = city.as_str().as_bytes();
        let pair = |at: usize| ((digits[at] - b'0') << 4) | (digits[at + 1] - b'0');
        City([pair(0), pair(2)])
    }

    /// The terms of a ride that begins now.
    #[must_use]
    pub fn terms(self: &Arc<Self>, now: Timestamp) -> Terms {
        Terms {
            held: Arc::clone(self),
            day: now.china().day,
        }
    }

    pub(crate) fn with_card_blacklist(&self, card_blacklist: Blacklist) -> Self {
        Self {
            card_blacklist,
            roots: Arc::clone(&self.roots),
            issuers: Arc::clone(&self.issuers),
            code_blacklists: Arc::clone(&self.code_blacklists),
            cards: Arc::clone(&self.cards),
            tariff: Arc::clone(&self.tariff),
            fare_texts: self.fare_texts.clone(),
            ..*self
        }
    }
}

/// What counts for one ride, from its beginning to its end.
///
/// The day is the ride's first: a parameter or fare that begins at midnight counts for rides that
/// begin after it, and never in the middle of one.
#[derive(Debug, Clone)]
pub struct Terms {
    held: Arc<Held>,
    day: BusinessDay,
}

impl Terms {
    /// The lists.
    #[must_use]
    pub fn lists(&self) -> &Held {
        &self.held
    }

    /// The day in China on which the ride began.
    #[must_use]
    pub const fn day(&self) -> BusinessDay {
        self.day
    }

    /// The parameters of that day.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        parameters::on(&self.held.cards.parameters, self.day)
    }

    /// The fare book of that day, if any has begun.
    #[must_use]
    pub fn fare_book(&self) -> Option<&FareBook> {
        self.held.tariff.on(self.day)
    }
}
