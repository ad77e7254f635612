//! OpenSSL verifies an envelope.

use tongtu_crypto::Signer;
use tongtu_foreign::{Scratch, openssl, sm2_key_der, sm2_signature_der, tool};

use crate::{key, sealed};

#[test]
fn openssl_verifies_an_envelope_and_refuses_an_altered_one() {
    if tool("openssl").is_none() {
        return;
    }
    let scratch = Scratch::new("envelope");
    let envelope = sealed(1);
    let bytes = envelope.encode().unwrap();
    let key = scratch.write("key.der", &sm2_key_der(&Signer::public(&key()).to_xy()));
    let signature = scratch.write("signature.der", &sm2_signature_der(&envelope.signature));
    let holds = |head: &[u8]| {
        let head = scratch.write("head", head);
        let words = [
            "pkeyutl",
            "-verify",
            "-rawin",
            "-digest",
            "sm3",
            "-pubin",
            "-keyform",
            "DER",
            "-inkey",
            &key,
            "-in",
            &head,
            "-sigfile",
            &signature,
            "-pkeyopt",
            "distid:1234567812345678",
        ];
        openssl(&words, &[]).is_some()
    };
    assert!(holds(&bytes[..94]));
    let mut altered = bytes;
    altered[93] ^= 1;
    assert!(!holds(&altered[..94]));
}
