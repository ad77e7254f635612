//! SHA-256, SHA-384 and SHA-512, for load files, RSA and foreign curves.

use ::sha2::Digest as _;

/// SHA-256 of `bytes`.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    ::sha2::Sha256::digest(bytes).into()
}

/// SHA-384 of `bytes`.
#[must_use]
pub fn sha384(bytes: &[u8]) -> [u8; 48] {
    ::sha2::Sha384::digest(bytes).into()
}

/// SHA-512 of `bytes`.
#[must_use]
pub fn sha512(bytes: &[u8]) -> [u8; 64] {
    ::sha2::Sha512::digest(bytes).into()
}
