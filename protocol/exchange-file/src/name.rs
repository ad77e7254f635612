//! File names: kind, time of making, institution, sequence.

use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;

use tongtu_codec::{Ascii, Digits, Encoding, FieldError, Padded, record};
use tongtu_types::{BusinessDay, InstitutionCode, ValueError};

use crate::encoding::{ShortDay, TimeOfDay};
use crate::kind::{FileKind, is_name_character};

/// The last character of a name: an upper-case letter or a digit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Suffix(u8);

impl Suffix {
    /// `A`, on most kinds.
    pub const A: Self = Self(b'A');
    /// `H`, on ED and CM.
    pub const H: Self = Self(b'H');

    /// Takes an upper-case letter or a digit.
    #[must_use]
    pub const fn new(character: u8) -> Option<Self> {
        if is_name_character(character) {
            Some(Self(character))
        } else {
            None
        }
    }

    /// The character.
    #[must_use]
    pub const fn get(self) -> char {
        self.0 as char
    }
}

impl Encoding<Suffix> for Ascii {
    const LETTER: &'static str = "an";

    fn decode(bytes: &[u8]) -> Result<Suffix, FieldError> {
        let [byte] = bytes else {
            return Err(FieldError::Truncated {
                needed: 1,
                found: bytes.len(),
            });
        };
        const EXPECTED: &str = "an upper-case letter or a digit";
        Suffix::new(*byte).ok_or(FieldError::Character {
            at: 0,
            byte: *byte,
            expected: EXPECTED,
        })
    }

    fn encode(value: &Suffix, out: &mut [u8]) -> Result<(), FieldError> {
        let [slot] = out else {
            return Err(FieldError::TooLong {
                needed: 1,
                width: out.len(),
            });
        };
        *slot = value.0;
        Ok(())
    }

    fn show(value: &Suffix) -> String {
        value.get().to_string()
    }
}

record! {
    /// File name: 33 characters.
    ///
    /// The institution is the acquirer (role digit 1) in files that go up and the receiver in
    /// files that a hub makes; a nightly batch writes 000000 for the time.
    pub struct FileNameTable: 33 {
        [0..2] kind: FileKind as Ascii, Impl, "kind", "文件类型";
        [2..8] day: BusinessDay as ShortDay, Impl, "day of making, yymmdd", "日期";
        [8..14] time: TimeOfDay as Digits, Impl, "time of making, hhmmss", "时间";
        [14..22] institution: InstitutionCode as Padded, Impl, "institution", "机构代码";
        [22..32] sequence: u64 as Digits, Impl, "sequence", "序号";
        [32..33] suffix: Suffix as Ascii, Impl, "suffix", "后缀";
    }
}

/// The largest sequence number that a name holds.
pub const SEQUENCE_MAX: u64 = 9_999_999_999;

/// A file name: 33 characters, see [`FileNameTable`].
///
/// Ordered by kind, day, time, institution, sequence. Only letters and digits, so that it is
/// safe as a path.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName {
    kind: FileKind,
    day: BusinessDay,
    time: TimeOfDay,
    institution: InstitutionCode,
    sequence: u64,
    suffix: Suffix,
}

/// Why a text or a set of values is no file name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("file name {name:?}, character {position}, {field}: {fault}")]
pub struct NameError {
    /// The name, or as much of it as was given.
    pub name: String,
    /// 1-based position of the field.
    pub position: usize,
    /// The field.
    pub field: &'static str,
    /// What is wrong with it.
    pub fault: FieldError,
}

impl FileName {
    /// Characters in a name.
    pub const LEN: usize = FileNameTable::LEN;

    /// Composes a name with the kind's usual suffix.
    ///
    /// # Errors
    /// [`NameError`] for a year outside 2000 to 2099 or a sequence above [`SEQUENCE_MAX`].
    pub fn new(
        kind: FileKind,
        day: BusinessDay,
        time: TimeOfDay,
        institution: InstitutionCode,
        sequence: u64,
    ) -> Result<Self, NameError> {
        let suffix = kind.default_suffix();
        let name = Self {
            kind,
            day,
            time,
            institution,
            sequence,
            suffix,
        };
        name.table().encode().map_err(|error| NameError {
            name: alloc::format!("{kind} {day} {institution} {sequence}"),
            position: FileNameTable::SPEC
                .fields
                .iter()
                .find(|f| f.name == error.field)
                .map_or(1, |f| f.offset + 1),
            field: error.field,
            fault: error.kind,
        })?;
        Ok(name)
    }

    /// Reads a name.
    ///
    /// # Errors
    /// [`NameError`] naming the first field that does not hold.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let table = FileNameTable::decode(text.as_bytes()).map_err(|error| NameError {
            // A name is short; whatever longer was given need not fill the log.
            name: text.chars().take(2 * Self::LEN).collect(),
            position: error.offset + 1,
            field: error.field,
            fault: error.kind,
        })?;
        let FileNameTable {
            kind,
            day,
            time,
            institution,
            sequence,
            suffix,
        } = table;
        Ok(Self {
            kind,
            day,
            time,
            institution,
            sequence,
            suffix,
        })
    }

    /// The same name with another sequence number.
    ///
    /// # Errors
    /// [`NameError`] above [`SEQUENCE_MAX`].
    pub fn with_sequence(&self, sequence: u64) -> Result<Self, NameError> {
        if sequence > SEQUENCE_MAX {
            let found = i64::try_from(sequence).unwrap_or(i64::MAX);
            return Err(NameError {
                name: self.to_string(),
                position: 23,
                field: "sequence",
                fault: FieldError::Value(ValueError::Range {
                    what: "sequence",
                    found,
                    expected: "ten digits",
                }),
            });
        }
        Ok(Self { sequence, ..*self })
    }

    /// The same name with another suffix.
    #[must_use]
    pub const fn with_suffix(&self, suffix: Suffix) -> Self {
        Self { suffix, ..*self }
    }

    /// The kind.
    #[must_use]
    pub const fn kind(&self) -> FileKind {
        self.kind
    }

    /// The day of making.
    #[must_use]
    pub const fn day(&self) -> BusinessDay {
        self.day
    }

    /// The time of making.
    #[must_use]
    pub const fn time(&self) -> TimeOfDay {
        self.time
    }

    /// The institution.
    #[must_use]
    pub const fn institution(&self) -> InstitutionCode {
        self.institution
    }

    /// The sequence number.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The suffix.
    #[must_use]
    pub const fn suffix(&self) -> Suffix {
        self.suffix
    }

    const fn table(&self) -> FileNameTable {
        let Self {
            kind,
            day,
            time,
            institution,
            sequence,
            suffix,
        } = *self;
        FileNameTable {
            kind,
            day,
            time,
            institution,
            sequence,
            suffix,
        }
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self
            .table()
            .encode()
            .expect("`new` and `parse` admit only what encodes");
        f.pad(core::str::from_utf8(&bytes).expect("ASCII letters and digits"))
    }
}

impl fmt::Debug for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for FileName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NAME: &str = "CQ260102031500113410000000000007A";

    #[test]
    fn reads_every_part_and_writes_them_again() {
        let name = FileName::parse(NAME).unwrap();
        assert_eq!(name.kind(), FileKind::CQ);
        assert_eq!(name.day().compact(), "20260102");
        assert_eq!(name.time(), TimeOfDay::new(3, 15, 0).unwrap());
        assert_eq!(name.institution().as_str(), "11341000");
        assert_eq!((name.sequence(), name.suffix().get()), (7, 'A'));
        assert_eq!(name.to_string(), NAME);
        let again = FileName::new(
            name.kind(),
            name.day(),
            name.time(),
            name.institution(),
            name.sequence(),
        );
        assert_eq!(again, Ok(name));
    }

    #[test]
    fn an_unknown_kind_and_suffix_survive() {
        let text = "ZZ260102031500113410000000000007Q";
        let name = FileName::parse(text).unwrap();
        assert_eq!((name.kind().en(), name.kind().direction()), (None, None));
        assert_eq!(name.to_string(), text);
        assert_eq!(FileKind::ED.default_suffix().get(), 'H');
    }

    #[test]
    fn says_which_part_is_wrong() {
        let check = |text: &str, field: &str, position: usize| {
            let error = FileName::parse(text).unwrap_err();
            assert_eq!((error.field, error.position), (field, position), "{error}");
        };
        check("CQ26010203150011341000000000000", "length", 1);
        check("cq260102031500113410000000000007A", "kind", 1);
        check("CQ260230031500113410000000000007A", "day", 3);
        check("CQ260102240000113410000000000007A", "time", 9);
        check("CQ2601020315001134100X0000000007A", "institution", 15);
        check("CQ26010203150011341000000000000XA", "sequence", 23);
        check("CQ260102031500113410000000000007/", "suffix", 33);
        check("CQ260102031500113410000000000007a", "suffix", 33);
    }

    #[test]
    fn refuses_values_without_room() {
        let name = FileName::parse(NAME).unwrap();
        assert!(name.with_sequence(SEQUENCE_MAX).is_ok());
        assert!(name.with_sequence(SEQUENCE_MAX + 1).is_err());
        let day = BusinessDay::from_ymd(2100, 1, 1).unwrap();
        let made = FileName::new(
            name.kind(),
            day,
            name.time(),
            name.institution(),
            name.sequence(),
        );
        assert_eq!(made.unwrap_err().field, "day");
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String) {
            let _ = FileName::parse(&text);
        }

        #[test]
        fn what_parses_prints_the_same(text in "[A-Z]{2}26(0[1-9]|1[0-2])(0[1-9]|2[0-8])(0[0-9]|2[0-3])[0-5][0-9][0-5][0-9][0-9]{18}[A-Z]") {
            prop_assert_eq!(FileName::parse(&text).unwrap().to_string(), text);
        }
    }
}
