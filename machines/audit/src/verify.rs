//! Verifying a chain: bytes and a public key, and the first thing that does not hold.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use tongtu_codec::DecodeError;
use tongtu_crypto::{PublicKey, Signature, sm3};
use tongtu_types::{BusinessDay, Timestamp};

use crate::anchor::{self, Anchor, KEY, SIGNED};
use crate::line::{AuditLine, CHAIN_START, COVERED, value_of};
use crate::verifier::Verifier;

/// The keys that sign anchors, by their numbers: an anchor key is renewed like any other, and what
/// an older one signed stays signed.
pub type AnchorKeys = BTreeMap<u32, PublicKey>;

/// A chain that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// How many lines.
    pub lines: u64,
    /// The value of the last.
    pub value: sm3::Digest,
    /// How many anchors.
    pub anchors: u32,
    /// The last day that is anchored: compare it with the day that should be.
    pub anchored: Option<BusinessDay>,
    /// How many lines are behind the last anchor: these could be cut off unseen.
    pub unanchored: u64,
}

/// What is wrong with the lines; of several, the first by place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineFault {
    /// The bytes end inside a line.
    #[error("line {number} is cut: {found} bytes, expected 192")]
    Torn {
        /// The line's number.
        number: u64,
        /// Bytes of it that are there.
        found: usize,
    },
    /// The line was changed: its value is not that of its bytes.
    #[error("line {number} was changed")]
    Changed {
        /// The number that the line at this place has.
        number: u64,
    },
    /// Lines are missing.
    #[error("lines {first} to {last} are missing")]
    Missing {
        /// The first of them.
        first: u64,
        /// The last of them.
        last: u64,
    },
    /// A line stands before one that it should follow.
    #[error("line {found} stands where line {number} should, and that comes later")]
    Swapped {
        /// The line that should stand here.
        number: u64,
        /// The line that does.
        found: u64,
    },
    /// A line stands again.
    #[error("line {number} stands once more after line {after}")]
    Repeated {
        /// The line.
        number: u64,
        /// The line behind which it stands again.
        after: u64,
    },
    /// A second, other line has the number of one before: one of the two was put in.
    #[error("line {number} is there twice with different content: one was put in")]
    Inserted {
        /// The number.
        number: u64,
    },
    /// The line is whole and has the right number, and does not follow on the one before it.
    #[error("line {number} does not follow on the line before it")]
    Foreign {
        /// The line.
        number: u64,
    },
    /// A time before the last line's.
    #[error("line {number} is of {at}, before the line before it")]
    BackInTime {
        /// The line.
        number: u64,
        /// Its time.
        at: Timestamp,
    },
    /// The chain holds, and the line says nothing that a line can say.
    #[error("line {number}: {kind}")]
    Malformed {
        /// The line.
        number: u64,
        /// What is wrong.
        kind: DecodeError,
    },
}

/// What is wrong with the anchors, or between anchors and lines; of several, the first by place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnchorFault {
    /// The bytes end inside an anchor.
    #[error("anchor {number} is cut: {found} bytes, expected 157")]
    Torn {
        /// The anchor's number.
        number: u32,
        /// Bytes of it that are there.
        found: usize,
    },
    /// It names a key that signs no anchors.
    #[error("anchor {number} names key {key}, which signs no anchors")]
    Key {
        /// The number that the anchor at this place has.
        number: u32,
        /// The key's number.
        key: u32,
    },
    /// The signature is not that of its key over these bytes: it was changed, or another's.
    #[error("anchor {number} was changed: its signature does not verify")]
    Changed {
        /// The number that the anchor at this place has.
        number: u32,
    },
    /// It is signed and is no anchor.
    #[error("anchor {number}: {kind}")]
    Malformed {
        /// The anchor.
        number: u32,
        /// What is wrong.
        kind: DecodeError,
    },
    /// Another number: anchors are missing, repeated or moved.
    #[error("anchor {found} stands where anchor {number} should")]
    Order {
        /// The anchor that should stand here.
        number: u32,
        /// The one that does.
        found: u32,
    },
    /// It does not follow on the anchor before it, by digest, day or count.
    #[error("anchor {number} of {day} does not follow on the anchor before it")]
    Foreign {
        /// The anchor.
        number: u32,
        /// Its day.
        day: BusinessDay,
    },
    /// Lines were cut off the end.
    #[error("day {day} ended with line {count}, and only {found} lines are there")]
    Truncated {
        /// The anchored day.
        day: BusinessDay,
        /// Its last line.
        count: u64,
        /// Lines that are there.
        found: u64,
    },
    /// The lines hold together and are not those that were anchored: they were written anew.
    #[error("day {day}: line {count} is not the one that was anchored")]
    Mismatch {
        /// The anchored day.
        day: BusinessDay,
        /// Its last line.
        count: u64,
    },
    /// A line stands on the wrong side of an anchor for its day.
    #[error("line {number} is of {found}, on the wrong side of the anchor of {day}")]
    Day {
        /// The line.
        number: u64,
        /// Its day.
        found: BusinessDay,
        /// The anchored day.
        day: BusinessDay,
    },
}

/// Why a chain does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// Its lines.
    #[error("audit chain: {0}")]
    Line(#[from] LineFault),
    /// Its anchors, or what they say of the lines.
    #[error("audit chain: {0}")]
    Anchor(#[from] AnchorFault),
}

/// Verifies a whole chain in memory: `lines` one behind the other, `anchors` one behind the other,
/// and the keys that sign anchors. Of a long chain, [`Verifier`] needs one line at a time.
///
/// # Errors
/// [`Fault`] naming the first line that does not hold, or the first day or anchor.
pub fn verify(lines: &[u8], anchors: &[u8], keys: &AnchorKeys) -> Result<Verified, Fault> {
    let mut verifier = Verifier::new(anchors, keys);
    while let Some(place) = verifier.wants() {
        let before = usize::try_from(place - 1).unwrap_or(usize::MAX);
        let from = before.saturating_mul(AuditLine::LEN);
        let rest = lines.get(from..).unwrap_or_default();
        verifier.take(&rest[..rest.len().min(AuditLine::LEN)]);
    }
    verifier.finish()
}

/// What a line is to those after it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Link {
    pub(crate) at: Timestamp,
    pub(crate) value: sm3::Digest,
}

/// A line's own number, as it says it, whether the line holds or not.
pub(crate) fn number_of(line: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&line[5..13]);
    u64::from_be_bytes(bytes)
}

/// That a line is whole and its value is that of its bytes.
pub(crate) fn check_whole(number: u64, line: &[u8]) -> Result<(), LineFault> {
    if line.len() != AuditLine::LEN {
        let found = line.len();
        return Err(LineFault::Torn { number, found });
    }
    let (covered, value) = line.split_at(COVERED);
    if value_of(covered) == *value {
        Ok(())
    } else {
        Err(LineFault::Changed { number })
    }
}

/// That a whole line with the right number follows on one of value `before` at `last`.
pub(crate) fn check_next(
    number: u64,
    line: &[u8],
    before: sm3::Digest,
    last: Timestamp,
) -> Result<Link, LineFault> {
    if line[COVERED - 32..COVERED] != before {
        return Err(LineFault::Foreign { number });
    }
    let malformed = |kind| LineFault::Malformed { number, kind };
    let read = AuditLine::decode(line).map_err(malformed)?;
    read.entry().map_err(malformed)?;
    if read.at < last {
        let at = read.at;
        return Err(LineFault::BackInTime { number, at });
    }
    Ok(Link {
        at: read.at,
        value: read.value,
    })
}

/// Verifies one line as line `number` of a chain that is read line by line.
pub(crate) fn follow(
    number: u64,
    line: &[u8],
    before: sm3::Digest,
    last: Timestamp,
) -> Result<Link, LineFault> {
    check_whole(number, line)?;
    let found = number_of(line);
    if found > number {
        let (first, last) = (number, found - 1);
        return Err(LineFault::Missing { first, last });
    }
    if found < number {
        return Err(LineFault::Inserted { number: found });
    }
    check_next(number, line, before, last)
}

/// Reads anchors that follow on each other.
pub(crate) fn walk_anchors(bytes: &[u8], keys: &AnchorKeys) -> Result<Vec<Anchor>, AnchorFault> {
    let mut anchors: Vec<Anchor> = Vec::with_capacity(bytes.len() / Anchor::LEN);
    let mut before = [0; 32];
    let mut number = 0;
    for bytes in bytes.chunks(Anchor::LEN) {
        number += 1;
        let read = read_anchor(number, bytes, keys)?;
        let follows = anchors
            .last()
            .is_none_or(|last| read.day > last.day && read.count >= last.count);
        if !follows || read.before != before {
            let day = read.day;
            return Err(AnchorFault::Foreign { number, day });
        }
        before = sm3::digest(bytes);
        anchors.push(read);
    }
    Ok(anchors)
}

/// Reads anchor `number` and verifies its signature.
pub(crate) fn read_anchor(
    number: u32,
    bytes: &[u8],
    keys: &AnchorKeys,
) -> Result<Anchor, AnchorFault> {
    if bytes.len() != Anchor::LEN {
        let found = bytes.len();
        return Err(AnchorFault::Torn { number, found });
    }
    let mut key = [0; 4];
    key.copy_from_slice(&bytes[KEY]);
    let key = u32::from_be_bytes(key);
    let verifying = keys.get(&key).ok_or(AnchorFault::Key { number, key })?;
    let mut signature = [0; 64];
    signature.copy_from_slice(&bytes[SIGNED..]);
    if verifying
        .verify(&bytes[..SIGNED], &Signature(signature))
        .is_err()
    {
        return Err(AnchorFault::Changed { number });
    }
    let malformed = |kind| AnchorFault::Malformed { number, kind };
    let read = Anchor::decode(bytes).map_err(malformed)?;
    if read.magic != anchor::MAGIC || read.version != anchor::VERSION {
        return Err(malformed(DecodeError {
            record: "Anchor",
            field: "magic",
            offset: 0,
            kind: tongtu_codec::FieldError::Character {
                at: 0,
                byte: read.magic[0],
                expected: "TTAA and version 01",
            },
        }));
    }
    if read.number != number {
        let found = read.number;
        return Err(AnchorFault::Order { number, found });
    }
    Ok(read)
}

/// What an anchor says of `there` lines that hold together, of which `inside` is the last that it
/// covers and `outside` the one behind that.
pub(crate) fn check_anchor(
    anchor: &Anchor,
    there: u64,
    inside: Option<&Link>,
    outside: Option<&Link>,
) -> Result<(), AnchorFault> {
    let (day, count) = (anchor.day, anchor.count);
    if count > there {
        let found = there;
        return Err(AnchorFault::Truncated { day, count, found });
    }
    let head = inside.map_or(CHAIN_START, |line| line.value);
    if head != anchor.head {
        return Err(AnchorFault::Mismatch { day, count });
    }
    // Times never go back, so the lines next to the anchor speak for all.
    let day_of = |link: &Link| link.at.china().day;
    let wrong = |number, found| Err(AnchorFault::Day { number, found, day });
    if let Some(line) = inside
        && day_of(line) > day
    {
        return wrong(count, day_of(line));
    }
    if let Some(line) = outside
        && day_of(line) <= day
    {
        return wrong(count + 1, day_of(line));
    }
    Ok(())
}
