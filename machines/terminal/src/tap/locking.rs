//! A card on the blacklist is locked, or at least refused, and recorded. Machine: `Locking`.
//!
//! GET CHALLENGE, MAC of the module, APPLICATION BLOCK, record. Whatever fails on the way, the
//! record is made, and its status word says how far it came.

use alloc::boxed::Box;

use tongtu_apdu::{CardCommand as _, StatusWord};
use tongtu_psam::{LockRequest, PsamAnswer, PsamFault, PsamRequest};
use tongtu_purse::command::{BlockApplication, GetChallenge};
use tongtu_tap_record::TapRecord;

use super::ask::Ask;
use super::line::Reply;
use super::outcome::TapFault;
use super::profile::Lock;
use super::{Desk, Input, Turn, card, unexpected};

/// Waits for the answer to its step.
#[derive(Debug)]
pub(super) struct Locking {
    record: Box<TapRecord>,
    lock: Lock,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Challenge,
    Mac,
    Block,
    Append,
}

impl Locking {
    /// Locks the card as the rules say; `Done` says whether it is locked.
    pub(super) fn begin(record: Box<TapRecord>, lock: Option<Lock>) -> (Self, Ask) {
        let machine = |record, lock, step| Self { record, lock, step };
        match lock {
            Some(lock) => (
                machine(record, lock, Step::Challenge),
                card(&GetChallenge { long: false }),
            ),
            None => {
                let lock = Lock {
                    permanently: false,
                    algorithm: 0,
                };
                machine(record, lock, Step::Append).record_of(StatusWord::NOT_ACCEPTED)
            }
        }
    }

    pub(super) fn handle(
        mut self,
        desk: &mut Desk<'_>,
        input: Input,
    ) -> Turn<Self, Result<bool, TapFault>> {
        match (&self.step, input) {
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
                    algorithm: self.lock.algorithm,
                };
                self.step = Step::Mac;
                Turn::Ask(self, Ask::Psam(PsamRequest::Lock(request)))
            }
            (Step::Mac, Input::Psam(answer)) => match answer {
                Ok(PsamAnswer::Mac(mac)) => {
                    let block = BlockApplication {
                        permanently: self.lock.permanently,
                        mac,
                    };
                    self.step = Step::Block;
                    Turn::Ask(self, card(&block))
                }
                Ok(_) => self.failed(StatusWord::UNKNOWN),
                Err(PsamFault::Refused { sw, .. }) => self.failed(sw),
                Err(_) => self.failed(StatusWord::UNKNOWN),
            },
            (Step::Block, Input::Reply(reply)) => self.failed(status_of(&reply)),
            (Step::Append, Input::Appended(stored)) => match stored {
                Ok(seq) => {
                    desk.stored.push(seq);
                    Turn::Done(Ok(self.record.status.is_ok()))
                }
                Err(error) => Turn::Done(Err(error.into())),
            },
            (step, input) => {
                let expected = match step {
                    Step::Challenge | Step::Block => "a card's answer",
                    Step::Mac => "the module's answer",
                    Step::Append => "a stored record",
                };
                Turn::Done(Err(unexpected(expected, &input)))
            }
        }
    }

    /// Records how far it came; `9000` is all the way.
    fn failed(self, sw: StatusWord) -> Turn<Self, Result<bool, TapFault>> {
        let (machine, ask) = self.record_of(sw);
        Turn::Ask(machine, ask)
    }

    fn record_of(mut self, sw: StatusWord) -> (Self, Ask) {
        self.record.status = sw;
        self.step = Step::Append;
        let record = self.record.encode();
        let record = record.expect("every field is as wide as its value");
        (
            self,
            Ask::Append {
                record,
                closes: None,
            },
        )
    }
}

/// The status word of an answer; `6F00` where there is none.
fn status_of(reply: &Reply) -> StatusWord {
    match reply {
        Reply::Ok(_) => StatusWord::OK,
        Reply::Status(sw, _) => *sw,
        Reply::Garbled | Reply::Lost => StatusWord::UNKNOWN,
    }
}
