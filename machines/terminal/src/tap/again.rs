//! A card that was here before: torn and back, owing its vouching, or tapped a moment ago.
//!
//! This comes before lists and dates: what a card has paid is settled whatever they say now.

use alloc::boxed::Box;

use tongtu_apdu::CardCommand as _;
use tongtu_psam::PsamFault;
use tongtu_purse::command::GetProof;
use tongtu_purse::field::Serial;
use tongtu_purse::layout::PublicInfo;
use tongtu_tap_record::{RecordKind, Recovery, Stage, TapRecord};

use super::ask::Ask;
use super::card;
use super::flow::{State, Tap, Task};
use super::group::{GroupNotice, Settlement};
use super::line::Reply;
use super::outcome::{Refusal, TapOutcome, TapRide};
use super::paying::{Doubt, Paid, Paying};
use super::plan::{self, Plan};
use super::profile::{TapPost, Unverified};
use super::recovering::{Recovered, Recovering};
use super::terminal::CardTerminal;

impl Tap {
    /// The card is known: what was torn before comes first.
    pub(super) fn selected(&mut self, terminal: &mut CardTerminal, public: PublicInfo) -> Ask {
        let serial = public.serial;
        self.public = Some(public.into());
        if let Some(open) = terminal.intent_of(serial) {
            let is_past =
                terminal.is_stale(open, self.now) || !lets_on(&terminal.profile.post, &open.record);
            let (machine, ask) = Recovering::begin(open.record.clone(), Some(open.id));
            self.state = State::Recovering { machine, is_past };
            return ask;
        }
        match self.torn_elsewhere(terminal, serial) {
            Some(ask) => ask,
            None => self.known(terminal),
        }
    }

    /// What the group's board says of the card is put to the card.
    fn torn_elsewhere(&mut self, terminal: &CardTerminal, serial: Serial) -> Option<Ask> {
        let oldest = self.now.plus_s(-terminal.profile.rules.grey_after_s);
        let pinned = terminal.board.of_card(serial, oldest)?;
        let is_past = !lets_on(&terminal.profile.post, &pinned.record);
        let record = pinned.record.clone();
        let (machine, ask) = match pinned.is_untold {
            // It is whole, and nobody goes on here on it.
            true if is_past => return None,
            true => Recovering::begin_untold(record),
            false => Recovering::begin(record, None),
        };
        self.state = State::Recovering { machine, is_past };
        Some(ask)
    }

    pub(super) fn recovered(
        &mut self,
        terminal: &mut CardTerminal,
        done: Recovered,
        is_past: bool,
    ) -> Ask {
        match done {
            Recovered::Good { record, .. } if record.recovery == Recovery::Vouch => {
                match terminal.recent_of(record.serial).cloned() {
                    Some(recent) if lets_on(&terminal.profile.post, &recent.record) => {
                        self.through(terminal, recent.seq, *recent.record)
                    }
                    _ => self.known(terminal),
                }
            }
            Recovered::Good { seq, record } if !is_past => self.through(terminal, seq, *record),
            Recovered::Good { .. } => {
                let public = self.public();
                self.fresh(terminal, &public)
            }
            Recovered::Unverified { record } if is_past && record.stage != Stage::None => {
                // Settled, and nobody is let through on it: no need to vouch.
                let serial = record.serial;
                terminal.unvouched.retain(|u| u.record.serial != serial);
                let public = self.public();
                self.fresh(terminal, &public)
            }
            Recovered::Unverified { .. } => self.known(terminal),
            Recovered::Untold { record } => {
                // The other terminal saw its MAC2, but says so over a network: the card shows here
                // that it has the key.
                let since = record.recorded_at.instant().unwrap_or(self.now);
                terminal.owe_vouching(0, record, since, false);
                self.known(terminal)
            }
            Recovered::NotUntold => self.known(terminal),
            Recovered::False => self.refuse(terminal, Refusal::Mac2Wrong),
            Recovered::InDoubt(doubt @ Doubt::Own { .. }) => {
                self.doubt = Some(doubt);
                // It may be another terminal's purchase that stands in the way of ours.
                let serial = self.public().serial;
                match self.torn_elsewhere(terminal, serial) {
                    Some(ask) => ask,
                    None => self.known(terminal),
                }
            }
            Recovered::InDoubt(doubt) => {
                self.doubt.get_or_insert(doubt);
                self.known(terminal)
            }
            Recovered::Refused(refusal) => self.refuse(terminal, refusal),
            Recovered::Torn(intent) => self.torn(terminal, intent),
            Recovered::Fault(fault) => self.out_of_service(terminal, fault),
        }
    }

    pub(super) fn through(
        &mut self,
        terminal: &mut CardTerminal,
        seq: u64,
        record: TapRecord,
    ) -> Ask {
        if let Some(ride) = record.ride_key() {
            terminal.board.end(ride);
            if seq == 0 {
                terminal.told_beside(ride);
            }
            let notice = terminal.settled(ride, Settlement::LetOn);
            self.left.notices.push(notice);
        }
        let ride = TapRide { seq, record };
        self.end(terminal, TapOutcome::Recovered(ride.into()))
    }

    pub(super) fn public(&self) -> Box<PublicInfo> {
        self.public
            .clone()
            .expect("a card is selected in this state")
    }

    /// Nothing of this card is torn any more: does it owe vouching, was it here a moment ago?
    pub(super) fn known(&mut self, terminal: &mut CardTerminal) -> Ask {
        let public = self.public();
        let serial = public.serial;
        if let Some(owing) = terminal.unvouched_of(serial, self.now)
            && lets_on(&terminal.profile.post, &owing.record)
        {
            if terminal.profile.rules.unverified == Unverified::Refuse {
                return self.refuse(terminal, Refusal::Unverified);
            }
            let ride = TapRide {
                seq: owing.seq,
                record: (*owing.record).clone(),
            };
            return self.vouch(terminal, &public, ride);
        }
        if let Some(ask) = self.seen_before(terminal, serial) {
            return ask;
        }
        self.fresh(terminal, &public)
    }

    /// A card that was here a moment ago.
    pub(super) fn seen_before(&mut self, terminal: &CardTerminal, serial: Serial) -> Option<Ask> {
        let recent = terminal.recent_of(serial)?;
        let rules = &terminal.profile.rules;
        let age_s = self.now.since_s(recent.at);
        let is_gate = matches!(terminal.profile.post, TapPost::Gate(_));
        let lets_on = lets_on(&terminal.profile.post, &recent.record);
        let reopens = lets_on
            && match (recent.told, is_gate) {
                // Recorded, but power went before the beep: the rider who heard nothing taps
                // again and does not pay twice.
                (false, _) => age_s <= rules.grey_after_s,
                (true, true) => {
                    age_s > rules.retap_s && age_s <= rules.reopen_s && !recent.reopened
                }
                (true, false) => false,
            };
        if reopens {
            let proof = GetProof {
                kind: recent.latest.transaction,
                sequence: recent.latest.sequence.wrapping_add(1),
            };
            self.state = State::Reopening;
            return Some(card(&proof));
        }
        let is_retap = self.circumstances.task == Task::Ride && age_s <= rules.retap_s;
        is_retap.then(|| self.refuse(terminal, Refusal::ReTap))
    }

    /// The card shows that it is the one that paid.
    pub(super) fn reopen(&mut self, terminal: &mut CardTerminal, reply: Reply) -> Ask {
        let proof = match reply {
            Reply::Ok(data) => GetProof::answer(&data).ok(),
            Reply::Lost => return self.refuse(terminal, Refusal::Lost),
            Reply::Status(..) | Reply::Garbled => None,
        };
        let public = self.public();
        if let (Some(proof), Some(recent)) = (proof, terminal.recent_of(public.serial))
            && tongtu_purse::proof::same(&proof.mac2, &recent.latest.mac2_code)
            && tongtu_purse::proof::same(&proof.tac, &recent.latest.tac)
        {
            let ride = TapRide {
                seq: recent.seq,
                record: (*recent.record).clone(),
            };
            let was_told = recent.told;
            terminal.reopened(public.serial, false);
            if let Some(ride) = ride.record.ride_key().filter(|_| !was_told) {
                // The others may have heard that nobody told this rider.
                terminal.board.end(ride);
                let notice = terminal.settled(ride, Settlement::LetOn);
                self.left.notices.push(notice);
            }
            return self.end(terminal, TapOutcome::Reopened(ride.into()));
        }
        self.fresh(terminal, &public)
    }

    /// The ride is recorded, but its MAC2 is not verified.
    pub(super) fn unverified(&mut self, terminal: &mut CardTerminal, fault: PsamFault) -> Ask {
        let public = self.public();
        let owing = terminal.unvouched_of(public.serial, self.now);
        let is_out = fault.is_out_of_service();
        if is_out || terminal.profile.rules.unverified == Unverified::Refuse {
            // It has paid, and goes to the reader beside.
            let owing = owing.filter(|owing| owing.record.is_whole());
            self.left
                .notices
                .extend(owing.map(|owing| GroupNotice::Untold {
                    record: owing.record.clone(),
                    number: None,
                }));
            return match is_out {
                true => self.out_of_service(terminal, fault.into()),
                false => self.refuse(terminal, Refusal::Unverified),
            };
        }
        let ride = owing.map(|owing| TapRide {
            seq: owing.seq,
            record: (*owing.record).clone(),
        });
        match ride {
            Some(ride) => self.vouch(terminal, &public, ride),
            None => self.refuse(terminal, Refusal::Unverified),
        }
    }

    /// Has the card pay nothing, to see that it has the key.
    pub(super) fn vouch(
        &mut self,
        terminal: &mut CardTerminal,
        public: &PublicInfo,
        ride: TapRide,
    ) -> Ask {
        let of_ride = &ride.record;
        let record = plan::draft(
            &terminal.profile,
            &terminal.psam,
            self.at,
            public,
            |record| {
                record.kind = RecordKind::Composite;
                record.card_city = of_ride.card_city;
                record.interop = of_ride.interop;
                record.card_kind = of_ride.card_kind;
                record.line = of_ride.line;
                record.fares = of_ride.fares;
            },
        );
        let doubt = self.doubt.take();
        let plan = Plan::vouching(record);
        let (machine, ask) = Paying::begin(plan, doubt, &self.desk(terminal));
        self.state = State::Vouching(machine.into(), ride.into());
        ask
    }

    pub(super) fn vouched(
        &mut self,
        terminal: &mut CardTerminal,
        paid: Paid,
        ride: TapRide,
    ) -> Ask {
        match paid {
            Paid::Good { .. } => self.through(terminal, ride.seq, ride.record),
            Paid::Unverified(fault) if fault.is_out_of_service() => {
                self.out_of_service(terminal, fault.into())
            }
            Paid::Unverified(_) => self.refuse(terminal, Refusal::Unverified),
            other => self.unpaid(terminal, other),
        }
    }
}

/// Whether a ride of this record lets the rider go on at this post.
const fn lets_on(post: &TapPost, record: &TapRecord) -> bool {
    // What a card paid to vouch for itself belongs to a ride that is looked up by itself.
    matches!(record.stage, Stage::None) || post.serves(record.stage)
}
