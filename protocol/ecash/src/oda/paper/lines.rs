//! Lines of papers: written one way, read one after the other, and summed.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

use tongtu_codec::{hex_decode, hex_encode};
use tongtu_crypto::{PublicKey, RsaPublicKey, Signature, sm3};

use super::PaperError;
use crate::oda::VerifyingKey;

/// The name of the line with the sums of all lines before.
const SUMS: &str = "sums ";

fn sum(bytes: &[u8]) -> String {
    hex_encode(&sm3::digest(bytes)[..4])
}

/// The sums of the lines of a text, and the sum of those.
fn sums(body: &str) -> (Vec<String>, String) {
    let sums: Vec<_> = body
        .split_inclusive('\n')
        .map(|line| sum(line.as_bytes()))
        .collect();
    let of_all = sum(sums.join(" ").as_bytes());
    (sums, of_all)
}

/// The text with its last line, the sums of all others.
pub(super) fn with_sums(mut body: String) -> String {
    let (sums, of_all) = sums(&body);
    writeln!(body, "{SUMS}{} {of_all}", sums.join(" ")).expect("a String takes everything");
    body
}

/// Whether the lines of a text have the sums that its last line says.
///
/// A change in the last line is told from one before by that line's own last word.
pub(super) fn check_sums(text: &str) -> Result<(), PaperError> {
    let count = text.split_inclusive('\n').count();
    let at_end = |expected| PaperError::Line {
        line: count,
        expected,
    };
    let whole = text.strip_suffix('\n').ok_or(at_end("its end"))?;
    let (before, last) = whole.rsplit_once('\n').ok_or(at_end("more lines"))?;
    let words = last
        .strip_prefix(SUMS)
        .ok_or(at_end("sums of the lines before"))?;
    let (said, of_all) = words
        .rsplit_once(' ')
        .ok_or(at_end("a sum for each line"))?;
    if sum(said.as_bytes()) != of_all {
        return Err(PaperError::Changed { line: count });
    }
    let body = &text[..=before.len()];
    let (found, _) = sums(body);
    let mut said = said.split(' ');
    for (line, found) in (1..).zip(&found) {
        if said.next() != Some(found.as_str()) {
            return Err(PaperError::Changed { line });
        }
    }
    match said.next() {
        None => Ok(()),
        Some(_) => Err(PaperError::Changed { line: count }),
    }
}

pub(super) const fn mark(is_test: bool) -> &'static str {
    match is_test {
        true => "test",
        false => "production",
    }
}

pub(super) fn key_text(key: &VerifyingKey) -> String {
    match key {
        VerifyingKey::Rsa(key) => {
            let (modulus, exponent) = (hex_encode(&key.modulus()), hex_encode(&key.exponent()));
            format!("rsa {modulus} {exponent}")
        }
        VerifyingKey::Sm2(key) => format!("sm2 {}", hex_encode(&key.to_xy())),
    }
}

/// Whether a key signed a text: SM2 under the default identifier, or RSA PSS with SHA-256.
pub(super) fn verifies(key: &VerifyingKey, text: &str, signature: &[u8]) -> bool {
    match key {
        VerifyingKey::Rsa(key) => key.verify_pss_sha256(text.as_bytes(), signature).is_ok(),
        VerifyingKey::Sm2(key) => <[u8; 64]>::try_from(signature)
            .is_ok_and(|signature| key.verify(text.as_bytes(), &Signature(signature)).is_ok()),
    }
}

pub(super) fn exactly<const N: usize>(word: &str) -> Option<[u8; N]> {
    hex_decode(word).ok()?.try_into().ok()
}

pub(super) fn one_writing(written: &str, read: &str) -> Result<(), PaperError> {
    if written == read {
        Ok(())
    } else {
        Err(PaperError::Writing)
    }
}

/// The lines of a paper, one after the other.
pub(super) struct Lines<'a> {
    rest: core::str::SplitInclusive<'a, char>,
    line: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn of(text: &'a str, title: &'static str) -> Result<Self, PaperError> {
        let mut lines = Self {
            rest: text.split_inclusive('\n'),
            line: 0,
        };
        match lines.next(title, title)? {
            "" => Ok(lines),
            _ => Err(lines.bad(title)),
        }
    }

    pub(super) const fn bad(&self, expected: &'static str) -> PaperError {
        PaperError::Line {
            line: self.line,
            expected,
        }
    }

    pub(super) fn next(
        &mut self,
        prefix: &str,
        expected: &'static str,
    ) -> Result<&'a str, PaperError> {
        self.line += 1;
        let line = self.rest.next().and_then(|line| line.strip_suffix('\n'));
        let value = line.and_then(|line| line.strip_prefix(prefix));
        value.ok_or(self.bad(expected))
    }

    /// Whether the next line has this name.
    pub(super) fn begins(&self, prefix: &str) -> bool {
        let next = self.rest.clone().next();
        next.is_some_and(|line| line.starts_with(prefix))
    }

    pub(super) fn parsed<T>(
        &mut self,
        prefix: &str,
        expected: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, PaperError> {
        let value = self.next(prefix, expected)?;
        parse(value).ok_or(self.bad(expected))
    }

    pub(super) fn mark(&mut self) -> Result<bool, PaperError> {
        self.parsed("mark ", "mark test or mark production", |word| match word {
            "test" => Some(true),
            "production" => Some(false),
            _ => None,
        })
    }

    pub(super) fn hex(&mut self, prefix: &'static str) -> Result<Vec<u8>, PaperError> {
        let expected = "its name and hex digits";
        self.parsed(prefix, expected, |word| hex_decode(word).ok())
    }

    pub(super) fn key(&mut self) -> Result<VerifyingKey, PaperError> {
        let expected = "key rsa, modulus and exponent, or key sm2 and a point";
        self.parsed("key ", expected, |words| {
            let (algorithm, key) = words.split_once(' ')?;
            match algorithm {
                "rsa" => {
                    let (modulus, exponent) = key.split_once(' ')?;
                    let (modulus, exponent) =
                        (hex_decode(modulus).ok()?, hex_decode(exponent).ok()?);
                    let key = RsaPublicKey::new(&modulus, &exponent).ok()?;
                    Some(VerifyingKey::Rsa(key))
                }
                "sm2" => {
                    let key = PublicKey::from_xy(&exactly(key)?).ok()?;
                    Some(VerifyingKey::Sm2(key))
                }
                _ => None,
            }
        })
    }
}
