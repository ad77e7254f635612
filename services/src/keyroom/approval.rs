//! Approvals: what officers signed, of which room, about which state of a book, until when.
//!
//! ```text
//! Tongtu approval 1
//! room 0707…07
//! book keys 41
//! until 1767283200
//! act key.suspend 17 02
//! by S-01 07 00003010 <128 hex digits>
//! ```
//!
//! The signature is SM2 under the default identifier over `TTAPPROVAL1`, the lines before the first
//! `by`, and the officer's own words. The number of the book's last event makes it good once:
//! whatever happens next in that book, the same act included, ends it. An act that leaves no event
//! is remembered until its approval ends.

use std::fmt::Write as _;
use std::str::SplitInclusive;

use tongtu_codec::hex_decode;
use tongtu_crypto::{PublicKey, Signature, Signer, SignerFault, sm3};
use tongtu_keyring::{Officer, Signers};
use tongtu_types::Timestamp;

use super::act::{Act, ActError, Book, lower_hex, officer_text};
use super::words::Words;

/// The longest time for which an approval may be good, in seconds: a week.
pub const APPROVAL_MAX_S: i64 = 7 * 86_400;

const TITLE: &str = "Tongtu approval 1";

/// An act, what it holds for, and who signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Which room.
    pub room: [u8; 16],
    /// The number of the last event of the book that the act is about.
    pub after: u64,
    /// First moment at which it is not good any more.
    pub until: Timestamp,
    /// What is to be done.
    pub act: Act,
    /// Who signed, in order.
    pub by: Vec<(Officer, Signature)>,
}

/// Why a text is no approval.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApprovalError {
    /// A line is not what it should be.
    #[error("line {line} of the approval is not as it should be, expected {expected}")]
    Line {
        /// Which, from 1.
        line: usize,
        /// What was expected.
        expected: &'static str,
    },
    /// The act.
    #[error("line {line} of the approval: {error}")]
    Act {
        /// Which line.
        line: usize,
        /// What is wrong.
        error: ActError,
    },
}

impl Approval {
    /// An approval that nobody signed yet.
    #[must_use]
    pub const fn new(room: [u8; 16], after: u64, until: Timestamp, act: Act) -> Self {
        Self {
            room,
            after,
            until,
            act,
            by: Vec::new(),
        }
    }

    /// What every signature covers beside the officer's own words.
    fn body(&self) -> String {
        let (room, book) = (lower_hex(&self.room), self.act.book().word());
        let (after, until, act) = (self.after, self.until.get(), &self.act);
        format!("{TITLE}\nroom {room}\nbook {book} {after}\nuntil {until}\nact {act}\n")
    }

    /// The bytes that this officer signs.
    #[must_use]
    pub fn signed_bytes(&self, officer: &Officer) -> Vec<u8> {
        bytes_to_sign("TTAPPROVAL1", &self.body(), officer)
    }

    /// Signs as this officer.
    ///
    /// # Errors
    /// [`SignerFault`] when the signer gives no signature.
    pub fn sign(&mut self, officer: Officer, signer: &mut dyn Signer) -> Result<(), SignerFault> {
        let signature = signer.sign_checked(&self.signed_bytes(&officer))?;
        self.by.push((officer, signature));
        Ok(())
    }

    /// Whether this signature is that of this key.
    #[must_use]
    pub fn verifies(&self, officer: &Officer, key: &[u8; 33], signature: &Signature) -> bool {
        holds(key, &self.signed_bytes(officer), signature)
    }

    /// Who signed, as the books know them; nothing for more than two.
    #[must_use]
    pub fn signers(&self) -> Option<Signers> {
        match self.by[..] {
            [(first, _)] => Some(Signers::One(first)),
            [(first, _), (second, _)] => Some(Signers::Two(first, second)),
            _ => None,
        }
    }

    /// SM3 of everything but the signatures: an act that was approved again is another one by its
    /// end, and one whose signatures were put in another order is not.
    #[must_use]
    pub fn body_digest(&self) -> sm3::Digest {
        sm3::digest(self.body().as_bytes())
    }

    /// SM3 of the text, by which audit lines name it.
    #[must_use]
    pub fn digest(&self) -> sm3::Digest {
        sm3::digest(self.text().as_bytes())
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> String {
        signed_text(self.body(), &self.by)
    }

    /// Reads a text; one approval has one text.
    ///
    /// # Errors
    /// [`ApprovalError`] naming the line.
    pub fn parse(text: &str) -> Result<Self, ApprovalError> {
        let mut lines = Lines::of(text, TITLE)?;
        let bad = |line, expected| ApprovalError::Line { line, expected };
        let room = lines.next("room ", "the room")?;
        let room = hex_decode(room).ok().and_then(|room| room.try_into().ok());
        let room = room.ok_or(bad(2, "a room of 32 hex digits"))?;
        let book = lines.next("book ", "the book")?;
        let book = book
            .split_once(' ')
            .and_then(|(book, after)| Some((Book::of(book)?, after.parse().ok()?)));
        let (book, after) = book.ok_or(bad(3, "a book and the number of its last event"))?;
        let until = lines.next("until ", "its end")?;
        let until = until.parse().map_err(|_| bad(4, "Unix seconds"))?;
        let act = lines.next("act ", "the act")?;
        let act = Act::parse(act).map_err(|error| ApprovalError::Act { line: 5, error })?;
        let mut approval = Self::new(room, after, Timestamp::new(until), act);
        approval.by = lines.by("`by`, officer, role, institution and 128 hex digits")?;
        if approval.act.book() == book && approval.text() == text {
            Ok(approval)
        } else {
            Err(bad(
                3,
                "the act's book, and the shortest writing of every number",
            ))
        }
    }
}

/// What a signature under an approval covers: what kind it is, its text, who signs.
pub(super) fn bytes_to_sign(kind: &str, body: &str, officer: &Officer) -> Vec<u8> {
    format!("{kind}\n{body}{}", officer_text(officer)).into_bytes()
}

/// Whether a signature over these bytes is that of this key.
pub(super) fn holds(key: &[u8; 33], bytes: &[u8], signature: &Signature) -> bool {
    let key = PublicKey::from_compressed(key);
    key.is_ok_and(|key| key.verify(bytes, signature).is_ok())
}

/// An approval's text: its body and a line for everybody who signed.
pub(super) fn signed_text(body: String, by: &[(Officer, Signature)]) -> String {
    let mut text = body;
    for (officer, signature) in by {
        let (officer, signature) = (officer_text(officer), lower_hex(&signature.0));
        writeln!(text, "by {officer} {signature}").expect("a String takes everything");
    }
    text
}

/// The lines of an approval's text, one after the other.
pub(super) struct Lines<'a> {
    lines: SplitInclusive<'a, char>,
    line: usize,
}

impl<'a> Lines<'a> {
    /// Of a text with this title.
    pub(super) fn of(text: &'a str, title: &str) -> Result<Self, ApprovalError> {
        let mut out = Self {
            lines: text.split_inclusive('\n'),
            line: 0,
        };
        if !out.next(title, "the title")?.is_empty() {
            let expected = "the title";
            return Err(ApprovalError::Line { line: 1, expected });
        }
        Ok(out)
    }

    /// What follows this word in the next line.
    pub(super) fn next(
        &mut self,
        prefix: &str,
        expected: &'static str,
    ) -> Result<&'a str, ApprovalError> {
        self.line += 1;
        let found = self.lines.next().and_then(|line| line.strip_suffix('\n'));
        let found = found.and_then(|line| line.strip_prefix(prefix));
        let line = self.line;
        found.ok_or(ApprovalError::Line { line, expected })
    }

    /// Everybody who signed: all lines that are left.
    pub(super) fn by(
        self,
        expected: &'static str,
    ) -> Result<Vec<(Officer, Signature)>, ApprovalError> {
        let read = |(line, found)| read_by(found).ok_or(ApprovalError::Line { line, expected });
        (self.line + 1..).zip(self.lines).map(read).collect()
    }
}

fn read_by(line: &str) -> Option<(Officer, Signature)> {
    let words = line.strip_suffix('\n')?.strip_prefix("by ")?;
    let mut words = Words::of_text(words);
    let officer = words.officer().ok()?;
    let signature = hex_decode(words.rest.next()?).ok()?;
    let signature = Signature(signature.try_into().ok()?);
    words.rest.next().is_none().then_some((officer, signature))
}
