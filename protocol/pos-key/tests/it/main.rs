//! Work keys and master keys of terminals. All keys are test values.

mod master;
mod openssl;
mod work;
