//! Our arithmetic against RustCrypto's, over the same questions.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sm2::elliptic_curve::ops::Reduce as _;
use sm2::elliptic_curve::point::AffineCoordinates as _;
use sm2::elliptic_curve::sec1::ToSec1Point as _;
use sm2::elliptic_curve::{Curve as _, Group as _, PrimeField as _};
use sm2::{FieldBytes, NonZeroScalar, ProjectivePoint, Scalar, Sm2};
use tongtu_codec::hex_decode;
use tongtu_crypto::{PublicKey, SecretKey, Signature, sm3};

pub(crate) use crate::targets::theirs;

fn hex(text: &str) -> [u8; 32] {
    hex_decode(text).unwrap().try_into().unwrap()
}

const N: &str = "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123";
const P: &str = "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF";

/// r || s for a nonce, by RustCrypto's points.
fn their_signature(d: &[u8; 32], e: &sm3::Digest) -> Option<Signature> {
    let d = NonZeroScalar::try_from(&d[..]).ok()?;
    let e = Scalar::reduce(&FieldBytes::from(*e));
    let mut nonces = rfc6979::KGenerator::<'_, ::sm3::Sm3, sm2::U256>::new(
        &d.to_repr(),
        &e.to_repr(),
        &[],
        &Sm2::ORDER,
    );
    let mut k = FieldBytes::default();
    nonces.fill_next_k(&mut k);
    let k: Scalar = Option::from(Scalar::from_repr(k))?;
    let x = ProjectivePoint::mul_by_generator(&k).to_affine().x();
    let r = e + Scalar::reduce(&x);
    let inverse: Option<Scalar> = Option::from((*d + Scalar::ONE).invert());
    let s = inverse? * (k - r * *d);
    let mut out = [0; 64];
    out[..32].copy_from_slice(&r.to_repr());
    out[32..].copy_from_slice(&s.to_repr());
    Some(Signature(out))
}

/// n, or another big number, with this added to its lowest bytes.
fn moved(number: &str, by: i64) -> [u8; 32] {
    let mut out = hex(number);
    let low = u64::from_be_bytes(out[24..].try_into().unwrap());
    out[24..].copy_from_slice(&low.checked_add_signed(by).unwrap().to_be_bytes());
    out
}

/// 32 bytes that are edges of something far more often than chance would have it.
pub(crate) fn any_number() -> impl Strategy<Value = [u8; 32]> {
    let limb = prop_oneof![
        any::<u64>(),
        Just(0),
        Just(1),
        Just(u64::MAX),
        Just(0xFFFF_FFFF_0000_0000),
        Just(0xFFFF_FFFE_FFFF_FFFF),
        Just(1 << 63),
        Just((1 << 52) - 1),
        Just(0xFFF0_0000_0000_0000),
    ];
    let limbs = [limb.clone(), limb.clone(), limb.clone(), limb].prop_map(|limbs| {
        let mut out = [0; 32];
        for (chunk, limb) in out.chunks_mut(8).zip(limbs) {
            chunk.copy_from_slice(&limb.to_be_bytes());
        }
        out
    });
    prop_oneof![
        6 => limbs,
        3 => any::<[u8; 32]>(),
        1 => (-40i64..=40).prop_map(|by| moved(N, by)),
        1 => (-40i64..0).prop_map(|by| moved(P, by)),
        1 => (0u8..60).prop_map(|low| {
            let mut out = [0; 32];
            out[31] = low;
            out
        }),
    ]
}

/// The key of a scalar that may be any edge.
pub(crate) fn any_key() -> impl Strategy<Value = SecretKey> {
    any_number().prop_filter_map("a private key is in range", |d| {
        SecretKey::from_bytes(&d).ok()
    })
}

/// A question with a known answer: a signature that holds over e is made from any r and s by
/// choosing e, because r - e is all that the sum's x decides.
pub(crate) fn fitting_digest(key: &PublicKey, signature: &Signature) -> Option<sm3::Digest> {
    let mut sec1 = [4; 65];
    sec1[1..].copy_from_slice(&key.to_xy());
    let key = sm2::PublicKey::from_sec1_bytes(&sec1).unwrap();
    let (r, s) = signature.0.split_at(32);
    let r = NonZeroScalar::try_from(r).ok()?;
    let s = NonZeroScalar::try_from(s).ok()?;
    let sum = ProjectivePoint::GENERATOR * *s + ProjectivePoint::from(&key) * (*r + *s);
    let e = *r - Scalar::reduce(&sum.to_affine().x());
    (!bool::from(sum.is_identity()) && !bool::from((*r + *s).is_zero())).then(|| e.to_repr().into())
}

#[test]
fn verdicts_agree_for_numbers_at_every_edge() {
    let mut runner = TestRunner::new(Config::with_cases(400));
    let cases = (
        any_key(),
        any_number(),
        any_number(),
        any_number(),
        0usize..512,
    );
    runner
        .run(&cases, |(key, r, s, e, bit)| {
            let key = key.public();
            let mut signature = Signature([0; 64]);
            signature.0[..32].copy_from_slice(&r);
            signature.0[32..].copy_from_slice(&s);
            let ours = key.verify_digest(&e, &signature).is_ok();
            prop_assert_eq!(ours, theirs(&key.to_xy(), &e, &signature));
            if let Some(e) = fitting_digest(key, &signature) {
                prop_assert!(key.verify_digest(&e, &signature).is_ok());
                signature.0[bit / 8] ^= 1 << (bit % 8);
                let ours = key.verify_digest(&e, &signature).is_ok();
                prop_assert_eq!(ours, theirs(&key.to_xy(), &e, &signature));
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn signatures_are_byte_for_byte_those_of_the_other_arithmetic() {
    let mut runner = TestRunner::new(Config::with_cases(200));
    runner
        .run(&(any_key(), any::<[u8; 32]>()), |(key, message)| {
            let e = sm3::digest_parts(&[key.public().z(), &message]);
            let theirs = their_signature(&key.danger_to_bytes(), &e);
            prop_assert_eq!(Some(key.sign(&message)), theirs);
            Ok(())
        })
        .unwrap();
}

#[test]
fn keys_are_those_of_the_other_arithmetic() {
    let mut runner = TestRunner::new(Config::with_cases(300));
    runner
        .run(&any_key(), |key| {
            let d = NonZeroScalar::try_from(&key.danger_to_bytes()[..]).unwrap();
            let theirs = sm2::PublicKey::from_secret_scalar(&d);
            let sec1 = theirs.as_affine().to_sec1_point(false);
            prop_assert_eq!(&key.public().to_xy()[..], &sec1.as_bytes()[1..]);
            Ok(())
        })
        .unwrap();
}

#[test]
fn bytes_are_a_key_for_both_or_for_neither() {
    let mut runner = TestRunner::new(Config::with_cases(600));
    runner
        .run(&(any_number(), 2u8..4), |(x, prefix)| {
            let mut bytes = [prefix; 33];
            bytes[1..].copy_from_slice(&x);
            let ours = PublicKey::from_compressed(&bytes).ok();
            let theirs = sm2::PublicKey::from_sec1_bytes(&bytes).ok();
            let theirs = theirs.map(|key| key.as_affine().to_sec1_point(false).as_bytes().to_vec());
            prop_assert_eq!(
                ours.as_ref().map(|key| key.to_xy().to_vec()),
                theirs.map(|bytes| bytes[1..].to_vec())
            );
            if let Some(key) = ours {
                prop_assert_eq!(key.to_compressed(), bytes);
                prop_assert_eq!(PublicKey::from_xy(&key.to_xy()), Ok(key));
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_nonce_whose_last_addition_is_a_doubling_signs_too() {
    // The one nonce k of a table of five bits for which the sum before the highest digit's part
    // equals that part: 2 · 2^255 - n.
    let key = SecretKey::from_bytes(&[7; 32]).unwrap();
    let k = hex("000000010000000000000000000000008DFC2094DE39FAD4AC440BF6C62ABEDD");
    let signature = key.danger_sign_with_nonce(b"edge", &k).unwrap();
    assert!(key.public().verify(b"edge", &signature).is_ok());
    let d = SecretKey::from_bytes(&k).unwrap();
    assert_eq!(d.public().to_xy()[..4], their_x(&k)[..4]);
}

fn their_x(d: &[u8; 32]) -> [u8; 32] {
    let d = NonZeroScalar::try_from(&d[..]).unwrap();
    let key = sm2::PublicKey::from_secret_scalar(&d);
    key.as_affine().x().into()
}
