//! The scan terminal: list bundles, scans, recovery, upload, prompts.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod cards;
mod exit;
mod face;
mod fixture;
mod gallery;
mod held;
mod lists;
mod load;
mod prompt;
mod recover;
mod scan;
mod service;
mod tap;
mod upload;
