//! One tap of an e-cash after its FCI. Machine: `Cashing`.
//!
//! The order that counts: nothing is asked of the last record before the intent is durable, and
//! nobody is told before the record is. A card that answers the last READ RECORD oddly is asked
//! once more, and then for its proof.

use alloc::boxed::Box;
use alloc::vec::Vec;

use tongtu_apdu::{CardCommand as _, StatusWord};
use tongtu_ecash::command::{GetProcessingOptions, ReadCappData, ReadRecord, UpdateCappCache};
use tongtu_ecash::{Fci, Values, oda, tag};
use tongtu_purse::command::Sfi;
use tongtu_purse::field::{Amount, CardKind, City, Date, Institution, Kind, Serial};
use tongtu_purse::layout::{BUS_ID, BusRecord, PublicInfo, RAIL_ID, RailRecord};
use tongtu_tap_record::{CashCheck, RecordKind, Recovery, RideKey, Stage, TapRecord};

use super::Cash;
use super::offer::{self, Claim, Offer, Offered};
use crate::StoreError;
use crate::lists::{CardOrigin, Service};
use crate::tap::ask::Ask;
use crate::tap::flow::{Circumstances, Task};
use crate::tap::group::Settlement;
use crate::tap::line::Reply;
use crate::tap::lists::Snapshot;
use crate::tap::outcome::{Refusal, TapFault};
use crate::tap::paying::refusal_of;
use crate::tap::plan::{self, Files, NoPlan, Plan, Slot, View};
use crate::tap::profile::TapPost;
use crate::tap::reading::is_ours;
use crate::tap::{Desk, Input, MakeUp, Turn, bus, card, make_up, rail, single, unexpected};

/// Country and currency of every terminal: China, CNY.
pub(super) const CHINA: [u8; 2] = [0x01, 0x56];
/// Transaction type (9C): goods and services.
const PURCHASE: u8 = 0x00;
/// What a card that only shows that it is genuine is asked for; it never pays it.
const VOUCHED: Amount = Amount::new(1);

/// How an e-cash's tap ended.
#[derive(Debug)]
pub(in crate::tap) enum CashEnd {
    /// Recorded, signature verified.
    Accepted { seq: u64, record: Box<TapRecord> },
    /// A ride that was torn is recorded.
    Recovered { seq: u64, record: Box<TapRecord> },
    /// Recorded before, and the rider is let through once more.
    Reopened { seq: u64, record: Box<TapRecord> },
    /// Another application of the card is tried; this if there is none.
    Elsewhere(Refusal),
    /// No ride.
    Refused(Refusal),
    /// The card left; with an intent it may have paid.
    Torn(Option<u64>),
    /// The terminal failed.
    Fault(TapFault),
}

/// Where a ride of this card that was not finished, or not told, is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// It is recorded, under this number.
    Recent(u64),
    /// It is an intent of this terminal.
    Intent(u64),
    /// It is another terminal's, by the group's board.
    Board,
    /// It is another terminal's, and recorded there; only its rider was not told.
    Untold,
}

impl Kept {
    /// The intent of this terminal, if it is one.
    pub(super) const fn intent(self) -> Option<u64> {
        match self {
            Self::Intent(id) => Some(id),
            Self::Recent(_) | Self::Board | Self::Untold => None,
        }
    }
}

/// A ride of this card that was not finished, or not told.
#[derive(Debug, Clone)]
pub(super) struct Before {
    pub(super) kept: Kept,
    pub(super) record: Box<TapRecord>,
    /// Whether the rider would go on here on it.
    pub(super) lets_on: bool,
}

/// What the card is asked to pay for.
#[derive(Debug)]
pub(super) enum Purpose {
    /// A ride.
    Pay(Box<Plan>),
    /// Nothing: it has paid, and shows that it is genuine.
    Vouch(Before),
}

/// What comes after a record is stored.
#[derive(Debug)]
pub(super) enum After {
    Accept,
    Recover,
    Refuse(Refusal),
    /// The card begins anew.
    Fresh,
}

/// Waits for the answer to its step.
#[derive(Debug)]
pub(in crate::tap) struct Cashing {
    pub(super) cash: Box<Cash>,
    pub(super) fci: Box<Fci>,
    pub(super) circumstances: Circumstances,
    pub(super) held: Snapshot,
    pub(super) trust: oda::Trust,
    pub(super) public: Box<PublicInfo>,
    pub(super) files: Files,
    /// What the card may be asked a proof of, the next one last.
    pub(super) before: Vec<Before>,
    /// Rides that the card said it has no proof of.
    pub(super) denied: Vec<RideKey>,
    pub(super) purpose: Option<Purpose>,
    pub(super) told: Values,
    pub(super) offer: Option<Box<Offer>>,
    pub(super) reading: Option<oda::Reading>,
    pub(super) id: Option<u64>,
    pub(super) step: Step,
}

#[derive(Debug)]
pub(super) enum Step {
    Prove,
    Composite(Wanted),
    Options,
    Record(usize),
    /// An old intent of this card: it did not pay.
    DropOld {
        id: u64,
    },
    /// An old intent of this card: nobody can tell.
    CloseOld {
        id: u64,
    },
    Cache,
    MakeRoom {
        crowded: u64,
    },
    Intent {
        id: u64,
    },
    Last {
        is_again: bool,
    },
    LastProof {
        odd: Option<StatusWord>,
    },
    Drop(Refusal),
    Append {
        record: Box<TapRecord>,
        closes: Option<u64>,
        after: After,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Rail,
    Bus,
}

pub(super) type Next = Turn<Cashing, CashEnd>;

pub(super) const WIDE: &str = "every field is as wide as its value";

impl Cashing {
    pub(in crate::tap) fn begin(
        fci: Box<Fci>,
        held: Snapshot,
        circumstances: Circumstances,
        desk: &mut Desk<'_>,
    ) -> Next {
        let Some(cash) = desk.terminal.cash.clone() else {
            return Turn::Done(CashEnd::Elsewhere(Refusal::CashNotServed));
        };
        let is_counter = matches!(desk.terminal.profile.post, TapPost::Counter(_));
        if is_counter != matches!(circumstances.task, Task::MakeUp(_)) {
            return Turn::Done(CashEnd::Elsewhere(Refusal::CashNotServed));
        }
        let list = fci.pdol.clone().unwrap_or_default();
        if let Err(refusal) = offer::check_list(&list) {
            return Turn::Done(CashEnd::Elsewhere(refusal));
        }
        if fci.name.len() < 5 || fci.name.len() > 16 {
            let tag = tag::DF_NAME;
            return Turn::Done(CashEnd::Elsewhere(Refusal::CashData { tag }));
        }
        let trust = cash.authorities.trust(&fci.name[..5], desk.at.date());
        let public = Box::new(public_of(&fci));
        let mut machine = Self {
            cash: Box::new(cash),
            circumstances,
            held,
            trust,
            public,
            files: Files::default(),
            before: Vec::new(),
            denied: Vec::new(),
            purpose: None,
            told: Values::new(),
            offer: None,
            reading: None,
            id: None,
            step: Step::Prove,
            fci,
        };
        machine.before = machine.were_here(desk);
        machine.prove(desk)
    }

    pub(in crate::tap) fn handle(self, desk: &mut Desk<'_>, input: Input) -> Next {
        match (&self.step, input) {
            (Step::Prove, Input::Reply(reply)) => self.proved(desk, reply),
            (Step::Composite(wanted), Input::Reply(reply)) => {
                let wanted = *wanted;
                self.composite(desk, wanted, reply)
            }
            (Step::Options, Input::Reply(reply)) => self.offered(desk, reply),
            (Step::Record(at), Input::Reply(reply)) => {
                let at = *at;
                self.record(desk, at, reply)
            }
            (Step::DropOld { id }, Input::Kept(kept)) => match kept {
                Ok(()) => {
                    let open = desk.terminal.intents.iter().find(|open| open.id == *id);
                    let ride = open.and_then(|open| open.record.ride_key());
                    desk.terminal.forget_intent(*id);
                    self.tell(desk, ride, Settlement::NotCommitted);
                    self.read(desk, 0)
                }
                Err(error) => Turn::Done(CashEnd::Fault(error.into())),
            },
            (Step::CloseOld { id }, Input::Appended(stored)) => match stored {
                Ok(seq) => {
                    desk.stored.push(seq);
                    desk.terminal.forget_intent(*id);
                    self.read(desk, 0)
                }
                Err(error) => Turn::Done(CashEnd::Fault(error.into())),
            },
            (Step::Cache, Input::Reply(reply)) => match reply {
                Reply::Ok(_) => self.intend(desk),
                other => Turn::Done(unpaid(UpdateCappCache::NAME, other)),
            },
            (Step::MakeRoom { crowded }, Input::Appended(stored)) => match stored {
                Ok(seq) => {
                    desk.stored.push(seq);
                    desk.terminal.forget_intent(*crowded);
                    self.intend(desk)
                }
                Err(error) => Turn::Done(CashEnd::Fault(error.into())),
            },
            (Step::Intent { id }, Input::Kept(kept)) => match kept {
                Ok(()) => {
                    let id = *id;
                    self.pay(desk, id)
                }
                Err(error) => Turn::Done(CashEnd::Fault(error.into())),
            },
            (Step::Last { is_again }, Input::Reply(reply)) => {
                let is_again = *is_again;
                self.paid(desk, reply, is_again)
            }
            (Step::LastProof { odd }, Input::Reply(reply)) => {
                let odd = *odd;
                self.last_proved(reply, odd)
            }
            (Step::Drop(refusal), Input::Kept(kept)) => match kept {
                Ok(()) => {
                    if let Some(id) = self.id {
                        desk.terminal.forget_intent(id);
                    }
                    // Another terminal may have been told that it was torn here before.
                    self.tell(desk, self.draft().ride_key(), Settlement::NotCommitted);
                    Turn::Done(CashEnd::Refused(refusal.clone()))
                }
                Err(error) => Turn::Done(CashEnd::Fault(error.into())),
            },
            (Step::Append { .. }, Input::Appended(stored)) => self.appended(desk, stored),
            (step, input) => Turn::Done(CashEnd::Fault(unexpected(step.name(), &input))),
        }
    }

    /// A card with nothing open: lists, files, and then the fare.
    pub(super) fn fresh(mut self, desk: &mut Desk<'_>) -> Next {
        let capacity = self.circumstances.capacity;
        if capacity.is_full() {
            let full = StoreError::Full {
                held: capacity.held,
                max: capacity.max,
            };
            return Turn::Done(CashEnd::Fault(full.into()));
        }
        if let Some(transport) = self.transport().cloned() {
            let number = Serial::of(&transport.number);
            if self.held.lists.is_blacklisted(number) {
                return self.barred(desk);
            }
            let issuer = Institution(transport.issuer);
            if self.held.lists.standing(issuer).is_none() {
                return Turn::Done(CashEnd::Refused(Refusal::IssuerNotListed));
            }
            let interop = u16::from_be_bytes(transport.interop);
            let kind = CardKind(transport.kind);
            let card = CardOrigin {
                issuer,
                kind,
                interop,
            };
            let day = desk.now.china().day;
            if let Err(refusal) = self.held.lists.judge(&card, Service::Cash, day) {
                return Turn::Done(CashEnd::Refused(refusal));
            }
            self.files.transit = Some((City(transport.city), interop, kind));
        } else if self.cash.rules.issuers.is_empty() {
            return Turn::Done(CashEnd::Refused(Refusal::IssuerNotListed));
        }
        let (wanted, id) = match &desk.terminal.profile.post {
            TapPost::Gate(_) => (Wanted::Rail, RAIL_ID),
            TapPost::Segmented(_) => (Wanted::Bus, BUS_ID),
            TapPost::Counter(_) => match self.circumstances.task {
                Task::MakeUp(MakeUp::CloseBus { .. }) => (Wanted::Bus, BUS_ID),
                _ => (Wanted::Rail, RAIL_ID),
            },
            TapPost::Single(_) => return self.decide(desk),
        };
        if !self.is_composite() {
            return self.decide(desk);
        }
        self.step = Step::Composite(wanted);
        let read = ReadCappData {
            sfi: Sfi::COMPOSITE.get(),
            id,
            random: None,
        };
        Turn::Ask(self, card(&read))
    }

    fn transport(&self) -> Option<&tongtu_ecash::TransportData> {
        self.fci.discretionary.as_ref()?.transport.as_ref()
    }

    /// Whether card and terminal can do composite payments (分段扣费).
    fn is_composite(&self) -> bool {
        let support = self.fci.discretionary.as_ref().and_then(|d| d.composite);
        let list = self.fci.pdol.as_ref();
        self.cash.records.is_some()
            && support.is_some_and(|s| s.segmented() || s.pre_authorisation())
            && list.is_some_and(|list| list.names(tag::COMPOSITE))
    }

    fn composite(mut self, desk: &mut Desk<'_>, wanted: Wanted, reply: Reply) -> Next {
        let command = ReadCappData::NAME;
        match reply {
            Reply::Ok(data) => match wanted {
                Wanted::Rail => {
                    self.files.rail = match RailRecord::decode(&data) {
                        Ok(rail) if is_ours(&data, RAIL_ID) => Slot::There(rail.into()),
                        _ => Slot::Bad,
                    };
                }
                Wanted::Bus => {
                    self.files.bus = match BusRecord::decode(&data) {
                        Ok(bus) if is_ours(&data, BUS_ID) => Slot::There(bus.into()),
                        _ => Slot::Bad,
                    };
                }
            },
            Reply::Status(
                StatusWord::NOT_FOUND | StatusWord::RECORD_NOT_FOUND | StatusWord::FILE_TYPE,
                _,
            ) => {}
            other => return Turn::Done(unpaid(command, other)),
        }
        self.decide(desk)
    }

    /// What the flow of this post makes of it.
    fn decide(mut self, desk: &mut Desk<'_>) -> Next {
        let day = desk.now.china().day;
        let held = self.held.clone();
        let Some(book) = held.tariff.on(day) else {
            return Turn::Done(CashEnd::Fault(TapFault::NoFareBook { day }));
        };
        let view = View {
            profile: &desk.terminal.profile,
            psam: &desk.terminal.psam,
            book,
            versions: held.lists.versions(),
            now: desk.now,
            at: desk.at,
            public: &self.public,
            files: &self.files,
        };
        let plan = match &desk.terminal.profile.post {
            TapPost::Single(post) => single::cash(&view, post),
            TapPost::Segmented(post) => bus::tap(&view, post),
            TapPost::Gate(post) => rail::gate(&view, post),
            TapPost::Counter(post) => match self.circumstances.task {
                Task::MakeUp(what) => make_up::make_up(&view, post, what),
                Task::Ride => Err(Refusal::CashNotServed.into()),
            },
        };
        let mut plan = match plan {
            Ok(plan) => plan,
            Err(NoPlan::Refused(refusal)) => return Turn::Done(CashEnd::Refused(refusal)),
            Err(NoPlan::Fault(fault)) => return Turn::Done(CashEnd::Fault(fault)),
        };
        plan.record.kind = RecordKind::Cash;
        plan.record.transaction = Kind(PURCHASE);
        // The file that was read is the only one that a payment may write.
        plan.updates.trip = None;
        let limit = self.cash.rules.limit;
        if plan.record.amount > limit {
            return Turn::Done(CashEnd::Elsewhere(Refusal::OverLimit { limit }));
        }
        if plan.record.amount == Amount::ZERO && !plan.updates.has_record() {
            // A card is never asked to pay nothing: what it answers then is no payment.
            return Turn::Done(CashEnd::Elsewhere(Refusal::NothingToPay));
        }
        self.purpose = Some(Purpose::Pay(plan.into()));
        self.options(desk)
    }

    /// GET PROCESSING OPTIONS for the purpose.
    pub(super) fn options(mut self, desk: &mut Desk<'_>) -> Next {
        let Some(service) = desk.terminal.cash.as_mut() else {
            return Turn::Done(CashEnd::Refused(Refusal::CashNotServed));
        };
        let unpredictable = service.unpredictable.draw();
        let [_, year, month, day, time @ ..] = desk.at.0;
        let mut qualifiers = self.cash.rules.qualifiers;
        let (amount, composite) = match &self.purpose {
            Some(Purpose::Pay(plan)) => (plan.record.amount, plan.updates.has_record()),
            _ => {
                // A signature over the number alone: it needs nothing of the last record.
                qualifiers.0[3] &= 0x7F;
                (VOUCHED, false)
            }
        };
        let amount = tongtu_ecash::Amount::new(amount.fen());
        let amount = amount.expect("32 bits have at most ten digits");
        let sm2 = self
            .cash
            .authorities
            .has_sm2(&self.fci.name[..5], desk.at.date());
        let values = Values::from([
            (tag::TTQ, qualifiers.0.to_vec()),
            (tag::AMOUNT, amount.encode().to_vec()),
            (tag::AMOUNT_OTHER, Vec::from([0; 6])),
            (tag::TERMINAL_COUNTRY, CHINA.to_vec()),
            (tag::TVR, Vec::from([0; 5])),
            (tag::CURRENCY, CHINA.to_vec()),
            (tag::DATE, Vec::from([year, month, day])),
            (tag::TIME, time.to_vec()),
            (tag::TRANSACTION_TYPE, Vec::from([PURCHASE])),
            (tag::UNPREDICTABLE, unpredictable.to_vec()),
            (tag::MERCHANT, self.cash.rules.merchant.to_vec()),
            (tag::TERMINAL_ECASH, Vec::from([1])),
            (tag::SM_SUPPORT, Vec::from([u8::from(sm2)])),
            (tag::COMPOSITE, Vec::from([u8::from(composite)])),
        ]);
        let list = self.fci.pdol.clone().unwrap_or_default();
        let filled = list.fill(&values);
        self.told = list.split(&filled).expect("filled by the same list");
        self.step = Step::Options;
        Turn::Ask(self, card(&GetProcessingOptions { values: filled }))
    }

    fn offered(mut self, desk: &mut Desk<'_>, reply: Reply) -> Next {
        let command = GetProcessingOptions::NAME;
        let offered = match reply {
            Reply::Ok(data) => offer::read(&data),
            Reply::Status(sw @ (StatusWord::REFERENCE_INVALID | StatusWord::CONDITIONS), _)
                if matches!(self.purpose, Some(Purpose::Pay(_))) =>
            {
                return Turn::Done(CashEnd::Elsewhere(Refusal::Card { command, sw }));
            }
            Reply::Status(sw, _) => return self.no_offer(desk, refusal_of(command, sw)),
            Reply::Garbled => return self.no_offer(desk, Refusal::Garbled { command }),
            Reply::Lost => return Turn::Done(self.left()),
        };
        let offer = match offered {
            Ok(Offered::Approved(offer)) => offer,
            Ok(Offered::Declined(balance)) => {
                let refusal = self.declined(balance);
                return self.no_offer(desk, refusal);
            }
            Ok(Offered::Online) => return self.no_offer(desk, Refusal::OnlineWanted),
            Err(refusal) => return self.no_offer(desk, refusal),
        };
        self.reading = Some(oda::Reading::begin(&offer.answer));
        self.public.serial = offer.serial;
        let serial = offer.serial;
        self.offer = Some(offer);
        if let Some(Purpose::Vouch(before)) = &self.purpose {
            if before.record.serial != serial {
                return self.no_offer(desk, Refusal::CashData { tag: tag::PAN });
            }
            return self.read(desk, 0);
        }
        if let Some(transport) = self.transport() {
            let number = Serial::of(&transport.number);
            desk.terminal.remember_number(serial, number);
        }
        if self.held.lists.is_blacklisted(serial) {
            return self.barred(desk);
        }
        let digits = serial.card_number();
        let digits = digits.as_ref().map_or("", |number| number.reveal());
        let digits = digits.trim_start_matches('0');
        let issuers = &self.cash.rules.issuers;
        if !issuers.is_empty() && !issuers.iter().any(|head| digits.starts_with(&**head)) {
            return Turn::Done(CashEnd::Refused(Refusal::IssuerNotListed));
        }
        self.old_intent(desk)
    }

    /// What a card that declines may have said by it.
    fn declined(&self, balance: Option<tongtu_ecash::Amount>) -> Refusal {
        let Some(Purpose::Pay(plan)) = &self.purpose else {
            return Refusal::Unverified;
        };
        match balance.map(tongtu_ecash::Amount::fen) {
            Some(balance) if balance < plan.needed() => Refusal::Insufficient {
                balance: Some(balance),
                needed: plan.needed(),
            },
            _ => Refusal::Declined,
        }
    }

    /// The card makes no offer: no ride, or a ride that it does not vouch for. Bytes that are no
    /// answer say neither, and the next tap asks again.
    pub(super) fn no_offer(self, desk: &mut Desk<'_>, refusal: Refusal) -> Next {
        match (&self.purpose, &refusal) {
            (Some(Purpose::Vouch(_)), Refusal::Garbled { .. } | Refusal::CashData { .. }) => {
                Turn::Done(self.left())
            }
            (Some(Purpose::Vouch(_)), _) => {
                self.settle(desk, CashCheck::None, After::Refuse(Refusal::Unverified))
            }
            _ => Turn::Done(CashEnd::Refused(refusal)),
        }
    }

    /// The card left before it was asked to pay; what it paid before is still open.
    pub(super) const fn left(&self) -> CashEnd {
        match &self.purpose {
            Some(Purpose::Vouch(before)) => CashEnd::Torn(before.kept.intent()),
            _ => CashEnd::Refused(Refusal::Lost),
        }
    }

    /// Reads the next record, or goes on when all but the last are there.
    pub(super) fn read(mut self, desk: &mut Desk<'_>, at: usize) -> Next {
        let offer = self.offer.as_ref().expect("read after an offer");
        let Some((sfi, number, _)) = offer.records.get(at).copied() else {
            return self.ready(desk);
        };
        self.step = Step::Record(at);
        Turn::Ask(self, card(&ReadRecord { sfi, number }))
    }

    fn record(mut self, desk: &mut Desk<'_>, at: usize, reply: Reply) -> Next {
        let data = match reply {
            Reply::Ok(data) => data,
            Reply::Status(sw, _) => return self.no_offer(desk, refusal_of(ReadRecord::NAME, sw)),
            Reply::Garbled => {
                let command = ReadRecord::NAME;
                return self.no_offer(desk, Refusal::Garbled { command });
            }
            Reply::Lost => return Turn::Done(self.left()),
        };
        match self.take(at, &data) {
            Ok(()) => self.read(desk, at + 1),
            Err(refusal) => self.no_offer(desk, refusal),
        }
    }

    /// Takes a record; the last one has the number after the others.
    pub(super) fn take(&mut self, at: usize, data: &[u8]) -> Result<(), Refusal> {
        let offer = self.offer.as_ref().expect("records come after an offer");
        let entry = offer.records.get(at).copied().unwrap_or(offer.last);
        let reading = self.reading.as_mut().expect("begun with the offer");
        offer::add(reading, entry, data)
    }

    pub(super) fn claim<'a>(&'a self, desk: &Desk<'_>) -> Claim<'a> {
        let offer = self.offer.as_ref().expect("checked after an offer");
        Claim {
            serial: offer.serial,
            reading: self.reading.as_ref().expect("begun with the offer"),
            trust: &self.trust,
            terminal: &self.told,
            today: desk.at.date(),
            now: desk.now,
        }
    }

    pub(super) fn append(
        mut self,
        record: Box<TapRecord>,
        closes: Option<u64>,
        after: After,
    ) -> Next {
        let bytes = record.encode().expect(WIDE);
        self.step = Step::Append {
            record,
            closes,
            after,
        };
        Turn::Ask(
            self,
            Ask::Append {
                record: bytes,
                closes,
            },
        )
    }

    fn appended(mut self, desk: &mut Desk<'_>, stored: Result<u64, StoreError>) -> Next {
        let seq = match stored {
            Ok(seq) => seq,
            // The intent is still there: the card's next tap completes it.
            Err(error) => return Turn::Done(CashEnd::Fault(error.into())),
        };
        let step = core::mem::replace(&mut self.step, Step::Prove);
        let Step::Append {
            record,
            closes,
            after,
        } = step
        else {
            return Turn::Done(CashEnd::Torn(self.id));
        };
        desk.stored.push(seq);
        if let Some(id) = closes {
            desk.terminal.forget_intent(id);
        }
        if matches!(record.recovery, Recovery::Here | Recovery::Elsewhere) {
            let how = match after {
                After::Accept | After::Recover => Settlement::LetOn,
                After::Refuse(_) | After::Fresh => Settlement::Recovered,
            };
            self.tell(desk, record.ride_key(), how);
        }
        desk.terminal.learn(seq, record.clone(), false);
        if matches!(after, After::Refuse(Refusal::Unverified)) {
            desk.terminal.hold_back(seq, record.clone(), desk.now);
        }
        match after {
            After::Accept => Turn::Done(CashEnd::Accepted { seq, record }),
            After::Recover => Turn::Done(CashEnd::Recovered { seq, record }),
            After::Refuse(refusal) => Turn::Done(CashEnd::Refused(refusal)),
            After::Fresh => self.fresh(desk),
        }
    }

    /// Tells the group what became of a payment that it may have been told of.
    pub(super) fn tell(&self, desk: &mut Desk<'_>, ride: Option<RideKey>, how: Settlement) {
        if let Some(ride) = ride {
            let board = &mut desk.terminal.board;
            match how {
                Settlement::LetOn => board.end(ride),
                _ => drop(board.take_off(ride)),
            }
            let notice = desk.terminal.settled(ride, how);
            desk.notices.push(notice);
        }
    }

    /// On the blacklist: a record, and no ride. A terminal has no script to lock an e-cash with.
    fn barred(self, desk: &mut Desk<'_>) -> Next {
        let versions = self.held.lists.versions();
        let terminal = &desk.terminal;
        let record = plan::draft(
            &terminal.profile,
            &terminal.psam,
            desk.at,
            &self.public,
            |record| {
                record.kind = RecordKind::Lock;
                record.stage = Stage::None;
                record.recovery = Recovery::Plain;
                record.parameters = versions.parameters;
                record.white_list = versions.white_list;
                record.blacklist = versions.blacklist;
            },
        );
        let refusal = Refusal::Blacklisted { locked: false };
        self.append(record, None, After::Refuse(refusal))
    }
}

impl Step {
    const fn name(&self) -> &'static str {
        match self {
            Self::Prove
            | Self::Composite(_)
            | Self::Options
            | Self::Record(_)
            | Self::Cache
            | Self::Last { .. }
            | Self::LastProof { .. } => "a card's answer",
            Self::CloseOld { .. } | Self::MakeRoom { .. } | Self::Append { .. } => {
                "a stored record"
            }
            Self::DropOld { .. } | Self::Intent { .. } | Self::Drop(_) => "a kept intent",
        }
    }
}

/// What the FCI says of the card, in the purse's form; the number until the card names its own.
fn public_of(fci: &Fci) -> PublicInfo {
    let transport = fci
        .discretionary
        .as_ref()
        .and_then(|d| d.transport.as_ref());
    PublicInfo {
        issuer: Institution(transport.map_or([0; 8], |t| t.issuer)),
        application_type: 0,
        application_version: 0,
        serial: transport.map_or(Serial([0; 10]), |t| Serial::of(&t.number)),
        starts: Date([0; 4]),
        expires: Date([0; 4]),
        issuer_data: [0; 2],
    }
}

/// What an answer other than `9000` means while nothing can have been paid.
pub(super) fn unpaid(command: &'static str, reply: Reply) -> CashEnd {
    CashEnd::Refused(match reply {
        Reply::Status(sw, _) => refusal_of(command, sw),
        Reply::Ok(_) | Reply::Garbled => Refusal::Garbled { command },
        Reply::Lost => Refusal::Lost,
    })
}
