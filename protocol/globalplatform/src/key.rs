//! Keys as they travel and as cards tell of them: types, key information, key blocks.
//!
//! What is here: the key information template (GP 2.3.1 §11.3.3.1), the key data field of PUT
//! KEY (§11.8.2.3), and [`KeyMaterial`], a key that can be used. Where keys are kept is the
//! card's.

use alloc::boxed::Box;
use alloc::vec::Vec;

use tongtu_apdu::tlv::{self, Tag};
use tongtu_crypto::{
    PublicKey, RsaPublicKey, RsaSecretKey, SecretKey, TdesKey, WideCipher, WideKey,
};
use zeroize::Zeroizing;

use crate::scp::Dek;

/// Bytes of a key component's type (GP 2.3.1 table 11-16).
pub mod kind {
    /// 3DES.
    pub const TDES: u8 = 0x80;
    /// AES.
    pub const AES: u8 = 0x88;
    /// SM4. UNSPECIFIED: from the range reserved for symmetric algorithms.
    pub const SM4: u8 = 0x8F;
    /// Public exponent of RSA.
    pub const RSA_EXPONENT: u8 = 0xA0;
    /// Modulus of RSA.
    pub const RSA_MODULUS: u8 = 0xA1;
    /// First prime of RSA.
    pub const RSA_P: u8 = 0xA4;
    /// Second prime of RSA.
    pub const RSA_Q: u8 = 0xA5;
    /// Public point of a curve, 04 || X || Y.
    pub const ECC_PUBLIC: u8 = 0xB0;
    /// Private scalar of a curve.
    pub const ECC_SECRET: u8 = 0xB1;
    /// Reference of a curve's parameters.
    pub const ECC_CURVE: u8 = 0xF0;
    /// The next byte is the type, lengths have two bytes.
    pub const EXTENDED: u8 = 0xFF;
}

/// The SM2 curve as [`kind::ECC_CURVE`] names it.
///
/// UNSPECIFIED: the specification numbers foreign curves only; this is from its free range.
pub const CURVE_SM2: u8 = 0x40;

const TEMPLATE: Tag = Tag::new(0xC0);

/// What a card tells of one key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyInfo {
    /// Key identifier, 1 to 7F.
    pub id: u8,
    /// Key version number.
    pub version: u8,
    /// Type and length of each component.
    pub components: Vec<(u8, u16)>,
}

/// The value of tag E0 for these keys; the extended form only for lengths beyond a byte.
#[must_use]
pub fn write_key_information(keys: &[KeyInfo]) -> Vec<u8> {
    let mut out = Vec::new();
    for key in keys {
        let short = key.components.iter().all(|(_, len)| *len < 256);
        let mut value = alloc::vec![key.id, key.version];
        for (kind, len) in &key.components {
            let [high, low] = len.to_be_bytes();
            if short {
                value.extend([*kind, low]);
            } else {
                value.extend([kind::EXTENDED, *kind, high, low]);
            }
        }
        if !short {
            // Usage and access: any (GP 2.3.1 tables 11-17 and 11-18, no restriction given).
            value.extend([0, 0]);
        }
        tlv::write(TEMPLATE, &value, &mut out);
    }
    out
}

/// Reads the value of tag E0; entries that are not formed so are left out, as careless cards
/// have them.
#[must_use]
pub fn read_key_information(value: &[u8]) -> Vec<KeyInfo> {
    tlv::objects(value)
        .map_while(Result::ok)
        .filter(|object| object.tag == TEMPLATE)
        .filter_map(|object| read_entry(object.value))
        .collect()
}

fn read_entry(value: &[u8]) -> Option<KeyInfo> {
    let [id, version, rest @ ..] = value else {
        return None;
    };
    let mut rest = rest;
    let mut components = Vec::new();
    loop {
        match *rest {
            [kind::EXTENDED, kind, high, low, ref more @ ..] => {
                components.push((kind, u16::from_be_bytes([high, low])));
                rest = more;
                // Usage and access follow the last component of the extended form.
                if !matches!(rest, [kind::EXTENDED, ..]) {
                    break;
                }
            }
            [kind, len, ref more @ ..] => {
                components.push((kind, u16::from(len)));
                rest = more;
            }
            _ => break,
        }
    }
    Some(KeyInfo {
        id: *id,
        version: *version,
        components,
    })
}

/// One component of a key block, as it travels.
#[derive(Clone, PartialEq, Eq)]
pub struct Component {
    /// Its type, see [`kind`].
    pub kind: u8,
    /// Its value; secret ones are enciphered.
    pub value: Vec<u8>,
}

impl core::fmt::Debug for Component {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "Component({:02X}, {} bytes)",
            self.kind,
            self.value.len()
        )
    }
}

/// One key of PUT KEY's data field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyBlock {
    /// The components, as they travel.
    pub components: Vec<Component>,
    /// Check value, empty or three bytes.
    pub kcv: Vec<u8>,
    /// Usage and access qualifiers of the extended form.
    pub qualifiers: Option<(Vec<u8>, Vec<u8>)>,
}

/// What is wrong with a key block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Components that make no key that is known here.
    #[error("components are no key of 3DES, AES, SM4, RSA or SM2")]
    Components,
    /// A value that could not be deciphered to the length that it says.
    #[error("a component's ciphered value does not fit its length")]
    Ciphered,
    /// The check value is another's.
    #[error("the key check value is wrong")]
    CheckValue,
}

/// A key that can be used. Zeroized when dropped; `Debug` shows check values only.
#[derive(Debug)]
pub enum KeyMaterial {
    /// Two-key 3DES.
    Tdes(TdesKey),
    /// AES or SM4.
    Wide(WideKey),
    /// RSA, verifying.
    RsaPublic(RsaPublicKey),
    /// RSA, signing.
    RsaSecret(Box<RsaSecretKey>),
    /// SM2, verifying.
    Sm2Public(PublicKey),
    /// SM2, signing.
    Sm2Secret(SecretKey),
}

impl KeyMaterial {
    /// The components in clear.
    #[must_use]
    pub fn components(&self) -> Zeroizing<Vec<(u8, Vec<u8>)>> {
        let sec1 = |key: &PublicKey| [&[4][..], &key.to_xy()].concat();
        Zeroizing::new(match self {
            Self::Tdes(key) => alloc::vec![(kind::TDES, key.danger_bytes().to_vec())],
            Self::Wide(key) => {
                let kind = match key.cipher() {
                    WideCipher::Sm4 => kind::SM4,
                    _ => kind::AES,
                };
                alloc::vec![(kind, key.danger_bytes().to_vec())]
            }
            Self::RsaPublic(key) => alloc::vec![
                (kind::RSA_MODULUS, key.modulus()),
                (kind::RSA_EXPONENT, key.exponent()),
            ],
            Self::RsaSecret(key) => {
                let [p, q] = key.danger_primes();
                alloc::vec![
                    (kind::RSA_P, p.to_vec()),
                    (kind::RSA_Q, q.to_vec()),
                    (kind::RSA_EXPONENT, key.public().exponent()),
                ]
            }
            Self::Sm2Public(key) => alloc::vec![
                (kind::ECC_PUBLIC, sec1(key)),
                (kind::ECC_CURVE, alloc::vec![CURVE_SM2]),
            ],
            Self::Sm2Secret(key) => alloc::vec![
                (kind::ECC_SECRET, key.danger_to_bytes().to_vec()),
                (kind::ECC_CURVE, alloc::vec![CURVE_SM2]),
            ],
        })
    }

    /// Makes the key of clear components.
    ///
    /// # Errors
    /// [`KeyError::Components`] when they make none.
    pub fn from_components(components: &[(u8, Vec<u8>)]) -> Result<Self, KeyError> {
        let wide = |cipher, bytes: &[u8]| WideKey::new(cipher, bytes).map(Self::Wide).ok();
        let key = match components {
            [(kind::TDES, bytes)] => <[u8; 16]>::try_from(&bytes[..])
                .ok()
                .map(|bytes| Self::Tdes(TdesKey::new(bytes))),
            [(kind::AES, bytes)] => {
                WideCipher::aes(bytes.len()).and_then(|cipher| wide(cipher, bytes))
            }
            [(kind::SM4, bytes)] => wide(WideCipher::Sm4, bytes),
            [(kind::RSA_MODULUS, n), (kind::RSA_EXPONENT, e)]
            | [(kind::RSA_EXPONENT, e), (kind::RSA_MODULUS, n)] => {
                RsaPublicKey::new(n, e).map(Self::RsaPublic).ok()
            }
            [(kind::RSA_P, p), (kind::RSA_Q, q), (kind::RSA_EXPONENT, e)] => {
                RsaSecretKey::from_primes(p, q, e)
                    .map(|key| Self::RsaSecret(Box::new(key)))
                    .ok()
            }
            [(kind::ECC_PUBLIC, point), (kind::ECC_CURVE, curve)] if curve == &[CURVE_SM2] => point
                .strip_prefix(&[4])
                .and_then(|xy| <[u8; 64]>::try_from(xy).ok())
                .and_then(|xy| PublicKey::from_xy(&xy).map(Self::Sm2Public).ok()),
            [(kind::ECC_SECRET, scalar), (kind::ECC_CURVE, curve)] if curve == &[CURVE_SM2] => {
                <[u8; 32]>::try_from(&scalar[..])
                    .ok()
                    .map(Zeroizing::new)
                    .and_then(|bytes| SecretKey::from_bytes(&bytes).map(Self::Sm2Secret).ok())
            }
            _ => None,
        };
        key.ok_or(KeyError::Components)
    }

    /// The check value; keys of two halves have none.
    #[must_use]
    pub fn kcv(&self) -> Option<[u8; 3]> {
        match self {
            Self::Tdes(key) => Some(key.kcv()),
            Self::Wide(key) => Some(key.kcv()),
            _ => None,
        }
    }

    /// What a card tells of the key.
    #[must_use]
    pub fn info(&self, id: u8, version: u8) -> KeyInfo {
        KeyInfo {
            id,
            version,
            components: self
                .components()
                .iter()
                .map(|(kind, value)| (*kind, u16::try_from(value.len()).unwrap_or(u16::MAX)))
                .collect(),
        }
    }

    /// The key as PUT KEY carries it, secrets under `dek`.
    #[must_use]
    pub fn to_block(&self, dek: &Dek) -> KeyBlock {
        KeyBlock {
            components: self
                .components()
                .iter()
                .map(|(kind, value)| Component {
                    kind: *kind,
                    value: if is_secret(*kind) {
                        encipher(*kind, value, dek)
                    } else {
                        value.clone()
                    },
                })
                .collect(),
            kcv: self.kcv().map(|kcv| kcv.to_vec()).unwrap_or_default(),
            qualifiers: None,
        }
    }

    /// Reads a key out of a block, secrets under `dek`, and compares its check value.
    ///
    /// # Errors
    /// [`KeyError`] when it is none or its check value is another's. A symmetric key without
    /// one is taken: the field may be empty.
    pub fn from_block(block: &KeyBlock, dek: &Dek) -> Result<Self, KeyError> {
        let mut clear = Zeroizing::new(Vec::new());
        for component in &block.components {
            let value = if is_secret(component.kind) {
                decipher(&component.value, dek)?
            } else {
                component.value.clone()
            };
            clear.push((component.kind, value));
        }
        let key = Self::from_components(&clear)?;
        match key.kcv() {
            Some(kcv) if !block.kcv.is_empty() && block.kcv != kcv => Err(KeyError::CheckValue),
            None if !block.kcv.is_empty() => Err(KeyError::CheckValue),
            _ => Ok(key),
        }
    }
}

/// Whether a component travels enciphered.
#[must_use]
pub const fn is_secret(kind: u8) -> bool {
    !matches!(
        kind,
        kind::RSA_EXPONENT | kind::RSA_MODULUS | kind::ECC_PUBLIC | kind::ECC_CURVE
    )
}

/// AES and SM4 keys, and what is not whole blocks, begin with their clear length.
fn encipher(kind: u8, clear: &[u8], dek: &Dek) -> Vec<u8> {
    let mut out = Vec::new();
    if matches!(kind, kind::AES | kind::SM4) || !clear.len().is_multiple_of(dek.block_len()) {
        tlv::write_length(clear.len(), &mut out);
    }
    out.extend(dek.encrypt(clear));
    out
}

fn decipher(value: &[u8], dek: &Dek) -> Result<Vec<u8>, KeyError> {
    let block = dek.block_len();
    if value.len().is_multiple_of(block) {
        let clear = dek.decrypt(value).ok_or(KeyError::Ciphered)?;
        return Ok(clear.to_vec());
    }
    let (len, rest) = tlv::read_length(value).map_err(|_| KeyError::Ciphered)?;
    if rest.len() != len.next_multiple_of(block) {
        return Err(KeyError::Ciphered);
    }
    let clear = dek.decrypt(rest).ok_or(KeyError::Ciphered)?;
    clear
        .get(..len)
        .map(<[u8]>::to_vec)
        .ok_or(KeyError::Ciphered)
}
