//! An e-cash that was here before: torn and back, here or at another terminal of the group, or
//! paid and not told.
//!
//! A card is known by the number in its FCI (DF11) once its card number (PAN) has been seen with
//! it; any other is asked. Its proof (GET TRANS PROVE) is the cryptogram that it gave before it
//! paid, so it tells that the card has paid, but not that it is genuine: that is shown by a fresh
//! signature over a payment which is never completed.

use alloc::boxed::Box;
use alloc::vec::Vec;

use tongtu_apdu::{CardCommand as _, StatusWord};
use tongtu_ecash::command::GetTransProve;
use tongtu_purse::field::Serial;
use tongtu_tap_record::{CashCheck, RecordKind, Recovery, RideKey, TapRecord};

use super::cashing::{After, Before, CashEnd, Cashing, Kept, Next, Purpose, Step};
use crate::tap::ask::Ask;
use crate::tap::flow::Task;
use crate::tap::group::Settlement;
use crate::tap::line::Reply;
use crate::tap::outcome::Refusal;
use crate::tap::paying::refusal_of;
use crate::tap::profile::{TapPost, Unverified};
use crate::tap::{Desk, Turn, card};

impl Cashing {
    /// What this card may have left open, newest last.
    pub(super) fn were_here(&self, desk: &Desk<'_>) -> Vec<Before> {
        let terminal = &desk.terminal;
        let number = self.fci.discretionary.as_ref();
        let number = number.and_then(|d| d.transport.as_ref());
        let number = number.map(|transport| Serial::of(&transport.number));
        let may_be_this = |record: &TapRecord| {
            record.kind == RecordKind::Cash
                && record
                    .cash()
                    .is_ok_and(|proof| proof.application().ok() == Some(&self.fci.name[..]))
                && record.issuer == self.public.issuer
                && match (terminal.number_of(record.serial), number) {
                    (Some(known), Some(number)) => known == number,
                    _ => true,
                }
        };
        let post = &terminal.profile.post;
        let recents = terminal.recents().filter(|recent| {
            let age_s = desk.now.since_s(recent.at);
            let rules = &terminal.profile.rules;
            let is_gate = matches!(post, TapPost::Gate(_));
            let reopens = match (recent.told, is_gate) {
                (false, _) => age_s <= rules.grey_after_s,
                (true, true) => {
                    age_s > rules.retap_s && age_s <= rules.reopen_s && !recent.reopened
                }
                (true, false) => false,
            };
            reopens
                && recent.is_vouched()
                && post.serves(recent.record.stage)
                && may_be_this(&recent.record)
        });
        let mut before: Vec<_> = recents
            .map(|recent| Before {
                kept: Kept::Recent(recent.seq),
                record: recent.record.clone(),
                lets_on: true,
            })
            .collect();
        let open = terminal.intents.iter();
        let open = open.filter(|open| may_be_this(&open.record));
        before.extend(open.map(|open| Before {
            kept: Kept::Intent(open.id),
            record: open.record.clone(),
            lets_on: !terminal.is_stale(open, desk.now) && post.serves(open.record.stage),
        }));
        // What the group's board says is put to the card, too; what was recovered here already,
        // before the power failed and the others heard of it, is not recovered again.
        let oldest = desk.now.plus_s(-terminal.profile.rules.grey_after_s);
        let is_open = |record: &TapRecord| {
            let mut recents = terminal.recents();
            recents.all(|recent| recent.record.ride_key() != record.ride_key())
        };
        let pinned = terminal.board.cashes(oldest).filter(|pinned| {
            let record = &pinned.record;
            // What is whole and lets nobody on here is of no use.
            let is_of_use = !pinned.is_untold || post.serves(record.stage);
            is_of_use && may_be_this(record) && is_open(record)
        });
        before.extend(pinned.map(|pinned| Before {
            kept: match pinned.is_untold {
                true => Kept::Untold,
                false => Kept::Board,
            },
            record: pinned.record.clone(),
            lets_on: post.serves(pinned.record.stage),
        }));
        before
    }

    /// Asks for the next proof, or goes on.
    pub(super) fn prove(mut self, desk: &mut Desk<'_>) -> Next {
        let Some(before) = self.before.last() else {
            return self.fresh(desk);
        };
        let atc = before.record.sequence;
        self.step = Step::Prove;
        Turn::Ask(self, card(&GetTransProve { atc }))
    }

    pub(super) fn proved(mut self, desk: &mut Desk<'_>, reply: Reply) -> Next {
        let Some(before) = self.before.pop() else {
            return self.fresh(desk);
        };
        let command = GetTransProve::NAME;
        let is_known = desk.terminal.number_of(before.record.serial).is_some();
        let proof = match reply {
            Reply::Ok(data) => match GetTransProve::answer(&data) {
                Ok(proof) => proof,
                Err(_) => return Turn::Done(CashEnd::Refused(Refusal::Garbled { command })),
            },
            Reply::Status(StatusWord::NO_PROOF, _) => {
                self.denied.extend(before.record.ride_key());
                return self.prove(desk);
            }
            // A card that cannot be asked is not charged while it may have paid.
            Reply::Status(sw, _) if is_known => {
                return Turn::Done(CashEnd::Refused(refusal_of(command, sw)));
            }
            Reply::Status(..) => return self.prove(desk),
            Reply::Garbled => return Turn::Done(CashEnd::Refused(Refusal::Garbled { command })),
            Reply::Lost => {
                return Turn::Done(match before.kept {
                    Kept::Intent(id) if is_known => CashEnd::Torn(Some(id)),
                    _ => CashEnd::Refused(Refusal::Lost),
                });
            }
        };
        let is_it = before
            .record
            .cash()
            .is_ok_and(|held| tongtu_crypto::equal(&held.cryptogram, &proof));
        if !is_it {
            return self.prove(desk);
        }
        if let Kept::Recent(seq) = before.kept {
            let record = before.record;
            let recent = desk.terminal.cash_recent(record.serial);
            let was_told = recent.is_some_and(|recent| recent.told);
            desk.terminal.reopened(record.serial, true);
            if !was_told || matches!(record.recovery, Recovery::Here | Recovery::Elsewhere) {
                self.tell(desk, record.ride_key(), Settlement::LetOn);
            }
            return Turn::Done(CashEnd::Reopened { seq, record });
        }
        let lets_on = before.lets_on;
        self.purpose = Some(Purpose::Vouch(before));
        if !lets_on {
            // Settled, and nobody is let through on it.
            return self.settle(desk, CashCheck::None, After::Fresh);
        }
        if desk.terminal.profile.rules.unverified == Unverified::Refuse {
            return self.settle(desk, CashCheck::None, After::Refuse(Refusal::Unverified));
        }
        self.options(desk)
    }

    /// The torn ride becomes a record: the card has proved that it paid.
    pub(super) fn settle(mut self, desk: &mut Desk<'_>, check: CashCheck, after: After) -> Next {
        let Some(Purpose::Vouch(before)) = self.purpose.take() else {
            return Turn::Done(CashEnd::Torn(self.id));
        };
        if before.kept == Kept::Untold {
            return self.settle_untold(desk, before.record, after);
        }
        let mut record: Box<TapRecord> = before.record;
        record.recovery = match before.kept {
            Kept::Board | Kept::Untold => Recovery::Elsewhere,
            Kept::Intent(_) | Kept::Recent(_) => Recovery::Here,
        };
        record.recorder = desk.terminal.psam.terminal;
        record.recorded_at = desk.at;
        if let Ok(mut proof) = record.cash() {
            proof.check = check;
            record.own = proof.own();
        }
        self.append(record, before.kept.intent(), after)
    }

    /// Another terminal has the ride's record already, so that none is made here.
    fn settle_untold(self, desk: &mut Desk<'_>, record: Box<TapRecord>, after: After) -> Next {
        match after {
            After::Accept | After::Recover => {
                self.tell(desk, record.ride_key(), Settlement::LetOn);
                let at = desk.now;
                desk.terminal.let_on_here(record.clone(), at);
                Turn::Done(CashEnd::Recovered { seq: 0, record })
            }
            After::Refuse(refusal) => Turn::Done(CashEnd::Refused(refusal)),
            After::Fresh => self.fresh(desk),
        }
    }

    /// The card has named itself: an intent of it whose proof it did not have.
    pub(super) fn old_intent(mut self, desk: &mut Desk<'_>) -> Next {
        let offer = self.offer.as_ref().expect("asked after an offer");
        let (serial, atc) = (offer.serial, offer.atc);
        let rules = &desk.terminal.profile.rules;
        if let Some(recent) = desk.terminal.cash_recent(serial) {
            let age_s = desk.now.since_s(recent.at);
            let is_ride = self.circumstances.task == Task::Ride;
            if is_ride && recent.told && age_s <= rules.retap_s {
                return Turn::Done(CashEnd::Refused(Refusal::ReTap));
            }
            if !recent.is_vouched() && age_s <= rules.grey_after_s {
                // It has paid, and its rider was sent to the staff: not charged again.
                return Turn::Done(CashEnd::Refused(Refusal::Unverified));
            }
        }
        // It says that it has no proof, and no number is missing by which it could have lost it.
        let is_free = |denied: &[RideKey], ride: Option<RideKey>| {
            ride.is_some_and(|ride| {
                denied.contains(&ride) && ride.sequence.checked_add(1) == Some(atc)
            })
        };
        let oldest = desk.now.plus_s(-desk.terminal.profile.rules.grey_after_s);
        let torn = {
            let mut torn = desk.terminal.board.cashes(oldest);
            let torn = torn.find(|pinned| pinned.record.serial == serial && !pinned.is_untold);
            torn.and_then(|torn| torn.record.ride_key())
        };
        if is_free(&self.denied, torn) {
            self.tell(desk, torn, Settlement::NotCommitted);
        }
        let open = desk.terminal.cash_intent_of(serial);
        let Some((id, record)) = open.map(|open| (open.id, open.record.clone())) else {
            return self.read(desk, 0);
        };
        if is_free(&self.denied, record.ride_key()) {
            self.step = Step::DropOld { id };
            return Turn::Ask(self, Ask::DropIntent { id });
        }
        let bytes = record
            .encode()
            .expect("every field is as wide as its value");
        self.step = Step::CloseOld { id };
        let closes = Some(id);
        Turn::Ask(
            self,
            Ask::Append {
                record: bytes,
                closes,
            },
        )
    }
}
