//! A caller: its name, role, accounts and keys, and which key holds at a moment.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use tongtu_crypto::{PublicKey, sm3};
use tongtu_envelope::CallerNumber;
use tongtu_types::{InstitutionCode, Timestamp, ValueError};

use crate::Role;

/// Keys that a caller has at most, past ones included.
pub const KEYS_MAX: usize = 64;
/// The longest time for which an old key may hold beside a new one, seconds.
pub const OVERLAP_MAX_S: i64 = 30 * 86_400;

/// Whom: institution and number there; in text `01341000.OP-1`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallerName {
    /// The institution, role digit 0.
    pub institution: InstitutionCode,
    /// The caller's number there.
    pub number: CallerNumber,
}

impl fmt::Display for CallerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.institution, self.number)
    }
}

impl fmt::Debug for CallerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for CallerName {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let (institution, number) = text.split_once('.').ok_or(ValueError::Character {
            what: "caller",
            at: text.len(),
            expected: "an institution code, a dot and a caller number",
        })?;
        Ok(Self {
            institution: InstitutionCode::parse(institution)?,
            number: CallerNumber::parse(number)?,
        })
    }
}

/// First digits of the accounts and cards that a partner was admitted for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AccountPrefix(String);

impl AccountPrefix {
    /// Parses 1 to 20 digits.
    ///
    /// # Errors
    /// [`ValueError`].
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        const EXPECTED: &str = "1 to 20 digits";
        if text.is_empty() || text.len() > 20 {
            return Err(ValueError::Length {
                what: "account prefix",
                found: text.len(),
                expected: EXPECTED,
            });
        }
        if let Some(at) = text.bytes().position(|b| !b.is_ascii_digit()) {
            return Err(ValueError::Character {
                what: "account prefix",
                at,
                expected: EXPECTED,
            });
        }
        Ok(Self(text.to_string()))
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One of a caller's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerKey {
    /// Its number, from 1.
    pub number: u32,
    /// The key.
    pub public: PublicKey,
    /// From when on it holds.
    pub from: Timestamp,
    /// Until when, if its end is known: a new key was announced.
    pub until: Option<Timestamp>,
}

/// Whoever may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Whom.
    pub name: CallerName,
    /// In which capacity.
    pub role: Role,
    /// Of a partner: its accounts.
    pub accounts: Vec<AccountPrefix>,
    /// From when on it may call.
    pub from: Timestamp,
    /// Until when, if that is known.
    pub until: Option<Timestamp>,
    /// Whether an officer disabled it.
    pub is_disabled: bool,
    /// Its keys, past ones included, by their numbers.
    pub keys: Vec<CallerKey>,
}

/// Why a caller's key does not hold. For the node's own log; a stranger is told nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyRefusal {
    /// An officer disabled the caller.
    #[error("the caller is disabled")]
    Disabled,
    /// Outside the caller's time.
    #[error("the caller may not call at this time")]
    OutsideTime,
    /// It has no key of this number.
    #[error("the caller has no key {0}")]
    UnknownKey(u32),
    /// Outside the key's time.
    #[error("key {0} does not hold at this time")]
    KeyOutsideTime(u32),
    /// A caller with so many keys takes no more.
    #[error("the caller has {KEYS_MAX} keys, expected fewer")]
    TooManyKeys,
    /// The new key is one it has or had.
    #[error("the new key is key {0} of this caller")]
    KeyAgain(u32),
    /// An overlap that is none.
    #[error("overlap of {0} seconds, expected 0 to {OVERLAP_MAX_S}")]
    Overlap(i64),
}

impl Caller {
    /// The key of this number, if caller and key hold now.
    ///
    /// # Errors
    /// [`KeyRefusal`].
    pub fn key(&self, number: u32, now: Timestamp) -> Result<&CallerKey, KeyRefusal> {
        if self.is_disabled {
            return Err(KeyRefusal::Disabled);
        }
        if !holds(self.from, self.until, now) {
            return Err(KeyRefusal::OutsideTime);
        }
        let key = self.keys.iter().find(|key| key.number == number);
        let key = key.ok_or(KeyRefusal::UnknownKey(number))?;
        if !holds(key.from, key.until, now) {
            return Err(KeyRefusal::KeyOutsideTime(number));
        }
        Ok(key)
    }

    /// Takes a new key; the ones before hold for the overlap and no longer. An overlap of zero ends
    /// them at once: for a key that somebody else may know.
    ///
    /// # Errors
    /// [`KeyRefusal`]; nothing changes then.
    pub fn rotate(
        &mut self,
        public: PublicKey,
        now: Timestamp,
        overlap_s: i64,
    ) -> Result<u32, KeyRefusal> {
        if !(0..=OVERLAP_MAX_S).contains(&overlap_s) {
            return Err(KeyRefusal::Overlap(overlap_s));
        }
        if self.keys.len() >= KEYS_MAX {
            return Err(KeyRefusal::TooManyKeys);
        }
        if let Some(key) = self.keys.iter().find(|key| key.public == public) {
            return Err(KeyRefusal::KeyAgain(key.number));
        }
        let number = self.next_key();
        let end = now.plus_s(overlap_s);
        for key in &mut self.keys {
            key.until = Some(key.until.map_or(end, |until| until.min(end)));
        }
        self.keys.push(CallerKey {
            number,
            public,
            from: now,
            until: None,
        });
        Ok(number)
    }

    /// The number that the next key will have.
    #[must_use]
    pub fn next_key(&self) -> u32 {
        let newest = self.keys.iter().map(|key| key.number).max();
        newest.unwrap_or(0).saturating_add(1)
    }
}

/// What a new key signs, so that nobody announces a key that he has not.
#[must_use]
pub fn rotation_message(name: CallerName, key: u32, public: &PublicKey) -> sm3::Digest {
    sm3::digest_parts(&[
        b"TTCALLK1",
        name.to_string().as_bytes(),
        &key.to_be_bytes(),
        &public.to_compressed(),
    ])
}

/// Half-open: the moment of the end is outside.
fn holds(from: Timestamp, until: Option<Timestamp>, now: Timestamp) -> bool {
    from <= now && until.is_none_or(|until| now < until)
}
