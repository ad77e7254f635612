//! The bytes of events: one head for both books, a body for each kind of step.
//!
//! An event is its head and its body, and nothing behind. Both have a fixed length, so a store can
//! keep events in a table or one behind the other, and chain them as it chains other lines.

use alloc::vec::Vec;

use tongtu_codec::{Be, Cn, DecodeError, EncodeError, Raw, Reader, record};
use tongtu_types::{CityCode, InstitutionCode, Timestamp};

use crate::code::{Cause, CustodyKind, Ground, KeyAlgorithm, Purpose, Ring, Role, Usage};
use crate::name::{Check, DeviceName, Officer, OfficerNumber};

/// First bytes of an event of the key book.
pub const MAGIC_KEYS: [u8; 4] = *b"TTKE";
/// First bytes of an event of the authority's book.
pub const MAGIC_AUTHORITY: [u8; 4] = *b"TTCE";
/// First bytes of an event of the officers' register.
pub const MAGIC_OFFICERS: [u8; 4] = *b"TTOE";
/// The version of these tables.
pub const VERSION: u8 = 1;

record! {
    /// Head of an event of a key book, of the authority's book or of the officers' register.
    ///
    /// UNSPECIFIED: no text that we could read gives a form for the history of a key; all of it
    /// is ours.
    pub struct EventHead: 54 {
        [0..4] magic: [u8; 4] as Raw, Ours, "TTKE key book, TTCE authority's book, TTOE officers' register", "记录标志";
        [4..5] version: u8 as Be, Ours, "version of the tables, 01", "版本";
        [5..6] step: u8 as Be, Ours, "what happened", "步骤";
        [6..8] body_len: u16 as Be, Ours, "bytes of the body", "内容长度";
        [8..16] number: u64 as Be, Ours, "number in the book, from 1", "事件序号";
        [16..24] at: Timestamp as Be, Ours, "when, Unix seconds UTC", "时间";
        [24..28] subject: u32 as Be, Ours,
            "number of the key, certificate or officer's entry, 0 for none", "密钥、证书或人员编号";
        [28..36] first: Option<OfficerNumber> as Ring, Ours,
            "first officer, spaces for none", "经办人";
        [36..37] first_role: Option<Role> as Ring, Ours, "in which role", "经办人角色";
        [37..41] first_institution: InstitutionCode as Cn, Ours, "of which institution", "经办机构";
        [41..49] second: Option<OfficerNumber> as Ring, Ours,
            "second officer, spaces for none", "复核人";
        [49..50] second_role: Option<Role> as Ring, Ours, "in which role", "复核人角色";
        [50..54] second_institution: InstitutionCode as Cn, Ours, "of which institution", "复核机构";
    }
}

record! {
    /// Body of `city registered`.
    pub struct CityBody: 6 {
        [0..2] city: CityCode as Cn, Ours, "city; 0000 is the nation's own", "城市代码";
        [2..6] province: InstitutionCode as Cn, Ours, "its province", "所属省级机构";
    }
}

record! {
    /// Body of `requested`.
    pub struct RequestBody: 34 {
        [0..4] batch: u32 as Be, Ours, "number of the application", "申请批次号";
        [4..8] province: InstitutionCode as Cn, Ours, "province that applies", "申请省级机构";
        [8..12] holder: InstitutionCode as Cn, Ours, "institution that will hold it", "持有机构";
        [12..14] city: CityCode as Cn, Ours, "city", "城市代码";
        [14..15] purpose: Purpose as Ring, Ours, "what for", "用途";
        [15..16] algorithm: KeyAlgorithm as Ring, Ours, "algorithm", "算法";
        [16..17] index: u8 as Be, Ours, "key index", "密钥索引";
        [17..18] key_version: u8 as Be, Ours, "key version, from 1", "密钥版本号";
        [18..26] from: Timestamp as Be, Ours, "first moment of its term", "生效时间";
        [26..34] until: Timestamp as Be, Ours, "first moment after its term", "失效时间";
    }
}

record! {
    /// Body of `generated` and of `distributed`: where the key is, and how one tells it.
    pub struct CustodyBody: 46 {
        [0..1] kind: CustodyKind as Ring, Ours, "kind of device", "载体类型";
        [1..13] device: DeviceName as Ring, Ours, "device", "载体编号";
        [13..46] check: Check as Ring, Ours,
            "01 and the check value of three bytes, or 02 and SM3 of the public key", "密钥校验值";
    }
}

record! {
    /// Body of `activated`: which version it follows, if any.
    pub struct ActivationBody: 12 {
        [0..4] supersedes: u32 as Be, Ours, "number of the version before, 0 for none", "前一版本";
        [4..12] overlap_until: Timestamp as Be, Ours,
            "first moment at which that is not accepted, 0 for none", "并行期结束时间";
    }
}

record! {
    /// Body of `noticed`.
    pub struct NoticeBody: 2 {
        [0..2] days: u16 as Be, Ours, "days before the end", "提前天数";
    }
}

record! {
    /// Body of `rejected`, `suspended` and `revoked`.
    pub struct CauseBody: 1 {
        [0..1] cause: Cause as Ring, Ours, "why", "原因";
    }
}

record! {
    /// Body of `refused use`: what was asked for.
    pub struct MisuseBody: 5 {
        [0..2] city: CityCode as Cn, Ours, "city asked for", "请求城市";
        [2..3] purpose: Purpose as Ring, Ours, "purpose asked for", "请求用途";
        [3..4] usage: Usage as Ring, Ours, "make or accept", "使用方式";
        [4..5] ground: Ground as Ring, Ours, "why it was refused", "拒绝原因";
    }
}

/// Why bytes are no event, or an event has no bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// A field does not decode.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A field cannot be written.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// Another kind of record, or another version of the tables.
    #[error("event head has {field} {found:02x?}, expected {expected:02x?}")]
    Head {
        /// The field.
        field: &'static str,
        /// What was found.
        found: Vec<u8>,
        /// What was expected.
        expected: Vec<u8>,
    },
    /// A step that this book does not have.
    #[error("event has step {step:#04x}, which this book does not have")]
    Step {
        /// The byte.
        step: u8,
    },
    /// An officer without a role, a role without an officer, or a second without a first.
    #[error(
        "event {number}: the {place} officer's number, role and institution do not go together"
    )]
    Officer {
        /// The event's number.
        number: u64,
        /// Which.
        place: &'static str,
    },
    /// A body of another length than the step has.
    #[error("event {number} says its body has {found} bytes, expected {expected}")]
    Body {
        /// The event's number.
        number: u64,
        /// What it says.
        found: usize,
        /// What the step has.
        expected: usize,
    },
    /// A subject where there is none, or none where there must be one.
    #[error("event {number} has subject {found}, its step expects {expected}")]
    Subject {
        /// The event's number.
        number: u64,
        /// What was found.
        found: u32,
        /// What was expected.
        expected: &'static str,
    },
}

/// Who took a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signers {
    /// Nobody: what time and counting bring about.
    System,
    /// One officer.
    One(Officer),
    /// Two officers.
    Two(Officer, Officer),
}

impl Signers {
    /// The officers, first and second.
    #[must_use]
    pub const fn officers(&self) -> [Option<Officer>; 2] {
        match *self {
            Self::System => [None, None],
            Self::One(first) => [Some(first), None],
            Self::Two(first, second) => [Some(first), Some(second)],
        }
    }
}

/// What every event has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) number: u64,
    pub(crate) at: Timestamp,
    pub(crate) subject: u32,
    pub(crate) signers: Signers,
}

/// Head and body in bytes.
pub(crate) fn write(
    magic: [u8; 4],
    step: u8,
    stamp: &Stamp,
    body: Vec<u8>,
) -> Result<Vec<u8>, EventError> {
    let [first, second] = stamp.signers.officers();
    let seat = |officer: Option<Officer>| {
        officer.map_or_else(InstitutionCode::national, |o| o.institution)
    };
    let head = EventHead {
        magic,
        version: VERSION,
        step,
        body_len: u16::try_from(body.len()).expect("no body here has more than 200 bytes"),
        number: stamp.number,
        at: stamp.at,
        subject: stamp.subject,
        first: first.map(|o| o.number),
        first_role: first.map(|o| o.role),
        first_institution: seat(first),
        second: second.map(|o| o.number),
        second_role: second.map(|o| o.role),
        second_institution: seat(second),
    };
    let mut bytes = head.encode()?;
    bytes.extend(body);
    Ok(bytes)
}

/// Reads one event from exactly its bytes.
pub(crate) fn one<T>(
    bytes: &[u8],
    take: fn(&mut Reader<'_>) -> Result<T, EventError>,
) -> Result<T, EventError> {
    let mut reader = Reader::new("Event", bytes);
    let event = take(&mut reader)?;
    reader.finish()?;
    Ok(event)
}

/// Reads events that stand one behind the other.
pub(crate) fn all<T>(
    bytes: &[u8],
    take: fn(&mut Reader<'_>) -> Result<T, EventError>,
) -> Result<Vec<T>, EventError> {
    let mut reader = Reader::new("Event", bytes);
    let mut events = Vec::new();
    while !reader.is_at_end() {
        events.push(take(&mut reader)?);
    }
    Ok(events)
}

/// Reads a head and cuts off its body; what follows stays in the reader.
pub(crate) fn read<'a>(
    magic: [u8; 4],
    reader: &mut Reader<'a>,
) -> Result<(Stamp, u8, &'a [u8]), EventError> {
    let head = EventHead::decode(reader.take("head", EventHead::LEN)?)?;
    if head.magic != magic {
        return Err(EventError::Head {
            field: "magic",
            found: head.magic.to_vec(),
            expected: magic.to_vec(),
        });
    }
    if head.version != VERSION {
        return Err(EventError::Head {
            field: "version",
            found: alloc::vec![head.version],
            expected: alloc::vec![VERSION],
        });
    }
    let number = head.number;
    let first = officer(
        (head.first, head.first_role, head.first_institution),
        (number, "first"),
    )?;
    let second = officer(
        (head.second, head.second_role, head.second_institution),
        (number, "second"),
    )?;
    let signers = match (first, second) {
        (None, None) => Signers::System,
        (Some(first), None) => Signers::One(first),
        (Some(first), Some(second)) => Signers::Two(first, second),
        (None, Some(_)) => {
            let place = "second";
            return Err(EventError::Officer { number, place });
        }
    };
    let stamp = Stamp {
        number,
        at: head.at,
        subject: head.subject,
        signers,
    };
    let body = reader.take("body", usize::from(head.body_len))?;
    Ok((stamp, head.step, body))
}

fn officer(
    (name, role, institution): (Option<OfficerNumber>, Option<Role>, InstitutionCode),
    (number, place): (u64, &'static str),
) -> Result<Option<Officer>, EventError> {
    match (name, role) {
        (Some(number), Some(role)) => Ok(Some(Officer {
            number,
            role,
            institution,
        })),
        // One form only for "nobody", so that the same event always has the same bytes.
        (None, None) if institution == InstitutionCode::national() => Ok(None),
        _ => Err(EventError::Officer { number, place }),
    }
}

/// The body, if it has the step's length.
pub(crate) fn body_of(body: &[u8], expected: usize, number: u64) -> Result<&[u8], EventError> {
    if body.len() == expected {
        Ok(body)
    } else {
        Err(EventError::Body {
            number,
            found: body.len(),
            expected,
        })
    }
}
