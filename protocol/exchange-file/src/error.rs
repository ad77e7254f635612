//! What is wrong with a file, in which line, at which byte, and what was expected.

use alloc::boxed::Box;

use tongtu_codec::{DecodeError, EncodeError, FieldError, RecordSpec};

use crate::{FileKind, FileName, ResultCode, TailError, TailFault};

/// A file that could not be read or written: which file, and where in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}, {at}")]
pub struct FileError {
    /// The file.
    pub file: FileName,
    /// The place and the reason.
    pub at: Box<LineError>,
}

impl FileError {
    pub(crate) fn new(file: &FileName, at: LineError) -> Self {
        Self {
            file: *file,
            at: Box::new(at),
        }
    }

    /// The code with which a processed-file list (LD) answers this file.
    #[must_use]
    pub fn result_code(&self) -> ResultCode {
        self.at.result_code()
    }
}

/// A line that could not be read or written: line, byte, field and reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, byte {position}, {record}.{field}: {fault}")]
pub struct LineError {
    /// 1-based line in the file: 1 format version, 2 header, 3 the first record.
    pub line: usize,
    /// 1-based position of the field's first byte in its line.
    pub position: usize,
    /// The table that has the field.
    pub record: &'static str,
    /// The field.
    pub field: &'static str,
    /// What is wrong, and what was expected.
    pub fault: Fault,
}

/// What is wrong at a place in a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The file's name says another kind than the one asked for.
    #[error("kind {found} by its name, expected {expected}")]
    Kind {
        /// Kind in the name.
        found: FileKind,
        /// Kind asked for.
        expected: FileKind,
    },
    /// The file ends before this line.
    #[error("the line is missing")]
    MissingLine,
    /// The file ends inside this line.
    #[error("the file ends inside this line, expected CR LF")]
    Unended,
    /// A line feed alone.
    #[error("LF without CR before it, expected CR LF")]
    LoneLf,
    /// A carriage return alone.
    #[error("CR without LF after it, expected CR LF at line ends only")]
    LoneCr,
    /// A first line that is no known format version.
    #[error("format version unknown, expected 01 or 02")]
    Version,
    /// A header of a length that headers do not have.
    #[error("header of {found} characters, expected 49, or 41 without a date")]
    HeaderLen {
        /// Characters found.
        found: usize,
    },
    /// The header's record length is none of this kind's.
    #[error("record length {found}, expected one of {expected:?}, or 2 more with CR LF counted")]
    RecordLen {
        /// Length in the header.
        found: u64,
        /// Lengths of this kind, line end not counted.
        expected: &'static [usize],
    },
    /// The header's count is not the number of record lines.
    #[error("the header counts {header} records, the file has {found} record lines")]
    Count {
        /// Count in the header.
        header: u64,
        /// Record lines found.
        found: usize,
    },
    /// More records than a header can count.
    #[error("{found} records, a file holds at most 999999: split it")]
    CountLimit {
        /// Records given.
        found: usize,
    },
    /// A record line of another length.
    #[error("line of {found} bytes, expected {min} to {max}")]
    LineLen {
        /// Bytes found, CR LF not counted.
        found: usize,
        /// The shortest that would do.
        min: usize,
        /// The longest that would do.
        max: usize,
    },
    /// A block map (段位图) that this kind does not have.
    #[error("block map {found:04X}, expected {expected:04X}")]
    BlockMap {
        /// The map found.
        found: u64,
        /// The map of this kind: 9000 is blocks 0 and 3, B000 blocks 0, 2 and 3.
        expected: u64,
    },
    /// A field that does not hold.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// A tail item that does not hold.
    #[error(transparent)]
    Tail(#[from] TailFault),
}

/// The name of the part that is in errors about lines as a whole.
pub(crate) const FRAME: &str = "frame";

impl LineError {
    /// About a line as a whole.
    pub(crate) const fn frame(line: usize, position: usize, fault: Fault) -> Self {
        Self {
            line,
            position,
            record: FRAME,
            field: "line",
            fault,
        }
    }

    /// About a field that a table could not read; the table begins `base` bytes into its line.
    pub(crate) fn decoding(line: usize, base: usize, error: DecodeError) -> Self {
        Self {
            line,
            position: base + error.offset + 1,
            record: error.record,
            field: error.field,
            fault: Fault::Field(error.kind),
        }
    }

    /// About a field that a table could not write.
    pub(crate) fn encoding(
        line: usize,
        base: usize,
        spec: &RecordSpec,
        error: EncodeError,
    ) -> Self {
        let offset = spec
            .fields
            .iter()
            .find(|f| f.name == error.field)
            .map_or(0, |f| f.offset);
        Self {
            line,
            position: base + offset + 1,
            record: error.record,
            field: error.field,
            fault: Fault::Field(error.kind),
        }
    }

    /// About the tail, which begins `base` bytes into its line.
    pub(crate) fn tail(line: usize, base: usize, error: TailError) -> Self {
        Self {
            line,
            position: base + error.at + 1,
            record: "tail",
            field: error.tag.map_or("item", |tag| tag.name()),
            fault: Fault::Tail(error.fault),
        }
    }

    /// The code with which clearing answers this line, or the whole file if it is the frame's.
    #[must_use]
    pub const fn result_code(&self) -> ResultCode {
        match (&self.fault, self.line) {
            (Fault::Kind { .. }, _) => ResultCode::FILE_NAME,
            (Fault::Count { .. } | Fault::CountLimit { .. }, _) => ResultCode::FILE_COUNT,
            (Fault::RecordLen { .. } | Fault::Unended | Fault::MissingLine, _) => {
                ResultCode::FILE_LENGTH
            }
            (_, 1) => ResultCode::FILE_VERSION,
            (_, 2) => ResultCode::FILE_HEADER,
            _ => ResultCode::FORMAT,
        }
    }
}
