//! The words of an act's text, read one by one.

use tongtu_codec::hex_decode;
use tongtu_ecash::oda::paper::IssuerApplication;
use tongtu_keyring::code::{Cause, CustodyKind, KeyAlgorithm, Purpose, Role};
use tongtu_keyring::register::{Credential, FOUNDERS};
use tongtu_keyring::{
    Application, ApplicationLine, Check, Custody, DeviceName, KeyNumber, Officer, OfficerNumber,
    Slot,
};
use tongtu_ride_code::layout::CertificateApplication;
use tongtu_types::{CityCode, InstitutionCode, MonthYear, Timestamp};

use super::act::{Act, ActError, Source};

/// Words of an act, counted.
pub(super) struct Words<'a> {
    pub(super) rest: std::str::Split<'a, char>,
    at: usize,
}

impl<'a> Words<'a> {
    /// The words of a text.
    pub(super) fn of_text(text: &'a str) -> Self {
        Self {
            rest: text.split(' '),
            at: 0,
        }
    }

    pub(super) const fn expected(&self, expected: &'static str) -> ActError {
        ActError {
            at: self.at,
            expected,
        }
    }

    pub(super) fn word(&mut self, expected: &'static str) -> Result<&'a str, ActError> {
        self.at += 1;
        self.rest.next().ok_or(self.expected(expected))
    }

    pub(super) fn of<T>(
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

    pub(super) fn key(&mut self) -> Result<KeyNumber, ActError> {
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

    pub(super) fn moment(&mut self) -> Result<Timestamp, ActError> {
        self.number("Unix seconds").map(Timestamp::new)
    }

    pub(super) fn institution(&mut self) -> Result<InstitutionCode, ActError> {
        self.of("an institution of 8 digits", |word| {
            InstitutionCode::parse(word).ok()
        })
    }

    pub(super) fn bytes<const N: usize>(
        &mut self,
        expected: &'static str,
    ) -> Result<[u8; N], ActError> {
        self.of(expected, |word| {
            hex_decode(word)
                .ok()
                .and_then(|bytes| bytes.try_into().ok())
        })
    }

    pub(super) fn check(&mut self) -> Result<Check, ActError> {
        self.of("a check value of 6 or 64 hex digits", |word| {
            let bytes = hex_decode(word).ok()?;
            let kcv = <[u8; 3]>::try_from(&bytes[..]).ok().map(Check::Kcv);
            kcv.or_else(|| bytes.try_into().ok().map(Check::Fingerprint))
        })
    }

    fn month(&mut self) -> Result<MonthYear, ActError> {
        self.of("a month MMYY", |word| word.parse().ok())
    }

    pub(super) fn officer(&mut self) -> Result<Officer, ActError> {
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

/// Reads an act.
pub(super) fn read(words: &mut Words<'_>) -> Result<Act, ActError> {
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
            source: match words.word("fresh, components, container or derived")? {
                "fresh" => Source::Fresh,
                "components" => Source::Components(words.check()?),
                "container" => Source::Container(words.key()?),
                "derived" => Source::Derived(words.key()?),
                _ => return Err(words.expected("fresh, components, container or derived")),
            },
        },
        "key.export" => Act::Export {
            key: words.key()?,
            transport: words.key()?,
        },
        "register.sign" => Act::SignRegister {
            key: words.key()?,
            version: words.number("the version of a register")?,
            digest: words.bytes("a digest of 64 hex digits")?,
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
        "cert.submit-of" => Act::SubmitOf {
            certificate: words.number(certificate)?,
            key: words.key()?,
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
        "cash.apply" => Act::ApplyCash {
            key: words.key()?,
            head: words.of("a head of 3 to 8 digits", |word| word.parse().ok())?,
            expires: words.month()?,
        },
        "cash.approve" => {
            let all: Vec<&str> = words.rest.by_ref().collect();
            let application = IssuerApplication::parse_words(&all.join(" "));
            let application = application
                .map_err(|_| words.expected("an e-cash issuer's application with its proof"))?;
            Act::ApproveCash {
                application: Box::new(application),
            }
        }
        "cash.issue" => Act::IssueCash {
            certificate: words.number(certificate)?,
            key: words.key()?,
        },
        "cash.revoke" => Act::RevokeCash {
            certificate: words.number(certificate)?,
            cause: words.cause()?,
        },
        "cash.list" => Act::ListCash { key: words.key()? },
        "cash.authority" => Act::PublishAuthority { key: words.key()? },
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
