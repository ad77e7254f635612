//! Why something about rides by face was not done. No message holds a template, nor whose face
//! another one is like.

use tongtu_terminal::face::{EngineFault, EngineId, GalleryError, Liveness};
use tongtu_types::{CardNumber, InstitutionCode, TerminalNumber, Timestamp};

use crate::StatusKind;

/// Why something about rides by face was not done.
#[derive(Debug, thiserror::Error)]
pub enum FaceError {
    /// The node does not serve rides by face.
    #[error("this node does not serve rides by face")]
    NotServed,
    /// An id of an enrolment that is none.
    #[error("request id of {length} characters, expected 1 to 64 printable ASCII without spaces")]
    Request {
        /// Its length in bytes.
        length: usize,
    },
    /// The id was used for another enrolment, or for one that has ended.
    #[error("request id was used for another enrolment")]
    RequestReused,
    /// A consent to terms that are not those of now.
    #[error("consent to terms of version {found}, expected {expected}")]
    Terms {
        /// The version consented to.
        found: u32,
        /// The version in force.
        expected: u32,
    },
    /// A consent that is not of now, or has no end in time.
    #[error(
        "consent from {at} to {until} does not hold at {now}: expected at most {max_s} seconds"
    )]
    ConsentTime {
        /// When it was given.
        at: Timestamp,
        /// Its end.
        until: Timestamp,
        /// What time it is.
        now: Timestamp,
        /// How long one may last.
        max_s: i64,
    },
    /// The signature of a consent is not the account's.
    #[error("signature of the consent does not verify under the account's key")]
    ConsentSignature,
    /// A reference of a recorded consent that is none.
    #[error("evidence of {length} characters, expected 1 to 64 printable ASCII without spaces")]
    Evidence {
        /// Its length in bytes.
        length: usize,
    },
    /// A consent that names an acquirer whose terminals are not given faces from here.
    #[error("consent names acquirer {found}, expected {expected} alone")]
    ScopeAcquirer {
        /// The acquirer named.
        found: InstitutionCode,
        /// The node's own.
        expected: InstitutionCode,
    },
    /// A consent that has no form: it names nobody, or too many.
    #[error(transparent)]
    Statement(GalleryError),
    /// The second factor is no four digits.
    #[error("second factor, expected 4 digits")]
    Digits,
    /// No capture, or too many of one engine.
    #[error("{found} captures of one engine, expected 1 to {max}")]
    Captures {
        /// How many there are.
        found: usize,
        /// How many may be.
        max: usize,
    },
    /// A capture of a face that was not found to be alive.
    #[error("capture {index} is not alive: {liveness:?}")]
    NotLive {
        /// Which, from 0.
        index: usize,
        /// What was found.
        liveness: Liveness,
    },
    /// A capture that was not seen well enough.
    #[error("capture {index} of quality {found}, expected {min} to 100")]
    Quality {
        /// Which, from 0.
        index: usize,
        /// How well it was seen.
        found: u8,
        /// How well it must be.
        min: u8,
    },
    /// An engine that is not here, so that its templates cannot be compared.
    #[error("engine {engine} is unknown, so that its templates cannot be compared")]
    Engine {
        /// The engine.
        engine: EngineId,
    },
    /// A template that its engine does not take.
    #[error("template of capture {index}: {source}")]
    Template {
        /// Which, from 0.
        index: usize,
        /// What is wrong with it.
        source: EngineFault,
    },
    /// A template of no length, or too long.
    #[error("template of capture {index} has {found} bytes, expected 1 to {max}")]
    TemplateLength {
        /// Which, from 0.
        index: usize,
        /// Its length.
        found: usize,
        /// The longest.
        max: usize,
    },
    /// Captures that are not of one person.
    #[error("capture {index} is not of the person of the captures before it")]
    NotOnePerson {
        /// Which, from 0.
        index: usize,
    },
    /// The face is enrolled for another account. Somebody looks at it; which account is not told.
    #[error("this face is enrolled already for another account")]
    Duplicate,
    /// The account is enrolled; its consent must be withdrawn first.
    #[error("account {account} is enrolled already")]
    Enrolled {
        /// The account.
        account: CardNumber,
    },
    /// The account was never enrolled.
    #[error("account {account} was never enrolled")]
    NotEnrolled {
        /// The account.
        account: CardNumber,
    },
    /// The terminal is not known to recognise faces.
    #[error("terminal {terminal} is not registered as one that recognises faces")]
    TerminalUnknown {
        /// The terminal.
        terminal: TerminalNumber,
    },
    /// The terminal says to have a version that was never made.
    #[error("gallery version {found}, newest is {newest}")]
    Version {
        /// What the terminal says.
        found: u64,
        /// The newest.
        newest: u64,
    },
    /// A report of a gallery is not what the terminal would send.
    #[error("the gallery report does not hold")]
    Report(#[source] GalleryError),
    /// An update cannot be made.
    #[error("the gallery update cannot be made")]
    Gallery(#[source] GalleryError),
}

impl FaceError {
    /// The stable code of the variant.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotServed => "issuing.face_not_served",
            Self::Request { .. } => "issuing.face_request",
            Self::RequestReused => "issuing.face_request_reused",
            Self::Terms { .. } => "issuing.face_terms",
            Self::ConsentTime { .. } => "issuing.face_consent_time",
            Self::ConsentSignature => "issuing.face_consent_signature",
            Self::Evidence { .. } => "issuing.face_evidence",
            Self::ScopeAcquirer { .. } => "issuing.face_scope",
            Self::Statement(_) => "issuing.face_statement",
            Self::Digits => "issuing.face_digits",
            Self::Captures { .. } => "issuing.face_captures",
            Self::NotLive { .. } => "issuing.face_not_live",
            Self::Quality { .. } => "issuing.face_quality",
            Self::Engine { .. } => "issuing.face_engine",
            Self::Template { .. } => "issuing.face_template",
            Self::TemplateLength { .. } => "issuing.face_template_length",
            Self::NotOnePerson { .. } => "issuing.face_not_one_person",
            Self::Duplicate => "issuing.face_duplicate",
            Self::Enrolled { .. } => "issuing.face_enrolled",
            Self::NotEnrolled { .. } => "issuing.face_not_enrolled",
            Self::TerminalUnknown { .. } => "acquiring.face_terminal_unknown",
            Self::Version { .. } => "acquiring.face_version",
            Self::Report(_) => "acquiring.face_report",
            Self::Gallery(_) => "acquiring.face_gallery",
        }
    }

    pub(crate) const fn status_kind(&self) -> StatusKind {
        match self {
            Self::NotServed | Self::NotEnrolled { .. } | Self::TerminalUnknown { .. } => {
                StatusKind::NotFound
            }
            Self::Request { .. }
            | Self::Evidence { .. }
            | Self::Statement(_)
            | Self::Digits
            | Self::Captures { .. }
            | Self::TemplateLength { .. } => StatusKind::Invalid,
            Self::RequestReused
            | Self::Duplicate
            | Self::Enrolled { .. }
            | Self::Version { .. } => StatusKind::Conflict,
            Self::Terms { .. }
            | Self::ConsentTime { .. }
            | Self::ConsentSignature
            | Self::ScopeAcquirer { .. }
            | Self::NotLive { .. }
            | Self::Quality { .. }
            | Self::Engine { .. }
            | Self::Template { .. }
            | Self::NotOnePerson { .. }
            | Self::Report(_) => StatusKind::Refused,
            Self::Gallery(_) => StatusKind::Fault,
        }
    }
}
