//! SM2 signatures (GB/T 32918.2) on the recommended curve, identifier `1234567812345678`.
//!
//! `e = SM3(Z || M)`, where Z binds the identifier, the curve and the verifying key. Keys
//! travel compressed (02/03 || X, 33 bytes) in ride codes and as X || Y (64 bytes) in root
//! certificates; signatures are r || s, 64 bytes, leading zeros kept.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use zeroize::{Zeroize as _, Zeroizing};

use crate::curve::by_best;
use crate::curve::claim::Claim;
use crate::curve::field::Fe;
use crate::curve::limbs::Limbs;
use crate::curve::multiple;
use crate::curve::nonce::Nonces;
use crate::curve::order::{Factor, Scalar};
use crate::curve::point::Affine;
#[cfg(all(feature = "std", target_arch = "x86_64"))]
use crate::curve::{field::P, limbs};
use crate::{Entropy, lanes, sm3, trial};

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
    point: Affine,
    z: sm3::Digest,
}

impl PublicKey {
    /// Reads a compressed point, 33 bytes.
    ///
    /// # Errors
    /// [`KeyError`] when the prefix is not 02 or 03, X is not below p, or not on the curve.
    pub fn from_compressed(bytes: &[u8; 33]) -> Result<Self, KeyError> {
        Self::point_of(bytes).map(Self::from_point)
    }

    /// The point that [`from_compressed`](Self::from_compressed) reads.
    pub(crate) fn point_of(bytes: &[u8; 33]) -> Result<Affine, KeyError> {
        if bytes[0] != 2 && bytes[0] != 3 {
            return Err(KeyError::Prefix { found: bytes[0] });
        }
        let (_, x) = bytes.split_last_chunk::<32>().expect("33 bytes");
        Fe::from_bytes(x)
            .and_then(|x| by_best!(k => Affine::decompress(k, x, bytes[0] == 3)))
            .ok_or(KeyError::NotOnCurve)
    }

    /// Reads X || Y, 64 bytes.
    ///
    /// # Errors
    /// [`KeyError::NotOnCurve`] when there is no such point.
    pub fn from_xy(bytes: &[u8; 64]) -> Result<Self, KeyError> {
        let (halves, _) = bytes.as_chunks::<32>();
        let point = Fe::from_bytes(&halves[0])
            .zip(Fe::from_bytes(&halves[1]))
            .and_then(|(x, y)| Affine::new(x, y));
        point.map(Self::from_point).ok_or(KeyError::NotOnCurve)
    }

    fn from_point(point: Affine) -> Self {
        let z = z_of(&xy_of(&point));
        Self { point, z }
    }

    /// The same with a root found elsewhere for the x of these bytes; x is another number where they
    /// hold none below p.
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    pub(crate) fn point_from_root(
        bytes: &[u8; 33],
        x: &Limbs,
        y: Option<Limbs>,
    ) -> Result<Affine, KeyError> {
        if bytes[0] != 2 && bytes[0] != 3 {
            return Err(KeyError::Prefix { found: bytes[0] });
        }
        if limbs::to_bytes(x) != bytes[1..] {
            return Err(KeyError::NotOnCurve);
        }
        let y = y.ok_or(KeyError::NotOnCurve)?;
        let x = Fe::from_limbs(x).ok_or(KeyError::NotOnCurve)?;
        // No root is zero: there is no point of order two.
        let y = match (y[0] & 1 == 1) == (bytes[0] == 3) {
            true => y,
            false => limbs::sub(&P, &y).0,
        };
        let y = Fe::from_limbs(&y).ok_or(KeyError::NotOnCurve)?;
        Ok(Affine { x, y })
    }

    /// The keys of points.
    pub(crate) fn of_points(points: &[Affine]) -> Vec<Self> {
        let zs = z_each(points);
        let keys = points.iter().zip(zs);
        keys.map(|(point, z)| Self { point: *point, z }).collect()
    }

    pub(crate) const fn point(&self) -> &Affine {
        &self.point
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
        match Claim::read(e, &signature.0) {
            Some(claim) if claim.holds(&self.point) => Ok(()),
            _ => Err(SignatureError),
        }
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.point == other.point
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
    d: Scalar,
    /// 1 / (1 + d), which every signature is multiplied with.
    inverse: Factor,
    public: PublicKey,
}

impl SecretKey {
    /// Takes a private key: 32 bytes, big-endian, 1..=n-2.
    ///
    /// # Errors
    /// [`KeyError::SecretRange`] otherwise.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let d = Scalar::from_bytes(bytes).ok_or(KeyError::SecretRange)?;
        let next = d.add(&Scalar::ONE);
        if trial::told(d.is_zero() | next.is_zero()) {
            return Err(KeyError::SecretRange);
        }
        Ok(Self {
            d,
            inverse: next.invert(),
            public: PublicKey::from_point(multiple::of_generator(&d)),
        })
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
        Zeroizing::new(self.d.to_bytes())
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
        let e = Scalar::reduced(&e);
        // A refused nonce is as rare as a guessed key; the next one is drawn.
        Nonces::new(&self.danger_to_bytes(), &e)
            .find_map(|k| self.sign_with(&e, &k))
            .expect("nonces do not end")
    }

    /// Signs each message; the signatures are those of [`sign`](Self::sign), in the same order, and
    /// cost a part of its time where the processor has a kernel for many at once.
    #[must_use]
    pub fn sign_batch(&self, messages: &[&[u8]]) -> Vec<Signature> {
        if messages.len() > 2 {
            return self.sign_in_lanes(messages);
        }
        messages.iter().map(|message| self.sign(message)).collect()
    }

    fn sign_in_lanes(&self, messages: &[&[u8]]) -> Vec<Signature> {
        let z = [&self.public.z[..]];
        let es: Vec<Scalar> = sm3::digest_each_with(&z, messages)
            .iter()
            .map(Scalar::reduced)
            .collect();
        let digests: Vec<sm3::Digest> = es.iter().map(|e| e.to_bytes()).collect();
        let mut nonces = Zeroizing::new(vec![[0; 32]; messages.len()]);
        lanes::nonces_each(&self.danger_to_bytes(), &digests, &mut nonces);
        // One that is out of range is refused by zero, and one goes through the lanes in its place.
        let mut scalars = Zeroizing::new(Vec::with_capacity(messages.len()));
        scalars.extend(
            nonces
                .iter()
                .map(|nonce| Scalar::from_bytes(nonce).unwrap_or_default()),
        );
        let refused: Vec<bool> = scalars.iter().map(|k| trial::told(k.is_zero())).collect();
        for (k, refused) in scalars.iter_mut().zip(&refused) {
            if *refused {
                *k = Scalar::ONE;
            }
        }
        let xs = multiple::of_generator_each(&scalars);
        let signed = es.iter().zip(scalars.iter().zip(xs));
        messages
            .iter()
            .zip(refused)
            .zip(signed)
            .map(|((message, refused), (e, (k, x)))| {
                let signature = self.finish(e, k, &x).filter(|_| !refused);
                // As rare as a guessed key: the first nonce is refused.
                signature.unwrap_or_else(|| self.sign(message))
            })
            .collect()
    }

    /// Signs with a given nonce, for published test vectors only: a nonce used twice gives
    /// the private key away.
    #[must_use]
    pub fn danger_sign_with_nonce(&self, message: &[u8], nonce: &[u8; 32]) -> Option<Signature> {
        let e = sm3::digest_parts(&[&self.public.z, message]);
        let k = Scalar::from_bytes(nonce).filter(|k| !k.is_zero())?;
        self.sign_with(&Scalar::reduced(&e), &Zeroizing::new(k))
    }

    fn sign_with(&self, e: &Scalar, k: &Scalar) -> Option<Signature> {
        self.finish(e, k, &multiple::of_generator(k).x.to_limbs())
    }

    /// The signature by nonce k, of whose multiple of the generator this is the x.
    fn finish(&self, e: &Scalar, k: &Scalar, x: &Limbs) -> Option<Signature> {
        let r = e.add(&Scalar::reduce(x));
        // (k - r·d) / (1 + d) is (k + r) / (1 + d) - r: one multiplication, and d is not used.
        let sum = Zeroizing::new(k.add(&r));
        let s = self.inverse.times(&sum).sub(&r);
        if trial::told(r.is_zero() | sum.is_zero() | s.is_zero()) {
            return None;
        }
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&r.to_bytes());
        bytes[32..].copy_from_slice(&s.to_bytes());
        Some(Signature(bytes))
    }
}

impl Drop for SecretKey {
    fn drop(&mut self) {
        self.d.zeroize();
        self.inverse.zeroize();
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {:?})", self.public)
    }
}

/// Z = SM3(ENTL || id || a || b || Gx || Gy || Px || Py), for the default identifier.
fn z_of(xy: &[u8; 64]) -> sm3::Digest {
    let mut hasher = before_key();
    hasher.update(xy);
    hasher.finish()
}

/// Z of each key.
fn z_each(keys: &[Affine]) -> Vec<sm3::Digest> {
    let (blocks, rest) = BEFORE_KEY.as_chunks::<64>();
    let lasts: Vec<[u8; BEFORE_KEY.len() % 64 + 64]> = keys
        .iter()
        .map(|key| {
            let mut last = [0; BEFORE_KEY.len() % 64 + 64];
            last[..rest.len()].copy_from_slice(rest);
            last[rest.len()..].copy_from_slice(&xy_of(key));
            last
        })
        .collect();
    let lasts: Vec<&[u8]> = lasts.iter().map(|last| &last[..]).collect();
    sm3::digest_each_after(&lanes::Before::of(blocks), &lasts)
}

/// What of Z comes before the key: more than half of its blocks, the same for all keys.
#[cfg(feature = "std")]
fn before_key() -> sm3::Hasher {
    static BEFORE: std::sync::OnceLock<sm3::Hasher> = std::sync::OnceLock::new();
    BEFORE.get_or_init(hash_before_key).clone()
}

#[cfg(not(feature = "std"))]
fn before_key() -> sm3::Hasher {
    hash_before_key()
}

fn hash_before_key() -> sm3::Hasher {
    let mut hasher = sm3::Hasher::new();
    hasher.update(&BEFORE_KEY);
    hasher
}

/// ENTL || id || a || b || Gx || Gy, for the default identifier.
const BEFORE_KEY: [u8; 2 + DEFAULT_ID.len() + 128] = {
    let mut out = [0; 2 + DEFAULT_ID.len() + 128];
    out[1] = 8 * 16;
    let (_, after) = out.split_at_mut(2);
    let (id, curve) = after.split_at_mut(DEFAULT_ID.len());
    id.copy_from_slice(DEFAULT_ID.as_bytes());
    curve.copy_from_slice(&curve_bytes());
    assert!(DEFAULT_ID.len() == 16, "ENTL counts its bits");
    out
};

/// a || b || Gx || Gy of the recommended curve (GB/T 32918.5).
pub(crate) const fn curve_bytes() -> [u8; 128] {
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

fn xy_of(point: &Affine) -> [u8; 64] {
    let mut out = [0; 64];
    out[..32].copy_from_slice(&point.x.to_bytes());
    out[32..].copy_from_slice(&point.y.to_bytes());
    out
}
