//! The register's book: decides whether a change may follow, and takes it in.

use alloc::collections::BTreeMap;

use tongtu_types::{InstitutionCode, Timestamp};

use super::attempts::Attempts;
use super::event::{Credential, Event, Step, What};
use super::refusal::{RegisterRefusal, ReplayError};
use crate::code::Role;
use crate::name::Officer;
use crate::policy::{TERM_DAYS_MAX, days_s};
use crate::record::Signers;

/// The roles of the first four, in their order: whoever founds a register is enough to approve and
/// to make keys, and to register everybody else.
pub const FOUNDERS: [Role; 4] = [
    Role::NationOfficer,
    Role::NationApprover,
    Role::NationCustodian,
    Role::NationCustodian,
];

/// One officer's entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    entry: u32,
    credential: Credential,
    attempts: Attempts,
    ended: bool,
}

impl Member {
    /// Its number in the register, from 1.
    #[must_use]
    pub const fn entry(&self) -> u32 {
        self.entry
    }

    /// Officer, key and term.
    #[must_use]
    pub const fn credential(&self) -> &Credential {
        &self.credential
    }

    /// Wrong passphrases in a row.
    #[must_use]
    pub const fn failures(&self) -> u8 {
        self.attempts.failures()
    }

    /// Until when no passphrase is looked at for this officer, if so many were wrong that there is
    /// a wait; that moment may be over.
    #[must_use]
    pub fn waits_until(&self) -> Option<Timestamp> {
        self.attempts.waits_until()
    }

    /// Whether no passphrase is looked at for this officer at `at`.
    #[must_use]
    pub fn is_waiting(&self, at: Timestamp) -> bool {
        self.attempts.wait(at).is_some()
    }

    /// Whether this is no officer any more.
    #[must_use]
    pub const fn is_ended(&self) -> bool {
        self.ended
    }
}

/// Every officer of a key room, those who were too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Register {
    number: u64,
    at: Timestamp,
    members: BTreeMap<u32, Member>,
    /// Every key that any entry ever had.
    keys: BTreeMap<[u8; 33], u32>,
}

impl Register {
    /// A register without an entry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The register that events make, each of them checked again.
    ///
    /// # Errors
    /// [`ReplayError`] naming the first event that cannot follow on those before it.
    pub fn replay<'a>(events: impl IntoIterator<Item = &'a Event>) -> Result<Self, ReplayError> {
        let mut register = Self::new();
        for event in events {
            register.admit(event).map_err(|refusal| ReplayError {
                number: event.number,
                refusal,
            })?;
            register.apply(event);
        }
        Ok(register)
    }

    /// Decides on a change; changes nothing.
    ///
    /// # Errors
    /// The first [`RegisterRefusal`] that applies.
    pub fn decide(
        &self,
        entry: u32,
        at: Timestamp,
        signers: Signers,
        what: What,
    ) -> Result<Event, RegisterRefusal> {
        let event = Event {
            number: self.number + 1,
            at,
            entry,
            signers,
            what,
        };
        self.admit(&event)?;
        Ok(event)
    }

    /// Whether an event may be the next of the register; changes nothing.
    ///
    /// # Errors
    /// The first [`RegisterRefusal`] that applies.
    pub fn admit(&self, event: &Event) -> Result<(), RegisterRefusal> {
        let expected = self.number + 1;
        if event.number != expected {
            return Err(RegisterRefusal::OutOfOrder {
                found: event.number,
                expected,
            });
        }
        if event.at < self.at {
            return Err(RegisterRefusal::BackInTime {
                at: event.at,
                last: self.at,
            });
        }
        let founded = self.members.len();
        if let What::Founded(credential) = &event.what {
            return self.admit_founder(event, credential);
        }
        if founded < FOUNDERS.len() {
            return Err(RegisterRefusal::Founding {
                found: founded,
                expected: "all four before anything else",
            });
        }
        self.check_signers(event)?;
        match &event.what {
            What::Founded(_) => unreachable!("admitted before"),
            What::Registered(credential) => self.check_new(event, credential),
            _ => self.check_entry(event),
        }
    }

    fn admit_founder(&self, event: &Event, founder: &Credential) -> Result<(), RegisterRefusal> {
        let found = self.members.len();
        let Some(expected) = FOUNDERS.get(found).copied() else {
            return Err(RegisterRefusal::Founding {
                found,
                expected: "four and no more",
            });
        };
        if event.signers != Signers::System {
            return Err(RegisterRefusal::Signers {
                step: Step::Founded,
                expected: "the four founders, who sign it together",
            });
        }
        if founder.officer.role != expected {
            return Err(RegisterRefusal::Founder {
                number: found + 1,
                found: founder.officer.role,
                expected,
            });
        }
        self.check_new(event, founder)
    }

    /// Two of the nation in different roles, or for another key whoever has the old one and an
    /// officer or approver of the nation.
    fn check_signers(&self, event: &Event) -> Result<(), RegisterRefusal> {
        let step = event.what.step();
        let refused = |expected| Err(RegisterRefusal::Signers { step, expected });
        match (step, event.signers) {
            (Step::Failed | Step::Cleared, Signers::System) => Ok(()),
            (Step::Failed | Step::Cleared, _) => refused("the register itself"),
            (Step::Rotated, Signers::Two(first, second)) => {
                let own = self.members.get(&event.entry);
                let is_own = own.is_some_and(|own| own.credential.officer == first);
                let may = matches!(second.role, Role::NationOfficer | Role::NationApprover);
                if is_own && may && !first.is_same_person(&second) {
                    Ok(())
                } else {
                    refused("the officer, then the nation's key officer or approver")
                }
            }
            (_, Signers::Two(first, second)) => {
                let may = |officer: Officer| {
                    matches!(
                        officer.role,
                        Role::NationOfficer | Role::NationApprover | Role::NationCustodian
                    )
                };
                let own = self.members.get(&event.entry);
                let is_own = own.is_some_and(|own| {
                    let officer = &own.credential.officer;
                    officer.is_same_person(&first) || officer.is_same_person(&second)
                });
                if may(first) && may(second) && first.role != second.role && !is_own {
                    Ok(())
                } else {
                    refused("two others of the nation, in two roles")
                }
            }
            _ => refused("two officers"),
        }
    }

    fn check_new(&self, event: &Event, new: &Credential) -> Result<(), RegisterRefusal> {
        if event.entry != self.next_entry() {
            return Err(RegisterRefusal::Entry { entry: event.entry });
        }
        let officer = new.officer;
        let same = self
            .members
            .values()
            .find(|member| !member.ended && member.credential.officer.is_same_person(&officer));
        if let Some(same) = same {
            return Err(RegisterRefusal::Exists {
                number: officer.number,
                institution: officer.institution,
                entry: same.entry,
            });
        }
        self.check_key(&new.public_key)?;
        let nation = InstitutionCode::national();
        let is_seated = match officer.role {
            Role::NationOfficer | Role::NationApprover | Role::NationCustodian => {
                officer.institution == nation
            }
            // The nation is its own province and holder: its own keys go the same way.
            Role::ProvinceOfficer
            | Role::ProvinceApprover
            | Role::HolderCustodian
            | Role::Supervisor => true,
        };
        if !is_seated {
            return Err(RegisterRefusal::Seat {
                role: officer.role,
                institution: officer.institution,
            });
        }
        if new.until <= new.from || new.until.since_s(new.from) > days_s(TERM_DAYS_MAX) {
            return Err(RegisterRefusal::Term {
                from: new.from,
                until: new.until,
            });
        }
        Ok(())
    }

    fn check_key(&self, key: &[u8; 33]) -> Result<(), RegisterRefusal> {
        match self.keys.get(key) {
            Some(entry) => Err(RegisterRefusal::KeyAgain { entry: *entry }),
            None => Ok(()),
        }
    }

    fn check_entry(&self, event: &Event) -> Result<(), RegisterRefusal> {
        let (entry, step) = (event.entry, event.what.step());
        let member = self
            .members
            .get(&entry)
            .ok_or(RegisterRefusal::Entry { entry })?;
        let follows = |holds: bool, expected| {
            if holds {
                Ok(())
            } else {
                Err(RegisterRefusal::Follows {
                    entry,
                    step,
                    expected,
                })
            }
        };
        follows(!member.ended, "an officer")?;
        match &event.what {
            What::Rotated { public_key } => self.check_key(public_key),
            What::Unlocked => follows(
                member.attempts.have_wait(),
                "an officer with a wait after failures",
            ),
            What::Failed => follows(
                !member.is_waiting(event.at),
                "an officer for whom a passphrase was looked at",
            ),
            What::Cleared => follows(member.failures() > 0, "some failures"),
            What::Founded(_) | What::Registered(_) | What::Ended(_) => Ok(()),
        }
    }

    /// Makes an event part of the register.
    ///
    /// # Panics
    /// When the event is not the next one of this register: a fault of the program, for whoever
    /// applies an event decided it or replays it.
    pub fn apply(&mut self, event: &Event) {
        assert!(
            event.number == self.number + 1,
            "event {} is applied after event {}",
            event.number,
            self.number
        );
        (self.number, self.at) = (event.number, event.at);
        let entry = event.entry;
        if let What::Founded(credential) | What::Registered(credential) = event.what {
            self.keys.insert(credential.public_key, entry);
            let member = Member {
                entry,
                credential,
                attempts: Attempts::default(),
                ended: false,
            };
            self.members.insert(entry, member);
            return;
        }
        let member = self.members.get_mut(&entry);
        let member = member.expect("admitted with its entry");
        match event.what {
            What::Founded(_) | What::Registered(_) => unreachable!("taken in before"),
            What::Rotated { public_key } => {
                member.credential.public_key = public_key;
                self.keys.insert(public_key, entry);
            }
            What::Ended(_) => member.ended = true,
            What::Unlocked | What::Cleared => member.attempts.clear(),
            What::Failed => member.attempts.fail(event.at),
        }
    }

    /// The entry that is this officer at `at`.
    ///
    /// # Errors
    /// The first [`RegisterRefusal`] that applies.
    pub fn credential(&self, officer: &Officer, at: Timestamp) -> Result<&Member, RegisterRefusal> {
        let officer = *officer;
        let member = self
            .find(&officer)
            .ok_or(RegisterRefusal::Unknown { officer })?;
        let own = member.credential;
        if own.officer.role != officer.role {
            let expected = own.officer.role;
            return Err(RegisterRefusal::Role { officer, expected });
        }
        if member.ended {
            return Err(RegisterRefusal::Ended { officer });
        }
        if at < own.from || at >= own.until {
            return Err(RegisterRefusal::OutsideTerm {
                officer,
                from: own.from,
                until: own.until,
                at,
            });
        }
        Ok(member)
    }

    /// Whether a passphrase for this officer's key is looked at now; asked before it is.
    ///
    /// # Errors
    /// [`RegisterRefusal::Waits`] while there is a wait; whoever is no officer is told elsewhere.
    pub fn admit_passphrase(
        &self,
        officer: &Officer,
        at: Timestamp,
    ) -> Result<(), RegisterRefusal> {
        let wait = self
            .find(officer)
            .and_then(|member| member.attempts.wait(at));
        match wait {
            Some(until) => Err(RegisterRefusal::Waits {
                officer: *officer,
                until,
            }),
            None => Ok(()),
        }
    }

    /// The last entry of this person, whatever the role.
    #[must_use]
    pub fn find(&self, officer: &Officer) -> Option<&Member> {
        let mut members = self.members.values().rev();
        members.find(|member| member.credential.officer.is_same_person(officer))
    }

    /// An entry.
    #[must_use]
    pub fn member(&self, entry: u32) -> Option<&Member> {
        self.members.get(&entry)
    }

    /// Every entry, those who are no officers any more too.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    /// The number that the next officer's entry has.
    #[must_use]
    pub fn next_entry(&self) -> u32 {
        let last = self.members.last_key_value().map_or(0, |(last, _)| *last);
        last.saturating_add(1)
    }

    /// The number of the last event, 0 before the first.
    #[must_use]
    pub const fn last_number(&self) -> u64 {
        self.number
    }

    /// The time of the last event.
    #[must_use]
    pub const fn last_at(&self) -> Timestamp {
        self.at
    }
}
