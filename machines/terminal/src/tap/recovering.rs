//! A torn transaction of the card that is in the field again. Machine: `Recovering`.
//!
//! ```text
//!  GET TRANSACTION PROVE ─► newest transaction details ─┬─ ours, with proof ─► 8072 ─► record
//!                                                       ├─ ours, proof gone ─► grey record
//!                                                       └─ not ours: in doubt, the sequence tells
//! ```
//!
//! The proof alone does not show that it is *this* transaction: a purchase of the same type at
//! another terminal in the meantime has the same number if ours never happened. The card's own
//! detail (file 0x18) names terminal, amount and time, so both are asked. Only this terminal's
//! module can verify MAC2, and only while the purchase is its latest; otherwise the record says
//! "not verified", and the card vouches for itself afterwards.

use alloc::boxed::Box;

use tongtu_apdu::{CardCommand as _, Le, StatusWord};
use tongtu_psam::{CreditRequest, PsamAnswer, PsamFault, PsamRequest};
use tongtu_purse::command::{GetProof, Proof, ReadRecord, RecordBy, Sfi};
use tongtu_purse::field::Kind;
use tongtu_purse::layout::Transaction;
use tongtu_purse::proof;
use tongtu_tap_record::{Mac2State, Recovery, Stage, TapRecord};

use super::ask::Ask;
use super::group::Settlement;
use super::line::Reply;
use super::outcome::{Refusal, TapFault};
use super::paying::Doubt;
use super::{Desk, Input, Turn, card, unexpected};

/// Details that are looked through: a load may have come after the purchase.
const DETAILS_MAX: u8 = 3;

/// How a recovery ended.
#[derive(Debug)]
pub(super) enum Recovered {
    /// Recorded, MAC2 verified.
    Good { seq: u64, record: Box<TapRecord> },
    /// Recorded; the card has still to vouch for itself.
    Unverified { record: Box<TapRecord> },
    /// Recorded; MAC2 is wrong.
    False,
    /// The card's proof is that of another terminal's record, whose rider was not told.
    Untold { record: Box<TapRecord> },
    /// It is not: nothing of this card is open.
    NotUntold,
    /// The card has no proof of it.
    InDoubt(Doubt),
    /// The card refused to be asked.
    Refused(Refusal),
    /// The card left again.
    Torn(Option<u64>),
    /// The terminal failed.
    Fault(TapFault),
}

/// Waits for the answer to its step.
#[derive(Debug)]
pub(super) struct Recovering {
    record: Box<TapRecord>,
    /// The intent; none of a transaction of another terminal.
    own: Option<u64>,
    /// Another terminal's whole record: the card must have the very proof that is in it.
    is_untold: bool,
    proof: Option<Proof>,
    /// Whether the card's own detail names this transaction.
    is_ours: Option<bool>,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Proof,
    Detail(u8),
    Credit,
    Append,
}

impl Recovering {
    pub(super) fn begin(record: Box<TapRecord>, own: Option<u64>) -> (Self, Ask) {
        let ask = card(&GetProof {
            kind: record.transaction,
            sequence: record.sequence.wrapping_add(1),
        });
        let machine = Self {
            record,
            own,
            is_untold: false,
            proof: None,
            is_ours: None,
            step: Step::Proof,
        };
        (machine, ask)
    }

    /// The same for a ride that another terminal has recorded: nothing is recorded here, and what
    /// a card does not prove is as if it had not been heard.
    pub(super) fn begin_untold(record: Box<TapRecord>) -> (Self, Ask) {
        let (mut machine, ask) = Self::begin(record, None);
        machine.is_untold = true;
        (machine, ask)
    }

    pub(super) fn handle(mut self, desk: &mut Desk<'_>, input: Input) -> Turn<Self, Recovered> {
        match (&self.step, input) {
            (Step::Proof, Input::Reply(reply)) => match reply {
                Reply::Ok(data) => match GetProof::answer(&data) {
                    Ok(proof) => {
                        self.proof = Some(proof);
                        self.read_detail(1)
                    }
                    Err(_) => Turn::Done(garbled(GetProof::NAME)),
                },
                Reply::Status(sw, _) => {
                    self.record.status = sw;
                    self.read_detail(1)
                }
                Reply::Garbled => Turn::Done(garbled(GetProof::NAME)),
                Reply::Lost => Turn::Done(Recovered::Torn(self.own)),
            },
            (Step::Detail(number), Input::Reply(reply)) => {
                let number = *number;
                self.detail(desk, number, reply)
            }
            (Step::Credit, Input::Psam(answer)) => self.credited(desk, answer),
            (Step::Append, Input::Appended(stored)) => match stored {
                Ok(seq) => self.appended(desk, seq),
                Err(error) => Turn::Done(Recovered::Fault(error.into())),
            },
            (step, input) => {
                let expected = match step {
                    Step::Proof | Step::Detail(_) => "a card's answer",
                    Step::Credit => "the module's answer",
                    Step::Append => "a stored record",
                };
                Turn::Done(Recovered::Fault(unexpected(expected, &input)))
            }
        }
    }

    fn read_detail(mut self, number: u8) -> Turn<Self, Recovered> {
        self.step = Step::Detail(number);
        let read = ReadRecord {
            sfi: Sfi::TRANSACTIONS,
            record: RecordBy::Number(number),
            le: Le::from_byte(0x17),
        };
        Turn::Ask(self, card(&read))
    }

    fn detail(mut self, desk: &mut Desk<'_>, number: u8, reply: Reply) -> Turn<Self, Recovered> {
        match reply {
            Reply::Ok(data) => {
                let Ok(found) = Transaction::decode(&data) else {
                    return Turn::Done(garbled(ReadRecord::NAME));
                };
                let record = &self.record;
                let is_ours = found.sequence == record.sequence.wrapping_add(1)
                    && found.kind == record.transaction
                    && found.amount == record.amount
                    && found.terminal == record.terminal
                    && found.at == record.at;
                let is_online = matches!(found.kind, Kind::LOAD | Kind::UNLOAD);
                if !is_ours && is_online && number < DETAILS_MAX {
                    return self.read_detail(number + 1);
                }
                self.is_ours = Some(is_ours);
            }
            Reply::Status(StatusWord::RECORD_NOT_FOUND, _) => self.is_ours = Some(false),
            // No such file, or not for everybody: the proof has to do.
            Reply::Status(..) => {}
            Reply::Garbled => return Turn::Done(garbled(ReadRecord::NAME)),
            Reply::Lost => return Turn::Done(Recovered::Torn(self.own)),
        }
        self.decide(desk)
    }

    fn decide(mut self, desk: &mut Desk<'_>) -> Turn<Self, Recovered> {
        if self.is_untold {
            let record = self.record;
            let is_proved = self.proof.is_some_and(|proof| {
                proof::same(&proof.mac2, &record.mac2_code) && proof::same(&proof.tac, &record.tac)
            });
            return Turn::Done(if is_proved && self.is_ours == Some(true) {
                Recovered::Untold { record }
            } else {
                Recovered::NotUntold
            });
        }
        match (self.is_ours, &self.proof) {
            // Another terminal's purchase that the card's log does not show cannot be told from
            // one that another card reader made in the meantime.
            (Some(false), _) | (None, None) => self.in_doubt(),
            (None, Some(_)) if self.own.is_none() => self.in_doubt(),
            // The card's log says that it paid, but something that came after took the proof
            // away: what is left is a grey record that the card's sequence resolves.
            (Some(true), None) => self.append(desk),
            (_, Some(proof)) => {
                let mac2 = proof.mac2;
                (self.record.tac, self.record.mac2_code) = (proof.tac, mac2);
                if self.own.is_none() {
                    // Our module has never seen this purchase.
                    return self.verdict(desk, Mac2State::Unverified);
                }
                self.step = Step::Credit;
                let request = CreditRequest {
                    terminal_sequence: self.record.terminal_sequence,
                    mac2,
                };
                Turn::Ask(self, Ask::Psam(PsamRequest::Credit(request)))
            }
        }
    }

    fn in_doubt(self) -> Turn<Self, Recovered> {
        let doubt = match (self.own, self.record.ride_key()) {
            (Some(id), _) => Doubt::Own {
                id,
                record: self.record,
            },
            (None, Some(ride)) => Doubt::Group(ride),
            (None, None) => {
                return Turn::Done(Recovered::Fault(TapFault::Driver {
                    found: "a notice without a transaction",
                    expected: "a torn ride",
                }));
            }
        };
        Turn::Done(Recovered::InDoubt(doubt))
    }

    fn credited(
        self,
        desk: &mut Desk<'_>,
        answer: Result<PsamAnswer, PsamFault>,
    ) -> Turn<Self, Recovered> {
        match (answer, self.is_ours) {
            (Ok(PsamAnswer::Credited), _) => self.verdict(desk, Mac2State::Verified),
            (Err(PsamFault::Mac2 { .. }), Some(_)) => self.verdict(desk, Mac2State::Failed),
            // Without the card's log a proof that does not verify may be another purchase's.
            (_, None) => self.in_doubt(),
            (_, Some(_)) => self.verdict(desk, Mac2State::Unverified),
        }
    }

    fn verdict(mut self, desk: &mut Desk<'_>, mac2: Mac2State) -> Turn<Self, Recovered> {
        self.record.mac2 = mac2;
        self.record.status = StatusWord::OK;
        self.record.recovery = match (self.record.stage, self.own) {
            (Stage::None, _) => Recovery::Vouch,
            (_, Some(_)) => Recovery::Here,
            (_, None) => Recovery::Elsewhere,
        };
        self.append(desk)
    }

    fn append(mut self, desk: &Desk<'_>) -> Turn<Self, Recovered> {
        self.record.recorder = desk.terminal.psam.terminal;
        self.record.recorded_at = desk.at;
        let record = self.record.encode();
        let record = record.expect("every field is as wide as its value");
        let closes = self.own;
        self.step = Step::Append;
        Turn::Ask(self, Ask::Append { record, closes })
    }

    fn appended(self, desk: &mut Desk<'_>, seq: u64) -> Turn<Self, Recovered> {
        let record = self.record;
        desk.stored.push(seq);
        if let Some(id) = self.own {
            desk.terminal.forget_intent(id);
        }
        if let Some(ride) = record.ride_key() {
            desk.terminal.board.take_off(ride);
            let notice = desk.terminal.settled(ride, Settlement::Recovered);
            desk.notices.push(notice);
        }
        desk.terminal.learn(seq, record.clone(), false);
        Turn::Done(match record.mac2 {
            Mac2State::Verified => Recovered::Good { seq, record },
            Mac2State::Failed => Recovered::False,
            Mac2State::Unverified | Mac2State::None => {
                if record.stage != Stage::None {
                    desk.terminal
                        .owe_vouching(seq, record.clone(), desk.now, false);
                }
                Recovered::Unverified { record }
            }
        })
    }
}

fn garbled(command: &'static str) -> Recovered {
    Recovered::Refused(Refusal::Garbled { command })
}
