//! Fifty thousand signatures made to hold, and as many spoilt ones, through every way there is.
//!
//! For any key, r and s there is one digest (modulo n) over which the signature holds: it follows from
//! the sum's x. So r and s can be anything, numbers at the edges of limbs above all, and the portable
//! sum, RustCrypto's, lanes and tables must all find the same x. `TONGTU_SM2_SWEEP` sets another
//! number of signatures: five million, with as many spoilt, take about half an hour in release.

use sm2::elliptic_curve::ops::Reduce as _;
use sm2::elliptic_curve::point::AffineCoordinates as _;
use sm2::elliptic_curve::{Group as _, PrimeField as _};
use sm2::{NonZeroScalar, ProjectivePoint};

use super::{KeyShelf, Signed, verify_batch};
use crate::curve::field::Portable;
use crate::curve::multiple;
use crate::curve::order::Scalar;
use crate::{PublicKey, SecretKey, Signature, sm3};

/// Numbers from a chain of digests.
pub(crate) struct Numbers(pub(crate) sm3::Digest);

impl Numbers {
    pub(crate) fn next(&mut self) -> sm3::Digest {
        self.0 = sm3::digest(&self.0);
        self.0
    }

    /// 32 bytes of which each run of eight, or of six and a half, is at an edge more often than not.
    pub(crate) fn edged(&mut self) -> [u8; 32] {
        self.edged_in([64, 52])
    }

    /// The same for runs of one or another number of bits.
    pub(crate) fn edged_in<const N: usize>(&mut self, widths: [usize; N]) -> [u8; 32] {
        let choice = self.next();
        let mut out = self.next();
        let width = widths[usize::from(choice[31]) % N];
        for (limb, choice) in choice[..256usize.div_ceil(width)].iter().enumerate() {
            let bits = limb * width..((limb + 1) * width).min(256);
            for bit in bits.clone() {
                let lowest = bit == bits.start;
                let highest = bit + 1 == bits.end;
                let set = match choice % 12 {
                    0 | 1 => false,
                    2 | 3 => true,
                    4 => lowest,
                    5 => !lowest,
                    6 => highest,
                    7 => !highest,
                    _ => continue,
                };
                let byte = &mut out[31 - bit / 8];
                *byte = *byte & !(1 << (bit % 8)) | u8::from(set) << (bit % 8);
            }
        }
        out
    }

    pub(crate) fn key(&mut self) -> SecretKey {
        loop {
            if let Ok(key) = SecretKey::from_bytes(&self.edged()) {
                return key;
            }
        }
    }

    pub(crate) fn scalar(&mut self) -> Scalar {
        loop {
            if let Some(scalar) = Scalar::from_bytes(&self.edged()).filter(|s| !s.is_zero()) {
                return scalar;
            }
        }
    }
}

/// RustCrypto's x of s·G + t·P modulo n, where P is d·G.
fn their_x(s: &Scalar, t: &Scalar, d: &[u8; 32]) -> [u8; 32] {
    let scalar = |bytes: &[u8; 32]| *NonZeroScalar::try_from(&bytes[..]).expect("not zero");
    let key = ProjectivePoint::GENERATOR * scalar(d);
    let sum = ProjectivePoint::GENERATOR * scalar(&s.to_bytes()) + key * scalar(&t.to_bytes());
    assert!(!bool::from(sum.is_identity()));
    sm2::Scalar::reduce(&sum.to_affine().x()).to_repr().into()
}

/// A signature with a digest over which it holds, if the sum is a point.
pub(crate) fn holding(
    numbers: &mut Numbers,
    key: &SecretKey,
    checked: bool,
) -> Option<([u8; 32], Signature)> {
    let (r, s) = (numbers.scalar(), numbers.scalar());
    let t = r.add(&s);
    if t.is_zero() {
        return None;
    }
    let sum = multiple::sum_vartime_by(Portable, &s, &t, key.public().point());
    if sum.is_infinity() {
        return None;
    }
    let x = Scalar::reduce(&sum.to_affine(Portable).x.to_limbs());
    if checked {
        let theirs = their_x(&s, &t, &key.danger_to_bytes());
        assert_eq!(x.to_bytes(), theirs, "r = {r:?}, s = {s:?}");
    }
    let mut signature = Signature([0; 64]);
    signature.0[..32].copy_from_slice(&r.to_bytes());
    signature.0[32..].copy_from_slice(&s.to_bytes());
    Some((r.sub(&x).to_bytes(), signature))
}

#[test]
fn every_way_finds_what_holds_and_what_is_spoilt() {
    let count: usize = std::env::var("TONGTU_SM2_SWEEP")
        .ok()
        .map_or(50_000, |text| text.parse().expect("a number of signatures"));
    let mut numbers = Numbers(sm3::digest(b"sweep"));
    let keys: Vec<SecretKey> = (0..12).map(|_| numbers.key()).collect();
    let mut shelf = KeyShelf::new(6);
    let mut done = 0;
    while done < count {
        let fresh: Vec<SecretKey> = (0..4).map(|_| numbers.key()).collect();
        let mut questions: Vec<(&PublicKey, [u8; 32], Signature, bool)> = Vec::new();
        for number in 0..250usize.min(count - done) {
            let key = keys.iter().chain(&fresh).nth(number % 16).expect("sixteen");
            let Some((e, signature)) = holding(&mut numbers, key, number % 64 == 1) else {
                continue;
            };
            questions.push((key.public(), e, signature, true));
            let (mut e, mut signature) = (e, signature);
            let which = numbers.next();
            let bit = usize::from(which[1]);
            match which[0] % 3 {
                0 => e[bit / 8] ^= 1 << (bit % 8),
                1 => signature.0[bit / 8] ^= 1 << (bit % 8),
                _ => signature.0[32 + bit / 8] ^= 1 << (bit % 8),
            }
            questions.push((key.public(), e, signature, false));
        }
        done += 250;
        let batch: Vec<Signed<'_>> = questions
            .iter()
            .map(|(key, e, signature, _)| Signed::over_digest(key, *e, *signature))
            .collect();
        for verdicts in [verify_batch(&batch), shelf.verify(&batch)] {
            for ((key, e, signature, holds), verdict) in questions.iter().zip(verdicts) {
                assert_eq!(verdict.is_ok(), *holds, "{key:?} {e:02x?} {signature:?}");
            }
        }
    }
    assert!(shelf.tables() > 0 || count < 10_000);
}
