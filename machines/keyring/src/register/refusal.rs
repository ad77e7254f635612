//! Why the register does not change, or gives no key.

use tongtu_types::{InstitutionCode, Timestamp};

use super::attempts::FAILURES_MAX;
use super::event::Step;
use crate::code::Role;
use crate::name::{Officer, OfficerNumber};

/// Why the register does not change, or gives no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterRefusal {
    /// An event is not the next of the register.
    #[error("event {found} of the register is not the next one, expected {expected}")]
    OutOfOrder {
        /// Its number.
        found: u64,
        /// The next number.
        expected: u64,
    },
    /// A time before the last event's.
    #[error("{at} is before the register's last event at {last}")]
    BackInTime {
        /// The step's time.
        at: Timestamp,
        /// The last event's.
        last: Timestamp,
    },
    /// The register is founded by four, and then no more.
    #[error("the register has {found} founders, expected {expected} here")]
    Founding {
        /// How many there are.
        found: usize,
        /// How many there must be.
        expected: &'static str,
    },
    /// A founder in another role than the founding has at this place.
    #[error("founder {number} is {found}, expected {expected}")]
    Founder {
        /// Which, from 1.
        number: usize,
        /// The role.
        found: Role,
        /// The role of this place.
        expected: Role,
    },
    /// No such entry, or another than the next for a new officer.
    #[error("the register has no entry {entry}, or it is not the next")]
    Entry {
        /// The entry.
        entry: u32,
    },
    /// There is an officer of this number at this institution.
    #[error("officer {number} of {institution} is in the register already, as entry {entry}")]
    Exists {
        /// The number.
        number: OfficerNumber,
        /// Where.
        institution: InstitutionCode,
        /// That entry.
        entry: u32,
    },
    /// The key is, or was, another entry's: two officers are two persons.
    #[error("the public key is that of entry {entry} already")]
    KeyAgain {
        /// That entry.
        entry: u32,
    },
    /// A role of the nation elsewhere, or one that the nation does not have.
    #[error("{role} does not sit at {institution}")]
    Seat {
        /// The role.
        role: Role,
        /// Where.
        institution: InstitutionCode,
    },
    /// A term that is none.
    #[error("term {from} to {until}, expected an end after its beginning, ten years later at most")]
    Term {
        /// From.
        from: Timestamp,
        /// Until.
        until: Timestamp,
    },
    /// Those who signed may not change the register so.
    #[error("{step}: expected {expected}")]
    Signers {
        /// The step.
        step: Step,
        /// Who may, in words.
        expected: &'static str,
    },
    /// The step does not follow on what the entry is.
    #[error("entry {entry}: {step} does not follow, expected {expected}")]
    Follows {
        /// The entry.
        entry: u32,
        /// The step.
        step: Step,
        /// On what it follows.
        expected: &'static str,
    },
    /// Nobody in the register is this officer.
    #[error("officer {officer} is not in the register")]
    Unknown {
        /// Who.
        officer: Officer,
    },
    /// The person is in the register in another role.
    #[error("officer {officer} is in the register as {expected}")]
    Role {
        /// Who, as somebody said.
        officer: Officer,
        /// As what.
        expected: Role,
    },
    /// No officer any more.
    #[error("officer {officer} is no officer any more")]
    Ended {
        /// Who.
        officer: Officer,
    },
    /// Too many wrong passphrases: none is looked at for a while.
    #[error(
        "no passphrase of officer {officer} is looked at before {until}, after {FAILURES_MAX} \
         wrong ones or more; two others of the nation can end the wait"
    )]
    Waits {
        /// Who.
        officer: Officer,
        /// Until when.
        until: Timestamp,
    },
    /// Outside the term.
    #[error("officer {officer} is one from {from} until before {until}, and it is {at}")]
    OutsideTerm {
        /// Who.
        officer: Officer,
        /// From.
        from: Timestamp,
        /// Until.
        until: Timestamp,
        /// When.
        at: Timestamp,
    },
}

impl RegisterRefusal {
    /// The stable code of the variant, for wires and documents.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::OutOfOrder { .. } => "register.out_of_order",
            Self::BackInTime { .. } => "register.back_in_time",
            Self::Founding { .. } => "register.founding",
            Self::Founder { .. } => "register.founder",
            Self::Entry { .. } => "register.entry",
            Self::Exists { .. } => "register.exists",
            Self::KeyAgain { .. } => "register.key_again",
            Self::Seat { .. } => "register.seat",
            Self::Term { .. } => "register.term",
            Self::Signers { .. } => "register.signers",
            Self::Follows { .. } => "register.follows",
            Self::Unknown { .. } => "register.unknown",
            Self::Role { .. } => "register.role",
            Self::Ended { .. } => "register.ended",
            Self::Waits { .. } => "register.waits",
            Self::OutsideTerm { .. } => "register.outside_term",
        }
    }
}

/// An event that cannot be part of the register that the events before it make.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event {number} of the register cannot follow: {refusal}")]
pub struct ReplayError {
    /// The event's number.
    pub number: u64,
    /// Why not.
    pub refusal: RegisterRefusal,
}
