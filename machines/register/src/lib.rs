//! The institution register (机构登记): who takes part, and which link certificates are whose.
//!
//! ```text
//! head   | TTIR | format | version | published at | institutions | links | check |
//! rows   | institution: code, roles, standing, since, successor, names | check |   rising by code
//!        | link: institution, fingerprint of a certificate, from, until | check |   rising
//! 64     | SM2 signature of the nation over everything before |
//! ```
//!
//! What is here: the bytes of the file ([`Register::open`], [`Register::sign`]), what one version
//! may make of the one before ([`Register::check_after`], [`Register::check_newer`]), and the one
//! question that a connection asks: whose is this certificate, and may it link now
//! ([`Register::judge`]).
//! What is not here: TLS, certificates (a fingerprint is 32 bytes to us), files, the clock, and
//! where the nation's key is kept: whoever signs is behind [`tongtu_crypto::Signer`].
//!
//! Start with [`Register::judge`].
//! UNSPECIFIED: no text that we could read gives a form for a register of institutions; all of it
//! is ours.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod error;
mod judge;
mod register;
mod row;

pub use error::{Damage, RegisterError};
pub use judge::LinkRefusal;
pub use register::{Institution, Link, Register};
pub use row::{Fingerprint, InstitutionRow, LinkRow, Listed, Name, RegisterHead, Roles, Standing};

/// Every table of this crate, for the documents.
pub const SPECS: &[tongtu_codec::RecordSpec] =
    &[RegisterHead::SPEC, InstitutionRow::SPEC, LinkRow::SPEC];
