//! The terminal between taps: its profile and lists, open intents, the group's board, the last
//! taps. What must outlast a power cut is in the store; the rest is rebuilt from it.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use tongtu_codec::DecodeError;
use tongtu_psam::{PsamIdentity, PsamSerial};
use tongtu_purse::field::{Serial, Terminal};
use tongtu_tap_record::{
    CashCheck, Mac2State, RecordKind, Recovery, RideKey, SignedError, Stage, TapRecord,
};
use tongtu_types::{BusinessDay, Timestamp};

use super::cash::Cash;
use super::group::{GroupBoard, GroupNotice, Settlement};
use super::lists::Snapshot;
use super::module::{ModuleFault, ModuleReport, ModuleReportError};
use super::profile::{Limits, TapProfile};
use super::untold::{UntoldRide, UntoldSearch};
use crate::{RecordStore, Sam, StoreError};

/// Taps that are remembered against repetition; the oldest makes way.
const RECENT_MAX: usize = 32;
/// Numbers of e-cashes that are remembered; as many as rides and intents together.
const NUMBERS_MAX: usize = 64;

/// Why a terminal does not begin from what its store holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TapRecoverError {
    /// A stored intent is none.
    #[error("stored intent {id}")]
    Intent {
        /// Its number.
        id: u64,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// A stored record of a card is none.
    #[error("stored record {seq}")]
    Record {
        /// Its number.
        seq: u64,
        /// What is wrong with it.
        source: SignedError,
    },
    /// A stored report of a module is none.
    #[error("stored record {seq}")]
    Module {
        /// Its number.
        seq: u64,
        /// What is wrong with it.
        source: ModuleReportError,
    },
}

/// What a card was asked and has not answered.
#[derive(Debug, Clone)]
pub(super) struct OpenIntent {
    pub(super) id: u64,
    pub(super) record: Box<TapRecord>,
    pub(super) since: Timestamp,
    /// How often the rider was asked to tap again.
    pub(super) tries: u8,
}

/// A ride that is recorded, of a card that has still to show that it has the key.
#[derive(Debug, Clone)]
pub(super) struct Unvouched {
    pub(super) seq: u64,
    pub(super) record: Box<TapRecord>,
    pub(super) since: Timestamp,
    /// Whether the rider is known to have been told.
    pub(super) told: bool,
}

/// A ride of a moment ago.
#[derive(Debug, Clone)]
pub(super) struct Recent {
    pub(super) seq: u64,
    pub(super) record: Box<TapRecord>,
    /// The card's latest transaction here, by whose proof it is known again: the ride, or what it
    /// paid afterwards to vouch for itself.
    pub(super) latest: Box<TapRecord>,
    pub(super) at: Timestamp,
    /// Whether the rider is known to have been told.
    pub(super) told: bool,
    /// Whether a gate was opened a second time for it.
    pub(super) reopened: bool,
}

impl Recent {
    /// Whether an e-cash paid: one card may have both, under one number.
    fn is_cash(&self) -> bool {
        self.record.kind == RecordKind::Cash
    }

    /// Whether an e-cash's signature was verified.
    pub(super) fn is_vouched(&self) -> bool {
        let check = self.record.cash().map(|proof| proof.check);
        matches!(check, Ok(CashCheck::Rsa | CashCheck::Sm2))
    }
}

/// What signs a terminal's records; shared by the terminal's copies.
#[derive(Clone)]
pub(super) struct Signer(Arc<dyn Sam>);

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(..)")
    }
}

impl Signer {
    /// A record as it is stored and uploaded: the table, and the signature behind it.
    pub(super) fn sign(&self, record: &TapRecord) -> Vec<u8> {
        record
            .encode_signed(&mut |message| self.0.sign(message))
            .expect("every field is as wide as its value")
    }

    /// Puts the signature behind the bytes of a record.
    pub(super) fn seal(&self, record: &mut Vec<u8>) {
        let signature = self.0.sign(record);
        record.extend_from_slice(&signature.0);
    }
}

/// A terminal for cards (卡受理终端), sans-io: long-lived, one tap at a time.
///
/// Begin a [`crate::tap::Tap`] when a card is in the field. Between taps, call
/// [`CardTerminal::close_stale`] now and then, [`CardTerminal::told`] after the beep, and
/// [`CardTerminal::take`] when lists or fares change.
#[derive(Debug, Clone)]
pub struct CardTerminal {
    pub(super) profile: TapProfile,
    /// The profile's own, where the lists have none.
    limits: Limits,
    pub(super) held: Snapshot,
    pub(super) psam: PsamIdentity,
    pub(super) signer: Signer,
    pub(super) board: GroupBoard,
    pub(super) intents: Vec<OpenIntent>,
    pub(super) unvouched: VecDeque<Unvouched>,
    /// The e-cash, where it is taken.
    pub(super) cash: Option<Cash>,
    /// Card numbers (PAN) of e-cashes, with the number in their FCI.
    numbers: VecDeque<(Serial, Serial)>,
    recent: VecDeque<Recent>,
    /// Rides of which nobody was told before the power failed, as long as that may change.
    pub(super) untold: Vec<UntoldRide>,
    last_at: Option<Timestamp>,
    next_intent: u64,
    /// The module that was reported last, and why: once is enough.
    reported: Option<(PsamSerial, u8)>,
}

impl CardTerminal {
    /// Builds the terminal from its profile, its module, what signs its records, and whatever
    /// its store holds.
    ///
    /// # Errors
    /// [`TapRecoverError`] when the store holds something that no terminal of this make wrote.
    pub fn recover(
        profile: TapProfile,
        held: Snapshot,
        psam: PsamIdentity,
        sam: Arc<dyn Sam>,
        store: &dyn RecordStore,
    ) -> Result<Self, TapRecoverError> {
        let mut terminal = Self {
            limits: profile.rules.limits(),
            profile,
            held,
            psam,
            signer: Signer(sam),
            board: GroupBoard::default(),
            intents: Vec::new(),
            unvouched: VecDeque::new(),
            cash: None,
            numbers: VecDeque::new(),
            recent: VecDeque::new(),
            untold: Vec::new(),
            last_at: None,
            next_intent: 1,
            reported: None,
        };
        let mut untold = UntoldSearch::default();
        for stored in store.replay() {
            if ModuleReport::is_one(stored.record) {
                let report = ModuleReport::read(stored.record).map_err(|source| {
                    let seq = stored.seq;
                    TapRecoverError::Module { seq, source }
                })?;
                terminal.reported = Some((report.psam(), report.fault()));
                continue;
            }
            if !TapRecord::is_one(stored.record) {
                continue;
            }
            let record = TapRecord::decode_signed(stored.record).map_err(|source| {
                let seq = stored.seq;
                TapRecoverError::Record { seq, source }
            })?;
            untold.look(&stored, &record);
            let ride = record.ride_key();
            if let Some(ride) = ride.filter(|_| record.recovery == Recovery::Untold) {
                terminal.forget_ride(ride);
                terminal.saw(record.recorded_at.instant().unwrap_or_default());
                continue;
            }
            terminal.learn(stored.seq, record.into(), stored.told);
            if let Some(ride) = ride.filter(|_| stored.completed_by.is_some()) {
                // Another terminal of the group has let the rider on.
                terminal.forget_ride(ride);
                terminal.board.end(ride);
            }
        }
        for (id, bytes) in store.intents() {
            let record = TapRecord::decode(bytes)
                .map_err(|source| TapRecoverError::Intent { id, source })?;
            // A time that is none makes the intent old: it becomes grey, and nothing is lost.
            let since = record.recorded_at.instant().unwrap_or_default();
            terminal.saw(since);
            terminal.next_intent = terminal.next_intent.max(id.saturating_add(1));
            terminal.intents.push(OpenIntent {
                id,
                record: record.into(),
                since,
                tries: 0,
            });
        }
        let last = terminal.last_at.unwrap_or_default();
        let since = last.plus_s(-terminal.profile.rules.grey_after_s);
        terminal.untold = untold.end(since);
        Ok(terminal)
    }

    /// Which terminal it is.
    #[must_use]
    pub const fn profile(&self) -> &TapProfile {
        &self.profile
    }

    /// Changes where it stands: the next stop of a bus, the other way of a gate.
    pub const fn stand_at(&mut self, post: super::TapPost) {
        self.profile.post = post;
    }

    /// Takes other lists or fares; the next tap sees them, a tap under way does not. What is
    /// known of the torn cards of terminals that are no longer of the group is forgotten.
    pub fn take(&mut self, held: Snapshot) {
        self.held = held;
        let (lists, own) = (&self.held.lists, self.psam.terminal);
        self.board.keep(|other| lists.are_beside(own, other));
    }

    /// The rules follow the parameters of that day: retap interval, balance cap and hint, waits,
    /// open intents. At the beginning of a tap, so that they do not change within one.
    pub(super) fn follow(&mut self, day: BusinessDay) {
        let parameters = self.held.lists.parameters(day);
        let limits = parameters.map_or(self.limits, Limits::from);
        self.profile.rules.follow(limits);
    }

    /// Takes another module, after the old one went out of service.
    pub const fn take_psam(&mut self, psam: PsamIdentity) {
        self.psam = psam;
    }

    /// Whether the terminal may take money with its module; where it may not, every tap ends with
    /// [`super::TapFault::Module`], and the next [`CardTerminal::close_stale`] stores a report.
    ///
    /// # Errors
    /// [`ModuleFault`], why it may not.
    pub fn check_module(&self) -> Result<(), ModuleFault> {
        self.profile.module.judge(&self.psam, self.profile.city)
    }

    /// Stores a report of a module that is not taken, for the acquirer; once for each.
    fn report_module(
        &mut self,
        now: Timestamp,
        store: &mut dyn RecordStore,
    ) -> Result<Option<u64>, StoreError> {
        let Err(fault) = self.check_module() else {
            return Ok(None);
        };
        let reported = Some((self.psam.serial, fault.number()));
        if self.reported == reported {
            return Ok(None);
        }
        let report = ModuleReport::new(&self.profile, &self.psam, &fault, now);
        let mut bytes = report.encode();
        self.signer.seal(&mut bytes);
        let seq = store.append(&bytes)?;
        self.reported = reported;
        Ok(Some(seq))
    }

    /// Takes the e-cash from now on; give it a fresh seed after every start.
    pub fn serve_cash(&mut self, cash: Cash) {
        self.cash = Some(cash);
    }

    /// How many intents are open.
    #[must_use]
    pub const fn open_intents(&self) -> usize {
        self.intents.len()
    }

    /// The oldest record that a restart needs: of a card that may come back to the gate, tap
    /// twice or still owes its vouching. What is older may be released once it is acknowledged;
    /// with none, everything may.
    #[must_use]
    pub fn needed_from(&self) -> Option<u64> {
        let rules = &self.profile.rules;
        let kept_s = rules.retap_s.max(rules.reopen_s).max(rules.grey_after_s);
        let last = self.last_at.unwrap_or_default();
        let is_needed = |at: Timestamp| last.since_s(at) <= kept_s;
        let recent = self.recent.iter().map(|r| (r.seq, r.at));
        let unvouched = self.unvouched.iter().map(|u| (u.seq, u.since));
        let needed = recent.chain(unvouched).filter(|(_, at)| is_needed(*at));
        // Number 0 is a record that another terminal of the group has.
        let needed = needed.map(|(seq, _)| seq).filter(|seq| *seq != 0);
        let untold = self.untold.iter().map(|untold| untold.seq);
        needed.chain(untold).min()
    }

    /// Notes that the rider was told of a ride; call it after the beep.
    ///
    /// # Errors
    /// [`StoreError`]; the ride stays accepted, only a restart may let the rider through on it
    /// once more.
    pub fn told(&mut self, seq: u64, store: &mut dyn RecordStore) -> Result<(), StoreError> {
        if seq == 0 {
            // Another terminal of the group has the record, and the rider counts as told.
            return Ok(());
        }
        if let Some(recent) = self.recents_mut().find(|recent| recent.seq == seq) {
            recent.told = true;
        }
        self.untold.retain(|untold| untold.seq != seq);
        store.mark_told(seq, None)
    }

    /// Turns intents that nobody came back for into grey records (灰记录), and those of locks into
    /// records of a lock without an answer; notes of rides that nobody was told before the power
    /// failed that it was so; reports a module that is not taken. The numbers of the records.
    ///
    /// # Errors
    /// [`StoreError`] when one could not be stored; it stays open.
    pub fn close_stale(
        &mut self,
        now: Timestamp,
        store: &mut dyn RecordStore,
    ) -> Result<Vec<u64>, StoreError> {
        let mut closed = Vec::new();
        while let Some(stale) = self.intents.iter().find(|open| self.is_stale(open, now)) {
            let id = stale.id;
            let record = self.signer.sign(&stale.record);
            closed.push(store.append_closing(&record, id)?);
            self.forget_intent(id);
        }
        closed.extend(self.close_untold(now, store)?);
        closed.extend(self.report_module(now, store)?);
        Ok(closed)
    }

    /// What to tell the others about a card that was torn away here.
    pub(super) fn torn_notice(&self, record: &TapRecord) -> GroupNotice {
        GroupNotice::Torn {
            record: record.clone().into(),
            number: self.number_beside(record),
        }
    }

    /// Takes a notice of another terminal of the group. What terminals say that the lists do not
    /// have in this group is not heard.
    ///
    /// # Errors
    /// [`StoreError`] when an intent that is settled could not be dropped; it stays open.
    pub fn note(
        &mut self,
        notice: GroupNotice,
        now: Timestamp,
        store: &mut dyn RecordStore,
    ) -> Result<(), StoreError> {
        match notice {
            GroupNotice::Torn { record, number } => {
                let own = record.psam == self.psam.serial;
                let heard = self.hears(record.terminal);
                if !own && heard && record.recovery == Recovery::Grey {
                    if let Some(number) = number {
                        self.remember_number(record.serial, number);
                    }
                    self.board.torn(record, now);
                }
            }
            GroupNotice::Untold { record, number } => {
                if let Some(number) = number
                    && self.hears(record.recorder)
                {
                    self.remember_number(record.serial, number);
                }
                self.note_untold(record, now);
            }
            GroupNotice::Settled { by, .. } if !self.hears(by) => {}
            GroupNotice::Settled { ride, by, how } => {
                let pinned = self.board.take_off(ride);
                let mut open = self.intents.iter();
                let open = open.find(|open| open.record.ride_key() == Some(ride));
                let own = open.map(|open| (open.id, open.since, open.record.clone()));
                if let Some((id, ..)) = own {
                    store.drop_intent(id)?;
                    self.forget_intent(id);
                }
                // Another terminal has the record. If the card comes here before it vouched
                // there, it vouches here.
                let known = own.map(|(_, since, record)| (since, record)).or(pinned);
                if let Some((since, record)) = known
                    && how == Settlement::Recovered
                    && record.stage != Stage::None
                {
                    if ride.is_cash {
                        // It has paid and did not sign there: its rider sees the staff.
                        self.hold_back(0, record, since);
                    } else {
                        self.owe_vouching(0, record, since, false);
                    }
                }
                if how == Settlement::LetOn {
                    self.board.end(ride);
                    self.let_on_elsewhere(ride, by, store)?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn hears(&self, other: Terminal) -> bool {
        self.held.lists.are_beside(self.psam.terminal, other)
    }

    /// Whether an intent is too old for its rider to be let through on it.
    pub(super) const fn is_stale(&self, open: &OpenIntent, now: Timestamp) -> bool {
        self.is_late(open.since, now)
    }

    /// Whether so long ago nobody is let through on it.
    pub(super) const fn is_late(&self, since: Timestamp, now: Timestamp) -> bool {
        let age_s = now.since_s(since);
        // A clock that went far back makes it stale too: its age is not known.
        age_s > self.profile.rules.grey_after_s || age_s < -self.profile.rules.grey_after_s
    }

    /// The intent of a purse that may have paid.
    pub(super) fn intent_of(&self, serial: Serial) -> Option<&OpenIntent> {
        self.intents.iter().find(|open| {
            let kind = open.record.kind;
            open.record.serial == serial && !matches!(kind, RecordKind::Cash | RecordKind::Lock)
        })
    }

    /// The intent of a card that may be locked.
    pub(super) fn lock_intent_of(&self, serial: Serial) -> Option<&OpenIntent> {
        self.intents
            .iter()
            .find(|open| open.record.serial == serial && open.record.kind == RecordKind::Lock)
    }

    /// The intent of an e-cash.
    pub(super) fn cash_intent_of(&self, serial: Serial) -> Option<&OpenIntent> {
        self.intents
            .iter()
            .find(|open| open.record.serial == serial && open.record.kind == RecordKind::Cash)
    }

    /// Remembers which number an e-cash has in its FCI; the oldest makes way.
    pub(super) fn remember_number(&mut self, card: Serial, number: Serial) {
        self.numbers.retain(|(known, _)| *known != card);
        if self.numbers.len() == NUMBERS_MAX {
            self.numbers.pop_front();
        }
        self.numbers.push_back((card, number));
    }

    /// The number in the FCI of an e-cash, if it was seen.
    pub(super) fn number_of(&self, card: Serial) -> Option<Serial> {
        let mut numbers = self.numbers.iter();
        numbers
            .find(|(known, _)| *known == card)
            .map(|(_, number)| *number)
    }

    /// The intent that makes way when there is no room for one more.
    pub(super) fn crowded_out(&self, replaced: Option<u64>) -> Option<&OpenIntent> {
        let is_room = replaced.is_some() || self.intents.len() < self.profile.rules.intents_max;
        let oldest = self.intents.iter().min_by_key(|open| (open.since, open.id));
        oldest.filter(|_| !is_room)
    }

    /// A number for a new intent.
    pub(super) const fn intent_number(&mut self) -> u64 {
        let id = self.next_intent;
        self.next_intent = self.next_intent.saturating_add(1);
        id
    }

    /// An intent is durable.
    pub(super) fn opened(&mut self, id: u64, record: Box<TapRecord>, since: Timestamp) {
        self.forget_intent(id);
        self.saw(since);
        self.intents.push(OpenIntent {
            id,
            record,
            since,
            tries: 0,
        });
    }

    pub(super) fn forget_intent(&mut self, id: u64) {
        self.intents.retain(|open| open.id != id);
    }

    /// Counts a torn tap of an intent; how many there were.
    pub(super) fn torn_again(&mut self, id: u64) -> u8 {
        let open = self.intents.iter_mut().find(|open| open.id == id);
        open.map_or(1, |open| {
            open.tries = open.tries.saturating_add(1);
            open.tries
        })
    }

    /// A record is durable: what the next taps should know of it.
    pub(super) fn learn(&mut self, seq: u64, record: Box<TapRecord>, told: bool) {
        let at = record.recorded_at.instant().unwrap_or_default();
        self.saw(at);
        let serial = record.serial;
        match (record.kind, record.recovery, record.mac2) {
            (RecordKind::Lock, ..) => {}
            (RecordKind::Cash, Recovery::Grey, _) => {}
            (RecordKind::Cash, ..) => {
                let recent = Recent {
                    seq,
                    latest: record.clone(),
                    record,
                    at,
                    told,
                    reopened: false,
                };
                if recent.is_vouched() {
                    self.push_recent(recent);
                }
            }
            (_, Recovery::Vouch, Mac2State::Verified) => {
                let vouched = self
                    .unvouched
                    .iter()
                    .position(|u| u.record.serial == serial);
                if let Some(ride) = vouched.and_then(|at| self.unvouched.remove(at)) {
                    self.push_recent(Recent {
                        seq: ride.seq,
                        record: ride.record,
                        latest: record,
                        at,
                        told: ride.told,
                        reopened: false,
                    });
                }
            }
            (_, Recovery::Vouch, _) => {}
            (_, Recovery::Grey, _) | (_, _, Mac2State::Failed) => {}
            (_, _, Mac2State::Verified) => self.push_recent(Recent {
                seq,
                latest: record.clone(),
                record,
                at,
                told,
                reopened: false,
            }),
            (_, _, Mac2State::Unverified | Mac2State::None) => {
                self.owe_vouching(seq, record, at, told);
            }
        }
    }

    /// A ride is recorded whose card has still to vouch for itself.
    pub(super) fn owe_vouching(
        &mut self,
        seq: u64,
        record: Box<TapRecord>,
        since: Timestamp,
        told: bool,
    ) {
        if seq != 0 && !told {
            self.await_telling(seq, &record, since);
        }
        self.unvouched.retain(|u| u.record.serial != record.serial);
        if self.unvouched.len() == RECENT_MAX {
            self.unvouched.pop_front();
        }
        self.unvouched.push_back(Unvouched {
            seq,
            record,
            since,
            told,
        });
    }

    /// A card's ride that waits for vouching, not too old.
    pub(super) fn unvouched_of(&self, serial: Serial, now: Timestamp) -> Option<&Unvouched> {
        let oldest_s = self.profile.rules.grey_after_s;
        let mut unvouched = self.unvouched.iter();
        unvouched.find(|u| {
            u.record.serial == serial
                && now.since_s(u.since).unsigned_abs() <= oldest_s.unsigned_abs()
        })
    }

    /// An e-cash has paid and was not let on: it is not charged again while the staff sees it.
    pub(super) fn hold_back(&mut self, seq: u64, record: Box<TapRecord>, at: Timestamp) {
        self.push_recent(Recent {
            seq,
            latest: record.clone(),
            record,
            at,
            told: false,
            reopened: false,
        });
    }

    /// Nobody is let on for this ride any more.
    fn forget_ride(&mut self, ride: RideKey) {
        self.unvouched.retain(|u| u.record.ride_key() != Some(ride));
        for recent in self.recents_mut() {
            if recent.record.ride_key() == Some(ride) {
                (recent.told, recent.reopened) = (true, true);
            }
        }
    }

    pub(super) fn push_recent(&mut self, recent: Recent) {
        let of = (recent.record.serial, recent.is_cash());
        self.recent.retain(|r| (r.record.serial, r.is_cash()) != of);
        if self.recent.len() == RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(recent);
    }

    pub(super) fn recent_of(&self, serial: Serial) -> Option<&Recent> {
        self.recents()
            .find(|r| r.record.serial == serial && !r.is_cash())
    }

    /// The last ride of an e-cash.
    pub(super) fn cash_recent(&self, serial: Serial) -> Option<&Recent> {
        self.recents()
            .find(|r| r.record.serial == serial && r.is_cash())
    }

    /// The last rides, oldest first.
    pub(super) fn recents(&self) -> impl Iterator<Item = &Recent> {
        self.recent.iter()
    }

    pub(super) fn recents_mut(&mut self) -> impl Iterator<Item = &mut Recent> {
        self.recent.iter_mut()
    }

    pub(super) fn reopened(&mut self, serial: Serial, is_cash: bool) {
        let mut recent = self.recent.iter_mut();
        if let Some(recent) = recent.find(|r| r.record.serial == serial && r.is_cash() == is_cash) {
            recent.reopened = true;
        }
    }

    /// The newest time this terminal has recorded.
    pub(super) const fn last_at(&self) -> Option<Timestamp> {
        self.last_at
    }

    pub(super) fn saw(&mut self, at: Timestamp) {
        self.last_at = self.last_at.max(Some(at));
    }

    /// What to tell the others about a torn card that was settled here.
    pub(super) const fn settled(&self, ride: RideKey, how: Settlement) -> GroupNotice {
        GroupNotice::Settled {
            ride,
            by: self.psam.terminal,
            how,
        }
    }
}
