//! The card manager from outside: channels, content, keys, states, delegated management.
//!
//! Names of test cases (SE-SW-…) are those of the public test catalogue's platform part.

mod blocked;
mod channel;
mod ciphered;
mod content;
mod delegated;
mod directory;
pub(crate) mod keys;
pub(crate) mod office;
mod personal;
mod state;
mod together;
mod torn;
mod wrong;
