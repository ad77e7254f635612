//! Who may take which step, after what, and where it takes two persons: one table.
//!
//! docs/keys.md shows this table; a test compares them.

use alloc::string::String;
use core::fmt::Write as _;

use tongtu_types::{CityCode, InstitutionCode};

use crate::code::{Role, Stage, Step};
use crate::name::Officer;
use crate::record::Signers;

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Duty {
    /// The step.
    pub step: Step,
    /// The first officer's role; `None` where the book itself takes the step.
    pub first: Option<Role>,
    /// The second officer's role, where the step takes two persons.
    pub second: Option<Role>,
    /// The step by whose officers this one may not be taken.
    pub apart: Option<Step>,
    /// The stages after which it may follow; empty for a step that begins something.
    pub after: &'static [Stage],
}

use Stage::{
    Active, Approved, Distributed, Generated, Overlap, RenewalDue, Requested, Suspended, Unused,
};

/// In use, or accepted.
const IN_USE: &[Stage] = &[Active, RenewalDue, Overlap, Unused];
/// Makes, or would if it were not stopped.
const LEADS: &[Stage] = &[Active, RenewalDue, Unused, Suspended];
/// In use, accepted or stopped.
const ALIVE: &[Stage] = &[Active, RenewalDue, Overlap, Unused, Suspended];
/// Somewhere a device has it.
const MADE: &[Stage] = &[
    Generated,
    Distributed,
    Active,
    RenewalDue,
    Overlap,
    Unused,
    Suspended,
];
/// Not at an end.
const OPEN: &[Stage] = &[
    Requested,
    Approved,
    Generated,
    Distributed,
    Active,
    RenewalDue,
    Overlap,
    Unused,
    Suspended,
];

const fn duty(
    step: Step,
    first: Option<Role>,
    second: Option<Role>,
    apart: Option<Step>,
    after: &'static [Stage],
) -> Duty {
    Duty {
        step,
        first,
        second,
        apart,
        after,
    }
}

/// The table.
///
/// Source: who applies, hands on, suspends and cleans up is the service rules draft §9 to §11 and
/// §32. UNSPECIFIED: how many persons each step takes and what they are called; ours.
pub const DUTIES: &[Duty] = {
    use Role::{
        HolderCustodian, NationApprover, NationCustodian, NationOfficer, ProvinceApprover,
        ProvinceOfficer, Supervisor,
    };
    &[
        duty(
            Step::CityRegistered,
            Some(NationOfficer),
            Some(NationApprover),
            None,
            &[],
        ),
        duty(Step::Requested, Some(ProvinceOfficer), None, None, &[]),
        duty(
            Step::Approved,
            Some(NationOfficer),
            Some(NationApprover),
            None,
            &[Requested],
        ),
        duty(
            Step::Rejected,
            Some(NationApprover),
            None,
            None,
            &[Requested, Approved],
        ),
        duty(
            Step::Generated,
            Some(NationCustodian),
            Some(NationCustodian),
            Some(Step::Approved),
            &[Approved],
        ),
        duty(
            Step::Distributed,
            Some(ProvinceOfficer),
            Some(HolderCustodian),
            None,
            &[Generated],
        ),
        duty(
            Step::Activated,
            Some(HolderCustodian),
            Some(HolderCustodian),
            None,
            &[Distributed],
        ),
        duty(Step::Used, None, None, None, IN_USE),
        duty(Step::Noticed, None, None, None, LEADS),
        duty(
            Step::FlaggedUnused,
            None,
            None,
            None,
            &[Distributed, Active, RenewalDue],
        ),
        duty(Step::Misused, None, None, None, &[]),
        duty(Step::Reviewed, Some(Supervisor), None, None, ALIVE),
        duty(Step::Suspended, Some(Supervisor), None, None, IN_USE),
        duty(
            Step::Resumed,
            Some(Supervisor),
            Some(Supervisor),
            None,
            &[Suspended],
        ),
        duty(Step::Retired, None, None, None, OPEN),
        duty(
            Step::Revoked,
            Some(Supervisor),
            Some(Supervisor),
            None,
            MADE,
        ),
        duty(
            Step::Withdrawn,
            Some(ProvinceOfficer),
            Some(ProvinceApprover),
            None,
            &[Unused],
        ),
    ]
};

impl Duty {
    /// The row of a step.
    #[must_use]
    pub fn of(step: Step) -> &'static Self {
        DUTIES
            .iter()
            .find(|duty| duty.step == step)
            .expect("the table has a row for every step")
    }
}

/// What is wrong with those who took a step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DutyFault {
    /// Too few or too many officers.
    #[error("{found} officers, expected {expected}")]
    Officers {
        /// How many there are.
        found: usize,
        /// How many the step takes.
        expected: usize,
    },
    /// Both are one person.
    #[error("officer {officer} signed twice, expected two persons")]
    SamePerson {
        /// Who.
        officer: Officer,
    },
    /// Another role.
    #[error("officer {officer} is not {expected}")]
    Role {
        /// Who.
        officer: Officer,
        /// The role that the step needs.
        expected: Role,
    },
    /// The right role, elsewhere.
    #[error("officer {officer} belongs to another institution, expected {expected}")]
    Institution {
        /// Who.
        officer: Officer,
        /// Where an officer of this step belongs, in words.
        expected: &'static str,
    },
    /// Took part in a step that must be apart from this one.
    #[error("officer {officer} already took part when it was {earlier}")]
    Apart {
        /// Who.
        officer: Officer,
        /// The earlier step.
        earlier: Step,
    },
}

/// The institutions that a key's or certificate's officers belong to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seats {
    pub(crate) province: InstitutionCode,
    pub(crate) holder: InstitutionCode,
    pub(crate) city: CityCode,
}

impl Seats {
    /// For what is the nation's alone.
    pub(crate) fn national() -> Self {
        let nation = InstitutionCode::national();
        Self {
            province: nation,
            holder: nation,
            city: nation.city(),
        }
    }

    /// Where an officer of this role must belong; `None` where one does.
    fn misses(&self, officer: &Officer) -> Option<&'static str> {
        let nation = InstitutionCode::national();
        let at = officer.institution;
        let (holds, expected) = match officer.role {
            Role::NationOfficer | Role::NationApprover | Role::NationCustodian => {
                (at == nation, "the nation")
            }
            Role::ProvinceOfficer | Role::ProvinceApprover => {
                (at == self.province, "the key's province")
            }
            Role::HolderCustodian => (at == self.holder, "the key's holder"),
            // The authority of the place, or one above it.
            Role::Supervisor => (
                at == nation || at == self.province || at.city() == self.city,
                "the authority of the key's city, its province or the nation",
            ),
        };
        (!holds).then_some(expected)
    }
}

/// Checks those who signed against roles, seats and the officers of an earlier step.
pub(crate) fn check(
    roles: (Option<Role>, Option<Role>),
    signers: &Signers,
    seats: &Seats,
    apart: Option<(Step, &Signers)>,
) -> Result<(), DutyFault> {
    let officers = signers.officers();
    let roles = [roles.0, roles.1];
    let found = officers.iter().flatten().count();
    let expected = roles.iter().flatten().count();
    if found != expected {
        return Err(DutyFault::Officers { found, expected });
    }
    if let [Some(first), Some(second)] = officers
        && first.is_same_person(&second)
    {
        return Err(DutyFault::SamePerson { officer: second });
    }
    for (officer, expected) in officers
        .into_iter()
        .flatten()
        .zip(roles.into_iter().flatten())
    {
        if officer.role != expected {
            return Err(DutyFault::Role { officer, expected });
        }
        if let Some(expected) = seats.misses(&officer) {
            return Err(DutyFault::Institution { officer, expected });
        }
        if let Some((earlier, before)) = apart
            && (before.officers().iter().flatten()).any(|other| other.is_same_person(&officer))
        {
            return Err(DutyFault::Apart { officer, earlier });
        }
    }
    Ok(())
}

/// The table as docs/keys.md shows it.
#[must_use]
pub fn markdown() -> String {
    let mut out = String::from(
        "| step | 步骤 | first officer | second officer | not whoever | may follow |\n\
         | --- | --- | --- | --- | --- | --- |\n",
    );
    for duty in DUTIES {
        let role = |role: Option<Role>, none| role.map_or(none, Role::en);
        let (first, second) = (role(duty.first, "the book itself"), role(duty.second, "–"));
        let apart = duty.apart.map_or("–", Step::en);
        let mut after = String::new();
        for (at, stage) in duty.after.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(after, "{comma}{stage}").expect("writing to a String does not fail");
        }
        let after = if after.is_empty() { "–" } else { &after };
        let (en, zh) = (duty.step.en(), duty.step.zh());
        writeln!(
            out,
            "| {en} | {zh} | {first} | {second} | {apart} | {after} |"
        )
        .expect("writing to a String does not fail");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_has_one_row() {
        for step in Step::ALL {
            let rows = DUTIES.iter().filter(|duty| duty.step == *step).count();
            assert_eq!(rows, 1, "{step}");
        }
        assert_eq!(DUTIES.len(), Step::ALL.len());
    }

    #[test]
    fn whatever_makes_moves_or_ends_a_key_takes_two() {
        for step in [
            Step::Approved,
            Step::Generated,
            Step::Distributed,
            Step::Activated,
            Step::Resumed,
            Step::Revoked,
            Step::Withdrawn,
        ] {
            assert!(Duty::of(step).second.is_some(), "{step}");
        }
    }

    #[test]
    fn no_step_follows_on_an_end() {
        for duty in DUTIES {
            assert!(
                duty.after.iter().all(|stage| !stage.is_final()),
                "{}",
                duty.step
            );
        }
    }
}
