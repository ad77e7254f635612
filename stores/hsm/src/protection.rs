//! What opens a store: a passphrase, a key file, or a key on a token.
//!
//! The store has a secret of its own, random and sealed in its head. What is here gives the key
//! that opens that seal, so a passphrase can be changed without touching any record.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
#[cfg(feature = "pkcs11")]
use std::sync::Arc;

use argon2::Argon2;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::error::CustodyError;
use crate::file::{StoreHead, io_error};
use crate::name::Mark;
use crate::seal::SealKeys;
#[cfg(feature = "pkcs11")]
use crate::token::Token;

/// The shortest passphrase, in bytes.
const PASSPHRASE_MIN: usize = 12;
/// The shortest key file, in bytes, and the longest.
const KEY_FILE: (usize, usize) = (32, 4096);

/// A passphrase. Zeroized on drop; neither printed nor copied.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Passphrase(String);

impl Passphrase {
    /// Takes a passphrase of 12 bytes or more.
    ///
    /// # Errors
    /// [`CustodyError::ShortSecret`].
    pub fn new(text: String) -> Result<Self, CustodyError> {
        let passphrase = Self(text);
        match passphrase.0.len() {
            PASSPHRASE_MIN.. => Ok(passphrase),
            found => Err(CustodyError::ShortSecret {
                what: "passphrase",
                found,
                expected: PASSPHRASE_MIN,
            }),
        }
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(…)")
    }
}

/// How much work a guess at a passphrase costs: parameters of Argon2id, kept in the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u8,
}

impl Work {
    /// What RFC 9106 §4 recommends where memory is limited: 64 MiB, three passes, four lanes.
    pub const USUAL: Self = Self {
        memory_kib: 64 << 10,
        passes: 3,
        lanes: 4,
    };

    /// Enough for tests, whose passphrases are no secrets.
    pub const FOR_TESTS: Self = Self {
        memory_kib: 64,
        passes: 1,
        lanes: 1,
    };

    /// The least that a store of this mark takes, and what one makes it with.
    #[must_use]
    pub const fn least(mark: Mark) -> Self {
        match mark {
            Mark::Test => Self::FOR_TESTS,
            Mark::Production => Self::USUAL,
        }
    }

    /// A store says how much work opening it is; one that says too much would stop whoever opens
    /// it, and a production store that says too little protects nothing.
    fn admit(self, mark: Mark) -> Result<(), CustodyError> {
        let least = Self::least(mark);
        let is_bounded = (least.memory_kib..=1 << 20).contains(&self.memory_kib)
            && (least.passes..=16).contains(&self.passes)
            && (1..=8).contains(&self.lanes);
        if is_bounded {
            Ok(())
        } else {
            Err(self.refused())
        }
    }

    const fn refused(self) -> CustodyError {
        CustodyError::Work {
            memory_kib: self.memory_kib,
            passes: self.passes,
            lanes: self.lanes,
        }
    }

    fn hash(
        self,
        passphrase: &Passphrase,
        salt: &[u8; 16],
    ) -> Result<Zeroizing<[u8; 32]>, CustodyError> {
        let params = argon2::Params::new(
            self.memory_kib,
            self.passes,
            u32::from(self.lanes),
            Some(32),
        )
        .map_err(|_| self.refused())?;
        let mut out = Zeroizing::new([0; 32]);
        Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params)
            .hash_password_into(passphrase.0.as_bytes(), salt, &mut out[..])
            .map_err(|_| self.refused())?;
        Ok(out)
    }
}

/// What a store is opened with.
#[derive(Debug)]
#[non_exhaustive]
pub enum Protection {
    /// A passphrase; the work is that of a new store, an old one says its own.
    Passphrase(Passphrase, Work),
    /// A file with 32 random bytes or more, kept elsewhere.
    KeyFile(PathBuf),
    /// A wrapping key that never leaves its token. It is asked for each operation.
    #[cfg(feature = "pkcs11")]
    Token(Arc<Token>),
}

/// Opens the seals of an open store.
pub(crate) enum Guard {
    /// Passphrase and key file: kept while the store is open.
    Held(Zeroizing<[u8; 32]>),
    /// The token's key opens the store's secret each time.
    #[cfg(feature = "pkcs11")]
    Token(Arc<Token>, [u8; 16], [u8; 32]),
}

impl Guard {
    /// The keys of the store, for one operation.
    pub(crate) fn keys(&self, salt: &[u8; 16]) -> Result<SealKeys, CustodyError> {
        match self {
            Self::Held(secret) => Ok(SealKeys::of(&secret[..], salt)),
            #[cfg(feature = "pkcs11")]
            Self::Token(token, iv, sealed) => {
                let secret = token.unseal(iv, sealed)?;
                Ok(SealKeys::of(&secret[..], salt))
            }
        }
    }
}

impl Protection {
    /// The byte of the head.
    pub(crate) const fn kind(&self) -> u8 {
        match self {
            Self::Passphrase(..) => 1,
            Self::KeyFile(_) => 2,
            #[cfg(feature = "pkcs11")]
            Self::Token(_) => 3,
        }
    }

    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Passphrase(..) => "passphrase",
            Self::KeyFile(_) => "key file",
            #[cfg(feature = "pkcs11")]
            Self::Token(_) => "token",
        }
    }

    /// The work of a new store.
    pub(crate) fn work(&self, mark: Mark) -> Result<Work, CustodyError> {
        match self {
            Self::Passphrase(_, work) => work.admit(mark).map(|()| *work),
            _ => Ok(Work {
                memory_kib: 0,
                passes: 0,
                lanes: 0,
            }),
        }
    }

    /// Seals a new store's secret into its head.
    pub(crate) fn close(
        &self,
        head: &mut StoreHead,
        secret: Zeroizing<[u8; 32]>,
    ) -> Result<Guard, CustodyError> {
        match self {
            #[cfg(feature = "pkcs11")]
            Self::Token(token) => {
                head.sealed = token.seal(&head.iv, &secret)?;
                Ok(Guard::Token(Arc::clone(token), head.iv, head.sealed))
            }
            _ => {
                let keys = self.opener(head)?;
                let mut sealed = *secret;
                keys.secret(&head.iv, &mut sealed, true);
                head.sealed = sealed;
                Ok(Guard::Held(secret))
            }
        }
    }

    /// Opens an old store's secret. Whether it is the right one shows at the head's tag.
    pub(crate) fn open(&self, head: &StoreHead) -> Result<Guard, CustodyError> {
        match self {
            #[cfg(feature = "pkcs11")]
            Self::Token(token) => Ok(Guard::Token(Arc::clone(token), head.iv, head.sealed)),
            _ => {
                let keys = self.opener(head)?;
                let mut secret = Zeroizing::new(head.sealed);
                keys.secret(&head.iv, &mut secret, false);
                Ok(Guard::Held(secret))
            }
        }
    }

    /// The keys that open the secret in the head.
    fn opener(&self, head: &StoreHead) -> Result<SealKeys, CustodyError> {
        let secret = match self {
            Self::Passphrase(passphrase, _) => {
                let work = Work {
                    memory_kib: head.memory_kib,
                    passes: head.passes,
                    lanes: head.lanes,
                };
                work.admit(head.mark)?;
                work.hash(passphrase, &head.salt)?.to_vec()
            }
            Self::KeyFile(path) => read_key_file(path)?.to_vec(),
            #[cfg(feature = "pkcs11")]
            Self::Token(_) => unreachable!("a token opens the secret itself"),
        };
        Ok(SealKeys::of(&Zeroizing::new(secret), &head.salt))
    }
}

fn read_key_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, CustodyError> {
    let (least, most) = KEY_FILE;
    // Room from the start: a vector that grows leaves its old bytes behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(most + 1));
    File::open(path)
        .map_err(io_error("open", path))?
        .take(u64::try_from(most).expect("4096 fits"))
        .read_to_end(&mut bytes)
        .map_err(io_error("read", path))?;
    if bytes.len() < least {
        return Err(CustodyError::ShortSecret {
            what: "key file",
            found: bytes.len(),
            expected: least,
        });
    }
    Ok(bytes)
}
