//! What a key room is asked to do, as one line of text that an officer can read and sign.
//!
//! ```text
//! key.suspend 17 02
//! key.apply 4 00003000 01343010 3010 01 04 1 1767196800 1798732800
//! ```
//!
//! One act has one text: words in a fixed order, one space between two, closed words by their bytes.

use std::fmt::{self, Write as _};

use tongtu_audit::Word;
use tongtu_codec::hex_encode;
use tongtu_ecash::oda::NumberHead;
use tongtu_ecash::oda::paper::IssuerApplication;
use tongtu_keyring::code::Cause;
use tongtu_keyring::register::Credential;
use tongtu_keyring::{Application, Check, Custody, KeyNumber, Officer};
use tongtu_ride_code::layout::CertificateApplication;
use tongtu_types::{CityCode, InstitutionCode, MonthYear};

use super::words::{Words, read};

/// Where the value of a key that is made comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The custody's randomness.
    Fresh,
    /// The custodians' components, with the check value of the whole.
    Components(Check),
    /// A container under this transport key.
    Container(KeyNumber),
    /// This key of the nation's, of the same purpose, derived by the holder's issuer identifier.
    Derived(KeyNumber),
}

/// Which book an act is about; an approval holds for one state of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Book {
    /// The key book.
    Keys,
    /// The certificate authority's book.
    Authority,
    /// The officers' register.
    Officers,
    /// The e-cash authority's book.
    Cash,
}

impl Book {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Authority => "authority",
            Self::Officers => "officers",
            Self::Cash => "cash",
        }
    }

    pub(crate) fn of(word: &str) -> Option<Self> {
        [Self::Keys, Self::Authority, Self::Officers, Self::Cash]
            .into_iter()
            .find(|book| book.word() == word)
    }
}

/// What a key room is asked to do. Who asks and when is said by the approval.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the books' events")]
pub enum Act {
    /// A city is registered with its province.
    RegisterCity {
        city: CityCode,
        province: InstitutionCode,
    },
    /// A province applies.
    Apply(Application),
    /// The nation approves.
    Approve { key: KeyNumber },
    /// The nation does not approve.
    Reject { key: KeyNumber, cause: Cause },
    /// The key is made.
    Generate { key: KeyNumber, source: Source },
    /// A key leaves in a container for its holder.
    Export {
        key: KeyNumber,
        transport: KeyNumber,
    },
    /// The institution register is signed, by its version and SM3 of what is signed.
    SignRegister {
        key: KeyNumber,
        version: u64,
        digest: [u8; 32],
    },
    /// The key arrived at its holder.
    Distribute { key: KeyNumber, custody: Custody },
    /// Its holder begins to use it.
    Activate { key: KeyNumber, overlap_days: u16 },
    /// The authority looked at refused uses.
    Review { key: KeyNumber },
    /// The authority stops it.
    Suspend { key: KeyNumber, cause: Cause },
    /// It goes on.
    Resume { key: KeyNumber },
    /// The authority takes it away.
    Revoke { key: KeyNumber, cause: Cause },
    /// The province cleans it up.
    Withdraw { key: KeyNumber },
    /// A root signs itself.
    IssueRoot { ca_index: u8, expiry: MonthYear },
    /// A root is handed out no more.
    RetireRoot { ca_index: u8, cause: Cause },
    /// An issuer begins.
    Draft {
        issuer: InstitutionCode,
        ca_index: u8,
        expiry: MonthYear,
    },
    /// An issuer applies.
    Submit {
        certificate: u32,
        application: Box<CertificateApplication>,
    },
    /// An issuer applies with a key of the book: the custody makes the application and its proof.
    SubmitOf { certificate: u32, key: KeyNumber },
    /// The province approves.
    ApproveCertificate { certificate: u32 },
    /// Province or nation refuse.
    RefuseCertificate { certificate: u32, cause: Cause },
    /// The root signs.
    IssueCertificate { certificate: u32 },
    /// The issuer signs with it from now on.
    ActivateCertificate { certificate: u32 },
    /// It is taken away.
    RevokeCertificate { certificate: u32, cause: Cause },
    /// An e-cash issuer applies with a key of the book: the custody makes the application.
    ApplyCash {
        key: KeyNumber,
        head: NumberHead,
        expires: MonthYear,
    },
    /// The nation approves an e-cash issuer's application.
    ApproveCash { application: Box<IssuerApplication> },
    /// The e-cash authority's key signs the certificate.
    IssueCash { certificate: u32, key: KeyNumber },
    /// The public half of an e-cash authority's key is handed out.
    PublishAuthority { key: KeyNumber },
    /// An e-cash issuer's certificate is taken back.
    RevokeCash { certificate: u32, cause: Cause },
    /// The e-cash authority's key signs the list of its certificates that were taken back.
    ListCash { key: KeyNumber },
    /// Four officers found the room.
    Found(Box<[Credential; 4]>),
    /// A further officer.
    Register(Box<Credential>),
    /// An officer has another key.
    Rotate { entry: u32, public_key: [u8; 33] },
    /// An officer is none any more.
    End { entry: u32, cause: Cause },
    /// The wait after too many wrong passphrases of an officer ends.
    Unlock { entry: u32 },
}

impl Act {
    /// The word at the front; an audit line has it too.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::RegisterCity { .. } => "city.register",
            Self::Apply(_) => "key.apply",
            Self::Approve { .. } => "key.approve",
            Self::Reject { .. } => "key.reject",
            Self::Generate { .. } => "key.generate",
            Self::Export { .. } => "key.export",
            Self::SignRegister { .. } => "register.sign",
            Self::Distribute { .. } => "key.distribute",
            Self::Activate { .. } => "key.activate",
            Self::Review { .. } => "key.review",
            Self::Suspend { .. } => "key.suspend",
            Self::Resume { .. } => "key.resume",
            Self::Revoke { .. } => "key.revoke",
            Self::Withdraw { .. } => "key.withdraw",
            Self::IssueRoot { .. } => "root.issue",
            Self::RetireRoot { .. } => "root.retire",
            Self::Draft { .. } => "cert.draft",
            Self::Submit { .. } => "cert.submit",
            Self::SubmitOf { .. } => "cert.submit-of",
            Self::ApproveCertificate { .. } => "cert.approve",
            Self::RefuseCertificate { .. } => "cert.refuse",
            Self::IssueCertificate { .. } => "cert.issue",
            Self::ActivateCertificate { .. } => "cert.activate",
            Self::RevokeCertificate { .. } => "cert.revoke",
            Self::ApplyCash { .. } => "cash.apply",
            Self::ApproveCash { .. } => "cash.approve",
            Self::IssueCash { .. } => "cash.issue",
            Self::PublishAuthority { .. } => "cash.authority",
            Self::RevokeCash { .. } => "cash.revoke",
            Self::ListCash { .. } => "cash.list",
            Self::Found(_) => "room.found",
            Self::Register(_) => "officer.register",
            Self::Rotate { .. } => "officer.rotate",
            Self::End { .. } => "officer.end",
            Self::Unlock { .. } => "officer.unlock",
        }
    }

    pub(crate) fn deed(&self) -> Word<16> {
        Word::parse(self.word()).expect("every word above has 16 visible characters at most")
    }

    /// Which book it is about.
    #[must_use]
    pub const fn book(&self) -> Book {
        match self {
            Self::RegisterCity { .. }
            | Self::Apply(_)
            | Self::Approve { .. }
            | Self::Reject { .. }
            | Self::Generate { .. }
            | Self::Export { .. }
            | Self::SignRegister { .. }
            | Self::Distribute { .. }
            | Self::Activate { .. }
            | Self::Review { .. }
            | Self::Suspend { .. }
            | Self::Resume { .. }
            | Self::Revoke { .. }
            | Self::Withdraw { .. }
            | Self::ApplyCash { .. }
            | Self::PublishAuthority { .. } => Book::Keys,
            Self::ApproveCash { .. }
            | Self::IssueCash { .. }
            | Self::RevokeCash { .. }
            | Self::ListCash { .. } => Book::Cash,
            Self::IssueRoot { .. }
            | Self::RetireRoot { .. }
            | Self::Draft { .. }
            | Self::Submit { .. }
            | Self::SubmitOf { .. }
            | Self::ApproveCertificate { .. }
            | Self::RefuseCertificate { .. }
            | Self::IssueCertificate { .. }
            | Self::ActivateCertificate { .. }
            | Self::RevokeCertificate { .. } => Book::Authority,
            Self::Found(_)
            | Self::Register(_)
            | Self::Rotate { .. }
            | Self::End { .. }
            | Self::Unlock { .. } => Book::Officers,
        }
    }

    /// The key that it is about, if it is about one.
    #[must_use]
    pub const fn key(&self) -> Option<KeyNumber> {
        match self {
            Self::Approve { key }
            | Self::Reject { key, .. }
            | Self::Generate { key, .. }
            | Self::Export { key, .. }
            | Self::SignRegister { key, .. }
            | Self::Distribute { key, .. }
            | Self::Activate { key, .. }
            | Self::Review { key }
            | Self::Suspend { key, .. }
            | Self::Resume { key }
            | Self::Revoke { key, .. }
            | Self::Withdraw { key }
            | Self::ApplyCash { key, .. }
            | Self::IssueCash { key, .. }
            | Self::PublishAuthority { key }
            | Self::ListCash { key } => Some(*key),
            _ => None,
        }
    }

    /// Whether a key in custody is made, used or handed out for it.
    #[must_use]
    pub const fn needs_custody(&self) -> bool {
        matches!(
            self,
            Self::Generate { .. }
                | Self::Export { .. }
                | Self::SignRegister { .. }
                | Self::SubmitOf { .. }
                | Self::ApplyCash { .. }
                | Self::IssueCash { .. }
                | Self::PublishAuthority { .. }
                | Self::ListCash { .. }
                | Self::IssueRoot { .. }
                | Self::IssueCertificate { .. }
                | Self::Found(_)
        )
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

/// Why a text is no act.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("word {at} of the act is not as it should be, expected {expected}")]
pub struct ActError {
    /// Which word, from 1.
    pub at: usize,
    /// What was expected.
    pub expected: &'static str,
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        match self {
            Self::RegisterCity { city, province } => write!(f, " {city} {province}"),
            Self::Apply(application) => {
                write!(f, " {} {}", application.batch, application.province)?;
                for line in &application.lines {
                    let (slot, from, until) = (line.slot, line.from.get(), line.until.get());
                    write!(
                        f,
                        " {} {} {:02x} {:02x} {} {from} {until}",
                        line.holder,
                        slot.city,
                        slot.purpose.byte(),
                        slot.algorithm.byte(),
                        line.index
                    )?;
                }
                Ok(())
            }
            Self::ApplyCash { key, head, expires } => {
                write!(f, " {key} {head} {}", expires.mmyy())
            }
            Self::ApproveCash { application } => write!(f, " {}", application.words()),
            Self::IssueCash { certificate, key } => write!(f, " {certificate} {key}"),
            Self::Approve { key }
            | Self::PublishAuthority { key }
            | Self::ListCash { key }
            | Self::Review { key }
            | Self::Resume { key }
            | Self::Withdraw { key } => write!(f, " {key}"),
            Self::Reject { key, cause }
            | Self::Suspend { key, cause }
            | Self::Revoke { key, cause } => write!(f, " {key} {:02x}", cause.byte()),
            Self::Generate { key, source } => match source {
                Source::Fresh => write!(f, " {key} fresh"),
                Source::Components(check) => write!(f, " {key} components {}", check_text(*check)),
                Source::Container(transport) => write!(f, " {key} container {transport}"),
                Source::Derived(upper) => write!(f, " {key} derived {upper}"),
            },
            Self::Export { key, transport } => write!(f, " {key} {transport}"),
            Self::SignRegister {
                key,
                version,
                digest,
            } => write!(f, " {key} {version} {}", lower_hex(digest)),
            Self::Distribute { key, custody } => write!(
                f,
                " {key} {:02x} {} {}",
                custody.kind.byte(),
                custody.device,
                check_text(custody.check)
            ),
            Self::Activate { key, overlap_days } => write!(f, " {key} {overlap_days}"),
            Self::IssueRoot { ca_index, expiry } => {
                write!(f, " {ca_index:02x} {}", expiry.mmyy())
            }
            Self::RetireRoot { ca_index, cause } => {
                write!(f, " {ca_index:02x} {:02x}", cause.byte())
            }
            Self::Draft {
                issuer,
                ca_index,
                expiry,
            } => write!(f, " {issuer} {ca_index:02x} {}", expiry.mmyy()),
            Self::Submit {
                certificate,
                application,
            } => {
                let bytes = application.encode().map_err(|_| fmt::Error)?;
                write!(f, " {certificate} {}", lower_hex(&bytes))
            }
            Self::SubmitOf { certificate, key } => write!(f, " {certificate} {key}"),
            Self::ApproveCertificate { certificate }
            | Self::IssueCertificate { certificate }
            | Self::ActivateCertificate { certificate } => write!(f, " {certificate}"),
            Self::RefuseCertificate { certificate, cause }
            | Self::RevokeCertificate { certificate, cause }
            | Self::RevokeCash { certificate, cause } => {
                write!(f, " {certificate} {:02x}", cause.byte())
            }
            Self::Found(founders) => founders
                .iter()
                .try_for_each(|founder| f.write_str(&credential_text(founder))),
            Self::Register(credential) => f.write_str(&credential_text(credential)),
            Self::Rotate { entry, public_key } => write!(f, " {entry} {}", lower_hex(public_key)),
            Self::End { entry, cause } => write!(f, " {entry} {:02x}", cause.byte()),
            Self::Unlock { entry } => write!(f, " {entry}"),
        }
    }
}

pub(crate) fn lower_hex(bytes: &[u8]) -> String {
    hex_encode(bytes).to_ascii_lowercase()
}

pub(crate) fn check_text(check: Check) -> String {
    match check {
        Check::Kcv(bytes) => lower_hex(&bytes),
        Check::Fingerprint(bytes) => lower_hex(&bytes),
    }
}

/// An officer in words: number, role, institution.
pub(crate) fn officer_text(officer: &Officer) -> String {
    let (number, role) = (officer.number, officer.role.byte());
    format!("{number} {role:02x} {}", officer.institution)
}

fn credential_text(credential: &Credential) -> String {
    let mut text = format!(" {} ", officer_text(&credential.officer));
    let key = lower_hex(&credential.public_key);
    let (from, until) = (credential.from.get(), credential.until.get());
    write!(text, "{key} {from} {until}").expect("writing to a String does not fail");
    text
}
