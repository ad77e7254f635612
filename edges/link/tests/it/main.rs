//! Link certificates, and files that change under a running node.

#![expect(
    clippy::unwrap_used,
    reason = "a test's own functions fail by panicking, like the test"
)]

mod files;
mod fixture;
mod identity;
