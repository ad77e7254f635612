//! Whole files: reading, writing, splitting.

use alloc::vec::Vec;
use core::marker::PhantomData;

use tongtu_codec::FieldView;
use tongtu_types::{BusinessDay, InstitutionCode};

use crate::error::{Fault, FileError, LineError};
use crate::frame::{Header, Lines, Version, check_count, end_line};
use crate::record::{BpRecord, CdRecord, ClRecord, CqRecord, FbRecord, LdRecord};
use crate::{FileKind, FileName};

/// The most records that a header can count.
pub const RECORDS_MAX: usize = 999_999;

/// One kind's record: a part of fixed length and, for some kinds, a tail.
pub trait Record: Sized {
    /// The kind of file that has these records.
    const KIND: FileKind;

    /// Lengths of the fixed part that files are seen with; the first is the one we write.
    const LENS: &'static [usize];

    /// The longest tail, in bytes; 0 for a kind without one.
    const TAIL_MAX: usize;

    /// The length of this record's fixed part, one of [`Record::LENS`].
    fn fixed_len(&self) -> usize {
        Self::LENS[0]
    }

    /// Reads a record from its fixed part and its tail, which stand in line number `line`.
    ///
    /// # Errors
    /// [`LineError`] naming the first field that does not hold.
    fn decode_parts(fixed: &[u8], tail: &[u8], line: usize) -> Result<Self, LineError>;

    /// Appends the record, its fixed part `fixed_len` bytes long.
    ///
    /// # Errors
    /// [`LineError`] naming the first field that does not fit.
    fn encode_parts(
        &self,
        fixed_len: usize,
        line: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), LineError>;

    /// Every field that is there, good or bad, offsets counted from `base`.
    fn describe_parts(fixed: &[u8], tail: &[u8], base: usize) -> Vec<FieldView>;
}

/// A whole file of one kind.
///
/// ```
/// use tongtu_exchange_file::{BpFile, BpRecord, FileKind, FileName, TimeOfDay};
/// use tongtu_types::{Fen, InstitutionCode};
///
/// let city = InstitutionCode::parse("01341000")?;
/// let day = "20260102".parse()?;
/// let name = FileName::new(FileKind::BP, day, TimeOfDay::MIDNIGHT, city, 1)?;
/// let record = BpRecord::new(Fen::new(500), Fen::new(300), Fen::ZERO, Fen::ZERO)?;
///
/// let file = BpFile::new(name, day, city, vec![record]);
/// let bytes = file.encode()?;
/// assert!(bytes.starts_with(b"01\r\n0000012026010201341000   0182FFFFFFFFFFFFFFFFFFFF\r\n"));
/// assert_eq!(BpFile::decode(&name, &bytes)?, file);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExchangeFile<R> {
    /// Its name.
    pub name: FileName,
    /// Its format version.
    pub version: Version,
    /// Its header; the count is always that of `records`.
    pub header: Header,
    /// Its records, in order.
    pub records: Vec<R>,
}

/// A file of card rides, member to hub.
pub type CdFile = ExchangeFile<CdRecord>;
/// A file of code rides, member to hub.
pub type CqFile = ExchangeFile<CqRecord>;
/// A list of processed files, hub to member.
pub type LdFile = ExchangeFile<LdRecord>;
/// Clearing feedback, hub to acquirer.
pub type FbFile = ExchangeFile<FbRecord>;
/// Clearing detail, hub to issuer.
pub type ClFile = ExchangeFile<ClRecord>;
/// A net position, hub to member.
pub type BpFile = ExchangeFile<BpRecord>;

/// A file in which some lines were bad.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LenientFile<R> {
    /// Its name.
    pub name: FileName,
    /// Its format version.
    pub version: Version,
    /// Its header.
    pub header: Header,
    /// The good records, each with its 1-based line number (the first record is line 3).
    pub records: Vec<(usize, R)>,
    /// The bad lines, in order.
    pub rejected: Vec<LineError>,
}

impl<R: Record> ExchangeFile<R> {
    /// A file as we make it: version 01, header with date, record length with CR LF.
    ///
    /// The first record says how long the fixed part of all is.
    #[must_use]
    pub fn new(
        name: FileName,
        day: BusinessDay,
        institution: InstitutionCode,
        records: Vec<R>,
    ) -> Self {
        let fixed_len = records.first().map_or(R::LENS[0], R::fixed_len);
        let header = Header::new(day, institution, fixed_len);
        Self {
            name,
            version: Version::V01,
            header,
            records,
        }
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// [`FileError`] naming the first line and field that does not fit, a name of another
    /// kind, or more than [`RECORDS_MAX`] records.
    pub fn encode(&self) -> Result<Vec<u8>, FileError> {
        self.encode_lines()
            .map_err(|at| FileError::new(&self.name, at))
    }

    fn encode_lines(&self) -> Result<Vec<u8>, LineError> {
        check_kind::<R>(&self.name)?;
        let found = self.records.len();
        if found > RECORDS_MAX {
            return Err(LineError::frame(2, 1, Fault::CountLimit { found }));
        }
        let fixed_len = self.header.fixed_len::<R>()?;
        let mut out = Vec::with_capacity(64 + found * (fixed_len + 2));
        out.extend_from_slice(self.version.as_str().as_bytes());
        end_line(&mut out);
        let count = u64::try_from(found).expect("at most RECORDS_MAX");
        out.extend_from_slice(&self.header.encode(count)?);
        end_line(&mut out);
        for (index, record) in self.records.iter().enumerate() {
            let start = out.len();
            record.encode_parts(fixed_len, index + 3, &mut out)?;
            debug_assert!(
                !out[start..].iter().any(|b| matches!(b, b'\r' | b'\n')),
                "no encoding lets a line break through"
            );
            end_line(&mut out);
        }
        Ok(out)
    }

    /// Reads a file in which everything is good.
    ///
    /// # Errors
    /// [`FileError`] naming the first line, byte and field that does not hold.
    pub fn decode(name: &FileName, bytes: &[u8]) -> Result<Self, FileError> {
        let lines = Records::open(name, bytes)?;
        let (version, header) = (lines.version, lines.header.clone());
        let records = lines
            .map(|line| line.map(|(_, record)| record))
            .collect::<Result<_, _>>()
            .map_err(|at| FileError::new(name, at))?;
        Ok(Self {
            name: *name,
            version,
            header,
            records,
        })
    }

    /// Reads a file and sets its bad lines aside, so that none hides the others.
    ///
    /// # Errors
    /// [`FileError`] when the frame does not hold: version, header, count, record length, a
    /// last line without its end. Then no line can be trusted.
    pub fn decode_lenient(name: &FileName, bytes: &[u8]) -> Result<LenientFile<R>, FileError> {
        let lines = Records::open(name, bytes)?;
        let (version, header) = (lines.version, lines.header.clone());
        let (mut records, mut rejected) = (Vec::new(), Vec::new());
        for line in lines {
            match line {
                Ok(record) => records.push(record),
                Err(error) => rejected.push(error),
            }
        }
        Ok(LenientFile {
            name: *name,
            version,
            header,
            records,
            rejected,
        })
    }

    /// Breaks a file into files of at most `records_max` records with successive sequence
    /// numbers, the first keeping its own. A file that is small enough stays as it is.
    ///
    /// # Errors
    /// [`NameError`](crate::NameError) when the sequence numbers run out.
    pub fn split(self, records_max: usize) -> Result<Vec<Self>, crate::NameError> {
        let records_max = records_max.clamp(1, RECORDS_MAX);
        let Self {
            name,
            version,
            header,
            records,
        } = self;
        let mut files = Vec::with_capacity(records.len().div_ceil(records_max));
        let mut rest = records.into_iter();
        let mut sequence = name.sequence();
        loop {
            let records: Vec<R> = rest.by_ref().take(records_max).collect();
            if records.is_empty() && !files.is_empty() {
                return Ok(files);
            }
            let name = name.with_sequence(sequence)?;
            files.push(Self {
                name,
                version,
                header: header.clone(),
                records,
            });
            sequence += 1;
        }
    }
}

fn check_kind<R: Record>(name: &FileName) -> Result<(), LineError> {
    if name.kind() == R::KIND {
        return Ok(());
    }
    let fault = Fault::Kind {
        found: name.kind(),
        expected: R::KIND,
    };
    Err(LineError {
        line: 1,
        position: 1,
        record: "FileNameTable",
        field: "kind",
        fault,
    })
}

/// The records of a file, read one after the other: the frame is good, lines may be bad.
///
/// Holds one record at a time, for files that need not be in memory as values.
#[derive(Debug, Clone)]
pub struct Records<'a, R> {
    version: Version,
    header: Header,
    fixed_len: usize,
    lines: Lines<'a>,
    kind: PhantomData<R>,
}

impl<'a, R: Record> Records<'a, R> {
    /// Checks the frame.
    ///
    /// # Errors
    /// [`FileError`] when version, header, count, record length or the last line's end does
    /// not hold.
    pub fn open(name: &FileName, bytes: &'a [u8]) -> Result<Self, FileError> {
        let mut lines = Lines::new(bytes);
        let open = |lines: &mut Lines<'a>| {
            check_kind::<R>(name)?;
            let version = Version::decode(lines.required()?)?;
            let (header, count) = Header::decode(lines.required()?)?;
            let fixed_len = header.fixed_len::<R>()?;
            check_count(lines, count)?;
            Ok((version, header, fixed_len))
        };
        let (version, header, fixed_len) =
            open(&mut lines).map_err(|at| FileError::new(name, at))?;
        Ok(Self {
            version,
            header,
            fixed_len,
            lines,
            kind: PhantomData,
        })
    }

    /// The format version.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }
}

impl<R: Record> Iterator for Records<'_, R> {
    /// Line number and record, or what is wrong with the line.
    type Item = Result<(usize, R), LineError>;

    fn next(&mut self) -> Option<Self::Item> {
        let line = self.lines.next()?;
        Some(line.text().and_then(|text| {
            let (fixed, tail) = parts::<R>(text, self.fixed_len, line.number)?;
            Ok((line.number, R::decode_parts(fixed, tail, line.number)?))
        }))
    }
}

/// Breaks a record line into fixed part and tail.
pub(crate) fn parts<R: Record>(
    text: &[u8],
    fixed_len: usize,
    line: usize,
) -> Result<(&[u8], &[u8]), LineError> {
    let (min, max) = (fixed_len, fixed_len + R::TAIL_MAX);
    if text.len() < min || text.len() > max {
        let fault = Fault::LineLen {
            found: text.len(),
            min,
            max,
        };
        return Err(LineError::frame(line, text.len().min(max) + 1, fault));
    }
    Ok(text.split_at(fixed_len))
}
