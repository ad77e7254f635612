//! A dialogue as a person reads it.

use alloc::string::String;
use alloc::vec::Vec;

use tongtu_codec::FieldView;

/// One line of an explanation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// How deep it stands, 0 outermost.
    pub depth: usize,
    /// English title.
    pub en: String,
    /// Chinese title.
    pub zh: String,
    /// The bytes it is about.
    pub bytes: Vec<u8>,
    /// The value in words, or what is wrong with it; empty when the bytes say it all.
    pub value: String,
}

impl Line {
    /// A line at the outermost level.
    #[must_use]
    pub fn new(
        en: impl Into<String>,
        zh: impl Into<String>,
        bytes: &[u8],
        value: impl Into<String>,
    ) -> Self {
        Self {
            depth: 0,
            en: en.into(),
            zh: zh.into(),
            bytes: bytes.to_vec(),
            value: value.into(),
        }
    }

    /// The same, `depth` levels deeper.
    #[must_use]
    pub const fn deeper(mut self, depth: usize) -> Self {
        self.depth += depth;
        self
    }
}

impl From<FieldView> for Line {
    fn from(view: FieldView) -> Self {
        use alloc::string::ToString as _;
        let value = match view.value {
            Ok(value) => value,
            Err(error) => error.to_string(),
        };
        Self::new(view.en, view.zh, &view.bytes, value)
    }
}

/// What a command asks and what its answer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The command's name, English.
    pub en: String,
    /// The command's name, Chinese.
    pub zh: String,
    /// The parts of the command.
    pub request: Vec<Line>,
    /// The parts of the answer; empty when there is none or it was an error.
    pub answer: Vec<Line>,
}

impl Explanation {
    /// An explanation with a title and no lines yet.
    #[must_use]
    pub fn titled(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self {
            en: en.into(),
            zh: zh.into(),
            request: Vec::new(),
            answer: Vec::new(),
        }
    }
}
