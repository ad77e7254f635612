//! The same questions put to OpenSSL's command line.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tongtu_codec::hex_encode;
use tongtu_crypto::{
    Algorithm, BlockKey, PublicKey, SecretKey, Signature, TdesKey, WideCipher, WideKey, sm3,
};
use tongtu_foreign::{Scratch, openssl, sm2_key_der, sm2_signature_der, tool};

/// Whether `openssl` is here; where strictness is asked for, its absence is a failure.
pub(crate) fn openssl_is_here() -> bool {
    tool("openssl").is_some()
}

/// The 64 bytes r || s out of OpenSSL's DER.
fn plain_signature(der: &[u8]) -> Signature {
    let mut out = [0; 64];
    let mut rest = &der[2..];
    for half in out.chunks_mut(32) {
        let len = usize::from(rest[1]);
        let digits: Vec<u8> = rest[2..2 + len]
            .iter()
            .copied()
            .skip_while(|b| *b == 0)
            .collect();
        half[32 - digits.len()..].copy_from_slice(&digits);
        rest = &rest[2 + len..];
    }
    Signature(out)
}

const DISTID: &str = "distid:1234567812345678";

#[test]
fn openssl_verifies_our_signatures_and_refuses_spoilt_ones() {
    if !openssl_is_here() {
        return;
    }
    let scratch = Scratch::new("verify");
    let mut runner = TestRunner::new(Config::with_cases(24));
    let cases = (
        any::<[u8; 32]>(),
        proptest::collection::vec(any::<u8>(), 1..400),
    );
    runner
        .run(&cases, |(seed, message)| {
            let secret = SecretKey::from_bytes(&sm3::digest(&seed)).unwrap();
            let key = scratch.write("key.der", &sm2_key_der(&secret.public().to_xy()));
            let file = scratch.write("message", &message);
            let verify = |signature: &Signature| {
                let sig = scratch.write("signature", &sm2_signature_der(&signature.0));
                #[rustfmt::skip]
                let args = [
                    "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", &key, "-rawin",
                    "-digest", "sm3", "-pkeyopt", DISTID, "-in", &file, "-sigfile", &sig,
                ];
                openssl(&args, &[]).is_some()
            };
            let mut signature = secret.sign(&message);
            prop_assert!(verify(&signature));
            signature.0[40] ^= 1;
            prop_assert!(!verify(&signature));
            Ok(())
        })
        .unwrap();
}

#[test]
fn we_verify_openssl_signatures() {
    if !openssl_is_here() {
        return;
    }
    let scratch = Scratch::new("sign");
    let key = scratch.path().join("key.pem").display().to_string();
    openssl(
        &[
            "genpkey",
            "-algorithm",
            "EC",
            "-pkeyopt",
            "ec_paramgen_curve:SM2",
            "-out",
            &key,
        ],
        &[],
    )
    .unwrap();
    let spki = openssl(&["pkey", "-in", &key, "-pubout", "-outform", "DER"], &[]).unwrap();
    let xy: [u8; 64] = spki[spki.len() - 64..].try_into().unwrap();
    let public = PublicKey::from_xy(&xy).unwrap();
    for length in [1usize, 47, 195, 267, 299] {
        let message: Vec<u8> = (0..length)
            .map(|i| u8::try_from(i % 251).unwrap())
            .collect();
        let file = scratch.write("message", &message);
        #[rustfmt::skip]
        let args = [
            "pkeyutl", "-sign", "-inkey", &key, "-rawin", "-digest", "sm3", "-pkeyopt", DISTID,
            "-in", &file,
        ];
        let signature = plain_signature(&openssl(&args, &[]).unwrap());
        public.verify(&message, &signature).unwrap();
        assert!(public.verify(b"another", &signature).is_err());
    }
}

#[test]
fn sm3_agrees_with_openssl() {
    if !openssl_is_here() {
        return;
    }
    for length in [0usize, 1, 55, 56, 63, 64, 65, 119, 120, 332, 364, 5000] {
        let message: Vec<u8> = (0..length)
            .map(|i| u8::try_from(i * 7 % 256).unwrap())
            .collect();
        assert_eq!(
            openssl(&["dgst", "-sm3", "-binary"], &message).unwrap(),
            sm3::digest(&message)
        );
    }
}

#[test]
fn sm4_and_3des_agree_with_openssl() {
    if !openssl_is_here() {
        return;
    }
    let key = [
        0x3B, 0x1C, 0x97, 0xE4, 0x52, 0x08, 0xAD, 0x6F, 0xD1, 0x20, 0x7E, 0x45, 0x99, 0x0A, 0xC3,
        0xF8,
    ];
    for (algorithm, name) in [
        (Algorithm::Sm4, "-sm4-ecb"),
        (Algorithm::Tdes, "-des-ede-ecb"),
    ] {
        // Some builds name two-key 3DES in ECB mode without the suffix.
        let names: &[&str] = if algorithm == Algorithm::Tdes {
            &[name, "-des-ede"]
        } else {
            &[name]
        };
        for blocks in [1usize, 2, 9] {
            let plain: Vec<u8> = (0..blocks * algorithm.block_len())
                .map(|i| u8::try_from(i * 13 % 256).unwrap())
                .collect();
            let mut ours = plain.clone();
            BlockKey::new(algorithm, key)
                .encrypt_blocks(&mut ours)
                .unwrap();
            let theirs = names.iter().find_map(|n| {
                openssl(&["enc", n, "-K", &hex_encode(&key), "-nopad"], &plain)
                    .filter(|o| !o.is_empty())
            });
            assert_eq!(theirs.unwrap(), ours, "{name}");
        }
    }
}

#[test]
fn cbc_and_cmac_agree_with_openssl() {
    if !openssl_is_here() {
        return;
    }
    let key: [u8; 32] = sm3::digest(b"key");
    let iv: [u8; 16] = sm3::digest(b"iv")[..16].try_into().unwrap();
    for (cipher, name) in [
        (WideCipher::Aes128, "AES-128-CBC"),
        (WideCipher::Aes192, "AES-192-CBC"),
        (WideCipher::Aes256, "AES-256-CBC"),
        (WideCipher::Sm4, "SM4-CBC"),
    ] {
        let bytes = &key[..cipher.key_len()];
        let wide = WideKey::new(cipher, bytes).unwrap();
        let plain: Vec<u8> = (0..96).collect();
        let mut ours = plain.clone();
        wide.encrypt_cbc(&iv, &mut ours).unwrap();
        let option = format!("-{}", name.to_lowercase());
        let (hex_key, hex_iv) = (hex_encode(bytes), hex_encode(&iv));
        let args = ["enc", &option, "-K", &hex_key, "-iv", &hex_iv, "-nopad"];
        assert_eq!(openssl(&args, &plain).unwrap(), ours, "{name}");
        for len in [0, 1, 15, 16, 17, 32, 95] {
            let hex_key = format!("hexkey:{hex_key}");
            #[rustfmt::skip]
            let args = ["mac", "-cipher", name, "-macopt", &hex_key, "-binary", "CMAC"];
            let theirs = openssl(&args, &plain[..len]).unwrap();
            assert_eq!(theirs, wide.cmac(&[&plain[..len]]), "{name} {len}");
        }
    }
    let tdes = TdesKey::new(key[..16].try_into().unwrap());
    let plain: Vec<u8> = (0..48).collect();
    let mut ours = plain.clone();
    tdes.encrypt_cbc(iv[..8].try_into().unwrap(), &mut ours)
        .unwrap();
    let (hex_key, hex_iv) = (hex_encode(&key[..16]), hex_encode(&iv[..8]));
    let args = [
        "enc",
        "-des-ede-cbc",
        "-K",
        &hex_key,
        "-iv",
        &hex_iv,
        "-nopad",
    ];
    assert_eq!(openssl(&args, &plain).unwrap(), ours);
}

#[test]
fn ctr_and_a_kept_hmac_key_agree_with_openssl() {
    if !openssl_is_here() {
        return;
    }
    let key: [u8; 32] = sm3::digest(b"key");
    let wide = WideKey::new(WideCipher::Sm4, &key[..16]).unwrap();
    let hmac = sm3::HmacKey::new(&key);
    let (hex_key, hex_all) = (hex_encode(&key[..16]), hex_encode(&key));
    // The second counter carries through all of its bytes; short texts go block by block, others in lanes.
    for first in [[7; 16], [0xFF; 16]] {
        for len in [
            0usize, 1, 15, 16, 17, 100, 1023, 1024, 1025, 4096, 4097, 9000,
        ] {
            let plain = vec![0x5A; len];
            let mut ours = plain.clone();
            wide.apply_ctr(&first, &mut ours);
            let hex_first = hex_encode(&first);
            let args = ["enc", "-sm4-ctr", "-K", &hex_key, "-iv", &hex_first];
            assert_eq!(openssl(&args, &plain).unwrap(), ours, "{len}");
            wide.apply_ctr(&first, &mut ours);
            assert_eq!(ours, plain, "{len}");
            let option = format!("hexkey:{hex_all}");
            #[rustfmt::skip]
            let args = ["mac", "-digest", "SM3", "-macopt", &option, "-binary", "HMAC"];
            let theirs = openssl(&args, &plain).unwrap();
            let (one, other) = plain.split_at(len / 3);
            assert_eq!(theirs, hmac.mac(&[one, other]), "{len}");
        }
    }
}

#[test]
fn ctr_and_hmac_of_many_texts_agree_with_openssl() {
    if !openssl_is_here() {
        return;
    }
    let key: [u8; 32] = sm3::digest(b"key");
    let wide = WideKey::new(WideCipher::Sm4, &key[..16]).unwrap();
    let (hex_key, hex_all) = (hex_encode(&key[..16]), hex_encode(&key));
    let lens = [0usize, 1, 15, 16, 17, 55, 56, 64, 119, 120, 360, 361, 1024];
    let plain: Vec<Vec<u8>> = lens.map(|len| vec![0xC3; len]).into();
    // Each counter differs, and the first ones carry from the last byte on.
    let first = |at: usize| (u128::MAX - at as u128).to_be_bytes();
    let mut ours = plain.clone();
    let mut texts: Vec<_> = ours
        .iter_mut()
        .enumerate()
        .map(|(at, text)| (first(at), &mut text[..]))
        .collect();
    wide.apply_ctr_each(&mut texts);
    let messages: Vec<&[u8]> = plain.iter().map(Vec::as_slice).collect();
    let macs = sm3::HmacKey::new(&key).mac_each(&messages);
    for (at, ((plain, ours), mac)) in plain.iter().zip(&ours).zip(macs).enumerate() {
        let hex_first = hex_encode(&first(at));
        let args = ["enc", "-sm4-ctr", "-K", &hex_key, "-iv", &hex_first];
        assert_eq!(&openssl(&args, plain).unwrap(), ours, "{at}");
        let option = format!("hexkey:{hex_all}");
        #[rustfmt::skip]
        let args = ["mac", "-digest", "SM3", "-macopt", &option, "-binary", "HMAC"];
        assert_eq!(openssl(&args, plain).unwrap(), mac, "{at}");
    }
}
