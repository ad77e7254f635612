//! What a holder's custody is asked to do, and what its custodians signed of it.
//!
//! ```text
//! Tongtu custody approval 1
//! custody 0707…07
//! acts 4
//! until 1767283200
//! act key.take-in 17 3 01a2b3 1767225600
//! by H-01 06 01343010 <128 hex digits>
//! by H-02 06 01343010 <128 hex digits>
//! ```
//!
//! The signature is SM2 under the default identifier over `TTCUSTODY1`, the lines before the first
//! `by`, and the custodian's own words. The number of acts so far makes it good once.

use std::fmt;

use tongtu_codec::hex_decode;
use tongtu_crypto::{Signature, Signer, SignerFault};
use tongtu_keyring::code::Role;
use tongtu_keyring::{Check, KeyNumber, Officer, OfficerNumber};
use tongtu_types::{InstitutionCode, Timestamp};

use super::super::act::{ActError, check_text, lower_hex};
use super::super::approval::{ApprovalError, Lines, bytes_to_sign, holds, signed_text};
use super::super::words::Words;

const TITLE: &str = "Tongtu custody approval 1";

/// A custodian of a holder, and the key that signs for this person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Custodian {
    /// The number among the holder's officers, as the nation's register has it.
    pub number: OfficerNumber,
    /// A compressed point.
    pub public_key: [u8; 33],
}

impl Custodian {
    /// The custodian as an officer of this holder.
    #[must_use]
    pub const fn officer(&self, institution: InstitutionCode) -> Officer {
        Officer {
            number: self.number,
            role: Role::HolderCustodian,
            institution,
        }
    }
}

/// What a holder's custody is asked to do. `book` is when the extract was made by which it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each row says what its fields are")]
pub enum HoldingAct {
    /// Two custodians found it, for the keys of their institution by the books of this key centre.
    Found {
        institution: InstitutionCode,
        centre: [u8; 33],
        custodians: [Custodian; 2],
    },
    /// A key of this check value comes in from its custodians' components.
    Component {
        key: KeyNumber,
        check: Check,
        book: Timestamp,
    },
    /// A key of this check value comes in from a container under a transport key.
    TakeIn {
        key: KeyNumber,
        transport: KeyNumber,
        check: Check,
        book: Timestamp,
    },
    /// A key whose life is over is destroyed.
    Destroy { key: KeyNumber, book: Timestamp },
    /// A further custodian.
    Enter(Custodian),
    /// One is none any more.
    End(OfficerNumber),
    /// The wait after too many wrong passphrases of a custodian ends.
    Unlock(OfficerNumber),
    /// The key centre signs with another key from now on.
    Centre([u8; 33]),
}

impl HoldingAct {
    /// The word at the front; an audit line has it too.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Found { .. } => "custody.found",
            Self::Component { .. } => "key.component",
            Self::TakeIn { .. } => "key.take-in",
            Self::Destroy { .. } => "key.destroy",
            Self::Enter(_) => "custodian.enter",
            Self::End(_) => "custodian.end",
            Self::Unlock(_) => "custodian.unlock",
            Self::Centre(_) => "custody.centre",
        }
    }

    /// The key that it is about, if it is about one.
    #[must_use]
    pub const fn key(&self) -> Option<KeyNumber> {
        match self {
            Self::Component { key, .. } | Self::TakeIn { key, .. } | Self::Destroy { key, .. } => {
                Some(*key)
            }
            _ => None,
        }
    }

    /// When the extract was made by which it is done, for an act that goes by one.
    #[must_use]
    pub const fn book(&self) -> Option<Timestamp> {
        match self {
            Self::Component { book, .. }
            | Self::TakeIn { book, .. }
            | Self::Destroy { book, .. } => Some(*book),
            _ => None,
        }
    }

    /// Reads the text of an act.
    ///
    /// # Errors
    /// [`ActError`] naming the word that is not as it should be.
    pub fn parse(text: &str) -> Result<Self, ActError> {
        let mut words = Words::of_text(text);
        let act = read(&mut words)?;
        if words.rest.next().is_some() {
            return Err(words.expected("no further word"));
        }
        // One text only: no leading zero, no capital digit of hex.
        if act.to_string() == text {
            Ok(act)
        } else {
            Err(words.expected("the shortest writing of every word"))
        }
    }
}

impl fmt::Display for HoldingAct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let custodian = |custodian: &Custodian| {
            let key = lower_hex(&custodian.public_key);
            format!(" {} {key}", custodian.number)
        };
        f.write_str(self.word())?;
        match self {
            Self::Found {
                institution,
                centre,
                custodians,
            } => {
                write!(f, " {institution} {}", lower_hex(centre))?;
                custodians
                    .iter()
                    .try_for_each(|c| f.write_str(&custodian(c)))
            }
            Self::Component { key, check, book } => {
                write!(f, " {key} {} {}", check_text(*check), book.get())
            }
            Self::TakeIn {
                key,
                transport,
                check,
                book,
            } => {
                let (check, book) = (check_text(*check), book.get());
                write!(f, " {key} {transport} {check} {book}")
            }
            Self::Destroy { key, book } => write!(f, " {key} {}", book.get()),
            Self::Enter(entered) => f.write_str(&custodian(entered)),
            Self::End(number) | Self::Unlock(number) => write!(f, " {number}"),
            Self::Centre(centre) => write!(f, " {}", lower_hex(centre)),
        }
    }
}

fn read(words: &mut Words<'_>) -> Result<HoldingAct, ActError> {
    let point = "a compressed public key of 66 hex digits";
    let custodian = |words: &mut Words<'_>| {
        Ok::<_, ActError>(Custodian {
            number: number(words)?,
            public_key: words.bytes(point)?,
        })
    };
    match words.word("an act")? {
        "custody.found" => Ok(HoldingAct::Found {
            institution: words.institution()?,
            centre: words.bytes(point)?,
            custodians: [custodian(words)?, custodian(words)?],
        }),
        "key.component" => Ok(HoldingAct::Component {
            key: words.key()?,
            check: words.check()?,
            book: words.moment()?,
        }),
        "key.take-in" => Ok(HoldingAct::TakeIn {
            key: words.key()?,
            transport: words.key()?,
            check: words.check()?,
            book: words.moment()?,
        }),
        "key.destroy" => Ok(HoldingAct::Destroy {
            key: words.key()?,
            book: words.moment()?,
        }),
        "custodian.enter" => Ok(HoldingAct::Enter(custodian(words)?)),
        "custodian.end" => Ok(HoldingAct::End(number(words)?)),
        "custodian.unlock" => Ok(HoldingAct::Unlock(number(words)?)),
        "custody.centre" => Ok(HoldingAct::Centre(words.bytes(point)?)),
        _ => Err(words.expected("the word of an act")),
    }
}

fn number(words: &mut Words<'_>) -> Result<OfficerNumber, ActError> {
    words.of("a custodian's number", |word| {
        OfficerNumber::parse(word).ok()
    })
}

/// An act, what it holds for, and which custodians signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldingApproval {
    /// Which custody.
    pub custody: [u8; 16],
    /// How many acts were carried out there before.
    pub acts: u64,
    /// First moment at which it is not good any more.
    pub until: Timestamp,
    /// What is to be done.
    pub act: HoldingAct,
    /// Who signed, in order.
    pub by: Vec<(Officer, Signature)>,
}

impl HoldingApproval {
    /// What every signature covers beside the custodian's own words.
    fn body(&self) -> String {
        let (custody, acts) = (lower_hex(&self.custody), self.acts);
        let (until, act) = (self.until.get(), &self.act);
        format!("{TITLE}\ncustody {custody}\nacts {acts}\nuntil {until}\nact {act}\n")
    }

    /// The bytes that this custodian signs.
    #[must_use]
    pub fn signed_bytes(&self, officer: &Officer) -> Vec<u8> {
        bytes_to_sign("TTCUSTODY1", &self.body(), officer)
    }

    /// Signs as this custodian.
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
        let custody = lines.next("custody ", "the custody")?;
        let custody = hex_decode(custody).ok().and_then(|id| id.try_into().ok());
        let custody = custody.ok_or(bad(2, "a custody of 32 hex digits"))?;
        let acts = lines.next("acts ", "the number of acts before")?;
        let acts = acts
            .parse()
            .map_err(|_| bad(3, "the number of acts before"))?;
        let until = lines.next("until ", "its end")?;
        let until = until.parse().map_err(|_| bad(4, "Unix seconds"))?;
        let act = lines.next("act ", "the act")?;
        let act = HoldingAct::parse(act).map_err(|error| ApprovalError::Act { line: 5, error })?;
        let mut approval = Self {
            custody,
            acts,
            until: Timestamp::new(until),
            act,
            by: Vec::new(),
        };
        approval.by = lines.by("`by`, custodian, role, institution and 128 hex digits")?;
        if approval.text() == text {
            Ok(approval)
        } else {
            Err(bad(3, "the shortest writing of every number"))
        }
    }
}
