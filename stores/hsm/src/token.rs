//! A PKCS#11 token: a session with it, and the wrapping key that it holds for us.
//!
//! Standard PKCS#11 has no numbers for SM2, SM3 and SM4. The wrapping key is AES of 256 bits, or
//! what a vendor's numbers say ([`VendorCipher`]). Keys of our own algorithms are sealed under it,
//! and opened for one operation.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::vendor_defined::VendorDefinedMechanism;
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::{AuthPin, Ulong};
use zeroize::Zeroizing;

use crate::error::CustodyError;

/// A vendor's numbers for a block cipher of 16-byte blocks, such as SM4: all are vendor-defined,
/// 0x80000000 and above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VendorCipher {
    /// `CKK_…`: the type of its keys.
    pub key_type: u64,
    /// `CKM_…_KEY_GEN`.
    pub key_gen: u64,
    /// `CKM_…_CBC`, whose parameter is an IV of 16 bytes.
    pub cbc: u64,
}

/// Where a token is, and what its wrapping key is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenConfig {
    /// The vendor's library.
    pub module: PathBuf,
    /// The token's label.
    pub token: String,
    /// The token's serial number, where it must be this one and no other of the same label.
    pub serial: Option<String>,
    /// The label of the wrapping key on it.
    pub wrapping_key: String,
    /// The wrapping key's cipher where it is not AES.
    pub vendor: Option<VendorCipher>,
}

/// A session with a token, logged in.
pub struct Token {
    session: Mutex<Session>,
    slot: Slot,
    serial: String,
    context: Pkcs11,
    config: TokenConfig,
}

pub(crate) fn token_error(doing: &'static str) -> impl FnOnce(Error) -> CustodyError {
    move |source| CustodyError::Token {
        doing,
        source: Box::new(source),
    }
}

impl Token {
    /// Loads the module, finds the token and logs in.
    ///
    /// # Errors
    /// [`CustodyError`]: no module, no such token, a wrong PIN, or a vendor's mechanism that the
    /// token does not offer.
    pub fn open(config: TokenConfig, pin: &Zeroizing<String>) -> Result<Self, CustodyError> {
        let context = Pkcs11::new(&config.module).map_err(token_error("load its module"))?;
        let begun = context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK));
        match begun {
            // Another session of this process has the same module.
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(error) => return Err(token_error("begin")(error)),
        }
        // Before the PIN is tried: a foreign token would count it as a wrong one.
        let (slot, serial) = find_token(&context, &config)?;
        let session = context
            .open_rw_session(slot)
            .map_err(token_error("open a session"))?;
        let pin = AuthPin::new(pin.as_str().into());
        match session.login(UserType::User, Some(&pin)) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
            Err(error) => return Err(token_error("let us in")(error)),
        }
        let token = Self {
            session: Mutex::new(session),
            slot,
            serial,
            context,
            config,
        };
        let cbc = token.cbc(&[0; 16])?.mechanism_type();
        token.must_offer(cbc, "the wrapping key")?;
        Ok(token)
    }

    /// Which token it is, by what its maker wrote into it.
    #[must_use]
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// Which token is meant, and what its wrapping key is called.
    #[must_use]
    pub const fn config(&self) -> &TokenConfig {
        &self.config
    }

    /// Makes the wrapping key: it never leaves the token, and does nothing but encipher.
    ///
    /// # Errors
    /// [`CustodyError::Token`] when the token refuses; [`CustodyError::TokenAnswer`] when it has a
    /// key of this name.
    pub fn make_wrapping_key(&self) -> Result<(), CustodyError> {
        if !self.find(&self.wrapping_template()?)?.is_empty() {
            return Err(self.answer("no key by the name of the new wrapping key"));
        }
        let mechanism = match self.config.vendor {
            None => Mechanism::AesKeyGen,
            Some(vendor) => vendor_mechanism(vendor.key_gen, None)?,
        };
        self.must_offer(mechanism.mechanism_type(), "making the wrapping key")?;
        let mut template = self.wrapping_template()?;
        template.extend([
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Modifiable(false),
            Attribute::Encrypt(true),
            Attribute::Decrypt(true),
            Attribute::Sign(false),
            Attribute::Verify(false),
            Attribute::Wrap(false),
            Attribute::Unwrap(false),
        ]);
        if self.config.vendor.is_none() {
            template.push(Attribute::ValueLen(Ulong::new(32)));
        }
        self.session()
            .generate_key(&mechanism, &template)
            .map_err(token_error("make the wrapping key"))?;
        Ok(())
    }

    /// The session: a token does one thing after the other.
    pub(crate) fn session(&self) -> MutexGuard<'_, Session> {
        // Whoever panicked meanwhile left a session that the token itself keeps in order.
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enciphers a store's secret.
    pub(crate) fn seal(&self, iv: &[u8; 16], secret: &[u8; 32]) -> Result<[u8; 32], CustodyError> {
        let key = self.wrapping_key()?;
        let sealed = self
            .session()
            .encrypt(&self.cbc(iv)?, key, secret)
            .map_err(token_error("encipher a store's secret"))?;
        <[u8; 32]>::try_from(sealed).map_err(|_| self.answer("two enciphered blocks"))
    }

    /// Deciphers a store's secret, for one operation.
    pub(crate) fn unseal(
        &self,
        iv: &[u8; 16],
        sealed: &[u8; 32],
    ) -> Result<Zeroizing<[u8; 32]>, CustodyError> {
        let key = self.wrapping_key()?;
        let plain = self
            .session()
            .decrypt(&self.cbc(iv)?, key, sealed)
            .map(Zeroizing::new)
            .map_err(token_error("decipher a store's secret"))?;
        let mut secret = Zeroizing::new([0; 32]);
        if plain.len() != secret.len() {
            return Err(self.answer("two deciphered blocks"));
        }
        secret.copy_from_slice(&plain);
        Ok(secret)
    }

    /// The wrapping key, if it is one that cannot be taken from the token.
    fn wrapping_key(&self) -> Result<ObjectHandle, CustodyError> {
        let key = self.only(&self.wrapping_template()?, "one wrapping key")?;
        let found = self
            .session()
            .get_attributes(key, &[AttributeType::Sensitive, AttributeType::Extractable])
            .map_err(token_error("say what its wrapping key is"))?;
        let stays = found.contains(&Attribute::Sensitive(true))
            && found.contains(&Attribute::Extractable(false));
        if stays {
            Ok(key)
        } else {
            Err(self.answer("a wrapping key that is sensitive and not extractable"))
        }
    }

    fn wrapping_template(&self) -> Result<Vec<Attribute>, CustodyError> {
        let key_type = match self.config.vendor {
            None => KeyType::AES,
            Some(vendor) => KeyType::new_vendor_defined(number(vendor.key_type)?)
                .map_err(token_error("take a vendor's key type"))?,
        };
        Ok(vec![
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(key_type),
            Attribute::Label(self.config.wrapping_key.clone().into_bytes()),
        ])
    }

    fn cbc<'a>(&self, iv: &'a [u8; 16]) -> Result<Mechanism<'a>, CustodyError> {
        match self.config.vendor {
            None => Ok(Mechanism::AesCbc(*iv)),
            Some(vendor) => vendor_mechanism(vendor.cbc, Some(iv)),
        }
    }

    /// Whether the token says that it has a mechanism.
    pub(crate) fn must_offer(
        &self,
        mechanism: MechanismType,
        doing: &'static str,
    ) -> Result<(), CustodyError> {
        let offered = self
            .context
            .get_mechanism_list(self.slot)
            .map_err(token_error("list its mechanisms"))?;
        if offered.contains(&mechanism) {
            Ok(())
        } else {
            Err(CustodyError::NotOffered {
                token: self.config.token.clone(),
                mechanism: *mechanism,
                doing,
            })
        }
    }

    pub(crate) fn find(&self, template: &[Attribute]) -> Result<Vec<ObjectHandle>, CustodyError> {
        self.session()
            .find_objects(template)
            .map_err(token_error("look for a key"))
    }

    /// The one object that fits.
    pub(crate) fn only(
        &self,
        template: &[Attribute],
        expected: &'static str,
    ) -> Result<ObjectHandle, CustodyError> {
        match self.find(template)?[..] {
            [key] => Ok(key),
            _ => Err(self.answer(expected)),
        }
    }

    pub(crate) fn answer(&self, expected: &'static str) -> CustodyError {
        CustodyError::TokenAnswer {
            token: self.config.token.clone(),
            expected,
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({:?})", self.config.token)
    }
}

fn find_token(context: &Pkcs11, config: &TokenConfig) -> Result<(Slot, String), CustodyError> {
    let slots = context
        .get_slots_with_token()
        .map_err(token_error("list slots"))?;
    let mut other = None;
    for slot in slots {
        let info = context
            .get_token_info(slot)
            .map_err(token_error("say its name"))?;
        if info.label() != config.token {
            continue;
        }
        let serial = info.serial_number().to_owned();
        match &config.serial {
            Some(expected) if *expected != serial => other = Some((serial, expected)),
            _ => return Ok((slot, serial)),
        }
    }
    let (module, token) = (config.module.display().to_string(), config.token.clone());
    Err(match other {
        Some((found, expected)) => CustodyError::OtherToken {
            token,
            found,
            expected: expected.clone(),
        },
        None => CustodyError::NoToken { module, token },
    })
}

/// `CK_ULONG` is as wide as the machine's words.
fn number(number: u64) -> Result<std::ffi::c_ulong, CustodyError> {
    std::ffi::c_ulong::try_from(number)
        .map_err(|error| token_error("take a vendor's number")(error.into()))
}

fn vendor_mechanism<'a>(
    mechanism: u64,
    iv: Option<&'a [u8; 16]>,
) -> Result<Mechanism<'a>, CustodyError> {
    let kind = MechanismType::new_vendor_defined(number(mechanism)?)
        .map_err(token_error("take a vendor's mechanism"))?;
    Ok(Mechanism::VendorDefined(VendorDefinedMechanism::new(
        kind, iv,
    )))
}
