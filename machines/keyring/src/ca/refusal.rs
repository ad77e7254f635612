//! Why the authority refuses a step.

use alloc::string::String;

use tongtu_crypto::SignerFault;
use tongtu_ride_code::RevocationError;
use tongtu_ride_code::certificate::CertificateError;
use tongtu_types::{CityCode, InstitutionCode, MonthYear, Timestamp};

use super::code::{CertificateStage, CertificateStages, Step};
use crate::duty::DutyFault;

/// Why the authority refuses a step; of several that apply, the first.
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
    /// No such certificate, or not the next number for a new one.
    #[error("certificate {found}: {step} expects {expected}")]
    Certificate {
        /// The number.
        found: u32,
        /// The step.
        step: Step,
        /// What was expected, in words.
        expected: &'static str,
    },
    /// The step does not follow on the certificate's stage.
    #[error("certificate {certificate} is {stage}: {step} may follow on {expected}")]
    Follows {
        /// The certificate.
        certificate: u32,
        /// How far it is.
        stage: CertificateStage,
        /// The step.
        step: Step,
        /// The stages on which it may follow.
        expected: CertificateStages,
    },
    /// Those who signed may not take this step.
    #[error("{step}: {fault}")]
    Duty {
        /// The step.
        step: Step,
        /// What is wrong with them.
        fault: DutyFault,
    },
    /// The issuer's city is not registered.
    #[error("issuer {issuer} is of city {city}, which is not registered")]
    OutOfScope {
        /// The issuer.
        issuer: InstitutionCode,
        /// Its city.
        city: CityCode,
    },
    /// A code of an acquirer: only issuers issue.
    #[error("{issuer} is not the code of an issuer, whose first digit is 0")]
    NotIssuer {
        /// The institution.
        issuer: InstitutionCode,
    },
    /// No live root of this index.
    #[error("no live root has index {ca_index:02X}")]
    NoRoot {
        /// The index.
        ca_index: u8,
    },
    /// The index is, or was, another root's.
    #[error("index {ca_index:02X} was given to another root")]
    RootIndex {
        /// The index.
        ca_index: u8,
    },
    /// The key is another root's, or another certificate's: each has its own.
    #[error("the public key is already that of {whose}")]
    KeyAgain {
        /// Whose, in words.
        whose: &'static str,
    },
    /// A month that is over.
    #[error("the month {expiry} is over at {at}")]
    Past {
        /// The month.
        expiry: MonthYear,
        /// When.
        at: Timestamp,
    },
    /// A term beyond the root's.
    #[error("expiry {requested} is after that of root {ca_index:02X}, {root}")]
    Term {
        /// What was asked for.
        requested: MonthYear,
        /// The root.
        ca_index: u8,
        /// Its own.
        root: MonthYear,
    },
    /// Not the issuer's next serial number.
    #[error("serial {} of issuer {issuer}, expected {}", hex(found), hex(expected))]
    Serial {
        /// The issuer.
        issuer: InstitutionCode,
        /// What was found.
        found: [u8; 3],
        /// The next one.
        expected: [u8; 3],
    },
    /// The issuer had every serial number.
    #[error("issuer {issuer} has no serial number left")]
    SerialsOver {
        /// The issuer.
        issuer: InstitutionCode,
    },
    /// An application or a certificate that says another thing than was drafted or applied for.
    #[error("certificate {certificate}: {field} is not that of the {of}")]
    Differs {
        /// The certificate.
        certificate: u32,
        /// The field.
        field: &'static str,
        /// Of what: draft or application.
        of: &'static str,
    },
    /// A root, an application or a certificate that does not hold.
    #[error(transparent)]
    Invalid(#[from] CertificateError),
    /// Certificates under the root are good; it goes only when it is compromised, or they are gone.
    #[error("root {ca_index:02X} cannot go: certificate {certificate} under it is good")]
    RootInUse {
        /// The root.
        ca_index: u8,
        /// A good certificate under it.
        certificate: u32,
    },
    /// Another older certificate than the issuer's, or none, or one where there is none.
    #[error("certificate {certificate} supersedes {found:?}, expected {expected:?}")]
    Supersedes {
        /// The certificate.
        certificate: u32,
        /// What was said.
        found: Option<u32>,
        /// The issuer's active one.
        expected: Option<u32>,
    },
    /// What time brings about has not come about, or was recorded.
    #[error("{step} is not due at {at}")]
    NotDue {
        /// The step.
        step: Step,
        /// When.
        at: Timestamp,
    },
    /// The signer has another key than the root.
    #[error("the signer's key is not that of root {ca_index:02X}")]
    ForeignSigner {
        /// The root.
        ca_index: u8,
    },
    /// A revocation list that cannot be made.
    #[error(transparent)]
    Revocations(#[from] RevocationError),
    /// The signer gave no signature.
    #[error("no signature: {0}")]
    Signer(#[from] SignerFault),
}

fn hex(serial: &[u8; 3]) -> String {
    tongtu_codec::hex_encode(serial)
}

impl Refusal {
    /// The stable code of the variant, for wires and documents.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::OutOfOrder { .. } => "authority.out_of_order",
            Self::BackInTime { .. } => "authority.back_in_time",
            Self::Certificate { .. } => "authority.certificate",
            Self::Follows { .. } => "authority.follows",
            Self::Duty { .. } => "authority.duty",
            Self::OutOfScope { .. } => "authority.out_of_scope",
            Self::NotIssuer { .. } => "authority.not_issuer",
            Self::NoRoot { .. } => "authority.no_root",
            Self::RootIndex { .. } => "authority.root_index",
            Self::KeyAgain { .. } => "authority.key_again",
            Self::Past { .. } => "authority.past",
            Self::Term { .. } => "authority.term",
            Self::Serial { .. } => "authority.serial",
            Self::SerialsOver { .. } => "authority.serials_over",
            Self::Differs { .. } => "authority.differs",
            Self::Invalid(_) => "authority.invalid",
            Self::RootInUse { .. } => "authority.root_in_use",
            Self::Supersedes { .. } => "authority.supersedes",
            Self::NotDue { .. } => "authority.not_due",
            Self::ForeignSigner { .. } => "authority.foreign_signer",
            Self::Revocations(_) => "authority.revocations",
            Self::Signer(_) => "authority.signer",
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
