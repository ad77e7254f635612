//! The published chain parses, verifies, and is made again byte for byte.

use tongtu_codec::hex_encode;
use tongtu_crypto::{SecretKey, Signature, sm3};
use tongtu_ride_code::certificate::CertificateError;
use tongtu_ride_code::layout::{Guide, IssuerCertificate, RideDomain, RootCertificate};
use tongtu_ride_code::{
    BlackLists, Policy, RecentCodes, RideCode, Root, RootTable, Scan, UserCertificate, Verdict,
    Verifier, describe,
};
use tongtu_types::{Fen, InstitutionCode, Timestamp};

use crate::fixture::{T0, published, published_array};

fn verifier() -> Verifier {
    let root = Root::verify(&published("root")).unwrap();
    let issuer = InstitutionCode::parse("01341000").unwrap();
    Verifier::new(Policy::default(), RootTable::new([root]), [issuer])
}

fn scan(bytes: &[u8], now: i64) -> Result<(), Verdict> {
    let scan = Scan {
        bytes,
        now: Some(Timestamp::new(now)),
        fare: Fen::new(200),
        enforce_limit: true,
    };
    let (lists, recent) = (BlackLists::default(), RecentCodes::default());
    verifier()
        .verify(&scan, &lists, &recent, &mut |_| {})
        .map(|_| ())
}

#[test]
fn the_national_root_verifies() {
    let bytes = published("national_root");
    let root = Root::verify(&bytes).unwrap();
    assert_eq!(root.certificate().ca_index, 2);
    assert_eq!(root.certificate().expiry.mmyy(), "1240");
    assert_eq!(root.certificate().parameter, 0x11);
    assert_eq!(root.file_name(), "01010000.JG02");
    assert_eq!(root.certificate().encode().unwrap(), bytes);
    for at in [0, 10, 12, 13, 15, 16, 79, 80, 143] {
        let mut spoilt = bytes.clone();
        spoilt[at] ^= 1;
        assert!(Root::verify(&spoilt).is_err(), "byte {at}");
    }
}

#[test]
fn both_published_codes_are_accepted_and_expire() {
    for name in ["code_a", "code_b"] {
        let bytes = published(name);
        assert_eq!(scan(&bytes, 1_767_254_405), Ok(()), "{name}");
        assert_eq!(
            scan(&bytes, 1_767_255_000),
            Ok(()),
            "{name}: the last second"
        );
        assert_eq!(
            scan(&bytes, 1_767_255_001),
            Err(Verdict::CodeExpired),
            "{name}"
        );
    }
    assert_eq!(
        sm3::digest(&published("code_a")),
        published_array("code_a_sm3")
    );
    assert_eq!(
        sm3::digest(&published("code_b")),
        published_array("code_b_sm3")
    );
}

#[test]
fn the_codes_say_what_was_published() {
    let code = RideCode::frame(&published("code_a")).unwrap();
    let user = code.user().unwrap();
    assert_eq!(user.account.reveal(), "3104100000000000017");
    assert_eq!(&user.issuer_data, b"CHN0000000000001");
    assert_eq!(
        (user.account_type, user.limit_fen, user.validity_s),
        (1, 2000, 600)
    );
    assert_eq!(user.expires, 1_767_859_200);
    assert_eq!(code.generated_at(), T0);
    let certificate = code.certificate().unwrap();
    assert_eq!(certificate.issuer.as_str(), "01341000");
    assert_eq!(
        (certificate.expiry.mmyy().as_str(), certificate.serial),
        ("1230", [0, 0, 1])
    );
    assert_eq!(certificate.file_name(), "013410000000011230.IG02");
    assert_eq!(code.certificate_bytes(), published("issuer_certificate"));
    let extension: Vec<u8> = (0x20..0x40).collect();
    assert_eq!(
        RideCode::frame(&published("code_b")).unwrap().extension(),
        extension
    );
}

/// The nonce of a published signature: k = s (1 + d) + r d, all mod n.
///
/// With it the published bytes can be made again, which proves that we sign the same ranges
/// with the same Z, not only that we verify them.
fn nonce(secret: &[u8; 32], signature: &Signature) -> [u8; 32] {
    let (r, s) = signature.0.split_at(32);
    let d = Mod::from_be(secret);
    let k = Mod::from_be(s)
        .times(&d.plus(&Mod::ONE))
        .plus(&Mod::from_be(r).times(&d));
    k.to_be()
}

/// Schoolbook numbers mod n, bit by bit; slow and plain on purpose.
#[derive(Clone, Copy)]
struct Mod([u64; 4]);

impl Mod {
    const ONE: Self = Self([1, 0, 0, 0]);
    const N: [u64; 4] = [
        0x53BB_F409_39D5_4123,
        0x7203_DF6B_21C6_052B,
        0xFFFF_FFFF_FFFF_FFFF,
        0xFFFF_FFFE_FFFF_FFFF,
    ];

    fn from_be(bytes: &[u8]) -> Self {
        let mut limbs = [0; 4];
        for (limb, chunk) in limbs.iter_mut().rev().zip(bytes.chunks(8)) {
            *limb = u64::from_be_bytes(chunk.try_into().unwrap());
        }
        Self(limbs)
    }

    fn to_be(self) -> [u8; 32] {
        let mut out = [0; 32];
        for (chunk, limb) in out.chunks_mut(8).zip(self.0.iter().rev()) {
            chunk.copy_from_slice(&limb.to_be_bytes());
        }
        out
    }

    fn plus(&self, other: &Self) -> Self {
        let (mut sum, mut carry) = ([0u64; 4], 0u128);
        #[expect(
            clippy::needless_range_loop,
            reason = "two numbers and a carry walk together"
        )]
        for i in 0..4 {
            let t = u128::from(self.0[i]) + u128::from(other.0[i]) + carry;
            sum[i] = u64::try_from(t & u128::from(u64::MAX)).unwrap();
            carry = t >> 64;
        }
        let (mut less, mut borrow) = ([0u64; 4], false);
        for i in 0..4 {
            let (a, b1) = sum[i].overflowing_sub(Self::N[i]);
            let (a, b2) = a.overflowing_sub(u64::from(borrow));
            (less[i], borrow) = (a, b1 || b2);
        }
        Self(if carry == 1 || !borrow { less } else { sum })
    }

    fn times(&self, other: &Self) -> Self {
        let mut product = Self([0; 4]);
        for bit in (0..256).rev() {
            product = product.plus(&product);
            if other.0[bit / 64] >> (bit % 64) & 1 == 1 {
                product = product.plus(self);
            }
        }
        product
    }
}

fn rebuild_signature(secret: &str, message: &[u8], published: Signature) -> [u8; 64] {
    let bytes: [u8; 32] = published_array(secret);
    let key = SecretKey::from_bytes(&bytes).unwrap();
    key.danger_sign_with_nonce(message, &nonce(&bytes, &published))
        .unwrap()
        .0
}

#[test]
fn the_chain_is_rebuilt_byte_for_byte() {
    for (name, z) in [
        ("root_secret", "root_z"),
        ("issuer_secret", "issuer_z"),
        ("user_secret", "user_z"),
    ] {
        let key = SecretKey::from_bytes(&published_array(name)).unwrap();
        assert_eq!(key.public().z(), &published_array(z), "{name}");
    }

    let bytes = published("root");
    let mut root = RootCertificate::decode(&bytes).unwrap();
    let old = std::mem::replace(&mut root.signature, [0; 64]);
    let unsigned = root.encode().unwrap();
    root.signature = rebuild_signature("root_secret", &unsigned[..80], Signature(old));
    assert_eq!(root.encode().unwrap(), bytes);

    for name in ["code_a", "code_b"] {
        let bytes = published(name);
        let code = RideCode::frame(&bytes).unwrap();
        let mut certificate = code.certificate().unwrap();
        let old = std::mem::replace(&mut certificate.ca_signature, [0; 64]);
        let unsigned = certificate.encode().unwrap();
        certificate.ca_signature =
            rebuild_signature("root_secret", &unsigned[6..53], Signature(old));
        let mut body = certificate.encode().unwrap();
        body.extend(code.user().unwrap().encode().unwrap());
        body.extend(code.extension());
        let (mark, old) = code.issuer_signature();
        let signature = rebuild_signature("issuer_secret", &body, old);
        body.push(mark);
        body.extend(signature);

        let guide = Guide {
            kind_version: 0x81,
            body_len: u16::try_from(bytes.len() - 3).unwrap(),
        };
        let mut again = guide.encode().unwrap();
        again.extend(body);
        again.extend(code.generated_at().as_u32().unwrap().to_be_bytes());
        let (mark, old) = code.user_signature();
        let signature = rebuild_signature("user_secret", &again, old);
        again.push(mark);
        again.extend(signature);
        assert_eq!(hex_encode(&again), hex_encode(&bytes), "{name}");
    }
}

#[test]
fn our_own_maker_gives_the_published_bytes_but_for_nonces() {
    let issuer = IssuerCertificate::decode(&published("issuer_certificate")).unwrap();
    let issuer_key = SecretKey::from_bytes(&published_array("issuer_secret")).unwrap();
    let user_key = SecretKey::from_bytes(&published_array("user_secret")).unwrap();
    let code = RideCode::frame(&published("code_b")).unwrap();
    let user = code.user().unwrap();
    let terms = tongtu_ride_code::UserTerms {
        issuer_data: user.issuer_data.to_vec(),
        account: user.account,
        card_issuer: user.card_issuer,
        platform: user.platform,
        account_type: user.account_type,
        limit: Fen::new(i64::from(user.limit_fen)),
        user_key: user_key.public().clone(),
        expires: Timestamp::new(i64::from(user.expires)),
        validity_s: user.validity_s,
        extension: code.extension().to_vec(),
    };
    let made = UserCertificate::issue(&issuer, &terms, &issuer_key)
        .unwrap()
        .ride_code(T0, &user_key)
        .unwrap();
    assert_eq!(made.issuer_signed(), code.issuer_signed());
    assert_eq!(made.as_bytes().len(), code.as_bytes().len());
    assert_eq!(made.as_bytes()[295..300], code.as_bytes()[295..300]);
    assert_eq!(scan(made.as_bytes(), T0.get()), Ok(()));
}

#[test]
fn a_national_root_does_not_vouch_for_the_test_chain() {
    let national = Root::verify(&published("national_root")).unwrap();
    let issuer = IssuerCertificate::decode(&published("issuer_certificate")).unwrap();
    assert_eq!(
        issuer.check_signature(&national),
        Err(CertificateError::Signature("CA"))
    );
    let test = Root::verify(&published("root")).unwrap();
    assert_eq!(issuer.check_signature(&test), Ok(()));
}

#[test]
fn describes_every_byte_once() {
    for name in ["code_a", "code_b"] {
        let bytes = published(name);
        let mut at = 0;
        for field in describe(&bytes).iter().flat_map(|s| &s.fields) {
            assert_eq!(field.offset, at, "{} in {name}", field.name);
            assert_eq!(bytes[at..at + field.bytes.len()], field.bytes[..]);
            at += field.bytes.len();
        }
        assert_eq!(at, bytes.len(), "{name}");
    }
    assert_eq!(RideDomain::LEN, 69);
}
