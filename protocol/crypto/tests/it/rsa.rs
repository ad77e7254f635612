//! RSA: OpenSSL reads our signatures and we read its; the raw operation is its own inverse.

use tongtu_crypto::{RsaError, RsaPublicKey, RsaSecretKey};
use tongtu_foreign::{Scratch, openssl};

use crate::openssl::openssl_is_here;

/// A generator for tests: splitmix64, the same numbers each time.
fn entropy(mut state: u64) -> impl FnMut(&mut [u8]) {
    move |out: &mut [u8]| {
        for chunk in out.chunks_mut(8) {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            let bytes = (z ^ (z >> 31)).to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }
}

fn key(bits: usize) -> RsaSecretKey {
    RsaSecretKey::generate(bits, &mut entropy(bits as u64)).unwrap()
}

fn der(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match u8::try_from(body.len()) {
        Ok(short @ 0..=0x7F) => out.push(short),
        _ => {
            out.push(0x82);
            out.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
        }
    }
    out.extend(body);
    out
}

fn integer(bytes: &[u8]) -> Vec<u8> {
    let mut body = vec![0; usize::from(bytes[0] >= 0x80)];
    body.extend(bytes);
    der(0x02, &body)
}

/// SubjectPublicKeyInfo of rsaEncryption.
fn spki(key: &RsaPublicKey) -> Vec<u8> {
    let parts = [integer(&key.modulus()), integer(&key.exponent())].concat();
    let mut bits = vec![0];
    bits.extend(der(0x30, &parts));
    let algorithm = [
        0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01, 0x05, 0x00,
    ];
    der(0x30, &[&algorithm[..], &der(0x03, &bits)].concat())
}

const PSS: [&str; 4] = [
    "-pkeyopt",
    "rsa_padding_mode:pss",
    "-pkeyopt",
    "rsa_pss_saltlen:32",
];

#[test]
fn openssl_verifies_our_rsa_signatures_and_refuses_spoilt_ones() {
    if !openssl_is_here() {
        return;
    }
    let scratch = Scratch::new("rsa-verify");
    let message = b"load file data block";
    let file = scratch.write("message", message);
    for (bits, digest, options) in [(1024, "sha1", &[][..]), (2048, "sha256", &PSS[..])] {
        let key = key(bits);
        let mut source = entropy(7);
        let mut signature = match digest {
            "sha1" => key.sign_pkcs1_sha1(message, &mut source),
            _ => key.sign_pss_sha256(message, &mut source),
        };
        let public = scratch.write("key.der", &spki(key.public()));
        let verify = |signature: &[u8]| {
            let signature = scratch.write("signature", signature);
            #[rustfmt::skip]
            let mut args = vec![
                "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", &public, "-rawin",
                "-digest", digest, "-in", &file, "-sigfile", &signature,
            ];
            args.extend(options);
            openssl(&args, &[]).is_some()
        };
        assert_eq!(signature.len(), bits / 8);
        assert!(verify(&signature), "{digest}");
        signature[40] ^= 1;
        assert!(!verify(&signature), "{digest}");
    }
}

#[test]
fn we_verify_openssl_rsa_signatures() {
    if !openssl_is_here() {
        return;
    }
    let scratch = Scratch::new("rsa-sign");
    for (bits, digest, options) in [("1024", "sha1", &[][..]), ("2048", "sha256", &PSS[..])] {
        let key = scratch.path().join("key.pem").display().to_string();
        let size = format!("rsa_keygen_bits:{bits}");
        #[rustfmt::skip]
        openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", &size, "-out", &key], &[]).unwrap();
        let text = openssl(&["rsa", "-in", &key, "-noout", "-modulus"], &[]).unwrap();
        let text = String::from_utf8(text).unwrap();
        let modulus =
            tongtu_codec::hex_decode(text.trim().strip_prefix("Modulus=").unwrap()).unwrap();
        let public = RsaPublicKey::new(&modulus, &[1, 0, 1]).unwrap();
        let message = vec![0x5A; 300];
        let file = scratch.write("message", &message);
        #[rustfmt::skip]
        let mut args = vec!["pkeyutl", "-sign", "-inkey", &key, "-rawin", "-digest", digest, "-in", &file];
        args.extend(options);
        let mut signature = openssl(&args, &[]).unwrap();
        let verify = |message: &[u8], signature: &[u8]| match digest {
            "sha1" => public.verify_pkcs1_sha1(message, signature),
            _ => public.verify_pss_sha256(message, signature),
        };
        verify(&message, &signature).unwrap();
        assert_eq!(verify(&message[1..], &signature), Err(RsaError::Signature));
        assert_eq!(verify(&message, &signature[1..]), Err(RsaError::Signature));
        signature[9] ^= 0x10;
        assert_eq!(verify(&message, &signature), Err(RsaError::Signature));
    }
}

#[test]
fn the_raw_operations_undo_each_other_at_every_length_of_payment_keys() {
    for bits in [1024, 1152, 1408, 1984] {
        let key = key(bits);
        let mut data = vec![0x6A; bits / 8];
        data[bits / 8 - 1] = 0xBC;
        let signed = key.raw(&data, &mut entropy(3)).unwrap();
        assert_eq!(signed.len(), bits / 8);
        assert_eq!(key.public().raw(&signed).unwrap(), data);
        // Blinding changes the way, not the result.
        assert_eq!(key.raw(&data, &mut entropy(4)).unwrap(), signed);
        let refused = RsaError::Input {
            found: bits / 8,
            expected: bits / 8,
        };
        assert_eq!(key.public().raw(&vec![0xFF; bits / 8]), Err(refused));
        assert!(key.public().raw(&data[1..]).is_err());
    }
}

#[test]
fn a_key_is_made_again_from_its_parts() {
    let key = key(1024);
    let [p, q] = key.danger_primes();
    let again = RsaSecretKey::from_primes(&p, &q, &[1, 0, 1]).unwrap();
    assert_eq!(again.public(), key.public());
    let public = RsaPublicKey::new(&key.public().modulus(), &key.public().exponent()).unwrap();
    let signature = again.sign_pkcs1_sha1(b"receipt", &mut entropy(1));
    public.verify_pkcs1_sha1(b"receipt", &signature).unwrap();
    assert!(!format!("{key:?}").contains(&tongtu_codec::hex_encode(&p[..4])));
}

#[test]
fn refuses_parts_that_make_no_key() {
    let modulus = key(1024).public().modulus();
    assert!(RsaPublicKey::new(&modulus, &[3]).is_ok());
    for (n, e) in [
        (&modulus[..64], &[3u8][..]),
        (&modulus, &[]),
        (&modulus, &[1]),
        (&[], &[3]),
        (&[0xFF; 1024], &[3]),
    ] {
        assert_eq!(
            RsaPublicKey::new(n, e),
            Err(RsaError::Key),
            "{} {e:?}",
            n.len()
        );
    }
    let mut even = modulus;
    *even.last_mut().unwrap() &= 0xFE;
    assert_eq!(RsaPublicKey::new(&even, &[3]), Err(RsaError::Key));
    for (p, q) in [(&[0u8; 64], &[0u8; 64]), (&[0xFF; 64], &[0xFE; 64])] {
        assert!(RsaSecretKey::from_primes(p, q, &[3]).is_err());
    }
    assert!(RsaSecretKey::from_primes(&[], &[], &[]).is_err());
    assert!(RsaSecretKey::generate(512, &mut entropy(0)).is_err());
}
