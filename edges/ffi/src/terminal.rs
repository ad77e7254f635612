//! One terminal: its parts for cards, codes and faces, its store, its module, and the dialogue under
//! way. Plain safe Rust.
//!
//! Here: how it is put up, and the dialogues of cards and codes. Each other topic has a file.

use std::collections::VecDeque;
use std::sync::Arc;

use tongtu_card::RamMemory;
use tongtu_crypto::PublicKey;
use tongtu_journal::{Journal, JournalError, ListsFile};
use tongtu_psam::PsamIdentity;
use tongtu_purse::field::Direction as BusDirection;
use tongtu_ride_code::Policy;
use tongtu_ride_code::record::Direction;
use tongtu_sam::{Lost, PsamProfile, SoftPsam};
use tongtu_terminal::face::Look;
use tongtu_terminal::tap::{
    Answer, Ask, AuthorityTable, CardTerminal, Circumstances, Lost as CardLost, MakeUp, PlainLists,
    Snapshot, Tap, TapEnd, TapPost, TapProfile, Task,
};
use tongtu_terminal::{
    BATCH_MAX, Backoff, OpenEntry, Profile, RecordStore as _, Sam, Scan, ScanOutcome, ScanTerminal,
    Upload,
};
use tongtu_types::{CardNumber, InstitutionCode, StationCode, Timestamp};

use crate::code::{
    TT_ERR_LISTS, TT_ERR_NONE, TT_ERR_PSAM, TT_ERR_RECOVER, TT_ERR_STATE, TT_ERR_STORE,
    TT_ERR_VALUE,
};
use crate::fault::Fault;
use crate::hooks::Device;
use crate::module::{Module, Step, Want};
use crate::setup::Parts;

mod cash;
mod faces;
mod inside;
mod lists;
mod prompts;
mod status;
mod upload;

pub(crate) use cash::Till;
pub(crate) use faces::FaceParts;
use faces::Faces;
use inside::{Inside, Passage};
use lists::Shelf;
pub(crate) use lists::{Kept, fetch, restore};
pub(crate) use prompts::look_prompt;
use upload::Batch;

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
    Look(Box<Look>),
}

/// A terminal's store.
type Store = Journal<Device>;

/// A terminal as C holds it.
pub struct Terminal {
    scans: ScanTerminal,
    cards: Option<CardTerminal>,
    faces: Option<Box<Faces>>,
    till: Option<Till>,
    authorities: Arc<AuthorityTable>,
    profile: TapProfile,
    own: Profile,
    policy: Policy,
    acquirer: InstitutionCode,
    list_key: PublicKey,
    sam: Arc<dyn Sam>,
    store: Store,
    lists: Option<ListsFile>,
    blacklist: Shelf,
    module: Module,
    talk: Talk,
    last: Last,
    /// The time of the tap under way.
    tap_at: Option<Timestamp>,
    inside: Inside,
    upload: Upload,
    batch: Batch,
    /// What is to be told to the group, as it travels.
    notices: VecDeque<Vec<u8>>,
}

fn out_of_order(found: &str) -> Fault {
    Fault::new(TT_ERR_STATE, found)
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
        let (own, policy) = (parts.setup.profile.clone(), parts.setup.policy);
        let list_key = parts.setup.list_key.clone();
        let scans = ScanTerminal::recover(parts.setup, &store);
        let scans = scans.map_err(|error| Fault::of(TT_ERR_RECOVER)(&error))?;
        let acceptor = parts.tap.acceptor;
        let soft = |profile: PsamProfile, first_sequence| {
            let mut profile = PsamProfile {
                first_sequence,
                ..profile
            };
            // A soft module is made here, for this terminal.
            profile.identity.receiver = acceptor;
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
            faces: None,
            till: None,
            authorities: Arc::default(),
            profile: parts.tap,
            acquirer: own.acquirer,
            upload: Upload::new(own.terminal, BATCH_MAX, Backoff::default()),
            own,
            policy,
            list_key,
            sam: parts.sam,
            store,
            lists: None,
            blacklist: Shelf::None,
            module,
            talk: Talk::None,
            last: Last::None,
            tap_at: None,
            inside: Inside::default(),
            batch: Batch::default(),
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
            self.tell_group(&notice);
        }
        self.cards = Some(cards);
        self.serve_till();
        Ok(())
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

    /// Whether this is a counter: no codes, no faces.
    const fn is_counter(&self) -> bool {
        matches!(self.profile.post, TapPost::Counter(_))
    }

    fn not_at_counter(&self) -> Result<(), Fault> {
        if self.is_counter() {
            return Err(out_of_order("a counter serves cards alone"));
        }
        Ok(())
    }

    /// A card is in the field.
    pub(crate) fn tap_begin(&mut self, now: Option<Timestamp>) -> Result<Outward, Fault> {
        self.begin(now, Task::Ride)
    }

    /// A card is in the field of a counter.
    pub(crate) fn make_up_begin(
        &mut self,
        now: Option<Timestamp>,
        what: MakeUp,
    ) -> Result<Outward, Fault> {
        if !self.is_counter() {
            return Err(out_of_order("this post is no counter"));
        }
        self.begin(now, Task::MakeUp(what))
    }

    fn begin(&mut self, now: Option<Timestamp>, task: Task) -> Result<Outward, Fault> {
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
            task,
        });
        self.last = Last::None;
        self.tap_at = now;
        self.go_on(tap, Answer::Begin)
    }

    /// Goes on with what card or module answered.
    pub(crate) fn next(&mut self, heard: Result<Vec<u8>, Lost>) -> Result<Outward, Fault> {
        match std::mem::replace(&mut self.talk, Talk::None) {
            Talk::None => Err(out_of_order("no dialogue is under way")),
            Talk::Opening => {
                let Module::Slot(slot) = &mut self.module else {
                    return Err(out_of_order("the PSAM is a soft one"));
                };
                let step = slot.opened(heard);
                self.opening(step)
            }
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
                Ask::Append { record, closes } => {
                    let appended = match closes {
                        Some(intent) => self.store.append_closing(&record, intent),
                        None => self.store.append(&record),
                    };
                    if let (Ok(_), Some(at)) = (&appended, self.tap_at) {
                        self.scans.recorded(at);
                    }
                    Answer::Appended(appended)
                }
                Ask::Done(mut end) => {
                    for notice in std::mem::take(&mut end.notices) {
                        self.tell_group(&notice);
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
            Last::None | Last::Scan(_) | Last::Look(_) => {
                Err(Fault::new(TT_ERR_NONE, "no tap ended last"))
            }
        }
    }

    /// Judges a ride code.
    pub(crate) fn scan(&mut self, bytes: &[u8], now: Option<Timestamp>) -> Result<(), Fault> {
        self.idle()?;
        self.not_at_counter()?;
        let scan = Scan {
            bytes,
            now,
            open_entry: self.inside.entries().of_code(bytes),
        };
        let outcome = self.scans.scan(scan, &mut self.store);
        if let Some(ride) = outcome.ride() {
            let went_in = ride
                .record
                .station
                .filter(|_| ride.record.direction == Direction::Entry);
            if let Some(station) = went_in {
                let entry = OpenEntry {
                    station,
                    at: ride.record.scanned_at,
                    record: ride.record.id,
                };
                self.tell(Passage::In(ride.account, entry).encode());
            } else if ride.closes.is_some() {
                self.went_out(ride.account);
            }
        }
        self.last = Last::Scan(outcome.into());
        Ok(())
    }

    /// A rider by account went out here, and is inside no more for any gate.
    fn went_out(&mut self, account: CardNumber) {
        self.inside.out(&account);
        self.tell(Passage::Out(account).encode());
    }

    /// How the last scan ended.
    pub(crate) fn scan_end(&self) -> Result<&ScanOutcome, Fault> {
        match &self.last {
            Last::Scan(outcome) => Ok(outcome),
            Last::None | Last::Tap(_) | Last::Look(_) => {
                Err(Fault::new(TT_ERR_NONE, "no scan ended last"))
            }
        }
    }

    /// A bus of segmented fares came to a stop.
    pub(crate) fn next_stop(
        &mut self,
        stop: StationCode,
        card_stop: u8,
        direction: BusDirection,
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
}
