//! What happened to roots and certificates, as values and as bytes.

use alloc::vec::Vec;

use tongtu_codec::{Be, Cn, Raw, Reader, record};
use tongtu_ride_code::layout::{CertificateApplication, IssuerCertificate, RootCertificate};
use tongtu_types::{InstitutionCode, MonthYear, Timestamp};

use super::code::Step;
use crate::code::{Cause, Ring};
use crate::record::{
    self, CauseBody, EventError, MAGIC_AUTHORITY, NoticeBody, Signers, Stamp, body_of,
};

record! {
    /// Body of `drafted`: what the application will say.
    pub struct DraftBody: 14 {
        [0..4] province: InstitutionCode as Cn, Ours, "province of the issuer", "所属省级机构";
        [4..8] issuer: InstitutionCode as Cn, Ours, "issuer", "发行机构标识";
        [8..9] ca_index: u8 as Be, Ours, "root that is to sign", "中心CA公钥索引";
        [9..11] expiry: MonthYear as Cn, Ours, "expiry MMYY", "失效日期";
        [11..14] serial: [u8; 3] as Raw, Ours, "serial number", "证书序列号";
    }
}

record! {
    /// Body of `activated`: which certificate this one follows.
    pub struct SupersedesBody: 4 {
        [0..4] supersedes: u32 as Be, Ours, "number of the one before, 0 for none", "前一证书";
    }
}

record! {
    /// Body of `root retired`.
    pub struct RootEndBody: 2 {
        [0..1] ca_index: u8 as Be, Ours, "root", "中心CA公钥索引";
        [1..2] cause: Cause as Ring, Ours, "why", "原因";
    }
}

record! {
    /// Body of `root expired`.
    pub struct RootIndexBody: 1 {
        [0..1] ca_index: u8 as Be, Ours, "root", "中心CA公钥索引";
    }
}

record! {
    /// Body of `root noticed`.
    pub struct RootNoticeBody: 3 {
        [0..1] ca_index: u8 as Be, Ours, "root", "中心CA公钥索引";
        [1..3] days: u16 as Be, Ours, "days before the end", "提前天数";
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A root signed itself. Its body is the certificate, 144 bytes.
    RootIssued(RootCertificate),
    /// A root is not handed out any more.
    RootRetired {
        /// Which.
        ca_index: u8,
        /// Why.
        cause: Cause,
    },
    /// A root's month is over.
    RootExpired {
        /// Which.
        ca_index: u8,
    },
    /// A root's end was announced.
    RootNoticed {
        /// Which.
        ca_index: u8,
        /// So many days before.
        days: u16,
    },
    /// An issuer begins.
    Drafted(DraftBody),
    /// An issuer applies. Its body is the application, 115 bytes.
    Submitted(CertificateApplication),
    /// The province approves.
    Approved,
    /// The province or the nation refuses.
    Refused(Cause),
    /// The authority signs. Its body is the certificate, 117 bytes.
    Issued(IssuerCertificate),
    /// The issuer signs with it from now on, and no more with an older one.
    Activated {
        /// The number of the older one.
        supersedes: Option<u32>,
    },
    /// Its month is over.
    Expired,
    /// It is taken away.
    Revoked(Cause),
    /// Its end was announced.
    Noticed {
        /// So many days before.
        days: u16,
    },
}

impl What {
    /// Which step of the table this is.
    #[must_use]
    pub const fn step(&self) -> Step {
        match self {
            Self::RootIssued(_) => Step::RootIssued,
            Self::RootRetired { .. } => Step::RootRetired,
            Self::RootExpired { .. } => Step::RootExpired,
            Self::RootNoticed { .. } => Step::RootNoticed,
            Self::Drafted(_) => Step::Drafted,
            Self::Submitted(_) => Step::Submitted,
            Self::Approved => Step::Approved,
            Self::Refused(_) => Step::Refused,
            Self::Issued(_) => Step::Issued,
            Self::Activated { .. } => Step::Activated,
            Self::Expired => Step::Expired,
            Self::Revoked(_) => Step::Revoked,
            Self::Noticed { .. } => Step::Noticed,
        }
    }

    /// Whether it is of a root, which its body names, and so of no certificate.
    pub(super) const fn is_of_root(&self) -> bool {
        matches!(
            self,
            Self::RootIssued(_)
                | Self::RootRetired { .. }
                | Self::RootExpired { .. }
                | Self::RootNoticed { .. }
        )
    }
}

/// One event of the authority's book; what a store keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its number in the book, from 1.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// Number of the certificate, from 1; 0 for a root.
    pub certificate: u32,
    /// By whom.
    pub signers: Signers,
    /// What.
    pub what: What,
}

impl Event {
    /// The event's bytes.
    ///
    /// # Errors
    /// [`EventError::Encode`] when an instant is before 1970.
    pub fn encode(&self) -> Result<Vec<u8>, EventError> {
        let stamp = Stamp {
            number: self.number,
            at: self.at,
            subject: self.certificate,
            signers: self.signers,
        };
        let step = self.what.step().byte();
        record::write(MAGIC_AUTHORITY, step, &stamp, write_body(&self.what)?)
    }

    /// Reads one event from exactly its bytes; signatures are judged when it is admitted.
    ///
    /// # Errors
    /// [`EventError`] naming what does not hold.
    pub fn decode(bytes: &[u8]) -> Result<Self, EventError> {
        record::one(bytes, Self::take)
    }

    /// Reads events that stand one behind the other.
    ///
    /// # Errors
    /// [`EventError`] naming what does not hold.
    pub fn decode_all(bytes: &[u8]) -> Result<Vec<Self>, EventError> {
        record::all(bytes, Self::take)
    }

    fn take(reader: &mut Reader<'_>) -> Result<Self, EventError> {
        let (stamp, step, body) = record::read(MAGIC_AUTHORITY, reader)?;
        let step = Step::of(step).ok_or(EventError::Step { step })?;
        let what = read_body(step, body, stamp.number)?;
        let expected = match what.is_of_root() {
            true if stamp.subject != 0 => "0, for it is of a root",
            false if stamp.subject == 0 => "the number of a certificate",
            _ => {
                return Ok(Self {
                    number: stamp.number,
                    at: stamp.at,
                    certificate: stamp.subject,
                    signers: stamp.signers,
                    what,
                });
            }
        };
        Err(EventError::Subject {
            number: stamp.number,
            found: stamp.subject,
            expected,
        })
    }
}

fn write_body(what: &What) -> Result<Vec<u8>, EventError> {
    let bytes = match what {
        What::RootIssued(root) => root.encode()?,
        What::RootRetired { ca_index, cause } => RootEndBody {
            ca_index: *ca_index,
            cause: *cause,
        }
        .encode()?,
        What::RootExpired { ca_index } => RootIndexBody {
            ca_index: *ca_index,
        }
        .encode()?,
        What::RootNoticed { ca_index, days } => RootNoticeBody {
            ca_index: *ca_index,
            days: *days,
        }
        .encode()?,
        What::Drafted(draft) => draft.encode()?,
        What::Submitted(application) => application.encode()?,
        What::Issued(certificate) => certificate.encode()?,
        What::Activated { supersedes } => SupersedesBody {
            supersedes: supersedes.unwrap_or(0),
        }
        .encode()?,
        What::Refused(cause) | What::Revoked(cause) => CauseBody { cause: *cause }.encode()?,
        What::Noticed { days } => NoticeBody { days: *days }.encode()?,
        What::Approved | What::Expired => Vec::new(),
    };
    Ok(bytes)
}

fn read_body(step: Step, body: &[u8], number: u64) -> Result<What, EventError> {
    let exactly = |expected| body_of(body, expected, number);
    let cause =
        || -> Result<Cause, EventError> { Ok(CauseBody::decode(exactly(CauseBody::LEN)?)?.cause) };
    Ok(match step {
        Step::RootIssued => {
            What::RootIssued(RootCertificate::decode(exactly(RootCertificate::LEN)?)?)
        }
        Step::RootRetired => {
            let RootEndBody { ca_index, cause } = RootEndBody::decode(exactly(RootEndBody::LEN)?)?;
            What::RootRetired { ca_index, cause }
        }
        Step::RootExpired => {
            let RootIndexBody { ca_index } = RootIndexBody::decode(exactly(RootIndexBody::LEN)?)?;
            What::RootExpired { ca_index }
        }
        Step::RootNoticed => {
            let RootNoticeBody { ca_index, days } =
                RootNoticeBody::decode(exactly(RootNoticeBody::LEN)?)?;
            What::RootNoticed { ca_index, days }
        }
        Step::Drafted => What::Drafted(DraftBody::decode(exactly(DraftBody::LEN)?)?),
        Step::Submitted => What::Submitted(CertificateApplication::decode(exactly(
            CertificateApplication::LEN,
        )?)?),
        Step::Approved => exactly(0).map(|_| What::Approved)?,
        Step::Refused => What::Refused(cause()?),
        Step::Issued => What::Issued(IssuerCertificate::decode(exactly(IssuerCertificate::LEN)?)?),
        Step::Activated => {
            let read = SupersedesBody::decode(exactly(SupersedesBody::LEN)?)?;
            What::Activated {
                supersedes: Some(read.supersedes).filter(|number| *number != 0),
            }
        }
        Step::Expired => exactly(0).map(|_| What::Expired)?,
        Step::Revoked => What::Revoked(cause()?),
        Step::Noticed => {
            let NoticeBody { days } = NoticeBody::decode(exactly(NoticeBody::LEN)?)?;
            What::Noticed { days }
        }
    })
}
