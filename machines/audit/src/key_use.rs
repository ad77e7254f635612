//! Uses of keys in a chain: what is said in full beside a line, and what it comes to.
//!
//! A key that makes thousands of codes a second cannot have a line for each. It is *opened* by a
//! line before its first use and *closed* by another soon after, which says how many uses there
//! were and has one digest over all of them. So no use comes before its line, and none is without.

use alloc::string::String;
use alloc::vec::Vec;

use tongtu_codec::{Be, Cn, DecodeError, Encoding, FieldError, Raw, record};
use tongtu_crypto::sm3;
use tongtu_types::{CityCode, InstitutionCode, Timestamp};

use crate::line::{AuditLine, Entry, Outcome};
use crate::log::{AuditLog, LogRefusal};
use crate::word::{Log, Word};

/// First bytes of a use.
const MAGIC: [u8; 4] = *b"TTKU";
/// The version of the table.
const VERSION: u8 = 1;
/// What a line says that opens a key.
pub(crate) const OPENED: &str = "use.open";
/// What a line says that closes one.
pub(crate) const CLOSED: &str = "use.close";
/// Why a closing line counts nothing.
pub(crate) const UNKNOWN: &str = "use.count_unknown";

record! {
    /// What a line about the use of a key says in full; the line has the SM3 of it.
    ///
    /// The digest over all uses is SM3 of their digests one after the other, in the order in which they
    /// were done, or in ascending order where threads did them side by side; of a use it is SM3 of a
    /// word for what was done, a line feed, the factors from the key down to the one that did it, and
    /// what was signed or proved.
    pub struct KeyUse: 112 {
        [0..4] magic: [u8; 4] as Raw, Ours, "magic, TTKU", "记录标志";
        [4..5] version: u8 as Be, Ours, "version of the table, 01", "版本";
        [5..6] kind: UseKind as Log, Ours,
            "01 opened, 02 closed, 03 closed and not known how often used", "种类";
        [6..14] line: u64 as Be, Ours, "number of the line", "行序号";
        [14..22] opened: u64 as Be, Ours, "number of the line that opened the key", "开启行序号";
        [22..26] key: u32 as Be, Ours, "number of the key in its book, 0 for none", "密钥编号";
        [26..28] city: CityCode as Cn, Ours, "for which city", "城市代码";
        [28..29] purpose: u8 as Be, Ours, "purpose, as the key book writes it", "用途";
        [29..30] usage: u8 as Be, Ours, "to make or to accept, as the key book writes it", "使用方式";
        [30..31] key_version: u8 as Be, Ours, "version of the key in its slot", "密钥版本";
        [31..55] label: Word<24> as Log, Ours, "label in custody", "密钥标签";
        [55..63] permit: u64 as Be, Ours,
            "event of the key book that the permit rests on, 0 for none", "许可依据";
        [63..71] count: u64 as Be, Ours, "how often used, 0 where it opens", "使用次数";
        [71..103] sum: sm3::Digest as Raw, Ours, "digest over all uses, zero where it opens",
            "使用内容摘要";
        [103..112] spare: [u8; 9] as Raw, Ours, "zeros", "保留";
    }
}

/// What a line about a use says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UseKind {
    /// The key may be used from here on.
    Opened,
    /// It was used so often.
    Closed,
    /// Whoever used it ended without a word; how often it was used is not known.
    Lost,
}

impl UseKind {
    const fn byte(self) -> u8 {
        match self {
            Self::Opened => 1,
            Self::Closed => 2,
            Self::Lost => 3,
        }
    }
}

impl Encoding<UseKind> for Log {
    const LETTER: &'static str = "B";

    fn decode(bytes: &[u8]) -> Result<UseKind, FieldError> {
        match <Raw as Encoding<[u8; 1]>>::decode(bytes)? {
            [1] => Ok(UseKind::Opened),
            [2] => Ok(UseKind::Closed),
            [3] => Ok(UseKind::Lost),
            [byte] => Err(FieldError::Character {
                at: 0,
                byte,
                expected: "a kind from 01 to 03",
            }),
        }
    }

    fn encode(value: &UseKind, out: &mut [u8]) -> Result<(), FieldError> {
        Raw::encode(&[value.byte()], out)
    }

    fn show(value: &UseKind) -> String {
        String::from(match value {
            UseKind::Opened => "开启 opened",
            UseKind::Closed => "关闭 closed",
            UseKind::Lost => "关闭，次数不明 closed, number unknown",
        })
    }
}

/// Which key is used, for what, and by which permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UsedKey {
    /// Its number in the key book; `None` where there is no book.
    pub key: Option<u32>,
    /// For which city.
    pub city: CityCode,
    /// Its purpose, as the key book writes it.
    pub purpose: u8,
    /// To make or to accept, as the key book writes it.
    pub usage: u8,
    /// Its version in its slot.
    pub version: u8,
    /// Its label in custody.
    pub label: Word<24>,
    /// The event of the key book that the permit rests on.
    pub permit: Option<u64>,
}

/// How often a key was used since it was opened, and over what.
#[derive(Debug, Clone, Default)]
pub struct UseTally {
    count: u64,
    sum: sm3::Hasher,
}

impl UseTally {
    /// Never used.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The digest of one use: a word for what was done, the factors from the key down to the one
    /// that did it, and over what.
    #[must_use]
    pub fn digest(deed: &str, factors: &[[u8; 8]], about: &[u8]) -> sm3::Digest {
        sm3::digest_parts(&[deed.as_bytes(), b"\n", factors.as_flattened(), about])
    }

    /// Counts a use.
    pub fn used(&mut self, digest: &sm3::Digest) {
        self.count = self.count.saturating_add(1);
        self.sum.update(digest);
    }

    /// How often, and the digest over all.
    #[must_use]
    pub fn total(&self) -> (u64, sm3::Digest) {
        (self.count, self.sum.clone().finish())
    }
}

/// What closes a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UseEnd {
    /// It was used so often, with this digest over all uses.
    Counted(u64, sm3::Digest),
    /// Nobody knows.
    Lost,
}

impl UsedKey {
    fn detail(&self, (line, opened): (u64, u64), end: Option<UseEnd>) -> KeyUse {
        let (kind, count, sum) = match end {
            None => (UseKind::Opened, 0, [0; 32]),
            Some(UseEnd::Counted(count, sum)) => (UseKind::Closed, count, sum),
            Some(UseEnd::Lost) => (UseKind::Lost, 0, [0; 32]),
        };
        KeyUse {
            magic: MAGIC,
            version: VERSION,
            kind,
            line,
            opened,
            key: self.key.unwrap_or(0),
            city: self.city,
            purpose: self.purpose,
            usage: self.usage,
            key_version: self.version,
            label: self.label,
            permit: self.permit.unwrap_or(0),
            count,
            sum,
            spare: [0; 9],
        }
    }

    fn entry(&self, (institution, actor): (InstitutionCode, Word<12>), detail: &[u8]) -> Entry {
        Entry {
            institution,
            actor,
            deed: Word::parse(OPENED).expect("a short word"),
            key: self.key,
            permit: self.permit,
            outcome: Outcome::Done,
            about: Some(sm3::digest(detail)),
        }
    }
}

impl KeyUse {
    /// The key, as it was opened.
    #[must_use]
    pub fn used_key(&self) -> UsedKey {
        UsedKey {
            key: Some(self.key).filter(|key| *key != 0),
            city: self.city,
            purpose: self.purpose,
            usage: self.usage,
            version: self.key_version,
            label: self.label,
            permit: Some(self.permit).filter(|permit| *permit != 0),
        }
    }
}

impl AuditLog {
    /// The next line opens a key: by `who`, an institution and who there.
    ///
    /// # Errors
    /// [`LogRefusal`]; the chain is then as before.
    pub fn open_key(
        &mut self,
        key: &UsedKey,
        who: (InstitutionCode, Word<12>),
        at: Timestamp,
    ) -> Result<(AuditLine, KeyUse), LogRefusal> {
        let number = self.next_number()?;
        let detail = key.detail((number, number), None);
        let line = self.append(&key.entry(who, &detail.encode()?), at)?;
        Ok((line, detail))
    }

    /// The next line closes the key that line `opened` opened.
    ///
    /// # Errors
    /// [`LogRefusal`]; the chain is then as before.
    pub fn close_key(
        &mut self,
        (opened, key): (u64, &UsedKey),
        end: UseEnd,
        who: (InstitutionCode, Word<12>),
        at: Timestamp,
    ) -> Result<(AuditLine, KeyUse), LogRefusal> {
        let number = self.next_number()?;
        let detail = key.detail((number, opened), Some(end));
        let mut entry = key.entry(who, &detail.encode()?);
        entry.deed = Word::parse(CLOSED).expect("a short word");
        if end == UseEnd::Lost {
            entry.outcome = Outcome::Failed(Word::parse(UNKNOWN).expect("a short word"));
        }
        let line = self.append(&entry, at)?;
        Ok((line, detail))
    }
}

/// Why what is said of uses does not hold; of several, the first by place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UseFault {
    /// The bytes end inside a use.
    #[error("the use of line {line} is cut: {found} bytes, expected 112")]
    Torn {
        /// The line.
        line: u64,
        /// Bytes of it that are there.
        found: usize,
    },
    /// The line has another digest.
    #[error("line {line}: what is said of the use was changed, or is another line's")]
    Changed {
        /// The line.
        line: u64,
    },
    /// Nothing is said of the use that a line is about.
    #[error("line {line}: nothing is said of the use")]
    Missing {
        /// The line.
        line: u64,
    },
    /// More is said than there are lines about uses.
    #[error("a use is said behind line {line}, and no line is about it")]
    Extra {
        /// The last line.
        line: u64,
    },
    /// It is whole and says nothing that can be said.
    #[error("line {line}: {kind}")]
    Malformed {
        /// The line.
        line: u64,
        /// What is wrong.
        kind: DecodeError,
    },
    /// What the line says itself is not what is said of the use.
    #[error("line {line} says another key, permit or outcome than what is said of the use")]
    Differs {
        /// The line.
        line: u64,
    },
    /// It closes what is not open, or another key than was opened.
    #[error("line {line} closes what line {opened} did not open, or what is closed")]
    NotOpen {
        /// The line.
        line: u64,
        /// The line that it says opened it.
        opened: u64,
    },
}

/// What the uses in a chain come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsesFound {
    /// How often keys were opened.
    pub opened: u64,
    /// How often that was closed with a number.
    pub counted: u64,
    /// The sum of those numbers.
    pub uses: u64,
    /// How often nobody knew the number.
    pub lost: u64,
    /// What is open at the end: line and key.
    pub open: Vec<(u64, UsedKey)>,
}

/// Follows the lines of a chain that holds, and what is said of the uses among them.
#[derive(Debug, Default)]
pub struct UseReader {
    found: UsesFound,
    line: u64,
}

/// Whether a line that holds is about the use of a key, so that something is said beside it.
#[must_use]
pub fn is_about_use(line: &AuditLine) -> bool {
    matches!(line.deed.as_str(), OPENED | CLOSED)
}

impl UseReader {
    /// Nothing read.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next line that is about a use, and what is said of it.
    ///
    /// # Errors
    /// [`UseFault`] naming the line.
    pub fn take(&mut self, at: &AuditLine, detail: &[u8]) -> Result<KeyUse, UseFault> {
        let line = at.number;
        self.line = line;
        if detail.is_empty() {
            return Err(UseFault::Missing { line });
        }
        if detail.len() != KeyUse::LEN {
            let found = detail.len();
            return Err(UseFault::Torn { line, found });
        }
        if sm3::digest(detail) != at.about {
            return Err(UseFault::Changed { line });
        }
        let malformed = |kind| UseFault::Malformed { line, kind };
        let read = KeyUse::decode(detail).map_err(malformed)?;
        if read.magic != MAGIC || read.version != VERSION || read.spare != [0; 9] {
            return Err(malformed(DecodeError {
                record: "KeyUse",
                field: "magic",
                offset: 0,
                kind: FieldError::Character {
                    at: 0,
                    byte: read.magic[0],
                    expected: "TTKU, version 01 and zeros at the end",
                },
            }));
        }
        let entry = at.entry().map_err(malformed)?;
        let (deed, is_done) = match read.kind {
            UseKind::Opened => (OPENED, true),
            UseKind::Closed => (CLOSED, true),
            UseKind::Lost => (CLOSED, false),
        };
        let key = read.used_key();
        let agrees = read.line == line
            && entry.deed.as_str() == deed
            && (entry.outcome == Outcome::Done) == is_done
            && (entry.key, entry.permit) == (key.key, key.permit);
        if !agrees {
            return Err(UseFault::Differs { line });
        }
        self.count(&read, key)?;
        Ok(read)
    }

    fn count(&mut self, read: &KeyUse, key: UsedKey) -> Result<(), UseFault> {
        let (line, opened) = (read.line, read.opened);
        let found = &mut self.found;
        if read.kind == UseKind::Opened {
            if opened != line {
                return Err(UseFault::NotOpen { line, opened });
            }
            found.opened += 1;
            found.open.push((line, key));
            return Ok(());
        }
        let place = found.open.iter().position(|open| *open == (opened, key));
        let place = place.ok_or(UseFault::NotOpen { line, opened })?;
        found.open.remove(place);
        match read.kind {
            UseKind::Lost => found.lost += 1,
            _ => {
                found.counted += 1;
                found.uses = found.uses.saturating_add(read.count);
            }
        }
        Ok(())
    }

    /// What they come to; `rest` is what is said behind the last line.
    ///
    /// # Errors
    /// [`UseFault::Extra`].
    pub fn finish(self, rest: &[u8]) -> Result<UsesFound, UseFault> {
        if rest.is_empty() {
            Ok(self.found)
        } else {
            Err(UseFault::Extra { line: self.line })
        }
    }
}
