//! How a run ends: done or refused, or a failure with its kind and what to try.

use std::fmt::Display;
use std::process::ExitCode;

use crate::lang::{Both, Lang, both};

/// The end of a run that did what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done: 0.
    Done,
    /// The answer is no, and was printed: a code that does not verify, a case that differs. 1.
    Refused,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::Refused => Kind::Refused.into(),
        }
    }
}

/// Whose move it is after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What was asked is refused by a rule: 1.
    Refused,
    /// Arguments or input are wrong: 2.
    Usage,
    /// We or the machine failed: 3.
    Fault,
}

impl Kind {
    /// The stable name in JSON.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Usage => "usage",
            Self::Fault => "fault",
        }
    }
}

impl From<Kind> for ExitCode {
    fn from(kind: Kind) -> Self {
        Self::from(match kind {
            Kind::Refused => 1,
            Kind::Usage => 2,
            Kind::Fault => 3,
        })
    }
}

/// Why a command did not do what it was asked. Holds no secrets and no account numbers.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    what: Both,
    cause: Option<String>,
    hints: Vec<Both>,
}

impl Failure {
    /// A rule says no.
    pub(crate) fn refused(what: Both) -> Self {
        Self::new(Kind::Refused, what)
    }

    /// The arguments or the input are wrong.
    pub(crate) fn usage(what: Both) -> Self {
        Self::new(Kind::Usage, what)
    }

    /// We or the machine failed.
    pub(crate) fn fault(what: Both) -> Self {
        Self::new(Kind::Fault, what)
    }

    const fn new(kind: Kind, what: Both) -> Self {
        Self {
            kind,
            what,
            cause: None,
            hints: Vec::new(),
        }
    }

    /// Adds the cause in the words of whoever found it; libraries speak English.
    pub(crate) fn because(mut self, cause: impl Display) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    /// Adds something to try.
    pub(crate) fn hint(mut self, hint: Both) -> Self {
        self.hints.push(hint);
        self
    }

    /// Whose move it is.
    pub(crate) const fn kind(&self) -> Kind {
        self.kind
    }

    /// What happened and why, on one line.
    pub(crate) fn message(&self, lang: Lang) -> String {
        let what = self.what.of(lang);
        match (&self.cause, lang) {
            (None, _) => what.to_owned(),
            (Some(cause), Lang::En) => format!("{what}: {cause}"),
            (Some(cause), Lang::Zh) => format!("{what}：{cause}"),
        }
    }

    /// What to try.
    pub(crate) fn hints(&self, lang: Lang) -> impl Iterator<Item = &str> {
        self.hints.iter().map(move |hint| hint.of(lang))
    }
}

/// What a command with a chain of causes could not foresee is a fault.
impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::fault(both("the command failed", "命令失败")).because(format!("{error:#}"))
    }
}
