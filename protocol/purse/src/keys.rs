//! The keys of one card, in the two sets that stand side by side: 3DES and SM4.

use alloc::vec::Vec;
use core::fmt;

use subtle::ConstantTimeEq as _;
use tongtu_crypto::{Algorithm, BlockKey, diversify};
use zeroize::Zeroizing;

use crate::field::{Institution, Serial};

/// What a key of the card is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyUse {
    /// DPK (消费密钥): purchases; four versions.
    Purchase,
    /// DLK (圈存密钥): loads; two versions.
    Load,
    /// DULK (圈提密钥): unloads; two versions.
    Unload,
    /// DUK (透支限额修改密钥): change of the overdraft limit, of which the purse makes no use.
    Overdraft,
    /// DTK (TAC 密钥): transaction proofs.
    Tac,
    /// DAMK (应用维护密钥): secure messaging.
    Maintenance,
    /// DRPK (重装密码密钥): RELOAD PIN.
    ReloadPin,
    /// DPUK (解锁密码密钥): PIN UNBLOCK.
    UnblockPin,
    /// DACK (外部认证密钥): EXTERNAL AUTHENTICATE.
    External,
    /// DIACK (内部认证密钥): INTERNAL AUTHENTICATE.
    Internal,
    /// The key of terminals that update composite records without a purchase (快速更新), id 06.
    QuickUpdate,
}

/// The order of the 15 keys in a key group, each with its version counted from 1.
///
/// UNSPECIFIED: personalisation data seen have 15 keys of 16 bytes with 3 bytes of check value
/// each, and say nothing of their order. This order is ours.
pub const KEY_ORDER: [(KeyUse, u8); 15] = [
    (KeyUse::Purchase, 1),
    (KeyUse::Purchase, 2),
    (KeyUse::Purchase, 3),
    (KeyUse::Purchase, 4),
    (KeyUse::Load, 1),
    (KeyUse::Load, 2),
    (KeyUse::Unload, 1),
    (KeyUse::Unload, 2),
    (KeyUse::Tac, 1),
    (KeyUse::Overdraft, 1),
    (KeyUse::Maintenance, 1),
    (KeyUse::ReloadPin, 1),
    (KeyUse::UnblockPin, 1),
    (KeyUse::External, 1),
    (KeyUse::Internal, 1),
];

/// Bytes of a key group: 15 keys with their check values.
pub const KEY_GROUP_LEN: usize = KEY_ORDER.len() * KEY_ENTRY_LEN;

/// Bytes of one key with its check value.
pub const KEY_ENTRY_LEN: usize = 19;

/// Why bytes are not keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyGroupError {
    /// Another length.
    #[error("key group has {found} bytes, expected {expected}")]
    Length {
        /// Bytes there.
        found: usize,
        /// Bytes expected.
        expected: usize,
    },
    /// A check value that is not that of its key.
    #[error("key group: the check value of key {at} is not that of its key")]
    CheckValue {
        /// Position of the key, from 1.
        at: usize,
    },
}

/// The 16 bytes of a key, zeroized when dropped.
pub type KeyBytes = Zeroizing<[u8; 16]>;

/// One set of keys of a card, of one algorithm.
///
/// `Debug` shows check values only.
#[derive(Clone)]
pub struct KeySet {
    algorithm: Algorithm,
    keys: [Option<KeyBytes>; 15],
    quick: Option<KeyBytes>,
}

impl KeySet {
    /// A set without keys.
    #[must_use]
    pub fn new(algorithm: Algorithm) -> Self {
        Self {
            algorithm,
            keys: Default::default(),
            quick: None,
        }
    }

    /// The keys of one card out of master keys: by issuer, then by application serial.
    ///
    /// The order of levels is that of [`crate::proof::card_key`].
    #[must_use]
    pub fn of_card(masters: &Self, issuer: Institution, serial: Serial) -> Self {
        let factors = [issuer.0, serial.factor()];
        let derive = |master: &KeyBytes| {
            diversify::bytes(&BlockKey::new(masters.algorithm, **master), &factors)
        };
        Self {
            algorithm: masters.algorithm,
            keys: masters.keys.each_ref().map(|key| key.as_ref().map(derive)),
            quick: masters.quick.as_ref().map(derive),
        }
    }

    /// The set's algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The same set with a key put in; a version that the set has no place for changes nothing.
    #[must_use]
    pub fn with(mut self, purpose: KeyUse, version: u8, key: [u8; 16]) -> Self {
        let key = Some(Zeroizing::new(key));
        if purpose == KeyUse::QuickUpdate {
            self.quick = key;
        } else if let Some(slot) = KEY_ORDER
            .iter()
            .position(|place| *place == (purpose, version))
            .and_then(|at| self.keys.get_mut(at))
        {
            *slot = key;
        }
        self
    }

    /// A key, if the set has it; version counted from 1.
    #[must_use]
    pub fn key(&self, purpose: KeyUse, version: u8) -> Option<BlockKey> {
        let key = if purpose == KeyUse::QuickUpdate {
            self.quick.as_ref()
        } else {
            let at = KEY_ORDER
                .iter()
                .position(|place| *place == (purpose, version))?;
            self.keys.get(at)?.as_ref()
        };
        key.map(|key| BlockKey::new(self.algorithm, **key))
    }

    /// The 15 keys as a personalisation group carries them; a key that is not there is all zero.
    #[must_use]
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(KEY_GROUP_LEN));
        for key in &self.keys {
            put(self.algorithm, key.as_ref(), &mut out);
        }
        out
    }

    /// The one further key, in the same form.
    #[must_use]
    pub fn encode_quick(&self) -> Option<Zeroizing<Vec<u8>>> {
        let key = self.quick.as_ref()?;
        let mut out = Zeroizing::new(Vec::with_capacity(KEY_ENTRY_LEN));
        put(self.algorithm, Some(key), &mut out);
        Some(out)
    }

    /// Reads the 15 keys and checks them.
    ///
    /// # Errors
    /// [`KeyGroupError`] for another length or a wrong check value.
    pub fn decode(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, KeyGroupError> {
        length(bytes, KEY_GROUP_LEN)?;
        let mut set = Self::new(algorithm);
        for (at, (entry, slot)) in bytes
            .chunks(KEY_ENTRY_LEN)
            .zip(set.keys.iter_mut())
            .enumerate()
        {
            *slot = take(algorithm, entry, at + 1)?;
        }
        Ok(set)
    }

    /// Takes the one further key.
    ///
    /// # Errors
    /// [`KeyGroupError`] for another length or a wrong check value.
    pub fn decode_quick(&mut self, bytes: &[u8]) -> Result<(), KeyGroupError> {
        length(bytes, KEY_ENTRY_LEN)?;
        self.quick = take(self.algorithm, bytes, 1)?;
        Ok(())
    }
}

/// One key out of a group's bytes, its check value taken on trust: what a card does at every
/// transaction with keys that it checked when it was personalised.
#[must_use]
pub fn key_in(
    algorithm: Algorithm,
    group: &[u8],
    purpose: KeyUse,
    version: u8,
) -> Option<BlockKey> {
    let at = KEY_ORDER
        .iter()
        .position(|place| *place == (purpose, version))?;
    let entry = group.get(at * KEY_ENTRY_LEN..)?.get(..KEY_ENTRY_LEN)?;
    let key = entry.first_chunk::<16>()?;
    (!entry.iter().all(|b| *b == 0)).then(|| BlockKey::new(algorithm, *key))
}

fn length(bytes: &[u8], expected: usize) -> Result<(), KeyGroupError> {
    let found = bytes.len();
    if found == expected {
        Ok(())
    } else {
        Err(KeyGroupError::Length { found, expected })
    }
}

fn put(algorithm: Algorithm, key: Option<&KeyBytes>, out: &mut Vec<u8>) {
    match key {
        Some(key) => {
            out.extend(&key[..]);
            out.extend(BlockKey::new(algorithm, **key).kcv());
        }
        None => out.extend([0; KEY_ENTRY_LEN]),
    }
}

fn take(algorithm: Algorithm, entry: &[u8], at: usize) -> Result<Option<KeyBytes>, KeyGroupError> {
    let wrong = KeyGroupError::CheckValue { at };
    if entry.iter().all(|b| *b == 0) {
        return Ok(None);
    }
    let (key, check) = entry.split_first_chunk::<16>().ok_or(wrong)?;
    let right = BlockKey::new(algorithm, *key).kcv();
    if bool::from(right.ct_eq(check)) {
        Ok(Some(Zeroizing::new(*key)))
    } else {
        Err(wrong)
    }
}

impl PartialEq for KeySet {
    fn eq(&self, other: &Self) -> bool {
        self.algorithm == other.algorithm
            && bool::from(self.encode().ct_eq(&other.encode()))
            && self.encode_quick() == other.encode_quick()
    }
}

impl Eq for KeySet {}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for (key, (purpose, version)) in self.keys.iter().zip(KEY_ORDER) {
            if let Some(key) = key {
                let key = BlockKey::new(self.algorithm, **key);
                map.entry(&(purpose, version), &key);
            }
        }
        map.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(algorithm: Algorithm) -> KeySet {
        KeySet::new(algorithm)
            .with(KeyUse::Purchase, 1, [0x11; 16])
            .with(KeyUse::Internal, 1, [0x22; 16])
            .with(KeyUse::QuickUpdate, 1, [0x33; 16])
    }

    #[test]
    fn a_group_has_285_bytes_and_is_read_back() {
        for algorithm in [Algorithm::Tdes, Algorithm::Sm4] {
            let group = set(algorithm).encode();
            assert_eq!(group.len(), 285);
            let mut back = KeySet::decode(algorithm, &group).expect("our own bytes");
            let quick = set(algorithm).encode_quick().expect("it is there");
            back.decode_quick(&quick).expect("our own bytes");
            assert_eq!(back, set(algorithm));
            assert!(back.key(KeyUse::Purchase, 2).is_none());
        }
    }

    #[test]
    fn a_wrong_check_value_or_length_is_refused() {
        let mut group = set(Algorithm::Tdes).encode();
        group[18] ^= 1;
        assert_eq!(
            KeySet::decode(Algorithm::Tdes, &group),
            Err(KeyGroupError::CheckValue { at: 1 })
        );
        assert!(
            KeySet::decode(Algorithm::Sm4, &set(Algorithm::Tdes).encode()).is_err(),
            "the other algorithm has other check values"
        );
        assert_eq!(
            KeySet::decode(Algorithm::Tdes, &group[1..]),
            Err(KeyGroupError::Length {
                found: 284,
                expected: 285
            })
        );
    }

    /// The derived vectors of a whole chain: one master key, issuer and card level.
    #[test]
    fn a_cards_keys_come_from_master_keys_by_issuer_and_serial() {
        let array = |hex: &str| -> [u8; 16] {
            let bytes = tongtu_codec::hex_decode(hex).expect("hex");
            bytes.try_into().expect("16 bytes")
        };
        let issuer = Institution([0x02, 0x90, 0x58, 0x10, 0xFF, 0xFF, 0xFF, 0xFF]);
        let serial = Serial([0x03, 0x10, 0x48, 0x99, 0x99, 0x99, 0x00, 0x00, 0x00, 0x17]);
        for (algorithm, dpk, dtk) in [
            (
                Algorithm::Tdes,
                "7AA9701C2395A107D6EA4A86C1D4A6B1",
                "77A76BDBFCF325193B86C0062850EB31",
            ),
            (
                Algorithm::Sm4,
                "D9781978F1023715FC2E640D0A45826B",
                "A6E2DADF0165850D50FE6D78BD20F1C3",
            ),
        ] {
            let masters = KeySet::new(algorithm)
                .with(
                    KeyUse::Purchase,
                    1,
                    array("32D464AC81F1640A687D023BF99E35DF"),
                )
                .with(KeyUse::Tac, 1, array("0F1E2D3C4B5A69788796A5B4C3D2E1F0"));
            let card = KeySet::new(algorithm)
                .with(KeyUse::Purchase, 1, array(dpk))
                .with(KeyUse::Tac, 1, array(dtk));
            assert_eq!(KeySet::of_card(&masters, issuer, serial), card);
        }
    }

    #[test]
    fn debug_shows_no_key() {
        let shown = alloc::format!("{:?}", set(Algorithm::Tdes));
        assert!(shown.contains("kcv") && !shown.contains("1111"), "{shown}");
    }
}
