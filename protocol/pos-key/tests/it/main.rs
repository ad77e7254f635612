//! Work keys and master keys of terminals. All keys are test values.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod master;
mod openssl;
mod work;
