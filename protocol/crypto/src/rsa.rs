//! RSA of cards: PKCS#1 v1.5 with SHA-1 and PSS with SHA-256, and the raw operation.
//!
//! What is here: 1024 to 4096 bits, keys from their parts. The raw operation is for formats
//! that carry their own redundancy (certificates and dynamic data with message recovery,
//! ISO/IEC 9796-2 as payment cards use it). Deliberately absent: encryption, key files.
//!
//! The private operation is blinded by the caller's entropy and its result is checked against
//! the public key before it leaves, so that a fault shows nothing.

use alloc::vec::Vec;
use core::convert::Infallible;
use core::fmt;

use ::rsa::BoxedUint;
use ::rsa::hazmat::{rsa_decrypt_and_check, rsa_encrypt};
use ::rsa::traits::{PrivateKeyParts as _, PublicKeyParts as _};
use ::rsa::{Pkcs1v15Sign, Pss};
use zeroize::Zeroizing;

use crate::{Entropy, sha1, sha2};

/// Shortest modulus that we take, in bits.
pub const MIN_BITS: usize = 1024;
/// Longest modulus that we take, in bits.
pub const MAX_BITS: usize = 4096;
/// Salt of PSS, in bytes.
const SALT: usize = 32;

/// What RSA refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RsaError {
    /// Modulus, exponent or primes do not make a key of 1024 to 4096 bits.
    #[error("these parts are no RSA key of {MIN_BITS} to {MAX_BITS} bits")]
    Key,
    /// The input of the raw operation is not as long as the modulus, or not below it.
    #[error("RSA input of {found} bytes, expected {expected} and a value below the modulus")]
    Input {
        /// Bytes handed in.
        found: usize,
        /// Bytes of the modulus.
        expected: usize,
    },
    /// A signature does not hold.
    #[error("RSA signature does not verify")]
    Signature,
}

/// An RSA verifying key.
#[derive(Clone, PartialEq, Eq)]
pub struct RsaPublicKey(::rsa::PublicKey);

impl RsaPublicKey {
    /// Takes modulus and public exponent, big-endian.
    ///
    /// # Errors
    /// [`RsaError::Key`] for an even modulus, one out of bounds, or an exponent below 3.
    pub fn new(modulus: &[u8], exponent: &[u8]) -> Result<Self, RsaError> {
        if modulus.len() > MAX_BITS / 8 + 1 || exponent.len() > MAX_BITS / 8 {
            return Err(RsaError::Key);
        }
        let n = BoxedUint::from_be_slice_vartime(modulus);
        let e = BoxedUint::from_be_slice_vartime(exponent);
        ::rsa::PublicKey::new_with_size_limits(n, e, MIN_BITS..=MAX_BITS)
            .map(Self)
            .map_err(|_| RsaError::Key)
    }

    /// Bytes of the modulus, and so of a signature.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a modulus is never empty")]
    pub fn len(&self) -> usize {
        self.0.size()
    }

    /// The modulus, big-endian, without leading zeros.
    #[must_use]
    pub fn modulus(&self) -> Vec<u8> {
        self.0.n_bytes().into_vec()
    }

    /// The public exponent, big-endian, without leading zeros.
    #[must_use]
    pub fn exponent(&self) -> Vec<u8> {
        self.0.e_bytes().into_vec()
    }

    /// The public operation: as many bytes in as out, as many as the modulus has.
    ///
    /// # Errors
    /// [`RsaError::Input`] for another length or a value not below the modulus.
    pub fn raw(&self, input: &[u8]) -> Result<Vec<u8>, RsaError> {
        let input = representative(&self.0, input)?;
        let out = rsa_encrypt(&self.0, &input).map_err(|_| RsaError::Signature)?;
        Ok(to_len(&out, self.len()).to_vec())
    }

    /// Verifies a PKCS#1 v1.5 signature over SHA-1 of `message`.
    ///
    /// # Errors
    /// [`RsaError::Signature`] when it does not hold.
    pub fn verify_pkcs1_sha1(&self, message: &[u8], signature: &[u8]) -> Result<(), RsaError> {
        let digest = sha1::digest(message);
        self.0
            .verify(pkcs1_sha1(), &digest, signature)
            .map_err(|_| RsaError::Signature)
    }

    /// Verifies a PSS signature (SHA-256, MGF1-SHA-256, salt 32) of `message`.
    ///
    /// # Errors
    /// [`RsaError::Signature`] when it does not hold.
    pub fn verify_pss_sha256(&self, message: &[u8], signature: &[u8]) -> Result<(), RsaError> {
        let digest = sha2::sha256(message);
        self.0
            .verify(pss_sha256(), &digest, signature)
            .map_err(|_| RsaError::Signature)
    }
}

impl fmt::Debug for RsaPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digest = sha2::sha256(&self.modulus());
        write!(f, "RsaPublicKey({} bits, ", self.0.n().bit_width())?;
        for byte in &digest[..4] {
            write!(f, "{byte:02x}")?;
        }
        f.write_str("…)")
    }
}

/// An RSA signing key. Zeroized on drop, not `Clone`; `Debug` shows the public key only.
pub struct RsaSecretKey {
    key: ::rsa::PrivateKey,
    public: RsaPublicKey,
}

impl RsaSecretKey {
    /// Takes the two primes, each half as long as the modulus, and the public exponent.
    ///
    /// # Errors
    /// [`RsaError::Key`] when they make no key.
    pub fn from_primes(p: &[u8], q: &[u8], exponent: &[u8]) -> Result<Self, RsaError> {
        if p.len() > MAX_BITS / 16 || q.len() > MAX_BITS / 16 {
            return Err(RsaError::Key);
        }
        ::rsa::PrivateKey::from_p_q(
            BoxedUint::from_be_slice_vartime(p),
            BoxedUint::from_be_slice_vartime(q),
            BoxedUint::from_be_slice_vartime(exponent),
        )
        .map_err(|_| RsaError::Key)
        .and_then(Self::wrap)
    }

    /// Makes a key of `bits` bits with exponent 65537 from the caller's randomness.
    ///
    /// # Errors
    /// [`RsaError::Key`] when `bits` is out of bounds.
    pub fn generate(bits: usize, entropy: &mut dyn Entropy) -> Result<Self, RsaError> {
        if !(MIN_BITS..=MAX_BITS).contains(&bits) {
            return Err(RsaError::Key);
        }
        ::rsa::PrivateKey::new(&mut Source(entropy), bits)
            .map_err(|_| RsaError::Key)
            .and_then(Self::wrap)
    }

    fn wrap(key: ::rsa::PrivateKey) -> Result<Self, RsaError> {
        let public = RsaPublicKey(key.to_public_key());
        if (MIN_BITS / 8..=MAX_BITS / 8).contains(&public.len()) {
            Ok(Self { key, public })
        } else {
            Err(RsaError::Key)
        }
    }

    /// The verifying key.
    #[must_use]
    pub const fn public(&self) -> &RsaPublicKey {
        &self.public
    }

    /// The two primes, for storing and wrapping. Handle as the key itself.
    #[must_use]
    pub fn danger_primes(&self) -> [Zeroizing<Vec<u8>>; 2] {
        let half = self.public.len().div_ceil(2);
        let prime = |i: usize| {
            let prime = self.key.primes().get(i).expect("a key has two primes");
            Zeroizing::new(to_len(prime, half).to_vec())
        };
        [prime(0), prime(1)]
    }

    /// The private operation: as many bytes in as out, as many as the modulus has.
    ///
    /// # Errors
    /// [`RsaError::Input`] for another length or a value not below the modulus.
    pub fn raw(&self, input: &[u8], entropy: &mut dyn Entropy) -> Result<Vec<u8>, RsaError> {
        let input = representative(&self.public.0, input)?;
        let out = rsa_decrypt_and_check(&self.key, Some(&mut Source(entropy)), &input)
            .map_err(|_| RsaError::Signature)?;
        Ok(to_len(&out, self.public.len()).to_vec())
    }

    /// Signs SHA-1 of `message` by PKCS#1 v1.5.
    ///
    /// # Panics
    /// Never: every key that we take is long enough for this padding.
    pub fn sign_pkcs1_sha1(&self, message: &[u8], entropy: &mut dyn Entropy) -> Vec<u8> {
        self.key
            .sign_with_rng(&mut Source(entropy), pkcs1_sha1(), &sha1::digest(message))
            .expect("1024 bits hold the padding of SHA-1")
    }

    /// Signs `message` by PSS (SHA-256, MGF1-SHA-256, salt 32).
    ///
    /// # Panics
    /// Never: every key that we take is long enough for this padding.
    pub fn sign_pss_sha256(&self, message: &[u8], entropy: &mut dyn Entropy) -> Vec<u8> {
        self.key
            .sign_with_rng(&mut Source(entropy), pss_sha256(), &sha2::sha256(message))
            .expect("1024 bits hold the padding of SHA-256 with its salt")
    }
}

impl fmt::Debug for RsaSecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RsaSecretKey(of {:?})", self.public)
    }
}

/// PKCS#1 v1.5 with the DER head of a SHA-1 digest (RFC 8017 §9.2, note 1).
fn pkcs1_sha1() -> Pkcs1v15Sign {
    const HEAD: [u8; 15] = [
        0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2B, 0x0E, 0x03, 0x02, 0x1A, 0x05, 0x00, 0x04, 0x14,
    ];
    Pkcs1v15Sign {
        hash_len: Some(20),
        prefix: HEAD.into(),
    }
}

fn pss_sha256() -> Pss<::sha2::Sha256> {
    Pss::new_with_salt(SALT)
}

fn representative(key: &::rsa::PublicKey, input: &[u8]) -> Result<BoxedUint, RsaError> {
    let expected = key.size();
    let refused = RsaError::Input {
        found: input.len(),
        expected,
    };
    if input.len() != expected {
        return Err(refused);
    }
    let value = BoxedUint::from_be_slice(input, key.n_bits_precision()).map_err(|_| refused)?;
    if value < *key.n().as_ref() {
        Ok(value)
    } else {
        Err(refused)
    }
}

/// The last `len` bytes, big-endian; what stands before them is zero.
fn to_len(value: &BoxedUint, len: usize) -> Zeroizing<Vec<u8>> {
    let bytes = Zeroizing::new(value.to_be_bytes().into_vec());
    let mut out = Zeroizing::new(alloc::vec![0; len]);
    let take = bytes.len().min(len);
    out[len - take..].copy_from_slice(&bytes[bytes.len() - take..]);
    out
}

/// Our entropy in the shape that the RSA crate asks for.
struct Source<'a>(&'a mut dyn Entropy);

impl rand_core::TryRng for Source<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut out = [0; 4];
        self.0.fill(&mut out);
        Ok(u32::from_le_bytes(out))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut out = [0; 8];
        self.0.fill(&mut out);
        Ok(u64::from_le_bytes(out))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(out);
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Source<'_> {}
