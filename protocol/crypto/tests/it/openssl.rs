//! The same questions put to OpenSSL's command line.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tongtu_codec::hex_encode;
use tongtu_crypto::{
    Algorithm, BlockKey, PublicKey, SecretKey, Signature, TdesKey, WideCipher, WideKey, sm3,
};

#[expect(clippy::print_stdout, reason = "a test that did not run says so")]
/// Whether `openssl` is here; where strictness is asked for, its absence is a failure.
pub(crate) fn openssl_is_here() -> bool {
    let found = Command::new("openssl").arg("version").output().is_ok();
    if !found {
        println!("NOT RUN: openssl is not installed");
        assert!(
            std::env::var_os("TONGTU_STRICT").is_none(),
            "openssl is not installed"
        );
    }
    found
}

pub(crate) fn run(args: &[&str], stdin: &[u8]) -> Option<Vec<u8>> {
    let mut child = Command::new("openssl")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // A tool that read enough may close the pipe early; its exit status decides.
    let _ = child.stdin.take().unwrap().write_all(stdin);
    let output = child.wait_with_output().unwrap();
    output.status.success().then_some(output.stdout)
}

pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tongtu-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// SubjectPublicKeyInfo of an SM2 key: a fixed head, then 04 || X || Y.
fn spki(key: &PublicKey) -> Vec<u8> {
    let mut der = vec![
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08,
        0x2A, 0x81, 0x1C, 0xCF, 0x55, 0x01, 0x82, 0x2D, 0x03, 0x42, 0x00, 0x04,
    ];
    der.extend(key.to_xy());
    der
}

/// r || s as the DER SEQUENCE that OpenSSL reads.
fn der_signature(signature: &Signature) -> Vec<u8> {
    let mut body = Vec::new();
    for half in signature.0.chunks(32) {
        let digits: Vec<u8> = half.iter().copied().skip_while(|b| *b == 0).collect();
        let pad = usize::from(digits[0] >= 0x80);
        body.extend([0x02, u8::try_from(digits.len() + pad).unwrap()]);
        body.extend(std::iter::repeat_n(0, pad));
        body.extend(digits);
    }
    let mut der = vec![0x30, u8::try_from(body.len()).unwrap()];
    der.extend(body);
    der
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
            let key = scratch.write("key.der", &spki(secret.public()));
            let file = scratch.write("message", &message);
            let verify = |signature: &Signature| {
                let sig = scratch.write("signature", &der_signature(signature));
                #[rustfmt::skip]
                let args = [
                    "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", &key, "-rawin",
                    "-digest", "sm3", "-pkeyopt", DISTID, "-in", &file, "-sigfile", &sig,
                ];
                run(&args, &[]).is_some()
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
    run(
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
    let spki = run(&["pkey", "-in", &key, "-pubout", "-outform", "DER"], &[]).unwrap();
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
        let signature = plain_signature(&run(&args, &[]).unwrap());
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
            run(&["dgst", "-sm3", "-binary"], &message).unwrap(),
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
                run(&["enc", n, "-K", &hex_encode(&key), "-nopad"], &plain)
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
        assert_eq!(run(&args, &plain).unwrap(), ours, "{name}");
        for len in [0, 1, 15, 16, 17, 32, 95] {
            let hex_key = format!("hexkey:{hex_key}");
            #[rustfmt::skip]
            let args = ["mac", "-cipher", name, "-macopt", &hex_key, "-binary", "CMAC"];
            let theirs = run(&args, &plain[..len]).unwrap();
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
    assert_eq!(run(&args, &plain).unwrap(), ours);
}
