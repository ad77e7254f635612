//! The scan terminal: list bundles, scans, recovery, upload, prompts.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod fixture;
mod lists;
