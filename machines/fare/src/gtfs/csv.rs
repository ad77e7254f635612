//! Comma-separated text as GTFS has it: a head, quotes, empty fields; no more.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::GtfsError;

/// How many rows a file may have.
const ROWS_MAX: usize = 200_000;

/// How much of what was found an error repeats, in characters.
const FOUND_MAX: usize = 40;

/// A file's rows.
pub(super) struct Sheet {
    pub(super) file: &'static str,
    columns: BTreeMap<String, usize>,
    pub(super) rows: Vec<Row>,
}

/// A row and where it stands.
pub(super) struct Row {
    pub(super) line: u32,
    fields: Vec<String>,
}

/// A row with the columns' names.
#[derive(Clone, Copy)]
pub(super) struct Cells<'a> {
    sheet: &'a Sheet,
    row: &'a Row,
}

impl Sheet {
    /// A file that is not there.
    pub(super) const fn none(file: &'static str) -> Self {
        Self {
            file,
            columns: BTreeMap::new(),
            rows: Vec::new(),
        }
    }

    pub(super) fn parse(file: &'static str, bytes: &[u8]) -> Result<Self, GtfsError> {
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let text = core::str::from_utf8(bytes).map_err(|error| {
            let before = &bytes[..error.valid_up_to()];
            let lines = before.iter().filter(|byte| **byte == b'\n').count();
            let line = u32::try_from(lines).map_or(u32::MAX, |lines| lines.saturating_add(1));
            GtfsError::NotUtf8 { file, line }
        })?;
        let mut rows = split(file, text)?.into_iter();
        let head = rows.next().map(|row| row.fields).unwrap_or_default();
        let columns: BTreeMap<String, usize> = head
            .into_iter()
            .enumerate()
            .map(|(index, name)| (name, index))
            .collect();
        let rows: Vec<Row> = rows.collect();
        for row in &rows {
            if row.fields.len() > columns.len() {
                return Err(GtfsError::Fields {
                    file,
                    line: row.line,
                    found: row.fields.len(),
                    expected: columns.len(),
                });
            }
        }
        Ok(Self {
            file,
            columns,
            rows,
        })
    }

    pub(super) fn has(&self, column: &str) -> bool {
        self.columns.contains_key(column)
    }

    pub(super) fn cells(&self) -> impl Iterator<Item = Cells<'_>> {
        self.rows.iter().map(|row| Cells { sheet: self, row })
    }

    /// Complains if the head lacks one of these.
    pub(super) fn needs(&self, columns: &[&'static str]) -> Result<(), GtfsError> {
        let missing = columns.iter().find(|column| !self.has(column));
        match missing {
            Some(column) => Err(GtfsError::Column {
                file: self.file,
                column,
            }),
            None => Ok(()),
        }
    }
}

impl<'a> Cells<'a> {
    pub(super) const fn line(self) -> u32 {
        self.row.line
    }

    /// The field of that column; nothing where the column or the field is not there.
    pub(super) fn get(self, column: &str) -> &'a str {
        let index = self.sheet.columns.get(column);
        let field = index.and_then(|index| self.row.fields.get(*index));
        field.map_or("", |field| field.as_str())
    }

    /// Whether something stands in a column that is none of these.
    pub(super) fn says_more_than(self, columns: &[&str]) -> bool {
        let names = self.sheet.columns.keys();
        let mut others = names.filter(|name| !columns.contains(&name.as_str()));
        others.any(|name| !self.get(name).is_empty())
    }

    /// The field if something stands in it.
    pub(super) fn some(self, column: &str) -> Option<&'a str> {
        Some(self.get(column)).filter(|field| !field.is_empty())
    }

    /// The field, in which something must stand.
    pub(super) fn need(self, column: &'static str) -> Result<&'a str, GtfsError> {
        self.some(column)
            .ok_or_else(|| self.wrong(column, "something"))
    }

    pub(super) fn wrong(self, field: &'static str, expected: &'static str) -> GtfsError {
        GtfsError::Value {
            file: self.sheet.file,
            line: self.row.line,
            field,
            found: shorten(self.get(field)),
            expected,
        }
    }

    pub(super) fn unknown(self, field: &'static str, declared_in: &'static str) -> GtfsError {
        GtfsError::Unknown {
            file: self.sheet.file,
            line: self.row.line,
            field,
            found: shorten(self.get(field)),
            declared_in,
        }
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(FOUND_MAX).collect()
}

fn split(file: &'static str, text: &str) -> Result<Vec<Row>, GtfsError> {
    let mut rows = Vec::new();
    let mut row = Row {
        line: 1,
        fields: Vec::new(),
    };
    let mut field = String::new();
    // In a quoted field; after one, where only a comma or the end may follow.
    let (mut quoted, mut closed) = (false, false);
    let mut line = 1_u32;
    let mut chars = text.chars().peekable();
    let take = |field: &mut String| {
        let taken = core::mem::take(field);
        String::from(taken.trim_ascii())
    };
    while let Some(char) = chars.next() {
        match char {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' if quoted => (quoted, closed) = (false, true),
            '"' if field.trim_ascii().is_empty() && !closed => {
                field.clear();
                quoted = true;
            }
            '"' => return Err(GtfsError::Quote { file, line }),
            '\n' => {
                line = line.saturating_add(1);
                if quoted {
                    field.push('\n');
                    continue;
                }
                row.fields.push(take(&mut field));
                closed = false;
                let next = Row {
                    line,
                    fields: Vec::new(),
                };
                let row = core::mem::replace(&mut row, next);
                if row.fields.iter().any(|field| !field.is_empty()) {
                    rows.push(row);
                }
                if rows.len() > ROWS_MAX {
                    return Err(GtfsError::TooMany {
                        file,
                        max: ROWS_MAX,
                    });
                }
            }
            ',' if !quoted => {
                row.fields.push(take(&mut field));
                closed = false;
            }
            '\r' if !quoted => {}
            other if closed && !other.is_ascii_whitespace() => {
                return Err(GtfsError::Quote { file, line });
            }
            other => field.push(other),
        }
    }
    if quoted {
        return Err(GtfsError::Quote {
            file,
            line: row.line,
        });
    }
    row.fields.push(take(&mut field));
    if row.fields.iter().any(|field| !field.is_empty()) {
        rows.push(row);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(text: &str) -> Vec<Vec<String>> {
        let rows = split("areas.txt", text).unwrap();
        rows.into_iter().map(|row| row.fields).collect()
    }

    #[test]
    fn reads_quotes_and_lines_of_every_kind() {
        assert_eq!(
            cells("a,b\r\n1,\"x, \"\"y\"\"\"\n\n ,\n"),
            [["a", "b"], ["1", "x, \"y\""]]
        );
        assert_eq!(cells("a,\"b\nc\"\n1,2"), [["a", "b\nc"], ["1", "2"]]);
    }

    #[test]
    fn refuses_half_quotes() {
        for text in ["a\n\"b", "a\nb\"c\n", "a\n\"b\"c\n"] {
            assert!(
                matches!(split("areas.txt", text), Err(GtfsError::Quote { .. })),
                "{text:?}"
            );
        }
    }

    #[test]
    fn names_the_line_of_a_row_after_a_long_one() {
        let sheet = Sheet::parse("areas.txt", b"\xEF\xBB\xBFarea_id\n\"a\nb\"\nc,d\n");
        assert_eq!(
            sheet.err(),
            Some(GtfsError::Fields {
                file: "areas.txt",
                line: 4,
                found: 2,
                expected: 1
            })
        );
    }
}
