//! A key's bytes, for as long as an operation takes.

use tongtu_crypto::mac::{self, SessionKey};
use tongtu_crypto::{
    Algorithm, BlockKey, Entropy, PublicKey, RsaPublicKey, RsaSecretKey, SecretKey, WideCipher,
    WideKey, diversify, sm3,
};
use tongtu_keyring::Check;
use tongtu_keyring::code::KeyAlgorithm;
use zeroize::{Zeroize as _, Zeroizing};

use crate::custody::{MacScheme, PublicPart, SignScheme, Signed};
use crate::error::CustodyError;
use crate::name::{KeyName, Label};
use crate::rule::Operation;

/// The public exponent of all our RSA keys.
pub(crate) const EXPONENT: [u8; 3] = [1, 0, 1];

/// The bytes of a key, checked to be one. Zeroized on drop; neither `Clone` nor `Debug`.
pub(crate) struct Material {
    label: Label,
    algorithm: KeyAlgorithm,
    /// A block key, an SM2 scalar, or both primes of RSA one after the other.
    bytes: Zeroizing<Vec<u8>>,
}

impl Material {
    /// Takes the bytes of the key of that name.
    pub(crate) fn new(name: &KeyName, bytes: Zeroizing<Vec<u8>>) -> Result<Self, CustodyError> {
        let material = Self {
            label: name.label,
            algorithm: name.slot.algorithm,
            bytes,
        };
        // RSA: two primes, each half as long as the modulus, are as long as the modulus.
        if material.bytes.len() != usize::from(name.bits) / 8 {
            return Err(material.no_key());
        }
        match name.slot.algorithm {
            KeyAlgorithm::Tdes | KeyAlgorithm::Sm4 | KeyAlgorithm::Aes => {}
            KeyAlgorithm::Sm2 => drop(material.sm2()?),
            KeyAlgorithm::Rsa => {
                let modulus = material.rsa()?.public().modulus();
                if modulus.len() != usize::from(name.bits) / 8 {
                    return Err(material.no_key());
                }
            }
        }
        Ok(material)
    }

    /// Makes a key.
    pub(crate) fn generate(
        name: &KeyName,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, CustodyError> {
        let len = usize::from(name.bits) / 8;
        let bytes = match name.slot.algorithm {
            KeyAlgorithm::Tdes | KeyAlgorithm::Sm4 | KeyAlgorithm::Aes => {
                let mut bytes = Zeroizing::new(vec![0; len]);
                entropy.fill(&mut bytes);
                bytes
            }
            KeyAlgorithm::Sm2 => {
                let key = SecretKey::generate(entropy);
                Zeroizing::new(key.danger_to_bytes().to_vec())
            }
            KeyAlgorithm::Rsa => {
                let key =
                    RsaSecretKey::generate(usize::from(name.bits), entropy).map_err(|_| {
                        CustodyError::NotAKey {
                            label: name.label,
                            algorithm: KeyAlgorithm::Rsa,
                        }
                    })?;
                let [p, q] = key.danger_primes();
                let mut bytes = Zeroizing::new(Vec::with_capacity(len));
                bytes.extend_from_slice(&p);
                bytes.extend_from_slice(&q);
                bytes
            }
        };
        Self::new(name, bytes)
    }

    /// Whose bytes they are.
    pub(crate) const fn label(&self) -> Label {
        self.label
    }

    /// The bytes, for sealing and enciphering only.
    pub(crate) fn danger_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The check value, or the digest of the public key as it travels.
    pub(crate) fn check(&self) -> Result<Check, CustodyError> {
        Ok(match self.algorithm {
            KeyAlgorithm::Tdes | KeyAlgorithm::Sm4 => Check::Kcv(self.block(Operation::Mac)?.kcv()),
            KeyAlgorithm::Aes => Check::Kcv(self.wide(Operation::Mac)?.kcv()),
            KeyAlgorithm::Sm2 | KeyAlgorithm::Rsa => fingerprint(&self.public_bytes()?),
        })
    }

    /// The check value of four bytes.
    pub(crate) fn long_check(&self) -> Result<[u8; 4], CustodyError> {
        Ok(self.block(Operation::Wrap)?.long_kcv())
    }

    /// The public half as [`public_part`] reads it; nothing for a symmetric key.
    pub(crate) fn public_bytes(&self) -> Result<Vec<u8>, CustodyError> {
        Ok(match self.algorithm {
            KeyAlgorithm::Tdes | KeyAlgorithm::Sm4 | KeyAlgorithm::Aes => Vec::new(),
            KeyAlgorithm::Sm2 => self.sm2()?.public().to_compressed().to_vec(),
            KeyAlgorithm::Rsa => rsa_public_bytes(self.rsa()?.public()),
        })
    }

    /// The key below, or this one when there are no factors.
    pub(crate) fn below(self, factors: &[[u8; 8]]) -> Result<Self, CustodyError> {
        if factors.is_empty() {
            return Ok(self);
        }
        self.child(factors)
    }

    /// The key below.
    pub(crate) fn child(&self, factors: &[[u8; 8]]) -> Result<Self, CustodyError> {
        let master = self.block(Operation::Derive)?;
        Ok(Self {
            label: self.label,
            algorithm: self.algorithm,
            bytes: Zeroizing::new(diversify::bytes(&master, factors).to_vec()),
        })
    }

    /// The bytes of a key that was derived, as the key of that name.
    pub(crate) fn renamed(self, name: &KeyName) -> Result<Self, CustodyError> {
        Self::new(name, self.bytes)
    }

    pub(crate) fn mac(&self, scheme: MacScheme, message: &[u8]) -> Result<Vec<u8>, CustodyError> {
        let block = || self.block(Operation::Mac);
        Ok(match scheme {
            MacScheme::Session { block: random } => {
                SessionKey::derive(&block()?, &random).mac(message).to_vec()
            }
            MacScheme::Tac => SessionKey::for_tac(&block()?).mac(message).to_vec(),
            MacScheme::SecureMessaging { challenge } => {
                mac::secure_messaging(&block()?, &challenge, message).to_vec()
            }
            MacScheme::Whole { iv } => mac::eight_bytes(&block()?, &iv, message).to_vec(),
            MacScheme::Cryptogram { mut block } => {
                // Two blocks of 3DES or one of SM4: sixteen bytes are whole blocks of either.
                self.blocks(&mut block, true)?;
                let key = BlockKey::new(self.block(Operation::Mac)?.algorithm(), block);
                block.zeroize();
                mac::eight_bytes(&key, &[0; 8], message).to_vec()
            }
            MacScheme::Answer { mut block } => {
                let mut out = [0; 16];
                let short = out
                    .get_mut(..8)
                    .filter(|short| short.len() == message.len());
                short
                    .ok_or(CustodyError::Length {
                        label: self.label,
                        found: message.len(),
                        expected: 8,
                    })?
                    .copy_from_slice(message);
                self.blocks(&mut block, true)?;
                let algorithm = self.block(Operation::Mac)?.algorithm();
                let key = BlockKey::new(algorithm, block);
                block.zeroize();
                let len = match algorithm {
                    Algorithm::Tdes => 8,
                    Algorithm::Sm4 => 16,
                };
                key.encrypt_blocks(&mut out[..len])
                    .expect("one whole block of either kind");
                out[..8].to_vec()
            }
            MacScheme::Cmac => self.wide(Operation::Mac)?.cmac(&[message]).to_vec(),
        })
    }

    pub(crate) fn sign(
        &self,
        scheme: SignScheme,
        message: &[u8],
        entropy: &mut dyn Entropy,
    ) -> Result<Signed, CustodyError> {
        match (scheme, self.algorithm) {
            (SignScheme::Sm2, KeyAlgorithm::Sm2) => Ok(Signed::Sm2(self.sm2()?.sign(message))),
            (SignScheme::RsaPss, KeyAlgorithm::Rsa) => {
                Ok(Signed::Rsa(self.rsa()?.sign_pss_sha256(message, entropy)))
            }
            (SignScheme::RsaRaw, KeyAlgorithm::Rsa) => {
                let key = self.rsa()?;
                let signed = key
                    .raw(message, entropy)
                    .map_err(|_| CustodyError::Length {
                        label: self.label,
                        found: message.len(),
                        expected: key.public().len(),
                    })?;
                Ok(Signed::Rsa(signed))
            }
            _ => Err(self.refuses(Operation::Sign)),
        }
    }

    /// Enciphers another key's bytes under this one, block for block.
    pub(crate) fn encipher(&self, data: &mut [u8]) -> Result<(), CustodyError> {
        self.blocks(data, true)
    }

    /// Deciphers another key's bytes under this one, block for block.
    pub(crate) fn decipher(&self, data: &mut [u8]) -> Result<(), CustodyError> {
        self.blocks(data, false)
    }

    fn blocks(&self, data: &mut [u8], is_encipher: bool) -> Result<(), CustodyError> {
        let found = data.len();
        let done = match self.algorithm {
            KeyAlgorithm::Tdes | KeyAlgorithm::Sm4 => {
                let key = self.block(Operation::Wrap)?;
                if is_encipher {
                    key.encrypt_blocks(data)
                } else {
                    key.decrypt_blocks(data)
                }
            }
            _ => {
                let key = self.wide(Operation::Wrap)?;
                if is_encipher {
                    key.encrypt_blocks(data)
                } else {
                    key.decrypt_blocks(data)
                }
            }
        };
        done.map_err(|error| CustodyError::Length {
            label: self.label,
            found,
            expected: error.block,
        })
    }

    pub(crate) fn block(&self, operation: Operation) -> Result<BlockKey, CustodyError> {
        let algorithm = match self.algorithm {
            KeyAlgorithm::Tdes => Algorithm::Tdes,
            KeyAlgorithm::Sm4 => Algorithm::Sm4,
            _ => return Err(self.refuses(operation)),
        };
        let mut bytes = Zeroizing::new([0; 16]);
        bytes.copy_from_slice(&self.bytes);
        Ok(BlockKey::new(algorithm, *bytes))
    }

    fn wide(&self, operation: Operation) -> Result<WideKey, CustodyError> {
        let cipher = match self.algorithm {
            KeyAlgorithm::Sm4 => Some(WideCipher::Sm4),
            KeyAlgorithm::Aes => WideCipher::aes(self.bytes.len()),
            _ => None,
        };
        let cipher = cipher.ok_or_else(|| self.refuses(operation))?;
        WideKey::new(cipher, &self.bytes).map_err(|_| self.no_key())
    }

    fn sm2(&self) -> Result<SecretKey, CustodyError> {
        let bytes: &[u8; 32] = self
            .bytes
            .as_slice()
            .try_into()
            .map_err(|_| self.no_key())?;
        SecretKey::from_bytes(bytes).map_err(|_| self.no_key())
    }

    fn rsa(&self) -> Result<RsaSecretKey, CustodyError> {
        let (p, q) = self.bytes.split_at(self.bytes.len() / 2);
        RsaSecretKey::from_primes(p, q, &EXPONENT).map_err(|_| self.no_key())
    }

    fn no_key(&self) -> CustodyError {
        CustodyError::NotAKey {
            label: self.label,
            algorithm: self.algorithm,
        }
    }

    fn refuses(&self, operation: Operation) -> CustodyError {
        CustodyError::Algorithm {
            label: self.label,
            algorithm: self.algorithm,
            operation,
        }
    }
}

/// SM3 of a public key as it travels: SM2 compressed, RSA modulus and exponent.
pub(crate) fn fingerprint(public: &[u8]) -> Check {
    Check::Fingerprint(sm3::digest(public))
}

pub(crate) fn rsa_public_bytes(key: &RsaPublicKey) -> Vec<u8> {
    let mut bytes = key.modulus();
    bytes.extend(EXPONENT);
    bytes
}

/// Reads a public half; `None` for a symmetric key, or for what is none.
pub(crate) fn public_part(algorithm: KeyAlgorithm, bytes: &[u8]) -> Option<PublicPart> {
    match algorithm {
        KeyAlgorithm::Sm2 => {
            let key = PublicKey::from_compressed(bytes.try_into().ok()?).ok()?;
            Some(PublicPart::Sm2(key))
        }
        KeyAlgorithm::Rsa => {
            let (modulus, exponent) = bytes.split_last_chunk::<3>()?;
            let key = RsaPublicKey::new(modulus, exponent).ok()?;
            Some(PublicPart::Rsa(key))
        }
        _ => None,
    }
}

/// Key bytes cannot be copied or printed by accident: if one of these traits is ever implemented,
/// the call below has two candidates and does not compile.
mod cannot {
    use super::Material;
    use crate::{Component, TestKey};

    trait NotClone<A> {
        fn holds() {}
    }
    impl<T: ?Sized> NotClone<()> for T {}
    impl<T: Clone> NotClone<u8> for T {}

    trait NotShown<A> {
        fn holds() {}
    }
    impl<T: ?Sized> NotShown<()> for T {}
    impl<T: core::fmt::Debug> NotShown<u8> for T {}
    impl<T: core::fmt::Display> NotShown<u16> for T {}

    const _: fn() = || {
        <Material as NotClone<_>>::holds();
        <Component as NotClone<_>>::holds();
        <TestKey as NotClone<_>>::holds();
        <Material as NotShown<_>>::holds();
    };
}
