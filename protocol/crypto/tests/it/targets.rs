//! What hostile bytes may do to this crate, as functions of bytes: no panic, and one answer by every way.
//!
//! A fuzzer is given each of them as it is; `hostile` runs them over inputs that are the same in every run.

use sm2::elliptic_curve::Group as _;
use sm2::elliptic_curve::ops::{LinearCombination as _, Reduce as _};
use sm2::elliptic_curve::point::AffineCoordinates as _;
use sm2::{FieldBytes, NonZeroScalar, ProjectivePoint, Scalar};
use tongtu_crypto::batch::{KeyShelf, Signed, read_keys, verify_batch};
use tongtu_crypto::{
    Algorithm, BlockKey, PublicKey, SecretKey, Signature, TacClaim, TacScheme, TacVerdict,
    check_tacs, diversify, mac, sm3,
};

/// A target and what it is called.
pub(crate) type Target = (&'static str, fn(&[u8]));

/// All of them.
pub(crate) const TARGETS: &[Target] = &[
    ("verify", verify),
    ("keys", keys),
    ("secret", secret),
    ("digests", digests),
    ("tacs", tacs),
];

/// So many bytes from a place on; zeros where there are no more.
fn take<const N: usize>(data: &[u8], at: usize) -> [u8; N] {
    core::array::from_fn(|i| data.get(at + i).copied().unwrap_or(0))
}

/// Whether a signature over a digest holds, by RustCrypto's points.
pub(crate) fn theirs(xy: &[u8; 64], e: &sm3::Digest, signature: &Signature) -> bool {
    let mut sec1 = [4; 65];
    sec1[1..].copy_from_slice(xy);
    let key = sm2::PublicKey::from_sec1_bytes(&sec1).unwrap();
    let (r, s) = signature.0.split_at(32);
    let (Ok(r), Ok(s)) = (NonZeroScalar::try_from(r), NonZeroScalar::try_from(s)) else {
        return false;
    };
    let t = *r + *s;
    if bool::from(t.is_zero()) {
        return false;
    }
    let sum = ProjectivePoint::lincomb(&[
        (ProjectivePoint::GENERATOR, *s),
        (ProjectivePoint::from(&key), t),
    ]);
    let x = Scalar::reduce(&sum.to_affine().x());
    !bool::from(sum.is_identity()) && *r == Scalar::reduce(&FieldBytes::from(*e)) + x
}

/// A private number, digests and signatures: one by one, together and on a shelf.
pub(crate) fn verify(data: &[u8]) {
    let Ok(secret) = SecretKey::from_bytes(&take(data, 0)) else {
        return;
    };
    let key = secret.public();
    let own = secret.sign(data);
    let mut claims = vec![(sm3::digest_parts(&[key.z(), data]), own)];
    for rest in data.get(32..).unwrap_or_default().chunks(96).take(20) {
        claims.push((take(rest, 0), Signature(take(rest, 32))));
        claims.push((claims[0].0, Signature(take(rest, 0))));
    }
    let batch: Vec<Signed<'_>> = claims
        .iter()
        .map(|(e, signature)| Signed::over_digest(key, *e, *signature))
        .collect();
    let single: Vec<_> = claims
        .iter()
        .map(|(e, signature)| key.verify_digest(e, signature))
        .collect();
    assert!(single[0].is_ok(), "our own signature holds");
    assert_eq!(verify_batch(&batch), single);
    assert_eq!(KeyShelf::new(1).verify(&batch), single);
    for ((e, signature), single) in claims.iter().zip(&single) {
        assert_eq!(theirs(&key.to_xy(), e, signature), single.is_ok());
    }
}

/// Compressed keys, whole ones, and back.
pub(crate) fn keys(data: &[u8]) {
    let packed: Vec<[u8; 33]> = data.chunks(33).take(40).map(|key| take(key, 0)).collect();
    let single: Vec<_> = packed.iter().map(PublicKey::from_compressed).collect();
    assert_eq!(read_keys(&packed), single);
    for (bytes, key) in packed.iter().zip(&single) {
        let theirs = sm2::PublicKey::from_sec1_bytes(bytes);
        // RustCrypto reads 05 as a form of its own.
        assert!(bytes[0] == 5 || theirs.is_ok() == key.is_ok());
        if let Ok(key) = key {
            assert_eq!(key.to_compressed(), *bytes);
            assert_eq!(PublicKey::from_xy(&key.to_xy()).as_ref(), Ok(key));
        }
    }
    if let Ok(key) = PublicKey::from_xy(&take(data, 0)) {
        assert_eq!(key.to_xy(), take::<64>(data, 0));
    }
}

/// A private number and messages: together as one by one.
pub(crate) fn secret(data: &[u8]) {
    let bytes = take(data, 0);
    let Ok(key) = SecretKey::from_bytes(&bytes) else {
        return;
    };
    assert_eq!(*key.danger_to_bytes(), bytes);
    let messages: Vec<&[u8]> = data.chunks(11).take(20).collect();
    let single: Vec<Signature> = messages.iter().map(|message| key.sign(message)).collect();
    assert_eq!(key.sign_batch(&messages), single);
}

/// Messages cut where the first byte says: digests in lanes as one by one.
pub(crate) fn digests(data: &[u8]) {
    let cut = usize::from(data.first().copied().unwrap_or(0)) + 1;
    let mut messages: Vec<&[u8]> = data.chunks(cut).collect();
    messages.push(data);
    let single: Vec<_> = messages
        .iter()
        .map(|message| sm3::digest(message))
        .collect();
    assert_eq!(sm3::digest_each(&messages), single);
}

/// Proofs: those that single calls make hold, and with a bit changed they do not.
pub(crate) fn tacs(data: &[u8]) {
    for algorithm in [Algorithm::Tdes, Algorithm::Sm4] {
        let master = BlockKey::new(algorithm, take(data, 0));
        let cases: Vec<([[u8; 8]; 1], &[u8])> = data
            .chunks(29)
            .take(70)
            .map(|part| ([take(part, 0)], part))
            .collect();
        let proofs: Vec<[u8; 4]> = cases
            .iter()
            .map(|(factors, message)| {
                let key = diversify::levels(&master, factors);
                mac::SessionKey::for_tac(&key).mac(message)
            })
            .collect();
        for spoilt in [false, true] {
            let proofs: Vec<[u8; 4]> = proofs
                .iter()
                .map(|proof| proof.map(|byte| byte ^ u8::from(spoilt)))
                .collect();
            let claims: Vec<TacClaim<'_>> = cases
                .iter()
                .zip(&proofs)
                .map(|((factors, message), proof)| TacClaim {
                    master: &master,
                    factors,
                    scheme: TacScheme::Tac,
                    message,
                    proof,
                })
                .collect();
            let holds = |verdict: &TacVerdict| (*verdict == TacVerdict::Holds) != spoilt;
            assert!(check_tacs(&claims).iter().all(holds), "{algorithm:?}");
        }
    }
}
