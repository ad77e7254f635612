//! A ride code's bytes, framed: type, version and lengths hold; nothing else is judged yet.

use core::fmt;
use core::ops::Range;

use tongtu_codec::DecodeError;
use tongtu_crypto::{Signature, sm3};
use tongtu_types::Timestamp;

use crate::layout::{
    CERTIFICATE_AT, CODE_LEN_MAX, CODE_LEN_MIN, EXTENSION_AT, EXTENSION_LEN_AT, EXTENSION_LEN_MAX,
    Guide, IssuerCertificate, IssuerSignature, RideDomain, USER_AT, UserDomain,
};

/// Why bytes are not framed as a ride code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The high nibble of the first byte is not 8, or there is no byte.
    #[error("not a ride code: first byte {lead:?}, expected high nibble 8")]
    NotRideCode {
        /// The first byte, if any.
        lead: Option<u8>,
    },
    /// A structure version that is not supported (0 needs the issuer key beforehand).
    #[error("structure version {found}, expected 1")]
    Version {
        /// The low nibble of the first byte.
        found: u8,
    },
    /// More or fewer bytes than a ride code has.
    #[error("{found} bytes, expected 332 to 364")]
    Length {
        /// Bytes there.
        found: usize,
    },
    /// The length field does not say total - 3.
    #[error("length field at byte 1 says {stated}, expected {expected}")]
    LengthField {
        /// What the field says.
        stated: u16,
        /// Total length - 3.
        expected: usize,
    },
    /// The extension length does not fit the total length.
    #[error("extension length at byte 197 says {stated}, expected {expected}")]
    ExtensionLength {
        /// What the byte says.
        stated: u8,
        /// Total length - 332.
        expected: usize,
    },
}

/// A framed ride code, its bytes verbatim. Fixed size, no heap.
#[derive(Clone, PartialEq, Eq)]
pub struct RideCode {
    bytes: [u8; CODE_LEN_MAX],
    extension_len: usize,
}

impl RideCode {
    /// Frames bytes: type, version, then the three lengths against each other.
    ///
    /// # Errors
    /// [`FrameError`] in that order.
    pub fn frame(bytes: &[u8]) -> Result<Self, FrameError> {
        let lead = bytes.first().copied();
        let version = match lead {
            Some(byte) if byte >> 4 == 8 => byte & 0x0F,
            _ => return Err(FrameError::NotRideCode { lead }),
        };
        if version != 1 {
            return Err(FrameError::Version { found: version });
        }
        let found = bytes.len();
        if !(CODE_LEN_MIN..=CODE_LEN_MAX).contains(&found) {
            return Err(FrameError::Length { found });
        }
        let stated = u16::from_be_bytes([bytes[1], bytes[2]]);
        if usize::from(stated) + Guide::LEN != found {
            return Err(FrameError::LengthField {
                stated,
                expected: found - Guide::LEN,
            });
        }
        let stated = bytes[EXTENSION_LEN_AT];
        let expected = found - CODE_LEN_MIN;
        if usize::from(stated) != expected {
            return Err(FrameError::ExtensionLength { stated, expected });
        }
        debug_assert!(expected <= EXTENSION_LEN_MAX, "the total length bounds it");
        let mut code = Self {
            bytes: [0; CODE_LEN_MAX],
            extension_len: expected,
        };
        code.bytes[..found].copy_from_slice(bytes);
        Ok(code)
    }

    /// All bytes, verbatim.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..CODE_LEN_MIN + self.extension_len]
    }

    /// The certificate domain, 117 bytes.
    #[must_use]
    pub fn certificate_bytes(&self) -> &[u8] {
        &self.bytes[CERTIFICATE_AT..USER_AT]
    }

    /// The certificate domain, field by field.
    ///
    /// # Errors
    /// [`DecodeError`] when issuer identifier or expiry are not decimal, or there is no such
    /// month.
    pub fn certificate(&self) -> Result<IssuerCertificate, DecodeError> {
        IssuerCertificate::decode(self.certificate_bytes())
    }

    /// The user domain, field by field, extension and signature apart.
    ///
    /// # Errors
    /// [`DecodeError`] when the account number is not decimal.
    pub fn user(&self) -> Result<UserDomain, DecodeError> {
        UserDomain::decode(&self.bytes[USER_AT..EXTENSION_AT])
    }

    /// The issuer's extension, 0 to 32 bytes; only that issuer may interpret it.
    #[must_use]
    pub fn extension(&self) -> &[u8] {
        &self.bytes[EXTENSION_AT..self.extension_end()]
    }

    /// Mark and signature of the issuer.
    #[must_use]
    pub fn issuer_signature(&self) -> (u8, Signature) {
        let at = self.extension_end();
        (self.bytes[at], self.signature_at(at + 1))
    }

    /// Mark and signature of the user.
    #[must_use]
    pub fn user_signature(&self) -> (u8, Signature) {
        let at = self.ride_at() + 4;
        (self.bytes[at], self.signature_at(at + 1))
    }

    /// Generation time (二维码生成时间).
    #[must_use]
    pub fn generated_at(&self) -> Timestamp {
        let at = self.ride_at();
        let mut raw = [0; 4];
        raw.copy_from_slice(&self.bytes[at..at + 4]);
        Timestamp::new(i64::from(u32::from_be_bytes(raw)))
    }

    /// What the CA signed: certificate format to issuer public key, 47 bytes.
    #[must_use]
    pub fn ca_signed(&self) -> &[u8] {
        &self.bytes[CA_SIGNED]
    }

    /// What the issuer signed: record header to end of extension, 195 + N bytes.
    #[must_use]
    pub fn issuer_signed(&self) -> &[u8] {
        &self.bytes[CERTIFICATE_AT..self.extension_end()]
    }

    /// What the user signed: everything before the mark of the user's signature.
    #[must_use]
    pub fn user_signed(&self) -> &[u8] {
        &self.bytes[..self.ride_at() + 4]
    }

    /// Certificate and user domain with their signatures: what does not change from code to
    /// code, bytes 3..263+N.
    #[must_use]
    pub fn user_certificate_bytes(&self) -> &[u8] {
        &self.bytes[CERTIFICATE_AT..self.ride_at()]
    }

    /// SM3 of all bytes: the identity of this very code.
    #[must_use]
    pub fn digest(&self) -> sm3::Digest {
        sm3::digest(self.as_bytes())
    }

    /// SM3 of the user certificate: what a revocation names.
    #[must_use]
    pub fn user_certificate_digest(&self) -> sm3::Digest {
        sm3::digest(self.user_certificate_bytes())
    }

    const fn extension_end(&self) -> usize {
        EXTENSION_AT + self.extension_len
    }

    const fn ride_at(&self) -> usize {
        self.extension_end() + IssuerSignature::LEN
    }

    fn signature_at(&self, at: usize) -> Signature {
        let mut raw = [0; 64];
        raw.copy_from_slice(&self.bytes[at..at + 64]);
        Signature(raw)
    }
}

/// What the CA signs, in offsets of the code.
const CA_SIGNED: Range<usize> = 9..56;

const _: () = assert!(CODE_LEN_MIN - RideDomain::LEN == EXTENSION_AT + IssuerSignature::LEN);

impl fmt::Debug for RideCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The account inside is personal; length and digest are enough to find a code again.
        let [a, b, c, d, ..] = self.digest();
        write!(
            f,
            "RideCode({} bytes, sm3 {a:02x}{b:02x}{c:02x}{d:02x}…)",
            self.as_bytes().len()
        )
    }
}
