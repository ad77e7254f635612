//! What the card signs to prove itself, and how a host checks it.

use alloc::vec::Vec;

use tongtu_crypto::{PublicKey, Signature, SignatureError};
use tongtu_types::MediumId;

use crate::Challenge;

/// The message under the signature: the challenge, then the medium's ten packed bytes.
///
/// The identifier has a fixed length, so no two pairs give the same message. Z goes before it
/// in the signature itself (GB/T 32918.2).
#[must_use]
pub fn message(challenge: &Challenge, medium: &MediumId) -> Vec<u8> {
    let mut out = challenge.as_bytes().to_vec();
    out.extend(medium.to_packed());
    out
}

/// Checks that the holder of `key`, in the secure element `medium`, answered `challenge`.
///
/// # Errors
/// [`SignatureError`] when it does not hold: another key, another medium or another challenge.
pub fn verify(
    key: &PublicKey,
    challenge: &Challenge,
    medium: &MediumId,
    signature: &Signature,
) -> Result<(), SignatureError> {
    key.verify(&message(challenge, medium), signature)
}
