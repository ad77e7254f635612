//! A record with the terminal's signature behind it, as it is stored and uploaded.

use alloc::vec::Vec;

use tongtu_codec::{DecodeError, EncodeError};
use tongtu_crypto::{PublicKey, Signature};

use crate::TapRecord;

/// Bytes of a signed record: the table, then SM2 `r || s` over all of it.
pub const SIGNED_LEN: usize = TapRecord::LEN + 64;

/// Why bytes are no signed record, or none of that terminal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignedError {
    /// More or fewer bytes than a signed record has.
    #[error("signed tap record of {found} bytes, expected {SIGNED_LEN}")]
    Length {
        /// Bytes there.
        found: usize,
    },
    /// A field does not hold.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The signature is not that terminal's over these bytes.
    #[error("terminal signature of the tap record does not verify")]
    Signature,
}

impl TapRecord {
    /// Writes the record and its signature; `sign` makes it where the terminal's key lives.
    ///
    /// A card's own codes prove the card's part; the signature proves everything else, and of a
    /// ride by face it is the only proof.
    ///
    /// # Errors
    /// [`EncodeError`] when a field does not fit.
    pub fn encode_signed(
        &self,
        sign: &mut dyn FnMut(&[u8]) -> Signature,
    ) -> Result<Vec<u8>, EncodeError> {
        let mut out = Vec::with_capacity(SIGNED_LEN);
        out.extend_from_slice(&self.encode()?);
        let signature = sign(&out);
        out.extend_from_slice(&signature.0);
        Ok(out)
    }

    /// Reads a signed record; the signature is checked by [`TapRecord::check_signature`], which
    /// needs the terminal's key.
    ///
    /// # Errors
    /// [`SignedError`] for another length or a field that does not hold.
    pub fn decode_signed(bytes: &[u8]) -> Result<Self, SignedError> {
        let (table, _) = split(bytes)?;
        Ok(Self::decode(table)?)
    }

    /// Checks the signature behind a record.
    ///
    /// # Errors
    /// [`SignedError`] for another length or another signature.
    pub fn check_signature(bytes: &[u8], key: &PublicKey) -> Result<(), SignedError> {
        let (table, signature) = Self::signed_part(bytes)?;
        key.verify(table, &signature)
            .map_err(|_| SignedError::Signature)
    }

    /// What the terminal signed, and its signature; for whoever verifies many together.
    ///
    /// # Errors
    /// [`SignedError`] for another length.
    pub fn signed_part(bytes: &[u8]) -> Result<(&[u8], Signature), SignedError> {
        split(bytes)
    }
}

fn split(bytes: &[u8]) -> Result<(&[u8], Signature), SignedError> {
    let length = SignedError::Length { found: bytes.len() };
    let (table, signature) = bytes
        .split_at_checked(TapRecord::LEN)
        .ok_or(length.clone())?;
    let signature = signature.try_into().map_err(|_| length)?;
    Ok((table, Signature(signature)))
}
