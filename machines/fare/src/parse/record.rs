//! Lines, records and fields: the part of the format that knows no fares.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::RangeInclusive;
use core::str::FromStr;

use tongtu_types::Fen;

use super::{BOOK_MAX_BYTES, ParseError, ParseErrorKind};
use crate::{FARE_MAX, Name};

/// The longest name, in bytes.
const NAME_MAX_BYTES: usize = 96;

/// How much of what was found an error repeats, in characters.
const FOUND_MAX: usize = 40;

/// A keyword and its fields, trimmed.
#[derive(Clone)]
pub(super) struct Record<'a> {
    pub(super) line: u32,
    pub(super) keyword: &'a str,
    pub(super) fields: Vec<&'a str>,
}

/// The records of a text, in order.
pub(super) struct Reader<'a> {
    records: alloc::vec::IntoIter<Record<'a>>,
    line_count: u32,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, ParseError> {
        if bytes.len() > BOOK_MAX_BYTES {
            let kind = ParseErrorKind::TooMany {
                what: "bytes",
                max: BOOK_MAX_BYTES,
            };
            return Err(ParseError { line: 1, kind });
        }
        let mut records = Vec::new();
        let mut line_count = 0;
        for (line, raw) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
            line_count = line;
            let text = core::str::from_utf8(raw).map_err(|error| {
                let kind = ParseErrorKind::NotUtf8 {
                    at: error.valid_up_to(),
                };
                ParseError { line, kind }
            })?;
            let text = text.trim_ascii();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let (keyword, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
            let fields = match rest {
                "" => Vec::new(),
                _ => rest.split('|').map(str::trim_ascii).collect(),
            };
            records.push(Record {
                line,
                keyword,
                fields,
            });
        }
        Ok(Self {
            records: records.into_iter(),
            line_count,
        })
    }

    pub(super) fn peek(&self) -> Option<&Record<'a>> {
        self.records.as_slice().first()
    }

    /// Takes the next record, which must have this keyword and as many fields as `shape`.
    pub(super) fn take(
        &mut self,
        keyword: &'static str,
        shape: &'static str,
    ) -> Result<Record<'a>, ParseError> {
        let Some(record) = self.records.next() else {
            return Err(self.missing(keyword));
        };
        if record.keyword != keyword {
            return Err(record.unexpected(keyword));
        }
        let found = record.fields.len();
        if found != shape.split('|').count() {
            return Err(record.error(ParseErrorKind::Fields {
                keyword,
                found,
                expected: shape,
            }));
        }
        Ok(record)
    }

    pub(super) fn missing(&self, expected: &'static str) -> ParseError {
        let line = self.line_count.saturating_add(1);
        ParseError {
            line,
            kind: ParseErrorKind::Missing { expected },
        }
    }
}

impl Record<'_> {
    pub(super) fn error(&self, kind: ParseErrorKind) -> ParseError {
        ParseError {
            line: self.line,
            kind,
        }
    }

    pub(super) fn unexpected(&self, expected: &'static str) -> ParseError {
        self.error(ParseErrorKind::Record {
            found: shorten(self.keyword),
            expected,
        })
    }

    pub(super) fn value(
        &self,
        field: usize,
        name: &'static str,
        expected: &'static str,
    ) -> ParseError {
        let found = shorten(self.fields[field]);
        self.error(ParseErrorKind::Value {
            field: name,
            found,
            expected,
        })
    }

    /// Says that the record repeats an earlier one.
    pub(super) fn duplicate(&self, what: &'static str, first_line: u32) -> ParseError {
        // A link is named by its two stations, everything else by its code.
        let pairs = ["link", "pair", "oneway"];
        let named = if pairs.contains(&self.keyword) { 2 } else { 1 };
        let found = shorten(&self.fields[..named].join(" | "));
        self.error(ParseErrorKind::Duplicate {
            what,
            found,
            first_line,
        })
    }

    pub(super) fn parsed<T: FromStr>(
        &self,
        field: usize,
        name: &'static str,
        expected: &'static str,
    ) -> Result<T, ParseError> {
        self.fields[field]
            .parse()
            .map_err(|_| self.value(field, name, expected))
    }

    /// Accepts one word only.
    pub(super) fn only(
        &self,
        field: usize,
        name: &'static str,
        word: &'static str,
    ) -> Result<(), ParseError> {
        if self.fields[field] == word {
            Ok(())
        } else {
            Err(self.value(field, name, word))
        }
    }

    pub(super) fn number(
        &self,
        field: usize,
        name: &'static str,
        range: RangeInclusive<u32>,
    ) -> Result<u32, ParseError> {
        self.number_in(self.fields[field], field, name, range)
    }

    /// Reads `digits`, which stand in the field, as digits only: no sign, no separators.
    pub(super) fn number_in(
        &self,
        digits: &str,
        field: usize,
        name: &'static str,
        range: RangeInclusive<u32>,
    ) -> Result<u32, ParseError> {
        let digits = Some(digits).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let number = digits.and_then(|text| text.parse().ok());
        number
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                let found = shorten(self.fields[field]);
                let (min, max) = (*range.start(), *range.end());
                self.error(ParseErrorKind::Number {
                    field: name,
                    found,
                    min,
                    max,
                })
            })
    }

    pub(super) fn fare(&self, field: usize) -> Result<Fen, ParseError> {
        const EXPECTED: &str = "yuan from 0.00 to 10000.00";
        let fare = self.parsed(field, "fare", EXPECTED)?;
        if fare < Fen::ZERO || fare > FARE_MAX {
            return Err(self.value(field, "fare", EXPECTED));
        }
        Ok(fare)
    }

    /// The Chinese name in this field and the English one in the next.
    pub(super) fn name(&self, field: usize) -> Result<Name, ParseError> {
        for (at, which) in [(field, "Chinese name"), (field + 1, "English name")] {
            let text = self.fields[at];
            if text.is_empty() || text.len() > NAME_MAX_BYTES || text.contains(char::is_control) {
                return Err(self.value(at, which, "1 to 96 bytes without control characters"));
            }
        }
        Ok(Name::new(self.fields[field], self.fields[field + 1]))
    }
}

pub(super) fn shorten(text: &str) -> String {
    match text.char_indices().nth(FOUND_MAX) {
        Some((end, _)) => text[..end].to_owned(),
        None => text.to_owned(),
    }
}
