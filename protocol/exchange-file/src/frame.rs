//! The frame: format version, header, lines ended by CR LF.

use alloc::string::String;
use alloc::vec::Vec;

use tongtu_codec::{Digits, FieldView, Padded, record};
use tongtu_types::{BusinessDay, InstitutionCode};

use crate::encoding::Kept;
use crate::error::{Fault, LineError};
use crate::file::Record;

/// The format version in a file's first line.
// UNSPECIFIED: what the versions change is nowhere said. CR, AD and ED are seen with 02, the
// others with 01; we write 01 for the kinds that we have, and read both alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Version {
    /// `01`.
    #[default]
    V01,
    /// `02`.
    V02,
}

impl Version {
    /// The two digits.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V01 => "01",
            Self::V02 => "02",
        }
    }

    /// Reads the first line.
    pub(crate) fn decode(line: &[u8]) -> Result<Self, LineError> {
        match line {
            b"01" => Ok(Self::V01),
            b"02" => Ok(Self::V02),
            _ => Err(LineError {
                line: 1,
                position: 1,
                record: crate::error::FRAME,
                field: "version",
                fault: Fault::Version,
            }),
        }
    }
}

record! {
    /// Header, the second line: 49 characters.
    ///
    /// The institution is the receiver in files that a hub makes, the sender in files that go
    /// up. The record length counts CR LF, not the tail; a length without CR LF is read too.
    pub struct HeaderDated: 49 {
        [0..6] count: u64 as Digits, Impl, "record count", "记录数";
        [6..14] day: BusinessDay as Digits, Impl, "settlement day", "清算日期";
        [14..25] institution: InstitutionCode as Padded, Impl, "institution", "机构代码";
        [25..29] record_len: u64 as Digits, Impl, "record length", "记录长度";
        [29..49] reserved: [u8; 20] as Kept, Impl, "reserved", "保留";
    }
}

record! {
    /// Header without a date, 41 characters: seen on ED and CM, read and never made by us.
    pub struct HeaderUndated: 41 {
        [0..6] count: u64 as Digits, Impl, "record count", "记录数";
        [6..17] institution: InstitutionCode as Padded, Impl, "institution", "机构代码";
        [17..21] record_len: u64 as Digits, Impl, "record length", "记录长度";
        [21..41] reserved: [u8; 20] as Kept, Impl, "reserved", "保留";
    }
}

/// A header without its count, which is always that of the records there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Settlement day (清算日); `None` is the 41-character form.
    pub day: Option<BusinessDay>,
    /// The receiver in files that a hub makes, the sender in files that go up.
    pub institution: InstitutionCode,
    /// Record length as the header states it: with CR LF counted when we make it.
    pub record_len: u64,
    /// Twenty reserved characters, `F` when we make them.
    pub reserved: [u8; 20],
}

/// Bytes that end a line.
const LINE_END: &[u8] = b"\r\n";

impl Header {
    /// The header that we make for records with a fixed part so long.
    #[must_use]
    pub fn new(day: BusinessDay, institution: InstitutionCode, fixed_len: usize) -> Self {
        let record_len = fixed_len + LINE_END.len();
        Self {
            day: Some(day),
            institution,
            record_len: u64::try_from(record_len).expect("a record is short"),
            reserved: [b'F'; 20],
        }
    }

    /// How long the fixed part of a record is, by this header.
    ///
    /// # Errors
    /// [`Fault::RecordLen`] when it is none that the kind has.
    pub(crate) fn fixed_len<R: Record>(&self) -> Result<usize, LineError> {
        let stated = usize::try_from(self.record_len).unwrap_or(usize::MAX);
        let found = R::LENS
            .iter()
            .find(|len| stated == **len || stated == **len + LINE_END.len());
        found.copied().ok_or(LineError {
            line: 2,
            position: if self.day.is_some() { 26 } else { 18 },
            record: crate::error::FRAME,
            field: "record_len",
            fault: Fault::RecordLen {
                found: self.record_len,
                expected: R::LENS,
            },
        })
    }

    /// Reads the second line: header and count.
    pub(crate) fn decode(line: &[u8]) -> Result<(Self, u64), LineError> {
        let wrong = |error| LineError::decoding(2, 0, error);
        match line.len() {
            HeaderDated::LEN => {
                let h = HeaderDated::decode(line).map_err(wrong)?;
                let HeaderDated {
                    count,
                    day,
                    institution,
                    record_len,
                    reserved,
                } = h;
                Ok((
                    Self {
                        day: Some(day),
                        institution,
                        record_len,
                        reserved,
                    },
                    count,
                ))
            }
            HeaderUndated::LEN => {
                let h = HeaderUndated::decode(line).map_err(wrong)?;
                let HeaderUndated {
                    count,
                    institution,
                    record_len,
                    reserved,
                } = h;
                Ok((
                    Self {
                        day: None,
                        institution,
                        record_len,
                        reserved,
                    },
                    count,
                ))
            }
            found => Err(LineError::frame(2, 1, Fault::HeaderLen { found })),
        }
    }

    /// Writes the second line.
    pub(crate) fn encode(&self, count: u64) -> Result<Vec<u8>, LineError> {
        let Self {
            day,
            institution,
            record_len,
            reserved,
        } = *self;
        match day {
            Some(day) => HeaderDated {
                count,
                day,
                institution,
                record_len,
                reserved,
            }
            .encode()
            .map_err(|error| LineError::encoding(2, 0, &HeaderDated::SPEC, error)),
            None => HeaderUndated {
                count,
                institution,
                record_len,
                reserved,
            }
            .encode()
            .map_err(|error| LineError::encoding(2, 0, &HeaderUndated::SPEC, error)),
        }
    }

    /// The second line field by field; nothing for a line that is no header.
    pub(crate) fn describe(line: &[u8], base: usize) -> Vec<FieldView> {
        match line.len() {
            HeaderDated::LEN => HeaderDated::describe(line, base),
            HeaderUndated::LEN => HeaderUndated::describe(line, base),
            _ => Vec::new(),
        }
    }
}

/// How a line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    CrLf,
    LoneLf,
    EndOfFile,
}

/// One line as it lies in the file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'a> {
    /// 1-based.
    pub(crate) number: usize,
    /// Offset of its first byte in the file.
    pub(crate) offset: usize,
    /// Its bytes without the line end.
    pub(crate) raw: &'a [u8],
    ending: Ending,
}

impl<'a> Line<'a> {
    /// Its bytes, if it ends as lines must and has no line break inside.
    pub(crate) fn text(&self) -> Result<&'a [u8], LineError> {
        if let Some(at) = self.raw.iter().position(|b| *b == b'\r') {
            return Err(LineError::frame(self.number, at + 1, Fault::LoneCr));
        }
        let fault = match self.ending {
            Ending::CrLf => return Ok(self.raw),
            Ending::LoneLf => Fault::LoneLf,
            Ending::EndOfFile => Fault::Unended,
        };
        Err(LineError::frame(self.number, self.raw.len() + 1, fault))
    }
}

/// The lines of a file, broken at every line feed.
#[derive(Debug, Clone)]
pub(crate) struct Lines<'a> {
    bytes: &'a [u8],
    offset: usize,
    number: usize,
}

impl<'a> Lines<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            offset: 0,
            number: 0,
        }
    }

    /// The next line, which must be there and end well.
    pub(crate) fn required(&mut self) -> Result<&'a [u8], LineError> {
        let number = self.number + 1;
        self.next()
            .ok_or(LineError::frame(number, 1, Fault::MissingLine))?
            .text()
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        let rest = &self.bytes[self.offset..];
        if rest.is_empty() {
            return None;
        }
        let (len, taken, ending) = match rest.iter().position(|b| *b == b'\n') {
            Some(lf) if lf > 0 && rest[lf - 1] == b'\r' => (lf - 1, lf + 1, Ending::CrLf),
            Some(lf) => (lf, lf + 1, Ending::LoneLf),
            // A file cut between CR and LF ends inside this line, too.
            None if rest.ends_with(b"\r") => (rest.len() - 1, rest.len(), Ending::EndOfFile),
            None => (rest.len(), rest.len(), Ending::EndOfFile),
        };
        self.number += 1;
        let line = Line {
            number: self.number,
            offset: self.offset,
            raw: &rest[..len],
            ending,
        };
        self.offset += taken;
        Some(line)
    }
}

/// Checks that the rest of a file has as many lines as its header counts, the last one ended.
pub(crate) fn check_count(lines: &Lines<'_>, count: u64) -> Result<(), LineError> {
    let found = lines.bytes[lines.offset..]
        .iter()
        .filter(|b| **b == b'\n')
        .count();
    let ended = lines.bytes.ends_with(b"\n");
    if ended && u64::try_from(found).ok() == Some(count) {
        return Ok(());
    }
    // A wrong line end is a better reason than the wrong count that it leads to.
    for line in lines.clone() {
        line.text()?;
    }
    let fault = Fault::Count {
        header: count,
        found,
    };
    Err(LineError {
        line: 2,
        position: 1,
        record: crate::error::FRAME,
        field: "count",
        fault,
    })
}

/// Writes a line end.
pub(crate) fn end_line(out: &mut Vec<u8>) {
    out.extend_from_slice(LINE_END);
}

/// A line as a person reads it, whatever its bytes.
pub(crate) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
