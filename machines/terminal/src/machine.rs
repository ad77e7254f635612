//! The scan terminal itself: lists in, scans in, records out.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

use tongtu_blacklist::{Blacklist, Loader};
use tongtu_crypto::Signature;
use tongtu_ride_code::record::{Direction, RecordError, RideRecord};
use tongtu_ride_code::{
    Accepted, BlackLists, RecentCodes, RideCode, RootTable, Scan as CodeScan, Step, Verdict,
    Verifier, foreign,
};
use tongtu_tap_record::TapRecord;
use tongtu_types::{InstitutionCode, RecordId, TerminalNumber, Timestamp};

use crate::chain::sealed;
use crate::fares::{Charge, charge, rider};
use crate::held::Held;
use crate::tap::ModuleReport;
use crate::{
    AlarmThresholds, ChainedRecord, ClockGuard, ClockRules, Coverage, ListBook, ListError,
    ListsStatus, Notice, OutOfService, Outlook, Pace, Profile, Prompt, RecordStore, Refusal, Ride,
    Scan, ScanOutcome, Setup, StoreError,
};

/// Seconds in which a second reading of an accepted code is ignored without a word: the rider
/// has not taken the phone away yet.
pub const DEBOUNCE_S: i64 = 2;

/// Why a terminal does not begin from what its store holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecoverError {
    /// A stored record is no ride record.
    #[error("stored record {seq}")]
    Record {
        /// Its number.
        seq: u64,
        /// What is wrong with it.
        source: RecordError,
    },
    /// A stored record is another terminal's.
    #[error(
        "stored record {seq} is of terminal {terminal} of {acquirer}; this is another terminal"
    )]
    OtherTerminal {
        /// Its number.
        seq: u64,
        /// The acquirer it names.
        acquirer: InstitutionCode,
        /// The terminal it names.
        terminal: TerminalNumber,
    },
}

/// A record of which it is not known whether the rider was told.
#[derive(Debug)]
struct Untold {
    record: RideRecord,
    raw: Vec<u8>,
    code: RideCode,
}

/// A scan terminal (扫码终端), sans-io: bytes, time and store are arguments.
///
/// A ride is accepted in this order: checks, record composed and signed, record stored, rider
/// told, [`ScanTerminal::told`]. A power cut may fall between any two of these.
///
/// * Before the record is stored: nothing happened; the rider scans again.
/// * Stored but not told: the rider, who heard nothing, scans again and must not pay twice. So
///   after a restart the first genuine code of that account, the same or a fresh one, completes
///   the stored ride: [`ScanOutcome::Resumed`], no second record. A fresh one must do because
///   the phone has redrawn meanwhile; only this terminal, post and a window of one validity cap
///   count, because afterwards it is another ride.
/// * Told, but the mark of it lost with the power: looks the same as the case before, so one
///   more scan of that account within the window may be let through on the record already paid.
///   That errs on the rider's side, once, and leaves no second record either.
#[derive(Debug)]
pub struct ScanTerminal {
    setup: Setup,
    verifier: Verifier,
    book: ListBook,
    /// The lists whose roots and issuers the verifier has.
    verifying: Option<Arc<Held>>,
    recent: RecentCodes,
    untold: BTreeMap<u64, Untold>,
    /// Codes that completed a ride of another code, until the rider is told.
    completing: BTreeMap<u64, RideCode>,
    /// Records still needed against replay, oldest first.
    retained: VecDeque<(u64, Timestamp)>,
    clock: ClockGuard,
    pace: Pace,
}

impl ScanTerminal {
    /// Builds the terminal from its setup and whatever its store holds; an empty store makes a
    /// new terminal. Lists come after, by [`ScanTerminal::apply_lists`].
    ///
    /// # Errors
    /// [`RecoverError`] when the store holds something that this terminal cannot have made.
    pub fn recover(setup: Setup, store: &dyn RecordStore) -> Result<Self, RecoverError> {
        let verifier = Verifier::new(setup.policy, RootTable::default(), []);
        let rules = ClockRules {
            not_before: setup.policy.min_trusted_clock,
            back_max_s: setup.policy.future_skew_s,
            ..ClockRules::default()
        };
        let clock = ClockGuard::new(rules, None, None);
        let book = ListBook::new(setup.profile.acquirer, setup.list_key.clone());
        let mut terminal = Self {
            setup,
            verifier,
            book,
            verifying: None,
            recent: RecentCodes::default(),
            untold: BTreeMap::new(),
            completing: BTreeMap::new(),
            retained: VecDeque::new(),
            clock,
            pace: Pace::default(),
        };
        for stored in store.replay() {
            if ModuleReport::is_one(stored.record) {
                continue;
            }
            if TapRecord::is_one(stored.record) {
                // A ride of a card or by face, kept beside the codes' by the other halves of the
                // terminal. They read it; here it says how late it is.
                let record = TapRecord::decode_signed(stored.record).ok();
                if let Some(at) = record.and_then(|record| record.recorded_at.instant()) {
                    terminal.recorded(at);
                }
                continue;
            }
            let fault = |source| RecoverError::Record {
                seq: stored.seq,
                source,
            };
            let record = RideRecord::decode(stored.record).map_err(fault)?;
            let profile = &terminal.setup.profile;
            let (acquirer, number) = (record.id.acquirer(), record.id.terminal());
            if (acquirer, number) != (profile.acquirer, profile.terminal) {
                return Err(RecoverError::OtherTerminal {
                    seq: stored.seq,
                    acquirer,
                    terminal: number,
                });
            }
            // Only codes that passed every check were stored, so this one frames.
            let code = RideCode::frame(&record.code).map_err(|_| {
                fault(RecordError::Missing {
                    tag: tongtu_ride_code::record::tag::RIDE_CODE,
                })
            })?;
            let at = record.scanned_at;
            let completing = stored.completed_by.and_then(|b| RideCode::frame(b).ok());
            // A completing code outlives its record's own, so the record is needed for longer.
            let needed_at = completing.as_ref().map_or(at, |c| c.generated_at().max(at));
            terminal.retained.push_back((stored.seq, needed_at));
            terminal.recorded(at);
            if let Some(completing) = completing {
                terminal.recent.remember_code(&completing, needed_at);
            }
            if stored.told {
                terminal.recent.remember_code(&code, at);
            } else {
                let raw = stored.record.to_vec();
                terminal
                    .untold
                    .insert(stored.seq, Untold { record, raw, code });
            }
        }
        Ok(terminal)
    }

    /// Which terminal this is.
    #[must_use]
    pub const fn profile(&self) -> &Profile {
        &self.setup.profile
    }

    /// What is believed of the clock; the host of a terminal with several sources asks here for
    /// the time of its scans.
    #[must_use]
    pub const fn clock(&self) -> &ClockGuard {
        &self.clock
    }

    /// The same, for the host to hand in what the sources say, and its profile's limits.
    pub const fn clock_mut(&mut self) -> &mut ClockGuard {
        &mut self.clock
    }

    /// Takes a newer list bundle, all lists at once or none. After a restart the bundle taken
    /// last is taken again; an older one never.
    ///
    /// # Errors
    /// [`ListError`]; the lists held stay as they are.
    pub fn apply_lists(
        &mut self,
        bytes: &[u8],
        now: Timestamp,
        store: &mut dyn RecordStore,
    ) -> Result<(), ListError> {
        self.book.apply_bundle(bytes, now, store)?;
        self.verify_by_held();
        Ok(())
    }

    /// Gives the verifier what the lists held say of codes.
    fn verify_by_held(&mut self) {
        let Some(held) = self.book.held() else {
            return;
        };
        let old = self.verifying.replace(Arc::clone(held));
        self.verifier
            .replace_issuers(held.issuers().iter().copied());
        // New roots cost every cached certificate, so they must be new.
        if old.is_none_or(|old| !same_roots(old.roots(), held.roots())) {
            self.verifier.replace_roots(held.roots().clone());
        }
    }

    /// The lists held: what a tap takes at its beginning.
    #[must_use]
    pub const fn lists(&self) -> Option<&Arc<Held>> {
        self.book.held()
    }

    /// Begins to take a file of the card blacklist, full or delta.
    #[must_use]
    pub fn card_blacklist_loader(&self) -> Loader {
        self.book.card_blacklist_loader()
    }

    /// Takes the card blacklist that a loader of this terminal gave.
    ///
    /// # Errors
    /// [`ListError::BlacklistNotNewer`]; the list held stays as it is.
    pub fn apply_card_blacklist(
        &mut self,
        list: Blacklist,
        now: Timestamp,
    ) -> Result<(), ListError> {
        self.book.apply_card_blacklist(list, now)
    }

    /// Works waiting changes of the card blacklist into it; see
    /// [`ListBook::compact_card_blacklist`].
    pub fn compact_card_blacklist(&mut self, chunks: usize) -> usize {
        self.book.compact_card_blacklist(chunks)
    }

    /// The acquirer said at `now` that there is nothing newer: the lists held are fresh.
    pub fn confirm_lists(&mut self, now: Timestamp) {
        self.book.confirm(now);
    }

    /// How old the lists are.
    #[must_use]
    pub fn lists_status(&self, now: Timestamp) -> ListsStatus {
        self.book.status(now)
    }

    /// What the terminal reports of its lists.
    #[must_use]
    pub fn coverage(&self, now: Timestamp) -> Coverage {
        self.book.coverage(&self.setup.profile, now)
    }

    /// The same, signed, as it goes to the acquirer.
    ///
    /// # Errors
    /// [`ListError::Encode`], which no report gives that can be made.
    pub fn coverage_report(&self, now: Timestamp) -> Result<Vec<u8>, ListError> {
        self.coverage(now).sign(&*self.setup.sam)
    }

    /// Notes that another half of the terminal, for cards or faces, stored a record of this time:
    /// clock and outlook go by all records, whoever made them.
    pub fn recorded(&mut self, at: Timestamp) {
        self.clock.recorded(at);
        self.pace.noted(at);
    }

    /// The signature that goes with an upload: it says that the chain is this terminal's.
    #[must_use]
    pub fn seal(&self, records: &[ChainedRecord]) -> Signature {
        let sam = &self.setup.sam;
        sam.sign(&sealed(self.setup.profile.terminal, records))
    }

    /// How long the store has room at this terminal's pace.
    #[must_use]
    pub fn outlook(&self, thresholds: &AlarmThresholds, store: &dyn RecordStore) -> Outlook {
        Outlook::of(&store.capacity(), &self.pace, thresholds)
    }

    /// Why the terminal would refuse every code now, if so.
    #[must_use]
    pub fn out_of_service(
        &self,
        now: Option<Timestamp>,
        store: &dyn RecordStore,
    ) -> Option<OutOfService> {
        let scan = Scan {
            bytes: &[],
            now,
            open_entry: None,
        };
        self.price(&scan, store).err()
    }

    /// Judges one code, and stores its record if it is accepted.
    pub fn scan(&mut self, scan: Scan<'_>, store: &mut dyn RecordStore) -> ScanOutcome {
        self.scan_traced(scan, store, &mut |_| {})
    }

    /// As [`ScanTerminal::scan`]; `trace` sees each check.
    pub fn scan_traced(
        &mut self,
        scan: Scan<'_>,
        store: &mut dyn RecordStore,
        trace: &mut dyn FnMut(Step),
    ) -> ScanOutcome {
        let priced = self.price(&scan, store);
        let direction = self.setup.profile.post.direction();
        let code_scan = CodeScan {
            bytes: scan.bytes,
            // Out of service counts only from check 4 on: what is no ride code is said first.
            now: priced.as_ref().ok().map(|(now, _)| *now),
            fare: priced
                .as_ref()
                .map_or_else(|_| Default::default(), |p| p.1.amount),
            enforce_limit: direction != Direction::Exit,
        };
        let none = BlackLists::default();
        let blacklists = self
            .book
            .held()
            .map_or(&none, |held| held.code_blacklists());
        let verified = self
            .verifier
            .verify(&code_scan, blacklists, &self.recent, trace);
        match (verified, priced) {
            (Err(verdict), priced) => {
                let out_of_service = match verdict {
                    Verdict::TerminalState => priced.err(),
                    _ => None,
                };
                self.refuse(verdict, &scan, out_of_service)
            }
            (Ok(_), Err(reason)) => self.refuse(Verdict::TerminalState, &scan, Some(reason)),
            (Ok(accepted), Ok((now, charge))) => {
                if let Some(seq) = self.resumable(&accepted, now) {
                    return self.resume(seq, &accepted, &scan, now);
                }
                match self.record(&accepted, charge, &scan, now, store) {
                    Ok(ride) => ScanOutcome::Accepted(Box::new(ride)),
                    Err(reason) => self.refuse(Verdict::TerminalState, &scan, Some(reason)),
                }
            }
        }
    }

    /// Notes that the rider was told of a ride; call it after the beep.
    ///
    /// # Errors
    /// [`StoreError`]; the ride stays accepted, only a restart may ask again.
    pub fn told(&mut self, seq: u64, store: &mut dyn RecordStore) -> Result<(), StoreError> {
        let completing = self.completing.get(&seq).map(RideCode::as_bytes);
        store.mark_told(seq, completing)?;
        self.completing.remove(&seq);
        Ok(())
    }

    /// The oldest records not acknowledged yet, at most `max`, with their numbers.
    #[must_use]
    pub fn pending(&self, max: usize, store: &dyn RecordStore) -> Vec<(u64, Vec<u8>)> {
        store
            .replay()
            .filter(|stored| !stored.acknowledged)
            .take(max)
            .map(|stored| (stored.seq, stored.record.to_vec()))
            .collect()
    }

    /// The acquirer has these records: they may go, once replay no longer needs them.
    ///
    /// # Errors
    /// [`StoreError`] when that could not be kept; the records will be sent again.
    pub fn acknowledge(
        &mut self,
        seqs: &[u64],
        store: &mut dyn RecordStore,
    ) -> Result<(), StoreError> {
        if !seqs.is_empty() {
            store.acknowledge(seqs)?;
        }
        match self.needed_from() {
            Some(oldest) => store.release(oldest),
            None => Ok(()),
        }
    }

    /// The oldest record that a restart needs against replay, if any; what is older may be
    /// released once it is acknowledged. A terminal whose store also holds taps asks
    /// [`crate::tap::CardTerminal::needed_from`] too and releases below the lower of both.
    pub fn needed_from(&mut self) -> Option<u64> {
        // The horizon follows the newest record, so that one stays: it knows the time.
        let horizon = self.horizon();
        while self.retained.front().is_some_and(|(_, at)| *at < horizon) {
            self.retained.pop_front();
        }
        self.retained.front().map(|(seq, _)| *seq)
    }

    /// Whether the terminal can serve, and what this scan costs if it can.
    fn price(
        &self,
        scan: &Scan<'_>,
        store: &dyn RecordStore,
    ) -> Result<(Timestamp, Charge), OutOfService> {
        let now = self.clock.judge(scan.now)?.now;
        let lists = self.book.held().ok_or(OutOfService::NoLists)?;
        store.capacity().check()?;
        let terms = lists.terms(now);
        let day = terms.day();
        let book = terms.fare_book().ok_or(OutOfService::NoFareBook { day })?;
        let entry = scan.open_entry.as_ref();
        let rider = rider(scan.bytes, book);
        let charge = charge(&self.setup.profile.post, book, &rider, entry, now)?;
        Ok((now, charge))
    }

    /// Makes, signs and stores the record; only then is the code remembered.
    fn record(
        &mut self,
        accepted: &Accepted,
        charge: Charge,
        scan: &Scan<'_>,
        now: Timestamp,
        store: &mut dyn RecordStore,
    ) -> Result<Ride, OutOfService> {
        let profile = &self.setup.profile;
        let seq = store.next_seq();
        let over_limit = accepted.over_limit;
        let record = RideRecord {
            code: accepted.code.as_bytes().to_vec(),
            model: profile.model,
            terminal_id: profile.terminal_id,
            software: profile.software,
            id: RecordId::compose(profile.acquirer, profile.terminal, now, seq),
            category: profile.post.category(),
            amount: charge.amount,
            vehicle: profile.post.vehicle(),
            line: profile.post.line(),
            scanned_at: now,
            direction: profile.post.direction(),
            station: profile.post.station(),
            fare_version: charge.fare_version,
            result: if over_limit {
                Verdict::OverLimit
            } else {
                Verdict::Accepted
            },
            terminal_serial: profile.serial,
        };
        let raw = record.encode_with(&mut |message| self.setup.sam.sign(message))?;
        let stored = store.append(&raw)?;
        debug_assert_eq!(stored, seq, "the store gave the number it had promised");
        self.retained.push_back((stored, now));
        self.recorded(now);
        self.recent.forget_before(self.horizon());
        self.remember(accepted, now);
        let limit_fen = i64::from(accepted.user.limit_fen);
        let notice = if over_limit {
            Some(Notice::OverLimit)
        } else if charge.fare_max.is_some_and(|max| max.get() > limit_fen) {
            Some(Notice::LimitMayNotSuffice)
        } else {
            charge.notice
        };
        Ok(Ride::new(
            stored,
            accepted.user.account,
            record,
            raw,
            notice,
            scan,
        ))
    }

    /// The stored ride that this code completes, if there is one: see [`ScanTerminal`].
    fn resumable(&self, accepted: &Accepted, now: Timestamp) -> Option<u64> {
        let policy = &self.setup.policy;
        let window_s = policy.max_validity_s + policy.future_skew_s;
        let post = &self.setup.profile.post;
        let of_account = |untold: &Untold| {
            let record = &untold.record;
            let here = record.direction == post.direction()
                && record.line == post.line()
                && record.station == post.station();
            let account = untold
                .code
                .user()
                .is_ok_and(|u| u.account == accepted.user.account);
            here && account && now.since_s(record.scanned_at) <= window_s
        };
        let mut candidates = self.untold.iter().filter(|(_, untold)| of_account(untold));
        let first = candidates.clone().next();
        candidates
            .find(|(_, untold)| untold.code == accepted.code)
            .or(first)
            .map(|(seq, _)| *seq)
    }

    fn resume(
        &mut self,
        seq: u64,
        accepted: &Accepted,
        scan: &Scan<'_>,
        now: Timestamp,
    ) -> ScanOutcome {
        let untold = self.untold.remove(&seq).expect("found a moment ago");
        if accepted.code != untold.code {
            self.completing.insert(seq, accepted.code.clone());
        }
        if let Some(retained) = self.retained.iter_mut().find(|(other, _)| *other == seq) {
            retained.1 = now;
        }
        // Neither the code of the record nor the one that completes it is good once more.
        self.recent.remember_code(&untold.code, now);
        self.remember(accepted, now);
        let record = untold.record;
        let notice = match (record.result, record.direction) {
            (Verdict::OverLimit, _) => Some(Notice::OverLimit),
            (_, Direction::Exit) if record.amount.is_zero() => Some(Notice::NoEntry),
            _ => None,
        };
        let account = accepted.user.account;
        ScanOutcome::Resumed(Box::new(Ride::new(
            seq, account, record, untold.raw, notice, scan,
        )))
    }

    fn refuse(
        &self,
        verdict: Verdict,
        scan: &Scan<'_>,
        out_of_service: Option<OutOfService>,
    ) -> ScanOutcome {
        let direction = self.setup.profile.post.direction();
        let prompt = Prompt {
            verdict,
            direction,
            fare: None,
            notice: None,
        };
        ScanOutcome::Refused(Refusal {
            verdict,
            foreign: (verdict == Verdict::NotRideCode).then(|| foreign::kind_of(scan.bytes)),
            out_of_service,
            prompt: (!self.is_echo(verdict, scan)).then_some(prompt),
        })
    }

    /// Whether this is the scanner reading once more what was just accepted.
    fn is_echo(&self, verdict: Verdict, scan: &Scan<'_>) -> bool {
        if !matches!(verdict, Verdict::Duplicate | Verdict::TooFrequent) {
            return false;
        }
        let account = RideCode::frame(scan.bytes)
            .ok()
            .and_then(|code| code.user().ok())
            .map(|user| user.account);
        let last = account.and_then(|account| self.recent.last_accepted(&account));
        matches!((last, scan.now), (Some(last), Some(now)) if now.since_s(last) < DEBOUNCE_S)
    }

    fn remember(&mut self, accepted: &Accepted, at: Timestamp) {
        self.recent.remember(
            accepted.digest,
            accepted.user.account,
            accepted.code.generated_at(),
            at,
        );
    }

    /// Codes accepted before this instant are refused as stale by other checks.
    ///
    /// It follows the newest record, not the clock: a clock that jumps ahead and back again
    /// would otherwise make the terminal forget codes that are still good.
    fn horizon(&self) -> Timestamp {
        let policy = &self.setup.policy;
        let kept_s = policy.max_validity_s + policy.future_skew_s + policy.account_interval_s;
        self.clock
            .newest()
            .unwrap_or(Timestamp::new(i64::MIN))
            .plus_s(-kept_s)
    }
}

fn same_roots(left: &RootTable, right: &RootTable) -> bool {
    left.iter()
        .map(|root| root.certificate())
        .eq(right.iter().map(|root| root.certificate()))
}
