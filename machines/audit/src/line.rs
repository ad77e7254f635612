//! One line: who did what, when, with which key, by which permit, and what came of it.

use alloc::string::String;

use tongtu_codec::{Be, Cn, DecodeError, Encoding, FieldError, Raw, record};
use tongtu_crypto::sm3;
use tongtu_types::{InstitutionCode, Timestamp};

use crate::word::{Log, Word};

/// What stands before the first line.
pub const CHAIN_START: sm3::Digest = [0; 32];

/// First bytes of a line.
pub(crate) const MAGIC: [u8; 4] = *b"TTAU";
/// The version of the table.
pub(crate) const VERSION: u8 = 1;
/// What a line's value covers.
pub(crate) const COVERED: usize = 160;

record! {
    /// One line of an audit chain.
    ///
    /// The value is SM3 over `TTAUDIT1` and bytes 0..160. It has no key: whoever writes the whole
    /// chain anew writes one that holds, which only an anchor shows.
    pub struct AuditLine: 192 {
        [0..4] magic: [u8; 4] as Raw, Ours, "magic, TTAU", "记录标志";
        [4..5] version: u8 as Be, Ours, "version of the table, 01", "版本";
        [5..13] number: u64 as Be, Ours, "number of the line, from 1", "序号";
        [13..21] at: Timestamp as Be, Ours, "when, Unix seconds UTC", "时间";
        [21..25] institution: InstitutionCode as Cn, Ours, "who: institution", "机构代码";
        [25..37] actor: Word<12> as Log, Ours, "who: officer, service or terminal", "操作者";
        [37..53] deed: Word<16> as Log, Ours, "what was done or asked for", "操作";
        [53..57] key: u32 as Be, Ours, "number of the key in its book, 0 for none", "密钥编号";
        [57..65] permit: u64 as Be, Ours,
            "event of the key book that the permit rests on, 0 for none", "许可依据";
        [65..66] outcome: OutcomeKind as Log, Ours, "01 done, 02 refused, 03 failed", "结果";
        [66..96] reason: Option<Word<30>> as Log, Ours,
            "code of the refusal or fault, spaces when done", "原因代码";
        [96..128] about: sm3::Digest as Raw, Ours,
            "SM3 of what it was about, zero for nothing", "操作内容摘要";
        [128..160] before: sm3::Digest as Raw, Ours,
            "value of the line before, zero for the first", "前一行链值";
        [160..192] value: sm3::Digest as Raw, Ours, "value of this line", "本行链值";
    }
}

/// Whether it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OutcomeKind {
    /// Done.
    Done,
    /// Refused by a rule.
    Refused,
    /// Not done because something failed.
    Failed,
}

impl OutcomeKind {
    const fn byte(self) -> u8 {
        match self {
            Self::Done => 1,
            Self::Refused => 2,
            Self::Failed => 3,
        }
    }
}

impl Encoding<OutcomeKind> for Log {
    const LETTER: &'static str = "B";

    fn decode(bytes: &[u8]) -> Result<OutcomeKind, FieldError> {
        match <Raw as Encoding<[u8; 1]>>::decode(bytes)? {
            [1] => Ok(OutcomeKind::Done),
            [2] => Ok(OutcomeKind::Refused),
            [3] => Ok(OutcomeKind::Failed),
            [byte] => Err(FieldError::Character {
                at: 0,
                byte,
                expected: "an outcome from 01 to 03",
            }),
        }
    }

    fn encode(value: &OutcomeKind, out: &mut [u8]) -> Result<(), FieldError> {
        Raw::encode(&[value.byte()], out)
    }

    fn show(value: &OutcomeKind) -> String {
        String::from(match value {
            OutcomeKind::Done => "完成 done",
            OutcomeKind::Refused => "拒绝 refused",
            OutcomeKind::Failed => "失败 failed",
        })
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// A rule refused it: the refusal's code, like `keyring.duty`.
    Refused(Word<30>),
    /// Something failed: the fault's code.
    Failed(Word<30>),
}

/// What a line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Who: of which institution.
    pub institution: InstitutionCode,
    /// Who: officer number, service or terminal.
    pub actor: Word<12>,
    /// What was done or asked for.
    pub deed: Word<16>,
    /// Number of the key in its book; `None` where none was used.
    pub key: Option<u32>,
    /// The event of the key book that the permit rests on.
    pub permit: Option<u64>,
    /// What came of it.
    pub outcome: Outcome,
    /// SM3 of what it was about: an event's bytes, a request's.
    pub about: Option<sm3::Digest>,
}

/// The value of a line's first 160 bytes.
pub(crate) fn value_of(covered: &[u8]) -> sm3::Digest {
    sm3::digest_parts(&[b"TTAUDIT1", covered])
}

impl AuditLine {
    /// The line that says `entry` as line `number`, after a line of value `before`.
    ///
    /// # Errors
    /// [`tongtu_codec::EncodeError`] when the instant is before 1970.
    pub fn chained(
        number: u64,
        at: Timestamp,
        entry: &Entry,
        before: sm3::Digest,
    ) -> Result<Self, tongtu_codec::EncodeError> {
        let (outcome, reason) = match entry.outcome {
            Outcome::Done => (OutcomeKind::Done, None),
            Outcome::Refused(reason) => (OutcomeKind::Refused, Some(reason)),
            Outcome::Failed(reason) => (OutcomeKind::Failed, Some(reason)),
        };
        let mut line = Self {
            magic: MAGIC,
            version: VERSION,
            number,
            at,
            institution: entry.institution,
            actor: entry.actor,
            deed: entry.deed,
            key: entry.key.unwrap_or(0),
            permit: entry.permit.unwrap_or(0),
            outcome,
            reason,
            about: entry.about.unwrap_or([0; 32]),
            before,
            value: [0; 32],
        };
        line.value = value_of(&line.encode()?[..COVERED]);
        Ok(line)
    }

    /// What the line says.
    ///
    /// # Errors
    /// [`DecodeError`] when magic or version are another's, or outcome and reason do not go
    /// together.
    pub fn entry(&self) -> Result<Entry, DecodeError> {
        let error = |field, offset, byte, expected| DecodeError {
            record: "AuditLine",
            field,
            offset,
            kind: FieldError::Character {
                at: 0,
                byte,
                expected,
            },
        };
        if self.magic != MAGIC {
            return Err(error("magic", 0, self.magic[0], "TTAU"));
        }
        if self.version != VERSION {
            return Err(error("version", 4, self.version, "01"));
        }
        let outcome = match (self.outcome, self.reason) {
            (OutcomeKind::Done, None) => Outcome::Done,
            (OutcomeKind::Refused, Some(reason)) => Outcome::Refused(reason),
            (OutcomeKind::Failed, Some(reason)) => Outcome::Failed(reason),
            (kind, _) => {
                let expected = "a reason where it was not done, and only there";
                return Err(error("reason", 66, kind.byte(), expected));
            }
        };
        Ok(Entry {
            institution: self.institution,
            actor: self.actor,
            deed: self.deed,
            key: Some(self.key).filter(|key| *key != 0),
            permit: Some(self.permit).filter(|permit| *permit != 0),
            outcome,
            about: Some(self.about).filter(|about| *about != [0; 32]),
        })
    }
}
