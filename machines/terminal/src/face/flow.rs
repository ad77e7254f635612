//! The flow: from what the camera saw to a stored ride.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use tongtu_fare::{FareBook, Means, Rider};
use tongtu_purse::field::DateTime;
use tongtu_tap_record::{FaceProof, RecordKind, Stage, TapRecord};
use tongtu_types::{CardNumber, Fen, Timestamp};

use super::made::Made;
use super::{
    Candidate, Engine, EngineFault, FaceMoment, FacePrompt, Gallery, Handle, Ranking, Score,
};
use crate::fares::charge;
use crate::{OpenEntries, OutOfService, Profile, RecordStore, Sam, StoreError};

/// What a picture of a face, held before the camera, was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Spoof {
    /// Paper.
    Photo,
    /// A screen.
    Screen,
    /// A mask.
    Mask,
    /// Something else.
    Other,
}

/// The camera's verdict on whether the face is alive. There is no way to leave it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Liveness {
    /// Alive.
    Live,
    /// Not alive.
    Spoof(Spoof),
    /// Not decided; counts as not alive.
    Undecided,
}

/// One face before the camera.
#[derive(Debug, Clone, Copy)]
pub struct Probe<'a> {
    /// What the engine made of it; the picture itself is gone.
    pub template: &'a [u8],
    /// Whether it is alive.
    pub liveness: Liveness,
    /// How well it could be seen, 0 to 100.
    pub quality: u8,
}

/// What the camera saw.
#[derive(Debug, Clone, Copy)]
pub enum Capture<'a> {
    /// Nobody.
    Nobody,
    /// So many faces at once.
    Several(u8),
    /// One.
    One(Probe<'a>),
}

/// The circumstances of a capture.
#[derive(Debug, Clone, Copy)]
pub struct Sight<'a> {
    /// The trusted clock; `None` when it was never set or is out of step.
    pub now: Option<Timestamp>,
    /// The fares in force; `None` when there are none.
    pub fares: Option<&'a FareBook>,
    /// Who is inside, as the gate group knows it.
    pub inside: &'a OpenEntries,
}

/// A face terminal's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FacePolicy {
    /// At least so alike.
    pub accept: Score,
    /// And so far ahead of the next rider, in ten-thousandths.
    pub margin: u16,
    /// Not quite so alike, but worth asking for the second factor.
    pub ask: Score,
    /// At least so well seen.
    pub quality_min: u8,
    /// A rider who passed is not charged again for so long.
    pub interval_s: i64,
    /// The second factor is waited for so long.
    pub digits_s: i64,
    /// And may be tried so often.
    pub digits_tries: u8,
    /// A ride stored but not told completes within this time after a restart.
    pub resume_s: i64,
    /// A clock that says earlier was never set.
    pub clock_min: Timestamp,
}

impl FacePolicy {
    /// UNSPECIFIED: no public text gives the numbers, and thresholds belong to an engine; these
    /// go with [`super::Cosine`].
    #[must_use]
    pub const fn plain(clock_min: Timestamp) -> Self {
        const fn score(n: u16) -> Score {
            match Score::new(n) {
                Some(score) => score,
                None => Score::FULL,
            }
        }
        Self {
            accept: score(9_000),
            margin: 300,
            ask: score(8_500),
            quality_min: 60,
            interval_s: 30,
            digits_s: 15,
            digits_tries: 3,
            resume_s: 120,
            clock_min,
        }
    }
}

/// Everything a face terminal needs beside gallery, fares and store.
pub struct FaceSetup {
    /// Which terminal it is.
    pub profile: Profile,
    /// Its settings.
    pub policy: FacePolicy,
    /// What recognises faces.
    pub engine: Box<dyn Engine>,
    /// What signs its records.
    pub sam: Box<dyn Sam>,
}

impl core::fmt::Debug for FaceSetup {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("FaceSetup")
            .field("profile", &self.profile)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// Why nobody passes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FaceRefusal {
    /// No gallery, or its time is over.
    #[error("no gallery in force")]
    NoGallery,
    /// More than one face.
    #[error("{0} faces at once")]
    Several(u8),
    /// Seen too badly.
    #[error("quality {found}, expected at least {min}")]
    Quality {
        /// How well it was seen.
        found: u8,
        /// How well it must be.
        min: u8,
    },
    /// Not alive.
    #[error("not alive: {0:?}")]
    NotLive(Liveness),
    /// Nobody in the gallery is alike enough.
    #[error("nobody of the gallery")]
    Unknown,
    /// The second factor was wrong, or came too late; `again` when it may be tried once more.
    #[error("second factor wrong or late")]
    Digits {
        /// Whether it may be tried once more.
        again: bool,
    },
    /// Passed a moment ago.
    #[error("passed at {last}")]
    TooFrequent {
        /// When.
        last: Timestamp,
    },
    /// The consent has ended.
    #[error("consent ended at {until}")]
    ConsentEnded {
        /// When.
        until: Timestamp,
    },
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineFault),
    /// The terminal is not in service.
    #[error(transparent)]
    OutOfService(#[from] OutOfService),
}

impl FaceRefusal {
    const fn moment(&self) -> FaceMoment {
        match self {
            Self::NoGallery | Self::Engine(_) | Self::OutOfService(_) => FaceMoment::NoFace,
            Self::Several(_) => FaceMoment::OneByOne,
            Self::Quality { .. } => FaceMoment::LookHere,
            Self::NotLive(_) | Self::Unknown | Self::ConsentEnded { .. } => FaceMoment::OtherWay,
            Self::Digits { again: true } => FaceMoment::DigitsAgain,
            Self::Digits { again: false } => FaceMoment::OtherWay,
            Self::TooFrequent { .. } => FaceMoment::JustPassed,
        }
    }
}

/// An accepted ride, its record stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaceRide {
    /// The record's number in the store.
    pub seq: u64,
    /// The account that pays.
    pub account: CardNumber,
    /// The record.
    pub record: TapRecord,
    /// Its bytes as stored, signature included.
    pub raw: Vec<u8>,
    /// Whether it was stored before a power cut, and is complete now.
    pub resumed: bool,
    /// What to tell the rider.
    pub prompt: FacePrompt,
}

/// What comes of a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// Nobody is there.
    Idle,
    /// A ride, stored. Prompt, then call `told`.
    Ride(Box<FaceRide>),
    /// The second factor is wanted: prompt, then call [`FaceTerminal::digits`].
    Digits(FacePrompt),
    /// Nobody passes; nothing was stored.
    Refused(FaceRefusal, FacePrompt),
}

/// Who is waited for to give the second factor.
#[derive(Debug)]
pub(super) struct Waiting {
    handles: Vec<Handle>,
    ranking: Ranking,
    since: Timestamp,
    tries: u8,
}

/// A stored ride of which it is not known whether the rider was told.
#[derive(Debug)]
struct Untold {
    record: TapRecord,
    raw: Vec<u8>,
}

/// Who was recognised, and how surely.
#[derive(Clone, Copy)]
pub(super) struct Recognised {
    pub(super) rider: usize,
    pub(super) ranking: Ranking,
    pub(super) digits: bool,
}

/// A face terminal, sans-io: captures, time and store are arguments.
///
/// A ride is accepted in the order of a code's: checks, record composed and signed, record
/// stored, rider told, [`FaceTerminal::told`]; a power cut may fall between any two.
#[derive(Debug)]
pub struct FaceTerminal {
    pub(super) setup: FaceSetup,
    pub(super) gallery: Option<Gallery>,
    pub(super) waiting: Option<Waiting>,
    /// When each rider passed last; only those within the interval.
    passed: BTreeMap<Handle, Timestamp>,
    untold: BTreeMap<u64, Untold>,
    /// Records that a restart may need, oldest first.
    retained: VecDeque<(u64, Timestamp)>,
    last_recorded_at: Option<Timestamp>,
}

impl FaceTerminal {
    /// Builds the terminal from its setup and whatever its store holds. The gallery comes
    /// after, by [`FaceTerminal::take`].
    #[must_use]
    pub fn recover(setup: FaceSetup, store: &dyn RecordStore) -> Self {
        let mut terminal = Self {
            setup,
            gallery: None,
            waiting: None,
            passed: BTreeMap::new(),
            untold: BTreeMap::new(),
            retained: VecDeque::new(),
            last_recorded_at: None,
        };
        for stored in store.replay() {
            let Ok(record) = TapRecord::decode_signed(stored.record) else {
                continue;
            };
            let (RecordKind::Face, Ok(proof)) = (record.kind, FaceProof::decode(&record.own))
            else {
                continue;
            };
            let Some(at) = record.recorded_at.instant() else {
                continue;
            };
            terminal.last_recorded_at = terminal.last_recorded_at.max(Some(at));
            terminal.retained.push_back((stored.seq, at));
            if stored.told {
                terminal.passed.insert(Handle(proof.handle), at);
            } else {
                let raw = stored.record.to_vec();
                terminal.untold.insert(stored.seq, Untold { record, raw });
            }
        }
        terminal
    }

    /// The oldest record that a restart needs: of a rider who passed a moment ago, or was not
    /// told. What is older may be released once it is acknowledged; with none, everything may.
    pub fn needed_from(&mut self) -> Option<u64> {
        let policy = &self.setup.policy;
        let kept_s = policy.interval_s.max(policy.resume_s);
        let last = self.last_recorded_at.unwrap_or_default();
        while self
            .retained
            .front()
            .is_some_and(|(_, at)| last.since_s(*at) > kept_s)
        {
            self.retained.pop_front();
        }
        self.retained.front().map(|(seq, _)| *seq)
    }

    /// Judges what the camera saw, and stores the ride of whoever is recognised.
    pub fn look(
        &mut self,
        capture: Capture<'_>,
        sight: &Sight<'_>,
        store: &mut dyn RecordStore,
    ) -> Look {
        if let Capture::Nobody = capture {
            self.waiting = None;
            return Look::Idle;
        }
        let found = self.recognise(capture, sight);
        match found {
            Ok(Some(recognised)) => self.ride(recognised, sight, store),
            Ok(None) => Look::Digits(self.prompt(FaceMoment::Digits, None)),
            Err(refusal) => self.refuse(refusal),
        }
    }

    /// Takes the second factor of the rider who was asked for it.
    pub fn digits(
        &mut self,
        digits: &[u8],
        sight: &Sight<'_>,
        store: &mut dyn RecordStore,
    ) -> Look {
        match self.confirm(digits, sight) {
            Ok(recognised) => self.ride(recognised, sight, store),
            Err(refusal) => self.refuse(refusal),
        }
    }

    /// Notes that the rider was told of a ride; call it after the beep.
    ///
    /// # Errors
    /// [`StoreError`]; the ride stays accepted, only a restart may ask again.
    pub fn told(&mut self, seq: u64, store: &mut dyn RecordStore) -> Result<(), StoreError> {
        store.mark_told(seq, None)
    }

    /// Who it is; `None` when the second factor is waited for.
    fn recognise(
        &mut self,
        capture: Capture<'_>,
        sight: &Sight<'_>,
    ) -> Result<Option<Recognised>, FaceRefusal> {
        self.waiting = None;
        let policy = self.setup.policy;
        let now = self.now(sight)?;
        let gallery = in_force(self.gallery.as_ref(), now)?;
        let probe = match capture {
            Capture::One(probe) => probe,
            Capture::Several(faces) => return Err(FaceRefusal::Several(faces)),
            Capture::Nobody => return Err(FaceRefusal::Unknown),
        };
        if probe.quality < policy.quality_min {
            return Err(FaceRefusal::Quality {
                found: probe.quality,
                min: policy.quality_min,
            });
        }
        if probe.liveness != Liveness::Live {
            return Err(FaceRefusal::NotLive(probe.liveness));
        }
        let riders = gallery.riders();
        let ranking = self.setup.engine.rank(probe.template, riders)?;
        let best = ranking.best.filter(|c| c.score >= policy.ask);
        let best = best.ok_or(FaceRefusal::Unknown)?;
        let second = ranking.second.map_or(Score::ZERO, |c| c.score);
        if best.score >= policy.accept && best.score.above(second) >= policy.margin {
            return Ok(Some(Recognised {
                rider: best.index,
                ranking,
                digits: false,
            }));
        }
        let candidates = [ranking.best, ranking.second].into_iter().flatten();
        let asked = |c: &Candidate| c.score >= policy.ask;
        let handle = |c: Candidate| riders.get(c.index).map(|rider| rider.handle);
        self.waiting = Some(Waiting {
            handles: candidates.filter(asked).filter_map(handle).collect(),
            ranking,
            since: now,
            tries: policy.digits_tries,
        });
        Ok(None)
    }

    /// Which of the candidates the digits belong to.
    fn confirm(&mut self, digits: &[u8], sight: &Sight<'_>) -> Result<Recognised, FaceRefusal> {
        let policy = self.setup.policy;
        let now = self.now(sight)?;
        let gallery = in_force(self.gallery.as_ref(), now)?;
        let late = FaceRefusal::Digits { again: false };
        let waiting = self.waiting.as_mut().ok_or_else(|| late.clone())?;
        let waited_s = now.since_s(waiting.since);
        if !(0..=policy.digits_s).contains(&waited_s) {
            self.waiting = None;
            return Err(late);
        }
        // Two candidates with the same digits are still two.
        let mut matches = waiting.handles.iter().filter(|handle| {
            let rider = gallery.rider(**handle);
            rider.is_some_and(|rider| rider.has_digits(digits))
        });
        let (first, other) = (matches.next().copied(), matches.next());
        if let (Some(handle), None) = (first, other) {
            let riders = gallery.riders();
            let rider = riders.iter().position(|rider| rider.handle == handle);
            let ranking = waiting.ranking;
            self.waiting = None;
            let rider = rider.ok_or(late)?;
            return Ok(Recognised {
                rider,
                ranking,
                digits: true,
            });
        }
        waiting.tries = waiting.tries.saturating_sub(1);
        let again = waiting.tries > 0 && other.is_none();
        if !again {
            self.waiting = None;
        }
        Err(FaceRefusal::Digits { again })
    }

    fn ride(
        &mut self,
        recognised: Recognised,
        sight: &Sight<'_>,
        store: &mut dyn RecordStore,
    ) -> Look {
        match self.try_ride(recognised, sight, store) {
            Ok(ride) => Look::Ride(Box::new(ride)),
            Err(refusal) => self.refuse(refusal),
        }
    }

    fn try_ride(
        &mut self,
        recognised: Recognised,
        sight: &Sight<'_>,
        store: &mut dyn RecordStore,
    ) -> Result<FaceRide, FaceRefusal> {
        let now = self.now(sight)?;
        let gallery = in_force(self.gallery.as_ref(), now)?;
        let rider = &gallery.riders()[recognised.rider];
        if rider.consent.until <= now {
            return Err(FaceRefusal::ConsentEnded {
                until: rider.consent.until,
            });
        }
        let interval_s = self.setup.policy.interval_s;
        if let Some(last) = self.passed.get(&rider.handle)
            && now.since_s(*last) < interval_s
        {
            return Err(FaceRefusal::TooFrequent { last: *last });
        }
        let (handle, account) = (rider.handle, rider.account);
        if let Some(seq) = self.resumable(handle, now) {
            let untold = self.untold.remove(&seq).expect("found a moment ago");
            self.remember(handle, now);
            let prompt = self.pass(&untold.record);
            return Ok(FaceRide {
                seq,
                account,
                record: untold.record,
                raw: untold.raw,
                resumed: true,
                prompt,
            });
        }
        let capacity = store.capacity();
        if capacity.is_full() {
            return Err(OutOfService::Store(StoreError::Full {
                held: capacity.held,
                max: capacity.max,
            })
            .into());
        }
        let day = now.china().day;
        let fares = sight.fares.ok_or(OutOfService::NoFareBook { day })?;
        let entry = sight.inside.of_account(&account);
        // A gallery is of this city's riders.
        let payer = Rider::ordinary(Means::Face, fares.city().code);
        let charge = charge(&self.setup.profile.post, fares, &payer, entry.as_ref(), now)
            .map_err(OutOfService::Fare)?;
        let seq = store.next_seq();
        let made = Made {
            rider,
            gallery: gallery.version,
            engine: gallery.engine,
            recognised,
            charge,
            entry,
            now,
            seq,
        };
        let record = made.record(&self.setup.profile)?;
        let raw = record
            .encode_signed(&mut |message| self.setup.sam.sign(message))
            .map_err(|error| OutOfService::Face(Box::new(error)))?;
        let stored = store.append(&raw).map_err(OutOfService::Store)?;
        self.remember(handle, now);
        self.retained.push_back((stored, now));
        self.last_recorded_at = self.last_recorded_at.max(Some(now));
        let prompt = self.pass(&record);
        Ok(FaceRide {
            seq: stored,
            account,
            record,
            raw,
            resumed: false,
            prompt,
        })
    }

    /// The clock, if it can be trusted.
    fn now(&self, sight: &Sight<'_>) -> Result<Timestamp, OutOfService> {
        let min = self.setup.policy.clock_min;
        let now = sight.now.filter(|now| *now >= min);
        let now = now.ok_or(OutOfService::NoClock)?;
        match self.last_recorded_at {
            Some(last) if now < last => Err(OutOfService::ClockBack { now, last }),
            _ => Ok(now),
        }
    }

    /// The stored ride that this rider never heard of, if there is one.
    fn resumable(&self, handle: Handle, now: Timestamp) -> Option<u64> {
        let window_s = self.setup.policy.resume_s;
        let mut of_rider = self.untold.iter().filter(|(_, untold)| {
            let proof = FaceProof::decode(&untold.record.own);
            let at = untold.record.recorded_at.instant();
            proof.is_ok_and(|proof| proof.handle == handle.0)
                && at.is_some_and(|at| now.since_s(at) <= window_s)
        });
        of_rider.next().map(|(seq, _)| *seq)
    }

    fn remember(&mut self, handle: Handle, now: Timestamp) {
        let interval_s = self.setup.policy.interval_s;
        self.passed.retain(|_, at| now.since_s(*at) < interval_s);
        self.passed.insert(handle, now);
    }

    fn pass(&self, record: &TapRecord) -> FacePrompt {
        let incomplete = record.stage == Stage::Exit && record.origin_at == DateTime([0; 7]);
        let moment = if incomplete {
            FaceMoment::PassNoEntry
        } else {
            FaceMoment::Pass
        };
        let fare = (record.stage != Stage::Entry && !incomplete).then(|| record.amount.fen());
        self.prompt(moment, fare)
    }

    fn refuse(&self, refusal: FaceRefusal) -> Look {
        let prompt = self.prompt(refusal.moment(), None);
        Look::Refused(refusal, prompt)
    }

    const fn prompt(&self, moment: FaceMoment, fare: Option<Fen>) -> FacePrompt {
        FacePrompt {
            moment,
            direction: self.setup.profile.post.direction(),
            fare,
        }
    }
}

fn in_force(gallery: Option<&Gallery>, now: Timestamp) -> Result<&Gallery, FaceRefusal> {
    gallery
        .filter(|gallery| now < gallery.valid_until && !gallery.is_lapsed())
        .ok_or(FaceRefusal::NoGallery)
}
