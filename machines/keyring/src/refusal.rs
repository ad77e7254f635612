//! Why a step is refused.

use tongtu_types::{CityCode, InstitutionCode, Timestamp};

use crate::code::{Ground, KeyAlgorithm, Purpose, Stage, Stages, Step};
use crate::duty::DutyFault;
use crate::name::{Check, KeyNumber, Slot};

/// Why a step is refused; of several that apply, the first in the order of the variants.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// An event is not the next of the book.
    #[error("event {found} is not the next one, expected {expected}")]
    OutOfOrder {
        /// Its number.
        found: u64,
        /// The next number.
        expected: u64,
    },
    /// A time before the last event's.
    #[error("{at} is before the book's last event at {last}")]
    BackInTime {
        /// The step's time.
        at: Timestamp,
        /// The last event's.
        last: Timestamp,
    },
    /// No such key.
    #[error("key {key} is not in the book: {step} needs one that is")]
    UnknownKey {
        /// The key.
        key: KeyNumber,
        /// The step.
        step: Step,
    },
    /// A step of a key without a key, or of no key with one.
    #[error("{step} names {found:?} as its key, expected {expected:?}")]
    Subject {
        /// The step.
        step: Step,
        /// The key named.
        found: Option<KeyNumber>,
        /// What it should be.
        expected: Option<KeyNumber>,
    },
    /// The step does not follow on the key's stage.
    #[error("key {key} is {stage}: {step} may follow on {expected}")]
    Follows {
        /// The key.
        key: KeyNumber,
        /// How far it is.
        stage: Stage,
        /// The step.
        step: Step,
        /// The stages on which it may follow.
        expected: Stages,
    },
    /// Those who signed may not take this step.
    #[error("{step}: {fault}")]
    Duty {
        /// The step.
        step: Step,
        /// What is wrong with them.
        fault: DutyFault,
    },
    /// The city is registered already.
    #[error("city {city} is registered with province {province} already")]
    CityRegistered {
        /// The city.
        city: CityCode,
        /// Its province.
        province: InstitutionCode,
    },
    /// The city is not registered.
    #[error("city {city} is not registered")]
    CityUnknown {
        /// The city.
        city: CityCode,
    },
    /// The city is another province's.
    #[error("city {city} belongs to province {expected}, and {found} applies")]
    CityElsewhere {
        /// The city.
        city: CityCode,
        /// Who applies.
        found: InstitutionCode,
        /// Whose city it is.
        expected: InstitutionCode,
    },
    /// The holder is another city's.
    #[error("holder {holder} is of region {}, the key is of city {city}", holder.city())]
    HolderElsewhere {
        /// The holder.
        holder: InstitutionCode,
        /// The key's city.
        city: CityCode,
    },
    /// An application's number that was used before.
    #[error("application {batch} was made before")]
    BatchAgain {
        /// The number.
        batch: u32,
    },
    /// An application without a line.
    #[error("application {batch} asks for no key")]
    BatchEmpty {
        /// The number.
        batch: u32,
    },
    /// A key for this purpose does not work with this algorithm.
    #[error("a key for {purpose} does not work with {algorithm}")]
    Algorithm {
        /// What for.
        purpose: Purpose,
        /// With what.
        algorithm: KeyAlgorithm,
    },
    /// A term that is none.
    #[error("term {from} to {until}, expected {expected}")]
    Term {
        /// From.
        from: Timestamp,
        /// Until.
        until: Timestamp,
        /// What was expected, in words.
        expected: &'static str,
    },
    /// A key of this slot is on its way.
    #[error("{slot}: key {key} is on its way, expected none")]
    SlotBusy {
        /// The slot.
        slot: Slot,
        /// That key.
        key: KeyNumber,
    },
    /// Two lines of an application ask for the same.
    #[error("{slot}: asked for twice in one application")]
    SlotTwice {
        /// The slot.
        slot: Slot,
    },
    /// Not the slot's next version.
    #[error("{slot}: version {found}, expected {expected}")]
    Version {
        /// The slot.
        slot: Slot,
        /// What was asked for.
        found: u8,
        /// The next one.
        expected: u8,
    },
    /// The slot had 255 versions.
    #[error("{slot}: no version is left after 255")]
    VersionsOver {
        /// The slot.
        slot: Slot,
    },
    /// A check value of another kind than the algorithm has.
    #[error("key {key} is told by {found}, which {algorithm} does not have")]
    CheckKind {
        /// The key.
        key: KeyNumber,
        /// What was given.
        found: Check,
        /// Its algorithm.
        algorithm: KeyAlgorithm,
    },
    /// Another key for the same purpose has this check value: one city, one key.
    ///
    /// Two different keys have the same value of three bytes once in 16 million; such a key is
    /// made anew.
    #[error("key {key} has the check value of key {other} of city {city}, expected its own")]
    CheckAgain {
        /// The key.
        key: KeyNumber,
        /// The other key.
        other: KeyNumber,
        /// The other key's city.
        city: CityCode,
    },
    /// What arrived is not what was made.
    #[error("key {key} arrived with {found}, expected {expected}")]
    CheckDiffers {
        /// The key.
        key: KeyNumber,
        /// What arrived.
        found: Check,
        /// What was made.
        expected: Check,
    },
    /// A key that was never activated is not used and not announced.
    #[error("key {key} was never activated: {step} cannot follow")]
    NeverActivated {
        /// The key.
        key: KeyNumber,
        /// The step.
        step: Step,
    },
    /// Outside the key's term.
    #[error("key {key} is good from {from} until before {until}: {step} at {at}")]
    OutsideTerm {
        /// The key.
        key: KeyNumber,
        /// The step.
        step: Step,
        /// When.
        at: Timestamp,
        /// From.
        from: Timestamp,
        /// Until.
        until: Timestamp,
    },
    /// Another older version than the slot's, or none, or one where there is none.
    #[error("key {key} supersedes {found:?}, expected {expected:?}")]
    Supersedes {
        /// The key.
        key: KeyNumber,
        /// What was said.
        found: Option<KeyNumber>,
        /// The version that makes in the slot.
        expected: Option<KeyNumber>,
    },
    /// An overlap that is too short, or longer than the older version's term.
    #[error("overlap of key {key} until {found}, expected {earliest} to {latest}")]
    OverlapLength {
        /// The older version.
        key: KeyNumber,
        /// What was said.
        found: Timestamp,
        /// The earliest end.
        earliest: Timestamp,
        /// The latest end.
        latest: Timestamp,
    },
    /// What time brings about has not come about, or was recorded.
    #[error("key {key}: {step} is not due at {at}")]
    NotDue {
        /// The key.
        key: KeyNumber,
        /// The step.
        step: Step,
        /// When.
        at: Timestamp,
    },
    /// A refused use that would not be refused so.
    #[error("key {key}: a use said to be refused as {found}, expected {expected:?}")]
    Ground {
        /// The key.
        key: KeyNumber,
        /// What was said.
        found: Ground,
        /// Why the book refuses it; `None` if it does not.
        expected: Option<Ground>,
    },
}

impl Refusal {
    /// The stable code of the variant, for wires and documents.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::OutOfOrder { .. } => "keyring.out_of_order",
            Self::BackInTime { .. } => "keyring.back_in_time",
            Self::UnknownKey { .. } => "keyring.unknown_key",
            Self::Subject { .. } => "keyring.subject",
            Self::Follows { .. } => "keyring.follows",
            Self::Duty { .. } => "keyring.duty",
            Self::CityRegistered { .. } => "keyring.city_registered",
            Self::CityUnknown { .. } => "keyring.city_unknown",
            Self::CityElsewhere { .. } => "keyring.city_elsewhere",
            Self::HolderElsewhere { .. } => "keyring.holder_elsewhere",
            Self::BatchAgain { .. } => "keyring.batch_again",
            Self::BatchEmpty { .. } => "keyring.batch_empty",
            Self::Algorithm { .. } => "keyring.algorithm",
            Self::Term { .. } => "keyring.term",
            Self::SlotBusy { .. } => "keyring.slot_busy",
            Self::SlotTwice { .. } => "keyring.slot_twice",
            Self::Version { .. } => "keyring.version",
            Self::VersionsOver { .. } => "keyring.versions_over",
            Self::CheckKind { .. } => "keyring.check_kind",
            Self::CheckAgain { .. } => "keyring.check_again",
            Self::CheckDiffers { .. } => "keyring.check_differs",
            Self::NeverActivated { .. } => "keyring.never_activated",
            Self::OutsideTerm { .. } => "keyring.outside_term",
            Self::Supersedes { .. } => "keyring.supersedes",
            Self::OverlapLength { .. } => "keyring.overlap_length",
            Self::NotDue { .. } => "keyring.not_due",
            Self::Ground { .. } => "keyring.ground",
        }
    }
}

/// An event that cannot be part of the book that the events before it make.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event {number} cannot follow: {refusal}")]
pub struct ReplayError {
    /// The event's number.
    pub number: u64,
    /// Why not.
    pub refusal: Refusal,
}
