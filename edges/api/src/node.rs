//! The node itself: who it is, and its exchange with its parent.

use serde::{Deserialize, Serialize};

use crate::PaperView;

/// A node that is up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthView {
    /// The institution's code in its home role, 8 digits.
    pub institution: String,
    /// Its name in Chinese.
    pub name_zh: String,
    /// Its name in English.
    pub name_en: String,
    /// The register and the key book that it goes by, where it does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub papers: Vec<PaperView>,
}

/// What one exchange with the parent did; it may be repeated at any time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PumpReport {
    /// Files the parent stored now.
    pub pushed: u64,
    /// Files the parent had already; they were pushed before and not marked as such.
    pub pushed_already: u64,
    /// Files of the parent stored here now.
    pub fetched: u64,
    /// Files of the parent that were here already and waited for confirmation only.
    pub fetched_already: u64,
    /// What did not work; empty when everything that waited was exchanged.
    pub problems: Vec<PumpProblem>,
}

/// One thing that did not work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PumpProblem {
    /// At which step.
    pub step: PumpStep,
    /// The file's name, where one file is concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Whether the same may work later.
    pub retryable: bool,
    /// Stable word for programs.
    pub code: String,
    /// What went wrong, for people.
    pub message: String,
}

/// A step of the exchange with the parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PumpStep {
    /// Reading what waits to go up.
    Outbox,
    /// Bringing a file up.
    Push,
    /// Asking what waits to come down.
    List,
    /// Bringing a file down.
    Fetch,
}
