//! SHA-1, as a check sum of foreign files that carry one. It protects nothing.

use ::sha1::Digest as _;

/// SHA-1 of `bytes`.
#[must_use]
pub fn digest(bytes: &[u8]) -> [u8; 20] {
    ::sha1::Sha1::digest(bytes).into()
}
