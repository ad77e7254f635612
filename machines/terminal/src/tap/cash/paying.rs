//! From the last look before paying to the record: what is told of the ride, the intent, the last
//! READ RECORD, and what is made of its answer.

use alloc::boxed::Box;
use alloc::vec::Vec;

use tongtu_apdu::{CardCommand as _, StatusWord};
use tongtu_ecash::command::{GetTransProve, ReadRecord, UpdateCappCache, sign};
use tongtu_ecash::{Aip, oda, tag};
use tongtu_purse::field::Balance;
use tongtu_tap_record::{CashCheck, CashProof, Recovery, TapRecord, Told};

use super::RecordUpdate;
use super::cashing::{After, CHINA, CashEnd, Cashing, Next, Purpose, Step, WIDE};
use super::offer::Offer;
use crate::tap::ask::Ask;
use crate::tap::line::Reply;
use crate::tap::outcome::Refusal;
use crate::tap::paying::refusal_of;
use crate::tap::{Desk, Turn, card};

impl Cashing {
    /// Everything but the last record is read.
    pub(super) fn ready(mut self, desk: &mut Desk<'_>) -> Next {
        if matches!(self.purpose, Some(Purpose::Vouch(_))) {
            return match self.claim(desk).check() {
                Ok(check) => self.settle(desk, check, After::Recover),
                Err(_) => self.settle(desk, CashCheck::None, After::Refuse(Refusal::Unverified)),
            };
        }
        let (_, _, last_is_signed) = self.offer.as_ref().expect("there").last;
        if let Err(refusal) = self.claim(desk).check_early(last_is_signed) {
            return Turn::Done(CashEnd::Refused(refusal));
        }
        if let Err(refusal) = self.complete(desk) {
            return Turn::Done(CashEnd::Refused(refusal));
        }
        let Some(Purpose::Pay(plan)) = &mut self.purpose else {
            return self.intend(desk);
        };
        let (number, issuer) = (plan.record.serial, plan.record.issuer);
        let algorithm = plan.record.algorithm;
        let Some(update) = plan.updates.next() else {
            return self.intend(desk);
        };
        let atc = self.offer.as_ref().expect("there").atc;
        let command = UpdateCappCache {
            sfi: update.sfi.get(),
            record: update.data.to_vec(),
            mac: [0; 4],
        };
        let mut mac = None;
        let keys = self.cash.records.clone();
        let command = sign(command.to_command(), |header, record| {
            mac = keys.and_then(|keys| {
                keys.mac(&RecordUpdate {
                    issuer,
                    serial: number,
                    algorithm,
                    sfi: update.sfi.get(),
                    atc,
                    header,
                    record,
                })
            });
            mac.unwrap_or_default()
        });
        if mac.is_none() {
            return Turn::Done(CashEnd::Refused(Refusal::NoKey));
        }
        self.step = Step::Cache;
        let apdu = command.encode().expect("a record and its MAC are short");
        Turn::Ask(self, Ask::Card(apdu))
    }

    /// Fills in what the card has said.
    fn complete(&mut self, desk: &Desk<'_>) -> Result<(), Refusal> {
        let offer = self.offer.as_ref().expect("completed after an offer");
        let reading = self.reading.as_ref().expect("begun with the offer");
        let own = self.proof(offer, reading).own();
        let Some(Purpose::Pay(plan)) = &mut self.purpose else {
            return Ok(());
        };
        let needed = plan.needed();
        let record = &mut plan.record;
        let amount = record.amount.fen();
        if let Some(left) = offer.left.map(tongtu_ecash::Amount::fen) {
            if left < plan.reserve.fen() {
                let balance = left.get().checked_add(amount.get());
                return Err(Refusal::Insufficient {
                    balance: balance.map(tongtu_types::Fen::new),
                    needed,
                });
            }
            if left > desk.terminal.profile.rules.balance_max.fen() {
                return Err(Refusal::Damaged);
            }
            // UNSPECIFIED: what the offset (抵扣) took part of is not said; the balance before
            // is then too high by it.
            let before = tongtu_types::Fen::new(left.get() + amount.get());
            record.after = Balance::from_fen(left).ok_or(Refusal::Damaged)?;
            record.before = Balance::from_fen(before).ok_or(Refusal::Damaged)?;
        }
        let iad = tongtu_ecash::Iad::parse(&offer.iad);
        let iad = iad.map_err(|_| Refusal::CashData { tag: tag::IAD })?;
        record.serial = offer.serial;
        record.sequence = offer.atc;
        record.key_index = iad.key_index;
        record.key_version = iad.cvn;
        record.algorithm = iad.algorithm;
        record.recovery = Recovery::Grey;
        record.own = own;
        let (before, after) = (record.before, record.after);
        plan.updates.complete(before, after, u32::from(offer.atc));
        Ok(())
    }

    fn proof(&self, offer: &Offer, reading: &oda::Reading) -> CashProof {
        let Aip(aip) = offer.answer.aip;
        let mut expiry = [0; 2];
        if let Some([year, month, _]) = reading.card.get(&tag::EXPIRY).map(Vec::as_slice) {
            expiry = [*year, *month];
        }
        let authority = reading.card.get(&tag::CA_INDEX);
        CashProof {
            cryptogram: offer.cryptogram,
            issuer_len: len(&offer.iad),
            issuer_data: padded(&offer.iad),
            unpredictable: padded(
                self.told
                    .get(&tag::UNPREDICTABLE)
                    .map_or(&[], Vec::as_slice),
            ),
            tvr: [0; 5],
            cid: offer.cid,
            aip,
            pan_sequence: offer.pan_sequence,
            currency: CHINA,
            country: CHINA,
            told: Told::of(&self.told),
            name_len: len(&self.fci.name),
            name: padded(&self.fci.name),
            expiry,
            authority: authority
                .and_then(|index| index.first().copied())
                .unwrap_or_default(),
            check: CashCheck::None,
        }
    }

    /// Keeps the intent, after an old one has made room if need be.
    pub(super) fn intend(mut self, desk: &mut Desk<'_>) -> Next {
        if let Some(crowded) = desk.terminal.crowded_out(self.id) {
            let id = crowded.id;
            let record = crowded.record.encode().expect(WIDE);
            self.step = Step::MakeRoom { crowded: id };
            let closes = Some(id);
            return Turn::Ask(self, Ask::Append { record, closes });
        }
        let id = match self.id {
            Some(id) => id,
            None => desk.terminal.intent_number(),
        };
        if let Some(Purpose::Pay(plan)) = &mut self.purpose {
            // No module counts an e-cash's rides: the terminal's own count names the record.
            plan.record.terminal_sequence = u32::try_from(id & 0xFFFF_FFFF).expect("32 bits");
        }
        let intent = self.draft().encode().expect(WIDE);
        self.step = Step::Intent { id };
        Turn::Ask(self, Ask::KeepIntent { id, intent })
    }

    pub(super) fn draft(&self) -> Box<TapRecord> {
        match &self.purpose {
            Some(Purpose::Pay(plan)) => plan.record.clone(),
            Some(Purpose::Vouch(before)) => before.record.clone(),
            None => unreachable!("a purpose comes before an offer"),
        }
    }

    /// Reads the last record: from here on the card may have paid.
    pub(super) fn pay(mut self, desk: &mut Desk<'_>, id: u64) -> Next {
        let record = self.draft();
        desk.terminal.opened(id, record, desk.now);
        self.id = Some(id);
        self.read_last(false)
    }

    fn read_last(mut self, is_again: bool) -> Next {
        let (sfi, number, _) = self.offer.as_ref().expect("paid after an offer").last;
        self.step = Step::Last { is_again };
        Turn::Ask(self, card(&ReadRecord { sfi, number }))
    }

    pub(super) fn paid(mut self, desk: &mut Desk<'_>, reply: Reply, is_again: bool) -> Next {
        let odd = match reply {
            Reply::Ok(data) => {
                let at = self.offer.as_ref().map_or(0, |offer| offer.records.len());
                match self.take(at, &data) {
                    Ok(()) => return self.verdict(desk),
                    Err(refusal) if is_again => return self.wrong(desk, refusal),
                    Err(_) => None,
                }
            }
            Reply::Lost => return Turn::Done(CashEnd::Torn(self.id)),
            Reply::Garbled => None,
            Reply::Status(sw, _) => Some(sw),
        };
        if !is_again {
            // A card that has paid gives the record out again.
            return self.read_last(true);
        }
        let atc = self.draft().sequence;
        self.step = Step::LastProof { odd };
        Turn::Ask(self, card(&GetTransProve { atc }))
    }

    pub(super) fn last_proved(mut self, reply: Reply, odd: Option<StatusWord>) -> Next {
        match (reply, self.id) {
            (Reply::Status(StatusWord::NO_PROOF, _), Some(id)) => {
                let command = ReadRecord::NAME;
                let refusal = match odd {
                    Some(sw) => refusal_of(command, sw),
                    None => Refusal::Garbled { command },
                };
                self.step = Step::Drop(refusal);
                Turn::Ask(self, Ask::DropIntent { id })
            }
            // It has paid, or does not say: the next tap asks again.
            (_, id) => Turn::Done(CashEnd::Torn(id)),
        }
    }

    /// Everything is read, and the card has paid.
    fn verdict(mut self, desk: &mut Desk<'_>) -> Next {
        let check = match self.claim(desk).check() {
            Ok(check) => check,
            Err(refusal) => return self.wrong(desk, refusal),
        };
        let mut record = self.draft();
        record.recovery = Recovery::Plain;
        self.id.map_or_else(
            || Turn::Done(CashEnd::Torn(None)),
            |id| {
                self.refresh(&mut record, check);
                self.append(record, Some(id), After::Accept)
            },
        )
    }

    /// The card has paid, but is not believed: its record stays grey, for its issuer to say.
    fn wrong(mut self, _: &Desk<'_>, refusal: Refusal) -> Next {
        let mut record = self.draft();
        record.recovery = Recovery::Grey;
        self.refresh(&mut record, CashCheck::Failed);
        let closes = self.id;
        self.append(record, closes, After::Refuse(refusal))
    }

    /// Writes what was found, and what only the last record said, into the proof.
    fn refresh(&mut self, record: &mut TapRecord, check: CashCheck) {
        let offer = self.offer.as_ref().expect("judged after an offer");
        let reading = self.reading.as_ref().expect("begun with the offer");
        let mut proof = self.proof(offer, reading);
        proof.check = check;
        record.own = proof.own();
    }
}

fn len(bytes: &[u8]) -> u8 {
    u8::try_from(bytes.len()).expect("at most 32 bytes were let through")
}

fn padded<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    for (slot, byte) in out.iter_mut().zip(bytes) {
        *slot = *byte;
    }
    out
}
