//! Programs we did not write, for tests: finding them, and a private card service to run them under.
//!
//! Here: what a test does when a program is missing ([`tool`], [`python`], [`node`]), child processes
//! that cannot outlive the test ([`leash`], [`Leashed`]), OpenSSL
//! ([`openssl`], and [`Witness`] for many questions), [`CardService`], a pcscd of this test alone
//! with the virtual reader driver, and [`SoftToken`], a PKCS#11 token of this test alone. Not here: any card, and what the programs are asked.
//!
//! Everything panics with its reason when it fails: its only callers are tests.

mod openssl;
mod process;
mod service;
mod token;
mod tool;
mod witness;

pub use openssl::{Scratch, openssl, sm2_key_der, sm2_signature_der};
pub use process::{Leashed, Ran, leash, run_within};
pub use service::CardService;
pub use token::SoftToken;
pub use tool::{Node, node, python, tool};
pub use witness::{Chaining, Point, Witness};
