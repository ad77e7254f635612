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
use tongtu_codec::{hex_decode, hex_encode};
use tongtu_keyring::code::{Cause, CustodyKind, KeyAlgorithm, Purpose, Role};
use tongtu_keyring::register::{Credential, FOUNDERS};
use tongtu_keyring::{
    Application, ApplicationLine, Check, Custody, DeviceName, KeyNumber, Officer, OfficerNumber,
    Slot,
};
use tongtu_ride_code::layout::CertificateApplication;
use tongtu_types::{CityCode, InstitutionCode, MonthYear, Timestamp};

/// Where the value of a key that is made comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The custody's randomness.
    Fresh,
    /// The custodians' components, with the check value of the whole.
    Components(Check),
    /// A container under this transport key.
    Container(KeyNumber),
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
}

impl Book {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Authority => "authority",
            Self::Officers => "officers",
        }
    }

    pub(crate) fn of(word: &str) -> Option<Self> {
        [Self::Keys, Self::Authority, Self::Officers]
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
    /// Four officers found the room.
    Found(Box<[Credential; 4]>),
    /// A further officer.
    Register(Box<Credential>),
    /// An officer has another key.
    Rotate { entry: u32, public_key: [u8; 33] },
    /// An officer is none any more.
    End { entry: u32, cause: Cause },
    /// An officer may sign again.
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
            Self::ApproveCertificate { .. } => "cert.approve",
            Self::RefuseCertificate { .. } => "cert.refuse",
            Self::IssueCertificate { .. } => "cert.issue",
            Self::ActivateCertificate { .. } => "cert.activate",
            Self::RevokeCertificate { .. } => "cert.revoke",
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
            | Self::Distribute { .. }
            | Self::Activate { .. }
            | Self::Review { .. }
            | Self::Suspend { .. }
            | Self::Resume { .. }
            | Self::Revoke { .. }
            | Self::Withdraw { .. } => Book::Keys,
            Self::IssueRoot { .. }
            | Self::RetireRoot { .. }
            | Self::Draft { .. }
            | Self::Submit { .. }
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
            | Self::Distribute { key, .. }
            | Self::Activate { key, .. }
            | Self::Review { key }
            | Self::Suspend { key, .. }
            | Self::Resume { key }
            | Self::Revoke { key, .. }
            | Self::Withdraw { key } => Some(*key),
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
        let mut words = Words {
            rest: text.split(' '),
            at: 0,
        };
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
            Self::Approve { key }
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
            },
            Self::Export { key, transport } => write!(f, " {key} {transport}"),
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
            Self::ApproveCertificate { certificate }
            | Self::IssueCertificate { certificate }
            | Self::ActivateCertificate { certificate } => write!(f, " {certificate}"),
            Self::RefuseCertificate { certificate, cause }
            | Self::RevokeCertificate { certificate, cause } => {
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

fn check_text(check: Check) -> String {
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

/// Words of an act, counted.
pub(crate) struct Words<'a> {
    pub(crate) rest: std::str::Split<'a, char>,
    pub(crate) at: usize,
}

impl<'a> Words<'a> {
    pub(crate) const fn expected(&self, expected: &'static str) -> ActError {
        ActError {
            at: self.at,
            expected,
        }
    }

    fn word(&mut self, expected: &'static str) -> Result<&'a str, ActError> {
        self.at += 1;
        self.rest.next().ok_or(self.expected(expected))
    }

    fn of<T>(
        &mut self,
        expected: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, ActError> {
        let word = self.word(expected)?;
        parse(word).ok_or(self.expected(expected))
    }

    fn number<T: std::str::FromStr>(&mut self, expected: &'static str) -> Result<T, ActError> {
        self.of(expected, |word| word.parse().ok())
    }

    fn key(&mut self) -> Result<KeyNumber, ActError> {
        self.of("the number of a key", |word| {
            word.parse().ok().and_then(KeyNumber::new)
        })
    }

    fn byte<T>(
        &mut self,
        expected: &'static str,
        of: impl FnOnce(u8) -> Option<T>,
    ) -> Result<T, ActError> {
        self.of(expected, |word| {
            (word.len() == 2)
                .then(|| u8::from_str_radix(word, 16).ok())
                .flatten()
                .and_then(of)
        })
    }

    fn cause(&mut self) -> Result<Cause, ActError> {
        self.byte("a cause in two hex digits", Cause::of)
    }

    fn moment(&mut self) -> Result<Timestamp, ActError> {
        self.number("Unix seconds").map(Timestamp::new)
    }

    fn institution(&mut self) -> Result<InstitutionCode, ActError> {
        self.of("an institution of 8 digits", |word| {
            InstitutionCode::parse(word).ok()
        })
    }

    fn bytes<const N: usize>(&mut self, expected: &'static str) -> Result<[u8; N], ActError> {
        self.of(expected, |word| {
            hex_decode(word)
                .ok()
                .and_then(|bytes| bytes.try_into().ok())
        })
    }

    fn check(&mut self) -> Result<Check, ActError> {
        self.of("a check value of 6 or 64 hex digits", |word| {
            let bytes = hex_decode(word).ok()?;
            let kcv = <[u8; 3]>::try_from(&bytes[..]).ok().map(Check::Kcv);
            kcv.or_else(|| bytes.try_into().ok().map(Check::Fingerprint))
        })
    }

    fn month(&mut self) -> Result<MonthYear, ActError> {
        self.of("a month MMYY", |word| word.parse().ok())
    }

    pub(crate) fn officer(&mut self) -> Result<Officer, ActError> {
        Ok(Officer {
            number: self.of("an officer's number", |word| {
                OfficerNumber::parse(word).ok()
            })?,
            role: self.byte("a role in two hex digits", Role::of)?,
            institution: self.institution()?,
        })
    }

    fn credential(&mut self) -> Result<Credential, ActError> {
        Ok(Credential {
            officer: self.officer()?,
            public_key: self.bytes("a public key of 66 hex digits")?,
            from: self.moment()?,
            until: self.moment()?,
        })
    }
}

fn read(words: &mut Words<'_>) -> Result<Act, ActError> {
    let index = |words: &mut Words<'_>| words.byte("an index in two hex digits", Some);
    let certificate = "the number of a certificate";
    let entry = "the number of an entry";
    Ok(match words.word("the name of an act")? {
        "city.register" => Act::RegisterCity {
            city: words.of("a city of 4 digits", |word| CityCode::parse(word).ok())?,
            province: words.institution()?,
        },
        "key.apply" => Act::Apply(read_application(words)?),
        "key.approve" => Act::Approve { key: words.key()? },
        "key.reject" => Act::Reject {
            key: words.key()?,
            cause: words.cause()?,
        },
        "key.generate" => Act::Generate {
            key: words.key()?,
            source: match words.word("fresh, components or container")? {
                "fresh" => Source::Fresh,
                "components" => Source::Components(words.check()?),
                "container" => Source::Container(words.key()?),
                _ => return Err(words.expected("fresh, components or container")),
            },
        },
        "key.export" => Act::Export {
            key: words.key()?,
            transport: words.key()?,
        },
        "key.distribute" => Act::Distribute {
            key: words.key()?,
            custody: Custody {
                kind: words.byte("a device's kind in two hex digits", CustodyKind::of)?,
                device: words.of("a device's name", |word| DeviceName::parse(word).ok())?,
                check: words.check()?,
            },
        },
        "key.activate" => Act::Activate {
            key: words.key()?,
            overlap_days: words.number("days of overlap")?,
        },
        "key.review" => Act::Review { key: words.key()? },
        "key.suspend" => Act::Suspend {
            key: words.key()?,
            cause: words.cause()?,
        },
        "key.resume" => Act::Resume { key: words.key()? },
        "key.revoke" => Act::Revoke {
            key: words.key()?,
            cause: words.cause()?,
        },
        "key.withdraw" => Act::Withdraw { key: words.key()? },
        "root.issue" => Act::IssueRoot {
            ca_index: index(words)?,
            expiry: words.month()?,
        },
        "root.retire" => Act::RetireRoot {
            ca_index: index(words)?,
            cause: words.cause()?,
        },
        "cert.draft" => Act::Draft {
            issuer: words.institution()?,
            ca_index: index(words)?,
            expiry: words.month()?,
        },
        "cert.submit" => Act::Submit {
            certificate: words.number(certificate)?,
            application: words.of("an application of 230 hex digits", |word| {
                let bytes = hex_decode(word).ok()?;
                CertificateApplication::decode(&bytes).ok().map(Box::new)
            })?,
        },
        "cert.approve" => Act::ApproveCertificate {
            certificate: words.number(certificate)?,
        },
        "cert.refuse" => Act::RefuseCertificate {
            certificate: words.number(certificate)?,
            cause: words.cause()?,
        },
        "cert.issue" => Act::IssueCertificate {
            certificate: words.number(certificate)?,
        },
        "cert.activate" => Act::ActivateCertificate {
            certificate: words.number(certificate)?,
        },
        "cert.revoke" => Act::RevokeCertificate {
            certificate: words.number(certificate)?,
            cause: words.cause()?,
        },
        "room.found" => {
            let mut founders = Vec::with_capacity(FOUNDERS.len());
            for _ in FOUNDERS {
                founders.push(words.credential()?);
            }
            let founders = founders.try_into().expect("as many as there are places");
            Act::Found(Box::new(founders))
        }
        "officer.register" => Act::Register(Box::new(words.credential()?)),
        "officer.rotate" => Act::Rotate {
            entry: words.number(entry)?,
            public_key: words.bytes("a public key of 66 hex digits")?,
        },
        "officer.end" => Act::End {
            entry: words.number(entry)?,
            cause: words.cause()?,
        },
        "officer.unlock" => Act::Unlock {
            entry: words.number(entry)?,
        },
        _ => return Err(words.expected("the name of an act")),
    })
}

fn read_application(words: &mut Words<'_>) -> Result<Application, ActError> {
    let mut application = Application {
        batch: words.number("the number of an application")?,
        province: words.institution()?,
        lines: Vec::new(),
    };
    while words.rest.clone().next().is_some() {
        application.lines.push(ApplicationLine {
            holder: words.institution()?,
            slot: Slot {
                city: words.of("a city of 4 digits", |word| CityCode::parse(word).ok())?,
                purpose: words.byte("a purpose in two hex digits", Purpose::of)?,
                algorithm: words.byte("an algorithm in two hex digits", KeyAlgorithm::of)?,
            },
            index: words.number("a key index")?,
            from: words.moment()?,
            until: words.moment()?,
        });
    }
    Ok(application)
}
