//! The narrow trait, and what is handed in and out of it.

use std::fmt;

use tongtu_apdu::Command;
use tongtu_crypto::{Entropy, PublicKey, RsaPublicKey, Signature, Signer, SignerFault, sm3};
use tongtu_globalplatform::key::KeyBlock;
use tongtu_keyring::Check;
use tongtu_keyring::code::KeyAlgorithm;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::card::{CardPair, CardSession, DomainKeys, Fill, Opening, SealedKeys};
use crate::error::CustodyError;
use crate::lent::LentKey;
use crate::name::{KeyInfo, KeyName, Label};

/// A key in custody, or one below it: factors of 8 bytes, the outermost first (issuer, then card).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyPath<'a> {
    /// The key in custody.
    pub label: Label,
    /// From there down; none means the key itself.
    pub factors: &'a [[u8; 8]],
}

impl KeyPath<'static> {
    /// The key itself.
    #[must_use]
    pub const fn of(label: Label) -> Self {
        Self {
            label,
            factors: &[],
        }
    }
}

/// How a MAC is made; the forms are those of `tongtu_crypto::mac`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MacScheme {
    /// Four bytes under a session key derived from this block: MAC1, MAC2.
    Session {
        /// Random and counters.
        block: [u8; 8],
    },
    /// Four bytes under the key itself: the TAC.
    Tac,
    /// Four bytes, the challenge being the IV: secure messaging.
    SecureMessaging {
        /// The card's challenge.
        challenge: [u8; 4],
    },
    /// Eight bytes from this IV: application cryptograms and scripts.
    Whole {
        /// First state of the chain.
        iv: [u8; 8],
    },
    /// Eight bytes from a zero IV under this block enciphered: application cryptograms, whose
    /// session key comes of the card's counter.
    Cryptogram {
        /// The counter and its complement.
        block: [u8; 16],
    },
    /// Eight bytes, one block under the same session key: the issuer's answer to a cryptogram
    /// (ARPC). The message has eight bytes.
    Answer {
        /// The counter and its complement.
        block: [u8; 16],
    },
    /// CMAC, sixteen bytes; AES and SM4 only.
    Cmac,
}

/// How a signature is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignScheme {
    /// SM2 under the default identifier.
    Sm2,
    /// RSA, PSS with SHA-256 and a salt of 32 bytes.
    RsaPss,
    /// RSA over as many bytes as the modulus has: certificates with message recovery.
    RsaRaw,
}

/// A signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signed {
    /// r || s.
    Sm2(Signature),
    /// As many bytes as the modulus has.
    Rsa(Vec<u8>),
}

/// The public half of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicPart {
    /// A point.
    Sm2(PublicKey),
    /// Modulus and exponent.
    Rsa(RsaPublicKey),
}

/// A key enciphered under another, block for block, as cards and devices take it. Nothing protects
/// it against change; between custodies a container does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapped {
    /// The enciphered key.
    pub bytes: Vec<u8>,
    /// The key's check value.
    pub check: Check,
}

/// One custodian's part of a key (密钥分量): the key is the XOR of all. Zeroized on drop;
/// `Debug` shows its length only, and there is no way to copy it.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Component {
    pub(crate) bytes: Vec<u8>,
    #[zeroize(skip)]
    pub(crate) kcv: [u8; 3],
}

impl Component {
    /// A custodian's bytes with the check value on the same letter.
    #[must_use]
    pub fn new(bytes: Vec<u8>, kcv: [u8; 3]) -> Self {
        Self { bytes, kcv }
    }
}

/// A key whose value somebody wrote down: for tests only, and so marked for its whole life.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct TestKey {
    pub(crate) bytes: Vec<u8>,
}

impl TestKey {
    /// Bytes of a block key, a secret SM2 scalar, or both primes of RSA one after the other.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }
}

macro_rules! says_nothing {
    ($($name:ident),*) => {
        $(impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({} bytes)", stringify!($name), self.bytes.len())
            }
        })*
    };
}
says_nothing!(Component, TestKey);

/// Keys that are used where they are kept.
///
/// Every call that changes something is durable when it returns. A call that fails changes nothing,
/// except that a token may keep a half of a pair when it is cut off; nobody can name that half.
pub trait Custody {
    /// Every key, by label.
    ///
    /// # Errors
    /// [`CustodyError`] when the device does not answer.
    fn list(&self) -> Result<Vec<KeyInfo>, CustodyError>;

    /// One key; its check value is computed anew from the key itself, where there is one.
    ///
    /// # Errors
    /// [`CustodyError::Unknown`].
    fn check(&self, label: Label) -> Result<KeyInfo, CustodyError>;

    /// The check value of four bytes by which POS terminals tell their keys; for those keys only,
    /// because every byte of it says something of a key.
    ///
    /// # Errors
    /// [`CustodyError::Unknown`]; [`CustodyError::Stays`] for a key of another purpose.
    fn long_check(&self, label: Label) -> Result<[u8; 4], CustodyError>;

    /// The public half of a key that has one.
    ///
    /// # Errors
    /// [`CustodyError::Unknown`], [`CustodyError::Algorithm`].
    fn public(&self, label: Label) -> Result<PublicPart, CustodyError>;

    /// Makes a key of fresh randomness.
    ///
    /// # Errors
    /// [`CustodyError`] when there cannot be such a key here, or there is one.
    fn generate(&mut self, name: &KeyName) -> Result<Check, CustodyError>;

    /// Takes a key in from its custodians' components.
    ///
    /// # Errors
    /// [`CustodyError`] naming the component or the check value that differs.
    fn import(
        &mut self,
        name: &KeyName,
        components: Vec<Component>,
        expected: Check,
    ) -> Result<(), CustodyError>;

    /// Takes a test key in.
    ///
    /// # Errors
    /// [`CustodyError::Mark`] for a name that is not a test key's, or a production store.
    fn import_test(&mut self, name: &KeyName, key: TestKey) -> Result<Check, CustodyError>;

    /// Derives a key and keeps it here under a name of its own: an issuer's key from the nation's.
    ///
    /// # Errors
    /// [`CustodyError`] when the upper key does not derive, or the new one does not fit under it.
    fn derive(&mut self, from: KeyPath<'_>, name: &KeyName) -> Result<Check, CustodyError>;

    /// Makes a MAC.
    ///
    /// # Errors
    /// [`CustodyError`] when the key does not make such MACs.
    fn mac(
        &self,
        path: KeyPath<'_>,
        scheme: MacScheme,
        message: &[u8],
    ) -> Result<Vec<u8>, CustodyError>;

    /// Opens a key for many MACs: nights with millions of proofs cannot open it for each.
    ///
    /// # Errors
    /// [`CustodyError`] when the key makes no MACs; [`CustodyError::Stays`] where the device makes
    /// them itself.
    fn lend(&self, label: Label) -> Result<LentKey, CustodyError> {
        Err(CustodyError::Stays { label })
    }

    /// Verifies a MAC, in a time that tells nothing of it.
    ///
    /// # Errors
    /// [`CustodyError::Mac`] when it does not hold.
    fn verify_mac(
        &self,
        path: KeyPath<'_>,
        scheme: MacScheme,
        message: &[u8],
        mac: &[u8],
    ) -> Result<(), CustodyError> {
        let expected = Zeroizing::new(self.mac(path, scheme, message)?);
        if tongtu_crypto::equal(&expected, mac) {
            Ok(())
        } else {
            Err(CustodyError::Mac { label: path.label })
        }
    }

    /// Signs.
    ///
    /// # Errors
    /// [`CustodyError`] when the key does not sign so.
    fn sign(
        &mut self,
        label: Label,
        scheme: SignScheme,
        message: &[u8],
    ) -> Result<Signed, CustodyError>;

    /// Verifies a signature of a key in custody.
    ///
    /// # Errors
    /// [`CustodyError::Signature`] when it does not hold.
    fn verify(
        &self,
        label: Label,
        scheme: SignScheme,
        message: &[u8],
        signed: &Signed,
    ) -> Result<(), CustodyError> {
        let holds = match (self.public(label)?, scheme, signed) {
            (PublicPart::Sm2(key), SignScheme::Sm2, Signed::Sm2(signature)) => {
                key.verify(message, signature).is_ok()
            }
            (PublicPart::Rsa(key), SignScheme::RsaPss, Signed::Rsa(signature)) => {
                key.verify_pss_sha256(message, signature).is_ok()
            }
            (PublicPart::Rsa(key), SignScheme::RsaRaw, Signed::Rsa(signature)) => {
                key.raw(signature).is_ok_and(|bytes| bytes == message)
            }
            _ => false,
        };
        if holds {
            Ok(())
        } else {
            Err(CustodyError::Signature { label })
        }
    }

    /// Enciphers a key, or one below it, under another.
    ///
    /// # Errors
    /// [`CustodyError::Stays`] when it may not leave so.
    fn wrap(&self, path: KeyPath<'_>, by: Label) -> Result<Wrapped, CustodyError>;

    /// Opens a channel to a card with the keys of its domain; and EXTERNAL AUTHENTICATE, which the
    /// card must answer with `9000`.
    ///
    /// # Errors
    /// [`CustodyError::Channel`] when the card has other keys; [`CustodyError::Stays`] where the
    /// device cannot open one.
    fn open_channel(
        &self,
        keys: DomainKeys<'_>,
        _opening: &Opening<'_>,
    ) -> Result<(CardSession, Command), CustodyError> {
        Err(CustodyError::Stays { label: keys.label })
    }

    /// The keys of a card's domain as PUT KEY carries them through a channel.
    ///
    /// # Errors
    /// [`CustodyError::Stays`] when they may not leave.
    fn domain_keys(
        &self,
        keys: DomainKeys<'_>,
        _session: &CardSession,
    ) -> Result<[KeyBlock; 3], CustodyError> {
        Err(CustodyError::Stays { label: keys.label })
    }

    /// Enciphers keys, or keys below them, as one value for the card at the other end of a channel.
    ///
    /// # Errors
    /// [`CustodyError::Stays`] when one of them may not leave so.
    fn seal_for(
        &self,
        _paths: &[KeyPath<'_>],
        _fill: Fill,
        session: &CardSession,
    ) -> Result<SealedKeys, CustodyError> {
        Err(CustodyError::Stays {
            label: session.label(),
        })
    }

    /// Makes a key of RSA or SM2 for the card at the other end of a channel, and keeps no copy.
    ///
    /// # Errors
    /// [`CustodyError::NotAKey`] for another algorithm.
    fn make_pair(
        &mut self,
        _algorithm: KeyAlgorithm,
        session: &CardSession,
    ) -> Result<CardPair, CustodyError> {
        Err(CustodyError::Stays {
            label: session.label(),
        })
    }

    /// Takes in a key enciphered under another.
    ///
    /// # Errors
    /// [`CustodyError::Check`] when another key comes out.
    fn unwrap(&mut self, name: &KeyName, by: Label, wrapped: &Wrapped) -> Result<(), CustodyError>;

    /// Puts a key with its attributes into a container under a transport key.
    ///
    /// # Errors
    /// [`CustodyError::Stays`] when it may not leave.
    fn export(&mut self, label: Label, by: Label) -> Result<Vec<u8>, CustodyError>;

    /// Takes a key in from a container, with the label and attributes that it says.
    ///
    /// # Errors
    /// [`CustodyError::Container`] when it is another's, or not as it was written.
    fn take_in(&mut self, container: &[u8], by: Label) -> Result<KeyInfo, CustodyError>;

    /// Destroys a key. Copies of the store made before are not reached.
    ///
    /// # Errors
    /// [`CustodyError::Unknown`].
    fn destroy(&mut self, label: Label) -> Result<(), CustodyError>;
}

/// Which file a custody has: two with the same state are byte for byte the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VaultState {
    /// How often the file was written.
    pub generation: u64,
    /// SM3 of the file.
    pub digest: sm3::Digest,
}

impl VaultState {
    /// The state of a store's file; nothing but its head's form is checked.
    ///
    /// # Errors
    /// [`CustodyError`] when there is no such file, or it is no store.
    pub fn of(path: &std::path::Path) -> Result<(Self, crate::Mark), CustodyError> {
        let bytes = crate::file::read(path)?;
        let head = crate::file::head(path, &bytes)?;
        let state = Self {
            generation: head.generation,
            digest: sm3::digest(&bytes),
        };
        Ok((state, head.mark))
    }
}

/// A custody whose keys, or the list of them, are in one file: whoever writes its state down finds
/// out when an older file is put in the place of a newer one.
pub trait Vault: Custody {
    /// The file's state now.
    fn state(&self) -> VaultState;

    /// Whether a device keeps such a key itself when it makes one: then no file has it, sealed or not.
    fn keeps_itself(&self, _name: &KeyName) -> bool {
        false
    }
}

/// An SM2 key in custody as a [`Signer`].
pub struct CustodySigner<'a, C: ?Sized> {
    custody: &'a mut C,
    label: Label,
    public: PublicKey,
}

impl<'a, C: Custody + ?Sized> CustodySigner<'a, C> {
    /// Takes the key by its label.
    ///
    /// # Errors
    /// [`CustodyError`] when there is none, or it is no SM2 key that signs.
    pub fn new(custody: &'a mut C, label: Label) -> Result<Self, CustodyError> {
        let info = custody.check(label)?;
        crate::rule::admit(&info.name, crate::Operation::Sign)?;
        match custody.public(label)? {
            PublicPart::Sm2(public) => Ok(Self {
                custody,
                label,
                public,
            }),
            PublicPart::Rsa(_) => Err(CustodyError::Algorithm {
                label,
                algorithm: info.name.slot.algorithm,
                operation: crate::Operation::Sign,
            }),
        }
    }
}

impl<C: Custody + ?Sized> Signer for CustodySigner<'_, C> {
    fn public(&self) -> PublicKey {
        self.public.clone()
    }

    fn sign(&mut self, message: &[u8]) -> Result<Signature, SignerFault> {
        match self.custody.sign(self.label, SignScheme::Sm2, message) {
            Ok(Signed::Sm2(signature)) => Ok(signature),
            Ok(Signed::Rsa(_)) => Err(SignerFault::Wrong),
            #[cfg(feature = "pkcs11")]
            Err(CustodyError::Token { .. }) => Err(SignerFault::Unreachable),
            Err(_) => Err(SignerFault::Refused),
        }
    }
}

impl<C: ?Sized> fmt::Debug for CustodySigner<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CustodySigner({})", self.label)
    }
}

/// Where a custody's randomness comes from.
pub(crate) type Source = Box<dyn Entropy + Send>;
