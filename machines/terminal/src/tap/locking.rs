//! A card on the blacklist is locked, or at least refused, and recorded. Machine: `Locking`.
//!
//! ```text
//!  INITIALIZE ─► GET CHALLENGE ─► MAC ─► intent kept ─► APPLICATION BLOCK ─► record, intent gone
//! ```
//!
//! Whatever fails on the way, the record is made, and its status word says how far it came. From
//! the intent on, a power cut leaves one that says: sent, and what the card did is not known.
//!
//! INITIALIZE pays nothing: its answer names the card's algorithm, and one terminal meets cards of
//! both. A card that refuses the MAC is asked once more with the key of the other algorithm.
//!
//! UNSPECIFIED: which of its sets a card takes for APPLICATION BLOCK. The one of its purchases is
//! likely; a card may keep another for its maintenance, and then one wrong MAC is counted.

use alloc::boxed::Box;
use alloc::vec::Vec;

use tongtu_apdu::{CardCommand as _, StatusWord};
use tongtu_crypto::Algorithm;
use tongtu_psam::{LockRequest, PsamAnswer, PsamFault, PsamRequest, algorithm_of};
use tongtu_purse::command::{BlockApplication, GetChallenge, InitPurchase, PurchaseInit};
use tongtu_purse::field::{Amount, Terminal};
use tongtu_purse::proof::Code;
use tongtu_tap_record::TapRecord;

use super::ask::Ask;
use super::line::Reply;
use super::outcome::TapFault;
use super::profile::Lock;
use super::{Desk, Input, Turn, card, unexpected};

/// Algorithm identifiers, as cards and modules say them.
const TDES: u8 = 0x00;
const SM4: u8 = 0x04;

/// Waits for the answer to its step.
#[derive(Debug)]
pub(super) struct Locking {
    record: Box<TapRecord>,
    lock: Lock,
    /// The algorithm whose MAC the card has not refused yet.
    other: Option<u8>,
    /// The intent, once it is kept.
    id: Option<u64>,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Init,
    Challenge,
    Mac,
    MakeRoom { crowded: u64, mac: Code },
    Intent { id: u64, mac: Code },
    Block,
    Append,
}

impl Locking {
    /// Locks the card as the rules say; `Done` says whether it is locked.
    pub(super) fn begin(
        record: Box<TapRecord>,
        lock: Option<Lock>,
        terminal: Terminal,
    ) -> (Self, Ask) {
        let key = record.key_index;
        let machine = |lock, step| Self {
            record,
            lock,
            other: None,
            id: None,
            step,
        };
        match lock {
            Some(lock) => (
                machine(lock, Step::Init),
                card(&InitPurchase {
                    key,
                    amount: Amount::ZERO,
                    terminal,
                }),
            ),
            None => {
                let lock = Lock {
                    permanently: false,
                    algorithm: 0,
                };
                machine(lock, Step::Append).record_of(StatusWord::NOT_ACCEPTED)
            }
        }
    }

    pub(super) fn handle(
        mut self,
        desk: &mut Desk<'_>,
        input: Input,
    ) -> Turn<Self, Result<bool, TapFault>> {
        match (&self.step, input) {
            (Step::Init, Input::Reply(reply)) => {
                let said = match &reply {
                    Reply::Ok(data) => PurchaseInit::decode(data).ok(),
                    Reply::Status(..) | Reply::Garbled => None,
                    Reply::Lost => return self.failed(StatusWord::UNKNOWN),
                };
                let algorithm = said.map_or(self.lock.algorithm, |init| init.algorithm);
                self.other = algorithm_of(algorithm).map(|algorithm| match algorithm {
                    Algorithm::Tdes => SM4,
                    Algorithm::Sm4 => TDES,
                });
                let (machine, ask) = self.challenge(algorithm);
                Turn::Ask(machine, ask)
            }
            (Step::Challenge, Input::Reply(reply)) => {
                let challenge = match &reply {
                    Reply::Ok(data) => <[u8; 4]>::try_from(&data[..]).ok(),
                    _ => None,
                };
                let Some(challenge) = challenge else {
                    // `9000` without a challenge is not "locked".
                    let sw = status_of(&reply);
                    return self.failed(if sw.is_ok() { StatusWord::UNKNOWN } else { sw });
                };
                let p2 = u8::from(self.lock.permanently);
                let request = LockRequest {
                    card: self.record.serial.into(),
                    issuer: self.record.issuer,
                    challenge,
                    head: [0x84, BlockApplication::INS, 0, p2, 4],
                    algorithm: self.record.algorithm,
                };
                self.step = Step::Mac;
                Turn::Ask(self, Ask::Psam(PsamRequest::Lock(request)))
            }
            (Step::Mac, Input::Psam(answer)) => match answer {
                Ok(PsamAnswer::Mac(mac)) => self.intend(desk, mac),
                Ok(_) => self.failed(StatusWord::UNKNOWN),
                Err(PsamFault::Refused { sw, .. }) => self.failed(sw),
                Err(_) => self.failed(StatusWord::UNKNOWN),
            },
            (Step::MakeRoom { crowded, mac }, Input::Appended(stored)) => {
                let (crowded, mac) = (*crowded, *mac);
                match stored {
                    Ok(seq) => {
                        desk.stored.push(seq);
                        desk.terminal.forget_intent(crowded);
                        self.intend(desk, mac)
                    }
                    Err(error) => Turn::Done(Err(error.into())),
                }
            }
            (Step::Intent { id, mac }, Input::Kept(kept)) => {
                let (id, mac) = (*id, *mac);
                match kept {
                    Ok(()) => self.block(desk, id, mac),
                    Err(error) => Turn::Done(Err(error.into())),
                }
            }
            // It may have come, and the answer may not.
            (Step::Block, Input::Reply(Reply::Lost | Reply::Garbled)) => {
                self.failed(TapRecord::LOCK_UNANSWERED)
            }
            (Step::Block, Input::Reply(reply)) => match (status_of(&reply), self.other.take()) {
                (StatusWord::SM_INCORRECT, Some(other)) => {
                    let (machine, ask) = self.challenge(other);
                    Turn::Ask(machine, ask)
                }
                (sw, _) => self.failed(sw),
            },
            (Step::Append, Input::Appended(stored)) => match stored {
                Ok(seq) => {
                    desk.stored.push(seq);
                    if let Some(id) = self.id {
                        desk.terminal.forget_intent(id);
                    }
                    Turn::Done(Ok(self.record.status.is_ok()))
                }
                Err(error) => Turn::Done(Err(error.into())),
            },
            (step, input) => {
                let expected = match step {
                    Step::Init | Step::Challenge | Step::Block => "a card's answer",
                    Step::Mac => "the module's answer",
                    Step::Intent { .. } => "a kept intent",
                    Step::MakeRoom { .. } | Step::Append => "a stored record",
                };
                Turn::Done(Err(unexpected(expected, &input)))
            }
        }
    }

    /// Asks for what the MAC is made with.
    fn challenge(mut self, algorithm: u8) -> (Self, Ask) {
        self.record.algorithm = algorithm;
        self.step = Step::Challenge;
        (self, card(&GetChallenge { long: false }))
    }

    /// Keeps the intent, after an old one has made room if need be. One that a power cut left of
    /// this card is replaced: this lock tells more.
    fn intend(mut self, desk: &mut Desk<'_>, mac: Code) -> Turn<Self, Result<bool, TapFault>> {
        let open = desk.terminal.lock_intent_of(self.record.serial);
        let id = self.id.or_else(|| open.map(|open| open.id));
        if let Some(crowded) = desk.terminal.crowded_out(id) {
            let crowded_id = crowded.id;
            let record = bytes_of(&crowded.record);
            self.step = Step::MakeRoom {
                crowded: crowded_id,
                mac,
            };
            let closes = Some(crowded_id);
            return Turn::Ask(self, Ask::Append { record, closes });
        }
        let id = id.unwrap_or_else(|| desk.terminal.intent_number());
        self.record.status = TapRecord::LOCK_UNANSWERED;
        let intent = bytes_of(&self.record);
        self.step = Step::Intent { id, mac };
        Turn::Ask(self, Ask::KeepIntent { id, intent })
    }

    fn block(
        mut self,
        desk: &mut Desk<'_>,
        id: u64,
        mac: Code,
    ) -> Turn<Self, Result<bool, TapFault>> {
        desk.terminal.opened(id, self.record.clone(), desk.now);
        self.id = Some(id);
        self.step = Step::Block;
        let block = BlockApplication {
            permanently: self.lock.permanently,
            mac,
        };
        Turn::Ask(self, card(&block))
    }

    /// Records how far it came; `9000` is all the way.
    fn failed(self, sw: StatusWord) -> Turn<Self, Result<bool, TapFault>> {
        let (machine, ask) = self.record_of(sw);
        Turn::Ask(machine, ask)
    }

    fn record_of(mut self, sw: StatusWord) -> (Self, Ask) {
        self.record.status = sw;
        self.step = Step::Append;
        let record = bytes_of(&self.record);
        let closes = self.id;
        (self, Ask::Append { record, closes })
    }
}

fn bytes_of(record: &TapRecord) -> Vec<u8> {
    let bytes = record.encode();
    bytes.expect("every field is as wide as its value")
}

/// The status word of an answer; `6F00` where there is none.
fn status_of(reply: &Reply) -> StatusWord {
    match reply {
        Reply::Ok(_) => StatusWord::OK,
        Reply::Status(sw, _) => *sw,
        Reply::Garbled | Reply::Lost => StatusWord::UNKNOWN,
    }
}
