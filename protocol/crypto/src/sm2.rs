//! SM2 signatures (GB/T 32918.2) on the recommended curve, identifier `1234567812345678`.
//!
//! `e = SM3(Z || M)`, where Z binds the identifier, the curve and the verifying key. Keys
//! travel compressed (02/03 || X, 33 bytes) in ride codes and as X || Y (64 bytes) in root
//! certificates; signatures are r || s, 64 bytes, leading zeros kept.

use core::fmt;

use ::sm2::elliptic_curve::ops::Reduce as _;
use ::sm2::elliptic_curve::point::AffineCoordinates as _;
use ::sm2::elliptic_curve::sec1::ToSec1Point as _;
use ::sm2::elliptic_curve::{Curve as _, Group as _, PrimeField as _};
use ::sm2::{FieldBytes, NonZeroScalar, ProjectivePoint, Scalar, Sm2};
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize as _, Zeroizing};

use crate::{Entropy, sm3};

/// The identifier that the ride code and the exchange use (16 ASCII bytes).
pub const DEFAULT_ID: &str = "1234567812345678";

/// Why bytes are not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The first byte of a compressed point must be 02 or 03.
    #[error("public key starts with {found:#04x}, expected 02 or 03")]
    Prefix {
        /// What was found.
        found: u8,
    },
    /// The coordinates are not of a point on the curve (or not below p).
    #[error("public key is not a point on the SM2 curve")]
    NotOnCurve,
    /// A private key must lie in 1..n-1 (both ends excluded at the top: 1+d must invert).
    #[error("private key is outside 1..=n-2")]
    SecretRange,
}

/// A signature that does not hold; which of its checks failed is no one's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("SM2 signature does not verify")]
pub struct SignatureError;

/// A signature: r || s, 32 bytes each, big-endian.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature(pub [u8; 64]);

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(")?;
        for byte in self.0 {
            write!(f, "{byte:02x}")?;
        }
        f.write_str(")")
    }
}

/// A verifying key: a point on the curve, with its Z ready.
#[derive(Clone)]
pub struct PublicKey {
    point: ::sm2::PublicKey,
    z: sm3::Digest,
}

impl PublicKey {
    /// Reads a compressed point, 33 bytes.
    ///
    /// # Errors
    /// [`KeyError`] when the prefix is not 02 or 03, X is not below p, or not on the curve.
    pub fn from_compressed(bytes: &[u8; 33]) -> Result<Self, KeyError> {
        if bytes[0] != 2 && bytes[0] != 3 {
            return Err(KeyError::Prefix { found: bytes[0] });
        }
        Self::from_sec1(bytes)
    }

    /// Reads X || Y, 64 bytes.
    ///
    /// # Errors
    /// [`KeyError::NotOnCurve`] when there is no such point.
    pub fn from_xy(bytes: &[u8; 64]) -> Result<Self, KeyError> {
        let mut sec1 = [4; 65];
        sec1[1..].copy_from_slice(bytes);
        Self::from_sec1(&sec1)
    }

    fn from_sec1(bytes: &[u8]) -> Result<Self, KeyError> {
        let point = ::sm2::PublicKey::from_sec1_bytes(bytes).map_err(|_| KeyError::NotOnCurve)?;
        Ok(Self::from_point(point))
    }

    fn from_point(point: ::sm2::PublicKey) -> Self {
        let z = z_of(DEFAULT_ID, &xy_of(&point));
        Self { point, z }
    }

    /// The compressed point.
    #[must_use]
    pub fn to_compressed(&self) -> [u8; 33] {
        let xy = self.to_xy();
        let mut out = [0; 33];
        out[0] = 2 | (xy[63] & 1);
        out[1..].copy_from_slice(&xy[..32]);
        out
    }

    /// X || Y.
    #[must_use]
    pub fn to_xy(&self) -> [u8; 64] {
        xy_of(&self.point)
    }

    /// Z for the default identifier.
    #[must_use]
    pub const fn z(&self) -> &sm3::Digest {
        &self.z
    }

    /// Verifies a signature over `message` under the default identifier.
    ///
    /// # Errors
    /// [`SignatureError`] when it does not hold.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), SignatureError> {
        self.verify_digest(&sm3::digest_parts(&[&self.z, message]), signature)
    }

    /// Verifies a signature over e, the digest of Z and the message.
    ///
    /// # Errors
    /// [`SignatureError`] when it does not hold; r and s are range-checked first.
    pub fn verify_digest(
        &self,
        e: &sm3::Digest,
        signature: &Signature,
    ) -> Result<(), SignatureError> {
        let (r, s) = signature.0.split_at(32);
        let r = NonZeroScalar::try_from(r).map_err(|_| SignatureError)?;
        let s = NonZeroScalar::try_from(s).map_err(|_| SignatureError)?;
        let t = *r + *s;
        if bool::from(t.is_zero()) {
            return Err(SignatureError);
        }
        use ::sm2::elliptic_curve::ops::LinearCombination as _;
        let sum = ProjectivePoint::lincomb(&[
            (ProjectivePoint::GENERATOR, *s),
            (ProjectivePoint::from(&self.point), t),
        ]);
        // The point at infinity has X = 0 in affine form here; R would then equal e, which
        // the range check of r alone does not exclude.
        if bool::from(sum.is_identity()) {
            return Err(SignatureError);
        }
        let expected = scalar_of(e) + Scalar::reduce(&sum.to_affine().x());
        if *r == expected {
            Ok(())
        } else {
            Err(SignatureError)
        }
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.to_xy() == other.to_xy()
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublicKey(")?;
        for byte in self.to_compressed() {
            write!(f, "{byte:02x}")?;
        }
        f.write_str(")")
    }
}

/// A signing key. Zeroized on drop; not `Clone`; `Debug` shows the public key only.
pub struct SecretKey {
    d: NonZeroScalar,
    public: PublicKey,
}

impl SecretKey {
    /// Takes a private key: 32 bytes, big-endian, 1..=n-2.
    ///
    /// # Errors
    /// [`KeyError::SecretRange`] otherwise.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let d = NonZeroScalar::try_from(&bytes[..]).map_err(|_| KeyError::SecretRange)?;
        if bool::from((*d + Scalar::ONE).is_zero()) {
            return Err(KeyError::SecretRange);
        }
        let public = PublicKey::from_point(::sm2::PublicKey::from_secret_scalar(&d));
        Ok(Self { d, public })
    }

    /// Makes a key from fresh randomness.
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        loop {
            entropy.fill(&mut bytes[..]);
            // Fails once in 2^32 draws for this curve, so the loop ends.
            if let Ok(key) = Self::from_bytes(&bytes) {
                return key;
            }
        }
    }

    /// The private key's bytes, for wrapping and storing. Handle as the key itself.
    #[must_use]
    pub fn danger_to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.d.to_repr().into())
    }

    /// The verifying key.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs `message` under the default identifier.
    ///
    /// The nonce is deterministic (RFC 6979 over SM3): no randomness can fail here, and the
    /// same message gives the same signature.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Signature {
        let e = sm3::digest_parts(&[&self.public.z, message]);
        let e_reduced = scalar_of(&e);
        let d_bytes = self.danger_to_bytes();
        let mut nonces = rfc6979::KGenerator::<'_, ::sm3::Sm3, ::sm2::U256>::new(
            &d_bytes[..],
            &e_reduced.to_repr(),
            &[],
            &Sm2::ORDER,
        );
        loop {
            let mut k = FieldBytes::default();
            nonces.fill_next_k(&mut k);
            let signature = self.sign_with(&e_reduced, &k);
            k.zeroize();
            // A refused nonce is as rare as a guessed key; the next one is drawn.
            if let Some(signature) = signature {
                return signature;
            }
        }
    }

    /// Signs with a given nonce, for published test vectors only: a nonce used twice gives
    /// the private key away.
    #[must_use]
    pub fn danger_sign_with_nonce(&self, message: &[u8], nonce: &[u8; 32]) -> Option<Signature> {
        let e = sm3::digest_parts(&[&self.public.z, message]);
        self.sign_with(&scalar_of(&e), &FieldBytes::from(*nonce))
    }

    fn sign_with(&self, e: &Scalar, nonce: &FieldBytes) -> Option<Signature> {
        let mut k: Scalar = Option::from(Scalar::from_repr(*nonce))?;
        let x = ProjectivePoint::mul_by_generator(&k).to_affine().x();
        let r = *e + Scalar::reduce(&x);
        let inverse: Option<Scalar> = Option::from((*self.d + Scalar::ONE).invert());
        let mut inverse = inverse.expect("the range check at construction excludes d = n-1");
        let s = inverse * (k - r * *self.d);
        let refused = r.is_zero() | (r + k).ct_eq(&Scalar::ZERO) | s.is_zero();
        k.zeroize();
        inverse.zeroize();
        if bool::from(refused) {
            return None;
        }
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&r.to_repr());
        bytes[32..].copy_from_slice(&s.to_repr());
        Some(Signature(bytes))
    }
}

impl Drop for SecretKey {
    fn drop(&mut self) {
        self.d.zeroize();
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {:?})", self.public)
    }
}

/// Z = SM3(ENTL || id || a || b || Gx || Gy || Px || Py).
fn z_of(id: &str, xy: &[u8; 64]) -> sm3::Digest {
    const CURVE: [u8; 128] = curve_bytes();
    let bits = u16::try_from(id.len() * 8).expect("an identifier is short");
    sm3::digest_parts(&[&bits.to_be_bytes(), id.as_bytes(), &CURVE, xy])
}

/// a || b || Gx || Gy of the recommended curve (GB/T 32918.5).
const fn curve_bytes() -> [u8; 128] {
    const HEX: &[u8; 256] = b"\
        FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFC\
        28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93\
        32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7\
        BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0";
    let mut out = [0; 128];
    let mut i = 0;
    while i < 256 {
        let c = HEX[i];
        let nibble = if c >= b'A' { c - b'A' + 10 } else { c - b'0' };
        out[i / 2] = (out[i / 2] << 4) | nibble;
        i += 1;
    }
    out
}

fn xy_of(point: &::sm2::PublicKey) -> [u8; 64] {
    let sec1 = point.as_affine().to_sec1_point(false);
    let mut out = [0; 64];
    out.copy_from_slice(&sec1.as_bytes()[1..]);
    out
}

fn scalar_of(e: &sm3::Digest) -> Scalar {
    Scalar::reduce(&FieldBytes::from(*e))
}
