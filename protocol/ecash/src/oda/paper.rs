//! What goes between an issuer, its authority and terminals as text that a person can read: an
//! application, a certificate, an authority's public key, certificates taken back.
//!
//! ```text
//! Tongtu e-cash issuer application 1
//! mark test
//! issuer 01343010
//! head 621701
//! expires 1235
//! key sm2 <128 hex digits>
//! proof <hex>
//! ```
//!
//! One paper has one text: lines in this order, one space, lower-case hex. The proof is the issuer's
//! key's own signature over all lines before it, SM2 under the default identifier or RSA PSS with
//! SHA-256, so nobody has another's key certified.
//!
//! What terminals take has one more line at its end, `sums`: four bytes of SM3 over each line before, and
//! four over those. The check value of an authority's key covers neither version nor last day, and
//! nobody signs it; so a changed byte is found, and named by its line. It is no protection from who
//! writes the line anew: that is the way on which the file is brought.
//!
//! UNSPECIFIED: what authorities want as an application and hand out as a file; all of it is ours. Of
//! an authority's key there is what EMV Book 2 §11.2.2 says that a terminal keeps of it.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt::Write as _;

use tongtu_codec::hex_encode;
use tongtu_crypto::{sha1, sm3};
use tongtu_types::{BusinessDay, InstitutionCode, MonthYear, Timestamp};

use self::lines::{Lines, exactly, key_text, mark, one_writing, verifies};
use super::{Authority, IssuerCertificate, Layer, NumberHead, OdaError, VerifyingKey, not_expired};
use crate::{Values, tag};

mod lines;
mod revoked;

pub use revoked::RevocationPaper;

/// Why a text is no paper of its kind, or does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PaperError {
    /// A line is not what it should be.
    #[error("line {line} is not as it should be, expected {expected}")]
    Line {
        /// Which, from 1.
        line: usize,
        /// What was expected.
        expected: &'static str,
    },
    /// A byte of a line is another one than was written.
    #[error("line {line} is not as it was written")]
    Changed {
        /// Which, from 1.
        line: usize,
    },
    /// The same could be written otherwise, or there is more.
    #[error("expected one writing of every line, and no further line")]
    Writing,
    /// The proof is not that of the key.
    #[error("the proof does not verify under the key of the application")]
    Proof,
    /// The signature of a list is not the authority's.
    #[error("the signature does not verify under the authority's key")]
    Signature,
    /// A list of another authority.
    #[error("the list is of authority {found:02X}, expected {expected:02X}")]
    OtherAuthority {
        /// Its index.
        found: u8,
        /// Whose was expected.
        expected: u8,
    },
    /// The check value is of another key.
    #[error("the check value is not that of the key")]
    Check,
}

/// The scheme (RID) of transport cards' e-cash.
pub const RID: [u8; 5] = [0xA0, 0x00, 0x00, 0x06, 0x32];

const APPLICATION: &str = "Tongtu e-cash issuer application 1";
const CERTIFICATE: &str = "Tongtu e-cash issuer certificate 1";
const AUTHORITY: &str = "Tongtu e-cash authority 2";

/// What an issuer wants certified: its key for the numbers with this head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerApplication {
    /// Whether the key is a test key.
    pub is_test: bool,
    /// The issuer.
    pub issuer: InstitutionCode,
    /// What its card numbers begin with.
    pub head: NumberHead,
    /// The last month of the certificate.
    pub expires: MonthYear,
    /// The key.
    pub key: VerifyingKey,
    /// The key's own signature over all before.
    pub proof: Vec<u8>,
}

impl IssuerApplication {
    /// Applies; the key's keeper signs the text.
    ///
    /// # Errors
    /// What the keeper says.
    pub fn made_by<E>(
        (is_test, issuer): (bool, InstitutionCode),
        (head, expires): (NumberHead, MonthYear),
        key: VerifyingKey,
        sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>,
    ) -> Result<Self, E> {
        let mut application = Self {
            is_test,
            issuer,
            head,
            expires,
            key,
            proof: Vec::new(),
        };
        application.proof = sign(application.body().as_bytes())?;
        Ok(application)
    }

    fn body(&self) -> String {
        let (mark, issuer, head) = (mark(self.is_test), self.issuer, self.head);
        let (expires, key) = (self.expires.mmyy(), key_text(&self.key));
        format!(
            "{APPLICATION}\nmark {mark}\nissuer {issuer}\nhead {head}\nexpires {expires}\nkey {key}\n"
        )
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}proof {}\n", self.body(), hex_encode(&self.proof))
    }

    /// The words of the text in their order, names of lines aside, as one line.
    #[must_use]
    pub fn words(&self) -> String {
        let (mark, issuer, head) = (mark(self.is_test), self.issuer, self.head);
        let (expires, key) = (self.expires.mmyy(), key_text(&self.key));
        let proof = hex_encode(&self.proof);
        format!("{mark} {issuer} {head} {expires} {key} {proof}")
    }

    /// Reads [`Self::words`] and verifies the proof.
    ///
    /// # Errors
    /// [`PaperError`].
    pub fn parse_words(words: &str) -> Result<Self, PaperError> {
        let mut text = String::from(APPLICATION);
        let mut rest = words;
        for name in ["mark", "issuer", "head", "expires"] {
            let (word, after) = rest.split_once(' ').ok_or(PaperError::Writing)?;
            write!(text, "\n{name} {word}").expect("a String takes everything");
            rest = after;
        }
        let (key, proof) = rest.rsplit_once(' ').ok_or(PaperError::Writing)?;
        writeln!(text, "\nkey {key}\nproof {proof}").expect("a String takes everything");
        Self::parse(&text)
    }

    /// Reads a text and verifies its proof.
    ///
    /// # Errors
    /// [`PaperError`].
    pub fn parse(text: &str) -> Result<Self, PaperError> {
        let mut lines = Lines::of(text, APPLICATION)?;
        let application = Self {
            is_test: lines.mark()?,
            issuer: lines.parsed("issuer ", "an issuer of 8 digits", |word| {
                InstitutionCode::parse(word).ok()
            })?,
            head: lines.parsed("head ", "a head of 3 to 8 digits", |word| word.parse().ok())?,
            expires: lines.parsed("expires ", "a month MMYY", |word| word.parse().ok())?,
            key: lines.key()?,
            proof: lines.hex("proof ")?,
        };
        one_writing(&application.text(), text)?;
        if verifies(&application.key, &application.body(), &application.proof) {
            Ok(application)
        } else {
            Err(PaperError::Proof)
        }
    }
}

/// An issuer's certificate with what it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerPaper {
    /// Whether it is of a test authority.
    pub is_test: bool,
    /// The issuer.
    pub issuer: InstitutionCode,
    /// What its card numbers begin with.
    pub head: NumberHead,
    /// The last month.
    pub expires: MonthYear,
    /// Serial number.
    pub serial: [u8; 3],
    /// The authority's index (8F).
    pub index: u8,
    /// The certificate (90).
    pub certificate: Vec<u8>,
    /// What of an RSA key did not fit in (92), and its exponent (9F32); none of SM2.
    pub rest: Option<(Vec<u8>, Vec<u8>)>,
}

impl IssuerPaper {
    /// The text.
    #[must_use]
    pub fn text(&self) -> String {
        let (mark, issuer, head) = (mark(self.is_test), self.issuer, self.head);
        let (expires, serial) = (self.expires.mmyy(), hex_encode(&self.serial));
        let mut text = format!(
            "{CERTIFICATE}\nmark {mark}\nissuer {issuer}\nhead {head}\nexpires {expires}\n\
             serial {serial}\nauthority {} {:02x}\ncertificate {}\n",
            if self.rest.is_some() { "rsa" } else { "sm2" },
            self.index,
            hex_encode(&self.certificate)
        );
        if let Some((remainder, exponent)) = &self.rest {
            let (remainder, exponent) = (hex_encode(remainder), hex_encode(exponent));
            writeln!(text, "remainder {remainder}\nexponent {exponent}")
                .expect("a String takes everything");
        }
        text
    }

    /// Reads a text; whether the certificate holds is said by [`Self::verify`].
    ///
    /// # Errors
    /// [`PaperError`].
    pub fn parse(text: &str) -> Result<Self, PaperError> {
        let mut lines = Lines::of(text, CERTIFICATE)?;
        let mut is_rsa = false;
        let mut paper = Self {
            is_test: lines.mark()?,
            issuer: lines.parsed("issuer ", "an issuer of 8 digits", |word| {
                InstitutionCode::parse(word).ok()
            })?,
            head: lines.parsed("head ", "a head of 3 to 8 digits", |word| word.parse().ok())?,
            expires: lines.parsed("expires ", "a month MMYY", |word| word.parse().ok())?,
            serial: lines.parsed("serial ", "6 hex digits", exactly)?,
            index: lines.parsed("authority ", "rsa or sm2 and an index", |words| {
                let (algorithm, index) = words.split_once(' ')?;
                is_rsa = algorithm == "rsa";
                exactly(index).map(|[index]| index)
            })?,
            certificate: lines.hex("certificate ")?,
            rest: None,
        };
        if is_rsa {
            paper.rest = Some((lines.hex("remainder ")?, lines.hex("exponent ")?));
        }
        one_writing(&paper.text(), text)?;
        Ok(paper)
    }

    /// The elements that cards have of it: 8F, 90 and for RSA 92, 9F32.
    #[must_use]
    pub fn elements(&self) -> Values {
        let mut values = Values::from([
            (tag::CA_INDEX, Vec::from([self.index])),
            (tag::ISSUER_CERTIFICATE, self.certificate.clone()),
        ]);
        if let Some((remainder, exponent)) = &self.rest {
            values.insert(tag::ISSUER_REMAINDER, remainder.clone());
            values.insert(tag::ISSUER_EXPONENT, exponent.clone());
        }
        values
    }

    /// Opens the certificate under its authority, and compares it with what the paper says.
    ///
    /// # Errors
    /// [`OdaError`] naming what does not hold.
    pub fn verify(&self, authority: &Authority) -> Result<IssuerCertificate, OdaError> {
        let layer = Layer::Issuer;
        if self.index != authority.index {
            return Err(OdaError::UnknownAuthority { index: self.index });
        }
        let opened = match (&authority.key, &self.rest) {
            (VerifyingKey::Rsa(key), Some((remainder, exponent))) => {
                super::rsa::open_issuer(key, &self.certificate, remainder, exponent)?
            }
            (VerifyingKey::Sm2(key), None) => super::sm2::open_issuer(key, &self.certificate)?,
            _ => {
                let what = "algorithm";
                return Err(OdaError::Form { layer, what });
            }
        };
        let said = (self.head.bytes(), month(self.expires), self.serial);
        if (opened.issuer, opened.expiry, opened.serial) == said {
            Ok(opened)
        } else {
            Err(OdaError::Subject { layer })
        }
    }

    /// Whether its month is not over.
    ///
    /// # Errors
    /// [`OdaError::Expired`].
    pub fn is_current(&self, now: Timestamp) -> Result<(), OdaError> {
        not_expired(Layer::Issuer, month(self.expires), now)
    }
}

/// An authority's public key as terminals take it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorityPaper {
    /// Whether it is a test authority, which no terminal in service believes.
    pub is_test: bool,
    /// The scheme (RID): the first five bytes of the AIDs that it is for.
    pub rid: [u8; 5],
    /// Version; a higher one replaces a lower one of the same index.
    pub version: u32,
    /// The last day on which it is used.
    pub expires: BusinessDay,
    /// Index and key.
    pub authority: Authority,
}

impl AuthorityPaper {
    /// The text.
    #[must_use]
    pub fn text(&self) -> String {
        let (mark, rid) = (mark(self.is_test), hex_encode(&self.rid));
        let (index, version) = (self.authority.index, self.version);
        let (expires, key) = (self.expires.compact(), key_text(&self.authority.key));
        let check = hex_encode(&check_value(self.rid, &self.authority));
        lines::with_sums(format!(
            "{AUTHORITY}\nmark {mark}\nrid {rid}\nindex {index:02x}\nversion {version}\n\
             expires {expires}\nkey {key}\ncheck {check}\n"
        ))
    }

    /// Reads a text whose lines are all as they were written, and whose check value is the key's.
    ///
    /// # Errors
    /// [`PaperError`].
    pub fn parse(text: &str) -> Result<Self, PaperError> {
        lines::check_sums(text)?;
        let mut lines = Lines::of(text, AUTHORITY)?;
        let is_test = lines.mark()?;
        let rid = lines.parsed("rid ", "a scheme of 10 hex digits", exactly)?;
        let index = lines.parsed("index ", "an index of two hex digits", |word| {
            exactly(word).map(|[index]| index)
        })?;
        let version = lines.parsed("version ", "a version", |word| word.parse().ok())?;
        let expires = lines.parsed("expires ", "a day YYYYMMDD", |word| {
            BusinessDay::parse_compact(word).ok()
        })?;
        let key = lines.key()?;
        let check = lines.hex("check ")?;
        let paper = Self {
            is_test,
            rid,
            version,
            expires,
            authority: Authority { index, key },
        };
        if check != check_value(rid, &paper.authority) {
            return Err(PaperError::Check);
        }
        one_writing(&paper.text(), text)?;
        Ok(paper)
    }
}

/// The check value of an authority's key: SHA-1 over RID, index, modulus and exponent (EMV Book 2
/// §11.2.2), or SM3 over RID, index and point.
///
/// UNSPECIFIED: that of SM2 keys; it is made as that of RSA keys, by SM3.
#[must_use]
pub fn check_value(rid: [u8; 5], authority: &Authority) -> Vec<u8> {
    let head = [&rid[..], &[authority.index]].concat();
    match &authority.key {
        VerifyingKey::Rsa(key) => {
            sha1::digest(&[head, key.modulus(), key.exponent()].concat()).to_vec()
        }
        VerifyingKey::Sm2(key) => sm3::digest_parts(&[&head, &key.to_xy()]).to_vec(),
    }
}

/// The text of a paper's file.
///
/// # Errors
/// [`PaperError::Changed`] naming the line with the first byte that is of no text.
pub fn text_of(bytes: &[u8]) -> Result<&str, PaperError> {
    core::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        PaperError::Changed { line }
    })
}

/// A month as certificates have it.
#[must_use]
pub fn month(month: MonthYear) -> [u8; 2] {
    exactly(&month.mmyy().to_string()).expect("four digits are two bytes")
}

#[cfg(test)]
mod tests;
