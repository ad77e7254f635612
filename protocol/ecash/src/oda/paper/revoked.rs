//! The list of issuers' certificates that an authority took back, as terminals take it.
//!
//! ```text
//! Tongtu e-cash revocations 1
//! mark test
//! rid a000000632
//! index 59
//! version 7
//! made 1767225600
//! revoked 000001 1230
//! sums <eight digits for each line> <eight digits>
//! signature <hex>
//! ```
//!
//! The signature is the authority's, over all lines before it; so the list may come on any way, and
//! nobody can make a terminal refuse an issuer. `EMV Book 2` §6.3 names what a terminal compares (scheme,
//! index, serial number) and leaves the list open. UNSPECIFIED: the form, and that it is signed.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

use tongtu_codec::hex_encode;
use tongtu_types::{MonthYear, Timestamp};

use super::lines::{self, Lines, exactly, mark, one_writing, verifies};
use super::{Authority, PaperError};

const REVOCATIONS: &str = "Tongtu e-cash revocations 1";

/// Certificates of issuers that an authority's key made and that are good no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationPaper {
    /// Whether it is of a test authority.
    pub is_test: bool,
    /// The scheme (RID).
    pub rid: [u8; 5],
    /// The authority's index.
    pub index: u8,
    /// Version; a higher one replaces a lower one of the same scheme and index.
    pub version: u64,
    /// When it was made.
    pub made_at: Timestamp,
    /// Serial numbers, each with the last month of its certificate.
    pub revoked: BTreeMap<[u8; 3], MonthYear>,
    /// The authority's signature over all before.
    pub signature: Vec<u8>,
}

impl RevocationPaper {
    /// Makes a list; the key's keeper signs the text. A certificate whose month is over has fallen out:
    /// no terminal believes it anyway.
    ///
    /// # Errors
    /// What the keeper says.
    pub fn made_by<E>(
        (is_test, rid, index): (bool, [u8; 5], u8),
        (version, made_at): (u64, Timestamp),
        mut revoked: BTreeMap<[u8; 3], MonthYear>,
        sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>,
    ) -> Result<Self, E> {
        revoked.retain(|_, expires| !expires.is_past(made_at));
        let mut paper = Self {
            is_test,
            rid,
            index,
            version,
            made_at,
            revoked,
            signature: Vec::new(),
        };
        paper.signature = sign(paper.body().as_bytes())?;
        Ok(paper)
    }

    fn body(&self) -> String {
        let (mark, rid) = (mark(self.is_test), hex_encode(&self.rid));
        let (index, version, made) = (self.index, self.version, self.made_at.get());
        let mut body = format!(
            "{REVOCATIONS}\nmark {mark}\nrid {rid}\nindex {index:02x}\nversion {version}\nmade {made}\n"
        );
        for (serial, expires) in &self.revoked {
            writeln!(body, "revoked {} {}", hex_encode(serial), expires.mmyy())
                .expect("a String takes everything");
        }
        lines::with_sums(body)
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}signature {}\n", self.body(), hex_encode(&self.signature))
    }

    /// Reads a text whose lines are all as they were written; whether the authority signed it is said
    /// by [`Self::verify`].
    ///
    /// # Errors
    /// [`PaperError`].
    pub fn parse(text: &str) -> Result<Self, PaperError> {
        // The last line is the signature, and stands behind what the sums are over.
        let whole = text.strip_suffix('\n').unwrap_or(text);
        let signed = whole.rfind('\n').map_or(0, |end| end + 1);
        if !text[signed..].starts_with("signature ") {
            return Err(PaperError::Line {
                line: text.split_inclusive('\n').count(),
                expected: "the signature",
            });
        }
        lines::check_sums(&text[..signed])?;
        let mut lines = Lines::of(text, REVOCATIONS)?;
        let mut paper = Self {
            is_test: lines.mark()?,
            rid: lines.parsed("rid ", "a scheme of 10 hex digits", exactly)?,
            index: lines.parsed("index ", "an index of two hex digits", |word| {
                exactly(word).map(|[index]| index)
            })?,
            version: lines.parsed("version ", "a version", |word| word.parse().ok())?,
            made_at: lines.parsed("made ", "Unix seconds", |word| {
                word.parse().ok().map(Timestamp::new)
            })?,
            revoked: BTreeMap::new(),
            signature: Vec::new(),
        };
        // The sums were compared above, and say how many lines there are.
        while lines.begins("revoked ") {
            let (serial, expires) = lines.parsed(
                "revoked ",
                "a serial number of 6 hex digits and a month MMYY",
                |words| {
                    let (serial, expires) = words.split_once(' ')?;
                    Some((exactly(serial)?, expires.parse().ok()?))
                },
            )?;
            paper.revoked.insert(serial, expires);
        }
        lines.parsed("sums ", "sums of the lines before", |_| Some(()))?;
        paper.signature = lines.hex("signature ")?;
        one_writing(&paper.text(), text)?;
        Ok(paper)
    }

    /// Whether an authority signed it.
    ///
    /// # Errors
    /// [`PaperError::OtherAuthority`], [`PaperError::Signature`].
    pub fn verify(&self, authority: &Authority) -> Result<(), PaperError> {
        let (found, expected) = (self.index, authority.index);
        if found != expected {
            return Err(PaperError::OtherAuthority { found, expected });
        }
        match verifies(&authority.key, &self.body(), &self.signature) {
            true => Ok(()),
            false => Err(PaperError::Signature),
        }
    }
}
