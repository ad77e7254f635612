//! The terminal's book of lists: what is taken, what is refused, how old it all is.

use alloc::sync::Arc;
use alloc::vec::Vec;

use tongtu_blacklist::{Blacklist, Loader};
use tongtu_crypto::{PublicKey, sm3};
use tongtu_fare::{FareBook, Tariff};
use tongtu_types::{InstitutionCode, Timestamp};

use crate::coverage::Coverage;
use crate::held::Held;
use crate::lists::{CITIES_DUE_S, parameters};
use crate::store::ListsMark;
use crate::{ListBundle, ListError, Profile, RecordStore};

/// Lists older than this ask for maintenance: 15 days (service rules draft, article 12).
pub const LISTS_OVERDUE_S: i64 = 15 * 86_400;
/// A blacklist older than this is flagged as stale: 72 hours.
pub const BLACKLIST_STALE_S: i64 = 72 * 3600;

/// How a terminal stands with its lists; no flag stops service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListsStatus {
    /// Version held.
    pub version: Option<u64>,
    /// When the acquirer made it.
    pub issued_at: Option<Timestamp>,
    /// When this terminal took it; all lists of a bundle are taken together.
    pub applied_at: Option<Timestamp>,
    /// When the lists were last known to be the newest: made, or confirmed by the acquirer.
    pub fresh_at: Option<Timestamp>,
    /// Older than 15 days, or none: send someone.
    pub overdue: bool,
    /// The blacklist is older than 72 hours, or there is none.
    pub blacklist_stale: bool,
    /// When this terminal first had the city list that it holds, as far as it remembers.
    pub cities_applied_at: Option<Timestamp>,
    /// It had that list only 15 days after the notice of it, or later.
    pub cities_late: bool,
    /// Version of the card blacklist held; 0 is none.
    pub card_blacklist: u64,
    /// The bundle says that there is a newer card blacklist.
    pub card_blacklist_behind: bool,
}

/// A terminal's lists over time: bundles and card blacklists in, snapshots out.
///
/// Whoever scans codes and whoever takes cards may share one book, or each have their own.
#[derive(Debug)]
pub struct ListBook {
    acquirer: InstitutionCode,
    list_key: PublicKey,
    held: Option<Arc<Held>>,
    card_blacklist: Blacklist,
    card_blacklist_applied_at: Option<Timestamp>,
    confirmed_at: Option<Timestamp>,
}

impl ListBook {
    /// An empty book that takes lists of this acquirer, under this key.
    #[must_use]
    pub fn new(acquirer: InstitutionCode, list_key: PublicKey) -> Self {
        Self {
            acquirer,
            list_key,
            held: None,
            card_blacklist: Blacklist::default(),
            card_blacklist_applied_at: None,
            confirmed_at: None,
        }
    }

    /// The lists held: what a tap takes at its beginning. None before the first bundle.
    #[must_use]
    pub const fn held(&self) -> Option<&Arc<Held>> {
        self.held.as_ref()
    }

    /// Takes a newer bundle, all lists at once or none. After a restart the bundle taken last is
    /// taken again; an older one never.
    ///
    /// # Errors
    /// [`ListError`]; the lists held stay as they are.
    pub fn apply_bundle(
        &mut self,
        bytes: &[u8],
        now: Timestamp,
        store: &mut dyn RecordStore,
    ) -> Result<(), ListError> {
        let bundle = ListBundle::open(bytes, &self.list_key)?;
        if bundle.acquirer != self.acquirer {
            return Err(ListError::OtherAcquirer {
                found: bundle.acquirer,
                expected: self.acquirer,
            });
        }
        let mark = store.lists_mark();
        let new = ListsMark {
            version: bundle.version,
            digest: sm3::digest(bytes),
            applied_at: now,
        };
        let new = self.admit(mark, new)?;
        let (tariff, fare_texts) = self.tariff_of(&bundle)?;
        if mark != Some(new) {
            store.remember_lists(new)?;
        }
        let same_cities = self
            .held
            .as_ref()
            .filter(|old| old.cards.cities.version == bundle.cards.cities.version);
        let cities_applied_at = same_cities.map_or(new.applied_at, |old| old.cities_applied_at);
        self.confirmed_at = None;
        self.held = Some(Arc::new(Held {
            acquirer: bundle.acquirer,
            version: bundle.version,
            digest: new.digest,
            issued_at: bundle.issued_at,
            applied_at: new.applied_at,
            cities_applied_at,
            roots: Arc::new(bundle.roots),
            issuers: Arc::new(bundle.issuers),
            code_blacklists: Arc::new(bundle.blacklists),
            cards: Arc::new(bundle.cards),
            tariff,
            fare_texts,
            card_blacklist: self.card_blacklist.clone(),
        }));
        Ok(())
    }

    /// Admits a bundle that is newer than any before, or that is the one this terminal held
    /// before it was restarted.
    fn admit(&self, mark: Option<ListsMark>, new: ListsMark) -> Result<ListsMark, ListError> {
        let held = self.held.as_ref().map(|held| held.version);
        let restored = mark.filter(|mark| {
            held.is_none() && (mark.version, mark.digest) == (new.version, new.digest)
        });
        if let Some(restored) = restored {
            return Ok(restored);
        }
        let highest = held.max(mark.map(|mark| mark.version)).unwrap_or(0);
        if new.version <= highest {
            return Err(ListError::NotNewer {
                held: highest,
                offered: new.version,
            });
        }
        Ok(new)
    }

    /// The fare books held and the bundle's; each text is parsed once.
    fn tariff_of(&self, bundle: &ListBundle) -> Result<(Arc<Tariff>, Vec<sm3::Digest>), ListError> {
        let held = self.held.as_ref();
        let mut tariff = held.map_or_else(Arc::default, |held| Arc::clone(&held.tariff));
        let mut texts = held.map_or_else(Vec::new, |held| held.fare_texts.clone());
        for text in &bundle.fare_books {
            let digest = sm3::digest(text.as_bytes());
            // Bundles come hourly for the blacklists' sake; the same book again is not news.
            if !texts.contains(&digest) {
                Arc::make_mut(&mut tariff).adopt(FareBook::parse(text.as_bytes())?)?;
                texts.push(digest);
            }
        }
        Ok((tariff, texts))
    }

    /// The card blacklist held.
    #[must_use]
    pub const fn card_blacklist(&self) -> &Blacklist {
        &self.card_blacklist
    }

    /// Begins to take a file of the card blacklist, full or delta.
    #[must_use]
    pub fn card_blacklist_loader(&self) -> Loader {
        Loader::new(self.list_key.clone(), self.acquirer, &self.card_blacklist)
    }

    /// Takes the list that a loader of this book gave.
    ///
    /// # Errors
    /// [`ListError::BlacklistNotNewer`] when another was taken meanwhile that is as new.
    pub fn apply_card_blacklist(
        &mut self,
        list: Blacklist,
        now: Timestamp,
    ) -> Result<(), ListError> {
        let (held, offered) = (self.card_blacklist.version(), list.version());
        if offered <= held {
            return Err(ListError::BlacklistNotNewer { held, offered });
        }
        self.card_blacklist_applied_at = Some(now);
        self.hold_card_blacklist(list);
        Ok(())
    }

    /// Works waiting changes of the card blacklist into it, at most so many chunks, and says how
    /// many still wait; for the time between taps. The list says the same before and after.
    pub fn compact_card_blacklist(&mut self, chunks: usize) -> usize {
        if self.card_blacklist.waiting() > 0 {
            self.hold_card_blacklist(self.card_blacklist.compacted(chunks));
        }
        self.card_blacklist.waiting()
    }

    fn hold_card_blacklist(&mut self, list: Blacklist) {
        self.card_blacklist = list.clone();
        if let Some(held) = &mut self.held {
            *held = Arc::new(held.with_card_blacklist(list));
        }
    }

    /// The acquirer said at `now` that there is nothing newer: the lists held are fresh.
    pub fn confirm(&mut self, now: Timestamp) {
        if self.held.is_some() {
            self.confirmed_at = self.confirmed_at.max(Some(now));
        }
    }

    /// How old the lists are.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> ListsStatus {
        let held = self.held.as_ref();
        let fresh_at = held.map(|h| {
            self.confirmed_at
                .map_or(h.issued_at, |c| c.max(h.issued_at))
        });
        let older_than = |limit_s| fresh_at.is_none_or(|at| now.since_s(at) > limit_s);
        let card_blacklist = self.card_blacklist.version();
        let is_late = |held: &Arc<Held>| {
            let cities = &held.cards.cities;
            cities.version > 0 && held.cities_applied_at.since_s(cities.noticed_at) > CITIES_DUE_S
        };
        ListsStatus {
            version: held.map(|h| h.version),
            issued_at: held.map(|h| h.issued_at),
            applied_at: held.map(|h| h.applied_at),
            fresh_at,
            overdue: older_than(LISTS_OVERDUE_S),
            blacklist_stale: older_than(BLACKLIST_STALE_S),
            cities_applied_at: held.map(|h| h.cities_applied_at),
            cities_late: held.is_some_and(is_late),
            card_blacklist,
            card_blacklist_behind: held.is_some_and(|h| h.cards.blacklist_version > card_blacklist),
        }
    }

    /// What the terminal reports of its lists: which it has, and since when.
    #[must_use]
    pub fn coverage(&self, profile: &Profile, now: Timestamp) -> Coverage {
        let held = self.held.as_ref();
        let day = now.china().day;
        let nothing = Timestamp::new(0);
        Coverage {
            acquirer: profile.acquirer,
            terminal: profile.terminal,
            at: now,
            version: held.map_or(0, |h| h.version),
            digest: held.map_or([0; 32], |h| h.digest),
            applied_at: held.map_or(nothing, |h| h.applied_at),
            cities: held.map_or(0, |h| h.cards.cities.version),
            cities_applied_at: held.map_or(nothing, |h| h.cities_applied_at),
            card_blacklist: self.card_blacklist.version(),
            card_blacklist_applied_at: self.card_blacklist_applied_at.unwrap_or(nothing),
            parameters_from: held.map_or(parameters::Parameters::DEFAULT.from, |h| {
                parameters::on(&h.cards.parameters, day).from
            }),
            fare_version: held
                .and_then(|h| h.tariff.on(day))
                .map_or(0, FareBook::version),
        }
    }
}
