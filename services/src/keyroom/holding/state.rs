//! What the steps of a holder's custody come to: its custodians, the keys in it, the end of its chain.

use std::collections::{BTreeMap, BTreeSet};

use tongtu_audit::{AnchorKeys, AuditLine, AuditLog, Outcome, Word};
use tongtu_crypto::PublicKey;
use tongtu_keyring::code::Role;
use tongtu_keyring::register::Attempts;
use tongtu_keyring::{Check, KeyNumber, Officer, OfficerNumber};
use tongtu_keyroom::{Head, Part, Step};
use tongtu_types::{InstitutionCode, Timestamp};

use super::super::approval::APPROVAL_MAX_S;
use super::super::books::parse_anchor_key;
use super::super::room::actor_of;
use super::act::{Custodian, HoldingAct, HoldingApproval};
use super::error::{HoldingFault, HoldingRefusal};

/// The deed of a line that says of a wrong passphrase.
pub(super) const UNSEAL: &str = "officer.unseal";

/// The reason in that line.
pub(super) fn wrong_passphrase() -> Word<30> {
    Word::parse("holding.passphrase").expect("a short word")
}

/// Whose custody it is and by whose books it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Founded {
    pub(super) institution: InstitutionCode,
    pub(super) centre: [u8; 33],
}

/// Everything that a holder's custody knows but the keys.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    pub(super) founded: Option<Founded>,
    pub(super) custodians: Vec<Custodian>,
    /// Keys that are or were somebody's: a person with one key is not two.
    known: BTreeSet<[u8; 33]>,
    /// Wrong passphrases of custodians in a row: the chain's lines say of them.
    attempts: BTreeMap<OfficerNumber, Attempts>,
    pub(super) held: BTreeMap<KeyNumber, Check>,
    /// When the newest extract was made that an act went by.
    pub(super) book: Option<Timestamp>,
    pub(super) acts: u64,
    pub(super) log: AuditLog,
    pub(super) anchor_keys: AnchorKeys,
}

impl State {
    /// Whether an approval holds here at `at`, and its act may follow.
    pub(super) fn check(
        &self,
        custody: &[u8; 16],
        approval: &HoldingApproval,
        at: Timestamp,
    ) -> Result<(), HoldingRefusal> {
        if approval.custody != *custody {
            return Err(HoldingRefusal::Custody);
        }
        let (found, expected) = (approval.acts, self.acts);
        if found != expected {
            return Err(HoldingRefusal::Stale { found, expected });
        }
        let (until, now) = (approval.until, at);
        if now >= until || until.since_s(now) > APPROVAL_MAX_S {
            return Err(HoldingRefusal::Term { until, now });
        }
        let [first, second] = &approval.by[..] else {
            let found = approval.by.len();
            return Err(HoldingRefusal::Two { found });
        };
        for (officer, signature) in [first, second] {
            let custodian = self.custodian(&approval.act, officer);
            let custodian = custodian.ok_or(HoldingRefusal::Custodian { officer: *officer })?;
            if !approval.verifies(officer, &custodian.public_key, signature) {
                return Err(HoldingRefusal::Signature { officer: *officer });
            }
        }
        if first.0.is_same_person(&second.0) {
            return Err(HoldingRefusal::Twice { officer: first.0 });
        }
        if let HoldingAct::Unlock(number) = approval.act
            && approval.by.iter().any(|(by, _)| by.number == number)
        {
            return Err(HoldingRefusal::OwnWait { number });
        }
        self.admit(&approval.act)
    }

    /// Until when no passphrase of a custodian is looked at, if there is a wait at `at`.
    pub(super) fn wait(&self, officer: &Officer, at: Timestamp) -> Option<Timestamp> {
        self.attempts.get(&officer.number)?.wait(at)
    }

    /// A passphrase of a custodian was wrong.
    pub(super) fn fail(&mut self, officer: &Officer, at: Timestamp) {
        self.attempts.entry(officer.number).or_default().fail(at);
    }

    /// What a line of the chain says of a wrong passphrase.
    fn count(&mut self, line: &AuditLine) {
        let outcome = line.entry().map(|entry| entry.outcome);
        let is_wrong = outcome == Ok(Outcome::Refused(wrong_passphrase()));
        let is_one = is_wrong && line.deed.as_str() == UNSEAL;
        let Some(founded) = self.founded.filter(|_| is_one) else {
            return;
        };
        let mut officers = self
            .custodians
            .iter()
            .map(|c| c.officer(founded.institution));
        let officer = officers.find(|officer| actor_of(officer) == line.actor);
        if let Some(officer) = officer {
            self.fail(&officer, line.at);
        }
    }

    /// The custodian that an officer is; at the founding, one of those who found.
    fn custodian(&self, act: &HoldingAct, officer: &Officer) -> Option<Custodian> {
        let (institution, custodians) = match (act, &self.founded) {
            (
                HoldingAct::Found {
                    institution,
                    custodians,
                    ..
                },
                None,
            ) => (*institution, &custodians[..]),
            (_, Some(founded)) => (founded.institution, &self.custodians[..]),
            (_, None) => return None,
        };
        let is_of_here =
            officer.institution == institution && officer.role == Role::HolderCustodian;
        let mut custodians = custodians.iter();
        let found = custodians.find(|custodian| custodian.number == officer.number);
        found.copied().filter(|_| is_of_here)
    }

    /// Whether an act may follow, whoever signed it.
    fn admit(&self, act: &HoldingAct) -> Result<(), HoldingRefusal> {
        let is_founding = matches!(act, HoldingAct::Found { .. });
        if is_founding == self.founded.is_some() {
            return Err(HoldingRefusal::Founding);
        }
        if let (Some(offered), Some(held)) = (act.book(), self.book)
            && offered < held
        {
            return Err(HoldingRefusal::BookOlder { offered, held });
        }
        let has = |key: &KeyNumber| self.held.contains_key(key);
        match act {
            HoldingAct::Found { custodians, .. } => {
                let [first, second] = custodians;
                if first.number == second.number || first.public_key == second.public_key {
                    let number = second.number;
                    return Err(HoldingRefusal::Entered { number });
                }
                Ok(())
            }
            HoldingAct::Component { key, .. } | HoldingAct::TakeIn { key, .. } if has(key) => {
                Err(HoldingRefusal::Held { key: *key })
            }
            HoldingAct::TakeIn { transport: key, .. } | HoldingAct::Destroy { key, .. }
                if !has(key) =>
            {
                Err(HoldingRefusal::NotHeld { key: *key })
            }
            HoldingAct::Enter(custodian) => {
                let number = custodian.number;
                let is_known = self.known.contains(&custodian.public_key);
                if is_known || self.custodians.iter().any(|c| c.number == number) {
                    return Err(HoldingRefusal::Entered { number });
                }
                Ok(())
            }
            HoldingAct::End(number) => {
                let number = *number;
                if !self.custodians.iter().any(|c| c.number == number) {
                    return Err(HoldingRefusal::NoCustodian { number });
                }
                if self.custodians.len() < 3 {
                    return Err(HoldingRefusal::LastTwo);
                }
                Ok(())
            }
            HoldingAct::Unlock(number) => {
                let number = *number;
                if !self.custodians.iter().any(|c| c.number == number) {
                    return Err(HoldingRefusal::NoCustodian { number });
                }
                let attempts = self.attempts.get(&number);
                if !attempts.is_some_and(Attempts::have_wait) {
                    return Err(HoldingRefusal::NoWait { number });
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Takes in an act that was carried out. Whoever signed is who they are: what was wrong before
    /// counts no more.
    pub(super) fn apply(&mut self, approval: &HoldingApproval) {
        let act = &approval.act;
        self.acts += 1;
        self.book = act.book().or(self.book);
        for (officer, _) in &approval.by {
            self.attempts.remove(&officer.number);
        }
        match act {
            HoldingAct::Found {
                institution,
                centre,
                custodians,
            } => {
                self.founded = Some(Founded {
                    institution: *institution,
                    centre: *centre,
                });
                self.custodians.extend(custodians);
                self.known.extend(custodians.map(|c| c.public_key));
            }
            HoldingAct::Component { key, check, .. } | HoldingAct::TakeIn { key, check, .. } => {
                self.held.insert(*key, *check);
            }
            HoldingAct::Destroy { key, .. } => {
                self.held.remove(key);
            }
            HoldingAct::Enter(custodian) => {
                self.custodians.push(*custodian);
                self.known.insert(custodian.public_key);
            }
            HoldingAct::End(number) => {
                self.custodians.retain(|c| c.number != *number);
                self.attempts.remove(number);
            }
            HoldingAct::Unlock(number) => {
                self.attempts.remove(number);
            }
            HoldingAct::Centre(centre) => {
                if let Some(founded) = &mut self.founded {
                    founded.centre = *centre;
                }
            }
        }
    }

    /// Takes a stored step in, checking everything in it again.
    pub(super) fn take(&mut self, head: &Head, step: &Step) -> Result<(), HoldingFault> {
        // Everything in a step is of one moment, which its lines say.
        let line = step.entries.iter().find(|entry| entry.part == Part::Line);
        let line = line.and_then(|entry| AuditLine::decode(&entry.bytes).ok());
        let at = line.map_or(Timestamp::new(0), |line| line.at);
        for entry in &step.entries {
            match entry.part {
                Part::Approval => {
                    let text = String::from_utf8_lossy(&entry.bytes);
                    let approval = HoldingApproval::parse(&text)?;
                    self.check(&head.room, &approval, at)?;
                    self.apply(&approval);
                }
                Part::AnchorKey => {
                    let (number, key) = read_anchor_key(&entry.bytes)?;
                    if number != 0 || self.anchor_keys.insert(number, key).is_some() {
                        return Err(HoldingFault::AnchorKey);
                    }
                }
                Part::Line => {
                    self.log.follow(&entry.bytes)?;
                    if let Ok(line) = AuditLine::decode(&entry.bytes) {
                        self.count(&line);
                    }
                }
                Part::Anchor => self.log.follow_anchor(&entry.bytes, &self.anchor_keys)?,
                Part::Key | Part::Authority | Part::Officer | Part::Cash => {
                    return Err(HoldingFault::Part);
                }
            }
        }
        Ok(())
    }
}

fn read_anchor_key(bytes: &[u8]) -> Result<(u32, PublicKey), HoldingFault> {
    let text = std::str::from_utf8(bytes).ok();
    text.and_then(parse_anchor_key)
        .ok_or(HoldingFault::AnchorKey)
}
