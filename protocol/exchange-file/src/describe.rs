//! A file line by line and field by field, good or bad, for people.

use alloc::vec::Vec;

use tongtu_codec::FieldView;

use crate::error::LineError;
use crate::file::{Record, parts};
use crate::frame::{Header, Line, Lines, Version, check_count, lossy};
use crate::record::{BpRecord, CdRecord, ClRecord, CqRecord, FbRecord, LdRecord};
use crate::{FileKind, FileName};

/// One line as a person reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineView {
    /// 1-based line number.
    pub line: usize,
    /// Offset of its first byte in the file.
    pub offset: usize,
    /// What the line is, in English: `format version`, `header`, or the kind of record.
    pub en: &'static str,
    /// The same in Chinese.
    pub zh: &'static str,
    /// Its fields, offsets counted from the beginning of the file; a field that does not hold
    /// says so.
    pub fields: Vec<FieldView>,
    /// What is wrong with the line, as reading it would say.
    pub problem: Option<LineError>,
}

/// Every line of a file. Never fails: what is wrong is said beside what is right.
///
/// A record of a kind without a table here is one field, its text. Everything is held in
/// memory, some forty fields a line: show a large file in pieces.
#[must_use]
pub fn describe(name: &FileName, bytes: &[u8]) -> Vec<LineView> {
    match name.kind() {
        FileKind::CD => lines::<CdRecord>(bytes),
        FileKind::CQ => lines::<CqRecord>(bytes),
        FileKind::LD => lines::<LdRecord>(bytes),
        FileKind::FB => lines::<FbRecord>(bytes),
        FileKind::CL => lines::<ClRecord>(bytes),
        FileKind::BP => lines::<BpRecord>(bytes),
        kind => framed(
            bytes,
            |_| None,
            |line, _| LineView {
                line: line.number,
                offset: line.offset,
                en: kind.en().unwrap_or("record of an unknown kind"),
                zh: kind.zh().unwrap_or("未知类型记录"),
                fields: alloc::vec![whole(&line)],
                problem: line.text().err(),
            },
        ),
    }
}

fn lines<R: Record>(bytes: &[u8]) -> Vec<LineView> {
    let check = |header: &Header| header.fixed_len::<R>().err();
    framed(bytes, check, |line, header| {
        let stated = header.and_then(|header| header.fixed_len::<R>().ok());
        let fixed_len = stated.unwrap_or(R::LENS[0]);
        let read = line.text().and_then(|text| {
            let (fixed, tail) = parts::<R>(text, fixed_len, line.number)?;
            R::decode_parts(fixed, tail, line.number)
        });
        let (fixed, tail) = line.raw.split_at(fixed_len.min(line.raw.len()));
        LineView {
            line: line.number,
            offset: line.offset,
            en: R::KIND.en().unwrap_or("record"),
            zh: R::KIND.zh().unwrap_or("记录"),
            fields: R::describe_parts(fixed, tail, line.offset),
            problem: read.err(),
        }
    })
}

/// Version and header, which `check` may find wrong, then each record line by `record`.
fn framed(
    bytes: &[u8],
    check: impl Fn(&Header) -> Option<LineError>,
    record: impl Fn(Line<'_>, Option<&Header>) -> LineView,
) -> Vec<LineView> {
    let mut views = Vec::new();
    let mut header = None;
    let mut lines = Lines::new(bytes);
    while let Some(line) = lines.next() {
        views.push(match line.number {
            1 => LineView {
                line: 1,
                offset: 0,
                en: "format version",
                zh: "文件版本",
                fields: alloc::vec![whole(&line)],
                problem: line.text().and_then(Version::decode).err(),
            },
            2 => {
                let read = line.text().and_then(Header::decode);
                let problem = match read {
                    Ok((read, count)) => {
                        let problem = check(&read).or(check_count(&lines, count).err());
                        header = Some(read);
                        // A bad line says so itself.
                        problem.filter(|problem| problem.line == 2)
                    }
                    Err(error) => Some(error),
                };
                LineView {
                    line: 2,
                    offset: line.offset,
                    en: "header",
                    zh: "文件头",
                    fields: Header::describe(line.raw, line.offset),
                    problem,
                }
            }
            _ => record(line, header.as_ref()),
        });
    }
    views
}

/// A line as one field.
fn whole(line: &Line<'_>) -> FieldView {
    FieldView {
        name: "line",
        en: "whole line",
        zh: "整行",
        offset: line.offset,
        bytes: line.raw.to_vec(),
        value: Ok(lossy(line.raw)),
    }
}
