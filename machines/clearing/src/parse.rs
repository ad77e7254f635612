//! Lines of words: the form of this crate's data files.
//!
//! One statement a line, words apart by spaces, `#` begins a comment. The first statement
//! names the kind of file and its format version.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use tongtu_types::ValueError;

/// Why a line of a data file was not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// A statement that does not belong here, or has too few or too many words.
    #[error("line {line}: expected `{expected}`")]
    Statement {
        /// 1-based line number; one past the last when something is missing.
        line: usize,
        /// What was expected.
        expected: &'static str,
    },
    /// A word that is none of those expected.
    #[error("line {line}: {found:?} is unknown, expected {expected}")]
    Word {
        /// 1-based line number.
        line: usize,
        /// The word.
        found: String,
        /// What was expected, in words.
        expected: &'static str,
    },
    /// A value that is not what stands there.
    #[error("line {line}: a value does not fit its place")]
    Value {
        /// 1-based line number.
        line: usize,
        /// What is wrong with it.
        source: ValueError,
    },
}

/// One statement: its line number and its words, at least one.
pub(crate) struct Statement<'a> {
    pub(crate) line: usize,
    pub(crate) words: Vec<&'a str>,
}

impl Statement<'_> {
    pub(crate) fn word_error(&self, found: &str, expected: &'static str) -> ParseError {
        ParseError::Word {
            line: self.line,
            found: found.to_owned(),
            expected,
        }
    }

    pub(crate) fn statement_error(&self, expected: &'static str) -> ParseError {
        ParseError::Statement {
            line: self.line,
            expected,
        }
    }

    pub(crate) fn value<T>(&self, parsed: Result<T, ValueError>) -> Result<T, ParseError> {
        parsed.map_err(|source| ParseError::Value {
            line: self.line,
            source,
        })
    }
}

/// The statements after the first one, which must be `expected`.
pub(crate) fn statements<'a>(
    text: &'a str,
    expected: &'static str,
) -> Result<Vec<Statement<'a>>, ParseError> {
    let mut all = text.lines().zip(1..).filter_map(|(content, line)| {
        let code = content.split('#').next().unwrap_or("");
        let words: Vec<&str> = code.split_whitespace().collect();
        (!words.is_empty()).then_some(Statement { line, words })
    });
    match all.next() {
        Some(first) if first.words.iter().copied().eq(expected.split(' ')) => Ok(all.collect()),
        Some(first) => Err(first.statement_error(expected)),
        None => Err(ParseError::Statement { line: 1, expected }),
    }
}
