//! The e-cash authority's book: which issuers' keys were approved, and the certificates that they got.
//!
//! ```text
//! an issuer's application ─▶ approved (nation's key officer, approver) ─▶ issued (two custodians)
//!                                                           revoked (two supervisors) ◀─┘
//! ```
//! What is here: the book's entries and what may follow ([`CashBook`]), their lines. What is not here:
//! what a certificate is (`tongtu-ecash`), the authority's keys, which are keys of the nation in the key
//! book like any other, and the custody's part (`certifying`).
//!
//! Invariants: a certificate in the book is that of an approved application under a key of the key
//! book, and is opened again whenever the room is; no two institutions have numbers in common; who
//! approved an application does not sign its certificate.
//!
//! UNSPECIFIED: how a transport scheme certifies its e-cash issuers, and takes that back; all of it is
//! ours, but what a terminal compares (`EMV Book 2` §6.3, step 10).

use std::fmt::Write as _;

use tongtu_codec::hex_decode;
use tongtu_crypto::{PublicKey, RsaPublicKey, sm3};
use tongtu_ecash::oda::paper::{IssuerApplication, IssuerPaper, PaperError};
use tongtu_ecash::oda::{Authority, OdaError, VerifyingKey};
use tongtu_hsm::Mark;
use tongtu_keyring::code::{Cause, KeyAlgorithm, Purpose, Role, Usage};
use tongtu_keyring::{Check, KeyBook, KeyLife, KeyNumber, Officer, RefusedUse, Signers, Use};
use tongtu_types::{InstitutionCode, Timestamp};

use super::act::{Act, lower_hex};
use super::room::are_two_custodians;

mod revoked;

/// Why the e-cash authority does not certify.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CashRefusal {
    /// Others signed than must.
    #[error("signed by others than {expected}")]
    Officers {
        /// Who must.
        expected: &'static str,
    },
    /// Whoever approved would sign the certificate too.
    #[error("officer {officer} approved the application, expected a custodian who did not")]
    Apart {
        /// Who.
        officer: Officer,
    },
    /// A test key for a production room, or the other way round.
    #[error("the application is marked {found}, the key room {expected}")]
    Mark {
        /// The application's mark.
        found: Mark,
        /// The room's.
        expected: Mark,
    },
    /// The month that is asked for is over.
    #[error("the certificate would have ended before it began")]
    Over,
    /// Another institution has numbers that begin so.
    #[error("numbers that begin with {head} are those of {issuer}, by certificate {certificate}")]
    Taken {
        /// The head asked for.
        head: String,
        /// Whose numbers they are.
        issuer: InstitutionCode,
        /// The number of its entry.
        certificate: u32,
    },
    /// The same key again for the same numbers and month.
    #[error("the application was approved before, as certificate {certificate}")]
    Before {
        /// The number of its entry.
        certificate: u32,
    },
    /// No such entry, or it has its certificate.
    #[error("certificate {found} is not one that waits to be issued")]
    NotWaiting {
        /// Its number.
        found: u32,
    },
    /// No such entry, or its certificate is not issued, or taken back already.
    #[error("certificate {found} is not one that was issued and is not revoked")]
    NotIssued {
        /// Its number.
        found: u32,
    },
    /// A key that is no authority's of the application's algorithm.
    #[error("key {key} is no key of the e-cash authority that certifies {expected} keys")]
    NoAuthority {
        /// The key.
        key: KeyNumber,
        /// The application's algorithm.
        expected: KeyAlgorithm,
    },
    /// Terminals know an authority's keys by their index, whatever the algorithm.
    #[error("key {key} has index {index:02X}, which key {other} has too")]
    Index {
        /// The key.
        key: KeyNumber,
        /// Its index.
        index: u8,
        /// Another key of the authority.
        other: KeyNumber,
    },
    /// The authority's key may not be used.
    #[error(transparent)]
    Use(#[from] RefusedUse),
    /// The certificate would be good for longer than its authority's key.
    #[error("the certificate would end after key {key} of the authority")]
    Outlives {
        /// The key.
        key: KeyNumber,
    },
    /// The certificate is not that of the application.
    #[error("the certificate is not that of the application")]
    OtherPaper,
    /// The certificate does not hold.
    #[error(transparent)]
    Certificate(#[from] OdaError),
    /// An entry's line that is none.
    #[error("an entry of the e-cash authority's book is not as it should be")]
    Line,
    /// An application or a certificate in an entry that is none.
    #[error(transparent)]
    Paper(#[from] PaperError),
}

impl CashRefusal {
    /// The stable code, for audit lines and documents.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Officers { .. } => "cash.officers",
            Self::Apart { .. } => "cash.apart",
            Self::Mark { .. } => "cash.mark",
            Self::Over => "cash.over",
            Self::Taken { .. } => "cash.taken",
            Self::Before { .. } => "cash.before",
            Self::NotWaiting { .. } => "cash.not_waiting",
            Self::NotIssued { .. } => "cash.not_issued",
            Self::NoAuthority { .. } => "cash.no_authority",
            Self::Index { .. } => "cash.index",
            Self::Use(_) => "cash.use",
            Self::Outlives { .. } => "cash.outlives",
            Self::OtherPaper => "cash.other_paper",
            Self::Certificate(_) => "cash.certificate",
            Self::Line => "cash.line",
            Self::Paper(_) => "cash.paper",
        }
    }
}

/// What happened in the book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CashEvent {
    /// An application was approved.
    Approved {
        certificate: u32,
        application: Box<IssuerApplication>,
    },
    /// It got its certificate.
    Issued {
        certificate: u32,
        key: KeyNumber,
        public: VerifyingKey,
        paper: Box<IssuerPaper>,
    },
    /// Its certificate was taken back.
    Revoked { certificate: u32, cause: Cause },
}

impl CashEvent {
    /// The line in which it is kept.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut line = String::new();
        let written = match self {
            Self::Approved {
                certificate,
                application,
            } => {
                let text = lower_hex(application.text().as_bytes());
                writeln!(line, "approved {certificate} {text}")
            }
            Self::Issued {
                certificate,
                key,
                public,
                paper,
            } => {
                let (public, text) = (lower_hex(&bytes_of(public)), paper.text());
                let text = lower_hex(text.as_bytes());
                writeln!(line, "issued {certificate} {key} {public} {text}")
            }
            Self::Revoked { certificate, cause } => {
                writeln!(line, "revoked {certificate} {:02x}", cause.byte())
            }
        };
        written.expect("a String takes everything");
        line.into_bytes()
    }

    /// Reads such a line.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, CashRefusal> {
        let read = || {
            let line = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?;
            Some(line.split(' ').collect::<Vec<_>>())
        };
        let words = read().ok_or(CashRefusal::Line)?;
        let number = |word: &str| word.parse().map_err(|_| CashRefusal::Line);
        let text = |word: &str| {
            let bytes = hex_decode(word).ok();
            let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
            text.ok_or(CashRefusal::Line)
        };
        let event = match words[..] {
            ["approved", certificate, application] => Self::Approved {
                certificate: number(certificate)?,
                application: Box::new(IssuerApplication::parse(&text(application)?)?),
            },
            ["issued", certificate, key, public, paper] => {
                let paper = Box::new(IssuerPaper::parse(&text(paper)?)?);
                let public = hex_decode(public).ok();
                let public = public.and_then(|bytes| key_of(paper.rest.is_some(), &bytes));
                Self::Issued {
                    certificate: number(certificate)?,
                    key: KeyNumber::new(number(key)?).ok_or(CashRefusal::Line)?,
                    public: public.ok_or(CashRefusal::Line)?,
                    paper,
                }
            }
            ["revoked", certificate, cause] => {
                let byte = u8::from_str_radix(cause, 16).ok();
                Self::Revoked {
                    certificate: number(certificate)?,
                    cause: byte.and_then(Cause::of).ok_or(CashRefusal::Line)?,
                }
            }
            _ => return Err(CashRefusal::Line),
        };
        // One line only.
        if event.encode() == bytes {
            Ok(event)
        } else {
            Err(CashRefusal::Line)
        }
    }

    /// Whether it comes of this act.
    pub(crate) fn comes_of(&self, act: &Act) -> bool {
        match (self, act) {
            (
                Self::Approved { application, .. },
                Act::ApproveCash {
                    application: approved,
                },
            ) => application == approved,
            (
                Self::Issued {
                    certificate, key, ..
                },
                Act::IssueCash {
                    certificate: wanted,
                    key: by,
                },
            ) => (certificate, key) == (wanted, by),
            (
                Self::Revoked { certificate, cause },
                Act::RevokeCash {
                    certificate: wanted,
                    cause: why,
                },
            ) => (certificate, cause) == (wanted, why),
            _ => false,
        }
    }
}

/// An application that was approved, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CashEntry {
    number: u32,
    application: IssuerApplication,
    approved_by: Signers,
    issued: Option<(KeyNumber, IssuerPaper)>,
    revoked: Option<Cause>,
}

impl CashEntry {
    /// Its number in the book, from 1; the certificate's serial number.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// What was approved.
    #[must_use]
    pub const fn application(&self) -> &IssuerApplication {
        &self.application
    }

    /// The certificate, once it was issued, and the authority's key that signed it.
    #[must_use]
    pub const fn issued(&self) -> Option<&(KeyNumber, IssuerPaper)> {
        self.issued.as_ref()
    }
}

/// What a certificate will say, once everything but the signature is decided.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CashTerms<'a> {
    pub(crate) application: &'a IssuerApplication,
    pub(crate) index: u8,
    pub(crate) serial: [u8; 3],
    pub(crate) check: Check,
    /// The event of the key book that the permit rests on.
    pub(crate) rests_on: u64,
}

/// The e-cash authority's book.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CashBook {
    events: u64,
    entries: Vec<CashEntry>,
}

impl CashBook {
    /// The number of its last event.
    #[must_use]
    pub const fn last_number(&self) -> u64 {
        self.events
    }

    /// Every entry, in order.
    #[must_use]
    pub fn entries(&self) -> &[CashEntry] {
        &self.entries
    }

    /// One entry.
    #[must_use]
    pub fn entry(&self, number: u32) -> Option<&CashEntry> {
        self.entries.iter().find(|entry| entry.number == number)
    }

    /// The number of the next entry.
    pub(crate) fn next_number(&self) -> u32 {
        u32::try_from(self.entries.len()).map_or(u32::MAX, |count| count.saturating_add(1))
    }

    /// Whether an application may be approved by these officers.
    pub(crate) fn may_approve(
        &self,
        application: &IssuerApplication,
        signers: &Signers,
        room: Mark,
        at: Timestamp,
    ) -> Result<(), CashRefusal> {
        let nation = InstitutionCode::national();
        let are_they = match signers {
            Signers::Two(first, second) => {
                let roles = (first.role, second.role);
                roles == (Role::NationOfficer, Role::NationApprover)
                    && (first.institution, second.institution) == (nation, nation)
                    && !first.is_same_person(second)
            }
            Signers::System | Signers::One(_) => false,
        };
        if !are_they {
            let expected = "the nation's key officer and its approver";
            return Err(CashRefusal::Officers { expected });
        }
        let found = match application.is_test {
            true => Mark::Test,
            false => Mark::Production,
        };
        if found != room {
            let expected = room;
            return Err(CashRefusal::Mark { found, expected });
        }
        if application.expires.is_past(at) {
            return Err(CashRefusal::Over);
        }
        for entry in &self.entries {
            let other = &entry.application;
            if !other.head.meets(application.head) || other.expires.is_past(at) {
                continue;
            }
            let certificate = entry.number;
            if other.issuer != application.issuer {
                return Err(CashRefusal::Taken {
                    head: application.head.digits(),
                    issuer: other.issuer,
                    certificate,
                });
            }
            let same = (other.head, other.expires) == (application.head, application.expires);
            if same && other.key == application.key {
                return Err(CashRefusal::Before { certificate });
            }
        }
        Ok(())
    }

    /// Whether these officers may let an entry's certificate be signed with this key; what it says.
    pub(crate) fn may_issue(
        &self,
        certificate: u32,
        key: KeyNumber,
        signers: &Signers,
        keys: &KeyBook,
        at: Timestamp,
    ) -> Result<CashTerms<'_>, CashRefusal> {
        let entry = self.entry(certificate);
        let entry = entry.filter(|entry| entry.issued.is_none());
        let found = certificate;
        let entry = entry.ok_or(CashRefusal::NotWaiting { found })?;
        if !are_two_custodians(signers) {
            let expected = "two of the nation's custodians";
            return Err(CashRefusal::Officers { expected });
        }
        for officer in signers.officers().into_iter().flatten() {
            let approvers = entry.approved_by.officers();
            if (approvers.iter().flatten()).any(|approver| approver.is_same_person(&officer)) {
                return Err(CashRefusal::Apart { officer });
            }
        }
        let application = &entry.application;
        let expected = algorithm_of(&application.key);
        let none = CashRefusal::NoAuthority { key, expected };
        let life =
            authority_key(keys, key).filter(|life| life.request().slot.algorithm == expected);
        let life = life.ok_or(none.clone())?;
        let check = life.custody().map(|custody| custody.check).ok_or(none)?;
        let index = life.request().index;
        if let Some(other) = same_index(keys, life) {
            return Err(CashRefusal::Index { key, index, other });
        }
        let asked = Use {
            city: life.request().slot.city,
            purpose: Purpose::CashAuthority,
            usage: Usage::Make,
        };
        let rests_on = keys.permit(key, asked, at)?.rests_on();
        if application.expires.ends_before() > life.request().until {
            return Err(CashRefusal::Outlives { key });
        }
        let [_, serial @ ..] = certificate.to_be_bytes();
        Ok(CashTerms {
            application,
            index,
            serial,
            check,
            rests_on,
        })
    }

    /// Whether an event may follow, by officers who signed for it.
    pub(crate) fn admit(
        &self,
        event: &CashEvent,
        signers: &Signers,
        (keys, room): (&KeyBook, Mark),
        at: Timestamp,
    ) -> Result<(), CashRefusal> {
        match event {
            CashEvent::Approved {
                certificate,
                application,
            } => {
                if *certificate != self.next_number() {
                    return Err(CashRefusal::Line);
                }
                self.may_approve(application, signers, room, at)
            }
            CashEvent::Issued {
                certificate,
                key,
                public,
                paper,
            } => {
                let terms = self.may_issue(*certificate, *key, signers, keys, at)?;
                let wanted = terms.application;
                let said = (paper.is_test, paper.issuer, paper.head, paper.expires);
                let asked = (wanted.is_test, wanted.issuer, wanted.head, wanted.expires);
                let is_of_key = Check::Fingerprint(sm3::digest(&bytes_of(public))) == terms.check;
                if said != asked || paper.serial != terms.serial || !is_of_key {
                    return Err(CashRefusal::OtherPaper);
                }
                let authority = Authority {
                    index: terms.index,
                    key: public.clone(),
                };
                match paper.verify(&authority)?.key == wanted.key {
                    true => Ok(()),
                    false => Err(CashRefusal::OtherPaper),
                }
            }
            CashEvent::Revoked { certificate, .. } => {
                self.may_revoke(*certificate, signers, keys, at)
            }
        }
    }

    /// Takes an event in that was admitted.
    pub(crate) fn apply(&mut self, event: &CashEvent, signers: Signers) {
        self.events += 1;
        match event {
            CashEvent::Approved {
                certificate,
                application,
            } => self.entries.push(CashEntry {
                number: *certificate,
                application: (**application).clone(),
                approved_by: signers,
                issued: None,
                revoked: None,
            }),
            CashEvent::Issued {
                certificate,
                key,
                paper,
                ..
            } => {
                let mut entries = self.entries.iter_mut();
                if let Some(entry) = entries.find(|entry| entry.number == *certificate) {
                    entry.issued = Some((*key, (**paper).clone()));
                }
            }
            CashEvent::Revoked { certificate, cause } => {
                let mut entries = self.entries.iter_mut();
                if let Some(entry) = entries.find(|entry| entry.number == *certificate) {
                    entry.revoked = Some(*cause);
                }
            }
        }
    }
}

/// A key of the e-cash authority in the key book, made and not over.
pub(crate) fn authority_key(keys: &KeyBook, key: KeyNumber) -> Option<&KeyLife> {
    let nation = InstitutionCode::national();
    keys.key(key).filter(|life| {
        let request = life.request();
        request.slot.purpose == Purpose::CashAuthority
            && request.holder == nation
            && life.custody().is_some()
            && !life.stage().is_final()
    })
}

/// Another key of the authority that terminals could not tell from this one.
pub(crate) fn same_index(keys: &KeyBook, life: &KeyLife) -> Option<KeyNumber> {
    let index = life.request().index;
    let numbers = keys.keys().map(KeyLife::number);
    let mut others = numbers.filter(|number| *number != life.number());
    others.find(|number| {
        authority_key(keys, *number).is_some_and(|other| other.request().index == index)
    })
}

/// The algorithm that certifies such keys.
pub(crate) const fn algorithm_of(key: &VerifyingKey) -> KeyAlgorithm {
    match key {
        VerifyingKey::Rsa(_) => KeyAlgorithm::Rsa,
        VerifyingKey::Sm2(_) => KeyAlgorithm::Sm2,
    }
}

/// A public key as its fingerprint is made of it: RSA modulus and exponent, SM2 compressed.
fn bytes_of(key: &VerifyingKey) -> Vec<u8> {
    match key {
        VerifyingKey::Rsa(key) => [key.modulus(), key.exponent()].concat(),
        VerifyingKey::Sm2(key) => key.to_compressed().to_vec(),
    }
}

fn key_of(is_rsa: bool, bytes: &[u8]) -> Option<VerifyingKey> {
    if is_rsa {
        // Custodies make keys with an exponent of three bytes.
        let (modulus, exponent) = bytes.split_last_chunk::<3>()?;
        let key = RsaPublicKey::new(modulus, exponent).ok()?;
        return Some(VerifyingKey::Rsa(key));
    }
    let key = PublicKey::from_compressed(bytes.try_into().ok()?).ok()?;
    Some(VerifyingKey::Sm2(key))
}

#[cfg(test)]
mod tests;
