//! One purchase from INITIALIZE to the durable record. Machine: `Paying`.
//!
//! ```text
//!  INITIALIZE ─► 8070 ─► cache … ─► intent kept ─► DEBIT ─► 8072 ─► record stored, intent gone
//!       │                                │           │ no good answer
//!       └ refused: nothing happened      │           ├ GET TRANSACTION PROVE: on, or intent dropped
//!       power cut or card gone ◄─────────┴───────────┴ gone: intent stays open
//! ```
//!
//! Every flow pays by this machine; what differs is the [`Plan`].

use alloc::boxed::Box;

use tongtu_apdu::{CardCommand, StatusWord};
use tongtu_psam::{CreditRequest, PsamAnswer, PsamFault, PsamRequest, PurchaseRequest};
use tongtu_purse::command::{
    BalanceKind, Debit, GetBalance, GetProof, InitComposite, InitPurchase, PurchaseInit,
    UpdateCache,
};
use tongtu_purse::field::Balance;
use tongtu_purse::proof::Code;
use tongtu_tap_record::{Mac2State, RecordKind, Recovery, RideKey, Stage, TapRecord};
use tongtu_types::Fen;

use super::ask::Ask;
use super::group::Settlement;
use super::line::Reply;
use super::outcome::{Refusal, TapFault};
use super::plan::Plan;
use super::{Desk, Input, Turn, card, unexpected};

/// A torn transaction of the same card of which the card has no proof. The sequence that it
/// answers next tells whether it committed: the same number says that nothing was paid.
#[derive(Debug)]
pub(super) enum Doubt {
    /// Of this terminal.
    Own {
        /// The intent.
        id: u64,
        record: Box<TapRecord>,
    },
    /// Of another terminal of the group.
    Group(RideKey),
}

/// How a purchase ended.
#[derive(Debug)]
pub(super) enum Paid {
    /// Recorded, MAC2 verified.
    Good { seq: u64, record: Box<TapRecord> },
    /// Recorded; MAC2 is wrong.
    False,
    /// Recorded; MAC2 could not be verified.
    Unverified(PsamFault),
    /// Nothing was paid.
    Refused(Refusal),
    /// The card left; with an intent it may have paid.
    Torn(Option<u64>),
    /// The terminal failed.
    Fault(TapFault),
}

/// Waits for the answer to its step.
#[derive(Debug)]
pub(super) struct Paying {
    plan: Plan,
    doubt: Option<Doubt>,
    /// The intent, once it is kept; before, the number of one that it replaces.
    id: Option<u64>,
    mac1: Code,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Init,
    /// The balance, for a rider who has not enough.
    Balance {
        needed: Fen,
    },
    CloseDoubt,
    Permit,
    Cache,
    MakeRoom {
        crowded: u64,
    },
    Intent {
        id: u64,
    },
    Debit,
    /// The answer to DEBIT was odd; the status word, if it had one.
    Proof {
        odd: Option<StatusWord>,
    },
    Drop(Refusal),
    Credit,
    Append {
        fault: Option<PsamFault>,
    },
}

impl Paying {
    pub(super) fn begin(plan: Plan, doubt: Option<Doubt>, desk: &Desk<'_>) -> (Self, Ask) {
        let ask = initialise(&plan, desk);
        let machine = Self {
            plan,
            doubt,
            id: None,
            mac1: [0; 4],
            step: Step::Init,
        };
        (machine, ask)
    }

    pub(super) fn handle(self, desk: &mut Desk<'_>, input: Input) -> Turn<Self, Paid> {
        match (&self.step, input) {
            (Step::Init, Input::Reply(reply)) => self.initialised(desk, reply),
            (Step::Balance { needed }, Input::Reply(reply)) => {
                let needed = *needed;
                let balance = match reply {
                    Reply::Ok(data) => GetBalance::answer(&data).ok().map(Balance::fen),
                    _ => None,
                };
                Turn::Done(Paid::Refused(Refusal::Insufficient { balance, needed }))
            }
            (Step::CloseDoubt, Input::Appended(stored)) => match stored {
                Ok(seq) => {
                    desk.stored.push(seq);
                    if let Some(Doubt::Own { id, .. }) = &self.doubt {
                        desk.terminal.forget_intent(*id);
                    }
                    self.permit(desk)
                }
                Err(error) => Turn::Done(Paid::Fault(error.into())),
            },
            (Step::Permit, Input::Psam(answer)) => self.permitted(desk, answer),
            (Step::Cache, Input::Reply(reply)) => match reply {
                Reply::Ok(_) => self.cache(desk),
                other => Turn::Done(unpaid::<UpdateCache>(other)),
            },
            (Step::MakeRoom { crowded }, Input::Appended(stored)) => match stored {
                Ok(seq) => {
                    desk.stored.push(seq);
                    desk.terminal.forget_intent(*crowded);
                    self.intend(desk)
                }
                Err(error) => Turn::Done(Paid::Fault(error.into())),
            },
            (Step::Intent { id }, Input::Kept(kept)) => match kept {
                Ok(()) => {
                    let id = *id;
                    self.debit(desk, id)
                }
                Err(error) => Turn::Done(Paid::Fault(error.into())),
            },
            (Step::Debit, Input::Reply(reply)) => self.debited(reply),
            (Step::Proof { odd }, Input::Reply(reply)) => {
                let odd = *odd;
                self.proved(reply, odd)
            }
            (Step::Drop(refusal), Input::Kept(kept)) => match kept {
                Ok(()) => {
                    let refusal = refusal.clone();
                    if let Some(id) = self.id {
                        desk.terminal.forget_intent(id);
                    }
                    Turn::Done(Paid::Refused(refusal))
                }
                Err(error) => Turn::Done(Paid::Fault(error.into())),
            },
            (Step::Credit, Input::Psam(answer)) => self.credited(desk, answer),
            (Step::Append { fault }, Input::Appended(stored)) => {
                let fault = fault.clone();
                self.appended(desk, stored, fault)
            }
            (step, input) => Turn::Done(Paid::Fault(unexpected(step.name(), &input))),
        }
    }

    fn initialised(mut self, desk: &mut Desk<'_>, reply: Reply) -> Turn<Self, Paid> {
        let name = self.init_name();
        let init = match reply {
            Reply::Ok(data) => PurchaseInit::decode(&data),
            Reply::Status(sw, _) => return self.not_initialised(desk, name, sw),
            other => return Turn::Done(unpaid_by(name, other)),
        };
        let Ok(init) = init else {
            return Turn::Done(Paid::Refused(Refusal::Garbled { command: name }));
        };
        let needed = self.plan.needed();
        let (before, limit) = (init.balance.fen(), init.overdraft.fen());
        if self.plan.record.kind == RecordKind::Ticket {
            if before < needed {
                return self.not_initialised(desk, name, StatusWord::INSUFFICIENT);
            }
        } else {
            let cap = desk.terminal.profile.rules.balance_max.fen();
            // 31 bits less 24 bits do not leave 64.
            if before.get() - limit.get() > cap.get() {
                return Turn::Done(Paid::Refused(Refusal::Damaged));
            }
            if before < needed {
                let balance = Some(before);
                return Turn::Done(Paid::Refused(Refusal::Insufficient { balance, needed }));
            }
        }
        let record = &mut self.plan.record;
        let after = Fen::new(before.get() - i64::from(record.amount.get()));
        record.sequence = init.sequence;
        record.key_version = init.key_version;
        record.algorithm = init.algorithm;
        record.random = init.random;
        record.before = init.balance;
        record.after = Balance::from_fen(after).unwrap_or(init.balance);
        record.overdraft = init.overdraft;
        match self.doubt.take() {
            // The number is still free: the torn purchase did not commit, and this one takes
            // the place of its intent.
            Some(Doubt::Own { id, record }) if record.sequence == init.sequence => {
                if let Some(ride) = record.ride_key() {
                    let notice = desk.terminal.settled(ride, Settlement::NotCommitted);
                    desk.notices.push(notice);
                }
                self.id = Some(id);
                self.permit(desk)
            }
            Some(Doubt::Own { id, record }) => {
                let bytes = record
                    .encode()
                    .expect("every field is as wide as its value");
                self.doubt = Some(Doubt::Own { id, record });
                self.step = Step::CloseDoubt;
                let closes = Some(id);
                Turn::Ask(
                    self,
                    Ask::Append {
                        record: bytes,
                        closes,
                    },
                )
            }
            Some(Doubt::Group(ride)) => {
                if ride.sequence == init.sequence {
                    let notice = desk.terminal.settled(ride, Settlement::NotCommitted);
                    desk.notices.push(notice);
                    desk.terminal.board.take_off(ride);
                }
                self.permit(desk)
            }
            None => self.permit(desk),
        }
    }

    /// INITIALIZE was refused: the other wallet, or the reason.
    fn not_initialised(
        mut self,
        desk: &Desk<'_>,
        name: &'static str,
        sw: StatusWord,
    ) -> Turn<Self, Paid> {
        let is_short = matches!(sw, StatusWord::INSUFFICIENT | StatusWord::INSUFFICIENT_OLD);
        if let Some(instead) = self.plan.instead.take()
            && (is_short || sw == StatusWord::KEY_INDEX)
        {
            self.plan = *instead;
            let ask = initialise(&self.plan, desk);
            return Turn::Ask(self, ask);
        }
        if is_short {
            let needed = self.plan.needed();
            self.step = Step::Balance { needed };
            let get = GetBalance {
                kind: BalanceKind::Spendable,
            };
            return Turn::Ask(self, card(&get));
        }
        Turn::Done(Paid::Refused(refusal_of(name, sw)))
    }

    const fn init_name(&self) -> &'static str {
        if self.plan.is_composite() {
            InitComposite::NAME
        } else {
            InitPurchase::NAME
        }
    }

    fn permit(mut self, desk: &Desk<'_>) -> Turn<Self, Paid> {
        let record = &self.plan.record;
        let request = PurchaseRequest {
            random: record.random,
            sequence: record.sequence,
            amount: record.amount,
            kind: record.transaction,
            at: desk.at,
            key_version: record.key_version,
            algorithm: record.algorithm,
            card: record.serial.into(),
            issuer: record.issuer,
        };
        self.step = Step::Permit;
        Turn::Ask(self, Ask::Psam(PsamRequest::Purchase(request)))
    }

    fn permitted(
        mut self,
        desk: &mut Desk<'_>,
        answer: Result<PsamAnswer, PsamFault>,
    ) -> Turn<Self, Paid> {
        match answer {
            Ok(PsamAnswer::Permit {
                terminal_sequence,
                mac1,
            }) => {
                self.mac1 = mac1;
                let record = &mut self.plan.record;
                record.terminal_sequence = terminal_sequence;
                let (before, after) = (record.before, record.after);
                self.plan.updates.complete(before, after, terminal_sequence);
                self.cache(desk)
            }
            Ok(_) => Turn::Done(Paid::Fault(TapFault::Driver {
                found: "another answer of the module",
                expected: "a permit",
            })),
            Err(PsamFault::Key { .. }) => Turn::Done(Paid::Refused(Refusal::NoKey)),
            Err(fault) => Turn::Done(Paid::Fault(fault.into())),
        }
    }

    fn cache(mut self, desk: &mut Desk<'_>) -> Turn<Self, Paid> {
        match self.plan.updates.next() {
            Some(update) => {
                self.step = Step::Cache;
                Turn::Ask(self, card(&update))
            }
            None => self.intend(desk),
        }
    }

    /// Keeps the intent, after an old one has made room if need be.
    fn intend(mut self, desk: &mut Desk<'_>) -> Turn<Self, Paid> {
        if let Some(crowded) = desk.terminal.crowded_out(self.id) {
            let id = crowded.id;
            let record = crowded.record.encode();
            let record = record.expect("every field is as wide as its value");
            self.step = Step::MakeRoom { crowded: id };
            let closes = Some(id);
            return Turn::Ask(self, Ask::Append { record, closes });
        }
        let id = match self.id {
            Some(id) => id,
            None => desk.terminal.intent_number(),
        };
        let intent = self.plan.record.encode();
        let intent = intent.expect("every field is as wide as its value");
        self.step = Step::Intent { id };
        Turn::Ask(self, Ask::KeepIntent { id, intent })
    }

    fn debit(mut self, desk: &mut Desk<'_>, id: u64) -> Turn<Self, Paid> {
        let record = self.plan.record.clone();
        let debit = Debit {
            terminal_sequence: record.terminal_sequence,
            at: record.at,
            mac1: self.mac1,
        };
        desk.terminal.opened(id, record, desk.now);
        self.id = Some(id);
        self.step = Step::Debit;
        Turn::Ask(self, card(&debit))
    }

    /// Whatever else than a good answer came, even a clear refusal: the card is asked whether it
    /// has paid, for one command more, and only in this case.
    fn debited(mut self, reply: Reply) -> Turn<Self, Paid> {
        let odd = match reply {
            Reply::Ok(data) => match Debit::answer(&data) {
                Ok(answer) => return self.credit(answer.tac, answer.mac2, Recovery::Plain),
                Err(_) => None,
            },
            Reply::Lost => return Turn::Done(Paid::Torn(self.id)),
            Reply::Garbled => None,
            Reply::Status(sw, _) => Some(sw),
        };
        let proof = GetProof {
            kind: self.plan.record.transaction,
            sequence: self.plan.record.sequence.wrapping_add(1),
        };
        self.step = Step::Proof { odd };
        Turn::Ask(self, card(&proof))
    }

    fn proved(self, reply: Reply, odd: Option<StatusWord>) -> Turn<Self, Paid> {
        match reply {
            Reply::Ok(data) => match GetProof::answer(&data) {
                Ok(proof) => self.credit(proof.tac, proof.mac2, Recovery::Here),
                Err(_) => Turn::Done(Paid::Torn(self.id)),
            },
            Reply::Status(sw, _) if sw == StatusWord::NO_PROOF || odd.is_some_and(is_certain) => {
                let refusal = match odd {
                    Some(sw) => refusal_of(Debit::NAME, sw),
                    None => Refusal::Garbled {
                        command: Debit::NAME,
                    },
                };
                self.drop_intent(refusal)
            }
            // Neither yes nor no: the intent stays, and the next tap asks again.
            Reply::Status(..) | Reply::Garbled | Reply::Lost => Turn::Done(Paid::Torn(self.id)),
        }
    }

    fn drop_intent(mut self, refusal: Refusal) -> Turn<Self, Paid> {
        let Some(id) = self.id else {
            return Turn::Done(Paid::Refused(refusal));
        };
        self.step = Step::Drop(refusal);
        Turn::Ask(self, Ask::DropIntent { id })
    }

    fn credit(mut self, tac: Code, mac2: Code, recovery: Recovery) -> Turn<Self, Paid> {
        let record = &mut self.plan.record;
        (record.tac, record.mac2_code) = (tac, mac2);
        record.recovery = match record.stage {
            Stage::None => Recovery::Vouch,
            _ => recovery,
        };
        let terminal_sequence = record.terminal_sequence;
        self.step = Step::Credit;
        let request = CreditRequest {
            terminal_sequence,
            mac2,
        };
        Turn::Ask(self, Ask::Psam(PsamRequest::Credit(request)))
    }

    fn credited(mut self, _: &Desk<'_>, answer: Result<PsamAnswer, PsamFault>) -> Turn<Self, Paid> {
        let (state, fault) = match answer {
            Ok(PsamAnswer::Credited) => (Mac2State::Verified, None),
            Ok(_) => {
                let (what, expected) = ("another answer", "whether MAC2 is right");
                (
                    Mac2State::Unverified,
                    Some(PsamFault::Request { what, expected }),
                )
            }
            Err(PsamFault::Mac2 { .. }) => (Mac2State::Failed, None),
            Err(fault) => (Mac2State::Unverified, Some(fault)),
        };
        self.plan.record.mac2 = state;
        let record = self.plan.record.encode();
        let record = record.expect("every field is as wide as its value");
        let closes = self.id;
        self.step = Step::Append { fault };
        Turn::Ask(self, Ask::Append { record, closes })
    }

    fn appended(
        self,
        desk: &mut Desk<'_>,
        stored: Result<u64, crate::StoreError>,
        fault: Option<PsamFault>,
    ) -> Turn<Self, Paid> {
        let seq = match stored {
            Ok(seq) => seq,
            // The intent is still there: the card's next tap completes it.
            Err(error) => return Turn::Done(Paid::Fault(error.into())),
        };
        let record = self.plan.record;
        desk.stored.push(seq);
        if let Some(id) = self.id {
            desk.terminal.forget_intent(id);
        }
        desk.terminal.learn(seq, record.clone(), false);
        Turn::Done(match (record.mac2, fault) {
            (Mac2State::Verified, _) => Paid::Good { seq, record },
            (Mac2State::Failed, _) => Paid::False,
            (_, fault) => Paid::Unverified(fault.unwrap_or(PsamFault::Absent)),
        })
    }
}

impl Step {
    const fn name(&self) -> &'static str {
        match self {
            Self::Init | Self::Balance { .. } | Self::Cache | Self::Debit | Self::Proof { .. } => {
                "a card's answer"
            }
            Self::Permit | Self::Credit => "the module's answer",
            Self::CloseDoubt | Self::MakeRoom { .. } | Self::Append { .. } => "a stored record",
            Self::Intent { .. } | Self::Drop(_) => "a kept intent",
        }
    }
}

fn initialise(plan: &Plan, desk: &Desk<'_>) -> Ask {
    let (key, amount) = (plan.record.key_index, plan.record.amount);
    let terminal = desk.terminal.psam.terminal;
    if plan.is_composite() {
        card(&InitComposite {
            key,
            amount,
            terminal,
        })
    } else {
        card(&InitPurchase {
            key,
            amount,
            terminal,
        })
    }
}

/// Status words with which a card says that it has not paid; one that gives no proof either
/// is believed, whatever it answers then: after too many wrong MAC1 it is locked.
const fn is_certain(sw: StatusWord) -> bool {
    matches!(
        sw,
        StatusWord::MAC_INVALID
            | StatusWord::PERMANENTLY_LOCKED
            | StatusWord::INSUFFICIENT
            | StatusWord::INSUFFICIENT_OLD
            | StatusWord::COUNTER_AT_MAX
            | StatusWord::KEY_INDEX
            | StatusWord::CONDITIONS
    )
}

/// What a status word of a refused command means to the rider.
pub(super) const fn refusal_of(command: &'static str, sw: StatusWord) -> Refusal {
    match sw {
        StatusWord::PERMANENTLY_LOCKED | StatusWord::FUNCTION_NOT_SUPPORTED => {
            Refusal::Blocked { permanently: true }
        }
        StatusWord::BLOCKED_FILE => Refusal::Blocked { permanently: false },
        StatusWord::COUNTER_AT_MAX => Refusal::UsedUp,
        StatusWord::KEY_INDEX => Refusal::NoKey,
        sw => Refusal::Card { command, sw },
    }
}

fn unpaid<C: CardCommand>(reply: Reply) -> Paid {
    unpaid_by(C::NAME, reply)
}

/// What an answer other than `9000` means while nothing can have been paid.
fn unpaid_by(command: &'static str, reply: Reply) -> Paid {
    match reply {
        Reply::Status(sw, _) => Paid::Refused(refusal_of(command, sw)),
        Reply::Ok(_) | Reply::Garbled => Paid::Refused(Refusal::Garbled { command }),
        Reply::Lost => Paid::Torn(None),
    }
}
