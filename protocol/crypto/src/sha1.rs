//! SHA-1, where a foreign format carries it: file check sums, 1024-bit RSA of older cards.
//! Nothing of our own trusts it.

use ::sha1::Digest as _;

/// SHA-1 of `bytes`.
#[must_use]
pub fn digest(bytes: &[u8]) -> [u8; 20] {
    ::sha1::Sha1::digest(bytes).into()
}
