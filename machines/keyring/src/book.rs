//! The key book: decides whether a step may follow, and takes it in.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use tongtu_types::{CityCode, InstitutionCode, Timestamp};

use crate::code::{KeyAlgorithm, Purpose, Stage, Step, Usage};
use crate::event::{Event, Request, Use, What};
use crate::life::{KeyLife, Superseded};
use crate::name::{Check, KeyNumber, Slot};
use crate::record::Signers;
use crate::refusal::{Refusal, ReplayError};

/// The registered cities and their provinces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cities(BTreeMap<CityCode, InstitutionCode>);

impl Cities {
    /// The province of a registered city.
    #[must_use]
    pub fn province_of(&self, city: CityCode) -> Option<InstitutionCode> {
        self.0.get(&city).copied()
    }

    /// Every registered city with its province.
    pub fn iter(&self) -> impl Iterator<Item = (CityCode, InstitutionCode)> {
        self.0.iter().map(|(city, province)| (*city, *province))
    }
}

/// A step that somebody wants to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deed {
    /// When.
    pub at: Timestamp,
    /// For which key; `None` for a city.
    pub key: Option<KeyNumber>,
    /// By whom.
    pub signers: Signers,
    /// What.
    pub what: What,
}

impl Deed {
    pub(crate) const fn into_event(self, number: u64) -> Event {
        Event {
            number,
            at: self.at,
            key: self.key,
            signers: self.signers,
            what: self.what,
        }
    }
}

/// One line of an application: a key for one city.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApplicationLine {
    /// The institution that will hold the key.
    pub holder: InstitutionCode,
    /// City, purpose and algorithm.
    pub slot: Slot,
    /// Key index.
    pub index: u8,
    /// First moment of its term.
    pub from: Timestamp,
    /// First moment after its term.
    pub until: Timestamp,
}

/// What a province asks the nation for at once: for each line a key of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// Its number, used once.
    pub batch: u32,
    /// The province.
    pub province: InstitutionCode,
    /// What it asks for.
    pub lines: Vec<ApplicationLine>,
}

/// Every key of a scheme, a province or a test, whole in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyBook {
    number: u64,
    at: Timestamp,
    cities: Cities,
    keys: BTreeMap<KeyNumber, KeyLife>,
    slots: BTreeMap<Slot, Vec<KeyNumber>>,
    batches: BTreeSet<u32>,
    /// The application whose lines are coming in: any other event closes it.
    open_batch: Option<(u32, Timestamp)>,
    pub(crate) checks: BTreeMap<(Purpose, KeyAlgorithm, Check), KeyNumber>,
}

impl KeyBook {
    /// An empty book.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The book that events make, each of them checked again.
    ///
    /// # Errors
    /// [`ReplayError`] naming the first event that cannot follow on those before it.
    pub fn replay<'a>(events: impl IntoIterator<Item = &'a Event>) -> Result<Self, ReplayError> {
        let mut book = Self::new();
        for event in events {
            book.admit(event).map_err(|refusal| ReplayError {
                number: event.number,
                refusal,
            })?;
            book.apply(event);
        }
        Ok(book)
    }

    /// Decides on a step; changes nothing.
    ///
    /// # Errors
    /// The first [`Refusal`] that applies.
    pub fn decide(&self, deed: Deed) -> Result<Event, Refusal> {
        let event = deed.into_event(self.number + 1);
        self.admit(&event)?;
        Ok(event)
    }

    /// Decides on a whole application: every line or none.
    ///
    /// # Errors
    /// The [`Refusal`] of the first line that is refused.
    pub fn decide_application(
        &self,
        application: &Application,
        at: Timestamp,
        signers: Signers,
    ) -> Result<Vec<Event>, Refusal> {
        let batch = application.batch;
        if self.batches.contains(&batch) {
            return Err(Refusal::BatchAgain { batch });
        }
        if application.lines.is_empty() {
            return Err(Refusal::BatchEmpty { batch });
        }
        let mut slots = BTreeSet::new();
        let mut events = Vec::with_capacity(application.lines.len());
        let (mut number, mut key) = (self.number, self.next_key());
        for line in &application.lines {
            if !slots.insert(line.slot) {
                return Err(Refusal::SlotTwice { slot: line.slot });
            }
            let request = Request {
                batch,
                province: application.province,
                holder: line.holder,
                slot: line.slot,
                index: line.index,
                version: self.next_version(line.slot)?,
                from: line.from,
                until: line.until,
            };
            self.check_time(at)?;
            self.check_request(&request, at, &signers)?;
            number += 1;
            events.push(Event {
                number,
                at,
                key: Some(key),
                signers,
                what: What::Requested(request),
            });
            key = after(key);
        }
        Ok(events)
    }

    /// Whether an event may be the next of the book; changes nothing.
    ///
    /// # Errors
    /// The first [`Refusal`] that applies.
    pub fn admit(&self, event: &Event) -> Result<(), Refusal> {
        let expected = self.number + 1;
        if event.number != expected {
            return Err(Refusal::OutOfOrder {
                found: event.number,
                expected,
            });
        }
        self.check_time(event.at)?;
        match event.what {
            What::CityRegistered { city, province } => self.check_city(event, city, province),
            What::Requested(request) => {
                let next = Some(self.next_key());
                if event.key != next {
                    return Err(Refusal::Subject {
                        step: Step::Requested,
                        found: event.key,
                        expected: next,
                    });
                }
                let batch = request.batch;
                let open = Some((batch, event.at));
                if self.batches.contains(&batch) && self.open_batch != open {
                    return Err(Refusal::BatchAgain { batch });
                }
                self.check_request(&request, event.at, &event.signers)
            }
            _ => self.check_step(event),
        }
    }

    /// Makes an event part of the book.
    ///
    /// # Panics
    /// When the event is not the next one of this book: a fault of the program, for whoever
    /// applies an event decided it or replays it.
    pub fn apply(&mut self, event: &Event) {
        assert!(
            event.number == self.number + 1,
            "event {} is applied after event {}",
            event.number,
            self.number
        );
        self.number = event.number;
        self.at = event.at;
        self.open_batch = None;
        match (event.what, event.key) {
            (What::CityRegistered { city, province }, _) => {
                self.cities.0.insert(city, province);
            }
            (What::Requested(request), Some(key)) => {
                self.batches.insert(request.batch);
                self.open_batch = Some((request.batch, event.at));
                self.slots.entry(request.slot).or_default().push(key);
                self.keys.insert(key, KeyLife::new(key, request));
            }
            (what, Some(key)) => self.take_in(key, what, event),
            (_, None) => unreachable!("an event that is of no key registers a city"),
        }
    }

    fn take_in(&mut self, key: KeyNumber, what: What, event: &Event) {
        let at = event.at;
        if let What::Activated(Some(overlap)) = what {
            let older = self.keys.get_mut(&overlap.key);
            older.expect("admitted with this version").superseded = Some(Superseded {
                by: key,
                at,
                until: overlap.until,
            });
        }
        // A refused use of a key that does not exist is kept as an event and touches no key.
        let Some(life) = self.keys.get_mut(&key) else {
            return;
        };
        match what {
            What::CityRegistered { .. } | What::Requested(_) => {
                unreachable!("taken in before")
            }
            What::Approved => life.approved_by = Some(event.signers),
            What::Rejected(_) => life.end = Some(Stage::Rejected),
            What::Generated(custody) => {
                life.custody = Some(custody);
                let slot = life.request.slot;
                let told = (slot.purpose, slot.algorithm, custody.check);
                self.checks.insert(told, key);
            }
            What::Distributed(custody) => {
                life.custody = Some(custody);
                life.distributed_at = Some(at);
            }
            What::Activated(_) => life.activated_at = Some(at),
            What::Used => {
                life.used_at = Some(at);
                life.flagged_at = None;
            }
            What::Noticed { days } => life.noticed = Some(days),
            What::FlaggedUnused => life.flagged_at = Some(at),
            What::Misused { ground, .. } => {
                if ground.is_misuse() {
                    let (uses, since) = life.misused.unwrap_or((0, at));
                    life.misused = Some((uses.saturating_add(1), since));
                }
            }
            What::Reviewed => life.misused = None,
            What::Suspended(cause) => {
                life.suspended = Some(cause);
                life.misused = None;
            }
            What::Resumed => life.suspended = None,
            What::Retired => life.end = Some(Stage::Retired),
            What::Revoked(_) => life.end = Some(Stage::Revoked),
            What::Withdrawn => life.end = Some(Stage::Withdrawn),
        }
    }

    /// The activation of a key at `at`, with an overlap of so many days if there is an older
    /// version, or of what is left of that one's term.
    #[must_use]
    pub fn activation(&self, key: KeyNumber, at: Timestamp, overlap_days: u16) -> What {
        let leader = self
            .key(key)
            .and_then(|life| self.leader(life.request().slot));
        What::Activated(leader.map(|older| older.overlap(at, overlap_days)))
    }

    /// The event that notes a use, if none was noted this day (China time) and one may be.
    #[must_use]
    pub fn first_use_of_day(&self, key: KeyNumber, at: Timestamp) -> Option<Event> {
        let deed = Deed {
            at,
            key: Some(key),
            signers: Signers::System,
            what: What::Used,
        };
        self.decide(deed).ok()
    }

    /// A key.
    #[must_use]
    pub fn key(&self, key: KeyNumber) -> Option<&KeyLife> {
        self.keys.get(&key)
    }

    /// All keys, by number.
    pub fn keys(&self) -> impl Iterator<Item = &KeyLife> {
        self.keys.values()
    }

    /// The key for a purpose that is told by this check value.
    #[must_use]
    pub fn key_of(
        &self,
        purpose: Purpose,
        algorithm: KeyAlgorithm,
        check: Check,
    ) -> Option<KeyNumber> {
        self.checks.get(&(purpose, algorithm, check)).copied()
    }

    /// The versions of a slot, oldest first.
    pub fn versions(&self, slot: Slot) -> impl DoubleEndedIterator<Item = &KeyLife> {
        let numbers = self.slots.get(&slot).map_or(&[][..], Vec::as_slice);
        numbers.iter().map(|number| &self.keys[number])
    }

    /// The key with which a slot's holder makes something at `at`; at most one there is.
    #[must_use]
    pub fn current(&self, slot: Slot, at: Timestamp) -> Option<KeyNumber> {
        self.usable(slot, at, Usage::Make).next()
    }

    /// The keys that are accepted in a slot at `at`, newest first.
    pub fn accepted(&self, slot: Slot, at: Timestamp) -> impl Iterator<Item = KeyNumber> {
        self.usable(slot, at, Usage::Accept)
    }

    fn usable(&self, slot: Slot, at: Timestamp, usage: Usage) -> impl Iterator<Item = KeyNumber> {
        let asked = Use {
            city: slot.city,
            purpose: slot.purpose,
            usage,
        };
        let newest_first = self.versions(slot).rev().map(KeyLife::number);
        newest_first.filter(move |key| self.permit(*key, asked, at).is_ok())
    }

    /// The registered cities.
    #[must_use]
    pub const fn cities(&self) -> &Cities {
        &self.cities
    }

    /// The number of the last event, 0 before the first.
    #[must_use]
    pub const fn last_number(&self) -> u64 {
        self.number
    }

    /// The time of the last event.
    #[must_use]
    pub const fn last_at(&self) -> Timestamp {
        self.at
    }

    /// The version in use in a slot, suspended or not.
    pub(crate) fn leader(&self, slot: Slot) -> Option<&KeyLife> {
        self.versions(slot).rev().find(|life| life.leads())
    }

    fn next_key(&self) -> KeyNumber {
        self.keys.last_key_value().map_or_else(
            || KeyNumber::new(1).expect("1 is not 0"),
            |(last, _)| after(*last),
        )
    }

    /// One more than the slot's last version that was not rejected.
    pub(crate) fn next_version(&self, slot: Slot) -> Result<u8, Refusal> {
        let last = self
            .versions(slot)
            .filter(|life| life.stage() != Stage::Rejected)
            .map(|life| life.request().version)
            .max();
        last.unwrap_or(0)
            .checked_add(1)
            .ok_or(Refusal::VersionsOver { slot })
    }
}

/// The number after this one.
fn after(key: KeyNumber) -> KeyNumber {
    KeyNumber::new(key.get().saturating_add(1)).expect("more than 0")
}
