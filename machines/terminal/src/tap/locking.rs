//! A card on the blacklist is locked, or at least refused, and recorded. Machine: `Locking`.
//!
//! INITIALIZE, GET CHALLENGE, MAC of the module, APPLICATION BLOCK, record. Whatever fails on the
//! way, the record is made, and its status word says how far it came.
//!
//! INITIALIZE pays nothing: its answer names the card's algorithm, and one terminal meets cards of
//! both. A card that refuses the MAC is asked once more with the key of the other algorithm.
//!
//! UNSPECIFIED: which of its sets a card takes for APPLICATION BLOCK. The one of its purchases is
//! likely; a card may keep another for its maintenance, and then one wrong MAC is counted.

use alloc::boxed::Box;

use tongtu_apdu::{CardCommand as _, StatusWord};
use tongtu_crypto::Algorithm;
use tongtu_psam::{LockRequest, PsamAnswer, PsamFault, PsamRequest, algorithm_of};
use tongtu_purse::command::{BlockApplication, GetChallenge, InitPurchase, PurchaseInit};
use tongtu_purse::field::{Amount, Terminal};
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
    step: Step,
}

#[derive(Debug)]
enum Step {
    Init,
    Challenge,
    Mac,
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
                    Turn::Done(Ok(self.record.status.is_ok()))
                }
                Err(error) => Turn::Done(Err(error.into())),
            },
            (step, input) => {
                let expected = match step {
                    Step::Init | Step::Challenge | Step::Block => "a card's answer",
                    Step::Mac => "the module's answer",
                    Step::Append => "a stored record",
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
