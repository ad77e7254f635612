//! One tap from the card in the field to the beep: which machine comes after which.

use alloc::boxed::Box;
use alloc::vec::Vec;

use tongtu_purse::field::{Date, DateTime};
use tongtu_purse::layout::PublicInfo;
use tongtu_tap_record::{RecordKind, Recovery};
use tongtu_types::Timestamp;

use super::ask::{Answer, Ask};
use super::cash::{CashEnd, Cashing};
use super::group::GroupNotice;
use super::line::{Heard, Line};
use super::lists::Snapshot;
use super::locking::Locking;
use super::outcome::{Exchanges, Refusal, TapFault, TapOutcome, TapRide};
use super::paying::{Doubt, Paid, Paying};
use super::plan::{self, Files, NoPlan, View};
use super::profile::TapPost;
use super::reading::Reading;
use super::recovering::Recovering;
use super::select::{Selected, Selecting};
use super::terminal::CardTerminal;
use super::{Desk, Input, MakeUp, Turn, bus, ended, make_up, rail, single, unexpected};
use crate::lists::CardOrigin;
use crate::{Capacity, StoreError};

/// What the card is in the field for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// A ride, as the post has it.
    Ride,
    /// An incomplete ride is made up for; at counters only.
    MakeUp(MakeUp),
}

/// What a tap is told at its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Circumstances {
    /// The trusted clock; none when it was never set or is not believed.
    pub now: Option<Timestamp>,
    /// How full the record store is.
    pub capacity: Capacity,
    /// What the card is in the field for.
    pub task: Task,
}

/// What a tap leaves behind when it is over.
#[derive(Debug, Default)]
pub(super) struct Left {
    pub(super) notices: Vec<GroupNotice>,
    pub(super) stored: Vec<u64>,
    pub(super) exchanges: Exchanges,
}

/// One tap of one card: a dialogue that consumes itself. It asks ([`Ask`]), the driver answers.
#[derive(Debug)]
pub struct Tap {
    pub(super) circumstances: Circumstances,
    pub(super) now: Timestamp,
    pub(super) at: DateTime,
    held: Option<Snapshot>,
    pub(super) public: Option<Box<PublicInfo>>,
    pub(super) doubt: Option<Doubt>,
    line: Line,
    pub(super) left: Left,
    pub(super) state: State,
}

#[derive(Debug)]
pub(super) enum State {
    Begin,
    Selecting(Selecting),
    Recovering {
        machine: Recovering,
        /// Too old, or for another post: it is settled, and then the card begins anew.
        is_past: bool,
    },
    Reopening,
    Locking(Locking),
    Reading(Reading),
    Paying(Box<Paying>),
    Cash(Box<Cashing>, Selecting),
    Vouching(Box<Paying>, Box<TapRide>),
    Over,
}

impl Tap {
    /// A tap that has asked nothing yet; hand it [`Answer::Begin`].
    #[must_use]
    pub fn begin(circumstances: Circumstances) -> Self {
        Self {
            circumstances,
            now: Timestamp::default(),
            at: DateTime::default(),
            held: None,
            public: None,
            doubt: None,
            line: Line::default(),
            left: Left::default(),
            state: State::Begin,
        }
    }

    /// Takes an answer and asks the next question.
    #[must_use]
    pub fn handle(mut self, terminal: &mut CardTerminal, answer: Answer) -> (Self, Ask) {
        let input = match answer {
            Answer::Begin => {
                let ask = self.start(terminal);
                return self.asking(ask);
            }
            Answer::Card(answer) => match self.line.hear(answer) {
                Heard::Again(ask) => {
                    self.left.exchanges.card = self.left.exchanges.card.saturating_add(1);
                    return (self, ask);
                }
                Heard::Reply(reply) => Input::Reply(reply),
            },
            Answer::Psam(answer) => Input::Psam(answer),
            Answer::Kept(kept) => Input::Kept(kept),
            Answer::Appended(stored) => Input::Appended(stored),
        };
        let mut ask = self.step(terminal, input);
        if let Ask::Append { record, .. } = &mut ask {
            terminal.signer.seal(record);
        }
        self.asking(ask)
    }

    fn asking(mut self, ask: Ask) -> (Self, Ask) {
        match &ask {
            Ask::Card(apdu) => {
                self.line.send(apdu);
                self.left.exchanges.card = self.left.exchanges.card.saturating_add(1);
            }
            Ask::Psam(_) => {
                self.left.exchanges.psam = self.left.exchanges.psam.saturating_add(1);
            }
            _ => {}
        }
        (self, ask)
    }

    fn start(&mut self, terminal: &mut CardTerminal) -> Ask {
        if !matches!(self.state, State::Begin) {
            return self.out_of_service(
                terminal,
                TapFault::Driver {
                    found: "another beginning",
                    expected: "one",
                },
            );
        }
        let Some(now) = self.circumstances.now else {
            return self.out_of_service(terminal, TapFault::NoClock);
        };
        // No record is dated before the last; a clock that was set back by a moment waits.
        let last = terminal.last_at().unwrap_or(now);
        if now.plus_s(2) < last {
            return self.out_of_service(terminal, TapFault::ClockBack { now, last });
        }
        self.now = now.max(last);
        self.at = DateTime::of(self.now);
        if let Err(fault) = terminal.check_module() {
            return self.out_of_service(terminal, fault.into());
        }
        if let Err(fault) = terminal.psam.trades_on(self.at.date()) {
            return self.out_of_service(terminal, fault.into());
        }
        // Lists, fares and limits are those of this moment until the tap is over.
        terminal.follow(self.now.china().day);
        self.held = Some(terminal.held.clone());
        let (machine, ask) = Selecting::begin(terminal.profile.selection, terminal.cash.is_some());
        self.state = State::Selecting(machine);
        ask
    }

    fn step(&mut self, terminal: &mut CardTerminal, input: Input) -> Ask {
        match core::mem::replace(&mut self.state, State::Over) {
            State::Selecting(machine) => match input {
                Input::Reply(reply) => {
                    let turn = machine.handle(reply);
                    self.selecting(terminal, turn)
                }
                other => self.unexpected(terminal, &other),
            },
            State::Recovering { machine, is_past } => {
                let mut desk = self.desk(terminal);
                match machine.handle(&mut desk, input) {
                    Turn::Ask(machine, ask) => {
                        self.state = State::Recovering { machine, is_past };
                        ask
                    }
                    Turn::Done(done) => self.recovered(terminal, done, is_past),
                }
            }
            State::Reopening => match input {
                Input::Reply(reply) => self.reopen(terminal, reply),
                other => self.unexpected(terminal, &other),
            },
            State::Locking(machine) => {
                let mut desk = self.desk(terminal);
                match machine.handle(&mut desk, input) {
                    Turn::Ask(machine, ask) => {
                        self.state = State::Locking(machine);
                        ask
                    }
                    Turn::Done(Ok(locked)) => {
                        self.refuse(terminal, Refusal::Blacklisted { locked })
                    }
                    Turn::Done(Err(fault)) => self.out_of_service(terminal, fault),
                }
            }
            State::Reading(machine) => match input {
                Input::Reply(reply) => match machine.handle(reply) {
                    Turn::Ask(machine, ask) => {
                        self.state = State::Reading(machine);
                        ask
                    }
                    Turn::Done(Ok(files)) => self.decide(terminal, &files),
                    Turn::Done(Err(refusal)) => self.refuse(terminal, refusal),
                },
                other => self.unexpected(terminal, &other),
            },
            State::Paying(machine) => {
                let mut desk = self.desk(terminal);
                match machine.handle(&mut desk, input) {
                    Turn::Ask(machine, ask) => {
                        self.state = State::Paying(machine.into());
                        ask
                    }
                    Turn::Done(paid) => self.paid(terminal, paid),
                }
            }
            State::Cash(machine, others) => {
                let mut desk = self.desk(terminal);
                let turn = machine.handle(&mut desk, input);
                self.cashing(terminal, turn, others)
            }
            State::Vouching(machine, ride) => {
                let mut desk = self.desk(terminal);
                match machine.handle(&mut desk, input) {
                    Turn::Ask(machine, ask) => {
                        self.state = State::Vouching(machine.into(), ride);
                        ask
                    }
                    Turn::Done(paid) => self.vouched(terminal, paid, *ride),
                }
            }
            State::Begin | State::Over => self.unexpected(terminal, &input),
        }
    }

    fn selecting(
        &mut self,
        terminal: &mut CardTerminal,
        turn: Turn<Selecting, Result<Selected, Refusal>>,
    ) -> Ask {
        match turn {
            Turn::Ask(machine, ask) => {
                self.state = State::Selecting(machine);
                ask
            }
            Turn::Done(Ok(Selected::Purse(public))) => self.selected(terminal, public),
            Turn::Done(Ok(Selected::Cash(fci, others))) => {
                let (held, circumstances) = (self.held().clone(), self.circumstances);
                let mut desk = self.desk(terminal);
                let turn = Cashing::begin(fci, held, circumstances, &mut desk);
                self.cashing(terminal, turn, others)
            }
            Turn::Done(Err(refusal)) => self.refuse(terminal, refusal),
        }
    }

    fn cashing(
        &mut self,
        terminal: &mut CardTerminal,
        turn: Turn<Cashing, CashEnd>,
        others: Selecting,
    ) -> Ask {
        let ride = |seq, record: Box<_>| {
            let record = *record;
            TapRide { seq, record }.into()
        };
        let outcome = match turn {
            Turn::Ask(machine, ask) => {
                self.state = State::Cash(machine.into(), others);
                return ask;
            }
            Turn::Done(CashEnd::Elsewhere(refusal)) => {
                let turn = others.go_on(refusal);
                return self.selecting(terminal, turn);
            }
            Turn::Done(CashEnd::Refused(refusal)) => return self.refuse(terminal, refusal),
            Turn::Done(CashEnd::Fault(fault)) => return self.out_of_service(terminal, fault),
            Turn::Done(CashEnd::Accepted { seq, record }) => {
                TapOutcome::Accepted(ride(seq, record))
            }
            Turn::Done(CashEnd::Recovered { seq, record }) => {
                TapOutcome::Recovered(ride(seq, record))
            }
            Turn::Done(CashEnd::Reopened { seq, record }) => {
                TapOutcome::Reopened(ride(seq, record))
            }
            Turn::Done(CashEnd::Torn(intent)) => return self.torn(terminal, intent),
        };
        self.end(terminal, outcome)
    }

    pub(super) const fn desk<'a>(&'a mut self, terminal: &'a mut CardTerminal) -> Desk<'a> {
        Desk {
            terminal,
            now: self.now,
            at: self.at,
            notices: &mut self.left.notices,
            stored: &mut self.left.stored,
        }
    }

    pub(super) fn end(&mut self, terminal: &CardTerminal, outcome: TapOutcome) -> Ask {
        self.state = State::Over;
        ended(outcome, terminal, &mut self.left)
    }

    pub(super) fn refuse(&mut self, terminal: &CardTerminal, refusal: Refusal) -> Ask {
        self.end(
            terminal,
            match refusal {
                Refusal::Lost => TapOutcome::Torn {
                    in_doubt: false,
                    tries: 1,
                },
                refusal => TapOutcome::Refused(refusal),
            },
        )
    }

    pub(super) fn out_of_service(&mut self, terminal: &CardTerminal, fault: TapFault) -> Ask {
        self.end(terminal, TapOutcome::OutOfService(fault))
    }

    fn unexpected(&mut self, terminal: &CardTerminal, input: &Input) -> Ask {
        self.out_of_service(terminal, unexpected("the question before", input))
    }

    pub(super) fn torn(&mut self, terminal: &mut CardTerminal, intent: Option<u64>) -> Ask {
        let tries = intent.map_or(1, |id| terminal.torn_again(id));
        let open = terminal.intents.iter();
        let mut open = open.filter(|open| Some(open.id) == intent);
        if tries == 1
            && let Some(open) = open.next()
        {
            self.left.notices.push(terminal.torn_notice(&open.record));
        }
        let in_doubt = intent.is_some();
        self.end(terminal, TapOutcome::Torn { in_doubt, tries })
    }

    /// A card with nothing behind it: lists, dates, and then its files.
    pub(super) fn fresh(&mut self, terminal: &mut CardTerminal, public: &PublicInfo) -> Ask {
        let capacity = self.circumstances.capacity;
        let is_replacing = matches!(self.doubt, Some(Doubt::Own { .. }));
        if capacity.is_full() && !is_replacing {
            let full = StoreError::Full {
                held: capacity.held,
                max: capacity.max,
            };
            return self.out_of_service(terminal, full.into());
        }
        // CONFLICT: byte 9 is a version for some and an enable flag for others.
        if public.application_type == 0 || matches!(public.application_version, 0x00 | 0xFF) {
            return self.refuse(terminal, Refusal::NotEnabled);
        }
        let lists = self.held().lists.clone();
        if lists.is_blacklisted(public.serial) {
            let (psam, profile) = (&terminal.psam, &terminal.profile);
            let versions = lists.versions();
            let record = plan::draft(profile, psam, self.at, public, |record| {
                record.kind = RecordKind::Lock;
                record.recovery = Recovery::Plain;
                record.parameters = versions.parameters;
                record.white_list = versions.white_list;
                record.blacklist = versions.blacklist;
            });
            let (machine, ask) = Locking::begin(record, profile.rules.lock, psam.terminal);
            self.state = State::Locking(machine);
            return ask;
        }
        if lists.standing(public.issuer).is_none() {
            return self.refuse(terminal, Refusal::IssuerNotListed);
        }
        if let Err(refusal) = dates(public, self.at.date()) {
            return self.refuse(terminal, refusal);
        }
        let (machine, ask) = Reading::begin(&terminal.profile);
        self.state = State::Reading(machine);
        ask
    }

    const fn held(&self) -> &Snapshot {
        self.held.as_ref().expect("taken when the tap began")
    }

    /// Everything is read: what the flow of this post makes of it.
    fn decide(&mut self, terminal: &mut CardTerminal, files: &Files) -> Ask {
        let (interop, kind) = match files.transit {
            Some((_, interop, kind)) => (interop, kind),
            None => (0, tongtu_purse::field::CardKind::UNSTATED),
        };
        let held = self.held().clone();
        let day = self.now.china().day;
        let public = self.public();
        let card = CardOrigin {
            issuer: public.issuer,
            kind,
            interop,
        };
        let service = terminal.profile.post.service();
        if let Err(refusal) = held.lists.judge(&card, service, day) {
            return self.refuse(terminal, refusal);
        }
        let Some(book) = held.tariff.on(day) else {
            return self.out_of_service(terminal, TapFault::NoFareBook { day });
        };
        let view = View {
            profile: &terminal.profile,
            psam: &terminal.psam,
            book,
            versions: held.lists.versions(),
            now: self.now,
            at: self.at,
            public: &public,
            files,
        };
        let plan = match (&terminal.profile.post, self.circumstances.task) {
            (TapPost::Counter(post), Task::MakeUp(what)) => make_up::make_up(&view, post, what),
            (TapPost::Single(post), Task::Ride) => single::ride(&view, post),
            (TapPost::Segmented(post), Task::Ride) => bus::tap(&view, post),
            (TapPost::Gate(post), Task::Ride) => rail::gate(&view, post),
            (TapPost::Counter(_), Task::Ride) | (_, Task::MakeUp(_)) => {
                Err(Refusal::NothingToMakeUp.into())
            }
        };
        match plan {
            Ok(plan) => {
                let doubt = self.doubt.take();
                let (machine, ask) = Paying::begin(plan, doubt, &self.desk(terminal));
                self.state = State::Paying(machine.into());
                ask
            }
            Err(NoPlan::Refused(refusal)) => self.refuse(terminal, refusal),
            Err(NoPlan::Fault(fault)) => self.out_of_service(terminal, fault),
        }
    }

    fn paid(&mut self, terminal: &mut CardTerminal, paid: Paid) -> Ask {
        match paid {
            Paid::Good { seq, record } => {
                let record = *record;
                let ride = TapRide { seq, record };
                self.end(terminal, TapOutcome::Accepted(ride.into()))
            }
            Paid::Unverified(fault) => self.unverified(terminal, fault),
            other => self.unpaid(terminal, other),
        }
    }

    pub(super) fn unpaid(&mut self, terminal: &mut CardTerminal, paid: Paid) -> Ask {
        match paid {
            Paid::Good { .. } | Paid::Unverified(_) | Paid::False => {
                self.refuse(terminal, Refusal::Mac2Wrong)
            }
            Paid::Refused(refusal) => self.refuse(terminal, refusal),
            Paid::Torn(intent) => self.torn(terminal, intent),
            Paid::Fault(fault) => self.out_of_service(terminal, fault),
        }
    }
}

/// Start date ≤ today ≤ expiry date (JT/T 1356.2 tests the former).
fn dates(public: &PublicInfo, today: Date) -> Result<(), Refusal> {
    if public.starts.day().is_none() || public.expires.day().is_none() {
        let sfi = tongtu_purse::command::Sfi::PUBLIC;
        return Err(Refusal::BadFile { sfi });
    }
    if today < public.starts {
        return Err(Refusal::NotStarted);
    }
    if today > public.expires {
        return Err(Refusal::Expired);
    }
    Ok(())
}
