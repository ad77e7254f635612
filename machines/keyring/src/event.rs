//! What happened to keys, as values and as bytes.

use alloc::vec::Vec;

use tongtu_codec::Reader;
use tongtu_types::{CityCode, InstitutionCode, Timestamp};

use crate::code::{Cause, CustodyKind, Ground, Step, Usage};
use crate::name::{Check, DeviceName, KeyNumber, Slot};
use crate::record::{
    self, ActivationBody, CauseBody, CityBody, CustodyBody, EventError, MAGIC_KEYS, MisuseBody,
    NoticeBody, RequestBody, Signers, Stamp,
};

/// What a province asks the nation for: one key of one city.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// The application that it is a line of.
    pub batch: u32,
    /// The province that applies.
    pub province: InstitutionCode,
    /// The institution that will hold the key.
    pub holder: InstitutionCode,
    /// City, purpose and algorithm.
    pub slot: Slot,
    /// Key index (密钥索引).
    pub index: u8,
    /// Key version (密钥版本号), from 1 in each slot.
    pub version: u8,
    /// First moment of its term.
    pub from: Timestamp,
    /// First moment after its term.
    pub until: Timestamp,
}

/// Where a key is, and how one tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Custody {
    /// What kind of device.
    pub kind: CustodyKind,
    /// Which.
    pub device: DeviceName,
    /// The key's check value there.
    pub check: Check,
}

/// The version that another one follows, and how long it is still accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overlap {
    /// The older version.
    pub key: KeyNumber,
    /// First moment at which it is not accepted any more.
    pub until: Timestamp,
}

/// A use that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Use {
    /// For which city.
    pub city: CityCode,
    /// For what.
    pub purpose: crate::code::Purpose,
    /// To make or to accept.
    pub usage: Usage,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A city is registered with its province; the one event that is of no key.
    CityRegistered {
        /// The city.
        city: CityCode,
        /// Its province.
        province: InstitutionCode,
    },
    /// The province applied.
    Requested(Request),
    /// The nation approved.
    Approved,
    /// The nation did not approve.
    Rejected(Cause),
    /// The key was made.
    Generated(Custody),
    /// The province handed it on, and the check value was compared.
    Distributed(Custody),
    /// Its holder uses it from now on, instead of an older version if there is one.
    Activated(Option<Overlap>),
    /// It was used, for the first time this day.
    Used,
    /// Its end was announced.
    Noticed {
        /// So many days before.
        days: u16,
    },
    /// Nobody used it for twelve months.
    FlaggedUnused,
    /// A use was refused.
    Misused {
        /// What was asked for.
        asked: Use,
        /// Why it was refused.
        ground: Ground,
    },
    /// The authority looked at refused uses.
    Reviewed,
    /// The authority stopped it for a time.
    Suspended(Cause),
    /// It goes on.
    Resumed,
    /// Its time is over.
    Retired,
    /// The authority took it away.
    Revoked(Cause),
    /// The province cleaned it up.
    Withdrawn,
}

impl What {
    /// Which step of the table this is.
    #[must_use]
    pub const fn step(&self) -> Step {
        match self {
            Self::CityRegistered { .. } => Step::CityRegistered,
            Self::Requested(_) => Step::Requested,
            Self::Approved => Step::Approved,
            Self::Rejected(_) => Step::Rejected,
            Self::Generated(_) => Step::Generated,
            Self::Distributed(_) => Step::Distributed,
            Self::Activated(_) => Step::Activated,
            Self::Used => Step::Used,
            Self::Noticed { .. } => Step::Noticed,
            Self::FlaggedUnused => Step::FlaggedUnused,
            Self::Misused { .. } => Step::Misused,
            Self::Reviewed => Step::Reviewed,
            Self::Suspended(_) => Step::Suspended,
            Self::Resumed => Step::Resumed,
            Self::Retired => Step::Retired,
            Self::Revoked(_) => Step::Revoked,
            Self::Withdrawn => Step::Withdrawn,
        }
    }
}

/// One event of a key book; what a store keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// Its number in the book, from 1.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// Whose; `None` for a city.
    pub key: Option<KeyNumber>,
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
            subject: self.key.map_or(0, KeyNumber::get),
            signers: self.signers,
        };
        let step = self.what.step().byte();
        record::write(MAGIC_KEYS, step, &stamp, write_body(&self.what)?)
    }

    /// Reads one event from exactly its bytes.
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
        let (stamp, step, body) = record::read(MAGIC_KEYS, reader)?;
        let Stamp {
            number,
            at,
            subject,
            signers,
        } = stamp;
        let step = Step::of(step).ok_or(EventError::Step { step })?;
        let key = KeyNumber::new(subject);
        if key.is_some() == (step == Step::CityRegistered) {
            let expected = match key {
                Some(_) => "0, for it is of no key",
                None => "the number of a key",
            };
            return Err(EventError::Subject {
                number,
                found: subject,
                expected,
            });
        }
        Ok(Self {
            number,
            at,
            key,
            signers,
            what: read_body(step, body, number)?,
        })
    }
}

fn write_body(what: &What) -> Result<Vec<u8>, EventError> {
    let bytes = match *what {
        What::CityRegistered { city, province } => CityBody { city, province }.encode()?,
        What::Requested(request) => RequestBody {
            batch: request.batch,
            province: request.province,
            holder: request.holder,
            city: request.slot.city,
            purpose: request.slot.purpose,
            algorithm: request.slot.algorithm,
            index: request.index,
            key_version: request.version,
            from: request.from,
            until: request.until,
        }
        .encode()?,
        What::Generated(custody) | What::Distributed(custody) => CustodyBody {
            kind: custody.kind,
            device: custody.device,
            check: custody.check,
        }
        .encode()?,
        What::Activated(overlap) => ActivationBody {
            supersedes: overlap.map_or(0, |o| o.key.get()),
            overlap_until: overlap.map_or(Timestamp::new(0), |o| o.until),
        }
        .encode()?,
        What::Noticed { days } => NoticeBody { days }.encode()?,
        What::Rejected(cause) | What::Suspended(cause) | What::Revoked(cause) => {
            CauseBody { cause }.encode()?
        }
        What::Misused { asked, ground } => MisuseBody {
            city: asked.city,
            purpose: asked.purpose,
            usage: asked.usage,
            ground,
        }
        .encode()?,
        What::Approved
        | What::Used
        | What::FlaggedUnused
        | What::Reviewed
        | What::Resumed
        | What::Retired
        | What::Withdrawn => Vec::new(),
    };
    Ok(bytes)
}

fn read_body(step: Step, body: &[u8], number: u64) -> Result<What, EventError> {
    let exactly = |expected| record::body_of(body, expected, number);
    let empty = |what| exactly(0).map(|_| what);
    let custody = || -> Result<Custody, EventError> {
        let read = CustodyBody::decode(exactly(CustodyBody::LEN)?)?;
        Ok(Custody {
            kind: read.kind,
            device: read.device,
            check: read.check,
        })
    };
    let cause =
        || -> Result<Cause, EventError> { Ok(CauseBody::decode(exactly(CauseBody::LEN)?)?.cause) };
    match step {
        Step::CityRegistered => {
            let CityBody { city, province } = CityBody::decode(exactly(CityBody::LEN)?)?;
            Ok(What::CityRegistered { city, province })
        }
        Step::Requested => {
            let read = RequestBody::decode(exactly(RequestBody::LEN)?)?;
            Ok(What::Requested(Request {
                batch: read.batch,
                province: read.province,
                holder: read.holder,
                slot: Slot {
                    city: read.city,
                    purpose: read.purpose,
                    algorithm: read.algorithm,
                },
                index: read.index,
                version: read.key_version,
                from: read.from,
                until: read.until,
            }))
        }
        Step::Generated => Ok(What::Generated(custody()?)),
        Step::Distributed => Ok(What::Distributed(custody()?)),
        Step::Activated => {
            let read = ActivationBody::decode(exactly(ActivationBody::LEN)?)?;
            let key = KeyNumber::new(read.supersedes);
            if key.is_none() && read.overlap_until != Timestamp::new(0) {
                return Err(EventError::Subject {
                    number,
                    found: 0,
                    expected: "the number of an older version, for there is an overlap",
                });
            }
            Ok(What::Activated(key.map(|key| Overlap {
                key,
                until: read.overlap_until,
            })))
        }
        Step::Noticed => {
            let NoticeBody { days } = NoticeBody::decode(exactly(NoticeBody::LEN)?)?;
            Ok(What::Noticed { days })
        }
        Step::Misused => {
            let read = MisuseBody::decode(exactly(MisuseBody::LEN)?)?;
            Ok(What::Misused {
                asked: Use {
                    city: read.city,
                    purpose: read.purpose,
                    usage: read.usage,
                },
                ground: read.ground,
            })
        }
        Step::Rejected => Ok(What::Rejected(cause()?)),
        Step::Suspended => Ok(What::Suspended(cause()?)),
        Step::Revoked => Ok(What::Revoked(cause()?)),
        Step::Approved => empty(What::Approved),
        Step::Used => empty(What::Used),
        Step::FlaggedUnused => empty(What::FlaggedUnused),
        Step::Reviewed => empty(What::Reviewed),
        Step::Resumed => empty(What::Resumed),
        Step::Retired => empty(What::Retired),
        Step::Withdrawn => empty(What::Withdrawn),
    }
}
