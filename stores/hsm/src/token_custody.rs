//! A custody on a PKCS#11 token: AES and RSA keys that stay are the token's own, all others are
//! sealed in a file under its wrapping key.
//!
//! A key of the token's own has a record in the file too, without a sealed key: that binds its
//! attributes, which a token would let anybody with the PIN change. Token and record know each
//! other by 16 random bytes (`CKA_ID`).

use std::path::Path;
use std::sync::Arc;

use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::types::Ulong;
use tongtu_apdu::Command;
use tongtu_crypto::{Entropy, RsaPublicKey};
use tongtu_globalplatform::key::KeyBlock;
use tongtu_keyring::Check;
use tongtu_keyring::code::KeyAlgorithm;

use crate::card::{CardPair, CardSession, DomainKeys, Fill, Opening, SealedKeys};
use crate::custody::{
    Component, Custody, KeyPath, MacScheme, PublicPart, SignScheme, Signed, TestKey, Vault,
    VaultState, Wrapped,
};
use crate::error::CustodyError;
use crate::lent::LentKey;
use crate::material::{EXPONENT, fingerprint, rsa_public_bytes};
use crate::name::{Export, KeyInfo, KeyName, Label, Mark};
use crate::protection::Protection;
use crate::rule::{Operation, admit};
use crate::seal::{self, IV_LEN, Sealed};
use crate::sealed::SealedCustody;
use crate::token::{Token, token_error};

/// Keys on a token, and beside it.
#[derive(Debug)]
pub struct TokenCustody {
    token: Arc<Token>,
    sealed: SealedCustody,
}

impl TokenCustody {
    /// Makes an empty custody; the token must have its wrapping key.
    ///
    /// # Errors
    /// [`CustodyError`]: a store is there already, or the token refuses.
    pub fn make(
        path: &Path,
        mark: Mark,
        token: Token,
        entropy: impl Entropy + Send + 'static,
    ) -> Result<Self, CustodyError> {
        let token = Arc::new(token);
        let protection = Protection::Token(Arc::clone(&token));
        let sealed = SealedCustody::make(path, mark, &protection, entropy)?;
        Ok(Self { token, sealed })
    }

    /// Opens a custody.
    ///
    /// # Errors
    /// [`CustodyError`]: no such store, another token's, or damaged somewhere.
    pub fn open(
        path: &Path,
        mark: Mark,
        token: Token,
        entropy: impl Entropy + Send + 'static,
    ) -> Result<Self, CustodyError> {
        let token = Arc::new(token);
        let protection = Protection::Token(Arc::clone(&token));
        let sealed = SealedCustody::open(path, mark, &protection, entropy)?;
        Ok(Self { token, sealed })
    }

    /// The record of a key that the token has itself.
    fn own(&self, label: Label) -> Result<Option<&Sealed>, CustodyError> {
        let record = self.sealed.sealed(label)?;
        Ok(record.sealed.is_empty().then_some(record))
    }

    fn handle(&self, record: &Sealed, class: ObjectClass) -> Result<ObjectHandle, CustodyError> {
        let template = [Attribute::Class(class), Attribute::Id(record.iv.to_vec())];
        self.token.only(&template, "the key of its record")
    }

    /// Makes a key on the token, then its record; without a record nobody could name it.
    fn generate_own(&mut self, name: &KeyName) -> Result<Check, CustodyError> {
        let id = self.sealed.fresh_iv();
        let made = match name.slot.algorithm {
            KeyAlgorithm::Aes => self.generate_aes(name, id),
            _ => self.generate_rsa(name, id),
        };
        let kept = made.and_then(|(check, public)| {
            self.sealed.insert(Sealed {
                info: KeyInfo { name: *name, check },
                iv: id,
                public,
                sealed: Vec::new(),
            })?;
            Ok(check)
        });
        if kept.is_err() {
            // What the token may have made is gone again as far as it can be; the reason counts.
            let _ = self.destroy_objects(id);
        }
        kept
    }

    fn generate_aes(
        &self,
        name: &KeyName,
        id: [u8; IV_LEN],
    ) -> Result<(Check, Vec<u8>), CustodyError> {
        let len = Ulong::new(u64::from(name.bits / 8));
        let mut template = own_template(name, id);
        template.extend([
            Attribute::ValueLen(len),
            // The check value is a block enciphered.
            Attribute::Encrypt(true),
            Attribute::Decrypt(false),
            Attribute::Sign(true),
            Attribute::Verify(true),
        ]);
        let key = self
            .token
            .session()
            .generate_key(&Mechanism::AesKeyGen, &template)
            .map_err(token_error("make an AES key"))?;
        Ok((self.kcv(key)?, Vec::new()))
    }

    fn generate_rsa(
        &self,
        name: &KeyName,
        id: [u8; IV_LEN],
    ) -> Result<(Check, Vec<u8>), CustodyError> {
        let public = [
            Attribute::Token(true),
            Attribute::Private(false),
            Attribute::Label(name.label.as_str().into()),
            Attribute::Id(id.to_vec()),
            Attribute::Verify(true),
            Attribute::ModulusBits(Ulong::new(u64::from(name.bits))),
            Attribute::PublicExponent(EXPONENT.to_vec()),
        ];
        let mut private = own_template(name, id);
        private.push(Attribute::Sign(true));
        let (public, _) = self
            .token
            .session()
            .generate_key_pair(&Mechanism::RsaPkcsKeyPairGen, &public, &private)
            .map_err(token_error("make an RSA key"))?;
        let bytes = self.modulus(public)?;
        Ok((fingerprint(&bytes), bytes))
    }

    /// Three bytes of a block of 01 enciphered, as `tongtu_crypto::WideKey` has it.
    fn kcv(&self, key: ObjectHandle) -> Result<Check, CustodyError> {
        let block = self
            .token
            .session()
            .encrypt(&Mechanism::AesEcb, key, &[1; 16])
            .map_err(token_error("compute a check value"))?;
        match block[..] {
            [a, b, c, ..] => Ok(Check::Kcv([a, b, c])),
            _ => Err(self.token.answer("an enciphered block")),
        }
    }

    fn modulus(&self, public: ObjectHandle) -> Result<Vec<u8>, CustodyError> {
        let found = self
            .token
            .session()
            .get_attributes(
                public,
                &[AttributeType::Modulus, AttributeType::PublicExponent],
            )
            .map_err(token_error("show a public key"))?;
        let (mut modulus, mut exponent) = (None, None);
        for attribute in &found {
            match attribute {
                Attribute::Modulus(bytes) => modulus = Some(bytes),
                Attribute::PublicExponent(bytes) => exponent = Some(bytes),
                _ => {}
            }
        }
        modulus
            .zip(exponent.filter(|bytes| bytes.ends_with(&EXPONENT)))
            .and_then(|(modulus, _)| RsaPublicKey::new(modulus, &EXPONENT).ok())
            .map(|key| rsa_public_bytes(&key))
            .ok_or_else(|| self.token.answer("an RSA key with exponent 65537"))
    }

    fn destroy_objects(&self, id: [u8; IV_LEN]) -> Result<(), CustodyError> {
        for object in self.token.find(&[Attribute::Id(id.to_vec())])? {
            self.token
                .session()
                .destroy_object(object)
                .map_err(token_error("destroy a key"))?;
        }
        Ok(())
    }
}

/// What every key of the token's own is.
fn own_template(name: &KeyName, id: [u8; IV_LEN]) -> Vec<Attribute> {
    vec![
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Label(name.label.as_str().into()),
        Attribute::Id(id.to_vec()),
    ]
}

/// Whether the token makes a key itself: one that stays, and that it can use as we do. A key that
/// wraps others must be where those are opened.
fn is_own(name: &KeyName) -> bool {
    let fits = match name.slot.algorithm {
        KeyAlgorithm::Aes => !Operation::Wrap.is_of(name.slot.purpose),
        KeyAlgorithm::Rsa => true,
        _ => false,
    };
    fits && name.export == Export::Never
}

impl Vault for TokenCustody {
    fn state(&self) -> VaultState {
        self.sealed.state()
    }

    fn keeps_itself(&self, name: &KeyName) -> bool {
        is_own(name)
    }
}

impl Custody for TokenCustody {
    fn list(&self) -> Result<Vec<KeyInfo>, CustodyError> {
        self.sealed.list()
    }

    fn check(&self, label: Label) -> Result<KeyInfo, CustodyError> {
        let Some(record) = self.own(label)? else {
            return self.sealed.check(label);
        };
        let found = match record.info.name.slot.algorithm {
            KeyAlgorithm::Aes => self.kcv(self.handle(record, ObjectClass::SECRET_KEY)?)?,
            _ => {
                self.handle(record, ObjectClass::PRIVATE_KEY)?;
                fingerprint(&self.modulus(self.handle(record, ObjectClass::PUBLIC_KEY)?)?)
            }
        };
        seal::same(label, found, record.info.check)?;
        Ok(record.info)
    }

    fn long_check(&self, label: Label) -> Result<[u8; 4], CustodyError> {
        self.sealed.long_check(label)
    }

    fn public(&self, label: Label) -> Result<PublicPart, CustodyError> {
        self.sealed.public(label)
    }

    fn generate(&mut self, name: &KeyName) -> Result<Check, CustodyError> {
        if !is_own(name) {
            return self.sealed.generate(name);
        }
        self.sealed.admit_new(name)?;
        self.generate_own(name)
    }

    fn import(
        &mut self,
        name: &KeyName,
        components: Vec<Component>,
        expected: Check,
    ) -> Result<(), CustodyError> {
        self.sealed.import(name, components, expected)
    }

    fn import_test(&mut self, name: &KeyName, key: TestKey) -> Result<Check, CustodyError> {
        self.sealed.import_test(name, key)
    }

    fn derive(&mut self, from: KeyPath<'_>, name: &KeyName) -> Result<Check, CustodyError> {
        self.sealed.derive(from, name)
    }

    fn mac(
        &self,
        path: KeyPath<'_>,
        scheme: MacScheme,
        message: &[u8],
    ) -> Result<Vec<u8>, CustodyError> {
        let Some(record) = self.own(path.label)? else {
            return self.sealed.mac(path, scheme, message);
        };
        let name = record.info.name;
        if !path.factors.is_empty() {
            admit(&name, Operation::Derive)?;
        }
        admit(&name, Operation::Mac)?;
        if scheme != MacScheme::Cmac {
            return Err(CustodyError::Algorithm {
                label: path.label,
                algorithm: name.slot.algorithm,
                operation: Operation::Mac,
            });
        }
        self.token
            .must_offer(MechanismType::AES_CMAC, "an AES key's MAC")?;
        let key = self.handle(record, ObjectClass::SECRET_KEY)?;
        self.token
            .session()
            .sign(&Mechanism::AesCMac, key, message)
            .map_err(token_error("make a MAC"))
    }

    fn lend(&self, label: Label) -> Result<LentKey, CustodyError> {
        match self.own(label)? {
            Some(_) => Err(CustodyError::Stays { label }),
            None => self.sealed.lend(label),
        }
    }

    fn sign(
        &mut self,
        label: Label,
        scheme: SignScheme,
        message: &[u8],
    ) -> Result<Signed, CustodyError> {
        let Some(record) = self.own(label)? else {
            return self.sealed.sign(label, scheme, message);
        };
        let name = record.info.name;
        admit(&name, Operation::Sign)?;
        let mechanism = match scheme {
            SignScheme::RsaPss => Mechanism::Sha256RsaPkcsPss(PkcsPssParams {
                hash_alg: MechanismType::SHA256,
                mgf: PkcsMgfType::MGF1_SHA256,
                s_len: Ulong::new(32),
            }),
            SignScheme::RsaRaw => {
                let expected = usize::from(name.bits) / 8;
                if message.len() != expected {
                    return Err(CustodyError::Length {
                        label,
                        found: message.len(),
                        expected,
                    });
                }
                Mechanism::RsaX509
            }
            SignScheme::Sm2 => {
                return Err(CustodyError::Algorithm {
                    label,
                    algorithm: name.slot.algorithm,
                    operation: Operation::Sign,
                });
            }
        };
        self.token
            .must_offer(mechanism.mechanism_type(), "an RSA signature")?;
        let key = self.handle(record, ObjectClass::PRIVATE_KEY)?;
        self.token
            .session()
            .sign(&mechanism, key, message)
            .map(Signed::Rsa)
            .map_err(token_error("sign"))
    }

    fn wrap(&self, path: KeyPath<'_>, by: Label) -> Result<Wrapped, CustodyError> {
        self.sealed.wrap(path, by)
    }

    fn open_channel(
        &self,
        keys: DomainKeys<'_>,
        opening: &Opening<'_>,
    ) -> Result<(CardSession, Command), CustodyError> {
        match self.own(keys.label)? {
            Some(_) => Err(CustodyError::Stays { label: keys.label }),
            None => self.sealed.open_channel(keys, opening),
        }
    }

    fn domain_keys(
        &self,
        keys: DomainKeys<'_>,
        session: &CardSession,
    ) -> Result<[KeyBlock; 3], CustodyError> {
        // What may leave is not the token's own.
        self.sealed.domain_keys(keys, session)
    }

    fn seal_for(
        &self,
        paths: &[KeyPath<'_>],
        fill: Fill,
        session: &CardSession,
    ) -> Result<SealedKeys, CustodyError> {
        self.sealed.seal_for(paths, fill, session)
    }

    fn make_pair(
        &mut self,
        algorithm: KeyAlgorithm,
        session: &CardSession,
    ) -> Result<CardPair, CustodyError> {
        self.sealed.make_pair(algorithm, session)
    }

    fn unwrap(&mut self, name: &KeyName, by: Label, wrapped: &Wrapped) -> Result<(), CustodyError> {
        self.sealed.unwrap(name, by, wrapped)
    }

    fn export(&mut self, label: Label, by: Label) -> Result<Vec<u8>, CustodyError> {
        self.sealed.export(label, by)
    }

    fn take_in(&mut self, container: &[u8], by: Label) -> Result<KeyInfo, CustodyError> {
        self.sealed.take_in(container, by)
    }

    /// The record goes first: a key without a record cannot be used, a record without a key would
    /// be a fault.
    fn destroy(&mut self, label: Label) -> Result<(), CustodyError> {
        let own = self.own(label)?.map(|record| record.iv);
        self.sealed.destroy(label)?;
        own.map_or(Ok(()), |id| self.destroy_objects(id))
    }
}
