//! The signed files: a full list, and a delta that leads from one version to another.
//!
//! ```text
//! head 138   magic 4 "TTBL" | format 1 | kind 1 (0 full, 1 delta) | acquirer cn8 4
//!            version 8 | issued_at 8 | base version 8 | base numbers 16 | base sum 16
//!            numbers 16 | sum 16 | content length 8 | SM3 of the content 32
//! 64         SM2 signature r || s over the head
//! content    entries, rising: 01 number 10           listed
//!                             02 low 10 high 10      listed, from low to high
//!                             03 number 10           taken off     (delta only)
//!                             04 low 10 high 10      taken off     (delta only)
//! ```
//!
//! All integers are big-endian, numbers are BCD as in file 0x15 of a card. The three base fields
//! of a full file are 0. `numbers` and `sum` are the [`Tally`] of the list that comes out.
//!
//! The envelope is that of the list bundle, turned round: the signature covers a head with the
//! content's digest and stands before the content, so that a terminal knows after 202 bytes
//! whose file it is and whether it wants it, and never holds 50 MB that nobody signed.
//!
//! UNSPECIFIED: no public text gives a blacklist's file; terminals are known to take full lists
//! and deltas, whole numbers and ranges.

use alloc::vec::Vec;

use tongtu_codec::{Cn, DecodeError, EncodeError, Encoding as _, Reader};
use tongtu_crypto::{PublicKey, SecretKey, Signature, sm3};
use tongtu_types::{InstitutionCode, Timestamp};

use crate::number::{ListedNumber, Span, Tally};
use crate::{BlacklistError, MARKS_MAX, OVERLAY_MAX};

/// What every file begins with.
pub const MAGIC: [u8; 4] = *b"TTBL";
/// The one format there is.
pub const FORMAT: u8 = 1;
/// Bytes of the head with its signature.
pub const HEAD_LEN: usize = UNSIGNED_LEN + SIGNATURE_LEN;

const UNSIGNED_LEN: usize = 4 + 1 + 1 + 4 + 8 + 8 + 8 + 16 + 16 + 16 + 16 + 8 + 32;
const SIGNATURE_LEN: usize = 64;

/// Bytes of an entry of one number.
pub(crate) const SINGLE_LEN: usize = 1 + ListedNumber::LEN;
/// Bytes of an entry from a number to another.
pub(crate) const RANGE_LEN: usize = SINGLE_LEN + ListedNumber::LEN;

/// Which list: its version, and what its numbers add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct State {
    /// The version.
    pub version: u64,
    /// What the numbers add up to.
    pub tally: Tally,
}

/// Full or delta.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// All numbers.
    Full,
    /// What changed since another version.
    Delta {
        /// The list that it goes on from.
        base: State,
    },
}

/// What the maker of a file says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Issue {
    /// The acquirer (受理机构) whose terminals it is for.
    pub acquirer: InstitutionCode,
    /// The version of the list that comes out.
    pub version: u64,
    /// When it was made.
    pub issued_at: Timestamp,
}

/// A file's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The acquirer (受理机构) whose terminals it is for.
    pub acquirer: InstitutionCode,
    /// When it was made.
    pub issued_at: Timestamp,
    /// Full or delta.
    pub kind: Kind,
    /// The list that comes out.
    pub state: State,
    /// Bytes of the content.
    pub content_len: u64,
    /// SM3 of the content.
    pub content_digest: sm3::Digest,
}

impl Head {
    /// Checks the signature, then reads the head of a file.
    ///
    /// # Errors
    /// [`BlacklistError`]; until the signature holds, nothing but the magic was looked at.
    pub fn open(bytes: &[u8; HEAD_LEN], list_key: &PublicKey) -> Result<Self, BlacklistError> {
        if !bytes.starts_with(&MAGIC) {
            return Err(BlacklistError::Magic);
        }
        let (signed, signature) = bytes
            .split_last_chunk::<SIGNATURE_LEN>()
            .expect("a head is longer");
        list_key
            .verify(signed, &Signature(*signature))
            .map_err(|_| BlacklistError::Signature)?;
        Self::read(signed)
    }

    fn read(bytes: &[u8]) -> Result<Self, BlacklistError> {
        let mut reader = Reader::new("blacklist head", bytes);
        reader.take("magic", MAGIC.len())?;
        let format = reader.take("format", 1)?[0];
        if format != FORMAT {
            return Err(BlacklistError::Format {
                found: format,
                expected: FORMAT,
            });
        }
        let kind = reader.take("kind", 1)?[0];
        let acquirer = reader.take("acquirer", 4)?;
        let acquirer = Cn::decode(acquirer).map_err(|kind| reader.error("acquirer", kind))?;
        let version = reader.take_be("version", 8)?;
        let issued_at = Timestamp::new(reader.take_be("issued_at", 8)?.cast_signed());
        let base_version = reader.take_be("base version", 8)?;
        let base = State {
            version: base_version,
            tally: read_tally(&mut reader)?,
        };
        let state = State {
            version,
            tally: read_tally(&mut reader)?,
        };
        let content_len = reader.take_be("content length", 8)?;
        let digest = reader.take("content SM3", 32)?;
        let content_digest = digest.try_into().expect("32 bytes");
        reader.finish()?;
        let kind = match kind {
            0 => Kind::Full,
            1 => Kind::Delta { base },
            found => return Err(BlacklistError::Kind { found }),
        };
        let head = Self {
            acquirer,
            issued_at,
            kind,
            state,
            content_len,
            content_digest,
        };
        head.check_len()?;
        Ok(head)
    }

    fn check_len(&self) -> Result<(), BlacklistError> {
        let max = match self.kind {
            // A range has two marks, and fewer bytes than two numbers.
            Kind::Full => MARKS_MAX * SINGLE_LEN,
            Kind::Delta { .. } => OVERLAY_MAX * RANGE_LEN,
        };
        let found = usize::try_from(self.content_len).unwrap_or(usize::MAX);
        if found > max {
            let what = "bytes of content";
            return Err(BlacklistError::TooMany { what, found, max });
        }
        Ok(())
    }

    fn sign<E: From<BlacklistError>>(
        &self,
        sign: impl FnOnce(&[u8]) -> Result<Signature, E>,
    ) -> Result<[u8; HEAD_LEN], E> {
        let mut out = self.unsigned()?;
        let signature = sign(&out)?;
        out.extend(signature.0);
        Ok(out.try_into().expect("the fields are HEAD_LEN together"))
    }

    fn unsigned(&self) -> Result<Vec<u8>, BlacklistError> {
        self.check_len()?;
        let mut out = Vec::with_capacity(HEAD_LEN);
        out.extend(MAGIC);
        out.push(FORMAT);
        let (kind, base) = match self.kind {
            Kind::Full => (0, State::default()),
            Kind::Delta { base } => (1, base),
        };
        out.push(kind);
        let mut acquirer = [0; 4];
        Cn::encode(&self.acquirer, &mut acquirer).map_err(|kind| EncodeError {
            record: "blacklist head",
            field: "acquirer",
            kind,
        })?;
        out.extend(acquirer);
        out.extend(self.state.version.to_be_bytes());
        out.extend(self.issued_at.get().to_be_bytes());
        out.extend(base.version.to_be_bytes());
        for tally in [base.tally, self.state.tally] {
            out.extend(tally.numbers.to_be_bytes());
            out.extend(tally.sum.to_be_bytes());
        }
        out.extend(self.content_len.to_be_bytes());
        out.extend(self.content_digest);
        Ok(out)
    }
}

fn read_tally(reader: &mut Reader<'_>) -> Result<Tally, DecodeError> {
    let mut wide = |field| -> Result<u128, DecodeError> {
        let bytes = reader.take(field, 16)?;
        Ok(u128::from_be_bytes(bytes.try_into().expect("16 bytes")))
    };
    Ok(Tally {
        numbers: wide("numbers")?,
        sum: wide("sum")?,
    })
}

/// One entry of a delta.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// From now on listed.
    Listed(Span),
    /// From now on not listed.
    Removed(Span),
}

impl Change {
    /// The numbers that change.
    #[must_use]
    pub const fn span(self) -> Span {
        match self {
            Self::Listed(span) | Self::Removed(span) => span,
        }
    }

    fn write(self, out: &mut Vec<u8>) {
        let span = self.span();
        let tag = match (self, span.is_single()) {
            (Self::Listed(_), true) => 1,
            (Self::Listed(_), false) => 2,
            (Self::Removed(_), true) => 3,
            (Self::Removed(_), false) => 4,
        };
        out.push(tag);
        out.extend(span.low().to_bcd());
        if !span.is_single() {
            out.extend(span.high().to_bcd());
        }
    }

    /// How long an entry with this first byte is.
    pub(crate) const fn len_of(tag: u8) -> Option<usize> {
        match tag {
            1 | 3 => Some(SINGLE_LEN),
            2 | 4 => Some(RANGE_LEN),
            _ => None,
        }
    }

    /// Reads a whole entry; a range is longer than one number.
    pub(crate) fn read(entry: &[u8]) -> Option<Self> {
        let (tag, numbers) = entry.split_first()?;
        let (low, rest) = numbers.split_first_chunk()?;
        let low = ListedNumber::from_bcd(low)?;
        let span = if matches!(tag, 1 | 3) {
            Span::single(low)
        } else {
            let high = ListedNumber::from_bcd(rest.first_chunk()?)?;
            Span::new(low, high).filter(|span| !span.is_single())?
        };
        match tag {
            1 | 2 => Some(Self::Listed(span)),
            3 | 4 => Some(Self::Removed(span)),
            _ => None,
        }
    }
}

/// Makes a full file of rising spans.
///
/// # Errors
/// [`BlacklistError::Overlap`] when they do not rise, [`BlacklistError::TooMany`] when they are
/// more than a terminal has room for.
pub fn full(
    issue: Issue,
    spans: impl IntoIterator<Item = Span>,
    list_key: &SecretKey,
) -> Result<Vec<u8>, BlacklistError> {
    full_with(issue, spans, |bytes| Ok(list_key.sign(bytes)))
}

/// The same, signed by whoever has the list key: a device, for example.
///
/// # Errors
/// As [`full`], or what the signer says.
pub fn full_with<E: From<BlacklistError>>(
    issue: Issue,
    spans: impl IntoIterator<Item = Span>,
    sign: impl FnOnce(&[u8]) -> Result<Signature, E>,
) -> Result<Vec<u8>, E> {
    let changes = spans.into_iter().map(Change::Listed);
    write(issue, Kind::Full, changes, MARKS_MAX, sign)
}

/// Makes a delta; the changes must rise and be true of the list that it goes on from.
///
/// # Errors
/// [`BlacklistError::Overlap`] when they do not rise, [`BlacklistError::NotNewer`] when the
/// version does not, [`BlacklistError::TooMany`] when a full file is due instead.
pub fn delta(
    issue: Issue,
    base: State,
    changes: impl IntoIterator<Item = Change>,
    list_key: &SecretKey,
) -> Result<Vec<u8>, BlacklistError> {
    delta_with(issue, base, changes, |bytes| Ok(list_key.sign(bytes)))
}

/// The same, signed by whoever has the list key: a device, for example.
///
/// # Errors
/// As [`delta`], or what the signer says.
pub fn delta_with<E: From<BlacklistError>>(
    issue: Issue,
    base: State,
    changes: impl IntoIterator<Item = Change>,
    sign: impl FnOnce(&[u8]) -> Result<Signature, E>,
) -> Result<Vec<u8>, E> {
    if issue.version <= base.version {
        return Err(E::from(BlacklistError::NotNewer {
            held: base.version,
            offered: issue.version,
        }));
    }
    write(issue, Kind::Delta { base }, changes, OVERLAY_MAX, sign)
}

fn write<E: From<BlacklistError>>(
    issue: Issue,
    kind: Kind,
    changes: impl IntoIterator<Item = Change>,
    max: usize,
    sign: impl FnOnce(&[u8]) -> Result<Signature, E>,
) -> Result<Vec<u8>, E> {
    let mut out = alloc::vec![0; HEAD_LEN];
    let (mut tally, mut weight) = match kind {
        Kind::Full => (Tally::default(), 0),
        Kind::Delta { base } => (base.tally, 0),
    };
    let mut last: Option<ListedNumber> = None;
    for change in changes {
        let span = change.span();
        if last.is_some_and(|last| span.low() <= last) {
            return Err(E::from(BlacklistError::Overlap { number: span.low() }));
        }
        last = Some(span.high());
        tally = match change {
            Change::Listed(span) => tally.plus(span),
            Change::Removed(span) => tally.minus(span),
        };
        weight += match kind {
            Kind::Full => span.marks(),
            Kind::Delta { .. } => 1,
        };
        change.write(&mut out);
    }
    if weight > max {
        let what = match kind {
            Kind::Full => "marks in a full list",
            Kind::Delta { .. } => "changes in a delta",
        };
        let found = weight;
        return Err(E::from(BlacklistError::TooMany { what, found, max }));
    }
    let content = &out[HEAD_LEN..];
    let head = Head {
        acquirer: issue.acquirer,
        issued_at: issue.issued_at,
        kind,
        state: State {
            version: issue.version,
            tally,
        },
        content_len: u64::try_from(content.len()).expect("a length in memory"),
        content_digest: sm3::digest(content),
    };
    let signed = head.sign(sign)?;
    out[..HEAD_LEN].copy_from_slice(&signed);
    Ok(out)
}
