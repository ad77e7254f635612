//! One terminal: both halves, its store, its module, and the dialogue under way. Plain safe Rust.

use std::collections::VecDeque;
use std::sync::Arc;

use tongtu_card::RamMemory;
use tongtu_fare::Lang;
use tongtu_journal::{Journal, JournalError};
use tongtu_psam::PsamIdentity;
use tongtu_purse::field::Direction;
use tongtu_sam::{Lost, PsamProfile, SoftPsam};
use tongtu_terminal::tap::{
    Answer, Ask, CardTerminal, Circumstances, GroupNotice, Lost as CardLost, PlainLists, Snapshot,
    Tap, TapEnd, TapPost, TapProfile, Task,
};
use tongtu_terminal::{
    AlarmThresholds, ListsStatus, Outlook, Prompt, RecordStore, Sam, Scan, ScanOutcome,
    ScanTerminal,
};
use tongtu_types::{StationCode, Timestamp};

use crate::code::{
    TT_ERR_LISTS, TT_ERR_NONE, TT_ERR_PSAM, TT_ERR_RECOVER, TT_ERR_STATE, TT_ERR_STORE,
    TT_ERR_VALUE,
};
use crate::fault::Fault;
use crate::hooks::Device;
use crate::module::{Module, Step, Want};
use crate::setup::Parts;

/// Bytes that a soft PSAM's memory has.
const PSAM_BYTES: usize = 8 * 1024;
/// Notices that wait for their way to the group; the oldest makes way, as a lost datagram would.
const NOTICES_MAX: usize = 64;

/// A module to begin with.
pub(crate) enum Fitted {
    /// In the maker's slot.
    Slot,
    /// Soft, with test keys two levels above the cards'.
    Test(u32),
    /// Soft, with the cards' test keys.
    TestFlat(u32),
}

/// What is asked of the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outward {
    Card(Vec<u8>),
    Psam(Want),
    Done,
}

/// The dialogue under way.
enum Talk {
    None,
    /// The module's identity is being read.
    Opening,
    /// A tap; whether the module is asked, or the card.
    Tap(Box<Tap>, Party),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Party {
    Card,
    Psam,
}

/// The last thing a rider was to be told.
enum Last {
    None,
    Tap(Box<TapEnd>),
    Scan(Box<ScanOutcome>),
}

/// A terminal as C holds it.
pub struct Terminal {
    scans: ScanTerminal,
    cards: Option<CardTerminal>,
    profile: TapProfile,
    sam: Arc<dyn Sam>,
    store: Journal<Device>,
    module: Module,
    talk: Talk,
    last: Last,
    notices: VecDeque<GroupNotice>,
}

fn out_of_order(found: &str) -> Fault {
    Fault::new(TT_ERR_STATE, found)
}

fn scan_prompt(outcome: &ScanOutcome) -> Result<&Prompt, Fault> {
    let prompt = outcome.prompt();
    prompt.ok_or_else(|| Fault::new(TT_ERR_NONE, "the terminal stays silent"))
}

impl Terminal {
    pub(crate) fn open(parts: Parts, fitted: Fitted) -> Result<Self, Fault> {
        let store = Journal::recover(parts.device, parts.limits).map_err(|error| {
            let code = match error {
                JournalError::Damaged { .. } | JournalError::NotJournal => TT_ERR_RECOVER,
                _ => TT_ERR_STORE,
            };
            Fault::of(code)(&error)
        })?;
        let scans = ScanTerminal::recover(parts.setup, &store);
        let scans = scans.map_err(|error| Fault::of(TT_ERR_RECOVER)(&error))?;
        let soft = |profile: PsamProfile, first_sequence| {
            let profile = PsamProfile {
                first_sequence,
                ..profile
            };
            let soft = SoftPsam::manufacture(RamMemory::new(PSAM_BYTES), &profile);
            soft.map(|soft| (Module::Test(Box::new(soft)), Some(profile.identity)))
                .map_err(|error| Fault::of(TT_ERR_PSAM)(&error))
        };
        let (module, identity) = match fitted {
            Fitted::Slot => (Module::Slot(Box::default()), None),
            Fitted::Test(0) | Fitted::TestFlat(0) => {
                let detail = "psam_first_sequence: 0, expected at least 1";
                return Err(Fault::new(TT_ERR_VALUE, detail));
            }
            Fitted::Test(first) => soft(PsamProfile::test(), first)?,
            Fitted::TestFlat(first) => soft(PsamProfile::test_flat(), first)?,
        };
        let mut terminal = Self {
            scans,
            cards: None,
            profile: parts.tap,
            sam: parts.sam,
            store,
            module,
            talk: Talk::None,
            last: Last::None,
            notices: VecDeque::with_capacity(NOTICES_MAX),
        };
        if let Some(identity) = identity {
            terminal.fit(identity)?;
        }
        Ok(terminal)
    }

    /// The module is known: cards can be served.
    fn fit(&mut self, identity: PsamIdentity) -> Result<(), Fault> {
        if let Some(cards) = &mut self.cards {
            cards.take_psam(identity);
            return Ok(());
        }
        let nothing = || Snapshot {
            lists: Arc::new(PlainLists::default()),
            tariff: Arc::default(),
        };
        let held = self.scans.lists().map_or_else(nothing, Snapshot::of);
        let sam = Arc::clone(&self.sam);
        let cards = CardTerminal::recover(self.profile.clone(), held, identity, sam, &self.store);
        let cards = cards.map_err(|error| Fault::of(TT_ERR_RECOVER)(&error))?;
        for notice in cards.torn() {
            self.tell_group(notice);
        }
        self.cards = Some(cards);
        Ok(())
    }

    fn tell_group(&mut self, notice: GroupNotice) {
        if self.notices.len() == NOTICES_MAX {
            self.notices.pop_front();
        }
        self.notices.push_back(notice);
    }

    fn idle(&self) -> Result<(), Fault> {
        match self.talk {
            Talk::None => Ok(()),
            Talk::Opening | Talk::Tap(..) => Err(out_of_order("a dialogue is under way")),
        }
    }

    /// The time as it is believed.
    fn believed(&self, now: Option<Timestamp>) -> Option<Timestamp> {
        let trusted = self.scans.clock().judge(now);
        trusted.ok().map(|trusted| trusted.now)
    }

    /// Begins to read who the module in the slot is.
    pub(crate) fn psam_begin(&mut self) -> Result<Outward, Fault> {
        self.idle()?;
        let Module::Slot(slot) = &mut self.module else {
            return Err(out_of_order("the PSAM is a soft one"));
        };
        let step = slot.begin_open();
        self.opening(step)
    }

    fn opening(
        &mut self,
        step: Step<Result<PsamIdentity, tongtu_psam::PsamFault>>,
    ) -> Result<Outward, Fault> {
        match step {
            Step::Want(want) => {
                self.talk = Talk::Opening;
                Ok(Outward::Psam(want))
            }
            Step::Done(opened) => {
                self.talk = Talk::None;
                let identity = opened.map_err(|fault| Fault::of(TT_ERR_PSAM)(&fault))?;
                self.fit(identity)?;
                Ok(Outward::Done)
            }
        }
    }

    /// Goes on with what the module in the slot answered.
    pub(crate) fn psam_next(&mut self, heard: Result<Vec<u8>, Lost>) -> Result<Outward, Fault> {
        let (Talk::Opening, Module::Slot(slot)) = (&self.talk, &mut self.module) else {
            return Err(out_of_order("no PSAM is being opened"));
        };
        let step = slot.opened(heard);
        self.opening(step)
    }

    /// A card is in the field.
    pub(crate) fn tap_begin(&mut self, now: Option<Timestamp>) -> Result<Outward, Fault> {
        self.idle()?;
        let now = self.believed(now);
        let Some(held) = self.scans.lists() else {
            return Err(Fault::new(TT_ERR_LISTS, "no lists were taken yet"));
        };
        let Some(cards) = &mut self.cards else {
            return Err(out_of_order("the PSAM was not opened yet"));
        };
        cards.take(Snapshot::of(held));
        let tap = Tap::begin(Circumstances {
            now,
            capacity: self.store.capacity(),
            task: Task::Ride,
        });
        self.last = Last::None;
        self.go_on(tap, Answer::Begin)
    }

    /// Goes on with what card or module answered.
    pub(crate) fn tap_next(&mut self, heard: Result<Vec<u8>, Lost>) -> Result<Outward, Fault> {
        match std::mem::replace(&mut self.talk, Talk::None) {
            Talk::Tap(tap, Party::Card) => {
                let answer = heard.map_err(|_| CardLost);
                self.go_on(*tap, Answer::Card(answer))
            }
            Talk::Tap(tap, Party::Psam) => match self.module.heard(heard) {
                Step::Want(want) => {
                    self.talk = Talk::Tap(tap, Party::Psam);
                    Ok(Outward::Psam(want))
                }
                Step::Done(answer) => self.go_on(*tap, Answer::Psam(answer)),
            },
            other => {
                self.talk = other;
                Err(out_of_order("no tap is under way"))
            }
        }
    }

    fn go_on(&mut self, mut tap: Tap, mut answer: Answer) -> Result<Outward, Fault> {
        loop {
            let cards = self.cards.as_mut().expect("a tap began, so it is there");
            let (next, ask) = tap.handle(cards, answer);
            tap = next;
            answer = match ask {
                Ask::Card(apdu) => {
                    self.talk = Talk::Tap(tap.into(), Party::Card);
                    return Ok(Outward::Card(apdu));
                }
                Ask::Psam(request) => match self.module.begin(request) {
                    Step::Want(want) => {
                        self.talk = Talk::Tap(tap.into(), Party::Psam);
                        return Ok(Outward::Psam(want));
                    }
                    Step::Done(answer) => Answer::Psam(answer),
                },
                Ask::KeepIntent { id, intent } => Answer::Kept(self.store.keep_intent(id, &intent)),
                Ask::DropIntent { id } => Answer::Kept(self.store.drop_intent(id)),
                Ask::Append { record, closes } => Answer::Appended(match closes {
                    Some(intent) => self.store.append_closing(&record, intent),
                    None => self.store.append(&record),
                }),
                Ask::Done(mut end) => {
                    for notice in std::mem::take(&mut end.notices) {
                        self.tell_group(notice);
                    }
                    self.last = Last::Tap(end);
                    return Ok(Outward::Done);
                }
            };
        }
    }

    /// Drops the dialogue under way: the card is gone and nobody waits for it.
    pub(crate) fn cancel(&mut self) -> Result<(), Fault> {
        match std::mem::replace(&mut self.talk, Talk::None) {
            Talk::None => return Err(out_of_order("no dialogue is under way")),
            Talk::Opening => {}
            Talk::Tap(..) => self.module.give_up(),
        }
        Ok(())
    }

    /// How the last tap ended.
    pub(crate) fn tap_end(&self) -> Result<&TapEnd, Fault> {
        match &self.last {
            Last::Tap(end) => Ok(end),
            Last::None | Last::Scan(_) => Err(Fault::new(TT_ERR_NONE, "no tap ended last")),
        }
    }

    /// Judges a ride code.
    pub(crate) fn scan(&mut self, bytes: &[u8], now: Option<Timestamp>) -> Result<(), Fault> {
        self.idle()?;
        let scan = Scan {
            bytes,
            now,
            open_entry: None,
        };
        let outcome = self.scans.scan(scan, &mut self.store);
        self.last = Last::Scan(outcome.into());
        Ok(())
    }

    /// How the last scan ended.
    pub(crate) fn scan_end(&self) -> Result<&ScanOutcome, Fault> {
        match &self.last {
            Last::Scan(outcome) => Ok(outcome),
            Last::None | Last::Tap(_) => Err(Fault::new(TT_ERR_NONE, "no scan ended last")),
        }
    }

    /// What the rider hears.
    pub(crate) fn voice(&self, lang: Lang) -> Result<&'static str, Fault> {
        match &self.last {
            Last::Tap(end) => Ok(end.prompt.voice(lang)),
            Last::Scan(outcome) => scan_prompt(outcome).map(|prompt| prompt.voice(lang)),
            Last::None => Err(Fault::new(TT_ERR_NONE, "nothing ended yet")),
        }
    }

    /// What the rider sees.
    pub(crate) fn display(&self, lang: Lang) -> Result<String, Fault> {
        match &self.last {
            Last::Tap(end) => Ok(end.prompt.display(lang)),
            Last::Scan(outcome) => scan_prompt(outcome).map(|prompt| prompt.display(lang)),
            Last::None => Err(Fault::new(TT_ERR_NONE, "nothing ended yet")),
        }
    }

    /// Why the last tap or scan ended as it did, for logs.
    pub(crate) fn reason(&self) -> Result<String, Fault> {
        use tongtu_terminal::tap::TapOutcome;
        Ok(match &self.last {
            Last::Tap(end) => match &end.outcome {
                TapOutcome::OutOfService(fault) => fault.to_string(),
                TapOutcome::Refused(refusal) => format!("{refusal:?}"),
                TapOutcome::Torn { in_doubt, tries } => {
                    format!("torn, in doubt: {in_doubt}, tries: {tries}")
                }
                _ => "a ride".to_owned(),
            },
            Last::Scan(outcome) => match &**outcome {
                ScanOutcome::Refused(refusal) => match &refusal.out_of_service {
                    Some(fault) => fault.to_string(),
                    None => refusal.verdict.name().to_owned(),
                },
                ScanOutcome::Accepted(_) | ScanOutcome::Resumed(_) => "a ride".to_owned(),
            },
            Last::None => return Err(Fault::new(TT_ERR_NONE, "nothing ended yet")),
        })
    }

    /// The rider was told of a ride.
    pub(crate) fn told(&mut self, seq: u64) -> Result<(), Fault> {
        let fault = |error| Fault::of(TT_ERR_STORE)(&error);
        if seq != 0 {
            self.scans.told(seq, &mut self.store).map_err(fault)?;
        }
        // Whichever half it was: the other knows no such ride, and a mark is made once.
        match &mut self.cards {
            Some(cards) => cards.told(seq, &mut self.store).map_err(fault),
            None => Ok(()),
        }
    }

    /// Takes a list bundle.
    pub(crate) fn apply_lists(&mut self, bundle: &[u8], now: Timestamp) -> Result<(), Fault> {
        let applied = self.scans.apply_lists(bundle, now, &mut self.store);
        applied.map_err(|error| Fault::of(TT_ERR_LISTS)(&error))?;
        // Not only at the next tap: notices of the group are judged by them too. A tap under way
        // keeps its own.
        if let (Some(cards), Some(held)) = (&mut self.cards, self.scans.lists()) {
            cards.take(Snapshot::of(held));
        }
        Ok(())
    }

    /// There are no newer lists.
    pub(crate) fn confirm_lists(&mut self, now: Timestamp) {
        self.scans.confirm_lists(now);
    }

    /// A bus of segmented fares came to a stop.
    pub(crate) fn next_stop(
        &mut self,
        stop: StationCode,
        card_stop: u8,
        direction: Direction,
    ) -> Result<(), Fault> {
        self.idle()?;
        let TapPost::Segmented(post) = &mut self.profile.post else {
            return Err(out_of_order("this post has no stops"));
        };
        (post.stop, post.card_stop, post.direction) = (stop, card_stop, direction);
        if let Some(cards) = &mut self.cards {
            cards.stand_at(self.profile.post);
        }
        Ok(())
    }

    /// Turns intents that nobody came back for into grey records; how many.
    pub(crate) fn close_stale(&mut self, now: Option<Timestamp>) -> Result<usize, Fault> {
        self.idle()?;
        let now = self.believed(now);
        let (Some(cards), Some(now)) = (&mut self.cards, now) else {
            return Ok(0);
        };
        let closed = cards.close_stale(now, &mut self.store);
        closed
            .map(|closed| closed.len())
            .map_err(|error| Fault::of(TT_ERR_STORE)(&error))
    }

    /// The oldest record above `after` that the acquirer does not have.
    pub(crate) fn pending(&self, after: u64) -> Result<(u64, &[u8]), Fault> {
        let mut waiting = self
            .store
            .replay()
            .filter(|stored| stored.seq > after && !stored.acknowledged);
        let next = waiting.next().map(|stored| (stored.seq, stored.record));
        next.ok_or_else(|| Fault::new(TT_ERR_NONE, "no record waits"))
    }

    /// The acquirer has these records.
    pub(crate) fn acknowledge(&mut self, seqs: &[u64]) -> Result<(), Fault> {
        let fault = |error| Fault::of(TT_ERR_STORE)(&error);
        self.store.acknowledge(seqs).map_err(fault)?;
        let Some(cards) = &self.cards else {
            // What a restart needs of the taps is not known yet, so everything stays.
            return Ok(());
        };
        let needed = [self.scans.needed_from(), cards.needed_from()];
        let below = needed.into_iter().flatten().min();
        let below = below.unwrap_or_else(|| self.store.next_seq());
        self.store.release(below).map_err(fault)
    }

    /// The oldest notice for the group; it is gone once it was written.
    pub(crate) fn notice(&self) -> Result<Vec<u8>, Fault> {
        let notice = self.notices.front().map(GroupNotice::encode);
        notice.ok_or_else(|| Fault::new(TT_ERR_NONE, "no notice waits"))
    }

    pub(crate) fn notice_gone(&mut self) {
        self.notices.pop_front();
    }

    pub(crate) fn notices(&self) -> usize {
        self.notices.len()
    }

    /// Takes a notice of another terminal of the group.
    pub(crate) fn take_notice(
        &mut self,
        bytes: &[u8],
        now: Option<Timestamp>,
    ) -> Result<(), Fault> {
        self.idle()?;
        let notice = GroupNotice::decode(bytes);
        let notice = notice.map_err(|error| Fault::of(TT_ERR_VALUE)(&error))?;
        let now = self.believed(now);
        let now = now.ok_or_else(|| Fault::new(TT_ERR_VALUE, "now: no trusted clock"))?;
        let Some(cards) = &mut self.cards else {
            return Err(out_of_order("the PSAM was not opened yet"));
        };
        let noted = cards.note(notice, now, &mut self.store);
        noted.map_err(|error| Fault::of(TT_ERR_STORE)(&error))
    }

    pub(crate) fn serves_cards(&self) -> bool {
        self.cards.is_some()
    }

    pub(crate) fn lists_status(&self, now: Timestamp) -> ListsStatus {
        self.scans.lists_status(now)
    }

    pub(crate) fn store(&self) -> &dyn RecordStore {
        &self.store
    }

    pub(crate) fn outlook(&self) -> Outlook {
        let thresholds = AlarmThresholds::default();
        self.scans.outlook(&thresholds, &self.store)
    }
}
