//! How a key is sealed: under which bytes, bound to which.
//!
//! One sealing for records at rest and for containers: SM4-CBC, then HMAC-SM3 over everything,
//! name and attributes included. Form: ours.

use tongtu_codec::{Be, Cn, Raw, record};
use tongtu_crypto::{Entropy, WideCipher, WideKey, equal, sm3};
use tongtu_keyring::code::{KeyAlgorithm, Purpose, Ring};
use tongtu_keyring::{Check, Slot};
use tongtu_types::CityCode;
use zeroize::Zeroizing;

use crate::error::{CustodyError, Place};
use crate::material::Material;
use crate::name::{Export, Kept, KeyInfo, KeyName, Label, Mark};

/// Bytes of an initial vector.
pub(crate) const IV_LEN: usize = 16;
/// Bytes of a tag.
pub(crate) const TAG_LEN: usize = 32;
/// The longest public half or sealed key: RSA of 4096 bits and its padding.
pub(crate) const PART_MAX: usize = 1024;

/// First bytes of a container.
const MAGIC: [u8; 4] = *b"TTKC";
/// The version of its form.
const VERSION: u8 = 1;

record! {
    /// Label and attributes of a sealed key, in a store and in a container.
    ///
    /// UNSPECIFIED: no text that we could read gives a form for keys at rest or on their way; all
    /// of it is ours.
    pub struct KeyHead: 71 {
        [0..24] label: Label as Kept, Ours, "label", "密钥标签";
        [24..26] city: CityCode as Cn, Ours, "city", "城市代码";
        [26..27] purpose: Purpose as Ring, Ours, "what for", "用途";
        [27..28] algorithm: KeyAlgorithm as Ring, Ours, "algorithm", "算法";
        [28..30] bits: u16 as Be, Ours, "length in bits", "密钥长度";
        [30..31] index: u8 as Be, Ours, "key index", "密钥索引";
        [31..32] key_version: u8 as Be, Ours, "key version, from 1", "密钥版本号";
        [32..33] mark: Mark as Kept, Ours, "01 test, 02 production", "测试标志";
        [33..34] export: Export as Kept, Ours,
            "00 stays, 01 only what is derived, 02 may leave", "导出规则";
        [34..67] check: Check as Ring, Ours,
            "01 and the check value of three bytes, or 02 and SM3 of the public key", "密钥校验值";
        [67..69] public_len: u16 as Be, Ours, "bytes of the public half, 0 for none", "公钥长度";
        [69..71] sealed_len: u16 as Be, Ours,
            "bytes of the sealed key, 0 for a key on a token", "密文长度";
    }
}

record! {
    /// Head of a container in which one key travels. KeyHead, the public half, the sealed key and
    /// HMAC-SM3 over all of it follow.
    pub struct ContainerHead: 54 {
        [0..4] magic: [u8; 4] as Raw, Ours, "TTKC", "标识";
        [4..5] version: u8 as Be, Ours, "form, 01", "版本";
        [5..38] transport: Check as Ring, Ours, "check value of the transport key", "传输密钥校验值";
        [38..54] nonce: [u8; 16] as Raw, Ours, "random: separates the keys, and is the IV", "随机数";
    }
}

/// A key as it lies in a store or a container.
#[derive(Clone)]
pub(crate) struct Sealed {
    pub(crate) info: KeyInfo,
    /// Of the cipher; for a key on a token, the number by which the token knows it.
    pub(crate) iv: [u8; IV_LEN],
    pub(crate) public: Vec<u8>,
    /// Empty for a key on a token.
    pub(crate) sealed: Vec<u8>,
}

impl Sealed {
    pub(crate) fn head(&self) -> KeyHead {
        let name = self.info.name;
        let len = |part: &[u8]| u16::try_from(part.len()).expect("parts are at most 1024 bytes");
        KeyHead {
            label: name.label,
            city: name.slot.city,
            purpose: name.slot.purpose,
            algorithm: name.slot.algorithm,
            bits: name.bits,
            index: name.index,
            key_version: name.version,
            mark: name.mark,
            export: name.export,
            check: self.info.check,
            public_len: len(&self.public),
            sealed_len: len(&self.sealed),
        }
    }

    /// Opens the key. What was authentic and is no key was made by a broken program.
    pub(crate) fn open(&self, keys: &SealKeys) -> Result<Material, CustodyError> {
        let name = self.info.name;
        let bytes = keys
            .decipher(&self.iv, &self.sealed)
            .ok_or(CustodyError::NotAKey {
                label: name.label,
                algorithm: name.slot.algorithm,
            })?;
        Material::new(&name, bytes)
    }
}

impl KeyHead {
    pub(crate) fn info(&self) -> KeyInfo {
        KeyInfo {
            name: KeyName {
                label: self.label,
                slot: Slot {
                    city: self.city,
                    purpose: self.purpose,
                    algorithm: self.algorithm,
                },
                bits: self.bits,
                index: self.index,
                version: self.key_version,
                mark: self.mark,
                export: self.export,
            },
            check: self.check,
        }
    }
}

/// The two keys of a sealing.
pub(crate) struct SealKeys {
    cipher: WideKey,
    mac: Zeroizing<[u8; 32]>,
}

impl SealKeys {
    /// From a secret, for one use.
    pub(crate) fn of(secret: &[u8], context: &[u8]) -> Self {
        let key = |word: &[u8]| {
            let mut message = word.to_vec();
            message.extend(context);
            Zeroizing::new(sm3::hmac(secret, &message))
        };
        let cipher = WideKey::new(WideCipher::Sm4, &key(b"TTKS cipher")[..16]);
        Self {
            cipher: cipher.expect("SM4 has 16 bytes"),
            mac: key(b"TTKS mac"),
        }
    }

    pub(crate) fn tag(&self, message: &[u8]) -> [u8; TAG_LEN] {
        sm3::hmac(&self.mac[..], message)
    }

    pub(crate) fn verify(&self, message: &[u8], tag: &[u8]) -> bool {
        equal(&self.tag(message), tag)
    }

    /// Enciphers what is padded to whole blocks (`80 00…`).
    fn encipher(&self, iv: &[u8; IV_LEN], plain: &[u8]) -> Vec<u8> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(plain.len() + 16));
        bytes.extend_from_slice(plain);
        bytes.push(0x80);
        while !bytes.len().is_multiple_of(16) {
            bytes.push(0);
        }
        self.cipher
            .encrypt_cbc(iv, &mut bytes)
            .expect("padded to whole blocks");
        // Enciphered, it is no secret any more.
        bytes.to_vec()
    }

    fn decipher(&self, iv: &[u8; IV_LEN], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let mut bytes = Zeroizing::new(sealed.to_vec());
        self.cipher.decrypt_cbc(iv, &mut bytes).ok()?;
        let end = bytes.iter().rposition(|byte| *byte != 0)?;
        if bytes[end] != 0x80 {
            return None;
        }
        bytes.truncate(end);
        Some(bytes)
    }

    /// Deciphers or enciphers a store's own secret, two whole blocks, without padding.
    pub(crate) fn secret(&self, iv: &[u8; IV_LEN], data: &mut [u8; 32], is_encipher: bool) {
        let done = if is_encipher {
            self.cipher.encrypt_cbc(iv, data)
        } else {
            self.cipher.decrypt_cbc(iv, data)
        };
        done.expect("two whole blocks");
    }

    /// Seals a key under its name.
    pub(crate) fn seal(
        &self,
        name: &KeyName,
        material: &Material,
        iv: [u8; IV_LEN],
    ) -> Result<Sealed, CustodyError> {
        Ok(Sealed {
            info: KeyInfo {
                name: *name,
                check: material.check()?,
            },
            iv,
            public: material.public_bytes()?,
            sealed: self.encipher(&iv, material.danger_bytes()),
        })
    }
}

/// Puts a key into a container under a transport key.
pub(crate) fn pack(
    name: &KeyName,
    key: &Material,
    transport: &Material,
    entropy: &mut dyn Entropy,
) -> Result<Vec<u8>, CustodyError> {
    let mut nonce = [0; IV_LEN];
    entropy.fill(&mut nonce);
    let head = ContainerHead {
        magic: MAGIC,
        version: VERSION,
        transport: transport.check()?,
        nonce,
    };
    let keys = SealKeys::of(transport.danger_bytes(), &nonce);
    let sealed = keys.seal(name, key, nonce)?;
    let mut bytes = head.encode()?;
    bytes.extend(sealed.head().encode()?);
    bytes.extend(&sealed.public);
    bytes.extend(&sealed.sealed);
    let tag = keys.tag(&bytes);
    bytes.extend(tag);
    Ok(bytes)
}

/// Takes a key out of a container; nothing of it is believed before the tag holds.
pub(crate) fn unpack(
    container: &[u8],
    by: Label,
    transport: &Material,
) -> Result<(KeyInfo, Material), CustodyError> {
    let fault = |place| CustodyError::Container { label: by, place };
    let (head, _) = container
        .split_at_checked(ContainerHead::LEN)
        .ok_or(fault(Place::Head))?;
    let head = ContainerHead::decode(head).map_err(|_| fault(Place::Head))?;
    if head.magic != MAGIC || head.version != VERSION || head.transport != transport.check()? {
        return Err(fault(Place::Head));
    }
    let keys = SealKeys::of(transport.danger_bytes(), &head.nonce);
    let (body, tag) = container
        .split_last_chunk::<TAG_LEN>()
        .ok_or(fault(Place::End))?;
    if !keys.verify(body, tag) {
        return Err(fault(Place::Record(0)));
    }
    let rest = body
        .get(ContainerHead::LEN..)
        .ok_or(fault(Place::Record(0)))?;
    let (sealed, used) = read(rest, head.nonce).ok_or(fault(Place::Record(0)))?;
    if used != rest.len() {
        return Err(fault(Place::End));
    }
    let material = sealed.open(&keys)?;
    same(sealed.info.name.label, material.check()?, sealed.info.check)?;
    Ok((sealed.info, material))
}

/// Reads head, public half and sealed key; also how many bytes they are.
pub(crate) fn read(bytes: &[u8], iv: [u8; IV_LEN]) -> Option<(Sealed, usize)> {
    let (head, rest) = bytes.split_at_checked(KeyHead::LEN)?;
    let head = KeyHead::decode(head).ok()?;
    let (public_len, sealed_len) = (usize::from(head.public_len), usize::from(head.sealed_len));
    if public_len > PART_MAX || sealed_len > PART_MAX {
        return None;
    }
    let (public, rest) = rest.split_at_checked(public_len)?;
    let (sealed, _) = rest.split_at_checked(sealed_len)?;
    let read = Sealed {
        info: head.info(),
        iv,
        public: public.to_vec(),
        sealed: sealed.to_vec(),
    };
    Some((read, KeyHead::LEN + public_len + sealed_len))
}

/// Whether a key is the one that was announced.
pub(crate) fn same(label: Label, found: Check, expected: Check) -> Result<(), CustodyError> {
    if found == expected {
        Ok(())
    } else {
        Err(CustodyError::Check {
            label,
            found,
            expected,
        })
    }
}
