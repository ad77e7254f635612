//! What a room's steps come to: both books, the register, the end of the audit chain.

use std::collections::{BTreeMap, BTreeSet};

use tongtu_audit::{AnchorKeys, AuditLine, AuditLog, Word};
use tongtu_codec::hex_decode;
use tongtu_crypto::{PublicKey, sm3};
use tongtu_keyring::code::Purpose;
use tongtu_keyring::register::{self, Register};
use tongtu_keyring::{Check, Event, KeyBook, KeyNumber, Signers, ca};
use tongtu_keyroom::{Head, Part, Step};
use tongtu_types::Timestamp;

use super::act::{Act, Book, lower_hex};
use super::approval::{APPROVAL_MAX_S, Approval};
use super::cash::{CashBook, CashEvent};
use super::error::{ApprovalRefusal, StepFault};

/// The deed of a line about a note that was filed.
pub(crate) const NOTE_FILED: &str = "note.filed";

/// The note that a line is about, if it says that one was filed.
pub(crate) fn filed_by(line: &tongtu_audit::Entry) -> Option<sm3::Digest> {
    let deed = Word::parse(NOTE_FILED).ok()?;
    line.about.filter(|_| line.deed == deed)
}

/// Everything that a room knows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Books {
    pub(crate) keys: KeyBook,
    pub(crate) authority: ca::Authority,
    pub(crate) officers: Register,
    pub(crate) cash: CashBook,
    pub(crate) log: AuditLog,
    pub(crate) anchor_keys: AnchorKeys,
    /// Approvals that were carried out and are not over, by what they say.
    used: BTreeMap<sm3::Digest, Timestamp>,
    /// Notes of nodes that were filed, by their ids.
    pub(crate) filed: BTreeSet<sm3::Digest>,
}

impl Books {
    pub(crate) fn number(&self, book: Book) -> u64 {
        match book {
            Book::Keys => self.keys.last_number(),
            Book::Authority => self.authority.last_number(),
            Book::Officers => self.officers.last_number(),
            Book::Cash => self.cash.last_number(),
        }
    }

    /// Whether an approval holds in this room at `at`.
    pub(crate) fn check_approval(
        &self,
        room: &[u8; 16],
        approval: &Approval,
        at: Timestamp,
    ) -> Result<(), ApprovalRefusal> {
        let state = (room, self.number(approval.act.book()));
        check_approval(state, &self.officers, approval, at)?;
        if self.used.contains_key(&approval.body_digest()) {
            return Err(ApprovalRefusal::Used);
        }
        Ok(())
    }

    /// Remembers that an approval was carried out at `at`, until it is over anyway.
    pub(crate) fn use_up(&mut self, approval: &Approval, at: Timestamp) {
        self.used.retain(|_, until| at < *until);
        self.used.insert(approval.body_digest(), approval.until);
    }

    /// Takes a stored step in, checking everything in it again: that officers signed for what the
    /// events say, that the events may follow, and the audit chain.
    pub(crate) fn take(&mut self, head: &Head, step: &Step) -> Result<(), StepFault> {
        // Everything in a step is of one moment, which its lines say.
        let line = step.entries.iter().find(|entry| entry.part == Part::Line);
        let line = line.and_then(|entry| AuditLine::decode(&entry.bytes).ok());
        let at = line.map_or(Timestamp::new(0), |line| line.at);
        let mut approval: Option<Approval> = None;
        for entry in &step.entries {
            match entry.part {
                Part::Approval => {
                    let text = String::from_utf8_lossy(&entry.bytes);
                    let read = Approval::parse(&text)?;
                    // It stands before the events that come of it, so the books are still those
                    // that it was for.
                    self.check_approval(&head.room, &read, at)?;
                    self.use_up(&read, at);
                    approval = Some(read);
                }
                Part::Key => {
                    let event = Event::decode(&entry.bytes)?;
                    let number = event.number;
                    if event.signers != Signers::System {
                        let covers = |act: &Act| act.covers_key(&event);
                        let it = (event.at == at, event.signers);
                        check_signed(approval.as_ref(), (Book::Keys, number), it, covers)?;
                    }
                    self.keys.admit(&event).map_err(|refusal| StepFault::Key {
                        number,
                        refusal: Box::new(refusal),
                    })?;
                    self.keys.apply(&event);
                }
                Part::Authority => {
                    let event = ca::Event::decode(&entry.bytes)?;
                    let number = event.number;
                    if event.signers != Signers::System {
                        let covers =
                            |act: &Act| act.covers_authority(&event) && self.is_of_key(act, &event);
                        let it = (event.at == at, event.signers);
                        check_signed(approval.as_ref(), (Book::Authority, number), it, covers)?;
                    }
                    let admitted = self.authority.admit(&event, self.keys.cities());
                    admitted.map_err(|refusal| StepFault::Authority {
                        number,
                        refusal: Box::new(refusal),
                    })?;
                    self.authority.apply(&event);
                }
                Part::Officer => {
                    let event = register::Event::decode(&entry.bytes)?;
                    let number = event.number;
                    let is_founding = matches!(event.what, register::What::Founded(_));
                    if event.signers != Signers::System || is_founding {
                        let covers = |act: &Act| act.covers_officer(&event);
                        let it = (event.at == at, event.signers);
                        check_signed(approval.as_ref(), (Book::Officers, number), it, covers)?;
                    }
                    let admitted = self.officers.admit(&event);
                    admitted.map_err(|refusal| StepFault::Officer { number, refusal })?;
                    self.officers.apply(&event);
                }
                Part::Cash => {
                    let number = self.cash.last_number() + 1;
                    let fault = |refusal| StepFault::Cash {
                        number,
                        refusal: Box::new(refusal),
                    };
                    let event = CashEvent::decode(&entry.bytes).map_err(fault)?;
                    let by = approval.as_ref().filter(|by| event.comes_of(&by.act));
                    let book = Book::Cash;
                    let signers = by.and_then(Approval::signers);
                    let signers = signers.ok_or(StepFault::Unapproved { book, number })?;
                    let room = (&self.keys, head.mark);
                    let admitted = self.cash.admit(&event, &signers, room, at);
                    admitted.map_err(fault)?;
                    self.cash.apply(&event, signers);
                }
                Part::AnchorKey => {
                    let (number, key) = read_anchor_key(&entry.bytes)?;
                    self.check_anchor_key(number, &key)?;
                    self.anchor_keys.insert(number, key);
                }
                Part::Line => {
                    self.log.follow(&entry.bytes)?;
                    let line = AuditLine::decode(&entry.bytes).ok();
                    let line = line.and_then(|line| line.entry().ok());
                    self.filed.extend(line.and_then(|line| filed_by(&line)));
                }
                Part::Anchor => self.log.follow_anchor(&entry.bytes, &self.anchor_keys)?,
            }
        }
        Ok(())
    }

    /// Whether an application that an act lets the custody make has the key which the act names.
    fn is_of_key(&self, act: &Act, event: &ca::Event) -> bool {
        let (Act::SubmitOf { key, .. }, ca::What::Submitted(application)) = (act, &event.what)
        else {
            return true;
        };
        let check = Check::Fingerprint(sm3::digest(&application.public_key));
        let life = self.keys.key(*key);
        life.and_then(|life| life.custody())
            .map(|custody| custody.check)
            == Some(check)
    }

    /// A public key of anchors is that of a key of the book, or the first one, which is in none.
    fn check_anchor_key(&self, number: u32, key: &PublicKey) -> Result<(), StepFault> {
        let fresh = !self.anchor_keys.contains_key(&number);
        let Some(number) = KeyNumber::new(number) else {
            return if fresh {
                Ok(())
            } else {
                Err(StepFault::AnchorKey)
            };
        };
        let life = self.keys.key(number).ok_or(StepFault::AnchorKey)?;
        let digest = sm3::digest(&key.to_compressed());
        let is_it = life.request().slot.purpose == Purpose::AuditAnchor
            && life.custody().map(|custody| custody.check) == Some(Check::Fingerprint(digest));
        if fresh && is_it {
            Ok(())
        } else {
            Err(StepFault::AnchorKey)
        }
    }
}

/// Whether an approval holds in a room whose book is at this event, at `at`, by this register.
fn check_approval(
    (room, expected): (&[u8; 16], u64),
    officers: &Register,
    approval: &Approval,
    at: Timestamp,
) -> Result<(), ApprovalRefusal> {
    if approval.room != *room {
        return Err(ApprovalRefusal::Room);
    }
    let (book, found) = (approval.act.book(), approval.after);
    if found != expected {
        return Err(ApprovalRefusal::Stale {
            book,
            found,
            expected,
        });
    }
    let (until, now) = (approval.until, at);
    if now >= until {
        return Err(ApprovalRefusal::Over { until, now });
    }
    if until.since_s(now) > APPROVAL_MAX_S {
        return Err(ApprovalRefusal::TooLong { until, now });
    }
    let found = approval.by.len();
    if let Act::Found(founders) = &approval.act {
        if found != founders.len() {
            let expected = "all four founders'";
            return Err(ApprovalRefusal::Signatures { found, expected });
        }
        for ((number, founder), (officer, signature)) in
            (1..).zip(founders.iter()).zip(&approval.by)
        {
            if *officer != founder.officer {
                return Err(ApprovalRefusal::Founder { number });
            }
            if !approval.verifies(officer, &founder.public_key, signature) {
                let officer = *officer;
                return Err(ApprovalRefusal::Signature { officer });
            }
        }
        return Ok(());
    }
    if !(1..=2).contains(&found) {
        let expected = "one or two";
        return Err(ApprovalRefusal::Signatures { found, expected });
    }
    for (officer, signature) in &approval.by {
        let member = officers.credential(officer, at)?;
        if !approval.verifies(officer, &member.credential().public_key, signature) {
            let officer = *officer;
            return Err(ApprovalRefusal::Signature { officer });
        }
    }
    Ok(())
}

/// That officers signed an act of which an event comes, and that the event says so.
fn check_signed(
    approval: Option<&Approval>,
    (book, number): (Book, u64),
    (is_of_step, signers): (bool, Signers),
    covers: impl Fn(&Act) -> bool,
) -> Result<(), StepFault> {
    let holds = approval.is_some_and(|approval| {
        let is_founding = matches!(approval.act, Act::Found(_));
        let says_so = is_founding || approval.signers() == Some(signers);
        is_of_step && says_so && covers(&approval.act)
    });
    if holds {
        Ok(())
    } else {
        Err(StepFault::Unapproved { book, number })
    }
}

/// A public key of anchors as it is kept: a line of text for whoever verifies.
pub(crate) fn anchor_key_line(number: u32, key: &PublicKey) -> Vec<u8> {
    format!("{number} {}\n", lower_hex(&key.to_compressed())).into_bytes()
}

/// Reads such a line.
fn read_anchor_key(bytes: &[u8]) -> Result<(u32, PublicKey), StepFault> {
    let text = std::str::from_utf8(bytes).map_err(|_| StepFault::AnchorKey)?;
    let (number, key) = parse_anchor_key(text).ok_or(StepFault::AnchorKey)?;
    if anchor_key_line(number, &key) == bytes {
        Ok((number, key))
    } else {
        Err(StepFault::AnchorKey)
    }
}

/// A key's number and the key, from its line.
#[must_use]
pub fn parse_anchor_key(line: &str) -> Option<(u32, PublicKey)> {
    let (number, key) = line.trim_end_matches('\n').split_once(' ')?;
    let key = hex_decode(key).ok()?.try_into().ok()?;
    Some((number.parse().ok()?, PublicKey::from_compressed(&key).ok()?))
}
