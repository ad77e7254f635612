//! What is shown of the kernels: each level of them answers like every other, like OpenSSL and like the
//! cases in `tests/vectors`. docs/proofs.md says what that comes to.
//!
//! `TONGTU_TRIALS` is how many random questions each test asks; without it they ask a few thousand.
//! `TONGTU_TRIALS_SEED` is any text, and another text other questions, so that a long run can be made of
//! several.

use sm2::elliptic_curve::Group as _;
use sm2::elliptic_curve::ops::Reduce as _;
use sm2::elliptic_curve::point::AffineCoordinates as _;
use sm2::{FieldBytes, NonZeroScalar, ProjectivePoint, Scalar};

use crate::{Signature, sm3};

mod carries;
mod cases;
mod naming;
mod witness;

/// How many questions: what is asked for, or else so many.
fn questions(count: usize) -> usize {
    asked().unwrap_or(count)
}

/// What `TONGTU_TRIALS` says.
fn asked() -> Option<usize> {
    let text = std::env::var("TONGTU_TRIALS").ok()?;
    Some(text.parse().expect("TONGTU_TRIALS is a number"))
}

/// Whether a signature over a digest holds under X || Y, by RustCrypto's points.
fn rustcrypto_holds(xy: &[u8; 64], e: &sm3::Digest, signature: &Signature) -> bool {
    let sec1 = [&[4], &xy[..]].concat();
    let key = sm2::PublicKey::from_sec1_bytes(&sec1).expect("a key");
    let (r, s) = signature.0.split_at(32);
    let (Ok(r), Ok(s)) = (NonZeroScalar::try_from(r), NonZeroScalar::try_from(s)) else {
        return false;
    };
    let t = *r + *s;
    if bool::from(t.is_zero()) {
        return false;
    }
    let sum = ProjectivePoint::GENERATOR * *s + ProjectivePoint::from(&key) * t;
    let x = Scalar::reduce(&sum.to_affine().x());
    !bool::from(sum.is_identity()) && *r == Scalar::reduce(&FieldBytes::from(*e)) + x
}
