//! Whoever signs for us: a key in the process, or one that never leaves its device.

use crate::{PublicKey, SecretKey, Signature};

/// Why a signer gave no signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignerFault {
    /// The device cannot be reached, or does not answer. Asking again may help.
    #[error("the signing device does not answer")]
    Unreachable,
    /// The device answers and does not sign.
    #[error("the signing device refuses to sign")]
    Refused,
    /// What came back is no signature by this key over these bytes.
    #[error("the signing device gave a signature that does not verify")]
    Wrong,
}

/// One SM2 key that signs, wherever it is: narrow enough for a device that shows nothing else.
pub trait Signer {
    /// The verifying key.
    fn public(&self) -> PublicKey;

    /// Signs `message` under the default identifier.
    ///
    /// # Errors
    /// [`SignerFault`] when there is no signature.
    fn sign(&mut self, message: &[u8]) -> Result<Signature, SignerFault>;

    /// Signs and verifies what came back, so that a faulty device is found before its signature
    /// is handed out.
    ///
    /// # Errors
    /// [`SignerFault`]; [`SignerFault::Wrong`] when the signature does not verify.
    fn sign_checked(&mut self, message: &[u8]) -> Result<Signature, SignerFault> {
        let signature = self.sign(message)?;
        match self.public().verify(message, &signature) {
            Ok(()) => Ok(signature),
            Err(_) => Err(SignerFault::Wrong),
        }
    }
}

/// A key in the process: for tests and tools.
impl Signer for SecretKey {
    fn public(&self) -> PublicKey {
        Self::public(self).clone()
    }

    fn sign(&mut self, message: &[u8]) -> Result<Signature, SignerFault> {
        Ok(Self::sign(self, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Faulty(SecretKey);

    impl Signer for Faulty {
        fn public(&self) -> PublicKey {
            self.0.public().clone()
        }

        fn sign(&mut self, message: &[u8]) -> Result<Signature, SignerFault> {
            let mut signature = self.0.sign(message);
            signature.0[5] ^= 1;
            Ok(signature)
        }
    }

    fn key() -> SecretKey {
        SecretKey::from_bytes(&[7; 32]).unwrap()
    }

    #[test]
    fn a_key_in_the_process_signs() {
        let mut key = key();
        let signature = key.sign_checked(b"message").unwrap();
        let public = Signer::public(&key);
        assert_eq!(public.verify(b"message", &signature), Ok(()));
    }

    #[test]
    fn a_wrong_signature_of_a_device_is_not_handed_out() {
        let signed = Faulty(key()).sign_checked(b"message");
        assert_eq!(signed, Err(SignerFault::Wrong));
    }
}
