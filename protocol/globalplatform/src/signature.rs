//! Signatures of tokens, receipts and DAP blocks: the scheme follows from the key (GP 2.3.1 §C).
//!
//! RSA of 1024 bits: PKCS#1 v1.5 with SHA-1; longer: PSS with SHA-256. 3DES: retail MAC. AES:
//! CMAC. SM4: CMAC, and SM2: over SM3 with the default identifier, as the domestic profile
//! has it (UNSPECIFIED: its text could not be read).

use alloc::vec::Vec;

use tongtu_crypto::{Entropy, Signature, equal};

use crate::key::KeyMaterial;

/// A signature does not hold, or the key cannot check one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("signature does not verify")]
pub struct SignatureError;

/// The longest RSA key that signs by PKCS#1 v1.5, in bytes.
const SHORT_RSA: usize = 128;

/// Signs `message`; `None` when the key only verifies.
pub fn sign(key: &KeyMaterial, message: &[u8], entropy: &mut dyn Entropy) -> Option<Vec<u8>> {
    Some(match key {
        KeyMaterial::Tdes(key) => key.retail_mac(&[0; 8], message).to_vec(),
        KeyMaterial::Wide(key) => key.cmac(&[message]).to_vec(),
        KeyMaterial::RsaSecret(key) if key.public().len() <= SHORT_RSA => {
            key.sign_pkcs1_sha1(message, entropy)
        }
        KeyMaterial::RsaSecret(key) => key.sign_pss_sha256(message, entropy),
        KeyMaterial::Sm2Secret(key) => key.sign(message).0.to_vec(),
        KeyMaterial::RsaPublic(_) | KeyMaterial::Sm2Public(_) => return None,
    })
}

/// Verifies a signature over `message`.
///
/// # Errors
/// [`SignatureError`] when it does not hold.
pub fn verify(key: &KeyMaterial, message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
    let holds = match key {
        KeyMaterial::Tdes(key) => equal(&key.retail_mac(&[0; 8], message), signature),
        KeyMaterial::Wide(key) => equal(&key.cmac(&[message]), signature),
        KeyMaterial::RsaPublic(key) => rsa(key, message, signature),
        KeyMaterial::RsaSecret(key) => rsa(key.public(), message, signature),
        KeyMaterial::Sm2Public(key) => sm2(key, message, signature),
        KeyMaterial::Sm2Secret(key) => sm2(key.public(), message, signature),
    };
    if holds { Ok(()) } else { Err(SignatureError) }
}

fn rsa(key: &tongtu_crypto::RsaPublicKey, message: &[u8], signature: &[u8]) -> bool {
    if key.len() <= SHORT_RSA {
        key.verify_pkcs1_sha1(message, signature).is_ok()
    } else {
        key.verify_pss_sha256(message, signature).is_ok()
    }
}

fn sm2(key: &tongtu_crypto::PublicKey, message: &[u8], signature: &[u8]) -> bool {
    <[u8; 64]>::try_from(signature)
        .is_ok_and(|signature| key.verify(message, &Signature(signature)).is_ok())
}
