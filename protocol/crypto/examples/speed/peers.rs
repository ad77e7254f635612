//! RustCrypto's arithmetic, asked the same.

use sm2::elliptic_curve::PrimeField as _;
use sm2::elliptic_curve::ops::{LinearCombination as _, Reduce as _};
use sm2::elliptic_curve::point::AffineCoordinates as _;
use sm2::elliptic_curve::{Curve as _, Group as _};
use sm2::{FieldBytes, NonZeroScalar, ProjectivePoint, PublicKey, Scalar, Sm2};

/// Both halves of a key.
pub(crate) struct Key {
    d: NonZeroScalar,
    public: PublicKey,
}

impl Key {
    pub(crate) fn of(d: &[u8; 32]) -> Self {
        let d = NonZeroScalar::try_from(&d[..]).expect("a private key is in range");
        let public = PublicKey::from_secret_scalar(&d);
        Self { d, public }
    }

    /// As this crate verified before it had arithmetic of its own.
    pub(crate) fn verify(&self, e: &[u8; 32], signature: &[u8; 64]) -> bool {
        let (r, s) = signature.split_at(32);
        let (Ok(r), Ok(s)) = (NonZeroScalar::try_from(r), NonZeroScalar::try_from(s)) else {
            return false;
        };
        let sum = ProjectivePoint::lincomb(&[
            (ProjectivePoint::GENERATOR, *s),
            (ProjectivePoint::from(&self.public), *r + *s),
        ]);
        let x = Scalar::reduce(&sum.to_affine().x());
        *r == Scalar::reduce(&FieldBytes::from(*e)) + x
    }

    /// As this crate signed before it had arithmetic of its own.
    pub(crate) fn sign(&self, e: &[u8; 32]) -> (Scalar, Scalar) {
        let e = Scalar::reduce(&FieldBytes::from(*e));
        let mut nonces = rfc6979::KGenerator::<'_, ::sm3::Sm3, sm2::U256>::new(
            &self.d.to_repr(),
            &e.to_repr(),
            &[],
            &Sm2::ORDER,
        );
        let mut k = FieldBytes::default();
        nonces.fill_next_k(&mut k);
        let k: Option<Scalar> = Option::from(Scalar::from_repr(k));
        let k = k.expect("a nonce is in range");
        let r = e + Scalar::reduce(&ProjectivePoint::mul_by_generator(&k).to_affine().x());
        let inverse: Option<Scalar> = Option::from((*self.d + Scalar::ONE).invert());
        (r, inverse.expect("1 + d is not zero") * (k - r * *self.d))
    }
}

/// Whether 33 bytes are a point.
pub(crate) fn decompress(bytes: &[u8; 33]) -> bool {
    PublicKey::from_sec1_bytes(bytes).is_ok()
}

/// SM3 of bytes.
pub(crate) fn digest(bytes: &[u8]) -> [u8; 32] {
    use ::sm3::Digest as _;
    ::sm3::Sm3::digest(bytes).into()
}
